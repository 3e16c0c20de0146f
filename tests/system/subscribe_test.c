/* subscribe_test.c -- subscriptions and what comes down because of them (sections 6.9 and 6.10), with a real broker. */
#include "tests/system/broker.h"
#include "tests/system/node.h"
#include "tests/system/peer.h"

#include <stdio.h>

static const char TOPICS[] = "topics:\n"
                             "  \"*\":\n"
                             "    1: greenhouse/all/alarm";

static void unsubscribes(struct node *n, const char *filter)
{
    uint16_t id = node_next_message_id(n);
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_UNSUBSCRIBE, .message_id = id, .tail = span_text(filter) });
    assert_int_equal(node_expects(n, MQTTSN_UNSUBACK).message_id, id);
}

static struct mqttsn_message subscribes_as(struct node *n, uint8_t type, uint16_t topic_id,
                                           uint8_t qos)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_SUBSCRIBE,
                                           .qos = qos,
                                           .topic_id_type = type,
                                           .topic_id = topic_id,
                                           .message_id = node_next_message_id(n) });
    return node_expects(n, MQTTSN_SUBACK);
}

static void a_subscriber_by_name_gets_the_id_and_the_message(struct scene *s) /* SN-SUB-1, SN-DLV-1 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    uint16_t id = node_subscribes(n, "lamp/1", 2);
    assert_in_range(id, 1, 0xFFFE);
    for (uint8_t qos = 0; qos <= 2; qos++) {
        peer_publishes(world, "lamp/1", qos, "on");
        struct mqttsn_message m = node_receives_and_acks(n, "on");
        assert_int_equal(m.topic_id, id);
        assert_int_equal(m.topic_id_type, MQTTSN_NORMAL);
        assert_int_equal(m.qos, qos);
        assert_false(m.dup);
        assert_false(m.retain);
        assert_int_equal(m.message_id != 0, qos > 0);
    }
}

static void a_message_comes_at_the_lower_of_both_qos(struct scene *s) /* SN-DLV-1 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 0);
    peer_publishes(world, "lamp/1", 2, "on");
    assert_int_equal(node_receives(n, "on").qos, 0);
}

static void a_wildcard_subscriber_is_told_each_topic_once(struct scene *s) /* SN-SUB-3, SN-REG-7, SN-DLV-2 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    assert_int_equal(node_subscribes(n, "cmd/+/led", 1), 0);
    peer_publishes(world, "cmd/7/led", 0, "on");
    uint16_t seven = node_is_told_topic(n, "cmd/7/led");
    assert_int_equal(node_receives(n, "on").topic_id, seven);
    peer_publishes(world, "cmd/7/led", 1, "off");
    assert_int_equal(node_receives_and_acks(n, "off").topic_id, seven);
    peer_publishes(world, "cmd/8/led", 0, "on");
    uint16_t eight = node_is_told_topic(n, "cmd/8/led");
    assert_int_not_equal(eight, seven);
    assert_int_equal(node_receives(n, "on").topic_id, eight);
}

static void a_refused_topic_is_not_delivered_again(struct scene *s) /* SN-REG-9 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    node_subscribes(n, "cmd/#", 1);
    peer_publishes(world, "cmd/7/led", 1, "on");
    struct mqttsn_message m = node_expects(n, MQTTSN_REGISTER);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_REGACK,
                                           .topic_id = m.topic_id,
                                           .message_id = m.message_id,
                                           .return_code = MQTTSN_NOT_SUPPORTED });
    peer_publishes(world, "cmd/7/led", 1, "again");
    node_hears_nothing(n);
    peer_publishes(world, "cmd/8/led", 0, "other");
    node_is_told_topic(n, "cmd/8/led");
    node_receives(n, "other");
}

static void a_predefined_subscription_comes_back_predefined(struct scene *s) /* SN-SUB-4, SN-DLV-4 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ .more = TOPICS }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    struct mqttsn_message m = subscribes_as(n, MQTTSN_PREDEFINED, 1, 1);
    assert_int_equal(m.return_code, MQTTSN_ACCEPTED);
    assert_int_equal(m.topic_id, 1);
    peer_publishes(world, "greenhouse/all/alarm", 1, "fire");
    m = node_receives_and_acks(n, "fire");
    assert_int_equal(m.topic_id_type, MQTTSN_PREDEFINED);
    assert_int_equal(m.topic_id, 1);
}

static void an_unknown_predefined_id_is_an_invalid_topic_id(struct scene *s) /* SN-TOP-5 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ .more = TOPICS }));
    node_connects(n, "m1");
    struct mqttsn_message m = subscribes_as(n, MQTTSN_PREDEFINED, 99, 1);
    assert_int_equal(m.return_code, MQTTSN_INVALID_TOPIC_ID);
    assert_int_equal(m.topic_id, 99);
}

static void a_short_subscription_comes_back_short(struct scene *s) /* SN-SUB-5, SN-DLV-4 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    struct mqttsn_message m = subscribes_as(n, MQTTSN_SHORT, 'a' << 8 | 'b', 0);
    assert_int_equal(m.return_code, MQTTSN_ACCEPTED);
    assert_int_equal(m.topic_id, 0);
    peer_publishes(world, "ab", 0, "on");
    m = node_receives(n, "on");
    assert_int_equal(m.topic_id_type, MQTTSN_SHORT);
    assert_int_equal(m.topic_id, 'a' << 8 | 'b');
}

static void a_reserved_id_type_is_not_supported(struct scene *s) /* SN-FRM-7 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    assert_int_equal(subscribes_as(n, MQTTSN_RESERVED, 1, 0).return_code, MQTTSN_NOT_SUPPORTED);
}

static void a_bad_filter_is_not_supported(struct scene *s) /* SN-SUB-6 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_SUBSCRIBE, .message_id = 4, .tail = span_text("a/#/b") });
    struct mqttsn_message m = node_expects(n, MQTTSN_SUBACK);
    assert_int_equal(m.return_code, MQTTSN_NOT_SUPPORTED);
    assert_int_equal(m.topic_id, 0);
}

static void after_unsubscribe_nothing_comes(struct scene *s) /* SN-UNS-1, SN-UNS-2 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    unsubscribes(n, "lamp/1");
    peer_publishes(world, "lamp/1", 1, "on");
    node_hears_nothing(n);
    unsubscribes(n, "never/subscribed");
}

static void a_retained_message_comes_after_the_suback(struct scene *s) /* SN-DLV-14, 9.A45 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    peer_retains(peer_open(s, "world"), "lamp/1", "kept");
    node_connects(n, "m1");
    uint16_t id = node_subscribes(n, "lamp/1", 1);
    struct mqttsn_message m = node_receives_and_acks(n, "kept");
    assert_int_equal(m.topic_id, id);
    assert_true(m.retain);
}

static void only_one_message_is_on_its_way_to_a_client(struct scene *s) /* SN-RTX-5, SN-DLV-3 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    peer_publishes(world, "lamp/1", 1, "1");
    peer_publishes(world, "lamp/1", 1, "2");
    peer_publishes(world, "lamp/1", 1, "3");
    struct mqttsn_message m = node_receives(n, "1");
    node_hears_nothing(n);
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_PUBACK, .topic_id = m.topic_id, .message_id = m.message_id });
    node_receives_and_acks(n, "2");
    node_receives_and_acks(n, "3");
}

static void an_unanswered_message_comes_again_with_dup(struct scene *s) /* SN-RTX-1, -2, -4 */
{
    struct node *n = node_open(gateway_start_with_broker(
        s, (struct settings){ .limits = "retry: {interval: \"1s\", count: 2}" }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    peer_publishes(world, "lamp/1", 1, "on");
    struct mqttsn_message first = node_receives(n, "on");
    assert_false(first.dup);
    uint16_t id = first.message_id;
    struct mqttsn_message again = node_receives(n, "on");
    assert_true(again.dup);
    assert_int_equal(again.message_id, id);
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_PUBACK, .topic_id = again.topic_id, .message_id = id });
    node_hears_nothing(n);
}

