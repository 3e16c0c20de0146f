/* session_arrive.c -- a message from the broker comes for a client (MQTT-SN 1.2, sections 6.10, 6.14; SN-SLP-2, -11).
 *
 * It leaves at once when nothing is before it; else it waits in the client's queue, which is bounded. A client that
 * sleeps, or is away, or is slow for a second, must not make the broker wait: its message is put on disk, and the
 * broker is acknowledged as soon as it is there (design rules 1 and 7). Without a store the broker keeps it until the
 * client has taken it. */
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

/* A QoS 1 or 2 message that there is no room for stays with the broker, if the broker keeps it for this client alone
 * (SN-SLP-11): the strategy knows. */
static void refuse_upstream(const struct mqtt_packet *p, struct actions *out)
{
    if (p->receipt != 0)
        actions_upstream(out, &(struct mqtt_packet){
                                  .type = MQTT_PUBACK, .code = MQTT_REFUSED, .receipt = p->receipt });
}

void deliver_accept(struct session *s, const struct mqtt_packet *p, msec now, struct actions *out)
{
    const struct limits *l = s->common->limits;
    struct sleepq_limits room = { l->queue_messages, l->queue_bytes, l->queue_drop_oldest };
    struct queued_list victims = STAILQ_HEAD_INITIALIZER(victims);
    enum drop why = not_wanted(s, p);
    if (why == DROPS && p->qos > 0 && p->topic.len + p->payload.len > l->queue_bytes) {
        actions_drop(out, DROP_TOO_LARGE); /* it never fits, so the broker need not keep it (SN-FRM-9) */
        delivery_settle(out, p->qos, p->receipt);
        return;
    }
    if (why == DROPS && delivery_at_once(s, p, out))
        return;
    if (why == DROPS) {
        enum sleepq_error e = sleepq_push(&s->queue, p, now, &room, &victims);
        why = e == SLEEPQ_FULL ? DROP_QUEUE_FULL : e == SLEEPQ_NO_MEMORY ? DROP_MEMORY : DROPS;
    }
    for (struct queued *q; (q = STAILQ_FIRST(&victims));) {
        STAILQ_REMOVE_HEAD(&victims, next);
        delivery_drop_queued(s, q, DROP_OLDEST, out);
    }
    if (why == DROPS)
        keep_arrival(s, sleepq_last(&s->queue), now, out);
    if (why != DROPS) {
        actions_drop(out, why);
        refuse_upstream(p, out);
    }
    deliver_next(s, now, out);
}
