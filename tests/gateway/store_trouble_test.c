/* store_trouble_test.c -- what can be wrong with a state file: one line, no blocked loop, and it mends by itself. */
#include "gateway/core/session.h"
#include "tests/gateway/desk.h"
#include "tests/gateway/disk.h"

#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BIG = 60000 };

/* ---- changes ---- */

static void put_arrival(struct desk *d, uint16_t packet_id)
{
    store_put_arrival(d->store, &(struct store_arrival){ span_text("m1"), packet_id });
}

static uint64_t put_message(struct desk *d, size_t len)
{
    static const uint8_t payload[BIG];
    const uint64_t row = store_next_row(d->store);
    store_put_message(d->store, STORE_UPLINK,
                      &(struct store_message){ .row = row,
                                               .client_id = span_text("m1"),
                                               .qos = 1,
                                               .topic = span_text("t"),
                                               .payload = span_of(payload, len) });
    return row;
}

static void put_everything(struct store *s)
{
    store_put_arrival(s, &(struct store_arrival){ span_text("everything"), 1 });
}

static bool is_opened(const struct desk *d)
{
    return d->opened > 0 && desk_is_well(d);
}

static bool is_rewritten(const struct desk *d)
{
    return d->rewrites > 0 && desk_is_safe(d);
}

/* ---- the disk ---- */

static void a_disk_in_trouble_has_a_line_at_the_beginning_and_one_at_the_end(void **state)
{
    static const struct {
        int code;
        const char *line;
    } cases[] = { { SQLITE_FULL, "the disk is full: free some space" },
                  { SQLITE_IOERR_WRITE, "the disk does not do what it is told" },
                  { SQLITE_READONLY, "cannot be written, it is read-only" },
                  { SQLITE_PERM, "may not be written" } };
    struct desk *d = *state;
    desk_starts(d);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_arrival(d, (uint16_t)(i + 1));
        disk_fail(DISK_WRITE, 1, cases[i].code, true);
        store_commit(d->store);
        desk_waits(d, desk_is_ill);
        const unsigned long tries = disk_count(DISK_WRITE);
        while (disk_count(DISK_WRITE) < tries + 5)
            event_base_loop(d->loop, EVLOOP_NONBLOCK);
        assert_int_equal(desk_lines(d, cases[i].line), 1);
        disk_heal();
        desk_waits(d, desk_is_well);
        desk_waits(d, desk_is_safe);
        assert_int_equal(desk_lines(d, "is well again"), i + 1);
        assert_int_equal(d->well, i + 1);
        assert_int_equal(d->ill, i + 1);
    }
    desk_has(d, "arrival m1 1\narrival m1 2\narrival m1 3\narrival m1 4\n");
}

static void what_comes_while_the_disk_is_ill_is_written_later(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    put_arrival(d, 1);
    disk_fail(DISK_SYNC, 1, SQLITE_IOERR_FSYNC, true);
    store_commit(d->store);
    desk_waits(d, desk_is_ill);
    put_arrival(d, 2);
    store_commit(d->store);
    assert_int_equal(store_safe(d->store), 0);
    assert_true(store_has_news(d->store));
    disk_heal();
    desk_waits(d, desk_is_safe);
    desk_has(d, "arrival m1 1\narrival m1 2\n");
    assert_int_equal(d->rewrites, 0);
}

static void a_log_that_cannot_be_moved_is_trouble_too(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    for (unsigned i = 0; i < 100; i++)
        put_message(d, BIG);
    disk_fail(DISK_SYNC, 2, SQLITE_IOERR_FSYNC, true);
    store_commit(d->store);
    desk_waits(d, desk_is_ill);
    assert_int_equal(store_safe(d->store), 1);
    disk_heal();
    desk_waits(d, desk_is_well);
    put_arrival(d, 1);
    desk_commits(d);
}

/* ---- too much ---- */

