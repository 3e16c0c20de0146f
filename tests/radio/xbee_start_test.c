/* xbee_start_test.c -- from an open line to a network, and what an XBee does afterwards that the radio must know. */
#include "tests/radio/xbee_scene.h"

#define READING "VR AP HV NP AO SH SL MY CE AI OI OP ID CH EE NH SP"

static int opens(void **state)
{
    static struct module m;
    module_open(&m);
    *state = &m;
    return 0;
}

static int closes(void **state)
{
    stage_close(&((struct module *)*state)->stage);
    return 0;
}

static void is_refused(struct module *m, const char *why)
{
    module_start(m);
    assert_int_equal(m->stage.c->state, COORDINATOR_REFUSED);
    assert_string_equal(last_why(m), why);
    assert_null(strchr(m->notes, '='));
    assert_int_equal(m->stage.c->family->deadline(m->stage.c), MSEC_NEVER);
}

/* ---- taking what is there ---- */

static void the_first_question_is_the_same_in_both_dialects(void **state)
{
    struct module *m = *state;
    stage_start(&m->stage);
    stage_wrote(&m->stage, "7e0004080156524e");
}

static void a_coordinator_with_its_network_is_taken_as_it_is(void **state)
{
    struct module *m = *state;
    module_start(m);
    assert_string_equal(m->notes, READING " NJ=00");
    assert_int_equal(m->stage.c->state, COORDINATOR_UP);
    const struct coordinator_info *info = &m->stage.c->info;
    assert_string_equal(info->firmware, "XBee S2C ZigBee 405F, hardware 1E46");
    assert_true(info->eui64 == 0x0013A20040C0FFEE);
    assert_true(info->extended_pan_id == 0x00112233445566AA);
    assert_int_equal(info->pan_id, 0x1A62);
    assert_int_equal(info->channel, 15);
    assert_int_equal(info->payload_limit, 255);
    assert_int_equal(info->broadcast_limit, 74);
    assert_int_equal(info->window, 4);
    assert_int_equal(m->stage.line_changes, 0); /* DTR and RTS stay as they were found */
}

static void the_dialect_is_found_out(void **state)
{
    struct module *m = *state;
    module_set(m, "AP", XBEE_ESCAPED);
    module_set(m, "VR", 0x1013); /* its answer is escaped */
    module_set(m, "SL", 0x7E7D1113);
    module_comes_up(m);
    assert_string_equal(m->stage.c->info.firmware, "XBee 3 ZigBee 1013, hardware 1E46");
    assert_int_equal((uint32_t)m->stage.c->info.eui64, 0x7E7D1113);
}

static void plain_answers_that_look_escaped_are_read(void **state)
{
    struct module *m = *state;
    module_set(m, "VR", 0x107D);
    module_comes_up(m);
    assert_string_equal(m->stage.c->info.firmware, "XBee 3 ZigBee 107D, hardware 1E46");
}

static void the_old_s2_knows_no_ce(void **state)
{
    struct module *m = *state;
    module_set(m, "VR", 0x21A7);
    module_at(m, "CE")->status = 2;
    module_comes_up(m);
    assert_string_equal(m->stage.c->info.firmware, "XBee S2 ZigBee 21A7, hardware 1E46");
}

static void settings_that_match_are_content(void **state)
{
    struct module *m = *state;
    m->stage.settings.channel = 15;
    m->stage.settings.pan_id = 0x1A62;
    m->stage.settings.extended_pan_id = 0x00112233445566AA;
    module_comes_up(m);
}

static void a_shorter_np_and_no_security_are_taken_over(void **state)
{
    struct module *m = *state;
    module_set(m, "NP", 84);
    module_set(m, "EE", 0);
    module_comes_up(m);
    assert_int_equal(m->stage.c->info.payload_limit, 84);
    assert_int_equal(m->stage.c->info.broadcast_limit, 92);
    assert_true(logged(m, "not encrypted"));
}

static void other_addressing_asks_for_explicit_receive_frames(void **state)
{
    struct module *m = *state;
    m->stage.settings.profile = 0x0104;
    module_start(m);
    assert_string_equal(m->notes, READING " AO=01 NJ=00");
}

static void the_host_does_not_answer_for_the_network(void **state)
{
    struct module *m = *state;
    module_set(m, "AO", 3);
    module_start(m);
    assert_string_equal(m->notes, READING " AO=00 NJ=00");
}

/* ---- refusing ---- */

static void a_router_firmware_is_refused_with_its_number(void **state)
{
    module_set(*state, "VR", 0x23A7);
    is_refused(*state,
               "firmware 23a7 is none of a ZigBee coordinator (S2: 21xx, S2C: 40xx, XBee 3: 10xx)");
}

static void a_module_that_joined_another_network_is_refused(void **state)
{
    module_set(*state, "CE", 0);
    module_set(*state, "MY", 0x4321);
    is_refused(*state,
               "it is a router in PAN 1a62, no coordinator (CE is 0, MY is 4321); form: replace "
               "forms a new one");
}

