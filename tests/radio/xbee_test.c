/* xbee_test.c -- an XBee that is up hears frames from nodes; and one that is reset, loses its network, falls silent,
 * or was never in API mode. */
#include "tests/radio/xbee_scene.h"

static int opens(void **state)
{
    static struct module m;
    module_open(&m);
    module_comes_up(&m);
    *state = &m;
    return 0;
}

static int closes(void **state)
{
    stage_close(&((struct module *)*state)->stage);
    return 0;
}

/* ---- hearing ---- */

static void a_node_is_its_64_bit_address_wherever_it_rejoins(void **state)
{
    struct module *m = *state;
    module_says_heard(m, 0x1234, 0x01, "one");
    module_says_heard(m, 0x5678, 0x42, "two");
    assert_int_equal(m->stage.heard_count, 2);
    assert_true(m->stage.heard[0].eui64 == NODE_A && m->stage.heard[1].eui64 == NODE_A);
    assert_int_equal(m->stage.heard[1].nwk, 0x5678);
    assert_false(m->stage.heard[0].frame.broadcast || m->stage.heard[0].frame.sleeper);
    assert_true(m->stage.heard[1].frame.broadcast && m->stage.heard[1].frame.sleeper);
    assert_int_equal(m->stage.heard[0].frame.lqi, LQI_UNKNOWN);
    assert_null(neighbours_at(m->stage.neighbours, 0x1234));
}

static void an_explicit_frame_is_heard_too_and_its_addressing_is_kept(void **state)
{
    struct module *m = *state;
    struct xbee_frame f = { .type = XBEE_RECEIVE_EXPLICIT,
                            .eui64 = NODE_A,
                            .nwk = 0x1234,
                            .source_endpoint = 7,
                            .endpoint = 0xE8,
                            .profile = 0xC105,
                            .cluster = 0x11,
                            .data = span_text("x") };
    module_says(m, &f);
    assert_int_equal(m->stage.heard_count, 1);
    assert_int_equal(neighbours_find(m->stage.neighbours, NODE_A)->endpoint, 7);
    f.endpoint = 0xFF; /* to all endpoints */
    module_says(m, &f);
    assert_int_equal(m->stage.heard_count, 2);
    f.cluster = 0x12; /* its loopback */
    module_says(m, &f);
    assert_int_equal(m->stage.heard_count, 2);
    assert_int_equal(m->stage.drop_count, 1);
}

static void a_sender_without_64_bit_address_is_known_by_the_other_or_dropped(void **state)
{
    struct module *m = *state;
    struct xbee_frame f = {
        .type = XBEE_RECEIVE, .eui64 = UINT64_MAX, .nwk = 0x1234, .data = span_text("x")
    };
    module_says(m, &f);
    module_passes(m, 2500);
    assert_int_equal(m->stage.heard_count, 0);
    assert_int_equal(m->stage.drop_count, 1);
    module_node(m, 0);
    module_says(m, &f);
    assert_int_equal(m->stage.heard_count, 1);
}

static void a_frame_in_the_frame_is_told_once(void **state)
{
    struct module *m = *state;
    for (int i = 0; i < 3; i++)
        module_says(m, &(struct xbee_frame){ .type = XBEE_RECEIVE,
                                             .eui64 = NODE_A,
                                             .nwk = 1,
                                             .data = span_of("\x7E\x00\x04\x10", 4) });
    size_t told = 0;
    for (size_t i = 0; i < m->stage.log_count; i++)
        told += strstr(m->stage.logs[i], "looks like an API frame") != NULL;
    assert_int_equal(told, 1);
}

static void other_frames_do_no_harm(void **state)
{
    struct module *m = *state;
    static const uint8_t types[] = { 0x92, 0x95, 0x97, 0x98, 0xA1, 0xA3, 0x08, 0x10 };
    for (size_t i = 0; i < sizeof types; i++)
        module_says(m, &(struct xbee_frame){ .type = types[i] });
    module_says(m, &(struct xbee_frame){
                       .type = XBEE_AT_RESPONSE, .id = 9, .command = XBEE_COMMAND('A', 'I') });
    assert_int_equal(m->stage.c->state, COORDINATOR_UP);
    assert_int_equal(m->stage.heard_count + m->stage.sent_count, 0);
}

static void damaged_input_costs_only_itself(void **state)
{
    struct module *m = *state;
    stage_hears(&m->stage, "7e010090 0013");
    module_says_heard(m, 0x1234, 1, "behind a false start");
    assert_int_equal(m->stage.heard_count, 0);
    stage_passes(&m->stage, 200);
    assert_int_equal(m->stage.heard_count, 1);
}

/* ---- watching ---- */

static void new_nodes_are_let_in_for_a_while(void **state)
{
    struct module *m = *state;
    m->stage.c->family->permit_join(m->stage.c, 60, m->stage.now);
    module_turns(m);
    assert_string_equal(m->notes, "NJ=3c");
}

