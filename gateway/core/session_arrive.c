/* session_arrive.c -- a message from the broker comes for a client (MQTT-SN 1.2, sections 6.10, 6.14; SN-SLP-2, -11).
 *
 * It leaves at once when nothing is before it; else it waits in the client's queue, which is bounded. A client that
 * sleeps, or is away, or is slow for a second, must not make the broker wait: its message is put on disk, and the
 * broker is acknowledged as soon as it is there (design rules 1 and 7). Without a store the broker keeps it until the
 * client has taken it. Whatever waits has its age, and goes when that is over, on disk too. */
#include "gateway/core/session_rules.h"

/* ---- taken over: it is on our disk, and the broker need not keep it ---------------------------------------------- */

static void keep(struct session *s, struct queued *q, struct actions *out)
{
    uint32_t receipt = q->receipt;
    struct arrival *a = arrivals_by_receipt(&s->upstream->mqtt.arrivals, receipt);
    if (a)
        arrival_keep(a);
    q->receipt = 0;
    session_keep(q, out);
    delivery_settle(out, q->qos, receipt);
}

static void keep_if_open(struct session *s, struct queued *q, struct actions *out)
{
    if (q->qos > 0 && q->receipt != 0)
        keep(s, q, out);
}

/* All that waits or none of it: what the broker sends again after a kill must not come behind younger ones. */
void deliver_keep(struct session *s, struct actions *out)
{
    struct queued *q;
    s->keep_at = MSEC_NEVER;
    if (!session_keeps(s))
        return;
    if (s->delivery.message && s->delivery.phase != DELIVERY_PUBREC &&
        s->delivery.phase != DELIVERY_PUBCOMP)
        keep_if_open(s, s->delivery.message, out);
    STAILQ_FOREACH(q, &s->queue.list, next)
        keep_if_open(s, q, out);
}

void deliver_keep_late(struct session *s, msec now, struct actions *out)
{
    if (now >= s->keep_at)
        deliver_keep(s, out);
}

/* A message for one who sleeps or is away is taken over at once. So is one of a connection that the broker forgets when
 * it breaks, and one that came at QoS 2, to whomever: a kill between its copies must not double one of them. For all
 * others the client has a second to take it. */
static void keep_arrival(struct session *s, const struct queued *q, msec now, struct actions *out)
{
    enum { SLOW_MS = 1000 };
    if (q->receipt == 0 || !session_keeps(s))
        return;
    const struct arrival *a = arrivals_by_receipt(&s->upstream->mqtt.arrivals, q->receipt);
    bool forgotten = s->upstream->session == s && s->clean;
    if (s->state != SESSION_ACTIVE || forgotten || (a && a->qos == 2))
        deliver_keep(s, out);
    else if (s->keep_at == MSEC_NEVER)
        s->keep_at = now + SLOW_MS;
}

/* ---- the limits of the queue ------------------------------------------------------------------------------------- */

static struct sleepq_limits room_of(const struct session *s)
{
    const struct limits *l = s->common->limits;
    return (struct sleepq_limits){ l->queue_messages, l->queue_bytes, l->queue_drop_oldest };
}

bool delivery_expired(const struct session *s, const struct queued *q, msec now)
{
    return now - q->since > s->common->limits->queue_ttl;
}

static bool expire_first(struct session *s, msec now, struct actions *out)
{
    const struct queued *first = sleepq_first(&s->queue);
    if (!first || !delivery_expired(s, first, now))
        return false;
    delivery_drop_queued(s, sleepq_pop(&s->queue), DROP_EXPIRED, out);
    return true;
}

/* What waited too long does not keep the place of what is new. */
static void expire_for(struct session *s, size_t size, msec now, struct actions *out)
{
    struct sleepq_limits room = room_of(s);
    while (!sleepq_fits(&s->queue, size, &room) && expire_first(s, now, out))
        ;
}

/* What is open waits like the others while nobody is there to take it. */
static bool waits_open(const struct session *s)
{
    return s->delivery.message && s->state != SESSION_ACTIVE && s->state != SESSION_AWAKE;
}

/* Also of one who never comes back: the age is a limit on disk, too. */
void deliver_expire(struct session *s, msec now, struct actions *out)
{
    enum { AT_ONCE = 64 };
    unsigned left = AT_ONCE;
    if (waits_open(s) && delivery_expired(s, s->delivery.message, now))
        delivery_drop(s, DROP_EXPIRED, out);
    while (left-- > 0 && expire_first(s, now, out))
        ;
}

msec deliver_deadline(const struct session *s)
{
    const struct queued *first = sleepq_first(&s->queue);
    msec since = waits_open(s) ? s->delivery.message->since : MSEC_NEVER;
    if (first && first->since < since)
        since = first->since;
    return since == MSEC_NEVER ? MSEC_NEVER : since + s->common->limits->queue_ttl + 1;
}

