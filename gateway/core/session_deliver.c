/* session_deliver.c -- from the broker to the client: one message at a time (MQTT-SN 1.2, sections 6.10, 6.13; SN-DLV).
 *
 * A message goes REGISTER (if the client does not know the topic id) -> PUBLISH -> to the end of its QoS, then the
 * next one begins; order is kept and a small node is never flooded. The broker is acknowledged when the client has
 * acknowledged. While the client sleeps or is silent the open message is frozen as it is and goes on later, with
 * DUP. */
#include "gateway/core/session_rules.h"

#include "mqtt/topic.h"

#include <stdlib.h>

enum {
    REGISTER_OVERHEAD = 6,
    PUBLISH_OVERHEAD = 7,
    LONG_LENGTH = 2,
    SHORT_TOTAL_MAX = 255,
    UNSENT_MAX =
        2, /* one in the air and one behind it keep a slow radio busy; more would only wait there */
};

static uint16_t next_message_id(struct session *s)
{
    if (++s->last_message_id == 0)
        s->last_message_id = 1;
    return s->last_message_id;
}

/* ---- the receiver's answer to the broker ------------------------------------------------------------------------- */

void delivery_ack(struct actions *out, enum mqtt_type type, uint32_t receipt)
{
    if (receipt != 0)
        actions_upstream(out, &(struct mqtt_packet){ .type = type, .receipt = receipt });
}

static size_t message_octets(size_t overhead, size_t tail)
{
    size_t total = overhead + tail;
    return total + (total > SHORT_TOTAL_MAX ? LONG_LENGTH : 0);
}

void delivery_settle(struct actions *out, uint8_t qos, uint32_t receipt)
{
    delivery_ack(out, qos == 2 ? MQTT_PUBREC : MQTT_PUBACK, receipt);
    if (qos == 2)
        delivery_ack(out, MQTT_PUBCOMP, receipt);
}

void delivery_drop_queued(struct session *s, struct queued *q, enum drop why, struct actions *out)
{
    actions_drop_sized(out, why,
                       why == DROP_TOO_LARGE ? message_octets(PUBLISH_OVERHEAD, q->payload_len) : 0);
    delivery_settle(out, q->qos, q->receipt);
    STAILQ_INSERT_TAIL(&s->spent, q, next);
}

/* Actions of this call may still borrow from the message: it goes at the next one. */
void delivery_end(struct session *s)
{
    STAILQ_INSERT_TAIL(&s->spent, s->delivery.message, next);
    s->delivery = (struct delivery){ .retry_at = MSEC_NEVER };
}

void delivery_drop(struct session *s, enum drop why, struct actions *out)
{
    struct queued *q = s->delivery.message;
    if (s->delivery.phase == DELIVERY_PUBCOMP) { /* the broker has our PUBREC: only the end is missing */
        actions_drop(out, why);
        delivery_ack(out, MQTT_PUBCOMP, q->receipt);
        delivery_end(s);
        return;
    }
    s->delivery = (struct delivery){ .retry_at = MSEC_NEVER };
    delivery_drop_queued(s, q, why, out);
}

void deliver_wipe(struct session *s, struct actions *out)
{
    if (s->delivery.message)
        delivery_drop(s, DROP_SESSION_ENDED, out);
    for (struct queued *q; (q = sleepq_pop(&s->queue));)
        delivery_drop_queued(s, q, DROP_SESSION_ENDED, out);
}

void deliver_freeze(struct session *s)
{
    if (s->delivery.phase != DELIVERY_PAUSED)
        s->delivery.retry_at = MSEC_NEVER;
}

/* ---- by which id the client knows the topic ---------------------------------------------------------------------- */

struct choice {
    uint8_t topic_id_type;
    uint16_t topic_id;
    struct topic *normal; /* when it is a normal id */
};

/* SN-DLV-4: by name if it subscribed or registered the name, by predefined id if it subscribed that, as a short name if
 * it has two octets, else by a new normal id. False: no id is left. */
static bool choose_id(struct session *s, struct span topic, struct choice *c)
{
    const struct subscription *sub = NULL;
    struct topic *t = registry_find_name(&s->topics.normal, topic);
    if (!t)
        sub = subscriptions_find(&s->subscriptions, topic);
    if (sub && sub->topic_id_type == MQTTSN_PREDEFINED && !s->unproven) {
        *c = (struct choice){ MQTTSN_PREDEFINED, sub->topic_id, NULL };
        return true;
    }
    if (!t && topic.len == 2 && !s->unproven) {
        *c = (struct choice){ MQTTSN_SHORT, (uint16_t)(topic.at[0] << 8 | topic.at[1]), NULL };
        return true;
    }
    if (!t)
        t = session_new_topic(s, topic);
    if (t)
        *c = (struct choice){ MQTTSN_NORMAL, t->id, t };
    return t != NULL;
}

