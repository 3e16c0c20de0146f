/* lineup.c -- one frame under way per node, and the nodes take turns.
 *
 * A node that something waits for, and that has nothing under way, stands in `turns`. The first of them whose time has
 * come goes next; when its frame came to its end it stands at the back again, so a node with much to hear cannot hold
 * up the others, and a node that answers to nothing holds up only itself.
 *
 * A radio that is full says so at once and often. Such a frame keeps its place at the head of its node's line and goes
 * again half a second later, a second, ... Everything that waits is also in `ages`, oldest first: what waited longer
 * than WAIT_MAX_MS would reach the node after the layers above have given up or sent it again. */
#include "radio/lineup.h"

#include <assert.h>
#include <stdlib.h>

enum {
    BROADCASTS = 4,
    BROADCAST_BURST = 2,
    BUSY_WAIT_MS = 500, /* times the number of tries */
    TRIES_MAX = 5,
    WAIT_MAX_MS = 30000,
};

struct outgoing {
    STAILQ_ENTRY(outgoing) next; /* of its node, or of the free ones */
    TAILQ_ENTRY(outgoing) age;
    struct neighbour *to;
    msec added, not_before;
    uint8_t tries, token;
    uint16_t len;
    uint8_t bytes[COORDINATOR_PAYLOAD_MAX];
};

struct broadcast {
    uint8_t radius;
    uint16_t len;
    uint8_t bytes[COORDINATOR_PAYLOAD_MAX];
};

struct lineup {
    struct lineup_limits limits;
    struct outgoing *pool;
    STAILQ_HEAD(, outgoing) free;
    TAILQ_HEAD(, outgoing) ages;
    TAILQ_HEAD(, neighbour) turns;
    TAILQ_HEAD(, neighbour) refused;
    struct outgoing *under_way[UINT8_MAX + 1]; /* by token */
    uint8_t last_token;
    uint16_t under_way_count;
    size_t count;
    struct broadcast broadcasts[BROADCASTS]; /* a ring */
    size_t broadcast_first, broadcast_count;
    msec paced_to; /* broadcasts have used up the time until here */
};

struct lineup *lineup_new(const struct lineup_limits *limits)
{
    struct lineup *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->limits = *limits;
    STAILQ_INIT(&l->free);
    TAILQ_INIT(&l->ages);
    TAILQ_INIT(&l->turns);
    TAILQ_INIT(&l->refused);
    l->pool = calloc(limits->frames, sizeof *l->pool);
    if (!l->pool) {
        lineup_free(l);
        return NULL;
    }
    for (size_t i = 0; i < limits->frames; i++)
        STAILQ_INSERT_TAIL(&l->free, &l->pool[i], next);
    return l;
}

static void give_back(struct lineup *l, struct outgoing *o)
{
    STAILQ_INSERT_HEAD(&l->free, o, next);
    l->count--;
}

/* Out of its node's line, of which it is the head. */
static void leave_line(struct lineup *l, struct outgoing *o)
{
    struct neighbour *n = o->to;
    assert(STAILQ_FIRST(&n->waiting) == o);
    STAILQ_REMOVE_HEAD(&n->waiting, next);
    TAILQ_REMOVE(&l->ages, o, age);
    n->waiting_count--;
    if (n->waiting_count == 0 && !n->under_way)
        TAILQ_REMOVE(&l->turns, n, turn);
}

void lineup_free(struct lineup *l)
{
    if (!l)
        return;
    for (struct outgoing *o; (o = TAILQ_FIRST(&l->ages));)
        leave_line(l, o);
    for (size_t t = 0; t <= UINT8_MAX; t++)
        if (l->under_way[t])
            l->under_way[t]->to->under_way = NULL;
    free(l->pool);
    free(l);
}

size_t lineup_count(const struct lineup *l)
{
    return l->count;
}

/* ---- unicasts --------------------------------------------------------------------------------------------------- */

static const char *no_room(const struct lineup *l, const struct neighbour *to, size_t octets)
{
    if (octets > COORDINATOR_PAYLOAD_MAX)
        return "oversize";
    if (STAILQ_EMPTY(&l->free))
        return "radio queue full";
    return to->waiting_count >= l->limits.frames_a_node ? "radio queue of the node full" : NULL;
}

static const char *refuse(struct lineup *l, struct neighbour *to, const char *why)
{
    if (to->refused++ == 0)
        TAILQ_INSERT_TAIL(&l->refused, to, refusal);
    return why;
}

bool lineup_next_refused(struct lineup *l, struct lineup_end *end)
{
    struct neighbour *n = TAILQ_FIRST(&l->refused);
    if (!n)
        return false;
    if (--n->refused == 0)
        TAILQ_REMOVE(&l->refused, n, refusal);
    *end = (struct lineup_end){ n, RADIO_REFUSED };
    return true;
}

const char *lineup_add(struct lineup *l, struct neighbour *to, struct span data, msec now)
{
    struct outgoing *o = STAILQ_FIRST(&l->free);
    const char *why = no_room(l, to, data.len);
    if (why)
        return refuse(l, to, why);
    STAILQ_REMOVE_HEAD(&l->free, next);
    *o = (struct outgoing){ .to = to, .added = now, .not_before = now, .len = (uint16_t)data.len };
    memcpy(o->bytes, data.at, data.len);
    if (to->waiting_count == 0 && !to->under_way)
        TAILQ_INSERT_TAIL(&l->turns, to, turn);
    STAILQ_INSERT_TAIL(&to->waiting, o, next);
    TAILQ_INSERT_TAIL(&l->ages, o, age);
    to->waiting_count++;
    l->count++;
    return NULL;
}