static void a_reset_ends_all_frames_and_everything_is_read_anew(void **state)
{
    struct module *m = *state;
    module_sends(m, 0, "x");
    module_sends(m, 1, "y");
    module_says_modem(m, 1);
    assert_int_equal(m->stage.sent_count, 2);
    last_sent_is(m, 2, RADIO_LOST);
    assert_int_equal(m->stage.c->state, COORDINATOR_STARTING);
    assert_string_equal(last_why(m), "its watchdog reset it");
    module_turns(m);
    assert_int_equal(m->stage.c->state, COORDINATOR_UP);
    assert_non_null(strstr(m->notes, "VR AP HV"));
}

static void a_lost_network_is_watched_for_and_never_formed_again(void **state)
{
    struct module *m = *state;
    module_sends(m, 0, "x");
    module_set(m, "AI", 0x21);
    module_says_modem(m, 3);
    assert_int_equal(m->stage.c->state, COORDINATOR_DOWN);
    last_sent_is(m, 1, RADIO_LOST);
    module_passes(m, 120000);
    assert_int_equal(m->stage.c->state, COORDINATOR_DOWN);
    assert_null(strstr(m->notes, "+"));
    module_set(m, "AI", 0);
    module_passes(m, 5000);
    assert_int_equal(m->stage.c->state, COORDINATOR_UP);
}

static void a_module_that_says_it_is_in_no_network_is_down(void **state)
{
    struct module *m = *state;
    module_set(m, "AI", 0x21);
    ends_as(m, 0x22, RADIO_LOST);
    assert_int_equal(m->stage.c->state, COORDINATOR_DOWN);
}

static void a_silent_module_is_asked_and_an_answer_is_enough(void **state)
{
    struct module *m = *state;
    module_passes(m, 10000);
    assert_string_equal(m->notes, "AI");
    module_passes(m, 9999);
    assert_string_equal(m->notes, "AI");
    module_says_heard(m, 0x1234, 1, "x"); /* whatever is heard shows that it lives */
    module_passes(m, 9999);
    assert_string_equal(m->notes, "AI");
    module_set(m, "AI", 0x22);
    module_passes(m, 1);
    assert_int_equal(m->stage.c->state, COORDINATOR_DOWN);
}

static void a_module_that_answers_no_more_is_begun_anew(void **state)
{
    struct module *m = *state;
    module_at(m, "AI")->mute = true;
    module_sends(m, 0, "x");
    module_passes(m, 15999);
    assert_int_equal(m->stage.restart_count, 0);
    module_passes(m, 1);
    assert_string_equal(m->stage.restarts[0], "it does not answer any more (AI)");
    assert_string_equal(m->notes, "AI AI AI");
    assert_int_equal(m->stage.c->family->deadline(m->stage.c), MSEC_NEVER);
    module_at(m, "AI")->mute = false;
    module_comes_up(m);
}

static void a_pan_id_that_changed_is_read(void **state)
{
    struct module *m = *state;
    module_set(m, "OI", 0x7777);
    module_says_modem(m, 0x3F);
    stage_passes(&m->stage, 1);
    m->stage.c->family->tick(m->stage.c, m->stage.now);
    module_turns(m);
    assert_int_equal(m->stage.c->info.pan_id, 0x7777);
}

static void a_network_that_was_started_anew_is_looked_at_anew(void **state)
{
    struct module *m = *state;
    m->stage.settings.channel = 15;
    module_set(m, "CH", 20);
    module_says_modem(m, 6);
    module_turns(m);
    assert_int_equal(m->stage.c->state, COORDINATOR_REFUSED);
}

static void a_refused_module_that_is_switched_on_again_gets_its_time_again(void **state)
{
    struct module *m = *state;
    module_set(m, "AI", 0xFF);
    module_start(m);
    module_passes(m, 25000);
    assert_int_equal(m->stage.c->state, COORDINATOR_REFUSED);
    module_says_modem(m, 0);
    module_turns(m);
    assert_int_equal(m->stage.c->state, COORDINATOR_STARTING);
    module_set(m, "AI", 0);
    module_passes(m, 1000);
    assert_int_equal(m->stage.c->state, COORDINATOR_UP);
}

/* ---- before it is known ---- */

static void only_an_answer_counts_while_the_dialect_is_not_known(void **state)
{
    struct module *m = *state;
    stage_start(&m->stage);
    stage_skip_writes(&m->stage);
    module_says_modem(m, 0);
    module_says_heard(m, 0x1234, 1, "x");
    stage_wrote_nothing(&m->stage);
    assert_int_equal(m->stage.drop_count, 0);
}

static void a_late_answer_answers_no_later_question(void **state)
{
    struct module *m = *state;
    stage_start(&m->stage);
    stage_passes(&m->stage, 1000);
    stage_skip_writes(&m->stage);
    stage_hears(&m->stage, "7e000788015652001012ac");
    stage_wrote_nothing(&m->stage);
    stage_hears(&m->stage, "7e000788025652001012ab");
    stage_wrote(&m->stage, "7e00040803415063");
}

