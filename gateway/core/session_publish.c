/* session_publish.c -- from the client to the broker: REGISTER, PUBLISH, PUBREL (MQTT-SN 1.2, sections 6.5, 6.6, 6.8).
 *
 * A QoS 1 or 2 PUBLISH opens an exchange and is answered when the broker has answered, never before (design rule 1).
 * What the client repeats meanwhile finds its exchange open and is not published twice. What cannot be taken now is
 * answered "congestion", and the client keeps its sample. */
#include "gateway/core/session_rules.h"
#include "gateway/core/sessionless.h"

#include "mqtt/topic.h"

/* ---- REGISTER ---------------------------------------------------------------------------------------------------- */

void topic_register(struct session *s, const struct mqttsn_message *m, msec now, struct actions *out)
{
    (void)now;
    struct mqttsn_message ack = { .type = MQTTSN_REGACK, .message_id = m->message_id };
    struct topic *t = NULL;
    enum drop why = DROP_CONGESTION;
    if (!topic_name_valid(m->tail) || !topic_portable(m->tail)) {
        ack.return_code = MQTTSN_NOT_SUPPORTED;
        why = DROP_INVALID_TOPIC;
    } else if (!access_publish(s->access, s->client_id, m->tail)) {
        ack.return_code = MQTTSN_NOT_SUPPORTED;
        why = DROP_FORBIDDEN;
    } else {
        t = registry_find_name(&s->topics.normal, m->tail);
        if (!t)
            t = session_new_topic(s, m->tail);
        ack.return_code = t ? MQTTSN_ACCEPTED : MQTTSN_CONGESTION;
    }
    if (t) {
        registry_stand(&s->topics, t, TOPIC_CONFIRMED);
        ack.topic_id = t->id;
    } else {
        actions_drop(out, why);
    }
    actions_send(out, &ack);
}

/* ---- PUBLISH ----------------------------------------------------------------------------------------------------- */

static void answer(const struct mqttsn_message *m, enum mqttsn_type type, uint8_t code,
                   struct actions *out)
{
    actions_send(out, &(struct mqttsn_message){ .type = type,
                                                .topic_id = m->topic_id,
                                                .message_id = m->message_id,
                                                .return_code = code });
}

/* PUBACK with a rejection fits every QoS but -1 (SN-PUB-4); a flood of QoS 0 gets one a second (A34). */
static void refuse(struct session *s, const struct mqttsn_message *m, enum drop why, msec now,
                   struct actions *out)
{
    enum { ONE_SECOND = 1000 };
    bool never = why == DROP_FORBIDDEN || why == DROP_CLOSED_OVER;
    uint8_t code = why == DROP_INVALID_TOPIC ? MQTTSN_INVALID_TOPIC_ID
                   : never                   ? MQTTSN_NOT_SUPPORTED
                                             : MQTTSN_CONGESTION;
    actions_drop(out, why);
    if (m->qos == MQTTSN_QOS_MINUS_ONE)
        return;
    if (m->qos == 0) {
        if (s->refusal_at != 0 && now - s->refusal_at < ONE_SECOND)
            return;
        s->refusal_at = now;
    }
    answer(m, MQTTSN_PUBACK, code, out);
}

/* May the client publish there, and is it still a topic with its prefix (SN-PUB-14)? */
static bool usable(const struct session *s, struct span topic)
{
    return (!s->upstream || upstream_takes(s->upstream, topic)) &&
           access_publish(s->access, s->client_id, topic);
}

/* The topic that a PUBLISH names. When there is none, or the client may not use it, *why says so. */
static struct span publish_topic(struct session *s, const struct mqttsn_message *m, enum drop *why,
                                 struct actions *out)
{
    struct span name = { 0 };
    *why = DROP_INVALID_TOPIC;
    if (m->topic_id_type == MQTTSN_NORMAL) {
        const struct topic *t = registry_find_id(&s->topics.normal, m->topic_id);
        name = t ? t->name : name;
    } else if (m->topic_id_type == MQTTSN_PREDEFINED) {
        name = session_predefined_name(s, m->topic_id);
    } else {
        *why = DROP_FORBIDDEN;
        if (m->topic_id_type == MQTTSN_SHORT && session_short_valid(m->topic_id, out))
            name = session_short_name(m->topic_id, out);
    }
    if (name.at && !usable(s, name)) {
        *why = DROP_FORBIDDEN;
        name = (struct span){ 0 };
    }
    return name;
}

