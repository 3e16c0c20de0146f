/* znp_start_test.c -- the network of a Z-Stack stick: resumed, formed, or refused. */
#include "tests/radio/znp_scene.h"

/* ---- a network --------------------------------------------------------------------------------------------------- */

static void a_network_that_agrees_is_resumed(void **state)
{
    struct scene *x = *state;
    x->formed = true;
    x->s.settings.channel = STICK_CHANNEL;
    x->s.settings.pan_id = STICK_PAN;
    x->s.settings.extended_pan_id = STICK_XPAN;
    x->s.has_key = true;
    memset(x->s.key, 0xAA, 16);
    scene_start(x);
    state_is(x, COORDINATOR_UP, "");
    assert_true(was_asked(x, ZNP_START) && !was_asked(x, ZNP_NV_WRITE) &&
                !was_asked(x, ZNP_COMMISSION));
    const struct coordinator_info *i = &x->s.c->info;
    assert_string_equal(i->firmware, "Z-Stack 3.x.0 2.7.1, revision 20240710");
    assert_true(i->eui64 == STICK_EUI64 && i->extended_pan_id == STICK_XPAN);
    assert_int_equal(i->pan_id, STICK_PAN);
    assert_int_equal(i->channel, STICK_CHANNEL);
    assert_int_equal(i->payload_limit, 82);
    assert_int_equal(i->broadcast_limit, 82);
    assert_int_equal(i->window, 16);
}

static void the_first_request_is_a_ping_and_the_last_closes_the_network(void **state)
{
    struct scene *x = *state;
    x->formed = true;
    stage_start(&x->s);
    machine_asked(x, "2101");
    stage_wrote_nothing(&x->s);
    x->s.write_read = 0;
    stick_answers(x);
    x->s.write_read = x->s.write_count - 2;
    machine_asked(x, "2400 e8 05c1 0100 00 00 01 1100 01 1100");
    machine_asked(x, "2536 0f fcff 00 00");
}

static void a_network_that_runs_is_not_started_again(void **state)
{
    struct scene *x = *state;
    x->formed = true;
    x->state = 9;
    scene_start(x);
    state_is(x, COORDINATOR_UP, "");
    assert_false(was_asked(x, ZNP_START));
    assert_int_equal(x->s.c->info.pan_id, STICK_PAN);
}

static void a_network_is_adopted_when_the_settings_name_nothing(void **state)
{
    struct scene *x = *state;
    x->formed = true;
    x->pan_id = 0x4321;
    x->channel = 25;
    scene_start(x);
    state_is(x, COORDINATOR_UP, "");
    assert_int_equal(x->s.c->info.channel, 25);
    assert_false(x->s.key_made);
    assert_int_equal(x->s.log_count, 0);
}

static void older_firmware_tells_its_network_without_a_state(void **state)
{
    struct scene *x = *state;
    x->formed = x->old_info = true;
    x->state = 9;
    scene_start(x);
    state_is(x, COORDINATOR_UP, "");
    assert_int_equal(x->s.c->info.channel, STICK_CHANNEL);
    assert_true(x->s.c->info.extended_pan_id == STICK_XPAN);
}

static void small_sticks_get_two_frames_at_once(void **state)
{
    struct scene *x = *state;
    x->formed = true;
    x->product = 2;
    scene_start(x);
    assert_int_equal(x->s.c->info.window, 2);
}

/* ---- refusing ---------------------------------------------------------------------------------------------------- */

static void nothing_is_touched(struct scene *x)
{
    assert_false(was_asked(x, ZNP_NV_WRITE) || was_asked(x, ZNP_RESET) || was_asked(x, ZNP_START) ||
                 was_asked(x, ZNP_COMMISSION));
    time_passes(x, 600000);
    assert_int_equal(x->s.c->state, COORDINATOR_REFUSED);
    assert_int_equal(x->s.restart_count, 0);
}

static void a_network_that_differs_is_refused_with_both_values(void **state)
{
    struct scene *x = *state;
    x->formed = true;
    x->s.settings.channel = 20;
    x->s.settings.pan_id = 0x1111;
    x->s.settings.extended_pan_id = 0x1122334455667788;
    x->s.has_key = true;
    scene_start(x);
    state_is(x, COORDINATOR_REFUSED,
             "other network: channel 15 (settings: 20), PAN 0x1a62 (settings: 0x1111)");
    state_is(x, COORDINATOR_REFUSED,
             "0xdddddddddddddddd (settings: 0x1122334455667788), its key is not");
    state_is(x, COORDINATOR_REFUSED, "; correct the settings, or form: replace");
    nothing_is_touched(x);
}

