/* address_test.c -- whose message is it? Clients that move or share an address, nodes behind forwarders, and messages
 * that no node sends (SN-CONN-11, -12, SN-NET, SN-SLP-18, SN-FWD, SN-DISC-7, -8, SN-V2). */
#include "tests/system/broker.h"
#include "tests/system/node.h"
#include "tests/system/peer.h"

#include <signal.h>

#define CLIENTS_THAT(rules) "clients: [{match: \"*\", " rules "}]"

static const char TWO_RADIOS[] = "  - {name: lan, driver: udp, listen: \"127.0.0.1:0\"}\n"
                                 "  - {name: far, driver: udp, listen: \"127.0.0.2:0\"}";

static const char WITH_FORWARDERS[] =
    "  - {name: lan, driver: udp, listen: \"127.0.0.1:0\", forwarders: true}";

static struct gateway *start_with(struct scene *s, const char *radios, const char *more)
{
    struct gateway *g =
        gateway_start_with_broker(s, (struct settings){ .radios = radios, .more = more });
    g->port = gateway_radio_port(g, "lan");
    return g;
}

static void pings(struct node *n, const char *client_id, enum mqttsn_type answer)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ, .tail = span_text(client_id) });
    node_expects(n, answer);
}

/* ---- clients that move ------------------------------------------------------------------------------------------- */

static void a_session_that_may_not_move_is_not_taken(struct scene *s) /* SN-CONN-11, SN-NET-3: deny */
{
    struct gateway *g = gateway_start_with_broker(
        s, (struct settings){ .more = CLIENTS_THAT("address_change: deny") });
    struct node *owner = node_open(g);
    struct node *thief = node_open(g);
    node_connects(owner, "m1");
    uint16_t id = node_registers(owner, "a/b/c");
    node_connect_is_answered(thief, "m1", MQTTSN_NOT_SUPPORTED);
    node_publishes(owner, id, 1, "still here");
    node_hears_nothing(owner);
}

static void another_host_does_not_take_an_active_session(struct scene *s) /* SN-NET-3: same_ip, the default */
{
    struct gateway *g = start_with(s, TWO_RADIOS, NULL);
    struct node *owner = node_open(g);
    node_connects(owner, "m1");
    struct node *elsewhere = node_open_to(g, "127.0.0.2", gateway_radio_port(g, "far"));
    node_connect_is_answered(elsewhere, "m1", MQTTSN_NOT_SUPPORTED);
    pings(owner, "", MQTTSN_PINGRESP);
}

static void another_host_takes_it_where_any_may(struct scene *s) /* SN-NET-2, -3: any; SN-DSC-6 */
{
    struct gateway *g = start_with(s, TWO_RADIOS, CLIENTS_THAT("address_change: any"));
    struct node *old = node_open(g);
    node_connects(old, "m1");
    struct node *elsewhere = node_open_to(g, "127.0.0.2", gateway_radio_port(g, "far"));
    node_connects(elsewhere, "m1");
    assert_true(node_expects(old, MQTTSN_DISCONNECT).brief);
    pings(old, "", MQTTSN_DISCONNECT); /* it is a stranger now */
    pings(elsewhere, "", MQTTSN_PINGRESP);
}

static void a_sleeper_that_may_not_move_wakes_only_where_it_was(struct scene *s) /* SN-SLP-18, SN-NET-3 */
{
    struct gateway *g = gateway_start_with_broker(
        s, (struct settings){ .more = CLIENTS_THAT("wake_address_change: deny") });
    struct node *n = node_open(g);
    node_connects(n, "m1");
    node_falls_asleep(n, 300);
    pings(node_open(g), "m1", MQTTSN_DISCONNECT);
    pings(n, "m1", MQTTSN_PINGRESP);
}

