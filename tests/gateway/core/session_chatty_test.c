/* session_chatty_test.c -- sleepers that do more than sleep, and what an awake period is made of (MQTT-SN 1.2, section
 * 6.14; SN-SLP-5 to -17, SN-M1-8, SN-DSC-3). */
#include "tests/gateway/core/scene.h"

static void client_sleeps(void *scene, const char *filter, uint8_t qos)
{
    client_connects(scene, "m1", false);
    client_subscribes(scene, "m1", filter, qos);
    client_falls_asleep(scene, "m1", 300);
}

static uint16_t client_gets(void *scene, uint8_t qos, const char *payload)
{
    return client_receives(scene, "m1", M(PUBLISH, .qos = qos, .topic_id = 3, .tail = TEXT(payload)));
}

static void client_acknowledges(void *scene, uint16_t id, uint16_t packet_id)
{
    client_sends(scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(scene, P(PUBACK, .packet_id = packet_id));
}

/* A client that left or was lost takes its own broker connection along. */
static void its_own_connection_ends(void *scene)
{
    if (!((struct scene *)scene)->shared)
        broker_receives(scene, P(DISCONNECT));
}

/* ---- asleep ------------------------------------------------------------------------------------------------------ */

static void each_request_of_a_sleeper_starts_its_sleep_anew(void **scene) /* SN-SLP-14 */
{
    client_sleeps(*scene, "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    time_passes(*scene, 449 * SECOND);
    client_registers(*scene, "m1", "a/b");
    time_passes(*scene, 449 * SECOND);
    client_subscribes(*scene, "m1", "cmd/#", 1);
    time_passes(*scene, 449 * SECOND);
    client_sends(*scene, "m1", M(WILLTOPICUPD, .tail = TEXT("w")));
    client_receives(*scene, "m1", M(WILLTOPICRESP));
    time_passes(*scene, 449 * SECOND);
    client_sends(*scene, "m1", M(UNSUBSCRIBE, .message_id = 8, .tail = TEXT("none")));
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 8));
    time_passes(*scene, 449 * SECOND);
    session_is(*scene, "m1", SESSION_ASLEEP); /* and its message still waits */
    nothing_is_sent(*scene);
    time_passes(*scene, 1 * SECOND);
    session_is(*scene, "m1", SESSION_LOST);
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("w")));
    its_own_connection_ends(*scene);
}

static void a_sleeper_may_publish_at_qos_minus_one(void **scene) /* SN-M1-8 */
{
    client_sleeps(*scene, "lamp/1", 1);
    client_sends(*scene, "m1",
                 M(PUBLISH, .qos = MQTTSN_QOS_MINUS_ONE, .topic_id_type = MQTTSN_PREDEFINED,
                   .topic_id = 1, .tail = TEXT("x")));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("m1/alarm"), .payload = TEXT("x")));
    session_is(*scene, "m1", SESSION_ASLEEP);
    nothing_is_sent(*scene);
}

static void falling_asleep_twice_is_answered_twice(void **scene) /* SN-DSC-3, SN-SLP-5, A42 */
{
    client_sleeps(*scene, "lamp/1", 1);
    client_falls_asleep(*scene, "m1", 300);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    nothing_is_sent(*scene);
    broker_receives_nothing(*scene);
}

static void in_strict_sleep_a_sleeper_may_still_connect_and_leave(void **scene) /* SN-SLP-14, strict_sleep */
{
    ((struct scene *)*scene)->access.strict_sleep = true;
    client_sleeps(*scene, "lamp/1", 1);
    client_sends(*scene, "m1", M(CONNECT, .duration = 60));
    client_receives(*scene, "m1", M(CONNACK));
    client_falls_asleep(*scene, "m1", 300);
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    broker_receives(*scene, P(DISCONNECT));
    session_is(*scene, "m1", SESSION_DISCONNECTED);
}

static void a_register_open_at_bedtime_goes_on(void **scene) /* SN-SLP-4 */
{
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "cmd/#", 1);
    broker_publishes(*scene, "cmd/7", "go", 1, 40);
    uint16_t id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("cmd/7")));
    client_falls_asleep(*scene, "m1", 300);
    time_passes(*scene, 100 * SECOND);
    nothing_is_sent(*scene);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    client_receives(*scene, "m1",
                    M(REGISTER, .topic_id = 3, .message_id = id, .tail = TEXT("cmd/7")));
    client_sends(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = id));
    id = client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("go")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    client_receives(*scene, "m1", M(PINGRESP));
}

static void an_ack_from_sleep_ends_the_open_delivery(void **scene) /* SN-SLP-4, -14 */
{
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "1", 1, 40);
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("1")));
    client_falls_asleep(*scene, "m1", 300);
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    session_is(*scene, "m1", SESSION_ASLEEP);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    client_receives(*scene, "m1", M(PINGRESP));
}

/* ---- awake ------------------------------------------------------------------------------------------------------- */

