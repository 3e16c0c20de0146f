/* znp_send_test.c -- frames through a Z-Stack stick, and what became of them. */
#include "tests/radio/znp_scene.h"

/* ---- sending ----------------------------------------------------------------------------------------------------- */

static void a_frame_goes_with_an_acknowledgement_and_is_delivered_by_its_confirm(void **state)
{
    struct scene *x = *state;
    uint8_t token = sends(x, node(x));
    machine_asked(x, "2401 3412 e8 e8 1100 01 30 1e 03 030500");
    stick_says(x, "6401 00");
    assert_int_equal(x->s.sent_count, 0);
    stick_says(x, "4480 00 e8 01");
    was_sent(x, token, RADIO_DELIVERED);
}

static void a_node_is_answered_where_it_spoke_from(void **state)
{
    struct scene *x = *state;
    struct neighbour *to = node(x);
    hears_from(x, 0x1234);
    sends(x, to);
    machine_asked(x, "2401 3412 e9 e8 1100 01 30 1e 03 030500");
}

static void every_status_has_its_outcome(void **state)
{
    static const struct {
        uint8_t status;
        enum radio_sent result;
    } rows[] = {
        { 0x00, RADIO_DELIVERED },   { 0x10, RADIO_BUSY },        { 0x11, RADIO_BUSY },
        { 0x1A, RADIO_BUSY },        { 0xE1, RADIO_BUSY },        { 0xF1, RADIO_BUSY },
        { 0xB7, RADIO_UNREACHABLE }, { 0xC8, RADIO_UNREACHABLE }, { 0xF0, RADIO_UNREACHABLE },
        { 0xE5, RADIO_TOO_BIG },     { 0x77, RADIO_UNREACHABLE },
    };
    struct scene *x = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t token = sends(x, node(x));
        stick_answers(x);
        confirms(x, (uint8_t)(i + 1), rows[i].status);
        was_sent(x, token, rows[i].result);
        assert_int_equal(x->s.sent_count, i + 1);
    }
}

static void a_full_stick_says_so_at_once(void **state)
{
    struct scene *x = *state;
    x->send_status = 0x11;
    uint8_t token = sends(x, node(x));
    assert_int_equal(x->s.sent_count, 0);
    stick_answers(x);
    was_sent(x, token, RADIO_BUSY);
}

/* A new frame every second, none of which it takes. */
static void is_full_for(struct scene *x, unsigned seconds)
{
    while (seconds-- > 0) {
        sends(x, node(x));
        stick_answers(x);
        time_passes(x, 1000);
    }
}

static void a_stick_that_stays_full_of_nothing_is_reset(void **state)
{
    struct scene *x = *state;
    x->send_status = 0x11;
    is_full_for(x, 30);
    assert_int_equal(x->s.state_count, 1);
    sends(x, node(x));
    stick_answers(x);
    assert_true(
        was_logged(x, "the stick is reset: with no frame under way it has been full for 30 s"));
    assert_int_equal(x->s.states[1].state, COORDINATOR_STARTING);
    state_is(x, COORDINATOR_UP, "");
    x->send_status = 0;
    uint8_t token = sends(x, node(x));
    stick_answers(x);
    confirms(x, 32, 0);
    was_sent(x, token, RADIO_DELIVERED);
}

static void a_stick_that_is_full_of_our_frames_is_left_alone(void **state)
{
    struct scene *x = *state;
    struct neighbour *sleeper = stage_node(&x->s, NODE_EUI64 + 1, 0x1235);
    sleeper->sleeper = true;
    sends(x, sleeper);
    stick_answers(x);
    x->send_status = 0x11;
    is_full_for(x, 59); /* for 30 of them, the sleeper's is under way */
    assert_int_equal(x->s.state_count, 1);
    is_full_for(x, 2);
    assert_int_equal(x->s.states[1].state, COORDINATOR_STARTING);
}