/* SN-M1-4 */
static bool may_retain(const struct session *s, const struct mqttsn_message *m)
{
    return m->qos != MQTTSN_QOS_MINUS_ONE || s->common->limits->minus_one.retain;
}

/* A QoS 0 message, while the broker is away, and behind others of the client that wait for it. */
static bool waits_in_uplink(const struct session *s)
{
    bool behind = s->uplink.count > 0 && s->common->limits->uplink_qos0 != UPLINK_QOS0_NONE;
    return session_keeps(s) && s->upstream && (behind || !upstream_online(s->upstream));
}

static void publish_unacknowledged(struct session *s, const struct mqttsn_message *m,
                                   struct span topic, msec now, struct actions *out)
{
    const struct mqtt_packet p = { .type = MQTT_PUBLISH,
                                   .retain = m->retain && may_retain(s, m),
                                   .topic = topic,
                                   .payload = m->tail };
    enum drop why = DROPS;
    if (waits_in_uplink(s))
        why = uplink_take_unacknowledged(s, &p, now, out);
    else if (s->upstream && upstream_ready(s->upstream))
        actions_upstream(out, &p);
    else
        why = s->upstream && upstream_online(s->upstream) ? DROP_CONGESTION : DROP_BROKER_AWAY;
    if (why != DROPS)
        refuse(s, m, why, now, out);
}

/* The client lost its state and begins anew with an old number. The broker's half is brought to its end all the same:
 * a QoS 2 message nobody releases would hold its window for ever (MQTT-4.3.3-1). */
static void give_up(struct session *s, struct exchange *e, msec now, struct actions *out)
{
    if ((e->phase == EXCHANGE_PUBREC || e->phase == EXCHANGE_PUBREL) && e->packet_id != 0)
        actions_upstream(out,
                         &(struct mqtt_packet){ .type = MQTT_PUBREL, .packet_id = e->packet_id });
    inflight_step(&s->inflight, e, EXCHANGE_FREE, now);
}

/* The network may double a message, and the copy has no DUP. At QoS 2 that must not become a second message, so one
 * just like it and soon after it is the same. (A clean CONNECT in between has wiped the exchanges; a CONNECT may be a
 * late copy itself, so another one proves nothing.) SN-RTX-8. */
static bool is_late_copy(const struct session *s, const struct mqttsn_message *m,
                         const struct exchange *e, msec now)
{
    return m->qos == 2 && now - e->since < s->common->limits->retry;
}

/* Is it one that we have already? Then the first answers for both (SN-RTX-7). */
static bool publish_repeated(struct session *s, const struct mqttsn_message *m, uint32_t digest,
                             msec now, struct actions *out)
{
    const struct limits *l = s->common->limits;
    msec window = l->retry * (l->retry_count + 1U);
    struct exchange *e = inflight_publish(&s->inflight, m->message_id);
    if (e && (m->dup || e->digest == digest)) {
        actions_drop(out, DROP_DUPLICATE);
        if (e->phase == EXCHANGE_PUBREL)
            answer(m, MQTTSN_PUBREC, 0, out);
        return true;
    }
    if (e)
        give_up(s, e, now, out);
    e = inflight_answered(&s->inflight, m->message_id, digest, now > window ? now - window : 0);
    if (!e || e->qos != m->qos || !(m->dup || is_late_copy(s, m, e, now)))
        return false;
    actions_drop(out, DROP_ANSWERED_BEFORE);
    if (m->qos == 1)
        answer(m, MQTTSN_PUBACK, MQTTSN_ACCEPTED, out);
    else
        answer(m, MQTTSN_PUBREC, 0, out);
    return true;
}

/* The broker went away before it answered: what it did not acknowledge goes on disk instead. True: it has to. */
static bool take_back(struct session *s, const struct mqttsn_message *m, uint32_t digest, msec now)
{
    struct exchange *e = inflight_publish(&s->inflight, m->message_id);
    bool repeated = e && e->phase == EXCHANGE_PUBACK && (m->dup || e->digest == digest);
    if (!repeated || !session_keeps(s) || upstream_online(s->upstream))
        return false;
    mqtt_client_cancel(&s->upstream->mqtt, e->packet_id);
    inflight_step(&s->inflight, e, EXCHANGE_FREE, now);
    return true;
}

