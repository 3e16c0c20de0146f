/* sim_outbox_test.c -- octets on their way to the host, through a pipe and on a clock that the test turns. */
#include "tools/sim_outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { BAUD = 100000, OCTET_NS = 100000, MS = 1000000 };

static struct scene {
    struct sim_outbox out;
    int pipe[2];
    uint64_t now;
} s;

static int begin(uint32_t baud)
{
    s = (struct scene){ .now = 1000 * (uint64_t)MS };
    if (pipe2(s.pipe, O_NONBLOCK | O_CLOEXEC) != 0)
        return -1;
    return sim_outbox_init(&s.out, baud) ? 0 : -1;
}

static int paced(void **state)
{
    (void)state;
    return begin(BAUD);
}

static int unpaced(void **state)
{
    (void)state;
    return begin(0);
}

static int end(void **state)
{
    (void)state;
    sim_outbox_clear(&s.out);
    close(s.pipe[0]);
    close(s.pipe[1]);
    return 0;
}

static void say(const char *text, enum sim_way way)
{
    sim_outbox_add(&s.out, span_text(text), way, s.now);
}

static void flush(void)
{
    assert_true(sim_outbox_flush(&s.out, s.pipe[1], s.now));
}

/* What one read gives the host after a flush; 0 at `now`. */
static void comes(uint64_t after_ns, const char *expected)
{
    char heard[256] = "";
    s.now += after_ns;
    flush();
    if (read(s.pipe[0], heard, sizeof heard - 1) < 0)
        assert_int_equal(errno, EAGAIN);
    assert_string_equal(heard, expected);
}

static void without_pacing_all_octets_leave_at_once_in_one_write(void **state)
{
    (void)state;
    say("abc", SIM_WHOLE);
    say("def", SIM_WHOLE);
    assert_true(sim_outbox_due(&s.out) <= s.now);
    comes(0, "abcdef");
    assert_true(sim_outbox_due(&s.out) == UINT64_MAX);
}

static void a_paced_octet_leaves_when_its_last_bit_has_passed(void **state)
{
    (void)state;
    say("abc", SIM_WHOLE);
    comes(0, "");
    comes(OCTET_NS - 1, "");
    comes(1, "a");
    comes(OCTET_NS * 2, "bc");
    comes(OCTET_NS * 100, "");
}

static void a_late_timer_does_not_slow_the_line_down(void **state)
{
    (void)state;
    say("abcdefgh", SIM_WHOLE);
    comes(OCTET_NS * 5 / 2, "ab");
    comes(OCTET_NS * 5 / 2, "cde");
    comes(OCTET_NS * 3, "fgh");
}

static void how_late_the_host_had_the_last_octet_is_known(void **state)
{
    (void)state;
    say("abc", SIM_WHOLE);
    comes(OCTET_NS * 3 + 7, "abc");
    assert_true(s.out.late == 7);
    say("d", SIM_WHOLE);
    comes(OCTET_NS, "d");
    assert_true(s.out.late == 0);
}

static void an_idle_line_gathers_no_credit(void **state)
{
    (void)state;
    say("a", SIM_WHOLE);
    comes(OCTET_NS, "a");
    s.now += 50 * (uint64_t)MS;
    say("bc", SIM_WHOLE);
    comes(0, "");
    comes(OCTET_NS, "b");
    comes(OCTET_NS, "c");
}

static void it_is_due_when_a_millisecond_of_octets_has_passed(void **state)
{
    (void)state;
    say("ab", SIM_WHOLE);
    assert_true(sim_outbox_due(&s.out) == s.now + 2 * OCTET_NS);
    say("cdefghijklmnopqrstuvwxyz", SIM_WHOLE);
    assert_true(sim_outbox_due(&s.out) == s.now + 16 * OCTET_NS);
}

static void a_split_frame_leaves_octet_by_octet_and_the_next_one_whole(void **state)
{
    (void)state;
    say("xy", SIM_WHOLE);
    say("abc", SIM_SPLIT);
    say("def", SIM_WHOLE);
    comes(0, "xya");
    comes(0, "");
    comes(MS, "b");
    comes(MS, "c");
    comes(MS, "def");
}

