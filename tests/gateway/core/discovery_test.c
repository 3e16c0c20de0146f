/* discovery_test.c -- how nodes find the gateway, and how it treats strangers (SN-DISC, SN-DSC-4, -5, SN-M1). */
#include "gateway/core/discovery.h"
#include "gateway/core/rates.h"
#include "gateway/core/sessionless.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TEXT(t) span_text(t)

static void advertise_comes_at_once_and_then_every_period(void **state) /* SN-DISC-1 */
{
    struct discovery d;
    struct mqttsn_message m;
    (void)state;
    discovery_init(&d, 8, 900000, 0, 1000);
    assert_int_equal(discovery_deadline(&d), 1000);
    assert_true(discovery_tick(&d, true, 1000, &m));
    assert_int_equal(m.type, MQTTSN_ADVERTISE);
    assert_int_equal(m.gateway_id, 8);
    assert_int_equal(m.duration, 900);
    assert_false(discovery_tick(&d, true, 1000 + 900000 - 1, &m));
    assert_true(discovery_tick(&d, true, 1000 + 900000, &m));
}

static void the_first_advertise_is_spread_over_a_tenth_of_the_period(void **state) /* SN-DISC-3 */
{
    struct discovery d;
    (void)state;
    discovery_init(&d, 8, 10000, 123456789, 1000);
    assert_in_range(discovery_deadline(&d), 1000, 1999);
    discovery_init(&d, 8, 5, 3, 1000); /* a period of five milliseconds has no tenth */
    assert_int_equal(discovery_deadline(&d), 1000);
}

static void without_a_broker_nobody_is_invited(void **state) /* SN-DISC-2, -5 */
{
    struct discovery d;
    struct mqttsn_message m;
    (void)state;
    discovery_init(&d, 8, 10000, 0, 1000);
    assert_false(discovery_tick(&d, false, 1000, &m));
    assert_int_equal(discovery_deadline(&d), 11000);
    assert_false(discovery_search(&d, false, 1000, &m));
    assert_true(discovery_search(&d, true, 1001, &m));
}

static void period_0_never_advertises_and_still_answers(void **state) /* gateway.advertise: "0s" */
{
    struct discovery d;
    struct mqttsn_message m;
    (void)state;
    discovery_init(&d, 8, 0, 5, 1000);
    assert_int_equal(discovery_deadline(&d), MSEC_NEVER);
    assert_false(discovery_tick(&d, true, 5000, &m));
    assert_true(discovery_search(&d, true, 5000, &m));
}

static void one_gwinfo_a_second_answers_all(void **state) /* SN-DISC-5, -9 */
{
    struct discovery d;
    struct mqttsn_message m;
    (void)state;
    discovery_init(&d, 8, 0, 0, 0);
    assert_true(discovery_search(&d, true, 0, &m));
    assert_int_equal(m.type, MQTTSN_GWINFO);
    assert_int_equal(m.gateway_id, 8);
    assert_int_equal(m.tail.len, 0);
    assert_false(discovery_search(&d, true, 999, &m));
    assert_true(discovery_search(&d, true, 1000, &m));
}

static void a_period_longer_than_the_field_is_said_as_its_most(void **state) /* section 5.3.5 of the standard */
{
    struct discovery d;
    struct mqttsn_message m;
    (void)state;
    discovery_init(&d, 8, (msec)100000 * 1000, 0, 0);
    assert_true(discovery_tick(&d, true, 0, &m));
    assert_int_equal(m.duration, 65535);
}

/* ---- stand-by ---------------------------------------------------------------------------------------------------- */

static void stands_by(struct discovery *d) /* for gateway 7, with N_ADV 3 */
{
    discovery_init(d, 8, 900000, 0, 0);
    discovery_stand_by(d, 7, 3, 0);
}

static bool advertises_at(struct discovery *d, msec now)
{
    struct mqttsn_message m;
    return discovery_tick(d, true, now, &m);
}

static bool hears(struct discovery *d, uint8_t gateway_id, uint16_t duration, msec now)
{
    return discovery_hear(d,
                          &(struct mqttsn_message){ .type = MQTTSN_ADVERTISE,
                                                    .gateway_id = gateway_id,
                                                    .duration = duration },
                          now);
}

static void a_gateway_in_stand_by_is_silent_while_the_first_is_heard(void **state) /* SN-DISC-4 */
{
    struct discovery d;
    struct mqttsn_message m;
    (void)state;
    stands_by(&d);
    for (msec now = 0; now < 100000; now += 10000) {
        assert_false(advertises_at(&d, now));
        assert_false(discovery_search(&d, true, now, &m));
        assert_false(discovery_inform(&d, true, &m));
        assert_true(hears(&d, 7, 10, now));
        assert_int_equal(discovery_deadline(&d), now + 35000);
    }
}

