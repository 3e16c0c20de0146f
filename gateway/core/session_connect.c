/* session_connect.c -- CONNECT, the will dialogue and the will updates (MQTT-SN 1.2, sections 6.2 to 6.4).
 *
 * Nothing of the old session is touched while the client is asked for its will: connect_commit is the one place
 * where a new connection replaces an old one, so that a dialogue broken off half way changes nothing (SN-WILL-1). A
 * CONNECT from a sleeper that keeps its session is only a way to wake up and does not touch the broker connection
 * (SN-SLP-12). */
#include "gateway/core/session_rules.h"

#include "mqtt/topic.h"

enum { FLAG_CLEAN = 0x04, FLAG_WILL = 0x08 };

static uint8_t connect_flags(const struct mqttsn_message *m)
{
    return (uint8_t)((m->clean ? FLAG_CLEAN : 0) | (m->will ? FLAG_WILL : 0));
}

static bool same_connect(const struct session *s, const struct mqttsn_message *m)
{
    return s->connect.flags == connect_flags(m) && s->connect.duration == m->duration;
}

/* The client did not hear our CONNACK (SN-CONN-9). */
static bool connack_lost(const struct session *s, const struct mqttsn_message *m, msec now)
{
    const struct limits *l = s->common->limits;
    return s->state == SESSION_ACTIVE && s->connack_at != MSEC_NEVER && same_connect(s, m) &&
           now - s->connack_at <= l->retry * (l->retry_count + 1U);
}

static void prompt(const struct session *s, struct actions *out)
{
    if (s->state == SESSION_WILL_TOPIC)
        session_reply(out, MQTTSN_WILLTOPICREQ, 0);
    else if (s->state == SESSION_WILL_MESSAGE)
        session_reply(out, MQTTSN_WILLMSGREQ, 0);
}

static void leave_upstream(const struct session *s, bool publish_will, struct actions *out)
{
    struct mqtt_packet p = { .type = MQTT_DISCONNECT };
    if (publish_will)
        will_into(s->will, &p.connect);
    actions_upstream(out, &p);
}

void connect_accept(struct session *s, msec now, struct actions *out)
{
    session_reply(out, MQTTSN_CONNACK, MQTTSN_ACCEPTED);
    s->connack_at = now;
    session_enter(s, SESSION_ACTIVE, now, out);
    deliver_resume(s, now, out);
    deliver_next(s, now, out);
}

/* The dialogue is over, with the will that s->connect.will holds: take the new connection on. */
static void connect_commit(struct session *s, msec now, struct actions *out)
{
    bool clean = (s->connect.flags & FLAG_CLEAN) != 0 && !s->connect.resume;
    s->keep_alive_s = s->connect.duration;
    if (s->connect.new_will || clean) {
        s->spent_will = s->will; /* the upstream may be publishing it */
        s->will = s->connect.will;
        s->connect.will = NULL;
    }
    if (s->connect.resume) {
        s->connect.from_sleep = false;
        connect_accept(s, now, out);
        return;
    }
    if (clean)
        session_wipe(s, out);
    else
        registry_unconfirm(&s->topics);
    s->clean = clean;
    s->connect.from_sleep = false; /* from here on it is a new connection */
    session_enter(s, SESSION_CONNECTING, now, out);
    struct mqtt_packet p = { .type = MQTT_CONNECT };
    session_connect_packet(s, &p.connect);
    actions_upstream(out, &p);
}

/* wake_connect: resume is for devices that send CleanSession=1 at every wake and mean "I am back" (A1). */
static void connect_from_sleep(const struct session *s, struct connecting *c)
{
    c->from_sleep = true;
    c->resume = s->access->wake_resume || (c->flags & FLAG_CLEAN) == 0;
    c->new_will = c->new_will && !s->access->wake_resume;
}

