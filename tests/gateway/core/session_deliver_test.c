/* session_deliver_test.c -- from the broker to the client: one message at a time (MQTT-SN 1.2, section 6.10; SN-DLV,
 * SN-REG-7 to -11, SN-RTX). */
#include "tests/gateway/core/scene.h"

static void client_is_there(void *scene, const char *filter, uint8_t qos)
{
    client_connects(scene, "m1", true);
    client_subscribes(scene, "m1", filter, qos);
}

/* ---- the three levels -------------------------------------------------------------------------------------------- */

static void qos_0_is_sent_with_the_id_of_suback(void **scene) /* SN-DLV-1 */
{
    client_connects(*scene, "m1", true);
    uint16_t id = client_subscribes(*scene, "m1", "lamp/1", 0);
    broker_publishes(*scene, "lamp/1", "on", 0, 0);
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = id, .tail = TEXT("on")));
    broker_receives_nothing(*scene);
}

static void qos_1_is_acknowledged_when_the_client_has(void **scene) /* SN-DLV-6, -7 */
{
    client_connects(*scene, "m1", true);
    uint16_t topic = client_subscribes(*scene, "m1", "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = topic, .tail = TEXT("on")));
    broker_receives_nothing(*scene);
    client_sends(*scene, "m1", M(PUBACK, .topic_id = topic, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
}

static void qos_2_goes_step_by_step_with_the_client(void **scene) /* SN-DLV-7, transparent */
{
    client_connects(*scene, "m1", true);
    uint16_t topic = client_subscribes(*scene, "m1", "lamp/1", 2);
    broker_publishes(*scene, "lamp/1", "on", 2, 40);
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 2, .topic_id = topic, .tail = TEXT("on")));
    broker_receives_nothing(*scene);
    client_sends(*scene, "m1", M(PUBREC, .message_id = id));
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    client_receives(*scene, "m1", M(PUBREL, .message_id = id));
    broker_sends(*scene, P(PUBREL, .packet_id = 40));
    broker_receives_nothing(*scene);
    client_sends(*scene, "m1", M(PUBCOMP, .message_id = id));
    broker_receives(*scene, P(PUBCOMP, .packet_id = 40));
}

static void qos_2_with_everything_doubled_reaches_the_client_once(void **scene) /* SN-DLV-16, SN-RTX-10 */
{
    client_connects(*scene, "m1", true);
    uint16_t topic = client_subscribes(*scene, "m1", "lamp/1", 2);
    broker_publishes(*scene, "lamp/1", "on", 2, 40);
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 2, .topic_id = topic, .tail = TEXT("on")));
    broker_sends(*scene, P(PUBLISH, .qos = 2, .dup = true, .packet_id = 40, .topic = TEXT("lamp/1"),
                           .payload = TEXT("on")));
    nothing_is_sent(*scene);
    for (int i = 0; i < 2; i++) {
        client_sends(*scene, "m1", M(PUBREC, .message_id = id));
        client_receives(*scene, "m1", M(PUBREL, .message_id = id));
    }
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    broker_sends(*scene, P(PUBREL, .packet_id = 40));
    broker_sends(*scene, P(PUBREL, .packet_id = 40));
    client_sends(*scene, "m1", M(PUBCOMP, .message_id = id));
    broker_receives(*scene, P(PUBCOMP, .packet_id = 40));
    client_sends(*scene, "m1", M(PUBCOMP, .message_id = id));
    dropped(*scene, DROP_UNEXPECTED);
    broker_sends(*scene, P(PUBREL, .packet_id = 40));
    broker_receives(*scene, P(PUBCOMP, .packet_id = 40));
}

static void retain_is_copied(void **scene) /* SN-DLV-1, A45 */
{
    client_connects(*scene, "m1", true);
    uint16_t topic = client_subscribes(*scene, "m1", "lamp/1", 0);
    broker_sends(*scene, P(PUBLISH, .retain = true, .topic = TEXT("lamp/1"), .payload = TEXT("on")));
    client_receives(*scene, "m1", M(PUBLISH, .retain = true, .topic_id = topic, .tail = TEXT("on")));
}

static void a_second_puback_is_ignored(void **scene) /* SN-RTX-10 */
{
    client_is_there(*scene, "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    dropped(*scene, DROP_UNEXPECTED);
    broker_receives_nothing(*scene);
}

static void pubrec_of_an_unknown_id_is_released(void **scene) /* SN-DLV-6 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(PUBREC, .message_id = 99));
    client_receives(*scene, "m1", M(PUBREL, .message_id = 99));
    broker_receives_nothing(*scene);
}

/* ---- one at a time ----------------------------------------------------------------------------------------------- */

static void one_message_is_in_flight_and_order_is_kept(void **scene) /* SN-RTX-5, SN-DLV-3 */
{
    client_is_there(*scene, "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "1", 1, 41);
    broker_publishes(*scene, "lamp/1", "2", 0, 0);
    broker_publishes(*scene, "lamp/1", "3", 1, 43);
    uint16_t first =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("1")));
    nothing_is_sent(*scene);
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = first));
    broker_receives(*scene, P(PUBACK, .packet_id = 41));
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("2")));
    uint16_t third =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("3")));
    assert_int_not_equal(first, third);
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = third));
    broker_receives(*scene, P(PUBACK, .packet_id = 43));
}

