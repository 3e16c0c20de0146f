/* clock.h -- the one place where the gateway and its radios look at a clock. */
#pragma once

#include <stdint.h>
#include <time.h>

typedef uint64_t msec; /* milliseconds on a monotonic clock */
#define MSEC_NEVER UINT64_MAX

/* It begins some seventy years before the machine did, so that what an earlier run left has a time too. */
static inline msec clock_now(void)
{
    const msec begin = (msec)1 << 41;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return begin + (msec)t.tv_sec * 1000 + (msec)t.tv_nsec / 1000000;
}
