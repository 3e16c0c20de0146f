/* serial_lost_test.c -- a serial line that is lost, or given up, and how it comes back. */
#include "tests/radio/serial_scene.h"

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
    unlink(scene.link); /* or it leads to the next terminal that somebody opens */
    time_passes(10000);
    lines_are(2);
    time_passes(290000);
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

/* udev removes the folder with its last link; all this within one back-off. */
static void a_folder_that_goes_and_comes_back_is_watched(void **state)
{
    char by_id[PATH_ROOM * 2], port[PATH_ROOM * 3];
    (void)state;
    snprintf(by_id, sizeof by_id, "%s/by-id", scene.folder);
    snprintf(port, sizeof port, "%s/usb-X", by_id);
    const int peer = stick();
    assert_int_equal(mkdir(by_id, 0755), 0);
    line_to(port);
    time_passes(20000);
    rmdir(by_id);
    time_passes(200);
    assert_int_equal(mkdir(by_id, 0755), 0);
    assert_int_equal(symlink(ptsname(peer), port), 0);
    time_passes(200);
    assert_int_equal(scene.ear.opened, 1);
    close(peer);
}

static void a_link_that_waits_for_its_device_is_watched_at_both_ends(void **state)
{
    char device[PATH_ROOM * 2];
    (void)state;
    snprintf(device, sizeof device, "%s/ttyUSB0", scene.folder);
    const int peer = stick();
    assert_int_equal(symlink("./ttyUSB0", scene.link), 0);
    line_to(scene.link);
    time_passes(20000);
    assert_int_equal(symlink(ptsname(peer), device), 0);
    time_passes(200);
    assert_int_equal(scene.ear.opened, 1);
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
    struct termios t;
    assert_int_equal(tcgetattr(peer, &t), 0);
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
        cmocka_unit_test_setup_teardown(an_unplugged_stick_is_lost_once_and_let_go, begin, end),
        cmocka_unit_test_setup_teardown(a_stick_that_is_back_under_another_name_is_opened_at_once,
                                        begin, end),
        cmocka_unit_test_setup_teardown(folders_that_come_and_go_with_the_stick_are_watched, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_folder_that_goes_and_comes_back_is_watched, begin, end),
        cmocka_unit_test_setup_teardown(a_link_that_waits_for_its_device_is_watched_at_both_ends,
                                        begin, end),
        cmocka_unit_test_setup_teardown(the_back_off_grows_until_the_line_settles, begin, end),
        cmocka_unit_test_setup_teardown(the_layer_above_may_reopen_from_within_its_events, begin, end),
        cmocka_unit_test_setup_teardown(the_layer_above_may_free_the_line_from_within_its_events,
                                        begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
