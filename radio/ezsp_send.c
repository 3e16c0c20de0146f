/* ezsp_send.c -- frames under way through an NCP, and opening its network for new nodes.
 *
 * The NCP answers sendUnicast at once with "taken" or "no", and tells later, under the tag that came with the frame,
 * what became of it; the tag is the frame's token. It keeps trying for seconds, longer for sleeping children, so a
 * frame may be under way for half a minute. One whose end is never told counts as undelivered. An NCP that says for
 * longer than that that it is full, with nothing of ours to be full of, has lost count: only a reset mends it.
 *
 * New nodes need three things: a key that they know, a policy that gives them the network's key, and routers that let
 * them in. All three are set when the network is opened; the policy is taken back when the time is over. */
#include "radio/ezsp_machine.h"

#include "radio/little.h"

#include <assert.h>

enum { BROADCAST_TO = 0xFFFD, NODE_UNKNOWN = 0xFFFF, ANY_EUI64_OCTET = 0xFF };
enum { POLICY_TRUST_CENTRE = 0x00, VERSION_POLICY_BITS = 8, VERSION_IMPORT_KEY = 13 };
enum {
    POLICY_CLOSED = 0x02,
    POLICY_OPEN_BITS = 0x03,
    POLICY_OPEN_OLD = 0x01,
    CLOSE_AGAIN_MS = 1000
};

/* ---- flights --------------------------------------------------------------------------------------------------- */

static struct ezsp_flight *flight_of(struct ezsp *e, uint16_t token)
{
    for (struct ezsp_flight *f = e->flights; token != 0 && f < e->flights + EZSP_WINDOW; f++)
        if (f->token == token)
            return f;
    return NULL;
}

static struct ezsp_flight *free_flight(struct ezsp *e)
{
    for (struct ezsp_flight *f = e->flights; f < e->flights + EZSP_WINDOW; f++)
        if (f->token == 0)
            return f;
    return NULL;
}

static void end(struct ezsp *e, struct ezsp_flight *f, enum radio_sent result)
{
    uint8_t token = f->token;
    f->token = 0;
    coordinator_sent(&e->c, token, result);
}

/* What is known within `send` is told with the next tick. */
static void end_later(struct ezsp_flight *f, enum radio_sent result)
{
    f->ended = true;
    f->result = result;
    f->until = 0;
}

static enum radio_sent result_of(enum ezsp_status s)
{
    switch (s) {
    case EZSP_OK:
        return RADIO_DELIVERED;
    case EZSP_TOO_MANY_MESSAGES:
    case EZSP_NO_BUFFERS:
    case EZSP_NETWORK_BUSY:
        return RADIO_BUSY;
    case EZSP_TOO_LONG:
        return RADIO_TOO_BIG;
    case EZSP_NETWORK_DOWN:
    case EZSP_NOT_JOINED:
        return RADIO_LOST;
    default:
        return RADIO_UNREACHABLE;
    }
}

/* The NCP took one and has not told yet what became of it. */
static bool is_one_under_way(const struct ezsp *e)
{
    for (const struct ezsp_flight *f = e->flights; f < e->flights + EZSP_WINDOW; f++)
        if (f->token != 0 && !f->ended && f->until != MSEC_NEVER)
            return true;
    return false;
}

static bool stays_full(struct ezsp *e, enum ezsp_status s, msec now)
{
    bool full = s == EZSP_TOO_MANY_MESSAGES || s == EZSP_NO_BUFFERS;
    return coordinator_stays_full(&e->c, full && !is_one_under_way(e), now);
}

static void unicast_answered(struct ezsp *e, const struct ezsp_command *asked,
                             const struct ezsp_frame *answer, msec now)
{
    struct ezsp_flight *f = flight_of(e, asked->about);
    uint32_t code = 0;
    enum ezsp_status s = ezsp_status_of(e, answer, &code);
    if (stays_full(e, s, now)) {
        ezsp_fail(e, now,
                  "the NCP is reset: with no frame under way it has been full for %d s (status 0x%02x)",
                  COORDINATOR_FULL_MS / 1000, (unsigned)code);
        return;
    }
    if (!f)
        return;
    if (s == EZSP_OK) {
        f->until = now + (f->to->sleeper ? EZSP_SENT_SLEEPER_MS : EZSP_SENT_MS);
        return;
    }
    coordinator_log(&e->c, LEVEL_DEBUG, "a frame for 0x%04x was not taken: status 0x%02x",
                    f->to->nwk, (unsigned)code);
    end(e, f, result_of(s));
}

