/* radio_test.c -- UDP as nodes meet it: IPv4 and IPv6, several listeners, multicast discovery, forwarders; and the life
 * of the process around it (sections 5.4.1 to 5.4.3, 5.5 and 6.1). */
#include "tests/system/broker.h"
#include "tests/system/node.h"
#include "tests/system/peer.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void an_ipv6_node_is_served(struct scene *s)
{
    struct gateway *g = gateway_start_with_broker(
        s, (struct settings){ .radios = "  - {name: six, driver: udp, listen: \"[::1]:0\"}" });
    struct node *n = node_open_to(g, "::1", gateway_radio_port(g, "six"));
    node_connects(n, "m1");
    node_registers(n, "a/b/c");
}

static void several_radios_work_at_once(struct scene *s)
{
    struct gateway *g = gateway_start_with_broker(
        s, (struct settings){ .radios = "  - {name: one, driver: udp, listen: \"127.0.0.1:0\"}\n"
                                        "  - {name: two, driver: udp, listen: \"127.0.0.2:0\"}\n"
                                        "  - {name: six, driver: udp, listen: \"[::1]:0\"}" });
    struct node *one = node_open_to(g, "127.0.0.1", gateway_radio_port(g, "one"));
    struct node *two = node_open_to(g, "127.0.0.2", gateway_radio_port(g, "two"));
    struct node *six = node_open_to(g, "::1", gateway_radio_port(g, "six"));
    node_connects(one, "m1");
    node_connects(two, "m2");
    node_connects(six, "m3");
    node_subscribes(six, "lamp/1", 1);
    node_publishes(one, node_registers(one, "lamp/1"), 1, "from one");
    node_receives_and_acks(six, "from one");
    node_publishes(two, node_registers(two, "lamp/1"), 1, "from two");
    node_receives_and_acks(six, "from two");
}

/* A socket that hears what is sent to `group` on the loopback interface. */
static int join(const char *group, uint16_t port)
{
    int on = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct ip_mreqn want = { .imr_ifindex = (int)if_nametoindex("lo") };
    inet_pton(AF_INET, group, &a.sin_addr);
    inet_pton(AF_INET, group, &want.imr_multiaddr);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &want, sizeof want), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &want, sizeof want), 0);
    return fd;
}

/* Waits for a message of this type on a group's socket; passes over others (what the test itself has sent). */
static struct mqttsn_message group_hears(int fd, enum mqttsn_type type)
{
    uint8_t frame[NODE_FRAME];
    struct mqttsn_message m;
    struct pollfd ready = { fd, POLLIN, 0 };
    int64_t deadline = deadline_in(PATIENCE_MS);
    while (poll(&ready, 1, deadline_left(deadline)) > 0) {
        ssize_t len = recv(fd, frame, sizeof frame, 0);
        if (len > 0 && mqttsn_decode(span_of(frame, (size_t)len), &m) == MQTTSN_OK && m.type == type) {
            assert_int_equal(m.tail.len, 0);
            return m;
        }
    }
    close(fd);
    fail_msg("%s expected, it did not come", mqttsn_type_name(type));
    return (struct mqttsn_message){ 0 };
}

/* The radio that joins a group at a free port; neither gateway nor broker logs what they carry, since nobody reads it
 * while a test makes them busy. Returns that port. */
static uint16_t start_in_group(struct scene *s, const char *advertise, const char *gateway)
{
    char radios[LINE];
    uint16_t port = scene_free_port();
    snprintf(
        radios, sizeof radios,
        "  - {name: lan, driver: udp, listen: \"127.0.0.1:0\", multicast: \"239.192.0.50:%u\", interface: lo}",
        port);
    broker_start(s, (struct broker_options){ .more = "log_type none\nlog_type information" });
    struct gateway *g = gateway_start(
        s, (struct settings){
               .radios = radios, .advertise = advertise, .gateway = gateway, .level = "info" });
    g->port = gateway_radio_port(g, "lan");
    gateway_logs(g, "broker: connected to ");
    return port;
}

static uint16_t start_with_group(struct scene *s, const char *advertise)
{
    return start_in_group(s, advertise, NULL);
}

static void a_search_in_the_group_is_answered_in_the_group(struct scene *s) /* SN-DISC-5 */
{
    uint16_t port = start_with_group(s, NULL);
    int fd = join("239.192.0.50", port);
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    inet_pton(AF_INET, "239.192.0.50", &to.sin_addr);
    const uint8_t search[] = { 3, MQTTSN_SEARCHGW, 1 };
    assert_int_equal(sendto(fd, search, sizeof search, 0, (struct sockaddr *)&to, sizeof to),
                     sizeof search);
    assert_int_equal(group_hears(fd, MQTTSN_GWINFO).gateway_id, 7);
    close(fd);
}

