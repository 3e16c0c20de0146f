/* line_frame.h -- MQTT-SN frames on a serial line without ZigBee.
 *
 * Pure. Three framings: a message's own Length ends it (raw); SLIP; SLIP with CRC-16/XMODEM behind the message, low
 * octet first. A frame is one message, or a forwarder's header with the message that follows it (MQTT-SN 1.2, section
 * 5.5): the Length of the header covers the header alone.
 *
 * A raw line that lost its place has only silence to find it again; whoever has a clock tells of it. */
#pragma once

#include "config/config.h"
#include "radio/slip.h"

enum { LINE_IDLE_MS = 100 }; /* this long a silence ends whatever had begun */

struct line_reader {
    enum config_framing framing;
    struct slip_reader slip; /* raw: its block and what is held in it */
    size_t max;              /* octets of the longest frame */
    size_t skip;             /* raw: octets to throw away; SIZE_MAX: all until there is silence */
    uint32_t good, damaged, oversize; /* frames; those that SLIP refused are counted there */
};

/* Octets that the reader needs for frames of up to `max`. */
static inline size_t line_reader_room(size_t max)
{
    return max + 2; /* the CRC */
}

/* `held` has line_reader_room(max) octets and outlives the reader. */
void line_reader_init(struct line_reader *r, enum config_framing framing, uint8_t *held, size_t max);

/* Takes octets off the front of *bytes until a frame ends. False: they are used up. *frame lives until the next
 * call. */
MUST_CHECK bool line_reader_next(struct line_reader *r, struct span *bytes, struct span *frame);

/* Frames that came to nothing so far. */
uint32_t line_reader_damaged(const struct line_reader *r);
uint32_t line_reader_oversize(const struct line_reader *r);

/* Does it wait for silence, or for the rest of a frame that silence would end? */
bool line_reader_waits(const struct line_reader *r);
/* The line was silent for LINE_IDLE_MS. */
void line_reader_idle(struct line_reader *r);

/* Octets that a frame of `len` takes on the line at most. */
size_t line_room(enum config_framing framing, size_t len);
/* One whole frame, framed. */
void line_write(enum config_framing framing, struct span frame, struct writer *w);

/* CRC-16/XMODEM: polynomial 0x1021, from 0, highest bit first. */
uint16_t line_crc(struct span bytes);

/* Nothing of what came made a frame, and this is how it began: the likely cause, in words. */
const char *line_cause(enum config_framing framing, struct span heard);
