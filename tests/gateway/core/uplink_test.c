/* uplink_test.c -- messages of a client that are taken over: on disk, then acknowledged, and kept until the broker has
 * them (design rules 1 and 2; SN-BRK-2). How they go to the broker is in drain_test.c, what a restart makes of them in
 * restore_test.c. */
#include "tests/gateway/core/scene_store.h"

static struct mqttsn_message reading(uint8_t qos, uint16_t message_id, const char *what)
{
    return M(PUBLISH, .qos = qos, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 2,
             .message_id = message_id, .tail = TEXT(what));
}

static struct mqttsn_message again(struct mqttsn_message m)
{
    m.dup = true;
    return m;
}

static void is_accepted(void *scene, uint8_t qos, uint16_t message_id, const char *what)
{
    client_sends(scene, "m1", reading(qos, message_id, what));
    if (qos == 1)
        client_receives(scene, "m1", M(PUBACK, .topic_id = 2, .message_id = message_id));
    else if (qos == 2)
        client_receives(scene, "m1", M(PUBREC, .message_id = message_id));
    nothing_is_sent(scene);
}

static void is_congestion(void *scene, uint8_t qos, uint16_t message_id, enum drop why)
{
    client_sends(scene, "m1", reading(qos, message_id, "too much"));
    client_receives(
        scene, "m1",
        M(PUBACK, .topic_id = 2, .message_id = message_id, .return_code = MQTTSN_CONGESTION));
    dropped(scene, why);
}

static uint16_t broker_gets(void *scene, uint8_t qos, bool dup, const char *what)
{
    return broker_receives(
        scene, P(PUBLISH, .qos = qos, .dup = dup, .topic = TEXT("node/m1"), .payload = TEXT(what)));
}

/* All that waits leaves and is answered. */
static void drains_at_qos_1(void *scene, const char *what)
{
    (void)a_drain_turn(scene, "m1");
    uint16_t id = broker_gets(scene, 1, false, what);
    broker_sends(scene, P(PUBACK, .packet_id = id));
}

static void given_broker_away(void *scene, bool clean)
{
    client_connects(scene, "m1", clean);
    broker_goes_away(scene);
}

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

/* ---- full, or ill ------------------------------------------------------------------------------------------------ */

static void when_it_is_full_nothing_is_kept_and_nothing_changes(void **scene) /* design rule 5, SN-CNG-1 */
{
    size_t one = sizeof(struct queued) + strlen("node/m1") + strlen("too much");
    given_broker_away(*scene, true);
    ((struct scene *)*scene)->limits.uplink_bytes = 2 * one;
    is_accepted(*scene, 1, 7, "too much");
    is_accepted(*scene, 2, 8, "too much");
    is_congestion(*scene, 1, 9, DROP_CONGESTION);
    is_congestion(*scene, 2, 9, DROP_CONGESTION);
    waiting_for_the_broker(*scene, "m1", 2);
    assert_int_equal(session_of(*scene, "m1")->inflight.open, 1); /* of 8 */
    broker_returns(*scene, false);
    drains_at_qos_1(*scene, "too much");
    is_accepted(*scene, 1, 9, "too much"); /* there is room again */
}

static void one_octet_too_much_is_too_much(void **scene) /* design rule 5 */
{
    given_broker_away(*scene, true);
    ((struct scene *)*scene)->limits.uplink_bytes =
        sizeof(struct queued) + strlen("node/m1") + strlen("too much") - 1;
    is_congestion(*scene, 1, 7, DROP_CONGESTION);
    is_accepted(*scene, 1, 7, "too muc");
}

static void a_client_with_its_handshakes_open_is_congested(void **scene) /* SN-CNG-5 */
{
    ((struct scene *)*scene)->limits.inflight_in = 1;
    given_broker_away(*scene, true);
    is_accepted(*scene, 2, 7, "a");
    is_congestion(*scene, 2, 8, DROP_CONGESTION);
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    client_receives(*scene, "m1", M(PUBCOMP, .message_id = 7));
    is_accepted(*scene, 2, 8, "b");
}

static void with_every_place_taken_it_is_congestion(void **scene) /* SN-CNG-5 */
{
    ((struct scene *)*scene)->limits.inflight_in = 100;
    given_broker_away(*scene, true);
    for (uint16_t i = 1; i <= EXCHANGES; i++)
        is_accepted(*scene, 2, i, "a");
    is_congestion(*scene, 1, 9, DROP_CONGESTION);
    waiting_for_the_broker(*scene, "m1", EXCHANGES);
}