static void drop_all(struct session *s, struct queued_list *list, enum drop why, struct actions *out)
{
    for (struct queued *q; (q = STAILQ_FIRST(list));) {
        STAILQ_REMOVE_HEAD(list, next);
        delivery_drop_queued(s, q, why, out);
    }
}

/* The limits may have been others when it was kept. */
void deliver_restored(struct session *s, struct queued *one, msec now, struct actions *out)
{
    struct queued_list victims = STAILQ_HEAD_INITIALIZER(victims);
    struct sleepq_limits room = room_of(s);
    expire_for(s, (size_t)one->topic_len + one->payload_len, now, out);
    if (sleepq_insert(&s->queue, one, &room, &victims) != SLEEPQ_OK)
        delivery_drop_queued(s, one, DROP_QUEUE_FULL, out);
    drop_all(s, &victims, DROP_OLDEST, out);
}

/* ---- a message from the broker ----------------------------------------------------------------------------------- */

/* QoS 0 waits only for those who will come for it. */
static enum drop not_wanted(const struct session *s, const struct mqtt_packet *p)
{
    if (p->qos > 0)
        return DROPS;
    if (!session_is_connected(s) && s->state != SESSION_CONNECTING)
        return DROP_NOT_CONNECTED;
    return s->state == SESSION_ASLEEP && !s->access->sleep_qos0 ? DROP_ASLEEP_QOS0 : DROPS;
}

/* The strategy knows what becomes of it. */
static void refuse_upstream(const struct mqtt_packet *p, struct actions *out)
{
    if (p->receipt != 0)
        actions_upstream(out, &(struct mqtt_packet){
                                  .type = MQTT_PUBACK, .code = MQTT_REFUSED, .receipt = p->receipt });
}

/* A QoS 1 or 2 message that there is no room for stays with the broker, if the broker keeps it for this client alone
 * (SN-SLP-11). All that comes behind it stays there too, for order. */
static bool may_stay(const struct session *s, const struct mqtt_packet *p)
{
    return p->receipt != 0 && s->upstream->session == s && !s->clean;
}

static void leave_with_broker(struct session *s, const struct mqtt_packet *p, struct actions *out)
{
    s->upstream->left_with_broker += !p->dup;
    refuse_upstream(p, out);
}

bool session_drained(const struct session *s)
{
    return s->queue.count == 0 && s->delivery.phase == DELIVERY_IDLE;
}

void deliver_fetch(struct session *s, struct actions *out)
{
    const struct upstream *u = s->upstream;
    if (u && u->session == s && upstream_online(u) && session_drained(s) &&
        arrivals_any_refused(&u->mqtt.arrivals))
        actions_upstream(out, &(struct mqtt_packet){ .type = MQTT_PINGREQ });
}

/* DROPS, or why there is no room. */
static enum drop wait_in_line(struct session *s, const struct mqtt_packet *p, msec now,
                              struct actions *out)
{
    struct queued_list victims = STAILQ_HEAD_INITIALIZER(victims);
    struct sleepq_limits room = room_of(s);
    expire_for(s, p->topic.len + p->payload.len, now, out);
    enum sleepq_error e = sleepq_push(&s->queue, p, now, &room, &victims);
    drop_all(s, &victims, DROP_OLDEST, out);
    return e == SLEEPQ_FULL ? DROP_QUEUE_FULL : e == SLEEPQ_NO_MEMORY ? DROP_MEMORY : DROPS;
}

void deliver_accept(struct session *s, const struct mqtt_packet *p, msec now, struct actions *out)
{
    size_t size = p->topic.len + p->payload.len;
    enum drop why = not_wanted(s, p);
    if (why == DROPS && p->qos > 0 && size > s->common->limits->queue_bytes) {
        actions_drop(out, DROP_TOO_LARGE); /* it never fits, so the broker need not keep it (SN-FRM-9) */
        delivery_settle(out, p->qos, p->receipt);
        return;
    }
    if (why == DROPS && may_stay(s, p) && arrivals_any_refused(&s->upstream->mqtt.arrivals)) {
        leave_with_broker(s, p, out);
        return;
    }
    if (why == DROPS && delivery_at_once(s, p, out))
        return;
    if (why == DROPS)
        why = wait_in_line(s, p, now, out);
    if (why == DROPS) {
        keep_arrival(s, sleepq_last(&s->queue), now, out);
    } else if (may_stay(s, p)) {
        leave_with_broker(s, p, out);
    } else {
        actions_drop(out, why);
        refuse_upstream(p, out);
    }
    deliver_next(s, now, out);
}
