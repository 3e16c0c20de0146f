/* packet.c -- the table of MQTT 3.1.1 control packets, and their way in (sections 2 and 3 of the standard).
 *
 * One table is the standard: a row says which flags a packet must have and which fields follow, in wire order. Decoder
 * and encoder (packet_encode.c) walk the same row, so they cannot disagree about a packet. A field that checks itself
 * (a topic, a packet id, a list of filters) does so while it is read, once; there is no second pass.
 *
 * Strict on the way in: whatever the standard calls a protocol violation is an error, and the connection it came from
 * is closed by the caller. What a packet means is the business of client.c. */
#include "mqtt/packet.h"

#include "mqtt/packet_layout.h"
#include "mqtt/topic.h"

/* clang-format off */
static const struct mqtt_layout layouts[MQTT_TYPES] = {
    [MQTT_CONNECT]     = { "CONNECT",     0, { PROTOCOL, CONNECT_FLAGS, KEEP_ALIVE, CLIENT_ID, WILL, LOGIN } },
    [MQTT_CONNACK]     = { "CONNACK",     0, { ACK_FLAGS, ACK_CODE } },
    [MQTT_PUBLISH]     = { "PUBLISH",     0, { TOPIC, PACKET_ID_IF_QOS, PAYLOAD } },
    [MQTT_PUBACK]      = { "PUBACK",      0, { PACKET_ID } },
    [MQTT_PUBREC]      = { "PUBREC",      0, { PACKET_ID } },
    [MQTT_PUBREL]      = { "PUBREL",      2, { PACKET_ID } },
    [MQTT_PUBCOMP]     = { "PUBCOMP",     0, { PACKET_ID } },
    [MQTT_SUBSCRIBE]   = { "SUBSCRIBE",   2, { PACKET_ID, FILTERS_WITH_QOS } },
    [MQTT_SUBACK]      = { "SUBACK",      0, { PACKET_ID, CODES } },
    [MQTT_UNSUBSCRIBE] = { "UNSUBSCRIBE", 2, { PACKET_ID, FILTERS } },
    [MQTT_UNSUBACK]    = { "UNSUBACK",    0, { PACKET_ID } },
    [MQTT_PINGREQ]     = { "PINGREQ",     0, { END } },
    [MQTT_PINGRESP]    = { "PINGRESP",    0, { END } },
    [MQTT_DISCONNECT]  = { "DISCONNECT",  0, { END } },
};
/* clang-format on */

const struct mqtt_layout *mqtt_layout_of(unsigned type)
{
    return type < MQTT_TYPES && layouts[type].name ? &layouts[type] : NULL;
}

const char *mqtt_type_name(enum mqtt_type type)
{
    const struct mqtt_layout *l = mqtt_layout_of(type);
    return l ? l->name : "?";
}