static void another_network_is_refused_with_both_values(void **state)
{
    struct module *m = *state;
    m->stage.settings.channel = 20;
    m->stage.settings.pan_id = 0x1B63;
    m->stage.settings.extended_pan_id = 0xDDDDDDDDDDDDDDDD;
    is_refused(m,
               "other network: channel 15 (settings: 20), PAN 0x1a62 (settings: 0x1b63), extended PAN "
               "0x00112233445566aa (settings: 0xdddddddddddddddd); correct the settings, or form: "
               "replace forms a new one");
}

static void no_network_is_formed_where_that_is_forbidden(void **state)
{
    struct module *m = *state;
    m->stage.settings.form = FORM_NEVER;
    module_set(m, "CE", 0);
    module_set(m, "AI", 0x21);
    is_refused(m, "it has no network (AI is 21); form: blank forms one");
}

static void a_network_that_does_not_start_is_not_formed_over(void **state)
{
    struct module *m = *state;
    module_set(m, "AI", 0x2B);
    module_start(m);
    assert_int_equal(m->stage.c->state, COORDINATOR_STARTING);
    module_passes(m, 21000);
    assert_int_equal(m->stage.c->state, COORDINATOR_REFUSED);
    assert_string_equal(last_why(m),
                        "its network, extended PAN 112233445566aa, does not start (AI is 2b); "
                        "form: replace forms a new one");
}

static void a_pan_id_cannot_be_formed(void **state)
{
    struct module *m = *state;
    m->stage.settings.pan_id = 0x1B63;
    m->stage.settings.form = FORM_REPLACE;
    is_refused(
        m, "other network: PAN 0x1a62 (settings: 0x1b63); an XBee chooses its PAN: leave pan_id out");
}

static void without_its_key_no_network_is_formed(void **state)
{
    struct module *m = *state;
    module_set(m, "CE", 0);
    module_set(m, "AI", 0x21);
    m->stage.settings.network_key_file = "network.key";
    m->stage.key_cannot_be_kept = true;
    is_refused(m, coordinator_keyless);
}

/* ---- forming ---- */

static void module_is_blank(struct module *m)
{
    module_set(m, "CE", 0);
    module_set(m, "AI", 0x21);
    module_set(m, "ID", 0);
    module_set(m, "OP", 0);
    module_set(m, "CH", 0);
    m->stage.settings.channel = 20;
    m->stage.settings.extended_pan_id = 0x0102030405060708;
}

/* It does what it was told. */
static void module_starts_network(struct module *m)
{
    module_gets_network(m);
    module_passes(m, 6000);
    module_says_modem(m, 6);
    module_passes(m, 2000);
}

static void a_blank_module_forms_the_network_of_the_settings(void **state)
{
    struct module *m = *state;
    module_is_blank(m);
    m->stage.settings.network_key_file = "network.key";
    module_start(m);
    assert_string_equal(m->notes, READING
                        " +CE=01 +ID=0102030405060708 +SC=0200 +ZS=02 +EE=01 +EO=02 "
                        "+NK=0102030405060708090a0b0c0d0e0f10 +KY=0102030405060708090a0b0c0d0e0f10 "
                        "+NJ=00 +SP=0300 +SN=00a0 AC WR");
    assert_true(m->stage.key_made);
    assert_int_equal(m->stage.c->state, COORDINATOR_STARTING);
    m->notes[0] = '\0';
    module_starts_network(m);
    assert_string_equal(m->notes, "AI " READING " NJ=00");
    assert_int_equal(m->stage.c->state, COORDINATOR_UP);
    assert_null(memmem(m->stage.c, xbee_family.size, m->stage.key, sizeof m->stage.key));
}

static void an_xbee_3_makes_the_network_key_itself(void **state)
{
    struct module *m = *state;
    module_is_blank(m);
    module_set(m, "VR", 0x100A);
    m->stage.settings.network_key_file = "network.key";
    module_start(m);
    assert_null(strstr(m->notes, "+NK"));
    assert_non_null(strstr(m->notes, "+KY=01020304"));
}

static void without_a_key_file_the_module_makes_the_keys(void **state)
{
    struct module *m = *state;
    module_is_blank(m);
    m->stage.settings.channel = 0;
    module_start(m);
    assert_string_equal(m->notes, READING " +CE=01 +ID=0102030405060708 +ZS=02 +EE=01 +EO=02 +NJ=00 "
                                          "+SP=0300 +SN=00a0 AC WR");
    assert_false(m->stage.key_made);
    assert_true(logged(m, "in the clear"));
}

static void without_security_there_are_no_keys(void **state)
{
    struct module *m = *state;
    module_is_blank(m);
    m->stage.settings.security = false;
    m->stage.settings.network_key_file = "network.key";
    module_start(m);
    assert_non_null(strstr(m->notes, " +EE=00 +NJ=00 "));
}

static void a_network_is_replaced_when_a_person_says_so(void **state)
{
    struct module *m = *state;
    m->stage.settings.form = FORM_REPLACE;
    m->stage.settings.channel = 20;
    m->stage.settings.extended_pan_id = 0x0102030405060708;
    module_start(m);
    assert_non_null(strstr(m->notes, "AC WR"));
    module_passes(m, 4000); /* the old network is up until the new one starts: AI = 0 says nothing yet */
    assert_int_equal(m->stage.c->state, COORDINATOR_STARTING);
    module_starts_network(m);
    assert_int_equal(m->stage.c->state, COORDINATOR_UP);
}

