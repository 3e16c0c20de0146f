/* ezsp.h -- Silicon Labs' EmberZNet coprocessors (EFR32, EM35x; EZSP 4 to 14 over ASH) as a family of ZigBee
 * coordinators. */
#pragma once

#include "radio/coordinator.h"

extern const struct coordinator_family ezsp_family;
