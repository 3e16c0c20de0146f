/* client_test.c -- the client side of MQTT-SN: connections, wills, topics, keep-alive, sleep, discovery. */
#include "tests/mqttsn/client_scene.h"

/* ---- connect (6.2) ----------------------------------------------------------------------------------------------- */

static void a_client_without_a_will_connects_in_one_exchange(void **state)
{
    struct scene *s = begin(state);
    connects(s);
    sends(s, M(.type = MQTTSN_CONNECT, .clean = true, .protocol_id = 1, .duration = KEEP_ALIVE_S,
               .tail = TEXT("m1")));
    is(s, SN_CONNECTING);
    hears(s, M(.type = MQTTSN_CONNACK));
    tells(s, SN_CONNECTED);
    sends_nothing(s);
    is(s, SN_ACTIVE);
}

static void a_will_is_told_when_the_gateway_asks_for_it(void **state)
{
    struct scene *s = *state;
    s->settings.will = &s->will;
    begin(state);
    connects(s);
    sends(s, M(.type = MQTTSN_CONNECT, .clean = true, .will = true, .protocol_id = 1,
               .duration = KEEP_ALIVE_S, .tail = TEXT("m1")));
    hears(s, M(.type = MQTTSN_WILLTOPICREQ));
    sends(s, M(.type = MQTTSN_WILLTOPIC, .qos = 1, .retain = true, .tail = TEXT("state/m1")));
    hears(s, M(.type = MQTTSN_WILLMSGREQ));
    sends(s, M(.type = MQTTSN_WILLMSG, .tail = TEXT("gone")));
    hears(s, M(.type = MQTTSN_CONNACK));
    tells(s, SN_CONNECTED);
}

static void a_will_message_that_got_lost_is_told_again(void **state)
{
    struct scene *s = *state;
    s->settings.will = &s->will;
    begin(state);
    connects(s);
    hears(s, M(.type = MQTTSN_WILLTOPICREQ));
    hears(s, M(.type = MQTTSN_WILLMSGREQ));
    passes(s, RETRY_MS);
    sends(s, M(.type = MQTTSN_WILLMSG, .tail = TEXT("gone")));
}

static void a_refused_client_is_told_the_code_and_stays_disconnected(void **state)
{
    struct scene *s = begin(state);
    connects(s);
    hears(s, M(.type = MQTTSN_CONNACK, .return_code = MQTTSN_CONGESTION));
    tells(s, SN_REFUSED);
    assert_int_equal(s->turn.return_code, MQTTSN_CONGESTION);
    is(s, SN_DISCONNECTED);
}

static void a_connect_is_sent_n_retry_times_more_and_then_the_client_is_lost(void **state)
{
    struct scene *s = begin(state);
    connects(s);
    for (int i = 0; i < RETRIES; i++) {
        passes(s, RETRY_MS - 1);
        sends_nothing(s);
        passes(s, 1);
        sends(s, M(.type = MQTTSN_CONNECT, .clean = true, .protocol_id = 1,
                   .duration = KEEP_ALIVE_S, .tail = TEXT("m1")));
    }
    passes(s, RETRY_MS);
    sends_nothing(s);
    tells(s, SN_UNANSWERED);
    assert_int_equal(s->turn.request, MQTTSN_CONNECT);
    is(s, SN_LOST);
    assert_true(mqttsn_client_deadline(s->client) == MSEC_NEVER);
}

static void a_lost_client_may_connect_again(void **state)
{
    struct scene *s = begin(state);
    connects(s);
    for (int i = 0; i <= RETRIES; i++)
        passes(s, RETRY_MS);
    is(s, SN_LOST);
    connects(s);
    hears(s, M(.type = MQTTSN_CONNACK));
    is(s, SN_ACTIVE);
}

