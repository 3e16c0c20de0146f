/* kill_test.c -- nothing acknowledged is lost and nodes notice nothing, whoever is killed (design rules 1 and 4).
 *
 * Each test is one play of kill_play.c in one mode. `make test` plays the short form; `make torture` sets
 * TORTURE_KILLS, the kills of the gateway in all, and prints a sum as its last line. KILL_SEED, KILL_GATEWAY and
 * KILL_BROKER play one of them again as it was, KILL_TESTS (a pattern) chooses; KILL_LEVEL=debug makes gateway and
 * broker talk, KILL_LOG names a file for what they said in the lives that are over. */
#include "tests/system/kill_play.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHORT_KILLS = 20, PERCENT = 100, ALONE = 45, WITH_BROKER = 5, SEED_STEP = 7919 };

static struct kill_result total; /* of all plays of this program */
static size_t twice;             /* plays that found a QoS 2 message twice */

static uint64_t number_of(const char *variable, uint64_t usual)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 10) : usual;
}

static uint64_t seed_of_program(void)
{
    uint64_t seed = number_of("KILL_SEED", number_of("TORTURE_SEED", 1));
    return seed > 0 ? seed : 1;
}

static void add(const struct kill_result *r)
{
    total.killed.gateway += r->killed.gateway;
    total.killed.broker += r->killed.broker;
    total.repeated += r->repeated;
    total.refused += r->refused;
    total.dismissed += r->dismissed;
    total.lost += r->lost;
    total.by_broker += r->by_broker;
    for (size_t k = 0; k < KILL_QOS; k++) {
        total.up[k] += r->up[k];
        total.down[k] += r->down[k];
    }
    if (r->slowest_start > total.slowest_start)
        total.slowest_start = r->slowest_start;
}

/* ---- plays ------------------------------------------------------------------------------------------------------- */

static unsigned part_of_kills(unsigned percent)
{
    uint64_t kills = number_of("TORTURE_KILLS", SHORT_KILLS);
    return (unsigned)((kills * percent + PERCENT - 1) / PERCENT);
}

static struct kill_toll toll_of(unsigned gateway_percent, unsigned broker_percent)
{
    return (struct kill_toll){
        .gateway = (unsigned)number_of("KILL_GATEWAY", part_of_kills(gateway_percent)),
        .broker = (unsigned)number_of("KILL_BROKER", part_of_kills(broker_percent))
    };
}

static void print_figures(const char *who, const char *mode, const struct kill_result *r)
{
    printf("%s, %s: %u and %u kills in %" PRIu64 " ms, slowest start %" PRIu64
           " ms; up %zu + %zu, down %zu + %zu, repeated %zu; congestion %zu, "
           "dismissed %zu, naps %zu, frames %zu; by the broker twice %zu\n",
           who, mode, r->killed.gateway, r->killed.broker, r->lasted, r->slowest_start, r->up[0],
           r->up[1], r->down[0], r->down[1], r->repeated, r->refused, r->dismissed, r->naps,
           r->frames, r->by_broker);
}

static void play(struct scene *s, const char *who, struct kill_toll toll)
{
    static uint64_t plays;
    uint64_t seed = seed_of_program() + SEED_STEP * (getenv("KILL_SEED") ? 0 : plays++);
    struct kill_result r;
    kill_play(s, seed, toll, &r);
    add(&r);
    if (getenv("TORTURE_KILLS") || getenv("KILL_SEED"))
        print_figures(who, s->mode, &r);
    if (r.fault[0] == '\0')
        return;
    twice += strstr(r.fault, "a second time") != NULL;
    fail_msg("%s, %s mode, after %u and %u kills: %s; again: KILL_SEED=%" PRIu64
             " KILL_GATEWAY=%u KILL_BROKER=%u KILL_TESTS='*%s*(%s)' build/tests/system/kill_test",
             who, s->mode, r.killed.gateway, r.killed.broker, r.fault, seed, toll.gateway,
             toll.broker, who, s->mode);
}

static void nothing_is_lost_when_the_gateway_is_killed(struct scene *s)
{
    play(s, "gateway", toll_of(ALONE, 0));
}

static void nothing_is_lost_when_the_broker_is_stopped(struct scene *s)
{
    play(s, "broker", toll_of(0, WITH_BROKER));
}

static void nothing_is_lost_when_both_go_in_turn(struct scene *s)
{
    play(s, "both", toll_of(WITH_BROKER, WITH_BROKER));
}

static void print_total(void)
{
    printf("torture: seed %" PRIu64
           ", kills of the gateway %u, of the broker %u; up QoS 1 %zu, QoS 2 %zu; down QoS 1 %zu, QoS 2 "
           "%zu; repeated QoS 1 %zu; congestion %zu, dismissed %zu; slowest start %" PRIu64
           " ms; QoS 2 sent twice by the broker itself %zu; lost %zu, duplicated QoS 2 %zu\n",
           seed_of_program(), total.killed.gateway, total.killed.broker, total.up[0], total.up[1],
           total.down[0], total.down[1], total.repeated, total.refused, total.dismissed,
           total.slowest_start, total.by_broker, total.lost, twice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(nothing_is_lost_when_the_gateway_is_killed),
        SCENE_IN_BOTH(nothing_is_lost_when_the_broker_is_stopped),
        SCENE_IN_BOTH(nothing_is_lost_when_both_go_in_turn),
    };
    const char *filter = getenv("KILL_TESTS");
    if (filter)
        cmocka_set_test_filter(filter);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    print_total();
    return failed;
}
