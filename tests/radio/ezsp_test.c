/* ezsp_test.c -- watching over an EZSP NCP: silence, resets, failures, a table that stays full, and beginning again. */
#include "tests/radio/ezsp_peer.h"

/* ---- failures -------------------------------------------------------------------------------------------------- */

static void silence_is_no_ezsp_ncp(void **state)
{
    struct peer *p = *state;
    p->mute = true;
    starts(p);
    peer_passes(p, 4999);
    assert_int_equal(p->stage.restart_count, 0);
    peer_passes(p, 1);
    assert_int_equal(p->stage.restart_count, 1);
    assert_non_null(strstr(p->stage.restarts[0], "not an EZSP NCP"));
}

static void a_command_without_an_answer_ends_in_a_reset(void **state)
{
    struct peer *p = *state;
    p->joined = true;
    p->silent_on = EZSP_GET_EUI64;
    starts(p);
    is_in(p, COORDINATOR_STARTING);
    p->silent_on = PEER_NOTHING;
    peer_passes(p, 10000);
    is_in(p, COORDINATOR_UP);
    assert_int_equal(peer_was_asked(p, EZSP_VERSION), 4);
}

static void a_network_that_does_not_start_ends_in_a_reset(void **state)
{
    struct peer *p = *state;
    p->joined = true;
    p->refuses = EZSP_NETWORK_INIT;
    starts(p);
    assert_int_equal(p->stage.restart_count, 1);
    stage_start(&p->stage);
    p->refuses = PEER_NOTHING;
    peer_runs(p);
    is_in(p, COORDINATOR_UP);
}

static void a_silent_ncp_is_asked_whether_it_lives(void **state)
{
    struct peer *p = *state;
    p->joined = true;
    starts(p);
    peer_passes(p, 9999);
    assert_int_equal(peer_was_asked(p, EZSP_NOP), 0);
    peer_passes(p, 30001);
    assert_int_equal(peer_was_asked(p, EZSP_NOP), 4);
    is_in(p, COORDINATOR_UP);
}

static void an_ncp_that_answers_no_more_is_reset_four_times_and_then_left(void **state)
{
    struct peer *p = *state;
    p->joined = true;
    starts(p);
    p->deaf = true;
    peer_passes(p, 30000);
    is_in(p, COORDINATOR_STARTING);
    assert_int_equal(p->stage.restart_count, 0);
    peer_passes(p, 15000);
    assert_int_equal(p->stage.restart_count, 1);
}

static void a_second_answer_to_the_first_reset_is_no_failure(void **state)
{
    struct peer *p = *state;
    p->joined = true;
    stage_start(&p->stage);
    ash_announce(&p->link, ASH_RESET_EXTERNAL); /* the opening of the port had reset it */
    peer_runs(p);
    is_in(p, COORDINATOR_UP);
    assert_int_equal(p->stage.state_count, 1);
    assert_int_equal(p->stage.log_count, 0);
}

static void a_reset_by_itself_runs_the_whole_sequence_again(void **state)
{
    struct peer *p = *state;
    p->joined = true;
    starts(p);
    size_t before = p->asked_count;
    p->asked_count = 0;
    p->header = 4;
    ash_announce(&p->link, ASH_RESET_WATCHDOG);
    peer_runs(p);
    is_in(p, COORDINATOR_UP);
    assert_int_equal(p->asked_count, before);
    assert_int_equal(p->stage.states[1].state, COORDINATOR_STARTING);
    assert_non_null(strstr(p->stage.states[1].why, "watchdog"));
}

static void says_to_all(struct peer *p)
{
    p->stage.c->family->broadcast(p->stage.c, 0, span_text("x"), p->stage.now);
}

/* The NCP counts from 0 after a reset, and would take a frame of before for the first of the new count. */
static void what_was_on_its_way_when_it_reset_itself_is_not_counted(void **state)
{
    struct peer *p = *state;
    p->joined = true;
    starts(p);
    for (int i = 0; i < 8; i++) { /* whatever number it had */
        peer_passes(p, 61000);
        for (int n = 0; n < i; n++) {
            says_to_all(p);
            peer_runs(p);
        }
        p->asked_count = 0;
        says_to_all(p);
        p->header = 4;
        ash_announce(&p->link, ASH_RESET_WATCHDOG);
        peer_runs(p);
        is_in(p, COORDINATOR_UP);
    }
}

