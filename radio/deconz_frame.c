/* deconz_frame.c -- frames of the deCONZ serial protocol, read and written.
 *
 * A frame says its own length, and ends with the two's complement of the sum of its octets. Both are checked: a frame
 * whose length is not its own is damaged even where the sum fits, because known firmware never sends one.
 *
 * Most commands say the length of their payload once more. A payload is taken only when that fits too; answers that
 * carry an error may have none, and nobody reads it then. Where the maker's paper and two hosts disagree, in what
 * follows the link quality of a received frame, the octets are kept and not read. */
#include "radio/deconz_frame.h"

#include "radio/little.h"

enum {
    HEADER = 5,
    SUM_LEN = 2,
    INDICATION_FILLER = 2, /* between the data and the link quality */
};

static uint16_t check_sum(struct span bytes)
{
    uint16_t sum = 0;
    for (size_t i = 0; i < bytes.len; i++)
        sum = (uint16_t)(sum + bytes.at[i]);
    return (uint16_t)(0u - sum);
}

/* ---- frames ----------------------------------------------------------------------------------------------------- */

void deconz_reader_init(struct deconz_reader *r)
{
    r->refused = 0;
    slip_reader_init(&r->slip, r->held, sizeof r->held);
}

static bool read_frame(struct span bytes, struct deconz_frame *f)
{
    if (bytes.len < HEADER + SUM_LEN)
        return false;
    const struct span whole = span_of(bytes.at, bytes.len - SUM_LEN);
    struct reader sum = reader_of(span_from(bytes, whole.len)), r = reader_of(whole);
    struct deconz_frame found = { .command = read_u8(&r) };
    found.sequence = read_u8(&r);
    found.status = read_u8(&r);
    if (read_le16(&sum) != check_sum(whole) || read_le16(&r) != whole.len)
        return false;
    found.body = read_rest(&r);
    *f = found;
    return true;
}

bool deconz_next(struct deconz_reader *r, struct span *bytes, struct deconz_frame *f)
{
    struct span frame;
    while (slip_next(&r->slip, bytes, &frame)) {
        if (read_frame(frame, f))
            return true;
        r->refused++;
    }
    return false;
}

uint32_t deconz_damaged(const struct deconz_reader *r)
{
    return r->refused + r->slip.damaged + r->slip.oversize;
}

void deconz_write(const struct deconz_frame *f, struct writer *w)
{
    uint8_t header[HEADER], tail[SUM_LEN];
    struct writer head = writer_of(header, sizeof header), end = writer_of(tail, sizeof tail);
    write_u8(&head, f->command);
    write_u8(&head, f->sequence);
    write_u8(&head, f->status);
    write_le16(&head, (uint16_t)(HEADER + f->body.len));
    write_le16(&end, (uint16_t)(check_sum(span_of(header, HEADER)) + check_sum(f->body)));
    slip_write_begin(w);
    slip_write_span(w, span_of(header, sizeof header));
    slip_write_span(w, f->body);
    slip_write_span(w, span_of(tail, sizeof tail));
    slip_write_end(w);
}

/* ---- small bodies ----------------------------------------------------------------------------------------------- */

bool deconz_payload(struct span body, struct span *out)
{
    struct reader r = reader_of(body);
    const size_t len = read_le16(&r);
    if (r.failed || len != r.left)
        return false;
    *out = read_rest(&r);
    return true;
}

void deconz_write_payload(struct span payload, struct writer *w)
{
    write_le16(w, (uint16_t)payload.len);
    write_span(w, payload);
}

/* A reader of the payload; failed when there is none. */
static struct reader payload_reader(struct span body)
{
    struct span payload = { NULL, 0 };
    struct reader r = { NULL, 0, !deconz_payload(body, &payload) };
    return r.failed ? r : reader_of(payload);
}

