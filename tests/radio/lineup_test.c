/* lineup_test.c -- who goes next, and when. */
#include "radio/lineup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NOW = 1000, WINDOW = 4 };

static struct neighbours *nodes;
static struct lineup *line;

static int begin(void **state)
{
    (void)state;
    nodes = neighbours_new(16);
    line = lineup_new(&(struct lineup_limits){ .frames = 8, .frames_a_node = 3, .pace = 1000 });
    return nodes && line ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    lineup_free(line);
    neighbours_free(nodes);
    return 0;
}

static struct neighbour *node(uint64_t eui64)
{
    return neighbours_learn(nodes, eui64, NWK_UNKNOWN, NOW);
}

static const char *add(uint64_t eui64, const char *text)
{
    return lineup_add(line, node(eui64), span_text(text), NOW);
}

/* The next frame is this one; returns its token. */
static uint8_t next_is(uint64_t eui64, const char *text, msec now)
{
    struct unicast u;
    assert_true(lineup_next(line, WINDOW, now, &u));
    assert_int_equal(u.to->eui64, eui64);
    assert_true(span_equal(u.data, span_text(text)));
    assert_int_not_equal(u.token, 0);
    return u.token;
}

static void none_may_go(msec now)
{
    struct unicast u;
    assert_false(lineup_next(line, WINDOW, now, &u));
}

static void ends_as(uint8_t token, enum radio_sent result, msec now)
{
    struct lineup_end e;
    assert_true(lineup_sent(line, token, result, now, &e));
    assert_int_equal(e.result, result);
}

static void goes_again(uint8_t token, enum radio_sent result, msec now)
{
    struct lineup_end e;
    assert_false(lineup_sent(line, token, result, now, &e));
}

static void frames_of_one_node_go_one_by_one_in_order(void **state)
{
    (void)state;
    assert_null(add(1, "a"));
    assert_null(add(1, "b"));
    uint8_t a = next_is(1, "a", NOW);
    none_may_go(NOW);
    ends_as(a, RADIO_DELIVERED, NOW);
    ends_as(next_is(1, "b", NOW), RADIO_DELIVERED, NOW);
    assert_int_equal(lineup_count(line), 0);
}

static void nodes_take_turns(void **state)
{
    (void)state;
    assert_null(add(1, "a1"));
    assert_null(add(1, "a2"));
    assert_null(add(2, "b1"));
    uint8_t a = next_is(1, "a1", NOW);
    uint8_t b = next_is(2, "b1", NOW);
    assert_null(add(2, "b2"));
    ends_as(b, RADIO_DELIVERED, NOW);
    ends_as(a, RADIO_DELIVERED, NOW);
    ends_as(next_is(2, "b2", NOW), RADIO_DELIVERED, NOW);
    ends_as(next_is(1, "a2", NOW), RADIO_DELIVERED, NOW);
}

static void no_more_than_the_window_are_under_way(void **state)
{
    (void)state;
    struct unicast u;
    for (uint64_t i = 1; i <= 3; i++)
        assert_null(add(i, "x"));
    assert_true(lineup_next(line, 2, NOW, &u));
    assert_true(lineup_next(line, 2, NOW, &u));
    assert_false(lineup_next(line, 2, NOW, &u));
    assert_true(lineup_deadline(line, true, 2) > NOW);
    ends_as(u.token, RADIO_DELIVERED, NOW);
    assert_true(lineup_deadline(line, true, 2) <= NOW);
    assert_true(lineup_next(line, 2, NOW, &u));
}

static void an_unreachable_node_gets_one_try_a_frame(void **state)
{
    (void)state;
    assert_null(add(1, "a"));
    assert_null(add(1, "b"));
    ends_as(next_is(1, "a", NOW), RADIO_UNREACHABLE, NOW);
    ends_as(next_is(1, "b", NOW), RADIO_UNREACHABLE, NOW);
}

static void a_full_radio_is_asked_again_later_and_not_for_ever(void **state)
{
    (void)state;
    msec now = NOW;
    assert_null(add(1, "a"));
    for (int tries = 1; tries < 5; tries++) {
        goes_again(next_is(1, "a", now), RADIO_BUSY, now);
        none_may_go(now + 499);
        now = lineup_deadline(line, true, WINDOW);
    }
    ends_as(next_is(1, "a", now), RADIO_BUSY, now);
}

static void a_busy_frame_keeps_its_place_and_holds_up_nobody_else(void **state)
{
    (void)state;
    assert_null(add(1, "a1"));
    assert_null(add(1, "a2"));
    assert_null(add(2, "b1"));
    goes_again(next_is(1, "a1", NOW), RADIO_BUSY, NOW);
    ends_as(next_is(2, "b1", NOW), RADIO_DELIVERED, NOW);
    none_may_go(NOW);
    (void)next_is(1, "a1", NOW + 500);
}

