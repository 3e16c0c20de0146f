/* serial_tcp_test.c -- networked coordinators: tcp://host:port, over loopback, every port the kernel's choice. */
#include "tests/radio/serial_scene.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static char url[64];

/* A listener; `url` leads to it. */
static int coordinator(void)
{
    struct sockaddr_in name = { .sin_family = AF_INET };
    socklen_t len = sizeof name;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, "127.0.0.1", &name.sin_addr);
    assert_int_equal(bind(fd, (const struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%u", ntohs(name.sin_port));
    return fd;
}

static int line_is_accepted(int listener)
{
    line_opens();
    const int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(peer >= 0);
    return peer;
}

static void bytes_go_both_ways(void **state)
{
    (void)state;
    const int listener = coordinator();
    assert_true(serial_is_network(line_to(url)));
    const int peer = line_is_accepted(listener);
    line_writes("\x1a\xc0\x38\xbc\x7e");
    peer_reads(peer, "\x1a\xc0\x38\xbc\x7e");
    peer_writes(peer, "hello");
    line_hears("hello");
    serial_set_lines(scene.ear.line, false, false); /* there are none */
    lines_are(1);
    is_said_once("radio field: connected to tcp://127.0.0.1:");
    close(peer);
    close(listener);
}

static void what_was_received_before_a_flush_is_never_heard(void **state)
{
    (void)state;
    const int listener = coordinator();
    line_to(url);
    const int peer = line_is_accepted(listener);
    line_writes("old");
    peer_writes(peer, "old");
    serial_flush_all(scene.ear.line);
    peer_writes(peer, "new");
    line_hears("new");
    assert_int_equal(scene.ear.heard, 3);
    close(peer);
    close(listener);
}

static int option_of(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

/* The line's own socket is the one whose other end is `peer`. */
static int socket_to(int peer)
{
    struct sockaddr_in want = { 0 }, name = { 0 };
    socklen_t want_len = sizeof want;
    assert_int_equal(getsockname(peer, (struct sockaddr *)&want, &want_len), 0);
    for (int fd = 3; fd < 64; fd++) {
        socklen_t len = sizeof name;
        if (getpeername(fd, (struct sockaddr *)&name, &len) == 0 && name.sin_port == want.sin_port)
            return fd;
    }
    fail_msg("no socket leads to the peer");
    return -1;
}

static void small_frames_leave_at_once_and_a_vanished_peer_is_noticed(void **state)
{
    (void)state;
    const int listener = coordinator();
    line_to(url);
    const int peer = line_is_accepted(listener), own = socket_to(peer);
    assert_int_equal(option_of(own, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option_of(own, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option_of(own, IPPROTO_TCP, TCP_KEEPIDLE), 15);
    assert_int_equal(option_of(own, IPPROTO_TCP, TCP_USER_TIMEOUT), 20000);
    assert_int_equal(fcntl(own, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(peer);
    close(listener);
}

static void a_coordinator_that_restarts_is_found_again(void **state)
{
    (void)state;
    const int listener = coordinator();
    line_to(url);
    int peer = line_is_accepted(listener);
    serial_settled(scene.ear.line);
    close(peer);
    line_is_lost();
    is_said_once("closed the connection: did it restart, or did another program connect to it?");
    assert_int_equal(scene.ear.opened, 1);
    scene.ahead_ms += 1000;
    peer = line_is_accepted(listener);
    line_writes("again");
    peer_reads(peer, "again");
    lines_are(2); /* that it is back, not before it lasts */
    time_passes(3100);
    lines_are(3);
    assert_int_equal(lines_with("connected to"), 2);
    close(peer);
    close(listener);
}

/* A coordinator that serves another gateway hangs up on us each time. */
static void one_that_hangs_up_for_ever_is_told_once(void **state)
{
    (void)state;
    const int listener = coordinator();
    line_to(url);
    for (int i = 0; i < 10; i++) {
        close(line_is_accepted(listener));
        line_is_lost();
        scene.ahead_ms += 30000;
    }
    is_said_once("closed the connection");
    is_said_once("connected to");
    lines_are(2);
    close(listener);
}

static void nobody_there_is_told_once_and_tried_for_ever(void **state)
{
    (void)state;
    const int listener = coordinator();
    close(listener);
    line_to(url);
    time_passes(120000);
    assert_int_equal(scene.ear.opened, 0);
    is_said_once(
        "Connection refused; is it on, is the port right, and is nobody else connected to it?; trying again");
    lines_are(1);
}

/* A listener that accepts nothing, its queue full: connections to it hang. */
static int deaf_coordinator(int fillers[4])
{
    const int listener = coordinator();
    struct sockaddr_in name;
    socklen_t len = sizeof name;
    assert_int_equal(listen(listener, 0), 0);
    getsockname(listener, (struct sockaddr *)&name, &len);
    for (size_t i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (const struct sockaddr *)&name, sizeof name);
    }
    return listener;
}

static void a_connection_that_hangs_is_given_up_after_5_s(void **state)
{
    int fillers[4];
    (void)state;
    const int listener = deaf_coordinator(fillers);
    line_to(url);
    time_passes(4800);
    lines_are(0);
    time_passes(400);
    is_said_once("no answer; is it on, and is the address right?");
    lines_are(1);
    for (size_t i = 0; i < 4; i++)
        close(fillers[i]);
    close(listener);
}

static void a_bad_url_is_named(void **state)
{
    static const char *const bad[] = { "tcp://coordinator", "tcp://:6638", "tcp://[]:1",
                                       "tcp://h:",          "tcp://h:0",   "tcp://h:65536",
                                       "tcp://h:1x",        "tcp://" };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        line_to(bad[i]);
        time_passes(100);
        assert_int_equal(lines_with("is not of the form tcp://host:port"), i + 1);
        serial_free(scene.ear.line);
        scene.ear.line = NULL;
    }
}

/* The name server is this machine, which mostly has none; and if it has one, it does not know the name. */
static void an_unknown_name_is_told_once_and_can_be_given_up(void **state)
{
    char names[PATH_ROOM * 2];
    (void)state;
    snprintf(names, sizeof names, "%s/resolv.conf", scene.folder);
    FILE *f = fopen(names, "we");
    fputs("nameserver 127.0.0.1\n", f);
    fclose(f);
    scene.instead_of = "/etc/resolv.conf";
    scene.opened = names;
    line_to("tcp://slzb-06.local:6638");
    time_passes(200000);
    assert_int_equal(scene.ear.opened, 0);
    is_said_once("tcp://slzb-06.local:6638: ");
    is_said_once("names in .local are not looked up here: use its IP address; trying again");
    lines_are(1);
    serial_free(scene.ear.line);
    line_to("tcp://coordinator.invalid:6638");
    turn_once();
    serial_free(scene.ear.line);
    scene.ear.line = NULL;
    unlink(names);
}

static void a_connection_under_way_can_be_given_up(void **state)
{
    int fillers[4];
    (void)state;
    const int listener = deaf_coordinator(fillers);
    line_to(url);
    turn_once();
    serial_reopen(scene.ear.line, NULL);
    for (size_t i = 0; i < 4; i++)
        close(fillers[i]);
    time_passes(500);
    assert_int_equal(scene.ear.opened + scene.ear.lost, 0);
    close(listener);
    lines_are(0);
}

static void a_line_can_be_freed_while_it_connects(void **state)
{
    int fillers[4];
    (void)state;
    const int listener = deaf_coordinator(fillers);
    line_to(url);
    turn_once();
    serial_free(scene.ear.line);
    scene.ear.line = NULL;
    for (size_t i = 0; i < 4; i++)
        close(fillers[i]);
    close(listener);
}

static void ipv6_works_alike(void **state)
{
    struct sockaddr_in6 name = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    socklen_t len = sizeof name;
    (void)state;
    const int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (const struct sockaddr *)&name, sizeof name) < 0) {
        print_message("skipped: this machine has no ::1\n");
        close(listener);
        skip();
    }
    assert_int_equal(listen(listener, 4), 0);
    getsockname(listener, (struct sockaddr *)&name, &len);
    snprintf(url, sizeof url, "tcp://[::1]:%u", ntohs(name.sin6_port));
    line_to(url);
    const int peer = line_is_accepted(listener);
    line_writes("six");
    peer_reads(peer, "six");
    close(peer);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_go_both_ways, begin, end),
        cmocka_unit_test_setup_teardown(what_was_received_before_a_flush_is_never_heard, begin, end),
        cmocka_unit_test_setup_teardown(small_frames_leave_at_once_and_a_vanished_peer_is_noticed,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_coordinator_that_restarts_is_found_again, begin, end),
        cmocka_unit_test_setup_teardown(one_that_hangs_up_for_ever_is_told_once, begin, end),
        cmocka_unit_test_setup_teardown(nobody_there_is_told_once_and_tried_for_ever, begin, end),
        cmocka_unit_test_setup_teardown(a_connection_that_hangs_is_given_up_after_5_s, begin, end),
        cmocka_unit_test_setup_teardown(a_bad_url_is_named, begin, end),
        cmocka_unit_test_setup_teardown(an_unknown_name_is_told_once_and_can_be_given_up, begin, end),
        cmocka_unit_test_setup_teardown(a_connection_under_way_can_be_given_up, begin, end),
        cmocka_unit_test_setup_teardown(a_line_can_be_freed_while_it_connects, begin, end),
        cmocka_unit_test_setup_teardown(ipv6_works_alike, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
