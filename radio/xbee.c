/* xbee.c -- an XBee as coordinator: what comes from the module, and when it must be looked at.
 *
 * The module does much by itself: it forms its network, routes, retries, joins nodes, and names every sender by both
 * of its addresses. So the machine is small: xbee_start.c asks it who it is and what network it has, xbee_send.c
 * hands it frames and waits for their statuses, and here octets become frames and frames go where they belong.
 *
 * Nobody knows at first whether the module escapes its frames, so two readers listen until it has said so. They may
 * both see the same frame; what answers no question of ours is ignored until then.
 *
 * An XBee tells neither link quality nor signal strength with a frame. It could be asked for the strength of the last
 * hop of the last frame (DB), but with more than one node nobody knows whose that was, and each question costs the
 * line as much as a message: it is not asked. */
#include "radio/xbee_inside.h"

#include <assert.h>
#include <stdio.h>

enum {
    HALF_FRAME_MS = 200,          /* 200 octets at 9600 baud; the speed is not known here */
    HALF_FRAME_NETWORK_MS = 1000, /* a TCP connection hands over in lumps */
    ODD_MS = 60000,               /* between two lines about payloads that make no sense */
    API_START = 0x7E,
    ALL_ENDPOINTS = 0xFF
};

static struct xbee *xbee_of(struct coordinator *c)
{
    return (struct xbee *)c;
}

void xbee_enter(struct xbee *x, enum xbee_phase next, msec wake)
{
    if (x->phase == XBEE_FORMING && next != XBEE_FORMING)
        memset(x->key, 0, sizeof x->key);
    x->phase = next;
    x->wake = wake;
}

/* ---- out ---------------------------------------------------------------------------------------------------- */

static uint8_t next_id(struct xbee *x)
{
    do {
        x->last_id = (uint8_t)(x->last_id == UINT8_MAX ? 1 : x->last_id + 1);
    } while (x->last_id == x->asked_id || xbee_send_has(x, x->last_id));
    return x->last_id;
}

/* While the dialect is not known only commands are sent, and their octets are the same in both. */
uint8_t xbee_write(struct xbee *x, struct xbee_frame *f)
{
    uint8_t room[XBEE_WIRE_MAX];
    struct writer w = writer_of(room, sizeof room);
    f->id = next_id(x);
    xbee_frame_write(&w, x->mode ? x->mode : XBEE_PLAIN, f);
    assert(!w.failed);
    coordinator_write(&x->common, span_of(room, sizeof room - w.left));
    return f->id;
}

/* ---- in ----------------------------------------------------------------------------------------------------- */

/* Nodes in transparent mode whose program wraps its messages for an XBee in API mode. */
static void look_for_frame_in_frame(struct xbee *x, const struct incoming *in, msec now)
{
    char text[EUI64_TEXT];
    struct reader r = reader_of(in->frame.bytes);
    const uint16_t begin = read_u16(&r);
    if (begin != API_START << 8 || now < x->odd_until)
        return;
    x->odd_until = now + ODD_MS;
    coordinator_log(&x->common, LEVEL_WARN,
                    "payload of node %s looks like an API frame: is its XBee in transparent mode "
                    "(AP = 0), and its program not?",
                    eui64_text(in->eui64, text));
}

static void hear_payload(struct xbee *x, const struct xbee_frame *f, msec now)
{
    const bool is_explicit = f->type == XBEE_RECEIVE_EXPLICIT;
    struct incoming in = {
        .eui64 = f->eui64 == XBEE_EUI64_UNKNOWN ? 0 : f->eui64,
        .nwk = f->nwk,
        .source_endpoint = is_explicit ? f->source_endpoint : XBEE_DATA_ENDPOINT,
        .endpoint = is_explicit ? f->endpoint : XBEE_DATA_ENDPOINT,
        .profile = is_explicit ? f->profile : XBEE_DATA_PROFILE,
        .cluster = is_explicit ? f->cluster : XBEE_DATA_CLUSTER,
        .frame = { .bytes = f->data,
                   .broadcast = f->options & XBEE_HEARD_BROADCAST,
                   .sleeper = f->options & XBEE_HEARD_FROM_END_DEVICE,
                   .lqi = LQI_UNKNOWN,
                   .rssi = RSSI_UNKNOWN },
    };
    if (in.endpoint == ALL_ENDPOINTS)
        in.endpoint = x->common.settings->endpoint;
    look_for_frame_in_frame(x, &in, now);
    if (coordinator_heard(&x->common, &in, now) == COORDINATOR_ASK)
        coordinator_log(&x->common, LEVEL_DEBUG, "a frame without the address of its sender, %04x",
                        in.nwk);
}

static void hear_other(struct xbee *x, const struct xbee_frame *f)
{
    const char *name = xbee_type_name(f->type);
    coordinator_log(&x->common, LEVEL_DEBUG, "%s frame (type %02x, %zu octets) ignored",
                    name ? name : "unknown", f->type, f->data.len);
}

