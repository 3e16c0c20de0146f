/* zigbee.h -- the radio behind a ZigBee coordinator, of whatever family. */
#pragma once

#include "radio/coordinator.h"
#include "radio/radio.h"

extern const struct radio_driver zigbee_driver;

/* What the host must say to the sticks of this driver; NULL for a driver that is no ZigBee coordinator. */
const struct coordinator_family *zigbee_family(enum config_driver driver);
