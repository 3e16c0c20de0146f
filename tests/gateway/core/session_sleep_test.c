/* session_sleep_test.c -- keep-alive and sleep (MQTT-SN 1.2, sections 6.11, 6.14; SN-PING, SN-SLP). */
#include "tests/gateway/core/scene.h"

static void client_sleeps(void *scene, const char *filter, uint8_t qos)
{
    client_connects(scene, "m1", false);
    client_subscribes(scene, "m1", filter, qos);
    client_falls_asleep(scene, "m1", 300);
}

static void client_wakes(void *scene)
{
    client_sends(scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
}

static uint16_t client_gets(void *scene, uint8_t qos, const char *payload)
{
    return client_receives(scene, "m1", M(PUBLISH, .qos = qos, .topic_id = 3, .tail = TEXT(payload)));
}

/* ---- keep-alive -------------------------------------------------------------------------------------------------- */

static void pingreq_is_answered_at_once(void **scene) /* SN-PING-1, -5, -7 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(PINGREQ));
    client_receives(*scene, "m1", M(PINGRESP));
    client_wakes(*scene);
    client_receives(*scene, "m1", M(PINGRESP));
    session_is(*scene, "m1", SESSION_ACTIVE);
    broker_receives_nothing(*scene);
}

static void a_client_is_lost_after_one_and_a_half_keep_alives(void **scene) /* SN-PING-2, -9 */
{
    client_connects(*scene, "m1", true);
    time_passes(*scene, 90 * SECOND - 1);
    session_is(*scene, "m1", SESSION_ACTIVE);
    time_passes(*scene, 1);
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    session_is_gone(*scene, "m1");
}

static void tolerance_by_the_standard_is_a_tenth_above_a_minute(void **scene) /* SN-PING-2, tolerance: spec */
{
    ((struct scene *)*scene)->access.tolerance = ACCESS_SPEC;
    client_connects(*scene, "m1", false);
    session_of(*scene, "m1")->keep_alive_s = 61;
    client_sends(*scene, "m1", M(PINGRESP));
    time_passes(*scene, 67099);
    session_is(*scene, "m1", SESSION_ACTIVE);
    time_passes(*scene, 1);
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    session_is(*scene, "m1", SESSION_LOST);
}

static void every_valid_message_is_a_sign_of_life(void **scene) /* SN-PING-2, -6, -8 */
{
    const struct mqttsn_message signs[] = { M(PINGRESP), M(REGISTER, .tail = TEXT("a")),
                                            M(PUBLISH, .qos = 3, .topic_id_type = MQTTSN_PREDEFINED,
                                              .topic_id = 1) };
    client_connects(*scene, "m1", true);
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        time_passes(*scene, 89 * SECOND);
        client_sends(*scene, "m1", signs[i]);
    }
    client_receives(*scene, "m1", M(REGACK, .topic_id = 3));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("m1/alarm")));
    time_passes(*scene, 89 * SECOND);
    client_sends(*scene, "m1", M(CONNACK)); /* this one is none */
    dropped(*scene, DROP_UNEXPECTED);
    time_passes(*scene, 1 * SECOND);
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    session_is_gone(*scene, "m1");
}

static void keep_alive_0_ends_after_max_idle(void **scene) /* SN-CONN-6 */
{
    client_sends(*scene, "m1", M(CONNECT, .clean = true));
    client_receives(*scene, "m1", M(CONNACK));
    time_passes(*scene, 86400 * SECOND - 1);
    session_is(*scene, "m1", SESSION_ACTIVE);
    time_passes(*scene, 1);
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    session_is_gone(*scene, "m1");
}

/* ---- asleep ------------------------------------------------------------------------------------------------------ */

static void a_sleeping_client_gets_its_messages_when_it_wakes(void **scene) /* SN-SLP-1, -2, -6, -7 */
{
    client_sleeps(*scene, "lamp/1", 2);
    broker_publishes(*scene, "lamp/1", "0", 0, 0);
    broker_publishes(*scene, "lamp/1", "1", 1, 41);
    broker_publishes(*scene, "lamp/1", "2", 2, 42);
    nothing_is_sent(*scene);
    broker_receives_nothing(*scene);
    client_wakes(*scene);
    session_is(*scene, "m1", SESSION_AWAKE);
    client_gets(*scene, 0, "0");
    uint16_t id = client_gets(*scene, 1, "1");
    nothing_is_sent(*scene);
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 41));
    id = client_gets(*scene, 2, "2");
    client_sends(*scene, "m1", M(PUBREC, .message_id = id));
    broker_receives(*scene, P(PUBREC, .packet_id = 42));
    client_receives(*scene, "m1", M(PUBREL, .message_id = id));
    nothing_is_sent(*scene);
    client_sends(*scene, "m1", M(PUBCOMP, .message_id = id));
    client_receives(*scene, "m1", M(PINGRESP));
    session_is(*scene, "m1", SESSION_ASLEEP);
}

