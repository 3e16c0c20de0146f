/* deconz_start_test.c -- a deCONZ stick comes up: on its network, on a new one, or not at all. */
#include "tests/radio/deconz_scene.h"

/* ---- coming up -------------------------------------------------------------------------------------------------- */

static void a_network_that_is_there_is_used_as_it_is(void **state)
{
    (void)state;
    has_network();
    comes_up();
    const struct coordinator_info *i = &b.s.c->info;
    assert_string_equal(i->firmware, "ConBee II, firmware 0x26780700");
    assert_true(i->eui64 == OWN && i->extended_pan_id == 0x00112233445566AA);
    assert_int_equal(i->pan_id, 0x1A62);
    assert_int_equal(i->channel, 20);
    assert_int_equal(i->payload_limit, 127);
    assert_int_equal(i->window, 4);
    assert_int_equal(b.network.key[0], 9);
    assert_false(b.s.key_made);
    assert_int_equal(b.permit, 0);
}

static void a_blank_stick_gets_the_network_of_the_settings(void **state)
{
    (void)state;
    b.s.settings.channel = 25;
    b.s.settings.pan_id = 0xBEEF;
    b.s.settings.extended_pan_id = 0x1122334455667788;
    comes_up();
    assert_true(b.network.formed && b.s.key_made);
    assert_int_equal(b.network.channel, 25);
    assert_int_equal(b.network.pan_id, 0xBEEF);
    assert_true(b.network.extended_pan_id == 0x1122334455667788);
    assert_memory_equal(b.network.key, b.s.key, 16);
}

static void what_the_settings_leave_open_is_chosen(void **state)
{
    (void)state;
    comes_up();
    assert_int_equal(b.network.channel, 15);
    assert_in_range(b.network.pan_id, 1, 0x3FFE);
    assert_true(b.network.extended_pan_id == OWN);
}

static void a_blank_stick_stays_blank_when_forming_is_forbidden(void **state)
{
    (void)state;
    b.s.settings.form = FORM_NEVER;
    starts();
    passes(1000);
    state_is(COORDINATOR_REFUSED, "form: never");
    assert_false(b.network.formed);
    assert_true(deconz_family.deadline(b.s.c) == MSEC_NEVER);
}

static void a_key_that_cannot_be_kept_makes_no_network(void **state)
{
    (void)state;
    b.s.key_cannot_be_kept = true;
    starts();
    state_is(COORDINATOR_REFUSED, "key");
    assert_false(b.network.formed);
}

static void a_network_that_differs_is_left_alone_and_both_values_are_shown(void **state)
{
    (void)state;
    has_network();
    b.s.settings.channel = 15;
    b.s.settings.pan_id = 0xBEEF;
    b.s.settings.extended_pan_id = 0x1122334455667788;
    b.s.has_key = true;
    starts();
    passes(1000);
    state_is(COORDINATOR_REFUSED, "channel 20 (settings: 15), PAN 0x1a62 (settings: 0xbeef)");
    state_is(COORDINATOR_REFUSED,
             "extended PAN 0x00112233445566aa (settings: 0x1122334455667788), its key ");
    state_is(COORDINATOR_REFUSED, "form: replace");
    assert_int_equal(b.asked[DECONZ_WRITE], 0);
    assert_int_equal(b.asked[DECONZ_CHANGE_STATE], 0);
}

static void the_key_of_the_settings_is_compared_where_it_is_the_same(void **state)
{
    (void)state;
    has_network();
    b.s.has_key = true;
    memcpy(b.s.key, b.network.key, 16);
    comes_up();
}

static void a_network_that_differs_is_replaced_when_a_person_says_so(void **state)
{
    (void)state;
    has_network();
    b.s.settings.form = FORM_REPLACE;
    b.s.settings.pan_id = 0xBEEF;
    comes_up();
    assert_int_equal(b.network.pan_id, 0xBEEF);
    assert_int_equal(b.network.channel, 20);
    assert_true(b.network.extended_pan_id == 0x00112233445566AA);
    assert_true(b.s.key_made);
}

