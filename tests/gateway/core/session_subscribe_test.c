/* session_subscribe_test.c -- SUBSCRIBE and UNSUBSCRIBE (MQTT-SN 1.2, section 6.9; SN-SUB, SN-UNS, SN-SES-6). */
#include "tests/gateway/core/scene.h"

/* ---- SUBSCRIBE --------------------------------------------------------------------------------------------------- */

static void suback_follows_the_brokers_and_names_the_id(void **scene) /* SN-SUB-1, -2 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(SUBSCRIBE, .qos = 2, .message_id = 9, .tail = TEXT("lamp/1")));
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .qos = 2, .topic = TEXT("lamp/1")));
    nothing_is_sent(*scene);
    broker_sends(*scene, P(SUBACK, .packet_id = id, .code = 2));
    client_receives(*scene, "m1", M(SUBACK, .qos = 2, .topic_id = 3, .message_id = 9));
    round_ends(*scene);
    assert_int_equal(client_registers(*scene, "m1", "lamp/1"), 3);
}

static void a_wildcard_has_no_id(void **scene) /* SN-SUB-3 */
{
    client_connects(*scene, "m1", true);
    assert_int_equal(client_subscribes(*scene, "m1", "cmd/#", 1), 0);
    assert_int_equal(client_subscribes(*scene, "m1", "cmd/+/led", 1), 0);
}

static void a_predefined_id_is_repeated_in_suback(void **scene) /* SN-SUB-4, SN-DLV-4 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1",
                 M(SUBSCRIBE, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1, .message_id = 9));
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("m1/alarm")));
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(SUBACK, .topic_id = 1, .message_id = 9));
    round_ends(*scene);
    broker_publishes(*scene, "m1/alarm", "!", 0, 0);
    client_receives(*scene, "m1",
                    M(PUBLISH, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1, .tail = TEXT("!")));
}

static void an_unknown_predefined_id_is_refused(void **scene) /* SN-SUB-4, SN-TOP-5 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1",
                 M(SUBSCRIBE, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 50, .message_id = 9));
    client_receives(
        *scene, "m1",
        M(SUBACK, .topic_id = 50, .message_id = 9, .return_code = MQTTSN_INVALID_TOPIC_ID));
    dropped(*scene, DROP_INVALID_TOPIC);
    broker_receives_nothing(*scene);
}

static void a_short_name_has_no_id_in_suback(void **scene) /* SN-SUB-5, A8 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1",
                 M(SUBSCRIBE, .topic_id_type = MQTTSN_SHORT, .topic_id = 0x6162, .message_id = 9));
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(SUBACK, .message_id = 9));
    round_ends(*scene);
    broker_publishes(*scene, "ab", "1", 0, 0);
    client_receives(*scene, "m1",
                    M(PUBLISH, .topic_id_type = MQTTSN_SHORT, .topic_id = 0x6162, .tail = TEXT("1")));
}

static void what_is_no_filter_is_not_supported(void **scene) /* SN-SUB-5, -6, SN-TOP-7, SN-FRM-7 */
{
    static const char *const own[] = { "a/#" };
    const struct mqttsn_message bad[] = {
        M(SUBSCRIBE, .message_id = 9, .tail = TEXT("a/#/b")),
        M(SUBSCRIBE, .message_id = 9, .tail = TEXT("a+")),
        M(SUBSCRIBE, .message_id = 9, .tail = TEXT("")),
        M(SUBSCRIBE, .message_id = 9, .tail = TEXT("\xff")),
        M(SUBSCRIBE, .message_id = 9, .qos = 3, .tail = TEXT("a/b")),
        M(SUBSCRIBE, .message_id = 9, .tail = TEXT("#")),
        M(SUBSCRIBE, .message_id = 9, .topic_id_type = 2, .topic_id = 0x2b61),
        M(SUBSCRIBE, .message_id = 9, .topic_id_type = 3, .topic_id = 1)
    };
    ((struct scene *)*scene)->access.subscribe = (struct access_filters){ own, 1 };
    client_connects(*scene, "m1", true);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        client_sends(*scene, "m1", bad[i]);
        client_receives(*scene, "m1",
                        M(SUBACK, .message_id = 9, .return_code = MQTTSN_NOT_SUPPORTED));
        dropped(*scene, DROP_FORBIDDEN);
    }
    broker_receives_nothing(*scene);
    client_subscribes(*scene, "m1", "a/+", 0);
}

