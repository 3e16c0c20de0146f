/* buffer_test.c -- bytes that grow at the end and leave at the front. */
#include "mqtt/buffer.h"

#include "tests/xorshift.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void append(struct buffer *b, const void *bytes, size_t n)
{
    uint8_t *room = buffer_reserve(b, n);
    assert_non_null(room);
    memcpy(room, bytes, n);
    buffer_grow(b, n);
}

static void bytes_come_out_as_they_went_in(void **state)
{
    struct buffer b = { 0 };
    (void)state;
    assert_int_equal(buffer_span(&b).len, 0);
    append(&b, "abc", 3);
    append(&b, "def", 3);
    assert_true(span_equal(buffer_span(&b), span_text("abcdef")));
    buffer_consume(&b, 2, 1000);
    assert_true(span_equal(buffer_span(&b), span_text("cdef")));
    append(&b, "g", 1);
    buffer_consume(&b, 5, 1000);
    assert_int_equal(b.len, 0);
    buffer_clear(&b);
    buffer_clear(&b);
}

static void what_was_reserved_and_not_claimed_is_not_there(void **state)
{
    struct buffer b = { 0 };
    (void)state;
    append(&b, "a", 1);
    assert_non_null(buffer_reserve(&b, 500));
    assert_int_equal(b.len, 1);
    append(&b, "b", 1);
    assert_true(span_equal(buffer_span(&b), span_text("ab")));
    buffer_clear(&b);
}

static void an_empty_buffer_keeps_only_so_much_memory(void **state)
{
    static const uint8_t many[5000];
    struct buffer b = { 0 };
    (void)state;
    append(&b, many, 100);
    buffer_consume(&b, 100, 1024);
    assert_non_null(b.at); /* the busy path does not allocate again */
    append(&b, many, sizeof many);
    buffer_consume(&b, sizeof many - 1, 1024);
    assert_non_null(b.at);
    buffer_consume(&b, 1, 1024);
    assert_null(b.at); /* an idle connection does not remember its burst */
    buffer_clear(&b);
}

/* What leaves is always the continuation of what left before. */
static void any_mixture_keeps_the_order(void **state)
{
    struct buffer b = { 0 };
    uint64_t seed = 5;
    uint8_t next_in = 0, next_out = 0, block[700] = { 0 };
    (void)state;
    for (size_t round = 0; round < 5000; round++) {
        size_t n = chance_below(&seed, sizeof block);
        for (size_t i = 0; i < n; i++)
            block[i] = next_in++;
        append(&b, block, n);
        size_t out = b.len > 0 ? chance_below(&seed, b.len + 1) : 0;
        for (size_t i = 0; i < out; i++)
            assert_int_equal(buffer_span(&b).at[i], next_out++);
        if (out > 0)
            buffer_consume(&b, out, 512);
    }
    buffer_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_out_as_they_went_in),
        cmocka_unit_test(what_was_reserved_and_not_claimed_is_not_there),
        cmocka_unit_test(an_empty_buffer_keeps_only_so_much_memory),
        cmocka_unit_test(any_mixture_keeps_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
