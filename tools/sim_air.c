/* sim_air.c -- the air between a stick and its nodes.
 *
 * A frame takes one of five ways, and each way takes a constant time. So each way is a queue that is sorted by itself:
 * the next thing to happen is at one of five heads, and nothing is ever searched. A frame for a sleeper waits on the
 * way `HELD` until the node polls, which puts it on the way `DOWN`; if its time is over first, it is expired. A frame
 * that is lost waits on the way `UNACKED` until the radio would have given up.
 *
 * On the way to the stick frames wait while the stick's line is congested: as a channel that is busy does, that slows
 * the nodes down instead of losing what they said. But what waited for too long is lost. */
#include "tools/sim_air.h"

#include "tools/sim_random.h"

#include <stdlib.h>
#include <sys/queue.h>

enum way { DOWN, UP, UNACKED, UNROUTED, HELD, WAYS };

enum { TICK_FRAMES = 256, ACK_LOST_ONE_IN = 8 };

struct aloft {
    TAILQ_ENTRY(aloft) next;
    msec due;
    size_t node; /* SIM_NOBODY on the way down: to all */
    uint32_t token;
    bool silent; /* no outcome */
    struct sim_frame frame;
    uint8_t data[SIM_PAYLOAD_MAX];
};

TAILQ_HEAD(aloft_list, aloft);

struct sim_air {
    struct sim_air_settings settings;
    struct sim_air_events events;
    struct aloft_list ways[WAYS], spare;
    uint32_t random;
    bool hold;
    bool *sleeper;   /* by node */
    size_t *waiting; /* by node: frames held */
};

struct sim_air *sim_air_new(const struct sim_air_settings *settings,
                            const struct sim_air_events *events)
{
    struct sim_air *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    *a = (struct sim_air){ .settings = *settings, .events = *events, .random = settings->seed };
    for (enum way w = 0; w < WAYS; w++)
        TAILQ_INIT(&a->ways[w]);
    TAILQ_INIT(&a->spare);
    a->sleeper = calloc(settings->nodes + 1, sizeof *a->sleeper);
    a->waiting = calloc(settings->nodes + 1, sizeof *a->waiting);
    if (a->sleeper && a->waiting)
        return a;
    sim_air_free(a);
    return NULL;
}

static void free_list(struct aloft_list *list)
{
    struct aloft *f;
    while ((f = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, f, next);
        free(f);
    }
}

void sim_air_free(struct sim_air *a)
{
    if (!a)
        return;
    for (enum way w = 0; w < WAYS; w++)
        free_list(&a->ways[w]);
    free_list(&a->spare);
    free(a->sleeper);
    free(a->waiting);
    free(a);
}

void sim_air_set_sleeper(struct sim_air *a, size_t node, bool sleeper)
{
    a->sleeper[node] = sleeper;
}

/* ---- on its way -------------------------------------------------------------------------------------------------- */

static msec takes(const struct sim_air *a, enum way w)
{
    switch (w) {
    case UNACKED:
        return SIM_UNACKED_MS;
    case UNROUTED:
        return SIM_UNROUTED_MS;
    case HELD:
        return SIM_HELD_MS;
    case DOWN:
    case UP:
    case WAYS:
        break;
    }
    return a->settings.latency_ms;
}

static void put(struct sim_air *a, enum way w, struct aloft *f, msec now)
{
    f->due = now + takes(a, w);
    TAILQ_INSERT_TAIL(&a->ways[w], f, next);
    if (w == HELD)
        a->waiting[f->node]++;
}

static void take(struct sim_air *a, enum way w, struct aloft *f)
{
    TAILQ_REMOVE(&a->ways[w], f, next);
    if (w == HELD)
        a->waiting[f->node]--;
}

/* A frame without memory is lost; NULL then. */
static struct aloft *lift(struct sim_air *a, struct span data)
{
    struct aloft *f = TAILQ_FIRST(&a->spare);
    if (f)
        TAILQ_REMOVE(&a->spare, f, next);
    else
        f = malloc(sizeof *f);
    if (!f)
        return NULL;
    size_t len = data.len < sizeof f->data ? data.len : sizeof f->data;
    if (len > 0)
        memcpy(f->data, data.at, len);
    f->frame = (struct sim_frame){ .data = span_of(f->data, len) };
    f->node = SIM_NOBODY;
    f->token = 0;
    f->silent = true;
    return f;
}

static void land(struct sim_air *a, struct aloft *f)
{
    TAILQ_INSERT_HEAD(&a->spare, f, next);
}

/* ---- from the stick ---------------------------------------------------------------------------------------------- */

/* The node has it, but the stick never learns that. */
static void arrive_unnoticed(struct sim_air *a, size_t node, struct span data, msec now)
{
    struct aloft *f = lift(a, data);
    if (!f)
        return;
    f->node = node;
    put(a, DOWN, f, now);
}

