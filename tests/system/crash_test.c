/* crash_test.c -- wherever the gateway dies, nothing acknowledged is lost and nodes notice nothing (design rules 1, 4).
 *
 * The kill test kills at moments of chance; this one at every place where it could matter, one after the other:
 * before and after each commit, each frame handed to a radio, each write to the broker, and when a batch goes to the
 * writer. A first group of tests plays the whole exchange of crash_play.h in each mode, once with an outage of the
 * broker and once without, and counts the points it passes. The second plays it again for some of them, spread
 * evenly, or with CRASH_EACH for each (`make torture`). CRASH_AT=n plays only that point, CRASH_TESTS (a pattern)
 * chooses. */
#include "tests/system/crash_play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLAYS = 4, NAME = 96 };

struct crash_play {
    const char *name, *mode;
    bool outage;
    size_t some; /* points that are tried in `make test` */
    unsigned long points;
};

struct point {
    struct scene_test test;
    struct crash_play *play;
    unsigned long at;
    char name[NAME];
};

static struct crash_play plays[PLAYS] = {
    { "with the broker there", "transparent", false, 8 },
    { "with the broker there", "aggregate", false, 8 },
    { "with an outage", "transparent", true, 5 },
    { "with an outage", "aggregate", true, 5 },
};

static const struct point *playing;
static struct {
    size_t tried, reached, messages, lost;
} total;

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void play(struct scene *s)
{
    struct crash_result r;
    crash_play(s, playing->at, playing->play->outage, &r);
    if (playing->at == 0)
        playing->play->points = r.points;
    total.tried += playing->at > 0;
    total.reached += r.place[0] != '\0';
    total.messages += r.messages;
    total.lost += r.lost;
    if (r.fault[0] != '\0')
        fail_msg("%s: %s: %s; again: CRASH_AT=%lu CRASH_TESTS='*%s (%s)' build/tests/system/crash_test",
                 playing->name, r.place[0] ? r.place : "not ended", r.fault, playing->at,
                 playing->play->name, playing->play->mode);
    if (playing->at == 0)
        assert_true(r.points > 0);
}

static int open_point(void **state)
{
    playing = *state;
    return scene_open(state);
}

static struct CMUnitTest test_of(struct point *one, struct crash_play *of, unsigned long at)
{
    *one = (struct point){ .test = { .run = play, .mode = of->mode }, .play = of, .at = at };
    if (at == 0)
        snprintf(one->name, sizeof one->name, "the whole exchange, %s (%s)", of->name, of->mode);
    else
        snprintf(one->name, sizeof one->name, "nothing is lost at crash point %lu of %lu, %s (%s)",
                 at, of->points, of->name, of->mode);
    return (struct CMUnitTest){ one->name, scene_run, open_point, scene_close, one };
}

/* ---- which ------------------------------------------------------------------------------------------------------- */

static unsigned long only_point;

static size_t points_to_try(const struct crash_play *p)
{
    if (only_point > 0)
        return 1;
    return getenv("CRASH_EACH") || p->points < p->some ? p->points : p->some;
}

/* The i-th of `count` that are spread evenly over all. */
static unsigned long number_of(const struct crash_play *p, size_t i, size_t count)
{
    return only_point > 0 ? only_point : 1 + i * p->points / count;
}

static int count_points(void)
{
    struct point points[PLAYS];
    struct CMUnitTest tests[PLAYS];
    for (size_t i = 0; i < PLAYS; i++)
        tests[i] = test_of(&points[i], &plays[i], 0);
    return cmocka_run_group_tests_name("crash points counted", tests, NULL, NULL);
}

static int try_points(void)
{
    size_t most = 0, count = 0;
    for (size_t i = 0; i < PLAYS; i++)
        most += points_to_try(&plays[i]);
    struct point *points = calloc(most + 1, sizeof *points);
    struct CMUnitTest *tests = calloc(most + 1, sizeof *tests);
    if (!points || !tests)
        abort();
    for (size_t i = 0; i < PLAYS; i++)
        for (size_t k = 0, all = points_to_try(&plays[i]); k < all; k++, count++)
            tests[count] = test_of(&points[count], &plays[i], number_of(&plays[i], k, all));
    int failed = _cmocka_run_group_tests("crash points tried", tests, count, NULL, NULL);
    free(tests);
    free(points);
    return failed;
}

static void name_gateway(void)
{
    char path[SCENE_PATH];
    const char *build = getenv("BUILD");
    snprintf(path, sizeof path, "%s/crash/mqttsn-gateway", build ? build : "build");
    setenv("GATEWAY", path, 1);
}

int main(void)
{
    const char *at = getenv("CRASH_AT"), *filter = getenv("CRASH_TESTS");
    only_point = at ? strtoul(at, NULL, 10) : 0;
    unsetenv("CRASH_AT");
    name_gateway();
    if (filter)
        cmocka_set_test_filter(filter);
    int failed = count_points();
    failed += try_points();
    printf("crash points: %zu tried, %zu of them reached; %zu messages arrived, lost %zu\n",
           total.tried, total.reached, total.messages, total.lost);
    return failed;
}
