/* session_answers.c -- what the client says to a delivery, and what follows when it says nothing (MQTT-SN 1.2, sections
 * 6.6, 6.10, 6.13; SN-DLV, SN-RTX).
 *
 * An acknowledgement takes the one open message a step further or ends it and begins the next. "Congestion" makes
 * everything wait T_WAIT; "invalid topic id" registers the topic once more. Silence is answered by sending again every
 * T_RETRY, N_RETRY times; then the message waits until the client shows itself. */
#include "gateway/core/session_rules.h"

/* ---- the client's answers ---------------------------------------------------------------------------------------- */

static void delivery_done(struct session *s, msec now, struct actions *out)
{
    delivery_end(s);
    deliver_next(s, now, out);
}

static void delivery_refused(struct session *s, enum drop why, msec now, struct actions *out)
{
    delivery_drop(s, why, out);
    deliver_next(s, now, out);
}

/* The client is congested: the message stays, everything waits (SN-REG-10, SN-DLV-10). */
static void delivery_pause(struct session *s, msec now, struct actions *out)
{
    delivery_anew(s, out);
    s->delivery.phase = DELIVERY_PAUSED;
    s->delivery.retry_at = now + s->common->limits->wait;
    awake_finish(s, now, out);
}

static bool answers(const struct session *s, const struct mqttsn_message *m)
{
    return s->delivery.phase != DELIVERY_IDLE && s->delivery.message_id == m->message_id;
}

void regack_take(struct session *s, const struct mqttsn_message *m, msec now, struct actions *out)
{
    if (!answers(s, m) || s->delivery.phase != DELIVERY_REGISTER) {
        actions_drop(out, DROP_UNEXPECTED);
        return;
    }
    struct topic *t = registry_find_id(&s->topics.normal, s->delivery.topic_id);
    s->unproven = false;
    if (m->return_code == MQTTSN_CONGESTION) {
        delivery_pause(s, now, out);
    } else if (m->return_code != MQTTSN_ACCEPTED || !t) { /* SN-REG-9 */
        if (t)
            registry_stand(&s->topics, t, TOPIC_REFUSED);
        delivery_refused(s, DROP_REFUSED_BY_CLIENT, now, out);
    } else {
        registry_stand(&s->topics, t, TOPIC_CONFIRMED);
        if (s->state == SESSION_ASLEEP)
            return; /* it crossed its DISCONNECT: the rest when it wakes (SN-SLP-14) */
        delivery_publish(s, now, out);
        deliver_next(s, now, out);
    }
}

/* The client does not know the id: register it again and send the same message anew, once (SN-DLV-9, -15). */
static void topic_unknown(struct session *s, const struct mqttsn_message *m, msec now,
                          struct actions *out)
{
    struct topic *t = m->topic_id != 0 ? registry_find_id(&s->topics.normal, m->topic_id) : NULL;
    bool open = answers(s, m) && m->message_id != 0;
    if (open)
        t = s->delivery.topic_id_type == MQTTSN_NORMAL
                ? registry_find_id(&s->topics.normal, s->delivery.topic_id)
                : NULL;
    if (t)
        registry_stand(&s->topics, t, TOPIC_UNCONFIRMED);
    if (open && t && !delivery_may_register(s)) {
        delivery_refused(s, DROP_TOO_LARGE, now, out);
    } else if (open && t && !s->delivery.repaired) {
        s->delivery.repaired = true;
        delivery_anew(s, out);
        if (s->state != SESSION_ASLEEP)
            delivery_register(s, now, out);
    } else if (open) {
        delivery_refused(s, DROP_REFUSED_BY_CLIENT, now, out);
    }
}

void puback_take(struct session *s, const struct mqttsn_message *m, msec now, struct actions *out)
{
    bool published = s->delivery.phase == DELIVERY_PUBACK || s->delivery.phase == DELIVERY_PUBREC;
    if (m->return_code == MQTTSN_INVALID_TOPIC_ID && (m->message_id == 0 || published)) {
        topic_unknown(s, m, now, out);
        return;
    }
    bool about_qos_0 = m->message_id == 0 && s->delivery.phase == DELIVERY_IDLE;
    if (m->return_code == MQTTSN_CONGESTION && about_qos_0) { /* what it answers is gone (SN-DLV-10) */
        delivery_pause(s, now, out);
        return;
    }
    if (!answers(s, m) || !published) {
        actions_drop(out, DROP_UNEXPECTED);
        return;
    }
    if (m->return_code == MQTTSN_CONGESTION) {
        delivery_pause(s, now, out);
    } else if (m->return_code != MQTTSN_ACCEPTED) { /* SN-DLV-11 */
        delivery_refused(s, DROP_REFUSED_BY_CLIENT, now, out);
    } else if (s->delivery.phase == DELIVERY_PUBACK) {
        delivery_ack(out, MQTT_PUBACK, s->delivery.message->receipt);
        delivery_done(s, now, out);
    }
}

/* It reached the client before the connection on which its topic is registered once more. The PUBREL that follows makes
 * the client forget the id, so the message must not leave again. */
