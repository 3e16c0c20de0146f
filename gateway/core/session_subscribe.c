/* session_subscribe.c -- SUBSCRIBE and UNSUBSCRIBE (MQTT-SN 1.2, section 6.9; SN-SUB, SN-UNS).
 *
 * A topic may be named by name, by predefined id or by its two characters; from there on it is a filter. SUBACK
 * follows the broker's. After the broker lost our session the filters are asked for again one by one, so that a
 * client with many does not flood a broker that has just come up. A client that unsubscribed hears UNSUBACK although
 * the broker is away, so from then on it gets nothing more by that filter, and the broker is told as soon as it is
 * there, by the next run if need be. */
#include "gateway/core/session_rules.h"

#include "mqtt/topic.h"

enum { SUBSCRIBE_OVERHEAD = 5 };

/* The filter that a SUBSCRIBE or UNSUBSCRIBE names; NULL `at` and the code to answer when it names none. */
static struct span filter_of(struct session *s, const struct mqttsn_message *m, uint8_t *code,
                             struct actions *out)
{
    struct span filter = { 0 };
    *code = MQTTSN_NOT_SUPPORTED;
    if (m->topic_id_type == MQTTSN_NORMAL && topic_filter_valid(m->tail))
        return m->tail;
    if (m->topic_id_type == MQTTSN_SHORT && session_short_valid(m->topic_id, out))
        return session_short_name(m->topic_id, out);
    if (m->topic_id_type == MQTTSN_PREDEFINED) {
        *code = MQTTSN_INVALID_TOPIC_ID;
        filter = session_predefined_name(s, m->topic_id);
    }
    return filter;
}

static void suback(const struct mqttsn_message *m, uint16_t topic_id, uint8_t code,
                   struct actions *out)
{
    actions_drop(out, code == MQTTSN_CONGESTION         ? DROP_CONGESTION
                      : code == MQTTSN_INVALID_TOPIC_ID ? DROP_INVALID_TOPIC
                                                        : DROP_FORBIDDEN);
    actions_send(out, &(struct mqttsn_message){ .type = MQTTSN_SUBACK,
                                                .topic_id = topic_id,
                                                .message_id = m->message_id,
                                                .return_code = code });
}

/* The id that SUBACK will tell: of a plain name, or the predefined one (SN-SUB-1, -3, -4, -5). */
static bool topic_id_for(struct session *s, const struct mqttsn_message *m, struct span filter,
                         uint16_t *id)
{
    *id = m->topic_id_type == MQTTSN_PREDEFINED ? m->topic_id : 0;
    if (m->topic_id_type != MQTTSN_NORMAL || topic_has_wildcard(filter) || topic_is_shared(filter))
        return true;
    struct topic *t = registry_find_name(&s->topics.normal, filter);
    if (!t)
        t = session_new_topic(s, filter);
    if (t)
        *id = t->id;
    return t != NULL;
}

/* Our entry for the filter, new or as it was; NULL when the client has too many (SN-SUB-10, -11). */
static struct subscription *entry_for(struct session *s, struct span filter)
{
    struct subscription *sub = subscriptions_find(&s->subscriptions, filter);
    if (sub || s->subscriptions.count >= s->common->limits->subscriptions)
        return sub;
    return subscriptions_add(&s->subscriptions, filter);
}

static void ask(struct subscription *sub, uint16_t packet_id, struct actions *out)
{
    sub->standing = SUBSCRIPTION_ASKED;
    sub->packet_id = packet_id;
    actions_upstream(out, &(struct mqtt_packet){ .type = MQTT_SUBSCRIBE,
                                                 .packet_id = packet_id,
                                                 .topic = sub->filter,
                                                 .qos = sub->qos });
}

static uint32_t filter_digest(struct span filter)
{
    return inflight_digest(&(struct mqttsn_message){ .type = MQTTSN_SUBSCRIBE, .tail = filter });
}

/* The broker did not answer the last request yet. */
static bool is_under_way(const struct session *s, const struct subscription *sub)
{
    const struct flight *f = flights_find(&s->upstream->mqtt.flights, sub->packet_id);
    return sub->packet_id != 0 && f && f->owner == s;
}