static void say_advertise(int fd, uint16_t port, uint8_t gateway_id, uint8_t seconds)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    inet_pton(AF_INET, "239.192.0.50", &to.sin_addr);
    const uint8_t advertise[] = { 5, MQTTSN_ADVERTISE, gateway_id, 0, seconds };
    assert_int_equal(sendto(fd, advertise, sizeof advertise, 0, (struct sockaddr *)&to, sizeof to),
                     sizeof advertise);
}

static void a_gateway_in_stand_by_takes_over_and_steps_back(struct scene *s) /* SN-DISC-4 */
{
    uint16_t port = start_in_group(s, "1s", ", status: false, stand_by_for: 9, stand_by_after: 1");
    int fd = join("239.192.0.50", port);
    say_advertise(fd, port, 9, 1);
    gateway_logs(s->gateway, "another gateway, id 9, advertises itself");
    gateway_logs(s->gateway, "nothing is heard of gateway 9, we advertise in its place");
    while (group_hears(fd, MQTTSN_ADVERTISE).gateway_id == 9) {
    }
    say_advertise(fd, port, 9, 1);
    gateway_logs(s->gateway, "gateway 9 is back, we stand by");
    close(fd);
}

static void the_gateway_advertises_itself(struct scene *s) /* SN-DISC-1 */
{
    int fd = join("239.192.0.50", start_with_group(s, "2s"));
    for (int i = 0; i < 2; i++) {
        struct mqttsn_message m = group_hears(fd, MQTTSN_ADVERTISE);
        assert_int_equal(m.gateway_id, 7);
        assert_int_equal(m.duration, 2);
    }
    close(fd);
}

/* Sends to the gateway more than it can take, answers unread, until the next ADVERTISE comes; returns when that was. */
static int64_t advertised_under_load(int fd, struct node *loud, uint16_t topic_id)
{
    enum { AT_ONCE = 50 };
    struct mqttsn_message publish = { .type = MQTTSN_PUBLISH,
                                      .qos = 1,
                                      .topic_id = topic_id,
                                      .tail = span_text("as fast as it goes") };
    struct pollfd ready = { fd, POLLIN, 0 };
    int64_t deadline = deadline_in(PATIENCE_MS);
    do {
        assert_true(deadline_left(deadline) > 0);
        for (int i = 0; i < AT_ONCE; i++) {
            publish.message_id = (uint16_t)(publish.message_id % UINT16_MAX + 1);
            node_sends(loud, publish);
        }
    } while (poll(&ready, 1, 0) <= 0);
    (void)group_hears(fd, MQTTSN_ADVERTISE);
    return deadline_in(0);
}

static void advertise_is_on_time_under_full_load(struct scene *s) /* SN-DISC-1: within a tenth */
{
    enum { PERIOD_MS = 2000, PERIODS = 2 };
    int fd = join("239.192.0.50", start_with_group(s, "2s"));
    struct node *loud = node_open(s->gateway);
    node_connects(loud, "m1");
    uint16_t id = node_registers(loud, "a/b/c");
    int64_t before = advertised_under_load(fd, loud, id);
    for (int i = 0; i < PERIODS; i++) {
        int64_t now = advertised_under_load(fd, loud, id);
        assert_in_range(now - before, PERIOD_MS - stretched(PERIOD_MS / 10),
                        PERIOD_MS + stretched(PERIOD_MS / 10));
        before = now;
    }
    close(fd);
}

static void a_search_sent_to_the_gateway_is_answered_to_the_sender(struct scene *s) /* SN-DISC-6 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct node *n = node_open(g);
    gateway_logs(g, "broker: connected to ");
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_SEARCHGW, .radius = 0 });
    assert_int_equal(node_expects(n, MQTTSN_GWINFO).gateway_id, 7);
}

static const char WITH_FORWARDERS[] =
    "  - {name: lan, driver: udp, listen: \"127.0.0.1:0\", forwarders: true}";

static void nodes_behind_one_forwarder_are_told_apart(struct scene *s) /* SN-FWD-1 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ .radios = WITH_FORWARDERS });
    g->port = gateway_radio_port(g, "lan");
    struct peer *world = peer_open(s, "world");
    struct node *n = node_open(g);
    n->behind = "A1";
    node_connects(n, "m1");
    uint16_t first = node_subscribes(n, "lamp/1", 1);
    n->behind = "B22";
    node_connects(n, "m2");
    node_subscribes(n, "lamp/2", 1);
    peer_publishes(world, "lamp/2", 1, "for the second");
    node_receives_and_acks(n, "for the second");
    n->behind = "A1";
    peer_publishes(world, "lamp/1", 1, "for the first");
    assert_int_equal(node_receives_and_acks(n, "for the first").topic_id, first);
    n->behind = NULL; /* the forwarder itself is nobody */
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ });
    node_expects(n, MQTTSN_DISCONNECT);
}

