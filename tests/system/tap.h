/* tap.h -- a pass-through between the gateway and its broker that keeps what the gateway says, for capture.h. */
#pragma once

#include "tests/system/broker.h"
#include "tests/system/capture.h"

struct tap;

/* Starts to listen; what connects is connected to the gateway's port of the scene's broker. */
struct tap *tap_open(struct scene *s);
const char *tap_url(const struct tap *t);

/* Ends it and moves all that the gateway has sent into the scene's capture. The gateway must have stopped. Returns how
 * many connections there were. */
size_t tap_close(struct tap *t);