void delivery_name(struct session *s)
{
    struct choice c = { 0 };
    if (!choose_id(s, queued_topic(s->delivery.message), &c))
        return; /* as it would be for a new one: refused when it is registered */
    s->delivery.topic_id_type = c.topic_id_type;
    s->delivery.topic_id = c.topic_id;
}

static bool too_large(const struct session *s, size_t overhead, size_t tail)
{
    return message_octets(overhead, tail) > s->max_message;
}

bool delivery_drop_unfit(struct session *s, struct actions *out)
{
    const struct delivery *d = &s->delivery;
    bool registers = d->phase == DELIVERY_REGISTER;
    bool publishes = registers || d->phase == DELIVERY_PUBACK || d->phase == DELIVERY_PUBREC;
    if (!d->message || !publishes ||
        !(too_large(s, PUBLISH_OVERHEAD, d->message->payload_len) ||
          (registers && too_large(s, REGISTER_OVERHEAD, d->message->topic_len))))
        return false;
    delivery_drop(s, DROP_TOO_LARGE, out);
    return true;
}

/* ---- what is on disk of it --------------------------------------------------------------------------------------- */

static bool is_kept(const struct queued *q)
{
    return q->row != 0 || q->ticket != 0;
}

/* What is on disk of it is behind. */
static void keep_step(struct queued *q, enum queued_phase phase, uint16_t message_id,
                      struct actions *out)
{
    bool behind = q->phase != phase || q->message_id != message_id;
    q->phase = (uint8_t)phase;
    q->message_id = message_id;
    if (behind && is_kept(q))
        session_keep(q, out);
}

void delivery_released(struct session *s, struct actions *out)
{
    keep_step(s->delivery.message, QUEUED_RELEASED, s->delivery.publish_id, out);
}

