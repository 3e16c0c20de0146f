/* dump_trouble_test.c -- --state-dump where there is nothing to show: one line that says why, and no dump.
 *
 * Whoever asks may have a broken box before him, or the wrong path in his settings. A script that reads the JSON
 * must not take half a dump for a whole one. */
#include "tests/system/dumper.h"
#include "tests/system/keeper.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One line, and nothing that a script could take for a dump. */
static void is_refused(struct scene *s, int wanted, const char *part)
{
    char *out, *log;
    const int status = dump(s, "--json", &out, &log);
    const char *end = strchr(log, '\n');
    const bool good = dump_has(log, part) && out[0] == '\0' && end && (wanted != 1 || end[1] == '\0');
    free(out);
    free(log);
    assert_int_equal(status, wanted);
    assert_true(good);
}

/* ---- files that are no good -------------------------------------------------------------------------------------- */

/* Settings with a state file that nobody has made. */
static void no_gateway_has_run(struct scene *s, char path[static SCENE_PATH])
{
    char settings[SCENE_PATH];
    keeper_state(s, path);
    settings_write(s, (struct settings){ .state = path, .url = "mqtt://127.0.0.1:1" }, settings);
}

static void with_sql(struct scene *s, const char *sql)
{
    char path[SCENE_PATH];
    sqlite3 *db;
    keeper_state(s, path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_file_that_is_not_there_is_not_made(struct scene *s)
{
    char path[SCENE_PATH];
    no_gateway_has_run(s, path);
    is_refused(s, 1, "there is no state file");
    assert_int_equal(access(path, F_OK), -1);
}

static void a_file_that_is_no_good_is_said_so_in_one_line(struct scene *s)
{
    char path[SCENE_PATH];
    no_gateway_has_run(s, path);
    scene_writes(s, "state.db", "", path);
    is_refused(s, 1, "there is nothing in it yet");
    scene_writes(s, "state.db", "this was never a database, and it never will be one", path);
    is_refused(s, 1, "it is damaged");
    assert_int_equal(unlink(path), 0);
    with_sql(s, "CREATE TABLE recipes(cake TEXT)");
    is_refused(s, 1, "this is another program's database");
}

static void a_file_of_a_newer_gateway_is_refused(struct scene *s)
{
    assert_int_equal(gateway_stops(keeper_start(s, (struct settings){ 0 })), 0);
    with_sql(s, "PRAGMA user_version = 99");
    is_refused(s, 1, "its version is 99");
}

static void a_table_that_is_damaged_ends_the_dump(struct scene *s)
{
    char path[SCENE_PATH];
    uint8_t rubbish[4096];
    memset(rubbish, 0x5a, sizeof rubbish);
    assert_int_equal(gateway_stops(keeper_start(s, (struct settings){ 0 })), 0);
    keeper_state(s, path);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, rubbish, sizeof rubbish, 1024), (ssize_t)sizeof rubbish);
    close(fd);
    is_refused(s, 1, "it is damaged");
}

/* ---- the command line -------------------------------------------------------------------------------------------- */

static void a_gateway_that_keeps_nothing_has_nothing_to_show(struct scene *s)
{
    char settings[SCENE_PATH];
    settings_write(s, (struct settings){ .url = "mqtt://127.0.0.1:1" }, settings);
    is_refused(s, 1, "nothing is kept on disk: gateway.state is \"\"");
}

static void settings_with_a_mistake_are_not_believed(struct scene *s)
{
    char settings[SCENE_PATH];
    settings_write(s, (struct settings){ .url = "mqtt://127.0.0.1:1", .more = "nonsense: 1" },
                   settings);
    is_refused(s, 78, "unknown key \"nonsense\"");
}

static void json_belongs_to_a_dump(struct scene *s)
{
    char *out, *log;
    const int status =
        gateway_command(s, (const char *const[]){ "--check", "--json", NULL }, &out, &log);
    const bool good = dump_has(log, "--json is for --state-dump");
    free(out);
    free(log);
    assert_int_equal(status, 1);
    assert_true(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(a_file_that_is_not_there_is_not_made),
        SCENE(a_file_that_is_no_good_is_said_so_in_one_line),
        SCENE(a_file_of_a_newer_gateway_is_refused),
        SCENE(a_table_that_is_damaged_ends_the_dump),
        SCENE(a_gateway_that_keeps_nothing_has_nothing_to_show),
        SCENE(settings_with_a_mistake_are_not_believed),
        SCENE(json_belongs_to_a_dump),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
