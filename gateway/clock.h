/* clock.h -- the one place where the gateway looks at a clock. */
#pragma once

#include "mqtt/client.h"

#include <time.h>

static inline msec clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (msec)t.tv_sec * 1000 + (msec)t.tv_nsec / 1000000;
}