static void without_permission_a_forwarder_is_not_heard(struct scene *s) /* SN-FWD-2 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    n->behind = "A1";
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                           .clean = true,
                                           .protocol_id = 1,
                                           .duration = 60,
                                           .tail = span_text("m1") });
    n->behind = NULL;
    node_hears_nothing(n);
}

static void only_the_forwarders_of_the_list_are_heard(struct scene *s) /* SN-FWD-2 */
{
    struct gateway *g = gateway_start_with_broker(
        s, (struct settings){ .radios =
                                  "  - {name: lan, driver: udp, listen: \"127.0.0.1:0\", "
                                  "forwarders: true, forwarders_from: [\"127.0.0.1\"]}\n"
                                  "  - {name: six, driver: udp, listen: \"[::1]:0\", "
                                  "forwarders: true, forwarders_from: [\"0:0::1\"]}\n"
                                  "  - {name: not, driver: udp, listen: \"127.0.0.1:0\", "
                                  "forwarders: true, forwarders_from: [\"127.0.0.2\", \"::1\"]}" });
    struct node *n = node_open_to(g, "127.0.0.1", gateway_radio_port(g, "lan"));
    struct node *six = node_open_to(g, "::1", gateway_radio_port(g, "six"));
    struct node *other = node_open_to(g, "127.0.0.1", gateway_radio_port(g, "not"));
    n->behind = six->behind = "A1";
    node_connects(n, "m1");
    node_connects(six, "m2");
    other->behind = "A1";
    node_sends(other, (struct mqttsn_message){ .type = MQTTSN_PINGREQ });
    node_hears_nothing(other);
    other->behind = NULL; /* it may speak for itself */
    node_connects(other, "m3");
}

/* Takes a free UDP port of 127.0.0.1, as another program would. */
static int take_port(uint16_t *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static void a_port_in_use_is_said_and_tried_again(struct scene *s) /* issue: bad input */
{
    char radios[LINE], expected[LINE];
    uint16_t port;
    int other = take_port(&port);
    snprintf(radios, sizeof radios, "  - {name: lan, driver: udp, listen: \"127.0.0.1:%u\"}", port);
    snprintf(expected, sizeof expected, "127.0.0.1:%u", port);
    broker_start(s, (struct broker_options){ 0 });
    struct gateway *g = gateway_start(s, (struct settings){ .radios = radios });
    const char *line = gateway_logs(g, "another program has this port");
    bool named = strstr(line, "radio lan") && strstr(line, expected);
    close(other);
    assert_true(named);
    g->port = gateway_radio_port(g, "lan");
    node_connects(node_open(g), "m1");
}

static void a_gateway_stops_at_once_and_says_goodbye(struct scene *s) /* SN-DSC-6 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct node *awake = node_open(g);
    struct node *asleep = node_open(g);
    node_connects(awake, "m1");
    node_connects(asleep, "m2");
    node_falls_asleep(asleep, 300);
    assert_int_equal(gateway_stops(g), 0);
    node_expects(awake, MQTTSN_DISCONNECT);
    node_hears_nothing(asleep);
}

static void sigint_stops_it_too(struct scene *s)
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    node_connects(node_open(g), "m1");
    g->stopped = true;
    assert_int_equal(process_end(&g->process, SIGINT), 0);
}

static void it_may_be_stopped_as_soon_as_it_listens(struct scene *s)
{
    broker_start(s, (struct broker_options){ 0 });
    for (int i = 0; i < 20; i++)
        assert_int_equal(gateway_stops(gateway_start(s, (struct settings){ 0 })), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(an_ipv6_node_is_served),
        SCENE_IN_BOTH(several_radios_work_at_once),
        SCENE_IN_BOTH(a_search_in_the_group_is_answered_in_the_group),
        SCENE_IN_BOTH(the_gateway_advertises_itself),
        SCENE(a_gateway_in_stand_by_takes_over_and_steps_back),
        SCENE_IN_BOTH(advertise_is_on_time_under_full_load),
        SCENE_IN_BOTH(a_search_sent_to_the_gateway_is_answered_to_the_sender),
        SCENE_IN_BOTH(nodes_behind_one_forwarder_are_told_apart),
        SCENE(without_permission_a_forwarder_is_not_heard),
        SCENE(only_the_forwarders_of_the_list_are_heard),
        SCENE(a_port_in_use_is_said_and_tried_again),
        SCENE_IN_BOTH(a_gateway_stops_at_once_and_says_goodbye),
        SCENE_IN_BOTH(sigint_stops_it_too),
        SCENE_IN_BOTH(it_may_be_stopped_as_soon_as_it_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
