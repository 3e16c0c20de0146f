/* session_will_test.c -- the will dialogue and the will updates (MQTT-SN 1.2, sections 6.2 to 6.4; SN-WILL, SN-SES). */
#include "tests/gateway/core/scene.h"

#define WILL_OF(t, m, q, r) .has_will = true, .will = { TEXT(t), TEXT(m), q, r }

static void client_asks_for_a_will(void *scene, bool clean)
{
    client_sends(scene, "m1", M(CONNECT, .clean = clean, .will = true, .duration = 60));
    client_receives(scene, "m1", M(WILLTOPICREQ));
    session_is(scene, "m1", SESSION_WILL_TOPIC);
}

static void client_connects_with_will(void *scene, bool clean, const char *topic, const char *message)
{
    struct scene *s = scene;
    client_asks_for_a_will(s, clean);
    client_sends(s, "m1", M(WILLTOPIC, .qos = 1, .retain = true, .tail = TEXT(topic)));
    client_receives(s, "m1", M(WILLMSGREQ));
    client_sends(s, "m1", M(WILLMSG, .tail = TEXT(message)));
    if (!s->shared) {
        broker_receives(s, P(CONNECT, .connect = { .client_id = TEXT("m1"),
                                                   .clean = clean,
                                                   WILL_OF(topic, message, 1, true) }));
        broker_sends(s, P(CONNACK));
    }
    client_receives(s, "m1", M(CONNACK));
    session_is(s, "m1", SESSION_ACTIVE);
}

/* The client is silent until its keep-alive is over. */
static void client_is_lost(void *scene)
{
    time_passes(scene, 90 * SECOND);
    client_receives(scene, "m1", M(DISCONNECT, .brief = true));
}

static void client_leaves(void *scene)
{
    client_sends(scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(scene, "m1", M(DISCONNECT, .brief = true));
    if (!((struct scene *)scene)->shared)
        broker_receives(scene, P(DISCONNECT));
}

/* ---- the dialogue ------------------------------------------------------------------------------------------------ */

static void topic_and_message_are_asked_for_before_anything_goes_upstream(
    void **scene) /* SN-WILL-1 to -3, CONN-2 */
{
    client_asks_for_a_will(*scene, true);
    client_sends(*scene, "m1", M(WILLTOPIC, .qos = 2, .tail = TEXT("w")));
    client_receives(*scene, "m1", M(WILLMSGREQ));
    broker_receives_nothing(*scene);
    client_sends(*scene, "m1", M(WILLMSG));
    broker_receives(
        *scene,
        P(CONNECT, .connect = { .client_id = TEXT("m1"), .clean = true, WILL_OF("w", "", 2, 0) }));
    broker_sends(*scene, P(CONNACK));
    client_receives(*scene, "m1", M(CONNACK));
}

static void a_silent_client_is_asked_three_times_more(void **scene) /* SN-WILL-1, SN-RTX-1 */
{
    client_asks_for_a_will(*scene, true);
    for (int i = 0; i < 3; i++) {
        time_passes(*scene, 10 * SECOND - 1);
        nothing_is_sent(*scene);
        time_passes(*scene, 1);
        client_receives(*scene, "m1", M(WILLTOPICREQ));
    }
    time_passes(*scene, 10 * SECOND);
    nothing_is_sent(*scene);
    session_is_gone(*scene, "m1");
}

static void the_message_is_asked_for_three_times_more_too(void **scene) /* SN-WILL-2 */
{
    client_asks_for_a_will(*scene, true);
    time_passes(*scene, 15 * SECOND);
    client_receives(*scene, "m1", M(WILLTOPICREQ));
    client_sends(*scene, "m1", M(WILLTOPIC, .tail = TEXT("w")));
    client_receives(*scene, "m1", M(WILLMSGREQ));
    for (int i = 0; i < 3; i++) {
        time_passes(*scene, 10 * SECOND);
        client_receives(*scene, "m1", M(WILLMSGREQ));
    }
    time_passes(*scene, 10 * SECOND);
    session_is_gone(*scene, "m1");
}

static void a_dialogue_broken_off_changes_nothing(void **scene) /* SN-WILL-1 */
{
    client_connects_with_will(*scene, false, "old", "gone");
    client_leaves(*scene);
    client_asks_for_a_will(*scene, true);
    client_sends(*scene, "m1", M(WILLTOPIC, .tail = TEXT("new")));
    client_receives(*scene, "m1", M(WILLMSGREQ));
    time_passes(*scene, 30 * SECOND);
    for (int i = 0; i < 3; i++)
        client_receives(*scene, "m1", M(WILLMSGREQ));
    time_passes(*scene, 10 * SECOND);
    session_is(*scene, "m1", SESSION_DISCONNECTED);
    assert_true(span_equal(session_of(*scene, "m1")->will->topic, TEXT("old")));
}

static void an_equal_connect_repeats_the_question(void **scene) /* SN-CONN-8 */
{
    client_asks_for_a_will(*scene, true);
    client_asks_for_a_will(*scene, true);
    client_sends(*scene, "m1", M(WILLTOPIC, .tail = TEXT("w")));
    client_receives(*scene, "m1", M(WILLMSGREQ));
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .will = true, .duration = 60));
    client_receives(*scene, "m1", M(WILLMSGREQ));
}

