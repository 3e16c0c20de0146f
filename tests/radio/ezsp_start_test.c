/* ezsp_start_test.c -- bringing an EZSP NCP up: its version, its settings, and which network it may have. */
#include "tests/radio/ezsp_peer.h"

#include "radio/ezsp_machine.h"

static struct peer peer;

static int set_up(void **state)
{
    *state = &peer;
    peer_open(&peer, 13);
    return 0;
}

static int tear_down(void **state)
{
    peer_close(*state);
    return 0;
}

static void starts(struct peer *p)
{
    stage_start(&p->stage);
    peer_runs(p);
}

static void is_in(struct peer *p, enum coordinator_state want)
{
    assert_string_equal(coordinator_state_name(p->stage.c->state), coordinator_state_name(want));
}

static const char *last_why(struct peer *p)
{
    assert_true(p->stage.state_count > 0);
    return p->stage.states[p->stage.state_count - 1].why;
}

/* ---- version --------------------------------------------------------------------------------------------------- */

static void the_version_is_asked_in_the_oldest_header_and_then_in_its_own(void **state)
{
    struct peer *p = *state;
    p->joined = true;
    stage_start(&p->stage);
    stage_wrote(&p->stage, "1ac038bc7e");
    p->stage.write_read = 0;
    peer_runs(p);
    assert_int_equal(peer_was_asked(p, EZSP_VERSION), 2);
    assert_int_equal(p->asked[0].params[0], 4);
    assert_int_equal(p->asked[1].params[0], 13);
    assert_string_equal(p->stage.c->info.firmware, "EmberZNet 7.4.3.0, EZSP 13");
}

static void every_version_from_4_to_14_comes_up(void **state)
{
    struct peer *p = *state;
    for (int version = EZSP_VERSION_MIN; version <= EZSP_VERSION_MAX; version++) {
        peer_close(p);
        peer_open(p, (uint8_t)version);
        p->joined = true;
        starts(p);
        is_in(p, COORDINATOR_UP);
        assert_int_equal(peer_was_asked(p, EZSP_VERSION), version == 4 ? 1 : 2);
        assert_int_equal(p->stage.c->info.payload_limit, 82);
        assert_int_equal(p->stage.c->info.window, 8);
        assert_true(p->stage.c->info.eui64 == 0x086BD7FFFE010203);
    }
}

static void other_versions_are_refused_with_their_number(void **state)
{
    struct peer *p = *state;
    p->version = 15;
    starts(p);
    is_in(p, COORDINATOR_REFUSED);
    assert_non_null(strstr(last_why(p), "EZSP 15"));
    assert_int_equal(p->asked_count, 1);
    peer_passes(p, 600000);
    assert_int_equal(p->asked_count, 1);
    assert_int_equal(p->stage.restart_count, 0);
}

static void version_5_starts_its_network_with_a_command_of_its_own(void **state)
{
    struct peer *p = *state;
    static const struct {
        uint8_t version;
        uint16_t id;
        size_t octets;
    } rows[] = { { 4, EZSP_NETWORK_INIT, 0 },
                 { 5, EZSP_NETWORK_INIT_EXTENDED, 2 },
                 { 6, EZSP_NETWORK_INIT, 2 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        peer_close(p);
        peer_open(p, rows[i].version);
        p->joined = true;
        starts(p);
        assert_int_equal(peer_was_asked(p, rows[i].id), 1);
        assert_int_equal(peer_last(p, rows[i].id).len, rows[i].octets);
    }
}

/* ---- settings of the NCP --------------------------------------------------------------------------------------- */

static void sizes_policies_and_endpoint_are_set_before_the_network_starts(void **state)
{
    struct peer *p = *state;
    static const uint16_t order[] = { EZSP_VERSION,         EZSP_SET_CONFIGURATION,
                                      EZSP_SET_POLICY,      EZSP_ADD_ENDPOINT,
                                      EZSP_NETWORK_INIT,    EZSP_GET_NETWORK_PARAMETERS,
                                      EZSP_GET_EUI64,       EZSP_MAXIMUM_PAYLOAD,
                                      EZSP_SET_CONCENTRATOR };
    p->joined = true;
    starts(p);
    size_t at = 0;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        assert_int_equal(p->asked[at].id, order[i]);
        while (at < p->asked_count && p->asked[at].id == order[i])
            at++;
    }
    assert_int_equal(at, p->asked_count);
    assert_int_equal(peer_was_asked(p, EZSP_SET_CONFIGURATION), 10);
    assert_true(params_are(peer_last(p, EZSP_SET_CONFIGURATION), "01ff00")); /* the rest of the memory */
    assert_int_equal(peer_was_asked(p, EZSP_SET_POLICY), 3);
    assert_true(params_are(peer_last(p, EZSP_ADD_ENDPOINT), "e805c1010000010111001100"));
}