static void wills_are_updated_and_deleted(void **state) /* 6.4 */
{
    struct scene *s = active(state);
    assert_int_equal(mqttsn_client_will_message(s->client, TEXT("new"), s->now, &s->turn), SN_OK);
    sends(s, M(.type = MQTTSN_WILLMSGUPD, .tail = TEXT("new")));
    hears(s, M(.type = MQTTSN_WILLTOPICRESP)); /* the other one */
    tells(s, SN_UNEXPECTED);
    hears(s, M(.type = MQTTSN_WILLMSGRESP));
    tells(s, SN_WILL_UPDATED);
    assert_int_equal(mqttsn_client_will_topic(s->client, NULL, s->now, &s->turn), SN_OK);
    sends(s, M(.type = MQTTSN_WILLTOPICUPD, .brief = true));
    hears(s, M(.type = MQTTSN_WILLTOPICRESP));
    tells(s, SN_WILL_UPDATED);
}

/* ---- topics (6.5, 6.9) ------------------------------------------------------------------------------------------- */

static void a_registered_name_gets_the_id_of_the_gateway(void **state)
{
    struct scene *s = active(state);
    assert_int_equal(mqttsn_client_register(s->client, TEXT("a/b"), s->now, &s->turn), SN_OK);
    sends(s, M(.type = MQTTSN_REGISTER, .message_id = 1, .tail = TEXT("a/b")));
    hears(s, M(.type = MQTTSN_REGACK, .topic_id = 7, .message_id = 2)); /* not ours */
    tells(s, SN_UNEXPECTED);
    hears(s, M(.type = MQTTSN_REGACK, .topic_id = 7, .message_id = 1));
    tells(s, SN_REGISTERED);
    assert_int_equal(s->turn.topic.id, 7);
    told_text(s->turn.topic.name, "a/b");
    uint16_t id = 0;
    assert_true(mqttsn_client_topic_id(s->client, TEXT("a/b"), &id));
    assert_int_equal(id, 7);
}

static void a_clean_connection_forgets_topic_ids_and_a_kept_one_does_not(void **state)
{
    struct scene *s = *state;
    for (int clean = 0; clean <= 1; clean++) {
        mqttsn_client_free(s->client);
        s->settings.clean = clean;
        active(state);
        gateway_registers(s, 16, "lamp/1");
        connects(s);
        hears(s, M(.type = MQTTSN_CONNACK));
        uint16_t id = 0;
        assert_int_equal(mqttsn_client_topic_id(s->client, TEXT("lamp/1"), &id), !clean);
    }
}

static void a_subscription_by_name_learns_its_id_and_the_granted_qos(void **state)
{
    struct scene *s = active(state);
    const struct sn_topic topic = { .type = MQTTSN_NORMAL, .name = TEXT("lamp/1") };
    assert_int_equal(mqttsn_client_subscribe(s->client, &topic, 2, s->now, &s->turn), SN_OK);
    sends(s, M(.type = MQTTSN_SUBSCRIBE, .qos = 2, .message_id = 1, .tail = TEXT("lamp/1")));
    passes(s, RETRY_MS);
    sends(s, M(.type = MQTTSN_SUBSCRIBE, .dup = true, .qos = 2, .message_id = 1,
               .tail = TEXT("lamp/1")));
    hears(s, M(.type = MQTTSN_SUBACK, .qos = 1, .topic_id = 9, .message_id = 1));
    tells(s, SN_SUBSCRIBED);
    assert_int_equal(s->turn.qos, 1);
    hears(s, M(.type = MQTTSN_PUBLISH, .topic_id = 9, .tail = TEXT("on")));
    tells(s, SN_MESSAGE);
    told_text(s->turn.topic.name, "lamp/1");
    told_text(s->turn.data, "on");
}

