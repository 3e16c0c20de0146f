/* deconz_test.c -- frames through a deCONZ stick that is up, what became of them, and what a stick may do to them. */
#include "tests/radio/deconz_scene.h"

/* ---- sending ---------------------------------------------------------------------------------------------------- */

static void a_frame_is_sent_and_its_outcome_told(void **state)
{
    (void)state;
    has_network();
    comes_up();
    const uint8_t token = sends(60);
    assert_int_equal(b.sent_count, 1);
    assert_true(b.sent[0].frame.eui64 == NODE && b.sent[0].frame.endpoint == 0xE8);
    assert_int_equal(b.sent[0].frame.profile, 0xC105);
    assert_int_equal(b.sent[0].frame.data.len, 60);
    assert_int_equal(b.s.sent_count, 0);
    ends(0, SIM_DELIVERED);
    sent_is(0, token, RADIO_DELIVERED);
}

static void every_failure_in_the_air_is_unreachable(void **state)
{
    (void)state;
    has_network();
    comes_up();
    for (enum sim_outcome how = SIM_NO_ACK; how <= SIM_EXPIRED; how++) {
        const uint8_t token = sends(10);
        ends(b.sent_count - 1, how);
        sent_is(b.s.sent_count - 1, token, RADIO_UNREACHABLE);
    }
}

static void confirm_says(uint8_t status, enum radio_sent result)
{
    struct deconz_frame f;
    struct deconz_request q;
    uint8_t body[64];
    struct writer w = writer_of(body, sizeof body);
    const uint8_t token = stage_sends(&b.s, stage_node(&b.s, NODE, NODE_NWK), span_text("x"));
    assert_true(frame_in(stage_next_write(&b.s), &f) && deconz_read_request(f.body, &q));
    const struct deconz_confirm c = { 0x22, q.id, q.to, 0xE8, 0xE8, status, { NULL, 0 } };
    deconz_write_confirm(&c, &w);
    pipe_as(&(struct deconz_frame){ .body = span_of(body, sizeof body - w.left) }, DECONZ_CONFIRM);
    talk();
    sent_is(b.s.sent_count - 1, token, result);
}

static void each_status_of_a_confirm_has_its_meaning(void **state)
{
    (void)state;
    has_network();
    comes_up();
    confirm_says(0x00, RADIO_DELIVERED);
    confirm_says(0xA7, RADIO_UNREACHABLE);
    confirm_says(0xD0, RADIO_UNREACHABLE);
    confirm_says(0xD1, RADIO_UNREACHABLE);
    confirm_says(0xE9, RADIO_UNREACHABLE);
    confirm_says(0xF0, RADIO_UNREACHABLE);
    confirm_says(0xE1, RADIO_BUSY);
    confirm_says(0xF1, RADIO_BUSY);
    confirm_says(0xA0, RADIO_TOO_BIG);
}

static void a_node_without_16_bit_address_is_sent_to_by_the_other(void **state)
{
    (void)state;
    has_network();
    comes_up();
    struct neighbour *one = stage_node(&b.s, NODE, NWK_UNKNOWN);
    one->endpoint = 0; /* never heard */
    (void)stage_sends(&b.s, one, span_text("hello"));
    talk();
    assert_int_equal(b.sent_count, 1);
    assert_int_equal(b.sent[0].frame.nwk, NODE_NWK);
    assert_int_equal(b.sent[0].frame.endpoint, 0xE8);
}

static void a_frame_of_which_nothing_is_ever_heard_ends_by_time(void **state)
{
    (void)state;
    has_network();
    comes_up();
    const uint8_t token = sends(10);
    passes(7900);
    assert_int_equal(b.s.sent_count, 0);
    passes(200);
    sent_is(0, token, RADIO_UNREACHABLE);
    assert_int_equal(b.s.restart_count, 0);
}

static void a_sleepers_parent_is_given_more_time(void **state)
{
    (void)state;
    has_network();
    comes_up();
    stage_node(&b.s, NODE, NODE_NWK)->sleeper = true;
    const uint8_t token = sends(10);
    passes(29000);
    assert_int_equal(b.s.sent_count, 0);
    passes(2000);
    sent_is(0, token, RADIO_UNREACHABLE);
}

static void no_more_than_four_frames_are_in_the_stick(void **state)
{
    (void)state;
    has_network();
    comes_up();
    for (int i = 0; i < 4; i++)
        (void)sends(10);
    deconz_family.broadcast(b.s.c, 0, span_text("all"), b.s.now);
    talk();
    assert_int_equal(b.sent_count, 4);
    ends(0, SIM_DELIVERED);
    assert_int_equal(b.sent_count, 5);
    assert_true(b.sent[4].frame.broadcast);
    assert_int_equal(b.s.drop_count, 0);
}

