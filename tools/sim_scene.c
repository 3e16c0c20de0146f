/* sim_scene.c -- everything together in one loop.
 *
 * Stick, air and nodes do no I/O and look at no clock; this does both for them. After each thing that happens (octets
 * from the host, a timer, a command) one turn asks all of them until nothing is due any more, and arms one timer for
 * the earliest deadline. There are two clocks: the stick lives in the host's time, the air and the nodes may live
 * faster.
 *
 * Faults are done here, around the stick. One that resets it waits for the end of the turn, for a stick must not be
 * reset from within a call of its own. */
#include "tools/sim_scene_inside.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>

enum { FRAME_ROOM = 4096, PASSES = 64, FIRST_BROADCAST = 0xFFF8, SETTLE_MS = 300 };

/* ---- two clocks -------------------------------------------------------------------------------------------------- */

void sim_scene_look(struct sim_scene *s)
{
    uint64_t ns = sim_clock_ns();
    s->real = ns / NS_PER_MS;
    if (!s->stopped)
        s->simulated = (ns - s->start_ns) * s->settings.speed / NS_PER_MS;
}

/* Nanoseconds of the real clock. */
static uint64_t real_due(msec at)
{
    return at == MSEC_NEVER ? UINT64_MAX : at * NS_PER_MS;
}

static uint64_t simulated_due(const struct sim_scene *s, msec at)
{
    uint64_t speed = s->settings.speed;
    if (at == MSEC_NEVER || s->stopped)
        return UINT64_MAX;
    return s->start_ns + (at * NS_PER_MS + speed - 1) / speed;
}

/* ---- what the stick asks for ------------------------------------------------------------------------------------- */

static enum sim_way way_of(struct sim_scene *s)
{
    if (sim_faults_strike(&s->faults, FAULT_SPLIT))
        return SIM_SPLIT;
    return sim_faults_strike(&s->faults, FAULT_JOIN) ? SIM_JOIN : SIM_WHOLE;
}

static void world_write(void *context, struct span frame)
{
    struct sim_scene *s = context;
    uint8_t damaged[FRAME_ROOM];
    if (sim_faults_strike(&s->faults, FAULT_RESET))
        s->reset = true;
    if (sim_faults_strike(&s->faults, FAULT_QUIET))
        return;
    if (frame.len <= sizeof damaged && sim_faults_strike(&s->faults, FAULT_CHECKSUM)) {
        memcpy(damaged, frame.at, frame.len);
        sim_faults_damage(&s->faults, damaged, frame.len);
        frame.at = damaged;
    }
    s->to_host.frames++;
    s->to_host.octets += frame.len;
    sim_line_write(s->line, frame, way_of(s));
}

static void world_transmit(void *context, const struct sim_frame *f, uint32_t token)
{
    struct sim_scene *s = context;
    s->from_host.frames++;
    if (f->broadcast || (f->eui64 == 0 && f->nwk >= FIRST_BROADCAST))
        sim_air_broadcast(s->air, f->data, s->simulated);
    else
        sim_air_unicast(s->air, sim_nodes_find(s->nodes, f->eui64, f->nwk), f->data, token,
                        s->simulated);
}

static bool world_find(void *context, uint64_t *eui64, uint16_t *nwk)
{
    const struct sim_scene *s = context;
    size_t node = sim_nodes_find(s->nodes, *eui64, *nwk);
    if (node == SIM_NOBODY)
        return false;
    *eui64 = sim_nodes_eui64(s->nodes, node);
    *nwk = sim_nodes_nwk(s->nodes, node);
    return true;
}

static void world_permit_join(void *context, uint8_t seconds)
{
    struct sim_scene *s = context;
    s->open_until = s->real + (msec)seconds * 1000;
}

static void world_log(void *context, const char *text)
{
    const struct sim_scene *s = context;
    if (s->settings.verbose)
        fprintf(stderr, "%8" PRIu64 " %s: %s\n", s->simulated, s->settings.family->name, text);
}

/* ---- what the air and the nodes ask for -------------------------------------------------------------------------- */

static void air_hear(void *context, size_t node, struct span data)
{
    struct sim_scene *s = context;
    sim_nodes_hear(s->nodes, node, data, s->simulated);
}

static void air_sent(void *context, size_t node)
{
    struct sim_scene *s = context;
    sim_nodes_sent(s->nodes, node, s->simulated);
}

/* Neither the line nor the stick takes more from the nodes. */
static bool is_full(const struct sim_scene *s)
{
    const struct sim_family *f = s->settings.family;
    return sim_line_congested(s->line) || (f->has_room && !f->has_room(s->stick));
}

static void air_receive(void *context, const struct sim_frame *f)
{
    struct sim_scene *s = context;
    if (!powered(s) || !s->network.formed)
        return;
    s->radio_up++;
    s->settings.family->receive(s->stick, f, s->real);
    sim_air_hold(s->air, is_full(s));
}

static void air_outcome(void *context, uint32_t token, enum sim_outcome how)
{
    struct sim_scene *s = context;
    if (powered(s) && !sim_faults_strike(&s->faults, FAULT_NO_STATUS))
        s->settings.family->outcome(s->stick, token, how, s->real);
}

