/* session_brake.c -- a client that takes its messages, but not as fast as they come.
 *
 * The queue of a client is short, and a broker sends what it has as fast as TCP takes it: all the retained messages of
 * a wildcard, say. So when the queue of a client that is awake is nearly full, its broker connection is not read for a
 * moment, and TCP makes the broker wait. On a connection of the client's own that goes on for as long as it takes a
 * message a second. On the shared one it is a second at most, since all others wait too (design rule 7). What comes
 * after that meets the limits of the queue. */
#include "gateway/core/session_rules.h"

enum { PATIENCE_MS = 1000, HIGH = 75, LOW = 50 }; /* in percent of a limit */

static bool filled(const struct session *s, unsigned percent)
{
    const struct limits *l = s->common->limits;
    return (uint64_t)s->queue.count * 100 >= (uint64_t)l->queue_messages * percent ||
           (uint64_t)s->queue.bytes * 100 >= (uint64_t)l->queue_bytes * percent;
}

static enum brake_step step_from(const struct session *s, msec now)
{
    const struct brake *b = &s->brake;
    bool takes = s->upstream && (s->state == SESSION_ACTIVE || s->state == SESSION_AWAKE);
    if (!takes || s->queue.count == 0 || !filled(s, LOW))
        return BRAKE_OFF;
    if (b->step == BRAKE_OFF)
        return filled(s, HIGH) ? BRAKE_ON : BRAKE_OFF;
    return b->step == BRAKE_ON && now < b->until ? BRAKE_ON : BRAKE_SPENT;
}

void session_release_brake(struct session *s)
{
    if (s->brake.held)
        s->brake.held->brakes--;
    s->brake.held = NULL;
}

static void pull(struct session *s)
{
    s->brake.held = s->upstream;
    s->upstream->brakes++;
}

static void brake(struct session *s, msec now)
{
    struct brake *b = &s->brake;
    bool own = s->upstream && s->upstream->session == s;
    if (b->step == BRAKE_ON && own && s->queue.count < b->waiting)
        b->until = now + PATIENCE_MS;
    const enum brake_step next = step_from(s, now);
    if (next == BRAKE_ON && b->step != BRAKE_ON) {
        b->until = now + PATIENCE_MS;
        pull(s);
    } else if (next != BRAKE_ON) {
        session_release_brake(s);
    }
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
