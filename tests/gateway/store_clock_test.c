/* store_clock_test.c -- ages survive a restart, whatever the wall clock does meanwhile; and whether the machine was
 * started meanwhile is known. */
#include "gateway/core/session.h"
#include "tests/gateway/desk.h"

#include <stdio.h>
#include <stdlib.h>

#define TODAY INT64_C(1750000000000) /* in 2025 */
#define HOUR INT64_C(3600000)

static int64_t wall_now;

static int64_t wall(void)
{
    return wall_now;
}

static int open_desk(void **state)
{
    desk_open(state);
    struct desk *d = *state;
    d->setup.wall = wall;
    wall_now = TODAY;
    return 0;
}

/* ---- the clock alone ---- */

static void the_wall_clock_is_believed_when_it_is_plausible_and_not_behind(void **state)
{
    static const struct {
        int64_t wall, last, start;
    } cases[] = {
        { TODAY, 0, TODAY },            /* a new file */
        { 5000, 0, 5000 },              /* a new file, and nobody knows the time */
        { TODAY, TODAY - HOUR, TODAY }, /* an hour later */
        { TODAY, TODAY, TODAY },
        { TODAY - HOUR, TODAY, TODAY }, /* set back */
        { 5000, TODAY, TODAY },         /* begins in 1970 */
        { TODAY, 5000, TODAY },         /* the last run began in 1970 */
        { 9000, 5000, 5000 },           /* both did */
        { INT64_MAX, TODAY, TODAY },    /* noise */
        { TODAY, -1, TODAY },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct store_clock c = { 0 };
        assert_int_equal(store_clock_start(&c, 77, cases[i].wall, cases[i].last), cases[i].start);
        assert_int_equal(store_clock_out(&c, 77), cases[i].start);
        assert_int_equal(store_clock_out(&c, 177), cases[i].start + 100);
    }
}

static void a_time_comes_back_as_it_went_but_never_from_the_future(void **state)
{
    struct store_clock c = { 0 };
    (void)state;
    store_clock_start(&c, 1000, TODAY, 0);
    assert_int_equal(store_clock_in(&c, store_clock_out(&c, 990), 1000), 990);
    assert_int_equal(store_clock_in(&c, store_clock_out(&c, 1010), 1000), 1000);
    assert_int_equal(store_clock_in(&c, INT64_MAX, 1000), 1000);
    assert_int_equal(store_clock_in(&c, TODAY - 1000, 1000), 0);
    assert_int_equal(store_clock_in(&c, 0, 1000), 0);
    assert_int_equal(store_clock_in(&c, -5, 1000), 0);
}

/* ---- over a restart ---- */

enum { SECONDS_OLD = 2 };

static void put_rows(struct desk *d)
{
    const msec since = clock_now() - SECONDS_OLD * 1000;
    static const uint8_t states[] = { SESSION_ACTIVE, SESSION_ASLEEP, SESSION_LOST };
    static const char *const names[] = { "active", "asleep", "lost" };
    for (size_t i = 0; i < 3; i++)
        store_put_session(d->store, &(struct store_session){ .client_id = span_text(names[i]),
                                                             .state = states[i],
                                                             .since = since });
    store_put_exchange(
        d->store, &(struct store_exchange){ .client_id = span_text("exchange"), .since = since });
    for (int i = 0; i < 2; i++) {
        struct store_message m = { .row = store_next_row(d->store),
                                   .client_id = span_text(i ? "uplink" : "downlink"),
                                   .topic = span_text("t"),
                                   .since = since };
        store_put_message(d->store, i ? STORE_UPLINK : STORE_DOWNLINK, &m);
    }
    desk_commits(d);
}

/* In the file, since the monotonic clock need not reach back so far. */
static int64_t age(const struct desk *d, const char *table, const char *client_id)
{
    char sql[256], answer[64];
    snprintf(
        sql, sizeof sql,
        "SELECT (SELECT value FROM meta WHERE key = 'clock') - since FROM %s WHERE client_id = '%s'",
        table, client_id);
    desk_asks(d, sql, answer, sizeof answer);
    return strtoll(answer, NULL, 10);
}

static void is_about(int64_t is, int64_t should_be)
{
    assert_true(is >= should_be - 100 && is < should_be + 5000);
}

/* All but sleepers are `ms` older than they were, sleepers `asleep_ms`. */
static void ages_are(const struct desk *d, int64_t ms, int64_t asleep_ms)
{
    const int64_t old = SECONDS_OLD * 1000;
    is_about(age(d, "session", "active"), old + ms);
    is_about(age(d, "session", "lost"), old + ms);
    is_about(age(d, "exchange", "exchange"), old + ms);
    is_about(age(d, "uplink", "uplink"), old + ms);
    is_about(age(d, "downlink", "downlink"), old + ms);
    is_about(age(d, "session", "asleep"), old + asleep_ms);
}

