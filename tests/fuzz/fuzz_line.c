/* fuzz_line.c -- any bytes from a serial line in each framing: every frame frames back, and a good one is always found.
 *
 * The first octet says how the rest is cut into reads. The same bytes give the same frames however they are cut. */
#include "tests/fuzz/fuzz.h"

#include "radio/line_frame.h"

enum { MAX = 300 };

struct seen {
    struct line_reader reader;
    uint8_t held[MAX + 2];
    uint32_t frames;
    uint32_t digest; /* of all frames in order */
};

static void frames_back(enum config_framing framing, struct span frame)
{
    static uint8_t room[2 * (MAX + 2) + 2], held[MAX + 2];
    struct writer w = writer_of(room, sizeof room);
    struct line_reader again;
    struct span out, back;
    line_write(framing, frame, &w);
    fuzz_require(!w.failed && sizeof room - w.left <= line_room(framing, frame.len));
    out = span_of(room, sizeof room - w.left);
    line_reader_init(&again, framing, held, MAX);
    fuzz_require(line_reader_next(&again, &out, &back) && span_equal(back, frame));
    fuzz_require(out.len == 0 && !line_reader_waits(&again));
}

static void take(struct seen *s, struct span piece)
{
    struct span frame;
    while (line_reader_next(&s->reader, &piece, &frame)) {
        fuzz_require(frame.len > 0 && frame.len <= MAX);
        frames_back(s->reader.framing, frame);
        s->frames++;
        s->digest = s->digest * 31 + line_crc(frame) + (uint32_t)frame.len;
    }
    fuzz_require(piece.len == 0);
}

static void a_good_frame_is_found(struct seen *s)
{
    uint8_t room[32];
    struct writer w = writer_of(room, sizeof room);
    const uint32_t before = s->frames;
    line_reader_idle(&s->reader);
    if (s->reader.framing != FRAMING_RAW)
        take(s, span_of("\xC0", 1)); /* what was open may end here, as a frame or not */
    const uint32_t between = s->frames;
    line_write(s->reader.framing, span_of("\x03\x05\x03", 3), &w);
    take(s, span_of(room, sizeof room - w.left));
    fuzz_require(s->frames == between + 1 && between <= before + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct seen whole, cut;
    const struct span all = span_of(bytes, len);
    const size_t step = len > 0 ? bytes[0] % 16u + 1u : 1;
    for (enum config_framing framing = FRAMING_RAW; framing <= FRAMING_SLIP_CRC16; framing++) {
        whole = cut = (struct seen){ .frames = 0 };
        line_reader_init(&whole.reader, framing, whole.held, MAX);
        line_reader_init(&cut.reader, framing, cut.held, MAX);
        take(&whole, all);
        for (struct span rest = all; rest.len > 0;) {
            const size_t n = step < rest.len ? step : rest.len;
            take(&cut, span_of(rest.at, n));
            rest = span_from(rest, n);
        }
        fuzz_require(whole.frames == cut.frames && whole.digest == cut.digest);
        fuzz_require(line_reader_damaged(&whole.reader) == line_reader_damaged(&cut.reader));
        fuzz_require(line_cause(framing, all) != NULL);
        a_good_frame_is_found(&whole);
    }
    return 0;
}