static void it_takes_over_when_n_adv_stayed_away(void **state) /* SN-DISC-4 */
{
    struct discovery d;
    struct mqttsn_message m;
    (void)state;
    stands_by(&d);
    assert_true(hears(&d, 7, 10, 1000));
    assert_false(advertises_at(&d, 1000 + 35000 - 1));
    assert_true(advertises_at(&d, 1000 + 35000)); /* within (N_ADV + 1) periods */
    assert_true(discovery_search(&d, true, 36001, &m));
    assert_int_equal(discovery_deadline(&d), 36000 + 900000); /* from now on its own period */
}

static void it_takes_over_when_the_first_was_never_heard(void **state) /* SN-DISC-4 */
{
    struct discovery d;
    (void)state;
    stands_by(&d);
    assert_false(advertises_at(&d, 3 * 900000));
    assert_true(advertises_at(&d, 3 * 900000 + 450000));
}

static void it_falls_silent_when_the_first_returns(void **state) /* SN-DISC-4 */
{
    struct discovery d;
    struct mqttsn_message m;
    (void)state;
    stands_by(&d);
    assert_true(advertises_at(&d, 4 * 900000));
    assert_false(hears(&d, 9, 10, 4 * 900000)); /* somebody else */
    assert_true(discovery_inform(&d, true, &m));
    assert_true(hears(&d, 7, 0, 4 * 900000)); /* it says no period: then ours */
    assert_false(discovery_inform(&d, true, &m));
    assert_int_equal(discovery_deadline(&d), 4 * 900000 + 3 * 900000 + 450000);
}

static void where_nobody_stands_by_nobody_falls_silent(void **state) /* SN-DISC-4, off by default */
{
    struct discovery d;
    (void)state;
    discovery_init(&d, 8, 900000, 0, 0);
    discovery_stand_by(&d, 0, 3, 0);
    assert_false(hears(&d, 7, 10, 0));
    assert_false(hears(&d, 0, 10, 0));
    assert_true(advertises_at(&d, 0));
    discovery_init(&d, 8, 0, 0, 0); /* a radio that never advertises */
    discovery_stand_by(&d, 7, 3, 0);
    assert_false(hears(&d, 7, 10, 0));
    assert_int_equal(discovery_deadline(&d), MSEC_NEVER);
}

/* ---- strangers --------------------------------------------------------------------------------------------------- */

static void requests_deserve_an_answer_and_answers_do_not(void **state) /* SN-DSC-5, SN-PING-4 */
{
    static const enum mqttsn_type asked[] = { MQTTSN_REGISTER,     MQTTSN_PUBLISH,
                                              MQTTSN_SUBSCRIBE,    MQTTSN_UNSUBSCRIBE,
                                              MQTTSN_PINGREQ,      MQTTSN_DISCONNECT,
                                              MQTTSN_WILLTOPICUPD, MQTTSN_WILLMSGUPD };
    static const enum mqttsn_type silent[] = { MQTTSN_PINGRESP, MQTTSN_PUBACK,  MQTTSN_REGACK,
                                               MQTTSN_PUBREC,   MQTTSN_PUBCOMP, MQTTSN_ADVERTISE,
                                               MQTTSN_GWINFO,   MQTTSN_CONNECT };
    (void)state;
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++)
        assert_true(sessionless_wants_answer(&(struct mqttsn_message){ .type = asked[i] }));
    for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++)
        assert_false(sessionless_wants_answer(&(struct mqttsn_message){ .type = silent[i] }));
    assert_false(
        sessionless_wants_answer(&(struct mqttsn_message){ .type = MQTTSN_PUBLISH, .qos = 3 }));
}

static void a_stranger_is_answered_once_a_second_and_all_together_have_a_limit(void **state) /* SN-DSC-5 */
{
    static struct rates answers = { .per_source = 1, .in_all = 100 };
    unsigned count = 0;
    (void)state;
    assert_true(rates_take(&answers, 7, 0));
    assert_false(rates_take(&answers, 7, 999));
    assert_true(rates_take(&answers, 8, 999));
    assert_true(rates_take(&answers, 7, 1000));
    for (uint32_t i = 0; i < 10000; i++)
        count += rates_take(&answers, i, 2000);
    assert_int_equal(count, 100);
}

