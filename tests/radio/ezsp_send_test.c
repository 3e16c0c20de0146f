/* ezsp_send_test.c -- frames under way through an EZSP NCP, broadcasts, and opening the network for new nodes. */
#include "tests/radio/ezsp_peer.h"

static const uint64_t NODE = 0x0013A20040401122;

static void is_up(struct peer *p)
{
    p->joined = true;
    p->taken = EZSP_OK;
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

static void speaks(struct peer *p, uint8_t version)
{
    peer_close(p);
    peer_open(p, version);
    is_up(p);
}

static uint8_t sends(struct peer *p, const char *text)
{
    stage_sends(&p->stage, stage_node(&p->stage, NODE, 0x1234), span_text(text));
    peer_runs(p);
    return p->stage.last_token;
}

/* Nothing else was told. */
static void only_end_is(struct peer *p, uint8_t token, enum radio_sent result)
{
    assert_int_equal(p->stage.sent_count, 1);
    assert_int_equal(p->stage.sent[0].token, token);
    assert_int_equal(p->stage.sent[0].result, result);
}

/* ---- one frame ------------------------------------------------------------------------------------------------- */

static void a_unicast_ends_when_the_ncp_says_how(void **state)
{
    struct peer *p = *state;
    uint8_t token = sends(p, "\3\5");
    struct span params = peer_last(p, EZSP_SEND_UNICAST);
    assert_true(params_are(params, "00341205c11100e8e8401100000001020305"));
    assert_int_equal(p->stage.sent_count, 0);
    peer_reports(p, token, EZSP_OK);
    only_end_is(p, token, RADIO_DELIVERED);
}

static void every_version_has_its_layout(void **state)
{
    struct peer *p = *state;
    static const uint8_t versions[] = { 4, 5, 7, 8, 12, 13, 14 };
    for (size_t i = 0; i < sizeof versions; i++) {
        struct ezsp_transmission t;
        speaks(p, versions[i]);
        uint8_t token = sends(p, "hello");
        assert_true(ezsp_read_unicast(peer_last(p, EZSP_SEND_UNICAST), versions[i], &t));
        assert_int_equal(t.to, 0x1234);
        assert_int_equal(t.tag, token);
        assert_true(span_equal(t.data, span_text("hello")));
        peer_reports(p, token, EZSP_DELIVERY_FAILED);
        only_end_is(p, token, RADIO_UNREACHABLE);
    }
}

static void answers_go_where_the_node_spoke_from(void **state)
{
    struct peer *p = *state;
    struct ezsp_transmission t;
    struct neighbour *one = stage_node(&p->stage, NODE, 0x1234);
    one->endpoint = 7;
    one->profile = 0x0104;
    one->cluster = 0xFC00;
    sends(p, "x");
    assert_true(ezsp_read_unicast(peer_last(p, EZSP_SEND_UNICAST), 13, &t));
    assert_int_equal(t.aps.destination, 7);
    assert_int_equal(t.aps.source, 0xE8);
    assert_int_equal(t.aps.profile, 0x0104);
    assert_int_equal(t.aps.cluster, 0xFC00);
}

static void each_status_means_one_outcome(void **state)
{
    struct peer *p = *state;
    static const struct {
        enum ezsp_status status;
        enum radio_sent result;
    } rows[] = {
        { EZSP_OK, RADIO_DELIVERED },           { EZSP_DELIVERY_FAILED, RADIO_UNREACHABLE },
        { EZSP_TOO_MANY_MESSAGES, RADIO_BUSY }, { EZSP_NO_BUFFERS, RADIO_BUSY },
        { EZSP_NETWORK_BUSY, RADIO_BUSY },      { EZSP_TOO_LONG, RADIO_TOO_BIG },
        { EZSP_NETWORK_DOWN, RADIO_LOST },      { EZSP_NOT_JOINED, RADIO_LOST },
        { EZSP_FAILED, RADIO_UNREACHABLE },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        speaks(p, i % 2 ? 13 : 14);
        uint8_t token = sends(p, "x");
        peer_reports(p, token, rows[i].status);
        only_end_is(p, token, rows[i].result);
        if (rows[i].status == EZSP_OK)
            continue;
        p->taken = rows[i].status; /* said at once */
        token = sends(p, "y");
        assert_int_equal(p->stage.sent_count, 2);
        assert_int_equal(p->stage.sent[1].token, token);
        assert_int_equal(p->stage.sent[1].result, rows[i].result);
    }
}

static void end_comes_after(struct peer *p, bool sleeper, msec ms)
{
    stage_node(&p->stage, NODE, 0x1234)->sleeper = sleeper;
    uint8_t token = sends(p, "x");
    peer_passes(p, ms - 1);
    assert_int_equal(p->stage.sent_count, 0);
    peer_passes(p, 1);
    only_end_is(p, token, RADIO_UNREACHABLE);
    peer_reports(p, token, EZSP_OK); /* too late */
    assert_int_equal(p->stage.sent_count, 1);
}

static void an_end_that_is_never_told_comes_after_eight_seconds(void **state)
{
    end_comes_after(*state, false, 8000);
}

static void a_sleeper_has_half_a_minute(void **state)
{
    end_comes_after(*state, true, 30000);
}

static void a_frame_that_no_frame_of_the_line_holds_is_too_big(void **state)
{
    struct peer *p = *state;
    static uint8_t data[COORDINATOR_PAYLOAD_MAX];
    struct neighbour *one = stage_node(&p->stage, NODE, 0x1234);
    uint8_t token = stage_sends(&p->stage, one, span_of(data, EZSP_UNICAST_MAX + 1));
    assert_int_equal(p->stage.sent_count, 0); /* never within the call */
    peer_passes(p, 1);
    only_end_is(p, token, RADIO_TOO_BIG);
    stage_sends(&p->stage, one, span_of(data, EZSP_UNICAST_MAX));
    peer_runs(p);
    assert_int_equal(peer_was_asked(p, EZSP_SEND_UNICAST), 1);
}

/* ---- many ------------------------------------------------------------------------------------------------------ */

static void the_window_is_filled_one_command_at_a_time(void **state)
{
    struct peer *p = *state;
    uint8_t tokens[8];
    p->silent_on = EZSP_SEND_UNICAST;
    for (uint16_t i = 0; i < 8; i++)
        tokens[i] = stage_sends(&p->stage, stage_node(&p->stage, NODE + i, (uint16_t)(0x1000 + i)),
                                span_text("x"));
    peer_runs(p);
    assert_int_equal(peer_was_asked(p, EZSP_SEND_UNICAST), 1);
    speaks(p, 13);
    p->silent_on = PEER_NOTHING;
    for (uint16_t i = 0; i < 8; i++)
        tokens[i] = stage_sends(&p->stage, stage_node(&p->stage, NODE + i, (uint16_t)(0x1000 + i)),
                                span_text("x"));
    peer_runs(p);
    assert_int_equal(peer_was_asked(p, EZSP_SEND_UNICAST), 8);
    for (size_t i = 8; i > 0; i--)
        peer_reports(p, tokens[i - 1], EZSP_OK);
    assert_int_equal(p->stage.sent_count, 8);
    assert_int_equal(p->stage.sent[0].token, tokens[7]);
}

static void a_reset_loses_what_was_under_way(void **state)
{
    struct peer *p = *state;
    uint8_t first = sends(p, "x");
    stage_sends(&p->stage, stage_node(&p->stage, NODE + 1, 0x1235), span_text("y"));
    p->header = 4;
    ash_announce(&p->link, ASH_RESET_WATCHDOG);
    peer_runs(p);
    assert_int_equal(p->stage.sent_count, 2);
    assert_int_equal(p->stage.sent[0].token, first);
    assert_int_equal(p->stage.sent[0].result, RADIO_LOST);
    assert_int_equal(p->stage.sent[1].result, RADIO_LOST);
    assert_int_equal(p->stage.c->state, COORDINATOR_UP); /* again */
    peer_reports(p, sends(p, "z"), EZSP_OK);
    assert_int_equal(p->stage.sent[2].result, RADIO_DELIVERED);
}

static void the_radio_hears_of_the_loss_first(void **state)
{
    struct peer *p = *state;
    stage_node(&p->stage, NODE, 0x1234)->sleeper = true;
    sends(p, "x");
    p->deaf = true;
    peer_passes(p, 29000);
    assert_int_equal(p->stage.sent_count, 1);
    assert_int_equal(p->stage.sent[0].result, RADIO_LOST);
    assert_int_equal(p->stage.states[1].state, COORDINATOR_STARTING);
}

static void a_network_that_goes_down_loses_what_was_under_way(void **state)
{
    struct peer *p = *state;
    uint8_t token = sends(p, "x");
    peer_calls_back_status(p, EZSP_NETWORK_DOWN);
    peer_runs(p);
    only_end_is(p, token, RADIO_LOST);
}

static void a_line_that_was_opened_anew_says_nothing_of_old_frames(void **state)
{
    struct peer *p = *state;
    sends(p, "x");
    stage_start(&p->stage);
    peer_runs(p);
    assert_int_equal(p->stage.sent_count, 0);
    peer_passes(p, 60000);
    assert_int_equal(p->stage.sent_count, 0);
}

static void a_damaged_frame_on_the_line_costs_nothing(void **state)
{
    struct peer *p = *state;
    uint8_t token = stage_sends(&p->stage, stage_node(&p->stage, NODE, 0x1234), span_text("x"));
    p->stage.writes[p->stage.write_count - 1].bytes[4] ^= 1;
    stage_hears(&p->stage, "fe0102030405067e"); /* and garbage from the other side */
    peer_runs(p);
    peer_reports(p, token, EZSP_OK);
    only_end_is(p, token, RADIO_DELIVERED);
    assert_int_equal(peer_was_asked(p, EZSP_SEND_UNICAST), 1);
}

/* ---- nodes without a 16-bit address ---------------------------------------------------------------------------- */

static void the_ncp_is_asked_where_a_node_is(void **state)
{
    struct peer *p = *state;
    struct neighbour *one = stage_node(&p->stage, NODE, NWK_UNKNOWN);
    p->lookup_nwk = 0x4321;
    uint8_t token = stage_sends(&p->stage, one, span_text("x"));
    peer_runs(p);
    assert_true(params_are(peer_last(p, EZSP_LOOKUP_NODE_ID), "2211404000a21300"));
    assert_memory_equal(peer_last(p, EZSP_SEND_UNICAST).at, "\0\x21\x43", 3);
    assert_int_equal(one->nwk, 0x4321);
    peer_reports(p, token, EZSP_OK);
    only_end_is(p, token, RADIO_DELIVERED);
}

static void a_node_that_nobody_knows_is_unreachable(void **state)
{
    struct peer *p = *state;
    p->lookup_nwk = 0xFFFF;
    uint8_t token = stage_sends(&p->stage, stage_node(&p->stage, NODE, NWK_UNKNOWN), span_text("x"));
    peer_runs(p);
    only_end_is(p, token, RADIO_UNREACHABLE);
    assert_int_equal(peer_was_asked(p, EZSP_SEND_UNICAST), 0);
}

/* ---- broadcasts and new nodes ---------------------------------------------------------------------------------- */

static void broadcasts_go_to_receivers_that_are_always_on(void **state)
{
    struct peer *p = *state;
    for (uint8_t version = 13; version <= 14; version++) {
        struct ezsp_transmission t;
        speaks(p, version);
        p->stage.c->family->broadcast(p->stage.c, 2, span_text("adv"), p->stage.now);
        peer_runs(p);
        assert_true(ezsp_read_broadcast(peer_last(p, EZSP_SEND_BROADCAST), version, &t));
        assert_int_equal(t.to, 0xFFFD);
        assert_int_equal(t.radius, 2);
        assert_int_equal(t.aps.options, 0);
        assert_int_equal(t.aps.profile, 0xC105);
        peer_reports(p, t.tag, EZSP_OK); /* concerns nobody */
        assert_int_equal(p->stage.sent_count, 0);
    }
}

static void the_network_opens_with_key_and_policy_and_closes_again(void **state)
{
    struct peer *p = *state;
    size_t policies = peer_was_asked(p, EZSP_SET_POLICY);
    p->stage.c->family->permit_join(p->stage.c, 60, p->stage.now);
    peer_runs(p);
    assert_true(params_are(peer_last(p, EZSP_IMPORT_TRANSIENT_KEY),
                           "ffffffffffffffff5a6967426565416c6c69616e6365303900"));
    assert_true(params_are(peer_last(p, EZSP_SET_POLICY), "0003"));
    assert_true(params_are(peer_last(p, EZSP_PERMIT_JOINING), "3c"));
    peer_passes(p, 59999);
    assert_int_equal(peer_was_asked(p, EZSP_SET_POLICY), policies + 1);
    peer_passes(p, 1);
    assert_true(params_are(peer_last(p, EZSP_SET_POLICY), "0002"));
    assert_true(params_are(peer_last(p, EZSP_PERMIT_JOINING), "00"));
    assert_int_equal(peer_was_asked(p, EZSP_PERMIT_JOINING), 2);
}

static void older_firmware_takes_the_key_and_the_policy_in_its_own_way(void **state)
{
    struct peer *p = *state;
    speaks(p, 12);
    p->stage.c->family->permit_join(p->stage.c, 60, p->stage.now);
    peer_runs(p);
    assert_true(params_are(peer_last(p, EZSP_ADD_TRANSIENT_KEY),
                           "ffffffffffffffff5a6967426565416c6c69616e63653039"));
    speaks(p, 7);
    p->stage.c->family->permit_join(p->stage.c, 60, p->stage.now);
    peer_runs(p);
    assert_true(params_are(peer_last(p, EZSP_SET_POLICY), "0001"));
    p->stage.c->family->permit_join(p->stage.c, 0, p->stage.now);
    peer_runs(p);
    assert_true(params_are(peer_last(p, EZSP_SET_POLICY), "0002"));
    assert_true(params_are(peer_last(p, EZSP_PERMIT_JOINING), "00"));
}

static void a_node_that_was_never_heard_is_sent_to_as_the_settings_say(void **state)
{
    struct peer *p = *state;
    struct ezsp_transmission t;
    peer_calls_back(p, EZSP_TRUST_CENTRE_JOIN, "34122211404000a2130001000000");
    stage_sends(&p->stage, neighbours_find(p->stage.neighbours, NODE), span_text("x"));
    peer_runs(p);
    assert_true(ezsp_read_unicast(peer_last(p, EZSP_SEND_UNICAST), 13, &t));
    assert_int_equal(t.aps.destination, 0xE8);
    assert_int_equal(t.aps.profile, 0xC105);
    assert_int_equal(t.aps.cluster, 0x0011);
}

static void firmware_that_cannot_tell_where_a_node_is_does_not_reach_it(void **state)
{
    struct peer *p = *state;
    speaks(p, 14);
    p->unknown = EZSP_LOOKUP_NODE_ID;
    uint8_t token = stage_sends(&p->stage, stage_node(&p->stage, NODE, NWK_UNKNOWN), span_text("x"));
    peer_runs(p);
    only_end_is(p, token, RADIO_UNREACHABLE);
}

static void a_node_that_joins_while_it_is_looked_for_is_where_it_joined(void **state)
{
    struct peer *p = *state;
    uint8_t room[2];
    struct writer w = writer_of(room, sizeof room);
    p->silent_on = EZSP_LOOKUP_NODE_ID;
    stage_sends(&p->stage, stage_node(&p->stage, NODE, NWK_UNKNOWN), span_text("x"));
    peer_runs(p);
    peer_calls_back(p, EZSP_TRUST_CENTRE_JOIN, "78562211404000a2130001000000");
    write_le16(&w, 0x4321);
    peer_sends(p, EZSP_RESPONSE, EZSP_LOOKUP_NODE_ID, &w, room);
    peer_runs(p);
    assert_memory_equal(peer_last(p, EZSP_SEND_UNICAST).at, "\0\x78\x56", 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, peer_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_unicast_ends_when_the_ncp_says_how),
        TEST(every_version_has_its_layout),
        TEST(answers_go_where_the_node_spoke_from),
        TEST(each_status_means_one_outcome),
        TEST(an_end_that_is_never_told_comes_after_eight_seconds),
        TEST(a_sleeper_has_half_a_minute),
        TEST(a_frame_that_no_frame_of_the_line_holds_is_too_big),
        TEST(the_window_is_filled_one_command_at_a_time),
        TEST(a_reset_loses_what_was_under_way),
        TEST(the_radio_hears_of_the_loss_first),
        TEST(a_network_that_goes_down_loses_what_was_under_way),
        TEST(a_line_that_was_opened_anew_says_nothing_of_old_frames),
        TEST(a_damaged_frame_on_the_line_costs_nothing),
        TEST(the_ncp_is_asked_where_a_node_is),
        TEST(a_node_that_nobody_knows_is_unreachable),
        TEST(broadcasts_go_to_receivers_that_are_always_on),
        TEST(the_network_opens_with_key_and_policy_and_closes_again),
        TEST(older_firmware_takes_the_key_and_the_policy_in_its_own_way),
        TEST(a_node_that_was_never_heard_is_sent_to_as_the_settings_say),
        TEST(firmware_that_cannot_tell_where_a_node_is_does_not_reach_it),
        TEST(a_node_that_joins_while_it_is_looked_for_is_where_it_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