static void an_ill_store_promises_nothing_while_something_waits(void **scene) /* design rule 1 */
{
    given_broker_away(*scene, true);
    is_accepted(*scene, 1, 7, "first");
    the_store_fails(*scene);
    is_congestion(*scene, 1, 8, DROP_CONGESTION);
    broker_returns(*scene, false);
    is_congestion(*scene, 1, 8, DROP_CONGESTION); /* it would overtake */
    waiting_for_the_broker(*scene, "m1", 1);
    the_store_is_well(*scene);
    is_accepted(*scene, 1, 8, "second");
}

static void with_an_ill_store_all_is_end_to_end(void **scene) /* design rule 7 */
{
    client_connects(*scene, "m1", true);
    the_store_fails(*scene);
    client_sends(*scene, "m1", reading(2, 7, "21.5"));
    uint16_t id = broker_gets(*scene, 2, false, "21.5");
    broker_sends(*scene, P(PUBREC, .packet_id = id));
    client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    broker_receives(*scene, P(PUBREL, .packet_id = id));
    broker_sends(*scene, P(PUBCOMP, .packet_id = id));
    client_receives(*scene, "m1", M(PUBCOMP, .message_id = 7));
    waiting_for_the_broker(*scene, "m1", 0);
    broker_goes_away(*scene);
    is_congestion(*scene, 1, 8, DROP_CONGESTION);
    is_congestion(*scene, 0, 0, DROP_BROKER_AWAY);
}

/* ---- QoS 0 ------------------------------------------------------------------------------------------------------- */

static void qos_0_may_be_dropped_while_the_broker_is_away(void **scene) /* uplink_queue.qos0: none */
{
    struct scene *s = *scene;
    s->limits.uplink_qos0 = UPLINK_QOS0_NONE;
    given_broker_away(s, true);
    is_congestion(s, 0, 0, DROP_BROKER_AWAY);
    is_accepted(s, 1, 7, "first");
    broker_returns(s, false);
    client_sends(s, "m1", reading(0, 0, "second")); /* with this setting it may overtake */
    broker_gets(s, 0, false, "second");
    drains_at_qos_1(s, "first");
}

static void qos_0_waits_in_memory_in_its_place(void **scene) /* uplink_queue.qos0: memory */
{
    given_broker_away(*scene, true);
    is_accepted(*scene, 0, 0, "first");
    is_accepted(*scene, 1, 7, "second");
    is_accepted(*scene, 0, 0, "third");
    waiting_for_the_broker(*scene, "m1", 1); /* the other two are not on disk */
    broker_returns(*scene, false);
    assert_true(a_drain_turn(*scene, "m1"));
    broker_gets(*scene, 0, false, "first");
    drains_at_qos_1(*scene, "second");
    assert_false(a_drain_turn(*scene, "m1"));
    broker_gets(*scene, 0, false, "third");
    assert_int_equal(((struct scene *)*scene)->store->keeping.uplink_bytes, 0);
    assert_int_equal(((struct scene *)*scene)->store->keeping.uplink_memory, 0);
}

static void the_newest_may_replace_the_one_before(void **scene) /* uplink_queue.qos0: latest */
{
    ((struct scene *)*scene)->limits.uplink_qos0 = UPLINK_QOS0_LATEST;
    given_broker_away(*scene, true);
    is_accepted(*scene, 0, 0, "old");
    is_accepted(*scene, 1, 7, "not replaced: QoS 1");
    client_sends(*scene, "m1",
                 M(PUBLISH, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1,
                   .tail = TEXT("another topic")));
    client_sends(*scene, "m1", reading(0, 0, "new"));
    dropped(*scene, DROP_REPLACED);
    broker_returns(*scene, false);
    drains_at_qos_1(*scene, "not replaced: QoS 1");
    (void)a_drain_turn(*scene, "m1");
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("m1/alarm"), .payload = TEXT("another topic")));
    (void)a_drain_turn(*scene, "m1");
    broker_gets(*scene, 0, false, "new");
}

