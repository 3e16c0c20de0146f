/* sniff_test.c -- what mqttsn-sniff makes of captured packets: the layers around a datagram, and the line it prints. */
#include "tools/packet.h"
#include "tools/sniff_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* PINGREQ (02 16) from port 40001 to port 1883, layer by layer. */
#define UDP "\x9c\x41\x07\x5b\x00\x0a\x00\x00\x02\x16"
#define IPV4_HEADER(service, total, fragment, protocol)                                            \
    "\x45" service "\x00" total "\x00\x00" fragment "\x40" protocol "\x00\x00"                     \
    "\x7f\x00\x00\x01\x7f\x00\x00\x02"
#define IPV4 IPV4_HEADER("\x00", "\x1e", "\x40\x00", "\x11") UDP
#define IPV6_HEADER(len, next)                                                                     \
    "\x60\x00\x00\x00\x00" len next "\x40"                                                         \
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"                             \
    "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02"
#define IPV6 IPV6_HEADER("\x0a", "\x11") UDP
#define MACS "\x01\x02\x03\x04\x05\x06\x11\x12\x13\x14\x15\x16"
#define SLL "\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00\x00\x00"
#define SLL2_REST "\x00\x00\x00\x00\x00\x01\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00\x00\x00"
#define BYTES(literal) span_of(literal, sizeof(literal) - 1)

static void reads(int link, struct span captured, const char *expected_from, const char *expected_to)
{
    char text[PACKET_END_TEXT];
    struct packet p;
    assert_int_equal(packet_parse(link, captured, &p), PACKET_OK);
    assert_string_equal(packet_end_text(&p.from, text, sizeof text), expected_from);
    assert_string_equal(packet_end_text(&p.to, text, sizeof text), expected_to);
    assert_int_equal(p.payload.len, 2);
    assert_memory_equal(p.payload.at, "\x02\x16", 2);
}

static void leaves_out(int link, struct span captured, enum packet_error expected)
{
    struct packet p;
    assert_string_equal(packet_strerror(packet_parse(link, captured, &p)), packet_strerror(expected));
}

#define READS_V4(link, literal) reads(link, BYTES(literal), "127.0.0.1:40001", "127.0.0.2:1883")
#define READS_V6(link, literal) reads(link, BYTES(literal), "[::1]:40001", "[2001:db8::2]:1883")

static void a_datagram_is_found_behind_every_link_header(void **state)
{
    (void)state;
    READS_V4(PACKET_RAW, IPV4);
    READS_V4(PACKET_RAW_DLT, IPV4);
    READS_V4(PACKET_IPV4, IPV4);
    READS_V4(PACKET_ETHERNET, MACS "\x08\x00" IPV4);
    READS_V4(PACKET_SLL, SLL "\x08\x00" IPV4);
    READS_V4(PACKET_SLL2, "\x08\x00" SLL2_REST IPV4);
    READS_V4(PACKET_NULL, "\x02\x00\x00\x00" IPV4);
    READS_V4(PACKET_LOOP, "\x00\x00\x00\x02" IPV4);
}

static void ipv6_is_read_like_ipv4(void **state)
{
    (void)state;
    READS_V6(PACKET_RAW, IPV6);
    READS_V6(PACKET_IPV6, IPV6);
    READS_V6(PACKET_ETHERNET, MACS "\x86\xdd" IPV6);
    READS_V6(PACKET_NULL, "\x00\x00\x00\x1e" IPV6);
}

static void vlan_tags_are_passed_over(void **state)
{
    (void)state;
    READS_V4(PACKET_ETHERNET, MACS "\x81\x00\x00\x05\x08\x00" IPV4);
    READS_V4(PACKET_ETHERNET, MACS "\x88\xa8\x00\x05\x81\x00\x00\x06\x08\x00" IPV4);
}

static void padding_behind_a_short_packet_is_not_payload(void **state)
{
    (void)state;
    READS_V4(PACKET_ETHERNET, MACS "\x08\x00" IPV4 "\x00\x00\x00\x00\x00\x00");
    READS_V6(PACKET_RAW, IPV6 "\xff\xff");
}

