/* znp_send.c -- frames under way.
 *
 * A frame for a node is given to the stick (AF_DATA_REQUEST), which says at once whether it has room for it, and later,
 * with the transaction number, what became of it (AF_DATA_CONFIRM). Asked for an acknowledgement of the node's own
 * radio, the stick tells the truth about it; without that it would only mean that the first hop has the frame.
 *
 * A node whose 16-bit address is not known is looked for first. A route that broke is looked for once, where the
 * firmware can, and the frame goes once more; anything beyond that is for the layers above. A confirm that never comes
 * counts as unreachable: sleeping nodes are given longer, since their parent holds the frame until they ask.
 *
 * A stick that has no room for a frame, and none of ours in it, for half a minute, is reset: it lost count of its
 * memory.
 *
 * Transaction numbers go round, so a late confirm of an old frame finds nobody. */
#include "radio/znp_machine.h"

#include <assert.h>

enum {
    CONFIRM_MS = 8000,
    SLEEPER_CONFIRM_MS = 30000,
    FIND_MS = 5000,
    ROUTE_MS = 1500,
    OPTION_ACK = 0x10,
    OPTION_ROUTE = 0x20, /* let the stick look for a route when it has none */
    ADDRESS_ALONE = 0,   /* of a node, without its children's */
    SOFT_RESET = 1
};

/* Status of SRSP and confirm. */
enum {
    MEMORY = 0x10,
    BUFFER_FULL = 0x11,
    MAC_NO_RESOURCES = 0x1A,
    NO_APS_ACK = 0xB7,
    UNKNOWN_DEVICE = 0xC8,
    NO_ROUTE = 0xCD,
    CHANNEL_ACCESS = 0xE1,
    FRAME_TOO_LONG = 0xE5,
    NO_MAC_ACK = 0xE9,
    EXPIRED = 0xF0, /* a sleeping child did not ask in time */
    OVERFLOW = 0xF1 /* the stick holds too many frames for sleeping children */
};

static enum radio_sent result_of(uint8_t status)
{
    switch (status) {
    case 0:
        return RADIO_DELIVERED;
    case MEMORY:
    case BUFFER_FULL:
    case MAC_NO_RESOURCES:
    case CHANNEL_ACCESS:
    case OVERFLOW:
        return RADIO_BUSY;
    case FRAME_TOO_LONG:
        return RADIO_TOO_BIG;
    default: /* NO_APS_ACK, UNKNOWN_DEVICE, NO_ROUTE, NO_MAC_ACK, EXPIRED, and what nobody documented */
        return RADIO_UNREACHABLE;
    }
}

static struct znp_flight *flight_of(struct znp *z, uint8_t transaction)
{
    for (struct znp_flight *f = z->flights; f < z->flights + ZNP_WINDOW_LARGE; f++)
        if (f->state != ZNP_FREE && f->transaction == transaction)
            return f;
    return NULL;
}

static uint8_t new_transaction(struct znp *z)
{
    do
        z->last_transaction++;
    while (flight_of(z, z->last_transaction));
    return z->last_transaction;
}

/* The place is free before the radio hears of it: it may send the next frame at once. */
static void end(struct znp *z, struct znp_flight *f, enum radio_sent result)
{
    f->state = ZNP_FREE;
    coordinator_sent(&z->c, f->token, result);
}

static void ask_for(struct znp *z, struct znp_flight *f, const struct znp_message *m, msec now)
{
    const struct znp_asker asker = { ZNP_FOR_FLIGHT, .transaction = f->transaction };
    if (znp_request(z, &asker, m, now))
        return;
    f->state = ZNP_ENDING;
    f->result = RADIO_BUSY;
    f->until = now;
}

static void ask_send(struct znp *z, struct znp_flight *f, msec now)
{
    const struct config_radio *s = z->c.settings;
    f->state = ZNP_ASKING;
    f->until = MSEC_NEVER;
    ask_for(z, f,
            &(struct znp_message){ .command = ZNP_SEND,
                                   .destination = f->to->nwk,
                                   .endpoint = f->to->endpoint ? f->to->endpoint : s->endpoint,
                                   .source_endpoint = s->endpoint,
                                   .cluster = f->to->endpoint ? f->to->cluster : s->cluster,
                                   .transaction = f->transaction,
                                   .options = OPTION_ACK | OPTION_ROUTE,
                                   .radius = ZNP_RADIUS,
                                   .data = span_of(f->data, f->len) },
            now);
}

