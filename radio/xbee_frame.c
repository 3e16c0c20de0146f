/* xbee_frame.c -- the frames of an XBee in API mode.
 *
 * A frame is 7E, a length of two octets, a type, fields, and a checksum that makes the sum of all behind the length
 * FF. Every type is a few fixed fields and at most one of variable length, always last, so one table of layouts
 * serves the decoder and the encoder.
 *
 * The two dialects differ in what a 7E means. Escaped, it starts a frame wherever it stands, and what was begun
 * before it is lost. Plain, it may just as well be data, so that a false start in noise can swallow a good frame that
 * comes behind: what is held is kept until a frame is proven by its checksum, and searched again from the octet
 * behind the false start when it is not. Flushing everything, as others do, loses the good with the bad.
 *
 * Time is not known here: when a line falls silent in mid frame, the machine says so. */
#include "radio/xbee_frame.h"

#include "radio/little.h"

enum {
    START = 0x7E,
    ESCAPE = 0x7D,
    XON = 0x11,
    XOFF = 0x13,
    CHANGED = 0x20, /* an escaped octet is sent xor this */
    HEADER = 3,     /* start and length */
    CHECKSUM = 1,
    SUM = 0xFF, /* of all octets behind the length, checksum included */
    HOP = 2     /* octets of an address in a route */
};

enum field {
    END,
    ID,
    EUI64,
    NWK,
    SOURCE_ENDPOINT,
    ENDPOINT,
    CLUSTER,
    PROFILE,
    RADIUS,
    OPTIONS,
    COMMAND,
    STATUS,
    RETRIES,
    DISCOVERY,
    HOPS, /* count, then addresses */
    DATA  /* the rest */
};

static const struct layout {
    uint8_t type;
    const char *name;
    enum field fields[11];
} layouts[] = {
    { XBEE_AT, "AT Command", { ID, COMMAND, DATA } },
    { XBEE_AT_QUEUE, "AT Command - Queue", { ID, COMMAND, DATA } },
    { XBEE_TRANSMIT, "Transmit Request", { ID, EUI64, NWK, RADIUS, OPTIONS, DATA } },
    { XBEE_TRANSMIT_EXPLICIT,
      "Explicit Addressing Transmit Request",
      { ID, EUI64, NWK, SOURCE_ENDPOINT, ENDPOINT, CLUSTER, PROFILE, RADIUS, OPTIONS, DATA } },
    { XBEE_REMOTE_AT, "Remote AT Command", { ID, EUI64, NWK, OPTIONS, COMMAND, DATA } },
    { XBEE_SOURCE_ROUTE, "Create Source Route", { ID, EUI64, NWK, OPTIONS, HOPS } },
    { XBEE_AT_RESPONSE, "AT Command Response", { ID, COMMAND, STATUS, DATA } },
    { XBEE_MODEM_STATUS, "Modem Status", { STATUS, DATA } },
    { XBEE_TRANSMIT_STATUS, "Transmit Status", { ID, NWK, RETRIES, STATUS, DISCOVERY, DATA } },
    { XBEE_RECEIVE, "Receive Packet", { EUI64, NWK, OPTIONS, DATA } },
    { XBEE_RECEIVE_EXPLICIT,
      "Explicit Receive Indicator",
      { EUI64, NWK, SOURCE_ENDPOINT, ENDPOINT, CLUSTER, PROFILE, OPTIONS, DATA } },
    { XBEE_IO_SAMPLE, "IO Data Sample", { EUI64, NWK, OPTIONS, DATA } },
    { XBEE_NODE_IDENTIFICATION, "Node Identification", { EUI64, NWK, OPTIONS, DATA } },
    { XBEE_REMOTE_AT_RESPONSE, "Remote AT Response", { ID, EUI64, NWK, COMMAND, STATUS, DATA } },
    { XBEE_EXTENDED_STATUS, "Extended Modem Status", { STATUS, DATA } },
    { XBEE_ROUTE_RECORD, "Route Record", { EUI64, NWK, OPTIONS, HOPS } },
    { XBEE_MANY_TO_ONE, "Many-to-One Route Request", { EUI64, NWK, DATA } },
};

