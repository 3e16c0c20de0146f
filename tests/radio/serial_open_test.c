/* serial_open_test.c -- ports that cannot be opened, and what the operator is told; and port: auto. */
#include "tests/radio/serial_scene.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { NOBODY = 65534 };

/* ---- missing ---- */

static struct tree tree;

static struct serial *line_in_tree(struct serial_line settings)
{
    tree_grow(&tree, scene.folder);
    settings.roots = &tree.roots;
    return line_at(&scene.ear, settings);
}

static void a_missing_port_is_told_once_with_those_that_are_there(void **state)
{
    (void)state;
    line_in_tree((struct serial_line){ .port = scene.link });
    plug_in(&tree,
            (struct plug){ .tty = "ttyUSB0", .ids = "0403:6001", .by_id = "usb-FTDI_A1-if00-port0" });
    plug_in(&tree,
            (struct plug){ .tty = "ttyUSB1", .ids = "0403:6001", .by_id = "usb-FTDI_A2-if00-port0" });
    time_passes(120000);
    is_said_once("radio field: ");
    is_said_once("usb-Stick_0001-if00 is not there: is it plugged in? There is ");
    is_said_once("usb-FTDI_A1-if00-port0 and ");
    is_said_once("usb-FTDI_A2-if00-port0; trying again by itself");
    lines_are(1);
}

static void a_missing_port_on_a_machine_without_any_is_told_as_that(void **state)
{
    (void)state;
    line_in_tree((struct serial_line){ .port = "/nowhere/ttyUSB0" });
    time_passes(100);
    is_said_once(
        "/nowhere/ttyUSB0 is not there: is it plugged in? No USB serial port is; trying again by itself");
}

static void a_port_that_appears_is_opened_at_once(void **state)
{
    (void)state;
    line_to(scene.link);
    time_passes(50000);
    const int peer = stick();
    link_to(peer);
    line_opens();
    is_said_once(" is open (/dev/pts/");
    lines_are(2);
    close(peer);
}

/* ---- busy ---- */

static void a_port_of_another_radio_of_ours_is_busy(void **state)
{
    (void)state;
    const int peer = stick();
    line_to(link_to(peer));
    line_opens();
    line_at(&scene.second, (struct serial_line){ .port = scene.link, .baud = 9600 });
    time_passes(120000);
    assert_int_equal(scene.second.opened, 0);
    is_said_once(
        "is in use by another radio of this gateway: give each radio a port of its own; trying again");
    lines_are(2);
    struct termios t;
    tcgetattr(peer, &t);
    assert_int_equal(cfgetospeed(&t), B115200); /* the first is not disturbed */
    serial_free(scene.ear.line);
    scene.ear.line = NULL;
    time_passes(31000);
    assert_int_equal(scene.second.opened, 1);
    close(peer);
}

/* A program that has the port, until it is killed. */
static pid_t program_with(const char *port)
{
    int ready[2];
    char c;
    assert_int_equal(pipe(ready), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, "ModemManager");
        const int fd = open(port, O_RDWR | O_NOCTTY);
        (void)!write(ready[1], fd >= 0 && flock(fd, LOCK_EX) == 0 ? "y" : "n", 1);
        for (;;)
            pause();
    }
    assert_true(pid > 0 && read(ready[0], &c, 1) == 1 && c == 'y');
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void who_holds_a_busy_port_is_named(void **state)
{
    char who[64];
    (void)state;
    const int peer = stick();
    const pid_t pid = program_with(ptsname(peer));
    line_to(link_to(peer));
    time_passes(120000);
    assert_int_equal(scene.ear.opened, 0);
    snprintf(who, sizeof who, "is in use by ModemManager (pid %ld): stop it", (long)pid);
    is_said_once(who);
    lines_are(1);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    time_passes(31000);
    assert_int_equal(scene.ear.opened, 1);
    close(peer);
}

/* ---- forbidden ---- */

/* From here on the port belongs to group 5 ("tty") and we are nobody. */
static int forbidden_stick(mode_t mode)
{
    const int peer = stick();
    if (geteuid() != 0) {
        print_message("skipped: only root can become nobody\n");
        close(peer);
        skip();
    }
    assert_int_equal(chown(ptsname(peer), 0, 5), 0);
    assert_int_equal(chmod(ptsname(peer), mode), 0);
    assert_int_equal(chmod(scene.folder, 0755), 0);
    assert_int_equal(seteuid(NOBODY), 0);
    return peer;
}

static void a_forbidden_port_is_told_with_the_command_that_helps(void **state)
{
    (void)state;
    const int peer = forbidden_stick(0660);
    line_to(ptsname(peer));
    time_passes(120000);
    is_said_once(
        "may not be opened by user nobody: it belongs to group tty; run \"sudo usermod -aG tty nobody\"");
    lines_are(1);
    close(peer);
}

static void where_no_group_may_the_mode_is_told(void **state)
{
    (void)state;
    const int peer = forbidden_stick(0600);
    line_to(ptsname(peer));
    time_passes(100);
    is_said_once(
        "may not be opened by user nobody: its mode is 600 and its owner 0:5; give it to group dialout");
    close(peer);
}

