/* packet_test.c -- MQTT 3.1.1 packets both ways; every protocol violation of the standard by example. */
#include "mqtt/packet.h"

#include "tests/hex.h"
#include "tests/mqtt/packet_generate.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { ROUNDS = 200000 };

static enum mqtt_error decode_hex(const char *hex, struct mqtt_packet *p)
{
    static uint8_t room[256];
    return mqtt_decode(hex_bytes(hex, room, sizeof room), p);
}

static void is_read_from(const char *hex, const struct mqtt_packet *want)
{
    struct mqtt_packet p;
    assert_int_equal(decode_hex(hex, &p), MQTT_OK);
    assert_true(same_packet(&p, want));
}

static void is_written_as(const struct mqtt_packet *p, const char *hex)
{
    uint8_t want[256], have[256];
    struct span expected = hex_bytes(hex, want, sizeof want);
    struct writer w = writer_of(have, sizeof have);
    assert_int_equal(mqtt_encode(p, &w), MQTT_OK);
    assert_int_equal(mqtt_encoded_len(p), expected.len);
    assert_true(span_equal(span_of(have, sizeof have - w.left), expected));
}

static void both_ways(const char *hex, struct mqtt_packet p)
{
    is_read_from(hex, &p);
    is_written_as(&p, hex);
}

static void each_packet_reads_and_writes_as_in_the_standard(void **state)
{
    (void)state;
    both_ways("20020000", (struct mqtt_packet){ .type = MQTT_CONNACK });
    both_ways("20020100", (struct mqtt_packet){ .type = MQTT_CONNACK, .session_present = true });
    both_ways("20020005", (struct mqtt_packet){ .type = MQTT_CONNACK, .code = 5 });
    both_ways("300500012f6869", (struct mqtt_packet){ .type = MQTT_PUBLISH,
                                                      .topic = span_text("/"),
                                                      .payload = span_text("hi") });
    both_ways("3d080003612f62 1234 21", (struct mqtt_packet){ .type = MQTT_PUBLISH,
                                                              .dup = true,
                                                              .qos = 2,
                                                              .retain = true,
                                                              .topic = span_text("a/b"),
                                                              .packet_id = 0x1234,
                                                              .payload = span_text("!") });
    both_ways("4002000a", (struct mqtt_packet){ .type = MQTT_PUBACK, .packet_id = 10 });
    both_ways("5002000a", (struct mqtt_packet){ .type = MQTT_PUBREC, .packet_id = 10 });
    both_ways("6202ffff", (struct mqtt_packet){ .type = MQTT_PUBREL, .packet_id = 65535 });
    both_ways("7002000a", (struct mqtt_packet){ .type = MQTT_PUBCOMP, .packet_id = 10 });
    both_ways("b002000a", (struct mqtt_packet){ .type = MQTT_UNSUBACK, .packet_id = 10 });
    both_ways("c000", (struct mqtt_packet){ .type = MQTT_PINGREQ });
    both_ways("d000", (struct mqtt_packet){ .type = MQTT_PINGRESP });
    both_ways("e000", (struct mqtt_packet){ .type = MQTT_DISCONNECT });
}

static void a_connect_carries_will_and_login(void **state)
{
    (void)state;
    struct mqtt_packet p = { .type = MQTT_CONNECT };
    p.connect =
        (struct mqtt_connect){ .client_id = span_text("m1"), .clean = true, .keep_alive = 60 };
    both_ways("100e 00044d515454 04 02 003c 00026d31", p);
    p.connect.has_will = p.connect.has_username = p.connect.has_password = true;
    p.connect.will =
        (struct mqtt_will){ span_text("w"), span_text("gone"), .qos = 1, .retain = true };
    p.connect.username = span_text("u");
    p.connect.password = span_text("p");
    both_ways("101d 00044d515454 04 ee 003c 00026d31 000177 0004676f6e65 000175 000170", p);
}