static const struct layout *layout_of(uint8_t type)
{
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (layouts[i].type == type)
            return &layouts[i];
    return NULL;
}

const char *xbee_type_name(uint8_t type)
{
    const struct layout *l = layout_of(type);
    return l ? l->name : NULL;
}

uint64_t xbee_value(struct span octets)
{
    uint64_t v = 0;
    if (octets.len > sizeof v)
        return 0;
    for (size_t i = 0; i < octets.len; i++)
        v = v << 8 | octets.at[i];
    return v;
}

/* ---- fields ------------------------------------------------------------------------------------------------- */

static uint8_t *octet_of(struct xbee_frame *f, enum field field)
{
    switch (field) {
    case ID:
        return &f->id;
    case SOURCE_ENDPOINT:
        return &f->source_endpoint;
    case ENDPOINT:
        return &f->endpoint;
    case RADIUS:
        return &f->radius;
    case OPTIONS:
        return &f->options;
    case STATUS:
        return &f->status;
    case RETRIES:
        return &f->retries;
    case DISCOVERY:
        return &f->discovery;
    default:
        return NULL;
    }
}

static uint16_t *pair_of(struct xbee_frame *f, enum field field)
{
    switch (field) {
    case NWK:
        return &f->nwk;
    case CLUSTER:
        return &f->cluster;
    case PROFILE:
        return &f->profile;
    case COMMAND:
        return &f->command;
    default:
        return NULL;
    }
}

static void read_field(struct reader *r, struct xbee_frame *f, enum field field)
{
    uint8_t *octet = octet_of(f, field);
    uint16_t *pair = pair_of(f, field);
    if (octet)
        *octet = read_u8(r);
    else if (pair)
        *pair = read_u16(r);
    else if (field == EUI64)
        f->eui64 = read_u64(r);
    else if (field == HOPS)
        f->data = read_span(r, (size_t)HOP * read_u8(r));
    else
        f->data = read_rest(r);
}

static void write_field(struct writer *w, struct xbee_frame *f, enum field field)
{
    const uint8_t *octet = octet_of(f, field);
    const uint16_t *pair = pair_of(f, field);
    if (octet)
        write_u8(w, *octet);
    else if (pair)
        write_u16(w, *pair);
    else if (field == EUI64)
        write_u64(w, f->eui64);
    else {
        if (field == HOPS)
            write_u8(w, (uint8_t)(f->data.len / HOP));
        write_span(w, f->data);
    }
}

/* What stands between length and checksum. False: too short for its type, or a route that is not as long as it says.
 * Octets behind the last field of a status are of a newer firmware and do no harm: they become its data. */