static void a_sleeper_may_wake_at_a_new_address_and_port(struct scene *s) /* SN-SLP-18, SN-NET-2, -3 */
{
    struct gateway *g = start_with(s, TWO_RADIOS, NULL);
    struct node *old = node_open(g);
    struct node *new = node_open_to(g, "127.0.0.2", gateway_radio_port(g, "far"));
    node_connects(old, "m1");
    uint16_t id = node_subscribes(old, "lamp/1", 1);
    node_falls_asleep(old, 300);
    peer_publishes(peer_open(s, "world"), "lamp/1", 1, "on");
    node_hears_nothing(old);
    node_sends(new, (struct mqttsn_message){ .type = MQTTSN_PINGREQ, .tail = span_text("m1") });
    assert_int_equal(node_is_told_topic(new, "lamp/1"), id); /* so it shows that it hears us */
    node_receives_and_acks(new, "on");
    node_expects(new, MQTTSN_PINGRESP);
    pings(old, "", MQTTSN_DISCONNECT); /* there nobody lives any more */
    pings(new, "", MQTTSN_PINGRESP);
}

static void an_active_client_is_not_moved_by_pingreq(struct scene *s) /* SN-PING-5, SN-NET-2 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct node *n = node_open(g);
    node_connects(n, "m1");
    pings(node_open(g), "m1", MQTTSN_DISCONNECT);
    pings(n, "", MQTTSN_PINGRESP);
}

static void a_second_client_at_the_same_address_ends_the_first(struct scene *s) /* SN-CONN-12 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "will/#", 1);
    struct node *n = node_open(g);
    node_connects_with_will(n, "m1", 60, "will/m1", "gone");
    uint16_t id = node_registers(n, "a/b/c");
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                           .clean = true,
                                           .protocol_id = 1,
                                           .duration = 60,
                                           .tail = span_text("m2") });
    node_expects(n, MQTTSN_DISCONNECT); /* to m1 */
    assert_int_equal(node_expects(n, MQTTSN_CONNACK).return_code, MQTTSN_ACCEPTED);
    peer_hears(world, "will/m1", "gone");
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_PUBLISH, .qos = 1, .topic_id = id, .message_id = 9 });
    assert_int_equal(node_expects(n, MQTTSN_PUBACK).return_code, MQTTSN_INVALID_TOPIC_ID);
    peer_hears_nothing(world);
}

/* ---- forwarders -------------------------------------------------------------------------------------------------- */

static void a_node_may_move_to_another_forwarder_where_any_may(struct scene *s) /* SN-FWD-3, SN-NET-3 */
{
    struct gateway *g = start_with(s, WITH_FORWARDERS, CLIENTS_THAT("address_change: any"));
    struct peer *world = peer_open(s, "world");
    struct node *first = node_open(g);
    struct node *second = node_open(g);
    first->behind = second->behind = "A1";
    node_connects_kept(first, "m1");
    uint16_t id = node_subscribes(first, "lamp/1", 1);
    node_connects_kept(second, "m1");
    node_expects(first, MQTTSN_DISCONNECT); /* through the forwarder where it was */
    peer_publishes(world, "lamp/1", 1, "on");
    assert_int_equal(node_is_told_topic(second, "lamp/1"), id);
    node_receives_and_acks(second, "on");
    node_hears_nothing(first);
}

static void a_sleeper_may_wake_behind_another_forwarder(struct scene *s) /* SN-FWD-3, SN-SLP-18 */
{
    struct gateway *g = start_with(s, WITH_FORWARDERS, NULL);
    struct node *first = node_open(g);
    struct node *second = node_open(g);
    first->behind = "A1";
    second->behind = "B22"; /* with another wireless id too */
    node_connects(first, "m1");
    uint16_t id = node_subscribes(first, "lamp/1", 1);
    node_falls_asleep(first, 300);
    peer_publishes(peer_open(s, "world"), "lamp/1", 1, "on");
    node_hears_nothing(first);
    node_sends(second, (struct mqttsn_message){ .type = MQTTSN_PINGREQ, .tail = span_text("m1") });
    assert_int_equal(node_is_told_topic(second, "lamp/1"), id);
    node_receives_and_acks(second, "on");
    node_expects(second, MQTTSN_PINGRESP);
    node_hears_nothing(first);
}

