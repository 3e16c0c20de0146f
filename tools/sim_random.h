/* sim_random.h -- chance that comes out the same with the same seed (xorshift32). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

static inline uint32_t sim_random(uint32_t *state)
{
    uint32_t x = *state ? *state : 2463534242;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

static inline bool sim_chance(uint32_t *state, uint32_t percent)
{
    return percent > 0 && sim_random(state) % 100 < percent;
}
