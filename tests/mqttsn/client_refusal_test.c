/* client_refusal_test.c -- the client side of MQTT-SN: what it refuses to do, and what it makes of wrong answers. */
#include "tests/mqttsn/client_scene.h"

enum { SHORT_AB = 'a' << 8 | 'b', SHORT_A_PLUS = 'a' << 8 | '+' };

static enum sn_error publish(struct scene *s, struct sn_topic topic, uint8_t qos)
{
    return mqttsn_client_publish(
        s->client, &(struct sn_publish){ .topic = topic, .data = TEXT("21.5"), .qos = qos }, s->now,
        &s->turn);
}

static struct sn_topic topic_of(enum mqttsn_topic_id_type type, uint16_t id)
{
    return (struct sn_topic){ .type = type, .id = id };
}

static void every_error_and_state_has_a_name(void **state)
{
    (void)state;
    for (unsigned e = 0; e < SN_ERRORS; e++)
        assert_string_not_equal(sn_strerror((enum sn_error)e), "?");
    for (unsigned i = 0; i < SN_STATES; i++)
        assert_string_not_equal(sn_state_name((enum sn_state)i), "?");
    assert_string_equal(sn_strerror(SN_ERRORS), "?");
    assert_string_equal(sn_state_name(SN_STATES), "?");
}

static void what_needs_a_connection_is_refused_without_one(void **state)
{
    struct scene *s = begin(state);
    assert_int_equal(mqttsn_client_register(s->client, TEXT("a"), s->now, &s->turn), SN_WRONG_STATE);
    assert_int_equal(publish(s, normal(16), 0), SN_WRONG_STATE);
    assert_int_equal(publish(s, normal(16), 1), SN_WRONG_STATE);
    assert_int_equal(mqttsn_client_ping(s->client, s->now, &s->turn), SN_WRONG_STATE);
    assert_int_equal(mqttsn_client_sleep(s->client, 5, s->now, &s->turn), SN_WRONG_STATE);
    assert_int_equal(mqttsn_client_wake(s->client, s->now, &s->turn), SN_WRONG_STATE);
    sends_nothing(s);
    is(s, SN_DISCONNECTED);
}

static void a_frame_too_small_for_a_request_sends_nothing(void **state)
{
    struct scene *s = begin(state);
    s->turn.frame_room = 3;
    assert_int_equal(mqttsn_client_connect(s->client, s->now, &s->turn), SN_TOO_LONG);
    sends_nothing(s);
    is(s, SN_DISCONNECTED);
}

static void a_long_message_of_qos_0_is_refused(void **state)
{
    static const uint8_t data[300] = { 0 };
    struct scene *s = active(state);
    const struct sn_publish p = { .topic = normal(16), .data = span_of(data, sizeof data) };
    assert_int_equal(mqttsn_client_publish(s->client, &p, s->now, &s->turn), SN_TOO_LONG);
    sends_nothing(s);
    tells(s, SN_NOTHING);
}

static void short_names_are_published_to(void **state) /* 6.8 */
{
    struct scene *s = active(state);
    assert_int_equal(publish(s, topic_of(MQTTSN_SHORT, SHORT_AB), 0), SN_OK);
    sends(s, M(.type = MQTTSN_PUBLISH, .topic_id_type = MQTTSN_SHORT, .topic_id = SHORT_AB,
               .tail = TEXT("21.5")));
    assert_int_equal(publish(s, topic_of(MQTTSN_SHORT, SHORT_A_PLUS), 0), SN_BAD_TOPIC);
}

static void reserved_ids_and_types_are_no_topics(void **state)
{
    struct scene *s = active(state);
    const struct sn_topic reserved = topic_of(MQTTSN_RESERVED, 16);
    assert_int_equal(publish(s, reserved, 0), SN_BAD_TOPIC);
    assert_int_equal(publish(s, normal(0), 0), SN_BAD_TOPIC);
    assert_int_equal(publish(s, normal(0xFFFF), 0), SN_BAD_TOPIC);
    assert_int_equal(mqttsn_client_subscribe(s->client, &reserved, 1, s->now, &s->turn),
                     SN_BAD_TOPIC);
    sends_nothing(s);
}

static void a_gateway_that_asks_for_a_will_there_is_not_gets_an_empty_one(void **state)
{
    struct scene *s = begin(state);
    connects(s);
    hears(s, M(.type = MQTTSN_WILLTOPICREQ));
    sends(s, M(.type = MQTTSN_WILLTOPIC, .brief = true));
    hears(s, M(.type = MQTTSN_WILLMSGREQ));
    sends(s, M(.type = MQTTSN_WILLMSG));
}

static void answers_that_do_not_fit_are_left_out(void **state)
{
    struct scene *s = begin(state);
    connects(s);
    s->turn.frame_room = 1;
    hears(s, M(.type = MQTTSN_WILLTOPICREQ));
    tells(s, SN_UNEXPECTED);
    hears(s, M(.type = MQTTSN_WILLMSGREQ));
    tells(s, SN_UNEXPECTED);
    hears(s, M(.type = MQTTSN_CONNACK));
    hears(s, M(.type = MQTTSN_PINGREQ));
    sends_nothing(s);
    is(s, SN_ACTIVE);
}

