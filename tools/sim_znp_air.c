/* sim_znp_air.c -- frames through a simulated Z-Stack stick, and the nodes behind it.
 *
 * The stick has room for a few frames under way and says so when there is none left; each that it takes gets a confirm.
 * What comes is handed to the host only for an endpoint, profile and cluster that were registered, and without the
 * sender's 64-bit address, which the host has to ask for. */
#include "tools/sim_znp_inside.h"

enum {
    SMALL = 2, /* frames under way in small chips */
    BROADCASTS_FROM = 0xFFF8,
    MODE_EUI64 = 3,
    MODE_BROADCAST = 0x0F,
    BUFFER_FULL = 0x11,
    NO_APS_ACK = 0xB7,
    NO_ROUTE = 0xCD,
    EXPIRED = 0xF0,
    NOT_FOUND = 0x81,
    RUN_MASK = 0xFFFFFF,
    SERIAL_PAYLOAD = 223,
    ROUTER = 0x8E,
    SLEEPER = 0x80,
    NWK_NONE = 0xFFFE,
    FORGOTTEN_MS = 10000
};

/* ---- to the nodes ------------------------------------------------------------------------------------------------ */

static const struct listening *listening_at(const struct stick *s, uint8_t endpoint)
{
    for (const struct listening *l = s->endpoints; l < s->endpoints + ENDPOINTS; l++)
        if (l->endpoint != 0 && l->endpoint == endpoint)
            return l;
    return NULL;
}

/* A frame of which nobody tells what became gives its place up in the end. */
static size_t room_for(const struct stick *s, msec now)
{
    const bool small = s->s.option == STACK_1_2 || s->s.option == STACK_3_0_X;
    const size_t room = small ? SMALL : UNDER_WAY;
    for (size_t i = 0; i < room; i++)
        if (!s->under_way[i].used || now >= s->under_way[i].until)
            return i;
    return UNDER_WAY;
}

static void confirm(struct stick *s, const struct under_way *u, uint8_t status)
{
    z_stack_say(s, &(struct znp_message){ .command = ZNP_CONFIRM,
                                          .status = status,
                                          .endpoint = u->endpoint,
                                          .transaction = u->transaction });
}

static struct sim_frame frame_of(const struct stick *s, const struct znp_message *m)
{
    const struct listening *from = listening_at(s, m->source_endpoint);
    const bool by_eui64 = m->command == ZNP_SEND_EXT && m->address_mode == MODE_EUI64;
    return (struct sim_frame){ .eui64 = by_eui64 ? m->destination : 0,
                               .nwk = by_eui64 ? NWK_NONE : (uint16_t)m->destination,
                               .endpoint = m->endpoint,
                               .source_endpoint = m->source_endpoint,
                               .profile = from ? from->profile : 0,
                               .cluster = m->cluster,
                               .data = m->data };
}

static void send_frame(struct stick *s, const struct znp_message *m, bool broadcast, msec now)
{
    const struct sim_world *world = s->s.world;
    struct sim_frame f = frame_of(s, m);
    size_t place = room_for(s, now);
    f.broadcast = broadcast;
    if (s->state != RUNS || !listening_at(s, m->source_endpoint)) {
        z_stack_answer(s, m, INVALID);
        return;
    }
    if (!broadcast && place == UNDER_WAY) {
        z_stack_answer(s, m, BUFFER_FULL);
        return;
    }
    z_stack_answer(s, m, 0);
    struct under_way u = { true, m->transaction, m->source_endpoint, now + FORGOTTEN_MS };
    if (broadcast)
        confirm(s, &u, 0);
    else
        s->under_way[place] = u;
    world->transmit(world->context, &f, (s->run & RUN_MASK) << 8 | (uint8_t)place);
}

void z_stack_send(struct stick *s, const struct znp_message *m, msec now)
{
    send_frame(s, m, m->destination >= BROADCASTS_FROM, now);
}