void connect_begin(struct session *s, const struct mqttsn_message *m, msec now, struct actions *out)
{
    if (connack_lost(s, m, now)) {
        session_reply(out, MQTTSN_CONNACK, MQTTSN_ACCEPTED);
        return;
    }
    if ((STATES_CONNECTING >> s->state & 1U) && same_connect(s, m)) { /* SN-CONN-8 */
        prompt(s, out);
        return;
    }
    struct connecting next = { .flags = connect_flags(m),
                               .duration = m->duration,
                               .new_will = m->will };
    if (s->state == SESSION_ASLEEP || s->state == SESSION_AWAKE || s->connect.from_sleep)
        connect_from_sleep(s, &next);
    else if (s->state == SESSION_ACTIVE) /* it was restarted: the old connection ends (SN-CONN-10) */
        leave_upstream(s, s->access->will_on_takeover, out);
    deliver_freeze(s);
    will_free(s->connect.will);
    s->connect = next;
    if (next.new_will) {
        session_enter(s, SESSION_WILL_TOPIC, now, out);
        prompt(s, out);
    } else {
        connect_commit(s, now, out);
    }
}

/* ---- the will dialogue ------------------------------------------------------------------------------------------- */

/* The connect is given up and what was stored stays stored. A sleeper sleeps on: it has not left (SN-WILL-1). */
static void connect_give_up(struct session *s, msec now, struct actions *out)
{
    if (s->connect.from_sleep) {
        will_free(s->connect.will);
        s->connect = (struct connecting){ 0 };
        session_enter(s, SESSION_ASLEEP, now, out);
        return;
    }
    session_ask_upstream(out, MQTT_DISCONNECT);
    session_end(s, SESSION_DISCONNECTED, now, out);
}

static void connect_refuse(struct session *s, uint8_t return_code, msec now, struct actions *out)
{
    session_reply(out, MQTTSN_CONNACK, return_code);
    connect_give_up(s, now, out);
}

static bool will_permitted(const struct session *s, const struct mqttsn_message *m)
{
    return will_topic_valid(m) && topic_portable(m->tail) &&
           access_publish(s->access, s->client_id, m->tail) &&
           (!s->upstream || upstream_takes(s->upstream, m->tail));
}

void will_topic_take(struct session *s, const struct mqttsn_message *m, msec now, struct actions *out)
{
    if (m->brief) { /* SN-WILL-4 */
        will_free(s->connect.will);
        s->connect.will = NULL;
        connect_commit(s, now, out);
    } else if (!will_permitted(s, m)) {
        connect_refuse(s, MQTTSN_NOT_SUPPORTED, now, out);
    } else if (!will_set_topic(&s->connect.will, m)) {
        connect_refuse(s, MQTTSN_CONGESTION, now, out);
    } else {
        session_enter(s, SESSION_WILL_MESSAGE, now, out);
        prompt(s, out);
    }
}

void will_message_take(struct session *s, const struct mqttsn_message *m, msec now,
                       struct actions *out)
{
    if (will_set_message(s->connect.will, m->tail))
        connect_commit(s, now, out);
    else
        connect_refuse(s, MQTTSN_CONGESTION, now, out);
}

void connect_abort(struct session *s, const struct mqttsn_message *m, msec now, struct actions *out)
{
    (void)m;
    session_reply(out, MQTTSN_DISCONNECT, 0);
    session_ask_upstream(out, MQTT_DISCONNECT);
    session_end(s, SESSION_DISCONNECTED, now, out);
}

/* The client did not hear the CONNACK that ended the dialogue and repeats what it said last (SN-RTX-9). */
void will_repeated(struct session *s, const struct mqttsn_message *m, msec now, struct actions *out)
{
    const struct limits *l = s->common->limits;
    bool recent = s->connack_at != MSEC_NEVER && (s->connect.flags & FLAG_WILL) != 0 &&
                  now - s->connack_at <= l->retry * (l->retry_count + 1U);
    bool last = m->type == MQTTSN_WILLMSG || m->brief;
    if (recent && last)
        session_reply(out, MQTTSN_CONNACK, MQTTSN_ACCEPTED);
    else
        actions_drop(out, DROP_UNEXPECTED); /* SN-WILL-6 */
}