static void a_repeated_will_topic_replaces_the_first(void **scene) /* SN-WILL-2 */
{
    client_asks_for_a_will(*scene, true);
    client_sends(*scene, "m1", M(WILLTOPIC, .tail = TEXT("first")));
    client_receives(*scene, "m1", M(WILLMSGREQ));
    client_sends(*scene, "m1", M(WILLTOPIC, .tail = TEXT("second")));
    client_receives(*scene, "m1", M(WILLMSGREQ));
    client_sends(*scene, "m1", M(WILLMSG, .tail = TEXT("x")));
    client_receives(*scene, "m1", M(CONNACK));
    client_is_lost(*scene);
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("second"), .payload = TEXT("x")));
}

static void an_empty_will_topic_deletes_the_stored_will(void **scene) /* SN-WILL-4 */
{
    client_connects_with_will(*scene, false, "w", "gone");
    client_leaves(*scene);
    client_asks_for_a_will(*scene, false);
    client_sends(*scene, "m1", M(WILLTOPIC, .brief = true));
    client_receives(*scene, "m1", M(CONNACK));
    client_is_lost(*scene);
    broker_receives_nothing(*scene);
}

static void a_will_topic_that_is_none_ends_the_connect(void **scene) /* SN-WILL-5 */
{
    const struct mqttsn_message bad[] = { M(WILLTOPIC, .tail = TEXT("a/#")),
                                          M(WILLTOPIC, .tail = TEXT("+")),
                                          M(WILLTOPIC, .tail = TEXT("")),
                                          M(WILLTOPIC, .tail = TEXT("\xff")),
                                          M(WILLTOPIC, .qos = 3, .tail = TEXT("w")) };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        client_asks_for_a_will(*scene, true);
        client_sends(*scene, "m1", bad[i]);
        client_receives(*scene, "m1", M(CONNACK, .return_code = MQTTSN_NOT_SUPPORTED));
        session_is_gone(*scene, "m1");
    }
}

static void a_refused_will_topic_leaves_the_stored_will(void **scene) /* SN-WILL-5 */
{
    client_connects_with_will(*scene, false, "old", "gone");
    client_leaves(*scene);
    client_asks_for_a_will(*scene, false);
    client_sends(*scene, "m1", M(WILLTOPIC, .tail = TEXT("a/#")));
    client_receives(*scene, "m1", M(CONNACK, .return_code = MQTTSN_NOT_SUPPORTED));
    assert_true(span_equal(session_of(*scene, "m1")->will->topic, TEXT("old")));
}

static void a_will_topic_not_permitted_is_refused(void **scene) /* SN-PUB-9, SN-WILL-5 */
{
    static const char *const own[] = { "node/{client}/#" };
    ((struct scene *)*scene)->access.publish = (struct access_filters){ own, 1 };
    client_asks_for_a_will(*scene, true);
    client_sends(*scene, "m1", M(WILLTOPIC, .tail = TEXT("node/m10/w")));
    client_receives(*scene, "m1", M(CONNACK, .return_code = MQTTSN_NOT_SUPPORTED));
}

