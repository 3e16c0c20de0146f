/* message.c -- the messages of MQTT-SN 1.2: table, decoder, encoder (section 5).
 *
 * One table is section 5.4. A row names the fixed fields in wire order, the flags that count, and what the rest of the
 * frame is. Decoder and encoder walk the row with one switch over the kind of field; a new message is a new row.
 *
 * The decoder judges form, not meaning: an empty client id, a reserved topic id type or QoS bits of 0b11 where they
 * make no sense are well-formed, and the session answers them with a return code. Unused flag bits are ignored on the
 * way in and zero on the way out (SN-FRM-6). This is the hottest code of the gateway: no octet is looked at twice. */
#include "mqttsn/message.h"

#include "mqttsn/layout.h"

enum {
    SHORT_FORM_MAX = 255,
    SHORT_HEADER = 2,
    LONG_HEADER = 4,
    LONG_FORM_MAX = 65535,
    LONG_MARK = 1,
    QOS_SHIFT = 5
};

/* The flags that count in a message; the others are ignored (SN-FRM-6). */
enum {
    CON_BITS = FLAG_WILL | FLAG_CLEAN,
    WILL_BITS = FLAG_QOS | FLAG_RETAIN,
    PUB_BITS = FLAG_DUP | FLAG_QOS | FLAG_RETAIN | FLAG_TOPIC_ID_TYPE,
    SUB_BITS = FLAG_DUP | FLAG_QOS | FLAG_TOPIC_ID_TYPE,
    UNS_BITS = FLAG_TOPIC_ID_TYPE,
    SUBACK_BITS = FLAG_QOS
};

/* clang-format off */
static const struct mqttsn_layout layouts[MQTTSN_TYPES] = {
    /*                        name            client? fields in wire order              tail   its name     flags */
    [MQTTSN_ADVERTISE]     = { "ADVERTISE",     false, { GATEWAY_ID, DURATION } },
    [MQTTSN_SEARCHGW]      = { "SEARCHGW",      true,  { RADIUS } },
    [MQTTSN_GWINFO]        = { "GWINFO",        true,  { GATEWAY_ID },                  EXTRA, "address" },
    [MQTTSN_CONNECT]       = { "CONNECT",       true,  { FLAGS, PROTOCOL_ID, DURATION },REST,  "client_id", CON_BITS },
    [MQTTSN_CONNACK]       = { "CONNACK",       false, { RETURN_CODE } },
    [MQTTSN_WILLTOPICREQ]  = { "WILLTOPICREQ",  false, { END } },
    [MQTTSN_WILLTOPIC]     = { "WILLTOPIC",     true,  { MAY_END, FLAGS },              REST,  "topic",     WILL_BITS },
    [MQTTSN_WILLMSGREQ]    = { "WILLMSGREQ",    false, { END } },
    [MQTTSN_WILLMSG]       = { "WILLMSG",       true,  { END },                         REST,  "message" },
    [MQTTSN_REGISTER]      = { "REGISTER",      true,  { TOPIC_ID, MESSAGE_ID },        REST,  "topic" },
    [MQTTSN_REGACK]        = { "REGACK",        true,  { TOPIC_ID, MESSAGE_ID, RETURN_CODE } },
    [MQTTSN_PUBLISH]       = { "PUBLISH",       true,  { FLAGS, TOPIC_ID, MESSAGE_ID }, REST,  "data",      PUB_BITS },
    [MQTTSN_PUBACK]        = { "PUBACK",        true,  { TOPIC_ID, MESSAGE_ID, RETURN_CODE } },
    [MQTTSN_PUBCOMP]       = { "PUBCOMP",       true,  { MESSAGE_ID } },
    [MQTTSN_PUBREC]        = { "PUBREC",        true,  { MESSAGE_ID } },
    [MQTTSN_PUBREL]        = { "PUBREL",        true,  { MESSAGE_ID } },
    [MQTTSN_SUBSCRIBE]     = { "SUBSCRIBE",     true,  { FLAGS, MESSAGE_ID },           OR_ID, "topic",     SUB_BITS },
    [MQTTSN_SUBACK]        = { "SUBACK",        false, { FLAGS, TOPIC_ID, MESSAGE_ID, RETURN_CODE },
                                                                                  .flags = SUBACK_BITS },
    [MQTTSN_UNSUBSCRIBE]   = { "UNSUBSCRIBE",   true,  { FLAGS, MESSAGE_ID },           OR_ID, "topic",     UNS_BITS },
    [MQTTSN_UNSUBACK]      = { "UNSUBACK",      false, { MESSAGE_ID } },
    [MQTTSN_PINGREQ]       = { "PINGREQ",       true,  { END },                         EXTRA, "client_id" },
    [MQTTSN_PINGRESP]      = { "PINGRESP",      true,  { END } },
    [MQTTSN_DISCONNECT]    = { "DISCONNECT",    true,  { MAY_END, DURATION } },
    [MQTTSN_WILLTOPICUPD]  = { "WILLTOPICUPD",  true,  { MAY_END, FLAGS },              REST,  "topic",     WILL_BITS },
    [MQTTSN_WILLTOPICRESP] = { "WILLTOPICRESP", false, { RETURN_CODE } },
    [MQTTSN_WILLMSGUPD]    = { "WILLMSGUPD",    true,  { END },                         REST,  "message" },
    [MQTTSN_WILLMSGRESP]   = { "WILLMSGRESP",   false, { RETURN_CODE } },
};
/* clang-format on */