static bool queue_unicast(struct ezsp *e, uint16_t token, msec now)
{
    const struct ezsp_command command = { .id = EZSP_SEND_UNICAST,
                                          .about = token,
                                          .answered = unicast_answered };
    return ezsp_ask(e, &command, now);
}

void ezsp_send_unicast(struct coordinator *c, const struct unicast *u, msec now)
{
    struct ezsp *e = (struct ezsp *)c;
    struct ezsp_flight *f = free_flight(e);
    assert(f && u->token != 0); /* the radio keeps to the window */
    *f = (struct ezsp_flight){ .token = u->token, .to = u->to, .until = MSEC_NEVER };
    if (u->data.len > EZSP_UNICAST_MAX) {
        end_later(f, RADIO_TOO_BIG);
        return;
    }
    f->len = (uint8_t)u->data.len;
    if (f->len > 0)
        memcpy(f->data, u->data.at, f->len);
    if (!queue_unicast(e, f->token, now))
        end_later(f, RADIO_BUSY);
}

/* ---- where a node is ------------------------------------------------------------------------------------------- */

static void node_id_answered(struct ezsp *e, const struct ezsp_command *asked,
                             const struct ezsp_frame *answer, msec now)
{
    struct ezsp_flight *f = flight_of(e, asked->about);
    struct reader r = reader_of(answer->params);
    uint16_t nwk = read_le16(&r);
    if (!f)
        return;
    if (r.failed || answer->id != asked->id || nwk >= NWK_UNKNOWN) {
        end(e, f, RADIO_UNREACHABLE);
        return;
    }
    if (f->to->nwk == NWK_UNKNOWN)
        coordinator_learn(&e->c, f->to->eui64, nwk, now);
    if (!queue_unicast(e, f->token, now))
        end(e, f, RADIO_BUSY);
}

static void ask_where(struct ezsp_command *command, const struct neighbour *to)
{
    struct writer w = ezsp_params(command);
    command->id = EZSP_LOOKUP_NODE_ID;
    command->answered = node_id_answered;
    write_le64(&w, to->eui64);
    ezsp_params_end(command, &w);
}

static struct ezsp_aps addressing(const struct ezsp *e, const struct neighbour *to)
{
    const struct config_radio *s = e->c.settings;
    bool heard = to->endpoint != 0; /* answers go where its last frame came from */
    return (struct ezsp_aps){ .profile = heard ? to->profile : s->profile,
                              .cluster = heard ? to->cluster : s->cluster,
                              .source = s->endpoint,
                              .destination = heard ? to->endpoint : s->endpoint,
                              .options = EZSP_APS_UNICAST };
}

bool ezsp_send_fill(struct ezsp *e, struct ezsp_command *command)
{
    const struct ezsp_flight *f = flight_of(e, command->about);
    if (command->about == 0)
        return true; /* no frame of a node: filled from the start */
    if (!f)
        return false;
    if (f->to->nwk == NWK_UNKNOWN) {
        ask_where(command, f->to);
        return true;
    }
    struct writer w = ezsp_params(command);
    ezsp_write_unicast(&(struct ezsp_transmission){ .to = f->to->nwk,
                                                    .aps = addressing(e, f->to),
                                                    .tag = f->token,
                                                    .data = span_of(f->data, f->len) },
                       e->version, &w);
    ezsp_params_end(command, &w);
    return true;
}

/* ---- how it ended ---------------------------------------------------------------------------------------------- */

void ezsp_send_status(struct ezsp *e, const struct ezsp_sent *s)
{
    struct ezsp_flight *f = flight_of(e, s->tag); /* tag 0 is nobody's: broadcasts and questions */
    if (!f)
        return;
    if (s->status != EZSP_OK)
        coordinator_log(&e->c, LEVEL_DEBUG, "a frame for 0x%04x was not delivered: status 0x%02x",
                        s->to, (unsigned)s->code);
    end(e, f, result_of(s->status));
}

void ezsp_send_lose(struct ezsp *e)
{
    for (struct ezsp_flight *f = e->flights; f < e->flights + EZSP_WINDOW; f++)
        if (f->token != 0)
            end(e, f, RADIO_LOST);
}

static void log_if_refused(struct ezsp *e, const struct ezsp_command *asked,
                           const struct ezsp_frame *answer, msec now)
{
    uint32_t code = 0;
    (void)now;
    if (ezsp_status_of(e, answer, &code) != EZSP_OK)
        coordinator_log(&e->c, LEVEL_WARN, "%s was refused with status 0x%02x",
                        ezsp_frame_name(asked->id), (unsigned)code);
}