static void nodes_send(void *context, size_t node, const struct sim_frame *f)
{
    struct sim_scene *s = context;
    sim_air_send(s->air, node, f, s->simulated);
}

static void nodes_poll(void *context, size_t node)
{
    struct sim_scene *s = context;
    sim_air_poll(s->air, node, s->simulated);
}

static void nodes_joined(void *context, uint64_t eui64, uint16_t nwk)
{
    struct sim_scene *s = context;
    if (powered(s))
        s->settings.family->joined(s->stick, eui64, nwk, s->real);
}

/* ---- a turn ------------------------------------------------------------------------------------------------------ */

/* When nodes may begin: there is a network, it is open for them, and the host had a moment to look around. */
static msec begin_at(const struct sim_scene *s)
{
    bool open = !s->settings.permit_only || s->real < s->open_until;
    bool ready = s->network.formed && open && s->host_since != MSEC_NEVER;
    return ready ? s->host_since + SETTLE_MS : MSEC_NEVER;
}

static void admit(struct sim_scene *s)
{
    if (!sim_line_listened(s->line))
        s->host_since = MSEC_NEVER;
    else if (s->host_since == MSEC_NEVER)
        s->host_since = s->real;
    bool open = begin_at(s) <= s->real;
    if (open != s->let_in)
        sim_nodes_let_in(s->nodes, open, s->simulated);
    s->let_in = open;
}

/* The next time that `admit` may see things differently. */
static uint64_t admission_due(const struct sim_scene *s)
{
    if (!s->let_in)
        return real_due(begin_at(s));
    return s->settings.permit_only ? real_due(s->open_until) : UINT64_MAX;
}

static void reset_stick(struct sim_scene *s)
{
    s->reset = false;
    if (!powered(s))
        return;
    sim_air_forget(s->air);
    s->settings.family->reset(s->stick, s->real);
}

static uint64_t next_due(const struct sim_scene *s)
{
    uint64_t due = powered(s) ? real_due(s->settings.family->deadline(s->stick)) : UINT64_MAX;
    uint64_t air = simulated_due(s, sim_air_deadline(s->air));
    uint64_t nodes = simulated_due(s, sim_nodes_deadline(s->nodes));
    uint64_t admission = admission_due(s);
    due = air < due ? air : due;
    due = nodes < due ? nodes : due;
    return admission < due ? admission : due;
}

static void ask_all(struct sim_scene *s)
{
    if (s->reset)
        reset_stick(s);
    if (powered(s) && s->settings.family->deadline(s->stick) <= s->real)
        s->settings.family->tick(s->stick, s->real);
    admit(s);
    if (s->stopped)
        return;
    sim_air_hold(s->air, powered(s) && is_full(s));
    sim_nodes_tick(s->nodes, s->simulated);
    sim_air_tick(s->air, s->simulated);
}

static bool anything_due(const struct sim_scene *s)
{
    if (s->reset || (powered(s) && s->settings.family->deadline(s->stick) <= s->real))
        return true;
    return !s->stopped && (sim_air_deadline(s->air) <= s->simulated ||
                           sim_nodes_deadline(s->nodes) <= s->simulated);
}

static void arm(struct sim_scene *s)
{
    uint64_t due = next_due(s), now = sim_clock_ns();
    if (due == UINT64_MAX) {
        evtimer_del(s->timer);
        return;
    }
    uint64_t us = due > now ? (due - now + 999) / 1000 : 0;
    const struct timeval in = { .tv_sec = (time_t)(us / 1000000),
                                .tv_usec = (suseconds_t)(us % 1000000) };
    evtimer_add(s->timer, &in);
}

/* What one of them does may be due for another at once; but the line must be served in between, so there is a limit. */
void sim_scene_turn(struct sim_scene *s)
{
    unsigned passes = 0;
    sim_scene_look(s);
    do
        ask_all(s);
    while (anything_due(s) && ++passes < PASSES);
    s->changed(s->context);
    arm(s);
}

/* ---- what the line tells ----------------------------------------------------------------------------------------- */

static void line_heard(void *context, struct span bytes)
{
    struct sim_scene *s = context;
    sim_scene_look(s);
    s->from_host.octets += bytes.len;
    s->settings.family->hear(s->stick, bytes, s->real);
    sim_scene_turn(s);
}

static void line_changed(void *context)
{
    sim_scene_turn(context);
}

/* ---- the tables that wire them ----------------------------------------------------------------------------------- */

struct sim_world sim_scene_world(struct sim_scene *s)
{
    return (struct sim_world){
        s, world_write, world_transmit, world_find, world_permit_join, world_log,
    };
}

struct sim_air_events sim_scene_air_events(struct sim_scene *s)
{
    return (struct sim_air_events){ s, air_hear, air_sent, air_receive, air_outcome };
}

struct sim_nodes_events sim_scene_nodes_events(struct sim_scene *s)
{
    return (struct sim_nodes_events){ s, nodes_send, nodes_poll, nodes_joined };
}

struct sim_line_events sim_scene_line_events(struct sim_scene *s)
{
    return (struct sim_line_events){ s, line_heard, line_changed };
}
