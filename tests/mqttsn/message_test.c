/* message_test.c -- the MQTT-SN codec beyond the vectors: form, limits, and everything that was encoded comes back. */
#include "mqttsn/message.h"

#include "tests/hex.h"
#include "tests/mqttsn/message_generate.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { ROUNDS = 300000, BIG = 1200 };

static enum mqttsn_error decode_hex(const char *hex, struct mqttsn_message *m)
{
    uint8_t room[64];
    static uint8_t kept[64]; /* the tail borrows */
    struct span frame = hex_bytes(hex, room, sizeof room);
    memcpy(kept, room, sizeof kept);
    return mqttsn_decode(span_of(kept, frame.len), m);
}

static void encodes_to(const struct mqttsn_message *m, const char *hex)
{
    uint8_t want[64], have[64];
    struct span expected = hex_bytes(hex, want, sizeof want);
    struct writer w = writer_of(have, sizeof have);
    assert_int_equal(mqttsn_encode(m, &w), MQTTSN_OK);
    assert_int_equal(sizeof have - w.left, expected.len);
    assert_memory_equal(have, want, expected.len);
}

static void what_was_encoded_decodes_to_the_same(void **state)
{
    (void)state;
    uint64_t seed = 20131114;
    uint8_t tail[BIG], frame[BIG + 16];
    for (int i = 0; i < ROUNDS; i++) {
        struct mqttsn_message m = generate_message(&seed, tail, sizeof tail), back;
        struct writer w = writer_of(frame, sizeof frame);
        assert_int_equal(mqttsn_encode(&m, &w), MQTTSN_OK);
        size_t len = sizeof frame - w.left;
        assert_int_equal(len, mqttsn_encoded_len(&m));
        assert_int_equal(mqttsn_decode(span_of(frame, len), &back), MQTTSN_OK);
        assert_true(same_message(&m, &back));
        assert_int_equal(back.flags, m.flags);
    }
}

static void each_prefix_of_a_valid_message_is_refused(void **state)
{
    (void)state;
    uint64_t seed = 7;
    uint8_t tail[300], frame[320];
    for (int i = 0; i < 3000; i++) {
        struct mqttsn_message m = generate_message(&seed, tail, sizeof tail),
                              untouched = { .message_id = 4711 };
        struct writer w = writer_of(frame, sizeof frame);
        assert_int_equal(mqttsn_encode(&m, &w), MQTTSN_OK);
        for (size_t n = 0; n < sizeof frame - w.left; n++)
            assert_int_not_equal(mqttsn_decode(span_of(frame, n), &untouched), MQTTSN_OK);
        assert_int_equal(untouched.message_id, 4711);
    }
}

static void a_message_cut_short_with_a_matching_length_is_refused_or_has_a_shorter_tail(void **state)
{
    (void)state;
    uint64_t seed = 11;
    uint8_t tail[40], frame[64];
    for (int i = 0; i < 3000; i++) {
        struct mqttsn_message m = generate_message(&seed, tail, sizeof tail), back;
        struct writer w = writer_of(frame, sizeof frame);
        assert_int_equal(mqttsn_encode(&m, &w), MQTTSN_OK);
        for (size_t n = sizeof frame - w.left; --n >= 2;) {
            frame[0] = (uint8_t)n;
            enum mqttsn_error e = mqttsn_decode(span_of(frame, n), &back);
            bool short_tail = mqttsn_layout_of(m.type)->tail != NO_TAIL || back.brief;
            assert_true(e == MQTTSN_TRUNCATED || (e == MQTTSN_OK && short_tail));
        }
    }
}

static void the_short_form_goes_up_to_255_octets(void **state)
{
    (void)state;
    static const uint8_t data[249];
    uint8_t frame[300];
    struct mqttsn_message m = { .type = MQTTSN_PUBLISH, .tail = span_of(data, 248) };
    struct writer w = writer_of(frame, sizeof frame);
    assert_int_equal(mqttsn_encode(&m, &w), MQTTSN_OK);
    assert_int_equal(sizeof frame - w.left, 255);
    assert_int_equal(frame[0], 255);

    m.tail.len = 249;
    w = writer_of(frame, sizeof frame);
    assert_int_equal(mqttsn_encode(&m, &w), MQTTSN_OK);
    assert_int_equal(sizeof frame - w.left, 258);
    assert_memory_equal(frame, ((uint8_t[]){ 1, 1, 2, MQTTSN_PUBLISH }), 4);
}