const struct mqttsn_layout *mqttsn_layout_of(unsigned type)
{
    return type < MQTTSN_TYPES && layouts[type].name ? &layouts[type] : NULL;
}

const char *mqttsn_strerror(enum mqttsn_error e)
{
    static const char *const texts[MQTTSN_ERRORS] = {
        [MQTTSN_OK] = "no error",
        [MQTTSN_EMPTY] = "empty frame, or a length shorter than its own header",
        [MQTTSN_BAD_LENGTH] = "length is not the size of the frame",
        [MQTTSN_RESERVED_TYPE] = "reserved message type",
        [MQTTSN_TRUNCATED] = "a field is missing",
        [MQTTSN_TRAILING] = "octets left over at the end",
        [MQTTSN_BAD_NODE] = "malformed forwarder header",
        [MQTTSN_NO_ROOM] = "message too long",
    };
    return (unsigned)e < MQTTSN_ERRORS ? texts[e] : "?";
}

const char *mqttsn_type_name(enum mqttsn_type type)
{
    const struct mqttsn_layout *l = mqttsn_layout_of(type);
    return l ? l->name : "?";
}

const char *mqttsn_return_code_name(uint8_t code)
{
    static const char *const names[] = {
        [MQTTSN_ACCEPTED] = "accepted",
        [MQTTSN_CONGESTION] = "rejected: congestion",
        [MQTTSN_INVALID_TOPIC_ID] = "rejected: invalid topic id",
        [MQTTSN_NOT_SUPPORTED] = "rejected: not supported",
    };
    return code < sizeof names / sizeof *names ? names[code] : "rejected: reserved code";
}

bool mqttsn_sent_by_client(enum mqttsn_type type)
{
    const struct mqttsn_layout *l = mqttsn_layout_of(type);
    return l && l->from_client;
}

bool mqttsn_has_message_id(enum mqttsn_type type)
{
    const struct mqttsn_layout *l = mqttsn_layout_of(type);
    return l && memchr(l->fields, MESSAGE_ID, sizeof l->fields);
}

static void take_flags(uint8_t octet, uint8_t used, struct mqttsn_message *m)
{
    m->flags = octet;
    octet &= used;
    m->dup = octet & FLAG_DUP;
    m->qos = (uint8_t)((octet & FLAG_QOS) >> QOS_SHIFT);
    m->retain = octet & FLAG_RETAIN;
    m->will = octet & FLAG_WILL;
    m->clean = octet & FLAG_CLEAN;
    m->topic_id_type = octet & FLAG_TOPIC_ID_TYPE;
}

static uint8_t flags_of(const struct mqttsn_message *m, uint8_t used)
{
    int octet = (m->dup ? FLAG_DUP : 0) | (m->qos << QOS_SHIFT & FLAG_QOS) |
                (m->retain ? FLAG_RETAIN : 0) | (m->will ? FLAG_WILL : 0) |
                (m->clean ? FLAG_CLEAN : 0) | (m->topic_id_type & FLAG_TOPIC_ID_TYPE);
    return (uint8_t)(octet & used);
}

static void read_field(enum mqttsn_field f, uint8_t flags, struct reader *r, struct mqttsn_message *m)
{
    switch (f) {
    case MAY_END:
        m->brief = r->left == 0;
        break;
    case FLAGS:
        take_flags(read_u8(r), flags, m);
        break;
    case GATEWAY_ID:
        m->gateway_id = read_u8(r);
        break;
    case RADIUS:
        m->radius = read_u8(r);
        break;
    case PROTOCOL_ID:
        m->protocol_id = read_u8(r);
        break;
    case DURATION:
        m->duration = read_u16(r);
        break;
    case TOPIC_ID:
        m->topic_id = read_u16(r);
        break;
    case MESSAGE_ID:
        m->message_id = read_u16(r);
        break;
    case RETURN_CODE:
        m->return_code = read_u8(r);
        break;
    case END:
        break;
    }
}

