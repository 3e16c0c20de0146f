/* rates_test.c -- how often and how many, per source and in all (SN-CONN-13, SN-M1-6; design 4.5). */
#include "gateway/core/rates.h"
#include "gateway/core/tally.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { HERE = 17, THERE = 18 };

static unsigned taken(struct rates *r, uint32_t source, unsigned attempts, msec now)
{
    unsigned count = 0;
    for (unsigned i = 0; i < attempts; i++)
        count += rates_take(r, source, now);
    return count;
}

static void a_second_s_share_may_be_taken_at_once(void **state)
{
    struct rates r = { .per_source = 10 };
    (void)state;
    assert_int_equal(taken(&r, HERE, 100, 0), 10);
    assert_int_equal(taken(&r, HERE, 100, 99), 0);
    assert_int_equal(taken(&r, HERE, 100, 100), 1);
    assert_int_equal(taken(&r, HERE, 100, 1000), 9);
}

static void a_rest_gives_one_second_s_share_back_and_no_more(void **state)
{
    struct rates r = { .per_source = 10 };
    (void)state;
    assert_int_equal(taken(&r, HERE, 100, 0), 10);
    assert_int_equal(taken(&r, HERE, 100, 3600000), 10);
}

static void each_source_has_its_own_share(void **state)
{
    struct rates r = { .per_source = 3 };
    (void)state;
    assert_int_equal(taken(&r, HERE, 5, 1000), 3);
    assert_int_equal(taken(&r, THERE, 5, 1000), 3);
}

static void all_sources_together_have_a_share_too(void **state)
{
    struct rates r = { .per_source = 3, .in_all = 1000 };
    unsigned count = 0;
    (void)state;
    for (uint32_t source = 0; source < 1000000; source++)
        count += rates_take(&r, source, 5000);
    assert_int_equal(count, 1000);
    assert_int_equal(taken(&r, HERE, 5, 5001), 1);
}

static void what_is_refused_in_all_costs_the_source_nothing(void **state)
{
    struct rates r = { .per_source = 3, .in_all = 3 };
    (void)state;
    assert_int_equal(taken(&r, HERE, 3, 0), 3);
    assert_int_equal(taken(&r, THERE, 100, 0), 0);
    assert_int_equal(taken(&r, THERE, 100, 1000), 3);
}

static void what_is_refused_to_the_source_costs_the_others_nothing(void **state)
{
    struct rates r = { .per_source = 2, .in_all = 4 };
    (void)state;
    assert_int_equal(taken(&r, HERE, 100, 0), 2);
    assert_int_equal(taken(&r, THERE, 100, 0), 2);
}

static void sources_that_share_a_place_share_its_rate(void **state)
{
    struct rates r = { .per_source = 4 };
    (void)state;
    assert_int_equal(taken(&r, HERE, 3, 0), 3);
    assert_int_equal(taken(&r, HERE + RATES_PLACES, 3, 0), 1);
}

static void a_rate_of_0_is_no_limit(void **state)
{
    struct rates r = { .per_source = 0 };
    (void)state;
    assert_int_equal(taken(&r, HERE, 100000, 0), 100000);
}

static void a_million_a_second_is_a_rate_like_any_other(void **state)
{
    struct rates r = { .per_source = 1000000, .in_all = 1000000 };
    (void)state;
    assert_int_equal(taken(&r, HERE, 1000001, 7), 1000000);
    assert_int_equal(taken(&r, HERE, 2000, 8), 1000);
}

static void what_is_bounded_in_all_only_shares_with_the_sources(void **state)
{
    struct rates r = { .per_source = 1, .in_all = 3 };
    (void)state;
    assert_int_equal(taken(&r, HERE, 5, 0), 1);
    assert_true(rates_take_in_all(&r, 0));
    assert_true(rates_take_in_all(&r, 0));
    assert_false(rates_take_in_all(&r, 0));
    assert_int_equal(taken(&r, THERE, 5, 0), 0);
}

static void a_limit_that_changes_counts_from_then_on(void **state) /* by a reload */
{
    struct rates r = { .per_source = 1 };
    (void)state;
    assert_int_equal(taken(&r, HERE, 100, 0), 1);
    r.per_source = 100;
    assert_int_equal(taken(&r, HERE, 100, 1000), 100);
    r.per_source = 1;
    assert_int_equal(taken(&r, HERE, 100, 2000), 1);
}

static void a_source_is_counted_and_taken_off_again(void **state)
{
    static struct tally t;
    (void)state;
    tally_add(&t, HERE);
    tally_add(&t, HERE);
    tally_add(&t, THERE);
    assert_int_equal(tally_count(&t, HERE), 2);
    tally_remove(&t, HERE);
    assert_int_equal(tally_count(&t, HERE), 1);
    assert_int_equal(tally_count(&t, THERE), 1);
}

static void sources_that_share_a_place_are_counted_together(void **state)
{
    static struct tally t;
    (void)state;
    tally_add(&t, HERE);
    tally_add(&t, HERE + TALLY_PLACES);
    assert_int_equal(tally_count(&t, HERE), 2);
    tally_remove(&t, HERE + TALLY_PLACES);
    assert_int_equal(tally_count(&t, HERE), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_s_share_may_be_taken_at_once),
        cmocka_unit_test(a_rest_gives_one_second_s_share_back_and_no_more),
        cmocka_unit_test(each_source_has_its_own_share),
        cmocka_unit_test(all_sources_together_have_a_share_too),
        cmocka_unit_test(what_is_refused_in_all_costs_the_source_nothing),
        cmocka_unit_test(what_is_refused_to_the_source_costs_the_others_nothing),
        cmocka_unit_test(sources_that_share_a_place_share_its_rate),
        cmocka_unit_test(a_rate_of_0_is_no_limit),
        cmocka_unit_test(a_million_a_second_is_a_rate_like_any_other),
        cmocka_unit_test(what_is_bounded_in_all_only_shares_with_the_sources),
        cmocka_unit_test(a_limit_that_changes_counts_from_then_on),
        cmocka_unit_test(a_source_is_counted_and_taken_off_again),
        cmocka_unit_test(sources_that_share_a_place_are_counted_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
