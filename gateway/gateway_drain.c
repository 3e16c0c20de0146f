/* gateway_drain.c -- what waits for the broker leaves: whose turn it is, and how fast (design section 6).
 *
 * Clients with something in their uplink queue stand in a ring; each turn of one hands over one message, so that a
 * client with ten thousand does not hold up one with a single message, and live traffic goes in between. All together
 * keep to a rate. A message that is not on disk yet waits in a second ring, in the order of its batch. Whoever can do
 * nothing now (broker away, enough on its way) leaves the ring and is put back by the event that it waits for. */
#include "gateway/gateway_inside.h"

#include "radio/clock.h"

#include <event2/event.h>

enum { WINDOW = 8, AGAIN_MS = 200, REFILL_MS = 10 };

static void leave(struct gateway *g, struct kept *k)
{
    if (k->drain == DRAIN_READY)
        TAILQ_REMOVE(&g->drain.ready, k, in_drain);
    else if (k->drain == DRAIN_LATER)
        TAILQ_REMOVE(&g->drain.later, k, in_drain);
    k->drain = DRAIN_NOT;
}

static void enter(struct gateway *g, struct kept *k, enum drain where)
{
    leave(g, k);
    k->drain = where;
    if (where == DRAIN_READY)
        TAILQ_INSERT_TAIL(&g->drain.ready, k, in_drain);
    else
        TAILQ_INSERT_TAIL(&g->drain.later, k, in_drain);
}

void gateway_drain_leave(struct gateway *g, struct peer *one)
{
    leave(g, peer_kept(one));
}

void gateway_drain_later(struct gateway *g, struct peer *one, uint64_t ticket)
{
    peer_kept(one)->drain_ticket = ticket;
    enter(g, peer_kept(one), DRAIN_LATER);
}

static bool has_more(struct peer *one)
{
    const struct session *s = peer_session(one);
    return s->uplink.count > s->uplink_open && s->uplink_open < WINDOW;
}

void gateway_drain_soon(struct gateway *g, struct peer *one)
{
    if (!g->drain.busy && peer_kept(one)->drain == DRAIN_NOT && has_more(one))
        enter(g, peer_kept(one), DRAIN_READY);
}

void gateway_drain_shared(struct gateway *g)
{
    for (struct peer *one = NULL; (one = peers_next(g->peers, one));)
        if (peer_session(one)->upstream == aggregate_upstream(g->aggregate))
            gateway_drain_soon(g, one);
}

void gateway_drain_safe(struct gateway *g)
{
    uint64_t safe = store_safe(g->store);
    for (struct kept *k; (k = TAILQ_FIRST(&g->drain.later)) && k->drain_ticket <= safe;)
        enter(g, k, DRAIN_READY);
}

/* ---- a turn ------------------------------------------------------------------------------------------------------ */

/* A client that left before its messages did: its connection is opened once more, for them. */
static void dial_for(struct peer *one, msec now)
{
    struct link *own = *peer_link(one);
    if (own && !link_is_open(own))
        link_dial(own, now);
}

/* The broker is there and takes nothing now: another time. */
static bool is_stuck(const struct gateway *g, struct peer *one)
{
    const struct session *s = peer_session(one);
    return peer_kept(one)->drain == DRAIN_NOT && has_more(one) && s->upstream &&
           upstream_online(s->upstream) && g->store;
}

static void give_turn(struct gateway *g, struct kept *k, msec now)
{
    struct peer *one = k->peer;
    struct session *s = peer_session(one);
    size_t before = s->uplink.count - s->uplink_open;
    leave(g, k);
    if (s->uplink.count == 0)
        return;
    if (!s->upstream || !upstream_online(s->upstream)) {
        dial_for(one, now);
        return;
    }
    g->actions.count = 0;
    bool again = session_drain(s, g->store ? store_safe(g->store) : 0, now, &g->actions);
    bool over = s->uplink.count == 0;
    g->drain.tokens -= before > s->uplink.count - s->uplink_open;
    gateway_perform(g, one, now);
    if (over)
        return; /* it may be gone */
    if (again && k->drain == DRAIN_NOT)
        enter(g, k, DRAIN_READY);
    else if (is_stuck(g, one))
        g->drain.stuck = true;
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
    if (TAILQ_EMPTY(&g->drain.ready) && !g->drain.stuck)
        return;
    refill(g, now);
    g->drain.busy = true;
    for (struct kept *k; g->drain.tokens > 0 && (k = TAILQ_FIRST(&g->drain.ready));)
        give_turn(g, k, now);
    g->drain.busy = false;
    if (!TAILQ_EMPTY(&g->drain.ready))
        arm(g, REFILL_MS);
    else if (g->drain.stuck)
        arm(g, AGAIN_MS);
}

bool gateway_drain_init(struct gateway *g)
{
    TAILQ_INIT(&g->drain.ready);
    TAILQ_INIT(&g->drain.later);
    g->drain.timer = evtimer_new(g->loop, on_timer, g);
    return g->drain.timer != NULL;
}

void gateway_drain_free(struct gateway *g)
{
    if (g->drain.timer)
        event_free(g->drain.timer);
}