bool deconz_read_version(struct span body, uint32_t *version)
{
    struct reader r = reader_of(body);
    const uint32_t found = read_le32(&r);
    if (r.failed)
        return false;
    *version = found;
    return true;
}

bool deconz_read_state(const struct deconz_frame *f, uint8_t *state)
{
    struct reader r = reader_of(f->body);
    if (f->command == DECONZ_REQUEST || f->command == DECONZ_CONFIRM ||
        f->command == DECONZ_INDICATION)
        r = payload_reader(f->body);
    else if (f->command != DECONZ_STATE && f->command != DECONZ_STATE_CHANGED)
        return false;
    const uint8_t found = read_u8(&r);
    if (r.failed)
        return false;
    *state = found;
    return true;
}

bool deconz_read_value(struct span body, struct deconz_value *out)
{
    struct reader r = payload_reader(body);
    struct deconz_value found = { .parameter = read_u8(&r) };
    found.value = read_rest(&r);
    if (r.failed)
        return false;
    *out = found;
    return true;
}

void deconz_write_value(const struct deconz_value *v, struct writer *w)
{
    write_le16(w, (uint16_t)(1 + v->value.len));
    write_u8(w, v->parameter);
    write_span(w, v->value);
}

bool deconz_read_queued(struct span body, uint8_t *state, uint8_t *id)
{
    struct reader r = payload_reader(body);
    const uint8_t found_state = read_u8(&r);
    const uint8_t found_id = read_u8(&r);
    if (r.failed)
        return false;
    *state = found_state;
    *id = found_id;
    return true;
}

/* ---- addresses -------------------------------------------------------------------------------------------------- */

static struct deconz_address read_address(struct reader *r)
{
    struct deconz_address a = { .mode = read_u8(r) };
    if (a.mode < DECONZ_GROUP || a.mode > DECONZ_NWK_AND_EUI64)
        r->failed = true;
    if (a.mode != DECONZ_EUI64)
        a.nwk = read_le16(r);
    if (a.mode >= DECONZ_EUI64)
        a.eui64 = read_le64(r);
    return a;
}

static void write_address(const struct deconz_address *a, struct writer *w)
{
    write_u8(w, a->mode);
    if (a->mode != DECONZ_EUI64)
        write_le16(w, a->nwk);
    if (a->mode >= DECONZ_EUI64)
        write_le64(w, a->eui64);
}

/* A group has no endpoint. */
static uint8_t read_endpoint(struct reader *r, const struct deconz_address *a)
{
    return a->mode == DECONZ_GROUP ? 0 : read_u8(r);
}

static void write_endpoint(const struct deconz_address *a, uint8_t endpoint, struct writer *w)
{
    if (a->mode != DECONZ_GROUP)
        write_u8(w, endpoint);
}

/* ---- requests, confirms, indications ---------------------------------------------------------------------------- */

/* The length of a payload that is written in pieces: room for it, and later the number. */
struct length {
    uint8_t *at;
    size_t left; /* of the writer, behind it */
};

static struct length begin_payload(struct writer *w)
{
    uint8_t *at = writer_take(w, 2);
    return (struct length){ at, w->left };
}

static void end_payload(struct length l, const struct writer *w)
{
    if (w->failed)
        return;
    struct writer here = writer_of(l.at, 2);
    write_le16(&here, (uint16_t)(l.left - w->left));
}

bool deconz_read_request(struct span body, struct deconz_request *out)
{
    struct reader r = payload_reader(body);
    struct deconz_request q = { .id = read_u8(&r) };
    q.flags = read_u8(&r);
    q.to = read_address(&r);
    q.endpoint = read_endpoint(&r, &q.to);
    q.profile = read_le16(&r);
    q.cluster = read_le16(&r);
    q.source_endpoint = read_u8(&r);
    q.data = read_span(&r, read_le16(&r));
    q.options = read_u8(&r);
    q.radius = read_u8(&r);
    if (r.failed || r.left > 0)
        return false;
    *out = q;
    return true;
}

