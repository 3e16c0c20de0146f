/* deconz_air.c -- frames through a deCONZ stick: requests out, what became of them, indications in.
 *
 * The stick keeps only a few requests, and says in its state octet whether it has room for one more. So each frame has
 * a place here from `send` to its end: waiting, asked for, accepted by the stick. Whoever waited longest goes next.
 * What became of it is asked for when the stick says that it knows; a request of which nothing is ever heard ends by
 * time, long after the stick must have known.
 *
 * Received frames are asked for with both addresses of the sender. Old firmware gives the 16-bit one only; then the
 * network is asked for the other one, and the answer comes as a frame to endpoint 0. So do the announcements of nodes
 * that joined. */
#include "radio/deconz_inside.h"
#include "radio/little.h"

#include <assert.h>

enum {
    WAIT_MS = 10000,    /* for a free slot */
    CONFIRM_MS = 8000,  /* for what became of it: three tries over some hops ... */
    SLEEPER_MS = 30000, /* ... or each of them held for a sleeping child, 7.68 s */
    BUSY_MS = 200,      /* until the stick is asked again whether it has room */
    ALL_AWAKE = 0xFFFD,
    BROADCASTS_FROM = 0xFFF8,
    ONE_FRAME = 82, /* octets that go through the air in one piece */
};

/* ZigBee device objects: endpoint 0, profile 0. */
enum {
    ZDO_ADDRESS_QUESTION = 0x0001, /* IEEE_addr_req */
    ZDO_ADDRESS_ANSWER = 0x8001,
    ZDO_ANNOUNCE = 0x0013, /* Device_annce */
    RECEIVER_ALWAYS_ON = 0x08
};

/* ---- places ----------------------------------------------------------------------------------------------------- */

/* Frames of our own, without a token, leave as many places as there may be frames of the radio's. */
static struct deconz_place *free_place(struct deconz *d, uint8_t token)
{
    struct deconz_place *found = NULL;
    size_t own = 0;
    for (struct deconz_place *p = d->places; p < d->places + DECONZ_PLACES; p++) {
        if (p->stage == PLACE_FREE && !found)
            found = p;
        own += p->stage != PLACE_FREE && !p->token;
    }
    return token || own < DECONZ_PLACES - DECONZ_WINDOW ? found : NULL;
}

static struct deconz_place *place_of(struct deconz *d, uint8_t id)
{
    for (struct deconz_place *p = d->places; p < d->places + DECONZ_PLACES; p++)
        if (p->stage != PLACE_FREE && p->id == id)
            return p;
    return NULL;
}

static uint8_t next_id(struct deconz *d)
{
    do
        d->request_id++;
    while (place_of(d, d->request_id));
    return d->request_id;
}

static void finish(struct deconz *d, struct deconz_place *p, enum radio_sent result)
{
    if (p->stage == PLACE_ASKED)
        d->asks[DECONZ_ASK_SEND].tries = 0;
    p->stage = PLACE_FREE;
    if (p->token)
        coordinator_sent(&d->c, p->token, result);
}

/* NULL: no place. */
static struct deconz_place *put(struct deconz *d, struct deconz_request *q, uint8_t token, msec now)
{
    struct deconz_place *p = free_place(d, token);
    if (!p)
        return NULL;
    struct writer w = writer_of(p->body, sizeof p->body);
    q->id = p->id = next_id(d);
    deconz_write_request(q, &w);
    if (w.failed)
        return NULL;
    p->stage = PLACE_WAITS;
    p->sleeper = false;
    p->token = token;
    p->order = d->order++;
    p->until = now + WAIT_MS;
    p->len = (uint16_t)(sizeof p->body - w.left);
    p->data_len = (uint16_t)q->data.len;
    return p;
}

bool deconz_air_is_busy(const struct deconz *d)
{
    for (const struct deconz_place *p = d->places; p < d->places + DECONZ_PLACES; p++)
        if (p->stage != PLACE_FREE)
            return true;
    return false;
}

