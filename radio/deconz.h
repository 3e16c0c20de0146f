/* deconz.h -- dresden elektronik's sticks (ConBee I/II/III, RaspBee) as a family of coordinators. */
#pragma once

#include "radio/coordinator.h"

extern const struct coordinator_family deconz_family;
