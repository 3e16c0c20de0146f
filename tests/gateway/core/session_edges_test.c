/* session_edges_test.c -- where two procedures meet: an exchange given up, a queue without room, a connection that
 * is new while a delivery is open. Each scene was a defect once. */
#include "tests/gateway/core/scene.h"

static struct mqttsn_message reading(uint8_t qos, bool dup, uint16_t message_id, const char *value)
{
    return M(PUBLISH, .qos = qos, .dup = dup, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1,
             .message_id = message_id, .tail = TEXT(value));
}

static struct mqtt_packet published(uint8_t qos, const char *value)
{
    return P(PUBLISH, .qos = qos, .topic = TEXT("m1/alarm"), .payload = TEXT(value));
}

static void client_asks(void *scene, const char *who, uint16_t message_id, uint8_t qos)
{
    client_sends(scene, who, M(SUBSCRIBE, .qos = qos, .message_id = message_id, .tail = TEXT("ab")));
}

static void an_old_qos_2_exchange_is_released_upstream(void **scene) /* SN-RTX-7 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", reading(2, false, 7, "a"));
    uint16_t old = broker_receives(*scene, published(2, "a"));
    client_sends(*scene, "m1", reading(2, false, 7, "b"));
    broker_receives(*scene, published(2, "b"));
    broker_sends(*scene, P(PUBREC, .packet_id = old));
    broker_receives(*scene, P(PUBREL, .packet_id = old));
}

static void an_old_qos_2_exchange_already_received_is_released_upstream(void **scene) /* SN-RTX-7 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", reading(2, false, 7, "a"));
    uint16_t old = broker_receives(*scene, published(2, "a"));
    broker_sends(*scene, P(PUBREC, .packet_id = old));
    client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    client_sends(*scene, "m1", reading(2, false, 7, "b"));
    broker_receives(*scene, P(PUBREL, .packet_id = old));
    broker_receives(*scene, published(2, "b"));
}

static void a_qos_2_number_used_again_is_a_new_message(void **scene) /* SN-RTX-8 */
{
    client_connects(*scene, "m1", true);
    for (int i = 0; i < 2; i++) {
        client_sends(*scene, "m1", reading(2, false, 7, "on"));
        uint16_t id = broker_receives(*scene, published(2, "on"));
        broker_sends(*scene, P(PUBREC, .packet_id = id));
        client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
        client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
        broker_receives(*scene, P(PUBREL, .packet_id = id));
        broker_sends(*scene, P(PUBCOMP, .packet_id = id));
        client_receives(*scene, "m1", M(PUBCOMP, .message_id = 7));
        time_passes(*scene, 10 * SECOND); /* sooner, it would be a copy that the network made */
    }
}

static void no_packet_id_is_lost_when_the_last_holder_unsubscribes(void **scene) /* SN-UNS-4 */
{
    client_connects(*scene, "m1", true);
    client_asks(*scene, "m1", 1, 0);
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("ab")));
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(SUBACK, .topic_id = 3, .message_id = 1));
    broker_receives(*scene, P(PINGREQ));
    client_asks(*scene, "m1", 2, 1); /* waits for the round to end */
    client_sends(*scene, "m1", M(UNSUBSCRIBE, .message_id = 8, .tail = TEXT("ab")));
    client_receives(*scene, "m1", M(SUBACK, .qos = 1, .topic_id = 3, .message_id = 2));
    id = broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("ab")));
    broker_sends(*scene, P(UNSUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 8));
    broker_sends(*scene, P(PINGRESP));
    assert_int_equal(session_of(*scene, "m1")->upstream->mqtt.flights.count, 0);
}

/* The shell does so in a moment. */
static void the_broker_is_dialled_anew(struct scene *s, const char *who)
{
    struct upstream *u = session_of(s, who)->upstream;
    assert_true(u->redial);
    u->redial = false;
    broker_goes_away(s);
    broker_returns(s, true);
}

