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

int main(void)
{
    return vectors_run(&rows, "ezsp", the_row_holds);
}
