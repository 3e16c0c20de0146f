/* ezsp_hear_test.c -- frames from nodes, whose address may not be known, and nodes that join and leave. */
#include "tests/radio/ezsp_peer.h"

static const uint64_t NODE = 0x0013A20040401122;

static void is_up(struct peer *p)
{
    p->joined = true;
    stage_start(&p->stage);
    peer_runs(p);
    assert_int_equal(p->stage.c->state, COORDINATOR_UP);
}

static int set_up(void **state)
{
    (void)peer_set_up(state);
    is_up(*state);
    return 0;
}

static struct ezsp_incoming message(uint16_t from, const char *text)
{
    return (struct ezsp_incoming){ .aps = { .profile = 0xC105,
                                            .cluster = 0x0011,
                                            .source = 0xE8,
                                            .destination = 0xE8,
                                            .options = 0x0100 },
                                   .lqi = 200,
                                   .rssi = -45,
                                   .from = from,
                                   .data = span_text(text) };
}

static void hears(struct peer *p, const struct ezsp_incoming *in)
{
    peer_hands_up(p, in);
}

static void heard_last(struct peer *p, uint64_t eui64, uint16_t nwk, const char *text)
{
    assert_true(p->stage.heard_count > 0);
    size_t i = p->stage.heard_count - 1;
    assert_true(p->stage.heard[i].eui64 == eui64);
    assert_int_equal(p->stage.heard[i].nwk, nwk);
    assert_true(span_equal(p->stage.heard[i].frame.bytes, span_text(text)));
}

/* ---- frames ---------------------------------------------------------------------------------------------------- */

static void a_frame_of_a_known_node_is_handed_up(void **state)
{
    struct peer *p = *state;
    stage_node(&p->stage, NODE, 0x1234);
    struct ezsp_incoming in = message(0x1234, "hello");
    hears(p, &in);
    heard_last(p, NODE, 0x1234, "hello");
    assert_int_equal(p->stage.heard[0].frame.lqi, 200);
    assert_int_equal(p->stage.heard[0].frame.rssi, -45);
    assert_false(p->stage.heard[0].frame.broadcast);
    in.type = EZSP_BROADCAST;
    hears(p, &in);
    assert_true(p->stage.heard[1].frame.broadcast);
}

static void from_version_14_on_every_frame_names_its_node(void **state)
{
    struct peer *p = *state;
    peer_close(p);
    peer_open(p, 14);
    is_up(p);
    struct ezsp_incoming in = message(0x1234, "hello");
    in.eui64 = NODE;
    hears(p, &in);
    heard_last(p, NODE, 0x1234, "hello");
    assert_int_equal(peer_was_asked(p, EZSP_LOOKUP_EUI64), 0);
}

static void the_ncp_is_asked_who_an_unknown_node_is(void **state)
{
    struct peer *p = *state;
    struct ezsp_incoming in = message(0x1234, "hello");
    p->lookup = NODE;
    hears(p, &in);
    assert_int_equal(peer_was_asked(p, EZSP_LOOKUP_EUI64), 1);
    assert_memory_equal(peer_last(p, EZSP_LOOKUP_EUI64).at, "\x34\x12", 2);
    heard_last(p, NODE, 0x1234, "hello");
}

static void a_node_that_the_ncp_does_not_know_is_asked_itself(void **state)
{
    struct peer *p = *state;
    struct ezsp_transmission t;
    struct ezsp_incoming in = message(0x1234, "hello");
    hears(p, &in);
    assert_true(ezsp_read_unicast(peer_last(p, EZSP_SEND_UNICAST), 13, &t));
    assert_int_equal(t.to, 0x1234);
    assert_int_equal(t.aps.profile, 0);
    assert_int_equal(t.aps.cluster, 0x0001);
    assert_int_equal(t.aps.destination, 0);
    assert_int_equal(t.data.len, 5);
    peer_reports(p, t.tag, EZSP_OK); /* concerns nobody */
    assert_int_equal(p->stage.sent_count, 0);
    uint8_t room[32];
    in = message(0x1234, "");
    in.aps = (struct ezsp_aps){ .cluster = EZSP_ZDO_IEEE_ADDRESS_ANSWER };
    in.data = hex_bytes("00812211404000a213003412", room, sizeof room); /* no such device */
    hears(p, &in);
    assert_int_equal(p->stage.heard_count, 0);
    in.data = hex_bytes("000022114040"
                        "00a213003412",
                        room, sizeof room);
    hears(p, &in);
    heard_last(p, NODE, 0x1234, "hello");
}

