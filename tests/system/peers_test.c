/* peers_test.c -- what other gateways got wrong, and what their users ask to be tested, where no other test has it.
 *
 * tests/peers.tsv is the whole list; each scene here names the row that it stands for. */
#include "tests/system/broker.h"
#include "tests/system/node.h"
#include "tests/system/peer.h"

#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>

static void pings(struct node *n, const char *client_id, enum mqttsn_type answer)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ, .tail = span_text(client_id) });
    node_expects(n, answer);
}

/* Neither gateway nor broker logs what it carries: nobody reads it while a test makes them busy. */
static struct gateway *start_quietly(struct scene *s, const char *radios)
{
    broker_start(s, (struct broker_options){ .more = "log_type none\nlog_type information" });
    struct gateway *g =
        gateway_start_connected(s, (struct settings){ .radios = radios, .level = "info" });
    g->port = gateway_radio_port(g, "lan");
    return g;
}

static struct mqttsn_message qos_1(uint16_t topic_id, uint16_t message_id, const char *data)
{
    return (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                    .qos = 1,
                                    .topic_id = topic_id,
                                    .message_id = message_id,
                                    .tail = span_text(data) };
}

/* ---- malformed --------------------------------------------------------------------------------------------------- */

static void a_long_length_cut_off_after_two_octets_is_dropped(struct scene *s) /* 10.1 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    for (unsigned second = 0; second <= UINT8_MAX; second++) {
        char hex[8];
        snprintf(hex, sizeof hex, "01%02x", second);
        node_sends_hex(n, hex);
    }
    node_hears_nothing(n);
    pings(n, "", MQTTSN_PINGRESP);
}

static void a_connect_of_two_to_six_octets_opens_nothing(struct scene *s) /* 10.3, 5.11 */
{
    static const char *const cut[] = { "0204",       "030404", "04040401",
                                       "0504040100", "060404", "0a040401003c" };
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++)
        node_sends_hex(n, cut[i]);
    node_hears_nothing(n);
    node_sends_hex(n, "06040401003c"); /* whole, with an empty client id */
    assert_int_equal(node_expects(n, MQTTSN_CONNACK).return_code, MQTTSN_NOT_SUPPORTED);
}

static void qos_minus_one_with_a_name_in_it_is_not_read_beyond_its_end(struct scene *s) /* 5.3, 5.12 */
{
    static const char *const lies[] = {
        "070c60ffff0000",           /* a name of 65535 octets, and none there */
        "090c60000a00006162",       /* of ten, and two there */
        "090c60000200006162",       /* of two, and two there */
        "0c0c60000361626321220a0b", /* the length where others put it */
    };
    struct gateway *g =
        gateway_start_with_broker(s, (struct settings){ .more = "qos_minus_one: true" });
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "#", 0);
    struct node *n = node_open(g);
    gateway_logs(g, "broker: connected to ");
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
        node_sends_hex(n, lies[i]);
    node_hears_nothing(n);
    peer_hears_nothing(world);
}

/* ---- whose message is it ----------------------------------------------------------------------------------------- */

static void after_goodbye_the_address_is_a_strangers(struct scene *s) /* 5.24 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "#", 1);
    node_connects_kept(n, "m1");
    uint16_t id = node_registers(n, "a/b/c");
    node_disconnects(n);
    node_sends(n, qos_1(id, 9, "from nobody"));
    node_expects(n, MQTTSN_DISCONNECT);
    peer_hears_nothing(world);
    node_hears_nothing(n);
}

static void a_sleeper_that_pings_under_another_name_wakes_nobody(struct scene *s) /* 10.14 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    node_falls_asleep(n, 300);
    peer_publishes(peer_open(s, "world"), "lamp/1", 1, "on");
    node_hears_nothing(n);
    pings(n, "m2", MQTTSN_DISCONNECT);
    node_hears_nothing(n);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ, .tail = span_text("m1") });
    node_receives_and_acks(n, "on");
    node_expects(n, MQTTSN_PINGRESP);
}

/* ---- sleep ------------------------------------------------------------------------------------------------------- */

static void what_is_open_at_bedtime_comes_once_when_it_wakes(struct scene *s) /* 5.17 */
{
    struct node *n = node_open(gateway_start_with_broker(
        s, (struct settings){ .limits = "retry: {interval: \"1s\", count: 3}" }));
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    peer_publishes(peer_open(s, "world"), "lamp/1", 1, "on");
    node_receives(n, "on");
    node_falls_asleep(n, 300);
    int64_t retries_ago = deadline_in(2500);
    while (deadline_left(retries_ago) > 0)
        node_hears_nothing(n);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ, .tail = span_text("m1") });
    assert_true(node_receives_and_acks(n, "on").dup);
    node_expects(n, MQTTSN_PINGRESP);
    pings(n, "m1", MQTTSN_PINGRESP);
}

