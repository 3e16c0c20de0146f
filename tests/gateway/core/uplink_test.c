/* uplink_test.c -- messages of a client that are taken over: on disk, then acknowledged, and kept until the broker has
 * them (design rules 1 and 2; SN-BRK-2). What limits there are is in uplink_limits_test.c, how they go to the broker in
 * drain_test.c, what a restart makes of them in restore_messages_test.c. */
#include "tests/gateway/core/uplink_scene.h"

/* ---- taken over -------------------------------------------------------------------------------------------------- */

static void qos_1_is_accepted_once_it_is_on_disk(void **scene) /* design rule 1, SN-BRK-2 */
{
    given_broker_away(*scene, true);
    the_store_waits(*scene);
    client_sends(*scene, "m1", reading(1, 7, "21.5"));
    nothing_is_sent(*scene);
    the_store_commits(*scene);
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 2, .message_id = 7));
    broker_receives_nothing(*scene);
    const struct stored_message *row = the_row(*scene, "m1");
    assert_true(row->up);
    assert_int_equal(row->qos, 1);
    assert_int_equal(row->phase, QUEUED_WAITING);
    assert_int_equal(row->since, SCENE_BEGIN);
    assert_memory_equal(row->topic.bytes, "node/m1", 7);
    assert_memory_equal(row->payload.bytes, "21.5", 4);
}

static void qos_2_ends_its_handshake_here(void **scene) /* design rule 1 */
{
    given_broker_away(*scene, true);
    the_store_waits(*scene);
    client_sends(*scene, "m1", reading(2, 7, "21.5"));
    nothing_is_sent(*scene);
    the_store_commits(*scene);
    client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    nothing_is_sent(*scene); /* after a kill nobody would end the exchange that is still on disk */
    the_store_commits(*scene);
    client_receives(*scene, "m1", M(PUBCOMP, .message_id = 7));
    waiting_for_the_broker(*scene, "m1", 1);
    assert_int_equal(session_of(*scene, "m1")->inflight.open, 0);
}

static void the_retain_flag_is_kept_too(void **scene)
{
    struct mqttsn_message m = reading(1, 7, "21.5");
    m.retain = true;
    given_broker_away(*scene, false);
    client_sends(*scene, "m1", m);
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 2, .message_id = 7));
    broker_returns(*scene, true);
    (void)a_drain_turn(*scene, "m1");
    broker_receives(*scene, P(PUBLISH, .qos = 1, .retain = true, .topic = TEXT("node/m1"),
                              .payload = TEXT("21.5")));
}

static void a_repetition_of_qos_1_is_kept_once(void **scene) /* SN-RTX-7 */
{
    given_broker_away(*scene, true);
    is_accepted(*scene, 1, 7, "21.5");
    client_sends(*scene, "m1", again(reading(1, 7, "21.5")));
    dropped(*scene, DROP_ANSWERED_BEFORE);
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 2, .message_id = 7));
    waiting_for_the_broker(*scene, "m1", 1);
}

static void a_repetition_before_the_commit_waits_for_it_too(void **scene) /* design rule 1 */
{
    given_broker_away(*scene, true);
    the_store_waits(*scene);
    client_sends(*scene, "m1", reading(1, 7, "21.5"));
    client_sends(*scene, "m1", again(reading(1, 7, "21.5")));
    dropped(*scene, DROP_ANSWERED_BEFORE);
    nothing_is_sent(*scene);
    the_store_commits(*scene);
    for (int i = 0; i < 2; i++)
        client_receives(*scene, "m1", M(PUBACK, .topic_id = 2, .message_id = 7));
    waiting_for_the_broker(*scene, "m1", 1);
}