const char *mqtt_strerror(enum mqtt_error e)
{
    static const char *const texts[MQTT_ERRORS] = {
        [MQTT_OK] = "no error",
        [MQTT_INCOMPLETE] = "packet is not complete",
        [MQTT_BAD_LENGTH] = "remaining length does not fit the packet",
        [MQTT_BAD_TYPE] = "reserved packet type",
        [MQTT_BAD_FLAGS] = "reserved or contradictory header flags",
        [MQTT_BAD_FIELD] = "a field holds what the standard forbids",
        [MQTT_NO_ROOM] = "packet or field too long",
    };
    return (unsigned)e < MQTT_ERRORS ? texts[e] : "?";
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

static enum mqtt_error require(bool legal)
{
    return legal ? MQTT_OK : MQTT_BAD_FIELD;
}

/* A field that is cut short is reported once, at the end, by the reader: its value needs no judgement then. */
static enum mqtt_error require_whole(const struct reader *r, bool legal)
{
    return require(r->failed || legal);
}

static struct span read_binary(struct reader *r)
{
    return read_span(r, read_u16(r));
}

static enum mqtt_error read_text(struct reader *r, struct span *text)
{
    *text = read_binary(r);
    return require(utf8_valid(*text));
}

static enum mqtt_error read_protocol(struct reader *r)
{
    struct span name = read_binary(r);
    uint8_t level = read_u8(r);
    return require_whole(r, span_equal(name, span_text("MQTT")) && level == PROTOCOL_LEVEL);
}

static enum mqtt_error read_connect_flags(struct reader *r, struct mqtt_connect *c)
{
    uint8_t flags = read_u8(r);
    c->clean = flags & CLEAN;
    c->has_will = flags & HAS_WILL;
    c->has_username = flags & HAS_USERNAME;
    c->has_password = flags & HAS_PASSWORD;
    c->will.retain = flags & WILL_RETAIN;
    c->will.qos = flags >> WILL_QOS_SHIFT & 3;
    bool will_legal = c->has_will ? c->will.qos <= QOS_MAX : c->will.qos == 0 && !c->will.retain;
    bool login_legal = c->has_username || !c->has_password;
    return require(will_legal && login_legal && !(flags & RESERVED));
}

static enum mqtt_error read_will(struct reader *r, struct mqtt_connect *c)
{
    if (!c->has_will)
        return MQTT_OK;
    c->will.topic = read_binary(r);
    c->will.message = read_binary(r);
    return require_whole(r, topic_name_valid(c->will.topic));
}

static enum mqtt_error read_login(struct reader *r, struct mqtt_connect *c)
{
    enum mqtt_error e = c->has_username ? read_text(r, &c->username) : MQTT_OK;
    if (c->has_password)
        c->password = read_binary(r);
    return e;
}

static enum mqtt_error read_ack_flags(struct reader *r, struct mqtt_packet *p)
{
    uint8_t flags = read_u8(r);
    p->session_present = flags & 1;
    return require(flags <= 1);
}

static enum mqtt_error read_ack_code(struct reader *r, struct mqtt_packet *p)
{
    p->code = read_u8(r);
    return require(p->code <= CONNACK_CODE_MAX && !(p->session_present && p->code != 0));
}

static enum mqtt_error read_topic(struct reader *r, struct mqtt_packet *p)
{
    p->topic = read_binary(r);
    return require_whole(r, topic_name_valid(p->topic));
}

static enum mqtt_error read_packet_id(struct reader *r, struct mqtt_packet *p)
{
    p->packet_id = read_u16(r);
    return require_whole(r, p->packet_id != 0);
}

static enum mqtt_error read_filters(struct reader *r, struct mqtt_packet *p, bool with_qos)
{
    p->payload = read_rest(r);
    struct span list = p->payload, filter;
    uint8_t qos = 0;
    while (mqtt_next_filter(&list, with_qos, &filter, &qos)) {
        if (!topic_filter_valid(filter) || qos > QOS_MAX)
            return MQTT_BAD_FIELD;
    }
    if (list.len > 0)
        return MQTT_BAD_LENGTH;
    list = p->payload;
    return require_whole(r, mqtt_next_filter(&list, with_qos, &p->topic, &p->qos));
}

static enum mqtt_error read_codes(struct reader *r, struct mqtt_packet *p)
{
    p->payload = read_rest(r);
    for (size_t i = 0; i < p->payload.len; i++) {
        if (p->payload.at[i] > QOS_MAX && p->payload.at[i] != MQTT_REFUSED)
            return MQTT_BAD_FIELD;
    }
    if (p->payload.len > 0)
        p->code = p->payload.at[0];
    return require_whole(r, p->payload.len > 0);
}

static enum mqtt_error read_field(enum mqtt_field f, struct reader *r, struct mqtt_packet *p)
{
    switch (f) {
    case PROTOCOL:
        return read_protocol(r);
    case CONNECT_FLAGS:
        return read_connect_flags(r, &p->connect);
    case KEEP_ALIVE:
        p->connect.keep_alive = read_u16(r);
        return MQTT_OK;
    case CLIENT_ID:
        return read_text(r, &p->connect.client_id);
    case WILL:
        return read_will(r, &p->connect);
    case LOGIN:
        return read_login(r, &p->connect);
    case ACK_FLAGS:
        return read_ack_flags(r, p);
    case ACK_CODE:
        return read_ack_code(r, p);
    case TOPIC:
        return read_topic(r, p);
    case PACKET_ID:
        return read_packet_id(r, p);
    case PACKET_ID_IF_QOS:
        return p->qos > 0 ? read_packet_id(r, p) : MQTT_OK;
    case PAYLOAD:
        p->payload = read_rest(r);
        return MQTT_OK;
    case FILTERS_WITH_QOS:
        return read_filters(r, p, true);
    case FILTERS:
        return read_filters(r, p, false);
    case CODES:
        return read_codes(r, p);
    case END:
        break;
    }
    return MQTT_OK;
}

static enum mqtt_error read_flags(uint8_t flags, uint8_t must_be, struct mqtt_packet *p)
{
    if (p->type != MQTT_PUBLISH)
        return flags == must_be ? MQTT_OK : MQTT_BAD_FLAGS;
    p->dup = flags & DUP;
    p->qos = flags >> QOS_SHIFT & 3;
    p->retain = flags & RETAIN;
    return p->qos > QOS_MAX || (p->dup && p->qos == 0) ? MQTT_BAD_FLAGS : MQTT_OK;
}

/* Remaining Length, low seven bits first (section 2.2.3). */
static enum mqtt_error read_length(struct reader *r, size_t *len)
{
    *len = 0;
    for (int i = 0; i < LENGTH_OCTETS_MAX; i++) {
        uint8_t octet = read_u8(r);
        if (r->failed)
            return MQTT_INCOMPLETE;
        *len |= (size_t)(octet & 0x7F) << 7 * i;
        if (!(octet & 0x80))
            return MQTT_OK;
    }
    return MQTT_BAD_LENGTH;
}

/* The fixed header; leaves `r` behind it. */
static enum mqtt_error read_header(struct reader *r, uint8_t *first, size_t *rest)
{
    *first = read_u8(r);
    if (r->failed)
        return MQTT_INCOMPLETE;
    if (!mqtt_layout_of(*first >> 4))
        return MQTT_BAD_TYPE;
    return read_length(r, rest);
}

enum mqtt_error mqtt_frame_len(struct span bytes, size_t *total)
{
    struct reader r = reader_of(bytes);
    uint8_t first;
    size_t rest;
    enum mqtt_error e = read_header(&r, &first, &rest);
    if (!e)
        *total = bytes.len - r.left + rest;
    return e;
}

enum mqtt_error mqtt_decode(struct span frame, struct mqtt_packet *p)
{
    struct reader r = reader_of(frame);
    uint8_t first;
    size_t rest;
    enum mqtt_error e = read_header(&r, &first, &rest);
    if (e)
        return e;
    if (rest != r.left)
        return rest > r.left ? MQTT_INCOMPLETE : MQTT_BAD_LENGTH;

    const struct mqtt_layout *l = mqtt_layout_of(first >> 4);
    struct mqtt_packet d = { .type = first >> 4 };
    e = read_flags(first & 0x0F, l->flags, &d);
    for (const enum mqtt_field *f = l->fields; !e && *f != END; f++)
        e = read_field(*f, &r, &d);
    if (e)
        return e;
    if (r.failed || r.left > 0)
        return MQTT_BAD_LENGTH;
    *p = d;
    return MQTT_OK;
}

bool mqtt_next_filter(struct span *list, bool with_qos, struct span *filter, uint8_t *qos)
{
    struct reader r = reader_of(*list);
    struct span text = read_binary(&r);
    uint8_t asked = with_qos ? read_u8(&r) : 0;
    if (r.failed)
        return false;
    *filter = text;
    if (with_qos)
        *qos = asked;
    *list = read_rest(&r);
    return true;
}
