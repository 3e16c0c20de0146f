/* sim_xbee_test.c -- the simulated XBee and the machine that drives real ones, mouth to mouth: what one says the
 * other must understand, from a blank module to frames in both directions. */
#include "radio/xbee.h"
#include "tests/radio/coordinator_scene.h"
#include "tools/sim.h"

enum { AIR_MAX = 32, TURNS = 100 };

#define NODE UINT64_C(0x0013A20040401122)

struct pair {
    struct stage stage;
    struct sim_world world;
    struct sim_network network;
    struct sim_stick *stick;
    struct {
        struct sim_frame frame;
        uint8_t data[SIM_PAYLOAD_MAX];
        uint32_t token;
    } air[AIR_MAX];
    size_t air_count;
    uint8_t open_s;
    uint8_t to_host[8192]; /* said, not heard yet */
    size_t to_host_len;
};

static void on_write(void *context, struct span frame)
{
    struct pair *p = context;
    assert_true(p->to_host_len + frame.len <= sizeof p->to_host);
    memcpy(p->to_host + p->to_host_len, frame.at, frame.len);
    p->to_host_len += frame.len;
}

static void on_transmit(void *context, const struct sim_frame *f, uint32_t token)
{
    struct pair *p = context;
    assert_true(p->air_count < AIR_MAX && f->data.len <= SIM_PAYLOAD_MAX);
    memcpy(p->air[p->air_count].data, f->data.at, f->data.len);
    p->air[p->air_count].frame = *f;
    p->air[p->air_count].frame.data.at = p->air[p->air_count].data;
    p->air[p->air_count++].token = token;
}

static bool on_find(void *context, uint64_t *eui64, uint16_t *nwk)
{
    (void)context;
    if (*eui64 != NODE && *nwk != 0x1234)
        return false;
    *eui64 = NODE;
    *nwk = 0x1234;
    return true;
}

static void on_permit_join(void *context, uint8_t seconds)
{
    ((struct pair *)context)->open_s = seconds;
}

static void on_sim_log(void *context, const char *text)
{
    (void)context;
    fail_msg("the stick did not understand: %s", text);
}

/* Octets go to and fro until both are quiet. */
static void talk(struct pair *p)
{
    for (int turn = 0; turn < TURNS; turn++) {
        uint8_t said[sizeof p->to_host];
        const size_t len = p->to_host_len;
        const struct span written = stage_next_write(&p->stage);
        if (len == 0 && !written.at)
            return;
        memcpy(said, p->to_host, len);
        p->to_host_len = 0;
        if (len > 0)
            stage_hears_bytes(&p->stage, span_of(said, len));
        if (written.at)
            sim_xbee.hear(p->stick, written, p->stage.now);
    }
    fail_msg("no end of talking");
}

static void passes(struct pair *p, msec ms)
{
    const msec end = p->stage.now + ms;
    talk(p);
    while (p->stage.now < end) {
        const msec stick = sim_xbee.deadline(p->stick);
        const msec host = p->stage.c->family->deadline(p->stage.c);
        msec next = stick < host ? stick : host;
        next = next > end ? end : next <= p->stage.now ? p->stage.now + 1 : next;
        stage_passes(&p->stage, next - p->stage.now);
        sim_xbee.tick(p->stick, p->stage.now);
        talk(p);
    }
}

static int meet(void **state, bool formed, unsigned option)
{
    struct pair *p = calloc(1, sizeof *p);
    assert_non_null(p);
    stage_open(&p->stage, &xbee_family);
    p->world = (struct sim_world){ p, on_write, on_transmit, on_find, on_permit_join, on_sim_log };
    p->network = (struct sim_network){ formed, 15, 0x1A62, 0x1122, { 1 } };
    p->stick = calloc(1, sim_xbee.size);
    assert_non_null(p->stick);
    *p->stick = (struct sim_stick){ &sim_xbee, &p->world, &p->network, 0x0013A20040AABB01, option };
    p->open_s = 255;
    sim_xbee.plug(p->stick, p->stage.now);
    stage_start(&p->stage);
    *state = p;
    return 0;
}

