/* deconz_trouble_test.c -- what a deCONZ stick that is up may do to us: resets, silence, damage; and what it wants. */
#include "tests/radio/deconz_scene.h"

/* ---- trouble ---------------------------------------------------------------------------------------------------- */

static void a_reset_loses_what_was_under_way_and_the_network_comes_back(void **state)
{
    (void)state;
    has_network();
    comes_up();
    const uint8_t one = sends(10), two = sends(10);
    sim_deconz.reset(b.stick, b.s.now);
    talk();
    assert_int_equal(b.s.c->state, COORDINATOR_DOWN);
    sent_is(0, one, RADIO_LOST);
    sent_is(1, two, RADIO_LOST);
    passes(3000);
    assert_int_equal(b.s.c->state, COORDINATOR_UP);
    assert_int_equal(b.s.restart_count, 0);
    const uint8_t token = sends(10);
    ends(2, SIM_DELIVERED);
    sent_is(2, token, RADIO_DELIVERED);
    ends(0, SIM_DELIVERED); /* from before: nobody's */
    assert_int_equal(b.s.sent_count, 3);
}

static void the_watchdog_is_fed(void **state)
{
    (void)state;
    has_network();
    comes_up();
    const unsigned before = b.asked[DECONZ_WRITE];
    passes(700000);
    assert_int_equal(b.asked[DECONZ_WRITE], before + 3);
    assert_int_equal(b.s.state_count, 1);
    assert_int_equal(b.s.c->state, COORDINATOR_UP);
}

static void firmware_without_a_watchdog_is_left_in_peace(void **state)
{
    (void)state;
    has_network();
    b.stick->option = 1;
    comes_up();
    const unsigned before = b.asked[DECONZ_WRITE];
    passes(300000);
    assert_int_equal(b.asked[DECONZ_WRITE], before);
}

static void a_stick_that_falls_silent_is_given_up(void **state)
{
    (void)state;
    has_network();
    comes_up();
    b.mute = DECONZ_STATE;
    passes(20000);
    assert_int_equal(b.s.restart_count, 1);
    assert_non_null(strstr(b.s.restarts[0], "does not answer"));
}

static void a_damaged_frame_is_counted_and_its_news_asked_for(void **state)
{
    (void)state;
    has_network();
    comes_up();
    b.damaged = DECONZ_STATE_CHANGED;
    node_says("hello", false);
    passes(20);
    assert_int_equal(b.s.drop_count, 1);
    assert_int_equal(b.s.heard_count, 1);
}

static void a_damaged_answer_is_asked_for_again_soon(void **state)
{
    (void)state;
    has_network();
    comes_up();
    b.damaged = DECONZ_REQUEST;
    (void)sends(10);
    assert_int_equal(b.asked[DECONZ_REQUEST], 1);
    passes(250);
    assert_int_equal(b.asked[DECONZ_REQUEST], 2);
}

static void noise_does_not_make_a_silent_stick_be_given_up_sooner(void **state)
{
    (void)state;
    has_network();
    comes_up();
    b.mute = DECONZ_REQUEST;
    (void)sends(10);
    for (int i = 0; i < 30; i++) {
        stage_hears(&b.s, "c0 55 c0");
        passes(100);
    }
    assert_int_equal(b.s.restart_count, 0);
}

static void new_nodes_are_let_in_on_demand(void **state)
{
    (void)state;
    has_network();
    comes_up();
    deconz_family.permit_join(b.s.c, 60, b.s.now);
    talk();
    assert_int_equal(b.permit, 60);
    deconz_family.permit_join(b.s.c, 0, b.s.now);
    talk();
    assert_int_equal(b.permit, 0);
}

static void a_probe_is_recognised_by_its_answer(void **state)
{
    (void)state;
    uint8_t room[64], answer[64];
    char line[80];
    struct writer w = writer_of(room, sizeof room);
    struct span heard = hex_bytes("4100 c00d010009000007782644ffc0", answer, sizeof answer);
    const size_t len = deconz_family.probe(&w);
    static const uint8_t version[] = { 0xC0, 0x0D, 1, 0, 9, 0, 0, 0, 0, 0, 0xE9, 0xFF, 0xC0 };
    assert_true(span_equal(span_of(room, len), span_of(version, sizeof version)));
    assert_true(deconz_family.answers(heard, line, sizeof line));
    assert_string_equal(line, "ConBee II, firmware 0x26780700");
    assert_false(deconz_family.answers(span_text("OK\r\n"), line, sizeof line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(a_reset_loses_what_was_under_way_and_the_network_comes_back),
        SCENE(the_watchdog_is_fed),
        SCENE(firmware_without_a_watchdog_is_left_in_peace),
        SCENE(a_stick_that_falls_silent_is_given_up),
        SCENE(a_damaged_frame_is_counted_and_its_news_asked_for),
        SCENE(a_damaged_answer_is_asked_for_again_soon),
        SCENE(noise_does_not_make_a_silent_stick_be_given_up_sooner),
        SCENE(new_nodes_are_let_in_on_demand),
        SCENE(a_probe_is_recognised_by_its_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
