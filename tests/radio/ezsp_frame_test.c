/* ezsp_frame_test.c -- what ASH carries: the EZSP half of the vector rows, and each message in both layouts.
 *
 * A row's octets "before randomising" are decoded with the version that the row names, compared with what it names, and
 * encoded back. Rows whose message has fields of its own go through its typed reader and writer as well. */
#include "radio/ezsp_message.h"

#include "radio/ash_frame.h"
#include "tests/radio/zigbee_vectors.h"

static struct vectors rows;

/* ---- typed readers and writers, by id -------------------------------------------------------------------------- */

typedef bool rewriter(struct span params, uint8_t version, struct writer *w);

static bool rewrite_unicast(struct span params, uint8_t version, struct writer *w)
{
    struct ezsp_transmission t;
    if (!ezsp_read_unicast(params, version, &t))
        return false;
    ezsp_write_unicast(&t, version, w);
    return true;
}

static bool rewrite_broadcast(struct span params, uint8_t version, struct writer *w)
{
    struct ezsp_transmission t;
    if (!ezsp_read_broadcast(params, version, &t))
        return false;
    ezsp_write_broadcast(&t, version, w);
    return true;
}

static bool rewrite_sent(struct span params, uint8_t version, struct writer *w)
{
    struct ezsp_sent s;
    if (!ezsp_read_sent(params, version, &s))
        return false;
    ezsp_write_sent(&s, version, w);
    return true;
}

static bool rewrite_incoming(struct span params, uint8_t version, struct writer *w)
{
    struct ezsp_incoming in;
    if (!ezsp_read_incoming(params, version, &in))
        return false;
    ezsp_write_incoming(&in, version, w);
    return true;
}

static bool rewrite_form(struct span params, uint8_t version, struct writer *w)
{
    (void)version;
    struct ezsp_network n;
    struct reader r = reader_of(params);
    ezsp_read_network(&r, &n);
    ezsp_write_network(w, &n);
    return !r.failed;
}

static bool rewrite_security(struct span params, uint8_t version, struct writer *w)
{
    (void)version;
    struct ezsp_security s;
    if (!ezsp_read_security(params, &s))
        return false;
    ezsp_write_security(&s, w);
    return true;
}

static bool rewrite_join(struct span params, uint8_t version, struct writer *w)
{
    (void)version;
    struct ezsp_join j;
    if (!ezsp_read_join(params, &j))
        return false;
    ezsp_write_join(&j, w);
    return true;
}

static bool rewrite_endpoint(struct span params, uint8_t version, struct writer *w)
{
    (void)version;
    struct ezsp_endpoint e;
    if (!ezsp_read_endpoint(params, &e))
        return false;
    ezsp_write_endpoint(&e, w);
    return true;
}

static bool rewrite_status(struct span params, uint8_t version, struct writer *w)
{
    struct reader r = reader_of(params);
    enum ezsp_status s = ezsp_read_status(&r, version, NULL);
    ezsp_write_status(w, version, s);
    return !r.failed;
}

static const struct {
    enum ezsp_id id;
    bool response;
    rewriter *rewrite;
} typed[] = {
    { EZSP_SEND_UNICAST, false, rewrite_unicast },
    { EZSP_SEND_BROADCAST, false, rewrite_broadcast },
    { EZSP_MESSAGE_SENT, false, rewrite_sent },
    { EZSP_INCOMING_MESSAGE, false, rewrite_incoming },
    { EZSP_FORM_NETWORK, false, rewrite_form },
    { EZSP_FORM_NETWORK, true, rewrite_status },
    { EZSP_SET_SECURITY, false, rewrite_security },
    { EZSP_TRUST_CENTRE_JOIN, false, rewrite_join },
    { EZSP_ADD_ENDPOINT, false, rewrite_endpoint },
    { EZSP_NETWORK_INIT, true, rewrite_status },
    { EZSP_STACK_STATUS, false, rewrite_status },
    { EZSP_SET_CONFIGURATION, true, rewrite_status },
};

static rewriter *rewriter_of(const struct ezsp_frame *f)
{
    for (size_t i = 0; i < sizeof typed / sizeof *typed; i++)
        if (typed[i].id == f->id && typed[i].response == (f->control == EZSP_RESPONSE))
            return typed[i].rewrite;
    return NULL;
}

static void is_refused_when_cut(rewriter *rewrite, struct span params, uint8_t version)
{
    uint8_t room[ASH_DATA_MAX];
    for (size_t n = 0; n < params.len; n++) {
        struct writer w = writer_of(room, sizeof room);
        assert_false(rewrite(span_of(params.at, n), version, &w));
    }
}

