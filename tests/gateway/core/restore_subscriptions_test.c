/* restore_subscriptions_test.c -- what a client has, and what it gave up, stays so over a kill, whatever the broker was
 * told by then (SN-SES-6, SN-UNS-2, SN-UNS-5; design rules 1 and 4).
 *
 * UNSUBACK is a promise as any other: the broker may be away, and the process that should tell it may not live to see
 * it return. Likewise with filters that are to be asked for again. */
#include "gateway/core/session_rules.h"
#include "tests/gateway/core/restart_scene.h"

static void client_unsubscribes(void **scene, const char *who)
{
    client_sends(*scene, who, M(UNSUBSCRIBE, .message_id = 5, .tail = TEXT("lamp/1")));
}

/* The broker is away, and UNSUBACK was said all the same. */
static void given_up(void **scene)
{
    given_client(scene, "m1", 1);
    broker_goes_away(*scene);
    client_unsubscribes(scene, "m1");
    time_passes(*scene, 11 * SECOND);
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 5));
}

static void broker_is_told(void *scene)
{
    uint16_t id = broker_receives(scene, P(UNSUBSCRIBE, .topic = TEXT("lamp/1")));
    broker_sends(scene, P(UNSUBACK, .packet_id = id));
}

static size_t filters_on_disk(void **scene)
{
    return ((struct scene *)*scene)->store->on_disk.sessions[0].subscription_count;
}

/* ---- what was given up ------------------------------------------------------------------------------------------- */

static void the_next_run_tells_the_broker(void **scene) /* SN-UNS-5 */
{
    given_up(scene);
    restarts(*scene);
    broker_returns(*scene, true);
    broker_is_told(*scene);
    assert_int_equal(filters_on_disk(scene), 0);
    restarts(*scene);
    broker_returns(*scene, true);
    broker_receives_nothing(*scene);
}

static void if_it_is_killed_too_the_one_after_it_does(void **scene)
{
    given_up(scene);
    restarts(*scene);
    broker_returns(*scene, true);
    broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("lamp/1")));
    restarts(*scene);
    broker_returns(*scene, true);
    broker_is_told(*scene);
    assert_int_equal(filters_on_disk(scene), 0);
}

static void without_a_kill_the_broker_is_told_once(void **scene)
{
    given_up(scene);
    broker_returns(*scene, true);
    broker_is_told(*scene);
    assert_int_equal(filters_on_disk(scene), 0);
}

static void what_still_comes_is_not_for_the_client(void **scene)
{
    given_up(scene);
    restarts(*scene);
    broker_returns(*scene, true);
    broker_publishes(*scene, "lamp/1", "on", 1, 70);
    broker_publishes(*scene, "lamp/1", "on", 0, 0);
    broker_is_told(*scene);
    broker_receives(*scene, P(PUBACK, .packet_id = 70));
    dropped(*scene, DROP_NO_RECEIVER);
    dropped(*scene, DROP_NO_RECEIVER);
    nothing_is_sent(*scene);
}

static void unless_it_comes_by_another_filter_too(void **scene)
{
    given_client(scene, "m1", 1);
    client_subscribes(*scene, "m1", "lamp/+", 1);
    client_unsubscribes(scene, "m1");
    broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("lamp/1")));
    broker_publishes(*scene, "lamp/1", "on", 1, 70);
    client_receives(*scene, "m1", on(1, false, 0));
}

static void also_by_one_that_is_shared(void **scene)
{
    given_client(scene, "m1", 1);
    client_subscribes(*scene, "m1", "$share/g/lamp/#", 1);
    client_unsubscribes(scene, "m1");
    broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("lamp/1")));
    broker_publishes(*scene, "lamp/1", "on", 1, 70);
    client_receives(*scene, "m1", on(1, false, 0));
}

static void who_subscribes_again_has_it(void **scene) /* SN-SUB-8 */
{
    given_up(scene);
    restarts(*scene);
    broker_returns(*scene, true);
    uint16_t old = broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("lamp/1")));
    client_sends(*scene, "m1", M(SUBSCRIBE, .qos = 1, .message_id = 6, .tail = TEXT("lamp/1")));
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("lamp/1")));
    broker_sends(*scene, P(UNSUBACK, .packet_id = old));
    broker_sends(*scene, P(SUBACK, .packet_id = id, .code = 1));
    client_receives(*scene, "m1", M(SUBACK, .qos = 1, .topic_id = 3, .message_id = 6));
    round_ends(*scene);
    broker_publishes(*scene, "lamp/1", "on", 1, 70);
    client_receives(*scene, "m1", on(1, false, 0));
    assert_int_equal(filters_on_disk(scene), 1);
}

static void who_asks_once_more_is_answered_at_once(void **scene) /* SN-UNS-2 */
{
    given_up(scene);
    client_unsubscribes(scene, "m1");
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 5));
    broker_returns(*scene, true);
    broker_is_told(*scene);
}

static void one_who_left_tells_it_when_it_is_back(void **scene) /* transparent: it has no connection until then */
{
    given_up(scene);
    client_sends(*scene, "m1", M(DISCONNECT));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    restarts(*scene);
    client_sends(*scene, "m1", M(CONNECT, .duration = 60));
    broker_accepts(*scene, "m1", false, true);
    client_receives(*scene, "m1", M(CONNACK));
    broker_is_told(*scene);
}

static void another_holder_keeps_it(void **scene) /* aggregating */
{
    given_client(scene, "m1", 1);
    given_client(scene, "m2", 1);
    client_unsubscribes(scene, "m1");
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 5));
    assert_int_equal(filters_on_disk(scene), 0);
    restarts(*scene);
    broker_returns(*scene, true);
    broker_receives_nothing(*scene);
}