static void a_node_behind_another_forwarder_is_refused_by_default(struct scene *s) /* SN-FWD-3, SN-NET-3 */
{
    struct gateway *g = start_with(s, WITH_FORWARDERS, NULL);
    struct node *first = node_open(g);
    struct node *second = node_open(g);
    first->behind = second->behind = "A1";
    node_connects(first, "m1");
    node_connect_is_answered(second, "m1", MQTTSN_NOT_SUPPORTED);
    pings(first, "", MQTTSN_PINGRESP);
}

static void malformed_and_nested_encapsulation_is_dropped(struct scene *s) /* SN-FWD-4, -5 */
{
    static const char *const bad[] = { "02fe",           "03fe000216",
                                       "05fe001a2b",     "09fe001a2b0216",
                                       "07fe001a2b0216", "010007fe001a2b0216",
                                       "04fe00410316",   "04fe000204fe00010216" };
    struct gateway *g = start_with(s, WITH_FORWARDERS, NULL);
    struct node *n = node_open(g);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        node_sends_hex(n, bad[i]);
    node_hears_nothing(n);
    node_sends_hex(n, "05fefc1a2b0216"); /* SN-FWD-7: reserved bits are no reason */
    n->behind = "\x1a\x2b";
    node_expects(n, MQTTSN_DISCONNECT); /* SN-FWD-1: a stranger's answer, encapsulated too */
}

static void forwarders_may_stand_behind_forwarders_as_deep_as_set(struct scene *s) /* SN-FWD-5 */
{
    struct gateway *g = start_with(s,
                                   "  - {name: lan, driver: udp, listen: \"127.0.0.1:0\", "
                                   "forwarders: true, forwarder_depth: 2}",
                                   NULL);
    struct peer *world = peer_open(s, "world");
    struct node *n = node_open(g);
    n->behind = "A1/B22";
    node_connects(n, "m1");
    uint16_t id = node_subscribes(n, "lamp/1", 1);
    n->behind = "A1B/22"; /* the same octets, and yet somebody else */
    node_connects(n, "m2");
    n->behind = "A1";
    node_connects(n, "m3");
    n->behind = "A1/B22";
    peer_publishes(world, "lamp/1", 1, "on");
    assert_int_equal(node_receives_and_acks(n, "on").topic_id, id);
    n->behind = "A1/B22/C3";
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ });
    node_hears_nothing(n);
    n->behind = "A1/B22";
    pings(n, "", MQTTSN_PINGRESP);
}

static void a_search_through_a_forwarder_is_answered_through_it(struct scene *s) /* SN-FWD-8 */
{
    struct gateway *g = start_with(s, WITH_FORWARDERS, NULL);
    struct node *n = node_open(g);
    gateway_logs(g, "broker: connected to ");
    n->behind = "A1";
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_SEARCHGW });
    struct mqttsn_message m = node_expects(n, MQTTSN_GWINFO);
    assert_int_equal(m.gateway_id, 7);
    assert_int_equal(m.tail.len, 0);
}

static void a_forwarder_is_told_how_far_gwinfo_is_to_go(struct scene *s) /* SN-FWD-6, -8 */
{
    static const struct {
        const char *node;
        uint8_t asked, told; /* 3 is the most that the header holds */
    } rows[] = { { "A0", 0, 0 }, { "A1", 1, 1 }, { "A3", 3, 3 }, { "A9", 9, 3 } };
    struct gateway *g = start_with(s, WITH_FORWARDERS, NULL);
    struct node *n = node_open(g);
    gateway_logs(g, "broker: connected to ");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        n->behind = rows[i].node;
        node_sends(n, (struct mqttsn_message){ .type = MQTTSN_SEARCHGW, .radius = rows[i].asked });
        node_expects(n, MQTTSN_GWINFO);
        assert_int_equal(n->radius, rows[i].told);
    }
    node_connects(n, "m1"); /* what is for one node is not spread */
    assert_int_equal(n->radius, 0);
}