static void what_the_settings_leave_open_stays_as_it_was(void **state)
{
    (void)state;
    has_network();
    b.s.settings.form = FORM_REPLACE;
    b.s.settings.channel = 15;
    comes_up();
    assert_int_equal(b.network.channel, 15);
    assert_int_equal(b.network.pan_id, 0x1A62);
}

static void replace_means_nothing_where_nothing_differs(void **state)
{
    (void)state;
    has_network();
    b.s.settings.form = FORM_REPLACE;
    b.s.settings.channel = 20;
    comes_up();
    assert_false(b.s.key_made);
    assert_int_equal(b.asked[DECONZ_CHANGE_STATE], 1); /* it was still joining */
}

static void a_stick_that_never_answers_is_given_up(void **state)
{
    (void)state;
    b.mute = DECONZ_VERSION;
    starts();
    passes(6000);
    assert_int_equal(b.s.restart_count, 1);
    assert_int_equal(b.asked[DECONZ_VERSION], 3);
    assert_int_equal(b.s.c->frames_good, 0);
}

static void a_lost_answer_is_asked_for_again(void **state)
{
    (void)state;
    has_network();
    b.mute = DECONZ_READ;
    starts();
    passes(1000);
    b.mute = 0;
    passes(4000);
    assert_int_equal(b.s.c->state, COORDINATOR_UP);
}

static void an_answer_with_the_wrong_command_is_no_answer(void **state)
{
    (void)state;
    has_network();
    comes_up();
    b.wrong = DECONZ_READ;
    stage_start(&b.s);
    talk();
    passes(1000);
    assert_int_equal(b.s.c->state, COORDINATOR_UP);
    assert_string_equal(b.s.c->info.firmware, "ConBee II, firmware 0x26780700");
}

static void firmware_that_often_answers_wrongly_is_borne(void **state)
{
    (void)state;
    b.stick->option = 2;
    comes_up();
}

static void a_damaged_answer_is_asked_for_again(void **state)
{
    (void)state;
    has_network();
    b.damaged = DECONZ_READ;
    starts();
    passes(4000);
    assert_int_equal(b.s.c->state, COORDINATOR_UP);
}

static void a_network_that_does_not_come_up_is_given_up_with_advice(void **state)
{
    (void)state;
    has_network();
    starts();
    b.mute = DECONZ_STATE_CHANGED;
    sim_deconz.reset(b.stick, b.s.now + 100000); /* it stays offline */
    passes(40000);
    assert_int_equal(b.s.restart_count, 1);
    assert_non_null(strstr(b.s.restarts[0], "USB 2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(a_network_that_is_there_is_used_as_it_is),
        SCENE(a_blank_stick_gets_the_network_of_the_settings),
        SCENE(what_the_settings_leave_open_is_chosen),
        SCENE(a_blank_stick_stays_blank_when_forming_is_forbidden),
        SCENE(a_key_that_cannot_be_kept_makes_no_network),
        SCENE(a_network_that_differs_is_left_alone_and_both_values_are_shown),
        SCENE(the_key_of_the_settings_is_compared_where_it_is_the_same),
        SCENE(a_network_that_differs_is_replaced_when_a_person_says_so),
        SCENE(what_the_settings_leave_open_stays_as_it_was),
        SCENE(replace_means_nothing_where_nothing_differs),
        SCENE(a_stick_that_never_answers_is_given_up),
        SCENE(a_lost_answer_is_asked_for_again),
        SCENE(an_answer_with_the_wrong_command_is_no_answer),
        SCENE(firmware_that_often_answers_wrongly_is_borne),
        SCENE(a_damaged_answer_is_asked_for_again),
        SCENE(a_network_that_does_not_come_up_is_given_up_with_advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