static void too_much_while_the_disk_is_ill_is_asked_for_again_as_a_whole(void **state)
{
    struct desk *d = *state;
    d->everything = put_everything;
    desk_starts(d);
    put_arrival(d, 1);
    disk_fail(DISK_WRITE, 1, SQLITE_FULL, true);
    store_commit(d->store);
    desk_waits(d, desk_is_ill);
    put_arrival(d, 2);
    const uint64_t promised = store_ticket(d->store);
    for (unsigned i = 0; i <= STORE_BATCH_LIMIT / BIG; i++)
        put_message(d, BIG);
    store_commit(d->store);
    assert_true(store_has_news(d->store));
    assert_int_equal(store_ticket(d->store), promised);
    assert_in_range(d->store->open.room, 0, STORE_BATCH_KEPT);
    disk_heal();
    desk_waits(d, is_rewritten);
    assert_true(store_safe(d->store) >= promised);
    assert_int_equal(d->rewrites, 1);
    desk_has(d, "arrival everything 1\n");
}

static void a_disk_that_is_too_slow_is_not_well(void **state)
{
    struct desk *d = *state;
    d->everything = put_everything;
    desk_starts(d);
    disk_delay_syncs(50);
    put_arrival(d, 1);
    store_commit(d->store);
    for (unsigned i = 0; i <= STORE_BATCH_LIMIT / BIG; i++)
        put_message(d, BIG);
    assert_false(store_well(d->store));
    desk_waits(d, is_rewritten);
    assert_int_equal(d->ill, 1);
    assert_int_equal(d->well, 1);
    assert_int_equal(desk_lines(d, "too much waits"), 1);
    desk_has(d, "arrival everything 1\n");
}

/* Else all there is, written anew, would be too much to wait behind, and be written anew for ever. */
static void as_much_may_wait_as_is_being_written(void **state)
{
    struct desk *d = *state;
    d->everything = put_everything;
    desk_starts(d);
    for (unsigned i = 0; i < 2 * STORE_BATCH_LIMIT / BIG; i++)
        put_message(d, BIG);
    disk_delay_syncs(50);
    store_commit(d->store);
    for (unsigned i = 0; i < 2 * STORE_BATCH_LIMIT / BIG; i++)
        put_message(d, BIG);
    assert_true(store_well(d->store));
    put_message(d, BIG);
    assert_false(store_well(d->store));
    desk_waits(d, is_rewritten);
    assert_int_equal(d->rewrites, 1);
}

/* ---- the start ---- */

static void a_file_that_cannot_be_opened_at_start_is_read_when_it_can(void **state)
{
    struct desk *d = *state;
    d->everything = put_everything;
    desk_starts(d);
    put_message(d, 1);
    put_message(d, 1);
    desk_commits(d);
    desk_stops(d, 0);
    disk_fail(DISK_OPEN, 1, SQLITE_CANTOPEN, true);
    desk_starts(d);
    assert_false(store_well(d->store) || store_had_before(d->store));
    const uint64_t row = put_message(d, 2);
    assert_true(row > 2);
    store_commit(d->store);
    disk_heal();
    desk_waits(d, is_opened);
    assert_true(store_stopped_well(d->store));
    assert_string_equal(d->read_at_opened,
                        "uplink 1 m1 1 0 0 0 t \\00\nuplink 2 m1 1 0 0 0 t \\00\n");
    desk_waits(d, is_rewritten); /* what was put before may not fit what is there */
    const uint64_t late = put_message(d, 2);
    assert_true(late > row);
    desk_commits(d);
    store_step_message(d->store, STORE_UPLINK, late, 1, 9);
    const uint64_t next = put_message(d, 3);
    assert_true(next > late);
    desk_commits(d);
    char *there = desk_reads_again(d);
    /* the number before which none was given is far away: see ROWS_AHEAD */
    assert_null(strstr(there, " t \\00\n"));
    assert_non_null(strstr(there, " m1 1 0 1 9 t \\00\\00\n"));
    assert_non_null(strstr(there, " m1 1 0 0 0 t \\00\\00\\00\n"));
    assert_non_null(strstr(there, "arrival everything 1\n"));
    free(there);
}

