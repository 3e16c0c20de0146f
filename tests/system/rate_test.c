/* rate_test.c -- limits per source, where the gateway counts them: QoS -1 messages, and nodes behind one forwarder
 * (SN-M1-6, SN-FWD-10, SN-CONN-13). What a rate is, to the message, is in the tests of the core. */
#include "tests/system/broker.h"
#include "tests/system/node.h"
#include "tests/system/peer.h"

enum { BURST = 50 };

static void publishes_minus_one(struct node *n, const char *data)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .qos = MQTTSN_QOS_MINUS_ONE,
                                           .topic_id_type = MQTTSN_SHORT,
                                           .topic_id = 'a' << 8 | 'b',
                                           .tail = span_text(data) });
}

static void qos_minus_one_has_a_rate_per_source(struct scene *s) /* SN-M1-6 */
{
    struct gateway *g =
        gateway_start_with_broker(s, (struct settings){ .limits = "qos_minus_one_per_source: 1",
                                                        .more = "qos_minus_one: true" });
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "ab", 0);
    struct node *n = node_open(g);
    gateway_logs(g, "broker: connected to ");
    publishes_minus_one(n, "first");
    peer_hears(world, "ab", "first");
    for (int i = 0; i < BURST; i++)
        publishes_minus_one(n, "more");
    gateway_logs(g, "QoS -1 beyond limits");
    node_hears_nothing(n);  /* there is never an answer */
    node_connects(n, "m1"); /* and as a client it is no less welcome */
    assert_true(process_count(&g->process, "QoS -1 beyond limits") > BURST / 2);
}

static void a_forwarder_brings_so_many_nodes_and_no_more(struct scene *s) /* SN-FWD-10, SN-CONN-13 */
{
    struct gateway *g = gateway_start_with_broker(
        s, (struct settings){
               .radios = "  - {name: lan, driver: udp, listen: \"127.0.0.1:0\", forwarders: true}",
               .limits = "clients_per_source: 2" });
    g->port = gateway_radio_port(g, "lan");
    struct node *forwarder = node_open(g);
    forwarder->behind = "A1";
    node_connects(forwarder, "m1");
    forwarder->behind = "B2";
    node_connects(forwarder, "m2");
    forwarder->behind = "C3";
    node_connect_is_answered(forwarder, "m3", MQTTSN_CONGESTION);
    forwarder->behind = "B2";
    node_disconnects(forwarder);
    forwarder->behind = "C3";
    node_connects(forwarder, "m3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(qos_minus_one_has_a_rate_per_source),
        SCENE_IN_BOTH(a_forwarder_brings_so_many_nodes_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
