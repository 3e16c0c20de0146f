/* session_brake.c -- a client that takes its messages, but not as fast as they come.
 *
 * The queue of a client is short, and a broker sends what it has as fast as TCP takes it: all the retained messages of
 * a wildcard, say. So when the queue of a client that is awake is nearly full, its broker connection is not read for a
 * moment, and TCP makes the broker wait. On a connection of the client's own that goes on for as long as it takes a
 * message a second. The shared one stands still for a second of ten at most, for all of them together, since all
 * others wait too (design rule 7): a client that never keeps up must not set the pace. What comes after that meets the
 * limits of the queue. */
#include "gateway/core/session_rules.h"

enum { HIGH = 75, LOW = 50 }; /* in percent of a limit */
enum { PATIENCE_MS = 1000, SHARED_EVERY_MS = 10000 };

static bool filled(const struct session *s, unsigned percent)
{
    const struct limits *l = s->common->limits;
    return (uint64_t)s->queue.count * 100 >= (uint64_t)l->queue_messages * percent ||
           (uint64_t)s->queue.bytes * 100 >= (uint64_t)l->queue_bytes * percent;
}

static bool is_own(const struct session *s)
{
    return s->upstream->session == s;
}

/* Is this within the second of the shared connection, or may the next one begin? */
static bool may_pull(const struct session *s, msec now)
{
    const struct upstream *u = s->upstream;
    return is_own(s) || now < u->brake_until || now >= u->brake_again;
}

static enum brake_step step_from(const struct session *s, msec now)
{
    const struct brake *b = &s->brake;
    bool takes = s->upstream && (s->state == SESSION_ACTIVE || s->state == SESSION_AWAKE);
    if (!takes || s->queue.count == 0 || !filled(s, LOW))
        return BRAKE_OFF;
    if (b->step == BRAKE_OFF)
        return filled(s, HIGH) && may_pull(s, now) ? BRAKE_ON : BRAKE_OFF;
    return b->step == BRAKE_ON && now < b->until ? BRAKE_ON : BRAKE_SPENT;
}

void session_release_brake(struct session *s)
{
    if (s->brake.held)
        s->brake.held->brakes--;
    s->brake.held = NULL;
}

static void pull(struct session *s, msec now)
{
    struct upstream *u = s->upstream;
    if (!is_own(s) && now >= u->brake_again) {
        u->brake_until = now + PATIENCE_MS;
        u->brake_again = now + SHARED_EVERY_MS;
    }
    s->brake.until = is_own(s) ? now + PATIENCE_MS : u->brake_until;
    s->brake.held = u;
    u->brakes++;
}

static void brake(struct session *s, msec now)
{
    struct brake *b = &s->brake;
    if (b->step == BRAKE_ON && is_own(s) && s->queue.count < b->waiting)
        b->until = now + PATIENCE_MS;
    const enum brake_step next = step_from(s, now);
    if (next == BRAKE_ON && b->step != BRAKE_ON)
        pull(s, now);
    else if (next != BRAKE_ON)
        session_release_brake(s);
    b->step = (uint8_t)next;
    b->waiting = s->queue.count;
}

void session_rest(struct session *s, msec now)
{
    brake(s, now);
    session_set_deadline(s);
    if (s->brake.step == BRAKE_ON && s->brake.until < s->deadline)
        s->deadline = s->brake.until;
}
