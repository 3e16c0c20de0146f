/* guard_test.c -- who may come in, how often, and how much a stranger hears (SN-CONN-13, SN-FWD-10, SN-NET-5). */
#include "gateway/core/guard.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { HERE = 17, THERE = 18, NOW = 1000, LAN = 0, FIELD = 255 };

static void without_limits_everybody_comes_in(void **state)
{
    static struct guard g;
    static struct guest guests[10000];
    (void)state;
    for (size_t i = 0; i < 10000; i++) {
        assert_int_equal(guard_admit(&g, LAN, HERE, NOW), DROPS);
        guard_bind(&g, &guests[i], LAN, HERE);
        guard_follow(&g, &guests[i], true);
    }
}

static void a_source_has_so_many_clients_and_no_more(void **state) /* SN-CONN-13, SN-FWD-10 */
{
    static struct guard g = { .clients_per_source = 2 };
    struct guest one = { 0 }, two = { 0 };
    (void)state;
    guard_bind(&g, &one, LAN, HERE);
    assert_int_equal(guard_admit(&g, LAN, HERE, NOW), DROPS);
    guard_bind(&g, &two, LAN, HERE);
    assert_int_equal(guard_admit(&g, LAN, HERE, NOW), DROP_SOURCE_FULL);
    assert_int_equal(guard_admit(&g, LAN, THERE, NOW), DROPS);
    guard_leave(&g, &one);
    assert_int_equal(guard_admit(&g, LAN, HERE, NOW), DROPS);
}

static void a_client_that_moved_is_counted_where_it_is(void **state) /* SN-NET-2 */
{
    static struct guard g = { .clients_per_source = 1 };
    struct guest one = { 0 };
    (void)state;
    guard_bind(&g, &one, LAN, HERE);
    guard_bind(&g, &one, LAN, THERE);
    assert_int_equal(guard_admit(&g, LAN, HERE, NOW), DROPS);
    assert_int_equal(guard_admit(&g, LAN, THERE, NOW), DROP_SOURCE_FULL);
    guard_leave(&g, &one);
    guard_leave(&g, &one); /* it was taken off already */
    assert_int_equal(guard_admit(&g, LAN, THERE, NOW), DROPS);
}

static void a_radio_has_so_many_clients_and_no_more(void **state) /* SN-CONN-13 */
{
    static struct guard g = { .radios[FIELD].most = 1 };
    struct guest one = { 0 };
    (void)state;
    guard_bind(&g, &one, FIELD, HERE);
    assert_int_equal(guard_admit(&g, FIELD, THERE, NOW), DROP_RADIO_FULL);
    assert_int_equal(guard_admit(&g, LAN, HERE, NOW), DROPS);
    guard_bind(&g, &one, LAN, HERE);
    assert_int_equal(guard_admit(&g, FIELD, THERE, NOW), DROPS);
    guard_bind(&g, &one, FIELD, HERE);
    guard_leave(&g, &one);
    guard_leave(&g, &one);
    assert_int_equal(guard_admit(&g, FIELD, THERE, NOW), DROPS);
}

static void so_many_wait_for_their_connack_and_no_more(void **state) /* SN-CONN-13 */
{
    static struct guard g = { .connecting_most = 2 };
    struct guest one = { 0 }, two = { 0 };
    (void)state;
    guard_follow(&g, &one, true);
    guard_follow(&g, &one, true); /* still */
    assert_int_equal(guard_admit(&g, LAN, HERE, NOW), DROPS);
    guard_follow(&g, &two, true);
    assert_int_equal(guard_admit(&g, LAN, THERE, NOW), DROP_CONNECTING_LIMIT);
    guard_follow(&g, &one, false);
    assert_int_equal(guard_admit(&g, LAN, THERE, NOW), DROPS);
    guard_follow(&g, &one, true);
    guard_leave(&g, &two);
    assert_int_equal(guard_admit(&g, LAN, THERE, NOW), DROPS);
    assert_int_equal(g.connecting, 1);
}

static void connects_have_a_rate_per_source_and_in_all(void **state) /* SN-CONN-13 */
{
    static struct guard g = { .connects = { .per_source = 2, .in_all = 3 } };
    (void)state;
    assert_int_equal(guard_admit(&g, LAN, HERE, NOW), DROPS);
    assert_int_equal(guard_admit(&g, LAN, HERE, NOW), DROPS);
    assert_int_equal(guard_admit(&g, LAN, HERE, NOW), DROP_CONNECT_RATE);
    assert_int_equal(guard_admit(&g, LAN, THERE, NOW), DROPS);
    assert_int_equal(guard_admit(&g, LAN, THERE, NOW), DROP_CONNECT_RATE);
    assert_int_equal(guard_admit(&g, LAN, THERE, NOW + 1000), DROPS);
}

static void an_address_hears_no_more_than_three_times_what_it_said(void **state) /* SN-NET-5, design 4.6 */
{
    struct balance b = { .heard = 2 };
    (void)state;
    assert_false(guard_spend(&b, 7));
    assert_true(guard_spend(&b, 4));
    assert_true(guard_spend(&b, 2));
    assert_false(guard_spend(&b, 1));
    b.heard++;
    assert_true(guard_spend(&b, 3));
    assert_int_equal(b.said, 9);
}

static void a_new_address_begins_with_nothing(void **state) /* SN-NET-5 */
{
    static struct guard g;
    struct guest one = { 0 };
    (void)state;
    guard_bind(&g, &one, LAN, HERE);
    one.balance.heard = 100;
    assert_true(guard_spend(&one.balance, 30));
    guard_bind(&g, &one, LAN, THERE);
    assert_false(guard_spend(&one.balance, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_limits_everybody_comes_in),
        cmocka_unit_test(a_source_has_so_many_clients_and_no_more),
        cmocka_unit_test(a_client_that_moved_is_counted_where_it_is),
        cmocka_unit_test(a_radio_has_so_many_clients_and_no_more),
        cmocka_unit_test(so_many_wait_for_their_connack_and_no_more),
        cmocka_unit_test(connects_have_a_rate_per_source_and_in_all),
        cmocka_unit_test(an_address_hears_no_more_than_three_times_what_it_said),
        cmocka_unit_test(a_new_address_begins_with_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
