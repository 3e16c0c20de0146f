/* drain_goes_on_test.c -- whatever becomes of a connection and of what left over it, the rest goes on: its age counts,
 * its order holds, and whoever has something that could leave says so (design rules 1, 4, 5). */
#include "tests/gateway/core/drain_scene.h"

static bool wants_turn(void *scene)
{
    return session_wants_turn(session_of(scene, "m1"));
}

static void restarts(void *scene)
{
    the_gateway_is_killed(scene);
    the_gateway_starts(scene);
}

/* ---- who has something that could leave -------------------------------------------------------------------------- */

static void a_message_that_went_with_its_connection_wants_to_leave_again(void **scene)
{
    struct scene *s = *scene;
    given_waiting(scene, 2, 1, true);
    one_of_qos_2_leaves(s, 1);
    assert_false(wants_turn(s));
    client_sends(s, "m1", M(CONNECT, .clean = true, .duration = 60));
    broker_receives(s, P(DISCONNECT));
    broker_accepts(s, "m1", true, false);
    client_receives(s, "m1", M(CONNACK));
    assert_true(wants_turn(s));
    (void)a_drain_turn(s, "m1");
    (void)a_drain_turn(s, "m1");
    broker_gets(s, 2, true, 1);
}

static void while_the_broker_is_away_all_that_waits_wants_it_back(void **scene)
{
    given_waiting(scene, 1, 1, false);
    (void)a_drain_turn(*scene, "m1");
    broker_gets(*scene, 1, false, 1);
    assert_false(wants_turn(*scene));
    broker_goes_away(*scene);
    assert_true(wants_turn(*scene));
    broker_returns(*scene, true);
    broker_gets(*scene, 1, true, 1);
    assert_false(wants_turn(*scene));
}

/* Mosquitto acknowledges those beyond its 20 and throws them away. */
static void a_number_takes_a_place_before_it_is_used(void **scene)
{
    struct scene *s = *scene;
    given_waiting(scene, 2, 1, true);
    const struct flights *f = &session_of(s, "m1")->upstream->mqtt.flights;
    assert_false(a_drain_turn(s, "m1"));
    broker_receives_nothing(s);
    assert_int_equal(f->exactly_once, 1);
    (void)a_drain_turn(s, "m1");
    uint16_t id = broker_gets(s, 2, false, 1);
    assert_int_equal(f->exactly_once, 1);
    broker_ends_qos_2(s, id);
    assert_int_equal(f->exactly_once, 0);
}

static void with_twenty_of_qos_2_under_way_none_is_numbered(void **scene)
{
    given_waiting(scene, 2, 1, true);
    struct upstream *u = session_of(*scene, "m1")->upstream;
    u->mqtt.flights.exactly_once += 20;
    assert_int_equal(upstream_places(u), 0);
    assert_false(a_drain_turn(*scene, "m1"));
    assert_int_equal(u->mqtt.flights.count, 0);
    u->mqtt.flights.exactly_once -= 20;
    assert_int_equal(upstream_places(u), 20);
    one_of_qos_2_leaves(*scene, 1);
}

/* ---- age --------------------------------------------------------------------------------------------------------- */

static void given_sent_and_more_behind_it(void **scene, uint8_t qos)
{
    struct scene *s = *scene;
    s->limits.uplink_ttl = (msec)3600 * SECOND;
    s->limits.max_idle = (msec)86400 * SECOND;
    given_waiting(scene, qos, 1, false);
    session_of(s, "m1")->keep_alive_s = 0;
    if (qos == 2)
        (void)a_drain_turn(s, "m1");
    (void)a_drain_turn(s, "m1");
    broker_gets(s, qos, false, 1);
    broker_goes_away(s);
    for (uint16_t i = 2; i <= 4; i++)
        client_gives(s, "m1", qos, i);
}

static void what_was_sent_once_grows_old_without_a_connection(void **scene) /* uplink_queue.ttl, design rule 5 */
{
    struct scene *s = *scene;
    given_sent_and_more_behind_it(scene, 1);
    time_passes(s, 3601 * SECOND);
    for (int i = 0; i < 4; i++)
        dropped(s, DROP_UPLINK_EXPIRED);
    waiting_for_the_broker(s, "m1", 0);
    assert_int_equal(s->store->keeping.uplink_bytes, 0);
    broker_returns(s, true);
    broker_receives_nothing(s);
}

