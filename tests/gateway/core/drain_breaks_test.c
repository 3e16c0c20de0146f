/* drain_breaks_test.c -- messages on their way to the broker, and a broker that does not answer, closes the connection
 * or forgets, or a client that connects anew. Nothing is lost, a QoS 2 message is there once, and nobody is stormed
 * (design rules 1 and 7; SN-BRK-7). */
#include "tests/gateway/core/drain_scene.h"

/* ---- the broker does not do as it should ------------------------------------------------------------------------- */

static void who_is_never_answered_says_nothing_again(void **scene) /* MQTT-4.4.0-1: not on a timer */
{
    struct scene *s = *scene;
    given_waiting(scene, 1, 9, true);
    session_of(s, "m1")->keep_alive_s = 0;
    for (uint16_t i = 1; i <= 8; i++) {
        (void)a_drain_turn(s, "m1");
        broker_gets(s, 1, false, i);
    }
    s->limits.max_idle = 3 * 86400 * SECOND;
    time_passes(s, 86400 * SECOND);
    assert_false(a_drain_turn(s, "m1"));
    broker_receives_nothing(s);
}

static void an_answer_that_fits_nothing_changes_nothing(void **scene)
{
    given_waiting(scene, 1, 1, true);
    broker_sends(*scene, P(PUBACK, .packet_id = 99));
    broker_sends(*scene, P(PUBCOMP, .packet_id = 99));
    waiting_for_the_broker(*scene, "m1", 1);
    (void)a_drain_turn(*scene, "m1");
    uint16_t id = broker_gets(*scene, 1, false, 1);
    broker_sends(*scene, P(PUBCOMP, .packet_id = id));
    waiting_for_the_broker(*scene, "m1", 1);
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    broker_sends(*scene, P(PUBACK, .packet_id = id)); /* twice */
    waiting_for_the_broker(*scene, "m1", 0);
}

static void a_full_connection_takes_nothing(void **scene) /* SN-CNG-4 */
{
    given_waiting(scene, 1, 2, true);
    struct upstream *u = session_of(*scene, "m1")->upstream;
    u->waiting = 1 << 20;
    assert_false(a_drain_turn(*scene, "m1"));
    broker_receives_nothing(*scene);
    u->waiting = 0;
    u->flight_limit = 5; /* of unanswered octets, and somebody has one of them */
    u->mqtt.flights.bytes = 1;
    assert_false(a_drain_turn(*scene, "m1"));
    broker_receives_nothing(*scene);
    assert_int_equal(u->mqtt.flights.count, 0);
    u->mqtt.flights.bytes = 0;
    u->flight_limit = 1000;
    assert_true(a_drain_turn(*scene, "m1"));
    broker_gets(*scene, 1, false, 1);
}

static void a_full_connection_takes_no_qos_0_either(void **scene) /* SN-CNG-4 */
{
    client_connects(*scene, "m1", true);
    broker_goes_away(*scene);
    client_sends(*scene, "m1",
                 M(PUBLISH, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 2, .tail = TEXT("1")));
    assert_false(a_drain_turn(*scene, "m1"));
    broker_returns(*scene, false);
    struct upstream *u = session_of(*scene, "m1")->upstream;
    u->waiting = 1 << 20;
    assert_false(a_drain_turn(*scene, "m1"));
    broker_receives_nothing(*scene);
    u->waiting = 0;
    (void)a_drain_turn(*scene, "m1");
    broker_gets(*scene, 0, false, 1);
}

static void a_message_the_broker_closes_over_is_dropped_at_last(void **scene) /* SN-BRK-7 */
{
    given_waiting(scene, 1, 2, false);
    (void)a_drain_turn(*scene, "m1");
    broker_gets(*scene, 1, false, 1);
    for (int closed = 0; closed < 2; closed++) {
        broker_goes_away(*scene);
        broker_returns(*scene, true);
        broker_gets(*scene, 1, true, 1);
    }
    broker_goes_away(*scene);
    dropped(*scene, DROP_CLOSED_OVER);
    waiting_for_the_broker(*scene, "m1", 1);
    broker_returns(*scene, true);
    (void)a_drain_turn(*scene, "m1");
    broker_gets(*scene, 1, false, 2);
}

