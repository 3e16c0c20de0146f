/* znp.h -- TI's Z-Stack coprocessors (CC2531, CC2538, CC2652, CC1352) as a family of ZigBee coordinators. */
#pragma once

#include "radio/coordinator.h"

extern const struct coordinator_family znp_family;
