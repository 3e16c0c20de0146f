/* aggregate_rounds_test.c -- clients that come, ask again and go while the broker is being asked (SN-GW-5, SN-UNS-4).
 *
 * A round of a filter belongs to nobody: whoever leaves in the middle of it must not take the others' answer along. */
#include "tests/gateway/core/scene.h"

static void client_asks(void *scene, const char *who, uint16_t message_id, uint8_t qos)
{
    client_sends(scene, who, M(SUBSCRIBE, .qos = qos, .message_id = message_id, .tail = TEXT("ab")));
}

static void a_filter_asked_for_again_before_suback_is_answered(void **scene) /* SN-SUB-2, -10 */
{
    client_connects(*scene, "m1", true);
    client_asks(*scene, "m1", 1, 0);
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    time_passes(*scene, 10 * SECOND);
    client_receives(*scene, "m1", M(SUBACK, .message_id = 1, .return_code = MQTTSN_CONGESTION));
    dropped(*scene, DROP_CONGESTION);
    client_asks(*scene, "m1", 2, 0);
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    round_ends(*scene);
    id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(SUBACK, .topic_id = 3, .message_id = 2));
    round_ends(*scene);
}

static void who_waits_is_served_when_the_asker_leaves(void **scene) /* SN-GW-5 */
{
    client_connects(*scene, "m1", true);
    client_connects(*scene, "m2", true);
    client_asks(*scene, "m1", 1, 0);
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    client_asks(*scene, "m2", 2, 0);
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    round_ends(*scene);
    id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    client_receives(*scene, "m2", M(SUBACK, .topic_id = 3, .message_id = 2));
    round_ends(*scene);
}

static void who_waits_is_served_when_the_asker_unsubscribes(void **scene) /* SN-GW-5, SN-UNS-4 */
{
    client_connects(*scene, "m1", true);
    client_connects(*scene, "m2", true);
    client_asks(*scene, "m1", 1, 0);
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    client_asks(*scene, "m2", 2, 0);
    client_sends(*scene, "m1", M(UNSUBSCRIBE, .message_id = 8, .tail = TEXT("ab")));
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 8));
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    round_ends(*scene);
    id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    client_receives(*scene, "m2", M(SUBACK, .topic_id = 3, .message_id = 2));
    round_ends(*scene);
}

static void who_shares_a_round_is_served_when_another_leaves(void **scene) /* SN-GW-5 */
{
    client_connects(*scene, "m1", true);
    client_connects(*scene, "m2", true);
    client_connects(*scene, "m3", true);
    client_subscribes(*scene, "m1", "ab", 0);
    client_sends(*scene, "m2", M(SUBSCRIBE, .message_id = 2, .tail = TEXT("ab")));
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    client_asks(*scene, "m3", 3, 0);
    client_asks(*scene, "m1", 4, 0);
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    client_receives(*scene, "m2", M(SUBACK, .topic_id = 3, .message_id = 2));
    round_ends(*scene);
    id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab"))); /* for m1 and m3 */
    client_sends(*scene, "m3", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m3", M(DISCONNECT, .brief = true));
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(SUBACK, .topic_id = 3, .message_id = 4));
    round_ends(*scene);
    nothing_is_sent(*scene);
}

static void who_waits_is_asked_for_after_a_refusal(void **scene) /* SN-SUB-6 */
{
    client_connects(*scene, "m1", true);
    client_connects(*scene, "m2", true);
    client_asks(*scene, "m1", 1, 2);
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .qos = 2, .topic = TEXT("ab")));
    client_asks(*scene, "m2", 2, 0);
    broker_sends(*scene, P(SUBACK, .packet_id = id, .code = MQTT_REFUSED));
    client_receives(*scene, "m1", M(SUBACK, .message_id = 1, .return_code = MQTTSN_NOT_SUPPORTED));
    id = broker_receives(*scene, P(SUBSCRIBE, .qos = 2, .topic = TEXT("ab")));
    broker_sends(*scene, P(SUBACK, .packet_id = id, .code = 2));
    client_receives(*scene, "m2", M(SUBACK, .topic_id = 3, .message_id = 2));
    round_ends(*scene);
}

static void a_message_reaches_who_still_waits_for_suback(void **scene) /* SN-DLV-14 */
{
    client_connects(*scene, "m1", true);
    client_connects(*scene, "m2", true);
    client_subscribes(*scene, "m1", "ab", 0);
    client_asks(*scene, "m2", 2, 0);
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    broker_publishes(*scene, "ab", "1", 0, 0);
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("1")));
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    client_receives(*scene, "m2", M(SUBACK, .topic_id = 3, .message_id = 2));
    client_receives(*scene, "m2", M(PUBLISH, .topic_id = 3, .tail = TEXT("1")));
    round_ends(*scene);
}

static void the_last_one_may_leave_in_the_middle_of_a_round(void **scene) /* SN-UNS-4 */
{
    client_connects(*scene, "m1", true);
    client_connects(*scene, "m2", true);
    client_asks(*scene, "m1", 1, 0);
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    uint16_t end = broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("ab")));
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    broker_sends(*scene, P(UNSUBACK, .packet_id = end));
    client_subscribes(*scene, "m2", "ab", 1);
    assert_int_equal(session_of(*scene, "m2")->upstream->mqtt.flights.count, 0);
}

static void a_will_of_qos_0_waits_for_the_shared_connection_too(void **scene) /* SN-WILL-10, design rule 2 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(WILLTOPICUPD, .tail = TEXT("w")));
    client_receives(*scene, "m1", M(WILLTOPICRESP));
    broker_goes_away(*scene);
    time_passes(*scene, 90 * SECOND);
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    broker_returns(*scene, false);
    broker_receives(*scene, P(PUBLISH, .qos = 1, .topic = TEXT("w")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_AGGREGATE(a_filter_asked_for_again_before_suback_is_answered),
        IN_AGGREGATE(who_waits_is_served_when_the_asker_leaves),
        IN_AGGREGATE(who_waits_is_served_when_the_asker_unsubscribes),
        IN_AGGREGATE(who_shares_a_round_is_served_when_another_leaves),
        IN_AGGREGATE(who_waits_is_asked_for_after_a_refusal),
        IN_AGGREGATE(a_message_reaches_who_still_waits_for_suback),
        IN_AGGREGATE(the_last_one_may_leave_in_the_middle_of_a_round),
        IN_AGGREGATE(a_will_of_qos_0_waits_for_the_shared_connection_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
