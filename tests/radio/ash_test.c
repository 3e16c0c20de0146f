/* ash_test.c -- the ASH link between a host and an NCP, both of ours: resets, acknowledgements, time, and bad lines. */
#include "tests/radio/ash_scene.h"

/* ---- reset ----------------------------------------------------------------------------------------------------- */

static void a_reset_is_answered_with_the_cause(void **state)
{
    struct line *l = *state;
    assert_int_equal(l->host.connections, 1);
    assert_int_equal(l->host.code, ASH_RESET_SOFTWARE);
    ash_reset(&l->host.link, l->now);
    assert_int_equal(l->host.mail[0].len, 5);
    assert_memory_equal(l->host.mail[0].bytes, "\x1a\xc0\x38\xbc\x7e", 5);
}

static void without_an_answer_the_reset_fails_after_five_seconds(void **state)
{
    struct line *l = *state;
    msec start = l->now;
    ash_reset(&l->host.link, l->now);
    times_out(l, &l->host);
    assert_int_equal(l->now - start, 5000);
    assert_int_equal(l->host.failures, 1);
    assert_int_equal(l->host.failure, ASH_NO_RESET);
    assert_true(ash_deadline(&l->host.link) == MSEC_NEVER);
}

static void before_the_answer_to_a_reset_nothing_counts(void **state)
{
    struct line *l = *state;
    sends(l, &l->ncp, 1);
    ash_reset(&l->host.link, l->now);
    hand_over(l, &l->ncp, &l->host);
    assert_int_equal(l->host.deliveries, 0);
    assert_int_equal(l->host.mails, 1); /* RST, no ACK and no NAK */
    assert_int_equal(written(&l->host, 0).kind, ASH_RST);
}

static void an_ncp_that_resets_by_itself_says_so_and_numbers_start_at_0(void **state)
{
    struct line *l = *state;
    sends(l, &l->host, 1);
    all_is_handed_over(l);
    sends(l, &l->host, 2);
    lost(&l->host);
    ash_announce(&l->ncp.link, ASH_RESET_WATCHDOG);
    all_is_handed_over(l);
    assert_int_equal(l->host.connections, 2);
    assert_int_equal(l->host.code, ASH_RESET_WATCHDOG);
    sends(l, &l->host, 3);
    assert_int_equal(written(&l->host, 0).number, 0);
    all_is_handed_over(l);
    assert_memory_equal(l->ncp.delivered, "\1\3", 2);
}

/* ---- acknowledgements ------------------------------------------------------------------------------------------ */

static void frames_arrive_once_and_in_order_in_both_directions(void **state)
{
    struct line *l = *state;
    for (uint8_t i = 0; i < 20; i++) {
        sends(l, &l->host, i);
        sends(l, &l->ncp, (uint8_t)(100 + i));
        all_is_handed_over(l);
    }
    assert_int_equal(l->host.deliveries, 20);
    assert_int_equal(l->ncp.deliveries, 20);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(l->ncp.delivered[i], i);
        assert_int_equal(l->host.delivered[i], 100 + i);
    }
}

static void a_frame_without_an_answer_is_sent_again_and_marked(void **state)
{
    struct line *l = *state;
    sends(l, &l->host, 7);
    lost(&l->host);
    msec start = l->now;
    times_out(l, &l->host);
    assert_int_equal(l->now - start, 1600);
    struct ash_frame f = written(&l->host, 0);
    assert_int_equal(f.kind, ASH_DATA);
    assert_true(f.retransmitted);
    assert_int_equal(f.number, 0);
    all_is_handed_over(l);
    assert_int_equal(l->ncp.deliveries, 1);
    assert_true(ash_deadline(&l->host.link) == MSEC_NEVER);
}

static void a_frame_whose_acknowledgement_was_lost_is_not_delivered_twice(void **state)
{
    struct line *l = *state;
    sends(l, &l->host, 7);
    hand_over(l, &l->host, &l->ncp);
    lost(&l->ncp);
    times_out(l, &l->host);
    hand_over(l, &l->host, &l->ncp);
    assert_int_equal(l->ncp.mails, 1);
    assert_int_equal(written(&l->ncp, 0).kind, ASH_ACK);
    assert_int_equal(written(&l->ncp, 0).ack, 1);
    all_is_handed_over(l);
    assert_int_equal(l->ncp.deliveries, 1);
    assert_true(ash_deadline(&l->host.link) == MSEC_NEVER);
}

static void a_damaged_frame_gets_one_nak_and_comes_again_at_once(void **state)
{
    struct line *l = *state;
    sends(l, &l->host, 7);
    l->host.mail[0].bytes[2] ^= 0x40;
    hand_over(l, &l->host, &l->ncp);
    assert_int_equal(written(&l->ncp, 0).kind, ASH_NAK);
    ash_hear(&l->ncp.link, span_of("\x01\x02\x03\x04\x7e", 5), l->now);
    assert_int_equal(l->ncp.mails, 1); /* no second one */
    hand_over(l, &l->ncp, &l->host);
    assert_true(written(&l->host, 0).retransmitted);
    all_is_handed_over(l);
    assert_int_equal(l->ncp.deliveries, 1);
}

