/* session_kept_test.c -- what a new connection keeps of the one before, and what it does not (MQTT-SN 1.2, section 6.3;
 * SN-SES, SN-TOP-10, SN-RTX-8, -9). The queue and the topic ids after a reconnect are in session_again_test.c. */
#include "tests/gateway/core/scene.h"

static struct mqttsn_message predefined(uint8_t qos, bool dup, uint16_t id)
{
    return M(PUBLISH, .qos = qos, .dup = dup, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = id,
             .message_id = qos > 0 ? 7 : 0, .tail = TEXT("x"));
}

static void client_leaves(void *scene)
{
    client_sends(scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(scene, "m1", M(DISCONNECT, .brief = true));
    if (!((struct scene *)scene)->shared)
        broker_receives(scene, P(DISCONNECT));
}

/* Up to the question for the will message. */
static void client_names_a_will_topic(void *scene, bool clean, const char *topic)
{
    client_sends(scene, "m1", M(CONNECT, .clean = clean, .will = true, .duration = 60));
    client_receives(scene, "m1", M(WILLTOPICREQ));
    client_sends(scene, "m1", M(WILLTOPIC, .tail = TEXT(topic)));
    client_receives(scene, "m1", M(WILLMSGREQ));
}

/* Its stored session has a filter and the will "old". */
static void client_was_here_before(void *scene)
{
    client_connects(scene, "m1", false);
    client_sends(scene, "m1", M(WILLTOPICUPD, .tail = TEXT("old")));
    client_receives(scene, "m1", M(WILLTOPICRESP));
    client_subscribes(scene, "m1", "cmd/#", 1);
    client_leaves(scene);
}

static void client_is_lost_with_will(void *scene, const char *topic)
{
    time_passes(scene, 90 * SECOND);
    client_receives(scene, "m1", M(DISCONNECT, .brief = true));
    broker_receives(scene, P(PUBLISH, .topic = TEXT(topic), .payload = TEXT("gone")));
}

static void a_clean_connect_with_a_will_has_nothing_of_before(void **scene) /* SN-SES-1 */
{
    client_was_here_before(*scene);
    client_names_a_will_topic(*scene, true, "new");
    client_sends(*scene, "m1", M(WILLMSG, .tail = TEXT("gone")));
    broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("cmd/#")));
    client_receives(*scene, "m1", M(CONNACK));
    assert_int_equal(session_of(*scene, "m1")->subscriptions.count, 0);
    client_is_lost_with_will(*scene, "new");
}

static void a_clean_connect_that_leaves_its_will_empty_has_none(void **scene) /* SN-SES-1, SN-WILL-4 */
{
    client_was_here_before(*scene);
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .will = true, .duration = 60));
    client_receives(*scene, "m1", M(WILLTOPICREQ));
    client_sends(*scene, "m1", M(WILLTOPIC, .brief = true));
    broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("cmd/#")));
    client_receives(*scene, "m1", M(CONNACK));
    time_passes(*scene, 90 * SECOND);
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    broker_receives_nothing(*scene);
}

static void a_kept_session_with_a_new_will_keeps_its_filters(void **scene) /* SN-SES-3 */
{
    client_was_here_before(*scene);
    client_names_a_will_topic(*scene, false, "new");
    client_sends(*scene, "m1", M(WILLMSG, .tail = TEXT("gone")));
    client_receives(*scene, "m1", M(CONNACK));
    broker_receives_nothing(*scene);
    broker_publishes(*scene, "cmd/7", "go", 0, 0);
    client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("cmd/7")));
    time_passes(*scene, 30 * SECOND);
    for (int i = 0; i < 3; i++)
        client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("cmd/7")));
    time_passes(*scene, 60 * SECOND);
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("new"), .payload = TEXT("gone")));
}

static void a_first_connect_that_keeps_begins_a_session(void **scene) /* SN-SES-4 */
{
    client_connects(*scene, "m1", false);
    uint16_t id = client_registers(*scene, "m1", "a/b");
    client_leaves(*scene);
    client_sends(*scene, "m1", M(CONNECT, .duration = 60));
    broker_accepts(*scene, "m1", false, true);
    client_receives(*scene, "m1", M(CONNACK));
    client_sends(*scene, "m1", M(PUBLISH, .topic_id = id));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("a/b")));
}