static bool answers_earlier(const struct session *s, const struct mqttsn_message *m)
{
    const struct delivery *d = &s->delivery;
    return d->phase == DELIVERY_REGISTER && d->sent && !s->unproven && d->message->qos == 2 &&
           d->publish_id == m->message_id;
}

void pubrec_take(struct session *s, const struct mqttsn_message *m, msec now, struct actions *out)
{
    struct delivery *d = &s->delivery;
    if ((answers(s, m) && d->phase == DELIVERY_PUBREC) || answers_earlier(s, m)) {
        d->message_id = d->publish_id;
        delivery_ack(out, MQTT_PUBREC, d->message->receipt);
        delivery_await(s, DELIVERY_PUBCOMP, now);
        delivery_released(s, out);
    }
    /* also for an id we do not know: it ends the client's wait (SN-DLV-6) */
    actions_send(out, &(struct mqttsn_message){ .type = MQTTSN_PUBREL, .message_id = m->message_id });
}

void pubcomp_take(struct session *s, const struct mqttsn_message *m, msec now, struct actions *out)
{
    if (!answers(s, m) || s->delivery.phase != DELIVERY_PUBCOMP) {
        actions_drop(out, DROP_UNEXPECTED);
        return;
    }
    delivery_ack(out, MQTT_PUBCOMP, s->delivery.message->receipt);
    delivery_done(s, now, out);
}

/* ---- again ------------------------------------------------------------------------------------------------------- */

static void send_release(const struct session *s, struct actions *out)
{
    actions_send(out, &(struct mqttsn_message){ .type = MQTTSN_PUBREL,
                                                .message_id = s->delivery.message_id });
}

static void send_step(struct session *s, struct actions *out)
{
    switch (s->delivery.phase) {
    case DELIVERY_REGISTER:
        delivery_send_register(s, out);
        break;
    case DELIVERY_PUBACK:
    case DELIVERY_PUBREC:
        delivery_send_publish(s, out);
        break;
    default:
        send_release(s, out);
        break;
    }
}

/* The client is there again: what is open leaves once more, counted as the first retransmission. Ids have to be told
 * again before they are used after a new connection that kept the session (SN-TOP-3), and where a client from another
 * host did not prove yet that it hears us: then the delivery begins anew, with a REGISTER. So it does when the client
 * refused it in its sleep. */
void deliver_again(struct session *s, msec now, struct actions *out)
{
    struct delivery *d = &s->delivery;
    bool publishes = d->phase == DELIVERY_PUBACK || d->phase == DELIVERY_PUBREC;
    if (d->phase == DELIVERY_IDLE || d->phase == DELIVERY_PAUSED)
        return;
    if (publishes && (d->publish_id == 0 || s->unproven || !delivery_knows_topic(s))) {
        delivery_begin(s, now, out);
        return;
    }
    d->tries = 1;
    d->leaves = true;
    d->retry_at = now + delivery_patience(s, 1);
    send_step(s, out);
}

void deliver_resume(struct session *s, msec now, struct actions *out)
{
    struct delivery *d = &s->delivery;
    bool present = s->state == SESSION_ACTIVE || s->state == SESSION_AWAKE;
    if (!present || !d->message || d->retry_at != MSEC_NEVER)
        return;
    if (d->phase == DELIVERY_REGISTER && delivery_knows_topic(s) && !s->unproven)
        delivery_publish(s, now, out); /* its REGACK came while it slept */
    else
        deliver_again(s, now, out);
}

/* Retransmissions are used up (SN-RTX-4): an active client may speak again, a woken one sleeps on (SN-SLP-10). */
static void delivery_exhausted(struct session *s, msec now, struct actions *out)
{
    deliver_freeze(s);
    if (s->state == SESSION_AWAKE)
        session_enter(s, SESSION_ASLEEP, now, out);
}

/* What is open has left only now. */
void deliver_clock(struct session *s, msec now)
{
    struct delivery *d = &s->delivery;
    if (d->message && d->leaves && d->phase != DELIVERY_PAUSED && d->retry_at != MSEC_NEVER)
        d->retry_at = now + delivery_patience(s, d->tries);
    d->leaves = false;
}

void deliver_retry(struct session *s, msec now, struct actions *out)
{
    struct delivery *d = &s->delivery;
    if (now < d->retry_at)
        return;
    if (d->phase == DELIVERY_PAUSED) {
        d->phase = DELIVERY_IDLE;
        d->retry_at = MSEC_NEVER;
        if (d->message)
            delivery_begin(s, now, out);
        deliver_next(s, now, out);
    } else if (!d->message) {
        return;
    } else if (s->unsent > 0) { /* it did not even leave yet: nothing to repeat (session_sent) */
        d->retry_at = now + s->common->limits->retry;
    } else if (d->tries >= s->common->limits->retry_count || s->unproven) {
        delivery_exhausted(s, now, out);
    } else {
        d->tries++;
        d->leaves = true;
        d->retry_at = now + delivery_patience(s, d->tries);
        send_step(s, out);
    }
}
