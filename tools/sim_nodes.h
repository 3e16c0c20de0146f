/* sim_nodes.h -- all simulated nodes: their addresses, their start, their sum. No I/O, no clock. */
#pragma once

#include "tools/sim.h"
#include "tools/sim_node.h"

struct sim_nodes_settings {
    struct sim_plan plan;
    size_t count;            /* at most SIM_NODES_MAX */
    uint32_t sleepy_percent; /* of them; spread evenly */
    uint32_t concurrency;    /* nodes that set themselves up at the same time */
    uint32_t seed;
    bool joined; /* they are in the network already */
};

struct sim_nodes_events {
    void *context;
    /* Calls nothing back before it returns. `sim_nodes_sent` follows when the frame has left the air. */
    void (*send)(void *context, size_t node, const struct sim_frame *f);
    void (*poll)(void *context, size_t node);
    void (*joined)(void *context, uint64_t eui64, uint16_t nwk);
};

struct sim_tally {
    size_t nodes, connected, stuck, finished;
    struct sim_counts counts;
};

struct sim_nodes;

/* Nobody has started. NULL when memory ends. */
struct sim_nodes *sim_nodes_new(const struct sim_nodes_settings *settings,
                                const struct sim_nodes_events *events);
void sim_nodes_free(struct sim_nodes *n);

bool sim_nodes_sleeps(const struct sim_nodes *n, size_t node); /* is it a sleeper? */

/* The network is there and lets nodes in, or not. Nodes that did not start yet wait for that; others do not care. */
void sim_nodes_let_in(struct sim_nodes *n, bool open, msec now);

/* By 64-bit address, or by the 16-bit one when *eui64 is 0 or all ones. SIM_NOBODY: there is no such node. */
size_t sim_nodes_find(const struct sim_nodes *n, uint64_t eui64, uint16_t nwk);
uint64_t sim_nodes_eui64(const struct sim_nodes *n, size_t node);
uint16_t sim_nodes_nwk(const struct sim_nodes *n, size_t node);

void sim_nodes_hear(struct sim_nodes *n, size_t node, struct span frame, msec now);
void sim_nodes_sent(struct sim_nodes *n, size_t node, msec now);
void sim_nodes_tick(struct sim_nodes *n, msec now);
msec sim_nodes_deadline(const struct sim_nodes *n);

/* What a person asks for. */
void sim_nodes_rejoin(struct sim_nodes *n, size_t node); /* with a new 16-bit address */
MUST_CHECK bool sim_nodes_twin(struct sim_nodes *n, size_t node, const char *id, msec now);
void sim_nodes_say(struct sim_nodes *n, size_t node, struct span frame);

void sim_nodes_tally(const struct sim_nodes *n, msec now, struct sim_tally *tally);
bool sim_nodes_finished(const struct sim_nodes *n); /* each has all its messages acknowledged */
