/* serial_test.c -- the bytes of a serial line and how its port is set, over pseudo-terminals. */
#include "tests/radio/serial_scene.h"

/* ---- to and fro ---- */

static void bytes_go_both_ways_unchanged(void **state)
{
    (void)state;
    const int peer = stick();
    line_to(link_to(peer));
    line_opens();
    line_writes("+++ATVR\r\n");
    line_writes("\x7d\x11\x13\xff"); /* with what a terminal would take for itself */
    peer_reads(peer, "+++ATVR\r\n\x7d\x11\x13\xff");
    peer_writes(peer, "\x03\x04\r\n\x7f\x11\x13\xff");
    line_hears("\x03\x04\r\n\x7f\x11\x13\xff");
    lines_are(1);
    is_said_once("radio field: ");
    is_said_once(" is open (/dev/pts/");
    close(peer);
}

static void octets_that_come_one_by_one_are_handed_up_one_by_one(void **state)
{
    (void)state;
    const int peer = stick();
    line_to(link_to(peer));
    line_opens();
    peer_writes(peer, "a");
    line_hears("a");
    peer_writes(peer, "b");
    line_hears("b");
    peer_writes(peer, "cdefgh");
    line_hears("cdefgh");
    close(peer);
}

static void frames_of_one_turn_leave_in_order(void **state)
{
    (void)state;
    const int peer = stick();
    char frame[16];
    line_to(link_to(peer));
    line_opens();
    for (int i = 0; i < 50; i++) {
        snprintf(frame, sizeof frame, "%03d", i);
        line_writes(frame);
    }
    assert_int_equal(serial_waiting(scene.ear.line), 150);
    for (int i = 0; i < 50; i++) {
        snprintf(frame, sizeof frame, "%03d", i);
        peer_reads(peer, frame);
    }
    assert_int_equal(serial_waiting(scene.ear.line), 0);
    close(peer);
}

static void more_than_the_kernel_takes_waits_and_all_arrives(void **state)
{
    enum { LEN = 60000 };
    (void)state;
    static uint8_t sent[LEN], got[LEN];
    const int peer = stick();
    line_to(link_to(peer));
    line_opens();
    for (size_t i = 0; i < LEN; i++)
        sent[i] = (uint8_t)(i * 7 + i / 256);
    serial_write(scene.ear.line, span_of(sent, LEN));
    turn_once();
    assert_in_range(serial_waiting(scene.ear.line), 1, LEN - 1);
    for (size_t n = 0; n < LEN;) {
        assert_int_equal(
            poll(&(struct pollfd){ .fd = peer, .events = POLLIN }, 1, PATIENCE_S * 1000), 1);
        const ssize_t more = read(peer, got + n, LEN - n);
        assert_true(more > 0);
        n += (size_t)more;
        turn_once();
    }
    assert_memory_equal(got, sent, LEN);
    assert_int_equal(serial_waiting(scene.ear.line), 0);
    close(peer);
}

static void a_line_that_takes_nothing_is_lost_when_64_kib_wait(void **state)
{
    (void)state;
    static uint8_t block[4096];
    const int peer = stick();
    line_to(link_to(peer));
    line_opens();
    for (int i = 0; i < 32; i++) {
        serial_write(scene.ear.line, span_of(block, sizeof block));
        assert_int_equal(scene.ear.lost, 0); /* never from within a call of ours */
        assert_in_range(serial_waiting(scene.ear.line), 0, 65536);
    }
    assert_false(serial_is_open(scene.ear.line));
    line_is_lost();
    is_said_once("took nothing for too long: does the setting flow_control fit it?");
    assert_int_equal(serial_waiting(scene.ear.line), 0);
    close(peer);
}

static void what_was_received_before_a_flush_is_never_heard(void **state)
{
    (void)state;
    const int peer = stick();
    line_to(link_to(peer));
    line_opens();
    line_writes("old");
    peer_writes(peer, "old");
    serial_flush_all(scene.ear.line);
    turn_once();
    assert_int_equal(scene.ear.heard, 0);
    assert_int_equal(serial_waiting(scene.ear.line), 0);
    line_writes("new");
    peer_reads(peer, "new");
    peer_writes(peer, "new");
    line_hears("new");
    assert_int_equal(scene.ear.heard, 3);
    close(peer);
}