static void subscribe_and_suback_show_their_first_and_all(void **state)
{
    (void)state;
    struct mqtt_packet p;
    struct span filter;
    uint8_t qos = 9;
    assert_int_equal(decode_hex("820e 0007 0003612f62 01 0003632f23 02", &p), MQTT_OK);
    assert_true(p.packet_id == 7 && p.qos == 1 && span_equal(p.topic, span_text("a/b")));
    struct span list = p.payload;
    assert_true(mqtt_next_filter(&list, true, &filter, &qos) && qos == 1);
    assert_true(mqtt_next_filter(&list, true, &filter, &qos) && qos == 2);
    assert_true(span_equal(filter, span_text("c/#")));
    assert_false(mqtt_next_filter(&list, true, &filter, &qos));
    assert_int_equal(decode_hex("90040007 0180", &p), MQTT_OK);
    assert_true(p.code == 1 && p.payload.len == 2 && p.payload.at[1] == MQTT_REFUSED);
    assert_int_equal(decode_hex("a207000700032b2f62", &p), MQTT_OK);
    assert_true(span_equal(p.topic, span_text("+/b")) && p.qos == 0);
    list = p.payload;
    assert_true(mqtt_next_filter(&list, false, &filter, NULL) && list.len == 0);
}

static void one_filter_or_code_is_written_without_a_list(void **state)
{
    (void)state;
    struct mqtt_packet p = {
        .type = MQTT_SUBSCRIBE, .packet_id = 7, .topic = span_text("a/b"), .qos = 1
    };
    is_written_as(&p, "8208 0007 0003612f62 01");
    p.type = MQTT_UNSUBSCRIBE;
    is_written_as(&p, "a207 0007 0003612f62");
    p = (struct mqtt_packet){ .type = MQTT_SUBACK, .packet_id = 7, .code = MQTT_REFUSED };
    is_written_as(&p, "9003 0007 80");
}

