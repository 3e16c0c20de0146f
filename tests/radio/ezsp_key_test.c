/* ezsp_key_test.c -- the key of the network, as each age of the firmware is asked for it and tells it. */
#include "radio/ezsp_key.h"

#include "radio/ash_frame.h"
#include "tests/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define KEY_HEX "0102030405060708090a0b0c0d0e0f10"
#define REST "0000000000000000000000000000000000"

static const uint8_t the_key[EZSP_KEY] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static const struct {
    uint8_t version;
    enum ezsp_id id;
    const char *question, *answer;
} ages[] = {
    { 4, EZSP_GET_KEY, "03", "00010003" KEY_HEX REST },
    { 8, EZSP_GET_KEY, "03", "00010003" KEY_HEX REST },
    { 12, EZSP_GET_KEY, "03", "00010003" KEY_HEX REST },
    { 13, EZSP_EXPORT_KEY, "010000000000000000000000000000000000", KEY_HEX "00000000" },
    { 14, EZSP_EXPORT_KEY, "010000000000000000000000000000000000", "00000000" KEY_HEX },
};
enum { AGES = sizeof ages / sizeof *ages };

static void is_written(const uint8_t *have, const struct writer *w, size_t room, const char *want)
{
    uint8_t bytes[ASH_DATA_MAX];
    struct span s = hex_bytes(want, bytes, sizeof bytes);
    assert_false(w->failed);
    assert_int_equal(room - w->left, s.len);
    assert_memory_equal(have, s.at, s.len);
}

static void each_version_is_asked_in_its_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < AGES; i++) {
        uint8_t room[ASH_DATA_MAX];
        struct writer w = writer_of(room, sizeof room);
        ezsp_write_key_question(ages[i].version, &w);
        is_written(room, &w, sizeof room, ages[i].question);
        assert_int_equal(ezsp_key_id(ages[i].version), ages[i].id);
    }
}

static void each_version_tells_it_in_its_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < AGES; i++) {
        uint8_t room[ASH_DATA_MAX], key[EZSP_KEY] = { 0 };
        struct writer w = writer_of(room, sizeof room);
        ezsp_write_key(the_key, ages[i].version, &w);
        is_written(room, &w, sizeof room, ages[i].answer);
        assert_true(ezsp_read_key(span_of(room, sizeof room - w.left), ages[i].version, key));
        assert_memory_equal(key, the_key, EZSP_KEY);
    }
}

static void a_shorter_answer_tells_no_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < AGES; i++) {
        uint8_t room[ASH_DATA_MAX], key[EZSP_KEY];
        struct span whole = hex_bytes(ages[i].answer, room, sizeof room);
        for (size_t len = 0; len < whole.len; len++)
            assert_false(ezsp_read_key(span_of(room, len), ages[i].version, key));
    }
}

static void what_newer_firmware_appends_is_not_looked_at(void **state)
{
    (void)state;
    uint8_t room[ASH_DATA_MAX], key[EZSP_KEY];
    struct span s =
        hex_bytes("00000000" KEY_HEX "010000000000000000000000000000000000", room, sizeof room);
    assert_true(ezsp_read_key(s, 14, key));
    assert_memory_equal(key, the_key, EZSP_KEY);
}

static void a_refusal_and_a_key_of_zeros_tell_no_key(void **state)
{
    (void)state;
    static const uint8_t zeros[EZSP_KEY];
    for (size_t i = 0; i < 2 * AGES; i++) {
        uint8_t room[ASH_DATA_MAX], key[EZSP_KEY];
        struct writer w = writer_of(room, sizeof room);
        ezsp_write_key(i < AGES ? NULL : zeros, ages[i % AGES].version, &w);
        assert_false(ezsp_read_key(span_of(room, sizeof room - w.left), ages[i % AGES].version, key));
    }
    for (size_t i = 0; i < AGES; i++) { /* the status alone */
        uint8_t room[ASH_DATA_MAX], key[EZSP_KEY];
        struct span s = hex_bytes(ages[i].answer, room, sizeof room);
        room[ages[i].version == 13 ? EZSP_KEY : 0] = 0x17;
        assert_false(ezsp_read_key(s, ages[i].version, key));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_version_is_asked_in_its_way),
        cmocka_unit_test(each_version_tells_it_in_its_way),
        cmocka_unit_test(a_shorter_answer_tells_no_key),
        cmocka_unit_test(what_newer_firmware_appends_is_not_looked_at),
        cmocka_unit_test(a_refusal_and_a_key_of_zeros_tell_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