static void a_stick_without_room_is_asked_again(void **state)
{
    (void)state;
    has_network();
    comes_up();
    for (int i = 0; i < 4; i++)
        (void)sends(10);
    stage_start(&b.s); /* the stick is still full of what nobody knows of any more */
    talk();
    const uint8_t token = sends(10);
    assert_int_equal(b.sent_count, 4);
    ends(0, SIM_DELIVERED);
    assert_int_equal(b.sent_count, 5);
    ends(4, SIM_DELIVERED);
    sent_is(0, token, RADIO_DELIVERED);
}

static void the_stick_is_never_given_more_than_four(void **state)
{
    (void)state;
    has_network();
    comes_up();
    for (int i = 0; i < 4; i++)
        (void)sends(10);
    stick_says_state(DECONZ_CONNECTED | DECONZ_SLOTS_FREE);
    deconz_family.broadcast(b.s.c, 0, span_text("all"), b.s.now);
    talk();
    assert_int_equal(b.asked[DECONZ_REQUEST], 4);
}

static void a_busy_stick_is_asked_again_a_little_later(void **state)
{
    (void)state;
    has_network();
    comes_up();
    for (int i = 0; i < 4; i++)
        (void)sends(10);
    stage_start(&b.s);
    talk();
    stick_says_state(DECONZ_CONNECTED | DECONZ_SLOTS_FREE);
    const uint8_t token = sends(10);
    assert_int_equal(b.asked[DECONZ_REQUEST], 5);
    passes(1000);
    assert_int_equal(b.asked[DECONZ_REQUEST], 5);
    ends(0, SIM_DELIVERED);
    assert_int_equal(b.asked[DECONZ_REQUEST], 6);
    ends(4, SIM_DELIVERED);
    sent_is(0, token, RADIO_DELIVERED);
}

static void frames_go_in_the_order_in_which_they_came(void **state)
{
    (void)state;
    has_network();
    comes_up();
    for (int i = 0; i < 4; i++)
        (void)sends(10);
    deconz_family.broadcast(b.s.c, 0, span_text("one"), b.s.now);
    deconz_family.broadcast(b.s.c, 0, span_text("two"), b.s.now);
    ends(0, SIM_DELIVERED);
    assert_int_equal(b.sent_count, 6);
    assert_memory_equal(b.sent[4].bytes, "one", 3);
    assert_memory_equal(b.sent[5].bytes, "two", 3);
}

static void what_has_no_place_is_dropped_and_counted(void **state)
{
    (void)state;
    has_network();
    comes_up();
    for (int i = 0; i < 4; i++)
        (void)sends(10);
    for (int i = 0; i < 5; i++)
        deconz_family.broadcast(b.s.c, 0, span_text("all"), b.s.now);
    assert_int_equal(b.s.drop_count, 1);
    assert_string_equal(b.s.drops[0], "coordinator busy");
    ends(0, SIM_DELIVERED);
    (void)sends(10); /* always has a place */
    assert_int_equal(b.s.sent_count, 1);
}

static void a_frame_that_gets_no_room_for_long_is_busy(void **state)
{
    (void)state;
    has_network();
    comes_up();
    for (int i = 0; i < 4; i++)
        (void)sends(10);
    stage_start(&b.s);
    talk();
    const uint8_t token = sends(10);
    passes(11000);
    sent_is(0, token, RADIO_BUSY);
}

static void a_stick_that_stays_full_of_nothing_is_begun_anew(void **state)
{
    (void)state;
    has_network();
    comes_up();
    b.full = true;
    passes(10000);                /* that is asked for */
    for (int i = 0; i < 4; i++) { /* each waits for ten seconds */
        assert_int_equal(b.s.restart_count, 0);
        (void)sends(10);
        passes(10000);
    }
    assert_int_equal(b.s.restart_count, 1);
    assert_non_null(strstr(b.s.restarts[0], "with no frame under way it has been full for 30 s"));
}

static void long_frames_are_sent_in_fragments(void **state)
{
    (void)state;
    has_network();
    comes_up();
    const uint8_t token = sends(200);
    ends(0, SIM_DELIVERED);
    sent_is(0, token, RADIO_DELIVERED);
    assert_int_equal(b.sent[0].frame.data.len, 200);
}

static void broadcasts_go_to_all_that_listen(void **state)
{
    (void)state;
    has_network();
    comes_up();
    deconz_family.broadcast(b.s.c, 3, span_text("advertise"), b.s.now);
    talk();
    assert_int_equal(b.sent_count, 1);
    assert_true(b.sent[0].frame.broadcast);
    assert_int_equal(b.sent[0].frame.nwk, 0xFFFD);
    assert_int_equal(b.s.sent_count, 0);
}

