/* client_messages_test.c -- the client side of MQTT-SN: messages it publishes and messages it gets. */
#include "tests/mqttsn/client_scene.h"

/* ---- publishing (6.6, 6.8) --------------------------------------------------------------------------------------- */

static void qos_0_is_done_when_it_is_sent(void **state)
{
    struct scene *s = active(state);
    publishes(s, normal(7), 0);
    sends(s, M(.type = MQTTSN_PUBLISH, .topic_id = 7, .tail = TEXT("21.5")));
    tells(s, SN_PUBLISHED);
    assert_false(mqttsn_client_busy(s->client));
    hears(s, M(.type = MQTTSN_PUBACK, .topic_id = 7, .return_code = MQTTSN_INVALID_TOPIC_ID));
    tells(s, SN_REJECTED);
}

static void qos_1_is_repeated_with_dup_and_the_same_message_id(void **state)
{
    struct scene *s = active(state);
    publishes(s, normal(7), 1);
    sends(s,
          M(.type = MQTTSN_PUBLISH, .qos = 1, .topic_id = 7, .message_id = 1, .tail = TEXT("21.5")));
    passes(s, RETRY_MS);
    sends(s, M(.type = MQTTSN_PUBLISH, .dup = true, .qos = 1, .topic_id = 7, .message_id = 1,
               .tail = TEXT("21.5")));
    hears(s, M(.type = MQTTSN_PUBACK, .topic_id = 7, .message_id = 1));
    tells(s, SN_PUBLISHED);
    hears(s, M(.type = MQTTSN_PUBACK, .topic_id = 7, .message_id = 1)); /* the answer to the repetition */
    tells(s, SN_UNEXPECTED);
}

static void qos_2_goes_through_both_halves_and_repeats_the_one_that_is_open(void **state)
{
    struct scene *s = active(state);
    publishes(s, normal(7), 2);
    hears(s, M(.type = MQTTSN_PUBREC, .message_id = 1));
    sends(s, M(.type = MQTTSN_PUBREL, .message_id = 1));
    passes(s, RETRY_MS);
    sends(s, M(.type = MQTTSN_PUBREL, .message_id = 1));
    hears(s, M(.type = MQTTSN_PUBREC, .message_id = 1)); /* late: answered again */
    sends(s, M(.type = MQTTSN_PUBREL, .message_id = 1));
    hears(s, M(.type = MQTTSN_PUBCOMP, .message_id = 1));
    tells(s, SN_PUBLISHED);
    assert_int_equal(s->turn.topic.id, 7);
    assert_false(mqttsn_client_busy(s->client));
}

static void a_puback_with_a_code_ends_qos_2_too(void **state)
{
    struct scene *s = active(state);
    publishes(s, normal(7), 2);
    hears(s, M(.type = MQTTSN_PUBACK, .topic_id = 7, .message_id = 1,
               .return_code = MQTTSN_CONGESTION));
    tells(s, SN_PUBLISHED);
    assert_int_equal(s->turn.return_code, MQTTSN_CONGESTION);
    assert_false(mqttsn_client_busy(s->client));
}

static void qos_minus_one_needs_no_connection(void **state)
{
    struct scene *s = begin(state);
    publishes(s, (struct sn_topic){ .type = MQTTSN_PREDEFINED, .id = 3 }, MQTTSN_QOS_MINUS_ONE);
    sends(s, M(.type = MQTTSN_PUBLISH, .qos = MQTTSN_QOS_MINUS_ONE,
               .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 3, .tail = TEXT("21.5")));
    tells(s, SN_PUBLISHED);
    is(s, SN_DISCONNECTED);
    const struct sn_publish p = { .topic = normal(7) };
    assert_int_equal(mqttsn_client_publish(s->client, &p, s->now, &s->turn), SN_WRONG_STATE);
}

static void a_second_request_waits_for_the_first(void **state)
{
    struct scene *s = active(state);
    publishes(s, normal(7), 1);
    const struct sn_publish p = { .topic = normal(7), .qos = 1 };
    assert_int_equal(mqttsn_client_publish(s->client, &p, s->now, &s->turn), SN_BUSY);
    sends_nothing(s);
}

static void a_message_over_the_limit_is_refused_and_nothing_is_open(void **state)
{
    struct scene *s = active(state);
    static const uint8_t big[300];
    const struct sn_publish p = { .topic = normal(7), .qos = 1, .data = span_of(big, sizeof big) };
    assert_int_equal(mqttsn_client_publish(s->client, &p, s->now, &s->turn), SN_TOO_LONG);
    assert_false(mqttsn_client_busy(s->client));
    sends_nothing(s);
}

/* ---- deliveries (6.10) ------------------------------------------------------------------------------------------- */

static void a_wildcard_subscription_gets_its_ids_later(void **state)
{
    struct scene *s = active(state);
    const struct sn_topic topic = { .type = MQTTSN_NORMAL, .name = TEXT("lamp/+") };
    uint16_t id = 0;
    assert_int_equal(mqttsn_client_subscribe(s->client, &topic, 1, s->now, &s->turn), SN_OK);
    hears(s, M(.type = MQTTSN_SUBACK, .qos = 1, .message_id = 1));
    tells(s, SN_SUBSCRIBED);
    assert_false(mqttsn_client_topic_id(s->client, TEXT("lamp/+"), &id));
}