static void message_ids_go_round_without_0(void **scene) /* section 2.8 of the sheet, MQTT-2.3.1-1 */
{
    client_is_there(*scene, "lamp/1", 1);
    session_of(*scene, "m1")->last_message_id = 0xFFFE;
    static const uint16_t expected[] = { 0xFFFF, 1, 2 };
    for (uint16_t i = 0; i < 3; i++) {
        broker_publishes(*scene, "lamp/1", "x", 1, (uint16_t)(40 + i));
        uint16_t id =
            client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("x")));
        assert_int_equal(id, expected[i]);
        client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
        broker_receives(*scene, P(PUBACK, .packet_id = (uint16_t)(40 + i)));
    }
}

/* ---- REGISTER first ---------------------------------------------------------------------------------------------- */

static void a_topic_behind_a_wildcard_is_registered_first(void **scene) /* SN-REG-7, -8, SN-DLV-2 */
{
    client_is_there(*scene, "cmd/#", 1);
    broker_publishes(*scene, "cmd/7", "go", 0, 0);
    uint16_t id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("cmd/7")));
    broker_publishes(*scene, "cmd/8", "stop", 0, 0);
    nothing_is_sent(*scene);
    client_sends(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = id));
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("go")));
    id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 4, .tail = TEXT("cmd/8")));
    client_sends(*scene, "m1", M(REGACK, .topic_id = 4, .message_id = id));
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 4, .tail = TEXT("stop")));
    broker_publishes(*scene, "cmd/7", "again", 0, 0);
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("again")));
}

static void regack_of_an_unknown_id_is_ignored(void **scene) /* SN-REG-8 */
{
    client_is_there(*scene, "cmd/#", 0);
    broker_publishes(*scene, "cmd/7", "go", 0, 0);
    uint16_t id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("cmd/7")));
    client_sends(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = (uint16_t)(id + 1)));
    dropped(*scene, DROP_UNEXPECTED);
    nothing_is_sent(*scene);
}

static void a_topic_the_client_refuses_is_never_delivered_again(void **scene) /* SN-REG-9 */
{
    client_is_there(*scene, "cmd/#", 1);
    broker_publishes(*scene, "cmd/7", "go", 1, 40);
    uint16_t id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("cmd/7")));
    client_sends(*scene, "m1",
                 M(REGACK, .topic_id = 3, .message_id = id, .return_code = MQTTSN_NOT_SUPPORTED));
    dropped(*scene, DROP_REFUSED_BY_CLIENT);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    broker_publishes(*scene, "cmd/7", "go", 1, 41);
    dropped(*scene, DROP_REFUSED_BY_CLIENT);
    broker_receives(*scene, P(PUBACK, .packet_id = 41));
    nothing_is_sent(*scene);
    client_registers(*scene, "m1", "cmd/7"); /* it wants it after all */
    broker_publishes(*scene, "cmd/7", "go", 0, 0);
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("go")));
}

static void a_congested_client_is_left_alone_for_t_wait(void **scene) /* SN-REG-10 */
{
    client_is_there(*scene, "cmd/#", 0);
    session_of(*scene, "m1")->keep_alive_s = 0;
    broker_publishes(*scene, "cmd/7", "go", 0, 0);
    uint16_t id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("cmd/7")));
    client_sends(*scene, "m1",
                 M(REGACK, .topic_id = 3, .message_id = id, .return_code = MQTTSN_CONGESTION));
    client_sends(*scene, "m1", M(PINGREQ));
    client_receives(*scene, "m1", M(PINGRESP));
    time_passes(*scene, 300 * SECOND - 1);
    nothing_is_sent(*scene);
    time_passes(*scene, 1);
    client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("cmd/7")));
}

/* ---- the client says no ------------------------------------------------------------------------------------------ */

static void an_id_the_client_does_not_know_is_registered_and_sent_anew(void **scene) /* SN-DLV-9 */
{
    client_is_there(*scene, "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
    client_sends(*scene, "m1",
                 M(PUBACK, .topic_id = 3, .message_id = id, .return_code = MQTTSN_INVALID_TOPIC_ID));
    id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("lamp/1")));
    client_sends(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = id));
    id = client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
    client_sends(*scene, "m1",
                 M(PUBACK, .topic_id = 3, .message_id = id, .return_code = MQTTSN_INVALID_TOPIC_ID));
    dropped(*scene, DROP_REFUSED_BY_CLIENT);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    nothing_is_sent(*scene);
}