static void a_client_that_forgot_an_id_is_told_it_again(struct scene *s) /* SN-DLV-9 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    peer_publishes(world, "lamp/1", 1, "on");
    struct mqttsn_message m = node_receives(n, "on");
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBACK,
                                           .topic_id = m.topic_id,
                                           .message_id = m.message_id,
                                           .return_code = MQTTSN_INVALID_TOPIC_ID });
    node_is_told_topic(n, "lamp/1");
    assert_false(node_receives_and_acks(n, "on").dup);
}

/* Twice as many as its queue holds, before it takes the first: the broker has to wait. */
static void a_client_that_is_awake_gets_all_of_a_burst(struct scene *s) /* design rules 2 and 7 */
{
    enum { MANY = 200 };
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    char text[16];
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "%u", i);
        peer_publishes(world, "lamp/1", 1, text);
    }
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "%u", i);
        node_receives_and_acks(n, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(a_subscriber_by_name_gets_the_id_and_the_message),
        SCENE_IN_BOTH(a_message_comes_at_the_lower_of_both_qos),
        SCENE_IN_BOTH(a_wildcard_subscriber_is_told_each_topic_once),
        SCENE_IN_BOTH(a_refused_topic_is_not_delivered_again),
        SCENE_IN_BOTH(a_predefined_subscription_comes_back_predefined),
        SCENE_IN_BOTH(an_unknown_predefined_id_is_an_invalid_topic_id),
        SCENE_IN_BOTH(a_short_subscription_comes_back_short),
        SCENE_IN_BOTH(a_reserved_id_type_is_not_supported),
        SCENE_IN_BOTH(a_bad_filter_is_not_supported),
        SCENE_IN_BOTH(after_unsubscribe_nothing_comes),
        SCENE_IN_BOTH(a_retained_message_comes_after_the_suback),
        SCENE_IN_BOTH(only_one_message_is_on_its_way_to_a_client),
        SCENE_IN_BOTH(an_unanswered_message_comes_again_with_dup),
        SCENE_IN_BOTH(a_client_that_forgot_an_id_is_told_it_again),
        SCENE_IN_BOTH(a_client_that_is_awake_gets_all_of_a_burst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