static int blank(void **state)
{
    return meet(state, false, 0);
}

static int formed(void **state)
{
    return meet(state, true, 0);
}

static int escaped(void **state)
{
    return meet(state, true, 2);
}

static int part(void **state)
{
    struct pair *p = *state;
    stage_close(&p->stage);
    free(p->stick);
    free(p);
    return 0;
}

static uint8_t sends(struct pair *p, uint64_t to, const char *text)
{
    const uint8_t token = stage_sends(&p->stage, stage_node(&p->stage, to, 0x1234), span_text(text));
    talk(p);
    return token;
}

/* ---- scenes ---- */

static void a_blank_stick_forms_the_network_that_it_is_told(void **state)
{
    struct pair *p = *state;
    p->stage.settings.channel = 20;
    p->stage.settings.extended_pan_id = 0xDDDDDDDDDDDDDDDD;
    p->stage.settings.network_key_file = "network.key";
    passes(p, 9000);
    assert_int_equal(p->stage.c->state, COORDINATOR_UP);
    assert_true(p->network.formed && p->network.extended_pan_id == 0xDDDDDDDDDDDDDDDD);
    assert_int_equal(p->network.channel, 20);
    assert_memory_equal(p->network.key, p->stage.key, 16);
    assert_int_equal(p->stage.c->info.pan_id, p->network.pan_id);
    assert_int_equal(p->open_s, 0);
}

static void a_network_that_is_there_stays(void **state)
{
    struct pair *p = *state;
    passes(p, 2500);
    assert_int_equal(p->stage.c->state, COORDINATOR_UP);
    assert_int_equal(p->stage.c->info.channel, 15);
    assert_int_equal(p->stage.c->info.pan_id, 0x1A62);
    passes(p, 60000);
    assert_true(p->network.extended_pan_id == 0x1122);
    assert_int_equal(p->stage.restart_count, 0);
}

static void frames_go_both_ways(void **state)
{
    struct pair *p = *state;
    passes(p, 2500);
    const uint8_t token = sends(p, NODE, "down \x7E\x7D\x11\x13");
    assert_int_equal(p->air_count, 1);
    assert_true(p->air[0].frame.eui64 == NODE && !p->air[0].frame.broadcast);
    assert_true(span_equal(p->air[0].frame.data, span_text("down \x7E\x7D\x11\x13")));
    sim_xbee.outcome(p->stick, p->air[0].token, SIM_DELIVERED, p->stage.now);
    talk(p);
    assert_int_equal(p->stage.sent[0].token, token);
    assert_int_equal(p->stage.sent[0].result, RADIO_DELIVERED);
    const struct sim_frame up = { .eui64 = NODE,
                                  .nwk = 0x1234,
                                  .endpoint = 0xE8,
                                  .source_endpoint = 0xE8,
                                  .profile = 0xC105,
                                  .cluster = 0x11,
                                  .sleeper = true,
                                  .data = span_text("up") };
    sim_xbee.receive(p->stick, &up, p->stage.now);
    talk(p);
    assert_int_equal(p->stage.heard_count, 1);
    assert_true(p->stage.heard[0].eui64 == NODE && p->stage.heard[0].frame.sleeper);
    p->stage.c->family->broadcast(p->stage.c, 0, span_text("all"), p->stage.now);
    talk(p);
    assert_true(p->air_count == 2 && p->air[1].frame.broadcast);
}

