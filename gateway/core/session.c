/* session.c -- what one client is doing: the rule table, the one door between states, the three ways in.
 *
 * Read the table first: it is section 6 of the standard, a row for each message and the states in which it means
 * something. What no row takes is dropped and counted, in one place. A session has one deadline, the earliest thing it
 * waits for; session_tick finds out what that was. The procedures themselves are in the session_*.c files. */
#include "gateway/core/session_rules.h"

#include "mqtt/owned.h"

#include <assert.h>
#include <stdlib.h>

static const struct rule {
    unsigned in;
    enum mqttsn_type on;
    handler *run;
} rules[] = {
    { STATES_CONNECTED, MQTTSN_PUBLISH, publish_accept },                         /* 6.6, 6.8 */
    { STATES_CONNECTED, MQTTSN_PUBACK, puback_take },                             /* 6.6 */
    { STATES_CONNECTED, MQTTSN_PUBREC, pubrec_take },                             /* 6.6 */
    { STATES_CONNECTED, MQTTSN_PUBREL, publish_release },                         /* 6.6 */
    { STATES_CONNECTED, MQTTSN_PUBCOMP, pubcomp_take },                           /* 6.6 */
    { STATES_ALL, MQTTSN_CONNECT, connect_begin },                                /* 6.2, 6.3 */
    { FROM(WILL_TOPIC) | FROM(WILL_MESSAGE), MQTTSN_WILLTOPIC, will_topic_take }, /* 6.2 */
    { FROM(WILL_MESSAGE), MQTTSN_WILLMSG, will_message_take },                    /* 6.2 */
    { FROM(ACTIVE), MQTTSN_WILLTOPIC, will_repeated },                            /* SN-RTX-9 */
    { FROM(ACTIVE), MQTTSN_WILLMSG, will_repeated },                              /* SN-RTX-9 */
    { STATES_CONNECTED, MQTTSN_WILLTOPICUPD, will_topic_update },                 /* 6.4 */
    { STATES_CONNECTED, MQTTSN_WILLMSGUPD, will_message_update },                 /* 6.4 */
    { STATES_CONNECTED, MQTTSN_REGISTER, topic_register },                        /* 6.5 */
    { STATES_CONNECTED, MQTTSN_REGACK, regack_take },                             /* 6.10 */
    { STATES_CONNECTED, MQTTSN_SUBSCRIBE, subscribe_ask },                        /* 6.9 */
    { STATES_CONNECTED, MQTTSN_UNSUBSCRIBE, unsubscribe_ask },                    /* 6.9 */
    { FROM(ACTIVE), MQTTSN_PINGREQ, ping_answer },                                /* 6.11 */
    { FROM(ASLEEP), MQTTSN_PINGREQ, wake_to_collect },                            /* 6.14 */
    { FROM(AWAKE), MQTTSN_PINGREQ, wake_again },                                  /* 6.14 */
    { STATES_CONNECTED, MQTTSN_PINGRESP, sign_of_life },                          /* 6.11 */
    { STATES_CONNECTED, MQTTSN_DISCONNECT, sleep_or_leave },                      /* 6.12, 6.14 */
    { STATES_CONNECTING, MQTTSN_DISCONNECT, connect_abort },                      /* SN-CONN-14 */
};

/* From which states a state is entered: figure 4 of the standard, and the connect procedure. */
static const unsigned reachable_from[SESSION_STATES] = {
    [SESSION_DISCONNECTED] = STATES_ALL,
    [SESSION_WILL_TOPIC] = STATES_ALL,
    [SESSION_WILL_MESSAGE] = FROM(WILL_TOPIC) | FROM(WILL_MESSAGE),
    [SESSION_CONNECTING] = STATES_ALL,
    [SESSION_ACTIVE] =
        FROM(CONNECTING) | FROM(WILL_TOPIC) | FROM(WILL_MESSAGE) | FROM(ASLEEP) | FROM(AWAKE),
    [SESSION_ASLEEP] =
        FROM(ACTIVE) | FROM(AWAKE) | FROM(ASLEEP) | FROM(WILL_TOPIC) | FROM(WILL_MESSAGE),
    [SESSION_AWAKE] = FROM(ASLEEP),
    [SESSION_LOST] = STATES_CONNECTED | FROM(WILL_TOPIC) | FROM(WILL_MESSAGE),
};

const char *session_state_name(enum session_state state)
{
    static const char *const names[] = { "disconnected",
                                         "asked for will topic",
                                         "asked for will message",
                                         "connecting",
                                         "active",
                                         "asleep",
                                         "awake",
                                         "lost" };
    return state < SESSION_STATES ? names[state] : "?";
}

bool session_is_connected(const struct session *s)
{
    return (STATES_CONNECTED >> s->state & 1U) != 0;
}

