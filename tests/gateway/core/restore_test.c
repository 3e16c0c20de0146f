/* restore_test.c -- a killed gateway starts again, and no node notices: sessions, topic ids, filters, wills and times
 * go on (design rule 4; SN-SES-7, SN-SLP-20, SN-WILL-12). What becomes of messages under way is in
 * restore_messages_test.c and restore_uplink_test.c. */
#include "tests/gateway/core/restart_scene.h"

/* ---- states ------------------------------------------------------------------------------------------------------ */

static void an_active_node_goes_on_without_a_connect(void **scene) /* SN-SES-7 */
{
    client_connects(*scene, "m1", true);
    uint16_t id = client_registers(*scene, "m1", "a/b");
    restarts(*scene);
    session_is(*scene, "m1", SESSION_ACTIVE);
    broker_returns(*scene, is_shared(scene));
    client_sends(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = id, .message_id = 7));
    uint16_t packet_id = broker_receives(*scene, P(PUBLISH, .qos = 1, .topic = TEXT("a/b")));
    broker_sends(*scene, P(PUBACK, .packet_id = packet_id));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = id, .message_id = 7));
    assert_int_not_equal(client_registers(*scene, "m1", "c/d"), id); /* never given twice */
}

static void who_was_active_has_a_full_period_to_be_heard(void **scene) /* SN-PING-2 */
{
    struct scene *s = *scene;
    client_connects(s, "m1", false);
    time_passes(s, 80 * SECOND);
    the_gateway_is_killed(s);
    s->now += 1000 * SECOND;
    the_gateway_starts(s);
    time_passes(s, 90 * SECOND - 1);
    session_is(s, "m1", SESSION_ACTIVE);
    time_passes(s, 1);
    client_receives(s, "m1", M(DISCONNECT, .brief = true));
    session_is(s, "m1", SESSION_LOST);
}

static void a_sleeper_s_deadline_goes_on(void **scene) /* SN-SLP-20 */
{
    struct scene *s = *scene;
    given_client(scene, "m1", 1);
    client_falls_asleep(s, "m1", 300);
    time_passes(s, 100 * SECOND);
    restarts(s);
    time_passes(s, 350 * SECOND - 1);
    session_is(s, "m1", SESSION_ASLEEP);
    time_passes(s, 1);
    session_is(s, "m1", SESSION_LOST);
}

/* While the gateway was down, the sleeper may have asked nobody. */
static void nobody_is_lost_before_a_period_is_over(void **scene) /* SN-SLP-20 */
{
    struct scene *s = *scene;
    given_client(scene, "m1", 1);
    client_falls_asleep(s, "m1", 300);
    the_gateway_is_killed(s);
    s->now += 5000 * SECOND;
    the_gateway_starts(s);
    time_passes(s, 300 * SECOND - 1);
    session_is(s, "m1", SESSION_ASLEEP);
    time_passes(s, 1);
    session_is(s, "m1", SESSION_LOST);
}

static void since_when_it_sleeps_is_not_forgotten(void **scene)
{
    struct scene *s = *scene;
    given_client(scene, "m1", 1);
    client_falls_asleep(s, "m1", 300);
    msec since = s->now;
    the_gateway_is_killed(s);
    s->now += 5000 * SECOND;
    the_gateway_starts(s);
    assert_true(session_of(s, "m1")->entered_at == since);
    client_falls_asleep(s, "m1", 10); /* a new sleep, with a time of its own */
    time_passes(s, 15 * SECOND);
    session_is(s, "m1", SESSION_LOST);
}