/* It was for the very same: the answer is for this one too. */
static bool is_pending(const struct session *s, const struct subscription *sub, uint8_t qos)
{
    return sub->standing == SUBSCRIPTION_ASKED && sub->qos == qos && is_under_way(s, sub);
}

/* Everything a SUBSCRIBE needs, or nothing of it. */
static bool subscribe_open(struct session *s, const struct mqttsn_message *m, struct span filter,
                           msec now, struct actions *out)
{
    uint16_t topic_id = 0;
    struct subscription *sub = topic_id_for(s, m, filter, &topic_id) ? entry_for(s, filter) : NULL;
    bool new = sub && sub->standing == SUBSCRIPTION_ASKED && sub->packet_id == 0;
    bool pending = sub && s->upstream && is_pending(s, sub, m->qos);
    uint16_t packet_id = pending ? sub->packet_id
                         : sub && s->upstream
                             ? upstream_reserve(s->upstream, s, filter.len + SUBSCRIBE_OVERHEAD)
                             : 0;
    struct exchange *e = packet_id != 0 ? inflight_open(&s->inflight, EXCHANGE_SUBACK, now) : NULL;
    if (!e) {
        if (packet_id != 0 && !pending)
            mqtt_client_unreserve(&s->upstream->mqtt, packet_id);
        if (new)
            subscriptions_remove(&s->subscriptions, sub);
        return false;
    }
    e->message_id = m->message_id;
    e->packet_id = packet_id;
    e->topic_id = topic_id;
    e->qos = 0;
    e->digest = filter_digest(filter);
    sub->qos = m->qos;
    sub->topic_id_type = m->topic_id_type;
    sub->topic_id = topic_id;
    if (!pending)
        ask(sub, packet_id, out);
    return true;
}

/* Its SUBACK was lost: the same again, without asking the broker, who would send retained messages again (SN-SUB-8). */
static bool subscribe_repeated(struct session *s, const struct mqttsn_message *m,
                               struct span filter, msec now, struct actions *out)
{
    const struct limits *l = s->common->limits;
    msec window = l->retry * (l->retry_count + 1U);
    const struct exchange *e = inflight_answered(&s->inflight, m->message_id, filter_digest(filter),
                                                 now > window ? now - window : 0);
    const struct subscription *sub =
        e && m->dup ? subscriptions_find(&s->subscriptions, filter) : NULL;
    if (!sub || sub->standing != SUBSCRIPTION_GRANTED)
        return false;
    actions_drop(out, DROP_ANSWERED_BEFORE);
    actions_send(out, &(struct mqttsn_message){ .type = MQTTSN_SUBACK,
                                                .qos = sub->qos,
                                                .topic_id = e->topic_id,
                                                .message_id = m->message_id });
    return true;
}

static bool may_subscribe(const struct session *s, struct span filter)
{
    return topic_portable(filter) && access_subscribe(s->access, s->client_id, filter) &&
           (!s->upstream || upstream_takes(s->upstream, filter));
}

void subscribe_ask(struct session *s, const struct mqttsn_message *m, msec now, struct actions *out)
{
    uint8_t code = MQTTSN_NOT_SUPPORTED;
    if (inflight_subscribe(&s->inflight, m->message_id, EXCHANGE_SUBACK)) { /* SN-SUB-8 */
        actions_drop(out, DROP_DUPLICATE);
        return;
    }
    struct span filter = filter_of(s, m, &code, out);
    if (!filter.at)
        suback(m, code == MQTTSN_INVALID_TOPIC_ID ? m->topic_id : 0, code, out);
    else if (m->qos > 2 || !may_subscribe(s, filter) || /* SN-SUB-6 */
             session_banned(s, MQTTSN_SUBSCRIBE, filter_digest(filter), now))
        suback(m, 0, MQTTSN_NOT_SUPPORTED, out);
    else if (subscribe_repeated(s, m, filter, now, out))
        return;
    else if (!subscribe_open(s, m, filter, now, out))
        suback(m, 0, MQTTSN_CONGESTION, out);
}

static void unsuback(uint16_t message_id, struct actions *out)
{
    actions_send(out, &(struct mqttsn_message){ .type = MQTTSN_UNSUBACK, .message_id = message_id });
}