static void a_message_over_65535_octets_is_not_written(void **state)
{
    (void)state;
    static uint8_t data[70000], frame[70000];
    struct mqttsn_message m = { .type = MQTTSN_PUBLISH, .tail = span_of(data, 65535 - 9) }, back;
    struct writer w = writer_of(frame, sizeof frame);
    assert_int_equal(mqttsn_encode(&m, &w), MQTTSN_OK);
    assert_int_equal(mqttsn_decode(span_of(frame, 65535), &back), MQTTSN_OK);
    m.tail.len++;
    w = writer_of(frame, sizeof frame);
    assert_int_equal(mqttsn_encode(&m, &w), MQTTSN_NO_ROOM);
    assert_int_equal(w.left, sizeof frame);
}

static void a_message_that_does_not_fit_writes_nothing(void **state)
{
    (void)state;
    uint64_t seed = 3;
    uint8_t tail[40], frame[64];
    for (int i = 0; i < 2000; i++) {
        struct mqttsn_message m = generate_message(&seed, tail, sizeof tail);
        size_t len = mqttsn_encoded_len(&m);
        struct writer w = writer_of(frame, len - 1);
        assert_int_equal(mqttsn_encode(&m, &w), MQTTSN_NO_ROOM);
        assert_int_equal(w.left, len - 1);
    }
}

static void every_other_type_is_reserved(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        uint8_t frame[] = { 2, (uint8_t)type };
        struct mqttsn_message m = { .type = (enum mqttsn_type)type };
        struct writer w = writer_of(frame, sizeof frame);
        bool known = mqttsn_layout_of(type) != NULL;
        assert_int_equal(known,
                         type <= MQTTSN_WILLMSGRESP && type != 3 && type != 0x11 && type != 0x19);
        assert_int_equal(strcmp(mqttsn_type_name(m.type), "?") != 0, known);
        if (known)
            continue;
        assert_int_equal(mqttsn_encoded_len(&m), 0);
        assert_int_equal(mqttsn_encode(&m, &w), MQTTSN_RESERVED_TYPE);
        assert_int_equal(mqttsn_decode(span_of(frame, 2), &m), MQTTSN_RESERVED_TYPE);
    }
}

static void unused_flags_are_kept_aside_and_not_sent(void **state) /* SN-FRM-6 */
{
    (void)state;
    struct mqttsn_message m;
    assert_int_equal(decode_hex("0a04ff01003c6e6f6465", &m), MQTTSN_OK);
    assert_int_equal(m.flags, 0xFF);
    assert_true(m.will && m.clean);
    assert_true(!m.dup && !m.retain && m.qos == 0 && m.topic_id_type == 0);
    m.dup = m.retain = true;
    m.qos = 2;
    m.topic_id_type = MQTTSN_SHORT;
    encodes_to(&m, "0a040c01003c6e6f6465");
}

static void a_willtopic_may_be_brief_or_have_an_empty_topic(void **state)
{
    (void)state;
    struct mqttsn_message m;
    assert_int_equal(decode_hex("0207", &m), MQTTSN_OK);
    assert_true(m.brief);
    encodes_to(&m, "0207");
    assert_int_equal(decode_hex("030730", &m), MQTTSN_OK);
    assert_true(!m.brief && m.tail.len == 0 && m.qos == 1 && m.retain);
    encodes_to(&m, "030730");
}

static void a_disconnect_has_a_duration_or_nothing(void **state)
{
    (void)state;
    struct mqttsn_message m;
    assert_int_equal(decode_hex("0218", &m), MQTTSN_OK);
    assert_true(m.brief && m.duration == 0);
    encodes_to(&m, "0218");
    assert_int_equal(decode_hex("04180000", &m), MQTTSN_OK);
    assert_true(!m.brief && m.duration == 0);
    encodes_to(&m, "04180000");
    assert_int_equal(decode_hex("031800", &m), MQTTSN_TRUNCATED);
    assert_int_equal(decode_hex("0518000000", &m), MQTTSN_TRAILING);
}

static void brief_counts_only_where_a_message_may_end(void **state)
{
    (void)state;
    struct mqttsn_message m = { .type = MQTTSN_PINGREQ, .brief = true, .tail = span_text("m1") };
    encodes_to(&m, "04166d31");
}

static void a_topic_id_in_subscribe_has_exactly_two_octets(void **state)
{
    (void)state;
    struct mqttsn_message m;
    for (unsigned type = MQTTSN_PREDEFINED; type <= MQTTSN_RESERVED; type++) {
        for (uint8_t len = 5; len < 10; len++) {
            uint8_t frame[10] = { len, MQTTSN_SUBSCRIBE, (uint8_t)type, 0, 9, 'a', 'b', 'c', 'd',
                                  'e' };
            enum mqttsn_error e = mqttsn_decode(span_of(frame, len), &m);
            assert_int_equal(e, len < 7 ? MQTTSN_TRUNCATED : len > 7 ? MQTTSN_TRAILING : MQTTSN_OK);
        }
        assert_true(m.topic_id_type == type && m.topic_id == ('a' << 8 | 'b') && m.tail.len == 0);
    }
}

