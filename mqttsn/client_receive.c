/* client_receive.c -- the client side of MQTT-SN 1.2: what the gateway wants.
 *
 * One table says which message means something in which state, and reads like section 6 seen from the other end.
 * Messages that no rule takes are ignored and reported as such: late answers to requests that were sent twice are
 * normal life on radio. A message of the gateway is answered in the same turn: REGISTER by REGACK, PUBLISH by PUBACK
 * or PUBREC, and so on.
 *
 * A QoS 2 message is handed to the caller when its PUBLISH comes first (client_arrivals.c). A PUBLISH with an id that
 * was never registered is answered with "invalid topic id", which makes the gateway register it and deliver again. */
#include "mqttsn/client_inside.h"

#define IN(state) (1u << (state))
#define HEARING (IN(SN_ACTIVE) | IN(SN_AWAKE))
#define SESSION (HEARING | IN(SN_ASLEEP) | IN(SN_CONNECTING))
#define ANY (IN(SN_STATES) - 1u)

typedef void handler(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                     struct sn_turn *t);

/* Answers are a few octets. A turn too small for them loses the answer as the air would; the gateway asks again. */
static void answer(struct mqttsn_client *c, struct mqttsn_message m, msec now, struct sn_turn *t)
{
    if (client_send(c, &m, now, t) != SN_OK)
        t->frame_len = 0;
}

static void unexpected(struct sn_turn *t)
{
    t->event = SN_UNEXPECTED;
}

static bool awaits(const struct mqttsn_client *c, enum mqttsn_type request)
{
    return c->request.open && c->request.message.type == request;
}

/* Is `m` the answer to the open request of this type? Message ids decide (section 2.8 of the spec sheet). */
static bool answers(const struct mqttsn_client *c, enum mqttsn_type request,
                    const struct mqttsn_message *m)
{
    return awaits(c, request) && c->request.message.message_id == m->message_id;
}

/* The request is answered to its end: tells `event`, and what the request was about. */
static void finish(struct mqttsn_client *c, enum sn_event event, uint8_t return_code,
                   struct sn_turn *t)
{
    const struct mqttsn_message *request = &c->request.message;
    client_close_request(c);
    t->event = event;
    t->return_code = return_code;
    t->request = request->type;
    t->topic = (struct sn_topic){ .type = (enum mqttsn_topic_id_type)request->topic_id_type,
                                  .id = request->topic_id };
}

/* ---- connect (6.2) ----------------------------------------------------------------------------------------------- */

static void take_connack(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                         struct sn_turn *t)
{
    (void)now;
    if (m->return_code != MQTTSN_ACCEPTED) {
        client_enter(c, SN_DISCONNECTED);
        finish(c, SN_REFUSED, m->return_code, t);
        return;
    }
    if (c->settings.clean) {
        client_topics_clear(&c->topics);
        c->arrivals = (struct client_arrivals){ 0 };
    }
    client_enter(c, SN_ACTIVE);
    finish(c, SN_CONNECTED, 0, t);
}

static void tell_will_topic(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                            struct sn_turn *t)
{
    (void)m;
    const struct sn_will *will = c->settings.will;
    struct mqttsn_message answer_m = { .type = MQTTSN_WILLTOPIC, .brief = will == NULL };
    if (will) {
        answer_m.qos = will->qos;
        answer_m.retain = will->retain;
        answer_m.tail = will->topic;
    }
    if (client_request(c, &answer_m, now, t) != SN_OK)
        unexpected(t);
}

static void tell_will_message(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                              struct sn_turn *t)
{
    (void)m;
    const struct sn_will *will = c->settings.will;
    const struct mqttsn_message will_message = {
        .type = MQTTSN_WILLMSG,
        .tail = will ? will->message : (struct span){ 0 },
    };
    if (client_request(c, &will_message, now, t) != SN_OK)
        unexpected(t);
}

static void take_will_response(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                               struct sn_turn *t)
{
    (void)now;
    bool about_topic = m->type == MQTTSN_WILLTOPICRESP;
    if (awaits(c, about_topic ? MQTTSN_WILLTOPICUPD : MQTTSN_WILLMSGUPD))
        finish(c, SN_WILL_UPDATED, m->return_code, t);
    else
        unexpected(t);
}

/* ---- topics (6.5, 6.9, 6.10) ------------------------------------------------------------------------------------- */

static void learn_topic(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                        struct sn_turn *t)
{
    bool learnt = client_topics_learn(&c->topics, m->topic_id, m->tail);
    answer(c,
           (struct mqttsn_message){ .type = MQTTSN_REGACK,
                                    .topic_id = m->topic_id,
                                    .message_id = m->message_id,
                                    .return_code = learnt ? MQTTSN_ACCEPTED : MQTTSN_CONGESTION },
           now, t);
}

