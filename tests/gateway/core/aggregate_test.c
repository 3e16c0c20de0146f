/* aggregate_test.c -- one broker connection for many clients (MQTT-SN 1.2, section 4.2; SN-GW-2 to -8, SN-DLV-12,
 * SN-UNS-4). That each session behaves as on a connection of its own is in the session tests, which run in both. */
#include "tests/gateway/core/scene.h"

static void client_asks(void *scene, const char *who, const char *filter, uint8_t qos)
{
    client_sends(scene, who, M(SUBSCRIBE, .qos = qos, .message_id = 9, .tail = TEXT(filter)));
}

static void broker_grants(void *scene, uint16_t packet_id, uint8_t qos)
{
    broker_sends(scene, P(SUBACK, .packet_id = packet_id, .code = qos));
}

static void two_clients(void *scene)
{
    client_connects(scene, "m1", true);
    client_connects(scene, "m2", true);
}

static void broker_sends_retained(void *scene, const char *topic, const char *payload)
{
    broker_sends(scene, P(PUBLISH, .retain = true, .topic = TEXT(topic), .payload = TEXT(payload)));
}

/* ---- filters are counted ----------------------------------------------------------------------------------------- */

static void the_retained_message_goes_only_to_the_new_holder(void **scene) /* SN-GW-5 */
{
    two_clients(*scene);
    client_subscribes(*scene, "m1", "ab", 1);
    client_asks(*scene, "m2", "ab", 0);
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("ab")));
    broker_grants(*scene, id, 1);
    client_receives(*scene, "m2", M(SUBACK, .topic_id = 3, .message_id = 9));
    broker_receives(*scene, P(PINGREQ));
    broker_sends_retained(*scene, "ab", "old");
    client_receives(*scene, "m2", M(PUBLISH, .retain = true, .topic_id = 3, .tail = TEXT("old")));
    nothing_is_sent(*scene);
    broker_sends(*scene, P(PINGRESP)); /* the round is over */
    broker_sends_retained(*scene, "ab", "old");
    nothing_is_sent(*scene);
    broker_publishes(*scene, "ab", "new", 0, 0);
    client_receives(*scene, "m2", M(PUBLISH, .topic_id = 3, .tail = TEXT("new")));
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("new")));
}

static void a_broker_that_forgot_tells_every_holder_what_is_retained(void **scene) /* SN-BRK-5, SN-GW-5 */
{
    two_clients(*scene);
    client_subscribes(*scene, "m1", "ab", 1);
    client_subscribes(*scene, "m2", "ab", 1);
    broker_goes_away(*scene);
    broker_returns(*scene, false);
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("ab")));
    broker_grants(*scene, id, 1);
    broker_receives(*scene, P(PINGREQ));
    broker_sends_retained(*scene, "ab", "new"); /* was published while nobody heard */
    client_receives(*scene, "m2", M(PUBLISH, .retain = true, .topic_id = 3, .tail = TEXT("new")));
    client_receives(*scene, "m1", M(PUBLISH, .retain = true, .topic_id = 3, .tail = TEXT("new")));
    broker_sends(*scene, P(PINGRESP));
    broker_sends_retained(*scene, "ab", "new");
    nothing_is_sent(*scene);
}

static void a_broker_that_forgot_in_the_middle_of_a_round_tells_all(void **scene) /* SN-BRK-5, SN-GW-5 */
{
    two_clients(*scene);
    client_subscribes(*scene, "m1", "ab", 0);
    client_asks(*scene, "m2", "ab", 0);
    broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    broker_goes_away(*scene);
    broker_returns(*scene, false);
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    broker_grants(*scene, id, 0);
    client_receives(*scene, "m2", M(SUBACK, .topic_id = 3, .message_id = 9));
    broker_sends_retained(*scene, "ab", "new");
    client_receives(*scene, "m2", M(PUBLISH, .retain = true, .topic_id = 3, .tail = TEXT("new")));
    client_receives(*scene, "m1", M(PUBLISH, .retain = true, .topic_id = 3, .tail = TEXT("new")));
    round_ends(*scene);
}

static void a_retained_message_sent_again_reaches_its_round(void **scene) /* SN-BRK-5, session present */
{
    two_clients(*scene);
    client_subscribes(*scene, "m1", "ab", 0);
    client_asks(*scene, "m2", "ab", 0);
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    broker_grants(*scene, id, 0);
    client_receives(*scene, "m2", M(SUBACK, .topic_id = 3, .message_id = 9));
    broker_receives(*scene, P(PINGREQ));
    broker_goes_away(*scene);
    broker_returns(*scene, true);
    broker_receives(*scene, P(PINGREQ));
    broker_sends_retained(*scene, "ab", "old");
    client_receives(*scene, "m2", M(PUBLISH, .retain = true, .topic_id = 3, .tail = TEXT("old")));
    broker_sends(*scene, P(PINGRESP));
    broker_sends_retained(*scene, "ab", "old");
    nothing_is_sent(*scene);
}

