/* restart_test.c -- the broker restarts while a node sleeps, is awake, and in the middle of each handshake (SN-BRK). */
#include "tests/system/broker.h"
#include "tests/system/node.h"
#include "tests/system/outage.h"
#include "tests/system/peer.h"

static struct node *node_at(struct scene *s, bool persistence)
{
    broker_start(s, (struct broker_options){ .persistence = persistence });
    return node_open(gateway_start_connected(s, (struct settings){ 0 }));
}

static void wakes(struct node *n)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ, .tail = span_text("m1") });
}

static void answers(struct node *n, enum mqttsn_type type, uint16_t message_id)
{
    node_sends(n, (struct mqttsn_message){ .type = type, .message_id = message_id });
}

static void connects_with_will(struct node *n)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                           .clean = true,
                                           .will = true,
                                           .protocol_id = 1,
                                           .duration = 60,
                                           .tail = span_text("m1") });
}

static void tells_will(struct node *n, enum mqttsn_type type, const char *text)
{
    node_sends(n, (struct mqttsn_message){ .type = type, .tail = span_text(text) });
}

/* A kept session that holds "lamp/1" at QoS 2, whose broker keeps what it has over a restart. */
static struct node *subscriber(struct scene *s)
{
    struct node *n = node_at(s, true);
    node_connects_kept(n, "m1");
    node_subscribes(n, "lamp/1", 2);
    return n;
}

/* Nothing of before comes again, and what is new does. */
static void only_news_come(struct scene *s, struct node *n)
{
    node_hears_nothing(n);
    peer_retains(peer_open(s, "news"), "lamp/1", "news");
    node_receives_and_acks(n, "news");
    node_hears_nothing(n);
}

/* ---- asleep and awake -------------------------------------------------------------------------------------------- */

static void what_waits_for_a_sleeper_comes_once_after_the_restart(struct scene *s) /* SN-BRK-4, -5 */
{
    struct node *n = subscriber(s);
    node_falls_asleep(n, 300);
    peer_publishes(peer_open(s, "world"), "lamp/1", 2, "on");
    node_hears_nothing(n);
    outage_begins(s);
    outage_ends(s);
    wakes(n);
    node_receives_and_acks(n, "on");
    node_expects(n, MQTTSN_PINGRESP);
    wakes(n);
    node_expects(n, MQTTSN_PINGRESP);
}

static void a_client_that_is_awake_gets_the_rest(struct scene *s) /* SN-BRK-4, -5, SN-SLP-6 */
{
    struct node *n = subscriber(s);
    node_falls_asleep(n, 300);
    struct peer *world = peer_open(s, "world");
    peer_publishes(world, "lamp/1", 2, "1");
    peer_publishes(world, "lamp/1", 2, "2");
    node_hears_nothing(n);
    wakes(n);
    uint16_t id = node_receives(n, "1").message_id;
    outage_begins(s);
    answers(n, MQTTSN_PUBREC, id);
    node_expects(n, MQTTSN_PUBREL);
    answers(n, MQTTSN_PUBCOMP, id);
    node_receives_and_acks(n, "2");
    node_expects(n, MQTTSN_PINGRESP);
    outage_ends(s);
    node_hears_nothing(n);
    wakes(n);
    node_expects(n, MQTTSN_PINGRESP);
}

/* ---- in the middle of a handshake -------------------------------------------------------------------------------- */

static void a_will_dialogue_goes_on(struct scene *s) /* SN-WILL-1 */
{
    struct node *n = node_at(s, false);
    connects_with_will(n);
    node_expects(n, MQTTSN_WILLTOPICREQ);
    broker_stops(s->broker);
    tells_will(n, MQTTSN_WILLTOPIC, "will/m1");
    node_expects(n, MQTTSN_WILLMSGREQ);
    process_mark(&s->gateway->process);
    broker_restarts(s->broker);
    if (!outage_of_own_connection(s))
        gateway_logs(s->gateway, "broker: connected to ");
    tells_will(n, MQTTSN_WILLMSG, "gone");
    assert_int_equal(node_expects(n, MQTTSN_CONNACK).return_code, MQTTSN_ACCEPTED);
}

static void a_will_dialogue_that_ends_without_a_broker_is_congestion(struct scene *s) /* SN-BRK-6 */
{
    struct node *n = node_at(s, false);
    connects_with_will(n);
    node_expects(n, MQTTSN_WILLTOPICREQ);
    broker_stops(s->broker);
    tells_will(n, MQTTSN_WILLTOPIC, "will/m1");
    node_expects(n, MQTTSN_WILLMSGREQ);
    tells_will(n, MQTTSN_WILLMSG, "gone");
    assert_int_equal(node_expects(n, MQTTSN_CONNACK).return_code, MQTTSN_CONGESTION);
    process_mark(&s->gateway->process);
    broker_restarts(s->broker);
    if (!outage_of_own_connection(s))
        gateway_logs(s->gateway, "broker: connected to ");
    node_connects_with_will(n, "m1", 60, "will/m1", "gone");
}

