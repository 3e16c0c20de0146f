/* session_order_test.c -- the order of messages, what may be outstanding at once, and texts that are none (MQTT-SN 1.2,
 * sections 5.3.12, 6.5 to 6.10; SN-DLV, SN-RTX-6, SN-FRM-10, SN-GW-9). */
#include "tests/gateway/core/scene.h"

#include <stdio.h>

/* ---- down -------------------------------------------------------------------------------------------------------- */

static void a_hundred_messages_come_in_order_half_of_them_on_new_topics(void **scene) /* SN-DLV-3 */
{
    char name[16];
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "#", 1);
    for (uint16_t i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "t/%d", i / 2);
        broker_publishes(*scene, name, i % 2 ? "odd" : "even", i % 2, i);
    }
    for (uint16_t i = 0; i < 100; i++) {
        uint16_t topic_id = (uint16_t)(3 + i / 2);
        snprintf(name, sizeof name, "t/%d", i / 2);
        if (i % 2 == 0) {
            uint16_t ask =
                client_receives(*scene, "m1", M(REGISTER, .topic_id = topic_id, .tail = TEXT(name)));
            client_sends(*scene, "m1", M(REGACK, .topic_id = topic_id, .message_id = ask));
            client_receives(*scene, "m1", M(PUBLISH, .topic_id = topic_id, .tail = TEXT("even")));
        } else {
            uint16_t id = client_receives(
                *scene, "m1", M(PUBLISH, .qos = 1, .topic_id = topic_id, .tail = TEXT("odd")));
            client_sends(*scene, "m1", M(PUBACK, .topic_id = topic_id, .message_id = id));
            broker_receives(*scene, P(PUBACK, .packet_id = i));
        }
    }
}

static void on_an_own_connection_overlapping_filters_are_the_broker_s(void **scene) /* SN-DLV-12, transparent */
{
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "a/b", 0);
    client_subscribes(*scene, "m1", "a/#", 0);
    for (int i = 0; i < 2; i++) {
        broker_publishes(*scene, "a/b", "x", 0, 0);
        client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("x")));
    }
}

static void a_slow_active_client_leaves_qos_1_with_the_broker(void **scene) /* SN-DLV-13 */
{
    ((struct scene *)*scene)->limits.queue_messages = 1;
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "1", 1, 41);
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("1")));
    broker_publishes(*scene, "lamp/1", "2", 1, 42);
    broker_publishes(*scene, "lamp/1", "3", 1, 43);
    found_no_room(*scene);
    broker_receives_nothing(*scene);
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 41));
    id = client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("2")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 42));
    broker_receives_nothing(*scene); /* nor is the third acknowledged ... */
    broker_goes_away(*scene);
    broker_returns(*scene, true); /* ... so it comes again on a new connection */
    broker_sends(*scene, P(PUBLISH, .dup = true, .qos = 1, .packet_id = 43, .topic = TEXT("lamp/1"),
                           .payload = TEXT("3")));
    client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("3")));
}

static void a_lower_granted_qos_bounds_what_is_delivered(void **scene) /* SN-SUB-7 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(SUBSCRIBE, .qos = 2, .message_id = 9, .tail = TEXT("lamp/1")));
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .qos = 2, .topic = TEXT("lamp/1")));
    broker_sends(*scene, P(SUBACK, .packet_id = id, .code = 0));
    client_receives(*scene, "m1", M(SUBACK, .topic_id = 3, .message_id = 9));
    round_ends(*scene);
    broker_publishes(*scene, "lamp/1", "on", 1, 40); /* another holder's grant may bring it */
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("on")));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
}

