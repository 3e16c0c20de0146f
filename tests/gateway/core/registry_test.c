/* registry_test.c -- topic ids, predefined ids, subscriptions and wills of one session, and what it may use (SN-TOP,
 * SN-WILL, SN-CONN-4 to -6, SN-PUB-9). */
#include "gateway/core/access.h"
#include "gateway/core/predefined.h"
#include "gateway/core/registry.h"
#include "gateway/core/subscriptions.h"
#include "gateway/core/will.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define TEXT(t) span_text(t)

/* ---- registry ---------------------------------------------------------------------------------------------------- */

static bool skips_none(const void *context, uint16_t id)
{
    (void)context, (void)id;
    return false;
}

static bool skips_below_11(const void *context, uint16_t id)
{
    (void)context;
    return id < 11;
}

static void ids_rise_from_1_and_skip_what_is_predefined(void **state) /* SN-TOP-2, -8 */
{
    struct registry r = { 0 };
    (void)state;
    assert_int_equal(registry_add(&r, TEXT("a"), 10, skips_none, NULL)->id, 1);
    assert_int_equal(registry_add(&r, TEXT("b"), 10, skips_below_11, NULL)->id, 11);
    assert_int_equal(registry_add(&r, TEXT("c"), 10, skips_none, NULL)->id, 12);
    registry_clear(&r);
    assert_int_equal(registry_add(&r, TEXT("c"), 10, skips_none, NULL)->id, 1);
    registry_clear(&r);
}

static void the_last_id_is_fffe(void **state) /* SN-TOP-2, -9 */
{
    struct registry r = { .last_id = 0xFFFD };
    (void)state;
    assert_int_equal(registry_add(&r, TEXT("a"), 10, skips_none, NULL)->id, 0xFFFE);
    assert_null(registry_add(&r, TEXT("b"), 10, skips_none, NULL));
    registry_clear(&r);
}

static void a_thousand_topics_are_found_by_name_and_by_id(void **state) /* SN-TOP-9 */
{
    struct registry r = { 0 };
    char name[16];
    (void)state;
    for (unsigned i = 1; i <= 1000; i++) {
        snprintf(name, sizeof name, "t/%u", i);
        assert_int_equal(registry_add(&r, TEXT(name), 1000, skips_none, NULL)->id, i);
    }
    assert_null(registry_add(&r, TEXT("more"), 1000, skips_none, NULL));
    for (uint16_t i = 1; i <= 1000; i++) {
        struct topic *t = registry_find_id(&r.normal, i);
        assert_ptr_equal(registry_find_name(&r.normal, t->name), t);
    }
    assert_null(registry_find_id(&r.normal, 0));
    assert_null(registry_find_id(&r.normal, 1001));
    assert_null(registry_find_name(&r.normal, TEXT("t/0")));
    registry_clear(&r);
}

static void predefined_ids_are_remembered_in_any_order(void **state) /* SN-TOP-4 */
{
    static const uint16_t ids[] = { 500, 2, 65534, 1, 30 };
    struct registry r = { 0 };
    char name[16];
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "p/%u", ids[i]);
        assert_non_null(registry_remember(&r, ids[i], TEXT(name), 5));
    }
    for (size_t i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "p/%u", ids[i]);
        assert_true(span_equal(registry_find_id(&r.predefined, ids[i])->name, TEXT(name)));
    }
    assert_null(registry_remember(&r, 7, TEXT("x"), 5));
    assert_null(registry_find_id(&r.normal, 2));
    registry_clear(&r);
}

static void after_unconfirm_no_id_counts_as_known(void **state) /* SN-TOP-3 */
{
    struct registry r = { 0 };
    (void)state;
    registry_add(&r, TEXT("a"), 10, skips_none, NULL)->standing = TOPIC_CONFIRMED;
    registry_unconfirm(&r);
    assert_int_equal(registry_find_id(&r.normal, 1)->standing, TOPIC_UNCONFIRMED);
    registry_clear(&r);
}

/* ---- predefined -------------------------------------------------------------------------------------------------- */

