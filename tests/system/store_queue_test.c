/* store_queue_test.c -- messages wait on disk while the broker is away, and what happens when the disk is no good
 * (design rules 1, 2 and 5).
 *
 * What was answered "accepted" arrives, in order and once at QoS 2, whatever happens in between; what cannot be kept is
 * answered "congestion". */
#include "tests/system/keeper.h"
#include "tests/system/outage.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 64, LONG = 100 };

static struct node *registered_node(struct scene *s, struct settings settings, uint16_t *id)
{
    struct node *n = node_open(keeper_start(s, settings));
    node_connects_kept(n, "m1");
    *id = node_registers(n, "a/1");
    return n;
}

static uint8_t try_to_publish(struct node *n, uint16_t topic_id, const char *text)
{
    uint16_t id = node_next_message_id(n);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .qos = 1,
                                           .topic_id = topic_id,
                                           .message_id = id,
                                           .tail = span_text(text) });
    struct mqttsn_message m = node_expects(n, MQTTSN_PUBACK);
    assert_int_equal(m.message_id, id);
    return m.return_code;
}

/* ---- the broker is away ------------------------------------------------------------------------------------------ */

/* Within one QoS: a broker passes a QoS 2 message on with its PUBREL, when QoS 1 may have gone ahead. */
static void arrives_in_order(struct scene *s, uint8_t qos, bool dies)
{
    uint16_t id;
    struct node *n = registered_node(s, (struct settings){ 0 }, &id);
    outage_begins(s);
    node_publishes(n, id, qos, "1");
    node_publishes(n, id, qos, "2");
    if (dies)
        keeper_dies_and_returns(n->gateway);
    node_publishes(n, id, qos, "3");
    struct peer *world = keeper_broker_returns(s, "a/#");
    peer_hears(world, "a/1", "1");
    peer_hears(world, "a/1", "2");
    peer_hears(world, "a/1", "3");
    peer_hears_nothing(world);
    node_publishes(n, id, qos, "4");
    peer_hears(world, "a/1", "4");
}

static void qos_1_is_accepted_without_a_broker_and_arrives_in_order(struct scene *s)
{
    arrives_in_order(s, 1, false);
}

static void qos_2_is_accepted_without_a_broker_and_arrives_in_order(struct scene *s)
{
    arrives_in_order(s, 2, false);
}

static void qos_1_that_was_accepted_outlives_a_kill(struct scene *s)
{
    arrives_in_order(s, 1, true);
}

static void qos_2_that_was_accepted_outlives_a_kill(struct scene *s)
{
    arrives_in_order(s, 2, true);
}

static void what_arrived_does_not_come_again_after_a_kill(struct scene *s)
{
    uint16_t id;
    struct node *n = registered_node(s, (struct settings){ 0 }, &id);
    outage_begins(s);
    node_publishes(n, id, 1, "1");
    node_publishes(n, id, 2, "2");
    struct peer *world = keeper_broker_returns(s, "a/#");
    peer_hears(world, "a/1", "1");
    peer_hears(world, "a/1", "2");
    peer_hears_nothing(world);
    keeper_dies_and_reconnects(n->gateway);
    peer_hears_nothing(world);
}

static void a_full_queue_is_congestion_and_keeps_what_it_took(struct scene *s)
{
    uint16_t id;
    char text[LONG + 1];
    unsigned taken = 0;
    struct settings small = { .limits = "uplink_queue: {bytes: \"1KiB\"}" };
    struct node *n = registered_node(s, small, &id);
    outage_begins(s);
    for (uint8_t code = MQTTSN_ACCEPTED; code == MQTTSN_ACCEPTED && taken < MANY;) {
        snprintf(text, sizeof text, "%0*u", LONG, taken);
        code = try_to_publish(n, id, text);
        assert_in_range(code, MQTTSN_ACCEPTED, MQTTSN_CONGESTION);
        taken += code == MQTTSN_ACCEPTED;
    }
    assert_in_range(taken, 1, 1024 / LONG);
    struct peer *world = keeper_broker_returns(s, "a/#");
    for (unsigned i = 0; i < taken; i++) {
        snprintf(text, sizeof text, "%0*u", LONG, i);
        peer_hears(world, "a/1", text);
    }
    node_publishes(n, id, 1, "again");
    peer_hears(world, "a/1", "again");
    peer_hears_nothing(world);
}

