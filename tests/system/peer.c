/* peer.c -- libmosquitto driven step by step from the test's own thread.
 *
 * Each call runs the library's loop until what it waits for has happened, so nothing happens behind the test's back
 * and no lock is needed. What arrives meanwhile waits in a small ring in its order of arrival. */
#include "tests/system/peer.h"

#include <mosquitto.h>
#include <stdlib.h>
#include <string.h>

enum { HEARD_MAX = 256, KEEP_ALIVE_S = 600, TURN_MS = 50 };

struct heard {
    char *topic, *text;
    int qos;
    bool retained;
};

struct peer {
    struct mosquitto *client;
    bool connected;
    int done; /* the message id last acknowledged: of a SUBSCRIBE or of a PUBLISH */
    struct heard heard[HEARD_MAX];
    size_t first, count;
    bool last_retained;
};

static void when_connected(struct mosquitto *client, void *context, int code)
{
    (void)client;
    struct peer *p = context;
    p->connected = code == 0;
}

static void when_published(struct mosquitto *client, void *context, int message_id)
{
    (void)client;
    struct peer *p = context;
    p->done = message_id;
}

static void when_subscribed(struct mosquitto *client, void *context, int message_id, int count,
                            const int *granted)
{
    (void)count;
    (void)granted;
    when_published(client, context, message_id);
}

static void when_heard(struct mosquitto *client, void *context, const struct mosquitto_message *m)
{
    (void)client;
    struct peer *p = context;
    if (p->count == HEARD_MAX)
        return;
    p->heard[(p->first + p->count++) % HEARD_MAX] = (struct heard){
        .topic = strdup(m->topic),
        .text = strndup(m->payloadlen > 0 ? m->payload : "", (size_t)m->payloadlen),
        .qos = m->qos,
        .retained = m->retain,
    };
}

static bool close_peer(void *thing, bool failed)
{
    struct peer *p = thing;
    (void)failed;
    mosquitto_disconnect(p->client);
    mosquitto_destroy(p->client);
    for (; p->count > 0; p->count--, p->first = (p->first + 1) % HEARD_MAX) {
        free(p->heard[p->first].topic);
        free(p->heard[p->first].text);
    }
    mosquitto_lib_cleanup();
    return true;
}

/* Runs the library until *what is `value`, or the deadline. */
static bool run_until(struct peer *p, const int *what, int value)
{
    int64_t deadline = deadline_in(PATIENCE_MS);
    while (*what != value && deadline_left(deadline) > 0)
        mosquitto_loop(p->client, TURN_MS, 1);
    return *what == value;
}

static void connect_peer(struct peer *p, uint16_t port)
{
    int64_t deadline = deadline_in(PATIENCE_MS);
    assert_int_equal(mosquitto_connect(p->client, "127.0.0.1", port, KEEP_ALIVE_S), MOSQ_ERR_SUCCESS);
    while (!p->connected && deadline_left(deadline) > 0)
        mosquitto_loop(p->client, TURN_MS, 1);
    assert_true(p->connected);
}

struct peer *peer_open(struct scene *s, const char *name)
{
    mosquitto_lib_init();
    struct peer *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->client = mosquitto_new(name, true, p);
    assert_non_null(p->client);
    scene_keeps(s, p, close_peer);
    mosquitto_int_option(p->client, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_callback_set(p->client, when_connected);
    mosquitto_publish_callback_set(p->client, when_published);
    mosquitto_subscribe_callback_set(p->client, when_subscribed);
    mosquitto_message_callback_set(p->client, when_heard);
    connect_peer(p, s->broker->peer_port);
    return p;
}

void peer_subscribes(struct peer *p, const char *filter, int qos)
{
    int id = 0;
    assert_int_equal(mosquitto_subscribe(p->client, &id, filter, qos), MOSQ_ERR_SUCCESS);
    assert_true(run_until(p, &p->done, id));
}

static void publish(struct peer *p, const char *topic, int qos, const char *text, bool retain)
{
    int id = 0;
    assert_int_equal(mosquitto_publish(p->client, &id, topic, (int)strlen(text), text, qos, retain),
                     MOSQ_ERR_SUCCESS);
    assert_true(run_until(p, &p->done, id));
}

void peer_publishes(struct peer *p, const char *topic, int qos, const char *text)
{
    publish(p, topic, qos, text, false);
}

void peer_retains(struct peer *p, const char *topic, const char *text)
{
    publish(p, topic, 1, text, true);
}

static bool hear(struct peer *p, int patience_ms)
{
    int64_t deadline = deadline_in(patience_ms);
    while (p->count == 0 && deadline_left(deadline) > 0)
        mosquitto_loop(p->client,
                       deadline_left(deadline) < TURN_MS ? deadline_left(deadline) : TURN_MS, 1);
    return p->count > 0;
}

/* The next one is the caller's. */
static struct heard take(struct peer *p, const char *topic, const char *text)
{
    if (!hear(p, PATIENCE_MS))
        fail_msg("the broker's side expects %s \"%s\", nothing came", topic, text);
    struct heard h = p->heard[p->first];
    p->first = (p->first + 1) % HEARD_MAX;
    p->count--;
    p->last_retained = h.retained;
    return h;
}

unsigned long peer_hears_number(struct peer *p)
{
    struct heard h = take(p, "anything", "a number");
    unsigned long number = strtoul(h.text, NULL, 10);
    free(h.topic);
    free(h.text);
    return number;
}

int peer_hears(struct peer *p, const char *topic, const char *text)
{
    struct heard h = take(p, topic, text);
    bool alike = strcmp(h.topic, topic) == 0 && strcmp(h.text, text) == 0;
    if (!alike)
        print_error("the broker's side expects %s \"%s\", this came: %s \"%s\"\n", topic, text,
                    h.topic, h.text);
    free(h.topic);
    free(h.text);
    assert_true(alike);
    return h.qos;
}

bool peer_heard_retained(const struct peer *p)
{
    return p->last_retained;
}

void peer_hears_nothing(struct peer *p)
{
    if (hear(p, QUIET_MS))
        fail_msg("the broker's side expects nothing, this came: %s \"%s\"",
                 p->heard[p->first].topic, p->heard[p->first].text);
}
