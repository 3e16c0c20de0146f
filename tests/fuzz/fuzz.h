/* fuzz.h -- what libFuzzer, or replay.c in its place, calls with each input. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* A broken property must stop the run in every build, also with -DNDEBUG. */
static inline void fuzz_require(int holds)
{
    if (!holds)
        __builtin_trap();
}
