/* uplink_limits_test.c -- what is not taken over, or not for ever: a full queue, an ill store, QoS 0 by its policy, age
 * (design rules 1, 2 and 5; SN-BRK-2, SN-CNG). */
#include "tests/gateway/core/uplink_scene.h"

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
    for (unsigned i = 1; i <= EXCHANGES; i++)
        is_accepted(*scene, 2, (uint16_t)i, "a");
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
    is_accepted(*scene, 1, 7, "not replaced: QoS 1");
    is_accepted(*scene, 0, 0, "old");
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
    assert_false(a_drain_turn(s, "m1"));
    waiting_for_the_broker(s, "m1", 2);
    time_passes(s, 1);
    dropped(s, DROP_UPLINK_EXPIRED);
    waiting_for_the_broker(s, "m1", 1);
    broker_returns(s, false);
    drains_at_qos_1(s, "b");
}

static void what_is_too_old_at_its_turn_does_not_leave(void **scene) /* uplink_queue.ttl */
{
    struct scene *s = *scene;
    s->limits.uplink_ttl = 50 * SECOND;
    given_broker_away(s, true);
    is_accepted(s, 1, 7, "a");
    broker_returns(s, false);
    s->now += 50 * SECOND + 1; /* its timer is not heard yet */
    assert_false(a_drain_turn(s, "m1"));
    dropped(s, DROP_UPLINK_EXPIRED);
    broker_receives_nothing(s);
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
        KEPT_BOTH(what_is_too_old_at_its_turn_does_not_leave),
        KEPT_BOTH(what_is_on_its_way_is_not_too_old),
        KEPT_BOTH(a_long_queue_is_not_dropped_all_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