static void another_key_is_refused_and_not_shown(void **state)
{
    struct scene *x = *state;
    x->formed = true;
    x->s.has_key = true;
    memset(x->s.key, 0xBB, 16);
    scene_start(x);
    state_is(x, COORDINATOR_REFUSED, "its key is not the one in");
    assert_null(strstr(x->s.states[0].why, "aa"));
    assert_null(strstr(x->s.states[0].why, "bb"));
    nothing_is_touched(x);
}

static void a_running_network_that_differs_is_refused(void **state)
{
    struct scene *x = *state;
    x->formed = true;
    x->state = 9;
    x->s.settings.channel = 11;
    scene_start(x);
    state_is(x, COORDINATOR_REFUSED, "channel 15 (settings: 11)");
    nothing_is_touched(x);
}

static void a_key_that_the_stick_hides_is_not_compared(void **state)
{
    struct scene *x = *state;
    x->formed = x->hides_key = true;
    x->s.has_key = true;
    scene_start(x);
    state_is(x, COORDINATOR_UP, "");
    assert_true(was_logged(x, "does not tell its network key"));
}

static void a_blank_stick_is_left_blank_when_forming_is_forbidden(void **state)
{
    struct scene *x = *state;
    x->s.settings.form = FORM_NEVER;
    scene_start(x);
    state_is(x, COORDINATOR_REFUSED, "form: blank");
    nothing_is_touched(x);
}

static void no_network_is_formed_without_a_key(void **state)
{
    struct scene *x = *state;
    x->s.key_cannot_be_kept = true;
    scene_start(x);
    state_is(x, COORDINATOR_REFUSED, "network_key_file");
    nothing_is_touched(x);
}

/* ---- forming ----------------------------------------------------------------------------------------------------- */

static void stored(const struct scene *x, size_t i, uint16_t item, const char *hex)
{
    uint8_t bytes[16];
    struct span want = hex_bytes(hex, bytes, sizeof bytes);
    assert_true(i < x->item_count);
    assert_int_equal(x->items[i], item);
    assert_memory_equal(x->values[i], want.at, want.len);
}

static void a_blank_stick_gets_the_network_of_the_settings(void **state)
{
    struct scene *x = *state;
    x->s.settings.channel = 20;
    x->s.settings.pan_id = 0x2345;
    x->s.settings.extended_pan_id = 0x0102030405060708;
    scene_start(x);
    state_is(x, COORDINATOR_UP, "");
    assert_true(x->s.key_made);
    assert_int_equal(x->item_count, 10);
    stored(x, 0, 0x0003, "03");
    stored(x, 1, 0x0003, "00");
    stored(x, 2, 0x0087, "00");
    stored(x, 3, 0x008F, "01");
    stored(x, 4, 0x0084, "00001000");
    stored(x, 5, 0x0083, "4523");
    stored(x, 6, 0x002D, "0807060504030201");
    stored(x, 7, 0x0047, "0807060504030201");
    stored(x, 8, 0x0063, "00");
    stored(x, 9, 0x0062, "0102030405060708090a0b0c0d0e0f10");
    assert_true(was_asked(x, ZNP_SET_CHANNELS) && was_asked(x, ZNP_COMMISSION));
    assert_false(was_asked(x, ZNP_START) || was_asked(x, ZNP_CONFIGURE));
    assert_int_equal(x->s.c->info.channel, 20);
    assert_int_equal(x->s.c->info.pan_id, 0x2345);
}

static void what_the_settings_leave_open_is_chosen(void **state)
{
    struct scene *x = *state;
    scene_start(x);
    state_is(x, COORDINATOR_UP, "");
    assert_int_equal(x->channel, 15);
    assert_true(x->pan_id > 0 && x->pan_id < 0xFFFE && x->pan_id != STICK_PAN);
    assert_true(x->extended_pan_id == STICK_EUI64);
}

