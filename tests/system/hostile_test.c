/* hostile_test.c -- malformed frames, strangers, limits and permissions (design 4.5, 4.6, 4.8; SN-FRM, SN-DSC). */
#include "tests/system/broker.h"
#include "tests/system/node.h"
#include "tests/system/peer.h"

enum { FLOOD = 200 };

static const char *const malformed[] = {
    "",                                           /* no octets */
    "00",                                         /* a length of nothing */
    "01",                                         /* half of a long length */
    "0517",                                       /* longer than it is */
    "021700",                                     /* shorter than it is */
    "0203",                                       /* reserved types */
    "0211",       "0219", "021e", "02ff", "0304", /* CONNECT without its fields */
    "060c0000",                                   /* PUBLISH cut off */
    "060c000001",                                 /* its length too long by one */
    "0412",                                       /* SUBSCRIBE cut off */
    "05160000",                                   /* octets left over */
    "030500",                                     /* CONNACK: nothing that a client says */
    "0100020c",                                   /* a long length below its own size */
    "03fe00",                                     /* encapsulation without a node id */
    "04fe0041",                                   /* and without a message */
};

static void malformed_frames_are_dropped_and_nothing_else_happens(struct scene *s) /* SN-FRM-1, -4, -5, -8 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "#", 0);
    struct node *client = node_open(g);
    struct node *stranger = node_open(g);
    node_connects(client, "m1");
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        node_sends_hex(client, malformed[i]);
        node_sends_hex(stranger, malformed[i]);
    }
    node_hears_nothing(client);
    node_hears_nothing(stranger);
    peer_hears_nothing(world);
    node_sends(client, (struct mqttsn_message){ .type = MQTTSN_PINGREQ });
    node_expects(client, MQTTSN_PINGRESP);
}

static void a_long_length_for_a_short_message_is_understood(struct scene *s) /* SN-FRM-2 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    node_sends_hex(n, "01000416");
    node_expects(n, MQTTSN_PINGRESP);
}

static void a_stranger_is_told_to_connect(struct scene *s) /* SN-DSC-4, -5, SN-PING-4 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    const char *const requests[] = {
        "0216",             /* PINGREQ */
        "070a0000000161",   /* REGISTER "a" */
        "080c200001000178", /* PUBLISH */
        "07120000016162",   /* SUBSCRIBE "ab" */
        "0218",             /* DISCONNECT */
    };
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct node *n = node_open(g);
        node_sends_hex(n, requests[i]);
        assert_true(node_expects(n, MQTTSN_DISCONNECT).brief);
    }
}

static void a_stranger_s_acknowledgements_are_dropped_in_silence(struct scene *s) /* SN-DSC-5 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_sends_hex(n, "070d0001000100"); /* PUBACK */
    node_sends_hex(n, "070b0001000100"); /* REGACK */
    node_sends_hex(n, "040e0001");       /* PUBCOMP */
    node_sends_hex(n, "0217");           /* PINGRESP */
    node_hears_nothing(n);
}

static void a_stranger_is_answered_at_a_bounded_rate(struct scene *s) /* SN-DSC-5: once per second */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    for (int i = 0; i < FLOOD; i++)
        node_sends_hex(n, "0216");
    node_expects(n, MQTTSN_DISCONNECT);
    assert_true(node_discards(n) <= 1);
}

static void a_client_too_many_is_congestion(struct scene *s) /* SN-CONN-13 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ .limits = "clients: 2" });
    struct node *first = node_open(g);
    node_connects(first, "m1");
    node_connects(node_open(g), "m2");
    struct node *third = node_open(g);
    node_connect_is_answered(third, "m3", MQTTSN_CONGESTION);
    node_disconnects(first);
    node_connects(third, "m3");
}

static void a_topic_too_many_is_congestion(struct scene *s) /* SN-TOP-9, SN-REG-4 */
{
    struct node *n = node_open(
        gateway_start_with_broker(s, (struct settings){ .limits = "topics_per_client: 2" }));
    node_connects(n, "m1");
    node_registers(n, "a/1");
    node_registers(n, "a/2");
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_REGISTER, .message_id = 9, .tail = span_text("a/3") });
    struct mqttsn_message m = node_expects(n, MQTTSN_REGACK);
    assert_int_equal(m.return_code, MQTTSN_CONGESTION);
    assert_int_equal(m.topic_id, 0);
    node_registers(n, "a/1");
}

static void a_subscription_too_many_is_congestion(struct scene *s) /* SN-SUB-11 */
{
    struct node *n = node_open(
        gateway_start_with_broker(s, (struct settings){ .limits = "subscriptions_per_client: 1" }));
    node_connects(n, "m1");
    node_subscribes(n, "a/1", 0);
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_SUBSCRIBE, .message_id = 9, .tail = span_text("a/2") });
    assert_int_equal(node_expects(n, MQTTSN_SUBACK).return_code, MQTTSN_CONGESTION);
    node_subscribes(n, "a/1", 1);
}