/* ---- what is to be asked for again ------------------------------------------------------------------------------- */

static void a_kill_before_all_are_asked_for_again_loses_none(void **scene) /* SN-SES-6, transparent */
{
    given_client(scene, "m1", 1);
    client_subscribes(*scene, "m1", "lamp/2", 1);
    broker_goes_away(*scene);
    broker_returns(*scene, false);
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("lamp/1")));
    broker_sends(*scene, P(SUBACK, .packet_id = id, .code = 1));
    broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("lamp/2")));
    restarts(*scene);
    broker_returns(*scene, true); /* it has the first one */
    id = broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("lamp/2")));
    broker_sends(*scene, P(SUBACK, .packet_id = id, .code = 1));
    restarts(*scene);
    broker_returns(*scene, true);
    broker_receives_nothing(*scene);
}

/* It was asked for anew, and meanwhile another one is given up: the rows are written anew. */
static void one_that_is_asked_for_anew_is_not_lost_meanwhile(void **scene)
{
    given_client(scene, "m1", 1);
    client_subscribes(*scene, "m1", "lamp/2", 1);
    client_sends(*scene, "m1", M(SUBSCRIBE, .qos = 1, .message_id = 6, .tail = TEXT("lamp/2")));
    broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("lamp/2")));
    client_unsubscribes(scene, "m1");
    broker_is_told(*scene);
    client_receives(*scene, "m1", M(UNSUBACK, .message_id = 5));
    restarts(*scene);
    assert_non_null(subscriptions_find(&session_of(*scene, "m1")->subscriptions, TEXT("lamp/2")));
    broker_returns(*scene, true);
    broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("lamp/2")));
}

/* One that an earlier run left was granted: that there is no room to ask again takes nothing from the client. */
static void no_room_to_ask_again_takes_nothing_away(void **scene) /* SN-SUB-2 */
{
    struct scene *s = *scene;
    given_client(scene, "m1", 1);
    restarts(s);
    broker_returns(s, true);
    session_of(s, "m1")->upstream->waiting = 1 << 20;
    client_sends(s, "m1", M(SUBSCRIBE, .qos = 2, .message_id = 6, .tail = TEXT("lamp/1")));
    client_receives(s, "m1", M(SUBACK, .message_id = 6, .return_code = MQTTSN_CONGESTION));
    dropped(s, DROP_CONGESTION);
    broker_publishes(s, "lamp/1", "on", 1, 70);
    client_receives(s, "m1", on(1, false, 0));
    assert_int_equal(session_of(s, "m1")->subscriptions.count, 1);
}

/* ---- the other mode than before ---------------------------------------------------------------------------------- */

/* It may remember a session of that name. */
static void broker_is_asked_for_it(struct scene *s)
{
    broker_returns(s, true);
    uint16_t id = broker_receives(s, P(SUBSCRIBE, .qos = 1, .topic = TEXT("lamp/1")));
    broker_sends(s, P(SUBACK, .packet_id = id, .code = 1));
    round_ends(s);
}

static void with_the_other_mode_it_goes_on(void **scene)
{
    struct scene *s = *scene;
    given_client(scene, "m1", 1);
    the_mode_is_another(s);
    restarts(s); /* before the broker was asked */
    broker_is_asked_for_it(s);
    broker_publishes(s, "lamp/1", "on", 1, 70);
    client_receives(s, "m1", on(1, false, 0));
}

static void once_it_was_asked_for_it_is_known(void **scene)
{
    struct scene *s = *scene;
    given_client(scene, "m1", 1);
    the_mode_is_another(s);
    broker_is_asked_for_it(s);
    restarts(s);
    broker_returns(s, true);
    broker_receives_nothing(s);
}

static void and_back_it_is_asked_for_again(void **scene)
{
    struct scene *s = *scene;
    given_client(scene, "m1", 1);
    the_mode_is_another(s);
    broker_is_asked_for_it(s);
    the_mode_is_another(s);
    broker_is_asked_for_it(s);
}

static void a_filter_of_nobody_is_given_back(void **scene) /* aggregating */
{
    struct scene *s = *scene;
    given_client(scene, "m1", 1);
    restarts(s);
    aggregate_forget(s->shared, TEXT("lamp/1"), s->now);
    aggregate_forget(s->shared, TEXT("lamp/2"), s->now);
    broker_returns(s, true);
    broker_receives(s, P(UNSUBSCRIBE, .topic = TEXT("lamp/2")));
    broker_receives_nothing(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEPT_BOTH(the_next_run_tells_the_broker),
        KEPT_BOTH(if_it_is_killed_too_the_one_after_it_does),
        KEPT_BOTH(without_a_kill_the_broker_is_told_once),
        KEPT_BOTH(what_still_comes_is_not_for_the_client),
        KEPT_BOTH(unless_it_comes_by_another_filter_too),
        KEPT_TRANSPARENT(also_by_one_that_is_shared),
        KEPT_BOTH(who_subscribes_again_has_it),
        KEPT_BOTH(who_asks_once_more_is_answered_at_once),
        KEPT_TRANSPARENT(one_who_left_tells_it_when_it_is_back),
        KEPT_AGGREGATE(another_holder_keeps_it),
        KEPT_TRANSPARENT(a_kill_before_all_are_asked_for_again_loses_none),
        KEPT_BOTH(one_that_is_asked_for_anew_is_not_lost_meanwhile),
        KEPT_BOTH(no_room_to_ask_again_takes_nothing_away),
        KEPT_BOTH(with_the_other_mode_it_goes_on),
        KEPT_BOTH(once_it_was_asked_for_it_is_known),
        KEPT_BOTH(and_back_it_is_asked_for_again),
        KEPT_AGGREGATE(a_filter_of_nobody_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