void deconz_write_request(const struct deconz_request *q, struct writer *w)
{
    const struct length length = begin_payload(w);
    write_u8(w, q->id);
    write_u8(w, q->flags);
    write_address(&q->to, w);
    write_endpoint(&q->to, q->endpoint, w);
    write_le16(w, q->profile);
    write_le16(w, q->cluster);
    write_u8(w, q->source_endpoint);
    write_le16(w, (uint16_t)q->data.len);
    write_span(w, q->data);
    write_u8(w, q->options);
    write_u8(w, q->radius);
    end_payload(length, w);
}

bool deconz_read_confirm(struct span body, struct deconz_confirm *out)
{
    struct reader r = payload_reader(body);
    struct deconz_confirm c = { .state = read_u8(&r) };
    c.id = read_u8(&r);
    c.to = read_address(&r);
    c.endpoint = read_endpoint(&r, &c.to);
    c.source_endpoint = read_u8(&r);
    c.status = read_u8(&r);
    c.spare = read_rest(&r);
    if (r.failed)
        return false;
    *out = c;
    return true;
}

void deconz_write_confirm(const struct deconz_confirm *c, struct writer *w)
{
    const struct length length = begin_payload(w);
    write_u8(w, c->state);
    write_u8(w, c->id);
    write_address(&c->to, w);
    write_endpoint(&c->to, c->endpoint, w);
    write_u8(w, c->source_endpoint);
    write_u8(w, c->status);
    write_span(w, c->spare);
    end_payload(length, w);
}

bool deconz_read_indication(struct span body, struct deconz_indication *out)
{
    struct reader r = payload_reader(body);
    struct deconz_indication i = { .state = read_u8(&r) };
    i.to = read_address(&r);
    i.endpoint = read_u8(&r);
    i.from = read_address(&r);
    i.source_endpoint = read_u8(&r);
    i.profile = read_le16(&r);
    i.cluster = read_le16(&r);
    i.data = read_span(&r, read_le16(&r));
    reader_take(&r, INDICATION_FILLER);
    i.lqi = read_u8(&r);
    i.spare = read_rest(&r);
    if (r.failed)
        return false;
    *out = i;
    return true;
}

void deconz_write_indication(const struct deconz_indication *i, struct writer *w)
{
    const struct length length = begin_payload(w);
    write_u8(w, i->state);
    write_address(&i->to, w);
    write_u8(w, i->endpoint);
    write_address(&i->from, w);
    write_u8(w, i->source_endpoint);
    write_le16(w, i->profile);
    write_le16(w, i->cluster);
    write_le16(w, (uint16_t)i->data.len);
    write_span(w, i->data);
    write_le16(w, 0);
    write_u8(w, i->lqi);
    write_span(w, i->spare);
    end_payload(length, w);
}

bool deconz_read_poll(struct span body, struct deconz_address *from)
{
    struct reader r = payload_reader(body);
    const struct deconz_address found = read_address(&r);
    if (r.failed)
        return false;
    *from = found;
    return true;
}

/* ---- what they are called --------------------------------------------------------------------------------------- */

void deconz_write_descriptor(uint8_t endpoint, uint16_t profile, uint16_t cluster, struct writer *w)
{
    enum { DEVICE = 1, DEVICE_VERSION = 0 };
    write_u8(w, endpoint);
    write_le16(w, profile);
    write_le16(w, DEVICE);
    write_u8(w, DEVICE_VERSION);
    for (int way = 0; way < 2; way++) {
        write_u8(w, 1);
        write_le16(w, cluster);
    }
}

const char *deconz_platform(uint32_t version)
{
    switch (version >> 8 & 0xFF) {
    case 0x05:
        return "ConBee or RaspBee";
    case 0x07:
        return "ConBee II";
    case 0x09:
        return "ConBee III";
    default:
        return "deCONZ stick of an unknown kind";
    }
}