static void rewrites(const struct ezsp_frame *f, uint8_t version)
{
    uint8_t room[ASH_DATA_MAX];
    struct writer w = writer_of(room, sizeof room);
    rewriter *rewrite = rewriter_of(f);
    if (!rewrite)
        return;
    assert_true(rewrite(f->params, version, &w));
    assert_true(span_equal(f->params, span_of(room, sizeof room - w.left)));
    is_refused_when_cut(rewrite, f->params, version);
}

/* ---- the rows -------------------------------------------------------------------------------------------------- */

static void the_frame_holds(const struct vector_row *row, struct span bytes)
{
    uint8_t room[ASH_DATA_MAX];
    struct ezsp_frame f;
    uint8_t version = (uint8_t)vector_number(row, "ezsp_v", 10);
    assert_true(ezsp_frame_read(bytes, version, &f));
    assert_int_equal(f.sequence, vector_number(row, "seq", 16));
    assert_int_equal(f.control, vector_has(row, "fc") ? vector_number(row, "fc", 16) : 0);
    assert_int_equal(f.id, vector_number(row, "id", 16));
    assert_non_null(strstr(row->decoded, ezsp_frame_name(f.id)));
    assert_int_equal(ezsp_frame_is_callback(&f), f.control == EZSP_CALLBACK);
    assert_true(span_equal(f.params, vector_octets(row, "params", room, sizeof room)));
    struct writer w = writer_of(room, sizeof room);
    ezsp_frame_write(&f, version, &w);
    assert_true(span_equal(bytes, span_of(room, sizeof room - w.left)));
    for (size_t n = 0; n < bytes.len - f.params.len; n++)
        assert_false(ezsp_frame_read(span_of(bytes.at, n), version, &f));
    rewrites(&f, version);
}

static void the_row_holds(void **state)
{
    const struct vector_row *row = *state;
    uint8_t room[ASH_DATA_MAX];
    if (row->expect == VECTOR_OK && vector_has(row, "ezsp"))
        the_frame_holds(row, vector_octets(row, "ezsp", room, sizeof room));
    else
        assert_true(row->expect != VECTOR_OK || !vector_is(row, "ash", "DATA"));
}

/* ---- what no row shows ----------------------------------------------------------------------------------------- */

static struct span hex(const char *text)
{
    static uint8_t room[ASH_DATA_MAX];
    return hex_bytes(text, room, sizeof room);
}

static void a_unicast_has_the_fields_of_the_vendors_table(void **state)
{
    (void)state;
    struct ezsp_transmission t;
    assert_true(ezsp_read_unicast(hex("00341205c11100e8e840010000002a03030500"), 13, &t));
    assert_int_equal(t.to, 0x1234);
    assert_int_equal(t.aps.profile, 0xC105);
    assert_int_equal(t.aps.cluster, 0x0011);
    assert_int_equal(t.aps.options, 0x0140);
    assert_int_equal(t.tag, 0x2A);
    assert_int_equal(t.data.len, 3);
}

static void an_incoming_message_names_its_sender_from_version_14_on(void **state)
{
    (void)state;
    struct ezsp_incoming in;
    assert_true(ezsp_read_incoming(
        hex("0005c11100e8e80001000009ffd33412ffff0b0b040401003c6e6f646531"), 13, &in));
    assert_int_equal(in.from, 0x1234);
    assert_int_equal(in.eui64, 0);
    assert_int_equal(in.lqi, 255);
    assert_int_equal(in.rssi, -45);
    assert_int_equal(in.data.len, 11);
    assert_true(ezsp_read_incoming(hex("0005c11100e8e8400100007734122211404000a21300ffffffd304030201"
                                       "0b0b040401003c6e6f646531"),
                                   14, &in));
    assert_int_equal(in.from, 0x1234);
    assert_true(in.eui64 == 0x0013A20040401122);
    assert_int_equal(in.lqi, 255);
    assert_int_equal(in.rssi, -45);
    assert_int_equal(in.timestamp, 0x01020304);
}

static void only_direct_unicasts_are_read(void **state)
{
    (void)state;
    struct ezsp_transmission t;
    assert_false(ezsp_read_unicast(hex("01341205c11100e8e840010000002a03030500"), 13, &t));
}

static void a_broadcast_of_version_14_has_alias_sequence_and_a_wide_tag(void **state)
{
    (void)state;
    uint8_t room[64];
    struct writer w = writer_of(room, sizeof room);
    struct ezsp_transmission t = {
        .to = 0xFFFD,
        .aps = { .profile = 0xC105, .cluster = 0x0011, .source = 0xE8, .destination = 0xE8 },
        .radius = 1,
        .tag = 0x012C,
        .data = span_of("\5\0\1\3\204", 5)
    };
    ezsp_write_broadcast(&t, 14, &w);
    struct span want = hex("fffffdff0005c11100e8e80000000000012c01050500010384");
    assert_true(span_equal(want, span_of(room, sizeof room - w.left)));
    struct ezsp_transmission back;
    assert_true(ezsp_read_broadcast(want, 14, &back));
    assert_int_equal(back.to, 0xFFFD);
    assert_int_equal(back.tag, 0x012C);
    assert_int_equal(back.radius, 1);
}