static void with_nothing_waiting_pingresp_comes_at_once(void **scene) /* SN-SLP-6, -17 */
{
    client_sleeps(*scene, "lamp/1", 1);
    client_wakes(*scene);
    client_receives(*scene, "m1", M(PINGRESP));
    client_sends(*scene, "m1", M(PINGREQ));
    client_receives(*scene, "m1", M(PINGRESP));
    session_is(*scene, "m1", SESSION_ASLEEP);
}

static void a_needed_register_comes_before_pingresp_too(void **scene) /* SN-SLP-7 */
{
    client_sleeps(*scene, "cmd/#", 0);
    broker_publishes(*scene, "cmd/7", "go", 0, 0);
    client_wakes(*scene);
    uint16_t id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("cmd/7")));
    nothing_is_sent(*scene);
    client_sends(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = id));
    client_gets(*scene, 0, "go");
    client_receives(*scene, "m1", M(PINGRESP));
}

static void disconnect_with_duration_0_is_leaving(void **scene) /* SN-SLP-3 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(DISCONNECT, .duration = 0));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    session_is_gone(*scene, "m1");
}

static void an_open_delivery_is_frozen_and_goes_on_with_dup(void **scene) /* SN-SLP-4 */
{
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    uint16_t id = client_gets(*scene, 1, "on");
    client_falls_asleep(*scene, "m1", 300);
    time_passes(*scene, 200 * SECOND);
    nothing_is_sent(*scene);
    client_wakes(*scene);
    client_receives(
        *scene, "m1",
        M(PUBLISH, .dup = true, .qos = 1, .topic_id = 3, .message_id = id, .tail = TEXT("on")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    client_receives(*scene, "m1", M(PINGRESP));
}

static void a_qos_2_exchange_keeps_its_phase_through_sleep(void **scene) /* SN-SLP-4 */
{
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "lamp/1", 2);
    broker_publishes(*scene, "lamp/1", "on", 2, 40);
    uint16_t id = client_gets(*scene, 2, "on");
    client_sends(*scene, "m1", M(PUBREC, .message_id = id));
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    client_receives(*scene, "m1", M(PUBREL, .message_id = id));
    client_falls_asleep(*scene, "m1", 300);
    client_wakes(*scene);
    client_receives(*scene, "m1", M(PUBREL, .message_id = id));
    client_sends(*scene, "m1", M(PUBCOMP, .message_id = id));
    client_receives(*scene, "m1", M(PINGRESP));
}

static void a_new_duration_replaces_the_old_one(void **scene) /* SN-SLP-5, -15 */
{
    client_sleeps(*scene, "lamp/1", 1);
    time_passes(*scene, 100 * SECOND);
    client_falls_asleep(*scene, "m1", 10);
    time_passes(*scene, 15 * SECOND - 1);
    session_is(*scene, "m1", SESSION_ASLEEP);
    time_passes(*scene, 1);
    session_is(*scene, "m1", SESSION_LOST);
    nothing_is_sent(*scene);
}

static void each_wake_starts_the_sleep_timer_again(void **scene) /* SN-SLP-6 */
{
    client_sleeps(*scene, "lamp/1", 1);
    for (int i = 0; i < 3; i++) {
        time_passes(*scene, 449 * SECOND);
        client_wakes(*scene);
        client_receives(*scene, "m1", M(PINGRESP));
    }
    session_is(*scene, "m1", SESSION_ASLEEP);
}

static void a_busy_topic_cannot_keep_a_client_awake(void **scene) /* SN-SLP-8, awake_extra */
{
    ((struct scene *)*scene)->access.awake_extra = 1;
    client_sleeps(*scene, "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "1", 1, 41);
    client_wakes(*scene);
    uint16_t id = client_gets(*scene, 1, "1");
    broker_publishes(*scene, "lamp/1", "2", 1, 42);
    broker_publishes(*scene, "lamp/1", "3", 1, 43);
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 41));
    id = client_gets(*scene, 1, "2");
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 42));
    client_receives(*scene, "m1", M(PINGRESP));
    nothing_is_sent(*scene);
    client_wakes(*scene);
    client_gets(*scene, 1, "3");
}

