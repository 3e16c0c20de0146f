/* message_text_test.c -- messages as lines, and hostile bytes that must not reach a terminal. */
#include "mqttsn/message_text.h"

#include "mqtt/topic.h"
#include "tests/hex.h"
#include "tests/mqttsn/message_generate.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void reads(const char *hex, const char *line)
{
    uint8_t room[64];
    char text[200];
    struct mqttsn_message m;
    assert_int_equal(mqttsn_decode(hex_bytes(hex, room, sizeof room), &m), MQTTSN_OK);
    assert_string_equal(mqttsn_text(&m, text, sizeof text), line);
}

static void a_line_names_what_the_message_holds(void **state)
{
    (void)state;
    reads("0b0cb00010000732312e35",
          "PUBLISH qos=1 dup retain topic_id=16 message_id=7 data=\"21.5\"");
    reads("070c0000010000", "PUBLISH qos=0 topic_id=1 message_id=0 data=\"\"");
    reads("0f040c01003c73656e736f722d3031",
          "CONNECT will clean protocol_id=1 duration=60 client_id=\"sensor-01\"");
    reads("0500080384", "ADVERTISE gateway_id=8 duration=900");
    reads("030102", "SEARCHGW radius=2");
    reads("0813400000000300", "SUBACK qos=2 topic_id=0 message_id=3 return_code=0 (accepted)");
    reads("070d0010ffff02",
          "PUBACK topic_id=16 message_id=65535 return_code=2 (rejected: invalid topic id)");
    reads("030507", "CONNACK return_code=7 (rejected: reserved code)");
}

static void a_topic_id_is_shown_as_what_it_is(void **state)
{
    (void)state;
    reads("080c626162000078", "PUBLISH qos=-1 topic=\"ab\" message_id=0 data=\"x\"");
    reads("080c610005000078", "PUBLISH qos=-1 predefined_id=5 message_id=0 data=\"x\"");
    reads("080c030005000078", "PUBLISH qos=0 reserved_id=5 message_id=0 data=\"x\"");
    reads("07122200066162", "SUBSCRIBE qos=1 message_id=6 topic=\"ab\"");
    reads("07140100080005", "UNSUBSCRIBE message_id=8 predefined_id=5");
    reads("061200000423", "SUBSCRIBE qos=0 message_id=4 topic=\"#\"");
    reads("07122200062207", "SUBSCRIBE qos=1 message_id=6 topic=\"\\\"\\x07\"");
}

static void what_is_not_there_is_not_shown(void **state)
{
    (void)state;
    reads("0207", "WILLTOPIC");
    reads("030700", "WILLTOPIC qos=0 topic=\"\"");
    reads("0218", "DISCONNECT");
    reads("04180000", "DISCONNECT duration=0");
    reads("0216", "PINGREQ");
    reads("04166d31", "PINGREQ client_id=\"m1\"");
    reads("030208", "GWINFO gateway_id=8");
    struct mqttsn_message reserved = { .type = MQTTSN_TYPES };
    char text[8];
    assert_string_equal(mqttsn_text(&reserved, text, sizeof text), "?");
}

static void shows(const char *bytes, size_t len, const char *line)
{
    char text[200];
    assert_string_equal(mqttsn_text_span(span_of(bytes, len), text, sizeof text), line);
}

static void what_cannot_be_printed_is_escaped(void **state)
{
    (void)state;
    shows("a\nb\0c\x1b[2J\x7f", 10, "a\\x0ab\\x00c\\x1b[2J\\x7f");
    shows("\xff\xc3(\xed\xa0\x80", 6, "\\xff\\xc3(\\xed\\xa0\\x80");
    shows("\xc2\x9b", 2, "\\xc2\\x9b");          /* a control of eight bits */
    shows("\xe2\x80\xae", 3, "\\xe2\\x80\\xae"); /* turns the direction */
    shows("\xef\xbb\xbf", 3, "\\xef\\xbb\\xbf"); /* cannot be seen */
    shows("\xe2\x82", 2, "\\xe2\\x82");          /* cut short */
    shows("say \"a\\b\"", 9, "say \\\"a\\\\b\\\"");
}

static void text_in_any_language_is_shown_as_it_is(void **state)
{
    (void)state;
    static const char *const texts[] = { "", "lamp/1", "süd-7", "5 € 🌿", "温度", "температура" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        shows(texts[i], strlen(texts[i]), texts[i]);
}

static void a_line_is_cut_where_the_room_ends(void **state)
{
    (void)state;
    uint64_t seed = 5;
    uint8_t tail[60];
    for (int i = 0; i < 3000; i++) {
        struct mqttsn_message m = generate_message(&seed, tail, sizeof tail);
        char whole[400], part[400];
        mqttsn_text(&m, whole, sizeof whole);
        for (size_t room = 1; room <= strlen(whole) + 1; room++) {
            memset(part, '!', sizeof part);
            assert_ptr_equal(mqttsn_text(&m, part, room), part);
            assert_true(strlen(part) < room);
            assert_memory_equal(part, whole, strlen(part));
            assert_true(utf8_valid(span_text(part)));
            assert_int_equal(part[room], '!');
        }
    }
    char none[1] = { '!' };
    struct mqttsn_message ping = { .type = MQTTSN_PINGREQ };
    assert_string_equal(mqttsn_text(&ping, none, 0), "");
    assert_string_equal(mqttsn_text_span(span_text("x"), none, 0), "");
    assert_int_equal(none[0], '!');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_names_what_the_message_holds),
        cmocka_unit_test(a_topic_id_is_shown_as_what_it_is),
        cmocka_unit_test(what_is_not_there_is_not_shown),
        cmocka_unit_test(what_cannot_be_printed_is_escaped),
        cmocka_unit_test(text_in_any_language_is_shown_as_it_is),
        cmocka_unit_test(a_line_is_cut_where_the_room_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
