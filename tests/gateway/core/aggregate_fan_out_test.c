/* aggregate_fan_out_test.c -- a message for many clients of the shared connection, and that connection breaking
 * (SN-DLV-7, -12, SN-GW-5, SN-BRK-5; design rules 1 and 7). */
#include "tests/gateway/core/scene.h"

static void broker_says(void *scene, const char *payload, uint8_t qos, uint16_t packet_id)
{
    broker_publishes(scene, "ab", payload, qos, packet_id);
}

static uint16_t client_gets(void *scene, const char *who, uint8_t qos, const char *payload)
{
    return client_receives(scene, who, M(PUBLISH, .qos = qos, .topic_id = 3, .tail = TEXT(payload)));
}

static void two_holders(void *scene, uint8_t first_qos, uint8_t second_qos)
{
    client_connects(scene, "m1", false);
    client_connects(scene, "m2", false);
    client_subscribes(scene, "m1", "ab", first_qos);
    client_sends(scene, "m2", M(SUBSCRIBE, .qos = second_qos, .message_id = 9, .tail = TEXT("ab")));
    uint8_t highest = first_qos > second_qos ? first_qos : second_qos;
    uint16_t id = broker_receives(scene, P(SUBSCRIBE, .qos = highest, .topic = TEXT("ab")));
    broker_sends(scene, P(SUBACK, .packet_id = id, .code = highest));
    client_receives(scene, "m2", M(SUBACK, .qos = second_qos, .topic_id = 3, .message_id = 9));
    round_ends(scene);
}

/* ---- fan-out ----------------------------------------------------------------------------------------------------- */

static void each_client_gets_it_at_its_own_qos(void **scene) /* SN-DLV-1, SN-GW-5 */
{
    two_holders(*scene, 0, 2);
    broker_says(*scene, "x", 2, 40);
    broker_receives_nothing(*scene);
    uint16_t id = client_gets(*scene, "m2", 2, "x");
    client_gets(*scene, "m1", 0, "x");
    client_sends(*scene, "m2", M(PUBREC, .message_id = id));
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    client_receives(*scene, "m2", M(PUBREL, .message_id = id));
    broker_sends(*scene, P(PUBREL, .packet_id = 40));
    broker_receives(*scene, P(PUBCOMP, .packet_id = 40));
    client_sends(*scene, "m2", M(PUBCOMP, .message_id = id));
}

static void it_is_acknowledged_when_all_have_taken_it(void **scene) /* SN-DLV-7 */
{
    two_holders(*scene, 1, 1);
    broker_says(*scene, "x", 1, 40);
    uint16_t two = client_gets(*scene, "m2", 1, "x"), one = client_gets(*scene, "m1", 1, "x");
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = one));
    broker_receives_nothing(*scene);
    client_sends(*scene, "m2", M(PUBACK, .topic_id = 3, .message_id = two));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
}

static void with_receivers_at_qos_0_only_it_is_acknowledged_at_once(void **scene) /* SN-DLV-7 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(SUBSCRIBE, .message_id = 9, .tail = TEXT("ab")));
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(SUBACK, .topic_id = 3, .message_id = 9));
    round_ends(*scene);
    broker_says(*scene, "x", 2, 40);
    client_gets(*scene, "m1", 0, "x");
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    broker_sends(*scene, P(PUBREL, .packet_id = 40));
    broker_receives(*scene, P(PUBCOMP, .packet_id = 40));
}

static void overlapping_filters_deliver_once_at_the_highest_qos(void **scene) /* SN-DLV-12 */
{
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "ab", 0);
    client_subscribes(*scene, "m1", "+", 1);
    client_subscribes(*scene, "m1", "#", 0);
    broker_says(*scene, "x", 2, 40);
    uint16_t id = client_gets(*scene, "m1", 1, "x");
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    nothing_is_sent(*scene);
}

static void a_message_nobody_asked_for_is_counted_and_acknowledged(void **scene) /* design rule 2 */
{
    client_connects(*scene, "m1", true);
    broker_says(*scene, "x", 1, 40);
    dropped(*scene, DROP_NO_RECEIVER);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
}

static void wildcards_do_not_reach_the_brokers_own_topics(void **scene) /* SN-GW-5, MQTT-4.7.2-1 */
{
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "#", 0);
    broker_publishes(*scene, "$SYS/load", "1", 0, 0);
    dropped(*scene, DROP_NO_RECEIVER);
}

static void a_client_forgotten_with_its_message_open_does_not_hold_it(void **scene) /* SN-SES-5, design rule 7 */
{
    two_holders(*scene, 1, 1);
    session_of(*scene, "m1")->clean = true;
    broker_says(*scene, "x", 1, 40);
    uint16_t two = client_gets(*scene, "m2", 1, "x");
    client_gets(*scene, "m1", 1, "x");
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    dropped(*scene, DROP_SESSION_ENDED);
    broker_receives_nothing(*scene);
    client_sends(*scene, "m2", M(PUBACK, .topic_id = 3, .message_id = two));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
}

