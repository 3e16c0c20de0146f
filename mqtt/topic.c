/* topic.c -- what is a topic name, what is a filter, and which matches which (MQTT 3.1.1, sections 1.5.3 and 4.7).
 *
 * Every topic that enters the gateway, from the air, from the broker or from the settings, passes one of the checks
 * here, so the rest of the tree may take a topic for well-formed. The check of a name is on the path of each message:
 * it runs over plain ASCII eight octets at a time and slows down only for what is not plain.
 *
 * Matching walks both texts level by level and never looks back; there is no pattern that makes it slow. Which filters
 * exist and who holds them is not known here. */
#include "mqtt/topic.h"

static uint64_t every_octet(uint8_t c)
{
    return c * UINT64_C(0x0101010101010101);
}

/* Non-zero when one of the eight octets is zero; may also be non-zero when one is over 0x7F. */
static uint64_t has_zero(uint64_t word)
{
    return (word - every_octet(1)) & every_octet(0x80);
}

/* How many octets at the start, in steps of eight, are ASCII and neither NUL nor a wildcard? */
static size_t plain_prefix(struct span text)
{
    size_t n = 0;
    for (; text.len - n >= sizeof(uint64_t); n += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, text.at + n, sizeof word);
        uint64_t odd = (word & every_octet(0x80)) | has_zero(word) |
                       has_zero(word ^ every_octet('+')) | has_zero(word ^ every_octet('#'));
        if (odd)
            break;
    }
    return n;
}

static bool continues(struct span text, size_t at)
{
    return at < text.len && (text.at[at] & 0xC0) == 0x80;
}

size_t utf8_char_len(struct span text)
{
    if (text.len == 0)
        return 0;
    uint8_t lead = text.at[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4 || !continues(text, 1))
        return 0;
    if (lead < 0xE0)
        return 2;
    uint8_t second = text.at[1];
    bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
    bool surrogate = lead == 0xED && second > 0x9F;
    bool too_high = lead == 0xF4 && second > 0x8F;
    if (overlong || surrogate || too_high || !continues(text, 2))
        return 0;
    if (lead < 0xF0)
        return 3;
    return continues(text, 3) ? 4 : 0;
}

/* Well-formed, and without wildcards when they are not `allowed`. */
static bool text_valid(struct span text, bool allowed)
{
    size_t at = plain_prefix(text);
    while (at < text.len) {
        uint8_t c = text.at[at];
        if (c == 0 || (!allowed && (c == '+' || c == '#')))
            return false;
        size_t n = c < 0x80 ? 1 : utf8_char_len(span_from(text, at));
        if (n == 0)
            return false;
        at += n;
    }
    return true;
}

bool utf8_valid(struct span text)
{
    return text_valid(text, true);
}

bool topic_name_valid(struct span name)
{
    return name.len > 0 && name.len <= TOPIC_LEN_MAX && text_valid(name, false);
}

static bool level_is(struct span level, uint8_t c)
{
    return level.len == 1 && level.at[0] == c;
}

bool topic_has_wildcard(struct span filter)
{
    return filter.len > 0 &&
           (memchr(filter.at, '+', filter.len) || memchr(filter.at, '#', filter.len));
}

bool topic_filter_valid(struct span filter)
{
    if (filter.len == 0 || filter.len > TOPIC_LEN_MAX || !utf8_valid(filter))
        return false;
    struct span level;
    while (topic_next_level(&filter, &level)) {
        if (level_is(level, '#'))
            return !filter.at;
        if (topic_has_wildcard(level) && !level_is(level, '+'))
            return false;
    }
    return true;
}

/* Names that start with '$' belong to the server; only a filter that names them so far may reach them. */
static bool hidden_from(struct span filter, struct span name)
{
    return name.len > 0 && name.at[0] == '$' && filter.len > 0 &&
           (filter.at[0] == '+' || filter.at[0] == '#');
}

