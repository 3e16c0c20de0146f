/* udp_open_test.c -- UDP radios that cannot open, and those that join a group. */
#include "tests/radio/udp_scene.h"

/* ---- what does not open ---- */

static void a_port_in_use_is_said_once_and_tried_again(void **state)
{
    (void)state;
    const int other = v4_node();
    const uint16_t port = port_of_node(other);
    struct radio *r = open_radio(0, (struct config_radio){ .listen = { "127.0.0.1", port } });
    assert_false(r->up);
    radio_sends(r, &(struct address){ .len = 6 }, "into the void");
    assert_string_equal(scene.drop_reason, "radio down");
    assert_int_equal(scene.dropped_count, 1);

    assert_false(run_until(first_is_up, 2)); /* one more attempt in that time */
    assert_int_equal(lines_with(" error radio lan: cannot listen on 127.0.0.1:"), 1);
    assert_int_equal(lines_with("another program has this port"), 1);
    close(other);
    assert_true(run_until(first_is_up, PATIENCE_S));
    assert_int_equal(lines_with(" error "), 1);
    assert_int_equal(port_of("lan"), port);

    const int node = v4_node();
    node_sends(node, port, "at last");
    is_heard_or_dropped(2);
    nth_heard_is(0, "at last");
    close(node);
}

static void an_address_of_another_machine_is_an_error_line(void **state)
{
    (void)state;
    struct radio *r = open_radio(0, (struct config_radio){ .listen = { "198.51.100.1", 1883 } });
    assert_false(r->up);
    assert_int_equal(
        lines_with("cannot listen on 198.51.100.1:1883: this machine has no such address"), 1);
}

static void an_unknown_interface_spoils_the_group_but_not_the_listener(void **state)
{
    (void)state;
    const struct config_radio settings = { .listen = { "127.0.0.1", 0 },
                                           .multicast = { GROUP_V4, 0 },
                                           .interface = "nosuch0" };
    struct radio *r = open_radio(0, settings);
    assert_true(r->up);
    assert_false(udp_driver.can_broadcast(r));
    assert_int_equal(lines_with("cannot join " GROUP_V4 " on nosuch0: no such interface"), 1);
    udp_driver.broadcast(r, 0, span_text("nobody hears"));
    assert_int_equal(scene.dropped_count, 1);
}

static void a_group_of_the_wrong_kind_is_an_error_line(void **state)
{
    (void)state;
    open_radio(0,
               (struct config_radio){ .listen = { "127.0.0.1", 0 }, .multicast = { GROUP_V6, 0 } });
    open_radio(
        1, (struct config_radio){ .listen = { "127.0.0.1", 0 }, .multicast = { "127.0.0.9", 0 } });
    assert_int_equal(lines_with("radio lan: cannot join " GROUP_V6 ": the group and 'listen' are"),
                     1);
    assert_int_equal(lines_with("radio attic: cannot join 127.0.0.9: not a multicast address"), 1);
}

static void two_gateways_never_share_a_port(void **state)
{
    (void)state;
    struct config_radio settings = { .listen = { "0.0.0.0", 0 },
                                     .multicast = { GROUP_V4, 0 },
                                     .interface = "lo" };
    open_radio(0, settings);
    settings.listen.port = settings.multicast.port = port_of("lan");
    assert_false(open_radio(1, settings)->up);
    assert_int_equal(lines_with("another program has this port"), 1);
}

/* ---- the group ---- */

static int v4_member(uint16_t port)
{
    const struct sockaddr_in name = v4_name(GROUP_V4, port);
    const struct ip_mreqn request = { .imr_multiaddr = name.sin_addr,
                                      .imr_ifindex = (int)if_nametoindex("lo") };
    const int fd = node_at(&name, sizeof name);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request), 0);
    return fd;
}

static void node_sends_to_group(int node, uint16_t port, const char *text)
{
    const struct ip_mreqn by = { .imr_ifindex = (int)if_nametoindex("lo") };
    const struct sockaddr_in to = v4_name(GROUP_V4, port);
    assert_int_equal(setsockopt(node, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof by), 0);
    assert_int_equal(sendto(node, text, strlen(text), 0, (const struct sockaddr *)&to, sizeof to),
                     strlen(text));
}

