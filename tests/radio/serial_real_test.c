/* serial_real_test.c -- real ports, which libserialport sets up.
 *
 * It takes only names that /sys knows, and wants modem lines. So a console's name stands for the port, a
 * pseudo-terminal for its hardware, and the calls in between are bent. */
#include "tests/radio/serial_scene.h"

#include <sys/ioctl.h>

#define REAL_PORT "/dev/tty9"

static struct {
    bool on;
    int lines, calls;
} modem;

int ioctl(int fd, unsigned long request, ...)
{
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    int *lines = argument;
    if (!modem.on)
        return (int)syscall(SYS_ioctl, fd, request, argument);
    modem.calls += request == TIOCMSET || request == TIOCMBIS || request == TIOCMBIC;
    switch (request) {
    case TIOCMGET:
        *lines = modem.lines;
        return 0;
    case TIOCMSET:
        modem.lines = *lines;
        return 0;
    case TIOCMBIS:
        modem.lines |= *lines;
        return 0;
    case TIOCMBIC:
        modem.lines &= ~*lines;
        return 0;
    default:
        return (int)syscall(SYS_ioctl, fd, request, argument);
    }
}

int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
    return open(path, flags);
}

static int real_stick(void)
{
    struct stat about;
    if (stat(REAL_PORT, &about) < 0 || access("/sys/class/tty/tty9", F_OK) < 0) {
        print_message("skipped: this machine has no " REAL_PORT "\n");
        skip();
    }
    const int peer = stick();
    scene.instead_of = REAL_PORT;
    scene.opened = ptsname(peer);
    modem.on = true;
    modem.lines = TIOCM_DTR | TIOCM_RTS;
    modem.calls = 0;
    return peer;
}

static void a_real_port_is_opened_through_its_symlink(void **state)
{
    (void)state;
    const int peer = real_stick();
    assert_int_equal(symlink(REAL_PORT, scene.link), 0);
    line_at(&scene.ear, (struct serial_line){ .port = scene.link, .baud = 57600 });
    line_opens();
    struct termios t;
    tcgetattr(peer, &t);
    assert_int_equal(cfgetospeed(&t), B57600);
    assert_int_equal(t.c_cflag & (CSIZE | CSTOPB | PARENB | CRTSCTS | HUPCL), CS8);
    assert_int_equal(t.c_cc[VMIN], 1);
    assert_int_equal(modem.lines, TIOCM_DTR | TIOCM_RTS); /* as the kernel left them */
    line_writes("to");
    peer_reads(peer, "to");
    peer_writes(peer, "fro");
    line_hears("fro");
    is_said_once("is open (" REAL_PORT ", 57600 baud, no flow control)");
    close(peer);
    line_is_lost();
}

static void is_ours_alone(int fd)
{
    int exclusive = 0;
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(ioctl(fd, TIOCGEXCL, &exclusive), 0);
    assert_int_equal(exclusive, 1);
}

static void is_ours_no_more(int fd)
{
    int exclusive = 1;
    assert_int_equal(ioctl(fd, TIOCGEXCL, &exclusive), 0);
    assert_int_equal(exclusive, 0);
    close(fd);
}

static void a_real_port_is_locked_and_let_go(void **state)
{
    (void)state;
    const int peer = real_stick();
    line_to(REAL_PORT);
    line_opens();
    assert_int_equal(each_descriptor(ptsname(peer), is_ours_alone),
                     2); /* the lock's, and libserialport's */
    line_at(&scene.second, (struct serial_line){ .port = REAL_PORT });
    time_passes(100);
    assert_int_equal(scene.second.opened, 0);
    is_said_once("is in use by ");
    const int beside = open(ptsname(peer), O_RDWR | O_NOCTTY | O_CLOEXEC);
    serial_free(scene.ear.line);
    scene.ear.line = NULL;
    if (beside >= 0) /* only root gets there */
        is_ours_no_more(beside);
    time_passes(3000);
    assert_int_equal(scene.second.opened, 1);
    close(peer);
}

static void both_modem_lines_change_in_one_call(void **state)
{
    (void)state;
    const int peer = real_stick();
    line_to(REAL_PORT);
    line_opens();
    modem.calls = 0;
    serial_set_lines(scene.ear.line, false, true);
    assert_int_equal(modem.lines, TIOCM_RTS);
    serial_set_lines(scene.ear.line, true, false);
    assert_int_equal(modem.lines, TIOCM_DTR);
    assert_int_equal(modem.calls, 2);
    close(peer);
}

static void real_ports_do_flow_control(void **state)
{
    (void)state;
    const int peer = real_stick();
    struct termios t;
    line_at(&scene.ear, (struct serial_line){ .port = REAL_PORT, .flow = FLOW_RTSCTS });
    line_opens();
    tcgetattr(peer, &t);
    assert_int_equal(t.c_cflag & CRTSCTS, CRTSCTS);
    serial_free(scene.ear.line);
    line_at(&scene.ear, (struct serial_line){ .port = REAL_PORT, .flow = FLOW_XONXOFF });
    line_opens();
    tcgetattr(peer, &t);
    assert_int_equal(t.c_cflag & CRTSCTS, 0);
    assert_int_equal(t.c_iflag & (IXON | IXOFF), IXON | IXOFF);
    close(peer);
}

static int end_of_port(void **state)
{
    const int result = end(state);
    modem.on = false;
    return result;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_real_port_is_opened_through_its_symlink, begin, end_of_port),
        cmocka_unit_test_setup_teardown(a_real_port_is_locked_and_let_go, begin, end_of_port),
        cmocka_unit_test_setup_teardown(both_modem_lines_change_in_one_call, begin, end_of_port),
        cmocka_unit_test_setup_teardown(real_ports_do_flow_control, begin, end_of_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
