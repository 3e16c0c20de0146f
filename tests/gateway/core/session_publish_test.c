/* session_publish_test.c -- from the client to the broker: REGISTER and PUBLISH (MQTT-SN 1.2, sections 6.5 to 6.8;
 * SN-REG, SN-TOP, SN-PUB, SN-M1, SN-CNG). What is lost or repeated on the way is in session_repeat_test.c. */
#include "tests/gateway/core/scene.h"

/* ---- REGISTER ---------------------------------------------------------------------------------------------------- */

static void register_gives_an_id_without_the_broker(void **scene) /* SN-REG-1, -3 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(REGISTER, .topic_id = 77, .message_id = 5, .tail = TEXT("a/b")));
    client_receives(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = 5));
    broker_receives_nothing(*scene);
}

static void the_same_topic_keeps_its_id(void **scene) /* SN-REG-2 */
{
    client_connects(*scene, "m1", true);
    uint16_t id = client_registers(*scene, "m1", "a/b");
    client_sends(*scene, "m1", M(REGISTER, .tail = TEXT("a/b")));
    client_receives(*scene, "m1", M(REGACK, .topic_id = id));
}

static void ids_that_are_predefined_are_not_given(void **scene) /* SN-TOP-8 */
{
    client_connects(*scene, "m1", true);
    assert_int_equal(client_registers(*scene, "m1", "x"), 3);
    assert_int_equal(client_registers(*scene, "m1", "y"), 4);
}

static void registers_without_waiting_are_served(void **scene) /* SN-REG-6 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(REGISTER, .message_id = 1, .tail = TEXT("a")));
    client_sends(*scene, "m1", M(REGISTER, .message_id = 2, .tail = TEXT("b")));
    client_receives(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = 1));
    client_receives(*scene, "m1", M(REGACK, .topic_id = 4, .message_id = 2));
}

static void names_that_are_none_are_refused(void **scene) /* SN-REG-5 */
{
    const char *bad[] = { "a/#", "+", "", "\xc3(", "not/mine" };
    static const char *const own[] = { "a/#" };
    ((struct scene *)*scene)->access.publish = (struct access_filters){ own, 1 };
    client_connects(*scene, "m1", true);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        client_sends(*scene, "m1", M(REGISTER, .message_id = 1, .tail = TEXT(bad[i])));
        client_receives(*scene, "m1",
                        M(REGACK, .message_id = 1, .return_code = MQTTSN_NOT_SUPPORTED));
        dropped(*scene, strcmp(bad[i], "not/mine") == 0 ? DROP_FORBIDDEN : DROP_INVALID_TOPIC);
    }
}

static void a_full_table_is_congestion(void **scene) /* SN-REG-4, SN-TOP-9, SN-CNG-3 */
{
    ((struct scene *)*scene)->limits.topics = 2;
    client_connects(*scene, "m1", true);
    client_registers(*scene, "m1", "a");
    client_registers(*scene, "m1", "b");
    client_sends(*scene, "m1", M(REGISTER, .message_id = 1, .tail = TEXT("c")));
    client_receives(*scene, "m1", M(REGACK, .message_id = 1, .return_code = MQTTSN_CONGESTION));
    dropped(*scene, DROP_CONGESTION);
    client_registers(*scene, "m1", "a");
}

static void an_id_of_one_client_is_not_valid_for_another(void **scene) /* SN-TOP-1 */
{
    client_connects(*scene, "m1", true);
    uint16_t id = client_registers(*scene, "m1", "a/b");
    client_connects(*scene, "m2", true);
    client_sends(*scene, "m2", M(PUBLISH, .qos = 1, .topic_id = id, .message_id = 1));
    client_receives(
        *scene, "m2",
        M(PUBACK, .topic_id = id, .message_id = 1, .return_code = MQTTSN_INVALID_TOPIC_ID));
    dropped(*scene, DROP_INVALID_TOPIC);
}

/* ---- which topic ------------------------------------------------------------------------------------------------- */