static void after_a_gap_everything_that_is_not_acknowledged_comes_again(void **state)
{
    struct line *l = *state;
    l->ncp.link.window = ASH_WINDOW_MAX;
    for (uint8_t i = 1; i <= 3; i++)
        sends(l, &l->ncp, i);
    assert_int_equal(l->ncp.mails, 3);
    l->ncp.mail[0].bytes[1] ^= 1;
    all_is_handed_over(l);
    assert_int_equal(l->host.deliveries, 3);
    assert_memory_equal(l->host.delivered, "\1\2\3", 3);
}

static void only_as_many_frames_as_the_window_allows_are_under_way(void **state)
{
    struct line *l = *state;
    sends(l, &l->host, 1);
    sends(l, &l->host, 2);
    assert_int_equal(l->host.mails, 1);
    l->ncp.link.window = ASH_WINDOW_MAX;
    for (uint8_t i = 1; i <= 7; i++)
        sends(l, &l->ncp, i);
    assert_int_equal(l->ncp.mails, 3);
    assert_int_equal(ash_room(&l->ncp.link), 0);
    assert_false(ash_send(&l->ncp.link, span_of("abcd", 4), l->now));
    all_is_handed_over(l);
    assert_int_equal(l->host.deliveries, 7);
    assert_int_equal(l->ncp.deliveries, 2);
}

static void an_answer_that_follows_at_once_carries_the_acknowledgement(void **state)
{
    struct line *l = *state;
    l->ncp.echoes = true;
    sends(l, &l->host, 1);
    hand_over(l, &l->host, &l->ncp);
    assert_int_equal(l->ncp.mails, 1); /* and no ACK besides */
    assert_int_equal(written(&l->ncp, 0).kind, ASH_DATA);
    hand_over(l, &l->ncp, &l->host);
    assert_int_equal(l->host.deliveries, 1);
    assert_int_equal(l->host.link.under_way, 0);
}

static void after_the_right_frame_the_next_wrong_one_gets_a_nak_again(void **state)
{
    struct line *l = *state;
    ash_hear(&l->ncp.link, span_of("\x01\x02\x03\x04\x7e", 5), l->now);
    sends(l, &l->host, 1);
    hand_over(l, &l->host, &l->ncp);
    ash_hear(&l->ncp.link, span_of("\x01\x02\x03\x04\x7e", 5), l->now);
    assert_int_equal(l->ncp.mails, 3);
    assert_int_equal(written(&l->ncp, 0).kind, ASH_NAK);
    assert_int_equal(written(&l->ncp, 1).kind, ASH_ACK);
    assert_int_equal(written(&l->ncp, 2).kind, ASH_NAK);
}

static void a_stopped_link_is_deaf(void **state)
{
    struct line *l = *state;
    ash_stop(&l->host.link);
    ash_announce(&l->ncp.link, ASH_RESET_POWER);
    sends(l, &l->ncp, 1);
    all_is_handed_over(l);
    assert_int_equal(l->host.connections, 1);
    assert_int_equal(l->host.deliveries, 0);
}

static void numbers_that_were_never_sent_acknowledge_nothing(void **state)
{
    struct line *l = *state;
    sends(l, &l->host, 1);
    lost(&l->host);
    ash_hear(&l->host.link, span_of("\x8e\x91\xb6\x7e", 4), l->now); /* ACK 6 */
    assert_int_equal(l->host.link.under_way, 1);
}

static void only_frames_of_3_to_220_octets_are_taken(void **state)
{
    struct line *l = *state;
    uint8_t data[ASH_DATA_MAX + 1] = { 0 };
    assert_false(ash_send(&l->host.link, span_of(data, 2), l->now));
    assert_false(ash_send(&l->host.link, span_of(data, ASH_DATA_MAX + 1), l->now));
    assert_true(ash_send(&l->host.link, span_of(data, ASH_DATA_MAX), l->now));
    all_is_handed_over(l);
    assert_int_equal(l->ncp.deliveries, 1);
}

/* ---- time ------------------------------------------------------------------------------------------------------ */

static void the_time_to_wait_follows_the_measured_one(void **state)
{
    struct line *l = *state;
    for (uint8_t i = 0; i < 30; i++) {
        sends(l, &l->host, i);
        l->now += 20;
        all_is_handed_over(l);
    }
    assert_int_equal(l->host.link.answer_ms, ASH_ANSWER_LEAST_MS);
    ash_set_network(&l->host.link, true);
    sends(l, &l->host, 30);
    l->now += 20;
    all_is_handed_over(l);
    assert_int_equal(l->host.link.answer_ms, ASH_ANSWER_LEAST_NETWORK_MS);
}

static void a_frame_that_went_twice_measures_nothing(void **state)
{
    struct line *l = *state;
    sends(l, &l->host, 1);
    lost(&l->host);
    times_out(l, &l->host);
    all_is_handed_over(l); /* at once, but who knows which of the two was answered */
    assert_int_equal(l->host.link.answer_ms, ASH_ANSWER_MOST_MS);
}

