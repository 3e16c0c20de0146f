/* ezsp_hear.c -- what an NCP says by itself: frames from nodes, nodes that join and leave, the state of its network.
 *
 * Up to version 13 a frame names only the 16-bit address of its sender, now and then with the 64-bit one in a callback
 * before it. Who an unknown sender is, the NCP is asked first, which costs no airtime; what it does not know, the node
 * itself is asked. Announcements of joining nodes come as ordinary frames of the ZDO profile, and tell it unasked.
 *
 * The NCP does not put fragments together. A node that sends them has been told a limit that is too large; its frames
 * are dropped with that reason. */
#include "radio/ezsp_machine.h"

#include "radio/little.h"

enum { ZDO_PROFILE = 0, VERSION_NAMES_SENDER = 14 };
enum { ODD_MS = 60000 }; /* between two lines about frames that make no sense */
#define EUI64_NONE UINT64_MAX

static bool is_eui64(uint64_t eui64)
{
    return eui64 != 0 && eui64 != EUI64_NONE;
}

/* ---- whose address is it? -------------------------------------------------------------------------------------- */

/* Asks the node itself; its answer is a frame like any other. */
static void ask_node(struct ezsp *e, uint16_t nwk, msec now)
{
    struct ezsp_command command = { .id = EZSP_SEND_UNICAST };
    struct writer w = ezsp_params(&command);
    uint8_t data[16];
    struct writer d = writer_of(data, sizeof data);
    ezsp_write_zdo(&(struct ezsp_zdo){ .sequence = e->zdo_sequence++, .nwk = nwk },
                   EZSP_ZDO_IEEE_ADDRESS, &d);
    ezsp_write_unicast(&(struct ezsp_transmission){ .to = nwk,
                                                    .aps = { .profile = ZDO_PROFILE,
                                                             .cluster = EZSP_ZDO_IEEE_ADDRESS,
                                                             .options = EZSP_APS_UNICAST },
                                                    .data = span_of(data, sizeof data - d.left) },
                       e->version, &w);
    ezsp_params_end(&command, &w);
    if (!ezsp_ask(e, &command, now))
        coordinator_log(&e->c, LEVEL_DEBUG,
                        "node 0x%04x is not asked for its address: too many commands", nwk);
}

static void eui64_answered(struct ezsp *e, const struct ezsp_command *asked,
                           const struct ezsp_frame *answer, msec now)
{
    struct reader r = reader_of(answer->params);
    bool bad = answer->id != asked->id || ezsp_read_status(&r, e->version, NULL) != EZSP_OK;
    uint64_t eui64 = read_le64(&r);
    if (!bad && !r.failed && is_eui64(eui64))
        coordinator_learn(&e->c, eui64, asked->about, now);
    else
        ask_node(e, asked->about, now);
}

static void ask_for(struct ezsp *e, uint16_t nwk, msec now)
{
    struct ezsp_command command = { .id = EZSP_LOOKUP_EUI64, .about = nwk, .answered = eui64_answered };
    struct writer w = ezsp_params(&command);
    write_le16(&w, nwk);
    ezsp_params_end(&command, &w);
    if (!ezsp_ask(e, &command, now))
        coordinator_log(&e->c, LEVEL_DEBUG, "node 0x%04x is not asked for: too many commands wait",
                        nwk);
}

/* ---- frames ---------------------------------------------------------------------------------------------------- */

static void learn(struct ezsp *e, uint64_t eui64, uint16_t nwk, bool sleeper, msec now)
{
    struct neighbour *one = coordinator_learn(&e->c, eui64, nwk, now);
    if (one)
        one->sleeper = sleeper;
}

static bool sleeps(const struct ezsp *e, uint64_t eui64, uint16_t nwk)
{
    const struct neighbour *one =
        eui64 ? neighbours_find(e->c.neighbours, eui64) : neighbours_at(e->c.neighbours, nwk);
    return one && one->sleeper;
}

/* The stack answers the questions of others itself; announcements and answers to ours are handed on. */
static void hear_zdo(struct ezsp *e, const struct ezsp_incoming *in, msec now)
{
    struct ezsp_zdo a;
    if (in->aps.cluster == EZSP_ZDO_DEVICE_ANNOUNCE &&
        ezsp_read_zdo(in->data, in->aps.cluster, &a) && is_eui64(a.eui64))
        learn(e, a.eui64, a.nwk, !(a.capability & EZSP_ZDO_RECEIVER_ALWAYS_ON), now);
    if (in->aps.cluster == EZSP_ZDO_IEEE_ADDRESS_ANSWER &&
        ezsp_read_zdo(in->data, in->aps.cluster, &a) && a.status == EZSP_ZDO_SUCCESS &&
        is_eui64(a.eui64))
        coordinator_learn(&e->c, a.eui64, a.nwk, now);
}

static void hear_frame(struct ezsp *e, const struct ezsp_incoming *in, uint64_t eui64, msec now)
{
    const struct incoming up = {
        .eui64 = is_eui64(eui64) ? eui64 : 0,
        .nwk = in->from,
        .source_endpoint = in->aps.source,
        .endpoint = in->aps.destination,
        .profile = in->aps.profile,
        .cluster = in->aps.cluster,
        .frame = { .bytes = in->data,
                   .broadcast = in->type == EZSP_BROADCAST || in->type == EZSP_MULTICAST,
                   .sleeper = sleeps(e, is_eui64(eui64) ? eui64 : 0, in->from),
                   .lqi = in->lqi,
                   .rssi = in->rssi },
    };
    if (coordinator_heard(&e->c, &up, now) == COORDINATOR_ASK)
        ask_for(e, in->from, now);
}

