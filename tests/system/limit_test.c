/* limit_test.c -- the limits on strangers, one by one, small enough to be reached by hand (SN-CONN-13, SN-M1-6,
 * SN-NET-5). More of those per source are in rate_test.c; what they do to a flood is in flood_test.c. */
#include "tests/system/broker.h"
#include "tests/system/node.h"
#include "tests/system/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MANY = 50 };

static const char RADIOS[] = "  - {name: lan, driver: udp, listen: \"127.0.0.1:0\", clients: 1}\n"
                             "  - {name: field, driver: udp, listen: \"127.0.0.1:0\"}";

static struct gateway *gateway_limited(struct scene *s, const char *limits)
{
    return gateway_start_with_broker(s, (struct settings){ .limits = limits });
}

static struct node *node_on_host(struct gateway *g, uint32_t host)
{
    const struct sockaddr_in own = { .sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK + host) };
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons(g->port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct node *n = node_open(g);
    close(n->fd);
    n->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(n->fd, (const struct sockaddr *)&own, sizeof own), 0);
    assert_int_equal(connect(n->fd, (const struct sockaddr *)&to, sizeof to), 0);
    return n;
}

/* A node on another host: 127.0.0.2. */
static struct node *node_elsewhere(struct gateway *g)
{
    return node_on_host(g, 1);
}

/* Refused for now; it waits and asks again until it is let in, as nodes do. */
static void node_is_let_in_later(struct node *n, const char *client_id)
{
    uint8_t code = MQTTSN_CONGESTION;
    int64_t deadline = deadline_in(PATIENCE_MS);
    while (code == MQTTSN_CONGESTION && deadline_left(deadline) > 0) {
        node_hears_nothing(n);
        node_sends(n, (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                               .clean = true,
                                               .protocol_id = 1,
                                               .duration = 60,
                                               .tail = span_text(client_id) });
        code = node_expects(n, MQTTSN_CONNACK).return_code;
    }
    assert_int_equal(code, MQTTSN_ACCEPTED);
}

static void one_host_has_so_many_clients_and_no_more(struct scene *s) /* SN-CONN-13 */
{
    struct gateway *g = gateway_limited(s, "clients_per_source: 2");
    struct node *first = node_open(g);
    node_connects(first, "m1");
    node_connects_kept(node_open(g), "m2");
    struct node *third = node_open(g);
    node_connect_is_answered(third, "m3", MQTTSN_CONGESTION);
    gateway_logs(g, "CONNECT beyond limits.clients_per_source");
    node_connects(node_elsewhere(g), "m4");
    node_connects(first, "m1"); /* who is known may come again */
    node_disconnects(first);
    node_connects(third, "m3");
}

static void one_radio_has_so_many_clients_and_no_more(struct scene *s) /* SN-CONN-13: per listener */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ .radios = RADIOS });
    struct node *first = node_open_to(g, "127.0.0.1", gateway_radio_port(g, "lan"));
    struct node *second = node_open_to(g, "127.0.0.1", gateway_radio_port(g, "lan"));
    node_connects(first, "m1");
    node_connect_is_answered(second, "m2", MQTTSN_CONGESTION);
    gateway_logs(g, "CONNECT beyond the radio's clients");
    node_connects(node_open_to(g, "127.0.0.1", gateway_radio_port(g, "field")), "m3");
    node_disconnects(first);
    node_connects(second, "m2");
}

/* SN-CONN-13, SN-SES-8: a kept session with something in it is nobody's room. */
static void a_kept_session_with_nothing_in_it_makes_room(struct scene *s)
{
    struct gateway *g = gateway_limited(s, "clients: 2");
    struct peer *world = peer_open(s, "world");
    struct node *hollow = node_open(g), *full = node_open(g), *third = node_open(g);
    node_connects_kept(full, "m1");
    node_subscribes(full, "lamp/#", 1); /* which takes no topic id */
    node_disconnects(full);
    node_connects_kept(hollow, "m2");
    node_connect_is_answered(third, "m3", MQTTSN_CONGESTION); /* it is there */
    node_disconnects(hollow);
    node_connects(third, "m3");
    node_connect_is_answered(hollow, "m2", MQTTSN_CONGESTION);
    peer_publishes(world, "lamp/1", 1, "on");
    node_connects_kept(full, "m1");
    node_is_told_topic(full, "lamp/1");
    node_receives_and_acks(full, "on");
}

static void connects_of_one_host_come_so_often_and_no_more(struct scene *s) /* SN-CONN-13 */
{
    struct gateway *g = gateway_limited(s, "connects_per_source: 1");
    struct node *second = node_open(g);
    node_connects(node_open(g), "m1");
    node_connect_is_answered(second, "m2", MQTTSN_CONGESTION);
    node_connects(node_elsewhere(g), "m3");
    node_is_let_in_later(second, "m2");
}

static void connects_of_all_come_so_often_and_no_more(struct scene *s) /* SN-CONN-13 */
{
    struct gateway *g = gateway_limited(s, "connects: 1");
    struct node *second = node_elsewhere(g);
    node_connects(node_open(g), "m1");
    node_connect_is_answered(second, "m2", MQTTSN_CONGESTION);
    gateway_logs(g, "CONNECT beyond limits.connects or limits.connects_per_source");
    node_is_let_in_later(second, "m2");
}

