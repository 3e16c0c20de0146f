/* others_test.c -- other gateways are remembered, and only what changes is news (SN-DISC-7). */
#include "gateway/others.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct other gateway(uint8_t id, uint8_t host, msec at)
{
    return (struct other){ .gateway_id = id,
                           .duration = 900,
                           .at = { .radio = 0, .len = 1, .bytes = { host } },
                           .heard_at = at };
}

static enum others_news hears(struct others *o, uint8_t id, uint8_t host, msec at)
{
    struct other one = gateway(id, host, at);
    return others_heard(o, &one);
}

static void a_gateway_is_news_once(void **state) /* SN-DISC-7 */
{
    struct others o = { 0 };
    (void)state;
    assert_int_equal(hears(&o, 9, 1, 10), OTHERS_NEW);
    assert_int_equal(hears(&o, 9, 1, 20), OTHERS_KNOWN);
    assert_int_equal(hears(&o, 8, 1, 20), OTHERS_NEW);
    assert_int_equal(o.count, 2);
    assert_int_equal(o.list[0].heard_at, 20);
    assert_int_equal(o.list[0].duration, 900);
}

static void a_gateway_elsewhere_is_news(void **state) /* SN-DISC-7 */
{
    struct others o = { 0 };
    struct other far = gateway(9, 1, 30);
    (void)state;
    assert_int_equal(hears(&o, 9, 1, 10), OTHERS_NEW);
    assert_int_equal(hears(&o, 9, 2, 20), OTHERS_MOVED);
    assert_int_equal(hears(&o, 9, 2, 30), OTHERS_KNOWN);
    far.at.radio = 1; /* heard on another radio too */
    assert_int_equal(others_heard(&o, &far), OTHERS_NEW);
    assert_int_equal(o.count, 2);
}

static void a_full_table_forgets_the_one_not_heard_for_longest(void **state) /* SN-DISC-7 */
{
    struct others o = { 0 };
    (void)state;
    for (unsigned id = 1; id <= OTHERS_MAX; id++)
        assert_int_equal(hears(&o, (uint8_t)id, (uint8_t)id, id), OTHERS_NEW);
    assert_int_equal(hears(&o, 1, 1, 100), OTHERS_KNOWN);
    assert_int_equal(hears(&o, 200, 1, 101), OTHERS_NEW);
    assert_int_equal(o.count, OTHERS_MAX);
    assert_int_equal(hears(&o, 1, 1, 102), OTHERS_KNOWN);
    assert_int_equal(hears(&o, 2, 2, 103), OTHERS_NEW); /* it was the oldest */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gateway_is_news_once),
        cmocka_unit_test(a_gateway_elsewhere_is_news),
        cmocka_unit_test(a_full_table_forgets_the_one_not_heard_for_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