static void a_closed_folder_on_the_way_is_told(void **state)
{
    (void)state;
    const int peer = forbidden_stick(0666);
    assert_int_equal(seteuid(0), 0);
    link_to(peer);
    assert_int_equal(chmod(scene.folder, 0700), 0);
    assert_int_equal(seteuid(NOBODY), 0);
    line_to(scene.link);
    time_passes(100);
    is_said_once("a folder on the way is closed to user nobody");
    close(peer);
}

static void made_accessible_it_is_opened_at_once(void **state)
{
    (void)state;
    const int peer = forbidden_stick(0600);
    line_to(ptsname(peer));
    time_passes(60000);
    lines_are(1);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(ptsname(peer), 0666), 0);
    assert_int_equal(seteuid(NOBODY), 0);
    line_opens();
    close(peer);
}

/* As udev does it: first the device, its group a moment later. */
static void a_new_port_that_is_forbidden_for_a_moment_is_no_news(void **state)
{
    (void)state;
    const int peer = forbidden_stick(0600);
    line_to(scene.link);
    time_passes(100);
    assert_int_equal(seteuid(0), 0);
    link_to(peer);
    assert_int_equal(seteuid(NOBODY), 0);
    time_passes(300);
    lines_are(1); /* that it was missing */
    time_passes(600);
    is_said_once("its mode is 600");
    lines_are(2);
    close(peer);
}

/* ---- neither ---- */

static void what_is_no_serial_port_is_told_and_left_alone(void **state)
{
    char path[PATH_ROOM * 2];
    (void)state;
    snprintf(path, sizeof path, "%s/pipe", scene.folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    const char *const wrong[] = { "/dev/null", path, scene.folder };
    for (size_t i = 0; i < 3; i++) {
        line_to(wrong[i]);
        time_passes(10000);
        assert_int_equal(lines_with("is not a serial port; --list-ports shows them"), i + 1);
        lines_are(i + 1);
        serial_free(scene.ear.line);
        scene.ear.line = NULL;
    }
}

static void a_speed_that_no_port_has_is_told(void **state)
{
    (void)state;
    const int peer = stick();
    line_at(&scene.ear, (struct serial_line){ .port = link_to(peer), .baud = 12345 });
    time_passes(100);
    is_said_once("does not do 12345 baud: set the one of the stick");
    serial_set_baud(scene.ear.line, 9600);
    time_passes(3000);
    assert_int_equal(scene.ear.opened, 1);
    close(peer);
}

/* ---- port: auto ---- */

static void auto_takes_the_port_that_fits_also_when_it_comes_later(void **state)
{
    (void)state;
    const int peer = stick();
    line_in_tree((struct serial_line){ .port = "auto", .driver = DRIVER_EZSP });
    plug_in(&tree, (struct plug){ .tty = "ttyACM1", .ids = "1cf1:0030", .by_id = "usb-ConBee_II" });
    time_passes(60000);
    is_said_once(
        "port: auto: no port fits this driver: is the stick plugged in? If it is this, name it: ");
    plug_in(&tree, (struct plug){ .tty = "ttyACM0",
                                  .ids = "1a86:55d4",
                                  .product = "SONOFF",
                                  .by_id = "usb-E",
                                  .leads_to = ptsname(peer) });
    time_passes(200);
    assert_int_equal(scene.ear.opened, 1);
    is_said_once("/dev/serial/by-id/usb-E is open (/dev/pts/");
    lines_are(2);
    close(peer);
}

static void auto_refuses_when_several_fit(void **state)
{
    (void)state;
    line_in_tree((struct serial_line){ .port = "auto", .driver = DRIVER_XBEE });
    plug_in(&tree, (struct plug){ .tty = "ttyUSB0", .ids = "0403:6001" });
    plug_in(&tree, (struct plug){ .tty = "ttyUSB1", .ids = "0403:6001" });
    time_passes(60000);
    is_said_once("port: auto: several ports fit: ");
    is_said_once("ttyUSB1; name one of them; trying again by itself");
    lines_are(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_missing_port_is_told_once_with_those_that_are_there,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_missing_port_on_a_machine_without_any_is_told_as_that,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_port_that_appears_is_opened_at_once, begin, end),
        cmocka_unit_test_setup_teardown(a_port_of_another_radio_of_ours_is_busy, begin, end),
        cmocka_unit_test_setup_teardown(who_holds_a_busy_port_is_named, begin, end),
        cmocka_unit_test_setup_teardown(a_forbidden_port_is_told_with_the_command_that_helps, begin,
                                        end),
        cmocka_unit_test_setup_teardown(where_no_group_may_the_mode_is_told, begin, end),
        cmocka_unit_test_setup_teardown(a_closed_folder_on_the_way_is_told, begin, end),
        cmocka_unit_test_setup_teardown(made_accessible_it_is_opened_at_once, begin, end),
        cmocka_unit_test_setup_teardown(a_new_port_that_is_forbidden_for_a_moment_is_no_news, begin,
                                        end),
        cmocka_unit_test_setup_teardown(what_is_no_serial_port_is_told_and_left_alone, begin, end),
        cmocka_unit_test_setup_teardown(a_speed_that_no_port_has_is_told, begin, end),
        cmocka_unit_test_setup_teardown(auto_takes_the_port_that_fits_also_when_it_comes_later,
                                        begin, end),
        cmocka_unit_test_setup_teardown(auto_refuses_when_several_fit, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
