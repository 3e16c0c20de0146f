/* sim_node_steps.h -- what a simulated node does next. */
#pragma once

#include "tools/sim_node.h"

enum { SIM_NODE_FRAME = 300 };

struct sim_next {
    msec at; /* MSEC_NEVER: it waits for something else */
    /* On an error nothing happened, and it must be tried later. */
    enum sn_error (*run)(struct sim_node *n, msec now, struct sn_turn *t);
};

struct sim_next sim_node_next(const struct sim_node *n);

/* When the message in hand is due; MSEC_NEVER: there is none, or the air is not free. */
msec sim_node_publish_at(const struct sim_node *n);
