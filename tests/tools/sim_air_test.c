/* sim_air_test.c -- the air between a stick and its nodes, on a clock that the test turns. */
#include "tools/sim_air.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NODES = 4, STORY = 512, MANY = 1000 };

/* What happened, in order: "d3 " outcome 3 delivered, "n3 " not acknowledged, "r3 " no route, "x3 " expired,
 * "h0a " node 0 heard an a, "s0a " the stick heard an a from node 0. */
static struct scene {
    struct sim_air *air;
    msec now;
    char story[STORY];
    unsigned heard, delivered, unacked, received, left;
} s;

static void tell(const char *what, size_t who, char octet)
{
    size_t len = strlen(s.story);
    if (len + 16 < STORY)
        snprintf(s.story + len, STORY - len, "%s%zu%.1s ", what, who,
                 octet ? (char[]){ octet, 0 } : "");
}

static void hear(void *context, size_t node, struct span data)
{
    (void)context;
    s.heard++;
    tell("h", node, (char)data.at[0]);
}

static void sent(void *context, size_t node)
{
    (void)context;
    (void)node;
    s.left++;
}

static void receive(void *context, const struct sim_frame *f)
{
    (void)context;
    s.received++;
    tell("s", f->nwk, (char)f->data.at[0]);
}

static void outcome(void *context, uint32_t token, enum sim_outcome how)
{
    static const char *const letters[] = { "d", "n", "r", "x" };
    (void)context;
    s.delivered += how == SIM_DELIVERED;
    s.unacked += how == SIM_NO_ACK;
    tell(letters[how], token, '\0');
}

static void begin(msec latency_ms, uint32_t loss_percent)
{
    const struct sim_air_settings settings = { latency_ms, loss_percent, 7, NODES };
    const struct sim_air_events events = { NULL, hear, sent, receive, outcome };
    memset(&s, 0, sizeof s);
    s.now = 1000;
    s.air = sim_air_new(&settings, &events);
    assert_non_null(s.air);
}

static int end(void **state)
{
    (void)state;
    sim_air_free(s.air);
    return 0;
}

static void pass(msec ms)
{
    msec until = s.now + ms;
    for (msec next = sim_air_deadline(s.air); next <= until; next = sim_air_deadline(s.air)) {
        s.now = next > s.now ? next : s.now;
        sim_air_tick(s.air, s.now);
    }
    s.now = until;
}

static void host_says(size_t node, const char *text, uint32_t token)
{
    sim_air_unicast(s.air, node, span_text(text), token, s.now);
}

static void node_says(size_t node, const char *text)
{
    const struct sim_frame f = { .nwk = (uint16_t)node, .data = span_text(text) };
    sim_air_send(s.air, node, &f, s.now);
}

static void expect(const char *story)
{
    assert_string_equal(s.story, story);
    s.story[0] = '\0';
}

static void a_frame_takes_its_latency_and_its_outcome_comes_before_the_answer(void **state)
{
    (void)state;
    begin(20, 0);
    host_says(1, "a", 5);
    expect("");
    pass(19);
    expect("");
    pass(1);
    expect("d5 h1a ");
    node_says(1, "b");
    pass(19);
    expect("");
    pass(1);
    expect("s1b ");
    assert_int_equal(s.left, 1);
    assert_true(sim_air_deadline(s.air) == MSEC_NEVER);
}

static void frames_of_one_node_keep_their_order(void **state)
{
    (void)state;
    begin(5, 0);
    host_says(1, "a", 1);
    host_says(2, "b", 2);
    host_says(1, "c", 3);
    pass(5);
    expect("d1 h1a d2 h2b d3 h1c ");
}

static void a_node_that_does_not_exist_has_no_route(void **state)
{
    (void)state;
    begin(5, 0);
    host_says(SIM_NOBODY, "a", 9);
    pass(SIM_UNROUTED_MS - 1);
    expect("");
    pass(1);
    expect("r9 ");
}

static void a_sleeper_hears_when_it_polls(void **state)
{
    (void)state;
    begin(0, 0);
    sim_air_set_sleeper(s.air, 1, true);
    sim_air_set_sleeper(s.air, 3, true);
    host_says(1, "a", 1);
    host_says(2, "b", 2);
    host_says(3, "d", 4);
    host_says(1, "c", 3);
    pass(5000);
    expect("d2 h2b ");
    sim_air_poll(s.air, 2, s.now);
    sim_air_poll(s.air, 1, s.now);
    pass(0);
    expect("d1 h1a d3 h1c ");
}

