/* session_wake_test.c -- CONNECT and DISCONNECT from a sleeper (MQTT-SN 1.2, section 6.14; SN-SLP-12, -13, A1). */
#include "tests/gateway/core/scene.h"

static void client_sleeps_with_a_message(void *scene)
{
    client_connects(scene, "m1", false);
    client_subscribes(scene, "m1", "lamp/1", 1);
    client_falls_asleep(scene, "m1", 300);
    broker_publishes(scene, "lamp/1", "on", 1, 40);
    time_passes(scene, 100 * SECOND);
}

static void it_gets_its_message(void *scene)
{
    uint16_t id =
        client_receives(scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
    client_sends(scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(scene, P(PUBACK, .packet_id = 40));
    session_is(scene, "m1", SESSION_ACTIVE);
}

static void connect_that_keeps_the_session_only_wakes(void **scene) /* SN-SLP-12, first variant */
{
    client_sleeps_with_a_message(*scene);
    client_sends(*scene, "m1", M(CONNECT, .duration = 120));
    broker_receives_nothing(*scene);
    client_receives(*scene, "m1", M(CONNACK));
    it_gets_its_message(*scene); /* without REGISTER: its ids stay confirmed */
    assert_int_equal(session_of(*scene, "m1")->keep_alive_s, 120);
}

static void connect_while_awake_goes_on_with_the_open_message(void **scene) /* SN-SLP-12 */
{
    client_sleeps_with_a_message(*scene);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
    client_sends(*scene, "m1", M(CONNECT, .duration = 60));
    client_receives(*scene, "m1", M(CONNACK));
    client_receives(
        *scene, "m1",
        M(PUBLISH, .dup = true, .qos = 1, .topic_id = 3, .message_id = id, .tail = TEXT("on")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    session_is(*scene, "m1", SESSION_ACTIVE);
}

static void connect_with_a_will_asks_for_it_and_then_wakes(void **scene) /* SN-SLP-12, second variant */
{
    client_sleeps_with_a_message(*scene);
    client_sends(*scene, "m1", M(CONNECT, .will = true, .duration = 60));
    client_receives(*scene, "m1", M(WILLTOPICREQ));
    client_sends(*scene, "m1", M(WILLTOPIC, .tail = TEXT("w")));
    client_receives(*scene, "m1", M(WILLMSGREQ));
    client_sends(*scene, "m1", M(WILLMSG, .tail = TEXT("gone")));
    broker_receives_nothing(*scene);
    client_receives(*scene, "m1", M(CONNACK));
    it_gets_its_message(*scene);
    time_passes(*scene, 90 * SECOND);
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("w"), .payload = TEXT("gone")));
}

static void clean_connect_from_sleep_begins_anew(void **scene) /* SN-SLP-12, third variant; SN-SES-5 */
{
    client_sleeps_with_a_message(*scene);
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    dropped(*scene, DROP_SESSION_ENDED);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    broker_receives(*scene, P(DISCONNECT));
    broker_accepts(*scene, "m1", true, false);
    client_receives(*scene, "m1", M(CONNACK));
    client_sends(*scene, "m1", M(PUBLISH, .topic_id = 3));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 3, .return_code = MQTTSN_INVALID_TOPIC_ID));
    dropped(*scene, DROP_INVALID_TOPIC);
    assert_int_equal(session_of(*scene, "m1")->subscriptions.count, 0);
}

static void a_client_that_means_resume_may_say_clean(void **scene) /* SN-SLP-12, wake_connect: resume */
{
    ((struct scene *)*scene)->access.wake_resume = true;
    client_sleeps_with_a_message(*scene);
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .will = true, .duration = 60));
    broker_receives_nothing(*scene);
    client_receives(*scene, "m1", M(CONNACK));
    it_gets_its_message(*scene);
}

static void a_repeated_connect_from_sleep_gets_its_connack_again(void **scene) /* SN-CONN-9, SN-RTX-9 */
{
    client_connects(*scene, "m1", false);
    client_falls_asleep(*scene, "m1", 300);
    for (int i = 0; i < 2; i++) {
        client_sends(*scene, "m1", M(CONNECT, .duration = 60));
        client_receives(*scene, "m1", M(CONNACK));
    }
    broker_receives_nothing(*scene);
}

static void disconnect_from_sleep_is_leaving_without_will(void **scene) /* SN-SLP-13 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(WILLTOPICUPD, .tail = TEXT("w")));
    client_receives(*scene, "m1", M(WILLTOPICRESP));
    client_falls_asleep(*scene, "m1", 300);
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    broker_receives(*scene, P(DISCONNECT));
    session_is_gone(*scene, "m1");
}

static void disconnect_while_awake_sleeps_on(void **scene) /* SN-SLP-5 */
{
    client_sleeps_with_a_message(*scene);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
    client_falls_asleep(*scene, "m1", 600);
    time_passes(*scene, 899 * SECOND);
    nothing_is_sent(*scene);
    session_is(*scene, "m1", SESSION_ASLEEP);
}

static void a_sleeper_lost_keeps_its_session_and_its_messages(void **scene) /* SN-SLP-15, SN-SES-4 */
{
    client_sleeps_with_a_message(*scene);
    time_passes(*scene, 350 * SECOND);
    session_is(*scene, "m1", SESSION_LOST);
    client_sends(*scene, "m1", M(CONNECT, .duration = 60));
    client_receives(*scene, "m1", M(CONNACK));
    uint16_t id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("lamp/1")));
    client_sends(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = id));
    it_gets_its_message(*scene);
}

static void a_congested_sleeper_sleeps_on_and_gets_its_message_after_t_wait(void **scene) /* SN-DLV-10, SN-SLP-7 */
{
    client_sleeps_with_a_message(*scene);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
    client_sends(*scene, "m1",
                 M(PUBACK, .topic_id = 3, .message_id = id, .return_code = MQTTSN_CONGESTION));
    client_receives(*scene, "m1", M(PINGRESP));
    time_passes(*scene, 299 * SECOND);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    client_receives(*scene, "m1", M(PINGRESP));
    time_passes(*scene, SECOND);
    nothing_is_sent(*scene);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    id = client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    client_receives(*scene, "m1", M(PINGRESP));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(connect_that_keeps_the_session_only_wakes),
        IN_BOTH(connect_while_awake_goes_on_with_the_open_message),
        IN_AGGREGATE(connect_with_a_will_asks_for_it_and_then_wakes),
        IN_TRANSPARENT(clean_connect_from_sleep_begins_anew),
        IN_BOTH(a_client_that_means_resume_may_say_clean),
        IN_BOTH(a_repeated_connect_from_sleep_gets_its_connack_again),
        IN_TRANSPARENT(disconnect_from_sleep_is_leaving_without_will),
        IN_BOTH(disconnect_while_awake_sleeps_on),
        IN_BOTH(a_congested_sleeper_sleeps_on_and_gets_its_message_after_t_wait),
        IN_AGGREGATE(a_sleeper_lost_keeps_its_session_and_its_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