enum mqttsn_error mqttsn_decode(struct span frame, struct mqttsn_message *m)
{
    struct reader r = reader_of(frame);
    size_t len = mqttsn_read_length(&r);
    if (len != frame.len || len == 0)
        return len == 0 ? MQTTSN_EMPTY : MQTTSN_BAD_LENGTH;
    unsigned type = read_u8(&r);
    const struct mqttsn_layout *l = mqttsn_layout_of(type);
    if (!l)
        return MQTTSN_RESERVED_TYPE;

    struct mqttsn_message d = { .type = type };
    for (const uint8_t *f = l->fields; *f != END && !d.brief; f++)
        read_field(*f, l->flags, &r, &d);
    if (mqttsn_ends_in_id(l, &d))
        d.topic_id = read_u16(&r);
    else if (l->tail != NO_TAIL)
        d.tail = read_rest(&r);
    if (r.failed || r.left > 0)
        return r.failed ? MQTTSN_TRUNCATED : MQTTSN_TRAILING;
    *m = d;
    return MQTTSN_OK;
}

/* Octets after the type. */
static size_t body_len(const struct mqttsn_layout *l, const struct mqttsn_message *m)
{
    static const uint8_t octets[] = {
        [FLAGS] = 1,    [GATEWAY_ID] = 1, [RADIUS] = 1,     [PROTOCOL_ID] = 1,
        [DURATION] = 2, [TOPIC_ID] = 2,   [MESSAGE_ID] = 2, [RETURN_CODE] = 1,
    };
    if (mqttsn_ends_early(l, m))
        return 0;
    size_t n = 0;
    for (const uint8_t *f = l->fields; *f != END; f++)
        n += octets[*f];
    if (mqttsn_ends_in_id(l, m))
        return n + 2;
    return l->tail == NO_TAIL ? n : n + m->tail.len;
}

static size_t total_len(const struct mqttsn_layout *l, const struct mqttsn_message *m)
{
    size_t body = body_len(l, m);
    return body + (body <= SHORT_FORM_MAX - SHORT_HEADER ? SHORT_HEADER : LONG_HEADER);
}

size_t mqttsn_encoded_len(const struct mqttsn_message *m)
{
    const struct mqttsn_layout *l = mqttsn_layout_of(m->type);
    return l ? total_len(l, m) : 0;
}

static void write_header(struct writer *w, size_t len, enum mqttsn_type type)
{
    if (len > SHORT_FORM_MAX) {
        write_u8(w, LONG_MARK);
        write_u16(w, (uint16_t)len);
    } else {
        write_u8(w, (uint8_t)len);
    }
    write_u8(w, (uint8_t)type);
}

static void write_field(enum mqttsn_field f, uint8_t flags, struct writer *w,
                        const struct mqttsn_message *m)
{
    switch (f) {
    case FLAGS:
        write_u8(w, flags_of(m, flags));
        break;
    case GATEWAY_ID:
        write_u8(w, m->gateway_id);
        break;
    case RADIUS:
        write_u8(w, m->radius);
        break;
    case PROTOCOL_ID:
        write_u8(w, m->protocol_id);
        break;
    case DURATION:
        write_u16(w, m->duration);
        break;
    case TOPIC_ID:
        write_u16(w, m->topic_id);
        break;
    case MESSAGE_ID:
        write_u16(w, m->message_id);
        break;
    case RETURN_CODE:
        write_u8(w, m->return_code);
        break;
    case MAY_END:
    case END:
        break;
    }
}

enum mqttsn_error mqttsn_encode(const struct mqttsn_message *m, struct writer *w)
{
    const struct mqttsn_layout *l = mqttsn_layout_of(m->type);
    if (!l)
        return MQTTSN_RESERVED_TYPE;
    size_t len = total_len(l, m);
    if (len > LONG_FORM_MAX || len > w->left)
        w->failed = true;

    write_header(w, len, m->type);
    if (!mqttsn_ends_early(l, m)) {
        for (const uint8_t *f = l->fields; *f != END; f++)
            write_field(*f, l->flags, w, m);
        if (mqttsn_ends_in_id(l, m))
            write_u16(w, m->topic_id);
        else if (l->tail != NO_TAIL)
            write_span(w, m->tail);
    }
    return w->failed ? MQTTSN_NO_ROOM : MQTTSN_OK;
}