static bool may_tell(struct ezsp *e, msec now)
{
    if (now < e->odd_until)
        return false;
    e->odd_until = now + ODD_MS;
    return true;
}

static void hear_message(struct ezsp *e, struct span params, msec now)
{
    struct ezsp_incoming in;
    uint64_t named = e->sender;
    e->sender = 0;
    if (!ezsp_read_incoming(params, e->version, &in)) {
        coordinator_log(&e->c, LEVEL_WARN, "an incoming message of %zu octets makes no sense",
                        params.len);
        return;
    }
    if (in.type == EZSP_BROADCAST_LOOPBACK || in.type == EZSP_MULTICAST_LOOPBACK ||
        in.type == EZSP_ROUTE_REQUEST)
        return; /* our own, come back, or no message at all */
    if (in.aps.profile == ZDO_PROFILE) {
        hear_zdo(e, &in, now);
        return;
    }
    if (in.aps.options & EZSP_APS_FRAGMENT) {
        if (may_tell(e, now))
            coordinator_log(&e->c, LEVEL_WARN,
                            "node 0x%04x sends fragments, which are not supported: %u octets dropped",
                            in.from, (unsigned)in.data.len);
        e->c.events->dropped(e->c.events->context, "fragment");
        return;
    }
    hear_frame(e, &in, e->version >= VERSION_NAMES_SENDER ? in.eui64 : named, now);
}

/* ---- nodes ----------------------------------------------------------------------------------------------------- */

static void lose_address(struct ezsp *e, uint64_t eui64)
{
    struct neighbour *one = neighbours_find(e->c.neighbours, eui64);
    if (one)
        neighbours_lose_address(e->c.neighbours, one);
}

static void hear_join(struct ezsp *e, struct span params, msec now)
{
    struct ezsp_join j;
    if (!ezsp_read_join(params, &j) || !is_eui64(j.eui64))
        return;
    if (j.update == EZSP_LEFT)
        lose_address(e, j.eui64);
    else
        coordinator_learn(&e->c, j.eui64, j.nwk, now);
    coordinator_joined(&e->c, j.eui64, j.update == EZSP_LEFT);
}

static void hear_child(struct ezsp *e, struct span params, msec now)
{
    struct ezsp_child c;
    if (ezsp_read_child(params, &c) && c.joining && is_eui64(c.eui64))
        learn(e, c.eui64, c.nwk, c.type == EZSP_NODE_SLEEPY, now);
}

static void hear_sender(struct ezsp *e, struct span params, msec now)
{
    struct reader r = reader_of(params);
    (void)now;
    e->sender = read_le64(&r);
}

static void hear_sent(struct ezsp *e, struct span params, msec now)
{
    struct ezsp_sent s;
    (void)now;
    if (ezsp_read_sent(params, e->version, &s))
        ezsp_send_status(e, &s);
}

/* ---- the network ----------------------------------------------------------------------------------------------- */

static void network_down(struct ezsp *e, msec now)
{
    e->network_up = false;
    if (e->step == EZSP_STEP_DONE && e->c.state == COORDINATOR_UP) {
        e->down_since = now;
        coordinator_enter(&e->c, COORDINATOR_DOWN, "the NCP lost its network");
        ezsp_send_lose(e);
    }
    ezsp_start_network_changed(e, now);
}

static void network_up(struct ezsp *e, msec now)
{
    e->network_up = true;
    if (e->step == EZSP_STEP_DONE && e->c.state == COORDINATOR_DOWN)
        ezsp_start_compare(e, now);
    ezsp_start_network_changed(e, now);
}

static void hear_status(struct ezsp *e, struct span params, msec now)
{
    struct reader r = reader_of(params);
    uint32_t code;
    switch (ezsp_read_status(&r, e->version, &code)) {
    case EZSP_NETWORK_UP:
        network_up(e, now);
        break;
    case EZSP_NETWORK_DOWN:
    case EZSP_NOT_JOINED:
        network_down(e, now);
        break;
    default:
        coordinator_log(&e->c, LEVEL_DEBUG, "network status 0x%02x", (unsigned)code);
    }
}

/* A network that is not up may be another one: nobody there is known, and nobody is answered. */
static bool is_welcome(struct ezsp *e, const struct ezsp_frame *f)
{
    if (f->id == EZSP_STACK_STATUS || e->c.state == COORDINATOR_UP)
        return true;
    if (f->id == EZSP_INCOMING_MESSAGE)
        e->c.events->dropped(e->c.events->context, "radio not up");
    return false;
}

void ezsp_hear_callback(struct ezsp *e, const struct ezsp_frame *f, msec now)
{
    static const struct {
        enum ezsp_id id;
        void (*hear)(struct ezsp *e, struct span params, msec now);
    } callbacks[] = {
        { EZSP_INCOMING_MESSAGE, hear_message }, { EZSP_MESSAGE_SENT, hear_sent },
        { EZSP_TRUST_CENTRE_JOIN, hear_join },   { EZSP_CHILD_JOIN, hear_child },
        { EZSP_SENDER_EUI64, hear_sender },      { EZSP_STACK_STATUS, hear_status },
    };
    for (size_t i = 0; i < sizeof callbacks / sizeof *callbacks; i++)
        if (callbacks[i].id == f->id) {
            if (is_welcome(e, f))
                callbacks[i].hear(e, f->params, now);
            return;
        }
    coordinator_log(&e->c, LEVEL_TRACE, "callback 0x%04x is not used", f->id);
}
