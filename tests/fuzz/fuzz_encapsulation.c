/* fuzz_encapsulation.c -- any bytes as a forwarder frame: peeled down to the message, and wrapped again. */
#include "tests/fuzz/fuzz.h"

#include "mqttsn/encapsulation.h"

static void wraps_back(struct span frame, const struct encapsulation *e)
{
    static uint8_t room[65536];
    struct writer w = writer_of(room, sizeof room);
    struct encapsulation again;
    fuzz_require(encapsulation_wrap(e->radius, e->node, &w) == MQTTSN_OK);
    write_span(&w, e->message);
    fuzz_require(!w.failed);
    struct span back = span_of(room, sizeof room - w.left);
    room[2] |= frame.at[2] & 0xFC; /* reserved bits are not written */
    fuzz_require(span_equal(back, frame));
    fuzz_require(encapsulation_peel(back, &again) == MQTTSN_OK && again.radius == e->radius);
    fuzz_require(span_equal(again.node, e->node) && span_equal(again.message, e->message));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct span frame = span_of(bytes, len);
    struct encapsulation e;
    while (frame.len <= 65535 && encapsulation_peel(frame, &e) == MQTTSN_OK) {
        fuzz_require(encapsulation_is(frame) && e.message.len < frame.len);
        wraps_back(frame, &e);
        frame = e.message;
    }
    struct mqttsn_message m;
    fuzz_require(!encapsulation_is(frame) || mqttsn_decode(frame, &m) != MQTTSN_OK);
    return 0;
}
