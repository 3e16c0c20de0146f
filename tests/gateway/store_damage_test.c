/* store_damage_test.c -- a damaged file is set aside, never overwritten, and begun anew with everything there is. */
#include "tests/gateway/desk.h"
#include "tests/gateway/disk.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAYLOAD = 300 };

/* ---- changes ---- */

static void put_arrival(struct desk *d, uint16_t packet_id)
{
    store_put_arrival(d->store, &(struct store_arrival){ span_text("m1"), packet_id });
}

static void put_message(struct desk *d, enum store_way way)
{
    static const uint8_t payload[PAYLOAD];
    store_put_message(d->store, way,
                      &(struct store_message){ .row = store_next_row(d->store),
                                               .client_id = span_text("m1"),
                                               .topic = span_text("t"),
                                               .payload = span_of(payload, sizeof payload) });
}

static void put_everything(struct store *s)
{
    store_put_arrival(s, &(struct store_arrival){ span_text("everything"), 1 });
}

static int64_t wall_of_tomorrow(void)
{
    return INT64_C(1750000000000) + 86400000;
}

static bool is_rewritten(const struct desk *d)
{
    return d->rewrites > 0 && desk_is_safe(d);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* ---- damage ---- */

static void what_is_no_database_is_set_aside_and_never_overwritten(void **state)
{
    struct desk *d = *state;
    char name[DESK_PATH], path[2 * DESK_PATH], text[64] = "";
    write_file(d->path,
               "this was somebody's shopping list, and is longer than a header's hundred octets. "
               "Milk, bread, butter, eggs, flour, a lamp.");
    desk_starts(d);
    assert_true(store_well(d->store));
    assert_int_equal(desk_files(d, "state.db.corrupt-20", name), 1);
    assert_int_equal(desk_lines(d, name), 1);
    snprintf(path, sizeof path, "%s/%s", d->folder, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof text, f));
    fclose(f);
    assert_memory_equal(text, "this was somebody's", 19);
    desk_stops(d, 0);
    write_file(d->path,
               "another one that is no database, and is longer than a header's hundred octets too: "
               "tomatoes, cheese, olives.");
    desk_starts(d);
    assert_int_equal(desk_files(d, "state.db.corrupt-20", NULL), 2);
    assert_int_equal(desk_files(d, name, NULL), 2); /* itself, and the same name with "-2" */
}

/* A page in the middle of a table becomes noise. */
static void spoil(const struct desk *d)
{
    char noise[1024];
    struct stat about = { 0 };
    memset(noise, 0xa5, sizeof noise);
    const int fd = open(d->path, O_RDWR);
    assert_true(fd >= 0 && fstat(fd, &about) == 0 && about.st_size > 40 * 1024);
    for (off_t page = 20; page < about.st_size / 1024; page++)
        assert_int_equal(pwrite(fd, noise, sizeof noise, page * 1024), sizeof noise);
    close(fd);
}

static void is_read_as_far_as_it_goes(struct desk *d, int64_t (*wall)(void))
{
    d->everything = put_everything;
    desk_starts(d);
    put_arrival(d, 1);
    store_put_session(d->store,
                      &(struct store_session){ .client_id = span_text("m1"), .sleep_s = 5 });
    for (unsigned i = 0; i < 200; i++)
        put_message(d, i < 100 ? STORE_DOWNLINK : STORE_UPLINK);
    desk_commits(d);
    desk_stops(d, 0);
    spoil(d);
    d->setup.wall = wall;
    desk_starts(d);
    char *there = desk_reads(d, false);
    assert_non_null(strstr(there, "damaged\n"));
    assert_memory_equal(there, "session m1", 10);
    free(there);
    assert_false(store_well(d->store));
    desk_waits(d, is_rewritten);
    assert_true(desk_files(d, "state.db.corrupt-", NULL) >= 1);
    desk_has(d, "arrival everything 1\n");
    assert_int_equal(desk_lines(d, "is damaged ("), 1);
}

static void a_file_that_is_damaged_inside_is_read_as_far_as_it_goes(void **state)
{
    const struct desk *d = *state;
    is_read_as_far_as_it_goes(*state, d->setup.wall);
}