static bool decode(struct span body, struct xbee_frame *f)
{
    struct reader r = reader_of(body);
    *f = (struct xbee_frame){ .type = read_u8(&r) };
    const struct layout *l = layout_of(f->type);
    if (!l)
        f->data = read_rest(&r);
    for (const enum field *field = l ? l->fields : NULL; field && *field != END; field++)
        read_field(&r, f, *field);
    return !r.failed && r.left == 0;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

void xbee_reader_init(struct xbee_reader *r, enum xbee_mode mode)
{
    *r = (struct xbee_reader){ .mode = mode };
}

bool xbee_reader_is_inside(const struct xbee_reader *r)
{
    return r->len > r->taken;
}

/* Drops the first `n` held octets, and what follows up to the next start: noise. */
static void drop(struct xbee_reader *r, size_t n)
{
    while (n < r->len && r->held[n] != START)
        n++;
    r->len = (uint16_t)(r->len - n);
    memmove(r->held, r->held + n, r->len);
    r->silent = r->silent && r->len > 0;
}

/* What was begun is no frame. Escaped, a start octet cannot be among what follows it. */
static void give_up(struct xbee_reader *r)
{
    r->damaged++;
    drop(r, r->mode == XBEE_ESCAPED ? r->len : 1);
}

void xbee_reader_silence(struct xbee_reader *r)
{
    drop(r, r->taken);
    r->taken = 0;
    r->silent = r->len > 0;
}

/* The next octet of the stream onto what is held. */
static void hold(struct xbee_reader *r, uint8_t octet)
{
    const bool escaped = r->mode == XBEE_ESCAPED;
    if (escaped && octet == START) {
        r->damaged += r->len > 0;
        r->len = 0;
        r->escape = false;
    } else if (escaped && octet == ESCAPE) {
        r->escape = true;
        return;
    } else if (r->len == 0 && octet != START) {
        r->escape = false;
        return; /* noise between frames */
    }
    r->held[r->len++] = (uint8_t)(r->escape ? octet ^ CHANGED : octet);
    r->escape = false;
}

static bool sum_is_right(const uint8_t *at, size_t len)
{
    unsigned sum = 0;
    for (size_t i = 0; i < len; i++)
        sum += at[i];
    return (sum & 0xFF) == SUM;
}

/* Octets that the frame begun has in all; 0: the length is not there yet. */
static size_t whole_length(const struct xbee_reader *r)
{
    return r->len < HEADER ? 0 : (size_t)(r->held[1] << 8 | r->held[2]) + HEADER + CHECKSUM;
}

/* What is held begins with a frame: all of it, none, or more octets are needed. */
enum found { FOUND_NOTHING, FOUND_DAMAGE, FOUND_FRAME };

static enum found look(struct xbee_reader *r, struct xbee_frame *f)
{
    const size_t whole = whole_length(r);
    if (whole > XBEE_PLAIN_MAX)
        return FOUND_DAMAGE; /* longer than any frame */
    if (whole == 0 || r->len < whole)
        return r->silent && r->len > 0 ? FOUND_DAMAGE : FOUND_NOTHING;
    const size_t body = whole - HEADER - CHECKSUM;
    if (!sum_is_right(r->held + HEADER, body + CHECKSUM) ||
        !decode(span_of(r->held + HEADER, body), f))
        return FOUND_DAMAGE;
    r->taken = (uint16_t)whole;
    return FOUND_FRAME;
}

bool xbee_reader_next(struct xbee_reader *r, struct reader *in, struct xbee_frame *f)
{
    drop(r, r->taken);
    r->taken = 0;
    for (;;) {
        const enum found found = look(r, f);
        if (found == FOUND_FRAME)
            return true;
        if (found == FOUND_DAMAGE)
            give_up(r);
        else if (in->left > 0)
            hold(r, read_u8(in));
        else
            return false;
    }
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

static void write_octet(struct writer *w, enum xbee_mode mode, uint8_t octet)
{
    const bool reserved = octet == START || octet == ESCAPE || octet == XON || octet == XOFF;
    if (mode == XBEE_ESCAPED && reserved) {
        write_u8(w, ESCAPE);
        octet ^= CHANGED;
    }
    write_u8(w, octet);
}

void xbee_frame_write(struct writer *w, enum xbee_mode mode, const struct xbee_frame *f)
{
    uint8_t room[XBEE_PLAIN_MAX];
    struct writer plain = writer_of(room, XBEE_LENGTH_MAX);
    const struct layout *l = layout_of(f->type);
    struct xbee_frame fields = *f;
    write_u8(&plain, f->type);
    for (const enum field *field = l ? l->fields : NULL; field && *field != END; field++)
        write_field(&plain, &fields, *field);
    if (!l || plain.failed) {
        w->failed = true;
        return;
    }
    const size_t len = XBEE_LENGTH_MAX - plain.left;
    uint8_t sum = 0;
    write_u8(w, START);
    write_octet(w, mode, (uint8_t)(len >> 8));
    write_octet(w, mode, (uint8_t)len);
    for (size_t i = 0; i < len; i++) {
        sum = (uint8_t)(sum + room[i]);
        write_octet(w, mode, room[i]);
    }
    write_octet(w, mode, (uint8_t)(SUM - sum));
}