static void predefined_and_normal_ids_are_different_spaces(void **scene) /* SN-TOP-4, section 5.3.4 */
{
    client_connects(*scene, "m1", true);
    uint16_t id = client_registers(*scene, "m1", "a/b");
    client_sends(*scene, "m1", M(PUBLISH, .topic_id = id, .tail = TEXT("1")));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("a/b"), .payload = TEXT("1")));
    client_sends(*scene, "m1", M(PUBLISH, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = id));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = id, .return_code = MQTTSN_INVALID_TOPIC_ID));
    dropped(*scene, DROP_INVALID_TOPIC);
}

static void a_clients_own_predefined_topic_comes_before_the_common_one(void **scene) /* SN-TOP-4 */
{
    client_connects(*scene, "m1", true);
    client_connects(*scene, "m2", true);
    client_sends(*scene, "m1", M(PUBLISH, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("m1/alarm")));
    client_sends(*scene, "m2", M(PUBLISH, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("all/alarm")));
    client_sends(*scene, "m2", M(PUBLISH, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 2));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("node/m2")));
}

static void a_short_name_is_its_two_characters(void **scene) /* SN-TOP-6 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1",
                 M(PUBLISH, .topic_id_type = MQTTSN_SHORT, .topic_id = 0x6162, .tail = TEXT("1")));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("ab"), .payload = TEXT("1")));
}

static void a_short_name_that_is_no_topic_is_refused(void **scene) /* SN-TOP-7 */
{
    static const uint16_t bad[] = { 0x612b, 0x2361, 0x6100, 0xc328 };
    client_connects(*scene, "m1", true);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        client_sends(*scene, "m1",
                     M(PUBLISH, .qos = 1, .topic_id_type = MQTTSN_SHORT, .topic_id = bad[i],
                       .message_id = 9));
        client_receives(
            *scene, "m1",
            M(PUBACK, .topic_id = bad[i], .message_id = 9, .return_code = MQTTSN_NOT_SUPPORTED));
        dropped(*scene, DROP_FORBIDDEN);
    }
}

static void an_unknown_id_is_told_at_every_qos(void **scene) /* SN-PUB-4, SN-TOP-2, -5 */
{
    static const uint16_t unknown[] = { 0, 500, 0xFFFF };
    client_connects(*scene, "m1", true);
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        for (uint8_t qos = 0; qos <= 2; qos++)
            for (int type = MQTTSN_NORMAL; type <= MQTTSN_PREDEFINED; type++) {
                uint16_t id = qos > 0 ? 9 : 0;
                client_sends(*scene, "m1",
                             M(PUBLISH, .qos = qos, .topic_id_type = (uint8_t)type,
                               .topic_id = unknown[i], .message_id = id));
                client_receives(*scene, "m1",
                                M(PUBACK, .topic_id = unknown[i], .message_id = id,
                                  .return_code = MQTTSN_INVALID_TOPIC_ID));
                dropped(*scene, DROP_INVALID_TOPIC);
                time_passes(*scene, SECOND); /* at QoS 0 not more than one a second: A34 */
            }
    broker_receives_nothing(*scene);
}

static void the_reserved_topic_id_type_is_not_supported(void **scene) /* SN-FRM-7 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1",
                 M(PUBLISH, .qos = 1, .topic_id_type = MQTTSN_RESERVED, .message_id = 9));
    client_receives(*scene, "m1", M(PUBACK, .message_id = 9, .return_code = MQTTSN_NOT_SUPPORTED));
    dropped(*scene, DROP_FORBIDDEN);
    client_sends(*scene, "m1", M(PUBLISH, .topic_id_type = MQTTSN_RESERVED));
    dropped(*scene, DROP_INVALID_TOPIC);
    nothing_is_sent(*scene);
}

static void a_topic_not_permitted_is_refused_at_every_qos(void **scene) /* SN-PUB-9 */
{
    static const char *const own[] = { "node/{client}" };
    ((struct scene *)*scene)->access.publish = (struct access_filters){ own, 1 };
    client_connects(*scene, "m1", true);
    for (uint8_t qos = 0; qos <= 2; qos++) {
        uint16_t id = qos > 0 ? 9 : 0;
        client_sends(*scene, "m1",
                     M(PUBLISH, .qos = qos, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1,
                       .message_id = id));
        client_receives(
            *scene, "m1",
            M(PUBACK, .topic_id = 1, .message_id = id, .return_code = MQTTSN_NOT_SUPPORTED));
        dropped(*scene, DROP_FORBIDDEN);
    }
    client_sends(*scene, "m1", M(PUBLISH, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 2));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("node/m1")));
}

