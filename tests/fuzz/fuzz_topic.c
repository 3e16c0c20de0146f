/* fuzz_topic.c -- three texts, one a line: two filters and a name.
 *
 * A name that is valid is a valid filter that matches itself. A filter covers itself. When f covers g and g matches n,
 * f matches n. And a client id put into a topic stays within its level. */
#include "tests/fuzz/fuzz.h"

#include "mqtt/topic.h"

static struct span cut_line(struct span *rest)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->at, '\n', rest->len) : NULL;
    struct span line = span_of(rest->at, end ? (size_t)(end - rest->at) : rest->len);
    *rest = span_from(*rest, end ? line.len + 1 : line.len);
    return line;
}

static size_t count_levels(struct span topic)
{
    size_t n = 0;
    for (struct span level; topic_next_level(&topic, &level);)
        n++;
    return n;
}

static void check_one(struct span text)
{
    size_t at = 0;
    while (at < text.len && text.at[at] != 0 && utf8_char_len(span_from(text, at)) > 0)
        at += utf8_char_len(span_from(text, at));
    fuzz_require(utf8_valid(text) == (at == text.len));
    bool name = topic_name_valid(text), filter = topic_filter_valid(text);
    fuzz_require(name == (filter && !topic_has_wildcard(text)));
    if (filter)
        fuzz_require(topic_filter_covers(text, text));
    if (name)
        fuzz_require(topic_matches(text, text));
}

static void check_expansion(struct span client_id)
{
    static const char pattern[] = "a/{client}/b";
    static uint8_t room[1 << 16];
    struct writer w = writer_of(room, sizeof room);
    topic_expand(span_text(pattern), client_id, &w);
    struct span topic = span_of(room, sizeof room - w.left);
    if (!w.failed)
        fuzz_require(count_levels(topic) == 3 && !topic_has_wildcard(topic));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct span rest = span_of(bytes, len);
    struct span f = cut_line(&rest), g = cut_line(&rest), n = cut_line(&rest);
    check_one(f);
    check_one(g);
    check_one(n);
    check_expansion(n);
    bool filters = topic_filter_valid(f) && topic_filter_valid(g);
    if (filters && topic_name_valid(n) && topic_filter_covers(f, g) && topic_matches(g, n))
        fuzz_require(topic_matches(f, n));
    return 0;
}