/* ---- sending ---------------------------------------------------------------------------------------------------- */

void deconz_air_send(struct deconz *d, const struct unicast *u, msec now)
{
    const struct neighbour *n = u->to;
    const struct config_radio *s = d->c.settings;
    const bool heard = n->endpoint != 0;
    struct deconz_request q = {
        .to = { n->nwk == NWK_UNKNOWN ? DECONZ_EUI64 : DECONZ_NWK, n->nwk, n->eui64 },
        .endpoint = heard ? n->endpoint : s->endpoint,
        .profile = heard ? n->profile : s->profile,
        .cluster = heard ? n->cluster : s->cluster,
        .source_endpoint = s->endpoint,
        .data = u->data,
        .options = u->data.len > ONE_FRAME ? DECONZ_APS_ACK | DECONZ_FRAGMENT : DECONZ_APS_ACK,
    };
    struct deconz_place *p = put(d, &q, u->token, now);
    assert(p); /* there are never more of these than the window */
    p->sleeper = n->sleeper;
}

void deconz_air_broadcast(struct deconz *d, uint8_t radius, struct span data, msec now)
{
    const struct config_radio *s = d->c.settings;
    struct deconz_request q = { .to = { DECONZ_NWK, ALL_AWAKE, 0 },
                                .endpoint = s->endpoint,
                                .profile = s->profile,
                                .cluster = s->cluster,
                                .source_endpoint = s->endpoint,
                                .data = data,
                                .radius = radius };
    if (!put(d, &q, 0, now))
        d->c.events->dropped(d->c.events->context, "coordinator busy");
}

/* Whose is this 16-bit address? */
static void ask_address(struct deconz *d, uint16_t nwk, msec now)
{
    uint8_t question[5];
    struct writer w = writer_of(question, sizeof question);
    write_u8(&w, ++d->transaction);
    write_le16(&w, nwk);
    write_le16(&w, 0); /* this one only, from the first */
    struct deconz_request q = { .to = { DECONZ_NWK, nwk, 0 },
                                .cluster = ZDO_ADDRESS_QUESTION,
                                .data = span_of(question, sizeof question) };
    if (!put(d, &q, 0, now))
        d->c.events->dropped(d->c.events->context, "coordinator busy");
}

static struct deconz_place *next_to_go(struct deconz *d)
{
    struct deconz_place *first = NULL;
    size_t in_stick = 0;
    for (struct deconz_place *p = d->places; p < d->places + DECONZ_PLACES; p++) {
        in_stick += p->stage > PLACE_WAITS;
        if (p->stage == PLACE_WAITS && (!first || p->order < first->order))
            first = p;
    }
    return in_stick < DECONZ_WINDOW ? first : NULL;
}

void deconz_air_pump(struct deconz *d, msec now)
{
    static const uint8_t nothing[] = { 0, 0 }, which[] = { 1, 0, DECONZ_BOTH_ADDRESSES };
    struct deconz_place *p = next_to_go(d);
    if (d->state & DECONZ_INDICATION_WAITS && !deconz_is_asking(d, DECONZ_ASK_INDICATION))
        deconz_ask(d, DECONZ_ASK_INDICATION, DECONZ_INDICATION, span_of(which, sizeof which), now);
    if (d->state & DECONZ_CONFIRM_WAITS && !deconz_is_asking(d, DECONZ_ASK_CONFIRM))
        deconz_ask(d, DECONZ_ASK_CONFIRM, DECONZ_CONFIRM, span_of(nothing, sizeof nothing), now);
    if (!p || !(d->state & DECONZ_SLOTS_FREE) || deconz_is_asking(d, DECONZ_ASK_SEND))
        return;
    p->stage = PLACE_ASKED;
    deconz_ask(d, DECONZ_ASK_SEND, DECONZ_REQUEST, span_of(p->body, p->len), now);
}

/* ---- what became of it ------------------------------------------------------------------------------------------ */

