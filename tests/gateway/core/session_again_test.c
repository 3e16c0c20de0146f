/* session_again_test.c -- to a client that is silent, gone or too small: retransmission, reconnects, sizes and queue
 * limits (MQTT-SN 1.2, sections 6.10, 6.13; SN-RTX, SN-TOP-3, SN-DLV-4, -13, SN-FRM-9). */
#include "tests/gateway/core/scene.h"

static void client_is_there(void *scene, const char *filter, uint8_t qos)
{
    client_connects(scene, "m1", true);
    client_subscribes(scene, "m1", filter, qos);
    session_of(scene, "m1")->keep_alive_s = 0; /* silence is what these scenes are about */
}

/* ---- retransmission ---------------------------------------------------------------------------------------------- */

static void a_message_is_sent_four_times_and_then_waits(void **scene) /* SN-RTX-1, -2, -4 */
{
    struct mqttsn_message on = M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on"));
    client_is_there(*scene, "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    on.message_id = client_receives(*scene, "m1", on);
    on.dup = true;
    for (int i = 0; i < 3; i++) {
        time_passes(*scene, 10 * SECOND - 1);
        nothing_is_sent(*scene);
        time_passes(*scene, 1);
        client_receives(*scene, "m1", on);
    }
    time_passes(*scene, 3600 * SECOND);
    nothing_is_sent(*scene);
    broker_receives_nothing(*scene);
    session_is(*scene, "m1", SESSION_ACTIVE);
    client_sends(*scene, "m1", M(PINGREQ)); /* it is there again */
    client_receives(*scene, "m1", M(PINGRESP));
    client_receives(*scene, "m1", on);
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = on.message_id));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
}

static void register_is_repeated_as_it_was(void **scene) /* SN-REG-11, SN-RTX-2 */
{
    struct mqttsn_message ask = M(REGISTER, .topic_id = 3, .tail = TEXT("cmd/7"));
    client_is_there(*scene, "cmd/#", 0);
    broker_publishes(*scene, "cmd/7", "go", 0, 0);
    ask.message_id = client_receives(*scene, "m1", ask);
    for (int i = 0; i < 3; i++) {
        time_passes(*scene, 10 * SECOND);
        client_receives(*scene, "m1", ask);
    }
    time_passes(*scene, 60 * SECOND);
    nothing_is_sent(*scene);
}

static void pubrel_is_repeated_until_pubcomp(void **scene) /* SN-RTX-1, -2 */
{
    client_is_there(*scene, "lamp/1", 2);
    broker_publishes(*scene, "lamp/1", "on", 2, 40);
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 2, .topic_id = 3, .tail = TEXT("on")));
    time_passes(*scene, 10 * SECOND);
    client_receives(
        *scene, "m1",
        M(PUBLISH, .qos = 2, .dup = true, .topic_id = 3, .message_id = id, .tail = TEXT("on")));
    client_sends(*scene, "m1", M(PUBREC, .message_id = id));
    client_receives(*scene, "m1", M(PUBREL, .message_id = id));
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    for (int i = 0; i < 3; i++) {
        time_passes(*scene, 10 * SECOND);
        client_receives(*scene, "m1", M(PUBREL, .message_id = id));
    }
    time_passes(*scene, 60 * SECOND);
    nothing_is_sent(*scene);
}

static void a_late_acknowledgement_counts(void **scene) /* SN-RTX-10 */
{
    client_is_there(*scene, "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
    time_passes(*scene, 12 * SECOND);
    client_receives(
        *scene, "m1",
        M(PUBLISH, .qos = 1, .dup = true, .topic_id = 3, .message_id = id, .tail = TEXT("on")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    time_passes(*scene, 60 * SECOND);
    nothing_is_sent(*scene);
}

/* ---- which kind of id -------------------------------------------------------------------------------------------- */

static void a_topic_of_two_characters_goes_as_short_name(void **scene) /* SN-DLV-4 */
{
    client_is_there(*scene, "#", 0);
    broker_publishes(*scene, "ab", "1", 0, 0);
    client_receives(*scene, "m1",
                    M(PUBLISH, .topic_id_type = MQTTSN_SHORT, .topic_id = 0x6162, .tail = TEXT("1")));
    client_registers(*scene, "m1", "ab");
    broker_publishes(*scene, "ab", "2", 0, 0);
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("2")));
}

static void a_topic_of_one_character_gets_a_normal_id(void **scene) /* SN-DLV-5 */
{
    client_is_there(*scene, "#", 0);
    broker_publishes(*scene, "a", "1", 0, 0);
    client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("a")));
}