/* clang-format off */
static const struct {
    const char *hex;
    enum mqtt_error error;
} violations[] = {
    { "0000", MQTT_BAD_TYPE }, { "f000", MQTT_BAD_TYPE },
    /* fixed-header flags, MQTT-2.2.2-2 */
    { "21020000", MQTT_BAD_FLAGS }, { "4102000a", MQTT_BAD_FLAGS }, { "5802000a", MQTT_BAD_FLAGS },
    { "6002000a", MQTT_BAD_FLAGS }, { "6302000a", MQTT_BAD_FLAGS }, { "8006000700016100", MQTT_BAD_FLAGS },
    { "a005000700016a", MQTT_BAD_FLAGS }, { "c100", MQTT_BAD_FLAGS }, { "d200", MQTT_BAD_FLAGS },
    { "e400", MQTT_BAD_FLAGS }, { "9203000700", MQTT_BAD_FLAGS }, { "b2020007", MQTT_BAD_FLAGS },
    { "36050001610007", MQTT_BAD_FLAGS }, { "3e050001610007", MQTT_BAD_FLAGS }, /* QoS 3, MQTT-3.3.1-4 */
    { "3803000161", MQTT_BAD_FLAGS },                                          /* DUP with QoS 0, MQTT-3.3.1-2 */
    /* packet id 0, MQTT-2.3.1-1 */
    { "32050001610000", MQTT_BAD_FIELD }, { "40020000", MQTT_BAD_FIELD }, { "50020000", MQTT_BAD_FIELD },
    { "62020000", MQTT_BAD_FIELD }, { "70020000", MQTT_BAD_FIELD }, { "82060000000161 00", MQTT_BAD_FIELD },
    { "9003000000", MQTT_BAD_FIELD }, { "a2050000000161", MQTT_BAD_FIELD }, { "b0020000", MQTT_BAD_FIELD },
    /* topic names, MQTT-3.3.2-2, MQTT-4.7.3-1, MQTT-1.5.3-1, -2 */
    { "30020000", MQTT_BAD_FIELD }, { "300300012b", MQTT_BAD_FIELD }, { "30050003612f23", MQTT_BAD_FIELD },
    { "3004000261 00", MQTT_BAD_FIELD }, { "30040002c328", MQTT_BAD_FIELD }, { "30050003eda080", MQTT_BAD_FIELD },
    /* CONNACK, MQTT-3.2.2-4 */
    { "20020200", MQTT_BAD_FIELD }, { "20020006", MQTT_BAD_FIELD }, { "200200ff", MQTT_BAD_FIELD },
    { "20020101", MQTT_BAD_FIELD },
    /* SUBACK codes, MQTT-3.9.3-2 */
    { "9003000703", MQTT_BAD_FIELD }, { "900400070081", MQTT_BAD_FIELD }, { "90020007", MQTT_BAD_FIELD },
    /* filters, MQTT-3.8.3-3, MQTT-3.10.3-2, MQTT-4.7.1-2 */
    { "82020007", MQTT_BAD_FIELD }, { "a2020007", MQTT_BAD_FIELD }, { "8205000700 0000", MQTT_BAD_FIELD },
    { "82060007000161 03", MQTT_BAD_FIELD }, { "820700070002612300", MQTT_BAD_FIELD },
    { "a20600070002612b", MQTT_BAD_FIELD }, { "a2050007000100", MQTT_BAD_FIELD },
    { "820c0007000161 00 0003 61232f 00", MQTT_BAD_FIELD }, { "82050007000161", MQTT_BAD_LENGTH },
    { "a20400070001", MQTT_BAD_LENGTH }, { "8209000700016100 000261", MQTT_BAD_LENGTH },
    /* lengths */
    { "2001 00", MQTT_BAD_LENGTH }, { "2003000000", MQTT_BAD_LENGTH }, { "200200000000", MQTT_BAD_LENGTH },
    { "4003000a00", MQTT_BAD_LENGTH }, { "400100", MQTT_BAD_LENGTH }, { "4000", MQTT_BAD_LENGTH },
    { "c00100", MQTT_BAD_LENGTH }, { "e00100", MQTT_BAD_LENGTH }, { "3000", MQTT_BAD_LENGTH },
    { "30030003 61", MQTT_BAD_LENGTH }, { "3204000161 07", MQTT_BAD_LENGTH }, { "2000", MQTT_BAD_LENGTH },
    { "20808080800000", MQTT_BAD_LENGTH }, { "20ffffffff7f", MQTT_BAD_LENGTH },
    /* CONNECT: protocol, flags, will, login, text */
    { "100e 00044d515458 04 02 003c 00026d31", MQTT_BAD_FIELD },
    { "100e 00044d515454 05 02 003c 00026d31", MQTT_BAD_FIELD },
    { "1010 00064d5149736470 03 02 003c 00026d31", MQTT_BAD_FIELD },
    { "100e 00044d515454 04 03 003c 00026d31", MQTT_BAD_FIELD },
    { "100e 00044d515454 04 0a 003c 00026d31", MQTT_BAD_FIELD },     /* will QoS without will, MQTT-3.1.2-13 */
    { "100e 00044d515454 04 22 003c 00026d31", MQTT_BAD_FIELD },     /* will retain without will, MQTT-3.1.2-15 */
    { "1014 00044d515454 04 1e 003c 00026d31 000177 000178", MQTT_BAD_FIELD }, /* will QoS 3, MQTT-3.1.2-14 */
    { "1011 00044d515454 04 42 003c 00026d31 000170", MQTT_BAD_FIELD },        /* password alone, MQTT-3.1.2-22 */
    { "1014 00044d515454 04 06 003c 00026d31 000123 000178", MQTT_BAD_FIELD }, /* will to a wildcard */
    { "1013 00044d515454 04 06 003c 00026d31 0000 000178", MQTT_BAD_FIELD },
    { "100e 00044d515454 04 02 003c 00026d00", MQTT_BAD_FIELD },
    { "100e 00044d515454 04 02 003c 0002c328", MQTT_BAD_FIELD },
    { "1011 00044d515454 04 82 003c 00026d31 0001ff", MQTT_BAD_FIELD },
    { "100f 00044d515454 04 02 003c 00026d31 00", MQTT_BAD_LENGTH },
    { "100c 00044d515454 04 02 003c 0002", MQTT_BAD_LENGTH },
    { "100e 00044d515454 04 82 003c 00026d31", MQTT_BAD_LENGTH },
    { "100e 00044d515454 04 06 003c 00026d31", MQTT_BAD_LENGTH },
};
/* clang-format on */

