/* line.h -- MQTT-SN straight over a serial line: one node, or a forwarder with many behind it. */
#pragma once

#include "radio/radio.h"

extern const struct radio_driver line_driver;
