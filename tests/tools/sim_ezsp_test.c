/* sim_ezsp_test.c -- the simulated EmberZNet NCP, driven by the gateway's own machine: what one says, the other must
 * understand, in every version. */
#include "tests/tools/sim_ezsp_scene.h"

static uint8_t sends(struct scene *s, uint64_t eui64, uint16_t nwk)
{
    uint8_t token = stage_sends(&s->stage, stage_node(&s->stage, eui64, nwk), span_text("hello"));
    runs(s);
    return token;
}

static void node_sends(struct scene *s, const char *text)
{
    sim_ezsp.receive(s->stick,
                     &(struct sim_frame){ .eui64 = NODE,
                                          .nwk = 0x1234,
                                          .endpoint = 0xE8,
                                          .source_endpoint = 0xE8,
                                          .profile = 0xC105,
                                          .cluster = 0x0011,
                                          .lqi = 180,
                                          .rssi = -60,
                                          .data = span_text(text) },
                     s->stage.now);
    passes(s, 10);
}

static void a_network_is_formed_once_and_then_resumed(void **state)
{
    struct scene *s = *state;
    s->stage.settings.channel = 20;
    plugs(s, 0);
    assert_int_equal(s->stage.c->state, COORDINATOR_UP);
    assert_string_equal(s->stage.c->info.firmware, "EmberZNet 7.4.3.0, EZSP 13");
    assert_true(s->network.formed);
    assert_int_equal(s->network.channel, 20);
    assert_memory_equal(s->network.key, s->stage.key, 16);
    uint16_t pan_id = s->network.pan_id;
    plugs(s, 0);
    assert_int_equal(s->stage.c->state, COORDINATOR_UP);
    assert_int_equal(s->stage.c->info.pan_id, pan_id);
}

static void another_network_is_replaced_only_when_the_settings_say_so(void **state)
{
    struct scene *s = *state;
    s->network = (struct sim_network){ true, 11, 0x1A62, 7, { 0 } };
    s->stage.settings.channel = 20;
    plugs(s, 0);
    assert_int_equal(s->stage.c->state, COORDINATOR_REFUSED);
    assert_int_equal(s->network.channel, 11);
    s->stage.settings.form = FORM_REPLACE;
    plugs(s, 0);
    assert_int_equal(s->stage.c->state, COORDINATOR_UP);
    assert_int_equal(s->network.channel, 20);
}

static void in_every_version_a_network_with_another_key_is_refused(void **state)
{
    struct scene *s = *state;
    for (unsigned version = EZSP_VERSION_MIN; version <= EZSP_VERSION_MAX; version++) {
        tear_down(state);
        set_up(state);
        plugs(s, version); /* forms it */
        plugs(s, version);
        assert_int_equal(s->stage.c->state, COORDINATOR_UP);
        s->network.key[7] ^= 1;
        plugs(s, version);
        assert_int_equal(s->stage.c->state, COORDINATOR_REFUSED);
        assert_non_null(strstr(s->stage.states[s->stage.state_count - 1].why, "its key is not"));
    }
}

static void in_every_version_frames_go_both_ways(void **state)
{
    struct scene *s = *state;
    for (unsigned version = EZSP_VERSION_MIN; version <= EZSP_VERSION_MAX; version++) {
        tear_down(state);
        set_up(state);
        plugs(s, version);
        assert_int_equal(s->stage.c->state, COORDINATOR_UP);
        node_sends(s, "up");
        assert_int_equal(s->stage.heard_count, 1);
        assert_true(s->stage.heard[0].eui64 == NODE);
        assert_int_equal(s->stage.heard[0].frame.lqi, 180);
        assert_true(span_equal(s->stage.heard[0].frame.bytes, span_text("up")));
        uint8_t token = sends(s, NODE, 0x1234);
        assert_true(span_equal(s->last.data, span_text("hello")));
        assert_int_equal(s->last.nwk, 0x1234);
        assert_int_equal(s->last.endpoint, 0xE8);
        assert_int_equal(s->stage.sent_count, 0);
        sim_ezsp.outcome(s->stick, s->flights[0], SIM_DELIVERED, s->stage.now);
        runs(s);
        assert_int_equal(s->stage.sent_count, 1);
        assert_int_equal(s->stage.sent[0].token, token);
        assert_int_equal(s->stage.sent[0].result, RADIO_DELIVERED);
    }
}