static void ipv4_options_and_ipv6_extensions_are_passed_over(void **state)
{
    (void)state;
    READS_V4(PACKET_RAW, "\x46\x00\x00\x22\x00\x00\x40\x00\x40\x11\x00\x00"
                         "\x7f\x00\x00\x01\x7f\x00\x00\x02\x94\x04\x00\x00" UDP);
    READS_V6(PACKET_RAW, IPV6_HEADER("\x12", "\x00") "\x11\x00\x05\x02\x00\x00\x01\x00" UDP);
}

static void other_protocols_are_left_out(void **state)
{
    (void)state;
    leaves_out(PACKET_ETHERNET, BYTES(MACS "\x08\x06\x00\x01"), PACKET_NOT_IP);
    leaves_out(PACKET_RAW, BYTES(IPV4_HEADER("\x00", "\x1e", "\x40\x00", "\x06") UDP),
               PACKET_NOT_UDP);
    leaves_out(PACKET_RAW, BYTES(IPV6_HEADER("\x0a", "\x3a") UDP), PACKET_NOT_UDP);
    uint8_t version_5[] = IPV4;
    version_5[0] = 0x55;
    leaves_out(PACKET_RAW, span_of(version_5, sizeof version_5 - 1), PACKET_NOT_IP);
    leaves_out(147, BYTES(IPV4), PACKET_UNKNOWN_LINK);
    assert_false(packet_knows(147));
    assert_true(packet_knows(PACKET_SLL2));
}

static void fragments_are_not_shown_as_messages(void **state)
{
    (void)state;
    leaves_out(PACKET_RAW, BYTES(IPV4_HEADER("\x00", "\x1e", "\x20\x00", "\x11") UDP),
               PACKET_FRAGMENT);
    leaves_out(PACKET_RAW, BYTES(IPV4_HEADER("\x00", "\x1e", "\x00\x10", "\x11") UDP),
               PACKET_FRAGMENT);
    leaves_out(PACKET_RAW, BYTES(IPV6_HEADER("\x12", "\x2c") "\x11\x00\x00\x01\x00\x00\x00\x01" UDP),
               PACKET_FRAGMENT);
}

static void lengths_that_lie_are_not_believed(void **state)
{
    (void)state;
    leaves_out(PACKET_RAW, BYTES(IPV4_HEADER("\x00", "\x1f", "\x40\x00", "\x11") UDP), PACKET_CUT);
    leaves_out(PACKET_RAW, BYTES(IPV4_HEADER("\x00", "\x1d", "\x40\x00", "\x11") UDP), PACKET_CUT);
    leaves_out(PACKET_RAW, BYTES(IPV4_HEADER("\x00", "\x13", "\x40\x00", "\x11") UDP), PACKET_NOT_IP);
    leaves_out(PACKET_RAW, BYTES(IPV6_HEADER("\xff", "\x11") UDP), PACKET_CUT);
    leaves_out(PACKET_RAW, BYTES(IPV6_HEADER("\x10", "\x00") "\x00\xff\x00\x00\x00\x00\x00\x00" UDP),
               PACKET_CUT);
    leaves_out(PACKET_RAW,
               BYTES(IPV4_HEADER("\x00", "\x1e", "\x40\x00",
                                 "\x11") "\x9c\x41\x07\x5b\x00\x07\x00\x00\x02\x16"),
               PACKET_CUT);
}

/* A copy of its own size lets the sanitizer see a read past the end. */
static void each_prefix_is_refused(int link, struct span whole)
{
    for (size_t len = 0; len < whole.len; len++) {
        uint8_t *prefix = malloc(len > 0 ? len : 1);
        struct packet p;
        memcpy(prefix, whole.at, len);
        assert_int_not_equal(packet_parse(link, span_of(prefix, len), &p), PACKET_OK);
        free(prefix);
    }
}