static void each_protocol_violation_is_refused(void **state) /* MQTT-4.8.0-1 */
{
    (void)state;
    for (size_t i = 0; i < sizeof violations / sizeof *violations; i++) {
        struct mqtt_packet p = { .packet_id = 4711 };
        enum mqtt_error e = decode_hex(violations[i].hex, &p);
        if (e != violations[i].error)
            fail_msg("%s: %s", violations[i].hex, mqtt_strerror(e));
        assert_int_equal(p.packet_id, 4711);
    }
}

static void an_empty_client_id_is_for_the_server_to_judge(void **state) /* MQTT-3.1.3-8 answers it with a code */
{
    (void)state;
    struct mqtt_packet p = { .type = MQTT_CONNECT };
    both_ways("100c 00044d515454 04 00 0000 0000", p);
}

static void what_was_encoded_decodes_to_the_same(void **state)
{
    (void)state;
    uint64_t seed = 311;
    static struct packet_room room;
    static uint8_t frame[8192];
    for (int i = 0; i < ROUNDS; i++) {
        struct mqtt_packet p = generate_packet(&seed, &room), back;
        struct writer w = writer_of(frame, sizeof frame);
        assert_int_equal(mqtt_encode(&p, &w), MQTT_OK);
        size_t len = sizeof frame - w.left, total = 0;
        assert_int_equal(len, mqtt_encoded_len(&p));
        assert_int_equal(mqtt_frame_len(span_of(frame, len), &total), MQTT_OK);
        assert_int_equal(total, len);
        assert_int_equal(mqtt_decode(span_of(frame, len), &back), MQTT_OK);
        assert_true(same_packet(&p, &back));
    }
}

static void each_prefix_of_a_valid_packet_is_incomplete(void **state)
{
    (void)state;
    uint64_t seed = 5;
    static struct packet_room room;
    static uint8_t frame[8192];
    for (int i = 0; i < 1000; i++) {
        struct mqtt_packet p = generate_packet(&seed, &room), back;
        struct writer w = writer_of(frame, sizeof frame);
        assert_int_equal(mqtt_encode(&p, &w), MQTT_OK);
        for (size_t n = 0; n < sizeof frame - w.left; n++)
            assert_int_equal(mqtt_decode(span_of(frame, n), &back), MQTT_INCOMPLETE);
    }
}

/* The length made to fit: what is missing now is missing inside. Payloads and lists may end early, fixed parts not. */
static void a_packet_cut_short_with_a_matching_length_is_refused(void **state)
{
    (void)state;
    uint64_t seed = 6;
    static struct packet_room room;
    static uint8_t frame[8192];
    for (int i = 0; i < 5000; i++) {
        struct mqtt_packet p = generate_packet(&seed, &room), back;
        struct writer w = writer_of(frame, sizeof frame);
        if (p.type == MQTT_PUBLISH || p.type == MQTT_SUBACK || p.type == MQTT_SUBSCRIBE ||
            p.type == MQTT_UNSUBSCRIBE)
            continue;
        assert_int_equal(mqtt_encode(&p, &w), MQTT_OK);
        size_t len = sizeof frame - w.left;
        for (size_t n = 2; n < len && len < 129; n++) {
            frame[1] = (uint8_t)(n - 2);
            assert_int_not_equal(mqtt_decode(span_of(frame, n), &back), MQTT_OK);
        }
    }
}

static void remaining_length_takes_one_to_four_octets(void **state)
{
    (void)state;
    static const struct {
        size_t rest, header;
    } cases[] = { { 127, 2 }, { 128, 3 }, { 16383, 3 }, { 16384, 4 }, { 2097151, 4 }, { 2097152, 5 } };
    static uint8_t data[2097152], frame[2097152 + 5];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mqtt_packet p = { .type = MQTT_PUBLISH,
                                 .topic = span_text("t"),
                                 .payload = span_of(data, cases[i].rest - 3) };
        struct mqtt_packet back;
        struct writer w = writer_of(frame, sizeof frame);
        size_t total = 0;
        assert_int_equal(mqtt_encode(&p, &w), MQTT_OK);
        assert_int_equal(mqtt_frame_len(span_of(frame, 5), &total), MQTT_OK);
        assert_int_equal(total, cases[i].rest + cases[i].header);
        assert_int_equal(sizeof frame - w.left, total);
        assert_int_equal(mqtt_decode(span_of(frame, total), &back), MQTT_OK);
        assert_true(same_packet(&p, &back));
    }
}