static uint16_t reserve(struct session *s, const struct subscription *sub)
{
    return upstream_reserve_offline(s->upstream, s, sub->filter.len + SUBSCRIBE_OVERHEAD);
}

/* Nothing goes upstream now when there is no packet id for it. */
static void leave(struct session *s, struct subscription *sub, uint16_t packet_id, struct actions *out)
{
    subscriptions_leave(&s->subscriptions, sub, packet_id);
    if (packet_id != 0)
        actions_upstream(out, &(struct mqtt_packet){ .type = MQTT_UNSUBSCRIBE,
                                                     .packet_id = packet_id,
                                                     .topic = sub->filter });
}

void unsubscribe_ask(struct session *s, const struct mqttsn_message *m, msec now, struct actions *out)
{
    uint8_t code = 0;
    if (inflight_subscribe(&s->inflight, m->message_id, EXCHANGE_UNSUBACK))
        return;
    struct span filter = filter_of(s, m, &code, out);
    struct subscription *sub = filter.at ? subscriptions_find(&s->subscriptions, filter) : NULL;
    if (sub && sub->standing == SUBSCRIPTION_LEAVING) /* it did so before, and that is promised */
        sub = NULL;
    uint16_t packet_id = sub && s->upstream ? reserve(s, sub) : 0;
    struct exchange *e = packet_id != 0 ? inflight_open(&s->inflight, EXCHANGE_UNSUBACK, now) : NULL;
    if (e) {
        e->message_id = m->message_id;
        e->packet_id = packet_id;
    } else {
        unsuback(m->message_id, out); /* it has no return code, so it is always yes (SN-UNS-2) */
    }
    if (sub)
        leave(s, sub, packet_id, out);
}

/* ---- the broker's answers ---------------------------------------------------------------------------------------- */

static void suback_forward(struct session *s, const struct exchange *e, uint8_t code,
                           struct actions *out)
{
    bool refused = (code & MQTT_REFUSED) != 0;
    struct topic *t = refused ? NULL : registry_find_id(&s->topics.normal, e->topic_id);
    if (t)
        registry_stand(&s->topics, t, TOPIC_CONFIRMED);
    actions_send(out, &(struct mqttsn_message){ .type = MQTTSN_SUBACK,
                                                .qos = refused ? 0 : code,
                                                .topic_id = refused ? 0 : e->topic_id,
                                                .message_id = e->message_id,
                                                .return_code = refused ? MQTTSN_NOT_SUPPORTED
                                                                       : MQTTSN_ACCEPTED });
}

static void entry_answered(struct session *s, const struct mqtt_packet *p, msec now,
                           struct actions *out)
{
    struct subscription *sub =
        subscriptions_by_packet_id(&s->subscriptions, SUBSCRIPTION_ASKED, p->packet_id);
    if (sub && p->code == MQTT_CLOSED_OVER) {
        session_ban(s, MQTTSN_SUBSCRIBE, filter_digest(sub->filter), now);
        actions_drop(out, DROP_CLOSED_OVER);
    }
    if (sub && (p->code & MQTT_REFUSED)) {
        subscriptions_remove(&s->subscriptions, sub);
    } else if (sub) {
        subscriptions_grant(&s->subscriptions, sub, p->code);
    }
}

/* The broker was told; or it closes the connection over this, and then nothing can be done. */
static void entry_left(struct session *s, const struct mqtt_packet *p)
{
    struct subscription *sub =
        subscriptions_by_packet_id(&s->subscriptions, SUBSCRIPTION_LEAVING, p->packet_id);
    if (sub)
        subscriptions_remove(&s->subscriptions, sub);
}

/* All that the client asked meanwhile for the very same filter have this answer. */
static void exchanges_answered(struct session *s, const struct mqtt_packet *p, msec now,
                               struct actions *out)
{
    bool granted = p->type == MQTT_SUBACK && (p->code & MQTT_REFUSED) == 0;
    for (struct exchange *e; (e = inflight_by_packet_id(&s->inflight, p->packet_id));) {
        if (p->type == MQTT_SUBACK)
            suback_forward(s, e, p->code, out);
        else
            unsuback(e->message_id, out);
        inflight_step(&s->inflight, e, granted ? EXCHANGE_ANSWERED : EXCHANGE_FREE, now);
    }
}