static void what_was_not_asked_for_is_dropped(void **scene) /* SN-WILL-6 */
{
    client_asks_for_a_will(*scene, true);
    client_sends(*scene, "m1", M(WILLMSG, .tail = TEXT("x")));
    dropped(*scene, DROP_CONNECTING);
    client_connects(*scene, "m2", true);
    client_sends(*scene, "m2", M(WILLTOPIC, .tail = TEXT("w")));
    dropped(*scene, DROP_UNEXPECTED);
    client_sends(*scene, "m2", M(WILLMSG, .tail = TEXT("x")));
    dropped(*scene, DROP_UNEXPECTED);
}

/* ---- updates ----------------------------------------------------------------------------------------------------- */

static void updates_change_topic_and_message_independently(void **scene) /* SN-WILL-7 */
{
    client_connects_with_will(*scene, true, "w", "gone");
    client_sends(*scene, "m1", M(WILLMSGUPD, .tail = TEXT("new")));
    client_receives(*scene, "m1", M(WILLMSGRESP));
    client_sends(*scene, "m1", M(WILLTOPICUPD, .qos = 2, .tail = TEXT("w2")));
    client_receives(*scene, "m1", M(WILLTOPICRESP));
    client_is_lost(*scene);
    broker_receives(*scene, P(PUBLISH, .qos = 2, .topic = TEXT("w2"), .payload = TEXT("new")));
}

static void an_empty_update_deletes_the_will(void **scene) /* SN-WILL-8 */
{
    client_connects_with_will(*scene, true, "w", "gone");
    client_sends(*scene, "m1", M(WILLTOPICUPD, .brief = true));
    client_receives(*scene, "m1", M(WILLTOPICRESP));
    client_is_lost(*scene);
    broker_receives_nothing(*scene);
}

static void bad_updates_are_refused(void **scene) /* SN-WILL-9 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(WILLMSGUPD, .tail = TEXT("x")));
    client_receives(*scene, "m1", M(WILLMSGRESP, .return_code = MQTTSN_NOT_SUPPORTED));
    client_sends(*scene, "m1", M(WILLTOPICUPD, .tail = TEXT("a/+")));
    client_receives(*scene, "m1", M(WILLTOPICRESP, .return_code = MQTTSN_NOT_SUPPORTED));
    client_sends(*scene, "m1", M(WILLTOPICUPD, .tail = TEXT("")));
    client_receives(*scene, "m1", M(WILLTOPICRESP, .return_code = MQTTSN_NOT_SUPPORTED));
}

/* ---- when it appears --------------------------------------------------------------------------------------------- */

static void a_lost_client_has_its_will_published_once_before_disconnect(void **scene) /* SN-WILL-10 */
{
    client_connects_with_will(*scene, true, "w", "gone");
    client_is_lost(*scene);
    uint16_t id = broker_receives(
        *scene, P(PUBLISH, .qos = 1, .retain = true, .topic = TEXT("w"), .payload = TEXT("gone")));
    broker_receives_nothing(*scene);
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    broker_receives(*scene, P(DISCONNECT));
    session_is_gone(*scene, "m1");
}

static void a_lost_sleeper_has_its_will_published_and_is_not_told(
    void **scene) /* SN-WILL-10, SN-SLP-15, SN-DSC-6 */
{
    client_connects_with_will(*scene, true, "w", "gone");
    client_falls_asleep(*scene, "m1", 300);
    time_passes(*scene, 450 * SECOND);
    broker_receives(
        *scene, P(PUBLISH, .qos = 1, .retain = true, .topic = TEXT("w"), .payload = TEXT("gone")));
    nothing_is_sent(*scene);
    session_is_gone(*scene, "m1");
}

static void who_leaves_has_no_will(void **scene) /* SN-WILL-11, SN-DSC-1 */
{
    client_connects_with_will(*scene, true, "w", "gone");
    client_leaves(*scene);
    broker_receives_nothing(*scene);
}