/* ---- the connection breaks on the way ---------------------------------------------------------------------------- */

static void what_was_not_answered_leaves_again(void **scene, bool present)
{
    given_waiting(scene, 1, 3, false);
    for (uint16_t i = 1; i <= 2; i++) {
        (void)a_drain_turn(*scene, "m1");
        broker_gets(*scene, 1, false, i);
    }
    broker_goes_away(*scene);
    assert_false(a_drain_turn(*scene, "m1"));
    broker_returns(*scene, present);
    uint16_t one = broker_gets(*scene, 1, present, 1), two = broker_gets(*scene, 1, present, 2);
    (void)a_drain_turn(*scene, "m1");
    broker_sends(*scene, P(PUBACK, .packet_id = broker_gets(*scene, 1, false, 3)));
    broker_sends(*scene, P(PUBACK, .packet_id = one));
    broker_sends(*scene, P(PUBACK, .packet_id = two));
    waiting_for_the_broker(*scene, "m1", 0);
}

static void a_broker_that_remembers_gets_it_again_as_dup(void **scene) /* MQTT-4.4.0-1 */
{
    what_was_not_answered_leaves_again(scene, true);
}

static void a_broker_that_forgot_gets_it_anew(void **scene) /* MQTT-3.3.1-1 */
{
    what_was_not_answered_leaves_again(scene, false);
}

static void qos_2_goes_on_where_it_was(void **scene) /* MQTT-4.4.0-1 */
{
    given_waiting(scene, 2, 2, false);
    uint16_t one = one_of_qos_2_leaves(*scene, 1), two = one_of_qos_2_leaves(*scene, 2);
    broker_sends(*scene, P(PUBREC, .packet_id = one));
    broker_receives(*scene, P(PUBREL, .packet_id = one));
    broker_goes_away(*scene);
    broker_returns(*scene, true);
    broker_receives(*scene, P(PUBREL, .packet_id = one));
    assert_int_equal(broker_gets(*scene, 2, true, 2), two);
    broker_sends(*scene, P(PUBCOMP, .packet_id = one));
    broker_ends_qos_2(*scene, two);
    waiting_for_the_broker(*scene, "m1", 0);
}

static void pubrel_leaves_on_the_next_connection_if_the_disk_was_slow(void **scene)
{
    given_waiting(scene, 2, 1, false);
    uint16_t id = one_of_qos_2_leaves(*scene, 1);
    the_store_waits(*scene);
    broker_sends(*scene, P(PUBREC, .packet_id = id));
    broker_goes_away(*scene);
    the_store_commits(*scene);
    broker_returns(*scene, true);
    broker_receives(*scene, P(PUBREL, .packet_id = id));
    broker_sends(*scene, P(PUBCOMP, .packet_id = id));
    waiting_for_the_broker(*scene, "m1", 0);
}

static void a_numbered_one_that_had_no_time_to_leave_does_so_later(void **scene)
{
    given_waiting(scene, 2, 1, false);
    assert_false(a_drain_turn(*scene, "m1"));
    uint16_t id = the_row(*scene, "m1")->message_id;
    broker_goes_away(*scene);
    broker_returns(*scene, true);
    broker_receives_nothing(*scene);
    (void)a_drain_turn(*scene, "m1");
    assert_int_equal(broker_gets(*scene, 2, false, 1), id);
}

/* ---- the client connects anew on the way ------------------------------------------------------------------------- */

static void client_connects_clean(void **scene)
{
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    if (!is_shared(scene))
        broker_receives(*scene, P(DISCONNECT));
    broker_accepts(*scene, "m1", true, false);
    client_receives(*scene, "m1", M(CONNACK));
}