static void refused_sizes_do_not_matter(void **state)
{
    struct peer *p = *state;
    p->joined = true;
    p->refuses = EZSP_SET_CONFIGURATION;
    starts(p);
    is_in(p, COORDINATOR_UP);
    assert_true(p->stage.log_count >= 10);
}

static void a_command_that_the_firmware_does_not_know_is_no_end(void **state)
{
    struct peer *p = *state;
    p->joined = true;
    p->unknown = EZSP_SET_CONCENTRATOR;
    starts(p);
    is_in(p, COORDINATOR_UP);
}

static void a_refused_endpoint_does(void **state)
{
    struct peer *p = *state;
    p->joined = true;
    p->refuses = EZSP_ADD_ENDPOINT;
    starts(p);
    assert_int_equal(p->stage.restart_count, 1); /* after four times from the beginning */
    assert_int_equal(peer_was_asked(p, EZSP_ADD_ENDPOINT), 4);
    assert_true(p->stage.c->family->deadline(p->stage.c) == MSEC_NEVER);
}

/* ---- resume, form, refuse -------------------------------------------------------------------------------------- */

static void a_network_that_fits_is_resumed(void **state)
{
    struct peer *p = *state;
    p->joined = true;
    p->stage.settings.channel = 15;
    p->stage.settings.pan_id = 0x1A62;
    p->stage.settings.extended_pan_id = 0x00112233445566AA;
    starts(p);
    is_in(p, COORDINATOR_UP);
    assert_int_equal(p->stage.c->info.channel, 15);
    assert_int_equal(p->stage.c->info.pan_id, 0x1A62);
    assert_true(p->stage.c->info.extended_pan_id == 0x00112233445566AA);
    assert_int_equal(peer_was_asked(p, EZSP_FORM_NETWORK), 0);
    assert_false(p->stage.key_made);
}

static void where_there_is_none_a_network_is_formed_with_a_kept_key(void **state)
{
    struct peer *p = *state;
    struct ezsp_security s;
    p->stage.settings.channel = 20;
    p->stage.settings.pan_id = 0x2233;
    starts(p);
    is_in(p, COORDINATOR_UP);
    assert_true(p->stage.key_made);
    assert_true(ezsp_read_security(peer_last(p, EZSP_SET_SECURITY), &s));
    assert_int_equal(s.bitmask, 0x0B04);
    assert_memory_equal(s.link_key, "ZigBeeAlliance09", 16);
    assert_memory_equal(s.network_key, p->stage.key, 16);
    assert_int_equal(p->network.channel, 20);
    assert_int_equal(p->network.pan_id, 0x2233);
    assert_true(p->network.extended_pan_id != 0);
    assert_int_equal(p->stage.c->info.pan_id, 0x2233);
    assert_string_equal(last_why(p), "with a new network");
    assert_memory_equal(((struct ezsp *)p->stage.c)->key, (uint8_t[EZSP_KEY]){ 0 }, EZSP_KEY);
    p->header = 4;
    ash_announce(&p->link, ASH_RESET_POWER);
    peer_runs(p);
    assert_string_equal(last_why(p), ""); /* it is not new any more */
}

static void without_a_channel_in_the_settings_a_usual_one_is_taken(void **state)
{
    struct peer *p = *state;
    starts(p);
    assert_int_equal(p->network.channel, 15);
    assert_true(p->network.pan_id > 0 && p->network.pan_id < 0xFFF8);
}

static void no_network_is_formed_when_the_settings_say_never(void **state)
{
    struct peer *p = *state;
    p->stage.settings.form = FORM_NEVER;
    starts(p);
    is_in(p, COORDINATOR_REFUSED);
    assert_non_null(strstr(last_why(p), "form: never"));
    assert_int_equal(peer_was_asked(p, EZSP_SET_SECURITY), 0);
}

static void no_network_is_formed_whose_key_cannot_be_kept(void **state)
{
    struct peer *p = *state;
    p->stage.key_cannot_be_kept = true;
    starts(p);
    is_in(p, COORDINATOR_REFUSED);
    assert_int_equal(peer_was_asked(p, EZSP_SET_SECURITY), 0);
    assert_int_equal(peer_was_asked(p, EZSP_FORM_NETWORK), 0);
}