static void what_did_not_fit_comes_again_after_a_reconnect(void **scene) /* SN-SLP-11, SN-DLV-16 */
{
    ((struct scene *)*scene)->limits.queue_messages = 1;
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "ab", 1);
    client_falls_asleep(*scene, "m1", 300);
    broker_publishes(*scene, "ab", "1", 1, 41);
    broker_publishes(*scene, "ab", "2", 1, 42);
    found_no_room(*scene);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("1")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 41));
    client_receives(*scene, "m1", M(PINGRESP));
    the_broker_is_dialled_anew(*scene, "m1");
    broker_sends(*scene, P(PUBLISH, .dup = true, .qos = 1, .packet_id = 42, .topic = TEXT("ab"),
                           .payload = TEXT("2")));
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    id = client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("2")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 42));
    client_receives(*scene, "m1", M(PINGRESP));
}

/* An active client again, whose queue was full while it slept. */
static void back_from_a_full_queue(struct scene *s)
{
    s->limits.queue_messages = 1;
    client_connects(s, "m1", false);
    client_subscribes(s, "m1", "ab", 1);
    client_falls_asleep(s, "m1", 300);
    broker_publishes(s, "ab", "1", 1, 41);
    broker_publishes(s, "ab", "2", 1, 42);
    found_no_room(s);
    client_sends(s, "m1", M(CONNECT, .duration = 60));
    client_receives(s, "m1", M(CONNACK));
}

static void client_takes(struct scene *s, const char *payload, uint16_t packet_id)
{
    uint16_t id =
        client_receives(s, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT(payload)));
    client_sends(s, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(s, P(PUBACK, .packet_id = packet_id));
}

static void one_message_that_did_not_fit_does_not_hold_back_those_behind_it(void **scene) /* SN-SLP-11, rule 7 */
{
    back_from_a_full_queue(*scene);
    client_takes(*scene, "1", 41);
    broker_receives(*scene, P(PUBACK, .packet_id = 42)); /* refused with a count */
    broker_publishes(*scene, "ab", "3", 1, 43);
    client_takes(*scene, "3", 43);
}

static void what_did_not_fit_is_fetched_in_order_when_the_queue_is_empty(void **scene) /* SN-SLP-11, rule 7 */
{
    back_from_a_full_queue(*scene);
    broker_publishes(*scene, "ab", "3", 1, 43); /* behind one that stays, it stays */
    found_no_room(*scene);
    assert_false(session_of(*scene, "m1")->upstream->redial);
    client_takes(*scene, "1", 41);
    the_broker_is_dialled_anew(*scene, "m1");
    broker_sends(*scene, P(PUBLISH, .dup = true, .qos = 1, .packet_id = 42, .topic = TEXT("ab"),
                           .payload = TEXT("2")));
    client_takes(*scene, "2", 42);
    broker_sends(*scene, P(PUBLISH, .dup = true, .qos = 1, .packet_id = 43, .topic = TEXT("ab"),
                           .payload = TEXT("3")));
    client_takes(*scene, "3", 43);
    assert_int_equal(((struct scene *)*scene)->left_with_broker, 0); /* each counts once */
}

static void a_clean_connect_that_means_resume_may_be_repeated(void **scene) /* SN-CONN-9, SN-SLP-12 */
{
    ((struct scene *)*scene)->access.wake_resume = true;
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "ab", 1);
    client_falls_asleep(*scene, "m1", 300);
    for (int i = 0; i < 2; i++) {
        client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
        client_receives(*scene, "m1", M(CONNACK));
    }
    broker_receives_nothing(*scene);
    assert_int_equal(session_of(*scene, "m1")->subscriptions.count, 1);
}

static void an_open_delivery_goes_on_after_a_reconnect_and_is_registered_again(
    void **scene) /* SN-SLP-4, SN-TOP-3 */
{
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    client_sends(*scene, "m1", M(CONNECT, .duration = 60));
    client_receives(*scene, "m1", M(CONNACK));
    uint16_t id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("lamp/1")));
    client_sends(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = id));
    id = client_receives(*scene, "m1",
                         M(PUBLISH, .qos = 1, .dup = true, .topic_id = 3, .tail = TEXT("on")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
}

static void a_refused_topic_stays_refused_after_a_reconnect(void **scene) /* SN-REG-9 */
{
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "cmd/#", 0);
    broker_publishes(*scene, "cmd/7", "go", 0, 0);
    uint16_t id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("cmd/7")));
    client_sends(*scene, "m1",
                 M(REGACK, .topic_id = 3, .message_id = id, .return_code = MQTTSN_NOT_SUPPORTED));
    dropped(*scene, DROP_REFUSED_BY_CLIENT);
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    client_sends(*scene, "m1", M(CONNECT, .duration = 60));
    client_receives(*scene, "m1", M(CONNACK));
    broker_publishes(*scene, "cmd/7", "go", 0, 0);
    dropped(*scene, DROP_REFUSED_BY_CLIENT);
}

