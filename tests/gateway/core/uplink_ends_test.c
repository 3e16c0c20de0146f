/* uplink_ends_test.c -- messages that wait for the broker while their client or its connection comes to an end: taken
 * back from an exchange, left behind by a session that is over, a will (design rules 1 and 2; SN-BRK-2, SN-WILL-10). */
#include "tests/gateway/core/scene_store.h"

static struct mqttsn_message reading(uint8_t qos, bool dup, uint16_t message_id)
{
    return M(PUBLISH, .qos = qos, .dup = dup, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 2,
             .message_id = message_id, .tail = TEXT("21.5"));
}

static uint16_t broker_gets(void *scene, uint8_t qos, bool dup)
{
    return broker_receives(scene, P(PUBLISH, .qos = qos, .dup = dup, .topic = TEXT("node/m1"),
                                    .payload = TEXT("21.5")));
}

static void is_accepted(void *scene, uint16_t message_id)
{
    client_sends(scene, "m1", reading(1, false, message_id));
    client_receives(scene, "m1", M(PUBACK, .topic_id = 2, .message_id = message_id));
}

static bool is_shared(void **scene)
{
    return ((struct scene *)*scene)->shared != NULL;
}

static void client_leaves(void **scene)
{
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
}

/* ---- taken back from an exchange --------------------------------------------------------------------------------- */

static void given_an_open_exchange(void **scene)
{
    client_connects(*scene, "m1", false);
    client_sends(*scene, "m1", reading(1, false, 7));
    broker_gets(*scene, 1, false);
    broker_goes_away(*scene);
    nothing_is_sent(*scene);
}

static void the_broker_has_it_once_and_knows_that_it_may_be_the_second(void **scene, bool present)
{
    broker_returns(*scene, present);
    broker_receives_nothing(*scene);
    (void)a_drain_turn(*scene, "m1");
    uint16_t id = broker_gets(*scene, 1, true);
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    nothing_is_sent(*scene);
    waiting_for_the_broker(*scene, "m1", 0);
}

static void what_the_broker_did_not_answer_is_taken_over_when_it_is_repeated(void **scene)
{
    given_an_open_exchange(scene);
    client_sends(*scene, "m1", reading(1, true, 7));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 2, .message_id = 7));
    waiting_for_the_broker(*scene, "m1", 1);
    assert_int_equal(session_of(*scene, "m1")->upstream->mqtt.flights.count, 0);
    the_broker_has_it_once_and_knows_that_it_may_be_the_second(scene, true);
}

static void so_it_is_when_the_repetition_does_not_say_that_it_is_one(void **scene)
{
    given_an_open_exchange(scene);
    client_sends(*scene, "m1", reading(1, false, 7));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 2, .message_id = 7));
    the_broker_has_it_once_and_knows_that_it_may_be_the_second(scene, true);
}

/* Nodes that number every message alike: what was answered was the one before. */
static void an_equal_message_before_it_does_not_answer_for_it(void **scene) /* design rule 1 */
{
    client_connects(*scene, "m1", false);
    client_sends(*scene, "m1", reading(1, false, 7));
    broker_sends(*scene, P(PUBACK, .packet_id = broker_gets(*scene, 1, false)));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 2, .message_id = 7));
    client_sends(*scene, "m1", reading(1, false, 7));
    broker_gets(*scene, 1, false);
    broker_goes_away(*scene);
    client_sends(*scene, "m1", reading(1, true, 7));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 2, .message_id = 7));
    the_broker_has_it_once_and_knows_that_it_may_be_the_second(scene, true);
}

static void without_a_repetition_the_exchange_goes_on(void **scene) /* SN-RTX-6 */
{
    given_an_open_exchange(scene);
    waiting_for_the_broker(*scene, "m1", 0);
    broker_returns(*scene, true);
    uint16_t id = broker_gets(*scene, 1, true);
    client_sends(*scene, "m1", reading(1, true, 7)); /* the broker is there: end to end */
    dropped(*scene, DROP_DUPLICATE);
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 2, .message_id = 7));
}