static void a_sleeper_wakes_and_has_its_message(void **scene) /* SN-SLP-20 */
{
    struct scene *s = *scene;
    given_client(scene, "m1", 1);
    client_falls_asleep(s, "m1", 300);
    broker_publishes(s, "lamp/1", "on", 1, 40);
    broker_receives(s, P(PUBACK, .packet_id = 40));
    restarts(s);
    client_wakes(s, "m1");
    uint16_t id = client_receives(s, "m1", on(1, false, 0));
    client_sends(s, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    client_receives(s, "m1", M(PINGRESP));
    session_is(s, "m1", SESSION_ASLEEP);
    waiting_for_the_client(s, "m1", 0);
    broker_receives_nothing(s);
}

static void who_was_awake_sleeps_and_asks_again(void **scene) /* SN-SLP-9 */
{
    struct scene *s = *scene;
    given_client(scene, "m1", 1);
    client_falls_asleep(s, "m1", 300);
    broker_publishes(s, "lamp/1", "on", 1, 40);
    broker_receives(s, P(PUBACK, .packet_id = 40));
    client_wakes(s, "m1");
    client_receives(s, "m1", on(1, false, 0));
    session_is(s, "m1", SESSION_AWAKE);
    restarts(s);
    session_is(s, "m1", SESSION_ASLEEP);
    time_passes(s, 60 * SECOND);
    nothing_is_sent(s);
    client_wakes(s, "m1");
    uint16_t id = client_receives(s, "m1", on(1, false, 0));
    client_sends(s, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    client_receives(s, "m1", M(PINGRESP));
}

static void who_was_away_finds_its_session(void **scene) /* SN-SES-4 */
{
    struct scene *s = *scene;
    given_client(scene, "m1", 1);
    client_sends(s, "m1", M(DISCONNECT, .brief = true));
    client_receives(s, "m1", M(DISCONNECT, .brief = true));
    broker_publishes(s, "lamp/1", "on", 1, 40);
    broker_receives(s, P(PUBACK, .packet_id = 40));
    restarts(s);
    session_is(s, "m1", SESSION_DISCONNECTED);
    broker_returns(s, true);
    client_sends(s, "m1", M(CONNECT, .duration = 60));
    client_receives(s, "m1", M(CONNACK));
    uint16_t id = client_receives(s, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("lamp/1")));
    client_sends(s, "m1", M(REGACK, .topic_id = 3, .message_id = id));
    client_receives(s, "m1", on(1, false, 0));
}

static void a_stored_session_ends_at_its_time(void **scene) /* SN-SES-8 */
{
    struct scene *s = *scene;
    s->limits.session_expiry = 1000 * SECOND;
    client_connects(s, "m1", false);
    time_passes(s, 90 * SECOND);
    client_receives(s, "m1", M(DISCONNECT, .brief = true));
    if (!is_shared(scene))
        broker_receives(s, P(DISCONNECT));
    restarts(s);
    session_is(s, "m1", SESSION_LOST);
    time_passes(s, 1000 * SECOND - 1);
    session_is(s, "m1", SESSION_LOST);
    time_passes(s, 1);
    session_is_gone(s, "m1");
}

static void a_connect_that_was_under_way_is_begun_anew(void **scene) /* SN-CONN-3 */
{
    struct scene *s = *scene;
    client_sends(s, "m1", M(CONNECT, .clean = true, .will = true, .duration = 60));
    client_receives(s, "m1", M(WILLTOPICREQ));
    restarts(s);
    session_is_gone(s, "m1");
}

static void a_sleeper_that_was_connecting_sleeps(void **scene) /* SN-WILL-1 */
{
    struct scene *s = *scene;
    given_client(scene, "m1", 1);
    client_falls_asleep(s, "m1", 300);
    client_sends(s, "m1", M(CONNECT, .will = true, .duration = 60));
    client_receives(s, "m1", M(WILLTOPICREQ));
    restarts(s);
    session_is(s, "m1", SESSION_ASLEEP);
}

static void a_clean_connect_leaves_nothing_of_before(void **scene) /* SN-SES-1 */
{
    struct scene *s = *scene;
    given_client(scene, "m1", 1);
    client_registers(s, "m1", "a/b");
    client_sends(s, "m1", M(CONNECT, .clean = true, .duration = 60));
    broker_receives(s, is_shared(scene) ? P(UNSUBSCRIBE, .topic = TEXT("lamp/1")) : P(DISCONNECT));
    broker_accepts(s, "m1", true, false);
    client_receives(s, "m1", M(CONNACK));
    restarts(s);
    assert_int_equal(session_of(s, "m1")->subscriptions.count, 0);
    assert_int_equal(session_of(s, "m1")->topics.normal.count, 0);
    assert_true(session_of(s, "m1")->clean);
}

static void it_can_be_killed_again_and_again(void **scene)
{
    struct scene *s = *scene;
    given_client(scene, "m1", 1);
    client_falls_asleep(s, "m1", 300);
    broker_publishes(s, "lamp/1", "on", 1, 40);
    broker_receives(s, P(PUBACK, .packet_id = 40));
    for (int i = 0; i < 5; i++)
        restarts(s);
    client_wakes(s, "m1");
    client_receives(s, "m1", on(1, false, 0));
}

/* ---- topics and filters ------------------------------------------------------------------------------------------ */

static void a_topic_the_client_did_not_confirm_is_registered_again(void **scene) /* SN-TOP-3 */
{
    struct scene *s = *scene;
    client_connects(s, "m1", false);
    client_subscribes(s, "m1", "cmd/#", 1);
    broker_publishes(s, "cmd/7", "go", 1, 40);
    client_receives(s, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("cmd/7")));
    time_passes(s, SECOND);
    broker_receives(s, P(PUBACK, .packet_id = 40));
    restarts(s);
    time_passes(s, 0);
    uint16_t id = client_receives(s, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("cmd/7")));
    client_sends(s, "m1", M(REGACK, .topic_id = 3, .message_id = id));
    client_receives(s, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("go")));
}