static void qos_minus_one_needs_a_common_predefined_id_or_a_short_name(void **state) /* SN-M1-1 to -4 */
{
    static const struct predefined_row rows[] = { { "*", "all/1", 1 },
                                                  { "*", "n/{client}", 2 },
                                                  { "m1", "m1/9", 9 } };
    struct predefined *t = predefined_new(rows, 3);
    struct mqttsn_message m = { .type = MQTTSN_PUBLISH,
                                .qos = 3,
                                .retain = true,
                                .topic_id_type = MQTTSN_PREDEFINED,
                                .topic_id = 1,
                                .tail = TEXT("22") };
    struct mqtt_packet p;
    static const struct minus_one no;
    uint8_t two[2];
    (void)state;
    assert_true(sessionless_publish(t, &no, &m, two, &p));
    assert_true(p.type == MQTT_PUBLISH && p.qos == 0 && !p.retain);
    assert_true(span_equal(p.topic, TEXT("all/1")) && span_equal(p.payload, TEXT("22")));
    for (m.topic_id = 2; m.topic_id <= 9; m.topic_id++)
        assert_false(sessionless_publish(t, &no, &m, two, &p));
    m.topic_id_type = MQTTSN_SHORT;
    m.topic_id = 0x7474;
    assert_true(sessionless_publish(t, &no, &m, two, &p));
    assert_true(span_equal(p.topic, TEXT("tt")));
    m.topic_id = 0x742b;
    assert_false(sessionless_publish(t, &no, &m, two, &p));
    m.topic_id_type = MQTTSN_NORMAL;
    assert_false(sessionless_publish(t, &no, &m, two, &p));
    predefined_release(t);
}

static void qos_minus_one_may_retain_where_it_is_allowed(void **state) /* SN-M1-4 */
{
    static const struct minus_one retain = { .retain = true };
    struct mqttsn_message m = {
        .type = MQTTSN_PUBLISH, .qos = 3, .topic_id_type = MQTTSN_SHORT, .topic_id = 0x7474
    };
    struct mqtt_packet p;
    uint8_t two[2];
    (void)state;
    assert_true(sessionless_publish(NULL, &retain, &m, two, &p) && !p.retain);
    m.retain = true;
    assert_true(sessionless_publish(NULL, &retain, &m, two, &p) && p.retain);
}

static void qos_minus_one_may_name_its_topic_where_it_is_allowed(void **state) /* SN-M1-5 */
{
    static const struct minus_one no, names = { .long_topic = true };
    static const struct {
        uint16_t len;
        const char *tail, *topic, *payload; /* NULL: refused */
    } rows[] = {
        { 7, "top/lon42", "top/lon", "42" }, /* P034 */
        { 9, "top/lon42", "top/lon42", "" }, { 10, "top/lon42", NULL, NULL },
        { 0, "top/lon42", NULL, NULL },      { 3, "a/#1", NULL, NULL },
        { 2, "\xc3(1", NULL, NULL },
    };
    struct mqtt_packet p;
    uint8_t two[2];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mqttsn_message m = {
            .type = MQTTSN_PUBLISH, .qos = 3, .topic_id = rows[i].len, .tail = TEXT(rows[i].tail)
        };
        assert_int_equal(sessionless_publish(NULL, &names, &m, two, &p), rows[i].topic != NULL);
        if (rows[i].topic)
            assert_true(span_equal(p.topic, TEXT(rows[i].topic)) &&
                        span_equal(p.payload, TEXT(rows[i].payload)));
        assert_false(sessionless_publish(NULL, &no, &m, two, &p));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(advertise_comes_at_once_and_then_every_period),
        cmocka_unit_test(the_first_advertise_is_spread_over_a_tenth_of_the_period),
        cmocka_unit_test(without_a_broker_nobody_is_invited),
        cmocka_unit_test(period_0_never_advertises_and_still_answers),
        cmocka_unit_test(one_gwinfo_a_second_answers_all),
        cmocka_unit_test(a_period_longer_than_the_field_is_said_as_its_most),
        cmocka_unit_test(a_gateway_in_stand_by_is_silent_while_the_first_is_heard),
        cmocka_unit_test(it_takes_over_when_n_adv_stayed_away),
        cmocka_unit_test(it_takes_over_when_the_first_was_never_heard),
        cmocka_unit_test(it_falls_silent_when_the_first_returns),
        cmocka_unit_test(where_nobody_stands_by_nobody_falls_silent),
        cmocka_unit_test(requests_deserve_an_answer_and_answers_do_not),
        cmocka_unit_test(a_stranger_is_answered_once_a_second_and_all_together_have_a_limit),
        cmocka_unit_test(qos_minus_one_needs_a_common_predefined_id_or_a_short_name),
        cmocka_unit_test(qos_minus_one_may_retain_where_it_is_allowed),
        cmocka_unit_test(qos_minus_one_may_name_its_topic_where_it_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
