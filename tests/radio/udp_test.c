/* udp_test.c -- frames to and from nodes by the UDP radio, what is lost on the way, addresses. */
#include "tests/radio/udp_scene.h"

/* ---- to and fro ---- */

static void a_frame_is_heard_with_its_address_and_the_answer_gets_back(void **state)
{
    (void)state;
    struct radio *r = open_radio(1, (struct config_radio){ .listen = { "127.0.0.1", 0 } });
    const int node = v4_node();
    assert_true(r->up);
    node_sends(node, port_of("attic"), "hello");
    is_heard_or_dropped(1);
    nth_heard_is(0, "hello");
    assert_false(scene.heard[0].broadcast);
    assert_int_equal(scene.heard[0].from.radio, 1);
    assert_int_equal(scene.heard[0].from.len, 6);

    char line[64], want[64];
    snprintf(want, sizeof want, "127.0.0.1:%u", port_of_node(node));
    assert_string_equal(udp_driver.text(&scene.heard[0].from, line, sizeof line), want);

    radio_sends(r, &scene.heard[0].from, "welcome");
    node_receives_nothing(node); /* not before the turn ends */
    udp_driver.flush(r);
    node_receives(node, "welcome");
    assert_false(udp_driver.can_broadcast(r));
    close(node);
}

static void ipv6_works_alike(void **state)
{
    (void)state;
    const struct sockaddr_in6 any = v6_name("::1", 0);
    const int node = node_at(&any, sizeof any);
    if (node < 0) {
        print_message("skipped: this machine has no ::1\n");
        skip();
    }
    struct radio *r = open_radio(0, (struct config_radio){ .listen = { "::1", 0 } });
    const struct sockaddr_in6 to = v6_name("::1", port_of("lan"));
    assert_int_equal(sendto(node, "hi", 2, 0, (const struct sockaddr *)&to, sizeof to), 2);
    is_heard_or_dropped(1);
    assert_int_equal(scene.heard[0].from.len, 22);
    char line[64], want[64];
    snprintf(want, sizeof want, "[::1]:%u", port_of_node(node));
    assert_string_equal(udp_driver.text(&scene.heard[0].from, line, sizeof line), want);
    radio_sends(r, &scene.heard[0].from, "ho");
    udp_driver.flush(r);
    node_receives(node, "ho");
    close(node);
}

/* More than one batch, and no more than a receive buffer of the default size holds. */
enum { LOT = 250 };

static void node_receives_frames(int node, size_t first, size_t count)
{
    char text[24];
    for (size_t i = first; i < first + count; i++) {
        snprintf(text, sizeof text, "frame %zu", i);
        nth_heard_is(i, text);
        node_receives(node, text);
    }
}

static void five_hundred_frames_pass_both_ways_in_order(void **state)
{
    (void)state;
    struct radio *r = open_radio(0, (struct config_radio){ .listen = { "127.0.0.1", 0 } });
    const int node = v4_node();
    const uint16_t port = port_of("lan");
    char text[24];
    for (size_t i = 0; i < 500; i++) {
        snprintf(text, sizeof text, "frame %zu", i);
        node_sends(node, port, text);
        if (i % LOT == LOT - 1)
            is_heard_or_dropped(i + 1);
    }
    assert_int_equal(scene.dropped_count, 0);
    for (size_t i = 0; i < 500; i++) {
        udp_driver.send(r, &scene.heard[i].from, span_of(scene.heard[i].bytes, scene.heard[i].len));
        if (i % LOT == LOT - 1) {
            udp_driver.flush(r);
            node_receives_frames(node, i + 1 - LOT, LOT);
        }
    }
    assert_int_equal(scene.dropped_count, 0);
    close(node);
}

static void two_radios_run_at_once_and_stamp_their_own_index(void **state)
{
    (void)state;
    open_radio(0, (struct config_radio){ .listen = { "127.0.0.1", 0 } });
    open_radio(1, (struct config_radio){ .listen = { "127.0.0.2", 0 } });
    const int node = v4_node();
    const struct sockaddr_in second = v4_name("127.0.0.2", port_of("attic"));
    node_sends(node, port_of("lan"), "one");
    is_heard_or_dropped(1);
    sendto(node, "two", 3, 0, (const struct sockaddr *)&second, sizeof second);
    is_heard_or_dropped(2);
    nth_heard_is(0, "one");
    nth_heard_is(1, "two");
    assert_int_equal(scene.heard[0].from.radio, 0);
    assert_int_equal(scene.heard[1].from.radio, 1);
    close(node);
}

/* ---- what is lost is counted ---- */

static void a_frame_above_the_limit_is_dropped_whole(void **state) /* SN-FRM-11 */
{
    (void)state;
    open_radio(0, (struct config_radio){ .listen = { "127.0.0.1", 0 } });
    const int node = v4_node();
    uint8_t bytes[MAX_MESSAGE + 1] = { 0 };
    node_sends_octets(node, port_of("lan"), bytes, MAX_MESSAGE + 1);
    node_sends_octets(node, port_of("lan"), bytes, MAX_MESSAGE);
    is_heard_or_dropped(2);
    assert_int_equal(scene.dropped_count, 1);
    assert_string_equal(scene.drop_reason, "oversize");
    assert_int_equal(scene.heard[0].len, MAX_MESSAGE);
    close(node);
}

