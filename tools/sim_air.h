/* sim_air.h -- the air between a stick and its nodes: latency, loss, sleepers, outcomes. No I/O, no clock.
 *
 * Nodes are numbered 0.. here; whose address is whose, others know. Times are simulated milliseconds. */
#pragma once

#include "tools/sim.h"

enum {
    SIM_UNACKED_MS = 400,  /* until three tries are over and nobody acknowledged */
    SIM_UNROUTED_MS = 800, /* until a route discovery failed */
    SIM_HELD_MS = 7680     /* a parent keeps a frame for a sleeping child that long */
};

#define SIM_NOBODY SIZE_MAX /* a node that does not exist */

struct sim_air_settings {
    msec latency_ms;
    uint32_t loss_percent; /* of each frame, either way */
    uint32_t seed;
    size_t nodes;
};

struct sim_air_events {
    void *context;
    void (*hear)(void *context, size_t node, struct span data); /* a node hears the host */
    void (*sent)(void *context, size_t node); /* a node's frame has left the air, heard or not */
    void (*receive)(void *context, const struct sim_frame *f); /* the stick hears a node */
    void (*outcome)(void *context, uint32_t token, enum sim_outcome how);
};

struct sim_air;

/* NULL when memory ends. */
struct sim_air *sim_air_new(const struct sim_air_settings *settings,
                            const struct sim_air_events *events);
void sim_air_free(struct sim_air *a);

/* Its receiver is off unless it polls. At first nobody sleeps. */
void sim_air_set_sleeper(struct sim_air *a, size_t node, bool sleeper);

/* From the stick. Exactly one outcome follows, never from within this call. The frames of one node keep their order. A
 * frame can be lost, and so can the acknowledgement of a frame that arrived: both are SIM_NO_ACK. */
void sim_air_unicast(struct sim_air *a, size_t node, struct span data, uint32_t token, msec now);
void sim_air_broadcast(struct sim_air *a, struct span data, msec now); /* sleepers do not hear it */

void sim_air_send(struct sim_air *a, size_t node, const struct sim_frame *f, msec now); /* of a node */
void sim_air_poll(struct sim_air *a, size_t node, msec now); /* a sleeper asks for what is held */

void sim_air_forget(struct sim_air *a); /* the stick is gone: no outcome of earlier frames is told */
void sim_air_hold(struct sim_air *a, bool hold); /* the stick cannot take more frames for now */

void sim_air_tick(struct sim_air *a,
                  msec now); /* handles some of what is due; look at the deadline again */
msec sim_air_deadline(const struct sim_air *a);