/* The broker may have half of it: its packet id must not name another message before that is over. */
static void qos_2_that_grew_old_on_its_way_goes_on_to_its_end(void **scene) /* MQTT-2.3.1-2 */
{
    struct scene *s = *scene;
    given_sent_and_more_behind_it(scene, 2);
    time_passes(s, 3601 * SECOND);
    for (int i = 0; i < 4; i++)
        dropped(s, DROP_UPLINK_EXPIRED);
    waiting_for_the_broker(s, "m1", 0);
    broker_returns(s, true);
    uint16_t id = broker_gets(s, 2, true, 1);
    broker_ends_qos_2(s, id);
    assert_int_equal(session_of(s, "m1")->upstream->mqtt.flights.count, 0);
}

static void behind_one_that_will_be_answered_the_old_do_not_leave(void **scene)
{
    struct scene *s = *scene;
    s->limits.uplink_ttl = (msec)3600 * SECOND;
    given_waiting(scene, 1, 2, true);
    session_of(s, "m1")->keep_alive_s = 0;
    (void)a_drain_turn(s, "m1");
    uint16_t id = broker_gets(s, 1, false, 1);
    time_passes(s, 3601 * SECOND);
    dropped(s, DROP_UPLINK_EXPIRED);
    waiting_for_the_broker(s, "m1", 1);
    broker_sends(s, P(PUBACK, .packet_id = id));
    waiting_for_the_broker(s, "m1", 0);
}

/* ---- order ------------------------------------------------------------------------------------------------------- */

static void qos_2_behind_qos_1_stays_there_over_a_kill(void **scene) /* design rule 1 */
{
    struct scene *s = *scene;
    client_connects(s, "m1", false);
    broker_goes_away(s);
    client_gives(s, "m1", 1, 1);
    client_gives(s, "m1", 2, 2);
    broker_returns(s, true);
    (void)a_drain_turn(s, "m1");
    broker_gets(s, 1, false, 1);
    (void)a_drain_turn(s, "m1"); /* its number goes on disk */
    uint16_t number = sleepq_last(&session_of(s, "m1")->uplink)->message_id;
    assert_int_not_equal(number, 0);
    restarts(s);
    broker_returns(s, true);
    broker_receives_nothing(s);
    (void)a_drain_turn(s, "m1");
    broker_gets(s, 1, true, 1);
    (void)a_drain_turn(s, "m1");
    assert_int_equal(broker_gets(s, 2, true, 2), number);
    broker_ends_qos_2(s, number);
}

/* Whether PUBREL left before the kill is not known: rather twice than never. */
static void a_released_one_that_the_broker_forgot_leaves_anew(void **scene) /* design rule 1 */
{
    struct scene *s = *scene;
    given_waiting(scene, 2, 1, true);
    uint16_t id = one_of_qos_2_leaves(s, 1);
    the_store_waits(s);
    broker_sends(s, P(PUBREC, .packet_id = id));
    s->store->on_disk = s->store->open; /* the commit is through, and then the kill, before PUBREL */
    restarts(s);
    broker_returns(s, false);
    broker_ends_qos_2(s, broker_gets(s, 2, false, 1));
    waiting_for_the_broker(s, "m1", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEPT_TRANSPARENT(a_message_that_went_with_its_connection_wants_to_leave_again),
        KEPT_BOTH(while_the_broker_is_away_all_that_waits_wants_it_back),
        KEPT_BOTH(a_number_takes_a_place_before_it_is_used),
        KEPT_BOTH(with_twenty_of_qos_2_under_way_none_is_numbered),
        KEPT_BOTH(what_was_sent_once_grows_old_without_a_connection),
        KEPT_AGGREGATE(qos_2_that_grew_old_on_its_way_goes_on_to_its_end),
        KEPT_BOTH(behind_one_that_will_be_answered_the_old_do_not_leave),
        KEPT_BOTH(qos_2_behind_qos_1_stays_there_over_a_kill),
        KEPT_TRANSPARENT(a_released_one_that_the_broker_forgot_leaves_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