static void subscriptions_by_predefined_id_and_short_name_carry_two_octets(void **state)
{
    struct scene *s = active(state);
    const struct sn_topic predefined = { .type = MQTTSN_PREDEFINED, .id = 5 };
    assert_int_equal(mqttsn_client_subscribe(s->client, &predefined, 1, s->now, &s->turn), SN_OK);
    sends(s, M(.type = MQTTSN_SUBSCRIBE, .qos = 1, .topic_id_type = MQTTSN_PREDEFINED,
               .message_id = 1, .topic_id = 5));
    hears(s, M(.type = MQTTSN_SUBACK, .topic_id = 5, .message_id = 1));
    const struct sn_topic two = { .type = MQTTSN_SHORT, .id = 'a' << 8 | 'b' };
    assert_int_equal(mqttsn_client_unsubscribe(s->client, &two, s->now, &s->turn), SN_OK);
    sends(s, M(.type = MQTTSN_UNSUBSCRIBE, .topic_id_type = MQTTSN_SHORT, .message_id = 2,
               .topic_id = 'a' << 8 | 'b'));
    hears(s, M(.type = MQTTSN_UNSUBACK, .message_id = 2));
    tells(s, SN_UNSUBSCRIBED);
}

static void a_register_of_the_gateway_is_confirmed_until_the_table_is_full(void **state) /* 6.10 */
{
    struct scene *s = active(state);
    const char *const names[] = { "a", "b", "c", "d" };
    for (uint16_t i = 0; i < 4; i++) {
        gateway_registers(s, (uint16_t)(16 + i), names[i]);
        sends(s, M(.type = MQTTSN_REGACK, .topic_id = (uint16_t)(16 + i), .message_id = 77));
    }
    gateway_registers(s, 30, "e");
    sends(s, M(.type = MQTTSN_REGACK, .topic_id = 30, .message_id = 77,
               .return_code = MQTTSN_CONGESTION));
    gateway_registers(s, 16, "new"); /* an id that gets a new name needs no room */
    sends(s, M(.type = MQTTSN_REGACK, .topic_id = 16, .message_id = 77));
    hears(s, M(.type = MQTTSN_PUBLISH, .topic_id = 16));
    told_text(s->turn.topic.name, "new");
}

static void wrong_topics_are_refused_before_anything_is_sent(void **state)
{
    struct scene *s = active(state);
    assert_int_equal(mqttsn_client_register(s->client, TEXT("a/#"), s->now, &s->turn), SN_BAD_TOPIC);
    const struct sn_publish sessionless = { .topic = normal(3), .qos = MQTTSN_QOS_MINUS_ONE };
    assert_int_equal(mqttsn_client_publish(s->client, &sessionless, s->now, &s->turn), SN_BAD_TOPIC);
    const struct sn_publish reserved = { .topic = normal(0xFFFF), .qos = 1 };
    assert_int_equal(mqttsn_client_publish(s->client, &reserved, s->now, &s->turn), SN_BAD_TOPIC);
    const struct sn_topic bad_filter = { .type = MQTTSN_NORMAL, .name = TEXT("a/#/b") };
    assert_int_equal(mqttsn_client_subscribe(s->client, &bad_filter, 0, s->now, &s->turn),
                     SN_BAD_TOPIC);
    assert_false(mqttsn_client_busy(s->client));
    sends_nothing(s);
}

/* ---- keep-alive (6.11) ------------------------------------------------------------------------------------------- */

static void an_idle_client_pings_before_its_keep_alive_runs_out(void **state)
{
    struct scene *s = active(state);
    passes(s, KEEP_ALIVE_S * 750 - 1);
    sends_nothing(s);
    passes(s, 1);
    sends(s, M(.type = MQTTSN_PINGREQ));
    hears(s, M(.type = MQTTSN_PINGRESP));
    tells(s, SN_PONG);
    is(s, SN_ACTIVE);
}

static void a_client_that_only_talks_still_notices_that_its_gateway_is_gone(void **state)
{
    struct scene *s = active(state);
    for (int second = 0; second < KEEP_ALIVE_S * 3 / 4; second++) {
        publishes(s, normal(7), 0);
        s->now += 1000;
    }
    for (int i = 0; i <= RETRIES; i++, s->now += RETRY_MS) {
        passes(s, 0);
        sends(s, M(.type = MQTTSN_PINGREQ));
    }
    passes(s, 0);
    tells(s, SN_UNANSWERED);
    is(s, SN_LOST);
}

