/* store.c -- what outlives a stop, a kill and a power cut, as the loop sees it.
 *
 * The loop never waits for the disk. It fills the open batch, hands it over when the turn ends and the writer is idle,
 * and hears by a bell, an eventfd, what became of it. All logging and all calls to the gateway are here.
 *
 * The open batch can be given up: when too much waits, when memory ends, or when the file turns out to be another one.
 * Then its ticket stays open, and as soon as the file can be written the gateway is asked for everything it has. With
 * that on disk all older promises hold too. */
#include "gateway/store_inside.h"

#include "config/log.h"
#include "gateway/crash.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    RETRY_FIRST_MS = 1000,
    RETRY_MOST_MS = 30000,
    CLOCK_EVERY_MS = 3600000,
    PATIENCE_MS = 10000
};

/* ---- health ---- */

bool store_well(const struct store *s)
{
    return s->state == STORE_WELL && !s->forgetting && !s->hanging;
}

bool store_had_before(const struct store *s)
{
    return s->had_before;
}

bool store_stopped_well(const struct store *s)
{
    return s->stopped_well;
}

bool store_rebooted(const struct store *s)
{
    return s->rebooted;
}

static void tell_health(struct store *s)
{
    const bool well = store_well(s);
    if (well == s->told_well)
        return;
    s->told_well = well;
    if (s->events.health)
        s->events.health(s->events.context, well);
}

/* ---- too long ---- */

static bool busy(const struct store *s)
{
    return s->handed > s->safe;
}

static struct timeval interval(msec ms)
{
    return (struct timeval){ (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };
}

static void expect_soon(struct store *s)
{
    const struct timeval patience = interval(s->setup->patience);
    if (s->setup->patience > 0)
        event_add(s->late_event, &patience);
}

/* Nothing failed, the disk just says nothing. Nodes need not wait for it without a word. */
static void miss(evutil_socket_t fd, short what, void *context)
{
    struct store *s = context;
    const struct store_trouble t = { .fault = STORE_HANGING };
    (void)fd;
    (void)what;
    s->hanging = true;
    if (s->state == STORE_WELL)
        store_log_trouble(s, &t);
    tell_health(s);
}

static void miss_no_more(struct store *s)
{
    if (busy(s))
        return;
    event_del(s->late_event);
    s->hanging = false;
}

/* ---- too much ---- */

static void forget(struct store *s)
{
    s->forgetting = true;
    buffer_consume(&s->open, s->open.len, STORE_BATCH_KEPT);
}

void store_forget(struct store *s)
{
    forget(s);
    log_warn(
        "state: %s: too much waits to be written; as soon as it can be, everything is written anew",
        s->path);
    event_active(s->bell_event, EV_READ, 0);
}

static void rewrite(struct store *s)
{
    s->forgetting = false;
    s->rewriting = true;
    store_empty(s);
    if (s->events.rewrite)
        s->events.rewrite(s->events.context);
    s->rewriting = false;
    store_commit(s);
}

/* ---- the bell ---- */

static struct store_report take_report(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    struct store_report r = s->report;
    s->report = (struct store_report){ .safe = r.safe, .ill = r.ill, .trouble = r.trouble };
    pthread_mutex_unlock(&s->lock);
    return r;
}

static void take_health(struct store *s, const struct store_report *r)
{
    if (r->aside[0] != '\0')
        store_log_aside(s, r->aside, r->damage);
    if (r->ill) {
        store_log_trouble(s, &r->trouble);
        s->state = s->state == STORE_UNOPENED ? STORE_UNOPENED : STORE_ILL;
    } else if (s->state == STORE_ILL) {
        s->state = STORE_WELL;
    }
}

/* The file is there for the first time. If it cannot be read it is set aside, and the next one is `anew`. What was put
 * before nobody knew what is in it may not undo what it should (a client that began anew): then all is written anew. */
static void greet(struct store *s)
{
    const bool met = store_has_news(s);
    s->had_before = s->file.had_before;
    s->stopped_well = s->file.stopped_well;
    s->rebooted = s->file.rebooted;
    s->state = STORE_WELL;
    if (s->events.opened)
        s->events.opened(s->events.context);
    if (met)
        forget(s);
}

/* What was handed over is gone with the file it was for. */
static void begin_anew(struct store *s)
{
    s->handed = s->safe;
    forget(s);
}

static void heed(evutil_socket_t fd, short what, void *context)
{
    struct store *s = context;
    uint64_t rings;
    (void)what;
    if (read(fd, &rings, sizeof rings) < 0 && errno != EAGAIN)
        log_warn("state: the writer's bell: %s", strerror(errno));
    const struct store_report r = take_report(s);
    const bool grew = r.safe > s->safe;
    s->safe = grew ? r.safe : s->safe;
    take_health(s, &r);
    if (r.anew)
        begin_anew(s);
    if (r.opened)
        greet(s);
    miss_no_more(s);
    if (s->state == STORE_WELL && !s->hanging)
        store_log_relief(s);
    if (s->forgetting && s->state == STORE_WELL && !busy(s))
        rewrite(s);
    if (grew && s->events.safe)
        s->events.safe(s->events.context);
    tell_health(s);
    if (s->asked)
        store_commit(s);
}

/* ---- batches ---- */

uint64_t store_next_row(struct store *s)
{
    return s->next_row++;
}

uint64_t store_ticket(const struct store *s)
{
    return s->ticket;
}

uint64_t store_safe(const struct store *s)
{
    return s->safe;
}

bool store_has_news(const struct store *s)
{
    return s->open.len > 0 || s->forgetting;
}

/* Not into a file that the loop has not yet heard to be another one. */
static bool hand_over(struct store *s)
{
    if (s->state != STORE_WELL || s->forgetting || busy(s))
        return false;
    pthread_mutex_lock(&s->lock);
    const bool possible = !s->report.anew;
    if (possible) {
        crash_point();
        const struct buffer empty = s->batch;
        s->batch = s->open;
        s->open = empty;
        s->handed_len = s->batch.len;
        s->batch_ticket = s->handed = s->ticket++;
        s->has_batch = true;
        pthread_cond_signal(&s->call);
        expect_soon(s);
    }
    pthread_mutex_unlock(&s->lock);
    return possible;
}

void store_commit(struct store *s)
{
    s->asked = s->open.len > 0 && !hand_over(s);
    if (s->forgetting && s->state == STORE_WELL && !busy(s))
        event_active(s->bell_event, EV_READ, 0);
}

/* A batch with nothing in it has the time with it. Without, a kill after days without a change would make everything
 * younger by those days: the gateway would seem to have stood still. */
static void tell_time(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)hand_over(context);
}

