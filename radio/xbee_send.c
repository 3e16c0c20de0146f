/* xbee_send.c -- frames to nodes, and what became of them.
 *
 * A node is addressed by its 64-bit address with the 16-bit one as a hint. One with the usual addressing gets a plain
 * transmit request, as the nodes in the field know it; any other gets an explicit one, to the endpoint, profile and
 * cluster that its own frame came from.
 *
 * The module answers each request with a Transmit Status, sometimes late: up to 4.8 s for a router, and for a
 * sleeping child as long as its parent keeps the frame, three times over. Nothing waits for that: the frame has a
 * slot, the slot a time-out, and a status that never comes counts as a node that cannot be reached. A frame that is
 * late makes room in the window before that. */
#include "radio/xbee_inside.h"

#include <assert.h>

enum {
    TRIES = 3,            /* of the module, for one frame */
    HOP_MS = 50,          /* a hop may take so long */
    LATE_MS = 1500,       /* most statuses are here after some 10 ms */
    SLACK_MS = 2000,      /* beyond what the formula allows */
    HOPS_USUAL = 0x1E,    /* NH, where it could not be read */
    HOLD_LEAST_MS = 1200, /* a parent keeps a frame for no less ... */
    HOLD_MOST_MS = 30000, /* ... and no more than this */
    FULL_RECOVERY = 16,   /* deliveries in a row after which the window is opened by one again */
    FRAGMENT_LOSS = 10,   /* octets that one hop more costs in a source-routed frame */
    PAYLOAD_LEAST = 57,   /* of one fragment, with all security there is */
    NWK_NOT_DELIVERED = 0xFFFD
};

enum delivery {
    DELIVERY_OK = 0x00,
    DELIVERY_NOT_JOINED = 0x22,
    DELIVERY_TOO_BIG = 0x74,
};

/* What follows from a delivery status. */
static const struct verdict {
    uint8_t status;
    enum radio_sent result;
    bool lose_address; /* the 16-bit one is of no use */
    bool full;         /* the module is out of buffers */
    bool fault;        /* of settings or firmware, worth a line */
    const char *name;
} verdicts[] = {
    { DELIVERY_OK, RADIO_DELIVERED, .name = "delivered" },
    { 0x01, RADIO_BUSY, .name = "no MAC acknowledgement" },
    { 0x02, RADIO_BUSY, .name = "the air is never free" },
    { 0x15, RADIO_UNREACHABLE, .fault = true, .name = "invalid destination endpoint" },
    { 0x21, RADIO_UNREACHABLE, .name = "no network acknowledgement" },
    { DELIVERY_NOT_JOINED, RADIO_LOST, .name = "not in a network" },
    { 0x24, RADIO_UNREACHABLE, .lose_address = true, .name = "address not found" },
    { 0x25, RADIO_UNREACHABLE, .lose_address = true, .name = "no route" },
    { 0x26, RADIO_UNREACHABLE, .fault = true, .name = "no neighbour relayed it" },
    { 0x2B, RADIO_UNREACHABLE, .fault = true, .name = "invalid binding" },
    { 0x2C, RADIO_BUSY, .full = true, .name = "out of buffers" },
    { 0x2D, RADIO_UNREACHABLE, .fault = true, .name = "broadcast with acknowledgement" },
    { 0x2E, RADIO_UNREACHABLE, .fault = true, .name = "unicast without acknowledgement" },
    { 0x31, RADIO_BUSY, .fault = true, .name = "internal error" },
    { 0x32, RADIO_BUSY, .full = true, .name = "out of buffers" },
    { 0x34, RADIO_UNREACHABLE, .fault = true, .name = "no such socket" },
    { 0x35, RADIO_UNREACHABLE, .fault = true, .name = "no permission" },
    { DELIVERY_TOO_BIG, RADIO_TOO_BIG, .name = "payload too large" },
    { 0x75, RADIO_UNREACHABLE, .name = "the sleeping node never asked for it" },
};

static const struct verdict *verdict_of(uint8_t status)
{
    static const struct verdict unknown = { .result = RADIO_UNREACHABLE,
                                            .fault = true,
                                            .name = "unknown status" };
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
        if (verdicts[i].status == status)
            return &verdicts[i];
    return &unknown;
}

/* ---- slots -------------------------------------------------------------------------------------------------- */

static struct xbee_slot *slot_of(struct xbee *x, uint8_t id)
{
    for (struct xbee_slot *s = x->slots; s < x->slots + XBEE_SLOTS; s++)
        if (s->token != 0 && s->id == id)
            return s;
    return NULL;
}

