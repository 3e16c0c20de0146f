/* client.c -- the client side of MQTT-SN 1.2: what the caller wants, and what time does.
 *
 * A small device has one request open at a time (sections 6.5, 6.6, 6.9), so there is exactly one: a message, how
 * often it was sent and when it is due again. The open request is also the memory of the exchange. A will handed over
 * at connect is CONNECT, then WILLTOPIC, then WILLMSG as the open request; QoS 2 is PUBLISH, then PUBREL; falling
 * asleep is a DISCONNECT with a duration. So the state needs no more values than the standard's own. The tail of the
 * request is copied into one buffer made at the beginning, so that a message may be sent again long after the
 * caller's bytes are gone.
 *
 * What arrives is handled in client_receive.c. */
#include "mqttsn/client_inside.h"

#include "mqtt/topic.h"

#include <assert.h>
#include <stdlib.h>

enum { PROTOCOL_ID = 1, TOPIC_ID_MIN = 1, TOPIC_ID_MAX = 0xFFFE };

#define IN(state) (1u << (state))
#define CONNECTED (IN(SN_ACTIVE) | IN(SN_ASLEEP) | IN(SN_AWAKE))
#define ANY (IN(SN_STATES) - 1u)

static const char *const errors[SN_ERRORS] = {
    [SN_OK] = "no error",
    [SN_BUSY] = "another request waits for its answer",
    [SN_WRONG_STATE] = "not possible in this state",
    [SN_TOO_LONG] = "the message is too long",
    [SN_BAD_TOPIC] = "the topic cannot be used for this",
};

static const char *const states[SN_STATES] = {
    [SN_DISCONNECTED] = "disconnected",
    [SN_CONNECTING] = "connecting",
    [SN_ACTIVE] = "active",
    [SN_ASLEEP] = "asleep",
    [SN_AWAKE] = "awake",
    [SN_LOST] = "lost",
};

/* From which states each state may be entered. */
static const unsigned reachable_from[SN_STATES] = {
    [SN_DISCONNECTED] = ANY, [SN_CONNECTING] = ANY,      [SN_ACTIVE] = IN(SN_CONNECTING),
    [SN_ASLEEP] = CONNECTED, [SN_AWAKE] = IN(SN_ASLEEP), [SN_LOST] = ANY,
};

struct mqttsn_client *mqttsn_client_new(const struct sn_settings *settings)
{
    struct mqttsn_client *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->settings = *settings;
    c->tail = malloc(settings->max_message > 0 ? settings->max_message : 1);
    if (!c->tail || !client_topics_init(&c->topics, settings->max_topics)) {
        mqttsn_client_free(c);
        return NULL;
    }
    return c;
}

void mqttsn_client_free(struct mqttsn_client *c)
{
    if (!c)
        return;
    client_topics_free(&c->topics);
    free(c->tail);
    free(c);
}

const char *sn_strerror(enum sn_error e)
{
    return (unsigned)e < SN_ERRORS ? errors[e] : "?";
}

const char *sn_state_name(enum sn_state s)
{
    return (unsigned)s < SN_STATES ? states[s] : "?";
}

enum sn_state mqttsn_client_state(const struct mqttsn_client *c)
{
    return c->state;
}

bool mqttsn_client_busy(const struct mqttsn_client *c)
{
    return c->request.open;
}

bool mqttsn_client_topic_id(const struct mqttsn_client *c, struct span name, uint16_t *id)
{
    return client_topics_id(&c->topics, name, id);
}