static void restarts(struct desk *d, int64_t at)
{
    desk_stops(d, 1000);
    wall_now = at;
    desk_starts(d);
    assert_true(store_well(d->store));
}

static void while_it_stands_still_only_sleepers_grow_older(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    put_rows(d);
    restarts(d, TODAY + HOUR);
    ages_are(d, 0, HOUR);
    restarts(d, TODAY + 3 * HOUR);
    ages_are(d, 0, 3 * HOUR);
}

static void a_quick_restart_rewrites_nothing(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    put_rows(d);
    restarts(d, TODAY + 30000);
    ages_are(d, 30000, 30000);
}

static void a_clock_that_begins_in_1970_makes_nothing_older(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    put_rows(d);
    restarts(d, 5000);
    ages_are(d, 0, 0);
    restarts(d, TODAY + HOUR);
    ages_are(d, 0, HOUR);
}

static void a_run_in_1970_makes_nothing_fifty_years_old(void **state)
{
    struct desk *d = *state;
    wall_now = 1000000;
    desk_starts(d);
    put_rows(d);
    restarts(d, TODAY);
    ages_are(d, 0, 0);
}

static void a_clock_that_is_set_back_makes_nothing_younger(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    put_rows(d);
    restarts(d, TODAY - 24 * HOUR);
    ages_are(d, 0, 0);
}

static void a_clock_that_jumps_while_it_runs_changes_nothing(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    wall_now = TODAY + 1000 * HOUR;
    put_rows(d);
    ages_are(d, 0, 0);
    restarts(d, TODAY + 2 * HOUR);
    ages_are(d, 0, 2 * HOUR);
}

static void what_is_read_is_as_old_as_it_was(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    put_rows(d);
    restarts(d, TODAY + HOUR);
    char *there = desk_reads(d, true);
    const char *at = strstr(there, "session active");
    assert_non_null(at);
    at = strstr(at, " age ");
    assert_non_null(at);
    is_about(strtoll(at + 5, NULL, 10), SECONDS_OLD * 1000);
    free(there);
}

/* ---- the start of the machine ---- */

static void a_new_start_of_the_machine_is_known(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    assert_false(store_rebooted(d->store)); /* a new file knows of no other */
    desk_stops(d, 0);
    desk_starts(d);
    assert_false(store_rebooted(d->store));
    desk_stops(d, 0);
    desk_does_sql(d, "UPDATE meta SET value = value + 2 WHERE key = 'boot'");
    desk_starts(d);
    assert_true(store_rebooted(d->store));
    desk_stops(d, 0);
    desk_starts(d);
    assert_false(store_rebooted(d->store));
}

static bool has_told_the_time(const struct desk *d)
{
    return d->safe > 0;
}

/* Else a kill after days without a change would make everything younger by those days. */
static void the_time_is_written_also_when_nothing_changes(void **state)
{
    struct desk *d = *state;
    char before[DESK_PATH], after[DESK_PATH];
    d->setup.clock_every = 1;
    desk_starts(d);
    desk_asks(d, "SELECT value FROM meta WHERE key = 'clock'", before, sizeof before);
    d->store->file.clock_saved_at -= STORE_CLOCK_EVERY_MS; /* as if that long ago */
    d->store->file.clock.ahead += STORE_CLOCK_EVERY_MS;
    desk_waits(d, has_told_the_time);
    desk_asks(d, "SELECT value FROM meta WHERE key = 'clock'", after, sizeof after);
    assert_true(strtoll(after, NULL, 10) >= strtoll(before, NULL, 10) + STORE_CLOCK_EVERY_MS);
}

int main(void)
{
#define WITH_DESK(test) cmocka_unit_test_setup_teardown(test, open_desk, desk_close)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wall_clock_is_believed_when_it_is_plausible_and_not_behind),
        cmocka_unit_test(a_time_comes_back_as_it_went_but_never_from_the_future),
        WITH_DESK(while_it_stands_still_only_sleepers_grow_older),
        WITH_DESK(a_quick_restart_rewrites_nothing),
        WITH_DESK(a_clock_that_begins_in_1970_makes_nothing_older),
        WITH_DESK(a_run_in_1970_makes_nothing_fifty_years_old),
        WITH_DESK(a_clock_that_is_set_back_makes_nothing_younger),
        WITH_DESK(a_clock_that_jumps_while_it_runs_changes_nothing),
        WITH_DESK(what_is_read_is_as_old_as_it_was),
        WITH_DESK(a_new_start_of_the_machine_is_known),
        WITH_DESK(the_time_is_written_also_when_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