void subscribe_answered(struct session *s, const struct mqtt_packet *p, msec now, struct actions *out)
{
    exchanges_answered(s, p, now, out);
    if (p->type == MQTT_SUBACK) {
        entry_answered(s, p, now, out);
    } else {
        entry_left(s, p);
        unsubscribe_again(s, out);
    }
    if (subscriptions_with(&s->subscriptions, SUBSCRIPTION_STALE))
        subscribe_again(s, out);
    else if (s->state == SESSION_CONNECTING)
        connect_accept(s, now, out);
    deliver_next(s, now, out); /* what waited for the SUBACK */
}

bool subscribe_pending(struct session *s, struct span topic)
{
    for (size_t i = 0; i < EXCHANGES; i++) {
        const struct exchange *e = &s->inflight.list[i];
        const struct subscription *sub =
            subscriptions_by_packet_id(&s->subscriptions, SUBSCRIPTION_ASKED, e->packet_id);
        if (e->phase == EXCHANGE_SUBACK && sub && topic_matches(sub->filter, topic))
            return true;
    }
    return false;
}

/* The next filter that the broker forgot. It is not the client's request, so no load of the moment refuses it: nobody
 * would repeat it. */
void subscribe_again(struct session *s, struct actions *out)
{
    struct subscription *sub = subscriptions_with(&s->subscriptions, SUBSCRIPTION_STALE);
    uint16_t packet_id = sub ? reserve(s, sub) : 0;
    if (packet_id != 0)
        ask(sub, packet_id, out);
}

/* A few; their answers bring the next. There may be more than the limits of this run let a client have. */
void unsubscribe_again(struct session *s, struct actions *out)
{
    enum { AT_ONCE = 16 };
    unsigned left = AT_ONCE;
    for (size_t i = 0; i < s->subscriptions.count && left > 0; i++) {
        struct subscription *sub = &s->subscriptions.list[i];
        bool due = sub->standing == SUBSCRIPTION_LEAVING && !is_under_way(s, sub);
        uint16_t packet_id = due ? reserve(s, sub) : 0;
        if (packet_id == 0)
            continue;
        leave(s, sub, packet_id, out);
        left--;
    }
}

void unsubscribe_all(struct session *s, struct actions *out)
{
    struct subscriptions *all = &s->subscriptions;
    for (size_t i = 0; i < all->count; i++) {
        struct subscription *sub = &all->list[i];
        subscriptions_leave(all, sub, sub->standing == SUBSCRIPTION_LEAVING ? sub->packet_id : 0);
    }
    if (s->upstream)
        unsubscribe_again(s, out);
}

/* Also on disk, so that another kill changes nothing. */
void session_move(struct session *s)
{
    subscriptions_make_stale(&s->subscriptions, true);
    s->changed = true;
}

/* On a connection of its own the session hears when the broker is there, and asks then. */
void session_ask_again(struct session *s, struct actions *out)
{
    session_begin(s);
    if (!s->upstream || s->upstream->session == s)
        return;
    unsubscribe_again(s, out);
    if (subscriptions_with(&s->subscriptions, SUBSCRIPTION_STALE))
        subscribe_again(s, out);
}

/* The broker says nothing: the client hears "congestion", or that it is unsubscribed (SN-SUB-2, SN-UNS-5). */
void subscribe_expire(struct session *s, msec now, struct actions *out)
{
    msec wait = s->common->limits->retry;
    struct exchange *e;
    if (now < wait)
        return;
    while ((e = inflight_overdue(&s->inflight, EXCHANGE_SUBACK, now - wait))) {
        suback(&(struct mqttsn_message){ .message_id = e->message_id }, 0, MQTTSN_CONGESTION, out);
        inflight_step(&s->inflight, e, EXCHANGE_FREE, now);
    }
    while ((e = inflight_overdue(&s->inflight, EXCHANGE_UNSUBACK, now - wait))) {
        unsuback(e->message_id, out);
        inflight_step(&s->inflight, e, EXCHANGE_FREE, now);
    }
}