/* Mosquitto acknowledges those beyond its window of 20 and throws them away. */
static void more_of_qos_2_than_a_broker_takes_at_once_arrive(struct scene *s)
{
    enum { NODES = 30 };
    char id[16], text[16];
    bool heard[NODES] = { false };
    struct gateway *g = keeper_start(s, (struct settings){ 0 });
    struct node *nodes[NODES];
    uint16_t topic_ids[NODES];
    for (unsigned i = 0; i < NODES; i++) {
        snprintf(id, sizeof id, "m%u", i + 1);
        nodes[i] = node_open(g);
        node_connects_kept(nodes[i], id);
        topic_ids[i] = node_registers(nodes[i], "a/1");
    }
    outage_begins(s);
    for (unsigned i = 0; i < NODES; i++) {
        snprintf(text, sizeof text, "%u", i);
        node_publishes(nodes[i], topic_ids[i], 2, text);
    }
    struct peer *world = keeper_broker_returns(s, "a/#");
    for (unsigned i = 0; i < NODES; i++) {
        unsigned long who = peer_hears_number(world);
        assert_in_range(who, 0, NODES - 1);
        assert_false(heard[who]);
        heard[who] = true;
    }
    peer_hears_nothing(world);
}

/* ---- the client is away too -------------------------------------------------------------------------------------- */

/* QoS 2 is on its way to a broker that does not answer any more, and the client leaves. */
static void leaves_in_the_middle(struct scene *s, bool clean)
{
    struct node *n = node_open(keeper_start(s, (struct settings){ 0 }));
    if (clean)
        node_connects(n, "m1");
    else
        node_connects_kept(n, "m1");
    uint16_t id = node_registers(n, "a/1");
    assert_int_equal(kill(s->broker->process.pid, SIGSTOP), 0);
    node_publishes(n, id, 2, "1");
    outage_begins_with_a_crash(s);
    node_disconnects(n);
    struct peer *world = keeper_broker_returns(s, "a/#");
    peer_hears(world, "a/1", "1");
    peer_hears_nothing(world);
}

static void who_leaves_in_the_middle_of_qos_2_is_delivered(struct scene *s)
{
    leaves_in_the_middle(s, false);
}

static void who_leaves_for_good_in_the_middle_of_qos_2_is_delivered(struct scene *s)
{
    leaves_in_the_middle(s, true);
}

/* ---- QoS 0 ------------------------------------------------------------------------------------------------------- */

/* Two QoS 0 messages while the broker is away; returns who listened to them. */
static struct peer *two_of_qos_0(struct scene *s, const char *limits)
{
    uint16_t id;
    struct node *n = registered_node(s, (struct settings){ .limits = limits }, &id);
    outage_begins(s);
    node_publishes(n, id, 0, "1");
    node_publishes(n, id, 0, "2");
    node_discards(n); /* it may be told that they are refused */
    process_mark(&s->gateway->process);
    struct peer *world = keeper_broker_returns(s, "a/#");
    keeper_is_connected(s->gateway);
    return world;
}

static void qos_0_may_be_dropped_while_the_broker_is_away(struct scene *s)
{
    peer_hears_nothing(two_of_qos_0(s, "uplink_queue: {qos0: none}"));
}

static void qos_0_may_wait_in_memory(struct scene *s)
{
    struct peer *world = two_of_qos_0(s, "uplink_queue: {qos0: memory}");
    peer_hears(world, "a/1", "1");
    peer_hears(world, "a/1", "2");
    peer_hears_nothing(world);
}

static void of_qos_0_the_latest_may_wait(struct scene *s)
{
    struct peer *world = two_of_qos_0(s, "uplink_queue: {qos0: latest}");
    peer_hears(world, "a/1", "2");
    peer_hears_nothing(world);
}

/* ---- the disk is no good ----------------------------------------------------------------------------------------- */

/* Permissions mean nothing to root, who runs many a test: a folder that is a file is refused to everybody. */
static void without_a_place_for_its_file_it_serves_and_promises_nothing(struct scene *s)
{
    char file[SCENE_PATH], path[2 * SCENE_PATH];
    scene_writes(s, "folder", "", file);
    snprintf(path, sizeof path, "%s/state.db", file);
    broker_start(s, (struct broker_options){ .persistence = true });
    struct node *n = node_open(gateway_start_connected(s, (struct settings){ .state = path }));
    gateway_logs(n->gateway, "state: ");
    node_connects(n, "m1");
    uint16_t id = node_registers(n, "a/1");
    node_publishes(n, id, 1, "1");
    node_publishes(n, id, 2, "2");
    outage_begins(s);
    assert_int_equal(try_to_publish(n, id, "3"), MQTTSN_CONGESTION);
}

