/* sim_scene_inside.h -- what sim_scene.c (a turn of the loop) and sim_scene_life.c (beginning, end, commands) share. */
#pragma once

#include "tools/sim_air.h"
#include "tools/sim_scene.h"

struct event;

enum { NS_PER_MS = 1000000 };

struct traffic {
    uint64_t frames, octets;
};

struct sim_scene {
    struct sim_scene_settings settings;
    struct sim_world world;
    struct sim_network network;
    struct sim_line *line;
    struct sim_air *air;
    struct sim_nodes *nodes;
    struct sim_stick *stick;
    struct sim_faults faults;
    struct event *timer;
    void (*changed)(void *context);
    void *context;
    uint64_t start_ns;
    msec real, simulated; /* now, on the two clocks */
    msec open_until;      /* real; nodes may join */
    msec host_since;      /* real; MSEC_NEVER: there is no host */
    bool let_in, reset, stopped;
    struct traffic to_host, from_host;
    uint64_t radio_up; /* frames of nodes that the stick heard */
};

static inline bool powered(const struct sim_scene *s)
{
    return sim_line_plugged(s->line);
}

void sim_scene_look(struct sim_scene *s); /* at the clock */

/* Asks all until nothing is due, and arms the timer. */
void sim_scene_turn(struct sim_scene *s);

struct sim_world sim_scene_world(struct sim_scene *s);
struct sim_air_events sim_scene_air_events(struct sim_scene *s);
struct sim_nodes_events sim_scene_nodes_events(struct sim_scene *s);
struct sim_line_events sim_scene_line_events(struct sim_scene *s);