static void a_network_is_formed_once_only(void **state)
{
    struct module *m = *state;
    m->stage.settings.form = FORM_REPLACE;
    m->stage.settings.channel = 20;
    module_start(m);
    module_says_modem(m, 6);
    module_passes(m, 2000);
    assert_int_equal(m->stage.c->state, COORDINATOR_REFUSED);
    assert_string_equal(last_why(m),
                        "other network: channel 15 (settings: 20); that is after forming one");
}

static void a_network_that_never_starts_is_refused(void **state)
{
    struct module *m = *state;
    module_is_blank(m);
    module_start(m);
    module_passes(m, 60000);
    assert_int_equal(m->stage.c->state, COORDINATOR_REFUSED);
    assert_string_equal(last_why(m), "it has no network (AI is 21); that is after forming one");
}

static void a_value_that_the_module_refuses_ends_the_forming(void **state)
{
    struct module *m = *state;
    module_is_blank(m);
    module_at(m, "EE")->status = 0;
    m->registers[17] = (struct module_register){ "SC", 2, .status = 3 };
    module_start(m);
    assert_int_equal(m->stage.c->state, COORDINATOR_REFUSED);
    assert_string_equal(last_why(m), "it refuses SC (status 3)");
    assert_null(strstr(m->notes, "AC"));
}

static void a_module_that_starts_by_itself_is_waited_for(void **state)
{
    struct module *m = *state;
    module_set(m, "AI", 0xFF);
    module_start(m);
    module_passes(m, 5000);
    assert_int_equal(m->stage.c->state, COORDINATOR_STARTING);
    module_set(m, "AI", 0);
    module_says_modem(m, 6);
    module_passes(m, 100);
    assert_int_equal(m->stage.c->state, COORDINATOR_UP);
    assert_null(strstr(m->notes, "+"));
}

static void a_network_that_starts_while_it_is_read_is_read_again(void **state)
{
    struct module *m = *state;
    module_is_blank(m);
    m->starts_after = "AI";
    module_start(m);
    assert_string_equal(m->notes, READING " " READING " NJ=00");
    assert_int_equal(m->stage.c->state, COORDINATOR_UP);
}

static void a_router_that_finds_no_network_is_blank(void **state)
{
    struct module *m = *state;
    module_is_blank(m);
    module_set(m, "AI", 0xFF);
    module_start(m);
    module_set(m, "AI", 0x21);
    module_passes(m, 1000); /* it is not going to start one by itself */
    assert_non_null(strstr(m->notes, "AC WR"));
}

static void a_router_that_was_just_switched_on_is_waited_for(void **state)
{
    struct module *m = *state;
    module_set(m, "CE", 0);
    module_set(m, "AI", 0xFF);
    module_start(m);
    module_passes(m, 3000);
    assert_null(strstr(m->notes, "+"));
    module_set(m, "AI", 0);
    module_set(m, "MY", 0x4321);
    module_passes(m, 1000);
    assert_int_equal(m->stage.c->state, COORDINATOR_REFUSED);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, opens, closes)
    const struct CMUnitTest tests[] = {
        SCENE(the_first_question_is_the_same_in_both_dialects),
        SCENE(a_coordinator_with_its_network_is_taken_as_it_is),
        SCENE(the_dialect_is_found_out),
        SCENE(plain_answers_that_look_escaped_are_read),
        SCENE(the_old_s2_knows_no_ce),
        SCENE(settings_that_match_are_content),
        SCENE(a_shorter_np_and_no_security_are_taken_over),
        SCENE(other_addressing_asks_for_explicit_receive_frames),
        SCENE(the_host_does_not_answer_for_the_network),
        SCENE(a_router_firmware_is_refused_with_its_number),
        SCENE(a_module_that_joined_another_network_is_refused),
        SCENE(another_network_is_refused_with_both_values),
        SCENE(no_network_is_formed_where_that_is_forbidden),
        SCENE(a_network_that_does_not_start_is_not_formed_over),
        SCENE(a_pan_id_cannot_be_formed),
        SCENE(without_its_key_no_network_is_formed),
        SCENE(a_blank_module_forms_the_network_of_the_settings),
        SCENE(an_xbee_3_makes_the_network_key_itself),
        SCENE(without_a_key_file_the_module_makes_the_keys),
        SCENE(without_security_there_are_no_keys),
        SCENE(a_network_is_replaced_when_a_person_says_so),
        SCENE(a_network_is_formed_once_only),
        SCENE(a_network_that_never_starts_is_refused),
        SCENE(a_value_that_the_module_refuses_ends_the_forming),
        SCENE(a_module_that_starts_by_itself_is_waited_for),
        SCENE(a_network_that_starts_while_it_is_read_is_read_again),
        SCENE(a_router_that_finds_no_network_is_blank),
        SCENE(a_router_that_was_just_switched_on_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
