/* session_review_test.c -- what a review by fresh eyes broke. Each scene was a defect once. */
#include "mqtt/topic.h"
#include "tests/gateway/core/scene.h"

#include <stdio.h>

static struct mqttsn_message reading(uint8_t qos, uint16_t message_id)
{
    return M(PUBLISH, .qos = qos, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1,
             .message_id = message_id, .tail = TEXT("x"));
}

static struct mqtt_packet published(uint8_t qos)
{
    return P(PUBLISH, .qos = qos, .topic = TEXT("m1/alarm"), .payload = TEXT("x"));
}

static void a_release_before_the_broker_has_the_message_is_not_answered(void **scene) /* design 4.1, SN-PUB-3 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", reading(2, 7));
    uint16_t id = broker_receives(*scene, published(2));
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    dropped(*scene, DROP_UNEXPECTED);
    broker_sends(*scene, P(PUBREC, .packet_id = id));
    client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    broker_receives(*scene, P(PUBREL, .packet_id = id));
    broker_sends(*scene, P(PUBCOMP, .packet_id = id));
    client_receives(*scene, "m1", M(PUBCOMP, .message_id = 7));
}

static void client_asks(void *scene, uint16_t message_id, uint8_t qos)
{
    client_sends(scene, "m1", M(SUBSCRIBE, .qos = qos, .message_id = message_id, .tail = TEXT("ab")));
}

static void each_request_for_a_filter_is_answered_by_its_own_round(void **scene) /* SN-SUB-8, -10 */
{
    client_connects(*scene, "m1", true);
    client_asks(*scene, 1, 0);
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    client_asks(*scene, 2, 2);
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(SUBACK, .topic_id = 3, .message_id = 1));
    round_ends(*scene);
    id = broker_receives(*scene, P(SUBSCRIBE, .qos = 2, .topic = TEXT("ab")));
    broker_sends(*scene, P(SUBACK, .packet_id = id, .code = 2));
    client_receives(*scene, "m1", M(SUBACK, .qos = 2, .topic_id = 3, .message_id = 2));
    round_ends(*scene);
    assert_int_equal(session_of(*scene, "m1")->upstream->mqtt.flights.count, 0);
}

static void a_topic_that_brokers_close_over_is_refused(void **scene) /* MQTT-1.5.3, design rule 7 */
{
    static const char *const names[] = { "a/\x01", "a/\x7f", "a/\xc2\x85", "a/\xef\xbf\xbe",
                                         "a/\xf0\x9f\xbf\xbf" };
    client_connects(*scene, "m1", true);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        client_sends(*scene, "m1", M(REGISTER, .message_id = (uint16_t)i, .tail = TEXT(names[i])));
        client_receives(*scene, "m1",
                        M(REGACK, .message_id = (uint16_t)i, .return_code = MQTTSN_NOT_SUPPORTED));
        dropped(*scene, DROP_INVALID_TOPIC);
    }
    client_sends(*scene, "m1", M(SUBSCRIBE, .message_id = 9, .tail = TEXT("a/\x01/#")));
    client_receives(*scene, "m1", M(SUBACK, .message_id = 9, .return_code = MQTTSN_NOT_SUPPORTED));
    dropped(*scene, DROP_FORBIDDEN);
    assert_true(topic_portable(span_text("a/\xc3\xbc/\xef\xbf\xbd")));
}

static void sleeper_begins_a_will_dialogue(void *scene)
{
    client_connects(scene, "m1", false);
    client_subscribes(scene, "m1", "ab", 1);
    client_falls_asleep(scene, "m1", 3000);
    client_sends(scene, "m1", M(CONNECT, .will = true, .duration = 60));
    client_receives(scene, "m1", M(WILLTOPICREQ));
}

static void a_will_dialogue_broken_off_lets_a_sleeper_sleep_on(void **scene) /* SN-WILL-1 */
{
    sleeper_begins_a_will_dialogue(*scene);
    for (int i = 0; i < 3; i++) {
        time_passes(*scene, 10 * SECOND);
        client_receives(*scene, "m1", M(WILLTOPICREQ));
    }
    time_passes(*scene, 10 * SECOND);
    broker_receives_nothing(*scene);
    session_is(*scene, "m1", SESSION_ASLEEP);
    assert_int_equal(session_of(*scene, "m1")->subscriptions.count, 1);
}

static void a_clean_connect_after_one_that_kept_is_clean(void **scene) /* SN-CONN-8, SN-SLP-12 */
{
    sleeper_begins_a_will_dialogue(*scene);
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("ab")));
    client_receives(*scene, "m1", M(CONNACK));
    assert_int_equal(session_of(*scene, "m1")->subscriptions.count, 0);
}

static void only_twenty_qos_2_messages_wait_for_their_release(void **scene) /* Mosquitto drops what is beyond */
{
    ((struct scene *)*scene)->limits.inflight_in = 8;
    for (int c = 0; c < 3; c++) {
        char name[8];
        snprintf(name, sizeof name, "m%d", c);
        client_connects(*scene, name, true);
        for (uint16_t i = 1; i <= 7 && c * 7 + i <= 20; i++) {
            client_sends(*scene, name,
                         M(PUBLISH, .qos = 2, .topic_id_type = MQTTSN_SHORT,
                           .topic_id = 'a' << 8 | 'b', .message_id = i, .tail = TEXT(name)));
            broker_receives(*scene, P(PUBLISH, .qos = 2, .topic = TEXT("ab"), .payload = TEXT(name)));
        }
    }
    struct mqttsn_message one_more =
        M(PUBLISH, .qos = 2, .topic_id_type = MQTTSN_SHORT, .topic_id = 'a' << 8 | 'b',
          .message_id = 8, .tail = TEXT("x"));
    client_sends(*scene, "m2", one_more);
    client_receives(
        *scene, "m2",
        M(PUBACK, .topic_id = 'a' << 8 | 'b', .message_id = 8, .return_code = MQTTSN_CONGESTION));
    dropped(*scene, DROP_CONGESTION);
}

static void a_client_from_another_host_proves_that_it_hears_us(void **scene) /* design rule 6, SN-NET-5 */
{
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "lamp/1", 0);
    client_falls_asleep(*scene, "m1", 3000);
    broker_publishes(*scene, "lamp/1", "1", 0, 0);
    broker_publishes(*scene, "lamp/1", "2", 0, 0);
    session_of(*scene, "m1")->unproven = true;
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    uint16_t id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("lamp/1")));
    time_passes(*scene, 60 * SECOND);
    nothing_is_sent(*scene);
    session_is(*scene, "m1", SESSION_ASLEEP);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    client_receives(*scene, "m1",
                    M(REGISTER, .topic_id = 3, .message_id = id, .tail = TEXT("lamp/1")));
    client_sends(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = id));
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("1")));
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("2")));
    client_receives(*scene, "m1", M(PINGRESP));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(a_release_before_the_broker_has_the_message_is_not_answered),
        IN_AGGREGATE(each_request_for_a_filter_is_answered_by_its_own_round),
        IN_BOTH(a_topic_that_brokers_close_over_is_refused),
        IN_BOTH(a_will_dialogue_broken_off_lets_a_sleeper_sleep_on),
        IN_AGGREGATE(a_clean_connect_after_one_that_kept_is_clean),
        IN_AGGREGATE(only_twenty_qos_2_messages_wait_for_their_release),
        IN_BOTH(a_client_from_another_host_proves_that_it_hears_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
