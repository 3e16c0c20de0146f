/* fuzz_ash.c -- any octets, in any split, as a stream of ASH frames, and as what the two ends of a link hear.
 *
 * The first octet says where the stream is cut. Frames that decode, encode to something that decodes to the same; the
 * cut changes nothing; and a good frame behind a flag is never lost. */
#include "tests/fuzz/fuzz.h"

#include "radio/ash.h"

enum { STEP_MAX = 16 };

struct sum {
    uint32_t good, damaged, mixed;
};

static void same_again(const struct ash_frame *f)
{
    uint8_t wire[ASH_WIRE_MAX];
    struct ash_reader reader = { 0 };
    struct ash_frame back;
    struct writer w = writer_of(wire, sizeof wire);
    ash_frame_write(f, &w);
    fuzz_require(!w.failed);
    struct reader r = reader_of(span_of(wire, sizeof wire - w.left));
    fuzz_require(ash_frame_read(&reader, &r, &back) == ASH_READ_FRAME && r.left == 0);
    fuzz_require(back.kind == f->kind && back.number == f->number && back.ack == f->ack);
    fuzz_require(back.retransmitted == f->retransmitted && back.not_ready == f->not_ready);
    fuzz_require(back.version == f->version && back.code == f->code);
    fuzz_require(span_equal(back.data, f->data));
}

static void take(struct ash_reader *reader, struct span piece, struct sum *s)
{
    struct reader r = reader_of(piece);
    struct ash_frame f;
    for (enum ash_read came; (came = ash_frame_read(reader, &r, &f)) != ASH_READ_MORE;) {
        s->good += came == ASH_READ_FRAME;
        s->damaged += came == ASH_READ_DAMAGED;
        if (came != ASH_READ_FRAME)
            continue;
        s->mixed = s->mixed * 31 + f.kind * 8u + f.number + (uint32_t)f.data.len;
        same_again(&f);
    }
}

static struct sum read_all(struct ash_reader *reader, struct span stream, size_t step)
{
    struct sum s = { 0 };
    while (stream.len > 0) {
        size_t n = step < stream.len ? step : stream.len;
        take(reader, span_of(stream.at, n), &s);
        stream = span_from(stream, n);
    }
    return s;
}

static void a_good_frame_comes_through(struct ash_reader *reader)
{
    static const uint8_t ack[] = { ASH_FLAG, 0x81, 0x60, 0x59, ASH_FLAG };
    struct sum s = { 0 };
    take(reader, span_of(ack, sizeof ack), &s);
    fuzz_require(s.good >= 1);
}

/* ---- the link -------------------------------------------------------------------------------------------------- */

static void on_write(void *context, struct span wire)
{
    (void)context;
    fuzz_require(wire.len > 0 && wire.len <= ASH_WIRE_MAX);
}

static void on_deliver(void *context, struct span data, msec now)
{
    struct ash *a = context;
    fuzz_require(data.len >= ASH_DATA_MIN && data.len <= ASH_DATA_MAX);
    if (ash_room(a) > 0)
        fuzz_require(ash_send(a, data, now));
}

static void on_connected(void *context, uint8_t code, msec now)
{
    struct ash *a = context;
    (void)code, (void)now;
    fuzz_require(a->state == ASH_CONNECTED && a->under_way == 0);
}

static void on_failed(void *context, enum ash_failure how, uint8_t code, msec now)
{
    struct ash *a = context;
    (void)how, (void)code, (void)now;
    fuzz_require(a->state == ASH_DEAD);
}

static void links_survive(struct span stream, size_t step)
{
    static const struct ash_events events = { on_write, on_deliver, on_connected, on_failed };
    for (int role = ASH_HOST; role <= ASH_NCP; role++) {
        struct ash a;
        msec now = 1000;
        ash_init(&a, (enum ash_role)role, &events, &a);
        a.window = (uint8_t)(1 + step % ASH_WINDOW_MAX);
        if (role == ASH_HOST)
            ash_reset(&a, now);
        else
            ash_announce(&a, ASH_RESET_POWER);
        for (size_t at = 0; at < stream.len; at += step) {
            size_t n = stream.len - at < step ? stream.len - at : step;
            ash_hear(&a, span_of(stream.at + at, n), now);
            now += 300;
            ash_tick(&a, now);
            fuzz_require(ash_deadline(&a) > now);
            fuzz_require(a.under_way <= a.queued && a.queued < ASH_QUEUE && a.under_way <= a.window);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct ash_reader whole = { 0 }, cut = { 0 };
    if (len < 1)
        return 0;
    size_t step = 1u + bytes[0] % STEP_MAX;
    struct span stream = span_of(bytes + 1, len - 1);
    struct sum a = read_all(&whole, stream, stream.len), b = read_all(&cut, stream, step);
    fuzz_require(a.good == b.good && a.damaged == b.damaged && a.mixed == b.mixed);
    a_good_frame_comes_through(&cut);
    links_survive(stream, step);
    return 0;
}
