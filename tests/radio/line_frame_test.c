/* line_frame_test.c -- MQTT-SN frames on a serial line: the vectors in every split, and what a bad line does. */
#include "radio/line_frame.h"
#include "tests/radio/zigbee_vectors.h"

enum { MAX = 300, FRAMES = 8 };

static struct vectors rows;

static struct listener {
    struct line_reader reader;
    uint8_t held[MAX + 2];
    uint8_t frames[FRAMES][MAX];
    size_t lens[FRAMES], count;
} line;

static void begin_with(enum config_framing framing, size_t max)
{
    memset(&line, 0, sizeof line);
    line_reader_init(&line.reader, framing, line.held, max);
}

static void take(void *context, struct span piece)
{
    struct listener *l = context;
    struct span frame;
    while (line_reader_next(&l->reader, &piece, &frame)) {
        assert_true(l->count < FRAMES && frame.len <= MAX);
        memcpy(l->frames[l->count], frame.at, frame.len);
        l->lens[l->count++] = frame.len;
    }
    assert_int_equal(piece.len, 0);
}

static void hears(const char *hex)
{
    uint8_t room[600];
    take(&line, hex_bytes(hex, room, sizeof room));
}

static void frame_is(size_t i, const char *hex)
{
    uint8_t room[MAX];
    assert_true(i < line.count);
    assert_true(span_equal(span_of(line.frames[i], line.lens[i]), hex_bytes(hex, room, sizeof room)));
}

static void counts_are(uint32_t good, uint32_t damaged, uint32_t oversize)
{
    assert_int_equal(line.reader.good, good);
    assert_int_equal(line_reader_damaged(&line.reader), damaged);
    assert_int_equal(line_reader_oversize(&line.reader), oversize);
}

/* ---- the vectors ------------------------------------------------------------------------------------------------ */

static const struct framing_of_row {
    const char *id;
    enum config_framing framing;
    size_t frames;
} framings[] = {
    { "serial-001", FRAMING_RAW, 1 },        { "serial-002", FRAMING_RAW, 3 },
    { "serial-003", FRAMING_SLIP, 1 },       { "serial-004", FRAMING_SLIP_CRC16, 1 },
    { "serial-901", FRAMING_SLIP_CRC16, 0 }, { "serial-902", FRAMING_SLIP, 0 },
    { "serial-903", FRAMING_RAW, 0 },        { "serial-904", FRAMING_RAW, 0 },
    { "serial-905", FRAMING_RAW, 1 },
};

static const struct framing_of_row *framing_of(const struct vector_row *row)
{
    for (size_t i = 0; i < sizeof framings / sizeof *framings; i++)
        if (strcmp(framings[i].id, row->id) == 0)
            return &framings[i];
    fail_msg("%s: a row that no test knows", row->id);
    return NULL;
}

/* What stands in `decoded`, or, for the rows that do not say, the row itself. */
static struct span message_of(const struct vector_row *row, uint8_t *room, size_t size)
{
    return vector_has(row, "mqttsn") && strcmp(row->id, "serial-905") != 0
               ? vector_octets(row, "mqttsn", room, size)
               : row->bytes;
}

static void frames_are_the_rows(const struct vector_row *row)
{
    static const char publish[] = "0d0c6200010000c0dbdcdd7e7d";
    uint8_t room[MAX];
    if (line.count == 3) {
        frame_is(0, publish);
        frame_is(1, "030500");
        frame_is(2, publish);
    } else if (line.count == 1) {
        assert_true(
            span_equal(span_of(line.frames[0], line.lens[0]), message_of(row, room, sizeof room)));
    }
}

static void frames_are_written_back(const struct vector_row *row, enum config_framing framing)
{
    uint8_t room[2 * MAX];
    struct writer w = writer_of(room, sizeof room);
    for (size_t i = 0; i < line.count; i++) {
        const size_t before = w.left;
        line_write(framing, span_of(line.frames[i], line.lens[i]), &w);
        assert_true(before - w.left <= line_room(framing, line.lens[i]));
    }
    assert_false(w.failed);
    assert_true(span_equal(span_of(room, sizeof room - w.left), row->bytes));
}

