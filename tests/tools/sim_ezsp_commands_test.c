/* sim_ezsp_commands_test.c -- the simulated EmberZNet NCP, asked by bare frames what a good host never asks. */
#include "tests/tools/sim_ezsp_scene.h"

struct bare {
    struct scene *scene;
    struct ash link;
    struct ezsp_frame answer;
    uint8_t room[ASH_DATA_MAX];
    uint8_t version;
};

static void bare_write(void *context, struct span wire)
{
    struct bare *b = context;
    uint8_t copy[ASH_WIRE_MAX];
    memcpy(copy, wire.at, wire.len);
    sim_ezsp.hear(b->scene->stick, span_of(copy, wire.len), 0);
}

static void bare_deliver(void *context, struct span data, msec now)
{
    struct bare *b = context;
    (void)now;
    memcpy(b->room, data.at, data.len);
    assert_true(ezsp_frame_read(span_of(b->room, data.len), b->version, &b->answer));
}

static void bare_connected(void *context, uint8_t code, msec now)
{
    (void)context, (void)code, (void)now;
}

static void bare_failed(void *context, enum ash_failure how, uint8_t code, msec now)
{
    (void)context, (void)how, (void)code, (void)now;
}

static const struct ezsp_frame *asks(struct bare *b, uint16_t id, const char *hex)
{
    uint8_t params[ASH_DATA_MAX], bytes[ASH_DATA_MAX];
    struct writer w = writer_of(bytes, sizeof bytes);
    ezsp_frame_write(
        &(struct ezsp_frame){ 1, EZSP_COMMAND, id, hex_bytes(hex, params, sizeof params) },
        b->version, &w);
    b->answer = (struct ezsp_frame){ 0 };
    assert_true(ash_send(&b->link, span_of(bytes, sizeof bytes - w.left), 0));
    size_t n = b->scene->mails;
    for (size_t i = 0; i < n; i++)
        ash_hear(&b->link, span_of(b->scene->mail[i].bytes, b->scene->mail[i].len), 0);
    b->scene->mails = 0;
    return &b->answer;
}

static void is_bare(struct bare *b, struct scene *s)
{
    static const struct ash_events events = { bare_write, bare_deliver, bare_connected, bare_failed };
    *b = (struct bare){ .scene = s, .version = 4 };
    ash_init(&b->link, ASH_HOST, &events, b);
    s->mails = 0;
    ash_reset(&b->link, 0);
    ash_hear(&b->link, span_of(s->mail[0].bytes, s->mail[0].len), 0);
    s->mails = 0;
}

static void nothing_is_answered_before_the_version(void **state)
{
    struct scene *s = *state;
    struct bare b;
    plugs(s, 0);
    is_bare(&b, s);
    assert_int_equal(asks(&b, EZSP_NOP, "")->id, EZSP_INVALID_COMMAND);
    assert_int_equal(asks(&b, EZSP_VERSION, "04")->params.at[0], 13);
    b.version = 13;
    assert_int_equal(asks(&b, EZSP_NOP, "")->id, EZSP_INVALID_COMMAND);
    assert_int_equal(asks(&b, EZSP_VERSION, "0d")->id, EZSP_VERSION);
    assert_int_equal(asks(&b, EZSP_NOP, "")->id, EZSP_NOP);
    assert_int_equal(asks(&b, 0x0123, "")->id, EZSP_INVALID_COMMAND);
}

static void the_order_of_the_bring_up_matters(void **state)
{
    struct scene *s = *state;
    struct bare b;
    plugs(s, 0);
    is_bare(&b, s);
    asks(&b, EZSP_VERSION, "04");
    b.version = 13;
    asks(&b, EZSP_VERSION, "0d");
    assert_int_equal(
        asks(&b, EZSP_SEND_UNICAST, "00341205c11100e8e840010000002a03030500")->params.at[0],
        0x91); /* network down */
    assert_int_equal(asks(&b, EZSP_NETWORK_INIT, "0000")->params.at[0], 0);
    assert_int_equal(asks(&b, EZSP_ADD_ENDPOINT, "e805c1010000010111001100")->params.at[0], 1);
    assert_int_equal(asks(&b, EZSP_SET_CONFIGURATION, "0c0200")->params.at[0], 1);
}

static void the_eleventh_message_is_one_too_many(void **state)
{
    struct scene *s = *state;
    struct bare b;
    plugs(s, 0);
    is_bare(&b, s);
    asks(&b, EZSP_VERSION, "04");
    b.version = 13;
    asks(&b, EZSP_VERSION, "0d");
    asks(&b, EZSP_NETWORK_INIT, "0000");
    sim_ezsp.tick(s->stick, 2000000000);
    for (int i = 0; i < 11; i++)
        assert_int_equal(
            asks(&b, EZSP_SEND_UNICAST, "00341205c11100e8e840010000002a03030500")->params.at[0],
            i < 10 ? 0 : 0x72);
}

static void a_network_needs_a_key_and_opens_only_by_policy(void **state)
{
    struct scene *s = *state;
    static const char form[] = "aa66554433221100621a080f0000000000f8ff07";
    struct bare b;
    plugs(s, 0);
    s->network.formed = false;
    is_bare(&b, s);
    asks(&b, EZSP_VERSION, "04");
    b.version = 13;
    asks(&b, EZSP_VERSION, "0d");
    asks(&b, EZSP_NETWORK_INIT, "0000");
    assert_int_equal(asks(&b, EZSP_FORM_NETWORK, form)->params.at[0], 1);
    asks(&b, EZSP_SET_SECURITY,
         "040b5a6967426565416c6c69616e636530390102030405060708090a0b0c0d0e0f10000000000000000000");
    assert_int_equal(asks(&b, EZSP_FORM_NETWORK, form)->params.at[0], 0);
    sim_ezsp.tick(s->stick, 2000000000);
    asks(&b, EZSP_SET_POLICY, "0002");
    asks(&b, EZSP_PERMIT_JOINING, "3c");
    assert_int_equal(s->permitted, 0);
    asks(&b, EZSP_SET_POLICY, "0003");
    asks(&b, EZSP_PERMIT_JOINING, "3c");
    assert_int_equal(s->permitted, 60);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_answered_before_the_version),
        TEST(the_order_of_the_bring_up_matters),
        TEST(the_eleventh_message_is_one_too_many),
        TEST(a_network_needs_a_key_and_opens_only_by_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