static void a_topic_too_long_with_its_prefix_is_refused(void **scene) /* SN-PUB-14 */
{
    static char name[65530], prefix[101];
    struct scene *s = *scene;
    memset(name, 'n', sizeof name - 10);
    memset(prefix, 'p', 100);
    s->prefix = TEXT(prefix);
    s->max_message = 65535;
    client_connects(s, "m1", true);
    uint16_t topic = client_registers(s, "m1", name);
    client_sends(s, "m1", M(PUBLISH, .qos = 1, .topic_id = topic, .message_id = 7));
    client_receives(
        s, "m1", M(PUBACK, .topic_id = topic, .message_id = 7, .return_code = MQTTSN_NOT_SUPPORTED));
    dropped(s, DROP_FORBIDDEN);
}

static void an_open_delivery_goes_on_with_connack(void **scene) /* SN-SLP-4, SN-RTX-4 */
{
    struct scene *s = *scene;
    client_connects(s, "m1", false);
    client_sends(
        s, "m1",
        M(SUBSCRIBE, .qos = 1, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1, .message_id = 9));
    uint16_t id = broker_receives(s, P(SUBSCRIBE, .qos = 1, .topic = TEXT("m1/alarm")));
    broker_sends(s, P(SUBACK, .packet_id = id, .code = 1));
    client_receives(s, "m1", M(SUBACK, .qos = 1, .topic_id = 1, .message_id = 9));
    round_ends(s);
    broker_publishes(s, "m1/alarm", "on", 1, 40);
    id = client_receives(
        s, "m1", M(PUBLISH, .qos = 1, .topic_id_type = 1, .topic_id = 1, .tail = TEXT("on")));
    client_sends(s, "m1", M(CONNECT, .duration = 60));
    if (!s->shared)
        broker_receives(s, P(DISCONNECT));
    broker_accepts(s, "m1", false, true);
    client_receives(s, "m1", M(CONNACK));
    client_receives(s, "m1",
                    M(PUBLISH, .qos = 1, .dup = true, .topic_id_type = 1, .topic_id = 1,
                      .message_id = id, .tail = TEXT("on")));
}

static void rejections_at_qos_0_come_once_a_second(void **scene) /* A34, SN-PUB-4 */
{
    client_connects(*scene, "m1", true);
    for (int i = 0; i < 3; i++) {
        client_sends(*scene, "m1", M(PUBLISH, .topic_id = 500));
        dropped(*scene, DROP_INVALID_TOPIC);
    }
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 500, .return_code = MQTTSN_INVALID_TOPIC_ID));
    nothing_is_sent(*scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(an_old_qos_2_exchange_is_released_upstream),
        IN_BOTH(an_old_qos_2_exchange_already_received_is_released_upstream),
        IN_BOTH(a_qos_2_number_used_again_is_a_new_message),
        IN_AGGREGATE(no_packet_id_is_lost_when_the_last_holder_unsubscribes),
        IN_TRANSPARENT(what_did_not_fit_comes_again_after_a_reconnect),
        IN_AGGREGATE(one_message_that_did_not_fit_does_not_hold_back_those_behind_it),
        IN_TRANSPARENT(what_did_not_fit_is_fetched_in_order_when_the_queue_is_empty),
        IN_BOTH(a_clean_connect_that_means_resume_may_be_repeated),
        IN_AGGREGATE(an_open_delivery_goes_on_after_a_reconnect_and_is_registered_again),
        IN_BOTH(an_open_delivery_goes_on_with_connack),
        IN_TRANSPARENT(rejections_at_qos_0_come_once_a_second),
        IN_AGGREGATE(a_refused_topic_stays_refused_after_a_reconnect),
        IN_TRANSPARENT(a_topic_too_long_with_its_prefix_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
