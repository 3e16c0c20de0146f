/* fuzz_deconz.c -- any bytes from a deCONZ stick, in any split: what decodes encodes back, a good frame is found. */
#include "tests/fuzz/fuzz.h"

#include "radio/deconz_frame.h"

enum { ROOM = 2 * DECONZ_FRAME_MAX + 2 };

struct seen {
    struct deconz_reader reader;
    uint32_t frames, digest;
};

static void request_is_written_back(struct span body)
{
    uint8_t room[DECONZ_FRAME_MAX];
    struct writer w = writer_of(room, sizeof room);
    struct deconz_request q;
    if (!deconz_read_request(body, &q))
        return;
    deconz_write_request(&q, &w);
    fuzz_require(!w.failed && span_equal(span_of(room, sizeof room - w.left), body));
}

static void confirm_is_written_back(struct span body)
{
    uint8_t room[DECONZ_FRAME_MAX];
    struct writer w = writer_of(room, sizeof room);
    struct deconz_confirm c;
    if (!deconz_read_confirm(body, &c))
        return;
    deconz_write_confirm(&c, &w);
    fuzz_require(!w.failed && span_equal(span_of(room, sizeof room - w.left), body));
}

/* The two octets in front of the link quality are not kept. */
static void indication_is_written_back(struct span body)
{
    uint8_t room[DECONZ_FRAME_MAX];
    struct writer w = writer_of(room, sizeof room);
    struct deconz_indication i, again;
    if (!deconz_read_indication(body, &i))
        return;
    deconz_write_indication(&i, &w);
    fuzz_require(!w.failed && sizeof room - w.left == body.len);
    fuzz_require(deconz_read_indication(span_of(room, body.len), &again));
    fuzz_require(span_equal(again.data, i.data) && span_equal(again.spare, i.spare));
    fuzz_require(again.lqi == i.lqi && again.from.eui64 == i.from.eui64);
}

static void every_body_is_tried(const struct deconz_frame *f)
{
    struct deconz_value v;
    struct deconz_address from;
    uint32_t version;
    uint8_t state, id;
    request_is_written_back(f->body);
    confirm_is_written_back(f->body);
    indication_is_written_back(f->body);
    if (deconz_read_value(f->body, &v))
        fuzz_require(v.value.len + 3 == f->body.len);
    if (deconz_read_version(f->body, &version))
        fuzz_require(deconz_platform(version) != NULL);
    if (deconz_read_queued(f->body, &state, &id))
        fuzz_require(f->body.len >= 4);
    (void)deconz_read_poll(f->body, &from);
    (void)deconz_read_state(f, &state);
}

static void take(struct seen *s, struct span piece)
{
    struct deconz_frame f, back;
    while (deconz_next(&s->reader, &piece, &f)) {
        static struct deconz_reader again;
        uint8_t room[ROOM];
        struct writer w = writer_of(room, sizeof room);
        deconz_write(&f, &w);
        fuzz_require(!w.failed);
        struct span out = span_of(room, sizeof room - w.left);
        deconz_reader_init(&again);
        fuzz_require(deconz_next(&again, &out, &back) && out.len == 0);
        fuzz_require(back.command == f.command && back.sequence == f.sequence &&
                     back.status == f.status && span_equal(back.body, f.body));
        every_body_is_tried(&f);
        s->frames++;
        s->digest = s->digest * 31 + f.command + (uint32_t)f.body.len;
    }
    fuzz_require(piece.len == 0);
}

static void a_good_frame_is_found(struct seen *s)
{
    static const uint8_t good[] = { 0xC0, 0x07, 0x0E, 0, 8, 0, 0x2A, 0, 0, 0xB9, 0xFF, 0xC0 };
    take(s, span_of(good, 1)); /* what was open may end here */
    const uint32_t before = s->frames;
    take(s, span_of(good, sizeof good));
    fuzz_require(s->frames == before + 1);
}

/* The first octet says how the rest is cut into reads; the bodies are tried on the bare input, too. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct seen whole, cut;
    const struct span all = span_of(bytes, len);
    const size_t step = len > 0 ? bytes[0] % 16u + 1u : 1;
    whole = cut = (struct seen){ .frames = 0 };
    deconz_reader_init(&whole.reader);
    deconz_reader_init(&cut.reader);
    take(&whole, all);
    for (struct span rest = all; rest.len > 0;) {
        const size_t n = step < rest.len ? step : rest.len;
        take(&cut, span_of(rest.at, n));
        rest = span_from(rest, n);
    }
    fuzz_require(whole.frames == cut.frames && whole.digest == cut.digest);
    fuzz_require(deconz_damaged(&whole.reader) == deconz_damaged(&cut.reader));
    a_good_frame_is_found(&whole);
    if (len <= DECONZ_FRAME_MAX)
        every_body_is_tried(&(struct deconz_frame){ DECONZ_STATE, 0, 0, all });
    return 0;
}