static void lengths_that_do_not_cover_their_own_header_are_refused(void **state)
{
    (void)state;
    struct mqttsn_message m;
    static const char *const frames[] = { "",       "00",       "0016",     "01",      "0100",
                                          "010000", "01000016", "01000216", "01000316" };
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
        assert_int_equal(decode_hex(frames[i], &m), MQTTSN_EMPTY);
    assert_int_equal(decode_hex("01000416", &m), MQTTSN_OK);
    assert_int_equal(decode_hex("010004", &m), MQTTSN_BAD_LENGTH);
}

static void clients_send_these(void **state)
{
    (void)state;
    static const bool not [MQTTSN_TYPES] = {
        [MQTTSN_ADVERTISE] = true,     [MQTTSN_CONNACK] = true,     [MQTTSN_WILLTOPICREQ] = true,
        [MQTTSN_WILLMSGREQ] = true,    [MQTTSN_SUBACK] = true,      [MQTTSN_UNSUBACK] = true,
        [MQTTSN_WILLTOPICRESP] = true, [MQTTSN_WILLMSGRESP] = true,
    };
    for (unsigned type = 0; type < MQTTSN_TYPES; type++)
        assert_int_equal(mqttsn_sent_by_client(type), mqttsn_layout_of(type) && !not [type]);
    assert_false(mqttsn_sent_by_client(MQTTSN_TYPES));
    assert_false(mqttsn_sent_by_client((enum mqttsn_type)MQTTSN_FRWDENCAP));
}

static void these_have_a_message_id(void **state)
{
    (void)state;
    static const bool with[MQTTSN_TYPES] = {
        [MQTTSN_REGISTER] = true,  [MQTTSN_REGACK] = true,      [MQTTSN_PUBLISH] = true,
        [MQTTSN_PUBACK] = true,    [MQTTSN_PUBREC] = true,      [MQTTSN_PUBREL] = true,
        [MQTTSN_PUBCOMP] = true,   [MQTTSN_SUBACK] = true,      [MQTTSN_UNSUBACK] = true,
        [MQTTSN_SUBSCRIBE] = true, [MQTTSN_UNSUBSCRIBE] = true,
    };
    for (unsigned type = 0; type < 256; type++)
        assert_int_equal(mqttsn_has_message_id(type), type < MQTTSN_TYPES && with[type]);
}

static void every_error_and_code_has_a_name(void **state)
{
    (void)state;
    for (unsigned e = 0; e < MQTTSN_ERRORS; e++)
        assert_string_not_equal(mqttsn_strerror(e), "?");
    assert_string_equal(mqttsn_strerror(MQTTSN_ERRORS), "?");
    assert_string_equal(mqttsn_return_code_name(0), "accepted");
    assert_string_equal(mqttsn_return_code_name(1), "rejected: congestion");
    assert_string_equal(mqttsn_return_code_name(4), "rejected: reserved code");
    assert_string_equal(mqttsn_return_code_name(255), "rejected: reserved code");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_encoded_decodes_to_the_same),
        cmocka_unit_test(each_prefix_of_a_valid_message_is_refused),
        cmocka_unit_test(a_message_cut_short_with_a_matching_length_is_refused_or_has_a_shorter_tail),
        cmocka_unit_test(the_short_form_goes_up_to_255_octets),
        cmocka_unit_test(a_message_over_65535_octets_is_not_written),
        cmocka_unit_test(a_message_that_does_not_fit_writes_nothing),
        cmocka_unit_test(every_other_type_is_reserved),
        cmocka_unit_test(unused_flags_are_kept_aside_and_not_sent),
        cmocka_unit_test(a_willtopic_may_be_brief_or_have_an_empty_topic),
        cmocka_unit_test(a_disconnect_has_a_duration_or_nothing),
        cmocka_unit_test(brief_counts_only_where_a_message_may_end),
        cmocka_unit_test(a_topic_id_in_subscribe_has_exactly_two_octets),
        cmocka_unit_test(lengths_that_do_not_cover_their_own_header_are_refused),
        cmocka_unit_test(clients_send_these),
        cmocka_unit_test(these_have_a_message_id),
        cmocka_unit_test(every_error_and_code_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
