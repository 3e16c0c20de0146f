/* lossy_broker.c -- the ideal broker of lossy_broker.h.
 *
 * As Mosquitto does, it sends at most twenty messages ahead of the acknowledgements on each connection and the rest in
 * order as there is room. After a reconnect it sends what is not acknowledged once more, in the old order
 * (MQTT-4.4.0-1, MQTT-4.6.0-1). */
#include "tests/gateway/core/lossy_broker.h"

#include "mqtt/topic.h"

#include <stdlib.h>
#include <sys/queue.h>

enum { WINDOW = 20, FILTER_ROOM = 32 };

enum step { STEP_WAITING, STEP_SENT, STEP_RELEASED };

struct outgoing {
    TAILQ_ENTRY(outgoing) next;
    enum step step;
    uint8_t qos;
    uint16_t packet_id;
    size_t topic_len, payload_len;
    uint8_t bytes[]; /* topic, then payload */
};

struct filter_entry {
    LIST_ENTRY(filter_entry) next;
    uint8_t name[FILTER_ROOM];
    size_t len;
    uint8_t qos;
};

struct connection {
    bool up, known; /* it has a session */
    uint16_t last_packet_id;
    size_t sent; /* how many of the outgoing are not STEP_WAITING */
    TAILQ_HEAD(outgoing_list, outgoing) outgoing;
    LIST_HEAD(, filter_entry) filters;
    uint8_t received[UINT16_MAX + 1]; /* is a QoS 2 message with this id waiting for its PUBREL? */
    size_t unreleased;
    struct buffer out;
};

struct lossy_broker {
    struct ledger *ledger;
    void (*heard)(void *context, const struct mqtt_packet *p);
    void *context;
    size_t count;
    struct connection connections[];
};

struct lossy_broker *lossy_broker_new(size_t connections, struct ledger *l,
                                      void (*heard)(void *context, const struct mqtt_packet *p),
                                      void *context)
{
    struct lossy_broker *b = calloc(1, sizeof *b + connections * sizeof b->connections[0]);
    if (!b)
        abort();
    b->ledger = l;
    b->heard = heard;
    b->context = context;
    b->count = connections;
    for (size_t i = 0; i < connections; i++)
        TAILQ_INIT(&b->connections[i].outgoing);
    return b;
}

static void clear_connection(struct connection *c)
{
    struct outgoing *o;
    struct filter_entry *f;
    while ((o = TAILQ_FIRST(&c->outgoing))) {
        TAILQ_REMOVE(&c->outgoing, o, next);
        free(o);
    }
    while ((f = LIST_FIRST(&c->filters))) {
        LIST_REMOVE(f, next);
        free(f);
    }
    buffer_clear(&c->out);
}

void lossy_broker_free(struct lossy_broker *b)
{
    for (size_t i = 0; i < b->count; i++)
        clear_connection(&b->connections[i]);
    free(b);
}

struct buffer *lossy_broker_out(struct lossy_broker *b, size_t connection)
{
    return &b->connections[connection].out;
}

static void put(struct connection *c, const struct mqtt_packet *p)
{
    size_t len = mqtt_encoded_len(p);
    uint8_t *room = c->up ? buffer_reserve(&c->out, len) : NULL;
    if (!room)
        return;
    struct writer w = writer_of(room, len);
    if (mqtt_encode(p, &w) != MQTT_OK)
        abort();
    buffer_grow(&c->out, len);
}

static void put_ack(struct connection *c, enum mqtt_type type, uint16_t packet_id)
{
    put(c, &(struct mqtt_packet){ .type = type, .packet_id = packet_id });
}

/* ---- to its clients ---------------------------------------------------------------------------------------------- */

static void send_one(struct connection *c, const struct outgoing *o, bool again)
{
    if (o->step == STEP_RELEASED)
        put_ack(c, MQTT_PUBREL, o->packet_id);
    else
        put(c, &(struct mqtt_packet){ .type = MQTT_PUBLISH,
                                      .dup = again,
                                      .qos = o->qos,
                                      .packet_id = o->packet_id,
                                      .topic = span_of(o->bytes, o->topic_len),
                                      .payload = span_of(o->bytes + o->topic_len, o->payload_len) });
}

/* At most WINDOW ids are in use, so the next in line is free. */
static uint16_t new_packet_id(struct connection *c)
{
    c->last_packet_id = (uint16_t)(c->last_packet_id == UINT16_MAX ? 1 : c->last_packet_id + 1);
    return c->last_packet_id;
}

static void send_waiting(struct connection *c)
{
    struct outgoing *o;
    TAILQ_FOREACH(o, &c->outgoing, next) {
        if (!c->up || c->sent == WINDOW)
            return;
        if (o->step != STEP_WAITING)
            continue;
        o->step = STEP_SENT;
        o->packet_id = new_packet_id(c);
        c->sent++;
        send_one(c, o, false);
    }
}

static uint8_t granted(const struct connection *c, struct span topic)
{
    const struct filter_entry *f;
    uint8_t best = 0;
    LIST_FOREACH(f, &c->filters, next)
        if (topic_matches(span_of(f->name, f->len), topic) && f->qos > best)
            best = f->qos;
    return best;
}