/* ---- hearing ---------------------------------------------------------------------------------------------------- */

static void a_frame_is_heard_with_its_sender_and_quality(void **state)
{
    (void)state;
    has_network();
    comes_up();
    node_says("hello", false);
    assert_int_equal(b.s.heard_count, 1);
    assert_true(b.s.heard[0].eui64 == NODE);
    assert_int_equal(b.s.heard[0].nwk, NODE_NWK);
    assert_int_equal(b.s.heard[0].frame.lqi, 0xC0);
    assert_true(span_equal(b.s.heard[0].frame.bytes, span_text("hello")));
    assert_false(b.s.heard[0].frame.broadcast);
}

static void frames_that_came_while_we_were_away_are_fetched(void **state)
{
    (void)state;
    has_network();
    comes_up();
    b.mute = DECONZ_STATE_CHANGED;
    node_says("one", false);
    node_says("two", false);
    assert_int_equal(b.s.heard_count, 0);
    passes(11000); /* the state is asked for now and then */
    assert_int_equal(b.s.heard_count, 2);
}

static void a_node_that_polls_is_a_sleeper(void **state)
{
    (void)state;
    has_network();
    comes_up();
    node_says("one", true);
    node_says("two", true);
    assert_true(b.s.heard[1].frame.sleeper);
}

static void old_firmware_is_asked_whose_address_it_is(void **state)
{
    (void)state;
    has_network();
    b.stick->option = 1;
    comes_up();
    node_says("hello", false);
    assert_int_equal(b.s.heard_count, 1);
    assert_true(b.s.heard[0].eui64 == NODE);
    node_says("again", false);
    assert_int_equal(b.s.heard_count, 2);
    assert_int_equal(b.asked[DECONZ_REQUEST], 1);
}

static void a_node_that_joins_or_rejoins_is_told(void **state)
{
    (void)state;
    has_network();
    comes_up();
    sim_deconz.joined(b.stick, NODE, NODE_NWK, b.s.now);
    talk();
    assert_int_equal(b.s.joined_count, 1);
    sim_deconz.joined(b.stick, NODE, 0x4321, b.s.now);
    talk();
    assert_int_equal(neighbours_find(b.s.neighbours, NODE)->nwk, 0x4321);
    assert_null(neighbours_at(b.s.neighbours, NODE_NWK));
    assert_int_equal(b.s.drop_count, 0);
}

static void an_indication_that_makes_no_sense_is_no_endless_loop(void **state)
{
    (void)state;
    has_network();
    comes_up();
    const unsigned before = b.asked[DECONZ_INDICATION];
    const uint8_t nonsense[] = { 1, 0, 0x2A };
    for (int i = 0; i < 3; i++) {
        pipe_as(&(struct deconz_frame){ .body = span_of(nonsense, sizeof nonsense) },
                DECONZ_INDICATION);
        talk();
    }
    assert_int_equal(b.asked[DECONZ_INDICATION], before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(a_frame_is_sent_and_its_outcome_told),
        SCENE(every_failure_in_the_air_is_unreachable),
        SCENE(each_status_of_a_confirm_has_its_meaning),
        SCENE(a_node_without_16_bit_address_is_sent_to_by_the_other),
        SCENE(a_frame_of_which_nothing_is_ever_heard_ends_by_time),
        SCENE(a_sleepers_parent_is_given_more_time),
        SCENE(no_more_than_four_frames_are_in_the_stick),
        SCENE(a_stick_without_room_is_asked_again),
        SCENE(the_stick_is_never_given_more_than_four),
        SCENE(a_busy_stick_is_asked_again_a_little_later),
        SCENE(frames_go_in_the_order_in_which_they_came),
        SCENE(what_has_no_place_is_dropped_and_counted),
        SCENE(a_frame_that_gets_no_room_for_long_is_busy),
        SCENE(a_stick_that_stays_full_of_nothing_is_begun_anew),
        SCENE(long_frames_are_sent_in_fragments),
        SCENE(broadcasts_go_to_all_that_listen),
        SCENE(a_frame_is_heard_with_its_sender_and_quality),
        SCENE(frames_that_came_while_we_were_away_are_fetched),
        SCENE(a_node_that_polls_is_a_sleeper),
        SCENE(old_firmware_is_asked_whose_address_it_is),
        SCENE(a_node_that_joins_or_rejoins_is_told),
        SCENE(an_indication_that_makes_no_sense_is_no_endless_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
