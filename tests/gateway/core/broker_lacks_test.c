/* broker_lacks_test.c -- brokers without QoS 2 or without retained messages (SN-PUB-5, -7): broker.max_qos and
 * broker.retain. The client keeps to the whole of its protocol and does not notice. */
#include "tests/gateway/core/scene.h"

static const struct upstream_lacks no_qos2 = { .qos2 = true }, no_retain = { .retain = true };

static struct mqttsn_message alarm_of_qos(uint8_t qos)
{
    return M(PUBLISH, .qos = qos, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 2,
             .message_id = 7, .tail = TEXT("x"));
}

static void qos_2_goes_as_qos_1_and_the_client_has_its_whole_handshake(void **scene) /* SN-PUB-5 */
{
    broker_lacks(*scene, no_qos2);
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", alarm_of_qos(2));
    uint16_t id =
        broker_receives(*scene, P(PUBLISH, .qos = 1, .topic = TEXT("node/m1"), .payload = TEXT("x")));
    nothing_is_sent(*scene);
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    client_receives(*scene, "m1", M(PUBCOMP, .message_id = 7));
    broker_receives_nothing(*scene);
}

static void a_repeated_qos_2_message_is_published_once_all_the_same(void **scene) /* SN-PUB-5, SN-RTX-7 */
{
    struct mqttsn_message again = alarm_of_qos(2);
    again.dup = true;
    broker_lacks(*scene, no_qos2);
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", alarm_of_qos(2));
    uint16_t id =
        broker_receives(*scene, P(PUBLISH, .qos = 1, .topic = TEXT("node/m1"), .payload = TEXT("x")));
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    client_sends(*scene, "m1", again);
    client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    dropped(*scene, DROP_DUPLICATE);
    broker_receives_nothing(*scene);
}

static void what_the_broker_did_not_acknowledge_leaves_again_as_qos_1(void **scene) /* SN-PUB-5, SN-BRK-5 */
{
    broker_lacks(*scene, no_qos2);
    client_connects(*scene, "m1", false);
    client_sends(*scene, "m1", alarm_of_qos(2));
    uint16_t id =
        broker_receives(*scene, P(PUBLISH, .qos = 1, .topic = TEXT("node/m1"), .payload = TEXT("x")));
    broker_goes_away(*scene);
    broker_returns(*scene, true);
    broker_receives(*scene, P(PUBLISH, .dup = true, .qos = 1, .packet_id = id,
                              .topic = TEXT("node/m1"), .payload = TEXT("x")));
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
}

static void qos_0_and_1_stay_what_they_are(void **scene) /* SN-PUB-5 */
{
    broker_lacks(*scene, no_qos2);
    client_connects(*scene, "m1", true);
    for (uint8_t qos = 0; qos < 2; qos++) {
        client_sends(*scene, "m1", alarm_of_qos(qos));
        broker_receives(*scene,
                        P(PUBLISH, .qos = qos, .topic = TEXT("node/m1"), .payload = TEXT("x")));
    }
}

static void a_subscription_asks_for_what_the_broker_has(void **scene) /* SN-PUB-5 */
{
    broker_lacks(*scene, no_qos2);
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(SUBSCRIBE, .qos = 2, .message_id = 9, .tail = TEXT("lamp/1")));
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("lamp/1")));
    broker_sends(*scene, P(SUBACK, .packet_id = id, .code = 1));
    client_receives(*scene, "m1", M(SUBACK, .qos = 1, .topic_id = 3, .message_id = 9));
    round_ends(*scene);
}

static void the_retain_flag_is_cleared_and_counted(void **scene) /* SN-PUB-7 */
{
    struct scene *s = *scene;
    struct mqttsn_message m = alarm_of_qos(1);
    m.retain = true;
    broker_lacks(s, no_retain);
    client_connects(s, "m1", true);
    client_sends(s, "m1", m);
    uint16_t id =
        broker_receives(s, P(PUBLISH, .qos = 1, .topic = TEXT("node/m1"), .payload = TEXT("x")));
    broker_sends(s, P(PUBACK, .packet_id = id));
    client_receives(s, "m1", M(PUBACK, .topic_id = 2, .message_id = 7));
    assert_int_equal(s->retain_cleared, 1);
}

static void client_connects_with_will(struct scene *s, struct mqtt_will will)
{
    client_sends(s, "m1", M(CONNECT, .clean = true, .will = true, .duration = 60));
    client_receives(s, "m1", M(WILLTOPICREQ));
    client_sends(s, "m1", M(WILLTOPIC, .qos = 2, .retain = true, .tail = TEXT("w")));
    client_receives(s, "m1", M(WILLMSGREQ));
    client_sends(s, "m1", M(WILLMSG, .tail = TEXT("gone")));
    if (!s->shared) {
        broker_receives(
            s,
            P(CONNECT,
              .connect = { .client_id = TEXT("m1"), .clean = true, .has_will = true, .will = will }));
        broker_sends(s, P(CONNACK));
    }
    client_receives(s, "m1", M(CONNACK));
}

static void a_will_is_made_to_fit_too(void **scene) /* SN-PUB-5, -7, SN-WILL-10 */
{
    struct scene *s = *scene;
    broker_lacks(s, (struct upstream_lacks){ .qos2 = true, .retain = true });
    client_connects_with_will(s, (struct mqtt_will){ TEXT("w"), TEXT("gone"), 1, false });
    client_is_replaced(s, "m1");
    client_receives(s, "m1", M(DISCONNECT, .brief = true));
    uint16_t id =
        broker_receives(s, P(PUBLISH, .qos = 1, .topic = TEXT("w"), .payload = TEXT("gone")));
    broker_sends(s, P(PUBACK, .packet_id = id));
    if (!s->shared)
        broker_receives(s, P(DISCONNECT));
    assert_int_equal(s->retain_cleared, 1);
}

static void the_will_that_the_broker_has_bears_the_prefix(void **scene) /* SN-PUB-14, SN-WILL-10 */
{
    ((struct scene *)*scene)->prefix = TEXT("site/");
    client_connects_with_will(*scene, (struct mqtt_will){ TEXT("site/w"), TEXT("gone"), 2, true });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(qos_2_goes_as_qos_1_and_the_client_has_its_whole_handshake),
        IN_BOTH(a_repeated_qos_2_message_is_published_once_all_the_same),
        IN_BOTH(what_the_broker_did_not_acknowledge_leaves_again_as_qos_1),
        IN_BOTH(qos_0_and_1_stay_what_they_are),
        IN_BOTH(a_subscription_asks_for_what_the_broker_has),
        IN_BOTH(the_retain_flag_is_cleared_and_counted),
        IN_BOTH(a_will_is_made_to_fit_too),
        IN_TRANSPARENT(the_will_that_the_broker_has_bears_the_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