static void nodes_behind_one_forwarder_are_lost_one_by_one(struct scene *s) /* SN-FWD-9 */
{
    struct gateway *g = start_with(s, WITH_FORWARDERS, NULL);
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "will/#", 1);
    struct node *n = node_open(g);
    n->behind = "A1";
    node_connects_with_will(n, "m1", 60, "will/m1", "gone");
    n->behind = "B2";
    node_connects_with_will(n, "m2", 1, "will/m2", "gone");
    peer_hears(world, "will/m2", "gone");
    node_expects(n, MQTTSN_DISCONNECT);
    n->behind = "A1";
    pings(n, "", MQTTSN_PINGRESP);
    peer_hears_nothing(world);
}

/* ---- messages that no node sends --------------------------------------------------------------------------------- */

static void gwinfo_of_somebody_else_changes_nothing(struct scene *s) /* SN-DISC-8, SN-FRM-8 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_sends_hex(n, "060208021234");
    node_connects(n, "m1");
    node_sends_hex(n, "0502081234");
    node_hears_nothing(n);
    pings(n, "", MQTTSN_PINGRESP);
}

static void another_gateway_with_our_id_is_said(struct scene *s) /* SN-DISC-7 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct node *n = node_open(g);
    node_sends_hex(n, "0500070384");
    gateway_logs(g, "another gateway with our id 7");
    node_hears_nothing(n);
}

static void other_gateways_are_said_and_remembered(struct scene *s) /* SN-DISC-7 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct node *n = node_open(g);
    for (int i = 0; i < 2; i++)
        node_sends_hex(n, "0500080384");
    gateway_logs(g, "another gateway, id 8, advertises itself on radio lan at 127.0.0.1:");
    node_moves(n);
    node_sends_hex(n, "050008003c");
    assert_non_null(
        strstr(gateway_logs(g, "another gateway, id 8, is elsewhere now: "), "every 60 s"));
    assert_int_equal(kill(g->process.pid, SIGUSR1), 0);
    gateway_logs(g, "other gateway: id 8 on radio lan at 127.0.0.1:");
}

static void version_2_look_alikes_are_dropped_or_refused(struct scene *s) /* SN-V2-1, SN-CONN-4 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    static const char *const frames[] = { "0f0101123402003c00006465762d32", "040c0007",
                                          "091301000800000e10" }; /* X001, X004, X005 */
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        node_sends_hex(n, frames[i]);
        gateway_logs(n->gateway, "message of MQTT-SN 2.0");
    }
    node_hears_nothing(n);
    node_sends_hex(n, "11040102003c0000000000006465762d32"); /* X003, of drafts before 2024-04 */
    assert_int_equal(node_expects(n, MQTTSN_CONNACK).return_code, MQTTSN_NOT_SUPPORTED);
    gateway_logs(n->gateway, "message of MQTT-SN 2.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(a_session_that_may_not_move_is_not_taken),
        SCENE(another_host_does_not_take_an_active_session),
        SCENE(another_host_takes_it_where_any_may),
        SCENE_IN_BOTH(a_sleeper_that_may_not_move_wakes_only_where_it_was),
        SCENE_IN_BOTH(a_sleeper_may_wake_at_a_new_address_and_port),
        SCENE(an_active_client_is_not_moved_by_pingreq),
        SCENE_IN_BOTH(a_second_client_at_the_same_address_ends_the_first),
        SCENE_IN_BOTH(a_node_may_move_to_another_forwarder_where_any_may),
        SCENE_IN_BOTH(a_sleeper_may_wake_behind_another_forwarder),
        SCENE(a_node_behind_another_forwarder_is_refused_by_default),
        SCENE(malformed_and_nested_encapsulation_is_dropped),
        SCENE_IN_BOTH(forwarders_may_stand_behind_forwarders_as_deep_as_set),
        SCENE(a_search_through_a_forwarder_is_answered_through_it),
        SCENE(a_forwarder_is_told_how_far_gwinfo_is_to_go),
        SCENE_IN_BOTH(nodes_behind_one_forwarder_are_lost_one_by_one),
        SCENE(gwinfo_of_somebody_else_changes_nothing),
        SCENE(another_gateway_with_our_id_is_said),
        SCENE(other_gateways_are_said_and_remembered),
        SCENE(version_2_look_alikes_are_dropped_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