static uint8_t new_token(struct lineup *l)
{
    do
        l->last_token = (uint8_t)(l->last_token == UINT8_MAX ? 1 : l->last_token + 1);
    while (l->under_way[l->last_token]);
    return l->last_token;
}

bool lineup_next(struct lineup *l, uint8_t window, msec now, struct unicast *out)
{
    struct neighbour *n;
    if (l->under_way_count >= window || l->under_way_count == UINT8_MAX)
        return false;
    TAILQ_FOREACH(n, &l->turns, turn)
        if (STAILQ_FIRST(&n->waiting)->not_before <= now)
            break;
    if (!n)
        return false;
    struct outgoing *o = STAILQ_FIRST(&n->waiting);
    TAILQ_REMOVE(&l->turns, n, turn);
    n->under_way = o; /* before it leaves the line: the node is in no turn now */
    leave_line(l, o);
    o->token = new_token(l);
    o->tries++;
    l->under_way[o->token] = o;
    l->under_way_count++;
    *out = (struct unicast){ n, o->token, span_of(o->bytes, o->len) };
    return true;
}

static void no_longer_under_way(struct lineup *l, struct outgoing *o)
{
    l->under_way[o->token] = NULL;
    l->under_way_count--;
    o->to->under_way = NULL;
    if (o->to->waiting_count > 0)
        TAILQ_INSERT_TAIL(&l->turns, o->to, turn);
}

static void wait_again(struct lineup *l, struct outgoing *o, msec not_before)
{
    struct neighbour *n = o->to;
    o->not_before = not_before;
    if (n->waiting_count == 0)
        TAILQ_INSERT_TAIL(&l->turns, n, turn);
    STAILQ_INSERT_HEAD(&n->waiting, o, next);
    TAILQ_INSERT_HEAD(&l->ages, o, age);
    n->waiting_count++;
}

bool lineup_sent(struct lineup *l, uint8_t token, enum radio_sent result, msec now,
                 struct lineup_end *end)
{
    struct outgoing *o = l->under_way[token];
    if (!o)
        return false;
    no_longer_under_way(l, o);
    bool may_go_again = result == RADIO_BUSY || result == RADIO_LOST;
    if (may_go_again && o->tries < TRIES_MAX) {
        wait_again(l, o, result == RADIO_BUSY ? now + (msec)BUSY_WAIT_MS * o->tries : now);
        return false;
    }
    *end = (struct lineup_end){ o->to, result };
    give_back(l, o);
    return true;
}

void lineup_recall(struct lineup *l)
{
    for (size_t t = 0; t <= UINT8_MAX; t++) {
        struct outgoing *o = l->under_way[t];
        if (!o)
            continue;
        no_longer_under_way(l, o);
        o->tries = 0; /* it was the radio's fault, not the node's */
        wait_again(l, o, 0);
    }
}

bool lineup_expire(struct lineup *l, msec now, struct lineup_end *end)
{
    struct outgoing *o = TAILQ_FIRST(&l->ages);
    if (!o || now < o->added + WAIT_MAX_MS)
        return false;
    leave_line(l, o);
    *end = (struct lineup_end){ o->to, RADIO_BUSY };
    give_back(l, o);
    return true;
}

/* ---- broadcasts ------------------------------------------------------------------------------------------------- */

const char *lineup_add_broadcast(struct lineup *l, uint8_t radius, struct span data)
{
    if (data.len > COORDINATOR_PAYLOAD_MAX)
        return "oversize";
    if (l->broadcast_count == BROADCASTS)
        return "too many broadcasts";
    struct broadcast *b = &l->broadcasts[(l->broadcast_first + l->broadcast_count++) % BROADCASTS];
    b->radius = radius;
    b->len = (uint16_t)data.len;
    memcpy(b->bytes, data.at, data.len);
    return NULL;
}

/* Each broadcast uses up `pace`; a burst may run ahead of the clock by all but one of its own. */
static msec broadcast_at(const struct lineup *l)
{
    const msec ahead = (BROADCAST_BURST - 1) * l->limits.pace;
    return l->paced_to > ahead ? l->paced_to - ahead : 0;
}

bool lineup_next_broadcast(struct lineup *l, msec now, uint8_t *radius, struct span *data)
{
    if (l->broadcast_count == 0 || now < broadcast_at(l))
        return false;
    const struct broadcast *b = &l->broadcasts[l->broadcast_first];
    l->broadcast_first = (l->broadcast_first + 1) % BROADCASTS;
    l->broadcast_count--;
    l->paced_to = (l->paced_to > now ? l->paced_to : now) + l->limits.pace;
    *radius = b->radius;
    *data = span_of(b->bytes, b->len);
    return true;
}

/* ---- time ------------------------------------------------------------------------------------------------------- */

static msec next_turn(const struct lineup *l)
{
    msec first = MSEC_NEVER;
    const struct neighbour *n;
    TAILQ_FOREACH(n, &l->turns, turn) {
        msec at = STAILQ_FIRST(&n->waiting)->not_before;
        if (at < first)
            first = at;
        if (first == 0)
            break;
    }
    return first;
}

msec lineup_deadline(const struct lineup *l, bool up, uint8_t window)
{
    const struct outgoing *oldest = TAILQ_FIRST(&l->ages);
    if (!TAILQ_EMPTY(&l->refused))
        return 0;
    msec first = oldest ? oldest->added + WAIT_MAX_MS : MSEC_NEVER;
    if (up && l->under_way_count < window) {
        msec turn = next_turn(l);
        first = turn < first ? turn : first;
    }
    if (up && l->broadcast_count > 0 && broadcast_at(l) < first)
        first = broadcast_at(l);
    return first;
}