static void a_refusal_of_the_broker_is_passed_on_and_nothing_stored(void **scene) /* SN-SUB-6, A17 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(SUBSCRIBE, .qos = 1, .message_id = 9, .tail = TEXT("lamp/1")));
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("lamp/1")));
    broker_sends(*scene, P(SUBACK, .packet_id = id, .code = MQTT_REFUSED));
    client_receives(*scene, "m1", M(SUBACK, .message_id = 9, .return_code = MQTTSN_NOT_SUPPORTED));
    assert_int_equal(session_of(*scene, "m1")->subscriptions.count, 0);
}

static void a_lower_qos_is_reported(void **scene) /* SN-SUB-7 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(SUBSCRIBE, .qos = 2, .message_id = 9, .tail = TEXT("lamp/1")));
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .qos = 2, .topic = TEXT("lamp/1")));
    broker_sends(*scene, P(SUBACK, .packet_id = id, .code = 1));
    client_receives(*scene, "m1", M(SUBACK, .qos = 1, .topic_id = 3, .message_id = 9));
    round_ends(*scene);
}

static void a_repeated_subscribe_is_asked_once(void **scene) /* SN-SUB-8 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(SUBSCRIBE, .qos = 1, .message_id = 9, .tail = TEXT("lamp/1")));
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("lamp/1")));
    client_sends(*scene, "m1",
                 M(SUBSCRIBE, .dup = true, .qos = 1, .message_id = 9, .tail = TEXT("lamp/1")));
    dropped(*scene, DROP_DUPLICATE);
    broker_receives_nothing(*scene);
    broker_sends(*scene, P(SUBACK, .packet_id = id, .code = 1));
    client_receives(*scene, "m1", M(SUBACK, .qos = 1, .topic_id = 3, .message_id = 9));
    round_ends(*scene);
    nothing_is_sent(*scene);
}

static void message_id_0_is_echoed(void **scene) /* SN-SUB-9 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(SUBSCRIBE, .tail = TEXT("lamp/1")));
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("lamp/1")));
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(SUBACK, .topic_id = 3));
    round_ends(*scene);
}

static void subscribing_again_asks_the_broker_again_with_the_new_qos(void **scene) /* SN-SUB-10 */
{
    client_connects(*scene, "m1", true);
    assert_int_equal(client_subscribes(*scene, "m1", "lamp/1", 0), 3);
    assert_int_equal(client_subscribes(*scene, "m1", "lamp/1", 1), 3);
    assert_int_equal(session_of(*scene, "m1")->subscriptions.count, 1);
}

static void too_many_subscriptions_are_congestion(void **scene) /* SN-SUB-11, SN-CNG-3 */
{
    ((struct scene *)*scene)->limits.subscriptions = 1;
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "a", 0);
    client_sends(*scene, "m1", M(SUBSCRIBE, .message_id = 9, .tail = TEXT("b")));
    client_receives(*scene, "m1", M(SUBACK, .message_id = 9, .return_code = MQTTSN_CONGESTION));
    dropped(*scene, DROP_CONGESTION);
    client_subscribes(*scene, "m1", "a", 1);
}

static void a_subscribe_with_no_id_left_is_congestion(void **scene) /* SN-TOP-9 */
{
    ((struct scene *)*scene)->limits.topics = 1;
    client_connects(*scene, "m1", true);
    client_registers(*scene, "m1", "a");
    client_sends(*scene, "m1", M(SUBSCRIBE, .message_id = 9, .tail = TEXT("b")));
    client_receives(*scene, "m1", M(SUBACK, .message_id = 9, .return_code = MQTTSN_CONGESTION));
    dropped(*scene, DROP_CONGESTION);
    broker_receives_nothing(*scene);
}

