/* fuzz_sessions.c -- whole sessions of several clients with a broker, driven by any bytes.
 *
 * The bytes are a program of steps; sessions/play.c reads it, sessions/judge.c and judge_state.c hold the promises. An
 * input that breaks one names it. SESSIONS_TRACE=1 shows every step. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/sessions/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    (void)sessions_play(bytes, len);
    return 0;
}