bool session_init(struct session *s, struct span client_id, const struct common *common, msec now)
{
    struct span id;
    if (!span_copy(client_id, &id))
        return false;
    *s = (struct session){ .client_id = id,
                           .clean = true,
                           .common = common,
                           .predefined = predefined_hold(common->predefined),
                           .heard_at = now,
                           .entered_at = now,
                           .connack_at = MSEC_NEVER,
                           .keep_at = MSEC_NEVER,
                           .deadline = MSEC_NEVER };
    sleepq_init(&s->queue);
    sleepq_init(&s->uplink);
    STAILQ_INIT(&s->spent);
    deliver_freeze(s);
    return true;
}

/* What the last list of actions borrowed from. */
void session_begin(struct session *s)
{
    for (struct queued *q; (q = STAILQ_FIRST(&s->spent));) {
        STAILQ_REMOVE_HEAD(&s->spent, next);
        free(q);
    }
    will_free(s->spent_will);
    s->spent_will = NULL;
}

static void session_drop_content(struct session *s)
{
    for (struct queued *q; (q = sleepq_pop(&s->queue));)
        free(q);
    free(s->delivery.message);
    s->delivery = (struct delivery){ .retry_at = MSEC_NEVER };
    registry_clear(&s->topics);
    subscriptions_clear(&s->subscriptions);
    s->inflight = (struct inflight){ .kept = s->inflight.kept, .changed = s->inflight.kept };
    s->wiped = true;
}

void session_clear(struct session *s)
{
    session_drop_content(s);
    for (struct queued *q; (q = sleepq_pop(&s->uplink));)
        free(q);
    session_begin(s);
    will_free(s->will);
    will_free(s->connect.will);
    predefined_release(s->predefined);
    span_free(&s->client_id);
}

void session_wipe(struct session *s, struct actions *out)
{
    deliver_wipe(s, out);
    session_drop_content(s);
}

/* ---- the deadline ------------------------------------------------------------------------------------------------ */

static msec earlier(msec a, msec b)
{
    return a < b ? a : b;
}

static msec later(msec a, msec b)
{
    return a > b ? a : b;
}

static msec after(msec since, msec wait)
{
    return since == MSEC_NEVER || wait == MSEC_NEVER ? MSEC_NEVER : since + wait;
}

/* When a client whose own broker connection is gone has to go too (SN-BRK-1). */
static msec grace_deadline(const struct session *s)
{
    const struct upstream *u = s->upstream;
    msec grace = s->common->limits->broker_grace;
    bool waits = u && u->session == s && !upstream_online(u) && grace > 0;
    return waits ? u->offline_since + grace : MSEC_NEVER;
}

/* When the state as such is over: supervision, prompts, the broker's answer, the age of a stored session. */
static msec state_deadline(const struct session *s)
{
    const struct limits *l = s->common->limits;
    switch (s->state) {
    case SESSION_ACTIVE:
        return earlier(
            s->heard_at + s->prompts * l->retry +
                (s->keep_alive_s > 0 ? access_patience(s->access, s->keep_alive_s) : l->max_idle),
            grace_deadline(s));
    case SESSION_ASLEEP: /* the time begins anew with each sleep (SN-SLP-10) */
        return later(later(s->heard_at, s->entered_at) + access_patience(s->access, s->sleep_s),
                     s->lost_not_before);
    case SESSION_AWAKE: /* and stands while retransmissions go on (SN-SLP-6) */
        return s->heard_at +
               later(access_patience(s->access, s->sleep_s), l->retry * (l->retry_count + 2U));
    case SESSION_WILL_TOPIC:
    case SESSION_WILL_MESSAGE:
        return s->entered_at + (s->prompts + 1U) * l->retry;
    case SESSION_CONNECTING:
        return s->entered_at + l->connect_timeout;
    default:
        return s->entered_at + l->session_expiry;
    }
}

static msec exchange_deadline(const struct session *s)
{
    const struct limits *l = s->common->limits;
    if (s->inflight.open == 0)
        return MSEC_NEVER;
    msec subscribe = earlier(inflight_oldest(&s->inflight, EXCHANGE_SUBACK),
                             inflight_oldest(&s->inflight, EXCHANGE_UNSUBACK));
    return earlier(after(subscribe, l->retry),
                   after(inflight_oldest(&s->inflight, EXCHANGE_PUBREL), l->qos2_expiry));
}

void session_set_deadline(struct session *s)
{
    s->deadline = earlier(state_deadline(s), exchange_deadline(s));
    s->deadline = earlier(s->deadline, earlier(s->keep_at, uplink_deadline(s)));
    s->deadline = earlier(s->deadline, deliver_deadline(s));
    if (s->state == SESSION_ACTIVE || s->state == SESSION_AWAKE)
        s->deadline = earlier(s->deadline, s->delivery.retry_at);
}

/* ---- the door ---------------------------------------------------------------------------------------------------- */

void session_enter(struct session *s, enum session_state next, msec now, struct actions *out)
{
    assert(reachable_from[next] >> s->state & 1U);
    actions_state(out, s->state);
    s->state = next;
    s->entered_at = now;
    s->lost_not_before = 0;
    s->prompts = 0;
    s->changed = true;
}

