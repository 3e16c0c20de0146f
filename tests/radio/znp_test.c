/* znp_test.c -- a Z-Stack stick that is up: frames that come, nodes that come, go and move, and a stick that fails. */
#include "tests/radio/znp_scene.h"

/* ---- hearing ----------------------------------------------------------------------------------------------------- */

static void a_frame_of_a_known_node_is_handed_up(void **state)
{
    struct scene *x = *state;
    node(x);
    stick_says(x, "4481 0000 1100 3412 e8 e8 00 b4 00 03020100 07 0b 0b040401003c6e6f646531 34121d");
    assert_int_equal(x->s.heard_count, 1);
    assert_true(x->s.heard[0].eui64 == NODE_EUI64);
    assert_int_equal(x->s.heard[0].frame.lqi, 180);
    assert_int_equal(x->s.heard[0].frame.bytes.len, 11);
    assert_memory_equal(x->s.heard[0].bytes, "\x0b\x04\x04\x01\x00\x3cnode1", 11);
    assert_false(x->s.heard[0].frame.broadcast || x->s.heard[0].frame.sleeper);
}

static void a_broadcast_to_all_endpoints_is_for_us_too(void **state)
{
    struct scene *x = *state;
    stage_node(&x->s, NODE_EUI64, 0x5678);
    stick_says(x, "4481 0000 1100 7856 e8 ff 01 40 00 00000000 08 03 030100 78561c");
    assert_int_equal(x->s.heard_count, 1);
    assert_true(x->s.heard[0].frame.broadcast);
}

static void a_stranger_is_asked_for_its_name_once(void **state)
{
    struct scene *x = *state;
    hears_from(x, 0x1234);
    hears_from(x, 0x1234);
    machine_asked(x, "2501 3412 00 00");
    stick_says(x, "6501 00");
    stage_wrote_nothing(&x->s);
    assert_int_equal(x->s.heard_count, 0);
    stick_says(x, "4581 00 2211404000a21300 3412 00 00");
    assert_int_equal(x->s.heard_count, 2);
    assert_true(x->s.heard[0].eui64 == NODE_EUI64);
    hears_from(x, 0x1234);
    assert_int_equal(x->s.heard_count, 3);
}

static void a_stranger_without_a_name_is_dropped_after_2_s(void **state)
{
    struct scene *x = *state;
    hears_from(x, 0x1234);
    stick_answers(x);
    stick_says(x, "4581 81 0000000000000000 3412");
    time_passes(x, 2000);
    assert_int_equal(x->s.drop_count, 1);
    hears_from(x, 0x1234);
    machine_asked(x, "2501 3412 00 00");
}

static void questions_by_the_dozen_do_not_keep_frames_out(void **state)
{
    struct scene *x = *state;
    for (uint16_t i = 0; i < 60; i++)
        hears_from(x, (uint16_t)(0x4000 + i));
    uint8_t token = sends(x, node(x));
    stick_answers(x);
    assert_true(x->asked_count < 20 && was_asked(x, ZNP_SEND));
    time_passes(x, 0);
    for (unsigned t = 0; t < 256; t++)
        confirms(x, (uint8_t)t, 0);
    was_sent(x, token, RADIO_DELIVERED);
}

static void a_frame_whose_length_lies_is_not_taken(void **state)
{
    struct scene *x = *state;
    node(x);
    stick_says(x, "4481 0000 1100 3412 e8 e8 00 b4 00 03020100 07 c8 0b040401003c6e6f646531 34121d");
    assert_int_equal(x->s.heard_count, 0);
    assert_int_equal(x->s.drop_count, 1);
}

static void a_false_start_holds_up_frames_only_until_the_line_is_silent(void **state)
{
    struct scene *x = *state;
    node(x);
    stage_hears(&x->s, "fe f0");
    hears_from(x, 0x1234);
    assert_int_equal(x->s.heard_count, 0);
    time_passes(x, 250);
    assert_int_equal(x->s.heard_count, 1);
}

static void a_long_message_is_fetched_in_pieces(void **state)
{
    static uint8_t part[240];
    struct scene *x = *state;
    struct znp_message piece = { .command = ZNP_RETRIEVED, .data = span_of(part, sizeof part) };
    node(x);
    stick_says(x, "4482 0000 1100 02 3412000000000000 e8 0000 e8 00 b4 00 44332211 07 2c01");
    machine_asked(x, "2412 44332211 0000 f0");
    memset(part, 0x11, sizeof part);
    stick_sends(x, &piece);
    machine_asked(x, "2412 44332211 f000 3c");
    memset(part, 0x22, sizeof part);
    piece.data.len = 60;
    stick_sends(x, &piece);
    assert_int_equal(x->s.heard_count, 1);
    assert_int_equal(x->s.heard[0].frame.bytes.len, 300);
    assert_int_equal(x->s.heard[0].bytes[239], 0x11);
    assert_int_equal(x->s.heard[0].bytes[240], 0x22);
    machine_asked(x, "2412 44332211 0000 00");
}

