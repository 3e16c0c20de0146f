/* znp_wake_test.c -- waking a Z-Stack stick, a stick that fails meanwhile, and the endpoint. */
#include "tests/radio/znp_scene.h"

/* ---- endpoints --------------------------------------------------------------------------------------------------- */

static void an_endpoint_of_an_earlier_run_is_registered_anew(void **state)
{
    struct scene *x = *state;
    x->formed = x->registered = true;
    scene_start(x);
    state_is(x, COORDINATOR_UP, "");
    assert_true(was_asked(x, ZNP_UNREGISTER) && x->registered);
    assert_int_equal(x->s.log_count, 0);
}

static void an_endpoint_that_cannot_be_removed_is_used_as_it_is(void **state)
{
    struct scene *x = *state;
    x->formed = x->registered = x->knows_no_delete = true;
    scene_start(x);
    state_is(x, COORDINATOR_UP, "");
    assert_true(was_logged(x, "endpoint 232 was registered before"));
}

/* ---- waking ------------------------------------------------------------------------------------------------------ */

static void a_boot_loader_is_skipped_after_the_first_silent_ping(void **state)
{
    struct scene *x = *state;
    stage_start(&x->s);
    machine_asked(x, "2101");
    stage_passes(&x->s, 500);
    struct span skip = stage_next_write(&x->s);
    assert_int_equal(skip.len, 256);
    assert_true(skip.at && skip.at[0] == 0xEF && skip.at[255] == 0xEF);
    stage_wrote_nothing(&x->s);
    stage_passes(&x->s, 1000);
    machine_asked(x, "2101");
    assert_int_equal(x->s.line_changes, 0);
    x->formed = true;
    stick_says(x, "6101 5906");
    stick_answers(x);
    state_is(x, COORDINATOR_UP, "");
}

static void the_lines_start_the_firmware_after_the_second(void **state)
{
    struct scene *x = *state;
    stage_start(&x->s);
    stage_passes(&x->s, 2000);
    assert_int_equal(x->s.line_changes, 1);
    assert_false(x->s.dtr || x->s.rts);
    stage_passes(&x->s, 150);
    assert_int_equal(x->s.line_changes, 2);
    assert_true(!x->s.dtr && x->s.rts);
    stage_passes(&x->s, 150);
    assert_int_equal(x->s.line_changes, 3);
    assert_false(x->s.dtr || x->s.rts);
    stage_skip_writes(&x->s);
    stage_passes(&x->s, 150);
    machine_asked(x, "2101");
}

static void the_lines_of_a_network_are_left_alone(void **state)
{
    struct scene *x = *state;
    x->s.c->network = true;
    stage_start(&x->s);
    stage_passes(&x->s, 60000);
    assert_int_equal(x->s.line_changes, 0);
    assert_int_equal(x->s.restart_count, 1);
}

static void a_stick_that_stays_silent_is_given_up(void **state)
{
    struct scene *x = *state;
    x->deaf = true;
    scene_start(x);
    time_passes(x, 30000);
    assert_int_equal(x->s.restart_count, 1);
    assert_int_equal(x->s.c->frames_good, 0);
    x->deaf = false;
    x->formed = true;
    scene_start(x);
    state_is(x, COORDINATOR_UP, "");
}

static void an_answer_that_does_not_come_is_asked_for_again(void **state)
{
    struct scene *x = *state;
    x->formed = true;
    x->mute = ZNP_DEVICE_INFO;
    scene_start(x);
    stage_passes(&x->s, 6000);
    machine_asked(x, "2101");
    stick_says(x, "6700 00 0403020100 4b1200 0000 07 09 00"); /* late */
    stage_wrote_nothing(&x->s);
    x->mute = 0;
    stick_says(x, "6101 5906");
    stick_answers(x);
    state_is(x, COORDINATOR_UP, "");
}

static void a_damaged_answer_is_asked_for_again_soon(void **state)
{
    struct scene *x = *state;
    x->formed = true;
    x->mute = ZNP_DEVICE_INFO;
    scene_start(x);
    stage_hears(&x->s, "fe1067000004030201004b12000000070901341202"); /* one bit is wrong */
    x->mute = 0;
    time_passes(x, 300);
    stick_answers(x);
    state_is(x, COORDINATOR_UP, "");
}