/* A rejection ended the exchange: if the message leaves once more, then as a new one. */
void delivery_anew(struct session *s, struct actions *out)
{
    s->delivery.sent = false;
    s->delivery.publish_id = 0;
    if (s->delivery.message)
        keep_step(s->delivery.message, QUEUED_WAITING, 0, out);
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

void delivery_send_register(const struct session *s, struct actions *out)
{
    const struct delivery *d = &s->delivery;
    actions_send(out, &(struct mqttsn_message){ .type = MQTTSN_REGISTER,
                                                .topic_id = d->topic_id,
                                                .message_id = d->message_id,
                                                .tail = queued_topic(d->message) });
}

void delivery_send_publish(struct session *s, struct actions *out)
{
    struct delivery *d = &s->delivery;
    actions_send(out, &(struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                                .dup = d->sent,
                                                .qos = d->message->qos,
                                                .retain = d->message->retain,
                                                .topic_id_type = d->topic_id_type,
                                                .topic_id = d->topic_id,
                                                .message_id = d->message_id,
                                                .tail = queued_payload(d->message) });
    d->sent = d->message->qos > 0;
}

/* Constant, or growing, and then a tenth more or less, so that nodes that were silent together do not hear all of us
 * again at the same moment. */
msec delivery_patience(const struct session *s, unsigned tries)
{
    enum { LONGEST_MS = 60000, SPREAD = 21 };
    const struct limits *l = s->common->limits;
    msec wait = l->retry;
    if (l->retry_factor <= 100)
        return wait;
    for (unsigned i = 0; i < tries; i++)
        wait = wait * l->retry_factor / 100;
    wait = wait < LONGEST_MS || wait == l->retry ? wait : LONGEST_MS;
    unsigned some = (s->delivery.message_id + tries) * 2654435761U >> 16;
    return wait * (90 + some % SPREAD) / 100;
}

void delivery_await(struct session *s, enum delivery_phase phase, msec now)
{
    s->delivery.phase = (uint8_t)phase;
    s->delivery.tries = 0;
    s->delivery.retry_at = now + delivery_patience(s, 0);
    s->delivery.leaves = true;
}

bool delivery_may_register(const struct session *s)
{
    return !too_large(s, REGISTER_OVERHEAD, s->delivery.message->topic_len);
}

void delivery_register(struct session *s, msec now, struct actions *out)
{
    s->delivery.message_id = next_message_id(s);
    delivery_await(s, DELIVERY_REGISTER, now);
    delivery_send_register(s, out);
}

void delivery_publish(struct session *s, msec now, struct actions *out)
{
    uint8_t qos = s->delivery.message->qos;
    if (qos > 0 && s->delivery.publish_id == 0)
        s->delivery.publish_id = next_message_id(s);
    s->delivery.message_id = s->delivery.publish_id;
    delivery_await(s, qos == 2 ? DELIVERY_PUBREC : DELIVERY_PUBACK, now);
    if (qos == 2)
        keep_step(s->delivery.message, QUEUED_SENT, s->delivery.publish_id, out);
    delivery_send_publish(s, out);
    if (qos == 0) /* is over as it leaves */
        delivery_end(s);
}

/* One of an earlier run may have no id at all. */
bool delivery_knows_topic(const struct session *s)
{
    const struct delivery *d = &s->delivery;
    const struct topic *t = registry_find_id(&s->topics.normal, d->topic_id);
    return d->topic_id_type != MQTTSN_NORMAL || (t && t->standing != TOPIC_UNCONFIRMED);
}

/* Why the message just taken cannot be delivered at all; DROPS when it can. */
static enum drop undeliverable(struct session *s, const struct queued *q, msec now, struct choice *c)
{
    if (delivery_expired(s, q, now))
        return DROP_EXPIRED;
    if (!choose_id(s, queued_topic(q), c))
        return DROP_NO_TOPIC_ID;
    if (c->normal && c->normal->standing == TOPIC_REFUSED)
        return DROP_REFUSED_BY_CLIENT;
    bool unknown = c->normal && (c->normal->standing == TOPIC_UNCONFIRMED || s->unproven);
    if (too_large(s, PUBLISH_OVERHEAD, q->payload_len) ||
        (unknown && too_large(s, REGISTER_OVERHEAD, q->topic_len)))
        return DROP_TOO_LARGE;
    return DROPS;
}

void delivery_begin(struct session *s, msec now, struct actions *out)
{
    struct delivery *d = &s->delivery;
    struct choice c = { 0 };
    enum drop why = undeliverable(s, d->message, now, &c);
    if (why != DROPS) {
        delivery_drop(s, why, out);
        return;
    }
    d->topic_id_type = c.topic_id_type;
    d->topic_id = c.topic_id;
    if (s->unproven || (c.normal && c.normal->standing == TOPIC_UNCONFIRMED))
        delivery_register(s, now, out);
    else
        delivery_publish(s, now, out);
}

/* The SUBACK that tells the client the id is not out yet (SN-DLV-14). */
static bool before_suback(struct session *s, struct span topic)
{
    return s->inflight.open > s->inflight.publishing && subscribe_pending(s, topic);
}

/* Frames that this call has for the radio so far. */
static unsigned sends_in(const struct actions *out)
{
    unsigned sends = 0;
    for (size_t i = 0; i < out->count; i++)
        sends += out->list[i].kind == ACTION_SEND;
    return sends;
}

/* A radio that does not report takes all, and drops what is too much. */
static bool radio_has_room(const struct session *s, const struct actions *out)
{
    return !s->radio_reports || s->unsent + sends_in(out) < UNSENT_MAX;
}

static bool may_begin(struct session *s)
{
    return s->delivery.phase == DELIVERY_IDLE && s->queue.count > 0 &&
           !before_suback(s, queued_topic(sleepq_first(&s->queue))) &&
           (s->state == SESSION_ACTIVE || (s->state == SESSION_AWAKE && s->awake_left > 0));
}

/* A client that came from another host gets a REGISTER before anything else, once and not again: the queue of a client
 * must not pour onto a host that somebody only named (design rule 6). REGACK proves that it hears us. */
void deliver_next(struct session *s, msec now, struct actions *out)
{
    while (may_begin(s) && radio_has_room(s, out)) {
        s->delivery.message = sleepq_pop(&s->queue);
        s->awake_left -= s->awake_left > 0;
        delivery_begin(s, now, out);
    }
    deliver_fetch(s, out);
    awake_finish(s, now, out);
}

bool delivery_at_once(struct session *s, const struct mqtt_packet *p, struct actions *out)
{
    struct choice c = { 0 };
    if (p->qos > 0 || s->unproven || s->state != SESSION_ACTIVE ||
        s->delivery.phase != DELIVERY_IDLE || s->queue.count > 0 || !radio_has_room(s, out) ||
        before_suback(s, p->topic))
        return false;
    if (!choose_id(s, p->topic, &c) || (c.normal && c.normal->standing != TOPIC_CONFIRMED) ||
        too_large(s, PUBLISH_OVERHEAD, p->payload.len))
        return false;
    actions_send(out, &(struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                                .retain = p->retain,
                                                .topic_id_type = c.topic_id_type,
                                                .topic_id = c.topic_id,
                                                .tail = p->payload });
    return true;
}