bool xbee_send_has(const struct xbee *x, uint8_t id)
{
    for (size_t i = 0; i < XBEE_SLOTS; i++)
        if (x->slots[i].token != 0 && x->slots[i].id == id)
            return true;
    return false;
}

static void fit_window(struct xbee *x)
{
    uint8_t fits = x->window;
    for (size_t i = 0; i < XBEE_SLOTS; i++)
        fits = (uint8_t)(fits + x->slots[i].late);
    x->common.info.window = fits < XBEE_SLOTS ? fits : XBEE_SLOTS;
}

static void end(struct xbee *x, struct xbee_slot *s, enum radio_sent result)
{
    const uint8_t token = s->token;
    *s = (struct xbee_slot){ 0 };
    fit_window(x);
    coordinator_sent(&x->common, token, result);
}

void xbee_send_lose(struct xbee *x)
{
    for (struct xbee_slot *s = x->slots; s < x->slots + XBEE_SLOTS; s++)
        if (s->token != 0)
            end(x, s, RADIO_LOST);
}

void xbee_send_begin(struct xbee *x)
{
    memset(x->slots, 0, sizeof x->slots);
    x->window = XBEE_WINDOW;
    x->delivered = 0;
    fit_window(x);
}

msec xbee_send_deadline(const struct xbee *x)
{
    msec first = MSEC_NEVER;
    for (size_t i = 0; i < XBEE_SLOTS; i++) {
        const struct xbee_slot *s = &x->slots[i];
        const msec next = s->late ? s->until : s->late_at;
        if (s->token != 0 && next < first)
            first = next;
    }
    return first;
}

void xbee_send_tick(struct xbee *x, msec now)
{
    for (struct xbee_slot *s = x->slots; s < x->slots + XBEE_SLOTS; s++) {
        if (s->token == 0)
            continue;
        s->late = now >= s->late_at;
        if (now < s->until)
            continue;
        coordinator_log(&x->common, LEVEL_DEBUG, "no transmit status for frame %u", s->id);
        end(x, s, RADIO_UNREACHABLE);
    }
    fit_window(x);
}

/* ---- sending ------------------------------------------------------------------------------------------------ */

/* A status comes within three tries, each of all hops and, when the destination sleeps, its parent's patience. */
static msec patience(const struct xbee *x, bool sleeper)
{
    const msec hops = x->facts[FACT_NH] ? x->facts[FACT_NH] & 0xFF : HOPS_USUAL;
    msec hold = (x->facts[FACT_SP] & 0xFFFF) * 10 * 12 / 10;
    hold = hold < HOLD_LEAST_MS ? HOLD_LEAST_MS : hold > HOLD_MOST_MS ? HOLD_MOST_MS : hold;
    return TRIES * (HOP_MS * hops + (sleeper ? hold : 100)) + SLACK_MS;
}

/* The frame without destination: plain where the usual addressing will do. */
static struct xbee_frame request(const struct xbee *x, const struct neighbour *to, struct span data)
{
    const struct config_radio *s = x->common.settings;
    struct xbee_frame f = { .type = XBEE_TRANSMIT, .nwk = NWK_UNKNOWN, .data = data };
    const bool usual = s->endpoint == XBEE_DATA_ENDPOINT &&
                       (to ? to->endpoint : s->endpoint) == XBEE_DATA_ENDPOINT &&
                       (to ? to->profile : s->profile) == XBEE_DATA_PROFILE &&
                       (to ? to->cluster : s->cluster) == XBEE_DATA_CLUSTER;
    if (!usual) {
        f.type = XBEE_TRANSMIT_EXPLICIT;
        f.source_endpoint = s->endpoint;
        f.endpoint = to ? to->endpoint : s->endpoint;
        f.profile = to ? to->profile : s->profile;
        f.cluster = to ? to->cluster : s->cluster;
    }
    return f;
}

void xbee_send_unicast(struct coordinator *c, const struct unicast *u, msec now)
{
    struct xbee *x = (struct xbee *)c;
    struct xbee_slot *s = x->slots;
    while (s < x->slots + XBEE_SLOTS && s->token != 0)
        s++;
    assert(s < x->slots + XBEE_SLOTS);
    struct xbee_frame f = request(x, u->to, u->data);
    f.eui64 = u->to->eui64;
    f.nwk = u->to->nwk;
    f.options = u->to->sleeper ? XBEE_SEND_EXTENDED_TIMEOUT : 0;
    *s = (struct xbee_slot){ .token = u->token,
                             .id = xbee_write(x, &f),
                             .len = (uint16_t)u->data.len,
                             .to = u->to,
                             .late_at = now + LATE_MS,
                             .until = now + patience(x, u->to->sleeper) };
}

