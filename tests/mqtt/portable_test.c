/* portable_test.c -- which topics may be given to any broker: the edges of what MQTT lets it refuse (MQTT-1.5.3). */
#include "mqtt/topic.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TEXT(t) span_text(t)

static void control_characters_end_at_their_edges(void **state)
{
    static const char *const bad[] = { "\x01", "\x1F", "\x7F", "\xC2\x80", "\xC2\x9F", "a\x0A" };
    static const char *const good[] = { " ", "~", "\xC2\xA0", "\xC3\x80", "\xC3\x9F" };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(topic_portable(TEXT(bad[i])));
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(topic_portable(TEXT(good[i])));
}

static void non_characters_end_at_their_edges(void **state)
{
    static const char *const bad[] = { "\xEF\xBF\xBE", "\xEF\xBF\xBF",     "\xEF\xB7\x90",
                                       "\xEF\xB7\xAF", "\xF0\x9F\xBF\xBE", "\xF4\x8F\xBF\xBF" };
    static const char *const good[] = { "\xEF\xBF\xBD",     "\xEF\xBE\xBF",     "\xEF\xB7\x8F",
                                        "\xEF\xB7\xB0",     "\xE0\xBF\xBF",     "\xF0\x9F\xBF\xBD",
                                        "\xF0\x9F\xBE\xBF", "\xF0\x9E\xBF\xBF", "\xF0\x9E\xBF\xBE" };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(topic_portable(TEXT(bad[i])));
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(topic_portable(TEXT(good[i])));
}

static void ill_formed_text_is_not_portable(void **state)
{
    (void)state;
    assert_false(topic_portable(TEXT("\xFF")));
    assert_false(topic_portable(TEXT("a\xEF\xBF")));
}

static void two_hundred_levels_are_the_most(void **state)
{
    char topic[202] = { 0 };
    (void)state;
    memset(topic, '/', 199);
    assert_true(topic_portable(TEXT(topic)));
    topic[199] = '/';
    assert_false(topic_portable(TEXT(topic)));
}

static void only_a_wildcard_in_front_hides_what_is_the_servers(void **state) /* MQTT-4.7.2-1 */
{
    (void)state;
    assert_false(topic_matches(TEXT("+"), TEXT("$SYS")));
    assert_false(topic_matches(TEXT("#"), TEXT("$SYS")));
    assert_false(topic_matches(TEXT(""), TEXT("$SYS")));
    assert_true(topic_matches(TEXT("+"), TEXT("")));
    assert_true(topic_matches(TEXT("$SYS/+"), TEXT("$SYS/a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_characters_end_at_their_edges),
        cmocka_unit_test(non_characters_end_at_their_edges),
        cmocka_unit_test(ill_formed_text_is_not_portable),
        cmocka_unit_test(two_hundred_levels_are_the_most),
        cmocka_unit_test(only_a_wildcard_in_front_hides_what_is_the_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
