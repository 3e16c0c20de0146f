/* zigbee_test.c -- every family of coordinators, end to end: the real gateway, a simulated stick on a pseudo-terminal
 * with simulated nodes behind it, and a real broker with an independent client.
 *
 * The scenes are the same for all families: whoever is behind the port, the gateway must behave alike. */
#include "tests/system/peer.h"
#include "tests/system/stick.h"

#include <stdio.h>
#include <string.h>

/* T_RETRY of the gateway, short, so that what is lost comes again soon; the nodes have theirs from `sim`. */
#define QUICK "retry: {interval: \"1s\", count: 5}"

static struct stick *field(struct scene *s, const char *sim, const char *keys)
{
    char options[LINE];
    snprintf(options, sizeof options, "--formed %s", sim);
    struct stick *k = stick_start(s, options);
    gateway_start_with_broker(
        s, (struct settings){ .radios = stick_radio(k, s, keys), .limits = QUICK });
    gateway_logs(s->gateway, "radio field: up: ");
    return k;
}

/* All nodes have said all they had to say, and nothing is missing. */
static void all_is_said(struct stick *k, unsigned long messages)
{
    stick_reaches(k, "acknowledged", messages);
    assert_int_equal(stick_counts(k, "stuck"), 0);
}

static void nodes_behind_a_coordinator_publish_to_the_broker(struct scene *s)
{
    broker_start(s, (struct broker_options){ 0 });
    struct peer *p = peer_open(s, "operator");
    peer_subscribes(p, "field/node-0002/up", 1);
    struct stick *k = stick_start(s, "--nodes 3 --messages 1 --size 12 --topic field --retry 1");
    gateway_start(s, (struct settings){ .radios = k->radio, .limits = QUICK });
    gateway_logs(s->gateway, "radio field: up: ");
    peer_hears(p, "field/node-0002/up", "node-0002 1 ");
    all_is_said(k, 3);
}

static void commands_reach_a_node_behind_a_coordinator(struct scene *s)
{
    struct stick *k = field(s, "--nodes 2 --topic field --interval 60000 --retry 1", "");
    struct peer *p = peer_open(s, "operator");
    stick_reaches(k, "connected", 2);
    stick_reaches(k, "acknowledged", 2);
    for (int i = 0; i < 5; i++)
        peer_publishes(p, "field/node-0001/down", i % 2, "on");
    stick_reaches(k, "received", 5);
}

static void a_pulled_cable_costs_no_message(struct scene *s)
{
    struct stick *k = field(s, "--nodes 3 --messages 10 --interval 50 --retry 1 --retries 9", "");
    stick_reaches(k, "acknowledged", 3);
    stick_does(k, "unplug");
    gateway_logs(s->gateway, "is gone");
    stick_does(k, "replug");
    gateway_logs(s->gateway, "radio field: up: ");
    all_is_said(k, 30);
}

static void a_reset_in_the_middle_costs_no_message(struct scene *s)
{
    struct stick *k = field(s, "--nodes 5 --messages 20 --interval 20 --retry 1 --retries 9", "");
    stick_reaches(k, "acknowledged", 20);
    stick_does(k, "reset");
    gateway_logs(s->gateway, "radio field: up: ");
    all_is_said(k, 100);
}

static void damaged_split_and_joined_frames_cost_no_message(struct scene *s)
{
    struct stick *k = field(s, "--nodes 3 --messages 20 --interval 20 --retry 1 --retries 9", "");
    stick_does(k, "checksum:40");
    stick_does(k, "split:3");
    stick_does(k, "join:4");
    stick_does(k, "noise 100");
    all_is_said(k, 60);
}

static void a_node_that_rejoins_keeps_its_session(struct scene *s)
{
    struct stick *k = field(s, "--nodes 1 --interval 100 --retry 1 --retries 9", "");
    stick_reaches(k, "acknowledged", 2);
    stick_does(k, "rejoin 1");
    stick_reaches(k, "acknowledged", stick_counts(k, "acknowledged") + 3);
    struct peer *p = peer_open(s, "operator");
    peer_publishes(p, "sim/node-0001/down", 1, "still there?");
    stick_reaches(k, "received", 1);
    assert_int_equal(
        process_count(&s->gateway->process, "session node-0001: disconnected -> connecting"), 1);
}