/* It gets a status too, which means nothing: it says "sent" even when nobody is there. */
void xbee_send_broadcast(struct coordinator *c, uint8_t radius, struct span data, msec now)
{
    struct xbee *x = (struct xbee *)c;
    (void)now;
    struct xbee_frame f = request(x, NULL, data);
    f.eui64 = XBEE_BROADCAST;
    f.radius = radius;
    xbee_write(x, &f);
}

/* ---- what became of it -------------------------------------------------------------------------------------- */

/* Fewer at once for a while when the module is out of buffers. */
static void adapt_window(struct xbee *x, const struct verdict *v)
{
    if (v->full) {
        x->window = x->window > 1 ? x->window - 1 : 1;
        x->delivered = 0;
    } else if (v->result == RADIO_DELIVERED && x->window < XBEE_WINDOW) {
        x->delivered++;
        if (x->delivered >= FULL_RECOVERY) {
            x->window++;
            x->delivered = 0;
        }
    }
}

/* NP counts without the hops of a source route, of which each costs room in every fragment. */
static void lower_limit(struct xbee *x, uint16_t refused)
{
    struct coordinator_info *info = &x->common.info;
    const uint16_t limit = refused > PAYLOAD_LEAST + FRAGMENT_LOSS
                               ? (uint16_t)(refused - FRAGMENT_LOSS)
                               : PAYLOAD_LEAST;
    if (limit >= info->payload_limit)
        return;
    coordinator_log(&x->common, LEVEL_WARN,
                    "%u octets were too many for one frame: the limit is %u now, it was %u",
                    refused, limit, info->payload_limit);
    info->payload_limit = limit;
    coordinator_enter(&x->common, COORDINATOR_UP, "%s", "");
}

static void learn(struct xbee *x, const struct xbee_slot *s, const struct verdict *v,
                  const struct xbee_frame *f, msec now)
{
    struct neighbours *all = x->common.neighbours;
    if (v->lose_address) {
        neighbours_lose_address(all, s->to);
    } else if (v->result == RADIO_DELIVERED && f->nwk < NWK_NOT_DELIVERED) {
        const struct neighbour *known = neighbours_learn(all, s->to->eui64, f->nwk, now);
        assert(known == s->to);
    }
}

/* The module has no other frame of ours. */
static bool is_alone(const struct xbee *x, const struct xbee_slot *s)
{
    for (const struct xbee_slot *other = x->slots; other < x->slots + XBEE_SLOTS; other++)
        if (other != s && other->token != 0)
            return false;
    return true;
}

/* It tells of its reset by itself, and everything begins anew then. */
static void reset_if_stuck(struct xbee *x, const struct xbee_slot *s, const struct verdict *v,
                           msec now)
{
    struct xbee_frame reset = { .type = XBEE_AT, .command = XBEE_COMMAND('F', 'R') };
    if (!coordinator_stays_full(&x->common, v->full && is_alone(x, s), now))
        return;
    coordinator_log(&x->common, LEVEL_WARN,
                    "the XBee is reset: with no frame under way it has been full for %d s (%s)",
                    COORDINATOR_FULL_MS / 1000, v->name);
    xbee_write(x, &reset);
}

void xbee_send_status(struct xbee *x, const struct xbee_frame *f, msec now)
{
    const struct verdict *v = verdict_of(f->status);
    struct xbee_slot *s = slot_of(x, f->id);
    if (f->status != DELIVERY_OK || !s)
        coordinator_log(&x->common, v->fault ? LEVEL_WARN : LEVEL_DEBUG,
                        "frame %u: transmit status %02x, %s", f->id, f->status, v->name);
    if (!s)
        return; /* of a broadcast, or after its time */
    const uint16_t len = s->len;
    learn(x, s, v, f, now);
    adapt_window(x, v);
    reset_if_stuck(x, s, v, now);
    end(x, s, v->result);
    if (f->status == DELIVERY_TOO_BIG)
        lower_limit(x, len);
    else if (f->status == DELIVERY_NOT_JOINED)
        xbee_start_down(x, "it says that it is in no network", now);
}
