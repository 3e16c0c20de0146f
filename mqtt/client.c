/* client.c -- the client side of one MQTT 3.1.1 connection, without the connection.
 *
 * Requests of ours that want an answer are "flights" (flights.c), kept encoded until the broker has answered to the
 * end; after a reconnect they leave again in their old order (MQTT-4.4.0-1, MQTT-4.6.0-1), never on a timer.
 * Messages of the broker that want an acknowledgement are "arrivals" (arrivals.c); they are acknowledged in order of
 * arrival (MQTT-4.6.0-2, -3), each when its last receiver has taken it. */
#include "mqtt/client.h"

#include <assert.h>
#include <stdlib.h>

enum { OUT_KEEP = 1024 };

void mqtt_client_init(struct mqtt_client *c, msec keep_alive, msec answer_timeout)
{
    *c = (struct mqtt_client){ .keep_alive = keep_alive, .answer_timeout = answer_timeout };
}

void mqtt_client_clear(struct mqtt_client *c)
{
    flights_clear(&c->flights);
    arrivals_clear(&c->arrivals);
    buffer_clear(&c->out);
    *c = (struct mqtt_client){ .keep_alive = c->keep_alive,
                               .answer_timeout = c->answer_timeout,
                               .flights = { .last_packet_id = c->flights.last_packet_id },
                               .arrivals = { .last_receipt = c->arrivals.last_receipt } };
}

/* ---- bytes out --------------------------------------------------------------------------------------------------- */

static bool put(struct mqtt_client *c, struct span packet, msec now)
{
    uint8_t *room = buffer_reserve(&c->out, packet.len);
    if (!room)
        return false;
    memcpy(room, packet.at, packet.len);
    buffer_grow(&c->out, packet.len);
    c->sent_at = now;
    return true;
}

static bool put_packet(struct mqtt_client *c, const struct mqtt_packet *p, msec now)
{
    size_t len = mqtt_encoded_len(p);
    uint8_t *room = buffer_reserve(&c->out, len);
    if (!room)
        return false;
    struct writer w = writer_of(room, len);
    if (mqtt_encode(p, &w) != MQTT_OK)
        return false;
    buffer_grow(&c->out, len);
    c->sent_at = now;
    return true;
}

/* An acknowledgement or PUBREL: a type and an id. While offline there is nobody to tell. */
static void put_ack(struct mqtt_client *c, enum mqtt_type type, uint16_t packet_id, msec now)
{
    if (c->state == MQTT_CLIENT_ONLINE)
        (void)put_packet(c, &(struct mqtt_packet){ .type = type, .packet_id = packet_id }, now);
}

/* ---- flights ----------------------------------------------------------------------------------------------------- */

uint16_t mqtt_client_reserve(struct mqtt_client *c, void *owner)
{
    return flights_reserve(&c->flights, owner);
}

void mqtt_client_unreserve(struct mqtt_client *c, uint16_t packet_id)
{
    struct flight *f = flights_find(&c->flights, packet_id);
    if (f && f->state == FLIGHT_RESERVED)
        flights_end(&c->flights, f);
}

void mqtt_client_orphan(struct mqtt_client *c, const void *owner)
{
    flights_orphan(&c->flights, owner);
}

bool mqtt_client_send(struct mqtt_client *c, const struct mqtt_packet *p, msec now)
{
    bool online = c->state == MQTT_CLIENT_ONLINE;
    if (p->type == MQTT_DISCONNECT || (p->type == MQTT_PUBLISH && p->qos == 0))
        return online && put_packet(c, p, now);
    struct flight *f = flights_find(&c->flights, p->packet_id);
    assert(f && f->state == FLIGHT_RESERVED);
    if (!flights_keep(&c->flights, f, p)) {
        flights_end(&c->flights, f);
        return false;
    }
    return !online || put(c, span_of(f->packet, f->packet_len), now);
}

