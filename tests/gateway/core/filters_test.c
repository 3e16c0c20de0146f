/* filters_test.c -- the tree of filters, against the rule for one filter and one name as oracle (SN-GW-5, MQTT-4.7). */
#include "gateway/core/filters.h"

#include "mqtt/topic.h"
#include "tests/xorshift.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define TEXT(t) span_text(t)

enum { LEVELS = 5, LEVEL_LEN = 300 };

/* Few different levels, so that filters and names meet often; some are empty, one is longer than any small buffer. */
static struct span random_topic(uint64_t *seed, bool filter, uint8_t *room)
{
    static const char *const words[] = { "a", "b", "", "$x", "long", "+" };
    size_t levels = 1 + chance_below(seed, LEVELS), len = 0;
    for (size_t i = 0; i < levels; i++) {
        const char *word = words[chance_below(seed, filter ? 6 : 5)];
        if (i > 0)
            room[len++] = '/';
        for (size_t n = strcmp(word, "long") == 0 ? LEVEL_LEN : strlen(word), j = 0; j < n; j++)
            room[len++] = (uint8_t)(n == LEVEL_LEN ? 'l' : word[j]);
    }
    if (filter && chance_below(seed, 4) == 0) {
        if (len > 0)
            room[len++] = '/';
        room[len++] = '#';
    }
    if (len == 0)
        room[len++] = '/';
    return span_of(room, len);
}

/* Exactly the filters that match by the rule for one, each once. */
static void check_name(struct filters *f, struct span name)
{
    size_t count, expected = 0;
    struct filter *const *found = filters_match(f, name, &count);
    for (size_t i = 0; i < count; i++) {
        assert_true(topic_matches(found[i]->name, name));
        for (size_t j = 0; j < i; j++)
            assert_ptr_not_equal(found[i], found[j]);
    }
    for (struct filter *one = NULL; (one = filters_next(f, one));)
        expected += topic_matches(one->name, name);
    assert_int_equal(count, expected);
}

static void remove_one(struct filters *f, uint64_t *seed)
{
    struct filter *one = filters_next(f, NULL);
    for (size_t n = chance_below(seed, 20); n > 0 && one && filters_next(f, one); n--)
        one = filters_next(f, one);
    if (one)
        filters_remove(f, one);
}

static void remove_all(struct filters *f)
{
    for (struct filter *one; (one = filters_next(f, NULL));)
        filters_remove(f, one);
}

static void random_filters_match_as_one_by_one(void **state) /* SN-GW-5 */
{
    uint8_t room[LEVELS * (LEVEL_LEN + 1) + 4];
    uint64_t seed = 20;
    struct filters *f = filters_new(99);
    (void)state;
    for (size_t round = 0; round < 3000; round++) {
        struct span filter = random_topic(&seed, true, room);
        assert_true(topic_filter_valid(filter));
        struct filter *one = filters_get(f, filter);
        assert_non_null(one);
        assert_ptr_equal(filters_find(f, filter), one);
        assert_ptr_equal(filters_get(f, filter), one);
        if (round % 2 == 1)
            remove_one(f, &seed);
        check_name(f, random_topic(&seed, false, room));
    }
    remove_all(f);
    filters_free(f);
}

static void matching_finds(struct filters *f, const char *name, size_t expected)
{
    size_t count;
    (void)filters_match(f, TEXT(name), &count);
    assert_int_equal(count, expected);
}

static void wildcards_stop_before_a_dollar(void **state) /* MQTT-4.7.2-1 */
{
    static const char *const names[] = { "#", "+", "+/a", "$SYS/#", "$SYS/+", "/+", "a/#" };
    struct filters *f = filters_new(99);
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_non_null(filters_get(f, TEXT(names[i])));
    matching_finds(f, "$SYS/a", 2);
    matching_finds(f, "$SYS", 1); /* by "$SYS/#" */
    matching_finds(f, "a", 3);    /* "#", "+", "a/#" */
    matching_finds(f, "/a", 3);   /* "#", "+/a", "/+" */
    matching_finds(f, "a/", 2);
    remove_all(f);
    matching_finds(f, "a", 0);
    filters_free(f);
}

static void what_is_too_deep_is_refused_and_leaves_nothing(void **state) /* design rule 5 */
{
    uint8_t deep[FILTER_LEVELS_MAX];
    struct filters *f = filters_new(99);
    (void)state;
    memset(deep, '/', sizeof deep);
    assert_null(filters_get(f, span_of(deep, FILTER_LEVELS_MAX)));
    struct filter *one = filters_get(f, span_of(deep, FILTER_LEVELS_MAX - 1));
    assert_non_null(one);
    assert_null(filters_find(f, span_of(deep, FILTER_LEVELS_MAX)));
    check_name(f, span_of(deep, FILTER_LEVELS_MAX - 1));
    check_name(f, span_of(deep, FILTER_LEVELS_MAX));
    filters_remove(f, one);
    assert_null(filters_next(f, NULL));
    filters_free(f); /* what is left would be a leak */
    filters_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_filters_match_as_one_by_one),
        cmocka_unit_test(wildcards_stop_before_a_dollar),
        cmocka_unit_test(what_is_too_deep_is_refused_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
