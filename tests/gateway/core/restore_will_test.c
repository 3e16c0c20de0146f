/* restore_will_test.c -- a gateway that is killed and starts again, and the wills of those who may have died with it
 * (SN-WILL-10, SN-WILL-12).
 *
 * On connections of their own the broker says them all at the kill. So a client's connection is made without its will
 * until the client is heard: it is dead, and its will was said; or it lives, and then the broker gets it once more. */
#include "tests/gateway/core/restart_scene.h"

static void given_a_will(void **scene)
{
    client_connects(*scene, "m1", false);
    client_sends(*scene, "m1", M(WILLTOPICUPD, .qos = 1, .tail = TEXT("w")));
    client_receives(*scene, "m1", M(WILLTOPICRESP));
    client_sends(*scene, "m1", M(WILLMSGUPD, .tail = TEXT("gone")));
    client_receives(*scene, "m1", M(WILLMSGRESP));
}

static bool will_is_told_to_the_broker(void *scene)
{
    struct mqtt_connect c = { 0 };
    session_connect_packet(session_of(scene, "m1"), &c);
    return c.has_will;
}

static void who_dies_with_the_gateway_has_its_will_once(void **scene) /* SN-WILL-12, aggregating */
{
    struct scene *s = *scene;
    given_a_will(scene);
    restarts(s);
    broker_returns(s, true);
    time_passes(s, 90 * SECOND);
    client_receives(s, "m1", M(DISCONNECT, .brief = true));
    (void)a_drain_turn(s, "m1");
    uint16_t id =
        broker_receives(s, P(PUBLISH, .qos = 1, .topic = TEXT("w"), .payload = TEXT("gone")));
    broker_sends(s, P(PUBACK, .packet_id = id));
    restarts(s);
    time_passes(s, 1000 * SECOND);
    waiting_for_the_broker(s, "m1", 0);
}

static void a_will_that_was_due_at_the_kill_appears(void **scene) /* SN-WILL-12, aggregating */
{
    struct scene *s = *scene;
    given_a_will(scene);
    time_passes(s, 90 * SECOND);
    client_receives(s, "m1", M(DISCONNECT, .brief = true));
    restarts(s);
    session_is(s, "m1", SESSION_LOST);
    broker_returns(s, true);
    (void)a_drain_turn(s, "m1");
    broker_receives(s,
                    P(PUBLISH, .qos = 1, .dup = true, .topic = TEXT("w"), .payload = TEXT("gone")));
}

/* A kill closed its connection without DISCONNECT: the broker has said it already. */
static void what_the_broker_said_is_not_said_again(void **scene) /* SN-WILL-10, transparent */
{
    struct scene *s = *scene;
    given_a_will(scene);
    restarts(s);
    assert_false(will_is_told_to_the_broker(s));
    broker_returns(s, true);
    time_passes(s, 90 * SECOND);
    client_receives(s, "m1", M(DISCONNECT, .brief = true));
    broker_receives(s, P(DISCONNECT));
}

/* m1 may die with us a second time: the broker has to say it then. */
static void broker_has_the_will_again(struct scene *s)
{
    broker_receives(s, P(DISCONNECT));
    broker_receives(s, P(CONNECT, .connect = { .client_id = TEXT("m1"),
                                               .has_will = true,
                                               .will = { TEXT("w"), TEXT("gone"), 1, false } }));
    broker_sends(s, P(CONNACK, .session_present = true));
}

static void once_it_is_heard_its_will_counts_again(void **scene) /* SN-WILL-10, transparent */
{
    struct scene *s = *scene;
    given_a_will(scene);
    restarts(s);
    broker_returns(s, true);
    client_sends(s, "m1", M(PINGREQ));
    client_receives(s, "m1", M(PINGRESP));
    broker_has_the_will_again(s);
    client_sends(s, "m1", M(PINGREQ));
    client_receives(s, "m1", M(PINGRESP));
    time_passes(s, 90 * SECOND);
    client_receives(s, "m1", M(DISCONNECT, .brief = true));
    uint16_t id =
        broker_receives(s, P(PUBLISH, .qos = 1, .topic = TEXT("w"), .payload = TEXT("gone")));
    broker_sends(s, P(PUBACK, .packet_id = id));
    broker_receives(s, P(DISCONNECT));
}