static void a_broken_route_is_looked_for_once(void **state)
{
    struct scene *x = *state;
    uint8_t token = sends(x, node(x));
    stick_answers(x);
    confirms(x, 1, 0xCD);
    machine_asked(x, "2545 3412 00 1e");
    stick_says(x, "6545 00");
    assert_int_equal(x->s.sent_count, 0);
    stage_passes(&x->s, 1500);
    machine_asked(x, "2401 3412 e8 e8 1100 02 30 1e 03 030500");
    stick_says(x, "6401 00");
    confirms(x, 2, 0xCD);
    was_sent(x, token, RADIO_UNREACHABLE);
    stage_wrote_nothing(&x->s);
}

static void a_confirm_that_never_comes_is_unreachable_after_8_s(void **state)
{
    struct scene *x = *state;
    uint8_t token = sends(x, node(x));
    stick_answers(x);
    time_passes(x, 7999);
    assert_int_equal(x->s.sent_count, 0);
    time_passes(x, 1);
    was_sent(x, token, RADIO_UNREACHABLE);
    confirms(x, 1, 0);
    assert_int_equal(x->s.sent_count, 1);
}

static void and_after_30_s_when_the_node_sleeps(void **state)
{
    struct scene *x = *state;
    stick_says(x, "45c1 3412 3412 22114040 00a21300 80");
    struct neighbour *to = node(x);
    assert_true(to->sleeper);
    uint8_t token = sends(x, to);
    stick_answers(x);
    time_passes(x, 29999);
    assert_int_equal(x->s.sent_count, 0);
    time_passes(x, 1);
    was_sent(x, token, RADIO_UNREACHABLE);
}

static void a_confirm_may_overtake_its_answer(void **state)
{
    struct scene *x = *state;
    uint8_t token = sends(x, node(x));
    confirms(x, 1, 0);
    was_sent(x, token, RADIO_DELIVERED);
    stick_answers(x);
    uint8_t next = sends(x, node(x));
    stick_answers(x);
    confirms(x, 2, 0);
    was_sent(x, next, RADIO_DELIVERED);
    assert_int_equal(x->s.sent_count, 2);
}

static void a_confirm_for_another_endpoint_is_not_ours(void **state)
{
    struct scene *x = *state;
    sends(x, node(x));
    stick_answers(x);
    stick_says(x, "4480 00 01 01");
    assert_int_equal(x->s.sent_count, 0);
}

static void a_frame_that_is_too_long_is_told_later(void **state)
{
    static const uint8_t big[83];
    struct scene *x = *state;
    uint8_t token = stage_sends(&x->s, node(x), span_of(big, sizeof big));
    assert_int_equal(x->s.sent_count, 0);
    time_passes(x, 0);
    was_sent(x, token, RADIO_TOO_BIG);
    stage_sends(&x->s, node(x), span_of(big, sizeof big - 1));
    assert_int_equal(next_request(x).command, ZNP_SEND);
}

static void sixteen_frames_are_under_way_and_each_has_its_outcome(void **state)
{
    struct scene *x = *state;
    uint8_t tokens[16];
    for (uint16_t i = 0; i < 16; i++)
        tokens[i] = sends(x, stage_node(&x->s, NODE_EUI64 + i, (uint16_t)(0x2000 + i)));
    assert_int_equal(x->s.write_count - x->s.write_read, 1);
    stick_answers(x);
    assert_int_equal(x->asked_count, 16);
    for (uint8_t i = 16; i > 0; i--) {
        confirms(x, i, 0);
        was_sent(x, tokens[i - 1], RADIO_DELIVERED);
    }
}

static void transaction_numbers_go_round(void **state)
{
    struct scene *x = *state;
    sends(x, stage_node(&x->s, NODE_EUI64 + 1, 0x3333));
    stick_answers(x);
    for (unsigned i = 0; i < 600; i++) {
        x->s.write_count = x->s.write_read = x->s.sent_count = x->asked_count = 0;
        uint8_t token = (uint8_t)(i % 250 + 2);
        x->s.c->family->send(x->s.c, &(struct unicast){ node(x), token, span_of(hello, 3) },
                             x->s.now);
        stick_answers(x);
        x->s.now += 10;
        for (unsigned t = 0; t < 256 && x->s.sent_count == 0; t++)
            if (t != 1)
                confirms(x, (uint8_t)t, 0);
        was_sent(x, token, RADIO_DELIVERED);
    }
}

