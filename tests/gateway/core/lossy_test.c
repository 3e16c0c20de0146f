/* lossy_test.c -- 10,000 messages each way over a network that loses, doubles, delays and reorders.
 *
 * Some steps fail for good, also while a sleeper is awake, and connections to the broker break: SN-RTX-4, -7, -8, -10,
 * SN-SLP-9, -10, SN-DLV-16. Each seed is one play of lossy_play.c, in both modes. LOSSY_SEEDS=N plays N seeds in each
 * mode instead of a few, LOSSY_SEED=S only that one; LOSSY_VERBOSE=1 prints figures for each. A seed that fails is
 * printed with the command that plays it again. */
#include "tests/gateway/core/lossy_play.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { USUAL_SEEDS = 15 };

static uint64_t number_of(const char *variable, uint64_t usual)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 10) : usual;
}

static void play(bool aggregate, uint64_t seed)
{
    struct lossy_result r;
    const char *mode = aggregate ? "aggregate" : "transparent";
    lossy_play(aggregate, seed, &r);
    if (getenv("LOSSY_VERBOSE"))
        printf("seed %" PRIu64
               " (%s): up %zu, down %zu, repeated %zu; frames %zu, lost %zu, doubled %zu, "
               "overtaken %zu; sessions lost %zu, congestion %zu, broken %zu, connects %zu, naps %zu, %" PRIu64
               " s\n",
               seed, mode, r.up, r.down, r.repeated, r.frames, r.frames_lost, r.frames_doubled,
               r.frames_overtaken, r.sessions_lost, r.refused, r.broken, r.connects, r.naps,
               r.lasted / 1000);
    if (r.fault[0] != '\0')
        fail_msg("seed %" PRIu64 " (%s): %s; again: LOSSY_SEED=%" PRIu64
                 " build/tests/gateway/core/lossy_test",
                 seed, mode, r.fault, seed);
    assert_int_equal(r.up, 10000);
    assert_int_equal(r.down, 10000);
}

static void play_all(bool aggregate)
{
    uint64_t first = number_of("LOSSY_SEED", 1);
    uint64_t count = getenv("LOSSY_SEED") ? 1 : number_of("LOSSY_SEEDS", USUAL_SEEDS);
    for (uint64_t i = 0; i < count; i++)
        play(aggregate, first + i);
}

static void all_messages_get_through_a_bad_network(void **state)
{
    (void)state;
    play_all(false);
}

static void all_messages_get_through_a_bad_network_in_aggregate_mode(void **state)
{
    (void)state;
    play_all(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_messages_get_through_a_bad_network),
        cmocka_unit_test(all_messages_get_through_a_bad_network_in_aggregate_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
