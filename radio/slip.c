/* slip.c -- RFC 1055 framing, for the raw serial line and for deCONZ sticks.
 *
 * An END stands before and behind each frame, so that noise on the line before a frame is a frame of its own, and two
 * ENDs in a row are no frame at all. RFC 1055 leaves an escape that is none to the receiver; here it spoils the frame:
 * both users have only short frames and a layer above that repeats them, and a guess would be handed up as truth.
 *
 * The octets of a frame go into a block of the caller's. A frame that outgrows it is let go by, which also bounds what
 * a line of pure noise can cost. Check sums are the business of those who put them there. */
#include "radio/slip.h"

void slip_reader_init(struct slip_reader *r, uint8_t *held, size_t room)
{
    *r = (struct slip_reader){ .room = room };
    r->held = held;
}

static void hold(struct slip_reader *r, uint8_t octet)
{
    if (r->len == r->room)
        r->too_large = true;
    else
        r->held[r->len++] = octet;
}

static void take_escaped(struct slip_reader *r, uint8_t octet)
{
    r->escaped = false;
    if (octet == SLIP_ESC_END)
        hold(r, SLIP_END);
    else if (octet == SLIP_ESC_ESC)
        hold(r, SLIP_ESC);
    else
        r->spoilt = true;
}

/* END: was it a good frame? Either way the next one begins. */
static bool finish(struct slip_reader *r, struct span *frame)
{
    const bool damaged = r->spoilt || r->escaped;
    const bool good = !damaged && !r->too_large && r->len > 0;
    if (damaged)
        r->damaged++;
    else if (r->too_large)
        r->oversize++;
    if (good)
        *frame = span_of(r->held, r->len);
    r->len = 0;
    r->spoilt = r->escaped = r->too_large = false;
    return good;
}

bool slip_next(struct slip_reader *r, struct span *bytes, struct span *frame)
{
    struct reader in = reader_of(*bytes);
    bool whole = false;
    while (!whole && in.left > 0) {
        const uint8_t octet = read_u8(&in);
        if (octet == SLIP_END)
            whole = finish(r, frame);
        else if (r->escaped)
            take_escaped(r, octet);
        else if (octet == SLIP_ESC)
            r->escaped = true;
        else
            hold(r, octet);
    }
    *bytes = read_rest(&in);
    return whole;
}

void slip_write_begin(struct writer *w)
{
    write_u8(w, SLIP_END);
}

void slip_write_span(struct writer *w, struct span bytes)
{
    struct reader r = reader_of(bytes);
    while (r.left > 0) {
        const uint8_t octet = read_u8(&r);
        if (octet == SLIP_END || octet == SLIP_ESC) {
            write_u8(w, SLIP_ESC);
            write_u8(w, octet == SLIP_END ? SLIP_ESC_END : SLIP_ESC_ESC);
        } else {
            write_u8(w, octet);
        }
    }
}

void slip_write_end(struct writer *w)
{
    write_u8(w, SLIP_END);
}
