/* sessions_test.c -- the session fuzzer without a fuzzer: programs of steps by chance, ten seconds of every test run.
 *
 * SESSIONS_SECONDS=N plays longer. A program that breaks a promise, dies or hangs names its seed, and SESSIONS_SEED=S
 * plays that one again, with SESSIONS_TRACE=1 step by step; SESSIONS_SAVE=FILE writes its octets, for libFuzzer to
 * make smaller (-minimize_crash=1) and for tests/fuzz/corpus/sessions. The programs run in a child process, so that
 * the seed is known whatever the end is: a broken promise, an assertion, a sanitizer or the clock. */
#include "tests/fuzz/sessions/world.h"
#include "tests/xorshift.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { SECONDS = 10, PROGRAM_SECONDS = 120, PROGRAM_MAX = 2500 };

/* What the child tells as it goes. */
struct progress {
    uint64_t seed, programs, steps;
};

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void save(const uint8_t *bytes, size_t len)
{
    const char *path = getenv("SESSIONS_SAVE");
    FILE *file = path ? fopen(path, "wb") : NULL;
    if (!file)
        return;
    fwrite(bytes, 1, len, file);
    fclose(file);
}

/* Neighbouring seeds make programs that have nothing in common. */
static size_t play(uint64_t seed)
{
    enum { MIX = 8 };
    static uint8_t bytes[PROGRAM_MAX];
    uint64_t state = seed * 0x9E3779B97F4A7C15U + 1;
    state = state ? state : 1;
    for (size_t i = 0; i < MIX; i++)
        (void)chance(&state);
    size_t len = 1 + chance_below(&state, PROGRAM_MAX);
    chance_fill(&state, bytes, len);
    save(bytes, len);
    return sessions_play(bytes, len);
}

static void play_until(time_t end, uint64_t seed, struct progress *p)
{
    do {
        p->seed = seed++;
        alarm(PROGRAM_SECONDS);
        p->steps += play(p->seed);
        p->programs++;
    } while (time(NULL) < end);
    alarm(0);
}

static void whole_sessions_keep_what_is_promised(void **scene)
{
    (void)scene;
    int status = 0;
    bool replays = getenv("SESSIONS_SEED") != NULL;
    uint64_t seed = setting("SESSIONS_SEED", 1);
    uint64_t seconds = setting("SESSIONS_SECONDS", replays ? 0 : SECONDS);
    struct progress *p =
        mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        play_until(time(NULL) + (time_t)seconds, seed, p);
        exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    print_message("sessions: %llu programs from seed %llu on, %llu steps\n",
                  (unsigned long long)p->programs, (unsigned long long)seed,
                  (unsigned long long)p->steps);
    if (status != 0)
        fail_msg("SESSIONS_SEED=%llu build/tests/fuzz/sessions_test plays the program that failed",
                 (unsigned long long)p->seed);
    munmap(p, sizeof *p);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(whole_sessions_keep_what_is_promised) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