/* Then ages are to be corrected in a file that is found to be damaged. */
static void a_file_that_is_damaged_inside_is_read_after_a_long_stop_too(void **state)
{
    is_read_as_far_as_it_goes(*state, wall_of_tomorrow);
}

/* Beside the new file it would be taken for that one's. */
static bool has_log_aside(const struct desk *d)
{
    char sign[DESK_PATH];
    desk_files(d, "state.db.corrupt-", sign);
    sign[strlen("state.db.corrupt-20250615-150640")] = '\0'; /* the time of the desk's wall clock */
    snprintf(sign + strlen(sign), sizeof sign - strlen(sign), "-wal");
    return desk_files(d, sign, NULL) == 1;
}

static void damage_in_the_middle_of_a_run_begins_a_new_file_with_everything(void **state)
{
    struct desk *d = *state;
    d->everything = put_everything;
    desk_starts(d);
    put_arrival(d, 1);
    desk_commits(d);
    const uint64_t promised = store_ticket(d->store);
    put_arrival(d, 2);
    disk_fail(DISK_WRITE, 1, SQLITE_CORRUPT, false);
    store_commit(d->store);
    put_arrival(d, 3);
    store_commit(d->store);
    desk_waits(d, is_rewritten);
    assert_true(store_safe(d->store) > promised);
    assert_int_equal(d->safe, 2); /* the batch that was under way alone is of no use */
    desk_has(d, "arrival everything 1\n");
    assert_true(has_log_aside(d));
}

/* The file beside its new names, of which one is taken: so setting it aside ends in the middle, as a kill would end
 * it. */
static void setting_aside_ends_in_the_middle(struct desk *d)
{
    const time_t now = (time_t)(d->setup.wall() / 1000);
    struct tm when;
    char name[2 * DESK_PATH], stamp[32];
    localtime_r(&now, &when);
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &when);
    snprintf(name, sizeof name, "%s.corrupt-%s-shm", d->path, stamp);
    assert_int_equal(mkdir(name, 0700), 0);
    disk_fail(DISK_WRITE, 1, SQLITE_CORRUPT, false);
    store_commit(d->store);
    desk_waits(d, desk_is_ill);
    desk_stops(d, 0);
    rmdir(name);
}

static void a_file_is_never_without_its_log_when_it_is_set_aside(void **state)
{
    struct desk *d = *state;
    d->setup.retry_first = d->setup.retry_most = 60000;
    desk_starts(d);
    put_arrival(d, 1);
    desk_commits(d);
    free(desk_reads_again(d)); /* the log is moved into the file */
    store_drop_arrival(d->store, span_text("m1"), 1);
    desk_commits(d);
    put_arrival(d, 2);
    setting_aside_ends_in_the_middle(d);
    desk_starts(d);
    assert_true(store_well(d->store));
    desk_has(d, ""); /* and not what was dropped */
}

static void a_disk_that_damages_every_file_is_trouble_at_last(void **state)
{
    struct desk *d = *state;
    struct store_file f = { .path = d->path, .setup = &d->setup, .lock = -1 };
    struct store_trouble t;
    disk_fail(DISK_WRITE, 1, SQLITE_CORRUPT, true);
    for (unsigned i = 0; i < 3 * STORE_ASIDE_MAX; i++)
        assert_false(store_file_open(&f, &t));
    assert_int_equal(t.fault, STORE_DAMAGED);
    assert_int_equal(f.asides, STORE_ASIDE_MAX);
    store_file_clear(&f);
    assert_in_range(desk_files(d, "state.db.corrupt-", NULL), STORE_ASIDE_MAX,
                    (size_t)STORE_ASIDE_MAX * 3); /* each with its log */
    desk_starts(d);
    while (desk_lines(d, "it is damaged: move it away") == 0)
        event_base_loop(d->loop, EVLOOP_ONCE);
}

