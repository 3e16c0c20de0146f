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
    sim_scene_noise(w.scene, 100);
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
        SCENE(nobody_hears_what_is_said_before_the_port_is_opened),
        SCENE(a_tcp_port_serves_one_host_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
