/* sim_scene.h -- everything together in one loop: a line, a stick, the air, the nodes, and what goes wrong. */
#pragma once

#include "tools/sim_faults.h"
#include "tools/sim_line.h"
#include "tools/sim_nodes.h"

struct sim_scene_settings {
    const struct sim_family *family;
    struct sim_line_settings line;
    struct sim_nodes_settings nodes;
    struct sim_network network; /* what the stick has when it is plugged in first */
    msec latency_ms;
    uint32_t loss_percent, seed;
    uint32_t speed; /* nodes and air live so many times faster */
    unsigned stick_option;
    bool permit_only; /* nodes join only while the network is open */
    bool verbose;
};

struct sim_scene;

/* `changed` is called after each turn of the loop in which anything happened. NULL: memory ended, or the line could not
 * be opened, which has been said. */
struct sim_scene *sim_scene_new(struct event_base *loop, const struct sim_scene_settings *settings,
                                void (*changed)(void *context), void *context);
void sim_scene_free(struct sim_scene *s); /* NULL is allowed */

const char *sim_scene_path(const struct sim_scene *s); /* where the host finds the stick */

void sim_scene_unplug(struct sim_scene *s);
bool sim_scene_replug(struct sim_scene *s);                  /* false: it has been said why */
void sim_scene_noise(struct sim_scene *s, size_t octets);    /* random octets to the host */
bool sim_scene_fault(struct sim_scene *s, const char *text); /* as sim_faults_ask */

bool sim_scene_rejoin(struct sim_scene *s, size_t node); /* false: there is no such node */
bool sim_scene_twin(struct sim_scene *s, size_t node, const char *id);
bool sim_scene_say(struct sim_scene *s, size_t node, struct span frame);

bool sim_scene_finished(const struct sim_scene *s);
bool sim_scene_drained(const struct sim_scene *s); /* nothing is on the line any more */
void sim_scene_stop(struct sim_scene *s);          /* nodes and air stand still; the line goes on */
/* The sum as one line, without its end: "summary nodes=3 connected=3 ...". Returns `line`. */
const char *sim_scene_summary(struct sim_scene *s, char *line, size_t room);
