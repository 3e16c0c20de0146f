/* crash_play.c -- the loop of crash_play.h.
 *
 * The play has acts, and each goes on until it has seen what it is for, not for a time: so two plays pass nearly the
 * same points. First everybody tells until each lane has carried something and each sleeper has slept; then the broker
 * may be away; then nothing new is told and all must arrive. At the end the gateway is stopped, which is a part of the
 * play: it may end at a point of its stop too. Whenever it has ended at its point it is run again without one. */
#include "tests/system/crash_play.h"

#include "tests/system/gateway.h"
#include "tests/system/keeper.h"
#include "tests/system/kill_excuse.h"
#include "tests/xorshift.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    NODES = 4,
    TURN_MS = 20,
    RETRY_MS = 120,
    THINK_MS = 10,
    NAP_MS = 60,
    ENOUGH = 2, /* messages on a lane, in an act */
    OUTAGE_MS = 40,
    ACT_MS = 15000, /* no act lasts that long */
    REST_MS = 20,
    KILLED = 128 + SIGKILL
};

struct play {
    struct scene *scene;
    struct gateway *gateway;
    struct kill_plan plan;
    struct kill_node nodes[NODES];
    int sockets[NODES];
    struct kill_world world;
    bool broker_is_up, may_end; /* may_end: the gateway has not come to its point yet */
    size_t heard_before;        /* by the world, when the broker was back */
    msec begin, now;
    char place[CRASH_PLACE];
};

static msec clock_ms(void)
{
    return (msec)deadline_in(0);
}

static bool has_fault(const struct play *p)
{
    return p->plan.ledger.fault[0] != '\0';
}

/* ---- the gateway ------------------------------------------------------------------------------------------------- */

static void note(struct play *p, const char *what)
{
    for (size_t i = 0; i < NODES; i++)
        trace_notes(&p->nodes[i].trace, p->now, "---- %s", what);
}

/* It has ended with `status`: at its point, or by a fault of its own. */
static void has_ended(struct play *p, int status)
{
    const char *text = p->gateway->process.text;
    const char *place = text ? strstr(text, "crash point ") : NULL;
    if (p->may_end && place && status == KILLED)
        snprintf(p->place, sizeof p->place, "%.*s", (int)strcspn(place, "\n"), place);
    else
        ledger_blames(&p->plan.ledger, "the gateway ended by itself with %d", status);
    p->may_end = false;
    note(p, "the gateway has ended and is run again");
    gateway_is_run_again(p->gateway);
}

static void look_at_gateway(struct play *p)
{
    if (!gateway_runs(p->gateway))
        has_ended(p, process_end(&p->gateway->process, 0));
    else
        (void)process_count(&p->gateway->process, "reads what it logs");
}

static void path_of_count(const struct scene *s, char path[static SCENE_PATH])
{
    snprintf(path, SCENE_PATH, "%s/count", s->folder);
}

/* It may end before it listens, even before it has a file. */
static void start_gateway(struct play *p, unsigned long at)
{
    char state[SCENE_PATH], path[SCENE_PATH], count[SCENE_PATH], number[32], line[LINE];
    keeper_state(p->scene, state);
    settings_write(p->scene,
                   (struct settings){ .state = state,
                                      .level = "info",
                                      .limits = "retry: {interval: \"150ms\", count: 100}" },
                   path);
    path_of_count(p->scene, count);
    snprintf(number, sizeof number, "%lu", at);
    assert_int_equal(setenv("CRASH_COUNT", count, 1) | setenv("CRASH_AT", number, 1), 0);
    p->gateway = gateway_start_file(p->scene, path);
    unsetenv("CRASH_AT");
    if (!process_says(&p->gateway->process, "radio lan: listening on", PATIENCE_MS, line, sizeof line))
        look_at_gateway(p);
    p->gateway->port = gateway_radio_port(p->gateway, "lan");
}

/* Not before it can hear the signal: it may have been run again just now. */
static int stop_once(struct play *p)
{
    char line[LINE];
    (void)process_says(&p->gateway->process, "radio lan: listening on", PATIENCE_MS, line,
                       sizeof line);
    return gateway_stops(p->gateway);
}