static void without_a_store_it_stays_with_the_exchange(void **scene) /* design rule 1 */
{
    given_an_open_exchange(scene);
    the_store_fails(*scene);
    client_sends(*scene, "m1", reading(1, true, 7));
    dropped(*scene, DROP_DUPLICATE);
    nothing_is_sent(*scene);
    assert_int_equal(session_of(*scene, "m1")->upstream->mqtt.flights.count, 1);
}

static void another_message_under_its_number_is_another(void **scene) /* SN-RTX-7 */
{
    struct mqttsn_message other = reading(1, false, 7);
    other.tail = TEXT("21.6");
    given_an_open_exchange(scene);
    client_sends(*scene, "m1", other);
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 2, .message_id = 7));
    assert_int_equal(session_of(*scene, "m1")->upstream->mqtt.flights.count, 1);
    broker_returns(*scene, true);
    broker_gets(*scene, 1, true);
    (void)a_drain_turn(*scene, "m1");
    broker_receives(*scene, P(PUBLISH, .qos = 1, .topic = TEXT("node/m1"), .payload = TEXT("21.6")));
}

static void with_the_queue_full_the_client_keeps_its_sample(void **scene) /* SN-CNG-1 */
{
    given_an_open_exchange(scene);
    ((struct scene *)*scene)->limits.uplink_bytes = 10;
    client_sends(*scene, "m1", reading(1, true, 7));
    client_receives(*scene, "m1",
                    M(PUBACK, .topic_id = 2, .message_id = 7, .return_code = MQTTSN_CONGESTION));
    dropped(*scene, DROP_CONGESTION);
    waiting_for_the_broker(*scene, "m1", 0);
}

/* ---- the client leaves before its messages do -------------------------------------------------------------------- */

static void given_two_waiting(void **scene, bool clean)
{
    client_connects(*scene, "m1", clean);
    broker_goes_away(*scene);
    is_accepted(*scene, 7);
    is_accepted(*scene, 8);
}

static void the_two_leave(void **scene)
{
    broker_returns(*scene, false);
    for (int i = 0; i < 2; i++) {
        (void)a_drain_turn(*scene, "m1");
        uint16_t id = broker_gets(*scene, 1, false);
        session_of(*scene, "m1"); /* it is still there */
        broker_sends(*scene, P(PUBACK, .packet_id = id));
    }
}

static void a_session_that_is_over_waits_for_its_last_message(void **scene) /* design rule 1 */
{
    given_two_waiting(scene, true);
    client_leaves(scene);
    session_is(*scene, "m1", SESSION_DISCONNECTED);
    the_two_leave(scene);
    if (!is_shared(scene))
        broker_receives(*scene, P(DISCONNECT));
    session_is_gone(*scene, "m1");
}

static void a_session_that_is_kept_stays(void **scene)
{
    given_two_waiting(scene, false);
    client_leaves(scene);
    the_two_leave(scene);
    if (!is_shared(scene)) /* its connection was only for them */
        broker_receives(*scene, P(DISCONNECT));
    session_is(*scene, "m1", SESSION_DISCONNECTED);
    waiting_for_the_broker(*scene, "m1", 0);
}

static void a_lost_client_s_messages_arrive(void **scene)
{
    given_two_waiting(scene, true);
    time_passes(*scene, 90 * SECOND);
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    session_is(*scene, "m1", SESSION_LOST);
    the_two_leave(scene);
    if (!is_shared(scene))
        broker_receives(*scene, P(DISCONNECT));
    session_is_gone(*scene, "m1");
}

static void while_the_client_is_there_its_connection_stays(void **scene)
{
    given_two_waiting(scene, true);
    the_two_leave(scene);
    broker_receives_nothing(*scene);
    session_is(*scene, "m1", SESSION_ACTIVE);
}

static void what_the_last_one_was_does_not_matter(void **scene) /* QoS 0, too old, refused by the broker */
{
    struct scene *s = *scene;
    s->limits.uplink_ttl = 50 * SECOND;
    client_connects(s, "m1", true);
    client_connects(s, "m2", true);
    broker_goes_away(s);
    client_sends(s, "m1", reading(0, false, 0));
    client_sends(s, "m2", reading(1, false, 7));
    client_receives(s, "m2", M(PUBACK, .topic_id = 2, .message_id = 7));
    client_leaves(scene);
    client_sends(s, "m2", M(DISCONNECT, .brief = true));
    client_receives(s, "m2", M(DISCONNECT, .brief = true));
    time_passes(s, 50 * SECOND + 1);
    dropped(s, DROP_UPLINK_EXPIRED);
    dropped(s, DROP_UPLINK_EXPIRED);
    session_is_gone(s, "m1");
    session_is_gone(s, "m2");
}