static void a_message_that_is_too_long_is_freed(void **state)
{
    struct scene *x = *state;
    node(x);
    stick_says(x, "4482 0000 1100 02 3412000000000000 e8 0000 e8 00 b4 00 44332211 07 2d01");
    machine_asked(x, "2412 44332211 0000 00");
    assert_string_equal(x->s.drops[0], "oversize");
}

static void pieces_that_lie_about_their_length_are_not_taken(void **state)
{
    static const uint8_t part[240];
    struct scene *x = *state;
    node(x);
    stick_says(x, "4482 0000 1100 02 3412000000000000 e8 0000 e8 00 b4 00 44332211 07 e600");
    machine_asked(x, "2412 44332211 0000 e6");
    stick_sends(x, &(struct znp_message){ .command = ZNP_RETRIEVED, .data = span_of(part, 240) });
    machine_asked(x, "2412 44332211 0000 00");
    assert_int_equal(x->s.heard_count, 0);
    assert_int_equal(x->s.drop_count, 1);
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static void a_node_joins_announces_itself_and_leaves(void **state)
{
    struct scene *x = *state;
    stick_says(x, "45ca 3412 2211404000a21300 0000");
    stick_says(x, "45c1 3412 3412 2211404000a21300 8e");
    assert_int_equal(x->s.joined_count, 1);
    assert_true(x->s.joined[0].eui64 == NODE_EUI64 && !x->s.joined[0].left);
    struct neighbour *one = neighbours_at(x->s.neighbours, 0x1234);
    assert_true(one && one->eui64 == NODE_EUI64 && !one->sleeper);
    stick_says(x, "45c9 3412 2211404000a21300 00 00 00");
    assert_int_equal(x->s.joined_count, 2);
    assert_true(x->s.joined[1].left);
    assert_null(neighbours_at(x->s.neighbours, 0x1234));
}

static void a_node_that_rejoins_is_the_same_at_its_new_address(void **state)
{
    struct scene *x = *state;
    hears_from(x, 0x1234);
    stick_answers(x);
    stick_says(x, "4581 00 2211404000a21300 3412");
    stick_says(x, "45c1 7856 7856 2211404000a21300 8e");
    assert_int_equal(x->s.joined_count, 0);
    hears_from(x, 0x5678);
    assert_int_equal(x->s.heard_count, 2);
    assert_true(x->s.heard[1].eui64 == NODE_EUI64);
    sends(x, neighbours_find(x->s.neighbours, NODE_EUI64));
    stick_answers(x);
    hears_from(x, 0x1234);
    machine_asked(x, "2501 3412 00 00");
}

static void joining_is_permitted_for_a_time(void **state)
{
    struct scene *x = *state;
    x->s.c->family->permit_join(x->s.c, 60, x->s.now);
    machine_asked(x, "2536 0f fcff 3c 00");
    stick_says(x, "6536 00");
    x->s.c->family->permit_join(x->s.c, 0, x->s.now);
    machine_asked(x, "2536 0f fcff 00 00");
}

/* ---- a stick that fails ------------------------------------------------------------------------------------------ */

static void an_unasked_reset_loses_what_is_under_way_and_starts_again(void **state)
{
    struct scene *x = *state;
    uint8_t one = sends(x, node(x));
    uint8_t two = sends(x, stage_node(&x->s, NODE_EUI64 + 1, NWK_UNKNOWN));
    stick_answers(x);
    resets(x, "4180 02 02 01 02 07 01");
    state_is(x, COORDINATOR_STARTING, "watchdog");
    assert_int_equal(x->s.sent_count, 2);
    assert_true(x->s.sent[0].token == one && x->s.sent[0].result == RADIO_LOST);
    assert_true(x->s.sent[1].token == two && x->s.sent[1].result == RADIO_LOST);
    stick_answers(x);
    state_is(x, COORDINATOR_UP, "");
    assert_true(x->registered && was_asked(x, ZNP_START));
    confirms(x, 1, 0);
    assert_int_equal(x->s.sent_count, 2);
}

static void an_answer_that_is_late_is_not_taken_for_the_next(void **state)
{
    struct scene *x = *state;
    x->mute = ZNP_SEND;
    uint8_t one = sends(x, node(x));
    uint8_t two = sends(x, stage_node(&x->s, NODE_EUI64 + 1, 0x2222));
    machine_asked(x, "2401 3412 e8 e8 1100 01 30 1e 03 030500");
    stage_passes(&x->s, 6000);
    machine_asked(x, "2101");
    stick_says(x, "6401 11");
    stage_wrote_nothing(&x->s);
    stick_says(x, "6101 5906");
    machine_asked(x, "2401 2222 e8 e8 1100 02 30 1e 03 030500");
    assert_int_equal(x->s.sent_count, 0);
    stick_says(x, "6401 11");
    was_sent(x, two, RADIO_BUSY);
    confirms(x, 1, 0);
    was_sent(x, one, RADIO_DELIVERED);
}

static void two_answers_that_do_not_come_are_a_dead_stick(void **state)
{
    struct scene *x = *state;
    x->deaf = true;
    sends(x, node(x));
    time_passes(x, 6000);
    assert_int_equal(x->s.restart_count, 0);
    time_passes(x, 6000);
    assert_int_equal(x->s.restart_count, 1);
    assert_int_equal(x->s.c->family->deadline(x->s.c), MSEC_NEVER);
}

static void a_command_that_is_not_known_is_an_answer_too(void **state)
{
    struct scene *x = *state;
    uint8_t token = sends(x, node(x));
    stick_says(x, "6000 02 24 02");
    assert_int_equal(x->s.sent_count, 0);
    stick_says(x, "6000 02 24 01");
    was_sent(x, token, RADIO_UNREACHABLE);
}

static void a_silent_stick_is_asked_every_10_s(void **state)
{
    struct scene *x = *state;
    time_passes(x, 9999);
    assert_false(was_asked(x, ZNP_PING));
    time_passes(x, 1);
    assert_int_equal(x->asked_count, 1);
    assert_true(was_asked(x, ZNP_PING));
    time_passes(x, 10000);
    assert_int_equal(x->asked_count, 2);
    x->deaf = true;
    time_passes(x, 21999);
    assert_int_equal(x->s.restart_count, 0);
    time_passes(x, 1);
    assert_int_equal(x->s.restart_count, 1);
}

static void a_network_that_stops_is_watched_until_it_runs_again(void **state)
{
    struct scene *x = *state;
    uint8_t token = sends(x, node(x));
    stick_answers(x);
    stick_says(x, "45c0 00");
    state_is(x, COORDINATOR_DOWN, "stopped");
    was_sent(x, token, RADIO_LOST);
    x->state = 9;
    stick_says(x, "45c0 09");
    stick_answers(x);
    state_is(x, COORDINATOR_UP, "");
    x->state = 0;
    stick_says(x, "45c0 00");
    time_passes(x, 10000);
    state_is(x, COORDINATOR_UP, "");
}

static void before_it_is_up_nothing_is_handed_up(void **state)
{
    struct scene *x = *state;
    node(x);
    stage_start(&x->s);
    hears_from(x, 0x1234);
    assert_int_equal(x->s.heard_count, 0);
    assert_int_equal(x->s.drop_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_UP(a_frame_of_a_known_node_is_handed_up),
        SCENE_UP(a_broadcast_to_all_endpoints_is_for_us_too),
        SCENE_UP(a_stranger_is_asked_for_its_name_once),
        SCENE_UP(a_stranger_without_a_name_is_dropped_after_2_s),
        SCENE_UP(questions_by_the_dozen_do_not_keep_frames_out),
        SCENE_UP(a_frame_whose_length_lies_is_not_taken),
        SCENE_UP(a_false_start_holds_up_frames_only_until_the_line_is_silent),
        SCENE_UP(a_long_message_is_fetched_in_pieces),
        SCENE_UP(a_message_that_is_too_long_is_freed),
        SCENE_UP(pieces_that_lie_about_their_length_are_not_taken),
        SCENE_UP(a_node_joins_announces_itself_and_leaves),
        SCENE_UP(a_node_that_rejoins_is_the_same_at_its_new_address),
        SCENE_UP(joining_is_permitted_for_a_time),
        SCENE_UP(an_unasked_reset_loses_what_is_under_way_and_starts_again),
        SCENE_UP(an_answer_that_is_late_is_not_taken_for_the_next),
        SCENE_UP(two_answers_that_do_not_come_are_a_dead_stick),
        SCENE_UP(a_command_that_is_not_known_is_an_answer_too),
        SCENE_UP(a_silent_stick_is_asked_every_10_s),
        SCENE_UP(a_network_that_stops_is_watched_until_it_runs_again),
        SCENE_UP(before_it_is_up_nothing_is_handed_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