static void a_missing_folder_is_made_but_not_a_whole_path(void **state)
{
    struct desk *d = *state;
    struct stat about;
    char folder[DESK_PATH], deep[DESK_PATH];
    snprintf(folder, sizeof folder, "%.60s/new", d->folder);
    snprintf(deep, sizeof deep, "%.60s/new/deep", d->folder);
    snprintf(d->path, sizeof d->path, "%.60s/new/deep/state.db", d->folder);
    desk_starts(d);
    assert_false(store_well(d->store));
    assert_int_equal(desk_lines(d, "its folder is not there: make it, or correct gateway.state"), 1);
    assert_int_equal(mkdir(folder, 0700), 0);
    desk_waits(d, desk_is_well);
    assert_int_equal(stat(deep, &about), 0);
    assert_int_equal(about.st_mode & 0027, 0);
    assert_int_equal(stat(d->path, &about), 0);
    assert_int_equal(about.st_mode & 0027, 0);
    desk_stops(d, 0);
    for (unsigned i = 0; i < 2; i++) {
        char path[2 * DESK_PATH];
        snprintf(path, sizeof path, "%s%s", d->path, i ? "-lock" : "");
        unlink(path);
    }
    rmdir(deep);
    rmdir(folder);
}

/* root may do everything, so this is somebody else for a moment. */
static void a_file_that_may_not_be_written_says_so(void **state)
{
    struct desk *d = *state;
    const bool root = geteuid() == 0;
    assert_int_equal(chmod(d->folder, 0555), 0);
    if (root)
        assert_int_equal(seteuid(65534), 0);
    desk_starts(d);
    assert_false(store_well(d->store));
    assert_int_equal(
        desk_lines(d, "may not be written: give the file and its folder to the gateway's user"), 1);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(d->folder, 0700), 0);
    desk_waits(d, desk_is_well);
}

static void a_file_in_use_by_another_gateway_is_left_alone(void **state)
{
    struct desk *d = *state, other;
    char line[DESK_PATH];
    desk_starts(d);
    put_arrival(d, 1);
    desk_commits(d);
    desk_begin(&other);
    char *own = strdup(other.path);
    snprintf(other.path, sizeof other.path, "%s", d->path);
    desk_starts(&other);
    snprintf(line, sizeof line, "is in use by another gateway (pid %d)", (int)getpid());
    assert_false(store_well(other.store));
    assert_int_equal(desk_lines(d, line), 1);
    desk_stops(d, 0);
    desk_waits(&other, desk_is_well);
    desk_has(&other, "arrival m1 1\n");
    snprintf(other.path, sizeof other.path, "%s", own);
    free(own);
    desk_end(&other);
}

static void a_file_of_a_newer_version_is_never_touched(void **state)
{
    struct desk *d = *state;
    char answer[DESK_PATH];
    desk_starts(d);
    desk_stops(d, 0);
    desk_does_sql(d, "PRAGMA user_version = 7; CREATE TABLE what_we_do_not_know(x)");
    desk_starts(d);
    put_arrival(d, 1);
    assert_false(store_well(d->store));
    assert_int_equal(desk_lines(d, "its version is 7, this gateway knows versions up to 2"), 1);
    desk_stops(d, 0);
    desk_asks(d, "SELECT count(*) FROM arrival", answer, sizeof answer);
    assert_string_equal(answer, "0");
    desk_asks(d, "SELECT value FROM meta WHERE key = 'stopped'", answer, sizeof answer);
    assert_string_equal(answer, "1");
}

static void the_database_of_another_program_is_never_touched(void **state)
{
    struct desk *d = *state;
    char answer[DESK_PATH];
    desk_does_sql(d, "CREATE TABLE session(x)");
    desk_starts(d);
    assert_false(store_well(d->store));
    assert_int_equal(desk_lines(d, "this is another program's database"), 1);
    desk_stops(d, 0);
    desk_asks(d, "SELECT count(*) FROM sqlite_schema", answer, sizeof answer);
    assert_string_equal(answer, "1");
}