static void a_network_that_goes_down_is_waited_for(void **state)
{
    struct peer *p = *state;
    p->joined = true;
    starts(p);
    peer_calls_back_status(p, EZSP_NETWORK_DOWN);
    peer_runs(p);
    is_in(p, COORDINATOR_DOWN);
    peer_calls_back_status(p, EZSP_NETWORK_UP);
    peer_runs(p);
    is_in(p, COORDINATOR_UP);
    peer_calls_back_status(p, EZSP_NETWORK_DOWN);
    peer_passes(p, 30000);
    is_in(p, COORDINATOR_UP); /* after a reset */
    assert_int_equal(peer_was_asked(p, EZSP_VERSION), 4);
}

static void the_probe_recognises_the_answer_to_a_reset(void **state)
{
    (void)state;
    uint8_t bytes[16];
    char line[80];
    struct writer w = writer_of(bytes, sizeof bytes);
    assert_int_equal(ezsp_family.probe(&w), 5);
    assert_memory_equal(bytes, "\x1a\xc0\x38\xbc\x7e", 5);
    assert_false(ezsp_family.answers(span_of("\xfe\x01\x02\x7e", 4), line, sizeof line));
    assert_true(
        ezsp_family.answers(span_of("\x11\x1a\xc1\x02\x0b\x0a\x52\x7e", 8), line, sizeof line));
    assert_string_equal(line, "EmberZNet NCP, ASH version 2 (reset on request)");
}

static void failures_long_ago_do_not_count(void **state)
{
    struct peer *p = *state;
    p->joined = true;
    starts(p);
    for (int i = 0; i < 10; i++) {
        peer_passes(p, 61000);
        p->asked_count = 0;
        p->header = 4;
        ash_announce(&p->link, ASH_RESET_WATCHDOG);
        peer_runs(p);
        is_in(p, COORDINATOR_UP);
    }
    assert_int_equal(p->stage.restart_count, 0);
    for (int i = 0; i < 4; i++) {
        p->header = 4;
        ash_announce(&p->link, ASH_RESET_WATCHDOG);
        peer_runs(p);
    }
    assert_int_equal(p->stage.restart_count, 1);
}

static void an_answer_to_something_else_is_not_taken(void **state)
{
    struct peer *p = *state;
    uint8_t room[8];
    p->joined = true;
    p->silent_on = EZSP_MAXIMUM_PAYLOAD;
    starts(p);
    struct writer w = writer_of(room, sizeof room);
    write_u8(&w, 99);
    p->sequence--;
    peer_sends(p, EZSP_RESPONSE, EZSP_MAXIMUM_PAYLOAD, &w, room);
    p->sequence++;
    peer_sends(p, EZSP_RESPONSE, EZSP_GET_EUI64, &w, room);
    peer_runs(p);
    is_in(p, COORDINATOR_STARTING);
    peer_sends(p, EZSP_RESPONSE, EZSP_MAXIMUM_PAYLOAD, &w, room);
    peer_runs(p);
    is_in(p, COORDINATOR_UP);
    assert_int_equal(p->stage.c->info.payload_limit, 99);
}

/* ---- full of nothing ------------------------------------------------------------------------------------------- */

static const uint64_t NODE = 0x0013A20040401122;

static void is_up(struct peer *p)
{
    p->joined = true;
    starts(p);
    is_in(p, COORDINATOR_UP);
}

static uint8_t sends(struct peer *p, const char *text)
{
    stage_sends(&p->stage, stage_node(&p->stage, NODE, 0x1234), span_text(text));
    peer_runs(p);
    return p->stage.last_token;
}

/* A new frame every second. */
static void is_offered_frames(struct peer *p, unsigned seconds)
{
    while (seconds-- > 0) {
        sends(p, "x");
        peer_passes(p, 1000);
    }
}