static void a_good_frame_is_taken_behind_it(enum config_framing framing)
{
    const size_t before = line.count;
    uint8_t room[32];
    struct writer w = writer_of(room, sizeof room);
    line_reader_idle(&line.reader);
    line_write(framing, span_of("\x03\x05\x03", 3), &w);
    take(&line, span_of(room, sizeof room - w.left));
    assert_int_equal(line.count, before + 1);
    frame_is(before, "030503");
}

static void the_row_holds(void **state)
{
    const struct vector_row *row = *state;
    const struct framing_of_row *f = framing_of(row);
    size_t split = VECTOR_WHOLE;
    do {
        begin_with(f->framing, MAX);
        vector_feed(row->bytes, split, take, &line);
        assert_int_equal(line.count, f->frames);
        frames_are_the_rows(row);
        if (f->frames > 0)
            frames_are_written_back(row, f->framing);
        a_good_frame_is_taken_behind_it(f->framing);
        assert_int_equal(line_reader_damaged(&line.reader), f->frames == 0);
    } while (vector_next_split(row->bytes, &split));
}

/* ---- raw -------------------------------------------------------------------------------------------------------- */

static void a_forwarded_message_is_one_frame_with_its_header(void **state)
{
    (void)state;
    begin_with(FRAMING_RAW, MAX);
    hears("06fe01aabbcc 0216 0216");
    assert_int_equal(line.count, 2);
    frame_is(0, "06fe01aabbcc0216");
    frame_is(1, "0216");
}

static void headers_behind_headers_are_one_frame_with_the_message(void **state)
{
    (void)state;
    begin_with(FRAMING_RAW, MAX);
    hears("04fe01aa 05fe00bbcc 01000416 0218");
    assert_int_equal(line.count, 2);
    frame_is(0, "04fe01aa05fe00bbcc01000416");
}

static void headers_without_end_are_damage(void **state)
{
    (void)state;
    begin_with(FRAMING_RAW, 16);
    for (int i = 0; i < 8; i++)
        hears("04fe01aa");
    assert_int_equal(line.count, 0);
    counts_are(0, 1, 0);
    a_good_frame_is_taken_behind_it(FRAMING_RAW);
}

static void a_long_form_shorter_than_itself_is_damage(void **state)
{
    (void)state;
    begin_with(FRAMING_RAW, MAX);
    hears("010003 0216");
    counts_are(0, 1, 0);
    a_good_frame_is_taken_behind_it(FRAMING_RAW);
}

static void what_follows_an_oversize_frame_at_once_is_not_lost(void **state)
{
    (void)state;
    uint8_t big[40] = { 40, 0x0C };
    begin_with(FRAMING_RAW, 32);
    take(&line, span_of(big, sizeof big));
    hears("0216");
    assert_int_equal(line.count, 1);
    frame_is(0, "0216");
    counts_are(1, 0, 1);
}

static void a_frame_of_65535_octets_is_noise_until_silence(void **state)
{
    (void)state;
    begin_with(FRAMING_RAW, MAX);
    hears("01ffff0c 0216 0216");
    counts_are(0, 0, 1);
    assert_true(line_reader_waits(&line.reader));
    a_good_frame_is_taken_behind_it(FRAMING_RAW);
}

static void silence_between_frames_means_nothing(void **state)
{
    (void)state;
    begin_with(FRAMING_RAW, MAX);
    hears("0216");
    assert_false(line_reader_waits(&line.reader));
    line_reader_idle(&line.reader);
    counts_are(1, 0, 0);
}

static void a_length_of_0_is_damage_at_once(void **state)
{
    (void)state;
    begin_with(FRAMING_RAW, MAX);
    hears("00");
    counts_are(0, 1, 0);
}

