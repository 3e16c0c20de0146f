/* xorshift.h -- chance that is the same in every run: a seed fails again when it failed once. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* *state is never 0. */
static inline uint64_t chance(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* 0..n-1 */
static inline size_t chance_below(uint64_t *state, size_t n)
{
    return (size_t)(chance(state) >> 11) % n;
}

static inline void chance_fill(uint64_t *state, uint8_t *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        at[i] = (uint8_t)(chance(state) >> 24);
}