void mqtt_client_release(struct mqtt_client *c, uint16_t packet_id, msec now)
{
    struct flight *f = flights_find(&c->flights, packet_id);
    if (f && f->state == FLIGHT_PUBREC)
        f->state = FLIGHT_PUBREC_REL;
    if (!f || f->state != FLIGHT_HELD)
        return;
    f->state = c->state == MQTT_CLIENT_ONLINE ? FLIGHT_PUBCOMP : FLIGHT_RELEASED;
    put_ack(c, MQTT_PUBREL, packet_id, now);
}

/* ---- answers to flights ------------------------------------------------------------------------------------------ */

static enum mqtt_event flight_received(struct mqtt_client *c, struct flight *f, msec now)
{
    if (f->state == FLIGHT_PUBREC && f->owner) {
        f->state = FLIGHT_HELD;
        return MQTT_EVENT_ANSWER;
    }
    if (f->state == FLIGHT_PUBREC || f->state == FLIGHT_PUBREC_REL || f->state == FLIGHT_PUBCOMP) {
        f->state = FLIGHT_PUBCOMP;
        put_ack(c, MQTT_PUBREL, f->packet_id, now);
    }
    return MQTT_EVENT_NONE;
}

/* An answer nobody waits for is ignored: brokers that send again on a timer answer twice. */
static enum mqtt_type answer_to(const struct flight *f)
{
    enum mqtt_type asked = (enum mqtt_type)(f->packet[0] >> 4);
    return asked == MQTT_SUBSCRIBE     ? MQTT_SUBACK
           : asked == MQTT_UNSUBSCRIBE ? MQTT_UNSUBACK
                                       : MQTT_PUBACK;
}

static enum mqtt_event flight_answered(struct mqtt_client *c, const struct mqtt_packet *p, msec now,
                                       void **owner)
{
    struct flight *f = flights_find(&c->flights, p->packet_id);
    if (!f) {
        if (p->type == MQTT_PUBREC)
            put_ack(c, MQTT_PUBREL, p->packet_id, now);
        return MQTT_EVENT_NONE;
    }
    *owner = f->owner;
    if (p->type == MQTT_PUBREC)
        return flight_received(c, f, now);
    /* RabbitMQ answers QoS 2 with PUBACK: what counts is that it has the message. */
    bool expected = (f->state == FLIGHT_ANSWER && p->type == answer_to(f)) ||
                    (p->type == MQTT_PUBCOMP && f->state == FLIGHT_PUBCOMP) ||
                    (p->type == MQTT_PUBACK && f->state == FLIGHT_PUBREC);
    if (!expected)
        return MQTT_EVENT_NONE;
    flights_end(&c->flights, f);
    return *owner ? MQTT_EVENT_ANSWER : MQTT_EVENT_NONE;
}

/* ---- after a reconnect ------------------------------------------------------------------------------------------- */

/* `known`: the broker kept our session. If not, what it had only received (HELD) is lost there: send it as new. */
static void flight_again(struct mqtt_client *c, struct flight *f, bool known, msec now)
{
    enum { PUBLISH_DUP = 0x08 };
    if (f->state == FLIGHT_HELD && !known)
        f->state = FLIGHT_PUBREC;
    if (f->state == FLIGHT_RELEASED)
        f->state = known ? FLIGHT_PUBCOMP : FLIGHT_PUBREC_REL;
    if (f->state == FLIGHT_PUBCOMP) {
        put_ack(c, MQTT_PUBREL, f->packet_id, now);
    } else if (f->state != FLIGHT_HELD && f->state != FLIGHT_RESERVED) {
        bool publish = f->packet[0] >> 4 == MQTT_PUBLISH;
        if (publish)
            f->packet[0] =
                (uint8_t)(known ? f->packet[0] | PUBLISH_DUP : f->packet[0] & ~PUBLISH_DUP);
        (void)put(c, span_of(f->packet, f->packet_len), now);
    }
}

static void flights_again(struct mqtt_client *c, bool known, msec now)
{
    size_t count;
    struct flight **list = flights_in_order(&c->flights, &count);
    for (size_t i = 0; i < count; i++)
        flight_again(c, list[i], known, now);
    free(list);
}