static void a_keep_alive_of_zero_means_no_pings(void **state)
{
    struct scene *s = *state;
    s->settings.keep_alive_s = 0;
    active(state);
    assert_true(mqttsn_client_deadline(s->client) == MSEC_NEVER);
}

static void a_ping_of_the_gateway_is_answered(void **state)
{
    struct scene *s = active(state);
    hears(s, M(.type = MQTTSN_PINGREQ));
    sends(s, M(.type = MQTTSN_PINGRESP));
}

/* ---- sleep and leave (6.12, 6.14) -------------------------------------------------------------------------------- */

static void a_sleeping_client_does_nothing_by_itself(void **state)
{
    struct scene *s = asleep(state, 300);
    assert_true(mqttsn_client_deadline(s->client) == MSEC_NEVER);
    hears(s, M(.type = MQTTSN_DISCONNECT, .brief = true)); /* the answer to a repeated DISCONNECT */
    is(s, SN_ASLEEP);
}

static void a_client_that_wakes_hears_its_messages_until_pingresp(void **state)
{
    struct scene *s = asleep(state, 300);
    assert_int_equal(mqttsn_client_wake(s->client, s->now, &s->turn), SN_OK);
    sends(s, M(.type = MQTTSN_PINGREQ, .tail = TEXT("m1")));
    is(s, SN_AWAKE);
    hears(s,
          M(.type = MQTTSN_PUBLISH, .qos = 1, .topic_id = 16, .message_id = 3, .tail = TEXT("on")));
    tells(s, SN_MESSAGE);
    sends(s, M(.type = MQTTSN_PUBACK, .topic_id = 16, .message_id = 3));
    hears(s, M(.type = MQTTSN_PINGRESP));
    tells(s, SN_PERIOD_OVER);
    is(s, SN_ASLEEP);
}

static void a_long_awake_period_does_not_run_out_of_patience_while_messages_come(void **state)
{
    struct scene *s = asleep(state, 300);
    assert_int_equal(mqttsn_client_wake(s->client, s->now, &s->turn), SN_OK);
    for (int i = 0; i < 10; i++) {
        s->now += RETRY_MS - 1;
        hears(s, M(.type = MQTTSN_PUBLISH, .topic_id = 16));
        passes(s, 0);
        sends_nothing(s);
    }
    passes(s, RETRY_MS);
    sends(s, M(.type = MQTTSN_PINGREQ, .tail = TEXT("m1")));
}

static void a_sleeper_that_the_gateway_forgot_is_dismissed_when_it_wakes(void **state)
{
    struct scene *s = asleep(state, 300);
    assert_int_equal(mqttsn_client_wake(s->client, s->now, &s->turn), SN_OK);
    hears(s, M(.type = MQTTSN_DISCONNECT, .brief = true));
    tells(s, SN_DISMISSED);
    is(s, SN_DISCONNECTED);
}

static void leaving_does_not_wait_for_an_open_request(void **state)
{
    struct scene *s = active(state);
    publishes(s, normal(7), 1);
    assert_int_equal(mqttsn_client_disconnect(s->client, s->now, &s->turn), SN_OK);
    sends(s, M(.type = MQTTSN_DISCONNECT, .brief = true));
    hears(s, M(.type = MQTTSN_DISCONNECT, .brief = true));
    tells(s, SN_LEFT);
    is(s, SN_DISCONNECTED);
}

static void a_disconnect_nobody_asked_for_ends_the_connection(void **state)
{
    struct scene *s = active(state);
    publishes(s, normal(7), 1);
    hears(s, M(.type = MQTTSN_DISCONNECT, .brief = true));
    tells(s, SN_DISMISSED);
    is(s, SN_DISCONNECTED);
    assert_false(mqttsn_client_busy(s->client));
}

/* ---- discovery (6.1), hostile bytes ------------------------------------------------------------------------------ */