void client_enter(struct mqttsn_client *c, enum sn_state next)
{
    assert(reachable_from[next] & IN(c->state));
    c->state = next;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

enum sn_error client_send(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                          struct sn_turn *t)
{
    size_t len = mqttsn_encoded_len(m);
    if (len > c->settings.max_message)
        return SN_TOO_LONG;
    struct writer w = writer_of(t->frame, t->frame_room);
    if (mqttsn_encode(m, &w) != MQTTSN_OK)
        return SN_TOO_LONG;
    t->frame_len = len;
    c->sent_at = now;
    return SN_OK;
}

enum sn_error client_request(struct mqttsn_client *c, const struct mqttsn_message *m, msec now,
                             struct sn_turn *t)
{
    enum sn_error e = client_send(c, m, now, t);
    if (e != SN_OK)
        return e;
    struct sn_request *r = &c->request;
    if (m->tail.len > 0)
        memmove(c->tail, m->tail.at, m->tail.len);
    *r = (struct sn_request){ true, *m, 1, now + c->settings.retry_ms };
    r->message.tail = span_of(c->tail, m->tail.len);
    return SN_OK;
}

static void turn_begin(struct sn_turn *t)
{
    *t = (struct sn_turn){ .frame = t->frame, .frame_room = t->frame_room };
}

/* Never 0, which means "none" (section 2.8 of the spec sheet). */
static uint16_t next_message_id(struct mqttsn_client *c)
{
    c->last_message_id = (uint16_t)(c->last_message_id == UINT16_MAX ? 1 : c->last_message_id + 1);
    return c->last_message_id;
}

/* Opens the request `m` if the client is in one of the states `in` and has none open. */
static enum sn_error request_in(struct mqttsn_client *c, unsigned in, struct mqttsn_message *m,
                                msec now, struct sn_turn *t)
{
    turn_begin(t);
    if (!(in & IN(c->state)))
        return SN_WRONG_STATE;
    if (c->request.open)
        return SN_BUSY;
    if (mqttsn_has_message_id(m->type))
        m->message_id = next_message_id(c);
    return client_request(c, m, now, t);
}

/* ---- what the caller wants --------------------------------------------------------------------------------------- */

enum sn_error mqttsn_client_connect(struct mqttsn_client *c, msec now, struct sn_turn *t)
{
    turn_begin(t);
    const struct mqttsn_message connect = {
        .type = MQTTSN_CONNECT,
        .will = c->settings.will != NULL,
        .clean = c->settings.clean,
        .protocol_id = PROTOCOL_ID,
        .duration = c->settings.keep_alive_s,
        .tail = c->settings.client_id,
    };
    enum sn_error e = client_request(c, &connect, now, t);
    if (e == SN_OK)
        client_enter(c, SN_CONNECTING);
    return e;
}

enum sn_error mqttsn_client_register(struct mqttsn_client *c, struct span name, msec now,
                                     struct sn_turn *t)
{
    turn_begin(t);
    if (!topic_name_valid(name))
        return SN_BAD_TOPIC;
    struct mqttsn_message m = { .type = MQTTSN_REGISTER, .tail = name };
    return request_in(c, IN(SN_ACTIVE), &m, now, t);
}

static bool id_usable(uint16_t id)
{
    return id >= TOPIC_ID_MIN && id <= TOPIC_ID_MAX;
}

static bool short_name_valid(uint16_t id, bool filter)
{
    const uint8_t name[] = { (uint8_t)(id >> 8), (uint8_t)id };
    struct span span = span_of(name, sizeof name);
    return filter ? topic_filter_valid(span) : topic_name_valid(span);
}

static bool may_publish(const struct sn_publish *p)
{
    if (p->topic.type == MQTTSN_SHORT)
        return short_name_valid(p->topic.id, false);
    if (p->topic.type == MQTTSN_NORMAL && p->qos == MQTTSN_QOS_MINUS_ONE)
        return false;
    return p->topic.type != MQTTSN_RESERVED && id_usable(p->topic.id);
}

enum sn_error mqttsn_client_publish(struct mqttsn_client *c, const struct sn_publish *p, msec now,
                                    struct sn_turn *t)
{
    turn_begin(t);
    if (!may_publish(p))
        return SN_BAD_TOPIC;
    struct mqttsn_message m = {
        .type = MQTTSN_PUBLISH,
        .qos = p->qos,
        .retain = p->retain,
        .topic_id_type = (uint8_t)p->topic.type,
        .topic_id = p->topic.id,
        .tail = p->data,
    };
    if (p->qos == 1 || p->qos == 2)
        return request_in(c, IN(SN_ACTIVE), &m, now, t);
    if (p->qos == 0 && !(IN(c->state) & CONNECTED))
        return SN_WRONG_STATE;
    enum sn_error e = client_send(c, &m, now, t);
    if (e == SN_OK) {
        t->event = SN_PUBLISHED;
        t->topic = p->topic;
    }
    return e;
}

static bool may_subscribe(const struct sn_topic *topic)
{
    switch (topic->type) {
    case MQTTSN_NORMAL:
        return topic_filter_valid(topic->name);
    case MQTTSN_PREDEFINED:
        return id_usable(topic->id);
    case MQTTSN_SHORT:
        return short_name_valid(topic->id, true);
    case MQTTSN_RESERVED:
        break;
    }
    return false;
}

/* SUBSCRIBE and UNSUBSCRIBE name their topic in the same way. */
static enum sn_error request_about(struct mqttsn_client *c, struct mqttsn_message *m,
                                   const struct sn_topic *topic, msec now, struct sn_turn *t)
{
    turn_begin(t);
    if (!may_subscribe(topic))
        return SN_BAD_TOPIC;
    m->topic_id_type = (uint8_t)topic->type;
    if (topic->type == MQTTSN_NORMAL)
        m->tail = topic->name;
    else
        m->topic_id = topic->id;
    return request_in(c, IN(SN_ACTIVE), m, now, t);
}

enum sn_error mqttsn_client_subscribe(struct mqttsn_client *c, const struct sn_topic *topic,
                                      uint8_t qos, msec now, struct sn_turn *t)
{
    struct mqttsn_message m = { .type = MQTTSN_SUBSCRIBE, .qos = qos };
    return request_about(c, &m, topic, now, t);
}

enum sn_error mqttsn_client_unsubscribe(struct mqttsn_client *c, const struct sn_topic *topic,
                                        msec now, struct sn_turn *t)
{
    struct mqttsn_message m = { .type = MQTTSN_UNSUBSCRIBE };
    return request_about(c, &m, topic, now, t);
}

enum sn_error mqttsn_client_ping(struct mqttsn_client *c, msec now, struct sn_turn *t)
{
    struct mqttsn_message m = { .type = MQTTSN_PINGREQ };
    return request_in(c, IN(SN_ACTIVE), &m, now, t);
}

enum sn_error mqttsn_client_will_topic(struct mqttsn_client *c, const struct sn_will *will,
                                       msec now, struct sn_turn *t)
{
    struct mqttsn_message m = { .type = MQTTSN_WILLTOPICUPD, .brief = will == NULL };
    if (will) {
        m.qos = will->qos;
        m.retain = will->retain;
        m.tail = will->topic;
    }
    return request_in(c, IN(SN_ACTIVE), &m, now, t);
}

enum sn_error mqttsn_client_will_message(struct mqttsn_client *c, struct span message, msec now,
                                         struct sn_turn *t)
{
    struct mqttsn_message m = { .type = MQTTSN_WILLMSGUPD, .tail = message };
    return request_in(c, IN(SN_ACTIVE), &m, now, t);
}

/* Leaving and falling asleep do not wait for an open request: whoever goes does not want its answer any more. */
static enum sn_error leave(struct mqttsn_client *c, uint16_t duration_s, msec now, struct sn_turn *t)
{
    turn_begin(t);
    if (!(IN(c->state) & CONNECTED))
        return SN_WRONG_STATE;
    const struct mqttsn_message m = {
        .type = MQTTSN_DISCONNECT,
        .brief = duration_s == 0,
        .duration = duration_s,
    };
    return client_request(c, &m, now, t);
}

enum sn_error mqttsn_client_sleep(struct mqttsn_client *c, uint16_t duration_s, msec now,
                                  struct sn_turn *t)
{
    assert(duration_s > 0);
    return leave(c, duration_s, now, t);
}

enum sn_error mqttsn_client_disconnect(struct mqttsn_client *c, msec now, struct sn_turn *t)
{
    return leave(c, 0, now, t);
}

enum sn_error mqttsn_client_wake(struct mqttsn_client *c, msec now, struct sn_turn *t)
{
    struct mqttsn_message m = { .type = MQTTSN_PINGREQ, .tail = c->settings.client_id };
    enum sn_error e = request_in(c, IN(SN_ASLEEP), &m, now, t);
    if (e == SN_OK)
        client_enter(c, SN_AWAKE);
    return e;
}

enum sn_error mqttsn_client_search(struct mqttsn_client *c, uint8_t radius, msec now,
                                   struct sn_turn *t)
{
    struct mqttsn_message m = { .type = MQTTSN_SEARCHGW, .radius = radius };
    return request_in(c, IN(SN_DISCONNECTED) | IN(SN_LOST), &m, now, t);
}

/* ---- what time does ---------------------------------------------------------------------------------------------- */

/* Pings when one direction was silent for three quarters of the keep-alive: the gateway must hear us in time, and
 * a client that only sends QoS 0 would never learn that its gateway is gone. */
static msec ping_due(const struct mqttsn_client *c)
{
    if (c->state != SN_ACTIVE || c->settings.keep_alive_s == 0)
        return MSEC_NEVER;
    msec quiet_since = c->sent_at < c->heard_at ? c->sent_at : c->heard_at;
    return quiet_since + (msec)c->settings.keep_alive_s * 750;
}

msec mqttsn_client_deadline(const struct mqttsn_client *c)
{
    return c->request.open ? c->request.due : ping_due(c);
}

static void give_up(struct mqttsn_client *c, struct sn_turn *t)
{
    t->event = SN_UNANSWERED;
    t->request = c->request.message.type;
    client_close_request(c);
    client_enter(c, SN_LOST);
}

static void send_again(struct mqttsn_client *c, msec now, struct sn_turn *t)
{
    struct sn_request *r = &c->request;
    r->message.dup = r->message.type == MQTTSN_PUBLISH || r->message.type == MQTTSN_SUBSCRIBE;
    r->sent++;
    r->due = now + c->settings.retry_ms;
    enum sn_error e = client_send(c, &r->message, now, t);
    assert(e == SN_OK || t->frame_room < c->settings.max_message); /* it fitted the first time */
}

void mqttsn_client_tick(struct mqttsn_client *c, msec now, struct sn_turn *t)
{
    turn_begin(t);
    if (now < mqttsn_client_deadline(c))
        return;
    if (!c->request.open) {
        enum sn_error e = mqttsn_client_ping(c, now, t);
        assert(e == SN_OK); /* it is active and not busy, else nothing was due */
    } else if (c->request.sent > c->settings.retries) {
        give_up(c, t);
    } else {
        send_again(c, now, t);
    }
}