/* It is asked for again on the next connection. */
static void holders_stay_when_a_renewal_is_refused(void **scene) /* SN-BRK-5 */
{
    two_clients(*scene);
    client_subscribes(*scene, "m1", "ab", 0);
    broker_goes_away(*scene);
    broker_returns(*scene, false);
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    broker_grants(*scene, id, MQTT_REFUSED);
    nothing_is_sent(*scene);
    broker_goes_away(*scene);
    broker_returns(*scene, false);
    id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    broker_grants(*scene, id, 0);
    round_ends(*scene);
    broker_publishes(*scene, "ab", "1", 0, 0);
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("1")));
}

static void a_higher_qos_is_asked_for(void **scene) /* SN-GW-5, SN-SUB-10 */
{
    two_clients(*scene);
    client_subscribes(*scene, "m1", "ab", 0);
    client_subscribes(*scene, "m2", "ab", 2);
    client_asks(*scene, "m1", "ab", 1); /* the broker hears the highest */
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .qos = 2, .topic = TEXT("ab")));
    broker_grants(*scene, id, 2);
    client_receives(*scene, "m1", M(SUBACK, .qos = 1, .topic_id = 3, .message_id = 9));
    round_ends(*scene);
}

static void who_joins_during_a_round_waits_for_the_next(void **scene) /* SN-GW-5 */
{
    two_clients(*scene);
    client_connects(*scene, "m3", true);
    client_asks(*scene, "m1", "ab", 0);
    uint16_t first = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    client_asks(*scene, "m2", "ab", 1);
    client_asks(*scene, "m3", "ab", 1);
    broker_receives_nothing(*scene);
    broker_grants(*scene, first, 0);
    client_receives(*scene, "m1", M(SUBACK, .topic_id = 3, .message_id = 9));
    broker_receives(*scene, P(PINGREQ));
    broker_sends_retained(*scene, "ab", "old");
    client_receives(*scene, "m1", M(PUBLISH, .retain = true, .topic_id = 3, .tail = TEXT("old")));
    broker_sends(*scene, P(PINGRESP));
    uint16_t second = broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("ab")));
    broker_receives_nothing(*scene); /* one round for both */
    broker_grants(*scene, second, 1);
    client_receives(*scene, "m3", M(SUBACK, .qos = 1, .topic_id = 3, .message_id = 9));
    client_receives(*scene, "m2", M(SUBACK, .qos = 1, .topic_id = 3, .message_id = 9));
    round_ends(*scene);
}

static void two_filters_share_one_ping(void **scene) /* SN-GW-5 */
{
    two_clients(*scene);
    client_asks(*scene, "m1", "ab", 0);
    uint16_t one = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    client_asks(*scene, "m2", "cd", 0);
    uint16_t two = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("cd")));
    broker_grants(*scene, one, 0);
    client_receives(*scene, "m1", M(SUBACK, .topic_id = 3, .message_id = 9));
    broker_receives(*scene, P(PINGREQ));
    broker_grants(*scene, two, 0); /* after the ping: it says nothing about this one */
    client_receives(*scene, "m2", M(SUBACK, .topic_id = 3, .message_id = 9));
    broker_receives_nothing(*scene);
    broker_sends(*scene, P(PINGRESP));
    round_ends(*scene);
    broker_receives_nothing(*scene);
}

static void a_refused_round_leaves_the_old_holders(void **scene) /* SN-SUB-6 */
{
    two_clients(*scene);
    client_subscribes(*scene, "m1", "ab", 0);
    client_asks(*scene, "m2", "ab", 1);
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("ab")));
    broker_grants(*scene, id, MQTT_REFUSED);
    client_receives(*scene, "m2", M(SUBACK, .message_id = 9, .return_code = MQTTSN_NOT_SUPPORTED));
    broker_publishes(*scene, "ab", "1", 0, 0);
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("1")));
}

static void the_broker_hears_unsubscribe_from_the_last_holder_only(void **scene) /* SN-UNS-4 */
{
    two_clients(*scene);
    client_subscribes(*scene, "m1", "ab", 0);
    client_subscribes(*scene, "m2", "ab", 0);
    client_sends(*scene, "m1", M(UNSUBSCRIBE, .message_id = 8, .tail = TEXT("ab")));
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 8));
    broker_receives_nothing(*scene);
    broker_publishes(*scene, "ab", "1", 0, 0);
    client_receives(*scene, "m2", M(PUBLISH, .topic_id = 3, .tail = TEXT("1")));
    client_sends(*scene, "m2", M(UNSUBSCRIBE, .message_id = 8, .tail = TEXT("ab")));
    uint16_t id = broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("ab")));
    nothing_is_sent(*scene);
    broker_sends(*scene, P(UNSUBACK, .packet_id = id));
    client_receives(*scene, "m2", M(UNSUBACK, .message_id = 8));
    broker_publishes(*scene, "ab", "2", 0, 0);
    dropped(*scene, DROP_NO_RECEIVER);
}