static void take_regack(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                        struct sn_turn *t)
{
    (void)now;
    if (!answers(c, MQTTSN_REGISTER, m)) {
        unexpected(t);
        return;
    }
    struct span name = c->request.message.tail;
    uint8_t code = m->return_code;
    if (code == MQTTSN_ACCEPTED && !client_topics_learn(&c->topics, m->topic_id, name))
        code = MQTTSN_CONGESTION; /* our own table is full */
    finish(c, SN_REGISTERED, code, t);
    t->topic = (struct sn_topic){ MQTTSN_NORMAL, m->topic_id, name };
}

static void take_suback(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                        struct sn_turn *t)
{
    (void)now;
    if (!answers(c, MQTTSN_SUBSCRIBE, m)) {
        unexpected(t);
        return;
    }
    struct span name = c->request.message.tail;
    uint8_t code = m->return_code;
    bool by_name = c->request.message.topic_id_type == MQTTSN_NORMAL;
    if (code == MQTTSN_ACCEPTED && by_name && m->topic_id != 0 && /* 0: a wildcard, ids come later */
        !client_topics_learn(&c->topics, m->topic_id, name))
        code = MQTTSN_CONGESTION;
    finish(c, SN_SUBSCRIBED, code, t);
    t->qos = m->qos;
    t->topic.name = name;
    if (by_name)
        t->topic.id = m->topic_id;
}

static void take_unsuback(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                          struct sn_turn *t)
{
    (void)now;
    if (answers(c, MQTTSN_UNSUBSCRIBE, m))
        finish(c, SN_UNSUBSCRIBED, 0, t);
    else
        unexpected(t);
}

/* ---- our publishes (6.6) ----------------------------------------------------------------------------------------- */

static void take_puback(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                        struct sn_turn *t)
{
    (void)now;
    bool rejected = m->return_code != MQTTSN_ACCEPTED;
    if (answers(c, MQTTSN_PUBLISH, m) && (rejected || c->request.message.qos == 1)) {
        finish(c, SN_PUBLISHED, m->return_code, t);
    } else if (rejected && m->message_id == 0) {
        t->event = SN_REJECTED;
        t->return_code = m->return_code;
        t->topic.id = m->topic_id;
    } else {
        unexpected(t);
    }
}

static void take_pubrec(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                        struct sn_turn *t)
{
    bool first = answers(c, MQTTSN_PUBLISH, m) && c->request.message.qos == 2;
    if (!first && !answers(c, MQTTSN_PUBREL, m)) {
        unexpected(t);
        return;
    }
    struct mqttsn_message release = c->request.message; /* keeps what the publish was about */
    release.type = MQTTSN_PUBREL;
    release.tail = (struct span){ 0 };
    if (client_request(c, &release, now, t) != SN_OK)
        unexpected(t);
}

static void take_pubcomp(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                         struct sn_turn *t)
{
    (void)now;
    if (answers(c, MQTTSN_PUBREL, m))
        finish(c, SN_PUBLISHED, 0, t);
    else
        unexpected(t);
}

/* ---- the gateway's publishes (6.10) ------------------------------------------------------------------------------ */

static void answer_puback(struct mqttsn_client *c, const struct mqttsn_message *m, uint8_t code,
                          msec now, struct sn_turn *t)
{
    answer(c,
           (struct mqttsn_message){ .type = MQTTSN_PUBACK,
                                    .topic_id = m->topic_id,
                                    .message_id = m->message_id,
                                    .return_code = code },
           now, t);
}

/* Acknowledges a message at its QoS. True when it is new and the caller is to have it. */
static bool acknowledge(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                        struct sn_turn *t)
{
    if (m->qos == 1)
        answer_puback(c, m, MQTTSN_ACCEPTED, now, t);
    if (m->qos != 2)
        return true;
    answer(c, (struct mqttsn_message){ .type = MQTTSN_PUBREC, .message_id = m->message_id }, now, t);
    return client_arrivals_take(&c->arrivals, m, now, c->settings.retry_ms);
}

static void take_publish(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                         struct sn_turn *t)
{
    struct span name = { 0 };
    bool normal = m->topic_id_type == MQTTSN_NORMAL;
    if (normal && !client_topics_name(&c->topics, m->topic_id, &name)) {
        answer_puback(c, m, MQTTSN_INVALID_TOPIC_ID, now, t);
        unexpected(t);
        return;
    }
    if (!acknowledge(c, m, now, t))
        return;
    t->event = SN_MESSAGE;
    t->topic = (struct sn_topic){ (enum mqttsn_topic_id_type)m->topic_id_type, m->topic_id, name };
    t->data = m->tail;
    t->qos = m->qos;
    t->retain = m->retain;
    t->dup = m->dup;
}

static void take_pubrel(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                        struct sn_turn *t)
{
    client_arrivals_release(&c->arrivals, m->message_id, now);
    answer(c, (struct mqttsn_message){ .type = MQTTSN_PUBCOMP, .message_id = m->message_id }, now, t);
}

/* ---- pings, sleep, leaving (6.11, 6.12, 6.14) -------------------------------------------------------------------- */