static void predefined_ids_stay_after_a_clean_connect(void **scene) /* SN-SES-5 */
{
    client_connects(*scene, "m1", false);
    client_sends(*scene, "m1", predefined(0, false, 2));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("node/m1"), .payload = TEXT("x")));
    client_leaves(*scene);
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", predefined(0, false, 2));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("node/m1"), .payload = TEXT("x")));
}

static void a_table_that_changed_is_for_sessions_that_begin_after_it(void **scene) /* SN-TOP-10 */
{
    static const struct predefined_row rows[] = { { "*", "changed", 2 }, { "*", "new", 9 } };
    struct scene *s = *scene;
    client_connects(s, "m1", true);
    struct predefined *old = s->common.predefined;
    s->common.predefined = predefined_new(rows, sizeof rows / sizeof rows[0]);
    predefined_release(old);
    client_connects(s, "m2", true);
    client_sends(s, "m1", predefined(0, false, 2));
    broker_receives(s, P(PUBLISH, .topic = TEXT("node/m1"), .payload = TEXT("x")));
    client_sends(s, "m2", predefined(0, false, 2));
    broker_receives(s, P(PUBLISH, .topic = TEXT("changed"), .payload = TEXT("x")));
    client_sends(s, "m1", predefined(0, false, 9)); /* what is new is for all */
    broker_receives(s, P(PUBLISH, .topic = TEXT("new"), .payload = TEXT("x")));
    client_sends(s, "m2", predefined(0, false, 1)); /* what is gone is not */
    client_receives(s, "m2", M(PUBACK, .topic_id = 1, .return_code = MQTTSN_INVALID_TOPIC_ID));
    dropped(s, DROP_INVALID_TOPIC);
}

static void qos_2_goes_on_after_a_reconnect_that_keeps(void **scene) /* SN-RTX-8 */
{
    client_connects(*scene, "m1", false);
    client_sends(*scene, "m1", predefined(2, false, 2));
    uint16_t id =
        broker_receives(*scene, P(PUBLISH, .qos = 2, .topic = TEXT("node/m1"), .payload = TEXT("x")));
    broker_sends(*scene, P(PUBREC, .packet_id = id));
    client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    client_sends(*scene, "m1", M(CONNECT, .duration = 60));
    if (!((struct scene *)*scene)->shared) /* its connection waited for the rest of the exchange */
        broker_receives(*scene, P(DISCONNECT));
    broker_accepts(*scene, "m1", false, true);
    client_receives(*scene, "m1", M(CONNACK));
    client_sends(*scene, "m1", predefined(2, true, 2));
    dropped(*scene, DROP_DUPLICATE);
    client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    broker_receives_nothing(*scene);
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    broker_receives(*scene, P(PUBREL, .packet_id = id));
    broker_sends(*scene, P(PUBCOMP, .packet_id = id));
    client_receives(*scene, "m1", M(PUBCOMP, .message_id = 7));
}

static void a_kept_will_is_published_at_each_loss(void **scene) /* SN-WILL-12, SN-SES-4 */
{
    client_connects(*scene, "m1", false);
    client_sends(*scene, "m1", M(WILLTOPICUPD, .tail = TEXT("w")));
    client_receives(*scene, "m1", M(WILLTOPICRESP));
    for (int i = 0; i < 2; i++) {
        time_passes(*scene, 90 * SECOND);
        client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
        broker_receives(*scene, P(PUBLISH, .topic = TEXT("w")));
        client_sends(*scene, "m1", M(CONNECT, .duration = 60));
        client_receives(*scene, "m1", M(CONNACK));
    }
}