static void ask_find(struct znp *z, struct znp_flight *f, msec now)
{
    f->state = ZNP_FINDING;
    f->until = MSEC_NEVER;
    ask_for(z, f,
            &(struct znp_message){
                .command = ZNP_FIND_NWK, .eui64 = f->to->eui64, .mode = ADDRESS_ALONE },
            now);
}

static void launch(struct znp *z, struct znp_flight *f, msec now)
{
    if (f->to->nwk == NWK_UNKNOWN)
        ask_find(z, f, now);
    else
        ask_send(z, f, now);
}

/* ---- from the radio ---------------------------------------------------------------------------------------------- */

void znp_send(struct coordinator *c, const struct unicast *u, msec now)
{
    struct znp *z = (struct znp *)c;
    struct znp_flight *f = z->flights;
    while (f < z->flights + ZNP_WINDOW_LARGE && f->state != ZNP_FREE)
        f++;
    assert(f < z->flights + ZNP_WINDOW_LARGE);
    bool fits = u->data.len <= c->info.payload_limit;
    *f = (struct znp_flight){ .state = ZNP_ENDING,
                              .result = RADIO_TOO_BIG,
                              .token = u->token,
                              .transaction = new_transaction(z),
                              .to = u->to,
                              .until = now,
                              .len = (uint16_t)(fits ? u->data.len : 0) };
    if (!fits)
        return;
    if (f->len > 0)
        memcpy(f->data, u->data.at, f->len);
    launch(z, f, now);
}

void znp_broadcast(struct coordinator *c, uint8_t radius, struct span data, msec now)
{
    struct znp *z = (struct znp *)c;
    const struct config_radio *s = c->settings;
    const struct znp_asker nobody = { ZNP_FOR_NOBODY };
    const struct znp_message m = { .command = ZNP_SEND_EXT,
                                   .address_mode = ZNP_MODE_BROADCAST,
                                   .destination = ZNP_BROADCAST_ADDRESS,
                                   .endpoint = s->endpoint,
                                   .source_endpoint = s->endpoint,
                                   .cluster = s->cluster,
                                   .transaction = new_transaction(z),
                                   .radius = radius ? radius : ZNP_RADIUS,
                                   .data = data };
    if (data.len > c->info.broadcast_limit || !znp_request(z, &nobody, &m, now))
        coordinator_log(c, LEVEL_WARN, "a broadcast of %zu octets was not sent", data.len);
}

/* ---- from the stick ---------------------------------------------------------------------------------------------- */

/* Only Z-Stack 3.x.0 makes use of it. A sleeping node is reached through its parent: the route is not the matter. */
static bool worth_a_route(const struct znp *z, const struct znp_flight *f, uint8_t status)
{
    return (status == NO_ROUTE || status == NO_MAC_ACK) && !f->rerouted && !f->to->sleeper &&
           z->product == ZNP_STACK_3_X_0;
}

static void reroute(struct znp *z, struct znp_flight *f, msec now)
{
    const struct znp_asker nobody = { ZNP_FOR_NOBODY };
    f->rerouted = true;
    f->state = ZNP_ROUTING;
    f->until = now + ROUTE_MS;
    (void)znp_request(z, &nobody,
                      &(struct znp_message){ .command = ZNP_FIND_ROUTE,
                                             .destination = f->to->nwk,
                                             .radius = ZNP_RADIUS },
                      now);
}

static void await_confirm(struct znp_flight *f, msec now)
{
    f->state = ZNP_FLYING;
    f->until = now + (f->to->sleeper ? SLEEPER_CONFIRM_MS : CONFIRM_MS);
}

static bool is_one_flying(const struct znp *z)
{
    for (const struct znp_flight *f = z->flights; f < z->flights + ZNP_WINDOW_LARGE; f++)
        if (f->state == ZNP_FLYING)
            return true;
    return false;
}

