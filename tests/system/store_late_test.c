/* store_late_test.c -- the state file becomes available only while the gateway runs: another one had it, or its disk
 * was mounted late (design rules 1 and 4).
 *
 * The clients of the earlier run come back as if the file had been there at the start. Whoever connected meanwhile is
 * what it is now, also in the file: nothing of its earlier life may return with the next start. */
#include "tests/system/keeper.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

/* ---- a file in other hands --------------------------------------------------------------------------------------- */

static int taken_by_another(const struct gateway *g)
{
    char path[SCENE_PATH], lock[SCENE_PATH + 8];
    keeper_state(g->scene, path);
    snprintf(lock, sizeof lock, "%s-lock", path);
    int fd = open(lock, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
    return fd;
}

/* Stops in order and runs again while another has the file; its descriptor. */
static int returns_without_its_file(struct gateway *g)
{
    assert_int_equal(gateway_stops(g), 0);
    int fd = taken_by_another(g);
    gateway_is_run_again(g);
    gateway_logs(g, "is in use by another gateway");
    (void)gateway_radio_port(g, "lan");
    gateway_logs(g, "broker: connected to "); /* which forgets the earlier run */
    return fd;
}

static void gets_its_file(struct gateway *g, int fd)
{
    process_mark(&g->process);
    close(fd);
    gateway_logs(g, " is well again, after ");
}

static void node_wakes(struct node *n, const char *client_id)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ, .tail = span_text(client_id) });
}

/* ---- the earlier run --------------------------------------------------------------------------------------------- */

static void those_of_the_earlier_run_hear_again(struct scene *s)
{
    struct node *n = node_open(keeper_start(s, (struct settings){ 0 }));
    struct node *sleeper = node_open(n->gateway);
    struct peer *world = peer_open(s, "world");
    node_connects_kept(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    node_connects_kept(sleeper, "m2");
    node_subscribes(sleeper, "lamp/1", 1);
    node_falls_asleep(sleeper, 300);
    gets_its_file(n->gateway, returns_without_its_file(n->gateway));
    node_publishes(n, node_registers(n, "a/1"), 1, "x"); /* its connection is there */
    peer_publishes(world, "lamp/1", 1, "on");
    node_receives_and_acks(n, "on");
    node_wakes_until_a_message(sleeper, "m2");
    node_receives_and_acks(sleeper, "on");
    node_expects(sleeper, MQTTSN_PINGRESP);
}

/* ---- who came meanwhile ------------------------------------------------------------------------------------------ */

static void who_began_anew_meanwhile_gets_nothing_back_of_its_earlier_life(struct scene *s)
{
    struct node *n = node_open(keeper_start(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "#", 1);
    node_connects_kept(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    (void)node_registers(n, "old/1");
    uint16_t old = node_registers(n, "old/2");
    int fd = returns_without_its_file(n->gateway);
    node_connects(n, "m1");
    uint16_t id = node_registers(n, "new/1");
    gets_its_file(n->gateway, fd);
    assert_in_range(node_registers(n, "new/2"), 1, old - 1); /* the answer says that all is on disk */
    keeper_dies_and_returns(n->gateway);
    node_publishes(n, id, 1, "x");
    peer_hears(world, "new/1", "x");
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_PUBLISH, .qos = 1, .topic_id = old, .message_id = 99 });
    assert_int_equal(node_expects(n, MQTTSN_PUBACK).return_code, MQTTSN_INVALID_TOPIC_ID);
    peer_publishes(world, "lamp/1", 1, "on");
    peer_hears(world, "lamp/1", "on");
    node_hears_nothing(n);
}

static void who_sleeps_meanwhile_keeps_what_it_has(struct scene *s)
{
    struct node *n = node_open(keeper_start(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects_kept(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    int fd = returns_without_its_file(n->gateway);
    node_connects(n, "m1");
    node_subscribes(n, "lamp/2", 1);
    node_falls_asleep(n, 300);
    gets_its_file(n->gateway, fd);
    peer_publishes(world, "lamp/2", 1, "on");
    node_hears_nothing(n);
    keeper_dies_and_returns(n->gateway);
    node_wakes(n, "m1");
    node_receives_and_acks(n, "on");
    node_expects(n, MQTTSN_PINGRESP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(those_of_the_earlier_run_hear_again),
        SCENE_IN_BOTH(who_began_anew_meanwhile_gets_nothing_back_of_its_earlier_life),
        SCENE_IN_BOTH(who_sleeps_meanwhile_keeps_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