static void an_ncp_that_stays_full_of_nothing_is_reset(void **state)
{
    struct peer *p = *state;
    for (uint8_t version = 13; version <= 14; version++) {
        peer_close(p);
        peer_open(p, version);
        is_up(p);
        p->taken = version == 14 ? EZSP_NO_BUFFERS : EZSP_TOO_MANY_MESSAGES;
        is_offered_frames(p, 30);
        assert_int_equal(p->stage.state_count, 1);
        assert_int_equal(p->stage.sent[29].result, RADIO_BUSY);
        sends(p, "y");
        assert_int_equal(p->stage.states[1].state, COORDINATOR_STARTING);
        assert_non_null(strstr(p->stage.states[1].why, version == 14 ? "0x19" : "0x72"));
        assert_int_equal(p->stage.sent[30].result, RADIO_LOST); /* it goes again, as if never tried */
        assert_int_equal(p->stage.c->state, COORDINATOR_UP);
        p->taken = EZSP_OK; /* which a reset is good for */
        peer_reports(p, sends(p, "z"), EZSP_OK);
        assert_int_equal(p->stage.sent[31].result, RADIO_DELIVERED);
        assert_int_equal(p->stage.restart_count, 0);
    }
}

static void an_ncp_that_is_full_now_and_then_is_left_alone(void **state)
{
    struct peer *p = *state;
    is_up(p);
    for (int i = 0; i < 3; i++) {
        p->taken = EZSP_TOO_MANY_MESSAGES;
        is_offered_frames(p, 29);
        p->taken = EZSP_OK;
        peer_reports(p, sends(p, "y"), EZSP_OK);
    }
    assert_int_equal(p->stage.state_count, 1);
}

static void an_ncp_that_is_full_of_our_frames_is_left_alone(void **state)
{
    struct peer *p = *state;
    is_up(p);
    stage_node(&p->stage, NODE + 1, 0x1235)->sleeper = true;
    stage_sends(&p->stage, stage_node(&p->stage, NODE + 1, 0x1235), span_text("x"));
    peer_runs(p);
    p->taken = EZSP_TOO_MANY_MESSAGES;
    is_offered_frames(p, 59); /* for 30 of them, the sleeper's is under way */
    assert_int_equal(p->stage.state_count, 1);
    is_offered_frames(p, 2);
    assert_int_equal(p->stage.states[1].state, COORDINATOR_STARTING);
}

static void an_ncp_that_does_not_get_well_costs_the_line(void **state)
{
    struct peer *p = *state;
    is_up(p);
    p->taken = EZSP_TOO_MANY_MESSAGES;
    for (int i = 0; i < 125 && p->stage.restart_count == 0; i++) {
        sends(p, "x");
        p->stage.sent_count = 0; /* there is room for so many notes only */
        p->asked_count = 0;
        peer_passes(p, 1000);
    }
    assert_int_equal(p->stage.restart_count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_set_up, peer_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(silence_is_no_ezsp_ncp),
        TEST(a_command_without_an_answer_ends_in_a_reset),
        TEST(a_network_that_does_not_start_ends_in_a_reset),
        TEST(a_silent_ncp_is_asked_whether_it_lives),
        TEST(an_ncp_that_answers_no_more_is_reset_four_times_and_then_left),
        TEST(a_second_answer_to_the_first_reset_is_no_failure),
        TEST(a_reset_by_itself_runs_the_whole_sequence_again),
        TEST(what_was_on_its_way_when_it_reset_itself_is_not_counted),
        TEST(a_network_that_goes_down_is_waited_for),
        TEST(the_probe_recognises_the_answer_to_a_reset),
        TEST(failures_long_ago_do_not_count),
        TEST(an_answer_to_something_else_is_not_taken),
        TEST(an_ncp_that_stays_full_of_nothing_is_reset),
        TEST(an_ncp_that_is_full_now_and_then_is_left_alone),
        TEST(an_ncp_that_is_full_of_our_frames_is_left_alone),
        TEST(an_ncp_that_does_not_get_well_costs_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