static void a_repetition_of_qos_2_is_kept_once(void **scene) /* SN-RTX-7, -8 */
{
    given_broker_away(*scene, true);
    is_accepted(*scene, 2, 7, "21.5");
    for (int dup = 0; dup < 2; dup++) { /* open */
        client_sends(*scene, "m1", dup ? again(reading(2, 7, "21.5")) : reading(2, 7, "21.5"));
        dropped(*scene, DROP_DUPLICATE);
        client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    }
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    client_receives(*scene, "m1", M(PUBCOMP, .message_id = 7));
    for (int dup = 0; dup < 2; dup++) { /* and a late copy, when it is over */
        client_sends(*scene, "m1", dup ? again(reading(2, 7, "21.5")) : reading(2, 7, "21.5"));
        dropped(*scene, DROP_ANSWERED_BEFORE);
        client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    }
    waiting_for_the_broker(*scene, "m1", 1);
}

static void the_same_number_with_other_content_is_another_message(void **scene) /* SN-RTX-7 */
{
    given_broker_away(*scene, true);
    is_accepted(*scene, 1, 7, "21.5");
    is_accepted(*scene, 1, 7, "21.6");
    is_accepted(*scene, 2, 8, "a");
    is_accepted(*scene, 2, 8, "b");
    waiting_for_the_broker(*scene, "m1", 4);
}

static void a_qos_2_handshake_that_nobody_ends_is_over_one_day(void **scene) /* SN-RTX-8 */
{
    given_broker_away(*scene, true);
    session_of(*scene, "m1")->keep_alive_s = 0;
    is_accepted(*scene, 2, 7, "21.5");
    time_passes(*scene, 3600 * SECOND);
    assert_int_equal(session_of(*scene, "m1")->inflight.open, 0);
    broker_receives_nothing(*scene);
    waiting_for_the_broker(*scene, "m1", 1);
}

static void a_client_asleep_is_served_likewise(void **scene)
{
    client_connects(*scene, "m1", true);
    client_falls_asleep(*scene, "m1", 300);
    broker_goes_away(*scene);
    is_accepted(*scene, 1, 7, "21.5");
    waiting_for_the_broker(*scene, "m1", 1);
}

/* ---- the broker is there ----------------------------------------------------------------------------------------- */

static void with_the_broker_there_qos_1_is_end_to_end(void **scene)
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", reading(1, 7, "21.5"));
    nothing_is_sent(*scene);
    uint16_t id = broker_gets(*scene, 1, false, "21.5");
    waiting_for_the_broker(*scene, "m1", 0);
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 2, .message_id = 7));
}

static void qos_2_goes_by_the_queue_always(void **scene)
{
    client_connects(*scene, "m1", true);
    is_accepted(*scene, 2, 7, "21.5");
    broker_receives_nothing(*scene);
    waiting_for_the_broker(*scene, "m1", 1);
}

static void nothing_overtakes_what_waits(void **scene) /* design section 6: order per client */
{
    given_broker_away(*scene, true);
    is_accepted(*scene, 1, 7, "first");
    broker_returns(*scene, false);
    is_accepted(*scene, 1, 8, "second");
    client_sends(*scene, "m1", reading(0, 0, "third"));
    broker_receives_nothing(*scene);
    drains_at_qos_1(*scene, "first");
    drains_at_qos_1(*scene, "second");
    (void)a_drain_turn(*scene, "m1");
    broker_gets(*scene, 0, false, "third");
    waiting_for_the_broker(*scene, "m1", 0);
    client_sends(*scene, "m1", reading(0, 0, "fourth")); /* at once again */
    broker_gets(*scene, 0, false, "fourth");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEPT_BOTH(qos_1_is_accepted_once_it_is_on_disk),
        KEPT_BOTH(qos_2_ends_its_handshake_here),
        KEPT_BOTH(the_retain_flag_is_kept_too),
        KEPT_BOTH(a_repetition_of_qos_1_is_kept_once),
        KEPT_BOTH(a_repetition_before_the_commit_waits_for_it_too),
        KEPT_BOTH(a_repetition_of_qos_2_is_kept_once),
        KEPT_BOTH(the_same_number_with_other_content_is_another_message),
        KEPT_BOTH(a_qos_2_handshake_that_nobody_ends_is_over_one_day),
        KEPT_BOTH(a_client_asleep_is_served_likewise),
        KEPT_BOTH(with_the_broker_there_qos_1_is_end_to_end),
        KEPT_BOTH(qos_2_goes_by_the_queue_always),
        KEPT_BOTH(nothing_overtakes_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
