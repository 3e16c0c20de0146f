/* gateway_drain.c -- what waits for the broker leaves: whose turn it is, and how fast (design section 6).
 *
 * Clients with something in their uplink queue stand in a ring; each turn of one hands over one message, so that a
 * client with ten thousand does not hold up one with a single message, and live traffic goes in between. All together
 * keep to a rate. A message that is not on disk yet waits in a second ring, in the order of its batch. Whoever can do
 * nothing now (broker away, enough on its way) leaves the ring and is put back by the event that it waits for. */
#include "gateway/gateway_inside.h"

#include "radio/clock.h"

#include <event2/event.h>

enum { AGAIN_MS = 200, REFILL_MS = 10 };

static void leave(struct gateway *g, struct kept *k)
{
    if (k->drain == DRAIN_READY)
        TAILQ_REMOVE(&g->drain.ready, k, in_drain);
    else if (k->drain == DRAIN_LATER)
        TAILQ_REMOVE(&g->drain.later, k, in_drain);
    else if (k->drain == DRAIN_FULL)
        TAILQ_REMOVE(&g->drain.full, k, in_drain);
    k->drain = DRAIN_NOT;
}

static void enter(struct gateway *g, struct kept *k, enum drain where)
{
    leave(g, k);
    k->drain = where;
    if (where == DRAIN_READY)
        TAILQ_INSERT_TAIL(&g->drain.ready, k, in_drain);
    else if (where == DRAIN_LATER)
        TAILQ_INSERT_TAIL(&g->drain.later, k, in_drain);
    else
        TAILQ_INSERT_TAIL(&g->drain.full, k, in_drain);
}

void gateway_drain_leave(struct gateway *g, struct peer *one)
{
    leave(g, peer_kept(one));
}

/* Who waits for a place keeps its place in that row: what it has to hand over first is on disk. */
void gateway_drain_later(struct gateway *g, struct peer *one, uint64_t ticket)
{
    if (peer_kept(one)->drain == DRAIN_FULL)
        return;
    peer_kept(one)->drain_ticket = ticket;
    enter(g, peer_kept(one), DRAIN_LATER);
}

void gateway_drain_soon(struct gateway *g, struct peer *one)
{
    if (!g->drain.busy && peer_kept(one)->drain == DRAIN_NOT && session_wants_turn(peer_session(one)))
        enter(g, peer_kept(one), DRAIN_READY);
}

void gateway_drain_shared(struct gateway *g)
{
    for (struct peer *one = NULL; (one = peers_next(g->peers, one));)
        if (peer_session(one)->upstream == aggregate_upstream(g->aggregate))
            gateway_drain_soon(g, one);
}

void gateway_drain_ceases(struct gateway *g, msec now)
{
    for (struct peer *one = NULL, *behind = peers_next(g->peers, one); (one = behind);) {
        behind = peers_next(g->peers, one);
        if (peer_session(one)->uplink.count > 0)
            gateway_tick(g, one, now);
    }
}

void gateway_drain_safe(struct gateway *g)
{
    uint64_t safe = store_safe(g->store);
    for (struct kept *k; (k = TAILQ_FIRST(&g->drain.later)) && k->drain_ticket <= safe;)
        enter(g, k, DRAIN_READY);
}

/* ---- a turn ------------------------------------------------------------------------------------------------------ */

/* A client that left before its messages did: its connection is opened once more, for them. */
static void dial_for(const struct gateway *g, struct peer *one, msec now)
{
    struct link *own = *peer_link(one);
    if (own && !link_is_open(own) && !g->stopping)
        link_dial(own, now);
}

/* The broker is there and takes nothing now: another time. */
static void wait_for_room(struct gateway *g, struct kept *k)
{
    struct upstream *u = peer_session(k->peer)->upstream;
    if (u == aggregate_upstream(g->aggregate) && !upstream_takes_qos2(u))
        enter(g, k, DRAIN_FULL);
    else
        g->drain.stuck = true;
}

static void give_turn(struct gateway *g, struct kept *k, msec now)
{
    struct peer *one = k->peer;
    struct session *s = peer_session(one);
    leave(g, k);
    if (s->uplink.count == 0)
        return;
    if (!s->upstream || !upstream_online(s->upstream)) {
        dial_for(g, one, now);
        return;
    }
    g->actions.count = 0;
    bool left = session_drain(s, g->store ? store_safe(g->store) : 0, now, &g->actions);
    bool over = s->uplink.count == 0;
    g->drain.tokens -= left;
    gateway_perform(g, one, now);
    if (over || k->drain != DRAIN_NOT || !session_wants_turn(s)) /* over: it may be gone */
        return;
    if (left)
        enter(g, k, DRAIN_READY);
    else
        wait_for_room(g, k);
}

/* Whoever found it full has the first places that become free, in the order in which they found it so: else those with
 * much on their way, who hear first that something is free, would take them all. */
static void give_places(struct gateway *g, msec now)
{
    struct upstream *u = aggregate_upstream(g->aggregate);
    for (size_t places = upstream_places(u); places > 0 && g->drain.tokens > 0; places--) {
        struct kept *k = TAILQ_FIRST(&g->drain.full);
        if (!k)
            return;
        give_turn(g, k, now);
    }
}

static void refill(struct gateway *g, msec now)
{
    uint32_t rate = g->current->limits.uplink_queue.rate;
    uint64_t more = (now - g->drain.filled_at) * rate / 1000;
    uint32_t most = rate / 10 + 1; /* a tenth of a second may leave at once */
    if (more == 0)
        return;
    g->drain.tokens = more + g->drain.tokens > most ? most : g->drain.tokens + (uint32_t)more;
    g->drain.filled_at = now;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct gateway *g = arg;
    (void)fd, (void)what;
    if (!g->drain.stuck)
        return; /* the turn ends with gateway_drain anyway */
    g->drain.stuck = false;
    for (struct peer *one = NULL; (one = peers_next(g->peers, one));)
        gateway_drain_soon(g, one);
}

static void arm(struct gateway *g, msec wait)
{
    struct timeval t = { .tv_usec = (suseconds_t)wait * 1000 };
    if (!evtimer_pending(g->drain.timer, NULL))
        evtimer_add(g->drain.timer, &t);
}

void gateway_drain(struct gateway *g, msec now)
{
    if (TAILQ_EMPTY(&g->drain.ready) && TAILQ_EMPTY(&g->drain.full) && !g->drain.stuck)
        return;
    refill(g, now);
    g->drain.busy = true;
    give_places(g, now);
    for (struct kept *k; g->drain.tokens > 0 && (k = TAILQ_FIRST(&g->drain.ready));)
        give_turn(g, k, now);
    g->drain.busy = false;
    if (!TAILQ_EMPTY(&g->drain.ready))
        arm(g, REFILL_MS);
    else if (g->drain.stuck || !TAILQ_EMPTY(&g->drain.full))
        arm(g, AGAIN_MS);
}

bool gateway_drain_init(struct gateway *g)
{
    TAILQ_INIT(&g->drain.ready);
    TAILQ_INIT(&g->drain.later);
    TAILQ_INIT(&g->drain.full);
    g->drain.timer = evtimer_new(g->loop, on_timer, g);
    return g->drain.timer != NULL;
}

void gateway_drain_free(struct gateway *g)
{
    if (g->drain.timer)
        event_free(g->drain.timer);
}
