/* slip.h -- frames on a byte stream as RFC 1055 has them: END between them, both special octets escaped.
 *
 * Pure. The reader takes any split of the stream and gives the frames one by one, without END and escapes. An escape
 * that is none, an escape right before END and a frame that does not fit its room are damage: counted, and everything
 * up to the next END goes with it. Nothing else does, so a good frame behind a damaged one is always found. */
#pragma once

#include "mqtt/bytes.h"

enum { SLIP_END = 0xC0, SLIP_ESC = 0xDB, SLIP_ESC_END = 0xDC, SLIP_ESC_ESC = 0xDD };

struct slip_reader {
    uint8_t *held; /* the caller's; the frame so far */
    size_t room, len;
    bool escaped;               /* the octet before was ESC */
    bool spoilt;                /* this frame is damaged: wait for END */
    bool too_large;             /* it does not fit: likewise */
    uint32_t damaged, oversize; /* frames */
};

/* Octets that a frame of `len` takes at most, with an END at each side. */
static inline size_t slip_room(size_t len)
{
    return 2 * len + 2;
}

/* `room` octets at `held` are the longest frame; they must outlive the reader. */
void slip_reader_init(struct slip_reader *r, uint8_t *held, size_t room);

/* Takes octets off the front of *bytes until a frame ends. False: they are used up. *frame is never empty and lives
 * until the next call. */
MUST_CHECK bool slip_next(struct slip_reader *r, struct span *bytes, struct span *frame);

/* A frame in pieces: begin, any number of spans, end. */
void slip_write_begin(struct writer *w);
void slip_write_span(struct writer *w, struct span bytes);
void slip_write_end(struct writer *w);
