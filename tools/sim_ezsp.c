/* sim_ezsp.c -- the stick side of EZSP over ASH: a simulated EmberZNet NCP.
 *
 * The link is the gateway's own, in the other role, and so are the codecs. Above it the NCP does what the real one
 * does: it answers nothing before its version was asked for, has a network only once one was formed, takes settings
 * and an endpoint only before its network runs, and forgets everything but the network in a reset. Frames for the
 * host wait in a queue of some length; a frame from a node that finds it full is lost, as it would be.
 *
 * --stick-option N: protocol version N, 4 to 14; 13 is usual. From 14 on frames name their sender; version 8 knows no
 * node's 64-bit address, so that the host has to ask the nodes. */
#include "tools/sim_ezsp_inside.h"

#include "radio/little.h"

static struct ncp *ncp_of(struct sim_stick *s)
{
    return (struct ncp *)s;
}

static void note(struct ncp *n, const char *text)
{
    n->s.world->log(n->s.world->context, text);
}

/* ---- frames for the host --------------------------------------------------------------------------------------- */

static void drain(struct ncp *n, msec now)
{
    while (n->count > 0) {
        const struct ncp_frame *f = &n->queue[n->head];
        if (!ash_send(&n->link, span_of(f->bytes, f->len), now))
            return;
        n->head = (n->head + 1) % NCP_QUEUE;
        n->count--;
    }
}

bool ncp_tell(struct ncp *n, uint8_t control, uint16_t id, struct span params, msec now)
{
    struct ncp_frame *f = &n->queue[(n->head + n->count) % NCP_QUEUE];
    struct writer w = writer_of(f->bytes, sizeof f->bytes);
    if (n->count == NCP_QUEUE || n->link.state != ASH_CONNECTED)
        return false;
    ezsp_frame_write(&(struct ezsp_frame){ n->sequence, control, id, params }, n->header, &w);
    if (w.failed)
        return false;
    f->len = (uint8_t)(sizeof f->bytes - w.left);
    n->count++;
    drain(n, now);
    return true;
}

static void call_back(struct ncp *n, uint16_t id, struct span params, msec now)
{
    if (!ncp_tell(n, EZSP_CALLBACK, id, params, now))
        note(n, "ezsp: a callback is lost: the host takes none");
}

static void tell_network(struct ncp *n, msec now)
{
    uint8_t room[4];
    struct writer w = writer_of(room, sizeof room);
    n->news_at = MSEC_NEVER;
    n->up = n->news == EZSP_NETWORK_UP;
    if (n->up && n->forming.formed)
        *n->s.network = n->forming;
    n->forming.formed = false;
    ezsp_write_status(&w, n->version, n->news);
    call_back(n, EZSP_STACK_STATUS, span_of(room, sizeof room - w.left), now);
}

void ncp_tell_sent(struct ncp *n, const struct ezsp_sent *s, msec now)
{
    uint8_t room[ASH_DATA_MAX];
    struct writer w = writer_of(room, sizeof room);
    ezsp_write_sent(s, n->version, &w);
    call_back(n, EZSP_MESSAGE_SENT, span_of(room, sizeof room - w.left), now);
}

void ncp_hear_from_node(struct ncp *n, const struct ezsp_incoming *in, msec now)
{
    uint8_t room[SIM_PAYLOAD_MAX + 64];
    struct writer w = writer_of(room, sizeof room);
    ezsp_write_incoming(in, n->version, &w);
    if (!w.failed)
        call_back(n, EZSP_INCOMING_MESSAGE, span_of(room, sizeof room - w.left), now);
}

/* ---- from the link --------------------------------------------------------------------------------------------- */

static void on_write(void *context, struct span wire)
{
    struct ncp *n = context;
    n->s.world->write(n->s.world->context, wire);
}

static void on_deliver(void *context, struct span data, msec now)
{
    struct ncp *n = context;
    struct ezsp_frame f;
    if (ezsp_frame_read(data, n->header, &f) && !ezsp_frame_is_callback(&f))
        ncp_command(n, &f, now);
    else
        note(n, "ezsp: not understood, wrong header?");
}

static void forget(struct ncp *n)
{
    n->header = EZSP_VERSION_MIN;
    n->settled = n->initialised = n->up = n->has_security = n->lets_join = false;
    n->endpoint = (struct ezsp_endpoint){ 0 };
    n->forming = (struct sim_network){ 0 };
    n->news_at = MSEC_NEVER;
    n->head = n->count = 0;
    memset(n->messages, 0, sizeof n->messages);
}

static void on_connected(void *context, uint8_t code, msec now)
{
    struct ncp *n = context;
    (void)code, (void)now;
    forget(n);
}

