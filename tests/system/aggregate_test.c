/* aggregate_test.c -- many clients over one connection, and both modes in one process (design 6, SN-GW). */
#include "tests/system/broker.h"
#include "tests/system/node.h"
#include "tests/system/peer.h"

#include <stdio.h>

enum { MANY = 20 };

static const char BOTH_MODES[] = "clients:\n"
                                 "  - {match: \"t-*\", mode: transparent}\n"
                                 "  - {match: \"a-*\", mode: aggregate}";

static void unsubscribes(struct node *n, const char *filter)
{
    uint16_t id = node_next_message_id(n);
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_UNSUBSCRIBE, .message_id = id, .tail = span_text(filter) });
    assert_int_equal(node_expects(n, MQTTSN_UNSUBACK).message_id, id);
}

/* The connections to the broker's gateway port that it has logged, its own log being the witness. */
static size_t connections(const struct scene *s, const char *client_id)
{
    char text[LINE];
    snprintf(text, sizeof text, " as %s (", client_id);
    return process_count(&s->broker->process, text);
}

static void register_a_topic_each(struct node *nodes[MANY], uint16_t ids[MANY])
{
    for (size_t i = 0; i < MANY; i++) {
        char topic[32];
        snprintf(topic, sizeof topic, "plant/%zu", i);
        ids[i] = node_registers(nodes[i], topic);
    }
}

static void twenty_clients_with_equal_message_ids_share_one_connection(struct scene *s) /* SN-GW-2, -4 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct peer *world = peer_open(s, "world");
    struct node *nodes[MANY];
    uint16_t ids[MANY];
    peer_subscribes(world, "plant/#", 1);
    for (size_t i = 0; i < MANY; i++) {
        char id[16];
        snprintf(id, sizeof id, "n%zu", i);
        nodes[i] = node_open(g);
        node_connects(nodes[i], id);
    }
    register_a_topic_each(nodes, ids);
    for (size_t i = 0; i < MANY; i++)
        node_sends(nodes[i], (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                                      .qos = 1,
                                                      .topic_id = ids[i],
                                                      .message_id = 500,
                                                      .tail = span_text("x") });
    for (size_t i = 0; i < MANY; i++) {
        struct mqttsn_message m = node_expects(nodes[i], MQTTSN_PUBACK);
        assert_int_equal(m.return_code, MQTTSN_ACCEPTED);
        assert_int_equal(m.message_id, 500);
        assert_int_equal(m.topic_id, ids[i]);
        char topic[32];
        snprintf(topic, sizeof topic, "plant/%zu", i);
        peer_hears(world, topic, "x");
    }
    assert_in_range(connections(s, "gateway-under-test"), 1, 2); /* one to clean up, one to stay */
    assert_int_equal(connections(s, "n0"), 0);
}

