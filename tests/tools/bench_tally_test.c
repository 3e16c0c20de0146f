/* bench_tally_test.c -- the load generator's own arithmetic: a bench that miscounts proves nothing. */
#include "tools/bench_tally.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int new_tally(void **state)
{
    static struct bench_tally tally;
    bench_tally_init(&tally);
    *state = &tally;
    return 0;
}

static int clear_tally(void **state)
{
    bench_tally_clear(*state);
    return 0;
}

static void arrives(struct bench_tally *t, uint32_t client, uint32_t sequence, uint64_t latency_ns)
{
    uint8_t payload[32] = { 0 };
    struct writer w = writer_of(payload, sizeof payload);
    bench_stamp_write(&w, &(struct bench_stamp){ client, sequence, 5000000000 });
    bench_tally_add(t, span_of(payload, sizeof payload), 5000000000 + latency_ns);
}

static void each_message_counts_once_however_often_it_comes(void **state)
{
    struct bench_tally *t = *state;
    arrives(t, 7, 0, 1);
    arrives(t, 7, 1, 1);
    arrives(t, 7, 1, 1);
    arrives(t, 8, 1, 1);
    assert_int_equal(t->arrived, 4);
    assert_int_equal(t->distinct, 3);
    assert_int_equal(t->duplicates, 1);
}

static void a_message_that_was_overtaken_is_no_duplicate(void **state)
{
    struct bench_tally *t = *state;
    arrives(t, 0, 1000, 1);
    arrives(t, 0, 3, 1);
    arrives(t, 0, 3, 1);
    assert_int_equal(t->distinct, 2);
    assert_int_equal(t->duplicates, 1);
}

static void a_gap_does_not_count_as_arrived(void **state)
{
    struct bench_tally *t = *state;
    arrives(t, 0, 0, 1);
    arrives(t, 0, 5000, 1);
    arrives(t, 0, 4999, 1);
    arrives(t, 0, 4999, 1);
    assert_int_equal(t->distinct, 3);
    assert_int_equal(t->duplicates, 1);
}

static void numbers_far_behind_count_as_duplicates(void **state)
{
    struct bench_tally *t = *state;
    arrives(t, 0, 5000, 1);
    arrives(t, 0, 5001 - 1025, 1);
    assert_int_equal(t->duplicates, 1);
    arrives(t, 0, 5001 - 1024, 1);
    assert_int_equal(t->duplicates, 1);
}

static void other_peoples_payloads_are_not_counted(void **state)
{
    struct bench_tally *t = *state;
    bench_tally_add(t, span_text("21.5 degrees in the greenhouse"), 1);
    bench_tally_add(t, span_text("short"), 1);
    arrives(t, BENCH_CLIENTS_MAX, 0, 1);
    assert_int_equal(t->arrived, 0);
    assert_int_equal(t->foreign, 3);
}

static void percentiles_are_exact_to_three_percent(void **state)
{
    struct bench_tally *t = *state;
    for (uint32_t i = 0; i < 1000; i++)
        arrives(t, 0, i, (i + 1) * 1000);
    assert_in_range(bench_tally_percentile(t, 50), 500000, 515000);
    assert_in_range(bench_tally_percentile(t, 99), 990000, 1000000);
    assert_int_equal(bench_tally_percentile(t, 100), 1000000);
    assert_int_equal(t->max_ns, 1000000);
}

static void small_latencies_are_exact_and_no_message_means_zero(void **state)
{
    struct bench_tally *t = *state;
    assert_int_equal(bench_tally_percentile(t, 50), 0);
    arrives(t, 0, 0, 17);
    assert_int_equal(bench_tally_percentile(t, 50), 17);
}

static void latencies_of_any_size_have_a_bucket(void **state)
{
    struct bench_tally *t = *state;
    for (uint32_t bit = 0; bit < 63; bit++)
        arrives(t, 0, bit, UINT64_C(1) << bit);
    assert_int_equal(t->distinct, 63);
    assert_int_equal(bench_tally_percentile(t, 100), UINT64_C(1) << 62);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_message_counts_once_however_often_it_comes, new_tally,
                                        clear_tally),
        cmocka_unit_test_setup_teardown(a_message_that_was_overtaken_is_no_duplicate, new_tally,
                                        clear_tally),
        cmocka_unit_test_setup_teardown(a_gap_does_not_count_as_arrived, new_tally, clear_tally),
        cmocka_unit_test_setup_teardown(numbers_far_behind_count_as_duplicates, new_tally,
                                        clear_tally),
        cmocka_unit_test_setup_teardown(other_peoples_payloads_are_not_counted, new_tally,
                                        clear_tally),
        cmocka_unit_test_setup_teardown(percentiles_are_exact_to_three_percent, new_tally,
                                        clear_tally),
        cmocka_unit_test_setup_teardown(small_latencies_are_exact_and_no_message_means_zero,
                                        new_tally, clear_tally),
        cmocka_unit_test_setup_teardown(latencies_of_any_size_have_a_bucket, new_tally, clear_tally),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