static void a_stop_waits_for_an_ill_disk_only_so_long(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    disk_fail(DISK_SYNC, 1, SQLITE_IOERR_FSYNC, true);
    put_arrival(d, 1);
    const msec before = clock_now();
    desk_stops(d, 50);
    assert_in_range(clock_now() - before, 45, 1000);
    assert_int_equal(desk_lines(d, "the last changes are lost"), 1);
    disk_heal();
    desk_starts(d);
    assert_false(store_stopped_well(d->store));
}

static void a_directory_is_not_taken_for_a_disk_in_trouble(void **state)
{
    struct desk *d = *state;
    assert_int_equal(mkdir(d->path, 0700), 0);
    desk_starts(d);
    assert_false(store_well(d->store));
    assert_int_equal(desk_lines(d, "it is a directory: give gateway.state the path of a file"), 1);
    desk_stops(d, 0);
    assert_int_equal(rmdir(d->path), 0);
}

/* At each connection that is forgotten which the broker has forgotten: mostly nothing. */
static void a_stop_without_changes_says_nothing_of_changes(void **state)
{
    struct desk *d = *state;
    assert_int_equal(mkdir(d->path, 0700), 0);
    desk_starts(d);
    store_drop_arrivals(d->store, span_text("m1"));
    store_commit(d->store);
    desk_stops(d, 1);
    assert_int_equal(desk_lines(d, "the last changes are lost"), 0);
    desk_starts(d);
    store_drop_arrivals(d->store, span_text("m1"));
    put_arrival(d, 1);
    desk_stops(d, 1);
    assert_int_equal(desk_lines(d, "the last changes are lost"), 1);
    assert_int_equal(rmdir(d->path), 0);
}

static void a_stop_tries_an_ill_disk_once_more(void **state)
{
    struct desk *d = *state;
    d->setup.retry_first = d->setup.retry_most = 60000;
    desk_starts(d);
    disk_fail(DISK_WRITE, 1, SQLITE_IOERR_WRITE, true);
    put_arrival(d, 1);
    store_commit(d->store);
    desk_waits(d, desk_is_ill);
    disk_heal();
    char *there = desk_reads_again(d);
    assert_string_equal(there, "arrival m1 1\n");
    free(there);
}

int main(void)
{
#define WITH_DESK(test) cmocka_unit_test_setup_teardown(test, desk_open_quiet, desk_close)
    const struct CMUnitTest tests[] = {
        WITH_DESK(a_disk_in_trouble_has_a_line_at_the_beginning_and_one_at_the_end),
        WITH_DESK(what_comes_while_the_disk_is_ill_is_written_later),
        WITH_DESK(a_log_that_cannot_be_moved_is_trouble_too),
        WITH_DESK(too_much_while_the_disk_is_ill_is_asked_for_again_as_a_whole),
        WITH_DESK(a_disk_that_is_too_slow_is_not_well),
        WITH_DESK(as_much_may_wait_as_is_being_written),
        WITH_DESK(a_file_that_cannot_be_opened_at_start_is_read_when_it_can),
        WITH_DESK(a_missing_folder_is_made_but_not_a_whole_path),
        WITH_DESK(a_file_that_may_not_be_written_says_so),
        WITH_DESK(a_file_in_use_by_another_gateway_is_left_alone),
        WITH_DESK(a_file_of_a_newer_version_is_never_touched),
        WITH_DESK(the_database_of_another_program_is_never_touched),
        WITH_DESK(a_stop_waits_for_an_ill_disk_only_so_long),
        WITH_DESK(a_directory_is_not_taken_for_a_disk_in_trouble),
        WITH_DESK(a_stop_without_changes_says_nothing_of_changes),
        WITH_DESK(a_stop_tries_an_ill_disk_once_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