static void heard_before_the_connection_is_made_it_has_it_at_once(void **scene) /* SN-WILL-10 */
{
    struct scene *s = *scene;
    given_a_will(scene);
    restarts(s);
    client_sends(s, "m1", M(PINGREQ));
    client_receives(s, "m1", M(PINGRESP));
    broker_receives_nothing(s);
    assert_true(will_is_told_to_the_broker(s));
    broker_returns(s, true);
}

static void heard_before_the_broker_answered_it_is_made_anew(void **scene) /* SN-WILL-10 */
{
    struct scene *s = *scene;
    given_a_will(scene);
    restarts(s);
    scene_dial(s, scene_find(s, "m1"));
    scene_settle(s);
    broker_receives(s, P(CONNECT, .connect = { .client_id = TEXT("m1") }));
    client_sends(s, "m1", M(PINGREQ));
    client_receives(s, "m1", M(PINGRESP));
    broker_receives(s, P(CONNECT, .connect = { .client_id = TEXT("m1"),
                                               .has_will = true,
                                               .will = { TEXT("w"), TEXT("gone"), 1, false } }));
}

static void a_sleeper_that_wakes_has_it_again(void **scene) /* SN-WILL-10 */
{
    struct scene *s = *scene;
    given_a_will(scene);
    client_falls_asleep(s, "m1", 300);
    restarts(s);
    broker_returns(s, true);
    client_wakes(s, "m1");
    client_receives(s, "m1", M(PINGRESP));
    broker_has_the_will_again(s);
    session_is(s, "m1", SESSION_ASLEEP);
}

static void one_that_connects_to_wake_has_it_again(void **scene) /* SN-SLP-12 */
{
    struct scene *s = *scene;
    given_a_will(scene);
    client_falls_asleep(s, "m1", 300);
    restarts(s);
    broker_returns(s, true);
    client_sends(s, "m1", M(CONNECT, .duration = 60));
    client_receives(s, "m1", M(CONNACK));
    broker_has_the_will_again(s);
}

static void whoever_leaves_needs_none(void **scene) /* SN-DSC-1 */
{
    struct scene *s = *scene;
    given_a_will(scene);
    restarts(s);
    broker_returns(s, true);
    client_sends(s, "m1", M(DISCONNECT));
    client_receives(s, "m1", M(DISCONNECT, .brief = true));
    broker_receives(s, P(DISCONNECT));
    broker_receives_nothing(s);
}

static void whoever_connects_anew_has_it_once(void **scene) /* SN-CONN-10 */
{
    struct scene *s = *scene;
    given_a_will(scene);
    restarts(s);
    broker_returns(s, true);
    client_sends(s, "m1", M(CONNECT, .duration = 60));
    broker_has_the_will_again(s);
    client_receives(s, "m1", M(CONNACK));
    broker_receives_nothing(s);
}

static void a_will_that_was_taken_back_stays_so(void **scene) /* SN-WILL-8 */
{
    struct scene *s = *scene;
    given_a_will(scene);
    client_sends(s, "m1", M(WILLTOPICUPD, .brief = true));
    client_receives(s, "m1", M(WILLTOPICRESP));
    restarts(s);
    assert_null(session_of(s, "m1")->will);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEPT_AGGREGATE(who_dies_with_the_gateway_has_its_will_once),
        KEPT_AGGREGATE(a_will_that_was_due_at_the_kill_appears),
        KEPT_TRANSPARENT(what_the_broker_said_is_not_said_again),
        KEPT_TRANSPARENT(once_it_is_heard_its_will_counts_again),
        KEPT_BOTH(a_will_that_was_taken_back_stays_so),
        KEPT_TRANSPARENT(heard_before_the_connection_is_made_it_has_it_at_once),
        KEPT_TRANSPARENT(heard_before_the_broker_answered_it_is_made_anew),
        KEPT_TRANSPARENT(a_sleeper_that_wakes_has_it_again),
        KEPT_TRANSPARENT(one_that_connects_to_wake_has_it_again),
        KEPT_TRANSPARENT(whoever_leaves_needs_none),
        KEPT_TRANSPARENT(whoever_connects_anew_has_it_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
