/* serial_test.c -- the bytes of a serial line, its loss and its return, over pseudo-terminals. */
#include "tests/radio/serial_scene.h"

#include <sys/ioctl.h>

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

/* Calls `check` with each descriptor of ours that leads to the stick; returns how many there are. */
static size_t each_descriptor(const char *path, void (*check)(int fd))
{
    char target[PATH_ROOM];
    size_t found = 0;
    DIR *fds = opendir("/proc/self/fd");
    for (const struct dirent *e = readdir(fds); e; e = readdir(fds)) {
        const ssize_t n = readlinkat(dirfd(fds), e->d_name, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        if (strncmp(target, path, strlen(path)) != 0)
            continue;
        found++;
        if (check)
            check((int)strtol(e->d_name, NULL, 10));
    }
    closedir(fds);
    return found;
}

static void is_ours_alone(int fd)
{
    int exclusive = 0;
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(ioctl(fd, TIOCGEXCL, &exclusive), 0);
    assert_int_equal(exclusive, 1);
}

static void the_descriptor_is_exclusive_and_not_inherited(void **state)
{
    (void)state;
    const int peer = stick();
    line_to(link_to(peer));
    line_opens();
    assert_int_equal(each_descriptor(ptsname(peer), is_ours_alone), 1);
    close(peer);
}

/* ---- lost and found ---- */

/* A port that is gone is readable for ever: were it kept, the loop would spin. */
static void an_unplugged_stick_is_lost_once_and_let_go(void **state)
{
    (void)state;
    const int peer = stick();
    line_to(link_to(peer));
    line_opens();
    serial_settled(scene.ear.line);
    close(peer);
    line_is_lost();
    assert_int_equal(each_descriptor("/dev/pts/", NULL), 0);
    time_passes(300000);
    assert_int_equal(scene.ear.lost, 1);
    is_said_once("is gone: unplugged? It is opened again as soon as it is back");
    is_said_once("is not there: is it plugged in?"); /* since it lasts */
    lines_are(3);
}

/* A symlink that leads elsewhere now, as udev makes it; the back-off is far from over. */
static void a_stick_that_is_back_under_another_name_is_opened_at_once(void **state)
{
    (void)state;
    const int first = stick();
    line_to(link_to(first));
    line_opens();
    serial_settled(scene.ear.line);
    close(first);
    line_is_lost();
    unlink(scene.link);
    time_passes(60000);
    assert_int_equal(scene.ear.opened, 1);
    const int second = stick(), third = stick();
    link_to(second);
    const long long ahead = scene.ahead_ms;
    line_opens();
    assert_int_equal(scene.ahead_ms, ahead);
    line_writes("again");
    peer_reads(second, "again");
    close(second);
    line_is_lost();
    link_to(third); /* replaced, without having been away */
    line_opens();
    assert_int_equal(scene.ear.opened, 3);
    close(third);
}

static void folders_that_come_and_go_with_the_stick_are_watched(void **state)
{
    char folder[PATH_ROOM * 2], by_id[PATH_ROOM * 3], port[PATH_ROOM * 4];
    (void)state;
    snprintf(folder, sizeof folder, "%s/serial", scene.folder);
    snprintf(by_id, sizeof by_id, "%s/by-id", folder);
    snprintf(port, sizeof port, "%s/usb-X", by_id);
    const int peer = stick();
    line_to(port);
    time_passes(100);
    for (size_t round = 1; round <= 2; round++) {
        assert_int_equal(mkdir(folder, 0755), 0);
        turn_once();
        assert_int_equal(mkdir(by_id, 0755), 0);
        turn_once();
        assert_int_equal(symlink(ptsname(peer), port), 0);
        line_opens();
        serial_reopen(scene.ear.line, NULL);
        unlink(port);
        rmdir(by_id);
        rmdir(folder);
        time_passes(100000);
        assert_int_equal(scene.ear.opened, round);
    }
    close(peer);
}

static void the_back_off_grows_until_the_line_settles(void **state)
{
    static const int steps_s[] = { 1, 2, 5, 10, 30, 30 };
    (void)state;
    const int peer = stick();
    line_to(link_to(peer));
    line_opens();
    for (size_t i = 0; i < 6; i++) {
        serial_reopen(scene.ear.line, "it makes no sense");
        time_passes(steps_s[i] * 1000 - 100);
        assert_int_equal(scene.ear.opened, i + 1);
        time_passes(200);
        assert_int_equal(scene.ear.opened, i + 2);
    }
    serial_settled(scene.ear.line);
    serial_reopen(scene.ear.line, NULL);
    time_passes(1100);
    assert_int_equal(scene.ear.opened, 8);
    assert_int_equal(scene.ear.lost, 0);
    is_said_once("it makes no sense; opening it again");
    lines_are(2); /* and not that it was open, again and again */
    close(peer);
}

static void close_and_reopen(struct serial *s)
{
    serial_set_baud(s, 9600);
    serial_reopen(s, "wrong speed");
}

static void the_layer_above_may_reopen_from_within_its_events(void **state)
{
    (void)state;
    const int peer = stick();
    scene.ear.on_heard = close_and_reopen;
    line_to(link_to(peer));
    line_opens();
    peer_writes(peer, "?");
    line_hears("?");
    assert_false(serial_is_open(scene.ear.line));
    line_opens();
    const struct termios t = settings_of(peer);
    assert_int_equal(cfgetospeed(&t), B9600);
    close(peer);
}

static void free_the_line(struct serial *s)
{
    serial_free(s);
    scene.ear.line = NULL;
}

static void the_layer_above_may_free_the_line_from_within_its_events(void **state)
{
    (void)state;
    const int peer = stick();
    scene.ear.on_heard = free_the_line;
    line_to(link_to(peer));
    line_opens();
    peer_writes(peer, "?");
    line_hears("?");
    assert_null(scene.ear.line);
    scene.ear.on_opened = free_the_line;
    line_to(link_to(peer));
    until(&scene.ear.opened, 2);
    assert_null(scene.ear.line);
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
        cmocka_unit_test_setup_teardown(the_descriptor_is_exclusive_and_not_inherited, begin, end),
        cmocka_unit_test_setup_teardown(an_unplugged_stick_is_lost_once_and_let_go, begin, end),
        cmocka_unit_test_setup_teardown(a_stick_that_is_back_under_another_name_is_opened_at_once,
                                        begin, end),
        cmocka_unit_test_setup_teardown(folders_that_come_and_go_with_the_stick_are_watched, begin,
                                        end),
        cmocka_unit_test_setup_teardown(the_back_off_grows_until_the_line_settles, begin, end),
        cmocka_unit_test_setup_teardown(the_layer_above_may_reopen_from_within_its_events, begin, end),
        cmocka_unit_test_setup_teardown(the_layer_above_may_free_the_line_from_within_its_events,
                                        begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