static void a_frame_length_is_known_before_the_packet_is_there(void **state)
{
    (void)state;
    uint8_t room[8];
    size_t total = 0;
    assert_int_equal(mqtt_frame_len(hex_bytes("", room, 8), &total), MQTT_INCOMPLETE);
    assert_int_equal(mqtt_frame_len(hex_bytes("30", room, 8), &total), MQTT_INCOMPLETE);
    assert_int_equal(mqtt_frame_len(hex_bytes("3080", room, 8), &total), MQTT_INCOMPLETE);
    assert_int_equal(mqtt_frame_len(hex_bytes("30808080", room, 8), &total), MQTT_INCOMPLETE);
    assert_int_equal(mqtt_frame_len(hex_bytes("f0", room, 8), &total), MQTT_BAD_TYPE);
    assert_int_equal(mqtt_frame_len(hex_bytes("3080808080", room, 8), &total), MQTT_BAD_LENGTH);
    assert_int_equal(total, 0);
    assert_int_equal(mqtt_frame_len(hex_bytes("30ffffff7f", room, 8), &total), MQTT_OK);
    assert_int_equal(total, MQTT_PACKET_MAX);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    uint64_t seed = 9;
    static struct packet_room room;
    static uint8_t frame[8192], text[65536];
    for (int i = 0; i < 2000; i++) {
        struct mqtt_packet p = generate_packet(&seed, &room);
        struct writer w = writer_of(frame, mqtt_encoded_len(&p) - 1);
        assert_int_equal(mqtt_encode(&p, &w), MQTT_NO_ROOM);
    }
    static uint8_t big[70000];
    struct mqtt_packet p = { .type = MQTT_PUBLISH, .topic = span_of(text, 65536) };
    struct writer w = writer_of(big, sizeof big);
    assert_int_equal(mqtt_encode(&p, &w), MQTT_NO_ROOM);
    p = (struct mqtt_packet){ .type = MQTT_PUBLISH,
                              .topic = span_text("t"),
                              .payload = span_of(text, MQTT_PACKET_MAX) };
    w = writer_of(big, (size_t)1 << 30); /* claimed only: nothing may be written */
    assert_int_equal(mqtt_encode(&p, &w), MQTT_NO_ROOM);
    p.type = MQTT_TYPES;
    assert_int_equal(mqtt_encode(&p, &w), MQTT_BAD_TYPE);
    assert_int_equal(mqtt_encoded_len(&p), 0);
}

static void every_error_and_type_has_a_name(void **state)
{
    (void)state;
    for (unsigned e = 0; e < MQTT_ERRORS; e++)
        assert_string_not_equal(mqtt_strerror(e), "?");
    assert_string_equal(mqtt_strerror(MQTT_ERRORS), "?");
    assert_string_equal(mqtt_type_name(MQTT_UNSUBACK), "UNSUBACK");
    assert_string_equal(mqtt_type_name(MQTT_TYPES), "?");
    assert_string_equal(mqtt_type_name((enum mqtt_type)0), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_packet_reads_and_writes_as_in_the_standard),
        cmocka_unit_test(a_connect_carries_will_and_login),
        cmocka_unit_test(subscribe_and_suback_show_their_first_and_all),
        cmocka_unit_test(one_filter_or_code_is_written_without_a_list),
        cmocka_unit_test(each_protocol_violation_is_refused),
        cmocka_unit_test(an_empty_client_id_is_for_the_server_to_judge),
        cmocka_unit_test(what_was_encoded_decodes_to_the_same),
        cmocka_unit_test(each_prefix_of_a_valid_packet_is_incomplete),
        cmocka_unit_test(a_packet_cut_short_with_a_matching_length_is_refused),
        cmocka_unit_test(remaining_length_takes_one_to_four_octets),
        cmocka_unit_test(a_frame_length_is_known_before_the_packet_is_there),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(every_error_and_type_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
