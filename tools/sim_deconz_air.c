/* sim_deconz_air.c -- frames through the simulated deCONZ stick: a few slots for requests, a queue of what became of
 * them, and a queue of frames that came.
 *
 * All of them are as short as the real ones are thought to be: a request beyond the slots is refused as busy, and a
 * frame that finds the queue full is lost without a word. ZigBee's own questions about addresses are answered here, in
 * the place of the stack of the node that is asked. */
#include "tools/sim_deconz_inside.h"

#include "radio/little.h"

enum { NO_ACK = 0xA7, NO_ROUTE = 0xD0, EXPIRED = 0xF0 };
enum { ZDO_ADDRESS_QUESTION = 0x0001, ZDO_ADDRESS_ANSWER = 0x8001, ZDO_ANNOUNCE = 0x0013 };
enum { FORGOTTEN_MS = 10000, BROADCASTS_FROM = 0xFFF8, ONE_PIECE = 127, ANNOUNCE_ROUTER = 0x8E };

/* ---- frames from nodes ------------------------------------------------------------------------------------------ */

static void arrive(struct stick *s, const struct sim_frame *f)
{
    if (s->state != DECONZ_CONNECTED || s->arrival_count == INDICATIONS ||
        f->data.len > SIM_PAYLOAD_MAX)
        return; /* as the real one: nobody hears of it */
    struct arrival *a = &s->arrivals[(s->arrival_first + s->arrival_count++) % INDICATIONS];
    a->frame = *f;
    a->len = (uint16_t)f->data.len;
    if (f->data.len > 0)
        memcpy(a->bytes, f->data.at, f->data.len);
}

void conbee_give_indication(struct stick *s, const struct deconz_frame *f, msec now)
{
    static const uint8_t spare[5] = { 0, 0, 0, 0, 0xCE };
    struct span flags;
    (void)now;
    if (s->arrival_count == 0 || !deconz_payload(f->body, &flags)) {
        const uint8_t nothing = conbee_state(s);
        conbee_answer_payload(s, f, DECONZ_FAILURE, span_of(&nothing, 1));
        return;
    }
    const bool both =
        flags.len > 0 && flags.at[0] & DECONZ_BOTH_ADDRESSES && s->s.option != OLD_FIRMWARE;
    const struct arrival *a = &s->arrivals[s->arrival_first];
    s->arrival_first = (s->arrival_first + 1) % INDICATIONS;
    s->arrival_count--;
    const struct deconz_indication i = {
        .state = conbee_state(s),
        .to = { DECONZ_NWK, (uint16_t)(a->frame.broadcast ? 0xFFFD : 0), 0 },
        .from = { both ? DECONZ_NWK_AND_EUI64 : DECONZ_NWK, a->frame.nwk, a->frame.eui64 },
        .endpoint = a->frame.endpoint,
        .source_endpoint = a->frame.source_endpoint,
        .profile = a->frame.profile,
        .cluster = a->frame.cluster,
        .data = span_of(a->bytes, a->len),
        .lqi = a->frame.lqi,
        .spare = span_of(spare, sizeof spare),
    };
    uint8_t room[DECONZ_FRAME_MAX];
    struct writer w = writer_of(room, sizeof room);
    deconz_write_indication(&i, &w);
    conbee_answer(s, f, DECONZ_OK, span_of(room, sizeof room - w.left));
}

/* ---- frames to nodes -------------------------------------------------------------------------------------------- */

static void confirm(struct stick *s, struct slot *slot, uint8_t status)
{
    slot->used = false;
    slot->confirm.status = status;
    if (s->confirm_count < CONFIRMS)
        s->confirms[(s->confirm_first + s->confirm_count++) % CONFIRMS] = slot->confirm;
}

void conbee_give_confirm(struct stick *s, const struct deconz_frame *f, msec now)
{
    static const uint8_t spare[4] = { 0 };
    (void)now;
    if (s->confirm_count == 0) {
        const uint8_t nothing = conbee_state(s);
        conbee_answer_payload(s, f, DECONZ_FAILURE, span_of(&nothing, 1));
        return;
    }
    struct deconz_confirm c = s->confirms[s->confirm_first];
    s->confirm_first = (s->confirm_first + 1) % CONFIRMS;
    s->confirm_count--;
    c.state = conbee_state(s);
    c.spare = span_of(spare, sizeof spare);
    uint8_t room[64];
    struct writer w = writer_of(room, sizeof room);
    deconz_write_confirm(&c, &w);
    conbee_answer(s, f, DECONZ_OK, span_of(room, sizeof room - w.left));
}

/* A node's own word, as its ZigBee stack gives it. */
static void answer_address(struct stick *s, uint64_t eui64, uint16_t nwk, uint8_t transaction)
{
    uint8_t data[12];
    struct writer w = writer_of(data, sizeof data);
    write_u8(&w, transaction);
    write_u8(&w, 0);
    write_le64(&w, eui64);
    write_le16(&w, nwk);
    arrive(s, &(struct sim_frame){ .eui64 = eui64,
                                   .nwk = nwk,
                                   .cluster = ZDO_ADDRESS_ANSWER,
                                   .lqi = 200,
                                   .data = span_of(data, sizeof data) });
}