static void a_stick_that_falls_silent_in_the_middle_is_given_up(void **state)
{
    struct scene *x = *state;
    x->formed = true;
    x->mute = ZNP_DEVICE_INFO;
    scene_start(x);
    time_passes(x, 11999);
    assert_int_equal(x->s.restart_count, 0);
    time_passes(x, 1);
    assert_int_equal(x->s.restart_count, 1);
}

static void a_state_that_was_not_heard_is_asked_for(void **state)
{
    struct scene *x = *state;
    x->formed = true;
    x->mute = ZNP_START;
    scene_start(x);
    stick_says(x, "6540 00");
    x->state = 9;
    time_passes(x, 5000);
    stick_answers(x);
    state_is(x, COORDINATOR_UP, "");
}

static void a_network_that_does_not_resume_in_a_minute_is_given_up(void **state)
{
    struct scene *x = *state;
    x->formed = true;
    x->mute = ZNP_START;
    scene_start(x);
    stick_says(x, "6540 00");
    time_passes(x, 59999);
    assert_int_equal(x->s.restart_count, 0);
    time_passes(x, 1);
    assert_int_equal(x->s.restart_count, 1);
}

static void a_stick_that_restarts_in_the_middle_begins_again(void **state)
{
    struct scene *x = *state;
    x->formed = true;
    x->mute = ZNP_DEVICE_INFO;
    scene_start(x);
    x->mute = 0;
    resets(x, "4180 02 02 01 02 07 01");
    stick_answers(x);
    state_is(x, COORDINATOR_UP, "");
}

static void a_stick_that_restarts_for_ever_is_given_up(void **state)
{
    struct scene *x = *state;
    x->formed = true;
    x->mute = ZNP_DEVICE_INFO;
    scene_start(x);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(x->s.restart_count, 0);
        resets(x, "4180 02 02 01 02 07 01");
        stick_answers(x);
    }
    assert_int_equal(x->s.restart_count, 1);
}

static void what_earlier_runs_left_in_the_line_is_passed_over(void **state)
{
    struct scene *x = *state;
    x->formed = true;
    stage_start(&x->s);
    stage_hears(&x->s, "00ff fe 1f 44 81 fe");
    stick_says(x, "6700 00 0403020100 4b1200 0000 07 09 00");
    stick_answers(x);
    time_passes(x, 1000);
    state_is(x, COORDINATOR_UP, "");
}

/* ---- probing ----------------------------------------------------------------------------------------------------- */

static void a_probe_names_the_firmware(void **state)
{
    uint8_t room[32], heard[64];
    char line[COORDINATOR_TEXT];
    struct writer w = writer_of(room, sizeof room);
    (void)state;
    size_t n = znp_family.probe(&w);
    assert_int_equal(n, 5);
    assert_memory_equal(room, "\xfe\x00\x21\x02\x23", 5);
    struct span is = hex_bytes("fe fe0e6102020102070146d9340100ffffffffc0", heard, sizeof heard);
    assert_true(znp_family.answers(is, line, sizeof line));
    assert_string_equal(line, "Z-Stack 3.x.0 2.7.1, revision 20240710");
    assert_false(znp_family.answers(span_of(is.at, is.len - 1), line, sizeof line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(an_endpoint_of_an_earlier_run_is_registered_anew),
        SCENE(an_endpoint_that_cannot_be_removed_is_used_as_it_is),
        SCENE(a_boot_loader_is_skipped_after_the_first_silent_ping),
        SCENE(the_lines_start_the_firmware_after_the_second),
        SCENE(the_lines_of_a_network_are_left_alone),
        SCENE(a_stick_that_stays_silent_is_given_up),
        SCENE(an_answer_that_does_not_come_is_asked_for_again),
        SCENE(a_damaged_answer_is_asked_for_again_soon),
        SCENE(a_state_that_was_not_heard_is_asked_for),
        SCENE(a_network_that_does_not_resume_in_a_minute_is_given_up),
        SCENE(a_stick_that_falls_silent_in_the_middle_is_given_up),
        SCENE(a_stick_that_restarts_in_the_middle_begins_again),
        SCENE(a_stick_that_restarts_for_ever_is_given_up),
        SCENE(what_earlier_runs_left_in_the_line_is_passed_over),
        SCENE(a_probe_names_the_firmware),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