bool store_load(struct store *s, const struct store_reader *reader)
{
    struct store_trouble t;
    size_t skipped = 0;
    assert(s->state == STORE_WELL && !busy(s));
    pthread_mutex_lock(&s->lock);
    while (!s->resting)
        pthread_cond_wait(&s->rest, &s->lock);
    assert(s->file.db);
    s->reading = true;
    pthread_mutex_unlock(&s->lock);
    const bool whole = store_file_load(&s->file, reader, &skipped, &t);
    pthread_mutex_lock(&s->lock);
    s->reading = false;
    if (!whole) { /* without a line of its own: that it is set aside is line enough */
        s->report.ill = true;
        s->report.trouble = (struct store_trouble){ .fault = STORE_FINE };
    }
    pthread_cond_signal(&s->call);
    pthread_mutex_unlock(&s->lock);
    s->state = whole ? STORE_WELL : STORE_ILL;
    if (skipped > 0)
        log_warn("state: %s: %zu rows make no sense and are left out", s->path, skipped);
    return whole;
}

/* ---- life ---- */

static int64_t wall_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void open_at_start(struct store *s)
{
    struct store_trouble t;
    s->file = (struct store_file){ .path = s->path, .setup = s->setup, .lock = -1 };
    const bool opened = store_file_open(&s->file, &t);
    if (s->file.aside[0] != '\0')
        store_log_aside(s, s->file.aside, s->file.damage);
    s->file.aside[0] = '\0';
    s->next_row = opened ? s->file.row_first : STORE_PROVISIONAL;
    s->state = opened ? STORE_WELL : STORE_UNOPENED;
    s->had_before = opened && s->file.had_before;
    s->stopped_well = opened && s->file.stopped_well;
    s->rebooted = opened && s->file.rebooted;
    s->told_well = opened;
    if (!opened)
        store_log_trouble(s, &t);
}

static void dispose(struct store *s)
{
    store_file_clear(&s->file);
    if (s->bell_event)
        event_free(s->bell_event);
    if (s->clock_event)
        event_free(s->clock_event);
    if (s->late_event)
        event_free(s->late_event);
    if (s->bell >= 0)
        close(s->bell);
    buffer_clear(&s->open);
    buffer_clear(&s->batch);
    free(s->path);
    free(s);
}

static bool begin_to_listen(struct store *s, struct event_base *loop)
{
    const struct timeval every = interval(s->setup->clock_every);
    s->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->bell_event = s->bell < 0 ? NULL : event_new(loop, s->bell, EV_READ | EV_PERSIST, heed, s);
    s->clock_event = event_new(loop, -1, EV_PERSIST, tell_time, s);
    s->late_event = evtimer_new(loop, miss, s);
    return s->bell_event && s->clock_event && s->late_event && event_add(s->bell_event, NULL) == 0 &&
           (s->setup->clock_every == 0 || event_add(s->clock_event, &every) == 0);
}

struct store *store_new_with(struct event_base *loop, const char *path,
                             const struct store_events *events, const struct store_setup *setup)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    *s = (struct store){ .events = *events, .setup = setup, .ticket = 1, .file.lock = -1, .bell = -1 };
    s->path = strdup(path);
    if (!s->path || !begin_to_listen(s, loop))
        goto fail;
    open_at_start(s);
    if (!store_writer_start(s))
        goto fail;
    return s;
fail:
    dispose(s);
    return NULL;
}

struct store *store_new(struct event_base *loop, const char *path, const struct store_events *events)
{
    static const struct store_setup usual = { .wall = wall_clock,
                                              .retry_first = RETRY_FIRST_MS,
                                              .retry_most = RETRY_MOST_MS,
                                              .clock_every = CLOCK_EVERY_MS,
                                              .patience = PATIENCE_MS };
    return store_new_with(loop, path, events, &usual);
}

void store_free(struct store *s, msec wait)
{
    if (!s)
        return;
    store_writer_stop(s, wait);
    if (s->report.ill)
        store_log_trouble(s, &s->report.trouble);
    if (s->forgetting || store_batch_matters(buffer_span(&s->batch)) ||
        store_batch_matters(buffer_span(&s->open)))
        log_error("state: %s: stopped while it could not be written: the last changes are lost",
                  s->path);
    dispose(s);
}
