/* session_expiry_test.c -- a session whose age is over, while the broker is still to have something of its client
 * (SN-SES-8; design rule 1): the messages go on, and nothing else does. */
#include "gateway/core/session_rules.h"
#include "tests/gateway/core/restart_scene.h"

#include <stdio.h>

/* It left with a message for a broker that is away. */
static void given_one_who_left(void **scene)
{
    struct scene *s = *scene;
    s->limits.uplink_ttl = (msec)365 * 86400 * SECOND;
    given_client(scene, "m1", 1);
    broker_goes_away(s);
    client_sends(s, "m1", reading(1, false, 7));
    client_receives(s, "m1", M(PUBACK, .topic_id = 2, .message_id = 7));
    client_sends(s, "m1", M(DISCONNECT, .brief = true));
    client_receives(s, "m1", M(DISCONNECT, .brief = true));
}

static void the_broker_has_all_of_it(void **scene, bool dup)
{
    (void)a_drain_turn(*scene, "m1");
    broker_sends(*scene, P(PUBACK, .packet_id = broker_gets(*scene, 1, dup)));
    if (!is_shared(scene))
        broker_receives(*scene, P(DISCONNECT));
    waiting_for_the_broker(*scene, "m1", 0);
}

static void what_it_had_asked_for_does_not_come_any_more(void **scene)
{
    struct scene *s = *scene;
    given_one_who_left(scene);
    time_passes(s, s->limits.session_expiry);
    waiting_for_the_broker(s, "m1", 1);
    assert_int_equal(s->store->on_disk.sessions[0].topic_count, 0);
    broker_returns(s, true);
    uint16_t id = broker_receives(s, P(UNSUBSCRIBE, .topic = TEXT("lamp/1")));
    broker_publishes(s, "lamp/1", "on", 1, 40); /* it crossed that */
    dropped(s, DROP_NO_RECEIVER);
    broker_receives(s, P(PUBACK, .packet_id = 40));
    broker_sends(s, P(UNSUBACK, .packet_id = id));
    assert_int_equal(session_of(s, "m1")->subscriptions.count, 0);
    the_broker_has_all_of_it(scene, false);
}

static void nor_after_a_restart(void **scene)
{
    struct scene *s = *scene;
    given_one_who_left(scene);
    time_passes(s, s->limits.session_expiry);
    restarts(s);
    assert_int_equal(session_of(s, "m1")->topics.normal.count, 0);
    broker_returns(s, true);
    uint16_t id = broker_receives(s, P(UNSUBSCRIBE, .topic = TEXT("lamp/1")));
    broker_sends(s, P(UNSUBACK, .packet_id = id));
    assert_int_equal(s->store->on_disk.sessions[0].subscription_count, 0);
    the_broker_has_all_of_it(scene, true);
}

static void a_second_time_nothing_is_asked_twice(void **scene)
{
    struct scene *s = *scene;
    given_one_who_left(scene);
    time_passes(s, 2 * s->limits.session_expiry);
    broker_returns(s, true);
    uint16_t id = broker_receives(s, P(UNSUBSCRIBE, .topic = TEXT("lamp/1")));
    broker_receives_nothing(s);
    broker_sends(s, P(UNSUBACK, .packet_id = id));
    the_broker_has_all_of_it(scene, false);
}

/* As many as another life may have allowed. */
static void a_few_are_given_up_at_a_time(void **scene) /* work per turn is bounded */
{
    enum { MANY = 40, AT_ONCE = 16 };
    struct scene *s = *scene;
    client_connects(s, "m1", false);
    for (int i = 0; i < MANY; i++) {
        char filter[16];
        snprintf(filter, sizeof filter, "lamp/%d", i);
        struct session *m1 = session_of(s, "m1");
        assert_non_null(subscriptions_restore(&m1->subscriptions, TEXT(filter), SUBSCRIPTION_LEAVING));
    }
    broker_goes_away(s);
    broker_returns(s, true);
    assert_int_equal(s->to_broker.count - s->to_broker.first, AT_ONCE);
    for (int i = 0; i < MANY; i++) {
        struct mqtt_packet p;
        assert_true(s->to_broker.first < s->to_broker.count);
        const struct said *one = &s->to_broker.list[s->to_broker.first++];
        assert_int_equal(mqtt_decode(span_of(one->bytes, one->len), &p), MQTT_OK);
        assert_int_equal(p.type, MQTT_UNSUBSCRIBE);
        broker_sends(s, P(UNSUBACK, .packet_id = p.packet_id));
    }
    assert_int_equal(session_of(s, "m1")->subscriptions.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEPT_BOTH(what_it_had_asked_for_does_not_come_any_more),
        KEPT_BOTH(nor_after_a_restart),
        KEPT_BOTH(a_second_time_nothing_is_asked_twice),
        IN_TRANSPARENT(a_few_are_given_up_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