static void a_broadcast_goes_to_those_that_are_always_on(void **state)
{
    struct scene *x = *state;
    x->s.c->family->broadcast(x->s.c, 2, span_of(hello, sizeof hello), x->s.now);
    machine_asked(x, "2402 0f fdff000000000000 e8 0000 e8 1100 01 00 02 0300 030500");
    stick_says(x, "6402 00");
    x->s.c->family->broadcast(x->s.c, 0, span_of(hello, sizeof hello), x->s.now);
    machine_asked(x, "2402 0f fdff000000000000 e8 0000 e8 1100 02 00 1e 0300 030500");
    confirms(x, 1, 0);
    assert_int_equal(x->s.sent_count, 0);
}

/* ---- a node that has no 16-bit address --------------------------------------------------------------------------- */

static void a_node_without_a_short_address_is_looked_for(void **state)
{
    struct scene *x = *state;
    uint8_t token = sends(x, stage_node(&x->s, NODE_EUI64, NWK_UNKNOWN));
    machine_asked(x, "2500 2211404000a21300 00 00");
    stick_says(x, "6500 00");
    stage_wrote_nothing(&x->s);
    stick_says(x, "4580 00 2211404000a21300 7856 00 00");
    machine_asked(x, "2401 7856 e8 e8 1100 01 30 1e 03 030500");
    stick_says(x, "6401 00");
    confirms(x, 1, 0);
    was_sent(x, token, RADIO_DELIVERED);
}

static void a_node_that_nobody_knows_is_unreachable(void **state)
{
    struct scene *x = *state;
    uint8_t token = sends(x, stage_node(&x->s, NODE_EUI64, NWK_UNKNOWN));
    stick_answers(x);
    time_passes(x, 4999);
    assert_int_equal(x->s.sent_count, 0);
    time_passes(x, 1);
    was_sent(x, token, RADIO_UNREACHABLE);
}

static void a_node_that_the_stick_lost_is_looked_for_the_next_time(void **state)
{
    struct scene *x = *state;
    sends(x, node(x));
    stick_answers(x);
    confirms(x, 1, 0xC8);
    sends(x, neighbours_find(x->s.neighbours, NODE_EUI64));
    machine_asked(x, "2500 2211404000a21300 00 00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_UP(a_frame_goes_with_an_acknowledgement_and_is_delivered_by_its_confirm),
        SCENE_UP(a_node_is_answered_where_it_spoke_from),
        SCENE_UP(every_status_has_its_outcome),
        SCENE_UP(a_full_stick_says_so_at_once),
        SCENE_UP(a_stick_that_stays_full_of_nothing_is_reset),
        SCENE_UP(a_stick_that_is_full_of_our_frames_is_left_alone),
        SCENE_UP(a_broken_route_is_looked_for_once),
        SCENE_UP(a_confirm_that_never_comes_is_unreachable_after_8_s),
        SCENE_UP(and_after_30_s_when_the_node_sleeps),
        SCENE_UP(a_confirm_may_overtake_its_answer),
        SCENE_UP(a_confirm_for_another_endpoint_is_not_ours),
        SCENE_UP(a_frame_that_is_too_long_is_told_later),
        SCENE_UP(sixteen_frames_are_under_way_and_each_has_its_outcome),
        SCENE_UP(transaction_numbers_go_round),
        SCENE_UP(a_broadcast_goes_to_those_that_are_always_on),
        SCENE_UP(a_node_without_a_short_address_is_looked_for),
        SCENE_UP(a_node_that_nobody_knows_is_unreachable),
        SCENE_UP(a_node_that_the_stick_lost_is_looked_for_the_next_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