static void each_prefix_of_a_packet_is_refused(void **state)
{
    (void)state;
    each_prefix_is_refused(PACKET_ETHERNET, BYTES(MACS "\x81\x00\x00\x05\x08\x00" IPV4));
    each_prefix_is_refused(PACKET_SLL2, BYTES("\x86\xdd" SLL2_REST IPV6));
    each_prefix_is_refused(PACKET_NULL, BYTES("\x02\x00\x00\x00" IPV4));
    each_prefix_is_refused(
        PACKET_RAW, BYTES(IPV6_HEADER("\x12", "\x00") "\x11\x00\x05\x02\x00\x00\x01\x00" UDP));
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static void prints(struct span frame, const char *expected)
{
    struct sniff_tally tally = { 0 };
    char line[2048];
    assert_string_equal(sniff_text(frame, &tally, line, sizeof line), expected);
}

static void a_message_is_printed_as_its_text(void **state)
{
    (void)state;
    prints(BYTES("\x02\x16"), "PINGREQ");
}

static void an_encapsulated_message_names_its_node(void **state)
{
    (void)state;
    prints(BYTES("\x05\xfe\x00\x1a\x2b\x02\x17"), "via node 1a2b PINGRESP");
    prints(BYTES("\x04\xfe\x02\x07\x02\x17"), "via node 07 radius=2 PINGRESP");
    prints(BYTES("\x04\xfe\x00\x01\x04\xfe\x00\x02\x02\x17"), "via node 01 via node 02 PINGRESP");
}

static void a_malformed_frame_is_printed_with_reason_and_octets(void **state)
{
    (void)state;
    char expected[128];
    snprintf(expected, sizeof expected, "malformed: %s: 02 03",
             mqttsn_strerror(MQTTSN_RESERVED_TYPE));
    prints(BYTES("\x02\x03"), expected);
    snprintf(expected, sizeof expected, "via node 01 malformed: %s: 02 03",
             mqttsn_strerror(MQTTSN_RESERVED_TYPE));
    prints(BYTES("\x04\xfe\x00\x01\x02\x03"), expected);
}

static void a_line_that_is_too_long_is_cut_and_terminated(void **state)
{
    (void)state;
    struct sniff_tally tally = { 0 };
    uint8_t frame[300];
    memset(frame, 0xff, sizeof frame);
    for (size_t room = 1; room < 300; room++) {
        char *line = malloc(room);
        assert_true(strlen(sniff_text(span_of(frame, sizeof frame), &tally, line, room)) < room);
        assert_true(strlen(sniff_text(BYTES("\x05\xfe\x00\x1a\x2b\x02\x17"), &tally, line, room)) <
                    room);
        free(line);
    }
}

static void the_tally_counts_by_type_and_by_reason(void **state)
{
    (void)state;
    struct sniff_tally tally = { 0 };
    char line[256];
    sniff_text(BYTES("\x02\x16"), &tally, line, sizeof line);
    sniff_text(BYTES("\x04\xfe\x00\x01\x02\x16"), &tally, line, sizeof line);
    sniff_text(BYTES("\x02\x03"), &tally, line, sizeof line);
    assert_int_equal(tally.types[MQTTSN_PINGREQ], 2);
    assert_int_equal(tally.encapsulated, 1);
    assert_int_equal(tally.malformed[MQTTSN_RESERVED_TYPE], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_datagram_is_found_behind_every_link_header),
        cmocka_unit_test(ipv6_is_read_like_ipv4),
        cmocka_unit_test(vlan_tags_are_passed_over),
        cmocka_unit_test(padding_behind_a_short_packet_is_not_payload),
        cmocka_unit_test(ipv4_options_and_ipv6_extensions_are_passed_over),
        cmocka_unit_test(other_protocols_are_left_out),
        cmocka_unit_test(fragments_are_not_shown_as_messages),
        cmocka_unit_test(lengths_that_lie_are_not_believed),
        cmocka_unit_test(each_prefix_of_a_packet_is_refused),
        cmocka_unit_test(a_message_is_printed_as_its_text),
        cmocka_unit_test(an_encapsulated_message_names_its_node),
        cmocka_unit_test(a_malformed_frame_is_printed_with_reason_and_octets),
        cmocka_unit_test(a_line_that_is_too_long_is_cut_and_terminated),
        cmocka_unit_test(the_tally_counts_by_type_and_by_reason),
    };
    return cmocka_run_group_tests_name("mqttsn-sniff", tests, NULL, NULL);
}
