/* cluster_test.c -- two gateways and one broker: a client that has gone to the other gateway is left to it (SN-GW-10).
 *
 * The broker allows one connection for a client id and closes the older one. A gateway that dialled again would take
 * the client back, the other one would too, and so on for ever. */
#include "tests/system/node.h"
#include "tests/system/peer.h"

#include <stdio.h>

/* With a name and an id of its own, for the same broker. */
static struct gateway *second_gateway(struct scene *s)
{
    char text[SETTINGS_MAX], path[SCENE_PATH];
    snprintf(text, sizeof text,
             "gateway: {id: 8, name: second-gateway, advertise: \"0s\", state: \"\"}\n"
             "radios: [{name: lan, driver: udp, listen: \"127.0.0.1:0\"}]\n"
             "broker: {url: \"mqtt://127.0.0.1:%u\"}\n"
             "admin: {listen: \"\"}\n"
             "log: {level: debug}\n",
             s->broker->port);
    scene_writes(s, "second.yaml", text, path);
    struct gateway *g = gateway_start_file(s, path);
    g->port = gateway_radio_port(g, "lan");
    return g;
}

static void a_client_that_went_to_another_gateway_is_left_to_it(struct scene *s) /* SN-GW-10 */
{
    broker_start(s, (struct broker_options){ 0 });
    struct gateway *old = gateway_start(s, (struct settings){ 0 });
    struct node *n = node_open(old);
    struct peer *p = peer_open(s, "operator");
    peer_subscribes(p, "gone", 1);
    gateway_logs(old, "broker: connected to ");
    node_connects_with_will(n, "m1", stretched(60), "gone", "m1 is gone");
    peer_hears_nothing(p);
    struct gateway *new = second_gateway(s);
    struct node *moved = node_open(new);
    node_connects(moved, "m1");
    peer_hears(p, "gone",
               "m1 is gone"); /* by the broker: it knows only that the connection was replaced */
    gateway_logs(old, "client m1: connected by another gateway");
    uint16_t topic = node_registers(moved, "readings");
    peer_subscribes(p, "readings", 1);
    /* The old one took it back once, so the new one has just dialled again. */
    node_publishes_in_the_end(moved, topic, "from the new one");
    peer_hears(p, "readings", "from the new one");
    peer_hears_nothing(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(a_client_that_went_to_another_gateway_is_left_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