static void a_delivery_at_qos_1_is_acknowledged_with_its_ids(void **state)
{
    struct scene *s = active(state);
    gateway_registers(s, 16, "lamp/1");
    hears(s, M(.type = MQTTSN_PUBLISH, .qos = 1, .retain = true, .topic_id = 16, .message_id = 5,
               .tail = TEXT("on")));
    sends(s, M(.type = MQTTSN_PUBACK, .topic_id = 16, .message_id = 5));
    tells(s, SN_MESSAGE);
    assert_true(s->turn.retain);
}

static void a_repeated_qos_2_delivery_is_told_once(void **state)
{
    struct scene *s = active(state);
    gateway_registers(s, 16, "lamp/1");
    hears(s, M(.type = MQTTSN_PUBLISH, .qos = 2, .topic_id = 16, .message_id = 5));
    sends(s, M(.type = MQTTSN_PUBREC, .message_id = 5));
    tells(s, SN_MESSAGE);
    hears(s, M(.type = MQTTSN_PUBLISH, .dup = true, .qos = 2, .topic_id = 16, .message_id = 5));
    sends(s, M(.type = MQTTSN_PUBREC, .message_id = 5));
    tells(s, SN_NOTHING);
    hears(s, M(.type = MQTTSN_PUBREL, .message_id = 5));
    sends(s, M(.type = MQTTSN_PUBCOMP, .message_id = 5));
    hears(s, M(.type = MQTTSN_PUBREL, .message_id = 5)); /* PUBCOMP got lost */
    sends(s, M(.type = MQTTSN_PUBCOMP, .message_id = 5));
    hears(s, M(.type = MQTTSN_PUBREL, .message_id = 77)); /* or we forgot it */
    sends(s, M(.type = MQTTSN_PUBCOMP, .message_id = 77));
}

/* A QoS 2 message to its end; returns whether the caller was told of it. */
static bool delivered(struct scene *s, bool dup, uint16_t message_id, const char *text)
{
    hears(s, M(.type = MQTTSN_PUBLISH, .dup = dup, .qos = 2, .topic_id = 16,
               .message_id = message_id, .tail = TEXT(text)));
    bool told = s->turn.event == SN_MESSAGE;
    sends(s, M(.type = MQTTSN_PUBREC, .message_id = message_id));
    hears(s, M(.type = MQTTSN_PUBREL, .message_id = message_id));
    sends(s, M(.type = MQTTSN_PUBCOMP, .message_id = message_id));
    return told;
}

static void a_qos_2_delivery_that_the_air_doubled_late_is_told_once(void **state)
{
    struct scene *s = active(state);
    gateway_registers(s, 16, "lamp/1");
    assert_true(delivered(s, false, 5, "on"));
    assert_false(delivered(s, false, 5, "on"));
    passes(s, RETRY_MS);
    assert_false(delivered(s, true, 5, "on"));
}

static void a_message_id_that_was_released_may_come_again(void **state)
{
    struct scene *s = active(state);
    gateway_registers(s, 16, "lamp/1");
    assert_true(delivered(s, false, 5, "on"));
    assert_true(delivered(s, false, 5, "off"));
    passes(s, RETRY_MS);
    assert_true(delivered(s, false, 5, "off"));
}

static void qos_2_deliveries_that_are_never_released_are_forgotten(void **state)
{
    struct scene *s = active(state);
    gateway_registers(s, 16, "lamp/1");
    for (uint16_t id = 1; id <= 100; id++) {
        hears(s, M(.type = MQTTSN_PUBLISH, .qos = 2, .topic_id = 16, .message_id = id));
        sends(s, M(.type = MQTTSN_PUBREC, .message_id = id));
        tells(s, SN_MESSAGE);
    }
    hears(s, M(.type = MQTTSN_PUBLISH, .qos = 2, .topic_id = 16, .message_id = 85));
    tells(s, SN_NOTHING);
    hears(s, M(.type = MQTTSN_PUBLISH, .qos = 2, .topic_id = 16, .message_id = 84));
    tells(s, SN_MESSAGE);
}

static void a_delivery_with_an_unknown_id_asks_for_a_registration(void **state)
{
    struct scene *s = active(state);
    hears(s, M(.type = MQTTSN_PUBLISH, .qos = 1, .topic_id = 99, .message_id = 5));
    sends(s, M(.type = MQTTSN_PUBACK, .topic_id = 99, .message_id = 5,
               .return_code = MQTTSN_INVALID_TOPIC_ID));
    tells(s, SN_UNEXPECTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(qos_0_is_done_when_it_is_sent),
        SCENE(qos_1_is_repeated_with_dup_and_the_same_message_id),
        SCENE(qos_2_goes_through_both_halves_and_repeats_the_one_that_is_open),
        SCENE(a_puback_with_a_code_ends_qos_2_too),
        SCENE(qos_minus_one_needs_no_connection),
        SCENE(a_second_request_waits_for_the_first),
        SCENE(a_message_over_the_limit_is_refused_and_nothing_is_open),
        SCENE(a_wildcard_subscription_gets_its_ids_later),
        SCENE(a_delivery_at_qos_1_is_acknowledged_with_its_ids),
        SCENE(a_repeated_qos_2_delivery_is_told_once),
        SCENE(a_qos_2_delivery_that_the_air_doubled_late_is_told_once),
        SCENE(a_message_id_that_was_released_may_come_again),
        SCENE(qos_2_deliveries_that_are_never_released_are_forgotten),
        SCENE(a_delivery_with_an_unknown_id_asks_for_a_registration),
    };
    return cmocka_run_group_tests_name("mqttsn client, messages", tests, NULL, NULL);
}