static void add_outgoing(struct connection *c, struct span topic, struct span payload, uint8_t qos)
{
    struct outgoing *o = calloc(1, sizeof *o + topic.len + payload.len);
    if (!o)
        abort();
    o->qos = qos;
    o->topic_len = topic.len;
    o->payload_len = payload.len;
    struct writer w = writer_of(o->bytes, topic.len + payload.len);
    write_span(&w, topic);
    write_span(&w, payload);
    TAILQ_INSERT_TAIL(&c->outgoing, o, next);
    send_waiting(c);
}

void lossy_broker_publishes(struct lossy_broker *b, struct span topic, struct span payload,
                            uint8_t qos)
{
    for (size_t i = 0; i < b->count; i++) {
        uint8_t most = granted(&b->connections[i], topic);
        if (most > 0)
            add_outgoing(&b->connections[i], topic, payload, qos < most ? qos : most);
    }
}

static void acknowledged(struct lossy_broker *b, struct connection *c, const struct mqtt_packet *p)
{
    struct outgoing *o;
    TAILQ_FOREACH(o, &c->outgoing, next)
        if (o->step != STEP_WAITING && o->packet_id == p->packet_id)
            break;
    if (!o) /* after a reconnect both sides repeat, and the answer comes twice */
        return;
    if ((p->type == MQTT_PUBACK) != (o->qos == 1)) {
        ledger_blames(b->ledger, "the broker gets %s for QoS %u", mqtt_type_name(p->type), o->qos);
        return;
    }
    if (p->type == MQTT_PUBREC) {
        o->step = STEP_RELEASED;
        send_one(c, o, false);
        return;
    }
    TAILQ_REMOVE(&c->outgoing, o, next);
    free(o);
    c->sent--;
    send_waiting(c);
}

/* ---- from its clients -------------------------------------------------------------------------------------------- */

static void connects(struct connection *c, bool clean)
{
    struct outgoing *o;
    if (clean)
        abort(); /* no node here asks for that */
    buffer_clear(&c->out);
    c->up = true;
    put(c, &(struct mqtt_packet){ .type = MQTT_CONNACK, .session_present = c->known });
    c->known = true;
    TAILQ_FOREACH(o, &c->outgoing, next)
        if (o->step != STEP_WAITING)
            send_one(c, o, true);
    send_waiting(c);
}

static void takes(struct lossy_broker *b, struct connection *c, const struct mqtt_packet *p)
{
    bool again = p->qos == 2 && c->received[p->packet_id];
    if (p->qos == 2 && !again) {
        c->received[p->packet_id] = 1;
        c->unreleased++;
    }
    if (!again) {
        b->heard(b->context, p);
        lossy_broker_publishes(b, p->topic, p->payload, p->qos);
    }
    if (p->qos > 0)
        put_ack(c, p->qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, p->packet_id);
}

static void releases(struct connection *c, uint16_t packet_id)
{
    c->unreleased -= c->received[packet_id];
    c->received[packet_id] = 0;
    put_ack(c, MQTT_PUBCOMP, packet_id);
}

static void subscribes(struct connection *c, const struct mqtt_packet *p)
{
    struct filter_entry *f;
    if (p->topic.len > FILTER_ROOM)
        abort();
    LIST_FOREACH(f, &c->filters, next)
        if (span_equal(span_of(f->name, f->len), p->topic))
            break;
    if (!f) {
        f = calloc(1, sizeof *f);
        if (!f)
            abort();
        memcpy(f->name, p->topic.at, p->topic.len);
        f->len = p->topic.len;
        LIST_INSERT_HEAD(&c->filters, f, next);
    }
    f->qos = p->qos;
    put(c, &(struct mqtt_packet){
               .type = MQTT_SUBACK, .packet_id = p->packet_id, .payload = span_of(&p->qos, 1) });
}

void lossy_broker_lost(struct lossy_broker *b, size_t connection)
{
    b->connections[connection].up = false;
    buffer_clear(&b->connections[connection].out);
}

void lossy_broker_hears(struct lossy_broker *b, size_t connection, struct span bytes)
{
    struct connection *c = &b->connections[connection];
    struct mqtt_packet p;
    enum mqtt_error e = mqtt_decode(bytes, &p);
    if (e != MQTT_OK || c->up == (p.type == MQTT_CONNECT)) {
        ledger_blames(b->ledger, "the broker gets %s: %s", e ? "bytes" : mqtt_type_name(p.type),
                      e ? mqtt_strerror(e) : "not now");
        return;
    }
    switch (p.type) {
    case MQTT_CONNECT:
        connects(c, p.connect.clean);
        break;
    case MQTT_PUBLISH:
        takes(b, c, &p);
        break;
    case MQTT_PUBREL:
        releases(c, p.packet_id);
        break;
    case MQTT_SUBSCRIBE:
        subscribes(c, &p);
        break;
    case MQTT_PINGREQ:
        put_ack(c, MQTT_PINGRESP, 0);
        break;
    case MQTT_DISCONNECT:
        lossy_broker_lost(b, connection);
        break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBCOMP:
        acknowledged(b, c, &p);
        break;
    default:
        ledger_blames(b->ledger, "the broker gets %s", mqtt_type_name(p.type));
        break;
    }
}

bool lossy_broker_is_idle(const struct lossy_broker *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (!TAILQ_EMPTY(&b->connections[i].outgoing) || b->connections[i].unreleased > 0)
            return false;
    return true;
}
