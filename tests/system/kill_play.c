/* kill_play.c -- the loop of a kill test.
 *
 * Everything happens in one thread: sockets of the nodes, the air between them and the gateway, the world, the
 * director. While there is somebody to kill, all tell each other as much as they can. Then nothing new is told, and
 * everything accepted must arrive before a deadline; a little later nothing more must have come. Seeds decide who does
 * what after how long, but the machine's own timing decides what meets what: a seed is a beginning, not a recording. */
#include "tests/system/kill_play.h"

#include "tests/gateway/core/lossy_air.h"
#include "tests/system/keeper.h"
#include "tests/xorshift.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    NODES = 12,
    RETRY_MS = 150,
    TURN_MS = 20,
    GRACE_MS = 300,       /* of messages told after the last kill */
    KILL_TAKES_MS = 4000, /* at most, with everything around it; a broker's return costs a back-off */
    DRAIN_MS = 60000,
    REST_MS = 400
};

struct play {
    struct scene *scene;
    uint64_t seed, chance;
    struct kill_plan plan;
    struct air air;
    struct kill_node nodes[NODES];
    int sockets[NODES];
    struct kill_world world;
    struct kill_director director;
    msec begin, now;
};

/* ---- the air ----------------------------------------------------------------------------------------------------- */

static void node_says(void *context, size_t node, struct span frame)
{
    struct play *p = context;
    size_t lost = p->air.lost;
    air_send(&p->air, 2 * node, frame, p->now);
    trace_frame(&p->nodes[node].trace, p->now, p->air.lost > lost ? "node  (lost)" : "node", frame);
}

/* A gateway that is dead hears nothing, and the kernel says so: that is the air's business, not the node's. */
static void frames_arrive(struct play *p)
{
    for (struct air_frame *f; (f = air_arrives(&p->air, p->now));) {
        if (f->path % 2 == 0)
            (void)send(p->sockets[f->path / 2], f->bytes, f->len, MSG_DONTWAIT);
        else
            kill_node_hears(&p->nodes[f->path / 2], span_of(f->bytes, f->len), p->now);
        free(f);
    }
}

static void gateway_has_sent(struct play *p, size_t node)
{
    uint8_t bytes[KILL_FRAME_MAX];
    ssize_t len;
    while ((len = recv(p->sockets[node], bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        struct span frame = span_of(bytes, (size_t)len);
        size_t lost = p->air.lost;
        air_send(&p->air, 2 * node + 1, frame, p->now);
        trace_frame(&p->nodes[node].trace, p->now,
                    p->air.lost > lost ? "           gateway (lost)" : "           gateway", frame);
    }
}

static int open_socket(uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)(const void *)&to, sizeof to), 0);
    return fd;
}

/* ---- beginning and end ------------------------------------------------------------------------------------------- */

/* The clock of deadline_in, which is what the tests wait by. */
static msec clock_ms(void)
{
    return (msec)deadline_in(0);
}

/* With a connection of its own, a client that begins a clean session has none at the broker after the gateway died:
 * nobody keeps anything for it there, and nobody knows its QoS 2 any more. So it only tells, at QoS 1. */
static struct kill_manner manner_of(size_t index, bool aggregate)
{
    bool clean = index % 6 >= 4;
    return (struct kill_manner){ .clean = clean,
                                 .sleeps = index % 2 == 1,
                                 .listens = aggregate || !clean,
                                 .wildcard = index % 4 >= 2,
                                 .twice = aggregate || !clean };
}

static bool close_play(void *thing, bool failed)
{
    struct play *p = thing;
    (void)failed;
    world_close(&p->world);
    air_clear(&p->air);
    for (size_t i = 0; i < NODES; i++)
        close(p->sockets[i]);
    ledger_clear(&p->plan.ledger);
    return true;
}

/* The window is open wide: when Mosquitto 2.0.11 has filled its window of 20 and a place becomes free, what comes then
 * is sent before what waits, which would be blamed on the gateway. */
#define BROKER_OPTIONS "max_queued_messages 0\nmax_inflight_messages 0\n"
#define BROKER_OPTIONS_QUIET BROKER_OPTIONS "log_type none\nlog_type information\n"