static void a_session_that_ends_with_qos_0_waits_for_it(void **scene)
{
    client_connects(*scene, "m1", true);
    broker_goes_away(*scene);
    client_sends(*scene, "m1", reading(0, false, 0));
    client_leaves(scene);
    broker_returns(*scene, false);
    assert_false(a_drain_turn(*scene, "m1"));
    broker_gets(*scene, 0, false);
    if (!is_shared(scene))
        broker_receives(*scene, P(DISCONNECT));
    session_is_gone(*scene, "m1");
}

static void a_client_that_comes_back_clean_finds_its_messages_on_their_way(void **scene) /* SN-SES-1 */
{
    given_two_waiting(scene, true);
    client_leaves(scene);
    broker_returns(*scene, false);
    (void)a_drain_turn(*scene, "m1");
    uint16_t id = broker_gets(*scene, 1, false);
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    if (!is_shared(scene))
        broker_receives(*scene, P(DISCONNECT));
    broker_accepts(*scene, "m1", true, false);
    client_receives(*scene, "m1", M(CONNACK));
    if (is_shared(scene)) /* whatever became of the session: the broker's answer counts */
        broker_sends(*scene, P(PUBACK, .packet_id = id));
    else
        (void)a_drain_turn(*scene, "m1");
    id = is_shared(scene) ? 0 : broker_gets(*scene, 1, true);
    if (id != 0)
        broker_sends(*scene, P(PUBACK, .packet_id = id));
    waiting_for_the_broker(*scene, "m1", 1);
    (void)a_drain_turn(*scene, "m1");
    id = broker_gets(*scene, 1, false);
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    session_is(*scene, "m1", SESSION_ACTIVE);
    broker_receives_nothing(*scene);
}

static void a_stored_session_is_not_over_while_something_waits(void **scene) /* SN-SES-8 */
{
    struct scene *s = *scene;
    s->limits.uplink_ttl = MSEC_NEVER / 2;
    s->limits.session_expiry = 1000 * SECOND;
    client_connects(s, "m1", false);
    client_subscribes(s, "m1", "lamp/1", 1);
    if (is_shared(scene))
        broker_publishes(s, "lamp/1", "on", 1, 40);
    if (is_shared(scene))
        client_receives(s, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
    broker_goes_away(s);
    is_accepted(s, 7);
    client_leaves(scene);
    time_passes(s, 1000 * SECOND);
    if (is_shared(scene))
        dropped(s, DROP_SESSION_ENDED); /* what was for the client is not kept any longer */
    waiting_for_the_broker(s, "m1", 1);
    broker_returns(s, true);
    uint16_t id = broker_receives(s, P(UNSUBSCRIBE, .topic = TEXT("lamp/1")));
    broker_sends(s, P(UNSUBACK, .packet_id = id)); /* nothing comes any more */
    (void)a_drain_turn(s, "m1");
    broker_sends(s, P(PUBACK, .packet_id = broker_gets(s, 1, false)));
    if (!is_shared(scene))
        broker_receives(s, P(DISCONNECT));
    session_is(s, "m1", SESSION_DISCONNECTED);
    time_passes(s, 1000 * SECOND);
    session_is_gone(s, "m1");
}

/* ---- wills ------------------------------------------------------------------------------------------------------- */

static void given_a_will(void **scene, uint8_t qos)
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(WILLTOPICUPD, .qos = qos, .retain = true, .tail = TEXT("w")));
    client_receives(*scene, "m1", M(WILLTOPICRESP));
    client_sends(*scene, "m1", M(WILLMSGUPD, .tail = TEXT("gone")));
    client_receives(*scene, "m1", M(WILLMSGRESP));
}

static void client_is_lost(void **scene)
{
    time_passes(*scene, 90 * SECOND);
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
}

static uint16_t the_will_appears(void **scene, uint8_t qos)
{
    return broker_receives(*scene, P(PUBLISH, .qos = qos, .retain = true, .topic = TEXT("w"),
                                     .payload = TEXT("gone")));
}