static void a_row_of_its_own_comes_before_the_common_one(void **state) /* SN-TOP-4 */
{
    static const struct predefined_row rows[] = { { "*", "all/1", 1 }, { "*", "all/2", 2 },
                                                  { "!", "odd", 1 },   { "m1", "m1/1", 1 },
                                                  { "m1", "m1/9", 9 }, { "m10", "m10/1", 1 } };
    struct predefined *p = predefined_new(rows, sizeof rows / sizeof rows[0]);
    (void)state;
    assert_string_equal(predefined_find(p, "m1", 1), "m1/1");
    assert_string_equal(predefined_find(p, "m1", 2), "all/2");
    assert_string_equal(predefined_find(p, "m1", 9), "m1/9");
    assert_string_equal(predefined_find(p, "m10", 1), "m10/1");
    assert_string_equal(predefined_find(p, "!", 1), "odd");
    assert_string_equal(predefined_find(p, "*", 1), "all/1");
    assert_string_equal(predefined_find(p, "", 2), "all/2");
    assert_null(predefined_find(p, "m10", 9));
    assert_null(predefined_find(p, "m1", 3));
    predefined_release(p);
}

static void a_table_lives_as_long_as_somebody_holds_it(void **state) /* SN-TOP-10 */
{
    static const struct predefined_row rows[] = { { "*", "all/1", 1 } };
    struct predefined *p = predefined_new(rows, 1);
    (void)state;
    assert_ptr_equal(predefined_hold(p), p);
    predefined_release(p);
    assert_string_equal(predefined_find(p, "m1", 1), "all/1");
    predefined_release(p);
    predefined_release(NULL);
    p = predefined_new(NULL, 0);
    assert_null(predefined_find(p, "m1", 1));
    predefined_release(p);
}

/* ---- subscriptions ----------------------------------------------------------------------------------------------- */

static void subscriptions_are_found_by_filter_by_packet_and_by_standing(void **state) /* SN-SES-6, SN-SUB-10 */
{
    struct subscriptions s = { 0 };
    (void)state;
    for (uint16_t i = 1; i <= 5; i++) {
        char filter[] = { 'a', (char)('0' + i), '\0' };
        struct subscription *one = subscriptions_add(&s, TEXT(filter));
        one->packet_id = i;
        one->standing = i < 3 ? SUBSCRIPTION_GRANTED : SUBSCRIPTION_ASKED;
    }
    assert_int_equal(subscriptions_find(&s, TEXT("a4"))->packet_id, 4);
    assert_true(span_equal(subscriptions_by_packet_id(&s, SUBSCRIPTION_ASKED, 5)->filter, TEXT("a5")));
    assert_null(subscriptions_by_packet_id(&s, SUBSCRIPTION_ASKED, 1)); /* its answer is here */
    assert_null(subscriptions_with(&s, SUBSCRIPTION_STALE));
    subscriptions_make_stale(&s, false);
    assert_true(span_equal(subscriptions_with(&s, SUBSCRIPTION_STALE)->filter, TEXT("a1")));
    assert_int_equal(subscriptions_find(&s, TEXT("a3"))->standing, SUBSCRIPTION_ASKED);
    subscriptions_remove(&s, subscriptions_find(&s, TEXT("a1")));
    subscriptions_remove(&s, subscriptions_find(&s, TEXT("a5")));
    assert_int_equal(s.count, 3);
    assert_null(subscriptions_find(&s, TEXT("a1")));
    assert_non_null(subscriptions_find(&s, TEXT("a2")));
    subscriptions_clear(&s);
    assert_int_equal(s.count, 0);
}

/* ---- will -------------------------------------------------------------------------------------------------------- */

static void topic_and_message_of_a_will_are_set_apart(void **state) /* SN-WILL-3, -7 */
{
    struct will *w = NULL;
    struct mqtt_connect c = { 0 };
    (void)state;
    will_into(NULL, &c);
    assert_false(c.has_will);
    assert_true(
        will_set_topic(&w, &(struct mqttsn_message){ .qos = 1, .retain = true, .tail = TEXT("w") }));
    will_into(w, &c);
    assert_true(c.has_will && c.will.retain && c.will.qos == 1 && c.will.message.len == 0);
    assert_true(will_set_message(w, TEXT("gone")));
    assert_true(will_set_topic(&w, &(struct mqttsn_message){ .tail = TEXT("w2") }));
    assert_true(will_set_message(w, TEXT("away")));
    will_into(w, &c);
    assert_true(span_equal(c.will.topic, TEXT("w2")) && span_equal(c.will.message, TEXT("away")));
    assert_true(c.will.qos == 0 && !c.will.retain);
    will_free(w);
    will_free(NULL);
}

/* ---- access ------------------------------------------------------------------------------------------------------ */

static const struct limits limits = { .max_client_id = 30 };
static const char of_31[] = "1234567890123456789012345678901";

static enum mqttsn_return_code admitted(const struct access *a, uint8_t protocol, uint16_t duration,
                                        struct span id)
{
    return access_admit(
        a, &limits,
        &(struct mqttsn_message){
            .type = MQTTSN_CONNECT, .protocol_id = protocol, .duration = duration, .tail = id });
}

