/* encapsulation_test.c -- forwarder frames: what goes in comes out, and nothing else gets through (SN-FWD). */
#include "mqttsn/encapsulation.h"

#include "tests/hex.h"
#include "tests/mqttsn/message_generate.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static enum mqttsn_error peel_hex(const char *hex, struct encapsulation *e)
{
    static uint8_t room[64];
    return encapsulation_peel(hex_bytes(hex, room, sizeof room), e);
}

static void what_was_wrapped_is_peeled(void **state)
{
    (void)state;
    uint64_t seed = 252;
    uint8_t tail[400], node[ENCAPSULATION_NODE_MAX], frame[1000];
    for (int i = 0; i < 100000; i++) {
        struct mqttsn_message m = generate_message(&seed, tail, sizeof tail), back;
        struct span id = span_of(node, 1 + chance_below(&seed, sizeof node));
        uint8_t radius = (uint8_t)chance_below(&seed, 4);
        struct writer w = writer_of(frame, sizeof frame);
        struct encapsulation e;
        chance_fill(&seed, node, id.len);
        assert_int_equal(encapsulation_wrap(radius, id, &w), MQTTSN_OK);
        assert_int_equal(mqttsn_encode(&m, &w), MQTTSN_OK);
        assert_int_equal(encapsulation_peel(span_of(frame, sizeof frame - w.left), &e), MQTTSN_OK);
        assert_true(e.radius == radius && span_equal(e.node, id));
        assert_int_equal(mqttsn_decode(e.message, &back), MQTTSN_OK);
        assert_true(same_message(&m, &back));
    }
}

static void each_prefix_of_a_forwarder_frame_is_refused(void **state)
{
    (void)state;
    static const char *const frames[] = { "05fe001a2b0a04040100787a2d3137", "04fe00050216",
                                          "05fe001a2b01000416" };
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        uint8_t room[64];
        struct span frame = hex_bytes(frames[i], room, sizeof room);
        struct encapsulation e = { .radius = 77 };
        for (size_t n = 0; n < frame.len; n++)
            assert_int_not_equal(encapsulation_peel(span_of(room, n), &e), MQTTSN_OK);
        assert_int_equal(e.radius, 77);
        assert_int_equal(encapsulation_peel(frame, &e), MQTTSN_OK);
    }
}

static void a_frame_is_encapsulated_by_its_second_octet(void **state)
{
    (void)state;
    uint8_t room[16];
    assert_true(encapsulation_is(hex_bytes("05fe00", room, sizeof room)));
    assert_true(encapsulation_is(hex_bytes("02fe", room, sizeof room)));
    assert_false(encapsulation_is(hex_bytes("0216", room, sizeof room)));
    assert_false(encapsulation_is(hex_bytes("fe", room, sizeof room)));
    assert_false(encapsulation_is(hex_bytes("", room, sizeof room)));
}

/* "01 fe xx" is a long message of some 65,000 octets. */
static void a_long_length_is_not_taken_for_the_forwarder_type(void **state)
{
    (void)state;
    static const uint8_t frame[0xFE10] = { 1, 0xFE, 0x10, MQTTSN_PUBLISH };
    struct mqttsn_message m;
    assert_false(encapsulation_is(span_of(frame, sizeof frame)));
    assert_int_equal(mqttsn_decode(span_of(frame, sizeof frame), &m), MQTTSN_OK);
}

static void a_malformed_header_is_refused(void **state)
{
    (void)state;
    struct encapsulation e;
    assert_int_equal(peel_hex("02fe", &e), MQTTSN_BAD_NODE);
    assert_int_equal(peel_hex("03fe000216", &e), MQTTSN_BAD_NODE);
    assert_int_equal(peel_hex("00fe00010216", &e), MQTTSN_BAD_NODE);
    assert_int_equal(peel_hex("09fe001a2b0216", &e), MQTTSN_BAD_NODE);
    assert_int_equal(peel_hex("05fe001a2b", &e), MQTTSN_EMPTY);
    assert_int_equal(peel_hex("07fe001a2b0216", &e), MQTTSN_EMPTY);
    assert_int_equal(peel_hex("05fe001a2b021600", &e), MQTTSN_BAD_LENGTH);
    assert_int_equal(peel_hex("04160000", &e), MQTTSN_BAD_NODE);
    assert_int_equal(peel_hex("010007fe001a2b0216", &e), MQTTSN_BAD_NODE);
}

static void a_nested_frame_is_checked_by_its_header_only(void **state) /* SN-FWD-5 is the caller's */
{
    (void)state;
    struct encapsulation e;
    assert_int_equal(peel_hex("04fe000204fe00010216", &e), MQTTSN_OK);
    assert_true(encapsulation_is(e.message));
    assert_int_equal(peel_hex("04fe000204fe0001ff16", &e), MQTTSN_OK);
    assert_int_equal(encapsulation_peel(e.message, &e), MQTTSN_BAD_LENGTH);
    assert_int_equal(peel_hex("04fe000203fe000216", &e), MQTTSN_BAD_NODE);
    assert_int_equal(peel_hex("04fe000204fe0001", &e), MQTTSN_BAD_NODE);
}

static void reserved_control_bits_are_ignored(void **state) /* SN-FWD-7 */
{
    (void)state;
    struct encapsulation e;
    assert_int_equal(peel_hex("05fefd1a2b0216", &e), MQTTSN_OK);
    assert_int_equal(e.radius, 1);
}

static void a_wide_radius_is_written_as_three(void **state) /* SN-FWD-6 */
{
    (void)state;
    uint8_t frame[4];
    struct writer w = writer_of(frame, sizeof frame);
    assert_int_equal(encapsulation_wrap(200, span_text("n"), &w), MQTTSN_OK);
    assert_memory_equal(frame, ((uint8_t[]){ 4, 0xFE, 3, 'n' }), 4);
}

static void a_node_id_has_1_to_252_octets(void **state)
{
    (void)state;
    static const uint8_t node[ENCAPSULATION_NODE_MAX + 1];
    uint8_t frame[300];
    struct writer w = writer_of(frame, sizeof frame);
    assert_int_equal(encapsulation_wrap(0, span_of(node, 0), &w), MQTTSN_BAD_NODE);
    assert_int_equal(encapsulation_wrap(0, span_of(node, sizeof node), &w), MQTTSN_BAD_NODE);
    assert_int_equal(w.left, sizeof frame);
    assert_int_equal(encapsulation_wrap(0, span_of(node, ENCAPSULATION_NODE_MAX), &w), MQTTSN_OK);
    assert_int_equal(frame[0], 255);
    w = writer_of(frame, 10);
    assert_int_equal(encapsulation_wrap(0, span_of(node, 8), &w), MQTTSN_NO_ROOM);
    assert_int_equal(w.left, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_wrapped_is_peeled),
        cmocka_unit_test(each_prefix_of_a_forwarder_frame_is_refused),
        cmocka_unit_test(a_frame_is_encapsulated_by_its_second_octet),
        cmocka_unit_test(a_long_length_is_not_taken_for_the_forwarder_type),
        cmocka_unit_test(a_malformed_header_is_refused),
        cmocka_unit_test(a_nested_frame_is_checked_by_its_header_only),
        cmocka_unit_test(reserved_control_bits_are_ignored),
        cmocka_unit_test(a_wide_radius_is_written_as_three),
        cmocka_unit_test(a_node_id_has_1_to_252_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
