/* publish_test.c -- what nodes publish, up to a real broker (sections 6.5 to 6.8). */
#include "tests/system/broker.h"
#include "tests/system/node.h"
#include "tests/system/peer.h"

static const char TOPICS[] = "topics:\n"
                             "  \"*\":\n"
                             "    1: greenhouse/all/alarm\n"
                             "    2: \"greenhouse/{client}/temperature\"\n"
                             "  m7:\n"
                             "    1: greenhouse/7/alarm\n"
                             "qos_minus_one: true";

static void publishes_as(struct node *n, uint8_t type, uint16_t topic_id, uint8_t qos,
                         const char *data)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .qos = qos,
                                           .topic_id_type = type,
                                           .topic_id = topic_id,
                                           .message_id =
                                               qos == 1 || qos == 2 ? node_next_message_id(n) : 0,
                                           .tail = span_text(data) });
}

static struct peer *world_of(struct scene *s)
{
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "#", 2);
    return world;
}

static void qos_is_kept_on_the_way_up(struct scene *s) /* SN-PUB-1, -2, -3 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = world_of(s);
    node_connects(n, "m1");
    uint16_t id = node_registers(n, "a/b/c");
    for (uint8_t qos = 0; qos <= 2; qos++) {
        node_publishes(n, id, qos, "x");
        assert_int_equal(peer_hears(world, "a/b/c", "x"), qos);
    }
    peer_hears_nothing(world);
}

static void a_topic_registered_twice_has_one_id(struct scene *s) /* SN-REG-2 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    uint16_t id = node_registers(n, "a/b/c");
    assert_int_equal(node_registers(n, "a/b/c"), id);
    assert_int_not_equal(node_registers(n, "a/b/d"), id);
}

static void a_wildcard_is_not_registered(struct scene *s) /* SN-REG-5 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_REGISTER, .message_id = 1, .tail = span_text("a/#") });
    struct mqttsn_message m = node_expects(n, MQTTSN_REGACK);
    assert_int_equal(m.return_code, MQTTSN_NOT_SUPPORTED);
    assert_int_equal(m.topic_id, 0);
}

static void predefined_ids_name_topics_per_client_and_for_all(struct scene *s) /* SN-TOP-4 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ .more = TOPICS });
    struct peer *world = world_of(s);
    struct node *seven = node_open(g);
    struct node *eight = node_open(g);
    node_connects(seven, "m7");
    node_connects(eight, "m8");
    publishes_as(seven, MQTTSN_PREDEFINED, 1, 0, "fire");
    peer_hears(world, "greenhouse/7/alarm", "fire");
    publishes_as(eight, MQTTSN_PREDEFINED, 1, 0, "smoke");
    peer_hears(world, "greenhouse/all/alarm", "smoke");
    publishes_as(eight, MQTTSN_PREDEFINED, 2, 1, "30");
    assert_int_equal(node_expects(eight, MQTTSN_PUBACK).return_code, MQTTSN_ACCEPTED);
    peer_hears(world, "greenhouse/m8/temperature", "30");
}

static void registered_ids_stay_off_predefined_ones(struct scene *s) /* SN-TOP-8 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ .more = TOPICS }));
    node_connects(n, "m1");
    assert_true(node_registers(n, "a/b/c") > 2);
}

static void a_short_name_is_its_topic(struct scene *s) /* SN-TOP-6 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = world_of(s);
    node_connects(n, "m1");
    publishes_as(n, MQTTSN_SHORT, 'a' << 8 | 'b', 1, "x");
    assert_int_equal(node_expects(n, MQTTSN_PUBACK).return_code, MQTTSN_ACCEPTED);
    peer_hears(world, "ab", "x");
}

static void an_unknown_id_is_an_invalid_topic_id(struct scene *s) /* SN-PUB-4, SN-TOP-5 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = world_of(s);
    node_connects(n, "m1");
    for (int type = MQTTSN_NORMAL; type <= MQTTSN_PREDEFINED; type++)
        for (uint8_t qos = 1; qos <= 2; qos++) {
            publishes_as(n, (uint8_t)type, 99, qos, "x");
            struct mqttsn_message m = node_expects(n, MQTTSN_PUBACK);
            assert_int_equal(m.return_code, MQTTSN_INVALID_TOPIC_ID);
            assert_int_equal(m.topic_id, 99);
        }
    peer_hears_nothing(world);
}

static void anyone_may_publish_with_qos_minus_one(struct scene *s) /* SN-M1-1 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ .more = TOPICS });
    struct peer *world = world_of(s);
    struct node *stranger = node_open(g);
    gateway_logs(g, "broker: connected to ");
    publishes_as(stranger, MQTTSN_PREDEFINED, 1, MQTTSN_QOS_MINUS_ONE, "hello");
    assert_int_equal(peer_hears(world, "greenhouse/all/alarm", "hello"), 0);
    publishes_as(stranger, MQTTSN_SHORT, 'a' << 8 | 'b', MQTTSN_QOS_MINUS_ONE, "again");
    peer_hears(world, "ab", "again");
    node_hears_nothing(stranger);
}

static void qos_minus_one_with_a_wrong_id_is_dropped_in_silence(struct scene *s) /* SN-M1-2, -3 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ .more = TOPICS });
    struct peer *world = world_of(s);
    struct node *stranger = node_open(g);
    gateway_logs(g, "broker: connected to ");
    publishes_as(stranger, MQTTSN_PREDEFINED, 999, MQTTSN_QOS_MINUS_ONE, "x");
    publishes_as(stranger, MQTTSN_NORMAL, 1, MQTTSN_QOS_MINUS_ONE, "x");
    peer_hears_nothing(world);
    node_hears_nothing(stranger);
}

static void qos_minus_one_is_off_unless_it_is_switched_on(struct scene *s) /* SN-M1-1, settings */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct peer *world = world_of(s);
    struct node *stranger = node_open(g);
    publishes_as(stranger, MQTTSN_SHORT, 'a' << 8 | 'b', MQTTSN_QOS_MINUS_ONE, "x");
    peer_hears_nothing(world);
    node_hears_nothing(stranger);
}