static void each_outcome_has_its_status(void **state)
{
    static const struct {
        enum sim_outcome how;
        enum radio_sent result;
    } rows[] = { { SIM_DELIVERED, RADIO_DELIVERED },
                 { SIM_NO_ACK, RADIO_UNREACHABLE },
                 { SIM_NO_ROUTE, RADIO_UNREACHABLE },
                 { SIM_EXPIRED, RADIO_UNREACHABLE } };
    struct pair *p = *state;
    passes(p, 2500);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sends(p, NODE, "x");
        sim_xbee.outcome(p->stick, p->air[i].token, rows[i].how, p->stage.now);
        talk(p);
        assert_int_equal(p->stage.sent[i].result, rows[i].result);
    }
}

static void a_full_stick_says_so_until_its_frames_have_had_their_time(void **state)
{
    struct pair *p = *state;
    passes(p, 2500);
    for (unsigned i = 0; i < 8; i++)
        sends(p, NODE, "x"); /* more than the window, as no radio does */
    assert_int_equal(p->air_count, 8);
    passes(p, 900);
    const struct span ninth =
        hex_bytes("7e001010990013a200404011221234000041 4225", p->air[8].data, SIM_PAYLOAD_MAX);
    sim_xbee.hear(p->stick, ninth, p->stage.now);
    assert_int_equal(p->air_count, 8);
    assert_memory_equal(p->to_host, "\x7E\x00\x07\x8B\x99\xFF\xFD\x00\x32\x00\xAD", p->to_host_len);
    passes(p, 8000);
    sends(p, NODE, "x");
    assert_int_equal(p->air_count, 9);
}

static void a_reset_voids_what_was_under_way(void **state)
{
    struct pair *p = *state;
    passes(p, 2500);
    sends(p, NODE, "x");
    sim_xbee.reset(p->stick, p->stage.now);
    talk(p);
    assert_int_equal(p->stage.sent[0].result, RADIO_LOST);
    sim_xbee.outcome(p->stick, p->air[0].token, SIM_DELIVERED, p->stage.now);
    passes(p, 1500);
    assert_int_equal(p->stage.c->state, COORDINATOR_UP);
    assert_int_equal(p->stage.sent_count, 1);
}

static void the_network_opens_for_new_nodes(void **state)
{
    struct pair *p = *state;
    passes(p, 2500);
    p->stage.c->family->permit_join(p->stage.c, 60, p->stage.now);
    talk(p);
    assert_int_equal(p->open_s, 60);
}

static void other_addressing_is_heard_when_the_settings_want_it(void **state)
{
    struct pair *p = *state;
    p->stage.settings.endpoint = 0x20;
    passes(p, 2500);
    const struct sim_frame up = { .eui64 = NODE,
                                  .nwk = 0x1234,
                                  .endpoint = 0x20,
                                  .source_endpoint = 0x21,
                                  .profile = 0xC105,
                                  .cluster = 0x11,
                                  .data = span_text("up") };
    sim_xbee.receive(p->stick, &up, p->stage.now);
    talk(p);
    assert_int_equal(p->stage.heard_count, 1);
    sends(p, NODE, "down");
    assert_int_equal(p->air[0].frame.endpoint, 0x21);
    assert_int_equal(p->air[0].frame.source_endpoint, 0x20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_blank_stick_forms_the_network_that_it_is_told, blank, part),
        cmocka_unit_test_setup_teardown(a_network_that_is_there_stays, formed, part),
        cmocka_unit_test_setup_teardown(frames_go_both_ways, formed, part),
        cmocka_unit_test_setup_teardown(frames_go_both_ways, escaped, part),
        cmocka_unit_test_setup_teardown(each_outcome_has_its_status, formed, part),
        cmocka_unit_test_setup_teardown(a_full_stick_says_so_until_its_frames_have_had_their_time,
                                        formed, part),
        cmocka_unit_test_setup_teardown(a_reset_voids_what_was_under_way, escaped, part),
        cmocka_unit_test_setup_teardown(the_network_opens_for_new_nodes, formed, part),
        cmocka_unit_test_setup_teardown(other_addressing_is_heard_when_the_settings_want_it, formed,
                                        part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
