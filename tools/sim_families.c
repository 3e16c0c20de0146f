/* sim_families.c -- the sticks that radio-sim can be: a row for each family, and nothing else. */
#include "tools/sim_families.h"

const struct sim_family *const sim_families[] = {
    &sim_xbee, &sim_znp, &sim_ezsp, &sim_deconz, NULL,
};
