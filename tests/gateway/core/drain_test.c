/* drain_test.c -- what waits for the broker leaves, a message in a turn, and is ours until the broker has answered to
 * the end (design section 6, rule 1). What the broker, the connection and the client may do meanwhile is in
 * drain_breaks_test.c. */
#include "tests/gateway/core/drain_scene.h"

/* ---- turn by turn ------------------------------------------------------------------------------------------------ */

static void a_turn_is_one_message(void **scene)
{
    given_waiting(scene, 1, 3, true);
    assert_true(a_drain_turn(*scene, "m1"));
    broker_gets(*scene, 1, false, 1);
    broker_receives_nothing(*scene);
    assert_true(a_drain_turn(*scene, "m1"));
    broker_gets(*scene, 1, false, 2);
    assert_false(a_drain_turn(*scene, "m1")); /* there are no more */
    broker_gets(*scene, 1, false, 3);
    assert_false(a_drain_turn(*scene, "m1"));
    waiting_for_the_broker(*scene, "m1", 3); /* until they are answered */
}

static void eight_may_be_on_their_way(void **scene)
{
    uint16_t ids[9];
    given_waiting(scene, 1, 10, true);
    for (uint16_t i = 1; i <= 8; i++) {
        assert_int_equal(a_drain_turn(*scene, "m1"), i < 8);
        ids[i] = broker_gets(*scene, 1, false, i);
    }
    assert_false(a_drain_turn(*scene, "m1"));
    assert_false(session_wants_turn(session_of(*scene, "m1")));
    broker_sends(*scene, P(PUBACK, .packet_id = ids[5])); /* out of order */
    assert_true(session_wants_turn(session_of(*scene, "m1")));
    waiting_for_the_broker(*scene, "m1", 9);
    (void)a_drain_turn(*scene, "m1");
    broker_gets(*scene, 1, false, 9);
    assert_false(a_drain_turn(*scene, "m1"));
    broker_sends(*scene, P(PUBACK, .packet_id = ids[1]));
    (void)a_drain_turn(*scene, "m1");
    broker_gets(*scene, 1, false, 10);
}

static void nothing_leaves_before_it_is_on_disk(void **scene) /* design rule 1 */
{
    struct scene *s = *scene;
    given_waiting(scene, 1, 1, true);
    the_store_waits(s);
    client_sends(s, "m1",
                 M(PUBLISH, .qos = 1, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 2,
                   .message_id = 2, .tail = TEXT("2")));
    (void)a_drain_turn(s, "m1");
    broker_gets(s, 1, false, 1);
    assert_false(a_drain_turn(s, "m1"));
    broker_receives_nothing(s);
    nothing_is_sent(s);
    the_store_commits(s);
    client_receives(s, "m1", M(PUBACK, .topic_id = 2, .message_id = 2));
    (void)a_drain_turn(s, "m1");
    broker_gets(s, 1, false, 2);
}

/* Rows of a store that could not be written have no number yet. */
static void nothing_leaves_that_has_no_row(void **scene) /* design rule 1 */
{
    struct scene *s = *scene;
    given_waiting(scene, 1, 1, true);
    struct queued *one = STAILQ_FIRST(&session_of(s, "m1")->uplink.list);
    uint64_t row = one->row;
    one->row = 0;
    assert_false(a_drain_turn(s, "m1"));
    broker_receives_nothing(s);
    one->row = row;
}

static void qos_1_is_written_once(void **scene) /* flash wear */
{
    struct scene *s = *scene;
    given_waiting(scene, 1, 1, true);
    the_store_waits(s);
    (void)a_drain_turn(s, "m1");
    broker_gets(s, 1, false, 1);
    assert_int_equal(the_row(s, "m1")->phase, QUEUED_WAITING);
}

static void what_waits_for_nobody_has_no_turn(void **scene)
{
    client_connects(*scene, "m1", true);
    assert_false(a_drain_turn(*scene, "m1"));
    broker_goes_away(*scene);
    client_gives(*scene, "m1", 1, 1);
    assert_false(a_drain_turn(*scene, "m1"));
    assert_int_equal(the_row(*scene, "m1")->phase, QUEUED_WAITING);
}

/* ---- QoS 2 ------------------------------------------------------------------------------------------------------- */

static void qos_2_is_numbered_on_disk_before_it_leaves(void **scene) /* design rule 4 */
{
    struct scene *s = *scene;
    given_waiting(scene, 2, 1, true);
    the_store_waits(s);
    assert_false(a_drain_turn(s, "m1"));
    assert_int_equal(the_row(s, "m1")->phase, QUEUED_SENT);
    uint16_t id = the_row(s, "m1")->message_id;
    assert_int_not_equal(id, 0);
    assert_false(a_drain_turn(s, "m1"));
    broker_receives_nothing(s);
    the_store_commits(s);
    assert_false(a_drain_turn(s, "m1"));
    assert_int_equal(broker_gets(s, 2, false, 1), id);
}

