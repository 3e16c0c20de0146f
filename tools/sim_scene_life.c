/* sim_scene_life.c -- how a scene begins and ends, what a person may do to it, and its sum.
 *
 * Unplugging takes the stick's power and all its memory but the network, which sticks keep in flash. The nodes do not
 * notice; they only hear nothing any more. */
#include "tools/sim_scene_inside.h"

#include "tools/options.h"
#include "tools/sim_random.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define STICK_EUI64 UINT64_C(0x0013a20040aabb01)

/* ---- beginning and end ------------------------------------------------------------------------------------------- */

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    sim_scene_turn(context);
}

static void power_on(struct sim_scene *s)
{
    const struct sim_family *f = s->settings.family;
    memset(s->stick, 0, f->size);
    *s->stick =
        (struct sim_stick){ f, &s->world, &s->network, STICK_EUI64, s->settings.stick_option };
    s->real = sim_clock_ns() / NS_PER_MS;
    f->plug(s->stick, s->real);
}

static bool make_parts(struct sim_scene *s, struct event_base *loop)
{
    const struct sim_scene_settings *p = &s->settings;
    const struct sim_air_settings air = { p->latency_ms, p->loss_percent, p->seed, p->nodes.count };
    const struct sim_air_events air_events = sim_scene_air_events(s);
    const struct sim_nodes_events nodes_events = sim_scene_nodes_events(s);
    const struct sim_line_events line_events = sim_scene_line_events(s);
    s->air = sim_air_new(&air, &air_events);
    s->nodes = sim_nodes_new(&p->nodes, &nodes_events);
    s->line = sim_line_new(loop, &p->line, &line_events);
    s->stick = calloc(1, p->family->size);
    s->timer = evtimer_new(loop, on_timer, s);
    if (!s->air || !s->nodes || !s->line || !s->stick || !s->timer)
        return false;
    for (size_t i = 0; i < p->nodes.count; i++)
        sim_air_set_sleeper(s->air, i, sim_nodes_sleeps(s->nodes, i));
    return true;
}

struct sim_scene *sim_scene_new(struct event_base *loop, const struct sim_scene_settings *settings,
                                void (*changed)(void *context), void *context)
{
    struct sim_scene *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    *s = (struct sim_scene){ .settings = *settings, .changed = changed, .context = context };
    s->start_ns = sim_clock_ns();
    s->host_since = MSEC_NEVER;
    s->world = sim_scene_world(s);
    s->network = settings->network;
    s->faults.random = settings->seed;
    if (!make_parts(s, loop) || !sim_scene_replug(s)) {
        sim_scene_free(s);
        return NULL;
    }
    return s;
}

void sim_scene_free(struct sim_scene *s)
{
    if (!s)
        return;
    sim_line_free(s->line);
    sim_nodes_free(s->nodes);
    sim_air_free(s->air);
    if (s->timer)
        event_free(s->timer);
    free(s->stick);
    free(s);
}

void sim_scene_stop(struct sim_scene *s)
{
    s->stopped = true;
}

/* ---- on demand --------------------------------------------------------------------------------------------------- */

const char *sim_scene_path(const struct sim_scene *s)
{
    return sim_line_path(s->line);
}

void sim_scene_unplug(struct sim_scene *s)
{
    sim_line_unplug(s->line);
    sim_air_forget(s->air);
    sim_scene_turn(s);
}

bool sim_scene_replug(struct sim_scene *s)
{
    if (powered(s))
        return true;
    if (!sim_line_plug(s->line))
        return false;
    power_on(s);
    sim_scene_turn(s);
    return true;
}

void sim_scene_noise(struct sim_scene *s, size_t octets)
{
    uint8_t noise[256];
    while (octets > 0) {
        size_t n = octets < sizeof noise ? octets : sizeof noise;
        for (size_t i = 0; i < n; i++)
            noise[i] = (uint8_t)(sim_random(&s->faults.random) >> 8);
        sim_line_write(s->line, span_of(noise, n), SIM_WHOLE);
        octets -= n;
    }
}

bool sim_scene_fault(struct sim_scene *s, const char *text)
{
    if (strcmp(text, "reset") == 0) { /* not at the next frame: now */
        s->reset = true;
        sim_scene_turn(s);
        return true;
    }
    return sim_faults_ask(&s->faults, text);
}

bool sim_scene_rejoin(struct sim_scene *s, size_t node)
{
    if (node >= s->settings.nodes.count)
        return false;
    sim_nodes_rejoin(s->nodes, node);
    sim_scene_turn(s);
    return true;
}

bool sim_scene_twin(struct sim_scene *s, size_t node, const char *id)
{
    bool made = node < s->settings.nodes.count && sim_nodes_twin(s->nodes, node, id, s->simulated);
    sim_scene_turn(s);
    return made;
}

bool sim_scene_say(struct sim_scene *s, size_t node, struct span frame)
{
    if (node >= s->settings.nodes.count)
        return false;
    sim_nodes_say(s->nodes, node, frame);
    sim_scene_turn(s);
    return true;
}

/* ---- the sum ----------------------------------------------------------------------------------------------------- */

bool sim_scene_finished(const struct sim_scene *s)
{
    return sim_nodes_finished(s->nodes);
}

bool sim_scene_drained(const struct sim_scene *s)
{
    return !powered(s) || sim_line_drained(s->line);
}

static uint64_t cpu_ms(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
           (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

const char *sim_scene_summary(struct sim_scene *s, char *line, size_t room)
{
    struct sim_tally t;
    sim_scene_look(s);
    sim_nodes_tally(s->nodes, s->simulated, &t);
    const struct sim_counts *c = &t.counts;
    snprintf(line, room,
             "summary nodes=%zu connected=%zu published=%" PRIu64 " acknowledged=%" PRIu64
             " received=%" PRIu64 " duplicates=%" PRIu64 " rejected=%" PRIu64 " lost=%" PRIu64
             " stuck=%zu frames_to_host=%" PRIu64 " frames_from_host=%" PRIu64
             " octets_to_host=%" PRIu64 " octets_from_host=%" PRIu64 " heard_from_nodes=%" PRIu64
             " elapsed_ms=%" PRIu64 " simulated_ms=%" PRIu64 " cpu_ms=%" PRIu64,
             t.nodes, t.connected, c->published, c->acknowledged, c->received, c->duplicates,
             c->rejected, c->lost, t.stuck, s->to_host.frames, s->from_host.frames,
             s->to_host.octets, s->from_host.octets, s->radio_up,
             (sim_clock_ns() - s->start_ns) / NS_PER_MS, s->simulated, cpu_ms());
    return line;
}