static void check_group(struct config_radio settings)
{
    char line[80];
    struct radio *r = open_radio(0, settings);
    const uint16_t port = port_of("lan");
    snprintf(line, sizeof line, "radio lan: joined " GROUP_V4 ":%u on lo\n", port);
    assert_int_equal(lines_with(line), 1);
    assert_true(udp_driver.can_broadcast(r));
    const int node = v4_node();

    node_sends_to_group(node, port, "search");
    is_heard_or_dropped(1); /* once, not once for each socket */
    nth_heard_is(0, "search");
    assert_true(scene.heard[0].broadcast);
    udp_driver.broadcast(r, 0, span_text("advertise"));
    node_sends(node, port, "for you alone"); /* our own echo would be heard before this */
    is_heard_or_dropped(2);
    nth_heard_is(1, "for you alone");
    assert_false(scene.heard[1].broadcast);

    radio_sends(r, &scene.heard[0].from, "found");
    udp_driver.flush(r);
    node_receives(node, "found");
    assert_int_equal(scene.dropped_count, 0);
    close(node);
}

static void a_group_on_loopback_works_both_ways_without_echo(void **state) /* SN-DISC-10 */
{
    (void)state;
    check_group((struct config_radio){
        .listen = { "127.0.0.1", 0 }, .multicast = { GROUP_V4, 0 }, .interface = "" });
}

static void a_listener_on_all_addresses_hears_the_group_once(void **state)
{
    (void)state;
    check_group((struct config_radio){
        .listen = { "0.0.0.0", 0 }, .multicast = { GROUP_V4, 0 }, .interface = "lo" });
}

static int ttl_of_next(int member)
{
    char bytes[MAX_MESSAGE], control[CMSG_SPACE(sizeof(int))];
    struct iovec part = { bytes, sizeof bytes };
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
    };
    assert_true(recvmsg(member, &m, 0) > 0);
    int ttl = -1;
    struct cmsghdr *head = CMSG_FIRSTHDR(&m);
    if (head)
        memcpy(&ttl, CMSG_DATA(head), sizeof ttl);
    return ttl;
}

static void the_radius_is_the_number_of_hops(void **state) /* SN-DISC-6 */
{
    (void)state;
    const struct config_radio settings = { .listen = { "127.0.0.1", 0 },
                                           .multicast = { GROUP_V4, 0 },
                                           .interface = "lo" };
    struct radio *r = open_radio(0, settings);
    const int member = v4_member(port_of("lan"));
    setsockopt(member, IPPROTO_IP, IP_RECVTTL, &(int){ 1 }, sizeof(int));
    udp_driver.broadcast(r, 1, span_text("near"));
    udp_driver.broadcast(r, 0, span_text("far"));
    assert_int_equal(ttl_of_next(member), 1);
    assert_int_equal(ttl_of_next(member), 32);
    close(member);
}

/* Joining is all that loopback allows: the kernel carries no IPv6 multicast on it. */
static void an_ipv6_group_is_joined_on_the_interface_of_the_listener(void **state)
{
    (void)state;
    const struct config_radio settings = { .listen = { "::1", 0 },
                                           .multicast = { GROUP_V6, 0 },
                                           .interface = "" };
    struct radio *r = open_radio(0, settings);
    if (!r->up) {
        print_message("skipped: this machine has no ::1\n");
        skip();
    }
    assert_true(udp_driver.can_broadcast(r));
    assert_int_equal(lines_with("radio lan: joined [" GROUP_V6 "%lo]:"), 1);
}

static void a_link_local_group_without_interface_is_an_error_line(void **state)
{
    (void)state;
    open_radio(0, (struct config_radio){
                      .listen = { "::", 0 }, .multicast = { GROUP_V6, 0 }, .interface = "" });
    assert_int_equal(lines_with("cannot join " GROUP_V6 ": a link-local group needs an interface"),
                     1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(a_port_in_use_is_said_once_and_tried_again),
        STAGED(an_address_of_another_machine_is_an_error_line),
        STAGED(an_unknown_interface_spoils_the_group_but_not_the_listener),
        STAGED(a_group_of_the_wrong_kind_is_an_error_line),
        STAGED(two_gateways_never_share_a_port),
        STAGED(a_group_on_loopback_works_both_ways_without_echo),
        STAGED(a_listener_on_all_addresses_hears_the_group_once),
        STAGED(the_radius_is_the_number_of_hops),
        STAGED(an_ipv6_group_is_joined_on_the_interface_of_the_listener),
        STAGED(a_link_local_group_without_interface_is_an_error_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