static void pubrel_waits_until_pubrec_is_on_disk(void **scene) /* MQTT-4.3.3-1, design rule 4 */
{
    struct scene *s = *scene;
    given_waiting(scene, 2, 1, true);
    uint16_t id = one_of_qos_2_leaves(s, 1);
    the_store_waits(s);
    broker_sends(s, P(PUBREC, .packet_id = id));
    broker_receives_nothing(s);
    assert_int_equal(the_row(s, "m1")->phase, QUEUED_RELEASED);
    assert_int_equal(the_row(s, "m1")->message_id, id);
    the_store_commits(s);
    broker_receives(s, P(PUBREL, .packet_id = id));
    waiting_for_the_broker(s, "m1", 1);
    broker_sends(s, P(PUBREC, .packet_id = id)); /* once more: nothing new */
    broker_receives(s, P(PUBREL, .packet_id = id));
    broker_sends(s, P(PUBCOMP, .packet_id = id));
    waiting_for_the_broker(s, "m1", 0);
    broker_sends(s, P(PUBCOMP, .packet_id = id));
}

static void several_of_qos_2_may_be_on_their_way(void **scene)
{
    given_waiting(scene, 2, 3, true);
    uint16_t one = one_of_qos_2_leaves(*scene, 1), two = one_of_qos_2_leaves(*scene, 2);
    broker_sends(*scene, P(PUBREC, .packet_id = two)); /* out of order */
    broker_receives(*scene, P(PUBREL, .packet_id = two));
    broker_sends(*scene, P(PUBREC, .packet_id = one));
    broker_receives(*scene, P(PUBREL, .packet_id = one));
    broker_sends(*scene, P(PUBCOMP, .packet_id = two));
    uint16_t three = one_of_qos_2_leaves(*scene, 3);
    broker_sends(*scene, P(PUBCOMP, .packet_id = one));
    broker_ends_qos_2(*scene, three);
    waiting_for_the_broker(*scene, "m1", 0);
}

static void a_broker_without_qos_2_has_it_at_qos_1(void **scene) /* SN-PUB-5 */
{
    struct upstream_lacks lacks = { .qos2 = true };
    broker_lacks(*scene, lacks);
    given_waiting(scene, 2, 1, true);
    assert_false(a_drain_turn(*scene, "m1"));
    (void)a_drain_turn(*scene, "m1");
    uint16_t id = broker_gets(*scene, 1, false, 1);
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    waiting_for_the_broker(*scene, "m1", 0);
}

static void a_broker_may_answer_qos_2_with_puback(void **scene) /* SN-PUB-5 */
{
    given_waiting(scene, 2, 1, true);
    uint16_t id = one_of_qos_2_leaves(*scene, 1);
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    waiting_for_the_broker(*scene, "m1", 0);
}

static void the_broker_s_own_limit_of_qos_2_is_kept(void **scene) /* SN-CNG-4 */
{
    static const char *const who[] = { "m1", "m2", "m3" };
    struct scene *s = *scene;
    uint16_t id = 0;
    for (size_t c = 0; c < 3; c++)
        client_connects(s, who[c], true);
    broker_goes_away(s);
    for (size_t c = 0; c < 3; c++)
        for (uint16_t i = 1; i <= 7; i++)
            client_gives(s, who[c], 2, i);
    broker_returns(s, false);
    for (size_t c = 0; c < 3; c++)
        for (unsigned i = 1; i <= 6U + (c < 2); i++) {
            (void)a_drain_turn(s, who[c]);
            (void)a_drain_turn(s, who[c]);
            id = broker_gets_from(s, who[c], P(PUBLISH, .qos = 2), (uint16_t)i);
        }
    assert_false(a_drain_turn(s, "m3")); /* it would be the 21st */
    assert_false(a_drain_turn(s, "m3"));
    broker_ends_qos_2(s, id);
    assert_false(a_drain_turn(s, "m3"));
    (void)a_drain_turn(s, "m3");
    broker_gets_from(s, "m3", P(PUBLISH, .qos = 2), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEPT_BOTH(a_turn_is_one_message),
        KEPT_BOTH(eight_may_be_on_their_way),
        KEPT_BOTH(nothing_leaves_before_it_is_on_disk),
        KEPT_BOTH(nothing_leaves_that_has_no_row),
        KEPT_BOTH(qos_1_is_written_once),
        KEPT_BOTH(what_waits_for_nobody_has_no_turn),
        KEPT_BOTH(qos_2_is_numbered_on_disk_before_it_leaves),
        KEPT_BOTH(pubrel_waits_until_pubrec_is_on_disk),
        KEPT_BOTH(several_of_qos_2_may_be_on_their_way),
        KEPT_BOTH(a_broker_without_qos_2_has_it_at_qos_1),
        KEPT_BOTH(a_broker_may_answer_qos_2_with_puback),
        KEPT_AGGREGATE(the_broker_s_own_limit_of_qos_2_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
