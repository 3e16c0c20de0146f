/* sim_families.h -- the sticks that radio-sim can be. */
#pragma once

#include "tools/sim.h"

extern const struct sim_family *const sim_families[]; /* ends with NULL */