static void a_connect_that_the_broker_did_not_answer_is_congestion(struct scene *s) /* SN-CONN-7 */
{
    struct node *n = node_at(s, false);
    broker_freezes(s->broker);
    node_sends(
        n, (struct mqttsn_message){
               .type = MQTTSN_CONNECT, .protocol_id = 1, .duration = 60, .tail = span_text("m1") });
    node_hears_nothing(n);
    outage_begins_with_a_crash(s);
    assert_int_equal(node_expects(n, MQTTSN_CONNACK).return_code, MQTTSN_CONGESTION);
    broker_restarts(s->broker);
    node_connects(n, "m1");
}

static void a_subscribe_under_way_is_answered_after_the_restart(struct scene *s) /* SN-BRK-5 */
{
    struct node *n = node_at(s, false);
    node_connects(n, "m1");
    broker_freezes(s->broker);
    node_sends(
        n, (struct mqttsn_message){
               .type = MQTTSN_SUBSCRIBE, .qos = 1, .message_id = 5, .tail = span_text("lamp/1") });
    node_hears_nothing(n);
    outage_begins_with_a_crash(s);
    outage_ends(s);
    struct mqttsn_message m = node_expects(n, MQTTSN_SUBACK);
    assert_int_equal(m.return_code, MQTTSN_ACCEPTED);
    assert_int_equal(m.message_id, 5);
    only_news_come(s, n);
}

static void a_publish_under_way_arrives_after_the_restart(struct scene *s) /* SN-BRK-5 */
{
    struct node *n = node_at(s, true);
    node_connects_kept(n, "m1");
    uint16_t id = node_registers(n, "a/b/c");
    broker_freezes(s->broker);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .qos = 1,
                                           .retain = true,
                                           .topic_id = id,
                                           .message_id = 6,
                                           .tail = span_text("kept") });
    node_hears_nothing(n);
    outage_begins_with_a_crash(s);
    node_hears_nothing(n); /* nobody has it yet */
    outage_ends(s);
    assert_int_equal(node_expects(n, MQTTSN_PUBACK).return_code, MQTTSN_ACCEPTED);
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "a/b/c", 1);
    peer_hears(world, "a/b/c", "kept");
}

static void qos_2_up_is_published_once_over_a_restart(struct scene *s) /* SN-BRK-5, SN-PUB-3 */
{
    struct node *n = node_at(s, true);
    node_connects_kept(n, "m1");
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .qos = 2,
                                           .topic_id = node_registers(n, "a/b/c"),
                                           .message_id = 7,
                                           .tail = span_text("once") });
    node_expects(n, MQTTSN_PUBREC);
    outage_begins(s);
    outage_ends(s);
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "a/b/c", 2);
    answers(n, MQTTSN_PUBREL, 7);
    assert_int_equal(node_expects(n, MQTTSN_PUBCOMP).message_id, 7);
    assert_int_equal(peer_hears(world, "a/b/c", "once"), 2);
    peer_hears_nothing(world);
}

static void a_release_waits_for_the_broker(struct scene *s) /* SN-BRK-5, SN-PUB-3 */
{
    struct node *n = node_at(s, true);
    node_connects_kept(n, "m1");
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .qos = 2,
                                           .retain = true,
                                           .topic_id = node_registers(n, "a/b/c"),
                                           .message_id = 7,
                                           .tail = span_text("once") });
    node_expects(n, MQTTSN_PUBREC);
    outage_begins(s);
    answers(n, MQTTSN_PUBREL, 7);
    node_hears_nothing(n);
    outage_ends(s);
    assert_int_equal(node_expects(n, MQTTSN_PUBCOMP).message_id, 7);
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "a/b/c", 2);
    peer_hears(world, "a/b/c", "once");
    peer_hears_nothing(world);
}

static void qos_2_down_arrives_once_over_a_restart(struct scene *s) /* SN-BRK-5, SN-DLV-6 */
{
    struct node *n = subscriber(s);
    peer_publishes(peer_open(s, "world"), "lamp/1", 2, "once");
    uint16_t id = node_receives(n, "once").message_id;
    outage_begins(s);
    answers(n, MQTTSN_PUBREC, id);
    assert_int_equal(node_expects(n, MQTTSN_PUBREL).message_id, id);
    outage_ends(s);
    node_hears_nothing(n);
    answers(n, MQTTSN_PUBCOMP, id);
    only_news_come(s, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(what_waits_for_a_sleeper_comes_once_after_the_restart),
        SCENE_IN_BOTH(a_client_that_is_awake_gets_the_rest),
        SCENE_IN_BOTH(a_will_dialogue_goes_on),
        SCENE_IN_BOTH(a_will_dialogue_that_ends_without_a_broker_is_congestion),
        SCENE(a_connect_that_the_broker_did_not_answer_is_congestion),
        SCENE_IN_BOTH(a_subscribe_under_way_is_answered_after_the_restart),
        SCENE_IN_BOTH(a_publish_under_way_arrives_after_the_restart),
        SCENE_IN_BOTH(qos_2_up_is_published_once_over_a_restart),
        SCENE_IN_BOTH(a_release_waits_for_the_broker),
        SCENE_IN_BOTH(qos_2_down_arrives_once_over_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