static void what_a_stick_said_before_it_was_opened_is_flushed(void **state)
{
    (void)state;
    const int peer = stick();
    peer_writes(peer, "boot loader v1\n");
    line_to(link_to(peer));
    line_opens();
    peer_writes(peer, "x");
    line_hears("x");
    assert_int_equal(scene.ear.heard, 1);
    close(peer);
}

static void a_last_word_still_leaves_when_the_line_is_freed(void **state)
{
    (void)state;
    const int peer = stick();
    const int slave = open(ptsname(peer), O_RDWR | O_NOCTTY | O_CLOEXEC); /* or the pty forgets */
    line_to(link_to(peer));
    line_opens();
    line_writes("bye");
    serial_free(scene.ear.line);
    scene.ear.line = NULL;
    peer_reads(peer, "bye");
    close(slave);
    close(peer);
}

static void a_closed_line_ignores_what_is_written(void **state)
{
    (void)state;
    line_to(scene.link);
    line_writes("x");
    turn_once();
    line_writes("x");
    assert_int_equal(serial_waiting(scene.ear.line), 0);
    serial_flush_all(scene.ear.line);
    serial_set_lines(scene.ear.line, true, true);
}

/* ---- how it is opened ---- */

static struct termios settings_of(int master)
{
    struct termios t;
    assert_int_equal(tcgetattr(master, &t), 0); /* of the pair: those of the slave */
    return t;
}

static void the_port_is_raw_8n1_at_its_speed_and_closing_does_not_hang_up(void **state)
{
    (void)state;
    const int peer = stick();
    line_at(&scene.ear, (struct serial_line){ .port = link_to(peer), .baud = 57600 });
    line_opens();
    const struct termios t = settings_of(peer);
    assert_int_equal(cfgetospeed(&t), B57600);
    assert_int_equal(t.c_cflag & (CSIZE | CSTOPB | PARENB | CRTSCTS | HUPCL), CS8);
    assert_int_equal(t.c_iflag & (IXON | IXOFF | ICRNL | BRKINT), 0);
    assert_int_equal(t.c_lflag & (ICANON | ECHO | ISIG), 0);
    assert_int_equal(t.c_oflag & OPOST, 0);
    assert_int_equal(t.c_cc[VMIN], 1);
    close(peer);
}

static void flow_control_is_as_set(void **state)
{
    (void)state;
    const int one = stick(), other = stick();
    line_at(&scene.ear, (struct serial_line){ .port = ptsname(one), .flow = FLOW_XONXOFF });
    line_opens();
    assert_int_equal(settings_of(one).c_iflag & (IXON | IXOFF | IXANY), IXON | IXOFF);
    is_said_once("115200 baud, XON/XOFF");
    const char *port = ptsname(other);
    line_at(&scene.second, (struct serial_line){ .port = port, .flow = FLOW_RTSCTS });
    until(&scene.second.opened, 1);
    assert_int_equal(settings_of(other).c_cflag & CRTSCTS, CRTSCTS);
    close(one);
    close(other);
}

static void is_not_inherited(int fd)
{
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void the_one_descriptor_is_not_inherited(void **state)
{
    (void)state;
    const int peer = stick();
    line_to(link_to(peer));
    line_opens();
    assert_int_equal(each_descriptor(ptsname(peer), is_not_inherited), 1);
    close(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_go_both_ways_unchanged, begin, end),
        cmocka_unit_test_setup_teardown(octets_that_come_one_by_one_are_handed_up_one_by_one, begin,
                                        end),
        cmocka_unit_test_setup_teardown(frames_of_one_turn_leave_in_order, begin, end),
        cmocka_unit_test_setup_teardown(more_than_the_kernel_takes_waits_and_all_arrives, begin, end),
        cmocka_unit_test_setup_teardown(a_line_that_takes_nothing_is_lost_when_64_kib_wait, begin,
                                        end),
        cmocka_unit_test_setup_teardown(what_was_received_before_a_flush_is_never_heard, begin, end),
        cmocka_unit_test_setup_teardown(what_a_stick_said_before_it_was_opened_is_flushed, begin, end),
        cmocka_unit_test_setup_teardown(a_last_word_still_leaves_when_the_line_is_freed, begin, end),
        cmocka_unit_test_setup_teardown(a_closed_line_ignores_what_is_written, begin, end),
        cmocka_unit_test_setup_teardown(
            the_port_is_raw_8n1_at_its_speed_and_closing_does_not_hang_up, begin, end),
        cmocka_unit_test_setup_teardown(flow_control_is_as_set, begin, end),
        cmocka_unit_test_setup_teardown(the_one_descriptor_is_not_inherited, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