void z_stack_send_ext(struct stick *s, const struct znp_message *m, msec now)
{
    send_frame(s, m, m->address_mode == MODE_BROADCAST, now);
}

void z_stack_outcome(struct sim_stick *stick, uint32_t token, enum sim_outcome how, msec now)
{
    static const uint8_t statuses[] = {
        [SIM_DELIVERED] = 0, [SIM_NO_ACK] = NO_APS_ACK, [SIM_NO_ROUTE] = NO_ROUTE, [SIM_EXPIRED] = EXPIRED
    };
    struct stick *s = stick_of(stick);
    struct under_way *u = &s->under_way[token % UNDER_WAY];
    (void)now;
    if (token >> 8 != (s->run & RUN_MASK) || !u->used)
        return;
    u->used = false;
    confirm(s, u, statuses[how]);
}

/* ---- from the nodes ---------------------------------------------------------------------------------------------- */

static bool is_for_us(const struct stick *s, const struct sim_frame *f)
{
    for (const struct listening *l = s->endpoints; l < s->endpoints + ENDPOINTS; l++)
        if (l->endpoint != 0 && (l->endpoint == f->endpoint || f->broadcast) &&
            l->profile == f->profile && l->cluster == f->cluster)
            return true;
    return false;
}

void z_stack_receive(struct sim_stick *stick, const struct sim_frame *f, msec now)
{
    struct stick *s = stick_of(stick);
    uint8_t trailer[] = { (uint8_t)f->nwk, (uint8_t)(f->nwk >> 8), 0x1D };
    if (s->state != RUNS || !is_for_us(s, f))
        return;
    if (f->data.len > SERIAL_PAYLOAD) {
        s->s.world->log(s->s.world->context, "a frame that is too long for the serial line is lost");
        return;
    }
    z_stack_say(s, &(struct znp_message){ .command = ZNP_INCOMING,
                                          .cluster = f->cluster,
                                          .source = f->nwk,
                                          .source_endpoint = f->source_endpoint,
                                          .endpoint = f->endpoint,
                                          .broadcast = f->broadcast,
                                          .lqi = f->lqi,
                                          .timestamp = (uint32_t)now,
                                          .sequence = s->sequence++,
                                          .data = f->data,
                                          .rest = span_of(trailer, sizeof trailer) });
}

void z_stack_joined(struct sim_stick *stick, uint64_t eui64, uint16_t nwk, msec now)
{
    struct stick *s = stick_of(stick);
    (void)now;
    if (s->state != RUNS)
        return;
    z_stack_say(s, &(struct znp_message){ .command = ZNP_JOINED, .eui64 = eui64, .nwk = nwk });
    z_stack_say(s, &(struct znp_message){ .command = ZNP_ANNOUNCED,
                                          .source = nwk,
                                          .eui64 = eui64,
                                          .nwk = nwk,
                                          .capability = ROUTER });
}

/* ---- who is where ------------------------------------------------------------------------------------------------ */

/* The request is taken at once, and the answer comes by itself: of a node that is there. */
static void find(struct stick *s, const struct znp_message *m, struct znp_message *found)
{
    const struct sim_world *world = s->s.world;
    z_stack_answer(s, m, 0);
    if (s->state != RUNS)
        return;
    found->status = world->find(world->context, &found->eui64, &found->nwk) ? 0 : NOT_FOUND;
    if (found->status == 0)
        z_stack_say(s, found);
}

void z_stack_find_eui64(struct stick *s, const struct znp_message *m, msec now)
{
    (void)now;
    find(s, m, &(struct znp_message){ .command = ZNP_EUI64_FOUND, .nwk = m->nwk });
}

void z_stack_find_nwk(struct stick *s, const struct znp_message *m, msec now)
{
    (void)now;
    find(s, m, &(struct znp_message){ .command = ZNP_NWK_FOUND, .eui64 = m->eui64, .nwk = NWK_NONE });
}
