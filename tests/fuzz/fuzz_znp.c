/* fuzz_znp.c -- any bytes, in any split, as a stream of MT frames.
 *
 * The first octet of an input chooses how the rest is cut. Whatever comes out encodes back to itself; where the cuts
 * are makes no difference; and after whatever it was and a silence, a good frame is taken. */
#include "tests/fuzz/fuzz.h"

#include "radio/znp_message.h"

struct tally {
    uint32_t frames, sum;
};

static void message_encodes_back(const struct znp_frame *f, struct span bytes)
{
    uint8_t room[ZNP_FRAME_MAX];
    struct writer w = writer_of(room, sizeof room);
    struct znp_message m;
    if (znp_decode(f, &m) != ZNP_OK)
        return;
    znp_encode(&m, &w);
    fuzz_require(!w.failed && span_equal(span_of(room, sizeof room - w.left), bytes));
}

static void frame_encodes_back(const struct znp_frame *f, struct tally *t)
{
    uint8_t room[ZNP_FRAME_MAX];
    struct writer w = writer_of(room, sizeof room);
    znp_write_frame(f, &w);
    fuzz_require(!w.failed);
    struct span bytes = span_of(room, sizeof room - w.left);
    message_encodes_back(f, bytes);
    t->frames++;
    for (size_t i = 0; i < bytes.len; i++)
        t->sum = t->sum * 31 + bytes.at[i];
}

static void drain(struct znp_reader *r, struct tally *t)
{
    struct znp_frame f;
    while (znp_reader_next(r, &f))
        frame_encodes_back(&f, t);
}

static void feed(struct znp_reader *r, struct span piece, struct tally *t)
{
    while (piece.len > 0) {
        piece = znp_reader_feed(r, piece);
        drain(r, t);
    }
}

/* All of it, cut into pieces of `size`, then silence. */
static struct tally listen(struct znp_reader *r, struct span all, size_t size)
{
    struct tally t = { 0 };
    while (all.len > 0) {
        size_t n = all.len < size ? all.len : size;
        feed(r, span_of(all.at, n), &t);
        all = span_from(all, n);
    }
    znp_reader_idle(r);
    drain(r, &t);
    fuzz_require(!znp_reader_holds(r));
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const uint8_t good[] = { 0xFE, 0x02, 0x61, 0x01, 0x59, 0x06, 0x3D };
    if (len == 0)
        return 0;
    struct span all = span_of(bytes + 1, len - 1);
    struct znp_reader cut = { 0 }, whole = { 0 };
    struct tally a = listen(&cut, all, bytes[0] % 64 + 1u);
    struct tally b = listen(&whole, all, all.len + 1);
    fuzz_require(a.frames == b.frames && a.sum == b.sum);
    struct tally c = listen(&cut, span_of(good, sizeof good), sizeof good);
    fuzz_require(c.frames == 1);
    return 0;
}