static void a_kept_will_is_in_the_next_connection_too(void **scene) /* SN-WILL-12, SN-SES-4 */
{
    client_connects_with_will(*scene, false, "w", "gone");
    client_leaves(*scene);
    client_sends(*scene, "m1", M(CONNECT, .duration = 60));
    broker_receives(
        *scene, P(CONNECT, .connect = { .client_id = TEXT("m1"), WILL_OF("w", "gone", 1, true) }));
    broker_sends(*scene, P(CONNACK, .session_present = true));
    client_receives(*scene, "m1", M(CONNACK));
    client_is_lost(*scene);
    uint16_t id = broker_receives(
        *scene, P(PUBLISH, .qos = 1, .retain = true, .topic = TEXT("w"), .payload = TEXT("gone")));
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    broker_receives(*scene, P(DISCONNECT));
    session_is(*scene, "m1", SESSION_LOST);
}

static void a_clean_connect_deletes_the_kept_will(void **scene) /* SN-SES-2 */
{
    client_connects_with_will(*scene, false, "w", "gone");
    client_leaves(*scene);
    client_connects(*scene, "m1", true);
    client_is_lost(*scene);
    broker_receives_nothing(*scene);
}

static void a_new_will_overwrites_the_kept_one(void **scene) /* SN-SES-3 */
{
    client_connects_with_will(*scene, false, "w", "gone");
    client_leaves(*scene);
    client_connects_with_will(*scene, false, "w2", "away");
    client_is_lost(*scene);
    broker_receives(
        *scene, P(PUBLISH, .qos = 1, .retain = true, .topic = TEXT("w2"), .payload = TEXT("away")));
}

static void on_an_own_connection_that_is_down_the_broker_has_the_will(void **scene) /* SN-WILL-10 */
{
    client_connects_with_will(*scene, true, "w", "gone");
    broker_goes_away(*scene);
    client_is_lost(*scene);
    broker_receives_nothing(*scene);
}

static void a_will_waits_for_the_shared_connection(void **scene) /* SN-WILL-10, SN-GW-6 */
{
    client_connects_with_will(*scene, true, "w", "gone");
    broker_goes_away(*scene);
    client_is_lost(*scene);
    broker_returns(*scene, false);
    uint16_t id = broker_receives(
        *scene, P(PUBLISH, .qos = 1, .retain = true, .topic = TEXT("w"), .payload = TEXT("gone")));
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    broker_receives_nothing(*scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TRANSPARENT(topic_and_message_are_asked_for_before_anything_goes_upstream),
        IN_BOTH(a_silent_client_is_asked_three_times_more),
        IN_BOTH(the_message_is_asked_for_three_times_more_too),
        IN_BOTH(a_dialogue_broken_off_changes_nothing),
        IN_BOTH(an_equal_connect_repeats_the_question),
        IN_AGGREGATE(a_repeated_will_topic_replaces_the_first),
        IN_AGGREGATE(an_empty_will_topic_deletes_the_stored_will),
        IN_BOTH(a_will_topic_that_is_none_ends_the_connect),
        IN_BOTH(a_refused_will_topic_leaves_the_stored_will),
        IN_BOTH(a_will_topic_not_permitted_is_refused),
        IN_BOTH(what_was_not_asked_for_is_dropped),
        IN_AGGREGATE(updates_change_topic_and_message_independently),
        IN_AGGREGATE(an_empty_update_deletes_the_will),
        IN_BOTH(bad_updates_are_refused),
        IN_TRANSPARENT(a_lost_client_has_its_will_published_once_before_disconnect),
        IN_BOTH(a_lost_sleeper_has_its_will_published_and_is_not_told),
        IN_BOTH(who_leaves_has_no_will),
        IN_TRANSPARENT(a_kept_will_is_in_the_next_connection_too),
        IN_AGGREGATE(a_clean_connect_deletes_the_kept_will),
        IN_AGGREGATE(a_new_will_overwrites_the_kept_one),
        IN_TRANSPARENT(on_an_own_connection_that_is_down_the_broker_has_the_will),
        IN_AGGREGATE(a_will_waits_for_the_shared_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