static void one_slow_client_does_not_hold_the_window(void **scene) /* design rule 7: held too long */
{
    two_holders(*scene, 1, 1);
    client_falls_asleep(*scene, "m1", 300);
    for (uint16_t i = 1; i <= 10; i++) {
        broker_says(*scene, "x", 1, i);
        uint16_t id = client_gets(*scene, "m2", 1, "x");
        client_sends(*scene, "m2", M(PUBACK, .topic_id = 3, .message_id = id));
    }
    broker_receives_nothing(*scene);
    broker_says(*scene, "x", 1, 11);
    broker_receives(*scene, P(PUBACK, .packet_id = 1));
    broker_receives_nothing(*scene);
    assert_int_equal(((struct scene *)*scene)->held_too_long, 1);
    assert_int_equal(session_of(*scene, "m1")->queue.count, 11); /* it still waits for it */
    client_gets(*scene, "m2", 1, "x");
}

/* ---- the connection breaks --------------------------------------------------------------------------------------- */

static void a_broker_that_forgot_hears_every_filter_again(void **scene) /* SN-BRK-5 */
{
    two_holders(*scene, 0, 2);
    client_subscribes(*scene, "m1", "cd/#", 1);
    broker_goes_away(*scene);
    broker_returns(*scene, false);
    uint16_t one = broker_receives(*scene, P(SUBSCRIBE, .qos = 2, .topic = TEXT("ab")));
    uint16_t two = broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("cd/#")));
    broker_receives_nothing(*scene);
    broker_sends(*scene, P(SUBACK, .packet_id = one, .code = 2));
    round_ends(*scene);
    broker_sends(*scene, P(SUBACK, .packet_id = two, .code = 1));
    round_ends(*scene);
    nothing_is_sent(*scene);
    broker_says(*scene, "x", 0, 0);
    client_gets(*scene, "m2", 0, "x");
    client_gets(*scene, "m1", 0, "x");
}

static void a_broker_that_remembers_hears_nothing(void **scene) /* SN-BRK-5 */
{
    two_holders(*scene, 0, 2);
    broker_goes_away(*scene);
    session_is(*scene, "m1", SESSION_ACTIVE);
    broker_returns(*scene, true);
    broker_receives_nothing(*scene);
}

static void a_subscribe_under_way_leaves_again(void **scene) /* SN-BRK-5 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(SUBSCRIBE, .qos = 1, .message_id = 9, .tail = TEXT("ab")));
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("ab")));
    broker_goes_away(*scene);
    broker_returns(*scene, false);
    broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .packet_id = id, .topic = TEXT("ab")));
    broker_sends(*scene, P(SUBACK, .packet_id = id, .code = 1));
    client_receives(*scene, "m1", M(SUBACK, .qos = 1, .topic_id = 3, .message_id = 9));
    round_ends(*scene);
}

static void a_round_cut_off_is_over_and_the_next_begins(void **scene) /* SN-GW-5, SN-BRK-5 */
{
    client_connects(*scene, "m1", true);
    client_connects(*scene, "m2", true);
    client_sends(*scene, "m1", M(SUBSCRIBE, .message_id = 9, .tail = TEXT("ab")));
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    client_sends(*scene, "m2", M(SUBSCRIBE, .message_id = 9, .tail = TEXT("ab")));
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(SUBACK, .topic_id = 3, .message_id = 9));
    broker_receives(*scene, P(PINGREQ));
    broker_goes_away(*scene);
    broker_returns(*scene, true);
    round_ends(*scene); /* now all that the broker had to send again has come */
    id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    client_receives(*scene, "m2", M(SUBACK, .topic_id = 3, .message_id = 9));
    round_ends(*scene);
}

static void a_message_sent_again_is_not_delivered_twice(void **scene) /* SN-DLV-16 */
{
    two_holders(*scene, 1, 1);
    broker_says(*scene, "x", 1, 40);
    uint16_t two = client_gets(*scene, "m2", 1, "x"), one = client_gets(*scene, "m1", 1, "x");
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = one));
    broker_goes_away(*scene);
    broker_returns(*scene, true);
    broker_sends(*scene, P(PUBLISH, .dup = true, .qos = 1, .packet_id = 40, .topic = TEXT("ab"),
                           .payload = TEXT("x")));
    nothing_is_sent(*scene);
    client_sends(*scene, "m2", M(PUBACK, .topic_id = 3, .message_id = two));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_AGGREGATE(each_client_gets_it_at_its_own_qos),
        IN_AGGREGATE(it_is_acknowledged_when_all_have_taken_it),
        IN_AGGREGATE(with_receivers_at_qos_0_only_it_is_acknowledged_at_once),
        IN_AGGREGATE(overlapping_filters_deliver_once_at_the_highest_qos),
        IN_AGGREGATE(a_message_nobody_asked_for_is_counted_and_acknowledged),
        IN_AGGREGATE(wildcards_do_not_reach_the_brokers_own_topics),
        IN_AGGREGATE(a_client_forgotten_with_its_message_open_does_not_hold_it),
        IN_AGGREGATE(one_slow_client_does_not_hold_the_window),
        IN_AGGREGATE(a_broker_that_forgot_hears_every_filter_again),
        IN_AGGREGATE(a_broker_that_remembers_hears_nothing),
        IN_AGGREGATE(a_subscribe_under_way_leaves_again),
        IN_AGGREGATE(a_round_cut_off_is_over_and_the_next_begins),
        IN_AGGREGATE(a_message_sent_again_is_not_delivered_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
