/* ash_frame_test.c -- every row of the vector file is a test of its own, named by its id; here its ASH half.
 *
 * Each row is fed whole, octet by octet, and cut at each place. Good rows decode to what they name and encode back to
 * the same octets; bad ones yield nothing, and the frame behind them is not lost. What the DATA frames carry is
 * ezsp_frame_test's. */
#include "radio/ash_frame.h"

#include "tests/radio/zigbee_vectors.h"

static struct vectors rows;

/* What came out of a stream. */
struct yield {
    struct ash_reader reader;
    struct ash_frame last;
    uint8_t data[ASH_DATA_MAX];
    size_t frames;
};

static void take(void *context, struct span piece)
{
    struct yield *y = context;
    struct reader r = reader_of(piece);
    struct ash_frame f;
    for (enum ash_read came; (came = ash_frame_read(&y->reader, &r, &f)) != ASH_READ_MORE;) {
        if (came != ASH_READ_FRAME)
            continue;
        assert_true(f.data.len <= sizeof y->data);
        y->frames++;
        y->last = f;
        if (f.data.len > 0)
            memcpy(y->data, f.data.at, f.data.len);
        y->last.data.at = y->data;
    }
}

/* The row ends a stream, and a frame that is surely good comes behind it. */
static void a_good_frame_behind_is_taken(struct yield *y)
{
    static const uint8_t ack[] = { 0x81, 0x60, 0x59, 0x7E };
    size_t before = y->frames;
    take(y, span_of(ack, sizeof ack));
    assert_int_equal(y->frames, before + 1);
    assert_int_equal(y->last.kind, ASH_ACK);
    assert_int_equal(y->last.ack, 1);
}

static void decodes_as_named(const struct vector_row *row, const struct ash_frame *f)
{
    uint8_t room[ASH_DATA_MAX];
    assert_true(vector_is(row, "ash", ash_frame_name(f->kind)));
    if (vector_has(row, "version") && vector_has(row, "code")) {
        assert_int_equal(f->version, vector_number(row, "version", 16));
        assert_int_equal(f->code, vector_number(row, "code", 16));
    }
    if (vector_has(row, "nrdy")) {
        assert_int_equal(f->ack, vector_number(row, "ack", 10));
        assert_int_equal(f->not_ready, vector_number(row, "nrdy", 10));
    }
    if (f->kind != ASH_DATA)
        return;
    assert_int_equal(f->number, vector_number(row, "frm", 10));
    assert_int_equal(f->ack, vector_number(row, "ack", 10));
    assert_int_equal(f->retransmitted, vector_number(row, "retx", 10));
    assert_true(span_equal(f->data, vector_octets(row, "ezsp", room, sizeof room)));
}

/* A cancel octet in front of an answer is the sender's choice; ours writes it in front of RST only. */
static void encodes_back(const struct vector_row *row, const struct ash_frame *f)
{
    uint8_t wire[ASH_WIRE_MAX];
    struct writer w = writer_of(wire, sizeof wire);
    struct span want = row->bytes;
    ash_frame_write(f, &w);
    assert_false(w.failed);
    if (want.at[0] == ASH_CANCEL && f->kind != ASH_RST)
        want = span_from(want, 1);
    assert_int_equal(want.len, sizeof wire - w.left);
    assert_memory_equal(want.at, wire, want.len);
}

/* The row whose frame must come out: itself, another one, or NULL for none. */
static const struct vector_row *wanted(const struct vector_row *row)
{
    if (row->expect == VECTOR_OK)
        return row;
    if (row->expect == VECTOR_RESYNC)
        return vector_find(&rows, row->other);
    if (row->expect == VECTOR_SPECIAL) {
        assert_true(strcmp(row->id, "ezsp-906") == 0 || strcmp(row->id, "ezsp-909") == 0);
        return vector_find(&rows, "ezsp-031");
    }
    return NULL;
}

static void the_row_holds(void **state)
{
    const struct vector_row *row = *state, *want = wanted(row);
    size_t split = VECTOR_WHOLE;
    do {
        struct yield y = { 0 };
        vector_feed(row->bytes, split, take, &y);
        assert_int_equal(y.frames, want ? 1 : 0);
        assert_int_equal(y.reader.good, y.frames);
        if (row->expect == VECTOR_REJECT)
            assert_int_equal(y.reader.damaged, 1);
        if (want)
            decodes_as_named(want, &y.last);
        if (row->expect == VECTOR_OK)
            encodes_back(row, &y.last);
        a_good_frame_behind_is_taken(&y);
    } while (vector_next_split(row->bytes, &split));
}

/* ---- what no row shows ----------------------------------------------------------------------------------------- */

static void nothing_up_to_the_flag_counts_behind_a_substitute_octet(void **state)
{
    (void)state;
    static const char *const streams[] = { "\x18\x81\x60\x59\x7e", "\x81\x60\x59\x18\x7e" };
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        struct yield y = { 0 };
        take(&y, span_text(streams[i]));
        assert_int_equal(y.frames, 0);
        assert_int_equal(y.reader.damaged, 1);
        a_good_frame_behind_is_taken(&y);
    }
}

static void data_of_fewer_than_3_octets_is_no_frame(void **state)
{
    (void)state;
    for (size_t len = 0; len <= ASH_DATA_MIN; len++) {
        uint8_t wire[ASH_WIRE_MAX];
        struct writer w = writer_of(wire, sizeof wire);
        struct yield y = { 0 };
        ash_frame_write(&(struct ash_frame){ ASH_DATA, .data = span_of("abc", len) }, &w);
        take(&y, span_of(wire, sizeof wire - w.left));
        assert_int_equal(y.frames, len == ASH_DATA_MIN);
    }
}

static void the_longest_frame_comes_through_with_every_octet_escaped(void **state)
{
    (void)state;
    uint8_t data[ASH_DATA_MAX], wire[ASH_WIRE_MAX];
    struct yield y = { 0 };
    uint8_t mix = 0x42; /* so that all of it is 7E on the line */
    for (size_t i = 0; i < sizeof data; i++, mix = (uint8_t)(mix & 1 ? mix >> 1 ^ 0xB8 : mix >> 1))
        data[i] = mix ^ ASH_FLAG;
    struct writer w = writer_of(wire, sizeof wire);
    ash_frame_write(&(struct ash_frame){ ASH_DATA, .data = span_of(data, sizeof data) }, &w);
    assert_false(w.failed);
    assert_true(sizeof wire - w.left > 2 * sizeof data);
    take(&y, span_of(wire, sizeof wire - w.left));
    assert_int_equal(y.frames, 1);
    assert_true(span_equal(y.last.data, span_of(data, sizeof data)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_up_to_the_flag_counts_behind_a_substitute_octet),
        cmocka_unit_test(data_of_fewer_than_3_octets_is_no_frame),
        cmocka_unit_test(the_longest_frame_comes_through_with_every_octet_escaped),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return vectors_run(&rows, "ezsp", the_row_holds) || failed;
}
