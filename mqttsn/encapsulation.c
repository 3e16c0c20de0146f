/* encapsulation.c -- forwarder frames (MQTT-SN 1.2, section 5.5).
 *
 * A forwarder stands where the gateway cannot be reached by radio. It puts a header with the node's address in front of
 * each message and sends both together; the message inside is not touched. The trap is the Length: it has one octet
 * always, and covers only the header itself, up to and including the node id.
 *
 * Peeling is strict (SN-FWD-4): what follows the header must be exactly one message by its own Length, so that the
 * common mistake of counting the message in is refused and not guessed at. Whether a nested header is welcome, and who
 * may be a forwarder at all, is decided above. */
#include "mqttsn/encapsulation.h"

#include "mqttsn/layout.h"

enum { HEADER = 3, RADIUS_MASK = 3, RADIUS_MAX = 3, LONG_MARK = 1 };

bool encapsulation_is(struct span frame)
{
    struct reader r = reader_of(frame);
    uint8_t len = read_u8(&r);
    return len != LONG_MARK && read_u8(&r) == MQTTSN_FRWDENCAP;
}

/* Length, type and control octet, then at least one octet of node id. */
static bool read_header(struct reader *r, struct encapsulation *e)
{
    size_t len = read_u8(r);
    uint8_t type = read_u8(r);
    e->radius = read_u8(r) & RADIUS_MASK;
    if (r->failed || type != MQTTSN_FRWDENCAP || len <= HEADER)
        return false;
    e->node = read_span(r, len - HEADER);
    return !r->failed;
}

/* Does the inner frame end where it says? A nested header says nothing about what is inside of it. */
static enum mqttsn_error check_inner(struct span frame)
{
    struct reader r = reader_of(frame);
    if (encapsulation_is(frame)) {
        struct encapsulation nested;
        return read_header(&r, &nested) && r.left > 0 ? MQTTSN_OK : MQTTSN_BAD_NODE;
    }
    size_t len = mqttsn_read_length(&r);
    if (len == 0)
        return MQTTSN_EMPTY;
    return len == frame.len ? MQTTSN_OK : MQTTSN_BAD_LENGTH;
}

enum mqttsn_error encapsulation_peel(struct span frame, struct encapsulation *e)
{
    struct reader r = reader_of(frame);
    struct encapsulation found;
    if (!encapsulation_is(frame) || !read_header(&r, &found))
        return MQTTSN_BAD_NODE;
    found.message = read_rest(&r);
    enum mqttsn_error bad = check_inner(found.message);
    if (!bad)
        *e = found;
    return bad;
}

enum mqttsn_error encapsulation_wrap(uint8_t radius, struct span node, struct writer *w)
{
    if (node.len == 0 || node.len > ENCAPSULATION_NODE_MAX)
        return MQTTSN_BAD_NODE;
    if (HEADER + node.len > w->left)
        w->failed = true;
    write_u8(w, (uint8_t)(HEADER + node.len));
    write_u8(w, MQTTSN_FRWDENCAP);
    write_u8(w, radius < RADIUS_MAX ? radius : RADIUS_MAX);
    write_span(w, node);
    return w->failed ? MQTTSN_NO_ROOM : MQTTSN_OK;
}
