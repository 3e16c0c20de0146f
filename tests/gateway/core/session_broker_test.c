/* session_broker_test.c -- the broker is gone, is full, or closes the connection over what a client asks; and what a
 * client repeats because an answer was lost (MQTT-SN 1.2; SN-BRK, SN-CNG, SN-RTX). */
#include "tests/gateway/core/scene.h"

static void a_client_without_its_broker_is_sent_away_after_the_grace(void **scene) /* SN-BRK-1, broker_grace */
{
    ((struct scene *)*scene)->limits.broker_grace = 60 * SECOND;
    client_connects(*scene, "m1", true);
    session_of(*scene, "m1")->keep_alive_s = 0;
    broker_goes_away(*scene);
    time_passes(*scene, 60 * SECOND - 1);
    nothing_is_sent(*scene);
    time_passes(*scene, 1);
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    session_is_gone(*scene, "m1");
}

static void a_sleeper_that_wakes_without_its_broker_is_told_to_connect(void **scene) /* SN-BRK-4 */
{
    client_connects(*scene, "m1", false);
    client_falls_asleep(*scene, "m1", 300);
    broker_goes_away(*scene);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
}

static void a_request_over_which_the_broker_closes_three_times_is_refused(void **scene) /* SN-BRK-7 */
{
    client_connects(*scene, "m1", false);
    client_sends(*scene, "m1", M(SUBSCRIBE, .qos = 1, .message_id = 1, .tail = TEXT("deny")));
    for (int i = 0; i < 2; i++) {
        broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("deny")));
        broker_goes_away(*scene);
        time_passes(*scene, 2 * SECOND);
        broker_returns(*scene, true);
    }
    broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("deny")));
    broker_goes_away(*scene);
    client_receives(*scene, "m1", M(SUBACK, .message_id = 1, .return_code = MQTTSN_NOT_SUPPORTED));
    dropped(*scene, DROP_CLOSED_OVER);
    broker_returns(*scene, true);
    broker_receives_nothing(*scene);
    client_sends(*scene, "m1", M(SUBSCRIBE, .qos = 1, .message_id = 9, .tail = TEXT("deny")));
    client_receives(*scene, "m1", M(SUBACK, .message_id = 9, .return_code = MQTTSN_NOT_SUPPORTED));
    dropped(*scene, DROP_FORBIDDEN);
    broker_receives_nothing(*scene);
}

static void reading(struct scene *s, uint16_t message_id)
{
    client_sends(s, "m1",
                 M(PUBLISH, .qos = 1, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1,
                   .message_id = message_id, .tail = TEXT("x")));
}

static void closes_over_the_reading(struct scene *s, msec lasted)
{
    broker_receives(s, P(PUBLISH, .qos = 1, .dup = lasted > 0, .topic = TEXT("m1/alarm"),
                         .payload = TEXT("x")));
    time_passes(s, lasted);
    broker_goes_away(s);
}

static void a_message_over_which_the_broker_closes_is_refused_and_not_sent_for_ever(void **scene) /* SN-BRK-7 */
{
    client_connects(*scene, "m1", false);
    reading(*scene, 7);
    closes_over_the_reading(*scene, 0);
    for (int i = 0; i < 2; i++) {
        broker_returns(*scene, true);
        closes_over_the_reading(*scene, 1 * SECOND);
    }
    client_receives(*scene, "m1",
                    M(PUBACK, .topic_id = 1, .message_id = 7, .return_code = MQTTSN_NOT_SUPPORTED));
    dropped(*scene, DROP_CLOSED_OVER);
    broker_returns(*scene, true);
    broker_receives_nothing(*scene);
    reading(*scene, 8); /* the same kind again: it does not close the connection for the others again */
    client_receives(*scene, "m1",
                    M(PUBACK, .topic_id = 1, .message_id = 8, .return_code = MQTTSN_NOT_SUPPORTED));
    dropped(*scene, DROP_CLOSED_OVER);
    time_passes(*scene, 30 * SECOND);
}

static void a_connection_that_lasted_did_not_die_of_its_oldest_message(void **scene)
{
    client_connects(*scene, "m1", false);
    session_of(*scene, "m1")->keep_alive_s = 3600;
    reading(*scene, 7);
    closes_over_the_reading(*scene, 0);
    for (int i = 0; i < 5; i++) {
        broker_returns(*scene, true);
        closes_over_the_reading(*scene, 6 * SECOND);
    }
    nothing_is_sent(*scene);
}

static void a_gateway_that_was_full_takes_more_only_when_there_is_room_again(void **scene) /* SN-CNG-4 */
{
    client_connects(*scene, "m1", true);
    struct upstream *u = session_of(*scene, "m1")->upstream;
    struct mqttsn_message m = M(PUBLISH, .qos = 1, .topic_id_type = MQTTSN_PREDEFINED,
                                .topic_id = 1, .message_id = 1, .tail = TEXT("x"));
    u->waiting = 950 << 10; /* of 1024 KiB: above 90 % */
    client_sends(*scene, "m1", m);
    client_receives(*scene, "m1",
                    M(PUBACK, .topic_id = 1, .message_id = 1, .return_code = MQTTSN_CONGESTION));
    dropped(*scene, DROP_CONGESTION);
    u->waiting = 800 << 10; /* still above 70 % */
    client_sends(*scene, "m1", m);
    client_receives(*scene, "m1",
                    M(PUBACK, .topic_id = 1, .message_id = 1, .return_code = MQTTSN_CONGESTION));
    dropped(*scene, DROP_CONGESTION);
    u->waiting = 700 << 10;
    client_sends(*scene, "m1", m);
    broker_receives(*scene, P(PUBLISH, .qos = 1, .topic = TEXT("m1/alarm"), .payload = TEXT("x")));
}