static void overlapping_filters_bring_a_message_once_at_the_higher_qos(struct scene *s) /* SN-DLV-12 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    node_subscribes(n, "a/#", 0);
    uint16_t id = node_subscribes(n, "a/b", 1);
    peer_publishes(peer_open(s, "world"), "a/b", 1, "once");
    struct mqttsn_message m = node_receives_and_acks(n, "once");
    assert_int_equal(m.qos, 1);
    assert_int_equal(m.topic_id, id);
    node_hears_nothing(n);
}

static void overlapping_filters_of_two_clients_bring_it_once_to_each(struct scene *s) /* design 6 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct node *wide = node_open(g);
    struct node *narrow = node_open(g);
    node_connects(wide, "m1");
    node_connects(narrow, "m2");
    node_subscribes(wide, "a/#", 0);
    node_subscribes(narrow, "a/b", 0);
    peer_publishes(peer_open(s, "world"), "a/b", 0, "once");
    node_is_told_topic(wide, "a/b");
    node_receives(wide, "once");
    node_receives(narrow, "once");
    node_hears_nothing(wide);
    node_hears_nothing(narrow);
}

static void a_filter_lives_until_its_last_holder_leaves(struct scene *s) /* SN-UNS-4 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct peer *world = peer_open(s, "world");
    struct node *first = node_open(g);
    struct node *second = node_open(g);
    node_connects(first, "m1");
    node_connects(second, "m2");
    node_subscribes(first, "lamp/1", 1);
    node_subscribes(second, "lamp/1", 1);
    unsubscribes(first, "lamp/1");
    peer_publishes(world, "lamp/1", 1, "on");
    node_receives_and_acks(second, "on");
    node_hears_nothing(first);
    unsubscribes(second, "lamp/1");
    peer_publishes(world, "lamp/1", 1, "off");
    node_hears_nothing(second);
}

static void a_later_holder_alone_gets_the_retained_message(struct scene *s) /* SN-GW-5 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct node *first = node_open(g);
    struct node *second = node_open(g);
    peer_retains(peer_open(s, "world"), "lamp/1", "kept");
    node_connects(first, "m1");
    node_connects(second, "m2");
    node_subscribes(first, "lamp/1", 1);
    assert_true(node_receives_and_acks(first, "kept").retain);
    node_subscribes(second, "lamp/1", 1);
    assert_true(node_receives_and_acks(second, "kept").retain);
    node_hears_nothing(first);
}

static void a_shared_subscription_is_not_supported_in_aggregate_mode(struct scene *s) /* SN-SUB-12 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_SUBSCRIBE, .message_id = 1, .tail = span_text("$share/g/a") });
    assert_int_equal(node_expects(n, MQTTSN_SUBACK).return_code, MQTTSN_NOT_SUPPORTED);
}

static void one_slow_client_does_not_hold_up_the_others(struct scene *s) /* design 6 and 4.7 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct peer *world = peer_open(s, "world");
    struct node *slow = node_open(g);
    struct node *quick = node_open(g);
    node_connects(slow, "m1");
    node_connects(quick, "m2");
    node_subscribes(slow, "slow/1", 1);
    node_subscribes(quick, "lamp/1", 1);
    peer_publishes(world, "slow/1", 1, "never acknowledged");
    node_receives(slow, "never acknowledged");
    for (int i = 0; i < 50; i++) {
        peer_publishes(world, "lamp/1", 1, "on");
        node_receives_and_acks(quick, "on");
    }
}

static void both_modes_work_in_one_process(struct scene *s) /* design 6, clients table */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ .more = BOTH_MODES });
    gateway_logs(g, "broker: connected to "); /* the shared one */
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "from/#", 1);
    struct node *transparent = node_open(g);
    struct node *aggregate = node_open(g);
    node_connects(transparent, "t-1");
    node_connects(aggregate, "a-1");
    node_publishes(transparent, node_registers(transparent, "from/t-1"), 1, "x");
    peer_hears(world, "from/t-1", "x");
    node_publishes(aggregate, node_registers(aggregate, "from/a-1"), 1, "x");
    peer_hears(world, "from/a-1", "x");
    uint16_t id = node_subscribes(aggregate, "from/t-1", 0);
    node_publishes(transparent, node_registers(transparent, "from/t-1"), 1, "to my neighbour");
    assert_int_equal(node_receives(aggregate, "to my neighbour").topic_id, id);
    assert_int_equal(connections(s, "t-1"), 1);
    assert_int_equal(connections(s, "a-1"), 0);
}

static void a_transparent_client_is_itself_at_the_broker(struct scene *s) /* SN-GW-1 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    node_connects(node_open(g), "m1");
    node_connects(node_open(g), "m2");
    assert_int_equal(connections(s, "m1"), 1);
    assert_int_equal(connections(s, "m2"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN(twenty_clients_with_equal_message_ids_share_one_connection, "aggregate"),
        SCENE_IN(overlapping_filters_bring_a_message_once_at_the_higher_qos, "aggregate"),
        SCENE_IN(overlapping_filters_of_two_clients_bring_it_once_to_each, "aggregate"),
        SCENE_IN(a_filter_lives_until_its_last_holder_leaves, "aggregate"),
        SCENE_IN(a_later_holder_alone_gets_the_retained_message, "aggregate"),
        SCENE_IN(a_shared_subscription_is_not_supported_in_aggregate_mode, "aggregate"),
        SCENE_IN(one_slow_client_does_not_hold_up_the_others, "aggregate"),
        SCENE(both_modes_work_in_one_process),
        SCENE(a_transparent_client_is_itself_at_the_broker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