static void a_will_on_the_shared_connection_goes_by_the_queue(void **scene) /* SN-WILL-10, SN-WILL-11 */
{
    given_a_will(scene, 0);
    client_is_lost(scene);
    broker_receives_nothing(*scene);
    assert_int_equal(the_row(*scene, "m1")->qos, 1); /* or it would not outlive us */
    (void)a_drain_turn(*scene, "m1");
    uint16_t id = the_will_appears(scene, 1);
    session_is(*scene, "m1", SESSION_LOST);
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    session_is_gone(*scene, "m1");
}

static void a_will_comes_behind_what_its_client_said(void **scene) /* order per client */
{
    given_a_will(scene, 2);
    broker_goes_away(*scene);
    is_accepted(*scene, 7);
    client_is_lost(scene);
    waiting_for_the_broker(*scene, "m1", 2);
    broker_returns(*scene, false);
    (void)a_drain_turn(*scene, "m1");
    broker_sends(*scene, P(PUBACK, .packet_id = broker_gets(*scene, 1, false)));
    (void)a_drain_turn(*scene, "m1"); /* its number goes on disk */
    (void)a_drain_turn(*scene, "m1");
    uint16_t id = the_will_appears(scene, 2);
    broker_sends(*scene, P(PUBREC, .packet_id = id));
    broker_receives(*scene, P(PUBREL, .packet_id = id));
    broker_sends(*scene, P(PUBCOMP, .packet_id = id));
    session_is_gone(*scene, "m1");
}

static void without_room_or_store_a_will_is_said_at_once(void **scene) /* SN-WILL-10 */
{
    given_a_will(scene, 0);
    ((struct scene *)*scene)->limits.uplink_bytes = 1;
    client_is_lost(scene);
    the_will_appears(scene, 0);
    session_is_gone(*scene, "m1");
}

static void with_an_ill_store_a_will_is_said_at_once(void **scene) /* SN-WILL-10 */
{
    given_a_will(scene, 0);
    the_store_fails(*scene);
    client_is_lost(scene);
    the_will_appears(scene, 0);
    session_is_gone(*scene, "m1");
}

static void a_will_on_its_own_connection_is_said_at_once(void **scene) /* SN-WILL-10 */
{
    given_a_will(scene, 0);
    client_is_lost(scene);
    the_will_appears(scene, 0);
    broker_receives(*scene, P(DISCONNECT));
    session_is_gone(*scene, "m1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEPT_BOTH(what_the_broker_did_not_answer_is_taken_over_when_it_is_repeated),
        KEPT_BOTH(so_it_is_when_the_repetition_does_not_say_that_it_is_one),
        KEPT_BOTH(an_equal_message_before_it_does_not_answer_for_it),
        KEPT_BOTH(without_a_repetition_the_exchange_goes_on),
        KEPT_BOTH(without_a_store_it_stays_with_the_exchange),
        KEPT_BOTH(another_message_under_its_number_is_another),
        KEPT_BOTH(with_the_queue_full_the_client_keeps_its_sample),
        KEPT_BOTH(a_session_that_is_over_waits_for_its_last_message),
        KEPT_BOTH(a_session_that_is_kept_stays),
        KEPT_BOTH(a_lost_client_s_messages_arrive),
        KEPT_BOTH(while_the_client_is_there_its_connection_stays),
        KEPT_BOTH(what_the_last_one_was_does_not_matter),
        KEPT_BOTH(a_session_that_ends_with_qos_0_waits_for_it),
        KEPT_BOTH(a_client_that_comes_back_clean_finds_its_messages_on_their_way),
        KEPT_BOTH(a_stored_session_is_not_over_while_something_waits),
        KEPT_AGGREGATE(a_will_on_the_shared_connection_goes_by_the_queue),
        KEPT_AGGREGATE(a_will_comes_behind_what_its_client_said),
        KEPT_AGGREGATE(without_room_or_store_a_will_is_said_at_once),
        KEPT_AGGREGATE(with_an_ill_store_a_will_is_said_at_once),
        KEPT_TRANSPARENT(a_will_on_its_own_connection_is_said_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