static struct deconz_place *asked_place(struct deconz *d)
{
    for (struct deconz_place *p = d->places; p < d->places + DECONZ_PLACES; p++)
        if (p->stage == PLACE_ASKED)
            return p;
    return NULL;
}

/* No room after all: it is asked again. */
static void wait_again(struct deconz *d, struct deconz_place *p, msec now)
{
    p->stage = PLACE_WAITS;
    d->state = (uint8_t)(d->state & ~DECONZ_SLOTS_FREE);
    d->poll_at = now + BUSY_MS;
}

void deconz_air_queued(struct deconz *d, const struct deconz_frame *f, msec now)
{
    struct deconz_place *p = asked_place(d);
    if (!p)
        return;
    switch (f->status) {
    case DECONZ_OK:
        d->c.full_since = 0;
        p->stage = PLACE_ACCEPTED;
        p->until = now + (p->sleeper ? SLEEPER_MS : CONFIRM_MS);
        return;
    case DECONZ_BUSY:
        wait_again(d, p, now);
        return;
    case DECONZ_NO_NETWORK:
        d->poll_at = now;
        finish(d, p, RADIO_LOST);
        return;
    case DECONZ_UNSUPPORTED:
    case DECONZ_INVALID_VALUE:
        finish(d, p, p->data_len > ONE_FRAME ? RADIO_TOO_BIG : RADIO_UNREACHABLE);
        return;
    default:
        finish(d, p, RADIO_BUSY);
    }
}

/* APS, NWK and MAC statuses as they come in a confirm. */
static enum radio_sent result_of(uint8_t status)
{
    enum {
        SUCCESS = 0,
        ASDU_TOO_LONG = 0xA0,
        CHANNEL_BUSY = 0xE1,
        FRAME_TOO_LONG = 0xE5,
        QUEUE_FULL = 0xF1
    };
    switch (status) {
    case SUCCESS:
        return RADIO_DELIVERED;
    case ASDU_TOO_LONG:
    case FRAME_TOO_LONG:
        return RADIO_TOO_BIG;
    case CHANNEL_BUSY:
    case QUEUE_FULL:
        return RADIO_BUSY;
    default: /* A7 no APS ack, D0 D1 no route, E9 no MAC ack, F0 expired: away, asleep, or out of reach */
        return RADIO_UNREACHABLE;
    }
}

bool deconz_air_confirm(struct deconz *d, struct span body)
{
    struct deconz_confirm c;
    if (!deconz_read_confirm(body, &c))
        return false;
    struct deconz_place *p = place_of(d, c.id);
    if (p && p->stage != PLACE_WAITS) /* else of an earlier run, or too late */
        finish(d, p, result_of(c.status));
    return true;
}

void deconz_air_lost(struct deconz *d)
{
    for (struct deconz_place *p = d->places; p < d->places + DECONZ_PLACES; p++)
        if (p->stage != PLACE_FREE)
            finish(d, p, RADIO_LOST);
    for (enum deconz_kind k = DECONZ_ASK_SEND; k < DECONZ_ASKS; k++)
        d->asks[k].tries = 0;
}

/* There is no command that resets it: the line is opened anew, and the log shows why nothing is sent. */
static void give_up_if_stuck(struct deconz *d, msec now)
{
    bool has_one = false;
    for (const struct deconz_place *p = d->places; p < d->places + DECONZ_PLACES; p++)
        has_one = has_one || p->stage > PLACE_WAITS;
    if (coordinator_stays_full(&d->c, !has_one, now))
        deconz_give_up(d, "with no frame under way it has been full for %d s",
                       COORDINATOR_FULL_MS / 1000);
}

void deconz_air_tick(struct deconz *d, msec now)
{
    for (struct deconz_place *p = d->places; p < d->places + DECONZ_PLACES; p++) {
        if (now < p->until || p->stage == PLACE_FREE || p->stage == PLACE_ASKED)
            continue;
        if (p->stage == PLACE_WAITS)
            give_up_if_stuck(d, now);
        finish(d, p, p->stage == PLACE_WAITS ? RADIO_BUSY : RADIO_UNREACHABLE);
    }
}