static void the_same_status_has_two_numbers(void **state)
{
    (void)state;
    for (int s = 0; s < EZSP_STATUSES; s++) {
        for (uint8_t version = 13; version <= 14; version++) {
            uint8_t room[8];
            struct writer w = writer_of(room, sizeof room);
            ezsp_write_status(&w, version, (enum ezsp_status)s);
            struct reader r = reader_of(span_of(room, sizeof room - w.left));
            assert_int_equal(r.left, version == 13 ? 1 : 4);
            assert_int_equal(ezsp_read_status(&r, version, NULL), s);
        }
    }
    uint32_t code;
    struct reader r = reader_of(hex("020c0000"));
    assert_int_equal(ezsp_read_status(&r, 14, &code), EZSP_DELIVERY_FAILED);
    assert_int_equal(code, 0x0C02);
}

static void a_status_that_is_not_there_is_no_success(void **state)
{
    (void)state;
    struct reader r = reader_of(hex("000000"));
    assert_int_equal(ezsp_read_status(&r, 14, NULL), EZSP_FAILED);
    r = reader_of(span_of(NULL, 0));
    assert_int_equal(ezsp_read_status(&r, 13, NULL), EZSP_FAILED);
}

static void each_header_refuses_the_others(void **state)
{
    (void)state;
    struct ezsp_frame f;
    assert_false(ezsp_frame_read(hex("0200ff0005"), 8, &f));
    assert_false(ezsp_frame_read(hex("0200010500"), 5, &f));
    assert_true(ezsp_frame_read(hex("020005"), 4, &f));
    assert_int_equal(f.id, EZSP_NOP);
}

static void a_child_that_sleeps_says_so(void **state)
{
    (void)state;
    struct ezsp_child c;
    uint8_t room[16];
    struct writer w = writer_of(room, sizeof room);
    struct span params = hex("000134122211404000a2130004");
    assert_true(ezsp_read_child(params, &c));
    assert_true(c.joining && c.type == EZSP_NODE_SLEEPY && c.nwk == 0x1234);
    assert_true(c.eui64 == 0x0013A20040401122);
    ezsp_write_child(&c, &w);
    assert_true(span_equal(params, span_of(room, sizeof room - w.left)));
    assert_false(ezsp_read_child(span_of(params.at, params.len - 1), &c));
}

static void zdo_messages_about_addresses_go_there_and_back(void **state)
{
    (void)state;
    static const struct {
        uint16_t cluster;
        const char *hex;
    } messages[] = { { EZSP_ZDO_IEEE_ADDRESS, "0734120000" },
                     { EZSP_ZDO_IEEE_ADDRESS_ANSWER, "07002211404000a213003412" },
                     { EZSP_ZDO_DEVICE_ANNOUNCE, "0734122211404000a213008e" } };
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        struct ezsp_zdo a;
        uint8_t room[32];
        struct writer w = writer_of(room, sizeof room);
        assert_true(ezsp_read_zdo(hex(messages[i].hex), messages[i].cluster, &a));
        assert_int_equal(a.nwk, 0x1234);
        assert_true(i == 0 || a.eui64 == 0x0013A20040401122);
        ezsp_write_zdo(&a, messages[i].cluster, &w);
        assert_true(span_equal(hex(messages[i].hex), span_of(room, sizeof room - w.left)));
    }
    struct ezsp_zdo a;
    assert_false(ezsp_read_zdo(hex("07341200"), 0x0002, &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unicast_has_the_fields_of_the_vendors_table),
        cmocka_unit_test(an_incoming_message_names_its_sender_from_version_14_on),
        cmocka_unit_test(only_direct_unicasts_are_read),
        cmocka_unit_test(a_broadcast_of_version_14_has_alias_sequence_and_a_wide_tag),
        cmocka_unit_test(the_same_status_has_two_numbers),
        cmocka_unit_test(a_status_that_is_not_there_is_no_success),
        cmocka_unit_test(each_header_refuses_the_others),
        cmocka_unit_test(a_child_that_sleeps_says_so),
        cmocka_unit_test(zdo_messages_about_addresses_go_there_and_back),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return vectors_run(&rows, "ezsp", the_row_holds) || failed;
}
