/* session_wrong_test.c -- answers that fit nothing, repetitions that come too late, requests when all room is taken. */
#include "tests/gateway/core/scene.h"

/* ---- answers to what was delivered ------------------------------------------------------------------------------- */

static void an_answer_to_another_step_is_dropped(void **scene) /* SN-DLV-3 */
{
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "a/+", 1);
    broker_publishes(*scene, "a/b", "on", 1, 70);
    uint16_t id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("a/b")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    dropped(*scene, DROP_UNEXPECTED);
    client_sends(*scene, "m1",
                 M(PUBACK, .topic_id = 3, .message_id = id, .return_code = MQTTSN_INVALID_TOPIC_ID));
    dropped(*scene, DROP_UNEXPECTED);
    client_sends(*scene, "m1", M(PUBACK, .return_code = MQTTSN_CONGESTION));
    dropped(*scene, DROP_UNEXPECTED);
    client_sends(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = id));
    id = client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
    client_sends(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = id));
    dropped(*scene, DROP_UNEXPECTED);
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = (uint16_t)(id + 1)));
    dropped(*scene, DROP_UNEXPECTED);
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 70));
}

static void a_puback_does_not_end_a_delivery_of_qos_2(void **scene) /* SN-DLV-5 */
{
    client_connects(*scene, "m1", true);
    uint16_t topic = client_subscribes(*scene, "m1", "lamp/1", 2);
    broker_publishes(*scene, "lamp/1", "on", 2, 71);
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 2, .topic_id = topic, .tail = TEXT("on")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = topic, .message_id = id));
    client_sends(*scene, "m1", M(PUBACK, .return_code = MQTTSN_INVALID_TOPIC_ID));
    nothing_is_sent(*scene);
    broker_receives_nothing(*scene);
}

static void an_unknown_id_of_who_went_to_sleep_is_registered_when_it_wakes(void **scene) /* SN-DLV-9, SN-SLP-14 */
{
    client_connects(*scene, "m1", true);
    uint16_t topic = client_subscribes(*scene, "m1", "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 71);
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = topic, .tail = TEXT("on")));
    client_falls_asleep(*scene, "m1", 30);
    client_sends(
        *scene, "m1",
        M(PUBACK, .topic_id = topic, .message_id = id, .return_code = MQTTSN_INVALID_TOPIC_ID));
    nothing_is_sent(*scene);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    client_receives(*scene, "m1", M(REGISTER, .topic_id = topic, .tail = TEXT("lamp/1")));
}

/* ---- wills ------------------------------------------------------------------------------------------------------- */

static void connects_with_a_will(void **scene)
{
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .will = true, .duration = 60));
    client_receives(*scene, "m1", M(WILLTOPICREQ));
    client_sends(*scene, "m1", M(WILLTOPIC, .qos = 1, .tail = TEXT("state/m1")));
    client_receives(*scene, "m1", M(WILLMSGREQ));
    client_sends(*scene, "m1", M(WILLMSG, .tail = TEXT("gone")));
    struct mqtt_connect connect = { 0 };
    session_connect_packet(session_of(*scene, "m1"), &connect);
    if (session_of(*scene, "m1")->state == SESSION_CONNECTING) {
        broker_receives(*scene, P(CONNECT, .connect = connect));
        broker_sends(*scene, P(CONNACK));
    }
    client_receives(*scene, "m1", M(CONNACK));
}

static void only_the_last_word_of_a_connect_is_answered_again_and_not_for_ever(
    void **scene) /* SN-RTX-9, SN-WILL-6 */
{
    connects_with_a_will(scene);
    client_sends(*scene, "m1", M(WILLTOPIC, .qos = 1, .tail = TEXT("state/m1")));
    dropped(*scene, DROP_UNEXPECTED);
    time_passes(*scene, 41 * SECOND);
    client_sends(*scene, "m1", M(WILLMSG, .tail = TEXT("gone")));
    dropped(*scene, DROP_UNEXPECTED);
    client_sends(*scene, "m1", M(PINGREQ));
    client_receives(*scene, "m1", M(PINGRESP));
    client_sends(*scene, "m1", M(WILLMSG, .tail = TEXT("gone")));
    dropped(*scene, DROP_UNEXPECTED);
}