msec deconz_air_deadline(const struct deconz *d)
{
    msec at = MSEC_NEVER;
    for (const struct deconz_place *p = d->places; p < d->places + DECONZ_PLACES; p++)
        if ((p->stage == PLACE_WAITS || p->stage == PLACE_ACCEPTED) && p->until < at)
            at = p->until;
    return at;
}

/* ---- hearing ---------------------------------------------------------------------------------------------------- */

static void hear_address(struct deconz *d, struct span data, msec now)
{
    struct reader r = reader_of(data);
    reader_take(&r, 1); /* the transaction: any true answer is welcome */
    const uint8_t status = read_u8(&r);
    const uint64_t eui64 = read_le64(&r);
    const uint16_t nwk = read_le16(&r);
    if (!r.failed && status == 0 && eui64 != 0)
        (void)coordinator_learn(&d->c, eui64, nwk, now);
}

static void hear_announcement(struct deconz *d, struct span data, msec now)
{
    struct reader r = reader_of(data);
    reader_take(&r, 1);
    const uint16_t nwk = read_le16(&r);
    const uint64_t eui64 = read_le64(&r);
    const uint8_t capability = read_u8(&r);
    if (r.failed || eui64 == 0)
        return;
    struct neighbour *one = coordinator_learn(&d->c, eui64, nwk, now);
    if (one)
        one->sleeper = !(capability & RECEIVER_ALWAYS_ON);
    coordinator_joined(&d->c, eui64, false);
}

static void hear_network(struct deconz *d, const struct deconz_indication *i, msec now)
{
    if (i->cluster == ZDO_ADDRESS_ANSWER)
        hear_address(d, i->data, now);
    else if (i->cluster == ZDO_ANNOUNCE)
        hear_announcement(d, i->data, now);
}

static struct incoming incoming_of(const struct deconz *d, const struct deconz_indication *i)
{
    struct incoming in = { .nwk = i->from.mode == DECONZ_EUI64 ? NWK_UNKNOWN : i->from.nwk,
                           .eui64 = i->from.mode >= DECONZ_EUI64 ? i->from.eui64 : 0,
                           .source_endpoint = i->source_endpoint,
                           .endpoint = i->endpoint,
                           .profile = i->profile,
                           .cluster = i->cluster };
    if (in.eui64 == UINT64_MAX)
        in.eui64 = 0;
    const struct neighbour *known = in.eui64 ? neighbours_find(d->c.neighbours, in.eui64)
                                             : neighbours_at(d->c.neighbours, in.nwk);
    in.frame = (struct radio_frame){ .bytes = i->data, .lqi = i->lqi, .rssi = RSSI_UNKNOWN };
    in.frame.sleeper = known && known->sleeper;
    in.frame.broadcast =
        i->to.mode == DECONZ_GROUP || (i->to.mode == DECONZ_NWK && i->to.nwk >= BROADCASTS_FROM);
    return in;
}

bool deconz_air_indication(struct deconz *d, struct span body, msec now)
{
    struct deconz_indication i;
    if (!deconz_read_indication(body, &i))
        return false;
    if (i.profile == 0 && i.endpoint == 0) {
        hear_network(d, &i, now);
        return true;
    }
    const struct incoming in = incoming_of(d, &i);
    if (coordinator_heard(&d->c, &in, now) == COORDINATOR_ASK && in.nwk != NWK_UNKNOWN)
        ask_address(d, in.nwk, now);
    return true;
}

/* Only a sleeping child polls. */
void deconz_air_poll(struct deconz *d, struct span body)
{
    struct deconz_address from;
    if (!deconz_read_poll(body, &from))
        return;
    struct neighbour *one = from.mode == DECONZ_NWK ? neighbours_at(d->c.neighbours, from.nwk)
                                                    : neighbours_find(d->c.neighbours, from.eui64);
    if (one)
        one->sleeper = true;
}
