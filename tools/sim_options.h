/* sim_options.h -- the command line of radio-sim. */
#pragma once

#include "tools/options.h"
#include "tools/sim_scene.h"

struct sim_options {
    struct sim_scene_settings scene;
    struct option_list faults;
    uint32_t duration_s; /* simulated; 0 = no end */
    bool stay;           /* also when all messages are acknowledged */
};

/* False: leave with *exit_code, all has been said. Texts point into argv. `families` ends with NULL. */
bool sim_options_read(struct sim_options *o, const struct sim_family *const *families, int argc,
                      char **argv, enum exit_code *exit_code);