static void a_client_that_is_not_allowed_is_not_supported(struct scene *s) /* SN-CONN-7: gateway ACL */
{
    struct gateway *g = gateway_start_with_broker(
        s, (struct settings){
               .more = "clients: [{match: \"sensor-*\"}, {match: \"*\", allow: false}]" });
    node_connects(node_open(g), "sensor-1");
    node_connect_is_answered(node_open(g), "intruder", MQTTSN_NOT_SUPPORTED);
}

static const char PERMISSIONS[] = "clients:\n"
                                  "  - match: \"*\"\n"
                                  "    publish: [\"from/{client}/#\"]\n"
                                  "    subscribe: [\"to/{client}/#\"]\n"
                                  "topics:\n"
                                  "  \"*\":\n"
                                  "    1: somewhere/else";

static void a_topic_that_is_not_permitted_is_not_published(struct scene *s) /* SN-REG-5, SN-PUB-9 */
{
    struct node *n =
        node_open(gateway_start_with_broker(s, (struct settings){ .more = PERMISSIONS }));
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "#", 1);
    node_connects(n, "m1");
    node_publishes(n, node_registers(n, "from/m1/x"), 1, "allowed");
    peer_hears(world, "from/m1/x", "allowed");
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_REGISTER, .message_id = 9, .tail = span_text("from/m2/x") });
    assert_int_equal(node_expects(n, MQTTSN_REGACK).return_code, MQTTSN_NOT_SUPPORTED);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .qos = 1,
                                           .topic_id_type = MQTTSN_PREDEFINED,
                                           .topic_id = 1,
                                           .message_id = 10,
                                           .tail = span_text("x") });
    assert_int_equal(node_expects(n, MQTTSN_PUBACK).return_code, MQTTSN_NOT_SUPPORTED);
    peer_hears_nothing(world);
}

static void a_filter_that_is_not_permitted_is_not_subscribed(struct scene *s) /* SN-SUB-6 */
{
    struct node *n =
        node_open(gateway_start_with_broker(s, (struct settings){ .more = PERMISSIONS }));
    node_connects(n, "m1");
    node_subscribes(n, "to/m1/lamp", 1);
    const char *const filters[] = { "#", "to/+/lamp", "to/m2/lamp" };
    for (size_t i = 0; i < 3; i++) {
        node_sends(n, (struct mqttsn_message){
                          .type = MQTTSN_SUBSCRIBE, .message_id = 9, .tail = span_text(filters[i]) });
        assert_int_equal(node_expects(n, MQTTSN_SUBACK).return_code, MQTTSN_NOT_SUPPORTED);
    }
}

static void a_will_that_is_not_permitted_is_not_supported(struct scene *s) /* SN-WILL-5, SN-PUB-9 */
{
    struct node *n =
        node_open(gateway_start_with_broker(s, (struct settings){ .more = PERMISSIONS }));
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                           .will = true,
                                           .protocol_id = 1,
                                           .duration = 60,
                                           .tail = span_text("m1") });
    node_expects(n, MQTTSN_WILLTOPICREQ);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_WILLTOPIC, .tail = span_text("will/m1") });
    assert_int_equal(node_expects(n, MQTTSN_CONNACK).return_code, MQTTSN_NOT_SUPPORTED);
}

static void a_message_larger_than_the_radio_carries_is_left_out(struct scene *s) /* SN-FRM-9, SN-DLV-8 */
{
    struct gateway *g = gateway_start_with_broker(
        s, (struct settings){
               .radios = "  - {name: lan, driver: udp, listen: \"127.0.0.1:0\", max_message: 60}" });
    g->port = gateway_radio_port(g, "lan");
    struct node *n = node_open(g);
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    peer_publishes(world, "lamp/1", 1,
                   "a text that is much longer than the sixty octets which this radio carries");
    peer_publishes(world, "lamp/1", 1, "short");
    node_receives_and_acks(n, "short");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(malformed_frames_are_dropped_and_nothing_else_happens),
        SCENE(a_long_length_for_a_short_message_is_understood),
        SCENE(a_stranger_is_told_to_connect),
        SCENE(a_stranger_s_acknowledgements_are_dropped_in_silence),
        SCENE(a_stranger_is_answered_at_a_bounded_rate),
        SCENE_IN_BOTH(a_client_too_many_is_congestion),
        SCENE_IN_BOTH(a_topic_too_many_is_congestion),
        SCENE_IN_BOTH(a_subscription_too_many_is_congestion),
        SCENE_IN_BOTH(a_client_that_is_not_allowed_is_not_supported),
        SCENE_IN_BOTH(a_topic_that_is_not_permitted_is_not_published),
        SCENE_IN_BOTH(a_filter_that_is_not_permitted_is_not_subscribed),
        SCENE_IN_BOTH(a_will_that_is_not_permitted_is_not_supported),
        SCENE_IN_BOTH(a_message_larger_than_the_radio_carries_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