static void what_was_under_way_when_the_radio_went_goes_again_first(void **state)
{
    (void)state;
    assert_null(add(1, "a1"));
    assert_null(add(1, "a2"));
    uint8_t before = next_is(1, "a1", NOW);
    lineup_recall(line);
    uint8_t token = next_is(1, "a1", NOW);
    assert_int_not_equal(before, token);
    goes_again(before, RADIO_DELIVERED, NOW); /* a late word about the first try means nothing */
    ends_as(token, RADIO_DELIVERED, NOW);
    (void)next_is(1, "a2", NOW);
}

static void a_queue_is_bounded_per_node_and_in_all(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_null(add(1, "x"));
    assert_string_equal(add(1, "x"), "radio queue of the node full");
    for (int i = 0; i < 3; i++)
        assert_null(add(2, "x"));
    assert_null(add(3, "x"));
    assert_null(add(3, "x"));
    assert_string_equal(add(3, "x"), "radio queue full");
    uint8_t big[COORDINATOR_PAYLOAD_MAX + 1] = { 0 };
    assert_string_equal(lineup_add(line, node(4), span_of(big, sizeof big), NOW), "oversize");
}

static void a_frame_without_room_comes_to_its_end_too(void **state)
{
    (void)state;
    struct lineup_end e;
    for (int i = 0; i < 3; i++)
        assert_null(add(1, "x"));
    assert_non_null(add(1, "x"));
    assert_non_null(add(1, "x"));
    assert_int_equal(lineup_deadline(line, true, 0), 0); /* at once */
    for (int i = 0; i < 2; i++) {
        assert_true(lineup_next_refused(line, &e));
        assert_int_equal(e.node->eui64, 1);
        assert_int_equal(e.result, RADIO_REFUSED); /* which whoever added it has counted already */
    }
    assert_false(lineup_next_refused(line, &e));
}

static void what_waited_for_too_long_is_given_up(void **state)
{
    (void)state;
    struct lineup_end e;
    assert_null(add(1, "a"));
    assert_int_equal(lineup_deadline(line, false, WINDOW), NOW + 30000);
    assert_false(lineup_expire(line, NOW + 29999, &e));
    assert_true(lineup_expire(line, NOW + 30000, &e));
    assert_int_equal(e.node->eui64, 1);
    assert_false(lineup_expire(line, NOW + 30000, &e));
    assert_int_equal(lineup_deadline(line, true, WINDOW), MSEC_NEVER);
}

static bool broadcast_goes(msec now)
{
    uint8_t radius;
    struct span data;
    return lineup_next_broadcast(line, now, &radius, &data);
}

static void broadcasts_are_paced_after_a_burst_of_two(void **state)
{
    (void)state;
    const msec start = 100000;
    for (int i = 0; i < 4; i++)
        assert_null(lineup_add_broadcast(line, 3, span_text("hello")));
    assert_string_equal(lineup_add_broadcast(line, 0, span_text("hello")), "too many broadcasts");
    assert_true(broadcast_goes(start));
    assert_true(broadcast_goes(start));
    assert_false(broadcast_goes(start));
    assert_int_equal(lineup_deadline(line, true, WINDOW), start + 1000);
    assert_false(broadcast_goes(start + 999));
    assert_true(broadcast_goes(start + 1000));
    assert_false(broadcast_goes(start + 1500));
    assert_true(broadcast_goes(start + 2000));
    assert_false(broadcast_goes(start + 9000));
}

static void tokens_are_never_zero_and_never_twice_at_once(void **state)
{
    (void)state;
    assert_null(add(1, "stays"));
    uint8_t stays = next_is(1, "stays", NOW);
    for (int i = 0; i < 600; i++) {
        assert_null(add(2, "goes"));
        uint8_t token = next_is(2, "goes", NOW);
        assert_int_not_equal(token, stays);
        ends_as(token, RADIO_DELIVERED, NOW);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_of_one_node_go_one_by_one_in_order),
        TEST(nodes_take_turns),
        TEST(no_more_than_the_window_are_under_way),
        TEST(an_unreachable_node_gets_one_try_a_frame),
        TEST(a_full_radio_is_asked_again_later_and_not_for_ever),
        TEST(a_busy_frame_keeps_its_place_and_holds_up_nobody_else),
        TEST(what_was_under_way_when_the_radio_went_goes_again_first),
        TEST(a_queue_is_bounded_per_node_and_in_all),
        TEST(a_frame_without_room_comes_to_its_end_too),
        TEST(what_waited_for_too_long_is_given_up),
        TEST(broadcasts_are_paced_after_a_burst_of_two),
        TEST(tokens_are_never_zero_and_never_twice_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
