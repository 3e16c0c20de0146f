/* topic_test.c -- topic names, filters and UTF-8 as MQTT 3.1.1 wants them (sections 1.5.3 and 4.7). */
#include "mqtt/topic.h"

#include "tests/hex.h"
#include "tests/xorshift.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct text_case {
    const char *text;
    bool holds;
};

static bool utf8_hex(const char *hex)
{
    uint8_t room[32];
    return utf8_valid(hex_bytes(hex, room, sizeof room));
}

static void well_formed_text_is_accepted(void **state) /* MQTT-1.5.3-1 */
{
    (void)state;
    static const char *const good[] = {
        "",
        "41",
        "7f",
        "c280",
        "dfbf",
        "e0a080",
        "ed9fbf",
        "ee8080",
        "efbfbf",
        "efbbbf",
        "f0908080",
        "f48fbfbf",
        "4142434445464748c3bc414243444546474849",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(utf8_hex(good[i]));
}

static void ill_formed_text_is_refused_wherever_it_stands(void **state) /* MQTT-1.5.3-1, -2 */
{
    (void)state;
    static const char *const bad[] = {
        "00",       "80",     "bf",       "c0af",   "c1bf",   "c2",       "c241",       "e08080",
        "e09fbf",   "e0a0",   "eda080",   "edbfbf", "e18041", "f0808080", "f08fbfbf",   "f4908080",
        "f5808080", "f09080", "f0908041", "ff",     "fe",     "f8888080", "fc84808080",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (size_t before = 0; before < 18; before++) {
            uint8_t room[64];
            memset(room, 'a', sizeof room);
            size_t n = hex_bytes(bad[i], room + before, 8).len;
            assert_false(utf8_valid(span_of(room, before + n)));
            assert_false(utf8_valid(span_of(room, before + n + 9)));
            assert_false(topic_name_valid(span_of(room, before + n + 9)));
            assert_false(topic_filter_valid(span_of(room, before + n + 9)));
            assert_true(utf8_valid(span_of(room, before)));
        }
    }
}

static void a_character_has_one_to_four_octets(void **state)
{
    (void)state;
    uint8_t room[8];
    static const char *const chars[] = { "", "41", "c3bc", "e282ac", "f09f8cbf" };
    for (size_t n = 0; n < sizeof chars / sizeof *chars; n++)
        assert_int_equal(utf8_char_len(hex_bytes(chars[n], room, sizeof room)), n);
    assert_int_equal(utf8_char_len(hex_bytes("00", room, sizeof room)), 1);
    assert_int_equal(utf8_char_len(hex_bytes("e282", room, sizeof room)), 0);
}

static void a_name_has_no_wildcard_and_is_not_empty(void **state) /* MQTT-3.3.2-2, MQTT-4.7.3-1 */
{
    (void)state;
    static const struct text_case cases[] = {
        { "a", true },       { "/", true },
        { "a/b", true },     { " ", true },
        { "$SYS/x", true },  { "", false },
        { "+", false },      { "a/#", false },
        { "sport+", false }, { "12345678/longer/+", false },
        { "#", false },      { "a/+/b", false },
        { "süd/7", true },   { "1234567#", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(topic_name_valid(span_text(cases[i].text)), cases[i].holds);
}

static void a_topic_has_at_most_65535_octets(void **state) /* MQTT-4.7.3-3 */
{
    (void)state;
    static uint8_t text[TOPIC_LEN_MAX + 1];
    memset(text, 'x', sizeof text);
    assert_true(topic_name_valid(span_of(text, TOPIC_LEN_MAX)));
    assert_true(topic_filter_valid(span_of(text, TOPIC_LEN_MAX)));
    assert_false(topic_name_valid(span_of(text, sizeof text)));
    assert_false(topic_filter_valid(span_of(text, sizeof text)));
}

static void wildcards_fill_whole_levels(void **state) /* MQTT-4.7.1-2, -3 */
{
    (void)state;
    static const struct text_case cases[] = {
        { "#", true },     { "+", true },       { "a/#", true },   { "/#", true },
        { "+/+", true },   { "/+", true },      { "+/a/#", true }, { "a//b", true },
        { "a/+/b", true }, { "$SYS/#", true },  { "", false },     { "a#", false },
        { "#/a", false },  { "a/#/b", false },  { "##", false },   { "a+", false },
        { "+a", false },   { "a/b+/c", false }, { "a/+#", false }, { "#/", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(topic_filter_valid(span_text(cases[i].text)), cases[i].holds);
}

static void a_wildcard_is_seen_anywhere(void **state)
{
    (void)state;
    assert_true(topic_has_wildcard(span_text("a/+/b")) && topic_has_wildcard(span_text("#")));
    assert_false(topic_has_wildcard(span_text("a/b")) || topic_has_wildcard((struct span){ 0 }));
}

static const struct {
    const char *filter, *name;
    bool match;
} matches[] = {
    { "a/b", "a/b", true },      { "a/b", "a/B", false },      { "a", "/a", false },
    { "a", "a/", false },        { "a/#", "a", true },         { "a/#", "a/", true },
    { "a/#", "a/b/c", true },    { "a/#", "ab", false },       { "#", "a", true },
    { "#", "/", true },          { "+", "a", true },           { "+", "a/b", false },
    { "+", "/a", false },        { "+/+", "/a", true },        { "/+", "/a", true },
    { "a/+", "a", false },       { "a/+", "a/", true },        { "a/+/c", "a//c", true },
    { "a/+/c", "a/b/d", false }, { "+/b/#", "a/b", true },     { "#", "$SYS/x", false },
    { "+/x", "$SYS/x", false },  { "$SYS/#", "$SYS/x", true }, { "$SYS/+", "$SYS/x", true },
    { "a/#", "a/$x", true },     { "+", "$", false },          { "$", "$", true },
    { "a/b/c", "a/b", false },
};

static void a_filter_matches_level_by_level(void **state) /* MQTT-4.7.1, MQTT-4.7.2-1 */
{
    (void)state;
    for (size_t i = 0; i < sizeof matches / sizeof *matches; i++)
        assert_int_equal(topic_matches(span_text(matches[i].filter), span_text(matches[i].name)),
                         matches[i].match);
}

static const struct {
    const char *wide, *narrow;
    bool covers;
} covers[] = {
    { "a/b", "a/b", true },   { "a/+", "a/b", true },     { "a/b", "a/+", false },
    { "a/#", "a/+/c", true }, { "a/#", "a", true },       { "a/#", "a/#", true },
    { "a/+", "a/#", false },  { "a", "a/#", false },      { "#", "a/b", true },
    { "#", "#", true },       { "#", "+/+", true },       { "+", "#", false },
    { "+/#", "#", true },     { "+/+/#", "#", false },    { "a/+/#", "a/#", false },
    { "#", "$SYS/x", false }, { "+/x", "$SYS/x", false }, { "$SYS/#", "$SYS/+", true },
    { "+", "+", true },       { "+/b", "+/+", false },    { "#", "$SYS/#", false },
    { "$SYS/#", "#", false }, { "a/+", "a/b/c", false },
};

static void a_filter_covers_another_when_it_matches_all_the_other_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof covers / sizeof *covers; i++)
        assert_int_equal(topic_filter_covers(span_text(covers[i].wide), span_text(covers[i].narrow)),
                         covers[i].covers);
}

/* A short text over a few characters: small enough that texts meet each other often. */
static struct span some_topic(uint64_t *seed, const char *alphabet, char *room)
{
    size_t n = 1 + chance_below(seed, 6);
    for (size_t i = 0; i < n; i++)
        room[i] = alphabet[chance_below(seed, strlen(alphabet))];
    return span_of(room, n);
}

/* Both ways: what is covered is matched, and what is not covered has a witness, a name of up to six characters. */
static void covering_agrees_with_matching(void **state)
{
    (void)state;
    uint64_t seed = 47;
    char a[8], b[8], c[8];
    size_t met = 0;
    for (int i = 0; i < 300000; i++) {
        struct span wide = some_topic(&seed, "a$/+#/", a), narrow = some_topic(&seed, "a$/+#/", b);
        if (!topic_filter_valid(wide) || !topic_filter_valid(narrow))
            continue;
        bool covered = topic_filter_covers(wide, narrow), witness = false;
        for (int k = 0; k < 60; k++) {
            struct span name = some_topic(&seed, "a$/b", c);
            witness |= topic_matches(narrow, name) && !topic_matches(wide, name);
        }
        assert_false(covered && witness);
        met += covered;
    }
    assert_true(met > 1000);
}

static void levels_are_what_stands_between_slashes(void **state)
{
    (void)state;
    static const char *const want[] = { "", "a", "", "b", "" };
    struct span rest = span_text("/a//b/"), level;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        assert_true(topic_next_level(&rest, &level));
        assert_true(span_equal(level, span_text(want[i])));
    }
    assert_false(topic_next_level(&rest, &level));
    assert_null(rest.at);
}

static void expands(const char *pattern, const char *client_id, const char *want)
{
    uint8_t room[100];
    struct writer w = writer_of(room, sizeof room);
    topic_expand(span_text(pattern), span_text(client_id), &w);
    assert_false(w.failed);
    assert_true(span_equal(span_of(room, sizeof room - w.left), span_text(want)));
}

static void a_client_id_in_a_topic_stays_one_plain_level(void **state) /* SN-CONN-5 */
{
    (void)state;
    expands("greenhouse/{client}/temperature", "sensor-7", "greenhouse/sensor-7/temperature");
    expands("a/b", "x", "a/b");
    expands("{client}{client}", "x", "xx");
    expands("{client", "x", "{client");
    expands("{{client}}", "x", "{x}");
    expands("n/{client}", "a/+/#%", "n/a%2F%2B%2F%23%25");
    expands("n/{client}", "{client}", "n/{client}");
    expands("n/{client}", "süd", "n/süd");
    expands("n/{client}/#", "", "n//#");
}

static void a_client_cannot_call_itself_the_servers_topics(void **state)
{
    (void)state;
    expands("{client}/#", "$SYS", "%24SYS/#");
    expands("{client}/#", "a$SYS", "a$SYS/#");
    expands("n/{client}", "$SYS", "n/$SYS");
}

static void too_little_room_for_a_topic_is_told(void **state)
{
    (void)state;
    uint8_t room[6];
    struct writer w = writer_of(room, sizeof room);
    topic_expand(span_text("n/{client}"), span_text("12345"), &w);
    assert_true(w.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_text_is_accepted),
        cmocka_unit_test(ill_formed_text_is_refused_wherever_it_stands),
        cmocka_unit_test(a_character_has_one_to_four_octets),
        cmocka_unit_test(a_name_has_no_wildcard_and_is_not_empty),
        cmocka_unit_test(a_topic_has_at_most_65535_octets),
        cmocka_unit_test(wildcards_fill_whole_levels),
        cmocka_unit_test(a_wildcard_is_seen_anywhere),
        cmocka_unit_test(a_filter_matches_level_by_level),
        cmocka_unit_test(a_filter_covers_another_when_it_matches_all_the_other_does),
        cmocka_unit_test(covering_agrees_with_matching),
        cmocka_unit_test(levels_are_what_stands_between_slashes),
        cmocka_unit_test(a_client_id_in_a_topic_stays_one_plain_level),
        cmocka_unit_test(a_client_cannot_call_itself_the_servers_topics),
        cmocka_unit_test(too_little_room_for_a_topic_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