/* ---- arrivals ---------------------------------------------------------------------------------------------------- */

static void acknowledge_due(struct mqtt_client *c, msec now)
{
    for (struct mqtt_packet ack; arrivals_due(&c->arrivals, &ack);)
        put_ack(c, ack.type, ack.packet_id, now);
}

static enum mqtt_event message_arrived(struct mqtt_client *c, struct mqtt_packet *p, msec now)
{
    if (p->qos == 0)
        return MQTT_EVENT_MESSAGE;
    struct arrival *a = arrivals_by_id(&c->arrivals, p->packet_id);
    c->arrivals.resending = c->arrivals.resending && (p->qos != 2 || p->dup);
    if (a && !arrivals_are(&c->arrivals, a, p)) { /* another one, under an id that is free again */
        arrivals_end(&c->arrivals, a);
    } else if (a) { /* sent again: the open delivery answers for both (SN-DLV-16) */
        if (a->qos == 2 && a->state >= ARRIVAL_RECEIVED)
            put_ack(c, MQTT_PUBREC, p->packet_id, now);
        return MQTT_EVENT_NONE;
    }
    a = arrivals_add(&c->arrivals, p->packet_id, p->qos);
    if (!a)
        return MQTT_EVENT_VIOLATION;
    a->digest = p->qos == 2 ? arrival_digest(p) : 0;
    p->receipt = a->receipt;
    return MQTT_EVENT_MESSAGE;
}

/* An id we do not know gets PUBCOMP all the same: it ends the broker's wait (MQTT-4.3.3-2). */
static enum mqtt_event release_arrived(struct mqtt_client *c, uint16_t packet_id, msec now)
{
    struct arrival *a = arrivals_by_id(&c->arrivals, packet_id);
    if (!a || a->state == ARRIVAL_DONE) {
        put_ack(c, MQTT_PUBCOMP, packet_id, now);
        return MQTT_EVENT_NONE;
    }
    arrival_release(a);
    acknowledge_due(c, now);
    return MQTT_EVENT_NONE;
}

void mqtt_client_hold(struct mqtt_client *c, uint32_t receipt, uint32_t holders, msec now)
{
    struct arrival *a = arrivals_by_receipt(&c->arrivals, receipt);
    if (!a)
        return;
    a->holders = holders;
    if (holders > 0)
        return;
    arrival_take(a);
    arrival_complete(a);
    acknowledge_due(c, now);
}

void mqtt_client_take(struct mqtt_client *c, uint32_t receipt, msec now)
{
    struct arrival *a = arrivals_by_receipt(&c->arrivals, receipt);
    if (!a)
        return;
    arrival_take(a);
    acknowledge_due(c, now);
}

void mqtt_client_refuse(struct mqtt_client *c, uint32_t receipt, msec now)
{
    struct arrival *a = arrivals_by_receipt(&c->arrivals, receipt);
    if (!a)
        return;
    arrival_refuse(a);
    acknowledge_due(c, now);
}

void mqtt_client_complete(struct mqtt_client *c, uint32_t receipt, msec now)
{
    struct arrival *a = arrivals_by_receipt(&c->arrivals, receipt);
    if (!a)
        return;
    arrival_complete(a);
    acknowledge_due(c, now);
}

/* ---- the connection ---------------------------------------------------------------------------------------------- */

void mqtt_client_open(struct mqtt_client *c, const struct mqtt_connect *connect, msec now)
{
    c->state = MQTT_CLIENT_CONNECTING;
    c->clean = connect->clean;
    c->asked_at = now;
    c->pings_sent = c->pings_answered = 0;
    (void)put_packet(c, &(struct mqtt_packet){ .type = MQTT_CONNECT, .connect = *connect }, now);
}

/* A request that is sent again is answered, or closed over, at once; a connection that lasted died of something
 * else. */
static bool is_suspect(const struct mqtt_client *c, const struct flight *f, msec now)
{
    enum { AT_ONCE_MS = 5000 };
    return f->closes == 0 || now - c->online_at < AT_ONCE_MS;
}

