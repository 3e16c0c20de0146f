/* sim_scene_test.c -- the whole simulator on a real line: what arrives, and what unplugging does. */
#include "tests/tools/sim_scene_host.h"

static void all_messages_of_all_nodes_arrive(void **state)
{
    (void)state;
    const struct sim_scene_settings p = usual();
    begin(&p);
    host_opens();
    run_until(all_acknowledged);
    assert_int_equal(joins, 3);
    assert_non_null(
        strstr(ask("status"), "summary nodes=3 connected=3 published=30 acknowledged=30 "));
    assert_int_equal(w.outcomes[SIM_NO_ACK], 0);
}

static void a_paced_line_carries_no_more_than_its_baud_rate(void **state)
{
    (void)state;
    struct sim_scene_settings p = usual();
    p.line.baud = 115200;
    begin(&p);
    uint64_t before = sim_clock_ns();
    host_opens();
    run_until(all_acknowledged);
    uint64_t octets = strtoull(strstr(ask("status"), "octets_to_host=") + 15, NULL, 10);
    assert_true(octets > 700);
    assert_true(sim_clock_ns() - before >= (octets - 100) * 10 * 1000000000 / 115200);
}

static void lost_frames_are_told_and_everything_arrives_all_the_same(void **state)
{
    (void)state;
    struct sim_scene_settings p = usual();
    p.loss_percent = 20;
    p.speed = 100;
    begin(&p);
    host_opens();
    run_until(all_acknowledged);
    assert_true(w.outcomes[SIM_NO_ACK] > 0);
    assert_true(w.outcomes[SIM_DELIVERED] > 0);
}

static void unplugging_hangs_up_and_replugging_brings_a_new_port_of_the_same_name(void **state)
{
    (void)state;
    const struct sim_scene_settings p = usual();
    char first[64] = "", second[64] = "";
    begin(&p);
    host_opens();
    run_until(heard_something);
    assert_true(readlink(w.link, first, sizeof first - 1) > 0);
    assert_string_equal(ask("unplug"), "ok unplug");
    assert_false(link_is_there());
    run_until(hung_up);
    assert_memory_equal(ask("replug"), "ok replug /", 11);
    assert_true(readlink(w.link, second, sizeof second - 1) > 0);
    host_closes();
    host_opens();
    run_until(all_acknowledged);
    assert_int_equal(plugs, 2);
    sim_scene_free(w.scene);
    w.scene = NULL;
    assert_false(link_is_there());
}

static void a_host_that_leaves_takes_its_lock_and_its_octets_with_it(void **state)
{
    (void)state;
    struct sim_scene_settings p = usual();
    p.nodes.count = 1;
    begin(&p);
    host_opens();
    w.mute = true;
    run_until(heard_something);
    assert_int_equal(ioctl(w.fd, TIOCEXCL), 0);
    event_del(w.readable); /* the host is too slow for what comes now */
    sim_scene_noise(w.scene, 100);
    look_around();
    host_closes();
    look_around();
    host_opens();
    int exclusive = 1;
    assert_int_equal(ioctl(w.fd, TIOCGEXCL, &exclusive), 0);
    assert_int_equal(exclusive, 0);
    w.mute = false;
    run_until(all_acknowledged);
    assert_int_equal(w.nonsense, 0);
}

static unsigned long count_of(const char *key)
{
    return strtoul(strstr(ask("status"), key) + strlen(key), NULL, 10);
}

static bool two_octets_arrived(void)
{
    return count_of("octets_from_host=") == 2;
}

static bool a_frame_arrived(void)
{
    return count_of("frames_from_host=") == 1;
}

static bool no_route_was_told(void)
{
    return w.outcomes[SIM_NO_ROUTE] > 0;
}

static void replug(void)
{
    assert_string_equal(ask("unplug"), "ok unplug");
    assert_memory_equal(ask("replug"), "ok replug /", 11);
    host_closes();
    host_opens();
}

