/* peers_test.c -- whose turn it is, while peers come and go. */
#include "gateway/peers.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct limits limits = { .max_client_id = 23 };

static struct peer *add(struct peers *p, struct common *c, const char *client_id)
{
    struct peer *one = peers_add(p, span_text(client_id), c, 0);
    assert_non_null(one);
    return one;
}

static void each_has_its_turn_and_then_the_first_again(void **state)
{
    struct common c = { .limits = &limits, .predefined = predefined_new(NULL, 0) };
    struct peers *p = peers_new(1);
    (void)state;
    assert_null(peers_turn(p));
    struct peer *a = add(p, &c, "a"), *b = add(p, &c, "b");
    assert_ptr_equal(peers_turn(p), a);
    assert_ptr_equal(peers_turn(p), b);
    assert_ptr_equal(peers_turn(p), a);
    peers_remove(p, a);
    peers_remove(p, b);
    assert_null(peers_turn(p));
    peers_free(p);
    predefined_release(c.predefined);
}

static void who_is_gone_has_no_turn(void **state)
{
    struct common c = { .limits = &limits, .predefined = predefined_new(NULL, 0) };
    struct peers *p = peers_new(1);
    struct peer *a = add(p, &c, "a"), *b = add(p, &c, "b"), *last = add(p, &c, "c");
    (void)state;
    assert_ptr_equal(peers_turn(p), a);
    peers_remove(p, b); /* its turn it would be */
    assert_ptr_equal(peers_turn(p), last);
    assert_ptr_equal(peers_turn(p), a);
    peers_remove(p, last);
    assert_ptr_equal(peers_turn(p), a);
    peers_remove(p, a);
    peers_free(p);
    predefined_release(c.predefined);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_its_turn_and_then_the_first_again),
        cmocka_unit_test(who_is_gone_has_no_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