bool mqtt_client_blame(struct mqtt_client *c, msec now, struct mqtt_packet *p, void **owner)
{
    enum { CLOSES_MAX = 3, MEMORY_MS = 60000 };
    struct flight *f = c->state == MQTT_CLIENT_ONLINE ? flights_next_answer(&c->flights) : NULL;
    if (!f || !is_suspect(c, f, now))
        return false;
    if (f->closes == 0 || now - f->first_close_ms > MEMORY_MS) {
        f->closes = 0;
        f->first_close_ms = now;
    }
    if (++f->closes < CLOSES_MAX)
        return false;
    *p = (struct mqtt_packet){ .type = answer_to(f),
                               .packet_id = f->packet_id,
                               .code = MQTT_CLOSED_OVER };
    *owner = f->owner;
    flights_end(&c->flights, f);
    return true;
}

void mqtt_client_lost(struct mqtt_client *c)
{
    c->state = MQTT_CLIENT_OFFLINE;
    buffer_consume(&c->out, c->out.len, OUT_KEEP);
}

static enum mqtt_event connack_arrived(struct mqtt_client *c, const struct mqtt_packet *p, msec now)
{
    if (p->code != 0)
        return MQTT_EVENT_REFUSED;
    if (c->clean && p->session_present)
        return MQTT_EVENT_VIOLATION;
    c->state = MQTT_CLIENT_ONLINE;
    c->online_at = now;
    c->session_present = p->session_present;
    c->arrivals.resending = true;
    arrivals_forget_refused(&c->arrivals);
    if (!p->session_present)
        arrivals_forget(&c->arrivals);
    flights_again(c, p->session_present, now);
    return MQTT_EVENT_CONNECTED;
}

enum mqtt_event mqtt_client_receive(struct mqtt_client *c, struct mqtt_packet *p, msec now,
                                    void **owner)
{
    if ((c->state == MQTT_CLIENT_CONNECTING) != (p->type == MQTT_CONNACK)) /* MQTT-3.2.0-1 */
        return MQTT_EVENT_VIOLATION;
    switch (p->type) {
    case MQTT_CONNACK:
        return connack_arrived(c, p, now);
    case MQTT_PUBLISH:
        return message_arrived(c, p, now);
    case MQTT_PUBREL:
        return release_arrived(c, p->packet_id, now);
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBCOMP:
    case MQTT_SUBACK:
    case MQTT_UNSUBACK:
        return flight_answered(c, p, now, owner);
    case MQTT_PINGRESP:
        c->pings_answered += c->pings_answered != c->pings_sent;
        c->asked_at = now;
        return MQTT_EVENT_PONG;
    default:
        return MQTT_EVENT_VIOLATION;
    }
}

void mqtt_client_ping(struct mqtt_client *c, msec now)
{
    if (c->pings_answered == c->pings_sent)
        c->asked_at = now;
    c->pings_sent++;
    put_ack(c, MQTT_PINGREQ, 0, now);
}

bool mqtt_client_waits(const struct mqtt_client *c)
{
    return c->pings_answered != c->pings_sent;
}

void mqtt_client_excuse(struct mqtt_client *c, msec now)
{
    if (mqtt_client_waits(c))
        c->asked_at = now;
}

msec mqtt_client_deadline(const struct mqtt_client *c)
{
    if (c->state == MQTT_CLIENT_OFFLINE)
        return MSEC_NEVER;
    if (c->state == MQTT_CLIENT_CONNECTING || c->pings_answered != c->pings_sent)
        return c->asked_at + c->answer_timeout;
    return c->keep_alive > 0 ? c->sent_at + c->keep_alive : MSEC_NEVER;
}

bool mqtt_client_tick(struct mqtt_client *c, msec now)
{
    if (now < mqtt_client_deadline(c))
        return true;
    if (c->state == MQTT_CLIENT_CONNECTING || c->pings_answered != c->pings_sent)
        return false;
    mqtt_client_ping(c, now);
    return true;
}