static void going_to_sleep_twice_is_answered_twice(struct scene *s) /* 10.15 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    node_falls_asleep(n, 300); /* the answer is lost */
    peer_publishes(peer_open(s, "world"), "lamp/1", 1, "on");
    node_falls_asleep(n, 300);
    node_hears_nothing(n);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ, .tail = span_text("m1") });
    node_receives_and_acks(n, "on");
    node_expects(n, MQTTSN_PINGRESP);
}

static void a_sleep_may_be_longer_than_the_keep_alive(struct scene *s) /* 10.16 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "will/#", 1);
    struct node *n = node_open(g);
    node_connects_with_will(n, "m1", 1, "will/m1", "gone");
    node_subscribes(n, "lamp/1", 1);
    node_falls_asleep(n, 300);
    int64_t keep_alives_ago = deadline_in(3500);
    while (deadline_left(keep_alives_ago) > 0)
        peer_hears_nothing(world);
    peer_publishes(world, "lamp/1", 1, "on");
    node_wakes_until_a_message(n, "m1");
    node_receives_and_acks(n, "on");
}

/* ---- topics ------------------------------------------------------------------------------------------------------ */

static void names_of_one_and_two_characters_are_topics_like_others(struct scene *s) /* 10.12 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    assert_int_equal(node_subscribes(n, "#", 1), 0);
    peer_publishes(world, "a", 1, "one");
    uint16_t a = node_is_told_topic(n, "a");
    assert_int_equal(node_receives_and_acks(n, "one").topic_id, a);
    peer_publishes(world, "ab", 1, "two");
    struct mqttsn_message m = node_receives_and_acks(n, "two");
    assert_int_equal(m.topic_id_type, MQTTSN_SHORT);
    assert_int_equal(m.topic_id, 'a' << 8 | 'b');
    assert_int_equal(node_registers(n, "a"), a);
    node_publishes(n, a, 0, "up");
    assert_int_equal(node_receives(n, "up").topic_id, a);
}

static void a_filter_of_one_character_may_be_a_wildcard(struct scene *s) /* 10.12 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    const char *const wildcards[] = { "#", "+" };
    node_connects(n, "m1");
    for (uint16_t i = 0; i < 2; i++) {
        node_sends(n, (struct mqttsn_message){ .type = MQTTSN_REGISTER,
                                               .message_id = (uint16_t)(i + 1),
                                               .tail = span_text(wildcards[i]) });
        assert_int_equal(node_expects(n, MQTTSN_REGACK).return_code, MQTTSN_NOT_SUPPORTED);
    }
    assert_int_equal(node_subscribes(n, "+", 0), 0);
    peer_publishes(world, "a/b", 0, "below");
    peer_publishes(world, "abc", 0, "here");
    node_is_told_topic(n, "abc");
    node_receives(n, "here");
}

static void each_puback_names_the_topic_of_its_own_publish(struct scene *s) /* 5.21 */
{
    enum { OPEN = 3 };
    uint16_t ids[OPEN];
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    const char *const topics[OPEN] = { "a/1", "a/2", "a/3" };
    node_connects(n, "m1");
    for (size_t i = 0; i < OPEN; i++)
        ids[i] = node_registers(n, topics[i]);
    broker_freezes(s->broker);
    for (size_t i = 0; i < OPEN; i++)
        node_sends(n, qos_1(ids[i], (uint16_t)(100 + i), "x"));
    node_hears_nothing(n);
    broker_thaws(s->broker);
    for (size_t i = 0; i < OPEN; i++) {
        struct mqttsn_message m = node_expects(n, MQTTSN_PUBACK);
        assert_int_equal(m.message_id, 100 + i);
        assert_int_equal(m.topic_id, ids[i]);
        assert_int_equal(m.return_code, MQTTSN_ACCEPTED);
    }
}

/* ---- many nodes, and one that is loud ---------------------------------------------------------------------------- */