static void a_search_ends_with_the_first_gateway_that_answers(void **state)
{
    struct scene *s = begin(state);
    assert_int_equal(mqttsn_client_search(s->client, 1, s->now, &s->turn), SN_OK);
    sends(s, M(.type = MQTTSN_SEARCHGW, .radius = 1));
    hears(s, M(.type = MQTTSN_GWINFO, .gateway_id = 8));
    tells(s, SN_GATEWAY_FOUND);
    assert_int_equal(s->turn.gateway_id, 8);
    assert_false(mqttsn_client_busy(s->client));
    hears(s, M(.type = MQTTSN_ADVERTISE, .gateway_id = 9, .duration = 900));
    tells(s, SN_ADVERTISED);
    assert_int_equal(s->turn.duration, 900);
}

static void malformed_frames_and_messages_of_clients_change_nothing(void **state)
{
    struct scene *s = active(state);
    msec before = mqttsn_client_deadline(s->client);
    s->now += 5000;
    mqttsn_client_receive(s->client, span_of("\x05\x0C", 2), s->now, &s->turn);
    tells(s, SN_MALFORMED);
    assert_int_not_equal(s->turn.malformed, MQTTSN_OK);
    assert_true(mqttsn_client_deadline(s->client) == before);
    hears(s, M(.type = MQTTSN_CONNECT, .protocol_id = 1, .tail = TEXT("x")));
    tells(s, SN_UNEXPECTED);
    is(s, SN_ACTIVE);
}

static void message_ids_run_past_65535_without_zero(void **state)
{
    struct scene *s = active(state);
    for (uint32_t i = 1; i <= 65535; i++) {
        publishes(s, normal(7), 1);
        hears(s, M(.type = MQTTSN_PUBACK, .topic_id = 7, .message_id = (uint16_t)i));
        tells(s, SN_PUBLISHED);
    }
    publishes(s, normal(7), 1);
    sends(s,
          M(.type = MQTTSN_PUBLISH, .qos = 1, .topic_id = 7, .message_id = 1, .tail = TEXT("21.5")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(a_client_without_a_will_connects_in_one_exchange),
        SCENE(a_will_is_told_when_the_gateway_asks_for_it),
        SCENE(a_will_message_that_got_lost_is_told_again),
        SCENE(a_refused_client_is_told_the_code_and_stays_disconnected),
        SCENE(a_connect_is_sent_n_retry_times_more_and_then_the_client_is_lost),
        SCENE(a_lost_client_may_connect_again),
        SCENE(wills_are_updated_and_deleted),
        SCENE(a_registered_name_gets_the_id_of_the_gateway),
        SCENE(a_clean_connection_forgets_topic_ids_and_a_kept_one_does_not),
        SCENE(a_subscription_by_name_learns_its_id_and_the_granted_qos),
        SCENE(subscriptions_by_predefined_id_and_short_name_carry_two_octets),
        SCENE(a_register_of_the_gateway_is_confirmed_until_the_table_is_full),
        SCENE(wrong_topics_are_refused_before_anything_is_sent),
        SCENE(an_idle_client_pings_before_its_keep_alive_runs_out),
        SCENE(a_client_that_only_talks_still_notices_that_its_gateway_is_gone),
        SCENE(a_keep_alive_of_zero_means_no_pings),
        SCENE(a_ping_of_the_gateway_is_answered),
        SCENE(a_sleeping_client_does_nothing_by_itself),
        SCENE(a_client_that_wakes_hears_its_messages_until_pingresp),
        SCENE(a_long_awake_period_does_not_run_out_of_patience_while_messages_come),
        SCENE(a_sleeper_that_the_gateway_forgot_is_dismissed_when_it_wakes),
        SCENE(leaving_does_not_wait_for_an_open_request),
        SCENE(a_disconnect_nobody_asked_for_ends_the_connection),
        SCENE(a_search_ends_with_the_first_gateway_that_answers),
        SCENE(malformed_frames_and_messages_of_clients_change_nothing),
        SCENE(message_ids_run_past_65535_without_zero),
    };
    return cmocka_run_group_tests_name("mqttsn client", tests, NULL, NULL);
}