/* What is taken away: the file, its log, the list of pages of the log. */
static void is_written_anew_without(struct desk *d, const char *const endings[], size_t count)
{
    d->rewrites = 0;
    put_arrival(d, 1);
    desk_commits(d);
    for (size_t i = 0; i < count; i++) {
        char path[2 * DESK_PATH];
        snprintf(path, sizeof path, "%s%s", d->path, endings[i]);
        assert_int_equal(unlink(path), 0);
    }
    put_arrival(d, 2);
    store_commit(d->store);
    desk_waits(d, is_rewritten);
    desk_has(d, "arrival everything 1\n");
}

static void a_file_that_was_taken_away_is_written_anew(void **state)
{
    static const char *const all[] = { "", "-wal", "-shm" };
    struct desk *d = *state;
    d->everything = put_everything;
    desk_starts(d);
    is_written_anew_without(d, all, 1);
    is_written_anew_without(d, all, 3);
    is_written_anew_without(d, all + 1, 1);
    is_written_anew_without(d, all + 1, 2);
    assert_int_equal(desk_lines(d, "stop the gateway before that"), 4);
}

static void a_folder_that_was_moved_away_is_made_anew(void **state)
{
    struct desk *d = *state;
    static const char *const names[] = { "state.db", "state.db-wal", "state.db-shm",
                                         "state.db-lock", "log" };
    char elsewhere[DESK_PATH], file[2 * DESK_PATH];
    d->everything = put_everything;
    desk_starts(d);
    put_arrival(d, 1);
    desk_commits(d);
    snprintf(elsewhere, sizeof elsewhere, "%s.old", d->folder);
    assert_int_equal(rename(d->folder, elsewhere), 0);
    put_arrival(d, 2);
    store_commit(d->store);
    desk_waits(d, is_rewritten);
    desk_has(d, "arrival everything 1\n");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(file, sizeof file, "%s/%s", elsewhere, names[i]);
        assert_int_equal(unlink(file), 0);
    }
    assert_int_equal(rmdir(elsewhere), 0);
}

static void a_message_never_takes_the_place_of_another_whatever_the_file_says(void **state)
{
    static const char *const edits[] = {
        "DELETE FROM meta WHERE key = 'rows'", "UPDATE meta SET value = 1 WHERE key = 'rows'",
        "UPDATE meta SET value = 4611686018427387903 WHERE key = 'rows'",
        "UPDATE uplink SET row = 4611686018427387903 WHERE row = (SELECT max(row) FROM uplink)"
    };
    struct desk *d = *state;
    char answer[DESK_PATH];
    desk_starts(d);
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        put_message(d, STORE_UPLINK);
        put_message(d, STORE_DOWNLINK);
        put_message(d, STORE_UPLINK);
        desk_commits(d);
        free(desk_reads_again(d));
        desk_stops(d, 0);
        desk_does_sql(d, edits[i]);
        desk_starts(d);
    }
    put_message(d, STORE_DOWNLINK);
    put_message(d, STORE_UPLINK);
    desk_commits(d);
    desk_asks(d, "SELECT count(*) || ' ' || (SELECT count(*) FROM downlink) FROM uplink", answer,
              sizeof answer);
    assert_string_equal(answer, "9 5");
    desk_asks(d, "SELECT max(row) < 100000000 FROM downlink", answer, sizeof answer);
    assert_string_equal(answer, "1");
}

int main(void)
{
#define WITH_DESK(test) cmocka_unit_test_setup_teardown(test, desk_open_quiet, desk_close)
    const struct CMUnitTest tests[] = {
        WITH_DESK(what_is_no_database_is_set_aside_and_never_overwritten),
        WITH_DESK(a_file_that_is_damaged_inside_is_read_as_far_as_it_goes),
        WITH_DESK(a_file_that_is_damaged_inside_is_read_after_a_long_stop_too),
        WITH_DESK(damage_in_the_middle_of_a_run_begins_a_new_file_with_everything),
        WITH_DESK(a_file_is_never_without_its_log_when_it_is_set_aside),
        WITH_DESK(a_disk_that_damages_every_file_is_trouble_at_last),
        WITH_DESK(a_file_that_was_taken_away_is_written_anew),
        WITH_DESK(a_folder_that_was_moved_away_is_made_anew),
        WITH_DESK(a_message_never_takes_the_place_of_another_whatever_the_file_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