static void a_node_that_nobody_knows_is_dropped_after_two_seconds(void **state)
{
    struct peer *p = *state;
    struct ezsp_incoming in = message(0x1234, "hello");
    hears(p, &in);
    peer_passes(p, 2000);
    assert_int_equal(p->stage.heard_count, 0);
    assert_int_equal(p->stage.drop_count, 1);
    assert_string_equal(p->stage.drops[0], "sender unknown");
}

static void a_callback_may_name_the_sender_of_the_next_frame_and_only_of_that(void **state)
{
    struct peer *p = *state;
    struct ezsp_incoming in = message(0x1234, "hello");
    peer_calls_back(p, EZSP_SENDER_EUI64, "2211404000a21300");
    hears(p, &in);
    heard_last(p, NODE, 0x1234, "hello");
    in.from = 0x5678;
    hears(p, &in);
    assert_int_equal(p->stage.heard_count, 1);
    assert_int_equal(peer_was_asked(p, EZSP_LOOKUP_EUI64), 1);
}

static void our_own_broadcasts_are_not_heard(void **state)
{
    struct peer *p = *state;
    stage_node(&p->stage, NODE, 0x1234);
    struct ezsp_incoming in = message(0x1234, "hello");
    in.type = EZSP_BROADCAST_LOOPBACK;
    hears(p, &in);
    assert_int_equal(p->stage.heard_count, 0);
    assert_int_equal(p->stage.drop_count, 0);
}

static void fragments_are_dropped_and_counted(void **state)
{
    struct peer *p = *state;
    stage_node(&p->stage, NODE, 0x1234);
    struct ezsp_incoming in = message(0x1234, "hello");
    in.aps.options |= EZSP_APS_FRAGMENT;
    size_t logs = p->stage.log_count;
    for (int i = 0; i < 3; i++)
        hears(p, &in);
    assert_int_equal(p->stage.heard_count, 0);
    assert_int_equal(p->stage.drop_count, 3);
    assert_string_equal(p->stage.drops[0], "fragment");
    assert_int_equal(p->stage.log_count, logs + 1); /* a node must not fill the log */
    peer_passes(p, 60000);
    hears(p, &in);
    assert_int_equal(p->stage.log_count, logs + 2);
}

static void frames_for_others_are_dropped_and_counted(void **state)
{
    struct peer *p = *state;
    stage_node(&p->stage, NODE, 0x1234);
    struct ezsp_incoming in = message(0x1234, "hello");
    in.aps.profile = 0x0104;
    hears(p, &in);
    in = message(0x1234, "hello");
    in.aps.destination = 1;
    hears(p, &in);
    assert_int_equal(p->stage.heard_count, 0);
    assert_int_equal(p->stage.drop_count, 2);
}

static void a_refused_network_is_not_heard(void **state)
{
    struct peer *p = *state;
    peer_close(p);
    peer_open(p, 13);
    p->joined = true;
    p->stage.settings.channel = 20;
    stage_start(&p->stage);
    peer_runs(p);
    assert_int_equal(p->stage.c->state, COORDINATOR_REFUSED);
    stage_node(&p->stage, NODE, 0x1234);
    struct ezsp_incoming in = message(0x1234, "hello");
    hears(p, &in);
    peer_calls_back(p, EZSP_TRUST_CENTRE_JOIN, "34122211404000a2130001000000");
    assert_int_equal(p->stage.heard_count, 0);
    assert_int_equal(p->stage.joined_count, 0);
    assert_int_equal(p->stage.drop_count, 1);
}

static void frames_that_are_cut_short_are_not_heard(void **state)
{
    struct peer *p = *state;
    stage_node(&p->stage, NODE, 0x1234);
    size_t logs = p->stage.log_count;
    peer_calls_back(p, EZSP_INCOMING_MESSAGE, "0005c11100e8e80001000009ffd33412ffff0b0b04");
    peer_calls_back(p, EZSP_TRUST_CENTRE_JOIN, "3412");
    peer_calls_back(p, EZSP_MESSAGE_SENT, "00");
    peer_calls_back(p, EZSP_CHILD_JOIN, "");
    peer_calls_back(p, EZSP_STACK_STATUS, "");
    assert_int_equal(p->stage.heard_count, 0);
    assert_true(p->stage.log_count > logs);
    assert_int_equal(p->stage.c->state, COORDINATOR_UP);
}

