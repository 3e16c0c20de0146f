/* lossy_test.c -- a lossy network with real sockets, the real gateway and a real Mosquitto (SN-RTX, SN-DLV).
 *
 * The nodes, the air and the judge are those of the simulation (tests/gateway/core/lossy_play.c), which plays thousands
 * of seeds in its own time. Here time is real, so everything is smaller: fifty nodes with 200 messages each way in all,
 * delays up to 50 ms, T_RETRY 1 s. Each node has a socket of its own; what it sends and what comes back waits in the
 * air until it is due, or never arrives. LOSSY_SEED=S gives chance another beginning; the timing is the machine's all
 * the same. */
#include "tests/gateway/core/lossy_air.h"
#include "tests/gateway/core/lossy_node.h"
#include "tests/system/broker.h"
#include "tests/system/gateway.h"
#include "tests/xorshift.h"

#include <arpa/inet.h>
#include <mosquitto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    NODES = 50,
    UP = 4, /* for each node */
    DOWN_ONE = 1,
    DOWN_TWO = 2,
    DOWN_ALL = 1,
    AHEAD = 2,
    TURN_MS = 20,
    LONGEST_MS = 90000,
    REST_MS = 500
};

struct play {
    struct ledger ledger;
    struct air air;
    struct lossy_plan plan;
    struct lossy_node nodes[NODES];
    int sockets[NODES];
    struct mosquitto *world;
    bool world_is_ready;
    msec now;
};

/* ---- the world, beside the broker -------------------------------------------------------------------------------- */

static void world_is_connected(struct mosquitto *world, void *context, int code)
{
    (void)context;
    assert_int_equal(code, 0);
    assert_int_equal(mosquitto_subscribe(world, NULL, "up/#", 2), MOSQ_ERR_SUCCESS);
}

static void world_has_subscribed(struct mosquitto *world, void *context, int id, int count,
                                 const int *granted)
{
    struct play *p = context;
    (void)world, (void)id, (void)count, (void)granted;
    p->world_is_ready = true;
}

static void world_hears(struct mosquitto *world, void *context, const struct mosquitto_message *m)
{
    struct play *p = context;
    (void)world;
    for (size_t i = 0; i < NODES; i++)
        for (size_t k = 0; k < 2; k++)
            if (strcmp(m->topic, p->nodes[i].up[k]->topic) == 0)
                ledger_receives(&p->ledger, p->nodes[i].up[k],
                                span_of(m->payload, (size_t)m->payloadlen));
}

static void world_says(struct play *p, const struct lane *one, const char *text)
{
    assert_int_equal(
        mosquitto_publish(p->world, NULL, one->topic, (int)strlen(text), text, one->qos, false),
        MOSQ_ERR_SUCCESS);
}

static void tell_one(struct play *p, struct lane *one, uint32_t most)
{
    char text[LEDGER_TEXT];
    if (one->published >= most || one->published - one->received >= AHEAD)
        return;
    ledger_publishes(one, text);
    world_says(p, one, text);
}

static void tell_all(struct play *p)
{
    char text[LEDGER_TEXT];
    for (size_t i = 0; i < NODES; i++)
        if (p->nodes[i].filters < NODE_FILTERS || p->nodes[i].down[2]->published >= DOWN_ALL)
            return;
    for (size_t i = 0; i < NODES; i++)
        ledger_publishes(p->nodes[i].down[2], text);
    world_says(p, p->nodes[0].down[2], text);
}

static void world_speaks(struct play *p)
{
    for (size_t i = 0; i < NODES; i++) {
        if (p->nodes[i].filters < NODE_FILTERS)
            continue;
        tell_one(p, p->nodes[i].down[0], DOWN_ONE);
        tell_one(p, p->nodes[i].down[1], DOWN_TWO);
    }
    tell_all(p);
}