static void a_joined_frame_waits_for_two_more(void **state)
{
    (void)state;
    say("abc", SIM_JOIN);
    say("de", SIM_WHOLE);
    comes(MS, "");
    say("f", SIM_WHOLE);
    comes(0, "abcdef");
}

static void a_joined_frame_waits_only_for_a_moment(void **state)
{
    (void)state;
    say("abc", SIM_JOIN);
    assert_true(sim_outbox_due(&s.out) == s.now + 20 * MS);
    comes(19 * MS, "");
    comes(MS, "abc");
}

static void joined_frames_leave_in_one_write_on_a_paced_line_too(void **state)
{
    (void)state;
    say("abc", SIM_JOIN);
    say("de", SIM_JOIN);
    say("f", SIM_JOIN);
    assert_true(sim_outbox_due(&s.out) == s.now + 6 * OCTET_NS);
    comes(5 * OCTET_NS, "");
    comes(OCTET_NS, "abcdef");
}

/* 240 octets take 24 ms, longer than a line that nobody serves may catch up with. */
static void joined_frames_that_take_long_leave_too(void **state)
{
    (void)state;
    char long_one[81] = "", all[241] = "";
    memset(long_one, 'x', sizeof long_one - 1);
    memset(all, 'x', sizeof all - 1);
    for (int i = 0; i < 3; i++)
        say(long_one, SIM_JOIN);
    for (int ms = 0; ms < 23; ms++)
        comes(MS, "");
    comes(MS, all);
}

static void a_host_that_does_not_read_blocks_and_then_loses_whole_frames(void **state)
{
    (void)state;
    static char kilo[1025];
    memset(kilo, 'k', sizeof kilo - 1);
    for (unsigned i = 0; i < 80; i++)
        say(kilo, SIM_WHOLE);
    assert_int_equal(sim_outbox_waiting(&s.out), SIM_OUTBOX_MAX);
    flush();
    for (unsigned i = 0; i < 80; i++)
        say(kilo, SIM_WHOLE);
    flush();
    assert_true(s.out.blocked);
    assert_true(sim_outbox_due(&s.out) == UINT64_MAX);
    assert_int_equal(sim_outbox_waiting(&s.out) % 1024, 0);
    assert_true(sim_outbox_waiting(&s.out) <= SIM_OUTBOX_MAX);
}

static void a_line_that_is_gone_is_noticed(void **state)
{
    (void)state;
    say("a", SIM_WHOLE);
    assert_false(sim_outbox_flush(&s.out, -1, s.now));
}

static void what_is_discarded_never_leaves(void **state)
{
    (void)state;
    say("abc", SIM_SPLIT);
    say("def", SIM_JOIN);
    sim_outbox_discard(&s.out);
    assert_int_equal(sim_outbox_waiting(&s.out), 0);
    assert_true(sim_outbox_due(&s.out) == UINT64_MAX);
    say("ghi", SIM_WHOLE);
    comes(0, "ghi");
}

#define PACED(test) cmocka_unit_test_setup_teardown(test, paced, end)
#define UNPACED(test) cmocka_unit_test_setup_teardown(test, unpaced, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNPACED(without_pacing_all_octets_leave_at_once_in_one_write),
        PACED(a_paced_octet_leaves_when_its_last_bit_has_passed),
        PACED(a_late_timer_does_not_slow_the_line_down),
        PACED(how_late_the_host_had_the_last_octet_is_known),
        PACED(an_idle_line_gathers_no_credit),
        PACED(it_is_due_when_a_millisecond_of_octets_has_passed),
        UNPACED(a_split_frame_leaves_octet_by_octet_and_the_next_one_whole),
        UNPACED(a_joined_frame_waits_for_two_more),
        UNPACED(a_joined_frame_waits_only_for_a_moment),
        PACED(joined_frames_leave_in_one_write_on_a_paced_line_too),
        PACED(joined_frames_that_take_long_leave_too),
        UNPACED(a_host_that_does_not_read_blocks_and_then_loses_whole_frames),
        UNPACED(a_line_that_is_gone_is_noticed),
        UNPACED(what_is_discarded_never_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