static void after_six_tries_the_link_has_failed(void **state)
{
    struct line *l = *state;
    static const msec waits[] = { 1600, 3200, 3200, 3200, 3200, 3200 };
    sends(l, &l->host, 1);
    for (size_t i = 0; i < ASH_TRIES; i++) {
        msec start = l->now;
        lost(&l->host);
        times_out(l, &l->host);
        assert_int_equal(l->now - start, waits[i]);
    }
    assert_int_equal(l->host.failures, 1);
    assert_int_equal(l->host.failure, ASH_NO_ANSWER);
    assert_int_equal(l->host.mails, 0);
    assert_false(ash_send(&l->host.link, span_of("abcd", 4), l->now));
}

static void an_ncp_that_gave_up_says_so_until_it_is_reset(void **state)
{
    struct line *l = *state;
    sends(l, &l->ncp, 1);
    for (size_t i = 0; i < ASH_TRIES; i++) {
        lost(&l->ncp);
        times_out(l, &l->ncp);
    }
    assert_int_equal(written(&l->ncp, 0).kind, ASH_ERROR);
    lost(&l->ncp);
    sends(l, &l->host, 1);
    all_is_handed_over(l);
    assert_int_equal(l->ncp.deliveries, 0);
    assert_int_equal(l->host.failure, ASH_PEER_DEAD);
    assert_int_equal(l->host.code, ASH_ERROR_TIMEOUTS);
    ash_reset(&l->host.link, l->now);
    all_is_handed_over(l);
    sends(l, &l->host, 2);
    all_is_handed_over(l);
    assert_int_equal(l->ncp.deliveries, 1);
}

/* ---- a bad line ------------------------------------------------------------------------------------------------ */

/* Loses one frame in twenty and spoils another, in both directions. */
static void weather(struct end *e, uint64_t *seed)
{
    size_t kept = 0;
    for (size_t i = 0; i < e->mails; i++) {
        size_t luck = chance_below(seed, 20);
        if (luck == 0)
            continue;
        e->mail[kept] = e->mail[i];
        if (luck == 1)
            e->mail[kept].bytes[chance_below(seed, e->mail[kept].len)] ^= 0x20;
        kept++;
    }
    e->mails = kept;
}

static void a_turn_of_the_bad_line(struct line *l, uint64_t *seed)
{
    weather(&l->host, seed);
    weather(&l->ncp, seed);
    hand_over(l, &l->host, &l->ncp);
    weather(&l->ncp, seed);
    hand_over(l, &l->ncp, &l->host);
    l->now += 50;
    ash_tick(&l->host.link, l->now);
    ash_tick(&l->ncp.link, l->now);
}

static void on_a_bad_line_frames_still_arrive_once_and_in_order(void **state)
{
    struct line *l = *state;
    uint64_t seed = 0x5EED;
    size_t down = 0, up = 0;
    l->ncp.link.window = l->host.link.window = ASH_WINDOW_MAX;
    for (int turn = 0; turn < 200000 && l->host.deliveries + l->ncp.deliveries < 2000; turn++) {
        if (down < 1000 && ash_room(&l->host.link) > 0)
            sends(l, &l->host, (uint8_t)down++);
        if (up < 1000 && ash_room(&l->ncp.link) > 0)
            sends(l, &l->ncp, (uint8_t)up++);
        a_turn_of_the_bad_line(l, &seed);
        assert_int_equal(l->host.failures + l->ncp.failures, 0);
    }
    assert_int_equal(l->ncp.deliveries, 1000);
    assert_int_equal(l->host.deliveries, 1000);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(l->ncp.delivered[i], (uint8_t)i);
        assert_int_equal(l->host.delivered[i], (uint8_t)i);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_reset_is_answered_with_the_cause),
        TEST(without_an_answer_the_reset_fails_after_five_seconds),
        TEST(before_the_answer_to_a_reset_nothing_counts),
        TEST(an_ncp_that_resets_by_itself_says_so_and_numbers_start_at_0),
        TEST(frames_arrive_once_and_in_order_in_both_directions),
        TEST(a_frame_without_an_answer_is_sent_again_and_marked),
        TEST(a_frame_whose_acknowledgement_was_lost_is_not_delivered_twice),
        TEST(a_damaged_frame_gets_one_nak_and_comes_again_at_once),
        TEST(after_a_gap_everything_that_is_not_acknowledged_comes_again),
        TEST(only_as_many_frames_as_the_window_allows_are_under_way),
        TEST(an_answer_that_follows_at_once_carries_the_acknowledgement),
        TEST(after_the_right_frame_the_next_wrong_one_gets_a_nak_again),
        TEST(a_stopped_link_is_deaf),
        TEST(a_frame_that_went_twice_measures_nothing),
        TEST(numbers_that_were_never_sent_acknowledge_nothing),
        TEST(only_frames_of_3_to_220_octets_are_taken),
        TEST(the_time_to_wait_follows_the_measured_one),
        TEST(after_six_tries_the_link_has_failed),
        TEST(an_ncp_that_gave_up_says_so_until_it_is_reset),
        TEST(on_a_bad_line_frames_still_arrive_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