static void another_network_is_refused_with_both_values(void **state)
{
    struct peer *p = *state;
    p->joined = true;
    p->stage.settings.channel = 20;
    p->stage.settings.pan_id = 0x2233;
    p->stage.settings.extended_pan_id = 1;
    starts(p);
    is_in(p, COORDINATOR_REFUSED);
    assert_string_equal(last_why(p),
                        "other network: channel is 15, wanted 20; PAN is 0x1a62, wanted 0x2233; "
                        "extended PAN is 00:11:22:33:44:55:66:aa, wanted "
                        "00:00:00:00:00:00:00:01");
    assert_int_equal(peer_was_asked(p, EZSP_LEAVE_NETWORK), 0);
    assert_int_equal(peer_was_asked(p, EZSP_FORM_NETWORK), 0);
}

static void a_stick_that_is_a_router_of_others_is_refused(void **state)
{
    struct peer *p = *state;
    p->joined = true;
    p->node_type = 2;
    starts(p);
    is_in(p, COORDINATOR_REFUSED);
    assert_non_null(strstr(last_why(p), "type 2"));
}

static void another_network_is_replaced_when_the_settings_say_so(void **state)
{
    struct peer *p = *state;
    for (uint8_t version = 13; version <= 14; version++) {
        peer_close(p);
        peer_open(p, version);
        p->joined = true;
        p->stage.settings.channel = 20;
        p->stage.settings.form = FORM_REPLACE;
        starts(p);
        is_in(p, COORDINATOR_UP);
        assert_int_equal(peer_was_asked(p, EZSP_LEAVE_NETWORK), 1);
        assert_int_equal(peer_last(p, EZSP_LEAVE_NETWORK).len, version == 14 ? 1 : 0);
        assert_int_equal(p->network.channel, 20);
    }
}

static void a_stick_that_forms_something_else_is_refused_and_not_asked_again(void **state)
{
    struct peer *p = *state;
    p->stubborn = true;
    p->stage.settings.channel = 20;
    p->stage.settings.form = FORM_REPLACE;
    starts(p);
    is_in(p, COORDINATOR_REFUSED);
    assert_int_equal(peer_was_asked(p, EZSP_FORM_NETWORK), 1);
}

static void the_network_may_change_before_the_answer_comes(void **state)
{
    struct peer *p = *state;
    p->hasty = true;
    p->joined = true;
    p->stage.settings.channel = 20;
    p->stage.settings.form = FORM_REPLACE;
    starts(p);
    is_in(p, COORDINATOR_UP);
    assert_int_equal(p->network.channel, 20);
    assert_int_equal(p->stage.now, 1000000); /* without waiting for anything */
}

static void a_version_that_changes_its_mind_is_no_version(void **state)
{
    struct peer *p = *state;
    p->joined = true;
    p->version_again = 12;
    starts(p);
    assert_int_equal(p->stage.restart_count, 1);
    assert_non_null(strstr(p->stage.restarts[0], "EZSP 13 first, and 12 now"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_version_is_asked_in_the_oldest_header_and_then_in_its_own),
        TEST(every_version_from_4_to_14_comes_up),
        TEST(other_versions_are_refused_with_their_number),
        TEST(version_5_starts_its_network_with_a_command_of_its_own),
        TEST(sizes_policies_and_endpoint_are_set_before_the_network_starts),
        TEST(refused_sizes_do_not_matter),
        TEST(a_command_that_the_firmware_does_not_know_is_no_end),
        TEST(a_refused_endpoint_does),
        TEST(a_network_that_fits_is_resumed),
        TEST(where_there_is_none_a_network_is_formed_with_a_kept_key),
        TEST(without_a_channel_in_the_settings_a_usual_one_is_taken),
        TEST(no_network_is_formed_when_the_settings_say_never),
        TEST(no_network_is_formed_whose_key_cannot_be_kept),
        TEST(another_network_is_refused_with_both_values),
        TEST(a_stick_that_is_a_router_of_others_is_refused),
        TEST(another_network_is_replaced_when_the_settings_say_so),
        TEST(a_stick_that_forms_something_else_is_refused_and_not_asked_again),
        TEST(the_network_may_change_before_the_answer_comes),
        TEST(a_version_that_changes_its_mind_is_no_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
