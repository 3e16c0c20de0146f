/* desk.c -- a gateway in small around a store, for the tests of the store. */
#include "tests/gateway/desk.h"

#include "tests/gateway/disk.h"

#include <dirent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000, LOG_ROOM = 65536 };

/* ---- what the store says ---- */

static void on_safe(void *context)
{
    struct desk *d = context;
    d->safe++;
}

static void on_health(void *context, bool well)
{
    struct desk *d = context;
    d->well += well;
    d->ill += !well;
    assert_int_equal(well, store_well(d->store));
}

static void on_opened(void *context)
{
    struct desk *d = context;
    d->opened++;
    free(d->read_at_opened);
    d->read_at_opened = desk_reads(d, false);
}

static void on_rewrite(void *context)
{
    struct desk *d = context;
    d->rewrites++;
    if (d->everything)
        d->everything(d->store);
}

/* ---- life ---- */

static int64_t wall_of_today(void)
{
    return INT64_C(1750000000000); /* in 2025 */
}

void desk_begin(struct desk *d)
{
    const char *place = getenv("TMPDIR");
    *d = (struct desk){ .setup = { DISK, wall_of_today, 1, 4 }, .console = -1, .log = -1 };
    snprintf(d->folder, sizeof d->folder, "%s/desk-XXXXXX", place ? place : "/tmp");
    assert_non_null(mkdtemp(d->folder));
    snprintf(d->path, sizeof d->path, "%s/state.db", d->folder);
    d->loop = event_base_new();
    assert_non_null(d->loop);
    disk_reset();
}

static void remove_files(const char *folder)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (const struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        char path[2 * DESK_PATH];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.')
            unlink(path);
    }
    closedir(dir);
    rmdir(folder);
}

void desk_end(struct desk *d)
{
    store_free(d->store, 0);
    disk_heal();
    event_base_free(d->loop);
    free(d->read_at_opened);
    remove_files(d->folder);
    if (d->console < 0)
        return;
    dup2(d->console, STDERR_FILENO);
    close(d->console);
    close(d->log);
}

int desk_open(void **state)
{
    struct desk *d = malloc(sizeof *d);
    assert_non_null(d);
    desk_begin(d);
    *state = d;
    return 0;
}

int desk_open_quiet(void **state)
{
    desk_open(state);
    struct desk *d = *state;
    char path[DESK_PATH];
    snprintf(path, sizeof path, "%s/log", d->folder);
    d->console = dup(STDERR_FILENO);
    d->log = open(path, O_RDWR | O_CREAT | O_APPEND, 0600);
    assert_true(d->console >= 0 && d->log >= 0);
    dup2(d->log, STDERR_FILENO);
    return 0;
}

int desk_close(void **state)
{
    desk_end(*state);
    free(*state);
    return 0;
}

void desk_starts(struct desk *d)
{
    const struct store_events events = { d, on_safe, on_health, on_opened, on_rewrite };
    d->store = store_new_with(d->loop, d->path, &events, &d->setup);
    assert_non_null(d->store);
}

void desk_stops(struct desk *d, msec wait)
{
    store_free(d->store, wait);
    d->store = NULL;
}

/* ---- waiting ---- */

static void too_late(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    *(bool *)context = true;
}

void desk_waits(struct desk *d, bool (*so)(const struct desk *d))
{
    const struct timeval patience = { PATIENCE_MS / 1000, 0 };
    bool late = false;
    struct event *alarm = event_new(d->loop, -1, 0, too_late, &late);
    assert_non_null(alarm);
    event_add(alarm, &patience);
    while (!so(d) && !late)
        event_base_loop(d->loop, EVLOOP_ONCE);
    event_free(alarm);
    assert_false(late);
}

bool desk_is_safe(const struct desk *d)
{
    return store_safe(d->store) + 1 == store_ticket(d->store) && !store_has_news(d->store);
}

bool desk_is_well(const struct desk *d)
{
    return store_well(d->store);
}

bool desk_is_ill(const struct desk *d)
{
    return !store_well(d->store);
}

void desk_commits(struct desk *d)
{
    store_commit(d->store);
    desk_waits(d, desk_is_safe);
}

/* ---- reading ---- */

struct text {
    FILE *out;
    bool ages;
    msec now;
};

static void say_bytes(const struct text *t, struct span s)
{
    fputc(' ', t->out);
    for (size_t i = 0; i < s.len; i++)
        fprintf(t->out, s.at[i] > ' ' && s.at[i] < 0x7f ? "%c" : "\\%02x", s.at[i]);
    if (s.len == 0)
        fputc('-', t->out);
}

static void say_numbers(const struct text *t, const uint64_t *n, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fprintf(t->out, " %" PRIu64, n[i]);
}

