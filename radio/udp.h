/* udp.h -- the radio of nodes that speak IP. */
#pragma once

#include "radio/radio.h"

extern const struct radio_driver udp_driver;