static void pingreq_without_a_client_id_collects_too(void **scene) /* SN-SLP-17, A5 */
{
    client_sleeps(*scene, "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    client_sends(*scene, "m1", M(PINGREQ));
    client_acknowledges(*scene, client_gets(*scene, 1, "on"), 40);
    client_receives(*scene, "m1", M(PINGRESP));
    session_is(*scene, "m1", SESSION_ASLEEP);
}

static void pingresp_comes_after_the_last_pubcomp(void **scene) /* SN-SLP-7, A3 */
{
    client_sleeps(*scene, "lamp/1", 2);
    for (uint16_t i = 1; i <= 3; i++)
        broker_publishes(*scene, "lamp/1", "on", 2, i);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    for (uint16_t i = 1; i <= 3; i++) {
        uint16_t id = client_gets(*scene, 2, "on");
        client_sends(*scene, "m1", M(PUBREC, .message_id = id));
        broker_receives(*scene, P(PUBREC, .packet_id = i));
        client_receives(*scene, "m1", M(PUBREL, .message_id = id));
        nothing_is_sent(*scene);
        client_sends(*scene, "m1", M(PUBCOMP, .message_id = id));
    }
    client_receives(*scene, "m1", M(PINGRESP));
}

static void who_is_awake_is_served(void **scene) /* SN-SLP-14 */
{
    client_sleeps(*scene, "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    uint16_t id = client_gets(*scene, 1, "on");
    client_sends(*scene, "m1", M(REGISTER, .message_id = 5, .tail = TEXT("a/b")));
    client_receives(*scene, "m1", M(REGACK, .topic_id = 4, .message_id = 5));
    client_sends(*scene, "m1", M(PUBLISH, .topic_id = 4, .tail = TEXT("21.5")));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("a/b"), .payload = TEXT("21.5")));
    session_is(*scene, "m1", SESSION_AWAKE);
    client_acknowledges(*scene, id, 40);
    client_receives(*scene, "m1", M(PINGRESP));
}

static void an_id_forgotten_in_sleep_is_told_again_before_pingresp(void **scene) /* SN-SLP-16, SN-DLV-9 */
{
    client_sleeps(*scene, "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    uint16_t id = client_gets(*scene, 1, "on"); /* without REGISTER: ids stay confirmed */
    client_sends(*scene, "m1",
                 M(PUBACK, .topic_id = 3, .message_id = id, .return_code = MQTTSN_INVALID_TOPIC_ID));
    id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("lamp/1")));
    client_sends(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = id));
    client_acknowledges(*scene, client_gets(*scene, 1, "on"), 40);
    client_receives(*scene, "m1", M(PINGRESP));
}

static void the_sleep_timer_stands_while_the_client_is_awake(void **scene) /* SN-SLP-6 */
{
    client_sleeps(*scene, "lamp/1", 1);
    client_falls_asleep(*scene, "m1", 10);
    for (uint16_t i = 1; i <= 5; i++)
        broker_publishes(*scene, "lamp/1", "on", 1, i);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    for (uint16_t i = 1; i <= 5; i++) { /* together longer than it may be silent */
        uint16_t id = client_gets(*scene, 1, "on");
        time_passes(*scene, 9 * SECOND);
        client_acknowledges(*scene, id, i);
    }
    client_receives(*scene, "m1", M(PINGRESP));
    time_passes(*scene, 15 * SECOND - 1);
    session_is(*scene, "m1", SESSION_ASLEEP);
    time_passes(*scene, 1);
    session_is(*scene, "m1", SESSION_LOST);
    its_own_connection_ends(*scene);
}

static void who_is_awake_may_leave(void **scene) /* SN-SLP-13 */
{
    client_sleeps(*scene, "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    client_gets(*scene, 1, "on");
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    its_own_connection_ends(*scene);
    session_is(*scene, "m1", SESSION_DISCONNECTED);
    time_passes(*scene, 3600 * SECOND);
    nothing_is_sent(*scene);
}

static void a_clean_connect_while_awake_begins_anew(void **scene) /* SN-SLP-12 */
{
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "lamp/1", 1);
    client_falls_asleep(*scene, "m1", 300);
    broker_publishes(*scene, "lamp/1", "1", 1, 40);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("1")));
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    dropped(*scene, DROP_SESSION_ENDED);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    broker_receives(*scene, P(DISCONNECT));
    broker_accepts(*scene, "m1", true, false);
    client_receives(*scene, "m1", M(CONNACK));
    assert_int_equal(session_of(*scene, "m1")->subscriptions.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(each_request_of_a_sleeper_starts_its_sleep_anew),
        IN_BOTH(a_sleeper_may_publish_at_qos_minus_one),
        IN_BOTH(falling_asleep_twice_is_answered_twice),
        IN_TRANSPARENT(in_strict_sleep_a_sleeper_may_still_connect_and_leave),
        IN_BOTH(a_register_open_at_bedtime_goes_on),
        IN_BOTH(an_ack_from_sleep_ends_the_open_delivery),
        IN_BOTH(pingreq_without_a_client_id_collects_too),
        IN_TRANSPARENT(pingresp_comes_after_the_last_pubcomp),
        IN_BOTH(who_is_awake_is_served),
        IN_BOTH(an_id_forgotten_in_sleep_is_told_again_before_pingresp),
        IN_BOTH(the_sleep_timer_stands_while_the_client_is_awake),
        IN_BOTH(who_is_awake_may_leave),
        IN_TRANSPARENT(a_clean_connect_while_awake_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