static void subscribing_while_the_broker_is_away_is_congestion(void **scene) /* SN-BRK-2, SN-CNG-3 */
{
    client_connects(*scene, "m1", true);
    broker_goes_away(*scene);
    client_sends(*scene, "m1", M(SUBSCRIBE, .message_id = 9, .tail = TEXT("b")));
    client_receives(*scene, "m1", M(SUBACK, .message_id = 9, .return_code = MQTTSN_CONGESTION));
    dropped(*scene, DROP_CONGESTION);
    assert_int_equal(session_of(*scene, "m1")->subscriptions.count, 0);
}

static void a_broker_that_does_not_answer_is_congestion(void **scene) /* SN-SUB-2 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(SUBSCRIBE, .message_id = 9, .tail = TEXT("lamp/1")));
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("lamp/1")));
    time_passes(*scene, 10 * SECOND - 1);
    nothing_is_sent(*scene);
    time_passes(*scene, 1);
    client_receives(*scene, "m1", M(SUBACK, .message_id = 9, .return_code = MQTTSN_CONGESTION));
    dropped(*scene, DROP_CONGESTION);
    broker_sends(*scene, P(SUBACK, .packet_id = id)); /* too late for an answer */
    nothing_is_sent(*scene);
    round_ends(*scene);
}

static void shared_subscriptions_are_passed_on_without_an_id(void **scene) /* SN-SUB-12 */
{
    client_connects(*scene, "m1", true);
    assert_int_equal(client_subscribes(*scene, "m1", "$share/g/a", 1), 0);
    client_subscribes(*scene, "m1", "$SYS/broker/load", 0);
}

static void a_message_before_suback_waits_for_its_id(void **scene) /* SN-DLV-14 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(SUBSCRIBE, .message_id = 9, .tail = TEXT("lamp/1")));
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("lamp/1")));
    broker_sends(*scene, P(PUBLISH, .retain = true, .topic = TEXT("lamp/1"), .payload = TEXT("on")));
    nothing_is_sent(*scene);
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(SUBACK, .topic_id = 3, .message_id = 9));
    client_receives(*scene, "m1", M(PUBLISH, .retain = true, .topic_id = 3, .tail = TEXT("on")));
}

/* ---- UNSUBSCRIBE ------------------------------------------------------------------------------------------------- */

static void unsuback_follows_the_brokers(void **scene) /* SN-UNS-1 */
{
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "lamp/1", 1);
    client_sends(*scene, "m1", M(UNSUBSCRIBE, .message_id = 8, .tail = TEXT("lamp/1")));
    uint16_t id = broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("lamp/1")));
    client_sends(*scene, "m1", M(UNSUBSCRIBE, .message_id = 8, .tail = TEXT("lamp/1"))); /* SN-RTX-9 */
    nothing_is_sent(*scene);
    broker_receives_nothing(*scene);
    broker_sends(*scene, P(UNSUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 8));
    client_sends(*scene, "m1", M(PUBLISH, .topic_id = 3)); /* the id stays: SN-UNS-3 */
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("lamp/1")));
}

static void unsubscribe_by_predefined_id_and_by_short_name(void **scene) /* SN-UNS-1 */
{
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "m1/alarm", 0);
    client_subscribes(*scene, "m1", "ab", 0);
    client_sends(*scene, "m1",
                 M(UNSUBSCRIBE, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1, .message_id = 8));
    uint16_t id = broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("m1/alarm")));
    broker_sends(*scene, P(UNSUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 8));
    client_sends(*scene, "m1",
                 M(UNSUBSCRIBE, .topic_id_type = MQTTSN_SHORT, .topic_id = 0x6162, .message_id = 8));
    id = broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("ab")));
    broker_sends(*scene, P(UNSUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 8));
}

static void unsubscribing_what_never_was_is_answered_at_once(void **scene) /* SN-UNS-2 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(UNSUBSCRIBE, .message_id = 8, .tail = TEXT("lamp/1")));
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 8));
    client_sends(*scene, "m1",
                 M(UNSUBSCRIBE, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 50, .message_id = 8));
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 8));
    client_sends(*scene, "m1",
                 M(UNSUBSCRIBE, .topic_id_type = MQTTSN_RESERVED, .topic_id = 1, .message_id = 8));
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 8));
    broker_receives_nothing(*scene);
}

static void a_missing_unsuback_is_answered_after_t_retry(void **scene) /* SN-UNS-5 */
{
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "lamp/1", 1);
    client_sends(*scene, "m1", M(UNSUBSCRIBE, .message_id = 8, .tail = TEXT("lamp/1")));
    broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("lamp/1")));
    time_passes(*scene, 10 * SECOND - 1);
    nothing_is_sent(*scene);
    time_passes(*scene, 1);
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 8));
}