/* Twice when its point is in the stop itself. */
static void stop_gateway(struct play *p)
{
    int status = stop_once(p);
    if (status != 0) {
        has_ended(p, status);
        status = stop_once(p);
    }
    if (status != 0)
        ledger_blames(&p->plan.ledger, "the gateway does not stop well: %d", status);
}

static unsigned long points_passed(const struct play *p)
{
    char path[SCENE_PATH];
    path_of_count(p->scene, path);
    char *text = scene_reads(path);
    unsigned long points = strtoul(text, NULL, 10);
    free(text);
    return points;
}

/* ---- the nodes --------------------------------------------------------------------------------------------------- */

static void node_says(void *context, size_t node, struct span frame)
{
    struct play *p = context;
    trace_frame(&p->nodes[node].trace, p->now, "node", frame);
    (void)send(p->sockets[node], frame.at, frame.len, MSG_DONTWAIT);
}

static void node_hears(struct play *p, size_t node)
{
    uint8_t bytes[KILL_FRAME_MAX];
    ssize_t len;
    while ((len = recv(p->sockets[node], bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        struct span frame = span_of(bytes, (size_t)len);
        trace_frame(&p->nodes[node].trace, p->now, "           gateway", frame);
        kill_node_hears(&p->nodes[node], frame, p->now);
    }
}

static void open_node(struct play *p, size_t i)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(p->gateway->port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct kill_manner manner = {
        .sleeps = i % 2 == 1, .listens = true, .wildcard = i >= 2, .twice = true
    };
    uint64_t seed = i + 1;
    for (int k = 0; k < 8; k++) /* small seeds are alike at first */
        chance(&seed);
    kill_node_init(&p->nodes[i], i, &p->plan, manner, seed);
    p->nodes[i].due = p->begin;
    p->sockets[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(p->sockets[i], (const struct sockaddr *)(const void *)&to, sizeof to),
                     0);
}

/* ---- beginning and end ------------------------------------------------------------------------------------------- */

static bool close_play(void *thing, bool failed)
{
    struct play *p = thing;
    (void)failed;
    if (p->world.client)
        world_close(&p->world);
    for (size_t i = 0; i < NODES; i++)
        if (p->sockets[i] > 0)
            close(p->sockets[i]);
    ledger_clear(&p->plan.ledger);
    return true;
}

static struct play *open_play(struct scene *s, unsigned long at, bool outage)
{
    struct play *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->scene = s;
    p->begin = p->now = clock_ms();
    p->broker_is_up = true;
    p->may_end = at > 0;
    p->plan = (struct kill_plan){ .enough = ENOUGH,
                                  .retry = RETRY_MS,
                                  .think = THINK_MS,
                                  .nap = NAP_MS,
                                  .send = node_says,
                                  .context = p };
    p->plan.may_dismiss = outage && strcmp(s->mode, "transparent") == 0;
    ledger_init(&p->plan.ledger, (size_t)NODES * 2 * KILL_QOS);
    broker_start(s, (struct broker_options){ .persistence = true,
                                             .more = "max_queued_messages 0\n"
                                                     "max_inflight_messages 0\n" });
    start_gateway(p, at);
    scene_keeps(s, p, close_play);
    for (size_t i = 0; i < NODES; i++)
        open_node(p, i);
    p->world = (struct kill_world){
        .plan = &p->plan, .nodes = p->nodes, .count = NODES, .chance = p->nodes[0].chance
    };
    world_open(&p->world, s);
    return p;
}

/* ---- turns ------------------------------------------------------------------------------------------------------- */

static int milliseconds_left(const struct play *p)
{
    msec due = p->now + TURN_MS;
    for (size_t i = 0; i < NODES; i++)
        due = p->nodes[i].due < due ? p->nodes[i].due : due;
    return due > p->now ? (int)(due - p->now) : 0;
}

static void go_on(struct play *p)
{
    struct pollfd ready[NODES + 1];
    for (size_t i = 0; i < NODES; i++)
        ready[i] = (struct pollfd){ p->sockets[i], POLLIN, 0 };
    ready[NODES] = (struct pollfd){ world_socket(&p->world), POLLIN, 0 };
    (void)poll(ready, NODES + 1, milliseconds_left(p));
    p->now = clock_ms();
    look_at_gateway(p);
    for (size_t i = 0; i < NODES; i++) {
        node_hears(p, i);
        if (p->nodes[i].due <= p->now)
            kill_node_tick(&p->nodes[i], p->now);
    }
    process_mark(&p->scene->broker->process);
    world_turns(&p->world, p->broker_is_up, p->now);
}

static void go_on_for(struct play *p, int ms)
{
    for (int64_t end = deadline_in(ms); !has_fault(p) && deadline_left(end) > 0;)
        go_on(p);
}

static void go_on_until(struct play *p, bool (*seen)(const struct play *p), const char *what)
{
    int64_t end = deadline_in(ACT_MS);
    while (!has_fault(p) && !seen(p) && deadline_left(end) > 0)
        go_on(p);
    if (!seen(p))
        ledger_blames(&p->plan.ledger, "it never comes so far that %s", what);
}

/* ---- acts -------------------------------------------------------------------------------------------------------- */

static bool all_lanes_are_used(const struct play *p)
{
    for (size_t i = 0; i < p->plan.ledger.count; i++)
        if (p->plan.ledger.lanes[i].received == 0)
            return false;
    for (size_t i = 0; i < NODES; i++)
        if (p->nodes[i].manner.sleeps && p->nodes[i].naps == 0)
            return false;
    return true;
}

static bool something_is_heard(const struct play *p)
{
    return p->world.heard > p->heard_before;
}

static bool all_is_quiet(const struct play *p)
{
    return world_is_quiet(&p->world);
}

static bool nothing_is_left(const struct play *p)
{
    return keeper_is_empty(p->scene);
}

/* Whoever listened only has something to tell again. */
static void there_is_more_to_tell(struct play *p, uint32_t enough)
{
    p->plan.enough = enough;
    for (size_t i = 0; i < NODES; i++)
        if (p->nodes[i].due == MSEC_NEVER)
            p->nodes[i].due = p->now;
}

static void broker_is_away(struct play *p)
{
    broker_stops(p->scene->broker);
    p->broker_is_up = false;
    note(p, "the broker is stopped");
    there_is_more_to_tell(p, ENOUGH + 1);
    excuse_broker(&p->plan.ledger, p->scene->broker->process.text, "world");
    go_on_for(p, OUTAGE_MS);
    broker_restarts(p->scene->broker);
    p->broker_is_up = true;
    p->heard_before = p->world.heard;
    there_is_more_to_tell(p, ENOUGH + 2);
    note(p, "the broker runs again");
    go_on_until(p, something_is_heard, "the world hears anything after the outage");
}

/* ---- the verdict ------------------------------------------------------------------------------------------------- */

static void judge(struct play *p, struct crash_result *r)
{
    struct ledger *l = &p->plan.ledger;
    ledger_closes(l);
    for (size_t i = 0; i < l->count; i++) {
        const struct lane *one = &l->lanes[i];
        r->messages += one->received;
        r->lost += one->accepted > one->received ? one->accepted - one->received : 0;
    }
    snprintf(r->place, sizeof r->place, "%s", p->place);
    snprintf(r->fault, sizeof r->fault, "%s", l->fault);
    for (size_t i = 0; has_fault(p) && i < NODES; i++) {
        print_error("---- the last of %s:\n", p->nodes[i].id);
        trace_prints(&p->nodes[i].trace, p->begin);
    }
}

void crash_play(struct scene *s, unsigned long at, bool outage, struct crash_result *r)
{
    *r = (struct crash_result){ .points = 0 };
    struct play *p = open_play(s, at, outage);
    go_on_until(p, all_lanes_are_used, "each lane has carried something");
    if (outage && !has_fault(p))
        broker_is_away(p);
    p->plan.closing = true;
    go_on_until(p, all_is_quiet, "all has arrived");
    go_on_until(p, nothing_is_left, "nothing of it is left on the disk");
    go_on_for(p, REST_MS);
    stop_gateway(p);
    if (at == 0)
        r->points = points_passed(p);
    judge(p, r);
}
