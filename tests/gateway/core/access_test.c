/* access_test.c -- what may be used, at its edges: patterns too long to expand, what no broker takes, strangers. */
#include "gateway/core/access.h"
#include "gateway/core/action.h"
#include "gateway/core/sessionless.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TEXT(t) span_text(t)
#define M(...) (&(struct mqttsn_message){ .type = MQTTSN_##__VA_ARGS__ })

static void a_pattern_too_long_to_expand_permits_nothing(void **state) /* SN-PUB-9 */
{
    static uint8_t client[3000];
    static const char *const own[] = { "{client}/#" };
    const struct access a = { .publish = { own, 1 }, .subscribe = { own, 1 } };
    (void)state;
    memset(client, 'c', sizeof client);
    struct span long_id = span_of(client, sizeof client);
    assert_false(access_publish(&a, long_id, long_id));
    assert_false(access_subscribe(&a, long_id, long_id));
    assert_true(access_publish(&a, TEXT("m1"), TEXT("m1/t")));
}

static void an_id_that_brokers_refuse_is_not_admitted(void **state) /* SN-CONN-5 */
{
    const struct access a = { .allow = true };
    const struct limits l = { .max_client_id = 23 };
    (void)state;
    assert_int_equal(access_admit(&a, &l, M(CONNECT, .protocol_id = 1, .tail = TEXT("m1"))),
                     MQTTSN_ACCEPTED);
    assert_int_equal(access_admit(&a, &l, M(CONNECT, .protocol_id = 1, .tail = TEXT("m\x01"))),
                     MQTTSN_NOT_SUPPORTED);
}

static void every_reason_has_a_name_and_a_text(void **state) /* design rule 2 */
{
    (void)state;
    for (unsigned d = 0; d < DROPS; d++) {
        assert_true(strlen(drop_name((enum drop)d)) > 1);
        assert_true(strlen(drop_text((enum drop)d)) > 1);
    }
    assert_string_equal(drop_name(DROPS), "?");
    assert_string_equal(drop_text(DROPS), "?");
}

static void a_stranger_is_answered_when_he_waits_for_it(void **state) /* SN-DSC-5 */
{
    (void)state;
    assert_true(sessionless_wants_answer(M(PUBREL, .message_id = 1)));
    assert_true(sessionless_wants_answer(M(PUBLISH, .qos = 1)));
    assert_false(sessionless_wants_answer(M(PUBLISH, .qos = MQTTSN_QOS_MINUS_ONE)));
    assert_false(sessionless_wants_answer(M(PUBACK, .message_id = 1)));
}

static void a_stranger_has_only_topics_that_any_broker_takes(void **state) /* SN-M1-5 */
{
    const struct minus_one none = { 0 }, long_topic = { .long_topic = true };
    struct mqtt_packet p;
    uint8_t two[2];
    (void)state;
    struct predefined *table = predefined_new(NULL, 0);
    assert_false(sessionless_publish(
        table, &none, M(PUBLISH, .topic_id_type = MQTTSN_SHORT, .topic_id = 'a' << 8 | 1), two, &p));
    assert_false(
        sessionless_publish(table, &none, M(PUBLISH, .topic_id = 2, .tail = TEXT("abc")), two, &p));
    assert_false(sessionless_publish(table, &long_topic,
                                     M(PUBLISH, .topic_id = 2,
                                       .tail = TEXT("a\x01"
                                                    "c")),
                                     two, &p));
    assert_false(sessionless_publish(
        table, &long_topic, M(PUBLISH, .topic_id_type = MQTTSN_RESERVED, .topic_id = 2), two, &p));
    assert_true(sessionless_publish(table, &long_topic,
                                    M(PUBLISH, .topic_id = 2, .tail = TEXT("abc")), two, &p));
    assert_true(span_equal(p.topic, TEXT("ab")));
    predefined_release(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_too_long_to_expand_permits_nothing),
        cmocka_unit_test(an_id_that_brokers_refuse_is_not_admitted),
        cmocka_unit_test(every_reason_has_a_name_and_a_text),
        cmocka_unit_test(a_stranger_is_answered_when_he_waits_for_it),
        cmocka_unit_test(a_stranger_has_only_topics_that_any_broker_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
