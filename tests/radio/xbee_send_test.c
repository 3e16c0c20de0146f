/* xbee_send_test.c -- frames to nodes over an XBee, and what becomes of them. */
#include "tests/radio/xbee_scene.h"

static int opens(void **state)
{
    static struct module m;
    module_open(&m);
    module_comes_up(&m);
    *state = &m;
    return 0;
}

static int closes(void **state)
{
    stage_close(&((struct module *)*state)->stage);
    return 0;
}

static void a_unicast_has_both_addresses(void **state)
{
    struct module *m = *state;
    stage_sends(&m->stage, module_node(m, 0), span_of("\x03\x05\x00", 3));
    stage_wrote(&m->stage, "7e0011 10 13 0013a20040401122 1234 00 00 030500 26");
}

static void a_node_whose_short_address_is_not_known_is_found_by_the_module(void **state)
{
    struct module *m = *state;
    struct neighbour *one = module_node(m, 0);
    neighbours_lose_address(m->stage.neighbours, one);
    stage_sends(&m->stage, one, span_text("x"));
    module_turns(m);
    assert_int_equal(m->transmits[0].frame.nwk, 0xFFFE);
}

static void a_node_with_other_addressing_gets_an_explicit_request(void **state)
{
    struct module *m = *state;
    module_node(m, 0)->endpoint = 0x11;
    module_sends(m, 0, "x");
    const struct xbee_frame *f = &m->transmits[0].frame;
    assert_int_equal(f->type, XBEE_TRANSMIT_EXPLICIT);
    assert_int_equal(f->source_endpoint, 0xE8);
    assert_int_equal(f->endpoint, 0x11);
    assert_int_equal(f->profile, 0xC105);
    assert_int_equal(f->cluster, 0x0011);
}

static void an_endpoint_of_our_own_is_named_too(void **state)
{
    struct module *m = *state;
    m->stage.settings.endpoint = 0x10;
    struct neighbour *one = module_node(m, 0);
    one->endpoint = 0xE8;
    module_sends(m, 0, "x");
    m->stage.c->family->broadcast(m->stage.c, 0, span_text("hi"), m->stage.now);
    module_turns(m);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(m->transmits[i].frame.type, XBEE_TRANSMIT_EXPLICIT);
        assert_int_equal(m->transmits[i].frame.source_endpoint, 0x10);
    }
    assert_int_equal(m->transmits[1].frame.endpoint, 0x10);
}

static void a_broadcast_goes_to_all_and_nobody_waits_for_its_status(void **state)
{
    struct module *m = *state;
    m->stage.c->family->broadcast(m->stage.c, 2, span_text("hi"), m->stage.now);
    module_turns(m);
    const struct xbee_frame *f = &m->transmits[0].frame;
    assert_true(f->type == XBEE_TRANSMIT && f->eui64 == 0xFFFF && f->nwk == 0xFFFE && f->radius == 2);
    assert_int_not_equal(f->id, 0);
    module_says_status(m, 0, 0);
    assert_int_equal(m->stage.sent_count, 0);
}

