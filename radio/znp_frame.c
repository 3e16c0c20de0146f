/* znp_frame.c -- MT frames out of a byte stream, and back.
 *
 * Nothing is escaped, so the start octet FE may be anywhere, also in data and in noise. A start is therefore only a
 * guess until length and check octet agree. When they do not, only this one FE is given up, and the search goes on at
 * the octet behind it: a good frame is never lost because noise in front of it looked like a start.
 *
 * The price is that a false start waits for as many octets as it seems to need, and good frames wait inside of it. So
 * the owner tells when the line falls silent (znp_reader_idle). The check octet is a plain XOR; that a frame makes
 * sense is decided by znp_message.c. */
#include "radio/znp_frame.h"

enum { START = 0xFE, HEADER = 4, CHECK = 1 };

struct span znp_reader_feed(struct znp_reader *r, struct span bytes)
{
    if (r->from > 0)
        memmove(r->held, r->held + r->from, r->to - r->from);
    r->to -= r->from;
    r->from = 0;
    size_t n = bytes.len < ZNP_HELD - r->to ? bytes.len : ZNP_HELD - r->to;
    if (n > 0) {
        memcpy(r->held + r->to, bytes.at, n);
        r->idle = false;
    }
    r->to += n;
    return span_from(bytes, n);
}

void znp_reader_idle(struct znp_reader *r)
{
    r->idle = true;
}

static uint8_t check_of(struct span covered)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < covered.len; i++)
        sum ^= covered.at[i];
    return sum;
}

/* What the held octets begin with. */
enum beginning { FRAME, NOT_YET, NO_FRAME };

static enum beginning look(struct span held, struct znp_frame *f)
{
    struct reader r = reader_of(held);
    if (read_u8(&r) != START)
        return NO_FRAME;
    uint8_t len = read_u8(&r);
    if (len > ZNP_DATA_MAX)
        return NO_FRAME;
    f->command = read_u16(&r);
    f->data = read_span(&r, len);
    uint8_t check = read_u8(&r);
    if (r.failed)
        return NOT_YET;
    return check == check_of(span_of(held.at + 1, HEADER - 1u + len)) ? FRAME : NO_FRAME;
}

bool znp_reader_next(struct znp_reader *r, struct znp_frame *f)
{
    while (r->from < r->to) {
        struct span held = span_of(r->held + r->from, r->to - r->from);
        enum beginning what = look(held, f);
        if (what == FRAME) {
            r->from += HEADER + f->data.len + CHECK;
            return true;
        }
        if (what == NOT_YET && !r->idle)
            return false;
        r->damaged += held.at[0] == START;
        r->from++;
    }
    return false;
}

void znp_write_frame(const struct znp_frame *f, struct writer *w)
{
    if (f->data.len > ZNP_DATA_MAX) {
        w->failed = true;
        return;
    }
    uint8_t head[] = { (uint8_t)f->data.len, (uint8_t)(f->command >> 8), (uint8_t)f->command };
    write_u8(w, START);
    write_span(w, span_of(head, sizeof head));
    write_span(w, f->data);
    write_u8(w, check_of(span_of(head, sizeof head)) ^ check_of(f->data));
}