static void a_refused_name_comes_again_after_subscribe(void **scene) /* SN-REG-9 */
{
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "cmd/#", 0);
    broker_publishes(*scene, "cmd/7", "go", 0, 0);
    uint16_t id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("cmd/7")));
    client_sends(*scene, "m1",
                 M(REGACK, .topic_id = 3, .message_id = id, .return_code = MQTTSN_INVALID_TOPIC_ID));
    dropped(*scene, DROP_REFUSED_BY_CLIENT);
    broker_publishes(*scene, "cmd/7", "go", 0, 0);
    dropped(*scene, DROP_REFUSED_BY_CLIENT);
    assert_int_equal(client_subscribes(*scene, "m1", "cmd/7", 0), 3);
    broker_publishes(*scene, "cmd/7", "go", 0, 0);
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("go")));
}

static void messages_queued_before_unsubscribe_end_well(void **scene) /* SN-UNS-3 */
{
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "1", 1, 40);
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("1")));
    broker_publishes(*scene, "lamp/1", "2", 1, 41);
    client_sends(*scene, "m1", M(UNSUBSCRIBE, .message_id = 8, .tail = TEXT("lamp/1")));
    uint16_t u = broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("lamp/1")));
    broker_sends(*scene, P(UNSUBACK, .packet_id = u));
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 8));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    id = client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("2")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 41));
}

static void a_pubrec_for_qos_1_does_not_acknowledge_it(void **scene) /* SN-DLV-6, -7 */
{
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "1", 1, 40);
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("1")));
    client_sends(*scene, "m1", M(PUBREC, .message_id = id));
    client_receives(*scene, "m1", M(PUBREL, .message_id = id));
    broker_receives_nothing(*scene);
    client_sends(*scene, "m1", M(PUBCOMP, .message_id = id));
    dropped(*scene, DROP_UNEXPECTED);
    client_sends(*scene, "m1", M(PUBACK, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
}

/* ---- up ---------------------------------------------------------------------------------------------------------- */

static void requests_of_all_kinds_may_be_under_way_at_once(void **scene) /* SN-RTX-6, A12 */
{
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "old/1", 0);
    client_sends(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .message_id = 1));
    client_sends(*scene, "m1", M(PUBLISH, .qos = 2, .topic_id = 3, .message_id = 2));
    client_sends(*scene, "m1", M(SUBSCRIBE, .message_id = 3, .tail = TEXT("new/1")));
    client_sends(*scene, "m1", M(SUBSCRIBE, .message_id = 4, .tail = TEXT("new/2")));
    client_sends(*scene, "m1", M(UNSUBSCRIBE, .message_id = 5, .tail = TEXT("old/1")));
    uint16_t one = broker_receives(*scene, P(PUBLISH, .qos = 1, .topic = TEXT("old/1")));
    uint16_t two = broker_receives(*scene, P(PUBLISH, .qos = 2, .topic = TEXT("old/1")));
    uint16_t three = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("new/1")));
    uint16_t four = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("new/2")));
    uint16_t five = broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("old/1")));
    client_registers(*scene, "m1", "a/b");
    broker_sends(*scene, P(UNSUBACK, .packet_id = five));
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 5));
    broker_sends(*scene, P(SUBACK, .packet_id = four));
    client_receives(*scene, "m1", M(SUBACK, .topic_id = 5, .message_id = 4));
    broker_sends(*scene, P(SUBACK, .packet_id = three));
    client_receives(*scene, "m1", M(SUBACK, .topic_id = 4, .message_id = 3));
    broker_sends(*scene, P(PUBREC, .packet_id = two));
    client_receives(*scene, "m1", M(PUBREC, .message_id = 2));
    broker_sends(*scene, P(PUBACK, .packet_id = one));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = 1));
}

static void a_release_under_way_goes_on_after_a_reconnect(void **scene) /* SN-BRK-5 */
{
    client_connects(*scene, "m1", false);
    client_sends(*scene, "m1",
                 M(PUBLISH, .qos = 2, .topic_id_type = 1, .topic_id = 1, .message_id = 7));
    uint16_t id = broker_receives(*scene, P(PUBLISH, .qos = 2, .topic = TEXT("m1/alarm")));
    broker_sends(*scene, P(PUBREC, .packet_id = id));
    client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    broker_receives(*scene, P(PUBREL, .packet_id = id));
    broker_goes_away(*scene);
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    broker_returns(*scene, true);
    broker_receives(*scene, P(PUBREL, .packet_id = id));
    broker_sends(*scene, P(PUBCOMP, .packet_id = id));
    client_receives(*scene, "m1", M(PUBCOMP, .message_id = 7));
}

