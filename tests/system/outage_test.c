/* outage_test.c -- brokers that are away, go away and come back (design 4.1, 4.7 and 6; SN-BRK). */
#include "tests/system/broker.h"
#include "tests/system/node.h"
#include "tests/system/outage.h"
#include "tests/system/peer.h"

#include <stdio.h>

static void publishes(struct node *n, uint16_t topic_id, uint16_t message_id)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .qos = 1,
                                           .topic_id = topic_id,
                                           .message_id = message_id,
                                           .tail = span_text("x") });
}

static void without_a_broker_connect_is_congestion(struct scene *s) /* SN-CONN-7, SN-BRK-6 */
{
    char url[64];
    snprintf(url, sizeof url, "mqtt://127.0.0.1:%u", scene_free_port());
    struct node *n = node_open(gateway_start(s, (struct settings){ .url = url }));
    node_connect_is_answered(n, "m1", MQTTSN_CONGESTION);
    gateway_logs(n->gateway, url);
    assert_true(gateway_runs(n->gateway));
}

/* connect(2) fails at once, within the decision of the CONNECT. */
static void a_broker_without_a_route_is_congestion_and_no_more(struct scene *s) /* SN-CONN-7, issue: bad input */
{
    struct node *n =
        node_open(gateway_start(s, (struct settings){ .url = "mqtt://255.255.255.255:1883" }));
    node_connect_is_answered(n, "m1", MQTTSN_CONGESTION);
    node_connect_is_answered(n, "m1", MQTTSN_CONGESTION);
    assert_int_equal(gateway_stops(n->gateway), 0);
}

static void an_unknown_broker_host_is_said_and_tried_again(struct scene *s) /* issue: bad input */
{
    struct gateway *g =
        gateway_start(s, (struct settings){ .url = "mqtt://no-such-host.invalid:1883" });
    struct node *n = node_open(g);
    node_connect_is_answered(n, "m1", MQTTSN_CONGESTION);
    gateway_logs(g, "no-such-host.invalid");
    assert_true(gateway_runs(g));
}

static void a_client_outlives_the_broker(struct scene *s) /* SN-BRK-1, -2, -3 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    uint16_t id = node_registers(n, "a/b/c");
    outage_begins(s);
    publishes(n, id, 31);
    struct mqttsn_message m = node_expects(n, MQTTSN_PUBACK);
    assert_int_equal(m.return_code, MQTTSN_CONGESTION);
    assert_int_equal(m.message_id, 31);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ });
    node_expects(n, MQTTSN_PINGRESP);
    node_hears_nothing(n);
    outage_ends(s);
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "a/b/c", 1);
    node_publishes_in_the_end(n, id, "x"); /* its own connection may be back a little later */
    peer_hears(world, "a/b/c", "x");
}

/* The gateway subscribes again by itself after its reconnect, which takes a moment that nothing announces: a retained
 * message comes whichever of the two is first. */
static void is_subscribed_still(struct scene *s, struct node *n, uint16_t id)
{
    peer_retains(peer_open(s, "world"), "lamp/1", "on");
    assert_int_equal(node_receives_and_acks(n, "on").topic_id, id);
}

static void subscriptions_are_renewed(struct scene *s) /* SN-BRK-5, session lost */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    uint16_t id = node_subscribes(n, "lamp/1", 1);
    outage_begins(s);
    outage_ends(s);
    is_subscribed_still(s, n, id);
}

static void subscriptions_survive_in_a_broker_that_persists(struct scene *s) /* SN-BRK-5, session present */
{
    broker_start(s, (struct broker_options){ .persistence = true });
    struct node *n = node_open(gateway_start_connected(s, (struct settings){ 0 }));
    node_connects_kept(n, "m1");
    uint16_t id = node_subscribes(n, "lamp/1", 1);
    outage_begins(s);
    outage_ends(s);
    is_subscribed_still(s, n, id);
}

static void a_sleeper_outlives_the_broker(struct scene *s) /* SN-BRK-4 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    uint16_t id = node_subscribes(n, "lamp/1", 1);
    node_falls_asleep(n, 300);
    outage_begins(s);
    outage_ends(s);
    peer_retains(peer_open(s, "world"), "lamp/1", "on");
    node_wakes_until_a_message(n, "m1");
    assert_int_equal(node_receives_and_acks(n, "on").topic_id, id);
    node_expects(n, MQTTSN_PINGRESP);
}

static void an_unanswered_publish_is_answered_after_a_freeze(struct scene *s) /* SN-PUB-2, SN-RTX-7 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "a/b/c", 1);
    node_connects(n, "m1");
    uint16_t id = node_registers(n, "a/b/c");
    broker_freezes(s->broker);
    publishes(n, id, 33);
    node_hears_nothing(n);
    broker_thaws(s->broker);
    assert_int_equal(node_expects(n, MQTTSN_PUBACK).message_id, 33);
    peer_hears(world, "a/b/c", "x");
    peer_hears_nothing(world);
}

static void a_gateway_started_before_its_broker_finds_it(struct scene *s) /* design 6: reconnect */
{
    struct broker *b = broker_start(s, (struct broker_options){ 0 });
    broker_stops(b);
    struct gateway *g = gateway_start(s, (struct settings){ 0 });
    struct node *n = node_open(g);
    node_connect_is_answered(n, "m1", MQTTSN_CONGESTION);
    broker_restarts(b);
    if (!outage_of_own_connection(s))
        gateway_logs(g, "broker: connected to ");
    node_connects(n, "m1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(without_a_broker_connect_is_congestion),
        SCENE_IN_BOTH(a_broker_without_a_route_is_congestion_and_no_more),
        SCENE(an_unknown_broker_host_is_said_and_tried_again),
        SCENE_IN_BOTH(a_client_outlives_the_broker),
        SCENE_IN_BOTH(subscriptions_are_renewed),
        SCENE_IN_BOTH(subscriptions_survive_in_a_broker_that_persists),
        SCENE_IN_BOTH(a_sleeper_outlives_the_broker),
        SCENE_IN_BOTH(an_unanswered_publish_is_answered_after_a_freeze),
        SCENE_IN_BOTH(a_gateway_started_before_its_broker_finds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
