/* ezsp_network_test.c -- which network an EZSP NCP may have: resumed, formed, refused, replaced. */
#include "tests/radio/ezsp_peer.h"

#include "radio/ezsp_machine.h"

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
                        "other network: channel 15 (settings: 20), PAN 0x1a62 (settings: 0x2233), "
                        "extended PAN 0x00112233445566aa (settings: 0x0000000000000001); correct the "
                        "settings, or form: replace forms a new one");
    assert_int_equal(peer_was_asked(p, EZSP_LEAVE_NETWORK), 0);
    assert_int_equal(peer_was_asked(p, EZSP_FORM_NETWORK), 0);
}

/* The settings have a key, and the stick another one. */
static void has_other_key(struct peer *p, unsigned version)
{
    peer_close(p);
    peer_open(p, (uint8_t)version);
    p->joined = true;
    p->stage.has_key = true;
    p->stage.settings.network_key_file = "/etc/field.key";
    memcpy(p->stage.key, "0123456789abcdef", EZSP_KEY);
    memcpy(p->key, "0123456789abcdeF", EZSP_KEY);
}

static void a_network_with_another_key_is_refused_and_no_key_shown(void **state)
{
    struct peer *p = *state;
    for (unsigned version = EZSP_VERSION_MIN; version <= EZSP_VERSION_MAX; version++) {
        has_other_key(p, version);
        starts(p);
        is_in(p, COORDINATOR_REFUSED);
        assert_string_equal(last_why(p),
                            "other network: its key is not the one in /etc/field.key; correct the "
                            "settings, or form: replace forms a new one");
        assert_int_equal(peer_was_asked(p, ezsp_key_id(p->version)), 1);
        assert_int_equal(peer_was_asked(p, EZSP_LEAVE_NETWORK), 0);
    }
}

static void a_network_with_the_key_of_the_settings_is_resumed(void **state)
{
    struct peer *p = *state;
    for (unsigned version = EZSP_VERSION_MIN; version <= EZSP_VERSION_MAX; version++) {
        has_other_key(p, version);
        memcpy(p->key, p->stage.key, EZSP_KEY);
        starts(p);
        is_in(p, COORDINATOR_UP);
        assert_int_equal(peer_was_asked(p, ezsp_key_id(p->version)), 1);
        assert_memory_equal(((struct ezsp *)p->stage.c)->key, (uint8_t[EZSP_KEY]){ 0 }, EZSP_KEY);
    }
}

static void an_ncp_that_does_not_tell_its_key_is_used_and_that_is_said(void **state)
{
    struct peer *p = *state;
    for (unsigned version = 12; version <= 14; version++) {
        for (int knows = 0; knows <= 1; knows++) {
            has_other_key(p, version);
            *(knows ? &p->refuses : &p->unknown) = ezsp_key_id(p->version);
            starts(p);
            is_in(p, COORDINATOR_UP);
            assert_non_null(strstr(p->stage.logs[p->stage.log_count - 1], "/etc/field.key"));
        }
    }
}

static void a_network_with_another_key_is_replaced_when_the_settings_say_so(void **state)
{
    struct peer *p = *state;
    has_other_key(p, 13);
    p->stage.settings.form = FORM_REPLACE;
    starts(p);
    is_in(p, COORDINATOR_UP);
    assert_int_equal(peer_was_asked(p, EZSP_LEAVE_NETWORK), 1);
    assert_memory_equal(p->key, p->stage.key, EZSP_KEY);
}

static void a_network_that_comes_back_with_another_key_is_refused(void **state)
{
    struct peer *p = *state;
    has_other_key(p, 13);
    memcpy(p->key, p->stage.key, EZSP_KEY);
    starts(p);
    is_in(p, COORDINATOR_UP);
    p->key[0] ^= 1;
    peer_calls_back_status(p, EZSP_NETWORK_DOWN);
    peer_runs(p);
    peer_calls_back_status(p, EZSP_NETWORK_UP);
    peer_runs(p);
    is_in(p, COORDINATOR_REFUSED);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_set_up, peer_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_network_that_fits_is_resumed),
        TEST(where_there_is_none_a_network_is_formed_with_a_kept_key),
        TEST(without_a_channel_in_the_settings_a_usual_one_is_taken),
        TEST(no_network_is_formed_when_the_settings_say_never),
        TEST(no_network_is_formed_whose_key_cannot_be_kept),
        TEST(another_network_is_refused_with_both_values),
        TEST(a_network_with_another_key_is_refused_and_no_key_shown),
        TEST(a_network_with_the_key_of_the_settings_is_resumed),
        TEST(an_ncp_that_does_not_tell_its_key_is_used_and_that_is_said),
        TEST(a_network_with_another_key_is_replaced_when_the_settings_say_so),
        TEST(a_network_that_comes_back_with_another_key_is_refused),
        TEST(a_stick_that_is_a_router_of_others_is_refused),
        TEST(another_network_is_replaced_when_the_settings_say_so),
        TEST(a_stick_that_forms_something_else_is_refused_and_not_asked_again),
        TEST(the_network_may_change_before_the_answer_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