/* ---- SLIP ------------------------------------------------------------------------------------------------------- */

static void silence_in_a_slip_frame_means_nothing(void **state)
{
    (void)state;
    begin_with(FRAMING_SLIP, MAX);
    hears("c002");
    assert_false(line_reader_waits(&line.reader));
    line_reader_idle(&line.reader);
    hears("16c0");
    assert_int_equal(line.count, 1);
    counts_are(1, 0, 0);
}

static void an_escape_that_is_none_spoils_the_frame(void **state)
{
    (void)state;
    begin_with(FRAMING_SLIP, MAX);
    hears("c0 0318 db41 05 c0 0216 c0");
    assert_int_equal(line.count, 1);
    frame_is(0, "0216");
    counts_are(1, 1, 0);
}

static void a_slip_frame_whose_length_is_not_its_own_is_damage(void **state)
{
    (void)state;
    begin_with(FRAMING_SLIP, MAX);
    hears("c0 0316 c0 021600 c0 01 c0 04fe01aa c0");
    assert_int_equal(line.count, 0);
    counts_are(0, 4, 0);
}

static void an_oversize_slip_frame_is_counted_as_that(void **state)
{
    (void)state;
    begin_with(FRAMING_SLIP, 4);
    hears("c0 050c000000 c0 090c00000000000000 c0 0216 c0");
    assert_int_equal(line.count, 1);
    counts_are(1, 0, 2);
}

static void slip_with_a_crc_alone_is_damage(void **state)
{
    (void)state;
    begin_with(FRAMING_SLIP_CRC16, MAX);
    hears("c0 00 c0 0000 c0");
    counts_are(0, 2, 0);
}

/* ---- causes ----------------------------------------------------------------------------------------------------- */

static void cause_is(enum config_framing framing, const char *hex, const char *part)
{
    uint8_t room[64];
    const char *cause = line_cause(framing, hex_bytes(hex, room, sizeof room));
    if (!strstr(cause, part))
        fail_msg("%s: \"%s\" does not say \"%s\"", hex, cause, part);
}

static void the_likely_cause_of_nonsense_is_named(void **state)
{
    (void)state;
    cause_is(FRAMING_RAW, "c00216c0", "framing slip");
    cause_is(FRAMING_SLIP, "02160216", "framing raw");
    cause_is(FRAMING_SLIP, "c0021662d9c0", "slip-crc16");
    cause_is(FRAMING_RAW, "7e0011900013a200", "xbee");
    cause_is(FRAMING_SLIP, "626f6f74696e672e2e2e0d0a", "text");
    cause_is(FRAMING_RAW, "f8e080f8", "speed");
    cause_is(FRAMING_RAW, "", "speed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_forwarded_message_is_one_frame_with_its_header),
        cmocka_unit_test(headers_behind_headers_are_one_frame_with_the_message),
        cmocka_unit_test(headers_without_end_are_damage),
        cmocka_unit_test(a_long_form_shorter_than_itself_is_damage),
        cmocka_unit_test(what_follows_an_oversize_frame_at_once_is_not_lost),
        cmocka_unit_test(a_frame_of_65535_octets_is_noise_until_silence),
        cmocka_unit_test(silence_between_frames_means_nothing),
        cmocka_unit_test(a_length_of_0_is_damage_at_once),
        cmocka_unit_test(an_escape_that_is_none_spoils_the_frame),
        cmocka_unit_test(silence_in_a_slip_frame_means_nothing),
        cmocka_unit_test(a_slip_frame_whose_length_is_not_its_own_is_damage),
        cmocka_unit_test(an_oversize_slip_frame_is_counted_as_that),
        cmocka_unit_test(slip_with_a_crc_alone_is_damage),
        cmocka_unit_test(the_likely_cause_of_nonsense_is_named),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return vectors_run(&rows, "serial", the_row_holds) || failed;
}