/* A broker sends what it has no PUBACK for once more in each life: after a hundred short ones a hundred copies wait. */
#define LIMITS                                                                                     \
    "retry: {interval: \"150ms\", count: 100}, sleep_queue: {messages: 100000, bytes: 16MiB}"

static void start_programs(struct scene *s, bool broker_talks)
{
    char state[SCENE_PATH];
    const char *level = getenv("KILL_LEVEL");
    keeper_state(s, state);
    broker_start(s, (struct broker_options){ .persistence = true,
                                             .more = level || broker_talks ? BROKER_OPTIONS
                                                                           : BROKER_OPTIONS_QUIET });
    gateway_start_connected(
        s, (struct settings){ .state = state, .level = level ? level : "info", .limits = LIMITS });
}

static void open_nodes(struct play *p, bool aggregate)
{
    for (size_t i = 0; i < NODES; i++) {
        kill_node_init(&p->nodes[i], i, &p->plan, manner_of(i, aggregate), chance(&p->chance));
        p->nodes[i].due = p->begin + chance_below(&p->chance, 100);
        p->sockets[i] = open_socket(p->scene->gateway->port);
    }
}

static struct play *open_play(struct scene *s, uint64_t seed, struct kill_toll toll)
{
    static const struct air_weather weather = { .loss = 10, .twice = 2, .late = 0, .delay = 8 };
    bool aggregate = strcmp(s->mode, "aggregate") == 0;
    start_programs(s, toll.broker > 0);
    struct play *p = calloc(1, sizeof *p);
    assert_non_null(p);
    *p = (struct play){ .scene = s, .seed = seed, .chance = seed, .begin = clock_ms() };
    for (int i = 0; i < 8; i++) /* small seeds are alike at first */
        chance(&p->chance);
    p->now = p->begin;
    p->plan = (struct kill_plan){
        .retry = RETRY_MS, .think = 30, .nap = 600, .send = node_says, .context = p
    };
    ledger_init(&p->plan.ledger, (size_t)NODES * 2 * KILL_QOS);
    air_init(&p->air, weather, (size_t)NODES * 2, chance(&p->chance));
    p->plan.may_dismiss = !aggregate && toll.broker > 0;
    open_nodes(p, aggregate);
    p->world = (struct kill_world){ .plan = &p->plan, .nodes = p->nodes, .count = NODES };
    p->world.chance = chance(&p->chance);
    p->director = (struct kill_director){ .scene = s, .world = &p->world, .left = toll };
    p->director.chance = chance(&p->chance);
    world_open(&p->world, s);
    director_begins(&p->director);
    scene_keeps(s, p, close_play);
    return p;
}

/* ---- turns ------------------------------------------------------------------------------------------------------- */

static int milliseconds_left(const struct play *p)
{
    msec due = air_deadline(&p->air);
    msec director = director_deadline(&p->director);
    due = director < due ? director : due;
    for (size_t i = 0; i < NODES; i++)
        due = p->nodes[i].due < due ? p->nodes[i].due : due;
    if (due <= p->now)
        return 0;
    return due - p->now < TURN_MS ? (int)(due - p->now) : TURN_MS;
}

/* Waits for whatever comes first, and lets everybody have it. */
static void go_on(struct play *p)
{
    struct pollfd ready[NODES + 1];
    for (size_t i = 0; i < NODES; i++)
        ready[i] = (struct pollfd){ p->sockets[i], POLLIN, 0 };
    ready[NODES] = (struct pollfd){ world_socket(&p->world), POLLIN, 0 };
    (void)poll(ready, NODES + 1, milliseconds_left(p));
    p->now = clock_ms();
    for (size_t i = 0; i < NODES; i++)
        if (ready[i].revents != 0)
            gateway_has_sent(p, i);
    frames_arrive(p);
    for (size_t i = 0; i < NODES; i++)
        if (p->nodes[i].due <= p->now)
            kill_node_tick(&p->nodes[i], p->now);
    world_turns(&p->world, p->director.broker == KILL_LIVES, p->now);
    director_turns(&p->director, p->now);
}

static bool has_fault(const struct play *p)
{
    return p->plan.ledger.fault[0] != '\0';
}