static void an_old_stick_gets_its_key_by_the_simple_interface_and_forms_by_starting(void **state)
{
    struct scene *x = *state;
    x->product = 0;
    scene_start(x);
    state_is(x, COORDINATOR_UP, "");
    assert_true(was_asked(x, ZNP_CONFIGURE) && was_asked(x, ZNP_START));
    assert_false(was_asked(x, ZNP_COMMISSION) || was_asked(x, ZNP_SET_CHANNELS));
    stored(x, 9, 0x0062, "0102030405060708090a0b0c0d0e0f10");
}

static void an_item_that_does_not_exist_is_made(void **state)
{
    struct scene *x = *state;
    x->has_no_items = true;
    scene_start(x);
    state_is(x, COORDINATOR_UP, "");
    assert_true(was_asked(x, ZNP_NV_INIT));
    stored(x, 0, 0x0003, "03");
    assert_int_equal(x->item_count, 10);
}

static void another_network_is_replaced_when_the_settings_say_so(void **state)
{
    struct scene *x = *state;
    x->formed = true;
    x->state = 9;
    x->s.settings.channel = 25;
    x->s.settings.form = FORM_REPLACE;
    scene_start(x);
    state_is(x, COORDINATOR_UP, "");
    assert_int_equal(x->s.c->info.channel, 25);
    assert_true(was_logged(x, "replaced: channel 15 (settings: 25)"));
}

static void the_right_network_is_not_replaced(void **state)
{
    struct scene *x = *state;
    x->formed = true;
    x->s.settings.channel = STICK_CHANNEL;
    x->s.settings.form = FORM_REPLACE;
    scene_start(x);
    state_is(x, COORDINATOR_UP, "");
    assert_int_equal(x->item_count, 0);
}

static void a_pan_id_in_use_nearby_is_reported(void **state)
{
    struct scene *x = *state;
    x->s.settings.pan_id = 0x2345;
    x->picks_other_pan = true;
    scene_start(x);
    state_is(x, COORDINATOR_UP, "");
    assert_int_equal(x->s.c->info.pan_id, 0x2346);
    assert_true(was_logged(x, "PAN id 0x2345 is in use nearby: the stick took 0x2346"));
}

static void a_network_that_took_another_pan_id_is_the_right_one_later(void **state)
{
    struct scene *x = *state;
    x->formed = true;
    x->told_pan_id = STICK_PAN - 1;
    x->s.settings.pan_id = STICK_PAN - 1;
    scene_start(x);
    state_is(x, COORDINATOR_UP, "");
    assert_int_equal(x->s.c->info.pan_id, STICK_PAN);
}

static void a_stick_that_never_forms_is_given_up(void **state)
{
    struct scene *x = *state;
    x->mute = ZNP_COMMISSION;
    scene_start(x);
    stick_says(x, "6f05 00");
    time_passes(x, 99999);
    assert_int_equal(x->s.restart_count, 0);
    time_passes(x, 1);
    assert_int_equal(x->s.restart_count, 1);
    assert_non_null(strstr(x->s.restarts[0], "USB 3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(a_network_that_agrees_is_resumed),
        SCENE(the_first_request_is_a_ping_and_the_last_closes_the_network),
        SCENE(a_network_that_runs_is_not_started_again),
        SCENE(a_network_is_adopted_when_the_settings_name_nothing),
        SCENE(older_firmware_tells_its_network_without_a_state),
        SCENE(small_sticks_get_two_frames_at_once),
        SCENE(a_network_that_differs_is_refused_with_both_values),
        SCENE(another_key_is_refused_and_not_shown),
        SCENE(a_running_network_that_differs_is_refused),
        SCENE(a_key_that_the_stick_hides_is_not_compared),
        SCENE(a_blank_stick_is_left_blank_when_forming_is_forbidden),
        SCENE(no_network_is_formed_without_a_key),
        SCENE(a_blank_stick_gets_the_network_of_the_settings),
        SCENE(what_the_settings_leave_open_is_chosen),
        SCENE(an_old_stick_gets_its_key_by_the_simple_interface_and_forms_by_starting),
        SCENE(an_item_that_does_not_exist_is_made),
        SCENE(another_network_is_replaced_when_the_settings_say_so),
        SCENE(the_right_network_is_not_replaced),
        SCENE(a_pan_id_in_use_nearby_is_reported),
        SCENE(a_network_that_took_another_pan_id_is_the_right_one_later),
        SCENE(a_stick_that_never_forms_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