/* The broker forgot its half of the handshake, so the message begins again, with another number. */
static void after_a_clean_connect_qos_2_begins_again(void **scene) /* SN-SES-1 */
{
    given_waiting(scene, 2, 2, true);
    uint16_t one = one_of_qos_2_leaves(*scene, 1);
    client_connects_clean(scene);
    assert_false(a_drain_turn(*scene, "m1"));
    broker_receives_nothing(*scene);
    (void)a_drain_turn(*scene, "m1");
    uint16_t again = broker_gets(*scene, 2, true, 1);
    assert_int_not_equal(again, one);
    broker_ends_qos_2(*scene, again);
    broker_ends_qos_2(*scene, one_of_qos_2_leaves(*scene, 2));
    waiting_for_the_broker(*scene, "m1", 0);
}

static void after_a_clean_connect_what_was_released_is_over(void **scene) /* QoS 2: never twice */
{
    given_waiting(scene, 2, 2, true);
    uint16_t one = one_of_qos_2_leaves(*scene, 1);
    broker_sends(*scene, P(PUBREC, .packet_id = one));
    broker_receives(*scene, P(PUBREL, .packet_id = one));
    client_connects_clean(scene);
    assert_true(a_drain_turn(*scene, "m1"));
    waiting_for_the_broker(*scene, "m1", 1);
    broker_ends_qos_2(*scene, one_of_qos_2_leaves(*scene, 2));
    waiting_for_the_broker(*scene, "m1", 0);
}

static void after_a_clean_connect_qos_1_begins_again(void **scene) /* SN-SES-1 */
{
    given_waiting(scene, 1, 2, true);
    (void)a_drain_turn(*scene, "m1");
    broker_gets(*scene, 1, false, 1);
    client_connects_clean(scene);
    assert_true(a_drain_turn(*scene, "m1"));
    broker_sends(*scene, P(PUBACK, .packet_id = broker_gets(*scene, 1, true, 1)));
    (void)a_drain_turn(*scene, "m1");
    broker_sends(*scene, P(PUBACK, .packet_id = broker_gets(*scene, 1, false, 2)));
    waiting_for_the_broker(*scene, "m1", 0);
}

/* The shared connection does not notice: whatever is on its way there is answered. */
static void on_the_shared_connection_a_clean_connect_changes_nothing(void **scene)
{
    given_waiting(scene, 2, 1, true);
    uint16_t id = one_of_qos_2_leaves(*scene, 1);
    client_connects_clean(scene);
    assert_false(a_drain_turn(*scene, "m1"));
    broker_ends_qos_2(*scene, id);
    waiting_for_the_broker(*scene, "m1", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEPT_BOTH(who_is_never_answered_says_nothing_again),
        KEPT_BOTH(an_answer_that_fits_nothing_changes_nothing),
        KEPT_BOTH(a_full_connection_takes_nothing),
        KEPT_BOTH(a_full_connection_takes_no_qos_0_either),
        KEPT_BOTH(a_message_the_broker_closes_over_is_dropped_at_last),
        KEPT_BOTH(a_broker_that_remembers_gets_it_again_as_dup),
        KEPT_BOTH(a_broker_that_forgot_gets_it_anew),
        KEPT_BOTH(qos_2_goes_on_where_it_was),
        KEPT_BOTH(pubrel_leaves_on_the_next_connection_if_the_disk_was_slow),
        KEPT_BOTH(a_numbered_one_that_had_no_time_to_leave_does_so_later),
        KEPT_TRANSPARENT(after_a_clean_connect_qos_2_begins_again),
        KEPT_TRANSPARENT(after_a_clean_connect_what_was_released_is_over),
        KEPT_TRANSPARENT(after_a_clean_connect_qos_1_begins_again),
        KEPT_AGGREGATE(on_the_shared_connection_a_clean_connect_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