static void unsubscribing_while_the_broker_is_away_is_remembered(void **scene) /* SN-UNS-5, SN-BRK-5 */
{
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "lamp/1", 1);
    broker_goes_away(*scene);
    client_sends(*scene, "m1", M(UNSUBSCRIBE, .message_id = 8, .tail = TEXT("lamp/1")));
    broker_returns(*scene, true);
    uint16_t id = broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("lamp/1")));
    broker_sends(*scene, P(UNSUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 8));
}

/* ---- a broker that forgot ---------------------------------------------------------------------------------------- */

static void filters_are_asked_for_again_one_by_one_before_connack(void **scene) /* SN-SES-6 */
{
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "a", 1);
    client_subscribes(*scene, "m1", "b/#", 2);
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    broker_receives(*scene, P(DISCONNECT));
    client_sends(*scene, "m1", M(CONNECT, .duration = 60));
    broker_accepts(*scene, "m1", false, false);
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("a")));
    broker_receives_nothing(*scene);
    broker_sends(*scene, P(SUBACK, .packet_id = id, .code = 1));
    id = broker_receives(*scene, P(SUBSCRIBE, .qos = 2, .topic = TEXT("b/#")));
    nothing_is_sent(*scene);
    broker_sends(*scene, P(SUBACK, .packet_id = id, .code = 2));
    client_receives(*scene, "m1", M(CONNACK));
}

static void a_broker_that_comes_back_empty_gets_the_filters_of_an_active_client(void **scene) /* SN-BRK-1, -5 */
{
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "a", 1);
    broker_goes_away(*scene);
    broker_returns(*scene, false);
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("a")));
    broker_sends(*scene, P(SUBACK, .packet_id = id, .code = 1));
    nothing_is_sent(*scene);
    broker_goes_away(*scene);
    session_of(*scene, "m1")->clean = false;
    broker_returns(*scene, true); /* it remembers: nothing to ask */
    broker_receives_nothing(*scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(suback_follows_the_brokers_and_names_the_id),
        IN_BOTH(a_wildcard_has_no_id),
        IN_BOTH(a_predefined_id_is_repeated_in_suback),
        IN_TRANSPARENT(an_unknown_predefined_id_is_refused),
        IN_BOTH(a_short_name_has_no_id_in_suback),
        IN_BOTH(what_is_no_filter_is_not_supported),
        IN_BOTH(a_refusal_of_the_broker_is_passed_on_and_nothing_stored),
        IN_BOTH(a_lower_qos_is_reported),
        IN_BOTH(a_repeated_subscribe_is_asked_once),
        IN_BOTH(message_id_0_is_echoed),
        IN_BOTH(subscribing_again_asks_the_broker_again_with_the_new_qos),
        IN_BOTH(too_many_subscriptions_are_congestion),
        IN_BOTH(a_subscribe_with_no_id_left_is_congestion),
        IN_BOTH(subscribing_while_the_broker_is_away_is_congestion),
        IN_BOTH(a_broker_that_does_not_answer_is_congestion),
        IN_TRANSPARENT(shared_subscriptions_are_passed_on_without_an_id),
        IN_TRANSPARENT(a_message_before_suback_waits_for_its_id),
        IN_BOTH(unsuback_follows_the_brokers),
        IN_BOTH(unsubscribe_by_predefined_id_and_by_short_name),
        IN_TRANSPARENT(unsubscribing_what_never_was_is_answered_at_once),
        IN_BOTH(a_missing_unsuback_is_answered_after_t_retry),
        IN_BOTH(unsubscribing_while_the_broker_is_away_is_remembered),
        IN_TRANSPARENT(filters_are_asked_for_again_one_by_one_before_connack),
        IN_TRANSPARENT(a_broker_that_comes_back_empty_gets_the_filters_of_an_active_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