static void a_short_sleep_is_not_over_while_the_client_is_awake(void **scene) /* SN-SLP-6, -10 */
{
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "lamp/1", 1);
    client_falls_asleep(*scene, "m1", 10);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
    time_passes(*scene, 30 * SECOND); /* three times more, with T_RETRY 10 s */
    for (int i = 0; i < 3; i++)
        client_receives(
            *scene, "m1",
            M(PUBLISH, .dup = true, .qos = 1, .topic_id = 3, .message_id = id, .tail = TEXT("on")));
    session_is(*scene, "m1", SESSION_AWAKE);
}

static void the_time_between_retransmissions_grows_if_so_set(void **scene) /* SN-RTX-3 */
{
    struct scene *s = *scene;
    s->limits.retry_factor = 200;
    client_connects(s, "m1", true);
    uint16_t lamp = client_subscribes(s, "m1", "lamp/1", 1);
    broker_publishes(s, "lamp/1", "on", 1, 7);
    uint16_t id =
        client_receives(s, "m1", M(PUBLISH, .qos = 1, .topic_id = lamp, .tail = TEXT("on")));
    for (msec wait = 10; wait <= 20; wait *= 2) { /* give or take a tenth */
        time_passes(s, wait * SECOND * 89 / 100);
        nothing_is_sent(s);
        time_passes(s, wait * SECOND * 22 / 100);
        client_receives(s, "m1",
                        M(PUBLISH, .dup = true, .qos = 1, .topic_id = lamp, .message_id = id,
                          .tail = TEXT("on")));
    }
}

static void a_repeated_will_message_gets_its_connack_again(void **scene) /* SN-RTX-9, SN-CONN-9 */
{
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .will = true, .duration = 60));
    client_receives(*scene, "m1", M(WILLTOPICREQ));
    client_sends(*scene, "m1", M(WILLTOPIC, .tail = TEXT("w")));
    client_receives(*scene, "m1", M(WILLMSGREQ));
    client_sends(*scene, "m1", M(WILLMSG, .tail = TEXT("gone")));
    client_receives(*scene, "m1", M(CONNACK)); /* is lost */
    time_passes(*scene, 10 * SECOND);
    client_sends(*scene, "m1", M(WILLMSG, .tail = TEXT("gone")));
    client_receives(*scene, "m1", M(CONNACK));
    session_is(*scene, "m1", SESSION_ACTIVE);
}

static void a_repeated_empty_will_topic_gets_its_connack_again(void **scene) /* SN-RTX-9, SN-CONN-9 */
{
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .will = true, .duration = 60));
    client_receives(*scene, "m1", M(WILLTOPICREQ));
    for (int i = 0; i < 2; i++) {
        client_sends(*scene, "m1", M(WILLTOPIC, .brief = true));
        client_receives(*scene, "m1", M(CONNACK));
        time_passes(*scene, 10 * SECOND);
    }
}

static void a_subscribe_repeated_after_suback_is_answered_again_without_the_broker(
    void **scene) /* SN-SUB-8, SN-RTX-9 */
{
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "lamp/1", 1); /* message id 90; the SUBACK is lost */
    time_passes(*scene, 10 * SECOND);
    client_sends(*scene, "m1",
                 M(SUBSCRIBE, .dup = true, .qos = 1, .message_id = 90, .tail = TEXT("lamp/1")));
    broker_receives_nothing(*scene);
    dropped(*scene, DROP_ANSWERED_BEFORE);
    client_receives(*scene, "m1", M(SUBACK, .qos = 1, .topic_id = 3, .message_id = 90));
}

static void congestion_at_qos_0_pauses_too(void **scene) /* SN-DLV-10 */
{
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "lamp/1", 0);
    session_of(*scene, "m1")->keep_alive_s = 0;
    broker_publishes(*scene, "lamp/1", "1", 0, 0);
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("1")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .return_code = MQTTSN_CONGESTION));
    broker_publishes(*scene, "lamp/1", "2", 0, 0);
    nothing_is_sent(*scene);
    time_passes(*scene, 300 * SECOND);
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("2")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TRANSPARENT(a_client_without_its_broker_is_sent_away_after_the_grace),
        IN_TRANSPARENT(a_sleeper_that_wakes_without_its_broker_is_told_to_connect),
        IN_TRANSPARENT(a_request_over_which_the_broker_closes_three_times_is_refused),
        IN_BOTH(a_message_over_which_the_broker_closes_is_refused_and_not_sent_for_ever),
        IN_TRANSPARENT(a_connection_that_lasted_did_not_die_of_its_oldest_message),
        IN_BOTH(a_gateway_that_was_full_takes_more_only_when_there_is_room_again),
        IN_BOTH(a_short_sleep_is_not_over_while_the_client_is_awake),
        IN_BOTH(the_time_between_retransmissions_grows_if_so_set),
        IN_BOTH(congestion_at_qos_0_pauses_too),
        IN_AGGREGATE(a_repeated_will_message_gets_its_connack_again),
        IN_AGGREGATE(a_repeated_empty_will_topic_gets_its_connack_again),
        IN_BOTH(a_subscribe_repeated_after_suback_is_answered_again_without_the_broker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
