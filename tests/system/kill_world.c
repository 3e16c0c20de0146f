/* kill_world.c -- the applications of kill_world.h.
 *
 * A lane goes on when its last message is accepted, that is when the broker has sent PUBACK or PUBCOMP for it, and when
 * its node is not too far behind: what waits for a sleeper is bounded. */
#include "tests/system/kill_world.h"

#include "tests/xorshift.h"

#include <mosquitto.h>
#include <string.h>

enum { AHEAD = 4, TELLS_ONE_TIME_IN = 4, TURN_MS = 20, KEEP_ALIVE_S = 60 };

/* ---- what it hears ----------------------------------------------------------------------------------------------- */

static void when_connected(struct mosquitto *client, void *context, int code)
{
    struct kill_world *w = context;
    w->connected = code == 0;
    if (w->connected && !w->ready)
        assert_int_equal(mosquitto_subscribe(client, NULL, "up/#", 2), MOSQ_ERR_SUCCESS);
}

static void when_disconnected(struct mosquitto *client, void *context, int code)
{
    struct kill_world *w = context;
    (void)client, (void)code;
    w->connected = false;
}

static void when_subscribed(struct mosquitto *client, void *context, int id, int count,
                            const int *granted)
{
    struct kill_world *w = context;
    (void)client, (void)id, (void)count, (void)granted;
    w->ready = true;
}

static void when_heard(struct mosquitto *client, void *context, const struct mosquitto_message *m)
{
    struct kill_world *w = context;
    (void)client;
    w->heard++;
    for (size_t i = 0; i < w->count; i++)
        for (size_t k = 0; k < KILL_QOS; k++) {
            struct lane *one = w->nodes[i].up[k];
            if (!one || strcmp(m->topic, one->topic) != 0)
                continue;
            trace_notes(&w->nodes[i].trace, w->now, "the world hears \"%.*s\" on %s, QoS %d",
                        m->payloadlen, (const char *)m->payload, m->topic, m->qos);
            ledger_receives(&w->plan->ledger, one, span_of(m->payload, (size_t)m->payloadlen));
            return;
        }
    ledger_blames(&w->plan->ledger, "the world hears something on %s, which nobody tells", m->topic);
}

static void when_published(struct mosquitto *client, void *context, int message_id)
{
    struct kill_world *w = context;
    (void)client;
    for (size_t i = 0; i < w->tale_count; i++) {
        if (!w->tales[i].open || w->tales[i].message_id != message_id)
            continue;
        w->tales[i].open = false;
        ledger_accepts(&w->plan->ledger, w->tales[i].lane);
        trace_notes(&w->tales[i].node->trace, w->now, "the broker has %s %u",
                    w->tales[i].lane->topic, w->tales[i].lane->accepted);
    }
}

/* ---- what it tells ----------------------------------------------------------------------------------------------- */

/* What cannot leave at once, because the broker has gone in this moment, leaves when it is back. */
static void tell(struct kill_world *w, size_t tale)
{
    char text[LEDGER_TEXT];
    struct lane *one = w->tales[tale].lane;
    ledger_publishes(one, text);
    trace_notes(&w->tales[tale].node->trace, w->now, "the world tells \"%s\", QoS %u", text,
                one->qos);
    w->tales[tale].open = true;
    (void)mosquitto_publish(w->client, &w->tales[tale].message_id, one->topic, (int)strlen(text),
                            text, one->qos, false);
}

static void tell_some(struct kill_world *w)
{
    for (size_t i = 0; i < w->tale_count; i++) {
        const struct lane *one = w->tales[i].lane;
        if (w->connected && !w->tales[i].open && kill_node_may_be_told(w->tales[i].node) &&
            one->published - one->received < AHEAD && kill_plan_wants_more(w->plan, one) &&
            chance_below(&w->chance, TELLS_ONE_TIME_IN) == 0)
            tell(w, i);
    }
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void add_tales(struct kill_world *w)
{
    for (size_t i = 0; i < w->count; i++)
        for (size_t k = 0; k < KILL_QOS; k++)
            if (w->nodes[i].down[k]) {
                assert_true(w->tale_count < WORLD_TALES);
                w->tales[w->tale_count].node = &w->nodes[i];
                w->tales[w->tale_count++].lane = w->nodes[i].down[k];
            }
}

void world_open(struct kill_world *w, const struct scene *s)
{
    w->scene = s;
    add_tales(w);
    mosquitto_lib_init();
    w->client = mosquitto_new("world", false, w);
    assert_non_null(w->client);
    mosquitto_int_option(w->client, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_max_inflight_messages_set(w->client, 0);
    mosquitto_connect_callback_set(w->client, when_connected);
    mosquitto_disconnect_callback_set(w->client, when_disconnected);
    mosquitto_subscribe_callback_set(w->client, when_subscribed);
    mosquitto_message_callback_set(w->client, when_heard);
    mosquitto_publish_callback_set(w->client, when_published);
    assert_int_equal(mosquitto_connect(w->client, "127.0.0.1", s->broker->peer_port, KEEP_ALIVE_S),
                     MOSQ_ERR_SUCCESS);
    for (int64_t end = deadline_in(PATIENCE_MS); !w->ready && deadline_left(end) > 0;)
        mosquitto_loop(w->client, TURN_MS, 1);
    assert_true(w->ready);
}

void world_close(struct kill_world *w)
{
    mosquitto_disconnect(w->client);
    mosquitto_destroy(w->client);
    mosquitto_lib_cleanup();
}

int world_socket(const struct kill_world *w)
{
    return mosquitto_socket(w->client);
}

bool world_is_quiet(const struct kill_world *w)
{
    const struct ledger *l = &w->plan->ledger;
    for (size_t i = 0; i < l->count; i++)
        if (l->lanes[i].accepted < l->lanes[i].published)
            return false;
    for (size_t i = 0; i < w->count; i++)
        if (!kill_node_is_idle(&w->nodes[i]))
            return false;
    return ledger_is_complete(l);
}

void world_turns(struct kill_world *w, bool broker_is_up, msec now)
{
    w->now = now;
    if (world_socket(w) >= 0)
        (void)mosquitto_loop(w->client, 0, 1);
    else if (broker_is_up)
        (void)mosquitto_reconnect(w->client);
    if (!w->plan->closing)
        tell_some(w);
}
