/* session_brake_test.c -- a client that is awake and takes its messages more slowly than they come: its broker
 * connection is not read for a while, instead of what does not fit being lost. */
#include "tests/gateway/core/scene.h"

enum { LIMIT = 8, HIGH = 6 }; /* three quarters: the brake is on with the first that waits beyond */

static bool is_braked(void *scene)
{
    return session_of(scene, "m1")->upstream->brakes > 0;
}

static uint16_t client_gets_one(void *scene)
{
    return client_receives(scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("x")));
}

/* One is on its way, whose message id is returned, the others wait. */
static uint16_t given_waiting(void **scene, unsigned messages)
{
    ((struct scene *)*scene)->limits.queue_messages = LIMIT;
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "ab", 1);
    session_of(*scene, "m1")->keep_alive_s = 0;
    for (unsigned i = 0; i <= messages; i++)
        broker_publishes(*scene, "ab", "x", 1, (uint16_t)(40 + i));
    return client_gets_one(*scene);
}

/* It takes the one on its way, the `number`th; the next one is on its way then. */
static uint16_t client_takes(void *scene, uint16_t message_id, unsigned number)
{
    client_sends(scene, "m1", M(PUBACK, .topic_id = 3, .message_id = message_id));
    broker_receives(scene, P(PUBACK, .packet_id = (uint16_t)(40 + number)));
    return client_gets_one(scene);
}

static void a_queue_nearly_full_stops_the_broker(void **scene) /* design rule 7 */
{
    uint16_t id = given_waiting(scene, HIGH - 1);
    assert_false(is_braked(*scene));
    broker_publishes(*scene, "ab", "x", 1, 40 + HIGH);
    assert_true(is_braked(*scene));
    for (unsigned i = 0; i < 2; i++)
        id = client_takes(*scene, id, i);
    assert_true(is_braked(*scene)); /* half full: not yet */
    client_takes(*scene, id, 2);
    assert_false(is_braked(*scene));
}

static void octets_count_too(void **scene)
{
    ((struct scene *)*scene)->limits.queue_bytes = 16;
    given_waiting(scene, 3);
    assert_false(is_braked(*scene));
    broker_publishes(*scene, "ab", "x", 1, 44);
    assert_true(is_braked(*scene));
}

static void a_client_that_takes_nothing_stops_it_for_a_second(void **scene) /* design rule 7 */
{
    given_waiting(scene, HIGH);
    time_passes(*scene, SECOND - 1);
    assert_true(is_braked(*scene));
    time_passes(*scene, 1);
    assert_false(is_braked(*scene));
    broker_publishes(*scene, "ab", "x", 1,
                     60); /* nor is it used again before the queue was half empty */
    assert_false(is_braked(*scene));
}

static void who_takes_one_a_second_goes_on_stopping_its_own(void **scene)
{
    uint16_t id = given_waiting(scene, HIGH);
    time_passes(*scene, SECOND - 1);
    id = client_takes(*scene, id, 0);
    time_passes(*scene, SECOND - 1);
    assert_true(is_braked(*scene));
    client_takes(*scene, id, 1);
    assert_true(is_braked(*scene));
}

static void the_shared_connection_is_stopped_for_a_second_at_most(void **scene) /* design rule 7 */
{
    uint16_t id = given_waiting(scene, HIGH);
    time_passes(*scene, SECOND - 1);
    client_takes(*scene, id, 0);
    time_passes(*scene, 1);
    assert_false(is_braked(*scene));
}

static void who_never_keeps_up_stops_the_shared_connection_once_in_ten_seconds(void **scene) /* design rule 7 */
{
    uint16_t id = given_waiting(scene, HIGH);
    for (unsigned i = 0; i < 3; i++)
        id = client_takes(*scene, id, i);
    assert_false(is_braked(*scene));
    broker_publishes(*scene, "ab", "x", 1, 50); /* the same second goes on */
    broker_publishes(*scene, "ab", "x", 1, 51);
    broker_publishes(*scene, "ab", "x", 1, 52);
    assert_true(is_braked(*scene));
    for (unsigned i = 3; i < 6; i++)
        id = client_takes(*scene, id, i);
    time_passes(*scene, SECOND);
    for (uint16_t i = 53; i < 56; i++)
        broker_publishes(*scene, "ab", "x", 1, i);
    assert_false(is_braked(*scene));
    time_passes(*scene, 8 * SECOND - 1);
    client_sends(*scene, "m1", M(PINGREQ));
    client_receives(*scene, "m1", M(PINGRESP));
    assert_false(is_braked(*scene));
    time_passes(*scene, SECOND + 1);
    client_receives(*scene, "m1",
                    M(PUBLISH, .qos = 1, .dup = true, .topic_id = 3, .tail = TEXT("x")));
    assert_true(is_braked(*scene));
}

static void the_second_of_the_shared_connection_is_no_longer_for_a_brake_that_comes_late(void **scene)
{
    uint16_t id = given_waiting(scene, HIGH);
    for (unsigned i = 0; i < 3; i++)
        id = client_takes(*scene, id, i);
    time_passes(*scene, SECOND - 1);
    for (uint16_t i = 50; i < 53; i++)
        broker_publishes(*scene, "ab", "x", 1, i);
    assert_true(is_braked(*scene));
    time_passes(*scene, 1);
    assert_false(is_braked(*scene));
}

static void a_sleeper_stops_nobody(void **scene) /* SN-SLP-11 */
{
    given_waiting(scene, HIGH);
    client_falls_asleep(*scene, "m1", 300);
    assert_false(is_braked(*scene));
    broker_publishes(*scene, "ab", "x", 1, 60);
    assert_false(is_braked(*scene));
}

static void who_leaves_stops_nobody(void **scene)
{
    given_waiting(scene, HIGH);
    const struct upstream *u = session_of(*scene, "m1")->upstream;
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    if (!((struct scene *)*scene)->shared)
        broker_receives(*scene, P(DISCONNECT));
    assert_int_equal(u->brakes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(a_queue_nearly_full_stops_the_broker),
        IN_BOTH(octets_count_too),
        IN_BOTH(a_client_that_takes_nothing_stops_it_for_a_second),
        IN_TRANSPARENT(who_takes_one_a_second_goes_on_stopping_its_own),
        IN_AGGREGATE(the_shared_connection_is_stopped_for_a_second_at_most),
        IN_AGGREGATE(who_never_keeps_up_stops_the_shared_connection_once_in_ten_seconds),
        IN_AGGREGATE(the_second_of_the_shared_connection_is_no_longer_for_a_brake_that_comes_late),
        IN_BOTH(a_sleeper_stops_nobody),
        IN_BOTH(who_leaves_stops_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