static void answer_ping(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                        struct sn_turn *t)
{
    (void)m;
    answer(c, (struct mqttsn_message){ .type = MQTTSN_PINGRESP }, now, t);
}

static void take_pingresp(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                          struct sn_turn *t)
{
    (void)m;
    (void)now;
    if (!awaits(c, MQTTSN_PINGREQ)) {
        unexpected(t);
        return;
    }
    bool period_over = c->state == SN_AWAKE;
    if (period_over)
        client_enter(c, SN_ASLEEP);
    finish(c, period_over ? SN_PERIOD_OVER : SN_PONG, 0, t);
}

static void take_disconnect(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                            struct sn_turn *t)
{
    (void)m;
    (void)now;
    if (awaits(c, MQTTSN_DISCONNECT)) {
        bool sleeps = c->request.message.duration > 0;
        client_enter(c, sleeps ? SN_ASLEEP : SN_DISCONNECTED);
        finish(c, sleeps ? SN_FELL_ASLEEP : SN_LEFT, 0, t);
    } else if (c->state == SN_ASLEEP || c->state == SN_CONNECTING) {
        unexpected(t); /* the answer to a DISCONNECT that was sent twice */
    } else {
        client_enter(c, SN_DISCONNECTED);
        finish(c, SN_DISMISSED, 0, t);
    }
}

/* ---- discovery (6.1) --------------------------------------------------------------------------------------------- */

static void take_gateway(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                         struct sn_turn *t)
{
    (void)now;
    if (awaits(c, MQTTSN_SEARCHGW))
        client_close_request(c);
    t->event = m->type == MQTTSN_GWINFO ? SN_GATEWAY_FOUND : SN_ADVERTISED;
    t->gateway_id = m->gateway_id;
    t->duration = m->duration;
    t->data = m->tail;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static const struct rule {
    unsigned in;
    enum mqttsn_type on;
    handler *run;
} rules[] = {
    { ANY, MQTTSN_ADVERTISE, take_gateway },                     /* 6.1  */
    { ANY, MQTTSN_GWINFO, take_gateway },                        /* 6.1  */
    { IN(SN_CONNECTING), MQTTSN_CONNACK, take_connack },         /* 6.2  */
    { IN(SN_CONNECTING), MQTTSN_WILLTOPICREQ, tell_will_topic }, /* 6.2  */
    { IN(SN_CONNECTING), MQTTSN_WILLMSGREQ, tell_will_message }, /* 6.2  */
    { IN(SN_ACTIVE), MQTTSN_WILLTOPICRESP, take_will_response }, /* 6.4  */
    { IN(SN_ACTIVE), MQTTSN_WILLMSGRESP, take_will_response },   /* 6.4  */
    { IN(SN_ACTIVE), MQTTSN_REGACK, take_regack },               /* 6.5  */
    { IN(SN_ACTIVE), MQTTSN_PUBACK, take_puback },               /* 6.6  */
    { IN(SN_ACTIVE), MQTTSN_PUBREC, take_pubrec },               /* 6.6  */
    { IN(SN_ACTIVE), MQTTSN_PUBCOMP, take_pubcomp },             /* 6.6  */
    { IN(SN_ACTIVE), MQTTSN_SUBACK, take_suback },               /* 6.9  */
    { IN(SN_ACTIVE), MQTTSN_UNSUBACK, take_unsuback },           /* 6.9  */
    { HEARING, MQTTSN_REGISTER, learn_topic },                   /* 6.10 */
    { HEARING, MQTTSN_PUBLISH, take_publish },                   /* 6.10 */
    { HEARING, MQTTSN_PUBREL, take_pubrel },                     /* 6.10 */
    { HEARING, MQTTSN_PINGREQ, answer_ping },                    /* 6.11 */
    { HEARING, MQTTSN_PINGRESP, take_pingresp },                 /* 6.11, 6.14 */
    { SESSION, MQTTSN_DISCONNECT, take_disconnect },             /* 6.12, 6.14 */
};

static const struct rule *rule_for(enum sn_state state, enum mqttsn_type type)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].on == type && rules[i].in & IN(state))
            return &rules[i];
    return NULL;
}

void mqttsn_client_receive(struct mqttsn_client *c, struct span frame, msec now, struct sn_turn *t)
{
    *t = (struct sn_turn){ .frame = t->frame, .frame_room = t->frame_room };
    struct mqttsn_message m;
    t->malformed = mqttsn_decode(frame, &m);
    if (t->malformed != MQTTSN_OK) {
        t->event = SN_MALFORMED;
        return;
    }
    c->heard_at = now;
    if (c->state == SN_AWAKE && c->request.open) { /* the period goes on; patience starts anew */
        c->request.sent = 1;
        c->request.due = now + c->settings.retry_ms;
    }
    const struct rule *rule = rule_for(c->state, m.type);
    if (rule)
        rule->run(c, &m, now, t);
    else
        unexpected(t);
}
