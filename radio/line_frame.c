/* line_frame.c -- where an MQTT-SN frame begins and ends on a serial line.
 *
 * Raw framing trusts the Length of each message, so a single lost octet puts everything behind it out of step. What
 * cannot be the beginning of a message (Length 0, a long form shorter than itself) is noticed at once; the rest shows
 * as a frame that never ends. In both cases the line is deaf until its sender pauses, and whoever sends such frames
 * pauses, because it waits for an answer. A frame that is only too large is counted through, and nothing behind it is
 * lost.
 *
 * SLIP knows its own borders, and its frames are checked against the Length inside all the same: it has no other check
 * sum. Not a word of the messages is read beyond their Length and the one type octet that says "a header, and what it
 * belongs to follows". */
#include "radio/line_frame.h"

enum {
    LONG_MARK = 1, /* the Length is in the two octets that follow */
    LONG_LEAST = 4,
    FORWARDED = 0xFE,
    CRC_LEN = 2,
    HARMLESS_SKIP = 4096, /* a longer frame than this is no frame but noise */
};

#define UNTIL_SILENCE SIZE_MAX
#define NO_FRAME SIZE_MAX

uint16_t line_crc(struct span bytes)
{
    enum { POLYNOMIAL = 0x1021, TOP = 0x8000 };
    uint16_t crc = 0;
    struct reader r = reader_of(bytes);
    while (r.left > 0) {
        crc = (uint16_t)(crc ^ read_u8(&r) << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & TOP ? crc << 1 ^ POLYNOMIAL : crc << 1);
    }
    return crc;
}

/* ---- the Length, and what follows a forwarder's header ---------------------------------------------------------- */

/* Octets of the message at the reader, whose first octets are held; 0: more of them are needed; NO_FRAME: it is none.
 * *header: it is a forwarder's header, and a message must follow it. */
static size_t one_length(struct reader r, bool *header)
{
    const uint8_t first = read_u8(&r);
    *header = false;
    if (!r.failed && first == 0)
        return NO_FRAME;
    if (first == LONG_MARK) {
        const uint16_t len = read_u16(&r);
        return r.failed ? 0 : len < LONG_LEAST ? NO_FRAME : len;
    }
    *header = read_u8(&r) == FORWARDED;
    return r.failed ? 0 : first;
}

/* Octets of the whole frame that begins with `held`; NO_FRAME: none does; 0: more of it is needed to tell. */
static size_t frame_length(struct span held)
{
    size_t at = 0;
    for (bool header = true; header;) {
        const size_t len = one_length(reader_of(span_from(held, at)), &header);
        if (len == 0 || len == NO_FRAME)
            return len;
        at += len;
        if (header && at >= held.len)
            return 0;
    }
    return at;
}

/* ---- raw -------------------------------------------------------------------------------------------------------- */

static struct span held_so_far(const struct line_reader *r)
{
    return span_of(r->slip.held, r->slip.len);
}

/* Nothing up to the next silence makes sense any more. */
static void lose_place(struct line_reader *r)
{
    r->damaged++;
    r->slip.len = 0;
    r->skip = UNTIL_SILENCE;
}

static void too_large(struct line_reader *r, size_t len)
{
    r->oversize++;
    r->skip = len <= HARMLESS_SKIP ? len - r->slip.len : UNTIL_SILENCE;
    r->slip.len = 0;
}

static void skip(struct line_reader *r, struct reader *in)
{
    const size_t n = r->skip < in->left ? r->skip : in->left;
    reader_take(in, n);
    if (r->skip != UNTIL_SILENCE)
        r->skip -= n;
}

/* Takes one octet. True: it was the last one of a frame. */
static bool hold(struct line_reader *r, uint8_t octet)
{
    if (r->slip.len == r->max) { /* headers behind headers, and no message */
        lose_place(r);
        return false;
    }
    r->slip.held[r->slip.len++] = octet;
    const size_t len = frame_length(held_so_far(r));
    if (len == NO_FRAME)
        lose_place(r);
    else if (len > r->max)
        too_large(r, len);
    return len == r->slip.len && len > 0;
}

static bool raw_next(struct line_reader *r, struct reader *in, struct span *frame)
{
    while (in->left > 0) {
        if (r->skip > 0) {
            skip(r, in);
        } else if (hold(r, read_u8(in))) {
            *frame = held_so_far(r);
            r->slip.len = 0;
            return true;
        }
    }
    return false;
}

/* ---- SLIP ------------------------------------------------------------------------------------------------------- */