static void publish_acknowledged(struct session *s, const struct mqttsn_message *m,
                                 struct span topic, msec now, struct actions *out)
{
    uint32_t digest = inflight_digest(m);
    bool sent = take_back(s, m, digest, now);
    if (!sent && publish_repeated(s, m, digest, now, out))
        return;
    if (uplink_wants(s, m->qos)) {
        struct mqttsn_message mine = *m;
        mine.dup = m->dup || sent;
        if (s->inflight.publishing >= s->common->limits->inflight_in ||
            !uplink_take(s, &mine, topic, now, out))
            refuse(s, m, DROP_CONGESTION, now, out);
        return;
    }
    bool crowded = s->inflight.publishing >= s->common->limits->inflight_in ||
                   (m->qos == 2 && s->upstream && !upstream_takes_qos2(s->upstream));
    uint16_t packet_id =
        !crowded && s->upstream ? upstream_reserve(s->upstream, s, topic.len + m->tail.len) : 0;
    struct exchange *e = packet_id != 0 ? inflight_open(&s->inflight, EXCHANGE_PUBACK, now) : NULL;
    if (!e) {
        if (packet_id != 0)
            mqtt_client_unreserve(&s->upstream->mqtt, packet_id);
        refuse(s, m, DROP_CONGESTION, now, out);
        return;
    }
    e->phase = m->qos == 2 ? EXCHANGE_PUBREC : EXCHANGE_PUBACK;
    e->qos = m->qos;
    e->message_id = m->message_id;
    e->topic_id = m->topic_id;
    e->packet_id = packet_id;
    e->digest = digest;
    actions_upstream(out, &(struct mqtt_packet){ .type = MQTT_PUBLISH,
                                                 .qos = m->qos,
                                                 .retain = m->retain,
                                                 .packet_id = packet_id,
                                                 .topic = topic,
                                                 .payload = m->tail });
}

/* A short name that is none, or the reserved type: no registration could cure that. */
static bool names_nothing(const struct mqttsn_message *m, struct actions *out)
{
    return m->topic_id_type == MQTTSN_RESERVED ||
           (m->topic_id_type == MQTTSN_SHORT && !session_short_valid(m->topic_id, out));
}

/* QoS -1 with an id that would have to be registered (SN-M1-2), or with a name before the data (SN-M1-5). */
static void publish_by_name(struct session *s, const struct mqttsn_message *m, msec now,
                            struct actions *out)
{
    struct mqttsn_message data = *m;
    struct span topic;
    if (!s->common->limits->minus_one.long_topic || !sessionless_split(m, &topic, &data.tail))
        actions_drop(out, DROP_QOS_MINUS_ONE_TOPIC);
    else if (!usable(s, topic))
        actions_drop(out, DROP_FORBIDDEN);
    else
        publish_unacknowledged(s, &data, topic, now, out);
}

void publish_accept(struct session *s, const struct mqttsn_message *m, msec now, struct actions *out)
{
    enum drop why = DROP_INVALID_TOPIC;
    bool acknowledged = m->qos == 1 || m->qos == 2;
    if (m->qos == MQTTSN_QOS_MINUS_ONE && m->topic_id_type == MQTTSN_NORMAL) {
        publish_by_name(s, m, now, out);
        return;
    }
    if (acknowledged && m->message_id == 0) { /* SN-PUB-10 */
        refuse(s, m, DROP_FORBIDDEN, now, out);
        return;
    }
    if (m->qos == 0 && names_nothing(m, out)) { /* SN-FRM-7, SN-TOP-7 */
        actions_drop(out, DROP_INVALID_TOPIC);
        return;
    }
    struct span topic = publish_topic(s, m, &why, out);
    if (topic.at && session_banned(s, MQTTSN_PUBLISH, m->topic_id, now)) {
        topic.at = NULL;
        why = DROP_CLOSED_OVER;
    }
    if (!topic.at)
        refuse(s, m, why, now, out);
    else if (acknowledged)
        publish_acknowledged(s, m, topic, now, out);
    else
        publish_unacknowledged(s, m, topic, now, out);
}

/* ---- the broker's answers, and PUBREL ---------------------------------------------------------------------------- */

static void answer_exchange(const struct exchange *e, enum mqttsn_type type, struct actions *out)
{
    actions_send(out, &(struct mqttsn_message){
                          .type = type, .topic_id = e->topic_id, .message_id = e->message_id });
}

/* The broker is through, or will never be: from here on the handshake ends with us. */
static void end_here(struct session *s, struct exchange *e, msec now)
{
    e->packet_id = 0;
    inflight_step(&s->inflight, e, EXCHANGE_PUBREL, now);
}

/* The broker closes the connection over it (SN-BRK-7). A client that has its PUBREC was told "accepted" when that was
 * true; it hears nothing else now, and its own handshake is ended here. */