static void what_the_kernel_had_no_room_for_is_counted(void **state)
{
    (void)state;
    enum { FLOOD = 30000 };
    open_radio(0, (struct config_radio){ .listen = { "127.0.0.1", 0 } });
    const int node = v4_node();
    const uint16_t port = port_of("lan");
    for (int i = 0; i < FLOOD; i++)
        node_sends(node, port, "burst");
    size_t before;
    do {
        before = scene.heard_count;
        event_base_loop(scene.loop, EVLOOP_NONBLOCK);
    } while (before != scene.heard_count);
    assert_in_range(scene.heard_count, 100, FLOOD - 1);
    node_sends(node, port, "after"); /* the kernel tells with the next frame that finds room */
    is_heard_or_dropped(FLOOD + 1);
    assert_string_equal(scene.drop_reason, "kernel receive buffer full");
    close(node);
}

static void a_receiver_that_cannot_be_reached_costs_only_its_own_frame(void **state)
{
    (void)state;
    struct radio *r = open_radio(0, (struct config_radio){ .listen = { "127.0.0.1", 0 } });
    const int node = v4_node();
    const struct address good = address_of("127.0.0.1", port_of_node(node));
    const struct address refused = address_of("255.255.255.255", 9);
    radio_sends(r, &good, "first");
    radio_sends(r, &refused, "lost");
    radio_sends(r, &good, "third");
    udp_driver.flush(r);
    node_receives(node, "first");
    node_receives(node, "third");
    assert_int_equal(scene.dropped_count, 1);
    assert_string_equal(scene.drop_reason, "refused by the firewall");
    close(node);
}

static void a_frame_too_long_for_udp_costs_only_itself(void **state)
{
    (void)state;
    static uint8_t huge[300 * 1024];
    struct radio *r = open_radio(0, (struct config_radio){ .listen = { "127.0.0.1", 0 } });
    const int node = v4_node();
    const struct address good = address_of("127.0.0.1", port_of_node(node));
    radio_sends(r, &good, "first");
    udp_driver.send(r, &good, span_of(huge, 65535));
    udp_driver.send(r, &good, span_of(huge, sizeof huge));
    radio_sends(r, &good, "fourth");
    udp_driver.flush(r);
    node_receives(node, "first");
    node_receives(node, "fourth");
    assert_int_equal(scene.dropped_count, 2);
    assert_string_equal(scene.drop_reason, "too large for the network");
    close(node);
}

static void a_node_that_is_gone_does_not_stop_reception(void **state)
{
    (void)state;
    struct radio *r = open_radio(0, (struct config_radio){ .listen = { "127.0.0.1", 0 } });
    const int gone = v4_node(), node = v4_node();
    const struct address nobody = address_of("127.0.0.1", port_of_node(gone));
    close(gone);
    for (int i = 0; i < 3; i++) {
        radio_sends(r, &nobody, "anyone?");
        udp_driver.flush(r);
        node_sends(node, port_of("lan"), "still here");
        is_heard_or_dropped((size_t)i + 1);
    }
    assert_int_equal(scene.dropped_count, 0);
    close(node);
}

/* ---- addresses ---- */

static void the_same_host_may_have_another_port_but_not_another_node_id(void **state) /* SN-NET-3 */
{
    (void)state;
    struct address a = address_of("127.0.0.1", 1000), b = address_of("127.0.0.1", 2000);
    const struct address other = address_of("127.0.0.2", 1000);
    assert_true(udp_driver.same_host(&a, &b));
    assert_false(udp_driver.same_host(&a, &other));
    a.node_len = b.node_len = 1;
    a.bytes[6] = b.bytes[6] = 7;
    assert_true(udp_driver.same_host(&a, &b));
    b.bytes[6] = 8;
    assert_false(udp_driver.same_host(&a, &b));
}

static void the_interface_is_part_of_a_link_local_address(void **state)
{
    (void)state;
    struct address a = { .len = 22, .bytes = { 0xfe, 0x80, [15] = 1, [16] = 0x07, [17] = 0x5b } };
    const uint32_t lo = if_nametoindex("lo");
    char line[64];
    memcpy(a.bytes + 18, &lo, sizeof lo);
    assert_string_equal(udp_driver.text(&a, line, sizeof line), "[fe80::1%lo]:1883");
    struct address b = a;
    b.bytes[18] = 99;
    assert_false(udp_driver.same_host(&a, &b));
}

static void only_drivers_of_this_build_are_found(void **state)
{
    (void)state;
    assert_ptr_equal(radio_driver(DRIVER_UDP), &udp_driver);
    assert_null(radio_driver(DRIVER_DTLS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(a_frame_is_heard_with_its_address_and_the_answer_gets_back),
        STAGED(ipv6_works_alike),
        STAGED(five_hundred_frames_pass_both_ways_in_order),
        STAGED(two_radios_run_at_once_and_stamp_their_own_index),
        STAGED(a_frame_above_the_limit_is_dropped_whole),
        STAGED(what_the_kernel_had_no_room_for_is_counted),
        STAGED(a_receiver_that_cannot_be_reached_costs_only_its_own_frame),
        STAGED(a_frame_too_long_for_udp_costs_only_itself),
        STAGED(a_node_that_is_gone_does_not_stop_reception),
        cmocka_unit_test(the_same_host_may_have_another_port_but_not_another_node_id),
        cmocka_unit_test(the_interface_is_part_of_a_link_local_address),
        cmocka_unit_test(only_drivers_of_this_build_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