/* ---- too large, too many ----------------------------------------------------------------------------------------- */

static void what_the_radio_cannot_carry_is_abandoned_and_acknowledged(void **scene) /* SN-FRM-9 */
{
    char large[55] = { 0 };
    ((struct scene *)*scene)->max_message = 60;
    client_is_there(*scene, "lamp/1", 2);
    memset(large, 'x', 54); /* 7 octets and 54 are 61 */
    for (uint8_t qos = 0; qos <= 2; qos++) {
        broker_publishes(*scene, "lamp/1", large, qos, qos);
        dropped(*scene, DROP_TOO_LARGE);
    }
    broker_receives(*scene, P(PUBACK, .packet_id = 1));
    broker_receives(*scene, P(PUBREC, .packet_id = 2));
    nothing_is_sent(*scene);
    large[53] = '\0';
    broker_publishes(*scene, "lamp/1", large, 0, 0);
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT(large)));
}

static void a_name_too_long_to_register_is_abandoned(void **scene) /* SN-FRM-9 */
{
    char name[56] = { 0 };
    ((struct scene *)*scene)->max_message = 60;
    client_is_there(*scene, "#", 1);
    memset(name, 'n', 55);
    broker_publishes(*scene, name, "1", 1, 40);
    dropped(*scene, DROP_TOO_LARGE);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    name[54] = '\0';
    broker_publishes(*scene, name, "1", 0, 0);
    client_receives(*scene, "m1", M(REGISTER, .topic_id = 4, .tail = TEXT(name)));
}

static void the_long_length_counts_too(void **scene) /* SN-FRM-3, -9 */
{
    char payload[252] = { 0 };
    ((struct scene *)*scene)->max_message = 257;
    client_is_there(*scene, "lamp/1", 0);
    memset(payload, 'x', 249);
    broker_publishes(*scene, "lamp/1", payload, 0,
                     0); /* 7 + 249 = 256, with two more octets of length 258 */
    dropped(*scene, DROP_TOO_LARGE);
    payload[248] = '\0';
    broker_publishes(*scene, "lamp/1", payload, 0, 0);
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT(payload)));
}

static void no_id_left_is_counted_and_acknowledged(void **scene) /* SN-TOP-9 */
{
    client_is_there(*scene, "cmd/#", 1);
    ((struct scene *)*scene)->limits.topics = 0;
    broker_publishes(*scene, "cmd/7", "go", 1, 40);
    dropped(*scene, DROP_NO_TOPIC_ID);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
}

static void a_full_queue_drops_the_oldest_qos_0(void **scene) /* SN-DLV-13, SN-SLP-11 */
{
    struct scene *s = *scene;
    s->limits.queue_messages = 2;
    client_is_there(s, "lamp/1", 1);
    broker_publishes(s, "lamp/1", "open", 1, 40);
    uint16_t id = client_receives(s, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("open")));
    broker_publishes(s, "lamp/1", "1", 1, 41);
    broker_publishes(s, "lamp/1", "2", 0, 0);
    broker_publishes(s, "lamp/1", "3", 0, 0);
    dropped(s, DROP_OLDEST);
    client_sends(s, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(s, P(PUBACK, .packet_id = 40));
    id = client_receives(s, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("1")));
    client_sends(s, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(s, P(PUBACK, .packet_id = 41));
    client_receives(s, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("3")));
}

static void what_waited_too_long_is_dropped_and_acknowledged(void **scene) /* limits.sleep_queue.ttl */
{
    struct scene *s = *scene;
    s->limits.queue_ttl = 100 * SECOND;
    client_is_there(s, "lamp/1", 1);
    client_falls_asleep(s, "m1", 300);
    broker_publishes(s, "lamp/1", "old", 1, 40);
    time_passes(s, 100 * SECOND + 1);
    broker_publishes(s, "lamp/1", "new", 0, 0);
    client_sends(s, "m1", M(PINGREQ, .tail = TEXT("m1")));
    dropped(s, DROP_EXPIRED);
    broker_receives(s, P(PUBACK, .packet_id = 40));
    client_receives(s, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("new")));
    client_receives(s, "m1", M(PINGRESP));
}

/* ---- after a new connection -------------------------------------------------------------------------------------- */