static void on_failed(void *context, enum ash_failure how, uint8_t code, msec now)
{
    struct ncp *n = context;
    (void)how, (void)code, (void)now;
    note(n, "ezsp: the host acknowledges nothing: dead until it resets");
}

/* ---- the air --------------------------------------------------------------------------------------------------- */

static void ncp_receive(struct sim_stick *s, const struct sim_frame *f, msec now)
{
    struct ncp *n = ncp_of(s);
    if (!n->up || n->endpoint.endpoint == 0) {
        note(n, "ezsp: a frame is lost: no network, or no endpoint");
        return;
    }
    ncp_hear_from_node(n,
                       &(struct ezsp_incoming){ .type = f->broadcast ? EZSP_BROADCAST : EZSP_UNICAST,
                                                .aps = { .profile = f->profile,
                                                         .cluster = f->cluster,
                                                         .source = f->source_endpoint,
                                                         .destination = f->endpoint,
                                                         .options = EZSP_APS_ROUTE_DISCOVERY,
                                                         .sequence = n->aps_sequence++ },
                                                .lqi = f->lqi,
                                                .rssi = f->rssi,
                                                .from = f->nwk,
                                                .eui64 = f->eui64,
                                                .binding = 0xFF,
                                                .address = 0xFF,
                                                .timestamp = (uint32_t)now,
                                                .data = f->data },
                       now);
}

static void ncp_outcome(struct sim_stick *s, uint32_t token, enum sim_outcome how, msec now)
{
    struct ncp *n = ncp_of(s);
    for (struct ncp_message *m = n->messages; m < n->messages + NCP_MESSAGES; m++) {
        if (m->token != token || token == 0)
            continue;
        m->token = 0;
        ncp_tell_sent(
            n,
            &(struct ezsp_sent){ .to = m->to,
                                 .aps = m->aps,
                                 .tag = m->tag,
                                 .status = how == SIM_DELIVERED ? EZSP_OK : EZSP_DELIVERY_FAILED },
            now);
    }
}

static void ncp_joined(struct sim_stick *s, uint64_t eui64, uint16_t nwk, msec now)
{
    struct ncp *n = ncp_of(s);
    uint8_t room[32];
    struct writer w = writer_of(room, sizeof room);
    if (!n->up)
        return;
    ezsp_write_join(&(struct ezsp_join){ .nwk = nwk, .eui64 = eui64, .update = EZSP_JOINED }, &w);
    call_back(n, EZSP_TRUST_CENTRE_JOIN, span_of(room, sizeof room - w.left), now);
}

/* ---- the stick ------------------------------------------------------------------------------------------------- */

static void ncp_plug(struct sim_stick *s, msec now)
{
    static const struct ash_events events = { on_write, on_deliver, on_connected, on_failed };
    struct ncp *n = ncp_of(s);
    (void)now;
    bool named = s->option >= EZSP_VERSION_MIN && s->option <= EZSP_VERSION_MAX;
    n->version = named ? (uint8_t)s->option : NCP_VERSION;
    ash_init(&n->link, ASH_NCP, &events, n);
    n->link.window = ASH_WINDOW_MAX;
    forget(n);
    ash_announce(&n->link, ASH_RESET_POWER);
}

static void ncp_reset(struct sim_stick *s, msec now)
{
    struct ncp *n = ncp_of(s);
    (void)now;
    forget(n);
    ash_announce(&n->link, ASH_RESET_WATCHDOG);
}

static void ncp_hear(struct sim_stick *s, struct span bytes, msec now)
{
    struct ncp *n = ncp_of(s);
    ash_hear(&n->link, bytes, now);
    drain(n, now);
}

static void ncp_tick(struct sim_stick *s, msec now)
{
    struct ncp *n = ncp_of(s);
    ash_tick(&n->link, now);
    if (now >= n->news_at)
        tell_network(n, now);
    drain(n, now);
}

static msec ncp_deadline(const struct sim_stick *s)
{
    const struct ncp *n = (const struct ncp *)s;
    msec link = ash_deadline(&n->link);
    return link < n->news_at ? link : n->news_at;
}

/* What is left is for answers and for what became of the host's own frames. */
static bool ncp_has_room(const struct sim_stick *s)
{
    return ((const struct ncp *)s)->count < NCP_QUEUE / 2;
}

const struct sim_family sim_ezsp = {
    .name = "ezsp",
    .size = sizeof(struct ncp),
    .baud = 115200,
    .plug = ncp_plug,
    .hear = ncp_hear,
    .tick = ncp_tick,
    .deadline = ncp_deadline,
    .receive = ncp_receive,
    .outcome = ncp_outcome,
    .joined = ncp_joined,
    .has_room = ncp_has_room,
    .reset = ncp_reset,
};
