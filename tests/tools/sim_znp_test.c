/* sim_znp_test.c -- the simulated Z-Stack stick and the machine that drives real ones, mouth to mouth: what one says
 * the other must understand, from a blank stick to frames in both directions; and what only a host with faults would
 * see. */
#include "tests/tools/sim_znp_scene.h"

/* ---- networks ---------------------------------------------------------------------------------------------------- */

static void a_blank_stick_takes_the_network_of_the_settings(void **state)
{
    static const uint8_t key[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
    struct pair *p = *state;
    p->stage.settings.channel = 20;
    p->stage.settings.pan_id = 0x2345;
    p->stage.settings.extended_pan_id = 0x0102030405060708;
    comes_up(p);
    assert_true(p->network.formed);
    assert_int_equal(p->network.channel, 20);
    assert_int_equal(p->network.pan_id, 0x2345);
    assert_true(p->network.extended_pan_id == 0x0102030405060708);
    assert_memory_equal(p->network.key, key, sizeof key);
    assert_int_equal(p->not_understood, 0);
}

static void what_was_formed_is_resumed_after_unplugging(void **state)
{
    struct pair *p = *state;
    p->stage.settings.pan_id = 0x2345;
    comes_up(p);
    const struct sim_network before = p->network;
    memset((uint8_t *)p->stick + sizeof *p->stick, 0, sim_znp.size - sizeof *p->stick);
    p->said_len = 0;
    p->stage.key_made = false;
    sim_znp.plug(p->stick, p->stage.now);
    stage_start(&p->stage);
    comes_up(p);
    assert_memory_equal(&p->network, &before, sizeof before);
    assert_false(p->stage.key_made);
}

static void a_small_stick_has_room_for_two(void **state)
{
    struct pair *p = *state;
    comes_up(p);
    assert_int_equal(p->stage.c->info.window, 2);
    assert_non_null(strstr(p->stage.c->info.firmware, "3.0.x"));
}

static void an_old_stick_forms_when_it_is_started(void **state)
{
    struct pair *p = *state;
    comes_up(p);
    assert_true(p->network.formed);
    assert_int_equal(p->network.key[15], 16);
    assert_non_null(strstr(p->stage.c->info.firmware, "Z-Stack 1.2"));
}

static void a_pan_id_in_use_is_avoided_and_accepted_later(void **state)
{
    struct pair *p = *state;
    p->stage.settings.pan_id = 0x2345;
    comes_up(p);
    assert_int_equal(p->stage.c->info.pan_id, 0x2346);
    sim_znp.reset(p->stick, p->stage.now);
    comes_up(p);
}

static void another_channel_is_refused(void **state)
{
    struct pair *p = *state;
    p->stage.settings.channel = 25;
    passes(p, 5000);
    assert_int_equal(p->stage.c->state, COORDINATOR_REFUSED);
    assert_non_null(strstr(p->stage.states[0].why, "channel 15 (settings: 25)"));
    assert_int_equal(p->network.channel, 15);
}

/* ---- frames ------------------------------------------------------------------------------------------------------ */

static void frames_go_out_and_their_outcome_comes_back(void **state)
{
    static const struct {
        enum sim_outcome how;
        enum radio_sent result;
    } rows[] = { { SIM_DELIVERED, RADIO_DELIVERED },
                 { SIM_NO_ACK, RADIO_UNREACHABLE },
                 { SIM_EXPIRED, RADIO_UNREACHABLE } };
    struct pair *p = *state;
    comes_up(p);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t token = stage_sends(&p->stage, node(p), span_of(hello, sizeof hello));
        talk(p);
        assert_int_equal(p->air_count, i + 1);
        assert_int_equal(p->air[i].frame.nwk, 0x1234);
        assert_int_equal(p->air[i].frame.profile, 0xC105);
        assert_memory_equal(p->air[i].data, hello, sizeof hello);
        sim_znp.outcome(p->stick, p->air[i].token, rows[i].how, p->stage.now);
        talk(p);
        was_sent(p, token, rows[i].result);
    }
}

static void a_frame_without_a_route_goes_twice(void **state)
{
    struct pair *p = *state;
    comes_up(p);
    uint8_t token = stage_sends(&p->stage, node(p), span_of(hello, sizeof hello));
    for (size_t i = 0; i < 2; i++) {
        passes(p, 2000);
        assert_int_equal(p->air_count, i + 1);
        sim_znp.outcome(p->stick, p->air[i].token, SIM_NO_ROUTE, p->stage.now);
    }
    talk(p);
    was_sent(p, token, RADIO_UNREACHABLE);
}

static void a_node_without_a_short_address_is_found(void **state)
{
    struct pair *p = *state;
    comes_up(p);
    stage_sends(&p->stage, stage_node(&p->stage, NODE, NWK_UNKNOWN), span_of(hello, sizeof hello));
    talk(p);
    assert_int_equal(p->air_count, 1);
    assert_int_equal(p->air[0].frame.nwk, 0x1234);
}

static void a_broadcast_is_one(void **state)
{
    struct pair *p = *state;
    comes_up(p);
    znp_family.broadcast(p->stage.c, 0, span_of(hello, sizeof hello), p->stage.now);
    talk(p);
    assert_int_equal(p->air_count, 1);
    assert_true(p->air[0].frame.broadcast);
}