static void a_client_that_leaves_takes_its_filters_along(void **scene) /* SN-UNS-4, SN-SES-9 */
{
    two_clients(*scene);
    client_subscribes(*scene, "m1", "ab", 0);
    client_subscribes(*scene, "m1", "cd/#", 0);
    client_subscribes(*scene, "m2", "ab", 0);
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    uint16_t id = broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("cd/#")));
    broker_receives_nothing(*scene);
    broker_sends(*scene, P(UNSUBACK, .packet_id = id));
    broker_publishes(*scene, "ab", "1", 0, 0);
    client_receives(*scene, "m2", M(PUBLISH, .topic_id = 3, .tail = TEXT("1")));
}

static void shared_subscriptions_are_refused(void **scene) /* SN-SUB-12 */
{
    client_connects(*scene, "m1", true);
    client_asks(*scene, "m1", "$share/g/a", 1);
    client_receives(*scene, "m1", M(SUBACK, .message_id = 9, .return_code = MQTTSN_NOT_SUPPORTED));
    broker_receives_nothing(*scene);
}

static void a_filter_too_deep_is_refused(void **scene) /* design rule 5 */
{
    char deep[130] = { 0 };
    memset(deep, '/', 128); /* 129 empty levels */
    client_connects(*scene, "m1", true);
    client_asks(*scene, "m1", deep, 1);
    client_receives(*scene, "m1", M(SUBACK, .message_id = 9, .return_code = MQTTSN_NOT_SUPPORTED));
    broker_receives_nothing(*scene);
    deep[127] = '\0';
    client_subscribes(*scene, "m1", deep, 1);
}

/* ---- packet ids -------------------------------------------------------------------------------------------------- */

static void equal_message_ids_of_clients_do_not_meet(void **scene) /* SN-GW-4 */
{
    two_clients(*scene);
    const struct mqttsn_message m =
        M(PUBLISH, .qos = 1, .topic_id_type = MQTTSN_SHORT, .topic_id = 0x6162, .message_id = 1);
    client_sends(*scene, "m1", m);
    client_sends(*scene, "m2", m);
    uint16_t one = broker_receives(*scene, P(PUBLISH, .qos = 1, .topic = TEXT("ab")));
    uint16_t two = broker_receives(*scene, P(PUBLISH, .qos = 1, .topic = TEXT("ab")));
    assert_int_not_equal(one, two);
    broker_sends(*scene, P(PUBACK, .packet_id = two));
    client_receives(*scene, "m2", M(PUBACK, .topic_id = 0x6162, .message_id = 1));
    broker_sends(*scene, P(PUBACK, .packet_id = one));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 0x6162, .message_id = 1));
}

static void an_answer_for_a_client_that_left_reaches_nobody(void **scene) /* design rule 3 */
{
    two_clients(*scene);
    client_sends(
        *scene, "m1",
        M(PUBLISH, .qos = 2, .topic_id_type = MQTTSN_SHORT, .topic_id = 0x6162, .message_id = 1));
    uint16_t id = broker_receives(*scene, P(PUBLISH, .qos = 2, .topic = TEXT("ab")));
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    broker_sends(*scene, P(PUBREC, .packet_id = id));
    broker_receives(*scene, P(PUBREL, .packet_id = id)); /* it goes on to its end */
    broker_sends(*scene, P(PUBCOMP, .packet_id = id));
    nothing_is_sent(*scene);
    assert_int_equal(session_of(*scene, "m2")->upstream->mqtt.flights.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_AGGREGATE(the_retained_message_goes_only_to_the_new_holder),
        IN_AGGREGATE(a_broker_that_forgot_tells_every_holder_what_is_retained),
        IN_AGGREGATE(a_broker_that_forgot_in_the_middle_of_a_round_tells_all),
        IN_AGGREGATE(a_retained_message_sent_again_reaches_its_round),
        IN_AGGREGATE(holders_stay_when_a_renewal_is_refused),
        IN_AGGREGATE(a_higher_qos_is_asked_for),
        IN_AGGREGATE(who_joins_during_a_round_waits_for_the_next),
        IN_AGGREGATE(two_filters_share_one_ping),
        IN_AGGREGATE(a_refused_round_leaves_the_old_holders),
        IN_AGGREGATE(the_broker_hears_unsubscribe_from_the_last_holder_only),
        IN_AGGREGATE(a_client_that_leaves_takes_its_filters_along),
        IN_AGGREGATE(shared_subscriptions_are_refused),
        IN_AGGREGATE(a_filter_too_deep_is_refused),
        IN_AGGREGATE(equal_message_ids_of_clients_do_not_meet),
        IN_AGGREGATE(an_answer_for_a_client_that_left_reaches_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
