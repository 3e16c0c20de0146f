/* zigbee_test.c -- every family of coordinators, end to end: the real gateway, a simulated stick on a pseudo-terminal
 * with simulated nodes behind it, and a real broker with an independent client. */
#include "tests/system/zigbee_scene.h"

#include <signal.h>
#include <stdlib.h>

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

static void two_nodes_with_one_client_id_are_one_client(struct scene *s) /* rule 3 of the design */
{
    struct stick *k = field(s, "--nodes 2 --interval 100 --retry 1 --retries 9", "");
    stick_reaches(k, "acknowledged", 4);
    stick_does(k, "twin 2 node-0001"); /* another node says that it is node-0001 */
    stick_reaches(k, "rejected", 1);
    stick_reaches(k, "acknowledged", stick_counts(k, "acknowledged") + 10);
    assert_int_equal(process_count(&s->gateway->process, "session node-0001: active -> "), 0);
}

/* A node with id 0102 behind node 1, which is a forwarder: CONNECT as "behind", SUBSCRIBE to "lamp". */
static void nodes_behind_a_forwarder_hear_all_that_is_for_them(struct scene *s) /* SN-FWD-1 */
{
    struct stick *k = stick_start(s, "--formed --nodes 1 --interval 60000 --retry 1");
    gateway_start_with_broker(
        s, (struct settings){ .radios = stick_radio(k, s, ", forwarders: true"), .level = "trace" });
    struct peer *p = peer_open(s, "operator");
    stick_reaches(k, "acknowledged", 1);
    stick_does(k, "say 1 05fe0001020c040401003c626568696e64");
    gateway_logs(s->gateway, "session behind: connecting -> active");
    stick_does(k, "say 1 05fe00010209122000016c616d70");
    gateway_logs(s->gateway, "node 0102 on field SUBACK");
    for (int i = 0; i < 6; i++)
        peer_publishes(p, "lamp", 0, i < 5 ? "more" : "the last");
    gateway_logs(s->gateway, "the last");
}

/* As SIGUSR1 tells; what did not happen is not in it. */
static unsigned long counted(struct gateway *g, const char *what)
{
    enum { SOON_MS = 500 };
    char line[LINE];
    process_mark(&g->process);
    assert_int_equal(kill(g->process.pid, SIGUSR1), 0);
    if (!process_says(&g->process, what, SOON_MS, line, sizeof line))
        return 0;
    return strtoul(strstr(line, what) + strlen(what), NULL, 10);
}

static void what_a_full_radio_does_not_take_is_counted_once(struct scene *s) /* rule 2 of the design */
{
    enum { MESSAGES = 20, TRIES = 100 };
    static const char drops[] = "dropped, radio could not send ";
    struct stick *k = field(s, "--nodes 1 --interval 60000 --retry 1 --latency 20",
                            ", queue: 1, queue_per_node: 1");
    struct peer *p = peer_open(s, "operator");
    stick_reaches(k, "acknowledged", 1);
    const unsigned long before = counted(s->gateway, drops);
    for (int i = 0; i < MESSAGES; i++)
        peer_publishes(p, "sim/node-0001/down", 0, "quick");
    for (int i = 0; i < TRIES && counted(s->gateway, "publishes_out ") < MESSAGES; i++)
        continue;
    const unsigned long dropped = counted(s->gateway, drops) - before;
    assert_in_range(dropped, 1, MESSAGES - 1);
    stick_reaches(k, "received", MESSAGES - dropped);
    assert_int_equal(stick_counts(k, "received"), MESSAGES - dropped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_EACH(nodes_behind_a_coordinator_publish_to_the_broker),
        WITH_EACH(commands_reach_a_node_behind_a_coordinator),
        WITH_EACH(a_node_that_rejoins_keeps_its_session),
        WITH_EACH(a_sleeping_node_gets_its_messages_when_it_wakes),
        WITH_EACH(the_radio_finds_a_node_that_searches),
        WITH_EACH(a_message_that_does_not_fit_the_radio_is_refused),
        WITH_EACH(two_nodes_with_one_client_id_are_one_client),
        WITH_EACH(nodes_behind_a_forwarder_hear_all_that_is_for_them),
        WITH_EACH(what_a_full_radio_does_not_take_is_counted_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
