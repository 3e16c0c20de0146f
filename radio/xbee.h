/* xbee.h -- Digi XBee modules with ZigBee firmware (S2 coordinator API, S2C, XBee 3) as coordinators. */
#pragma once

#include "radio/coordinator.h"

extern const struct coordinator_family xbee_family;