static void a_will_topic_that_brokers_refuse_is_not_taken(void **scene) /* SN-WILL-3, SN-WILL-7 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(WILLTOPICUPD, .tail = TEXT("state/\x01")));
    client_receives(*scene, "m1", M(WILLTOPICRESP, .return_code = MQTTSN_NOT_SUPPORTED));
}

static void a_topic_too_long_with_its_prefix_is_refused(void **scene) /* SN-PUB-14 */
{
    static uint8_t prefix[65530];
    client_connects(*scene, "m1", true);
    struct upstream *u = session_of(*scene, "m1")->upstream;
    u->prefix = span_of(prefix, sizeof prefix);
    client_sends(*scene, "m1", M(WILLTOPICUPD, .tail = TEXT("state/m1")));
    client_receives(*scene, "m1", M(WILLTOPICRESP, .return_code = MQTTSN_NOT_SUPPORTED));
    client_sends(*scene, "m1", M(SUBSCRIBE, .qos = 1, .message_id = 1, .tail = TEXT("state/m1")));
    client_receives(*scene, "m1", M(SUBACK, .message_id = 1, .return_code = MQTTSN_NOT_SUPPORTED));
    dropped(*scene, DROP_FORBIDDEN);
    u->prefix = TEXT("");
}

/* ---- no room ----------------------------------------------------------------------------------------------------- */

static void subscribes(void **scene, uint16_t message_id, const char *filter)
{
    client_sends(*scene, "m1",
                 M(SUBSCRIBE, .qos = 1, .message_id = message_id, .tail = TEXT(filter)));
}

static void with_all_requests_open_one_more_is_congestion(void **scene) /* SN-CNG-1, design rule 5 */
{
    char filter[] = "a/+";
    client_connects(*scene, "m1", true);
    for (int i = 1; i <= EXCHANGES; i++) {
        filter[0] = (char)('a' + i);
        subscribes(scene, (uint16_t)i, filter);
        broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT(filter)));
    }
    subscribes(scene, 90, "z/+");
    client_receives(*scene, "m1", M(SUBACK, .message_id = 90, .return_code = MQTTSN_CONGESTION));
    dropped(*scene, DROP_CONGESTION);
    subscribes(scene, 91, filter); /* the same as one that is open */
    client_receives(*scene, "m1", M(SUBACK, .message_id = 91, .return_code = MQTTSN_CONGESTION));
    dropped(*scene, DROP_CONGESTION);
    assert_int_equal(session_of(*scene, "m1")->subscriptions.count, EXCHANGES);
    client_sends(*scene, "m1", M(UNSUBSCRIBE, .message_id = 92, .tail = TEXT(filter)));
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 92)); /* at once: there is no room to wait */
    broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT(filter)));
}

static void states_have_names(void **scene)
{
    (void)scene;
    assert_string_equal(session_state_name(SESSION_ACTIVE), "active");
    assert_string_equal(session_state_name(SESSION_STATES), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(an_answer_to_another_step_is_dropped),
        IN_BOTH(a_puback_does_not_end_a_delivery_of_qos_2),
        IN_BOTH(an_unknown_id_of_who_went_to_sleep_is_registered_when_it_wakes),
        IN_BOTH(only_the_last_word_of_a_connect_is_answered_again_and_not_for_ever),
        IN_BOTH(a_will_topic_that_brokers_refuse_is_not_taken),
        IN_BOTH(a_topic_too_long_with_its_prefix_is_refused),
        IN_TRANSPARENT(with_all_requests_open_one_more_is_congestion),
        IN_TRANSPARENT(states_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