static void the_will_of_an_old_connection_goes_before_it(void **scene) /* SN-CONN-10, will_on_takeover */
{
    struct mqtt_connect c = { .client_id = TEXT("m1"), .has_will = true };
    c.will = (struct mqtt_will){ .topic = TEXT("w") };
    ((struct scene *)*scene)->access.will_on_takeover = true;
    client_connects(*scene, "m1", false);
    client_sends(*scene, "m1", M(WILLTOPICUPD, .tail = TEXT("w")));
    client_receives(*scene, "m1", M(WILLTOPICRESP));
    client_sends(*scene, "m1", M(CONNECT, .duration = 60));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("w")));
    broker_receives(*scene, P(DISCONNECT));
    broker_receives(*scene, P(CONNECT, .connect = c));
    broker_sends(*scene, P(CONNACK));
    client_receives(*scene, "m1", M(CONNACK));
}

/* ---- requests that come twice ------------------------------------------------------------------------------------ */

static void each_request_may_come_twice(void **scene) /* SN-RTX-9 */
{
    client_connects(*scene, "m1", true);
    for (int i = 0; i < 2; i++) {
        client_sends(*scene, "m1", M(REGISTER, .message_id = 5, .tail = TEXT("a/b")));
        client_receives(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = 5));
        client_sends(*scene, "m1", M(PINGREQ));
        client_receives(*scene, "m1", M(PINGRESP));
        client_sends(*scene, "m1", M(WILLTOPICUPD, .tail = TEXT("w")));
        client_receives(*scene, "m1", M(WILLTOPICRESP));
    }
    client_subscribes(*scene, "m1", "lamp/1", 1);
    client_sends(*scene, "m1", M(UNSUBSCRIBE, .message_id = 8, .tail = TEXT("lamp/1")));
    uint16_t id = broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("lamp/1")));
    broker_sends(*scene, P(UNSUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 8));
    client_sends(*scene, "m1", M(UNSUBSCRIBE, .message_id = 8, .tail = TEXT("lamp/1")));
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 8)); /* the broker heard it once */
    client_falls_asleep(*scene, "m1", 300);
    client_falls_asleep(*scene, "m1", 300); /* SN-DSC-3, A42 */
}

static void a_will_dialogue_with_everything_doubled_makes_one_connection(void **scene) /* SN-RTX-9, SN-CONN-8 */
{
    struct mqtt_connect c = { .client_id = TEXT("m1"), .clean = true, .has_will = true };
    c.will = (struct mqtt_will){ .topic = TEXT("w"), .message = TEXT("gone") };
    for (int i = 0; i < 2; i++) {
        client_sends(*scene, "m1", M(CONNECT, .clean = true, .will = true, .duration = 60));
        client_receives(*scene, "m1", M(WILLTOPICREQ));
    }
    for (int i = 0; i < 2; i++) {
        client_sends(*scene, "m1", M(WILLTOPIC, .tail = TEXT("w")));
        client_receives(*scene, "m1", M(WILLMSGREQ));
    }
    client_sends(*scene, "m1", M(WILLMSG, .tail = TEXT("gone")));
    broker_receives(*scene, P(CONNECT, .connect = c));
    client_sends(*scene, "m1", M(WILLMSG, .tail = TEXT("gone")));
    dropped(*scene, DROP_CONNECTING); /* its answer is on its way */
    broker_sends(*scene, P(CONNACK));
    client_receives(*scene, "m1", M(CONNACK));
    broker_receives_nothing(*scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_AGGREGATE(a_clean_connect_with_a_will_has_nothing_of_before),
        IN_AGGREGATE(a_clean_connect_that_leaves_its_will_empty_has_none),
        IN_AGGREGATE(a_kept_session_with_a_new_will_keeps_its_filters),
        IN_BOTH(a_first_connect_that_keeps_begins_a_session),
        IN_BOTH(predefined_ids_stay_after_a_clean_connect),
        IN_BOTH(a_table_that_changed_is_for_sessions_that_begin_after_it),
        IN_BOTH(qos_2_goes_on_after_a_reconnect_that_keeps),
        IN_AGGREGATE(a_kept_will_is_published_at_each_loss),
        IN_TRANSPARENT(the_will_of_an_old_connection_goes_before_it),
        IN_BOTH(each_request_may_come_twice),
        IN_TRANSPARENT(a_will_dialogue_with_everything_doubled_makes_one_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