/* A deadline of the connect procedure: ask again, or give up. Nobody is told when it is the client that is silent. */
void connect_retry(struct session *s, msec now, struct actions *out)
{
    if (s->state == SESSION_CONNECTING) { /* SN-CONN-3 */
        connect_refuse(s, MQTTSN_CONGESTION, now, out);
    } else if (s->prompts < s->common->limits->retry_count) {
        s->prompts++;
        prompt(s, out);
    } else {
        connect_give_up(s, now, out);
    }
}

/* ---- the broker's answer ----------------------------------------------------------------------------------------- */

/* SN-CONN-7: what passes is congestion, what does not is not supported. */
static uint8_t connack_code(uint8_t broker_code)
{
    enum { SERVER_UNAVAILABLE = 3 };
    return broker_code == SERVER_UNAVAILABLE ? MQTTSN_CONGESTION : MQTTSN_NOT_SUPPORTED;
}

void connect_answered(struct session *s, const struct mqtt_packet *p, msec now, struct actions *out)
{
    if (p->code != 0) {
        if (s->state == SESSION_CONNECTING)
            connect_refuse(s, connack_code(p->code), now, out);
        return;
    }
    if (!p->session_present)
        subscriptions_make_stale(&s->subscriptions, !s->clean);
    unsubscribe_again(s, out);
    if (subscriptions_with(&s->subscriptions, SUBSCRIPTION_STALE))
        subscribe_again(s, out); /* CONNACK follows the last SUBACK (SN-SES-6) */
    else if (s->state == SESSION_CONNECTING)
        connect_accept(s, now, out);
}

/* ---- will updates ------------------------------------------------------------------------------------------------ */

/* MQTT has no way to change a will but another CONNECT. A connection still to be made has the new will anyway. */
static void renew_upstream(const struct session *s, struct actions *out)
{
    struct mqtt_packet p = { .type = MQTT_CONNECT };
    if (!s->upstream || s->upstream->mqtt.state == MQTT_CLIENT_OFFLINE)
        return;
    session_connect_packet(s, &p.connect);
    actions_upstream(out, &p);
}

/* After a kill the client's connection was made without its will, since the broker had just published it. The client
 * lives after all, so the next kill must find it there again. */
void will_counts_again(const struct session *s, struct actions *out)
{
    bool own = s->upstream && s->upstream->session == s;
    bool goes_on = session_is_connected(s) || s->connect.from_sleep;
    if (own && goes_on && s->will)
        renew_upstream(s, out);
}

static void will_changed(struct session *s, struct actions *out)
{
    s->changed = true;
    if (s->access->will_reconnect) /* the settings want the broker's copy to be the newest (SN-WILL-10) */
        renew_upstream(s, out);
}

void will_topic_update(struct session *s, const struct mqttsn_message *m, msec now,
                       struct actions *out)
{
    (void)now;
    uint8_t code = MQTTSN_ACCEPTED;
    if (m->brief) { /* SN-WILL-8 */
        will_free(s->will);
        s->will = NULL;
    } else if (!will_permitted(s, m)) {
        code = MQTTSN_NOT_SUPPORTED;
    } else if (!will_set_topic(&s->will, m)) {
        code = MQTTSN_CONGESTION;
    }
    session_reply(out, MQTTSN_WILLTOPICRESP, code);
    if (code == MQTTSN_ACCEPTED)
        will_changed(s, out);
}

void will_message_update(struct session *s, const struct mqttsn_message *m, msec now,
                         struct actions *out)
{
    (void)now;
    uint8_t code = MQTTSN_ACCEPTED;
    if (!s->will) /* SN-WILL-9 */
        code = MQTTSN_NOT_SUPPORTED;
    else if (!will_set_message(s->will, m->tail))
        code = MQTTSN_CONGESTION;
    session_reply(out, MQTTSN_WILLMSGRESP, code);
    if (code == MQTTSN_ACCEPTED)
        will_changed(s, out);
}
