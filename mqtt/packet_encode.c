/* packet_encode.c -- MQTT 3.1.1 control packets, the way out.
 *
 * The same table rows as in packet.c are walked twice: once for the length, which stands in front of the fields, and
 * once for the fields. Both walks have the same cases in the same order; a new field is one line in each.
 *
 * The caller answers for the values: this side writes what it is told. Only sizes are checked, because a length that
 * does not fit its two octets, or its four, would corrupt everything that follows on the stream. */
#include "mqtt/packet_layout.h"

static size_t string_len(struct span text)
{
    return 2 + text.len;
}

static size_t will_len(const struct mqtt_connect *c)
{
    return c->has_will ? string_len(c->will.topic) + string_len(c->will.message) : 0;
}

static size_t login_len(const struct mqtt_connect *c)
{
    return (c->has_username ? string_len(c->username) : 0) +
           (c->has_password ? string_len(c->password) : 0);
}

/* A whole list as on the wire, or the one filter in `topic`. */
static size_t filters_len(const struct mqtt_packet *p, bool with_qos)
{
    return p->payload.len > 0 ? p->payload.len : string_len(p->topic) + with_qos;
}

static size_t field_len(enum mqtt_field f, const struct mqtt_packet *p)
{
    switch (f) {
    case PROTOCOL:
        return string_len(span_text("MQTT")) + 1;
    case CONNECT_FLAGS:
    case ACK_FLAGS:
    case ACK_CODE:
        return 1;
    case KEEP_ALIVE:
    case PACKET_ID:
        return 2;
    case CLIENT_ID:
        return string_len(p->connect.client_id);
    case WILL:
        return will_len(&p->connect);
    case LOGIN:
        return login_len(&p->connect);
    case TOPIC:
        return string_len(p->topic);
    case PACKET_ID_IF_QOS:
        return p->qos > 0 ? 2 : 0;
    case PAYLOAD:
        return p->payload.len;
    case FILTERS_WITH_QOS:
        return filters_len(p, true);
    case FILTERS:
        return filters_len(p, false);
    case CODES:
        return p->payload.len > 0 ? p->payload.len : 1;
    case END:
        break;
    }
    return 0;
}

/* What Remaining Length says. */
static size_t rest_len(const struct mqtt_layout *l, const struct mqtt_packet *p)
{
    size_t n = 0;
    for (const enum mqtt_field *f = l->fields; *f != END; f++)
        n += field_len(*f, p);
    return n;
}

size_t mqtt_encoded_len(const struct mqtt_packet *p)
{
    const struct mqtt_layout *l = mqtt_layout_of(p->type);
    if (!l)
        return 0;
    size_t rest = rest_len(l, p), header = 2;
    for (size_t left = rest >> 7; left > 0; left >>= 7)
        header++;
    return header + rest;
}

static void write_length(struct writer *w, size_t len)
{
    while (len > 0x7F) {
        write_u8(w, (uint8_t)(0x80 | (len & 0x7F)));
        len >>= 7;
    }
    write_u8(w, (uint8_t)len);
}

static void write_string(struct writer *w, struct span text)
{
    if (text.len > STRING_MAX)
        w->failed = true;
    write_u16(w, (uint16_t)text.len);
    write_span(w, text);
}

static void write_connect_flags(struct writer *w, const struct mqtt_connect *c)
{
    int flags = (c->clean ? CLEAN : 0) | (c->has_username ? HAS_USERNAME : 0) |
                (c->has_password ? HAS_PASSWORD : 0);
    if (c->has_will)
        flags |= HAS_WILL | (c->will.retain ? WILL_RETAIN : 0) | (c->will.qos & 3) << WILL_QOS_SHIFT;
    write_u8(w, (uint8_t)flags);
}

static void write_will(struct writer *w, const struct mqtt_connect *c)
{
    if (!c->has_will)
        return;
    write_string(w, c->will.topic);
    write_string(w, c->will.message);
}

static void write_login(struct writer *w, const struct mqtt_connect *c)
{
    if (c->has_username)
        write_string(w, c->username);
    if (c->has_password)
        write_string(w, c->password);
}

static void write_filters(struct writer *w, const struct mqtt_packet *p, bool with_qos)
{
    if (p->payload.len > 0) {
        write_span(w, p->payload);
        return;
    }
    write_string(w, p->topic);
    if (with_qos)
        write_u8(w, p->qos);
}

static void write_field(enum mqtt_field f, struct writer *w, const struct mqtt_packet *p)
{
    switch (f) {
    case PROTOCOL:
        write_string(w, span_text("MQTT"));
        write_u8(w, PROTOCOL_LEVEL);
        break;
    case CONNECT_FLAGS:
        write_connect_flags(w, &p->connect);
        break;
    case KEEP_ALIVE:
        write_u16(w, p->connect.keep_alive);
        break;
    case CLIENT_ID:
        write_string(w, p->connect.client_id);
        break;
    case WILL:
        write_will(w, &p->connect);
        break;
    case LOGIN:
        write_login(w, &p->connect);
        break;
    case ACK_FLAGS:
        write_u8(w, p->session_present);
        break;
    case ACK_CODE:
        write_u8(w, p->code);
        break;
    case TOPIC:
        write_string(w, p->topic);
        break;
    case PACKET_ID_IF_QOS:
        if (p->qos == 0)
            break;
        __attribute__((fallthrough));
    case PACKET_ID:
        write_u16(w, p->packet_id);
        break;
    case PAYLOAD:
        write_span(w, p->payload);
        break;
    case FILTERS_WITH_QOS:
        write_filters(w, p, true);
        break;
    case FILTERS:
        write_filters(w, p, false);
        break;
    case CODES:
        write_span(w, p->payload.len > 0 ? p->payload : span_of(&p->code, 1));
        break;
    case END:
        break;
    }
}

static uint8_t first_octet(const struct mqtt_layout *l, const struct mqtt_packet *p)
{
    int flags = l->flags;
    if (p->type == MQTT_PUBLISH)
        flags = (p->dup ? DUP : 0) | (p->qos & 3) << QOS_SHIFT | (p->retain ? RETAIN : 0);
    return (uint8_t)((unsigned)p->type << 4 | (unsigned)flags);
}

enum mqtt_error mqtt_encode(const struct mqtt_packet *p, struct writer *w)
{
    const struct mqtt_layout *l = mqtt_layout_of(p->type);
    if (!l)
        return MQTT_BAD_TYPE;
    size_t rest = rest_len(l, p);
    if (rest > REST_MAX)
        w->failed = true;
    write_u8(w, first_octet(l, p));
    write_length(w, rest);
    for (const enum mqtt_field *f = l->fields; *f != END; f++)
        write_field(*f, w, p);
    return w->failed ? MQTT_NO_ROOM : MQTT_OK;
}