static void a_retained_message_is_retained_and_cleared(struct scene *s) /* SN-PUB-6, -7 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    uint16_t id = node_registers(n, "a/b/c");
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .retain = true,
                                           .qos = 1,
                                           .topic_id = id,
                                           .message_id = 5,
                                           .tail = span_text("kept") });
    node_expects(n, MQTTSN_PUBACK);
    struct peer *first = world_of(s);
    peer_hears(first, "a/b/c", "kept");
    assert_true(peer_heard_retained(first));
    node_sends(
        n, (struct mqttsn_message){
               .type = MQTTSN_PUBLISH, .retain = true, .qos = 1, .topic_id = id, .message_id = 6 });
    node_expects(n, MQTTSN_PUBACK);
    struct peer *second = peer_open(s, "second");
    peer_subscribes(second, "a/#", 1);
    peer_hears_nothing(second);
}

static void a_repeated_qos_2_publish_arrives_once(struct scene *s) /* SN-RTX-7 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = world_of(s);
    node_connects(n, "m1");
    struct mqttsn_message m = { .type = MQTTSN_PUBLISH,
                                .qos = 2,
                                .topic_id = node_registers(n, "a/b/c"),
                                .message_id = 77,
                                .tail = span_text("once") };
    node_sends(n, m);
    node_expects(n, MQTTSN_PUBREC);
    m.dup = true;
    node_sends(n, m);
    node_expects(n, MQTTSN_PUBREC);
    for (int i = 0; i < 2; i++) {
        node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBREL, .message_id = 77 });
        assert_int_equal(node_expects(n, MQTTSN_PUBCOMP).message_id,
                         77); /* SN-PUB-8: also the second time */
    }
    peer_hears(world, "a/b/c", "once");
    peer_hears_nothing(world);
}

static void a_prefix_is_put_on_and_taken_off(struct scene *s) /* SN-PUB-14 */
{
    struct node *n = node_open(
        gateway_start_with_broker(s, (struct settings){ .broker = ", prefix: \"site-4/\"" }));
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "site-4/#", 1);
    node_connects(n, "m1");
    uint16_t id = node_subscribes(n, "lamp/1", 1);
    node_publishes(n, node_registers(n, "a/b/c"), 1, "up");
    peer_hears(world, "site-4/a/b/c", "up");
    peer_publishes(world, "site-4/lamp/1", 1, "down");
    assert_int_equal(node_receives_and_acks(n, "down").topic_id, id);
}

static void a_large_message_arrives_whole(struct scene *s) /* SN-FRM-2, -3 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = world_of(s);
    char large[1001];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    node_connects(n, "m1");
    node_publishes(n, node_registers(n, "a/b/c"), 1, large);
    peer_hears(world, "a/b/c", large);
    node_subscribes(n, "big", 0);
    peer_publishes(world, "big", 0, large);
    node_receives(n, large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(qos_is_kept_on_the_way_up),
        SCENE_IN_BOTH(a_topic_registered_twice_has_one_id),
        SCENE_IN_BOTH(a_wildcard_is_not_registered),
        SCENE_IN_BOTH(predefined_ids_name_topics_per_client_and_for_all),
        SCENE_IN_BOTH(registered_ids_stay_off_predefined_ones),
        SCENE_IN_BOTH(a_short_name_is_its_topic),
        SCENE_IN_BOTH(an_unknown_id_is_an_invalid_topic_id),
        SCENE_IN_BOTH(anyone_may_publish_with_qos_minus_one),
        SCENE_IN_BOTH(qos_minus_one_with_a_wrong_id_is_dropped_in_silence),
        SCENE_IN_BOTH(qos_minus_one_is_off_unless_it_is_switched_on),
        SCENE_IN_BOTH(a_retained_message_is_retained_and_cleared),
        SCENE_IN_BOTH(a_repeated_qos_2_publish_arrives_once),
        SCENE_IN_BOTH(a_prefix_is_put_on_and_taken_off),
        SCENE_IN_BOTH(a_large_message_arrives_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