/* ---- nodes ----------------------------------------------------------------------------------------------------- */

static void nodes_that_join_are_known_and_told(void **state)
{
    struct peer *p = *state;
    peer_calls_back(p, EZSP_TRUST_CENTRE_JOIN, "34122211404000a2130001000000");
    assert_int_equal(p->stage.joined_count, 1);
    assert_true(p->stage.joined[0].eui64 == NODE && !p->stage.joined[0].left);
    struct ezsp_incoming in = message(0x1234, "hello");
    hears(p, &in);
    heard_last(p, NODE, 0x1234, "hello");
}

static void a_node_that_rejoins_with_another_short_address_is_the_same(void **state)
{
    struct peer *p = *state;
    struct neighbour *one = stage_node(&p->stage, NODE, 0x1234);
    peer_calls_back(p, EZSP_TRUST_CENTRE_JOIN, "78562211404000a2130003000000");
    assert_int_equal(one->nwk, 0x5678);
    struct ezsp_incoming in = message(0x5678, "hello");
    hears(p, &in);
    heard_last(p, NODE, 0x5678, "hello");
    stage_sends(&p->stage, one, span_text("x"));
    peer_runs(p);
    assert_memory_equal(peer_last(p, EZSP_SEND_UNICAST).at, "\0\x78\x56", 3);
}

static void a_node_that_leaves_is_told_and_its_address_is_free(void **state)
{
    struct peer *p = *state;
    struct neighbour *one = stage_node(&p->stage, NODE, 0x1234);
    peer_calls_back(p, EZSP_TRUST_CENTRE_JOIN, "34122211404000a2130002000000");
    assert_true(p->stage.joined[0].left);
    assert_int_equal(one->nwk, NWK_UNKNOWN);
}

static void children_that_sleep_are_known_as_such(void **state)
{
    struct peer *p = *state;
    peer_calls_back(p, EZSP_CHILD_JOIN, "000134122211404000a2130004");
    struct ezsp_incoming in = message(0x1234, "hello");
    hears(p, &in);
    assert_true(p->stage.heard[0].frame.sleeper);
    hears(p, &in);
    assert_true(p->stage.heard[1].frame.sleeper);
}

static void an_announcement_tells_address_and_sleep(void **state)
{
    struct peer *p = *state;
    uint8_t room[32];
    struct ezsp_incoming in = message(0x1234, "");
    in.type = EZSP_BROADCAST;
    in.aps = (struct ezsp_aps){ .cluster = EZSP_ZDO_DEVICE_ANNOUNCE };
    in.data = hex_bytes("0134122211404000a2130080", room, sizeof room);
    hears(p, &in);
    in = message(0x1234, "hello");
    hears(p, &in);
    heard_last(p, NODE, 0x1234, "hello");
    assert_true(p->stage.heard[0].frame.sleeper);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, peer_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_frame_of_a_known_node_is_handed_up),
        TEST(from_version_14_on_every_frame_names_its_node),
        TEST(the_ncp_is_asked_who_an_unknown_node_is),
        TEST(a_node_that_the_ncp_does_not_know_is_asked_itself),
        TEST(a_node_that_nobody_knows_is_dropped_after_two_seconds),
        TEST(a_callback_may_name_the_sender_of_the_next_frame_and_only_of_that),
        TEST(our_own_broadcasts_are_not_heard),
        TEST(fragments_are_dropped_and_counted),
        TEST(frames_for_others_are_dropped_and_counted),
        TEST(a_refused_network_is_not_heard),
        TEST(frames_that_are_cut_short_are_not_heard),
        TEST(nodes_that_join_are_known_and_told),
        TEST(a_node_that_rejoins_with_another_short_address_is_the_same),
        TEST(a_node_that_leaves_is_told_and_its_address_is_free),
        TEST(children_that_sleep_are_known_as_such),
        TEST(an_announcement_tells_address_and_sleep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
