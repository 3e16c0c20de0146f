/* message_text.c -- a message as one readable line, for the trace log, the sniffer and failing tests.
 *
 * The line follows the message table: name, flags that count, fields in wire order, then the variable field in quotes.
 * What a number means is said where it can be: a topic id is shown as id, predefined id or two characters, as the flags
 * tell, and a return code with its name.
 *
 * Bytes from the air must not be able to write on a terminal or into a log what we did not: whatever is not printable
 * text is shown as \xNN, and so are the characters that turn the writing direction or cannot be seen. Numbers are
 * written by hand, because the pure libraries use no stdio. */
#include "mqttsn/message_text.h"

#include "mqtt/topic.h"
#include "mqttsn/layout.h"

/* A line being written; `line` keeps one octet back for its end. */
static void put(struct writer *w, const char *text)
{
    write_span(w, span_text(text));
}

static void put_number(struct writer *w, unsigned value)
{
    uint8_t digits[10];
    size_t n = sizeof digits;
    do {
        digits[--n] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    write_span(w, span_from(span_of(digits, sizeof digits), n));
}

static void put_value(struct writer *w, const char *name, unsigned value)
{
    put(w, " ");
    put(w, name);
    put(w, "=");
    put_number(w, value);
}

static uint32_t code_point(struct span c)
{
    if (c.len == 1)
        return c.at[0];
    uint32_t point = c.at[0] & (0x7Fu >> c.len);
    for (size_t i = 1; i < c.len; i++)
        point = point << 6 | (c.at[i] & 0x3F);
    return point;
}

static bool printable(uint32_t point)
{
    static const struct {
        uint32_t first, last;
    } hidden[] = {
        { 0x00, 0x1F },     { 0x7F, 0x9F },     { 0xAD, 0xAD },     /* controls, soft hyphen */
        { 0x061C, 0x061C }, { 0x200B, 0x200F }, { 0x2028, 0x202E }, /* no width, lines, direction */
        { 0x2060, 0x206F }, { 0xE000, 0xF8FF }, { 0xFDD0, 0xFDEF }, /* direction, private use */
        { 0xFEFF, 0xFEFF }, { 0xFFF0, 0xFFFB }, { 0xFFFE, 0xFFFF }, { 0xE0000, 0x10FFFF },
    };
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        if (point >= hidden[i].first && point <= hidden[i].last)
            return false;
    }
    return true;
}

static void put_octet(struct writer *w, uint8_t octet)
{
    static const char hex[] = "0123456789abcdef";
    char text[] = { '\\', 'x', hex[octet >> 4], hex[octet & 0x0F] };
    write_span(w, span_of(text, sizeof text));
}

/* One character, whole or escaped, so that a line is never cut within one. */
static void put_char(struct writer *w, struct span c)
{
    if (c.len == 1 && (c.at[0] == '"' || c.at[0] == '\\')) {
        char text[] = { '\\', (char)c.at[0] };
        write_span(w, span_of(text, sizeof text));
    } else if (printable(code_point(c))) {
        write_span(w, c);
    } else {
        for (size_t i = 0; i < c.len; i++)
            put_octet(w, c.at[i]);
    }
}

static void put_text(struct writer *w, struct span bytes)
{
    while (bytes.len > 0 && !w->failed) {
        size_t n = utf8_char_len(bytes);
        if (n > 0)
            put_char(w, span_of(bytes.at, n));
        else
            put_octet(w, bytes.at[0]);
        bytes = span_from(bytes, n > 0 ? n : 1);
    }
}

static void put_quoted(struct writer *w, const char *name, struct span bytes)
{
    put(w, " ");
    put(w, name);
    put(w, "=\"");
    put_text(w, bytes);
    put(w, "\"");
}

static void put_flag(struct writer *w, bool set, const char *name)
{
    if (set)
        put(w, name);
}

static void put_flags(struct writer *w, uint8_t used, const struct mqttsn_message *m)
{
    if (used & FLAG_QOS) {
        if (m->qos == MQTTSN_QOS_MINUS_ONE)
            put(w, " qos=-1");
        else
            put_value(w, "qos", m->qos);
    }
    put_flag(w, m->dup, " dup");
    put_flag(w, m->retain, " retain");
    put_flag(w, m->will, " will");
    put_flag(w, m->clean, " clean");
}

static void put_topic_id(struct writer *w, const struct mqttsn_message *m)
{
    static const char *const names[] = {
        [MQTTSN_NORMAL] = "topic_id",
        [MQTTSN_PREDEFINED] = "predefined_id",
        [MQTTSN_RESERVED] = "reserved_id",
    };
    if (m->topic_id_type != MQTTSN_SHORT) {
        put_value(w, names[m->topic_id_type & MQTTSN_RESERVED], m->topic_id);
        return;
    }
    uint8_t name[] = { (uint8_t)(m->topic_id >> 8), (uint8_t)m->topic_id };
    put_quoted(w, "topic", span_of(name, sizeof name));
}

static void put_return_code(struct writer *w, uint8_t code)
{
    put_value(w, "return_code", code);
    put(w, " (");
    put(w, mqttsn_return_code_name(code));
    put(w, ")");
}

static void put_field(struct writer *w, enum mqttsn_field f, uint8_t flags,
                      const struct mqttsn_message *m)
{
    switch (f) {
    case FLAGS:
        put_flags(w, flags, m);
        break;
    case GATEWAY_ID:
        put_value(w, "gateway_id", m->gateway_id);
        break;
    case RADIUS:
        put_value(w, "radius", m->radius);
        break;
    case PROTOCOL_ID:
        put_value(w, "protocol_id", m->protocol_id);
        break;
    case DURATION:
        put_value(w, "duration", m->duration);
        break;
    case TOPIC_ID:
        put_topic_id(w, m);
        break;
    case MESSAGE_ID:
        put_value(w, "message_id", m->message_id);
        break;
    case RETURN_CODE:
        put_return_code(w, m->return_code);
        break;
    case MAY_END:
    case END:
        break;
    }
}

static void put_tail(struct writer *w, const struct mqttsn_layout *l, const struct mqttsn_message *m)
{
    if (mqttsn_ends_in_id(l, m))
        put_topic_id(w, m);
    else if (l->tail != NO_TAIL && !(l->tail == EXTRA && m->tail.len == 0))
        put_quoted(w, l->tail_name, m->tail);
}

const char *mqttsn_text(const struct mqttsn_message *m, char *line, size_t room)
{
    if (room == 0)
        return "";
    struct writer w = writer_of(line, room - 1);
    const struct mqttsn_layout *l = mqttsn_layout_of(m->type);
    put(&w, mqttsn_type_name(m->type));
    if (l && !mqttsn_ends_early(l, m)) {
        for (const uint8_t *f = l->fields; *f != END; f++)
            put_field(&w, *f, l->flags, m);
        put_tail(&w, l, m);
    }
    *w.at = '\0';
    return line;
}

const char *mqttsn_text_span(struct span bytes, char *line, size_t room)
{
    if (room == 0)
        return "";
    struct writer w = writer_of(line, room - 1);
    put_text(&w, bytes);
    *w.at = '\0';
    return line;
}