static void the_prefix_is_put_before_every_topic(void **scene) /* SN-PUB-14 */
{
    struct scene *s = *scene;
    s->prefix = TEXT("site/");
    client_connects(s, "m1", true);
    client_sends(s, "m1", M(PUBLISH, .topic_id_type = MQTTSN_SHORT, .topic_id = 0x6162));
    broker_receives(s, P(PUBLISH, .topic = TEXT("site/ab")));
    client_sends(s, "m1", M(SUBSCRIBE, .message_id = 1, .tail = TEXT("c/d")));
    uint16_t id = broker_receives(s, P(SUBSCRIBE, .topic = TEXT("site/c/d")));
    broker_sends(s, P(SUBACK, .packet_id = id));
    client_receives(s, "m1", M(SUBACK, .topic_id = 3, .message_id = 1));
    broker_publishes(s, "site/c/d", "1", 0, 0);
    client_receives(s, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("1")));
    broker_publishes(s, "other/c/d", "1", 1, 5);
    dropped(s, DROP_OUTSIDE_PREFIX);
    broker_receives(s, P(PUBACK, .packet_id = 5));
}

/* ---- QoS --------------------------------------------------------------------------------------------------------- */

static void retain_and_an_empty_payload_are_passed_on(void **scene) /* SN-PUB-1, -6, -7 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1",
                 M(PUBLISH, .retain = true, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1));
    broker_receives(*scene, P(PUBLISH, .retain = true, .topic = TEXT("m1/alarm")));
}

static void qos_0_with_a_message_id_is_passed_on(void **scene) /* SN-PUB-11 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1",
                 M(PUBLISH, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1, .message_id = 8));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("m1/alarm")));
    nothing_is_sent(*scene);
}

static void qos_1_is_acknowledged_only_after_the_broker(void **scene) /* SN-PUB-2 */
{
    client_connects(*scene, "m1", true);
    uint16_t topic = client_registers(*scene, "m1", "a/b");
    client_sends(*scene, "m1",
                 M(PUBLISH, .qos = 1, .topic_id = topic, .message_id = 7, .tail = TEXT("21.5")));
    uint16_t id =
        broker_receives(*scene, P(PUBLISH, .qos = 1, .topic = TEXT("a/b"), .payload = TEXT("21.5")));
    time_passes(*scene, 59 * SECOND);
    nothing_is_sent(*scene);
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = topic, .message_id = 7));
}

static void qos_2_goes_step_by_step_with_the_broker(void **scene) /* SN-PUB-3 */
{
    client_connects(*scene, "m1", true);
    uint16_t topic = client_registers(*scene, "m1", "a/b");
    client_sends(*scene, "m1",
                 M(PUBLISH, .qos = 2, .topic_id = topic, .message_id = 7, .tail = TEXT("on")));
    uint16_t id =
        broker_receives(*scene, P(PUBLISH, .qos = 2, .topic = TEXT("a/b"), .payload = TEXT("on")));
    nothing_is_sent(*scene);
    broker_sends(*scene, P(PUBREC, .packet_id = id));
    client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    broker_receives_nothing(*scene);
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    broker_receives(*scene, P(PUBREL, .packet_id = id));
    nothing_is_sent(*scene);
    broker_sends(*scene, P(PUBCOMP, .packet_id = id));
    client_receives(*scene, "m1", M(PUBCOMP, .message_id = 7));
}