static void so_many_connect_at_once_and_no_more(struct scene *s) /* SN-CONN-13 */
{
    struct gateway *g = gateway_limited(s, "connecting: 1");
    struct node *slow = node_open(g), *second = node_open(g);
    node_sends(slow, (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                              .clean = true,
                                              .will = true,
                                              .protocol_id = 1,
                                              .duration = 60,
                                              .tail = span_text("m1") });
    node_expects(slow, MQTTSN_WILLTOPICREQ);
    node_connect_is_answered(second, "m2", MQTTSN_CONGESTION);
    gateway_logs(g, "CONNECT beyond limits.connecting");
    node_sends(slow, (struct mqttsn_message){ .type = MQTTSN_WILLTOPIC, .brief = true });
    node_expects(slow, MQTTSN_CONNACK);
    node_connects(second, "m2");
}

static void frames_of_one_host_come_so_often_and_no_more(struct scene *s) /* design 4.5 */
{
    struct gateway *g = gateway_limited(s, "frames_per_source: 5");
    struct node *loud = node_open(g), *other = node_elsewhere(g);
    node_connects(loud, "m1");
    node_connects(other, "m2");
    for (int i = 0; i < MANY; i++)
        node_sends(loud, (struct mqttsn_message){ .type = MQTTSN_PINGREQ });
    node_sends(other, (struct mqttsn_message){ .type = MQTTSN_PINGREQ });
    node_expects(other, MQTTSN_PINGRESP);
    assert_in_range(node_discards(loud), 4, MANY / 2);
    gateway_logs(g, "frame beyond limits.frames_per_source");
}

static void qos_minus_one(struct node *n, const char *text)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .qos = MQTTSN_QOS_MINUS_ONE,
                                           .topic_id_type = MQTTSN_SHORT,
                                           .topic_id = 'x' << 8 | 'y',
                                           .tail = span_text(text) });
}

static void what_one_host_says_too_often_costs_another_nothing(struct scene *s) /* SN-M1-6 */
{
    broker_start(s, (struct broker_options){ 0 });
    struct gateway *g = gateway_start(s, (struct settings){ .limits = "qos_minus_one_per_source: 1",
                                                            .more = "qos_minus_one: true" });
    gateway_logs(g, "broker: connected to ");
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "xy", 0);
    struct node *here = node_open(g);
    qos_minus_one(here, "1");
    qos_minus_one(here, "2");
    gateway_logs(g, "QoS -1 beyond limits.qos_minus_one or limits.qos_minus_one_per_source");
    qos_minus_one(node_elsewhere(g), "3");
    qos_minus_one(node_on_host(g, 2),
                  "3"); /* one of them may share the place of the first host in the table */
    peer_hears(world, "xy", "1");
    peer_hears(world, "xy", "3");
}

static void who_asks_for_a_will_stops_at_three_times_the_octets(struct scene *s) /* SN-NET-5, design 4.6 */
{
    struct gateway *g = gateway_limited(s, "retry: {interval: \"10ms\", count: 100}");
    struct node *n = node_open(g);
    node_sends_hex(n, "08040c01003c6d31"); /* CONNECT with a will of "m1": 8 octets, a prompt has 2 */
    gateway_logs(g, "answer to a stranger of more than three times its octets");
    assert_int_equal(node_discards(n), 3 * 8 / 2);
}

/* SN-NET-5, design 4.6: what waits for it may be much more than three times a CONNECT. */
static void who_comes_back_from_another_host_shows_first_that_it_hears(struct scene *s)
{
    struct gateway *g = gateway_limited(s, "");
    struct peer *world = peer_open(s, "world");
    struct node *n = node_open(g), *elsewhere = node_elsewhere(g);
    node_connects_kept(n, "m1");
    node_subscribes(n, "+", 1);
    node_disconnects(n);
    peer_publishes(world, "ab", 1, "here");
    node_connects_kept(n, "m1");
    node_receives_and_acks(n, "here"); /* under its short name, at once */
    node_disconnects(n);
    peer_publishes(world, "ab", 1, "there");
    node_connects_kept(elsewhere, "m1");
    node_is_told_topic(elsewhere, "ab");
    node_receives_and_acks(elsewhere, "there");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(one_host_has_so_many_clients_and_no_more),
        SCENE_IN_BOTH(one_radio_has_so_many_clients_and_no_more),
        SCENE_IN_BOTH(a_kept_session_with_nothing_in_it_makes_room),
        SCENE_IN_BOTH(connects_of_one_host_come_so_often_and_no_more),
        SCENE_IN_BOTH(connects_of_all_come_so_often_and_no_more),
        SCENE_IN_BOTH(so_many_connect_at_once_and_no_more),
        SCENE(frames_of_one_host_come_so_often_and_no_more),
        SCENE(what_one_host_says_too_often_costs_another_nothing),
        SCENE_IN_BOTH(who_comes_back_from_another_host_shows_first_that_it_hears),
        SCENE(who_asks_for_a_will_stops_at_three_times_the_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