static void a_predefined_id_the_client_does_not_know_cannot_be_cured(void **scene) /* SN-DLV-9 */
{
    client_connects(*scene, "m1", true);
    client_sends(
        *scene, "m1",
        M(SUBSCRIBE, .qos = 1, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1, .message_id = 2));
    uint16_t packet = broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("m1/alarm")));
    broker_sends(*scene, P(SUBACK, .packet_id = packet, .code = 1));
    client_receives(*scene, "m1", M(SUBACK, .qos = 1, .topic_id = 1, .message_id = 2));
    round_ends(*scene);
    broker_publishes(*scene, "m1/alarm", "!", 1, 40);
    uint16_t id = client_receives(
        *scene, "m1",
        M(PUBLISH, .qos = 1, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1, .tail = TEXT("!")));
    client_sends(*scene, "m1",
                 M(PUBACK, .topic_id = 1, .message_id = id, .return_code = MQTTSN_INVALID_TOPIC_ID));
    dropped(*scene, DROP_REFUSED_BY_CLIENT);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
}

static void an_unknown_id_at_qos_0_is_registered_for_the_next_message(void **scene) /* SN-DLV-15 */
{
    client_is_there(*scene, "lamp/1", 0);
    broker_publishes(*scene, "lamp/1", "on", 0, 0);
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("on")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .return_code = MQTTSN_INVALID_TOPIC_ID));
    nothing_is_sent(*scene);
    broker_publishes(*scene, "lamp/1", "off", 0, 0);
    uint16_t id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("lamp/1")));
    client_sends(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = id));
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("off")));
}

static void congestion_of_the_client_keeps_the_message(void **scene) /* SN-DLV-10 */
{
    client_is_there(*scene, "lamp/1", 1);
    session_of(*scene, "m1")->keep_alive_s = 0;
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
    client_sends(*scene, "m1",
                 M(PUBACK, .topic_id = 3, .message_id = id, .return_code = MQTTSN_CONGESTION));
    time_passes(*scene, 300 * SECOND - 1);
    nothing_is_sent(*scene);
    broker_receives_nothing(*scene);
    time_passes(*scene, 1);
    id = client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
}

static void a_message_the_client_rejects_is_dropped_and_acknowledged(void **scene) /* SN-DLV-11 */
{
    static const uint8_t codes[] = { MQTTSN_NOT_SUPPORTED, 4, 0xFF };
    client_is_there(*scene, "lamp/1", 1);
    for (size_t i = 0; i < sizeof codes; i++) {
        const uint16_t packet = (uint16_t)(40 + i);
        broker_publishes(*scene, "lamp/1", "on", 1, packet);
        uint16_t id =
            client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
        client_sends(*scene, "m1",
                     M(PUBACK, .topic_id = 3, .message_id = id, .return_code = codes[i]));
        dropped(*scene, DROP_REFUSED_BY_CLIENT);
        broker_receives(*scene, P(PUBACK, .packet_id = packet));
    }
}

static void puback_is_matched_by_its_message_id(void **scene) /* section 2.8 of the sheet, A41 */
{
    client_is_there(*scene, "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 0, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(qos_0_is_sent_with_the_id_of_suback),
        IN_BOTH(qos_1_is_acknowledged_when_the_client_has),
        IN_TRANSPARENT(qos_2_goes_step_by_step_with_the_client),
        IN_TRANSPARENT(qos_2_with_everything_doubled_reaches_the_client_once),
        IN_TRANSPARENT(retain_is_copied),
        IN_BOTH(a_second_puback_is_ignored),
        IN_TRANSPARENT(pubrec_of_an_unknown_id_is_released),
        IN_BOTH(one_message_is_in_flight_and_order_is_kept),
        IN_TRANSPARENT(message_ids_go_round_without_0),
        IN_BOTH(a_topic_behind_a_wildcard_is_registered_first),
        IN_TRANSPARENT(regack_of_an_unknown_id_is_ignored),
        IN_BOTH(a_topic_the_client_refuses_is_never_delivered_again),
        IN_TRANSPARENT(a_congested_client_is_left_alone_for_t_wait),
        IN_BOTH(an_id_the_client_does_not_know_is_registered_and_sent_anew),
        IN_BOTH(a_predefined_id_the_client_does_not_know_cannot_be_cured),
        IN_TRANSPARENT(an_unknown_id_at_qos_0_is_registered_for_the_next_message),
        IN_BOTH(congestion_of_the_client_keeps_the_message),
        IN_BOTH(a_message_the_client_rejects_is_dropped_and_acknowledged),
        IN_TRANSPARENT(puback_is_matched_by_its_message_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