static void transmit(struct stick *s, size_t n, const struct deconz_request *q)
{
    const struct sim_world *world = s->s.world;
    const bool broadcast =
        q->to.mode == DECONZ_GROUP || (q->to.mode == DECONZ_NWK && q->to.nwk >= BROADCASTS_FROM);
    struct sim_frame f = { .nwk = q->to.mode == DECONZ_EUI64 ? 0xFFFE : q->to.nwk,
                           .eui64 = q->to.eui64,
                           .endpoint = q->endpoint,
                           .source_endpoint = q->source_endpoint,
                           .profile = q->profile,
                           .cluster = q->cluster,
                           .broadcast = broadcast,
                           .data = q->data };
    if (!broadcast && !world->find(world->context, &f.eui64, &f.nwk)) {
        confirm(s, &s->slots[n], NO_ROUTE);
    } else if (q->profile == 0 && q->endpoint == 0) {
        confirm(s, &s->slots[n], 0);
        if (q->cluster == ZDO_ADDRESS_QUESTION && !broadcast && q->data.len > 0)
            answer_address(s, f.eui64, f.nwk, q->data.at[0]);
    } else {
        world->transmit(world->context, &f, (uint32_t)n << 8 | q->id);
        if (broadcast)
            confirm(s, &s->slots[n], 0);
    }
}

static size_t free_slot(const struct stick *s)
{
    size_t n = 0;
    while (n < SLOTS && s->slots[n].used)
        n++;
    return n;
}

void conbee_take_request(struct stick *s, const struct deconz_frame *f, msec now)
{
    struct deconz_request q;
    const size_t n = free_slot(s);
    const bool good = deconz_read_request(f->body, &q);
    enum deconz_status status = DECONZ_OK;
    if (!good || (q.data.len > ONE_PIECE && !(q.options & DECONZ_FRAGMENT)))
        status = DECONZ_INVALID_VALUE;
    else if (s->state != DECONZ_CONNECTED)
        status = DECONZ_NO_NETWORK;
    else if (n == SLOTS)
        status = DECONZ_BUSY;
    if (status == DECONZ_OK)
        s->slots[n] = (struct slot){
            true,
            now + FORGOTTEN_MS,
            { .id = q.id, .to = q.to, .endpoint = q.endpoint, .source_endpoint = q.source_endpoint }
        };
    const uint8_t payload[2] = { conbee_state(s), good ? q.id : 0 };
    conbee_answer_payload(s, f, status, span_of(payload, sizeof payload));
    if (status == DECONZ_OK)
        transmit(s, n, &q);
}

void conbee_forget(struct stick *s, msec now)
{
    for (struct slot *slot = s->slots; slot < s->slots + SLOTS; slot++)
        slot->used = slot->used && now < slot->until;
}

msec conbee_forgets_at(const struct stick *s)
{
    msec at = MSEC_NEVER;
    for (const struct slot *slot = s->slots; slot < s->slots + SLOTS; slot++)
        if (slot->used && slot->until < at)
            at = slot->until;
    return at;
}

static void tell_poll(struct stick *s, uint16_t nwk, uint8_t lqi)
{
    uint8_t body[8];
    struct writer w = writer_of(body, sizeof body);
    write_le16(&w, 5);
    write_u8(&w, DECONZ_NWK);
    write_le16(&w, nwk);
    write_u8(&w, lqi);
    write_u8(&w, 0xCE);
    conbee_say(s, &(struct deconz_frame){ DECONZ_MAC_POLL, s->sequence++, DECONZ_OK,
                                          span_of(body, sizeof body - w.left) });
}

void conbee_receive(struct sim_stick *stick, const struct sim_frame *f, msec now)
{
    struct stick *s = stick_of(stick);
    (void)now;
    if (f->sleeper && s->state == DECONZ_CONNECTED)
        tell_poll(s, f->nwk, f->lqi);
    arrive(s, f);
    conbee_tell_state(s);
}

void conbee_outcome(struct sim_stick *stick, uint32_t token, enum sim_outcome how, msec now)
{
    static const uint8_t statuses[] = {
        [SIM_DELIVERED] = 0, [SIM_NO_ACK] = NO_ACK, [SIM_NO_ROUTE] = NO_ROUTE, [SIM_EXPIRED] = EXPIRED
    };
    struct stick *s = stick_of(stick);
    struct slot *slot = &s->slots[token >> 8 & (SLOTS - 1)];
    (void)now;
    if (slot->used && slot->confirm.id == (uint8_t)token) /* else of before a reset */
        confirm(s, slot, statuses[how]);
    conbee_tell_state(s);
}

void conbee_joined(struct sim_stick *stick, uint64_t eui64, uint16_t nwk, msec now)
{
    struct stick *s = stick_of(stick);
    uint8_t data[12];
    struct writer w = writer_of(data, sizeof data);
    (void)now;
    write_u8(&w, s->sequence);
    write_le16(&w, nwk);
    write_le64(&w, eui64);
    write_u8(&w, ANNOUNCE_ROUTER);
    arrive(s, &(struct sim_frame){ .eui64 = eui64,
                                   .nwk = nwk,
                                   .cluster = ZDO_ANNOUNCE,
                                   .broadcast = true,
                                   .lqi = 200,
                                   .data = span_of(data, sizeof data) });
    conbee_tell_state(s);
}
