/* fuzz_xbee.c -- any bytes as what an XBee sends, in either dialect and any split.
 *
 * The first octet chooses the dialect and the length of the pieces. Whatever is decoded goes back to the same bytes
 * and the same frame, a split changes nothing, and after a silence the next good frame comes through. */
#include "tests/fuzz/fuzz.h"

#include "radio/xbee_frame.h"

static void same(const struct xbee_frame *a, const struct xbee_frame *b)
{
    fuzz_require(a->type == b->type && a->id == b->id && a->eui64 == b->eui64 && a->nwk == b->nwk);
    fuzz_require(a->source_endpoint == b->source_endpoint && a->endpoint == b->endpoint);
    fuzz_require(a->cluster == b->cluster && a->profile == b->profile && a->radius == b->radius);
    fuzz_require(a->options == b->options && a->command == b->command && a->status == b->status);
    fuzz_require(a->retries == b->retries && a->discovery == b->discovery);
    fuzz_require(span_equal(a->data, b->data));
}

static void writes_back(const struct xbee_frame *f, enum xbee_mode mode)
{
    static uint8_t room[XBEE_WIRE_MAX];
    static struct xbee_reader again;
    struct xbee_frame back;
    struct writer w = writer_of(room, sizeof room);
    xbee_frame_write(&w, mode, f);
    fuzz_require(!w.failed);
    struct reader in = reader_of(span_of(room, sizeof room - w.left));
    xbee_reader_init(&again, mode);
    fuzz_require(xbee_reader_next(&again, &in, &back) && in.left == 0);
    same(f, &back);
}

/* Sums up what came, so that two splits can be compared. */
static uint64_t hear(struct xbee_reader *r, struct span piece, uint64_t sum)
{
    struct reader in = reader_of(piece);
    struct xbee_frame f;
    while (xbee_reader_next(r, &in, &f)) {
        if (xbee_type_name(f.type))
            writes_back(&f, r->mode);
        sum = sum * 31 + f.type;
        for (size_t i = 0; i < f.data.len; i++)
            sum = sum * 31 + f.data.at[i];
    }
    fuzz_require(in.left == 0);
    return sum;
}

static uint64_t hear_in_pieces(struct xbee_reader *r, struct span all, size_t piece)
{
    uint64_t sum = 0;
    while (all.len > 0) {
        const size_t n = piece > 0 && piece < all.len ? piece : all.len;
        sum = hear(r, span_of(all.at, n), sum);
        all = span_from(all, n);
    }
    return sum;
}

static void takes_a_good_frame(struct xbee_reader *r)
{
    static const uint8_t good[] = { 0x7E, 0x00, 0x02, 0x8A, 0x06, 0x6F };
    struct reader in = reader_of(span_of(good, sizeof good));
    struct xbee_frame f;
    xbee_reader_silence(r);
    hear(r, span_of(NULL, 0), 0);
    fuzz_require(!xbee_reader_is_inside(r));
    fuzz_require(xbee_reader_next(r, &in, &f) && f.type == XBEE_MODEM_STATUS && f.status == 6);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct xbee_reader whole, split;
    if (len == 0)
        return 0;
    const struct span all = span_of(bytes + 1, len - 1);
    const enum xbee_mode mode = bytes[0] & 1 ? XBEE_ESCAPED : XBEE_PLAIN;
    xbee_reader_init(&whole, mode);
    xbee_reader_init(&split, mode);
    const uint64_t sum = hear_in_pieces(&whole, all, 0);
    fuzz_require(hear_in_pieces(&split, all, 1 + (bytes[0] >> 1) % 64) == sum);
    fuzz_require(whole.damaged == split.damaged && whole.len == split.len);
    takes_a_good_frame(&whole);
    return 0;
}