static void only_a_valid_connect_is_admitted(void **state) /* SN-CONN-4, -5, -6 */
{
    struct access a = { .allow = true };
    (void)state;
    assert_int_equal(admitted(&a, 1, 60, TEXT("m1")), MQTTSN_ACCEPTED);
    assert_int_equal(admitted(&a, 1, 0, span_of(of_31, 30)), MQTTSN_ACCEPTED);
    assert_int_equal(admitted(&a, 1, 60, TEXT(of_31)), MQTTSN_NOT_SUPPORTED);
    assert_int_equal(admitted(&a, 0, 60, TEXT("m1")), MQTTSN_NOT_SUPPORTED);
    assert_int_equal(admitted(&a, 2, 60, TEXT("m1")), MQTTSN_NOT_SUPPORTED);
    assert_int_equal(admitted(&a, 1, 60, TEXT("")), MQTTSN_NOT_SUPPORTED);
    assert_int_equal(admitted(&a, 1, 60, TEXT("\xc3(")), MQTTSN_NOT_SUPPORTED);
    assert_int_equal(admitted(&a, 1, 60, span_of("a\0b", 3)), MQTTSN_NOT_SUPPORTED);
    a.strict_client_id = a.reject_zero_keepalive = true;
    assert_int_equal(admitted(&a, 1, 60, span_of(of_31, 23)), MQTTSN_ACCEPTED);
    assert_int_equal(admitted(&a, 1, 60, span_of(of_31, 24)), MQTTSN_NOT_SUPPORTED);
    assert_int_equal(admitted(&a, 1, 0, TEXT("m1")), MQTTSN_NOT_SUPPORTED);
    a.allow = false;
    assert_int_equal(admitted(&a, 1, 60, TEXT("m1")), MQTTSN_NOT_SUPPORTED);
}

static void filters_say_what_a_client_may_use(void **state) /* SN-PUB-9, SN-SUB-6, design rule 3 */
{
    static const char *const list[] = { "all/+", "node/{client}/#" };
    const struct access open = { 0 }, closed = { .publish = { list, 0 } };
    const struct access a = { .publish = { list, 2 }, .subscribe = { list, 2 } };
    (void)state;
    assert_true(access_publish(&open, TEXT("m1"), TEXT("any/thing")));
    assert_false(access_publish(&closed, TEXT("m1"), TEXT("all/x")));
    assert_true(access_publish(&a, TEXT("m1"), TEXT("node/m1/x")));
    assert_false(access_publish(&a, TEXT("m1"), TEXT("node/m10/x")));
    assert_false(access_publish(&a, TEXT("#"), TEXT("node/m1/x")));
    assert_false(access_publish(&a, TEXT("+"), TEXT("node/m1/x")));
    assert_true(access_subscribe(&a, TEXT("m1"), TEXT("node/m1/#")));
    assert_true(access_subscribe(&a, TEXT("m1"), TEXT("all/+")));
    assert_false(access_subscribe(&a, TEXT("m1"), TEXT("all/#")));
    assert_false(access_subscribe(&a, TEXT("m1"), TEXT("node/+/x")));
    assert_false(access_subscribe(&a, TEXT("m1"), TEXT("#")));
}

static void patience_is_half_as_much_again(void **state) /* SN-PING-2, SN-SLP-15 */
{
    const struct access half = { 0 }, spec = { .tolerance = ACCESS_SPEC };
    (void)state;
    assert_int_equal(access_patience(&half, 10), 15000);
    assert_int_equal(access_patience(&half, 65535), 98302500);
    assert_int_equal(access_patience(&spec, 60), 90000);
    assert_int_equal(access_patience(&spec, 61), 67100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_rise_from_1_and_skip_what_is_predefined),
        cmocka_unit_test(the_last_id_is_fffe),
        cmocka_unit_test(a_thousand_topics_are_found_by_name_and_by_id),
        cmocka_unit_test(predefined_ids_are_remembered_in_any_order),
        cmocka_unit_test(after_unconfirm_no_id_counts_as_known),
        cmocka_unit_test(a_row_of_its_own_comes_before_the_common_one),
        cmocka_unit_test(a_table_lives_as_long_as_somebody_holds_it),
        cmocka_unit_test(subscriptions_are_found_by_filter_by_packet_and_by_standing),
        cmocka_unit_test(topic_and_message_of_a_will_are_set_apart),
        cmocka_unit_test(only_a_valid_connect_is_admitted),
        cmocka_unit_test(filters_say_what_a_client_may_use),
        cmocka_unit_test(patience_is_half_as_much_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