static void a_broker_without_qos_2_is_hidden_from_the_client(void **scene) /* SN-PUB-5 */
{
    client_connects(*scene, "m1", true);
    uint16_t topic = client_registers(*scene, "m1", "a/b");
    client_sends(*scene, "m1",
                 M(PUBLISH, .qos = 2, .topic_id = topic, .message_id = 7, .tail = TEXT("on")));
    uint16_t id =
        broker_receives(*scene, P(PUBLISH, .qos = 2, .topic = TEXT("a/b"), .payload = TEXT("on")));
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    client_receives(*scene, "m1", M(PUBCOMP, .message_id = 7));
    broker_receives_nothing(*scene);
}

static void pubrel_of_an_unknown_id_is_answered(void **scene) /* SN-PUB-8 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(PUBREL, .message_id = 99));
    client_receives(*scene, "m1", M(PUBCOMP, .message_id = 99));
    broker_receives_nothing(*scene);
}

static void message_id_0_is_refused_at_qos_1_and_2(void **scene) /* SN-PUB-10 */
{
    client_connects(*scene, "m1", true);
    for (uint8_t qos = 1; qos <= 2; qos++) {
        client_sends(*scene, "m1",
                     M(PUBLISH, .qos = qos, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1));
        client_receives(*scene, "m1", M(PUBACK, .topic_id = 1, .return_code = MQTTSN_NOT_SUPPORTED));
        dropped(*scene, DROP_FORBIDDEN);
    }
    broker_receives_nothing(*scene);
}

/* ---- QoS -1 of a connected client -------------------------------------------------------------------------------- */

static void qos_minus_one_is_forwarded_and_never_answered(void **scene) /* SN-M1-4, -8 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1",
                 M(PUBLISH, .qos = MQTTSN_QOS_MINUS_ONE, .dup = true, .retain = true,
                   .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1, .message_id = 3));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("m1/alarm")));
    client_sends(*scene, "m1", M(PUBLISH, .qos = MQTTSN_QOS_MINUS_ONE, .topic_id = 1));
    dropped(*scene, DROP_QOS_MINUS_ONE_TOPIC); /* SN-M1-2 */
    client_sends(*scene, "m1",
                 M(PUBLISH, .qos = MQTTSN_QOS_MINUS_ONE, .topic_id_type = MQTTSN_PREDEFINED,
                   .topic_id = 50));
    dropped(*scene, DROP_INVALID_TOPIC); /* SN-M1-3 */
    nothing_is_sent(*scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(register_gives_an_id_without_the_broker),
        IN_TRANSPARENT(the_same_topic_keeps_its_id),
        IN_TRANSPARENT(ids_that_are_predefined_are_not_given),
        IN_TRANSPARENT(registers_without_waiting_are_served),
        IN_TRANSPARENT(names_that_are_none_are_refused),
        IN_TRANSPARENT(a_full_table_is_congestion),
        IN_BOTH(an_id_of_one_client_is_not_valid_for_another),
        IN_BOTH(predefined_and_normal_ids_are_different_spaces),
        IN_BOTH(a_clients_own_predefined_topic_comes_before_the_common_one),
        IN_BOTH(a_short_name_is_its_two_characters),
        IN_TRANSPARENT(a_short_name_that_is_no_topic_is_refused),
        IN_TRANSPARENT(an_unknown_id_is_told_at_every_qos),
        IN_TRANSPARENT(the_reserved_topic_id_type_is_not_supported),
        IN_TRANSPARENT(a_topic_not_permitted_is_refused_at_every_qos),
        IN_TRANSPARENT(the_prefix_is_put_before_every_topic),
        IN_BOTH(retain_and_an_empty_payload_are_passed_on),
        IN_TRANSPARENT(qos_0_with_a_message_id_is_passed_on),
        IN_BOTH(qos_1_is_acknowledged_only_after_the_broker),
        IN_BOTH(qos_2_goes_step_by_step_with_the_broker),
        IN_BOTH(a_broker_without_qos_2_is_hidden_from_the_client),
        IN_TRANSPARENT(pubrel_of_an_unknown_id_is_answered),
        IN_TRANSPARENT(message_id_0_is_refused_at_qos_1_and_2),
        IN_BOTH(qos_minus_one_is_forwarded_and_never_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