static void what_the_air_does_not_deliver_is_unreachable(void **state)
{
    struct scene *s = *state;
    plugs(s, 14);
    sends(s, NODE, 0x1234);
    sim_ezsp.outcome(s->stick, s->flights[0], SIM_NO_ACK, s->stage.now);
    runs(s);
    assert_int_equal(s->stage.sent[0].result, RADIO_UNREACHABLE);
}

static void our_broadcast_goes_out_once_and_is_not_heard(void **state)
{
    struct scene *s = *state;
    plugs(s, 0);
    ezsp_family.broadcast(s->stage.c, 0, span_text("adv"), s->stage.now);
    passes(s, 10);
    assert_int_equal(s->broadcasts, 1);
    assert_int_equal(s->stage.heard_count, 0);
    assert_int_equal(s->stage.drop_count, 0);
}

static void nodes_may_join_while_the_network_is_open(void **state)
{
    struct scene *s = *state;
    plugs(s, 0);
    ezsp_family.permit_join(s->stage.c, 60, s->stage.now);
    runs(s);
    assert_int_equal(s->permitted, 60);
    sim_ezsp.joined(s->stick, NODE, 0x1234, s->stage.now);
    runs(s);
    assert_int_equal(s->stage.joined_count, 1);
    assert_int_equal(neighbours_at(s->stage.neighbours, 0x1234)->eui64 == NODE, 1);
    passes(s, 60000);
    assert_int_equal(s->permitted, 0);
}

static void a_reset_in_the_middle_costs_what_is_under_way_and_no_more(void **state)
{
    struct scene *s = *state;
    plugs(s, 0);
    sends(s, NODE, 0x1234);
    sim_ezsp.reset(s->stick, s->stage.now);
    passes(s, 1000);
    assert_int_equal(s->stage.sent[0].result, RADIO_LOST);
    assert_int_equal(s->stage.c->state, COORDINATOR_UP);
    sim_ezsp.outcome(s->stick, s->flights[0], SIM_DELIVERED, s->stage.now); /* nobody remembers it */
    sends(s, NODE, 0x1234);
    sim_ezsp.outcome(s->stick, s->flights[1], SIM_DELIVERED, s->stage.now);
    runs(s);
    assert_int_equal(s->stage.sent_count, 2);
    assert_int_equal(s->stage.sent[1].result, RADIO_DELIVERED);
}

static void frames_whose_end_is_never_told_give_their_places_up(void **state)
{
    struct scene *s = *state;
    plugs(s, 0);
    for (size_t round = 1; round <= 3; round++) {
        for (uint16_t i = 0; i < 8; i++)
            sends(s, NODE + i, (uint16_t)(0x1234 + i));
        assert_int_equal(s->flight_count, 8 * round);
        passes(s, 8000);
        assert_int_equal(s->stage.sent_count, 8 * round);
        assert_int_equal(s->stage.sent[8 * round - 1].result, RADIO_UNREACHABLE);
    }
}

static void a_flood_from_the_nodes_arrives_as_far_as_the_queue_goes(void **state)
{
    struct scene *s = *state;
    plugs(s, 14);
    struct sim_frame f = { .eui64 = NODE,
                           .nwk = 0x1234,
                           .endpoint = 0xE8,
                           .source_endpoint = 0xE8,
                           .profile = 0xC105,
                           .cluster = 0x0011,
                           .data = span_text("x") };
    for (int i = 0; i < 200; i++)
        sim_ezsp.receive(s->stick, &f, s->stage.now);
    passes(s, 10);
    assert_int_equal(s->stage.heard_count, 64 + ASH_QUEUE - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_network_is_formed_once_and_then_resumed),
        TEST(another_network_is_replaced_only_when_the_settings_say_so),
        TEST(in_every_version_a_network_with_another_key_is_refused),
        TEST(in_every_version_frames_go_both_ways),
        TEST(what_the_air_does_not_deliver_is_unreachable),
        TEST(our_broadcast_goes_out_once_and_is_not_heard),
        TEST(nodes_may_join_while_the_network_is_open),
        TEST(a_reset_in_the_middle_costs_what_is_under_way_and_no_more),
        TEST(frames_whose_end_is_never_told_give_their_places_up),
        TEST(a_flood_from_the_nodes_arrives_as_far_as_the_queue_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