static void a_repeated_pingreq_repeats_the_open_message(void **scene) /* SN-SLP-9 */
{
    client_sleeps(*scene, "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "1", 1, 41);
    client_wakes(*scene);
    uint16_t id = client_gets(*scene, 1, "1");
    client_wakes(*scene);
    client_receives(
        *scene, "m1",
        M(PUBLISH, .dup = true, .qos = 1, .topic_id = 3, .message_id = id, .tail = TEXT("1")));
    nothing_is_sent(*scene);
}

static void who_falls_silent_while_awake_sleeps_on_with_its_messages(void **scene) /* SN-SLP-10 */
{
    client_sleeps(*scene, "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "1", 1, 41);
    client_wakes(*scene);
    uint16_t id = client_gets(*scene, 1, "1");
    time_passes(*scene, 30 * SECOND);
    for (int i = 0; i < 3; i++)
        client_receives(
            *scene, "m1",
            M(PUBLISH, .dup = true, .qos = 1, .topic_id = 3, .message_id = id, .tail = TEXT("1")));
    session_is(*scene, "m1", SESSION_AWAKE);
    time_passes(*scene, 10 * SECOND);
    session_is(*scene, "m1", SESSION_ASLEEP);
    nothing_is_sent(*scene);
    time_passes(*scene, 450 * SECOND - 1); /* its time begins anew with each sleep */
    session_is(*scene, "m1", SESSION_ASLEEP);
    time_passes(*scene, 1);
    session_is(*scene, "m1", SESSION_LOST);
}

static void qos_0_does_not_wait_if_so_set(void **scene) /* SN-SLP-2, sleep_qos0 */
{
    ((struct scene *)*scene)->access.sleep_qos0 = false;
    client_sleeps(*scene, "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "0", 0, 0);
    dropped(*scene, DROP_ASLEEP_QOS0);
    client_wakes(*scene);
    client_receives(*scene, "m1", M(PINGRESP));
}

static void beyond_the_queue_qos_1_is_not_acknowledged(void **scene) /* SN-SLP-11 */
{
    ((struct scene *)*scene)->limits.queue_messages = 1;
    client_sleeps(*scene, "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "1", 1, 41);
    broker_publishes(*scene, "lamp/1", "2", 1, 42);
    found_no_room(*scene);
    broker_receives_nothing(*scene);
}

/* ---- other requests of a sleeper --------------------------------------------------------------------------------- */

static void a_sleeper_may_publish_and_sleep_on(void **scene) /* SN-SLP-14 */
{
    client_sleeps(*scene, "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "1", 1, 41);
    client_sends(*scene, "m1",
                 M(PUBLISH, .qos = 1, .topic_id = 3, .message_id = 7, .tail = TEXT("21.5")));
    uint16_t id = broker_receives(
        *scene, P(PUBLISH, .qos = 1, .topic = TEXT("lamp/1"), .payload = TEXT("21.5")));
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = 7));
    session_is(*scene, "m1", SESSION_ASLEEP);
    nothing_is_sent(*scene);
}

static void a_strict_gateway_sends_such_a_sleeper_away(void **scene) /* SN-SLP-14, strict_sleep */
{
    ((struct scene *)*scene)->access.strict_sleep = true;
    client_sleeps(*scene, "lamp/1", 1);
    client_sends(*scene, "m1", M(PUBLISH, .topic_id = 3));
    dropped(*scene, DROP_UNEXPECTED);
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    client_wakes(*scene);
    client_receives(*scene, "m1", M(PINGRESP));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(pingreq_is_answered_at_once),
        IN_AGGREGATE(a_client_is_lost_after_one_and_a_half_keep_alives),
        IN_AGGREGATE(tolerance_by_the_standard_is_a_tenth_above_a_minute),
        IN_AGGREGATE(every_valid_message_is_a_sign_of_life),
        IN_AGGREGATE(keep_alive_0_ends_after_max_idle),
        IN_TRANSPARENT(a_sleeping_client_gets_its_messages_when_it_wakes),
        IN_BOTH(with_nothing_waiting_pingresp_comes_at_once),
        IN_BOTH(a_needed_register_comes_before_pingresp_too),
        IN_AGGREGATE(disconnect_with_duration_0_is_leaving),
        IN_BOTH(an_open_delivery_is_frozen_and_goes_on_with_dup),
        IN_TRANSPARENT(a_qos_2_exchange_keeps_its_phase_through_sleep),
        IN_AGGREGATE(a_new_duration_replaces_the_old_one),
        IN_BOTH(each_wake_starts_the_sleep_timer_again),
        IN_BOTH(a_busy_topic_cannot_keep_a_client_awake),
        IN_BOTH(a_repeated_pingreq_repeats_the_open_message),
        IN_AGGREGATE(who_falls_silent_while_awake_sleeps_on_with_its_messages),
        IN_BOTH(qos_0_does_not_wait_if_so_set),
        IN_BOTH(beyond_the_queue_qos_1_is_not_acknowledged),
        IN_BOTH(a_sleeper_may_publish_and_sleep_on),
        IN_BOTH(a_strict_gateway_sends_such_a_sleeper_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
