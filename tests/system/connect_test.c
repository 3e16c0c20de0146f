/* connect_test.c -- CONNECT, clean and kept sessions, DISCONNECT (sections 6.2, 6.3 and 6.12), with a real broker. */
#include "tests/system/broker.h"
#include "tests/system/node.h"
#include "tests/system/peer.h"

#include <stdio.h>

static void a_client_connects_and_its_data_arrives(struct scene *s) /* SN-CONN-1, SN-PUB-1 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "#", 0);
    struct node *n = node_open(g);
    node_connects(n, "m1");
    node_publishes(n, node_registers(n, "greenhouse/temperature"), 0, "21.5");
    peer_hears(world, "greenhouse/temperature", "21.5");
}

static void an_identical_connect_is_answered_again(struct scene *s) /* SN-CONN-9 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    node_connects(n, "m1");
    node_connects(n, "m1");
}

static void a_protocol_id_other_than_1_is_not_supported(struct scene *s) /* SN-CONN-4 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_sends(
        n, (struct mqttsn_message){
               .type = MQTTSN_CONNECT, .protocol_id = 2, .duration = 60, .tail = span_text("m1") });
    assert_int_equal(node_expects(n, MQTTSN_CONNACK).return_code, MQTTSN_NOT_SUPPORTED);
}

static void an_empty_client_id_is_not_supported(struct scene *s) /* SN-CONN-5 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connect_is_answered(n, "", MQTTSN_NOT_SUPPORTED);
}

static const char ASSIGNS[] =
    "  - {name: lan, driver: udp, listen: \"127.0.0.1:0\", forwarders: true, "
    "assign_client_id: true}";

static void publishes_to_its_own_topic(struct node *n, const char *data)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .topic_id_type = MQTTSN_PREDEFINED,
                                           .topic_id = 1,
                                           .tail = span_text(data) });
}

static void an_empty_client_id_becomes_the_address_where_it_is_allowed(struct scene *s) /* SN-CONN-5 */
{
    char topic[64];
    struct gateway *g = gateway_start_with_broker(
        s, (struct settings){ .radios = ASSIGNS, .more = "topics: {\"*\": {1: \"node/{client}\"}}" });
    g->port = gateway_radio_port(g, "lan");
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "node/#", 0);
    struct node *n = node_open(g), *other = node_open(g);
    node_connects(n, "");
    node_connects(other, ""); /* another address, another client */
    snprintf(topic, sizeof topic, "node/lan-127.0.0.1:%u", node_port(n));
    publishes_to_its_own_topic(n, "1");
    peer_hears(world, topic, "1");
    node_connects(n, ""); /* the same again, after a restart for example */
    publishes_to_its_own_topic(n, "2");
    peer_hears(world, topic, "2");
    n->behind = "ab";
    node_connects(n, "");
    publishes_to_its_own_topic(n, "3");
    snprintf(topic, sizeof topic, "node/lan-127.0.0.1:%u-6162", node_port(n));
    peer_hears(world, topic, "3");
}

static void a_clean_connect_forgets_topic_ids(struct scene *s) /* SN-SES-5 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    uint16_t id = node_registers(n, "a/b/c");
    node_disconnects(n);
    node_connects(n, "m1");
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .qos = 1,
                                           .topic_id = id,
                                           .message_id = 9,
                                           .tail = span_text("x") });
    struct mqttsn_message m = node_expects(n, MQTTSN_PUBACK);
    assert_int_equal(m.return_code, MQTTSN_INVALID_TOPIC_ID);
    assert_int_equal(m.message_id, 9);
}

static void a_clean_connect_forgets_subscriptions(struct scene *s) /* SN-SES-2 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects_kept(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    node_disconnects(n);
    node_connects(n, "m1");
    peer_publishes(world, "lamp/1", 1, "on");
    node_hears_nothing(n);
}

static void a_kept_session_gets_what_came_while_it_was_away(struct scene *s) /* SN-SES-4 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects_kept(n, "m1");
    uint16_t id = node_subscribes(n, "lamp/1", 1);
    node_disconnects(n);
    peer_publishes(world, "lamp/1", 1, "on");
    node_connects_kept(n, "m1");
    assert_int_equal(node_is_told_topic(n, "lamp/1"), id); /* SN-TOP-3: the same id, told again */
    assert_int_equal(node_receives_and_acks(n, "on").topic_id, id);
}

static void a_kept_session_keeps_its_topic_ids_for_publishing(struct scene *s) /* SN-TOP-3 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "a/b/c", 1);
    node_connects_kept(n, "m1");
    uint16_t id = node_registers(n, "a/b/c");
    node_disconnects(n);
    node_connects_kept(n, "m1");
    node_publishes(n, id, 1, "still known");
    peer_hears(world, "a/b/c", "still known");
}

static void a_repeated_disconnect_is_answered_again(struct scene *s) /* SN-DSC-3 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    node_disconnects(n);
    node_disconnects(n);
}

static void another_port_of_the_same_host_takes_the_session_over(struct scene *s) /* SN-CONN-11, SN-NET-2 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct node *old = node_open(g);
    struct node *new = node_open(g);
    node_connects_kept(old, "m1");
    node_subscribes(old, "lamp/1", 0);
    node_connects_kept(new, "m1");
    node_expects(old, MQTTSN_DISCONNECT);
    peer_publishes(peer_open(s, "world"), "lamp/1", 0, "on");
    node_is_told_topic(new, "lamp/1");
    node_receives(new, "on");
    node_hears_nothing(old);
}

static void a_longer_client_id_is_another_client(struct scene *s) /* design 4.3: node1 is not node10 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct node *one = node_open(g);
    struct node *ten = node_open(g);
    node_connects(one, "node1");
    node_connects(ten, "node10");
    uint16_t id = node_registers(one, "a/b/c");
    node_sends(ten, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                             .qos = 1,
                                             .topic_id = id,
                                             .message_id = 3,
                                             .tail = span_text("x") });
    assert_int_equal(node_expects(ten, MQTTSN_PUBACK).return_code,
                     MQTTSN_INVALID_TOPIC_ID); /* SN-TOP-1 */
    node_sends(one, (struct mqttsn_message){ .type = MQTTSN_PINGREQ });
    node_expects(one, MQTTSN_PINGRESP);
}

static void a_ping_is_answered(struct scene *s) /* SN-PING-1, SN-PING-5 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ });
    node_expects(n, MQTTSN_PINGRESP);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ, .tail = span_text("m1") });
    node_expects(n, MQTTSN_PINGRESP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(a_client_connects_and_its_data_arrives),
        SCENE_IN_BOTH(an_identical_connect_is_answered_again),
        SCENE_IN_BOTH(a_protocol_id_other_than_1_is_not_supported),
        SCENE_IN_BOTH(an_empty_client_id_is_not_supported),
        SCENE_IN_BOTH(an_empty_client_id_becomes_the_address_where_it_is_allowed),
        SCENE_IN_BOTH(a_clean_connect_forgets_topic_ids),
        SCENE_IN_BOTH(a_clean_connect_forgets_subscriptions),
        SCENE_IN_BOTH(a_kept_session_gets_what_came_while_it_was_away),
        SCENE_IN_BOTH(a_kept_session_keeps_its_topic_ids_for_publishing),
        SCENE_IN_BOTH(a_repeated_disconnect_is_answered_again),
        SCENE_IN_BOTH(another_port_of_the_same_host_takes_the_session_over),
        SCENE_IN_BOTH(a_longer_client_id_is_another_client),
        SCENE_IN_BOTH(a_ping_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