/* ---- small things the procedures share --------------------------------------------------------------------------- */

void session_reply(struct actions *out, enum mqttsn_type type, uint8_t return_code)
{
    actions_send(
        out, &(struct mqttsn_message){ .type = type, .return_code = return_code, .brief = true });
}

void session_ask_upstream(struct actions *out, enum mqtt_type type)
{
    actions_upstream(out, &(struct mqtt_packet){ .type = type });
}

void session_ban(struct session *s, enum mqttsn_type type, uint32_t what, msec now)
{
    enum { BAN_MS = 600000 };
    s->ban = (struct ban){ (uint8_t)type, what, now + BAN_MS };
}

bool session_banned(const struct session *s, enum mqttsn_type type, uint32_t what, msec now)
{
    return s->ban.type == type && s->ban.what == what && now < s->ban.until;
}

void session_connect_packet(const struct session *s, struct mqtt_connect *c)
{
    c->client_id = s->client_id;
    c->clean = s->clean;
    if (!s->will_out && s->state != SESSION_DISCONNECTED && s->state != SESSION_LOST)
        will_into(s->will, c);
}

/* ---- the three ways in ------------------------------------------------------------------------------------------- */

static handler *rule_for(const struct session *s, enum mqttsn_type type)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].on == type && (rules[i].in >> s->state & 1U))
            return rules[i].run;
    return NULL;
}

/* With strict_sleep a sleeper may wake, connect or leave, nothing else (SN-SLP-14). */
static bool forbidden_asleep(const struct session *s, enum mqttsn_type type)
{
    return s->state == SESSION_ASLEEP && s->access->strict_sleep && type != MQTTSN_PINGREQ &&
           type != MQTTSN_CONNECT && type != MQTTSN_DISCONNECT;
}

void session_receive(struct session *s, const struct mqttsn_message *m, msec now, struct actions *out)
{
    handler *run = rule_for(s, m->type);
    session_begin(s);
    if (!run || forbidden_asleep(s, m->type)) {
        actions_drop(out, STATES_CONNECTING >> s->state & 1U ? DROP_CONNECTING : DROP_UNEXPECTED);
        if (run)
            session_reply(out, MQTTSN_DISCONNECT, 0);
        return;
    }
    s->heard_at = now;
    bool will_out = s->will_out;
    s->will_out = false;
    if (s->state == SESSION_ACTIVE)
        s->prompts = 0;
    if (m->type != MQTTSN_CONNECT && m->type != MQTTSN_WILLTOPIC && m->type != MQTTSN_WILLMSG)
        s->connack_at = MSEC_NEVER;
    (void)delivery_drop_unfit(s, out);
    run(s, m, now, out);
    if (will_out)
        will_counts_again(s, out);
    deliver_resume(s, now, out); /* it was silent, now it is there (SN-RTX-4) */
    deliver_next(s, now, out);
    session_rest(s, now);
}

void session_broker(struct session *s, const struct mqtt_packet *p, msec now, struct actions *out)
{
    struct exchange *e = inflight_by_packet_id(&s->inflight, p->packet_id);
    session_begin(s);
    switch (p->type) {
    case MQTT_PUBLISH:
        deliver_accept(s, p, now, out);
        break;
    case MQTT_CONNACK:
        connect_answered(s, p, now, out);
        break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBCOMP:
        if (e)
            publish_answered(s, e, p, now, out);
        else
            (void)uplink_answered(s, p, out);
        break;
    default: /* SUBACK, UNSUBACK */
        subscribe_answered(s, p, now, out);
        break;
    }
    session_rest(s, now);
}

void session_sent(struct session *s, msec now, struct actions *out)
{
    session_begin(s);
    if (s->unsent == 0)
        return; /* it was for whoever had the address before */
    s->unsent--;
    if (s->unsent == 0)
        deliver_clock(s, now);
    deliver_next(s, now, out);
    session_rest(s, now);
}

void session_tick(struct session *s, msec now, struct actions *out)
{
    session_begin(s);
    if (s->state == SESSION_ACTIVE && now >= grace_deadline(s)) {
        session_dismiss(s, now, out);
    } else if (now >= state_deadline(s) && !silence_probed(s, out)) {
        if (STATES_CONNECTED >> s->state & 1U)
            session_lose(s, now, out);
        else if (STATES_CONNECTING >> s->state & 1U)
            connect_retry(s, now, out);
        else
            session_expire(s, now, out);
    } else {
        subscribe_expire(s, now, out);
        publish_expire(s, now, out);
        uplink_expire(s, now, out);
        deliver_expire(s, now, out);
        deliver_keep_late(s, now, out);
        if (s->state == SESSION_ACTIVE || s->state == SESSION_AWAKE)
            deliver_retry(s, now, out);
        deliver_next(s, now, out); /* what waited for something that did not come */
    }
    session_rest(s, now);
}