/* ---- no XBee in API mode ---- */

static void nobody_answers(void **state)
{
    struct module *m = *state;
    stage_start(&m->stage);
    stage_passes(&m->stage, 1999);
    stage_wrote(&m->stage, "7e0004080156524e");
    stage_wrote(&m->stage, "7e0004080256524d");
    stage_wrote_nothing(&m->stage);
    stage_passes(&m->stage, 1101); /* and no octet for a second */
    stage_wrote(&m->stage, "2b2b2b");
}

static void an_xbee_in_transparent_mode_is_switched_and_nothing_is_saved(void **state)
{
    struct module *m = *state;
    nobody_answers(state);
    stage_hears(&m->stage, "4f");
    stage_hears(&m->stage, "4b0d");
    stage_wrote(&m->stage, "41544150310d"); /* ATAP1 */
    stage_hears(&m->stage, "4f4b0d");
    stage_wrote(&m->stage, "4154434e0d"); /* ATCN */
    stage_hears(&m->stage, "4f4b0d");
    module_turns(m);
    assert_int_equal(m->stage.c->state, COORDINATOR_UP);
    assert_null(strstr(m->notes, "WR"));
}

static void nothing_at_all_is_given_up_so_that_another_speed_is_tried(void **state)
{
    struct module *m = *state;
    nobody_answers(state);
    stage_hears(&m->stage, "4552524f520d"); /* ERROR */
    stage_passes(&m->stage, 2500);
    assert_int_equal(m->stage.restart_count, 1);
    assert_string_equal(m->stage.restarts[0], "no XBee answers, neither in API mode nor to +++");
    assert_int_equal(m->stage.c->frames_good, 0);
    stage_wrote_nothing(&m->stage);
}

static void a_switch_that_does_not_help_is_given_up(void **state)
{
    struct module *m = *state;
    nobody_answers(state);
    for (int i = 0; i < 3; i++)
        stage_hears(&m->stage, "4f4b0d");
    stage_passes(&m->stage, 2000);
    assert_int_equal(m->stage.restart_count, 1);
}

static void an_api_mode_that_nobody_knows_is_given_up(void **state)
{
    struct module *m = *state;
    module_at(m, "AP")->value = 3;
    module_start(m);
    assert_string_equal(m->stage.restarts[0], "its API mode (AP) is none of 1 and 2");
}

static void a_probe_knows_an_xbee_by_its_answer(void **state)
{
    (void)state;
    uint8_t room[16];
    char line[64];
    struct writer w = writer_of(room, sizeof room);
    const struct span plain = hex_bytes("00 7e00078801565200 1012 ac", room, sizeof room);
    assert_true(xbee_family.answers(plain, line, sizeof line));
    assert_string_equal(line, "XBee, firmware 1012");
    assert_false(xbee_family.answers(span_of(room, plain.len - 1), line, sizeof line));
    const struct span escaped = hex_bytes("7e00078801565200107d33ab", room, sizeof room);
    assert_true(xbee_family.answers(escaped, line, sizeof line));
    assert_string_equal(line, "XBee, firmware 1013");
    assert_int_equal(xbee_family.probe(&w), 8);
    assert_memory_equal(room, "\x7E\x00\x04\x08\x01\x56\x52\x4E", 8);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, opens, closes)
    const struct CMUnitTest tests[] = {
        SCENE(a_node_is_its_64_bit_address_wherever_it_rejoins),
        SCENE(an_explicit_frame_is_heard_too_and_its_addressing_is_kept),
        SCENE(a_sender_without_64_bit_address_is_known_by_the_other_or_dropped),
        SCENE(a_frame_in_the_frame_is_told_once),
        SCENE(other_frames_do_no_harm),
        SCENE(damaged_input_costs_only_itself),
        SCENE(new_nodes_are_let_in_for_a_while),
        SCENE(a_reset_ends_all_frames_and_everything_is_read_anew),
        SCENE(a_lost_network_is_watched_for_and_never_formed_again),
        SCENE(a_module_that_says_it_is_in_no_network_is_down),
        SCENE(a_silent_module_is_asked_and_an_answer_is_enough),
        SCENE(a_module_that_answers_no_more_is_begun_anew),
        SCENE(a_pan_id_that_changed_is_read),
        SCENE(a_network_that_was_started_anew_is_looked_at_anew),
        SCENE(a_refused_module_that_is_switched_on_again_gets_its_time_again),
        SCENE(only_an_answer_counts_while_the_dialect_is_not_known),
        SCENE(a_late_answer_answers_no_later_question),
        SCENE(an_xbee_in_transparent_mode_is_switched_and_nothing_is_saved),
        SCENE(nothing_at_all_is_given_up_so_that_another_speed_is_tried),
        SCENE(a_switch_that_does_not_help_is_given_up),
        SCENE(an_api_mode_that_nobody_knows_is_given_up),
        SCENE(a_probe_knows_an_xbee_by_its_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