bool topic_matches(struct span filter, struct span name)
{
    if (hidden_from(filter, name))
        return false;
    for (;;) {
        struct span want, have;
        bool more = topic_next_level(&filter, &want);
        if (more && level_is(want, '#'))
            return true; /* also the parent: "a/#" matches "a" */
        if (topic_next_level(&name, &have) != more)
            return false;
        if (!more)
            return true;
        if (!level_is(want, '+') && !span_equal(want, have))
            return false;
    }
}

bool topic_filter_covers(struct span wide, struct span narrow)
{
    if (hidden_from(wide, narrow))
        return false;
    /* A name has at least one level, so at the top, and only there, '#' asks for the same as "+/#". */
    if (level_is(narrow, '#'))
        narrow = span_text("+/#");
    for (;;) {
        struct span want, have;
        bool more = topic_next_level(&wide, &want);
        if (more && level_is(want, '#'))
            return true;
        if (topic_next_level(&narrow, &have) != more)
            return false;
        if (!more)
            return true;
        bool same = span_equal(want, have);
        if (!same && (!level_is(want, '+') || level_is(have, '#')))
            return false;
    }
}

bool topic_next_level(struct span *rest, struct span *level)
{
    if (!rest->at)
        return false;
    *level = *rest;
    const uint8_t *slash = memchr(rest->at, '/', rest->len);
    if (!slash) {
        *rest = (struct span){ 0 };
        return true;
    }
    level->len = (size_t)(slash - rest->at);
    *rest = span_from(*rest, level->len + 1);
    return true;
}

/* `first`: nothing stands before it. A '$' there would make the topic one of the server's own. */
static void write_escaped(struct writer *w, uint8_t c, bool first)
{
    static const char hex[] = "0123456789ABCDEF";
    bool special = c == '/' || c == '+' || c == '#' || c == '%' || (first && c == '$');
    if (!special) {
        write_u8(w, c);
        return;
    }
    write_u8(w, '%');
    write_u8(w, (uint8_t)hex[c >> 4]);
    write_u8(w, (uint8_t)hex[c & 0x0F]);
}

void topic_expand(struct span pattern, struct span client_id, struct writer *w)
{
    const struct span hole = span_text("{client}");
    for (size_t at = 0; at < pattern.len;) {
        struct span rest = span_from(pattern, at);
        if (rest.len < hole.len || !span_equal(span_of(rest.at, hole.len), hole)) {
            write_u8(w, rest.at[0]);
            at++;
            continue;
        }
        for (size_t i = 0; i < client_id.len; i++)
            write_escaped(w, client_id.at[i], at == 0 && i == 0);
        at += hole.len;
    }
}

/* U+FFFE and U+FFFF of every plane, and U+FDD0..U+FDEF, in UTF-8. */
static bool is_non_character(const uint8_t *at, size_t len)
{
    if (len == 3)
        return at[0] == 0xEF && ((at[1] == 0xBF && at[2] >= 0xBE) ||
                                 (at[1] == 0xB7 && at[2] >= 0x90 && at[2] <= 0xAF));
    return len == 4 && (at[1] & 0x0F) == 0x0F && at[2] == 0xBF && at[3] >= 0xBE;
}

static bool is_control(const uint8_t *at, size_t len)
{
    return (len == 1 && (at[0] < 0x20 || at[0] == 0x7F)) ||
           (len == 2 && at[0] == 0xC2 && at[1] < 0xA0);
}

bool topic_portable(struct span topic)
{
    enum { LEVELS_MAX = 200 };
    size_t levels = 1;
    for (size_t i = 0; i < topic.len;) {
        size_t len = utf8_char_len(span_of(topic.at + i, topic.len - i));
        if (len == 0 || is_control(topic.at + i, len) || is_non_character(topic.at + i, len))
            return false;
        levels += topic.at[i] == '/';
        i += len;
    }
    return levels <= LEVELS_MAX;
}

bool topic_is_shared(struct span filter)
{
    static const char prefix[] = "$share/";
    return filter.len >= sizeof prefix - 1 && memcmp(filter.at, prefix, sizeof prefix - 1) == 0;
}