static void after_a_reconnect_ids_are_registered_again_before_delivery(void **scene) /* SN-TOP-3, SN-REG-7, A13 */
{
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "lamp/1", 0);
    time_passes(*scene, 41 * SECOND);
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    broker_receives(*scene, P(DISCONNECT));
    client_sends(*scene, "m1", M(CONNECT, .duration = 60));
    broker_accepts(*scene, "m1", false, true);
    client_receives(*scene, "m1", M(CONNACK));
    client_sends(*scene, "m1",
                 M(PUBLISH, .topic_id = 3, .tail = TEXT("mine"))); /* its own use needs nothing */
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("lamp/1"), .payload = TEXT("mine")));
    broker_publishes(*scene, "lamp/1", "on", 0, 0);
    uint16_t id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("lamp/1")));
    client_sends(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = id));
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("on")));
}

static void a_pubrec_from_before_the_reconnect_counts_while_its_topic_is_registered(
    void **scene) /* SN-TOP-3, SN-DLV-6 */
{
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "lamp/1", 2);
    broker_publishes(*scene, "lamp/1", "on", 2, 40);
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 2, .topic_id = 3, .tail = TEXT("on")));
    time_passes(*scene, 41 * SECOND);
    client_receives(
        *scene, "m1",
        M(PUBLISH, .dup = true, .qos = 2, .topic_id = 3, .message_id = id, .tail = TEXT("on")));
    client_receives(
        *scene, "m1",
        M(PUBLISH, .dup = true, .qos = 2, .topic_id = 3, .message_id = id, .tail = TEXT("on")));
    client_receives(
        *scene, "m1",
        M(PUBLISH, .dup = true, .qos = 2, .topic_id = 3, .message_id = id, .tail = TEXT("on")));
    client_sends(*scene, "m1", M(CONNECT, .duration = 60));
    broker_receives(*scene, P(DISCONNECT));
    broker_accepts(*scene, "m1", false, true);
    client_receives(*scene, "m1", M(CONNACK));
    uint16_t ask = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("lamp/1")));
    client_sends(*scene, "m1", M(PUBREC, .message_id = id));
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    client_receives(*scene, "m1", M(PUBREL, .message_id = id));
    client_sends(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = ask));
    dropped(*scene, DROP_UNEXPECTED);
    client_sends(*scene, "m1", M(PUBCOMP, .message_id = id));
    nothing_is_sent(*scene);
}

static void messages_for_a_client_that_is_away_wait_and_qos_0_does_not(void **scene) /* SN-SES-4, SN-GW-7 */
{
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "ab", 1);
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    broker_publishes(*scene, "ab", "0", 0, 0);
    dropped(*scene, DROP_NOT_CONNECTED);
    broker_publishes(*scene, "ab", "1", 1, 40);
    nothing_is_sent(*scene);
    client_sends(*scene, "m1", M(CONNECT, .duration = 60));
    client_receives(*scene, "m1", M(CONNACK));
    uint16_t id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("ab")));
    client_sends(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = id));
    id = client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("1")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
}

static void a_clean_connect_deletes_what_waits_and_acknowledges_it(void **scene) /* SN-SES-5 */
{
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "1", 1, 40);
    client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("1")));
    broker_publishes(*scene, "lamp/1", "2", 1, 41);
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    dropped(*scene, DROP_SESSION_ENDED);
    dropped(*scene, DROP_SESSION_ENDED);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    broker_receives(*scene, P(PUBACK, .packet_id = 41));
    uint16_t id = broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("lamp/1")));
    client_receives(*scene, "m1", M(CONNACK));
    broker_sends(*scene, P(UNSUBACK, .packet_id = id));
    nothing_is_sent(*scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(a_message_is_sent_four_times_and_then_waits),
        IN_BOTH(register_is_repeated_as_it_was),
        IN_TRANSPARENT(pubrel_is_repeated_until_pubcomp),
        IN_BOTH(a_late_acknowledgement_counts),
        IN_BOTH(a_topic_of_two_characters_goes_as_short_name),
        IN_TRANSPARENT(a_topic_of_one_character_gets_a_normal_id),
        IN_BOTH(what_the_radio_cannot_carry_is_abandoned_and_acknowledged),
        IN_BOTH(a_name_too_long_to_register_is_abandoned),
        IN_TRANSPARENT(the_long_length_counts_too),
        IN_BOTH(no_id_left_is_counted_and_acknowledged),
        IN_BOTH(a_full_queue_drops_the_oldest_qos_0),
        IN_BOTH(what_waited_too_long_is_dropped_and_acknowledged),
        IN_TRANSPARENT(after_a_reconnect_ids_are_registered_again_before_delivery),
        IN_TRANSPARENT(a_pubrec_from_before_the_reconnect_counts_while_its_topic_is_registered),
        IN_AGGREGATE(messages_for_a_client_that_is_away_wait_and_qos_0_does_not),
        IN_AGGREGATE(a_clean_connect_deletes_what_waits_and_acknowledges_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