/* It tells of its restart by itself, and everything begins anew then. */
static void reset_if_stuck(struct znp *z, const struct znp_message *m, msec now)
{
    bool full = m->command != ZNP_ERROR && result_of(m->status) == RADIO_BUSY;
    if (!coordinator_stays_full(&z->c, full && !is_one_flying(z), now))
        return;
    coordinator_log(
        &z->c, LEVEL_WARN,
        "the stick is reset: with no frame under way it has been full for %d s (status 0x%02x)",
        COORDINATOR_FULL_MS / 1000, m->status);
    znp_write(z, &(struct znp_message){ .command = ZNP_RESET, .mode = SOFT_RESET });
}

/* The flight may be over already: the confirm can overtake the answer. */
void znp_send_answer(struct znp *z, uint8_t transaction, const struct znp_message *m, msec now)
{
    struct znp_flight *f = flight_of(z, transaction);
    if (!f)
        return;
    if (f->state == ZNP_ASKING)
        reset_if_stuck(z, m, now);
    if (m->command == ZNP_ERROR)
        end(z, f, RADIO_UNREACHABLE); /* `status` is none of those above */
    else if (m->status != 0)
        end(z, f, result_of(m->status));
    else if (f->state == ZNP_FINDING)
        f->until = now + FIND_MS;
    else if (f->state == ZNP_ASKING)
        await_confirm(f, now);
}

/* It may have been sent all the same: then the confirm comes. */
void znp_send_unanswered(struct znp *z, uint8_t transaction, msec now)
{
    struct znp_flight *f = flight_of(z, transaction);
    if (f)
        await_confirm(f, now);
}

void znp_send_confirm(struct znp *z, const struct znp_message *m, msec now)
{
    struct znp_flight *f = flight_of(z, m->transaction);
    if (!f || (f->state != ZNP_FLYING && f->state != ZNP_ASKING) ||
        m->endpoint != z->c.settings->endpoint)
        return;
    if (m->status == UNKNOWN_DEVICE)
        neighbours_lose_address(z->c.neighbours, f->to); /* to be looked for the next time */
    if (worth_a_route(z, f, m->status))
        reroute(z, f, now);
    else
        end(z, f, result_of(m->status));
}

/* The node itself was told to the table by the caller. */
void znp_send_found(struct znp *z, const struct znp_message *m, msec now)
{
    for (struct znp_flight *f = z->flights; f < z->flights + ZNP_WINDOW_LARGE; f++) {
        if (f->state != ZNP_FINDING || f->to->eui64 != m->eui64)
            continue;
        if (m->status == 0 && f->to->nwk != NWK_UNKNOWN)
            ask_send(z, f, now);
        else
            end(z, f, RADIO_UNREACHABLE);
    }
}

void znp_send_tick(struct znp *z, msec now)
{
    for (struct znp_flight *f = z->flights; f < z->flights + ZNP_WINDOW_LARGE; f++) {
        if (f->state == ZNP_FREE || now < f->until)
            continue;
        if (f->state != ZNP_ROUTING) {
            end(z, f, f->state == ZNP_ENDING ? f->result : RADIO_UNREACHABLE);
            continue;
        }
        f->state = ZNP_ENDING; /* its number is free for a new one */
        f->transaction = new_transaction(z);
        launch(z, f, now);
    }
}

msec znp_send_deadline(const struct znp *z)
{
    msec first = MSEC_NEVER;
    for (const struct znp_flight *f = z->flights; f < z->flights + ZNP_WINDOW_LARGE; f++)
        if (f->state != ZNP_FREE && f->until < first)
            first = f->until;
    return first;
}

size_t znp_send_abandon(struct znp *z, uint8_t *tokens)
{
    size_t n = 0;
    for (struct znp_flight *f = z->flights; f < z->flights + ZNP_WINDOW_LARGE; f++) {
        if (f->state != ZNP_FREE)
            tokens[n++] = f->token;
        f->state = ZNP_FREE;
    }
    return n;
}