void sim_air_unicast(struct sim_air *a, size_t node, struct span data, uint32_t token, msec now)
{
    struct aloft *f = lift(a, data);
    if (!f)
        return;
    f->token = token;
    f->node = node;
    f->silent = false;
    if (node == SIM_NOBODY) {
        put(a, UNROUTED, f, now);
    } else if (sim_chance(&a->random, a->settings.loss_percent)) {
        put(a, UNACKED, f, now);
        if (!a->sleeper[node] && sim_random(&a->random) % ACK_LOST_ONE_IN == 0)
            arrive_unnoticed(a, node, data, now);
    } else {
        put(a, a->sleeper[node] ? HELD : DOWN, f, now);
    }
}

void sim_air_broadcast(struct sim_air *a, struct span data, msec now)
{
    arrive_unnoticed(a, SIM_NOBODY, data, now);
}

void sim_air_forget(struct sim_air *a)
{
    for (enum way w = 0; w < WAYS; w++) {
        struct aloft *f;
        TAILQ_FOREACH(f, &a->ways[w], next)
            f->silent = true;
    }
}

/* ---- from the nodes ---------------------------------------------------------------------------------------------- */

void sim_air_send(struct sim_air *a, size_t node, const struct sim_frame *frame, msec now)
{
    struct aloft *f = lift(a, frame->data);
    if (!f)
        return;
    struct span data = f->frame.data;
    f->frame = *frame;
    f->frame.data = data;
    f->node = node;
    put(a, UP, f, now);
}

void sim_air_poll(struct sim_air *a, size_t node, msec now)
{
    struct aloft *f = a->waiting[node] > 0 ? TAILQ_FIRST(&a->ways[HELD]) : NULL;
    while (f) {
        struct aloft *following = TAILQ_NEXT(f, next);
        if (f->node == node) {
            take(a, HELD, f);
            put(a, DOWN, f, now);
        }
        f = following;
    }
}

void sim_air_hold(struct sim_air *a, bool hold)
{
    a->hold = hold;
}

/* ---- what time does ---------------------------------------------------------------------------------------------- */

static void tell(struct sim_air *a, const struct aloft *f, enum sim_outcome how)
{
    if (!f->silent)
        a->events.outcome(a->events.context, f->token, how);
}

static void heard_by_all(struct sim_air *a, struct span data)
{
    for (size_t i = 0; i < a->settings.nodes; i++)
        if (!a->sleeper[i] && !sim_chance(&a->random, a->settings.loss_percent))
            a->events.hear(a->events.context, i, data);
}

/* The acknowledgement of the radio comes before any answer of the node. */
static void arrive_down(struct sim_air *a, const struct aloft *f)
{
    tell(a, f, SIM_DELIVERED);
    if (f->node == SIM_NOBODY)
        heard_by_all(a, f->frame.data);
    else
        a->events.hear(a->events.context, f->node, f->frame.data);
}

static void arrive_up(struct sim_air *a, const struct aloft *f, msec now)
{
    bool late = now > f->due + SIM_HELD_MS;
    if (!late && !sim_chance(&a->random, a->settings.loss_percent))
        a->events.receive(a->events.context, &f->frame);
    a->events.sent(a->events.context, f->node);
}

static void arrive(struct sim_air *a, enum way w, const struct aloft *f, msec now)
{
    switch (w) {
    case DOWN:
        arrive_down(a, f);
        break;
    case UP:
        arrive_up(a, f, now);
        break;
    case UNACKED:
        tell(a, f, SIM_NO_ACK);
        break;
    case UNROUTED:
        tell(a, f, SIM_NO_ROUTE);
        break;
    case HELD:
        tell(a, f, SIM_EXPIRED);
        break;
    case WAYS:
        break;
    }
}

static bool is_due(const struct sim_air *a, enum way w, msec now)
{
    const struct aloft *f = TAILQ_FIRST(&a->ways[w]);
    return f && f->due <= now && !(w == UP && a->hold);
}

/* One frame of each way in turn: what an arrival makes a stick or a node send may be due at once, too. */
void sim_air_tick(struct sim_air *a, msec now)
{
    bool more = true;
    for (size_t n = 0; more && n < TICK_FRAMES; n++) {
        more = false;
        for (enum way w = 0; w < WAYS; w++) {
            if (!is_due(a, w, now))
                continue;
            struct aloft *f = TAILQ_FIRST(&a->ways[w]);
            take(a, w, f);
            arrive(a, w, f, now);
            land(a, f);
            more = true;
        }
    }
}

msec sim_air_deadline(const struct sim_air *a)
{
    msec first = MSEC_NEVER;
    for (enum way w = 0; w < WAYS; w++) {
        const struct aloft *f = TAILQ_FIRST(&a->ways[w]);
        if (f && f->due < first && !(w == UP && a->hold))
            first = f->due;
    }
    return first;
}
