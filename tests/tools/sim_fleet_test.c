/* sim_fleet_test.c -- many simulated nodes: who starts when, who sleeps, who is where. */
#include "tests/tools/sim_nodes_scene.h"

static void a_sleeper_sleeps_between_messages_and_polls_only_while_awake(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.plan.interval_ms = 60000;
    p.sleepy_percent = 100;
    begin(&p);
    pass(3000);
    assert_true(s.asleep[0]);
    assert_in_range(s.polls[0], 2, 6);
    unsigned polls = s.polls[0];
    pass(50000);
    assert_int_equal(s.polls[0], polls);
    assert_int_equal(s.seen[MQTTSN_PUBLISH], 1);
    pass(10000);
    assert_int_equal(s.seen[MQTTSN_CONNECT], 2);
    assert_int_equal(s.seen[MQTTSN_REGISTER], 1);
    assert_int_equal(s.seen[MQTTSN_PUBLISH], 2);
    assert_true(s.asleep[0]);
    assert_true(s.polls[0] > polls);
}

static void a_sleeper_with_nothing_to_say_wakes_to_collect_what_waits(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.plan.messages = 1;
    p.sleepy_percent = 100;
    begin(&p);
    pass(10000);
    s.down = span_text("on");
    pass(60000);
    assert_int_equal(s.seen[MQTTSN_PINGREQ], 1);
    assert_int_equal(tally().counts.received, 1);
    pass(600000);
    assert_int_equal(s.seen[MQTTSN_CONNECT], 1);
    assert_in_range(s.seen[MQTTSN_PINGREQ], 10, 12);
    assert_int_equal(tally().stuck, 0);
}

static void sleepers_are_spread_evenly(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.count = NODES;
    p.sleepy_percent = 25;
    begin(&p);
    unsigned sleepers = 0;
    for (size_t i = 0; i < NODES; i++)
        sleepers += sim_nodes_sleeps(s.nodes, i);
    assert_int_equal(sleepers, 2);
    assert_true(sim_nodes_sleeps(s.nodes, 3));
}

static void only_so_many_nodes_set_themselves_up_at_once(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.count = NODES;
    p.concurrency = 3;
    begin(&p);
    assert_int_equal(s.count, 3);
    pass(0);
    assert_int_equal(tally().connected, NODES);
    assert_int_equal(s.joins, NODES);
}

static void a_node_that_cannot_connect_does_not_keep_others_from_trying(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.count = 2;
    p.concurrency = 1;
    begin(&p);
    s.deaf = true;
    pass(41000);
    s.deaf = false;
    pass(25000);
    assert_int_equal(tally().connected, 2);
}

static void nodes_wait_until_the_network_lets_them_in(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.count = 2;
    p.concurrency = 1;
    begin(&p);
    sim_nodes_let_in(s.nodes, false, s.now);
    pass(10000);
    assert_int_equal(tally().connected, 1);
    assert_int_equal(s.joins, 1);
    sim_nodes_let_in(s.nodes, true, s.now);
    pass(0);
    assert_int_equal(tally().connected, 2);
}

static void nodes_that_are_members_already_do_not_join(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.joined = true;
    begin(&p);
    pass(0);
    assert_int_equal(s.joins, 0);
    assert_int_equal(tally().connected, 1);
}

static void a_node_is_found_by_either_address_also_after_a_rejoin(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.count = 3;
    begin(&p);
    uint16_t before = sim_nodes_nwk(s.nodes, 1);
    assert_int_equal(sim_nodes_find(s.nodes, 0, before), 1);
    assert_int_equal(sim_nodes_find(s.nodes, UINT64_MAX, before), 1);
    assert_int_equal(sim_nodes_find(s.nodes, EUI64_1 + 2, 0xFFFE), 2);
    assert_true(sim_nodes_find(s.nodes, EUI64_1 + 3, before) == SIM_NOBODY);
    sim_nodes_rejoin(s.nodes, 1);
    assert_true(sim_nodes_find(s.nodes, 0, before) == SIM_NOBODY);
    assert_int_equal(sim_nodes_find(s.nodes, 0, s.joined_nwk), 1);
    assert_int_equal(sim_nodes_nwk(s.nodes, 1), s.joined_nwk);
}

static void a_twin_connects_with_the_id_of_another(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.count = 2;
    begin(&p);
    pass(0);
    assert_true(sim_nodes_twin(s.nodes, 1, "node-0001", s.now));
    pass(0);
    assert_string_equal(s.id[1], "node-0001");
    assert_string_equal(s.topic, "sim/node-0001/up");
    pass(1000);
    assert_string_equal(s.payload, "node-0002 2 ........");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(a_sleeper_sleeps_between_messages_and_polls_only_while_awake),
        SCENE(a_sleeper_with_nothing_to_say_wakes_to_collect_what_waits),
        SCENE(sleepers_are_spread_evenly),
        SCENE(only_so_many_nodes_set_themselves_up_at_once),
        SCENE(a_node_that_cannot_connect_does_not_keep_others_from_trying),
        SCENE(nodes_wait_until_the_network_lets_them_in),
        SCENE(nodes_that_are_members_already_do_not_join),
        SCENE(a_node_is_found_by_either_address_also_after_a_rejoin),
        SCENE(a_twin_connects_with_the_id_of_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