static void frames_of_strangers_come_in(void **state)
{
    struct pair *p = *state;
    struct sim_frame f = { .eui64 = NODE,
                           .nwk = 0x1234,
                           .endpoint = 0xE8,
                           .source_endpoint = 0xE8,
                           .profile = 0xC105,
                           .cluster = 0x0011,
                           .lqi = 99,
                           .data = span_of(hello, sizeof hello) };
    sim_znp.receive(p->stick, &f, p->stage.now); /* not up yet: nobody's */
    comes_up(p);
    sim_znp.receive(p->stick, &f, p->stage.now);
    f.profile = 0x0104;
    sim_znp.receive(p->stick, &f, p->stage.now);
    talk(p);
    assert_int_equal(p->stage.heard_count, 1);
    assert_true(p->stage.heard[0].eui64 == NODE);
    assert_int_equal(p->stage.heard[0].frame.lqi, 99);
}

static void nodes_join(void **state)
{
    struct pair *p = *state;
    comes_up(p);
    znp_family.permit_join(p->stage.c, 60, p->stage.now);
    talk(p);
    assert_int_equal(p->open_s, 60);
    sim_znp.joined(p->stick, NODE, 0x1234, p->stage.now);
    talk(p);
    assert_int_equal(p->stage.joined_count, 1);
    assert_non_null(neighbours_at(p->stage.neighbours, 0x1234));
}

/* ---- a stick that fails ------------------------------------------------------------------------------------------ */

static void a_reset_loses_frames_but_not_the_network(void **state)
{
    struct pair *p = *state;
    comes_up(p);
    uint8_t token = stage_sends(&p->stage, node(p), span_of(hello, sizeof hello));
    talk(p);
    sim_znp.reset(p->stick, p->stage.now);
    comes_up(p);
    was_sent(p, token, RADIO_LOST);
    uint8_t next = stage_sends(&p->stage, node(p), span_of(hello, sizeof hello));
    talk(p);
    sim_znp.outcome(p->stick, p->air[0].token, SIM_DELIVERED, p->stage.now); /* of the lost one */
    talk(p);
    assert_int_equal(p->stage.sent_count, 1);
    sim_znp.outcome(p->stick, p->air[1].token, SIM_DELIVERED, p->stage.now);
    talk(p);
    was_sent(p, next, RADIO_DELIVERED);
}

/* What the stick says to a request of a host that does not wait. */
static struct znp_message said_to(struct pair *p, const struct znp_message *m)
{
    static struct znp_reader reader;
    uint8_t room[ZNP_FRAME_MAX];
    struct writer w = writer_of(room, sizeof room);
    struct znp_frame f;
    struct znp_message answer = { 0 };
    znp_encode(m, &w);
    p->said_len = 0;
    sim_znp.hear(p->stick, span_of(room, sizeof room - w.left), p->stage.now);
    reader = (struct znp_reader){ 0 };
    (void)znp_reader_feed(&reader, span_of(p->said, p->said_len));
    assert_true(znp_reader_next(&reader, &f));
    assert_int_equal(znp_decode(&f, &answer), ZNP_OK);
    p->said_len = 0;
    return answer;
}

static void a_full_stick_takes_no_more(void **state)
{
    struct pair *p = *state;
    comes_up(p);
    struct znp_message m = { .command = ZNP_SEND,
                             .destination = 0x1234,
                             .endpoint = 0xE8,
                             .source_endpoint = 0xE8,
                             .cluster = 0x0011,
                             .data = span_of(hello, sizeof hello) };
    for (m.transaction = 1; m.transaction <= 16; m.transaction++)
        assert_int_equal(said_to(p, &m).status, 0);
    assert_int_equal(said_to(p, &m).status, 0x11);
    sim_znp.outcome(p->stick, p->air[3].token, SIM_DELIVERED, p->stage.now);
    assert_int_equal(said_to(p, &m).status, 0);
}

static void a_command_of_newer_firmware_is_an_error(void **state)
{
    struct pair *p = *state;
    comes_up(p);
    const struct znp_message is =
        said_to(p, &(struct znp_message){ .command = ZNP_COMMISSION, .mode = 4 });
    assert_int_equal(is.command, ZNP_ERROR);
    assert_int_equal(is.status, 2);
    assert_int_equal(is.request, ZNP_COMMISSION);
}

static void noise_before_a_request_does_not_matter(void **state)
{
    static const uint8_t noise[] = { 0xEF, 0xEF, 0xFE, 0xFF, 0x00, 0xFE };
    struct pair *p = *state;
    comes_up(p);
    sim_znp.hear(p->stick, span_of(noise, sizeof noise), p->stage.now);
    assert_int_equal(said_to(p, &(struct znp_message){ .command = ZNP_PING }).command, ZNP_PONG);
}

#define WITH(setup, test) cmocka_unit_test_setup_teardown(test, setup, part)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(blank, a_blank_stick_takes_the_network_of_the_settings),
        WITH(blank, what_was_formed_is_resumed_after_unplugging),
        WITH(blank_small, a_small_stick_has_room_for_two),
        WITH(blank_old, an_old_stick_forms_when_it_is_started),
        WITH(blank_crowded, a_pan_id_in_use_is_avoided_and_accepted_later),
        WITH(formed, another_channel_is_refused),
        WITH(formed, frames_go_out_and_their_outcome_comes_back),
        WITH(formed, a_frame_without_a_route_goes_twice),
        WITH(formed, a_node_without_a_short_address_is_found),
        WITH(formed, a_broadcast_is_one),
        WITH(formed, frames_of_strangers_come_in),
        WITH(formed, nodes_join),
        WITH(formed, a_reset_loses_frames_but_not_the_network),
        WITH(formed, a_full_stick_takes_no_more),
        WITH(formed_old, a_command_of_newer_firmware_is_an_error),
        WITH(formed, noise_before_a_request_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