static void what_a_sleeper_does_not_fetch_expires(void **state)
{
    (void)state;
    begin(0, 0);
    sim_air_set_sleeper(s.air, 1, true);
    host_says(1, "a", 1);
    pass(SIM_HELD_MS - 1);
    expect("");
    pass(1);
    expect("x1 ");
    sim_air_poll(s.air, 1, s.now);
    pass(10000);
    expect("");
}

static void a_broadcast_reaches_all_whose_receivers_are_on(void **state)
{
    (void)state;
    begin(3, 0);
    sim_air_set_sleeper(s.air, 1, true);
    sim_air_broadcast(s.air, span_text("a"), s.now);
    pass(10000);
    expect("h0a h2a h3a ");
}

static void a_stick_that_is_gone_hears_of_no_outcome(void **state)
{
    (void)state;
    begin(3, 0);
    sim_air_set_sleeper(s.air, 1, true);
    host_says(0, "a", 1);
    host_says(1, "b", 2);
    host_says(SIM_NOBODY, "c", 3);
    sim_air_forget(s.air);
    host_says(2, "d", 4);
    pass(10000);
    expect("h0a d4 h2d ");
}

static void a_congested_line_holds_frames_back_and_loses_none_of_them(void **state)
{
    (void)state;
    begin(1, 0);
    sim_air_hold(s.air, true);
    node_says(0, "a");
    node_says(1, "b");
    host_says(2, "c", 1);
    assert_true(sim_air_deadline(s.air) == s.now + 1);
    pass(100);
    expect("d1 h2c ");
    assert_true(sim_air_deadline(s.air) == MSEC_NEVER);
    sim_air_hold(s.air, false);
    pass(0);
    expect("s0a s1b ");
}

static void what_was_held_back_for_too_long_is_lost(void **state)
{
    (void)state;
    begin(1, 0);
    sim_air_hold(s.air, true);
    node_says(0, "a");
    pass(SIM_HELD_MS + 2);
    sim_air_hold(s.air, false);
    pass(0);
    expect("");
    assert_int_equal(s.left, 1);
}

static void so_many_percent_are_lost_both_ways_and_each_loss_is_told(void **state)
{
    (void)state;
    begin(1, 20);
    for (uint32_t i = 0; i < MANY; i++) {
        host_says(i % NODES, "a", i);
        node_says(i % NODES, "b");
        pass(1000);
    }
    assert_int_equal(s.delivered + s.unacked, MANY);
    assert_in_range(s.unacked, MANY * 16 / 100, MANY * 24 / 100);
    assert_in_range(MANY - s.received, MANY * 16 / 100, MANY * 24 / 100);
    assert_int_equal(s.left, MANY);
    assert_true(s.heard > s.delivered); /* of some only the acknowledgement was lost */
    assert_in_range(s.heard - s.delivered, 1, s.unacked / 4);
}

static void a_lost_frame_is_given_up_after_a_while(void **state)
{
    (void)state;
    begin(1, 100);
    host_says(0, "a", 1);
    pass(SIM_UNACKED_MS - 1);
    assert_int_equal(s.unacked, 0);
    pass(1);
    assert_int_equal(s.unacked, 1);
}

static void the_same_seed_gives_the_same_story(void **state)
{
    (void)state;
    char first[STORY];
    for (unsigned run = 0; run < 2; run++) {
        begin(1, 50);
        for (uint32_t i = 0; i < 20; i++)
            host_says(i % NODES, "a", i);
        pass(1000);
        if (run == 0)
            memcpy(first, s.story, sizeof first);
        else
            assert_string_equal(s.story, first);
        if (run == 0)
            end(state);
    }
}

#define SCENE(test) cmocka_unit_test_teardown(test, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(a_frame_takes_its_latency_and_its_outcome_comes_before_the_answer),
        SCENE(frames_of_one_node_keep_their_order),
        SCENE(a_node_that_does_not_exist_has_no_route),
        SCENE(a_sleeper_hears_when_it_polls),
        SCENE(what_a_sleeper_does_not_fetch_expires),
        SCENE(a_broadcast_reaches_all_whose_receivers_are_on),
        SCENE(a_stick_that_is_gone_hears_of_no_outcome),
        SCENE(a_congested_line_holds_frames_back_and_loses_none_of_them),
        SCENE(what_was_held_back_for_too_long_is_lost),
        SCENE(so_many_percent_are_lost_both_ways_and_each_loss_is_told),
        SCENE(a_lost_frame_is_given_up_after_a_while),
        SCENE(the_same_seed_gives_the_same_story),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