static void a_will_topic_is_updated(void **state) /* 6.4 */
{
    struct scene *s = active(state);
    assert_int_equal(mqttsn_client_will_topic(s->client, &s->will, s->now, &s->turn), SN_OK);
    sends(s, M(.type = MQTTSN_WILLTOPICUPD, .qos = 1, .retain = true, .tail = TEXT("state/m1")));
    hears(s, M(.type = MQTTSN_WILLMSGRESP));
    tells(s, SN_UNEXPECTED);
    hears(s, M(.type = MQTTSN_WILLTOPICRESP));
    tells(s, SN_WILL_UPDATED);
}

static void a_client_without_room_for_topics_learns_none(void **state)
{
    const struct sn_topic lamp = { .type = MQTTSN_NORMAL, .name = TEXT("lamp/1") };
    struct scene *s = *state;
    s->settings.max_topics = 0;
    active(state);
    assert_int_equal(mqttsn_client_register(s->client, TEXT("lamp/1"), s->now, &s->turn), SN_OK);
    hears(s, M(.type = MQTTSN_REGACK, .topic_id = 16, .message_id = 1));
    tells(s, SN_REGISTERED);
    assert_int_equal(s->turn.return_code, MQTTSN_CONGESTION);
    assert_int_equal(mqttsn_client_subscribe(s->client, &lamp, 1, s->now, &s->turn), SN_OK);
    hears(s, M(.type = MQTTSN_SUBACK, .topic_id = 16, .message_id = 2));
    tells(s, SN_SUBSCRIBED);
    assert_int_equal(s->turn.return_code, MQTTSN_CONGESTION);
}

static void a_refused_registration_teaches_nothing(void **state)
{
    struct scene *s = active(state);
    uint16_t id = 0;
    assert_int_equal(mqttsn_client_register(s->client, TEXT("lamp/1"), s->now, &s->turn), SN_OK);
    hears(s, M(.type = MQTTSN_REGACK, .message_id = 1, .return_code = MQTTSN_NOT_SUPPORTED));
    tells(s, SN_REGISTERED);
    assert_int_equal(s->turn.return_code, MQTTSN_NOT_SUPPORTED);
    assert_false(mqttsn_client_topic_id(s->client, TEXT("lamp/1"), &id));
}

static void a_name_that_gets_another_id_has_only_that(void **state) /* 6.10 */
{
    struct scene *s = active(state);
    uint16_t id = 0;
    gateway_registers(s, 16, "lamp/1");
    gateway_registers(s, 17, "lamp/1");
    assert_true(mqttsn_client_topic_id(s->client, TEXT("lamp/1"), &id));
    assert_int_equal(id, 17);
    hears(s, M(.type = MQTTSN_PUBLISH, .topic_id = 16, .tail = TEXT("on")));
    tells(s, SN_UNEXPECTED);
}

static void answers_of_another_kind_leave_the_request_open(void **state)
{
    const struct sn_topic lamp = { .type = MQTTSN_NORMAL, .name = TEXT("lamp/1") };
    struct scene *s = active(state);
    assert_int_equal(publish(s, normal(16), 1), SN_OK);
    hears(s, M(.type = MQTTSN_PUBREC, .message_id = 1));
    tells(s, SN_UNEXPECTED);
    hears(s, M(.type = MQTTSN_PUBACK, .topic_id = 16, .message_id = 1));
    tells(s, SN_PUBLISHED);
    assert_int_equal(publish(s, normal(16), 2), SN_OK);
    hears(s, M(.type = MQTTSN_PUBACK, .topic_id = 16, .message_id = 2));
    tells(s, SN_UNEXPECTED);
    s->turn.frame_room = 1;
    hears(s, M(.type = MQTTSN_PUBREC, .message_id = 2));
    tells(s, SN_UNEXPECTED);
    s->turn.frame_room = sizeof s->room;
    hears(s, M(.type = MQTTSN_PUBREC, .message_id = 2));
    hears(s, M(.type = MQTTSN_PUBCOMP, .message_id = 2));
    tells(s, SN_PUBLISHED);
    assert_int_equal(mqttsn_client_unsubscribe(s->client, &lamp, s->now, &s->turn), SN_OK);
    hears(s, M(.type = MQTTSN_UNSUBACK, .message_id = 99));
    tells(s, SN_UNEXPECTED);
    assert_true(mqttsn_client_busy(s->client));
}

static void a_message_on_a_short_name_needs_no_registration(void **state)
{
    struct scene *s = active(state);
    hears(s, M(.type = MQTTSN_PUBLISH, .topic_id_type = MQTTSN_SHORT, .topic_id = SHORT_AB,
               .tail = TEXT("on")));
    tells(s, SN_MESSAGE);
    assert_int_equal(s->turn.topic.id, SHORT_AB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(every_error_and_state_has_a_name),
        SCENE(what_needs_a_connection_is_refused_without_one),
        SCENE(a_frame_too_small_for_a_request_sends_nothing),
        SCENE(a_long_message_of_qos_0_is_refused),
        SCENE(short_names_are_published_to),
        SCENE(reserved_ids_and_types_are_no_topics),
        SCENE(a_gateway_that_asks_for_a_will_there_is_not_gets_an_empty_one),
        SCENE(answers_that_do_not_fit_are_left_out),
        SCENE(a_will_topic_is_updated),
        SCENE(a_client_without_room_for_topics_learns_none),
        SCENE(a_refused_registration_teaches_nothing),
        SCENE(a_name_that_gets_another_id_has_only_that),
        SCENE(answers_of_another_kind_leave_the_request_open),
        SCENE(a_message_on_a_short_name_needs_no_registration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