static void a_sleeping_node_gets_its_messages_when_it_wakes(struct scene *s)
{
    struct stick *k = field(
        s, "--nodes 1 --sleepy 100 --sleep 20 --speed 10 --interval 20000 --retry 10 --retries 9",
        "");
    struct peer *p = peer_open(s, "operator");
    gateway_logs(s->gateway, "active -> asleep");
    for (int i = 0; i < 3; i++)
        peer_publishes(p, "sim/node-0001/down", 1, "while you slept");
    stick_reaches(k, "received", 3);
    assert_int_equal(stick_counts(k, "stuck"), 0);
}

static void the_radio_finds_a_node_that_searches(struct scene *s)
{
    struct stick *k = field(s, "--nodes 2 --messages 1 --search --retry 1 --retries 9", "");
    all_is_said(k, 2);
}

static void a_message_that_does_not_fit_the_radio_is_refused(struct scene *s)
{
    static const char big[] =
        "0123456789012345678901234567890123456789012345678901234567890123456789";
    struct stick *k = field(s, "--nodes 1 --interval 60000 --retry 1", ", max_message: 60");
    struct peer *p = peer_open(s, "operator");
    stick_reaches(k, "acknowledged", 1);
    peer_publishes(p, "sim/node-0001/down", 1, big);
    gateway_logs(s->gateway, "a message of 77 octets is refused, its radio carries 60");
    peer_publishes(p, "sim/node-0001/down", 1, "small");
    stick_reaches(k, "received", 1);
}

static void a_network_that_is_not_ours_is_left_alone(struct scene *s)
{
    struct stick *k = stick_start(s, "--nodes 1 --formed --channel 20 --pan-id 4660");
    gateway_start_with_broker(
        s, (struct settings){
               .radios = stick_radio(k, s,
                                     ", channel: 15, pan_id: 0x1111}\n"
                                     "  - {name: lan, driver: udp, listen: \"127.0.0.1:0\"") });
    const char *line = gateway_logs(s->gateway, "radio field: not used: ");
    assert_non_null(strstr(line, "15"));
    assert_non_null(strstr(line, "20"));
    gateway_logs(s->gateway, "radio lan: listening");
}

static void two_nodes_with_one_client_id_are_one_client(struct scene *s) /* rule 3 of the design */
{
    struct stick *k = field(s, "--nodes 2 --interval 100 --retry 1 --retries 9", "");
    stick_reaches(k, "acknowledged", 4);
    stick_does(k, "twin 2 node-0001"); /* another node says that it is node-0001 */
    stick_reaches(k, "rejected", 1);
    stick_reaches(k, "acknowledged", stick_counts(k, "acknowledged") + 10);
    assert_int_equal(process_count(&s->gateway->process, "session node-0001: active -> "), 0);
}

#define WITH_EACH(test)                                                                            \
    SCENE_WITH(test, "xbee"), SCENE_WITH(test, "znp"), SCENE_WITH(test, "ezsp"),                   \
        SCENE_WITH(test, "deconz")

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_EACH(nodes_behind_a_coordinator_publish_to_the_broker),
        WITH_EACH(commands_reach_a_node_behind_a_coordinator),
        WITH_EACH(a_pulled_cable_costs_no_message),
        WITH_EACH(a_reset_in_the_middle_costs_no_message),
        WITH_EACH(damaged_split_and_joined_frames_cost_no_message),
        WITH_EACH(a_node_that_rejoins_keeps_its_session),
        WITH_EACH(a_sleeping_node_gets_its_messages_when_it_wakes),
        WITH_EACH(the_radio_finds_a_node_that_searches),
        WITH_EACH(a_message_that_does_not_fit_the_radio_is_refused),
        WITH_EACH(a_network_that_is_not_ours_is_left_alone),
        WITH_EACH(two_nodes_with_one_client_id_are_one_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