static void go_on_for(struct play *p, int ms)
{
    for (int64_t end = deadline_in(ms); !has_fault(p) && deadline_left(end) > 0;)
        go_on(p);
}

/* ---- the verdict ------------------------------------------------------------------------------------------------- */

static void sum_up(const struct play *p, struct kill_result *r)
{
    *r = (struct kill_result){ .killed = p->director.killed,
                               .frames = p->air.sent,
                               .lasted = p->now - p->begin,
                               .slowest_start = p->director.slowest };
    snprintf(r->fault, sizeof r->fault, "%s", p->plan.ledger.fault);
    for (size_t i = 0; i < NODES; i++) {
        r->refused += p->nodes[i].refused;
        r->naps += p->nodes[i].naps;
        r->dismissed += p->nodes[i].dismissed;
        for (size_t k = 0; k < KILL_QOS; k++) {
            r->up[k] += p->nodes[i].up[k] ? p->nodes[i].up[k]->received : 0;
            r->down[k] += p->nodes[i].down[k] ? p->nodes[i].down[k]->received : 0;
        }
    }
    for (size_t i = 0; i < p->plan.ledger.count; i++) {
        const struct lane *one = &p->plan.ledger.lanes[i];
        r->repeated += one->repeated;
        r->by_broker += one->by_broker;
        r->lost += one->accepted > one->received ? one->accepted - one->received : 0;
    }
}

/* Is this node named in the fault, as "n1" and not in "n12"? */
static bool is_named(const struct kill_node *n, const char *fault)
{
    for (const char *at = fault; (at = strstr(at, n->id)) != NULL; at++)
        if (!isdigit((unsigned char)at[strlen(n->id)]) &&
            (at == fault || !isalnum((unsigned char)at[-1])))
            return true;
    return false;
}

static void print_stuck(const struct play *p)
{
    for (size_t i = 0; i < p->plan.ledger.count; i++) {
        const struct lane *one = &p->plan.ledger.lanes[i];
        if (one->received < one->published || one->accepted < one->published)
            print_error("%s to %s: %" PRIu32 " published, %" PRIu32 " accepted, %" PRIu32
                        " received\n",
                        one->topic, one->receiver, one->published, one->accepted, one->received);
    }
}

static void print_traces(const struct play *p)
{
    print_stuck(p);
    for (size_t i = 0; i < NODES; i++)
        if (is_named(&p->nodes[i], p->plan.ledger.fault)) {
            print_error("---- the last of %s:\n", p->nodes[i].id);
            trace_prints(&p->nodes[i].trace, p->begin);
        }
}

static int patience(struct kill_toll toll)
{
    return DRAIN_MS + (int)(toll.gateway + toll.broker) * KILL_TAKES_MS;
}

static void judge(struct play *p, struct kill_result *r)
{
    struct ledger *l = &p->plan.ledger;
    ledger_closes(l);
    for (size_t i = 0; i < NODES; i++)
        if (!kill_node_is_idle(&p->nodes[i]))
            ledger_blames(l, "%s is stuck", p->nodes[i].id);
    if (!director_is_through(&p->director))
        ledger_blames(l, "the kills took too long");
    if (!has_fault(p) && !keeper_is_empty(p->scene))
        ledger_blames(l, "all has arrived, but something is left on the disk");
    sum_up(p, r);
    if (has_fault(p))
        print_traces(p);
}

void kill_play(struct scene *s, uint64_t seed, struct kill_toll toll, struct kill_result *r)
{
    struct play *p = open_play(s, seed, toll);
    int64_t end = deadline_in(patience(toll));
    while (!has_fault(p) && !director_is_through(&p->director) && deadline_left(end) > 0)
        go_on(p);
    go_on_for(p, GRACE_MS);
    p->plan.closing = true;
    for (end = deadline_in(DRAIN_MS);
         !has_fault(p) && !world_is_quiet(&p->world) && deadline_left(end) > 0;)
        go_on(p);
    go_on_for(p, REST_MS);
    while (!has_fault(p) && !keeper_is_empty(s) && deadline_left(end) > 0)
        go_on(p);
    judge(p, r);
}