static void open_world(struct play *p, struct scene *s)
{
    mosquitto_lib_init();
    p->world = mosquitto_new("world", true, p);
    assert_non_null(p->world);
    mosquitto_int_option(p->world, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_max_inflight_messages_set(p->world, 0);
    mosquitto_connect_callback_set(p->world, world_is_connected);
    mosquitto_subscribe_callback_set(p->world, world_has_subscribed);
    mosquitto_message_callback_set(p->world, world_hears);
    assert_int_equal(mosquitto_connect(p->world, "127.0.0.1", s->broker->peer_port, 60),
                     MOSQ_ERR_SUCCESS);
    for (int64_t end = deadline_in(PATIENCE_MS); !p->world_is_ready && deadline_left(end) > 0;)
        mosquitto_loop(p->world, TURN_MS, 1);
    assert_true(p->world_is_ready);
}

/* ---- nodes and air ----------------------------------------------------------------------------------------------- */

static void node_sends(void *context, size_t node, struct span frame)
{
    struct play *p = context;
    air_send(&p->air, 2 * node, frame, p->now);
}

static void frames_arrive(struct play *p)
{
    for (struct air_frame *f; (f = air_arrives(&p->air, p->now));) {
        if (f->path % 2 == 0)
            assert_int_equal(send(p->sockets[f->path / 2], f->bytes, f->len, 0), f->len);
        else
            lossy_node_hears(&p->nodes[f->path / 2], span_of(f->bytes, f->len), p->now);
        free(f);
    }
}

static void gateway_has_sent(struct play *p, size_t node)
{
    uint8_t frame[NODE_FRAME_MAX];
    ssize_t len;
    while ((len = recv(p->sockets[node], frame, sizeof frame, MSG_DONTWAIT)) > 0)
        air_send(&p->air, 2 * node + 1, span_of(frame, (size_t)len), p->now);
}

static int open_socket(uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* ---- the play ---------------------------------------------------------------------------------------------------- */

/* The clock of deadline_in, which is what the tests wait by. */
static msec clock_ms(void)
{
    return (msec)deadline_in(0);
}

static bool close_play(void *thing, bool failed)
{
    struct play *p = thing;
    (void)failed;
    mosquitto_disconnect(p->world);
    mosquitto_destroy(p->world);
    mosquitto_lib_cleanup();
    air_clear(&p->air);
    for (size_t i = 0; i < NODES; i++) {
        lossy_node_clear(&p->nodes[i]);
        close(p->sockets[i]);
    }
    ledger_clear(&p->ledger);
    return true;
}

static struct play *open_play(struct scene *s, uint64_t seed)
{
    static const struct air_weather weather = { .loss = 20, .twice = 10, .late = 10, .delay = 50 };
    struct gateway *g = gateway_start_with_broker(
        s, (struct settings){ .level = "info", .limits = "retry: {interval: \"1s\", count: 6}" });
    struct play *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->now = clock_ms();
    ledger_init(&p->ledger, (size_t)NODES * (2 + NODE_LANES));
    air_init(&p->air, weather, (size_t)NODES * 2, chance(&seed));
    p->plan = (struct lossy_plan){ .messages = UP,
                                   .keep_alive_s = 4,
                                   .sleep_s = 4,
                                   .retry = 1000,
                                   .retries = 6,
                                   .think = 50,
                                   .send = node_sends,
                                   .context = p };
    for (size_t i = 0; i < NODES; i++) {
        lossy_node_init(&p->nodes[i], i, &p->plan, &p->ledger, chance(&seed));
        p->nodes[i].sleeps = i % 2 == 1;
        p->sockets[i] = open_socket(g->port);
    }
    open_world(p, s);
    scene_keeps(s, p, close_play);
    return p;
}

static int milliseconds_left(struct play *p)
{
    msec due = air_deadline(&p->air);
    for (size_t i = 0; i < NODES; i++)
        if (lossy_node_deadline(&p->nodes[i]) < due)
            due = lossy_node_deadline(&p->nodes[i]);
    if (due <= p->now)
        return 0;
    return due - p->now < TURN_MS ? (int)(due - p->now) : TURN_MS;
}

/* One turn of the loop: waits for whatever comes first, and lets everybody have it. */
static void go_on(struct play *p)
{
    struct pollfd ready[NODES + 1];
    for (size_t i = 0; i < NODES; i++)
        ready[i] = (struct pollfd){ p->sockets[i], POLLIN, 0 };
    ready[NODES] = (struct pollfd){ mosquitto_socket(p->world), POLLIN, 0 };
    (void)poll(ready, NODES + 1, milliseconds_left(p));
    p->now = clock_ms();
    for (size_t i = 0; i < NODES; i++)
        if (ready[i].revents != 0)
            gateway_has_sent(p, i);
    frames_arrive(p);
    for (size_t i = 0; i < NODES; i++)
        if (lossy_node_deadline(&p->nodes[i]) <= p->now)
            lossy_node_tick(&p->nodes[i], p->now);
    world_speaks(p);
    assert_int_equal(mosquitto_loop(p->world, 0, 1), MOSQ_ERR_SUCCESS);
}

static bool is_over(const struct play *p)
{
    for (size_t i = 0; i < NODES; i++) {
        const struct lossy_node *n = &p->nodes[i];
        if (!lossy_node_is_through(n) || n->down[0]->published < DOWN_ONE ||
            n->down[1]->published < DOWN_TWO || n->down[2]->published < DOWN_ALL)
            return false;
    }
    return ledger_is_complete(&p->ledger);
}

static void all_messages_get_through_a_bad_network(struct scene *s) /* SN-RTX-7, -8, -10, SN-SLP-9 */
{
    const char *named = getenv("LOSSY_SEED");
    uint64_t seed = named ? strtoull(named, NULL, 10) : 1;
    struct play *p = open_play(s, seed);
    for (int64_t end = deadline_in(LONGEST_MS); !is_over(p) && deadline_left(end) > 0;)
        go_on(p);
    for (int64_t end = deadline_in(REST_MS); deadline_left(end) > 0;) /* late copies */
        go_on(p);
    ledger_closes(&p->ledger);
    if (!is_over(p))
        ledger_blames(&p->ledger, "a node is stuck");
    if (p->ledger.fault[0] != '\0')
        fail_msg("seed %llu: %s", (unsigned long long)seed, p->ledger.fault);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(all_messages_get_through_a_bad_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