static void places_of_nodes_that_left_are_free_again(struct scene *s) /* 5.5, 10.25, 10.26 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ .limits = "clients: 2" });
    struct node *stays = node_open(g);
    struct node *comes = node_open(g);
    node_connects(stays, "stays");
    for (int i = 0; i < 50; i++) {
        char id[16];
        snprintf(id, sizeof id, "comes-%d", i);
        node_connects(comes, id);
        node_connect_is_answered(node_open(g), "too-many", MQTTSN_CONGESTION);
        node_disconnects(comes);
    }
    pings(stays, "", MQTTSN_PINGRESP);
}

static void a_silent_node_is_lost_on_time_while_another_is_loud(struct scene *s) /* 5.6, 5.13 */
{
    enum { AT_ONCE = 50, LOST_MS = 1500, LATE_MS = 500 };
    struct gateway *g = start_quietly(s, NULL);
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "will/#", 1);
    struct node *loud = node_open(g);
    struct node *silent = node_open(g);
    node_connects(loud, "loud");
    uint16_t id = node_registers(loud, "a/b/c");
    node_connects_with_will(silent, "silent", 1, "will/silent", "gone");
    int64_t early = deadline_in(LOST_MS - QUIET_MS), late = deadline_in(LOST_MS + LATE_MS);
    struct pollfd ready = { silent->fd, POLLIN, 0 };
    do {
        assert_true(deadline_left(late) > 0);
        for (int i = 1; i <= AT_ONCE; i++)
            node_sends(loud, qos_1(id, (uint16_t)i, "as fast as it goes"));
    } while (poll(&ready, 1, 0) <= 0);
    if (stretched(1) == 1)
        assert_int_equal(deadline_left(early), 0);
    node_expects(silent, MQTTSN_DISCONNECT);
    peer_hears(world, "will/silent", "gone");
}

/* Gateway and broker inherit this; both have a descriptor for each client in transparent mode. */
static bool descriptors_for(rlim_t clients)
{
    struct rlimit have;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &have), 0);
    have.rlim_cur = have.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &have) == 0 && have.rlim_max > clients + SCENE_THINGS;
}

static void two_thousand_nodes_are_served(struct scene *s) /* 5.7, 5.9, 10.27 */
{
    enum { NODES = 2000 };
    if (!descriptors_for(NODES))
        skip();
    struct gateway *g =
        start_quietly(s, "  - {name: lan, driver: udp, listen: \"127.0.0.1:0\", forwarders: true}");
    struct peer *world = peer_open(s, "world");
    struct node *n = node_open(g);
    char name[16];
    n->behind = name; /* all behind one forwarder, so that the test needs one socket */
    peer_subscribes(world, "plant/#", 1);
    for (int i = 0; i < NODES; i++) {
        snprintf(name, sizeof name, "n%d", i);
        node_connects(n, name);
    }
    for (int i = 0; i < NODES; i++) {
        char topic[32];
        snprintf(name, sizeof name, "n%d", i);
        snprintf(topic, sizeof topic, "plant/%d", i);
        node_publishes(n, node_registers(n, topic), 1, name);
        peer_hears(world, topic, name);
    }
}

/* ---- the broker -------------------------------------------------------------------------------------------------- */

static void while_the_brokers_name_is_looked_up_others_are_answered(struct scene *s) /* 10.24 */
{
    struct gateway *g =
        gateway_start(s, (struct settings){ .url = "mqtt://no-such-host.invalid:1883" });
    struct node *waits = node_open(g);
    struct node *other = node_open(g);
    node_sends(waits, (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                               .clean = true,
                                               .protocol_id = 1,
                                               .duration = 60,
                                               .tail = span_text("m1") });
    int64_t soon = deadline_in(1000);
    pings(other, "", MQTTSN_DISCONNECT);
    assert_true(deadline_left(soon) > 0);
    assert_int_equal(node_expects(waits, MQTTSN_CONNACK).return_code, MQTTSN_CONGESTION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(a_long_length_cut_off_after_two_octets_is_dropped),
        SCENE_IN_BOTH(a_connect_of_two_to_six_octets_opens_nothing),
        SCENE(qos_minus_one_with_a_name_in_it_is_not_read_beyond_its_end),
        SCENE_IN_BOTH(after_goodbye_the_address_is_a_strangers),
        SCENE_IN_BOTH(a_sleeper_that_pings_under_another_name_wakes_nobody),
        SCENE_IN_BOTH(what_is_open_at_bedtime_comes_once_when_it_wakes),
        SCENE_IN_BOTH(going_to_sleep_twice_is_answered_twice),
        SCENE_IN_BOTH(a_sleep_may_be_longer_than_the_keep_alive),
        SCENE_IN_BOTH(names_of_one_and_two_characters_are_topics_like_others),
        SCENE_IN_BOTH(a_filter_of_one_character_may_be_a_wildcard),
        SCENE_IN_BOTH(each_puback_names_the_topic_of_its_own_publish),
        SCENE_IN_BOTH(places_of_nodes_that_left_are_free_again),
        SCENE_IN_BOTH(a_silent_node_is_lost_on_time_while_another_is_loud),
        SCENE_IN_BOTH(two_thousand_nodes_are_served),
        SCENE(while_the_brokers_name_is_looked_up_others_are_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
