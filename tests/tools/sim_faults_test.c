/* sim_faults_test.c -- what a person asks of the simulator while it runs, seen from the host. */
#include "tests/tools/sim_scene_host.h"

static void split_frames_come_octet_by_octet(void **state)
{
    (void)state;
    struct sim_scene_settings p = usual();
    p.nodes.count = 1;
    begin(&p);
    assert_string_equal(ask("split:1"), "ok split:1");
    host_opens();
    run_until(all_acknowledged);
    assert_true(w.reads > 5 * w.frames);
}

static void joined_frames_come_in_one_read(void **state)
{
    (void)state;
    struct sim_scene_settings p = usual();
    p.line.baud = 921600;
    begin(&p);
    assert_string_equal(ask("join:1"), "ok join:1");
    host_opens();
    run_until(all_acknowledged);
    assert_true(w.reads < w.frames);
}

static void a_swallowed_status_is_not_told(void **state)
{
    (void)state;
    const struct sim_scene_settings p = usual();
    begin(&p);
    assert_string_equal(ask("no-status:1"), "ok no-status:1");
    host_opens();
    run_until(all_acknowledged);
    assert_int_equal(w.outcomes[SIM_DELIVERED], 0);
}

static void a_stick_resets_itself_when_asked_and_after_so_many_frames(void **state)
{
    (void)state;
    const struct sim_scene_settings p = usual();
    begin(&p);
    assert_string_equal(ask("reset"), "ok reset");
    assert_int_equal(resets, 1);
    assert_string_equal(ask("reset:10"), "ok reset:10");
    host_opens();
    run_until(all_acknowledged);
    assert_true(resets > 3);
}

static bool heard_one_more(void)
{
    return w.frames >= 2;
}

static void a_quiet_stick_says_nothing_until_it_is_told_to(void **state)
{
    (void)state;
    struct sim_scene_settings p = usual();
    p.nodes.count = 1;
    p.nodes.plan.retry_ms = 600000;
    begin(&p);
    host_opens();
    w.mute = true;
    run_until(heard_something); /* its CONNECT */
    assert_string_equal(ask("quiet"), "ok quiet");
    assert_string_equal(ask("say 1 0216"), "ok say 1 0216");
    look_around();
    assert_string_equal(ask("quiet:0"), "ok quiet:0");
    assert_string_equal(ask("say 1 021817"), "ok say 1 021817");
    run_until(heard_one_more);
    assert_int_equal(w.frames, 2);
    assert_int_equal(w.nonsense, 1);
}

static void commands_that_make_no_sense_are_refused_with_what_would(void **state)
{
    (void)state;
    const struct sim_scene_settings p = usual();
    begin(&p);
    assert_string_equal(ask(""), "");
    assert_string_equal(ask("frobnicate"), "error frobnicate: no such command or fault");
    assert_string_equal(ask("noise"), "error noise: must be: noise OCTETS");
    assert_string_equal(ask("noise 0"), "error noise 0: must be: noise OCTETS");
    assert_string_equal(ask("rejoin 4"), "error rejoin 4: must be: rejoin NODE");
    assert_string_equal(ask("rejoin node-0003"), "ok rejoin node-0003");
    assert_string_equal(ask("say 1 0"), "error say 1 0: must be: say NODE HEX");
    assert_string_equal(ask("say 1 0g"), "error say 1 0g: must be: say NODE HEX");
    assert_string_equal(ask("  say  1  0216 "), "ok   say  1  0216 ");
    assert_string_equal(ask("a b c d"), "error a b c d: too many words");
    assert_string_equal(ask("checksum:x"), "error checksum:x: no such command or fault");
    assert_string_equal(ask("twin 2 node-0001"), "ok twin 2 node-0001");
}

static void a_fault_happens_once_or_every_so_many_times(void **state)
{
    (void)state;
    struct sim_faults f = { .random = 1 };
    unsigned struck = 0;
    assert_false(sim_faults_strike(&f, FAULT_SPLIT));
    assert_true(sim_faults_ask(&f, "split"));
    assert_true(sim_faults_strike(&f, FAULT_SPLIT));
    assert_false(sim_faults_strike(&f, FAULT_SPLIT));
    assert_true(sim_faults_ask(&f, "split:3"));
    for (unsigned i = 1; i <= 9; i++) {
        bool now = sim_faults_strike(&f, FAULT_SPLIT);
        assert_int_equal(now, i % 3 == 0);
        struck += now;
    }
    assert_int_equal(struck, 3);
    assert_true(sim_faults_ask(&f, "split:0"));
    for (unsigned i = 0; i < 9; i++)
        assert_false(sim_faults_strike(&f, FAULT_SPLIT));
    assert_false(sim_faults_ask(&f, "splits"));
    assert_false(sim_faults_ask(&f, "split:-1"));
}

static void a_damaged_frame_has_one_flipped_bit_inside(void **state)
{
    (void)state;
    struct sim_faults f = { .random = 1 };
    for (unsigned run = 0; run < 100; run++) {
        uint8_t frame[10] = { 0 };
        unsigned bits = 0;
        sim_faults_damage(&f, frame, sizeof frame);
        for (size_t i = 0; i < sizeof frame; i++)
            bits += (unsigned)__builtin_popcount(frame[i]);
        assert_int_equal(bits, 1);
        assert_int_equal(frame[0] | frame[9], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(split_frames_come_octet_by_octet),
        SCENE(joined_frames_come_in_one_read),
        SCENE(a_swallowed_status_is_not_told),
        SCENE(a_stick_resets_itself_when_asked_and_after_so_many_frames),
        SCENE(a_quiet_stick_says_nothing_until_it_is_told_to),
        SCENE(commands_that_make_no_sense_are_refused_with_what_would),
        cmocka_unit_test(a_fault_happens_once_or_every_so_many_times),
        cmocka_unit_test(a_damaged_frame_has_one_flipped_bit_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
