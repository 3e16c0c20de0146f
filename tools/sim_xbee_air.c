/* sim_xbee_air.c -- frames to and from the nodes of a simulated XBee.
 *
 * A request takes one of 8 buffers until the air says what became of the frame, and its Transmit Status goes to the
 * host when it had a frame id. Without a network, without a buffer, or with a payload that is too large, the status
 * comes at once. A broadcast is always sent, whoever hears it. */
#include "tools/sim_xbee_inside.h"

enum {
    TRIED_MS = 1000, /* all tries of a frame are over by then ... */
    HELD_MS = 8000,  /* ... unless a parent keeps it for a sleeping child */
    PAYLOAD_MOST = 255,
    BROADCAST_MOST = 92,
    BROADCAST_SECURE = 74,
    DATA_ENDPOINT = 0xE8,
    DATA_CLUSTER = 0x0011,
    DATA_PROFILE = 0xC105,
    AO_EXPLICIT = 0x01,
    NWK_NOT_DELIVERED = 0xFFFD,
    HEARD_ACKNOWLEDGED = 0x01
};

enum delivery {
    DELIVERED = 0x00,
    NO_NETWORK_ACK = 0x21,
    NOT_JOINED = 0x22,
    NO_ADDRESS = 0x24,
    NO_BUFFERS = 0x32,
    TOO_LARGE = 0x74,
    NEVER_ASKED_FOR = 0x75,
};

static void say_status(struct stick *s, uint8_t id, enum delivery status, uint16_t nwk)
{
    if (id != 0)
        sim_xbee_say(
            s, &(struct xbee_frame){
                   .type = XBEE_TRANSMIT_STATUS, .id = id, .nwk = nwk, .status = (uint8_t)status });
}

/* ---- frames to nodes ---------------------------------------------------------------------------------------- */

static struct buffer *buffer_with(struct stick *s, uint32_t token)
{
    for (struct buffer *b = s->buffers; b < s->buffers + BUFFERS; b++)
        if (b->token == token)
            return b;
    return NULL;
}

/* A free one, or one whose outcome got lost on its way here; NULL: there is none. */
static struct buffer *buffer_free(struct stick *s, msec now)
{
    for (struct buffer *b = s->buffers; b < s->buffers + BUFFERS; b++)
        if (b->token == 0 || now >= b->until)
            return b;
    return NULL;
}

static struct sim_frame frame_of(const struct xbee_frame *f)
{
    const bool is_explicit = f->type == XBEE_TRANSMIT_EXPLICIT;
    struct sim_frame to = { .eui64 = f->eui64, .nwk = f->nwk, .data = f->data };
    to.endpoint = is_explicit ? f->endpoint : DATA_ENDPOINT;
    to.source_endpoint = is_explicit ? f->source_endpoint : DATA_ENDPOINT;
    to.profile = is_explicit ? f->profile : DATA_PROFILE;
    to.cluster = is_explicit ? f->cluster : DATA_CLUSTER;
    return to;
}

static void broadcast(struct stick *s, const struct xbee_frame *f)
{
    struct sim_frame to = frame_of(f);
    const size_t most = s->now_value[EE] ? BROADCAST_SECURE : BROADCAST_MOST;
    if (f->data.len > most) {
        say_status(s, f->id, TOO_LARGE, NWK_NOT_DELIVERED);
        return;
    }
    to.eui64 = 0;
    to.broadcast = true;
    s->s.world->transmit(s->s.world->context, &to, 0);
    say_status(s, f->id, DELIVERED, NWK_UNKNOWN); /* also when nobody hears it */
}

static void unicast(struct stick *s, const struct xbee_frame *f, msec now)
{
    struct sim_frame to = frame_of(f);
    struct buffer *b = buffer_free(s, now);
    if (f->data.len > PAYLOAD_MOST || !b) {
        say_status(s, f->id, b ? TOO_LARGE : NO_BUFFERS, NWK_NOT_DELIVERED);
        return;
    }
    if (to.eui64 == XBEE_EUI64_UNKNOWN)
        to.eui64 = 0;
    s->frames = s->frames == UINT32_MAX ? 1 : s->frames + 1;
    *b = (struct buffer){ .token = s->frames,
                          .id = f->id,
                          .until =
                              now + (f->options & XBEE_SEND_EXTENDED_TIMEOUT ? HELD_MS : TRIED_MS) };
    b->known = s->s.world->find(s->s.world->context, &to.eui64, &to.nwk);
    b->nwk = to.nwk;
    s->s.world->transmit(s->s.world->context, &to, s->frames);
}

void sim_xbee_transmit(struct stick *s, const struct xbee_frame *f, msec now)
{
    if (s->association != ASSOCIATED)
        say_status(s, f->id, NOT_JOINED, NWK_NOT_DELIVERED);
    else if (f->eui64 == XBEE_BROADCAST)
        broadcast(s, f);
    else
        unicast(s, f, now);
}

void sim_xbee_outcome(struct sim_stick *stick, uint32_t token, enum sim_outcome how, msec now)
{
    static const enum delivery deliveries[] = {
        [SIM_DELIVERED] = DELIVERED,
        [SIM_NO_ACK] = NO_NETWORK_ACK,
        [SIM_NO_ROUTE] = NO_ADDRESS,
        [SIM_EXPIRED] = NEVER_ASKED_FOR,
    };
    struct stick *s = stick_of(stick);
    struct buffer *b = token != 0 ? buffer_with(s, token) : NULL;
    (void)now;
    if (!b)
        return; /* of before a reset */
    const struct buffer ended = *b;
    *b = (struct buffer){ 0 };
    say_status(s, ended.id, deliveries[how], ended.known ? ended.nwk : NWK_NOT_DELIVERED);
}

/* ---- from nodes --------------------------------------------------------------------------------------------- */

void sim_xbee_receive(struct sim_stick *stick, const struct sim_frame *from, msec now)
{
    struct stick *s = stick_of(stick);
    const bool all = s->now_value[AO] & AO_EXPLICIT;
    const bool usual = from->endpoint == DATA_ENDPOINT && from->profile == DATA_PROFILE &&
                       from->cluster == DATA_CLUSTER;
    (void)now;
    if (s->association != ASSOCIATED || (!usual && !all))
        return;
    struct xbee_frame f = { .type = all ? XBEE_RECEIVE_EXPLICIT : XBEE_RECEIVE,
                            .eui64 = from->eui64,
                            .nwk = from->nwk,
                            .source_endpoint = from->source_endpoint,
                            .endpoint = from->endpoint,
                            .cluster = from->cluster,
                            .profile = from->profile,
                            .data = from->data };
    f.options = from->broadcast ? XBEE_HEARD_BROADCAST : HEARD_ACKNOWLEDGED;
    f.options |= from->sleeper ? XBEE_HEARD_FROM_END_DEVICE : 0;
    sim_xbee_say(s, &f);
}
