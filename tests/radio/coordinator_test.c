/* coordinator_test.c -- what all families share: whose frame it is, whether it is for us, and the table of nodes. */
#include "tests/radio/coordinator_scene.h"

enum { EUI64 = 0x1122 };

static void init_nothing(struct coordinator *c)
{
    (void)c;
}

static const struct coordinator_family no_family = {
    .name = "none",
    .size = sizeof(struct coordinator),
    .init = init_nothing,
};

static struct stage s;

static int begin(void **state)
{
    (void)state;
    stage_open(&s, &no_family);
    return 0;
}

static int end(void **state)
{
    (void)state;
    stage_close(&s);
    return 0;
}

static struct incoming frame(uint64_t eui64, uint16_t nwk, const char *text)
{
    return (struct incoming){ .eui64 = eui64,
                              .nwk = nwk,
                              .source_endpoint = 0xE7,
                              .endpoint = 0xE8,
                              .profile = 0xC105,
                              .cluster = 0x0011,
                              .frame = { .bytes = span_text(text), .lqi = 120, .rssi = -60 } };
}

static enum coordinator_heard hears(struct incoming in)
{
    return coordinator_heard(s.c, &in, s.now);
}

static void heard_is(size_t n, uint64_t eui64, const char *text)
{
    assert_true(n < s.heard_count);
    assert_int_equal(s.heard[n].eui64, eui64);
    assert_true(span_equal(s.heard[n].frame.bytes, span_text(text)));
}

static void a_frame_is_handed_up_and_its_sender_noted(void **state)
{
    (void)state;
    assert_int_equal(hears(frame(EUI64, 0x1234, "hi")), COORDINATOR_TOOK);
    heard_is(0, EUI64, "hi");
    assert_int_equal(s.heard[0].frame.lqi, 120);
    const struct neighbour *n = neighbours_at(s.neighbours, 0x1234);
    assert_int_equal(n->eui64, EUI64);
    assert_int_equal(n->endpoint, 0xE7); /* the answer goes to where the request came from */
}

static void frames_for_somebody_else_are_counted_and_dropped(void **state)
{
    (void)state;
    struct incoming in = frame(EUI64, 1, "x");
    in.endpoint = 1;
    assert_int_equal(hears(in), COORDINATOR_TOOK);
    in = frame(EUI64, 1, "x");
    in.cluster = 6;
    assert_int_equal(hears(in), COORDINATOR_TOOK);
    in = frame(EUI64, 1, "x");
    in.profile = 0x0104;
    assert_int_equal(hears(in), COORDINATOR_TOOK);
    assert_int_equal(s.drop_count, 3);
    assert_int_equal(s.heard_count, 0);
    s.settings.any_endpoint = true;
    in = frame(EUI64, 1, "x");
    in.endpoint = 1;
    assert_int_equal(hears(in), COORDINATOR_TOOK);
    assert_int_equal(s.heard_count, 1);
}

static void frames_of_an_unknown_short_address_wait_for_its_name(void **state)
{
    (void)state;
    assert_int_equal(hears(frame(0, 0x1234, "one")), COORDINATOR_ASK);
    assert_int_equal(hears(frame(0, 0x1234, "two")), COORDINATOR_ASK);
    assert_int_equal(hears(frame(0, 0x5678, "other")), COORDINATOR_ASK);
    assert_int_equal(s.heard_count, 0);
    assert_non_null(coordinator_learn(s.c, EUI64, 0x1234, s.now));
    assert_int_equal(s.heard_count, 2);
    heard_is(0, EUI64, "one");
    heard_is(1, EUI64, "two");
    assert_int_equal(hears(frame(0, 0x1234, "three")), COORDINATOR_TOOK);
    heard_is(2, EUI64, "three");
}

static void a_parked_frame_is_dropped_after_two_seconds(void **state)
{
    (void)state;
    assert_int_equal(coordinator_parked_until(s.c), MSEC_NEVER);
    assert_int_equal(hears(frame(0, 0x1234, "one")), COORDINATOR_ASK);
    assert_int_equal(coordinator_parked_until(s.c), s.now + 2000);
    coordinator_expire(s.c, s.now + 1999);
    assert_int_equal(s.drop_count, 0);
    coordinator_expire(s.c, s.now + 2000);
    assert_int_equal(s.drop_count, 1);
    assert_non_null(coordinator_learn(s.c, EUI64, 0x1234, s.now));
    assert_int_equal(s.heard_count, 0);
}

static void strangers_cannot_park_more_than_there_are_places(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PARKED_MAX + 5; i++)
        assert_int_equal(hears(frame(0, (uint16_t)(0x1000 + i), "x")), COORDINATOR_ASK);
    assert_int_equal(s.drop_count, 5);
    assert_non_null(coordinator_learn(s.c, EUI64, 0x1000 + PARKED_MAX + 4,
                                      s.now)); /* the last one has a place */
    assert_int_equal(s.heard_count, 1);
}