/* The settings of the next one are written over those of this one, who will want to read them again. */
static void keeps_its_settings(struct gateway *g)
{
    char *text = scene_reads(g->settings);
    scene_writes(g->scene, "first.yaml", text, g->settings);
    free(text);
}

static void the_second_gateway_on_one_file_says_so_and_serves(struct scene *s)
{
    char path[SCENE_PATH];
    keeper_state(s, path);
    struct node *first = node_open(keeper_start(s, (struct settings){ 0 }));
    keeps_its_settings(first->gateway);
    node_connects(first, "m1");
    struct node *second = node_open(gateway_start(s, (struct settings){ .state = path }));
    gateway_logs(second->gateway, path);
    node_connects(second, "m2");
    node_publishes(second, node_registers(second, "a/2"), 1, "2");
    uint16_t id = node_registers(first, "a/1");
    assert_int_equal(gateway_stops(second->gateway), 0);
    keeper_dies_and_returns(first->gateway);
    node_publishes(first, id, 1, "1");
}

static void write_octets(const char *path, int octet)
{
    char block[4096];
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    memset(block, octet, sizeof block);
    assert_int_equal(fwrite(block, 1, sizeof block, f), sizeof block);
    assert_int_equal(fclose(f), 0);
}

/* Files whose name begins with that of the state file and whose first octets are these. */
static size_t count_aside(const struct scene *s, int octet)
{
    size_t count = 0;
    DIR *folder = opendir(s->folder);
    assert_non_null(folder);
    for (const struct dirent *e; (e = readdir(folder));) {
        char path[2 * SCENE_PATH], block[16] = { 0 }, wanted[16];
        snprintf(path, sizeof path, "%s/%s", s->folder, e->d_name);
        memset(wanted, octet, sizeof wanted);
        FILE *f = strncmp(e->d_name, "state.db", strlen("state.db")) == 0 ? fopen(path, "r") : NULL;
        count +=
            f && fread(block, sizeof block, 1, f) == 1 && memcmp(block, wanted, sizeof block) == 0;
        if (f)
            fclose(f);
    }
    closedir(folder);
    return count;
}

static void a_bad_file_is_set_aside(struct scene *s, int octet)
{
    char path[SCENE_PATH];
    keeper_state(s, path);
    write_octets(path, octet);
    struct node *n = node_open(keeper_start(s, (struct settings){ 0 }));
    gateway_logs(n->gateway, "is damaged");
    node_connects(n, "m1");
    uint16_t id = node_registers(n, "a/1");
    keeper_dies_and_returns(n->gateway);
    node_publishes(n, id, 1, "1");
    assert_int_equal(count_aside(s, octet), 1);
}

static void a_file_of_rubbish_is_set_aside(struct scene *s)
{
    a_bad_file_is_set_aside(s, 'x');
}

static void a_file_of_zeroes_is_set_aside(struct scene *s)
{
    a_bad_file_is_set_aside(s, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(qos_1_is_accepted_without_a_broker_and_arrives_in_order),
        SCENE_IN_BOTH(qos_2_is_accepted_without_a_broker_and_arrives_in_order),
        SCENE_IN_BOTH(qos_1_that_was_accepted_outlives_a_kill),
        SCENE_IN_BOTH(qos_2_that_was_accepted_outlives_a_kill),
        SCENE_IN_BOTH(what_arrived_does_not_come_again_after_a_kill),
        SCENE_IN_BOTH(a_full_queue_is_congestion_and_keeps_what_it_took),
        SCENE_IN_BOTH(more_of_qos_2_than_a_broker_takes_at_once_arrive),
        SCENE_IN_BOTH(who_leaves_in_the_middle_of_qos_2_is_delivered),
        SCENE_IN_BOTH(who_leaves_for_good_in_the_middle_of_qos_2_is_delivered),
        SCENE_IN_BOTH(qos_0_may_be_dropped_while_the_broker_is_away),
        SCENE_IN_BOTH(qos_0_may_wait_in_memory),
        SCENE_IN_BOTH(of_qos_0_the_latest_may_wait),
        SCENE_IN_BOTH(without_a_place_for_its_file_it_serves_and_promises_nothing),
        SCENE(the_second_gateway_on_one_file_says_so_and_serves),
        SCENE(a_file_of_rubbish_is_set_aside),
        SCENE(a_file_of_zeroes_is_set_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