static void publish_closed_over(struct session *s, struct exchange *e, msec now, struct actions *out)
{
    session_ban(s, MQTTSN_PUBLISH, e->topic_id, now);
    actions_drop(out, DROP_CLOSED_OVER);
    if (e->phase == EXCHANGE_PUBREL) {
        end_here(s, e, now);
        return;
    }
    if (e->phase == EXCHANGE_PUBCOMP) {
        answer_exchange(e, MQTTSN_PUBCOMP, out);
        inflight_step(&s->inflight, e, EXCHANGE_ANSWERED, now);
        return;
    }
    actions_send(out, &(struct mqttsn_message){ .type = MQTTSN_PUBACK,
                                                .topic_id = e->topic_id,
                                                .message_id = e->message_id,
                                                .return_code = MQTTSN_NOT_SUPPORTED });
    inflight_step(&s->inflight, e, EXCHANGE_FREE, now);
}

/* A PUBACK to a QoS 2 message comes from a broker that has no QoS 2 (SN-PUB-5): it has the message, so the client goes
 * on with its own handshake and we end it alone. */
void publish_answered(struct session *s, struct exchange *e, const struct mqtt_packet *p, msec now,
                      struct actions *out)
{
    if (p->code == MQTT_CLOSED_OVER) {
        publish_closed_over(s, e, now, out);
    } else if (p->type == MQTT_PUBACK && e->phase == EXCHANGE_PUBACK) {
        answer_exchange(e, MQTTSN_PUBACK, out);
        inflight_step(&s->inflight, e, EXCHANGE_ANSWERED, now);
    } else if (p->type == MQTT_PUBACK && e->phase == EXCHANGE_PUBREL) {
        end_here(s, e, now); /* sent again as new, and this broker has no QoS 2 */
    } else if (p->type == MQTT_PUBACK && e->phase == EXCHANGE_PUBCOMP) {
        answer_exchange(e, MQTTSN_PUBCOMP, out);
        inflight_step(&s->inflight, e, EXCHANGE_ANSWERED, now);
    } else if (p->type != MQTT_PUBCOMP && e->phase == EXCHANGE_PUBREC) {
        if (p->type == MQTT_PUBACK)
            e->packet_id = 0;
        answer_exchange(e, MQTTSN_PUBREC, out);
        inflight_step(&s->inflight, e, EXCHANGE_PUBREL, now);
    } else if (p->type == MQTT_PUBCOMP && e->phase == EXCHANGE_PUBCOMP) {
        answer_exchange(e, MQTTSN_PUBCOMP, out);
        inflight_step(&s->inflight, e, EXCHANGE_ANSWERED, now);
    }
}

static void release_upstream(struct session *s, struct exchange *e, msec now, struct actions *out)
{
    actions_upstream(out, &(struct mqtt_packet){ .type = MQTT_PUBREL, .packet_id = e->packet_id });
    inflight_step(&s->inflight, e, EXCHANGE_PUBCOMP, now);
}

void publish_release(struct session *s, const struct mqttsn_message *m, msec now, struct actions *out)
{
    struct exchange *e = inflight_publish(&s->inflight, m->message_id);
    if (e && e->phase == EXCHANGE_PUBCOMP)
        return;                             /* the answer is on its way */
    if (e && e->phase != EXCHANGE_PUBREL) { /* the broker does not have it yet (design rule 1) */
        actions_drop(out, DROP_UNEXPECTED);
        return;
    }
    if (e && e->packet_id != 0) {
        release_upstream(s, e, now, out);
        return;
    }
    if (e)
        inflight_step(&s->inflight, e, EXCHANGE_ANSWERED, now);
    answer(m, MQTTSN_PUBCOMP, 0,
           out); /* also for an id we do not know: it ends the client's wait (SN-PUB-8) */
}

/* A client that never released its QoS 2 message must not hold the broker's window for ever (SN-RTX-8). We release it
 * ourselves, and the exchange is over at once: the broker's PUBCOMP answers nothing that the client asked. */
void publish_expire(struct session *s, msec now, struct actions *out)
{
    msec age = s->common->limits->qos2_expiry;
    struct exchange *e =
        now >= age ? inflight_overdue(&s->inflight, EXCHANGE_PUBREL, now - age) : NULL;
    if (!e)
        return;
    if (e->packet_id != 0)
        actions_upstream(out,
                         &(struct mqtt_packet){ .type = MQTT_PUBREL, .packet_id = e->packet_id });
    inflight_step(&s->inflight, e, EXCHANGE_ANSWERED, now);
}