/* Takes the check sum off. */
static bool crc_holds(struct span *frame)
{
    if (frame->len < CRC_LEN)
        return false;
    const struct span sum = span_from(*frame, frame->len - CRC_LEN);
    frame->len -= CRC_LEN;
    return line_crc(*frame) == (uint16_t)(sum.at[0] | sum.at[1] << 8);
}

static bool slip_frame_is_good(struct line_reader *r, struct span *frame)
{
    if (r->framing == FRAMING_SLIP_CRC16 && !crc_holds(frame))
        return false;
    return frame->len > 0 && frame_length(*frame) == frame->len;
}

static bool unslip_next(struct line_reader *r, struct span *bytes, struct span *frame)
{
    while (slip_next(&r->slip, bytes, frame)) {
        if (!slip_frame_is_good(r, frame))
            r->damaged++;
        else if (frame->len > r->max)
            r->oversize++;
        else
            return true;
    }
    return false;
}

/* ---- both ------------------------------------------------------------------------------------------------------- */

void line_reader_init(struct line_reader *r, enum config_framing framing, uint8_t *held, size_t max)
{
    *r = (struct line_reader){ .framing = framing, .max = max };
    slip_reader_init(&r->slip, held, line_reader_room(max));
}

bool line_reader_next(struct line_reader *r, struct span *bytes, struct span *frame)
{
    struct reader in = reader_of(*bytes);
    bool whole;
    if (r->framing == FRAMING_RAW) {
        whole = raw_next(r, &in, frame);
        *bytes = read_rest(&in);
    } else {
        whole = unslip_next(r, bytes, frame);
    }
    if (whole)
        r->good++;
    return whole;
}

bool line_reader_waits(const struct line_reader *r)
{
    return r->framing == FRAMING_RAW && (r->slip.len > 0 || r->skip > 0);
}

uint32_t line_reader_damaged(const struct line_reader *r)
{
    return r->damaged + r->slip.damaged;
}

uint32_t line_reader_oversize(const struct line_reader *r)
{
    return r->oversize + r->slip.oversize;
}

void line_reader_idle(struct line_reader *r)
{
    if (!line_reader_waits(r))
        return;
    if (r->slip.len > 0)
        r->damaged++;
    r->slip.len = 0;
    r->skip = 0;
}

size_t line_room(enum config_framing framing, size_t len)
{
    return framing == FRAMING_RAW ? len : slip_room(len + CRC_LEN);
}

void line_write(enum config_framing framing, struct span frame, struct writer *w)
{
    if (framing == FRAMING_RAW) {
        write_span(w, frame);
        return;
    }
    const uint16_t crc = line_crc(frame);
    const uint8_t sum[CRC_LEN] = { (uint8_t)crc, (uint8_t)(crc >> 8) };
    slip_write_begin(w);
    slip_write_span(w, frame);
    if (framing == FRAMING_SLIP_CRC16)
        slip_write_span(w, span_of(sum, sizeof sum));
    slip_write_end(w);
}

/* ---- a line that never makes sense ------------------------------------------------------------------------------ */

static bool has_end(struct span heard)
{
    return heard.len > 0 && memchr(heard.at, SLIP_END, heard.len) != NULL;
}

/* Do whole messages stand one behind the other? */
static bool looks_raw(struct span heard)
{
    const size_t len = heard.len > 0 ? frame_length(heard) : 0;
    return len > 0 && len <= heard.len;
}

static bool is_text(struct span heard)
{
    size_t printable = 0;
    for (size_t i = 0; i < heard.len; i++)
        printable += (heard.at[i] >= ' ' && heard.at[i] < 0x7F) || heard.at[i] == '\r' ||
                     heard.at[i] == '\n';
    return heard.len > 0 && printable * 10 >= heard.len * 9;
}

const char *line_cause(enum config_framing framing, struct span heard)
{
    enum { XBEE_START = 0x7E };
    if (is_text(heard))
        return "that is text: a console, or a node that prints its log on this line";
    if (heard.len > 1 && heard.at[0] == XBEE_START && heard.at[1] == 0)
        return "that looks like an XBee in API mode: driver xbee";
    if (framing == FRAMING_RAW && has_end(heard) && heard.at[0] == SLIP_END)
        return "that looks like SLIP: framing slip or slip-crc16";
    if (framing != FRAMING_RAW && has_end(heard))
        return "SLIP it is, but not with these frames in it: framing slip or slip-crc16?";
    if (framing != FRAMING_RAW && looks_raw(heard))
        return "that looks like messages without SLIP: framing raw";
    return "probably another speed; or another framing";
}