#define SAY(t, ...)                                                                                \
    say_numbers(t, (const uint64_t[]){ __VA_ARGS__ },                                              \
                sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

static void end_line(const struct text *t, msec since)
{
    if (t->ages)
        fprintf(t->out, " age %" PRIu64, t->now - since);
    fputc('\n', t->out);
}

static void say_session(void *context, const struct store_session *row)
{
    const struct text *t = context;
    fputs("session", t->out);
    say_bytes(t, row->client_id);
    SAY(t, row->state, row->clean, row->shared, row->keep_alive_s, row->sleep_s,
        row->last_message_id, row->last_topic_id);
    say_bytes(t, row->radio);
    say_bytes(t, row->address);
    say_bytes(t, row->node);
    SAY(t, row->has_will, row->will_qos, row->will_retain);
    say_bytes(t, row->will_topic);
    say_bytes(t, row->will_message);
    end_line(t, row->since);
}

static void say_topic(void *context, const struct store_topic *row)
{
    const struct text *t = context;
    fputs("topic", t->out);
    say_bytes(t, row->client_id);
    SAY(t, row->topic_id, row->standing);
    say_bytes(t, row->name);
    fputc('\n', t->out);
}

static void say_subscription(void *context, const struct store_subscription *row)
{
    const struct text *t = context;
    fputs("subscription", t->out);
    say_bytes(t, row->client_id);
    say_bytes(t, row->filter);
    SAY(t, row->qos, row->topic_id_type, row->topic_id, row->standing);
    fputc('\n', t->out);
}

static void say_message(void *context, enum store_way way, const struct store_message *row)
{
    const struct text *t = context;
    fputs(way == STORE_UPLINK ? "uplink" : "downlink", t->out);
    SAY(t, row->row);
    say_bytes(t, row->client_id);
    SAY(t, row->qos, row->retain, row->phase, row->message_id);
    say_bytes(t, row->topic);
    say_bytes(t, row->payload);
    end_line(t, row->since);
}

static void say_exchange(void *context, const struct store_exchange *row)
{
    const struct text *t = context;
    fputs("exchange", t->out);
    say_bytes(t, row->client_id);
    SAY(t, row->place, row->phase, row->message_id, row->topic_id, row->digest);
    end_line(t, row->since);
}

static void say_arrival(void *context, const struct store_arrival *row)
{
    const struct text *t = context;
    fputs("arrival", t->out);
    say_bytes(t, row->link);
    SAY(t, row->packet_id);
    fputc('\n', t->out);
}

char *desk_reads(struct desk *d, bool ages)
{
    char *text = NULL;
    size_t len = 0;
    struct text t = { open_memstream(&text, &len), ages, clock_now() };
    assert_non_null(t.out);
    const struct store_reader reader = { &t,          say_session,  say_topic,  say_subscription,
                                         say_message, say_exchange, say_arrival };
    const bool whole = store_load(d->store, &reader);
    fputs(whole ? "" : "damaged\n", t.out);
    fclose(t.out);
    return text;
}

char *desk_reads_again(struct desk *d)
{
    desk_stops(d, 2000);
    disk_reset();
    desk_starts(d);
    return desk_reads(d, false);
}

void desk_has(struct desk *d, const char *text)
{
    char *there = desk_reads(d, false);
    assert_string_equal(there, text);
    free(there);
}

/* ---- looking from outside ---- */

static int first_value(void *context, int count, char **values, char **names)
{
    (void)names;
    if (count > 0 && values[0])
        snprintf(context, DESK_PATH, "%s", values[0]);
    return 0;
}

void desk_asks(const struct desk *d, const char *sql, char *answer, size_t room)
{
    sqlite3 *db = NULL;
    char value[DESK_PATH] = "";
    assert_int_equal(sqlite3_open(d->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, first_value, value, NULL), SQLITE_OK);
    snprintf(answer, room, "%s", value);
    sqlite3_close(db);
}

void desk_does_sql(const struct desk *d, const char *sql)
{
    char answer[DESK_PATH];
    desk_asks(d, sql, answer, sizeof answer);
}

unsigned desk_lines(const struct desk *d, const char *words)
{
    static char text[LOG_ROOM];
    unsigned count = 0;
    const ssize_t n = pread(d->log, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    for (const char *at = strstr(text, words); at; at = strstr(at + 1, words))
        count++;
    return count;
}

size_t desk_files(const struct desk *d, const char *beginning, char name[DESK_PATH])
{
    size_t count = 0;
    DIR *dir = opendir(d->folder);
    assert_non_null(dir);
    for (const struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        if (strncmp(e->d_name, beginning, strlen(beginning)) != 0)
            continue;
        count++;
        if (name)
            snprintf(name, DESK_PATH, "%s", e->d_name);
    }
    closedir(dir);
    return count;
}