static void each_delivery_status_has_its_consequence(void **state)
{
    static const struct {
        uint8_t status;
        enum radio_sent result;
    } rows[] = {
        { 0x00, RADIO_DELIVERED },   { 0x01, RADIO_BUSY },        { 0x02, RADIO_BUSY },
        { 0x15, RADIO_UNREACHABLE }, { 0x21, RADIO_UNREACHABLE }, { 0x24, RADIO_UNREACHABLE },
        { 0x25, RADIO_UNREACHABLE }, { 0x26, RADIO_UNREACHABLE }, { 0x2B, RADIO_UNREACHABLE },
        { 0x2C, RADIO_BUSY },        { 0x2D, RADIO_UNREACHABLE }, { 0x2E, RADIO_UNREACHABLE },
        { 0x31, RADIO_BUSY },        { 0x32, RADIO_BUSY },        { 0x34, RADIO_UNREACHABLE },
        { 0x35, RADIO_UNREACHABLE }, { 0x74, RADIO_TOO_BIG },     { 0x75, RADIO_UNREACHABLE },
        { 0xEE, RADIO_UNREACHABLE },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ends_as(*state, rows[i].status, rows[i].result);
    assert_int_equal(((struct module *)*state)->stage.sent_count, sizeof rows / sizeof *rows);
    assert_int_equal(((struct module *)*state)->stage.c->state, COORDINATOR_UP);
}

static void a_delivery_tells_where_the_node_is_now(void **state)
{
    struct module *m = *state;
    module_sends(m, 0, "x");
    module_says(m, &(struct xbee_frame){
                       .type = XBEE_TRANSMIT_STATUS, .id = m->transmits[0].frame.id, .nwk = 0x7D84 });
    assert_int_equal(neighbours_find(m->stage.neighbours, NODE_A)->nwk, 0x7D84);
}

static void an_address_that_is_not_found_is_forgotten(void **state)
{
    struct module *m = *state;
    ends_as(m, 0x24, RADIO_UNREACHABLE);
    assert_int_equal(neighbours_find(m->stage.neighbours, NODE_A)->nwk, NWK_UNKNOWN);
}

static void a_module_that_stays_full_of_nothing_is_reset(void **state)
{
    struct module *m = *state;
    for (int i = 0; i < 30; i++) {
        ends_as(m, 0x32, RADIO_BUSY);
        module_passes(m, 1000);
    }
    assert_null(strstr(m->notes, "FR"));
    ends_as(m, 0x32, RADIO_BUSY);
    module_turns(m);
    assert_string_equal(m->notes, "FR");
    assert_true(logged(m, "the XBee is reset: with no frame under way it has been full for 30 s"));
    module_says_modem(m, 0);
    module_turns(m);
    assert_int_equal(m->stage.c->state, COORDINATOR_UP);
    ends_as(m, 0, RADIO_DELIVERED);
}

static void a_module_that_is_full_now_and_then_is_left_alone(void **state)
{
    struct module *m = *state;
    for (int i = 0; i < 90; i++) {
        ends_as(m, i % 20 ? 0x32 : 0, i % 20 ? RADIO_BUSY : RADIO_DELIVERED);
        module_passes(m, 1000);
        m->stage.sent_count = m->stage.log_count = m->transmit_count = 0;
    }
    assert_null(strstr(m->notes, "FR"));
}

static void a_full_module_gets_fewer_at_once_for_a_while(void **state)
{
    struct module *m = *state;
    for (int i = 0; i < 6; i++)
        ends_as(m, 0x32, RADIO_BUSY);
    assert_int_equal(m->stage.c->info.window, 1);
    for (int i = 0; i < 16; i++)
        ends_as(m, 0, RADIO_DELIVERED);
    assert_int_equal(m->stage.c->info.window, 2);
}

static void a_payload_that_is_too_large_lowers_the_limit(void **state)
{
    struct module *m = *state;
    uint8_t payload[220] = { 0 };
    const size_t states = m->stage.state_count;
    stage_sends(&m->stage, module_node(m, 0), span_of(payload, sizeof payload));
    module_turns(m);
    module_says_status(m, 0, 0x74);
    assert_int_equal(m->stage.sent[0].result, RADIO_TOO_BIG);
    assert_int_equal(m->stage.c->info.payload_limit, 210);
    assert_int_equal(m->stage.state_count, states + 1); /* the radio is told */
    ends_as(m, 0x74, RADIO_TOO_BIG);
    assert_int_equal(m->stage.c->info.payload_limit, 57); /* never so low that nothing goes */
}

static void a_status_that_never_comes_counts_as_unreachable(void **state)
{
    struct module *m = *state;
    const uint8_t token = module_sends(m, 0, "x");
    stage_passes(&m->stage, 6799); /* 3 x (50 ms x 30 hops + 100 ms) + 2 s */
    assert_int_equal(m->stage.sent_count, 0);
    stage_passes(&m->stage, 1);
    last_sent_is(m, token, RADIO_UNREACHABLE);
    module_says_status(m, 0, 0); /* too late */
    assert_int_equal(m->stage.sent_count, 1);
}

static void a_sleeping_node_has_the_patience_of_its_parent(void **state)
{
    struct module *m = *state;
    m->stage.now += 1000;
    module_set(m, "SP", 0x0300);
    module_says_modem(m, 0);
    module_turns(m);
    module_node(m, 0)->sleeper = true;
    module_sends(m, 0, "x");
    assert_int_equal(m->transmits[0].frame.options, XBEE_SEND_EXTENDED_TIMEOUT);
    module_passes(m, 34147); /* 3 x (50 ms x 30 + 1.2 x 7.68 s) + 2 s */
    assert_int_equal(m->stage.sent_count, 0);
    module_passes(m, 1);
    assert_int_equal(m->stage.sent_count, 1);
}

static void late_statuses_do_not_hold_up_the_others(void **state)
{
    struct module *m = *state;
    const struct coordinator_info *info = &m->stage.c->info;
    for (unsigned i = 0; i < 4; i++)
        module_sends(m, i, "away");
    module_passes(m, 1499);
    assert_int_equal(info->window, 4);
    module_passes(m, 1);
    assert_int_equal(info->window, 8);
    for (unsigned i = 4; i < 8; i++)
        module_sends(m, i, "here");
    module_passes(m, 2000);
    assert_int_equal(info->window, 8); /* the module has no more buffers */
    module_says_status(m, 0, 0x21);
    assert_int_equal(info->window, 8);
    module_passes(m, 10000);
    assert_int_equal(m->stage.sent_count, 8);
    assert_int_equal(info->window, 4);
}

static void a_frame_id_is_never_zero_and_never_in_use_twice(void **state)
{
    struct module *m = *state;
    module_sends(m, 7, "held");
    const uint8_t held = m->transmits[0].frame.id;
    for (int i = 0; i < 600; i++) {
        m->transmit_count = 1;
        m->stage.write_count = m->stage.write_read = m->stage.sent_count = 0;
        module_sends(m, 0, "x");
        assert_int_not_equal(m->transmits[1].frame.id, 0);
        assert_int_not_equal(m->transmits[1].frame.id, held);
        module_says_status(m, 1, 0);
        assert_int_equal(m->stage.sent_count, 1);
    }
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, opens, closes)
    const struct CMUnitTest tests[] = {
        SCENE(a_unicast_has_both_addresses),
        SCENE(a_node_whose_short_address_is_not_known_is_found_by_the_module),
        SCENE(a_node_with_other_addressing_gets_an_explicit_request),
        SCENE(an_endpoint_of_our_own_is_named_too),
        SCENE(a_broadcast_goes_to_all_and_nobody_waits_for_its_status),
        SCENE(each_delivery_status_has_its_consequence),
        SCENE(a_delivery_tells_where_the_node_is_now),
        SCENE(an_address_that_is_not_found_is_forgotten),
        SCENE(a_module_that_stays_full_of_nothing_is_reset),
        SCENE(a_module_that_is_full_now_and_then_is_left_alone),
        SCENE(a_full_module_gets_fewer_at_once_for_a_while),
        SCENE(a_payload_that_is_too_large_lowers_the_limit),
        SCENE(a_status_that_never_comes_counts_as_unreachable),
        SCENE(a_sleeping_node_has_the_patience_of_its_parent),
        SCENE(late_statuses_do_not_hold_up_the_others),
        SCENE(a_frame_id_is_never_zero_and_never_in_use_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