static void a_node_that_rejoined_is_the_same_node(void **state)
{
    (void)state;
    assert_int_equal(hears(frame(EUI64, 0x1234, "a")), COORDINATOR_TOOK);
    assert_int_equal(hears(frame(EUI64, 0x9999, "b")), COORDINATOR_TOOK);
    assert_int_equal(neighbours_count(s.neighbours), 1);
    assert_null(neighbours_at(s.neighbours, 0x1234));
    assert_int_equal(neighbours_at(s.neighbours, 0x9999)->eui64, EUI64);
}

static void a_short_address_belongs_to_the_last_node_that_had_it(void **state)
{
    (void)state;
    assert_int_equal(hears(frame(1, 0x1234, "a")), COORDINATOR_TOOK);
    assert_int_equal(hears(frame(2, 0x1234, "b")), COORDINATOR_TOOK);
    assert_int_equal(neighbours_at(s.neighbours, 0x1234)->eui64, 2);
    assert_int_equal(neighbours_find(s.neighbours, 1)->nwk, NWK_UNKNOWN);
}

static void a_full_table_forgets_who_was_silent_longest(void **state)
{
    (void)state;
    struct neighbours *n = neighbours_new(2);
    struct neighbour *first = neighbours_learn(n, 1, NWK_UNKNOWN, 100);
    assert_non_null(neighbours_learn(n, 2, NWK_UNKNOWN, 50));
    assert_non_null(neighbours_learn(n, 3, NWK_UNKNOWN, 200));
    assert_null(neighbours_find(n, 2));
    first->waiting_count = 1; /* something waits for it: it stays */
    assert_non_null(neighbours_learn(n, 4, NWK_UNKNOWN, 300));
    assert_null(neighbours_find(n, 3));
    neighbours_find(n, 4)->waiting_count = 1;
    assert_null(neighbours_learn(n, 5, NWK_UNKNOWN, 400));
    neighbours_free(n);
}

static void an_address_reads_as_it_is_printed_on_the_node(void **state)
{
    (void)state;
    char line[EUI64_TEXT];
    assert_string_equal(eui64_text(UINT64_C(0x0013a20040401122), line), "00:13:a2:00:40:40:11:22");
}

/* ---- the network ----------------------------------------------------------------------------------------------- */

static const struct coordinator_network stick = { 15, 0x1A62, 0xAA, false };

static void what_the_settings_leave_open_agrees_with_every_network(void **state)
{
    (void)state;
    char text[COORDINATOR_TEXT];
    coordinator_compare(s.c, &stick, text);
    assert_string_equal(text, "");
    s.settings.channel = 15;
    s.settings.pan_id = 0x1A62;
    s.settings.extended_pan_id = 0xAA;
    coordinator_compare(s.c, &stick, text);
    assert_string_equal(text, "");
}

static void a_difference_shows_what_the_stick_has_before_what_is_wanted(void **state)
{
    (void)state;
    struct coordinator_network other = stick;
    char text[COORDINATOR_TEXT];
    s.settings.channel = 20;
    s.settings.pan_id = 0x2B;
    s.settings.extended_pan_id = 0xBB;
    s.settings.network_key_file = "/etc/field.key";
    other.other_key = true;
    coordinator_compare(s.c, &other, text);
    assert_string_equal(text,
                        "channel 15 (settings: 20), PAN 0x1a62 (settings: 0x002b), extended PAN "
                        "0x00000000000000aa (settings: 0x00000000000000bb), its key is not the one "
                        "in /etc/field.key");
    coordinator_refuse_network(s.c, text, false);
    assert_int_equal(s.c->state, COORDINATOR_REFUSED);
    assert_non_null(strstr(s.states[0].why, "other network: channel 15"));
    assert_non_null(strstr(s.states[0].why, "/etc/field.key; correct the settings, or form: replace"));
}

static void more_differences_than_there_is_room_for_end_at_its_end(void **state)
{
    (void)state;
    char text[COORDINATOR_TEXT] = "";
    for (int i = 0; i < 2 * COORDINATOR_TEXT; i++)
        coordinator_add(text, "%d", i);
    assert_int_equal(strlen(text), COORDINATOR_TEXT - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_frame_is_handed_up_and_its_sender_noted),
        TEST(frames_for_somebody_else_are_counted_and_dropped),
        TEST(frames_of_an_unknown_short_address_wait_for_its_name),
        TEST(a_parked_frame_is_dropped_after_two_seconds),
        TEST(strangers_cannot_park_more_than_there_are_places),
        TEST(a_node_that_rejoined_is_the_same_node),
        TEST(a_short_address_belongs_to_the_last_node_that_had_it),
        TEST(a_full_table_forgets_who_was_silent_longest),
        TEST(an_address_reads_as_it_is_printed_on_the_node),
        TEST(what_the_settings_leave_open_agrees_with_every_network),
        TEST(a_difference_shows_what_the_stick_has_before_what_is_wanted),
        TEST(more_differences_than_there_is_room_for_end_at_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
