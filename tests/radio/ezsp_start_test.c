/* ezsp_start_test.c -- bringing an EZSP NCP up: its version and its settings. */
#include "tests/radio/ezsp_peer.h"

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

static void a_version_that_changes_its_mind_is_no_version(void **state)
{
    struct peer *p = *state;
    p->joined = true;
    p->version_again = 12;
    starts(p);
    assert_int_equal(p->stage.restart_count, 1);
    assert_non_null(strstr(p->stage.restarts[0], "EZSP 13 first, and 12 now"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_set_up, peer_tear_down)

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
        TEST(a_version_that_changes_its_mind_is_no_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