void ezsp_send_broadcast(struct coordinator *c, uint8_t radius, struct span data, msec now)
{
    struct ezsp *e = (struct ezsp *)c;
    const struct config_radio *s = c->settings;
    struct ezsp_command command = { .id = EZSP_SEND_BROADCAST, .answered = log_if_refused };
    struct writer w = ezsp_params(&command);
    assert(data.len <= EZSP_BROADCAST_MAX); /* info.broadcast_limit is at most that */
    ezsp_write_broadcast(&(struct ezsp_transmission){ .to = BROADCAST_TO,
                                                      .aps = { .profile = s->profile,
                                                               .cluster = s->cluster,
                                                               .source = s->endpoint,
                                                               .destination = s->endpoint },
                                                      .radius = radius,
                                                      .data = data },
                         e->version, &w);
    ezsp_params_end(&command, &w);
    if (!ezsp_ask(e, &command, now))
        coordinator_log(c, LEVEL_WARN, "a broadcast was dropped: too many commands wait");
}

/* ---- new nodes ------------------------------------------------------------------------------------------------- */

static bool ask_transient_key(struct ezsp *e, msec now)
{
    bool import = e->version >= VERSION_IMPORT_KEY;
    struct ezsp_command command = { .id = import ? EZSP_IMPORT_TRANSIENT_KEY : EZSP_ADD_TRANSIENT_KEY,
                                    .answered = log_if_refused };
    struct writer w = ezsp_params(&command);
    for (int i = 0; i < 8; i++)
        write_u8(&w, ANY_EUI64_OCTET);
    write_span(&w, span_text("ZigBeeAlliance09"));
    if (import)
        write_u8(&w, 0); /* flags; whether version 14 wants them is not verified on hardware */
    ezsp_params_end(&command, &w);
    return ezsp_ask(e, &command, now);
}

/* Up to version 7 the decision is a number of its own, and bits from then on. */
static bool ask_policy(struct ezsp *e, bool open, msec now)
{
    struct ezsp_command command = { .id = EZSP_SET_POLICY, .answered = log_if_refused };
    struct writer w = ezsp_params(&command);
    uint8_t opened = e->version >= VERSION_POLICY_BITS ? POLICY_OPEN_BITS : POLICY_OPEN_OLD;
    write_u8(&w, POLICY_TRUST_CENTRE);
    write_u8(&w, open ? opened : POLICY_CLOSED);
    ezsp_params_end(&command, &w);
    return ezsp_ask(e, &command, now);
}

static bool ask_permit(struct ezsp *e, uint8_t seconds, msec now)
{
    struct ezsp_command command = { .id = EZSP_PERMIT_JOINING, .answered = log_if_refused };
    struct writer w = ezsp_params(&command);
    write_u8(&w, seconds);
    ezsp_params_end(&command, &w);
    return ezsp_ask(e, &command, now);
}

void ezsp_send_permit_join(struct coordinator *c, uint8_t seconds, msec now)
{
    struct ezsp *e = (struct ezsp *)c;
    bool open = seconds > 0;
    bool asked =
        open ? ask_transient_key(e, now) && ask_policy(e, true, now) && ask_permit(e, seconds, now)
             : ask_permit(e, 0, now) && ask_policy(e, false, now);
    e->open_until = open ? now + (msec)seconds * 1000 : MSEC_NEVER;
    if (asked)
        return;
    coordinator_log(c, LEVEL_WARN, "the network was not %s: too many commands wait",
                    open ? "opened" : "closed");
    e->open_until = now + CLOSE_AGAIN_MS;
}

/* ---- time ------------------------------------------------------------------------------------------------------ */

void ezsp_send_tick(struct ezsp *e, msec now)
{
    for (struct ezsp_flight *f = e->flights; f < e->flights + EZSP_WINDOW; f++)
        if (f->token != 0 && now >= f->until)
            end(e, f, f->ended ? f->result : RADIO_UNREACHABLE);
    if (now >= e->open_until)
        ezsp_send_permit_join(&e->c, 0, now);
}

msec ezsp_send_deadline(const struct ezsp *e)
{
    msec first = e->open_until;
    for (const struct ezsp_flight *f = e->flights; f < e->flights + EZSP_WINDOW; f++)
        if (f->token != 0 && f->until < first)
            first = f->until;
    return first;
}