static void hear_frame(struct xbee *x, const struct xbee_frame *f, msec now)
{
    x->common.frames_good++;
    x->frame_at = now;
    if (f->type == XBEE_AT_RESPONSE)
        xbee_start_answer(x, f, now);
    else if (!x->mode)
        return; /* it may be a look-alike of the wrong dialect */
    else if (f->type == XBEE_MODEM_STATUS)
        xbee_start_modem(x, f->status, now);
    else if (f->type == XBEE_TRANSMIT_STATUS)
        xbee_send_status(x, f, now);
    else if (f->type != XBEE_RECEIVE && f->type != XBEE_RECEIVE_EXPLICIT)
        hear_other(x, f);
    else if (x->phase == XBEE_RUNNING)
        hear_payload(x, f, now);
    else
        x->common.events->dropped(x->common.events->context, "radio down");
}

static bool listens(const struct xbee *x, const struct xbee_reader *r)
{
    return x->phase != XBEE_CLOSED && (!x->mode || x->mode == r->mode);
}

static void hear_octets(struct xbee *x, struct xbee_reader *r, struct span bytes, msec now)
{
    struct reader in = reader_of(bytes);
    struct xbee_frame f;
    while (listens(x, r) && xbee_reader_next(r, &in, &f))
        hear_frame(x, &f, now);
}

static void xbee_hear(struct coordinator *c, struct span bytes, msec now)
{
    struct xbee *x = xbee_of(c);
    x->octet_at = now;
    if (xbee_start_wants_text(x)) {
        xbee_start_text(x, bytes, now);
        return;
    }
    for (struct xbee_reader *r = x->readers; r < x->readers + 2; r++)
        hear_octets(x, r, bytes, now);
}

/* ---- time --------------------------------------------------------------------------------------------------- */

static msec half_frame_until(const struct xbee *x)
{
    for (const struct xbee_reader *r = x->readers; r < x->readers + 2; r++)
        if (listens(x, r) && xbee_reader_is_inside(r))
            return x->octet_at + (x->common.network ? HALF_FRAME_NETWORK_MS : HALF_FRAME_MS);
    return MSEC_NEVER;
}

static void tick_readers(struct xbee *x, msec now)
{
    if (now < half_frame_until(x))
        return;
    for (struct xbee_reader *r = x->readers; r < x->readers + 2; r++) {
        xbee_reader_silence(r);
        hear_octets(x, r, span_of(NULL, 0), now);
    }
}

static void xbee_tick(struct coordinator *c, msec now)
{
    struct xbee *x = xbee_of(c);
    tick_readers(x, now);
    coordinator_expire(c, now);
    xbee_send_tick(x, now);
    xbee_start_tick(x, now);
}

static msec earlier(msec a, msec b)
{
    return a < b ? a : b;
}

static msec xbee_deadline(const struct coordinator *c)
{
    const struct xbee *x = (const struct xbee *)c;
    if (x->phase == XBEE_CLOSED)
        return MSEC_NEVER;
    return earlier(earlier(half_frame_until(x), coordinator_parked_until(c)),
                   earlier(xbee_send_deadline(x), xbee_start_deadline(x)));
}

/* ---- begin -------------------------------------------------------------------------------------------------- */

static void xbee_init(struct coordinator *c)
{
    xbee_enter(xbee_of(c), XBEE_CLOSED, MSEC_NEVER);
}

static void xbee_start(struct coordinator *c, msec now)
{
    struct xbee *x = xbee_of(c);
    x->mode = 0;
    x->last_id = 0;
    x->octet_at = x->frame_at = now;
    x->calls = x->waits = x->formings = 0;
    x->outdated = false;
    xbee_reader_init(&x->readers[0], XBEE_PLAIN);
    xbee_reader_init(&x->readers[1], XBEE_ESCAPED);
    xbee_send_begin(x);
    xbee_start_asking(x, now);
}

static void xbee_permit_join(struct coordinator *c, uint8_t seconds, msec now)
{
    struct xbee *x = xbee_of(c);
    x->join_wanted = true;
    x->join_seconds = seconds;
    xbee_start_tick(x, now);
}

static size_t xbee_probe(struct writer *w)
{
    const size_t before = w->left;
    xbee_frame_write(
        w, XBEE_PLAIN,
        &(struct xbee_frame){ .type = XBEE_AT, .id = 1, .command = XBEE_COMMAND('V', 'R') });
    return before - w->left;
}

static bool answers_in(enum xbee_mode mode, struct span heard, char *line, size_t room)
{
    struct xbee_reader reader;
    struct reader in = reader_of(heard);
    struct xbee_frame f;
    xbee_reader_init(&reader, mode);
    while (xbee_reader_next(&reader, &in, &f)) {
        if (f.type != XBEE_AT_RESPONSE || f.command != XBEE_COMMAND('V', 'R') || f.status != 0)
            continue;
        snprintf(line, room, "XBee, firmware %04llX", (unsigned long long)xbee_value(f.data));
        return true;
    }
    return false;
}

static bool xbee_answers(struct span heard, char *line, size_t room)
{
    return answers_in(XBEE_PLAIN, heard, line, room) || answers_in(XBEE_ESCAPED, heard, line, room);
}

const struct coordinator_family xbee_family = {
    .name = "xbee",
    .size = sizeof(struct xbee),
    .bauds = { 9600, 115200, 57600, 38400, 0 },
    .init = xbee_init,
    .start = xbee_start,
    .hear = xbee_hear,
    .tick = xbee_tick,
    .deadline = xbee_deadline,
    .send = xbee_send_unicast,
    .broadcast = xbee_send_broadcast,
    .permit_join = xbee_permit_join,
    .probe = xbee_probe,
    .answers = xbee_answers,
};