static void half_a_frame_is_forgotten_with_the_power(void **state)
{
    (void)state;
    const struct sim_scene_settings p = usual();
    begin(&p);
    host_opens();
    assert_int_equal(write(w.fd, "\xff\x00", 2), 2);
    run_until(two_octets_arrived);
    replug();
    run_until(all_acknowledged);
    assert_int_equal(count_of("lost="), 0);
}

static void an_outcome_is_not_told_to_a_stick_that_did_not_send(void **state)
{
    (void)state;
    struct sim_scene_settings p = usual();
    p.nodes.count = 0;
    p.speed = 10;
    begin(&p);
    host_opens();
    assert_int_equal(write(w.fd, "\x03\x07x", 3), 3);
    run_until(a_frame_arrived);
    replug();
    assert_int_equal(write(w.fd, "\x03\x07x", 3), 3);
    run_until(no_route_was_told);
    assert_int_equal(w.outcomes[SIM_NO_ROUTE], 1);
}

static bool twenty_outcomes(void)
{
    return w.outcomes[SIM_NO_ROUTE] == 20;
}

static void a_burst_of_the_host_arrives_whole_at_the_speed_of_the_line(void **state)
{
    (void)state;
    struct sim_scene_settings p = usual();
    p.nodes.count = 0;
    p.speed = 1000;
    p.line.baud = 115200;
    uint8_t burst[600];
    for (size_t i = 0; i < sizeof burst; i++)
        burst[i] = i % 30 == 0 ? 30 : 7;
    begin(&p);
    host_opens();
    uint64_t before = sim_clock_ns();
    assert_int_equal(write(w.fd, burst, sizeof burst), sizeof burst);
    run_until(twenty_outcomes);
    assert_true(sim_clock_ns() - before >= (uint64_t)sizeof burst * 10 * 1000000000 / 115200);
}

static void nobody_hears_what_is_said_before_the_port_is_opened(void **state)
{
    (void)state;
    struct sim_scene_settings p = usual();
    p.nodes.count = 0;
    begin(&p);
    assert_string_equal(ask("noise 50"), "ok noise 50");
    look_around();
    host_opens();
    uint8_t octet;
    assert_int_equal(read(w.fd, &octet, 1), -1);
    assert_int_equal(errno, EAGAIN);
}

static void a_tcp_port_serves_one_host_the_newest(void **state)
{
    (void)state;
    struct sim_scene_settings p = usual();
    p.line = (struct sim_line_settings){ .listen = "127.0.0.1:0" };
    begin(&p);
    const char *port = strrchr(sim_scene_path(w.scene), ':') + 1;
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };
    int first = socket(AF_INET, SOCK_STREAM, 0), second = socket(AF_INET, SOCK_STREAM, 0);
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
    } address = { .v4 = to };
    assert_int_equal(connect(first, &address.any, sizeof to), 0);
    host_takes(first);
    w.mute = true;
    run_until(heard_something);
    assert_int_equal(connect(second, &address.any, sizeof to), 0);
    run_until(hung_up);
    host_closes();
    host_takes(second);
    w.mute = false;
    run_until(all_acknowledged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(all_messages_of_all_nodes_arrive),
        SCENE(a_paced_line_carries_no_more_than_its_baud_rate),
        SCENE(lost_frames_are_told_and_everything_arrives_all_the_same),
        SCENE(unplugging_hangs_up_and_replugging_brings_a_new_port_of_the_same_name),
        SCENE(a_host_that_leaves_takes_its_lock_and_its_octets_with_it),
        SCENE(half_a_frame_is_forgotten_with_the_power),
        SCENE(an_outcome_is_not_told_to_a_stick_that_did_not_send),
        SCENE(a_burst_of_the_host_arrives_whole_at_the_speed_of_the_line),
        SCENE(nobody_hears_what_is_said_before_the_port_is_opened),
        SCENE(a_tcp_port_serves_one_host_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
