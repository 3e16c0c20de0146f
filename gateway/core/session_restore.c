/* session_restore.c -- a session of an earlier run goes on (SN-SES-7, SN-SLP-20; design rule 4).
 *
 * What was on disk is put in place before anything is heard. Times go on, but nobody is lost before there was a full
 * period in which it could have been heard: while we were down, it may have spoken to nobody. */
#include "gateway/core/session_rules.h"

#include <stdlib.h>

/* A client that was awake sleeps: what it did not get it will ask for again. */
void session_restore(struct session *s, enum session_state state, msec since, msec now)
{
    s->state = state;
    s->entered_at = since;
    s->heard_at = state == SESSION_ACTIVE ? now : since;
    s->lost_not_before = now + s->sleep_s * (msec)1000;
    session_set_deadline(s);
}

/* It was on its way to the client: the same message goes on, under the same id. */
static void restore_delivery(struct session *s, struct queued *one)
{
    s->delivery = (struct delivery){ .message = one,
                                     .sent = true,
                                     .message_id = one->message_id,
                                     .publish_id = one->message_id,
                                     .retry_at = MSEC_NEVER };
    s->delivery.phase = one->phase == QUEUED_RELEASED ? DELIVERY_PUBCOMP : DELIVERY_PUBREC;
    delivery_name(s);
}

void session_restore_message(struct session *s, struct queued *one, msec now, struct actions *out)
{
    session_begin(s);
    if (one->up)
        uplink_restore(s, one);
    else if (one->phase != QUEUED_WAITING && !s->delivery.message)
        restore_delivery(s, one);
    else
        deliver_restored(s, one, now, out);
}

void session_restore_exchange(struct session *s, size_t place, const struct exchange *e)
{
    if (place < EXCHANGES && s->inflight.list[place].phase == EXCHANGE_FREE)
        inflight_restore(&s->inflight, place, e);
}

/* One whose topic id the client does not know, or that has none, begins anew, under the message id it had. */
static void resume_delivery(struct session *s, msec now)
{
    struct delivery *d = &s->delivery;
    d->retry_at = now;
    if (d->phase == DELIVERY_PUBREC && !delivery_knows_topic(s))
        d->phase = DELIVERY_PAUSED;
}

void session_resume(struct session *s, msec now)
{
    uplink_resume(s);
    if (s->state == SESSION_ACTIVE && s->delivery.message)
        resume_delivery(s, now);
    session_set_deadline(s);
    if (s->state == SESSION_ACTIVE && (s->delivery.message || s->queue.count > 0))
        s->deadline = now;
}