static void filters_are_there_without_a_subscribe(void **scene) /* SN-SES-7 */
{
    struct scene *s = *scene;
    given_client(scene, "m1", 1);
    restarts(s);
    broker_returns(s, true);
    broker_receives_nothing(s);
    broker_publishes(s, "lamp/1", "on", 0, 0);
    client_receives(s, "m1", on(0, false, 0));
    client_sends(s, "m1", M(UNSUBSCRIBE, .message_id = 8, .tail = TEXT("lamp/1")));
    uint16_t id = broker_receives(s, P(UNSUBSCRIBE, .topic = TEXT("lamp/1")));
    broker_sends(s, P(UNSUBACK, .packet_id = id));
    client_receives(s, "m1", M(UNSUBACK, .message_id = 8));
    restarts(s);
    assert_int_equal(session_of(s, "m1")->subscriptions.count, 0);
}

static void a_broker_that_forgot_them_is_asked_again(void **scene) /* SN-SES-6 */
{
    struct scene *s = *scene;
    given_client(scene, "m1", 1);
    restarts(s);
    broker_returns(s, false);
    broker_receives(s, P(SUBSCRIBE, .qos = 1, .topic = TEXT("lamp/1")));
}

static void holders_of_a_shared_filter_are_counted_on(void **scene) /* SN-GW-6 */
{
    struct scene *s = *scene;
    given_client(scene, "m1", 1);
    client_connects(s, "m2", false);
    client_sends(s, "m2", M(SUBSCRIBE, .message_id = 9, .tail = TEXT("lamp/1")));
    uint16_t id = broker_receives(s, P(SUBSCRIBE, .qos = 1, .topic = TEXT("lamp/1")));
    broker_sends(s, P(SUBACK, .packet_id = id, .code = 1));
    client_receives(s, "m2", M(SUBACK, .message_id = 9, .topic_id = 3));
    round_ends(s);
    restarts(s);
    broker_returns(s, true);
    broker_publishes(s, "lamp/1", "on", 1, 40);
    client_receives(s, "m2", on(0, false, 0));
    id = client_receives(s, "m1", on(1, false, 0));
    client_sends(s, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(s, P(PUBACK, .packet_id = 40));
    client_sends(s, "m1", M(UNSUBSCRIBE, .message_id = 8, .tail = TEXT("lamp/1")));
    client_receives(s, "m1", M(UNSUBACK, .message_id = 8)); /* m2 still wants it */
    broker_receives_nothing(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEPT_BOTH(an_active_node_goes_on_without_a_connect),
        KEPT_BOTH(who_was_active_has_a_full_period_to_be_heard),
        KEPT_BOTH(a_sleeper_s_deadline_goes_on),
        KEPT_BOTH(nobody_is_lost_before_a_period_is_over),
        KEPT_BOTH(since_when_it_sleeps_is_not_forgotten),
        KEPT_BOTH(a_sleeper_wakes_and_has_its_message),
        KEPT_BOTH(who_was_awake_sleeps_and_asks_again),
        KEPT_AGGREGATE(who_was_away_finds_its_session),
        KEPT_BOTH(a_stored_session_ends_at_its_time),
        KEPT_BOTH(a_connect_that_was_under_way_is_begun_anew),
        KEPT_BOTH(a_sleeper_that_was_connecting_sleeps),
        KEPT_BOTH(a_clean_connect_leaves_nothing_of_before),
        KEPT_BOTH(it_can_be_killed_again_and_again),
        KEPT_BOTH(a_topic_the_client_did_not_confirm_is_registered_again),
        KEPT_BOTH(filters_are_there_without_a_subscribe),
        KEPT_BOTH(a_broker_that_forgot_them_is_asked_again),
        KEPT_AGGREGATE(holders_of_a_shared_filter_are_counted_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