static void message_ids_are_translated(void **scene) /* SN-GW-9 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1",
                 M(PUBLISH, .qos = 1, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 2,
                   .message_id = 0xBEEF));
    uint16_t id = broker_receives(*scene, P(PUBLISH, .qos = 1, .topic = TEXT("node/m1")));
    assert_int_not_equal(id, 0xBEEF);
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 2, .message_id = 0xBEEF));
    client_subscribes(*scene, "m1", "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 0xBEEF);
    id = client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
    assert_int_not_equal(id, 0xBEEF);
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 0xBEEF));
}

/* ---- texts that are none ----------------------------------------------------------------------------------------- */

static void names_with_u_0000_are_refused(void **scene) /* SN-FRM-10, SN-REG-5, SN-SUB-6, SN-WILL-9 */
{
    const struct span name = span_of("a\0b", 3);
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(REGISTER, .message_id = 1, .tail = name));
    client_receives(*scene, "m1", M(REGACK, .message_id = 1, .return_code = MQTTSN_NOT_SUPPORTED));
    dropped(*scene, DROP_INVALID_TOPIC);
    client_sends(*scene, "m1", M(SUBSCRIBE, .message_id = 2, .tail = name));
    client_receives(*scene, "m1", M(SUBACK, .message_id = 2, .return_code = MQTTSN_NOT_SUPPORTED));
    dropped(*scene, DROP_FORBIDDEN);
    client_sends(*scene, "m1", M(UNSUBSCRIBE, .message_id = 3, .tail = name));
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 3));
    client_sends(*scene, "m1", M(WILLTOPICUPD, .tail = name));
    client_receives(*scene, "m1", M(WILLTOPICRESP, .return_code = MQTTSN_NOT_SUPPORTED));
    broker_receives_nothing(*scene);
}

static void a_short_name_that_is_none_is_dropped_where_nobody_waits(void **scene) /* SN-TOP-7, SN-FRM-7 */
{
    static const uint16_t bad[] = { 0x2b61, 0x6100 };
    client_connects(*scene, "m1", true);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        client_sends(*scene, "m1", M(PUBLISH, .topic_id_type = MQTTSN_SHORT, .topic_id = bad[i]));
        dropped(*scene, DROP_INVALID_TOPIC);
        client_sends(*scene, "m1",
                     M(PUBLISH, .qos = MQTTSN_QOS_MINUS_ONE, .topic_id_type = MQTTSN_SHORT,
                       .topic_id = bad[i]));
        dropped(*scene, DROP_FORBIDDEN);
    }
    nothing_is_sent(*scene);
    broker_receives_nothing(*scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(a_hundred_messages_come_in_order_half_of_them_on_new_topics),
        IN_TRANSPARENT(on_an_own_connection_overlapping_filters_are_the_broker_s),
        IN_TRANSPARENT(a_slow_active_client_leaves_qos_1_with_the_broker),
        IN_AGGREGATE(a_lower_granted_qos_bounds_what_is_delivered),
        IN_BOTH(a_refused_name_comes_again_after_subscribe),
        IN_TRANSPARENT(requests_of_all_kinds_may_be_under_way_at_once),
        IN_BOTH(messages_queued_before_unsubscribe_end_well),
        IN_BOTH(a_pubrec_for_qos_1_does_not_acknowledge_it),
        IN_BOTH(a_release_under_way_goes_on_after_a_reconnect),
        IN_BOTH(message_ids_are_translated),
        IN_BOTH(names_with_u_0000_are_refused),
        IN_BOTH(a_short_name_that_is_none_is_dropped_where_nobody_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