static void the_oldest_of_qos_0_makes_room(void **scene) /* uplink_queue.memory, design rule 5 */
{
    struct scene *s = *scene;
    size_t one = sizeof(struct queued) + strlen("node/m1") + 1;
    s->limits.uplink_memory = 2 * one;
    given_broker_away(s, true);
    is_accepted(s, 1, 7, "a"); /* does not count, and is not dropped */
    is_accepted(s, 0, 0, "b");
    is_accepted(s, 0, 0, "c");
    client_sends(s, "m1", reading(0, 0, "d"));
    dropped(s, DROP_OLDEST);
    assert_int_equal(s->store->keeping.uplink_memory, 2 * one);
    is_congestion(s, 0, 0, DROP_OLDEST); /* what is larger than one cannot have its room from one */
    dropped(s, DROP_UPLINK_FULL);
    broker_returns(s, false);
    drains_at_qos_1(s, "a");
    (void)a_drain_turn(s, "m1");
    broker_gets(s, 0, false, "d");
}

static void qos_0_that_finds_no_room_is_a_counted_drop(void **scene) /* design rules 2 and 5 */
{
    ((struct scene *)*scene)->limits.uplink_bytes = 20;
    given_broker_away(*scene, true);
    is_congestion(*scene, 0, 0, DROP_UPLINK_FULL);
}

/* ---- too old ----------------------------------------------------------------------------------------------------- */

static void what_waited_too_long_is_dropped_at_its_time(void **scene) /* uplink_queue.ttl */
{
    struct scene *s = *scene;
    s->limits.uplink_ttl = 50 * SECOND;
    given_broker_away(s, true);
    is_accepted(s, 1, 7, "a");
    time_passes(s, 10 * SECOND);
    is_accepted(s, 1, 8, "b");
    time_passes(s, 40 * SECOND);
    waiting_for_the_broker(s, "m1", 2);
    time_passes(s, 1);
    dropped(s, DROP_UPLINK_EXPIRED);
    waiting_for_the_broker(s, "m1", 1);
    broker_returns(s, false);
    drains_at_qos_1(s, "b");
}

static void what_is_on_its_way_is_not_too_old(void **scene) /* uplink_queue.ttl */
{
    struct scene *s = *scene;
    s->limits.uplink_ttl = 50 * SECOND;
    given_broker_away(s, true);
    is_accepted(s, 1, 7, "a");
    broker_returns(s, false);
    (void)a_drain_turn(s, "m1");
    uint16_t id = broker_gets(s, 1, false, "a");
    time_passes(s, 60 * SECOND);
    broker_sends(s, P(PUBACK, .packet_id = id));
    waiting_for_the_broker(s, "m1", 0);
}

static void a_long_queue_is_not_dropped_all_at_once(void **scene) /* work per turn is bounded */
{
    struct scene *s = *scene;
    s->limits.uplink_ttl = 50 * SECOND;
    given_broker_away(s, true);
    for (int i = 0; i < 70; i++)
        is_accepted(s, 1, (uint16_t)(i + 1), "a");
    s->now += 50 * SECOND + 1;
    s->store->waits = true;
    s->actions.count = 0;
    session_tick(session_of(s, "m1"), s->now, &s->actions);
    assert_int_equal(s->actions.count, 64);
    assert_true(session_of(s, "m1")->deadline <= s->now);
    s->store->open.message_count = 6; /* what was not given to the stage: their rows */
    memmove(s->store->open.messages, s->store->open.messages + 64,
            6 * sizeof s->store->open.messages[0]);
    time_passes(s, 0);
    for (int i = 0; i < 6; i++)
        dropped(s, DROP_UPLINK_EXPIRED);
    waiting_for_the_broker(s, "m1", 0);
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
        KEPT_BOTH(when_it_is_full_nothing_is_kept_and_nothing_changes),
        KEPT_BOTH(one_octet_too_much_is_too_much),
        KEPT_BOTH(a_client_with_its_handshakes_open_is_congested),
        KEPT_BOTH(with_every_place_taken_it_is_congestion),
        KEPT_BOTH(an_ill_store_promises_nothing_while_something_waits),
        KEPT_BOTH(with_an_ill_store_all_is_end_to_end),
        KEPT_BOTH(qos_0_may_be_dropped_while_the_broker_is_away),
        KEPT_BOTH(qos_0_waits_in_memory_in_its_place),
        KEPT_BOTH(the_newest_may_replace_the_one_before),
        KEPT_BOTH(the_oldest_of_qos_0_makes_room),
        KEPT_BOTH(qos_0_that_finds_no_room_is_a_counted_drop),
        KEPT_BOTH(what_waited_too_long_is_dropped_at_its_time),
        KEPT_BOTH(what_is_on_its_way_is_not_too_old),
        KEPT_BOTH(a_long_queue_is_not_dropped_all_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
