/* store_writer.c -- the one other thread of the process: it may wait for the disk, the loop may not.
 *
 * It takes one batch after the other and makes a transaction of each. Whatever fails, the file is closed, and after a
 * pause that grows from a second to half a minute it is opened again and the same batch is written again, for ever: the
 * order of batches is the order of promises, so none is skipped.
 *
 * With nothing to do it waits without a deadline. It does not log and calls nobody: it leaves a report and rings the
 * bell, and the loop does the rest. */
#include "gateway/store_inside.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* What is left of the run that only this thread needs to know. */
struct pace {
    msec pause;   /* after the last failure; 0: there was none */
    bool hurried; /* the end of the run was noticed: what is left is tried at once */
};

/* ---- reports; the lock is held ---- */

static void ring(const struct store *s)
{
    const uint64_t one = 1;
    if (write(s->bell, &one, sizeof one) < 0)
        return; /* it is ringing since so many times that they cannot be counted */
}

static void note_aside(struct store *s)
{
    struct store_file *f = &s->file;
    if (f->aside[0] == '\0')
        return;
    snprintf(s->report.aside, sizeof s->report.aside, "%s", f->aside);
    snprintf(s->report.damage, sizeof s->report.damage, "%s", f->damage);
    f->aside[0] = '\0';
}

static void report(struct store *s, const struct store_trouble *t)
{
    note_aside(s);
    s->report.ill = t != NULL;
    if (t)
        s->report.trouble = *t;
    ring(s);
}

static void report_failure(struct store *s, const struct store_trouble *t)
{
    pthread_mutex_lock(&s->lock);
    report(s, t);
    pthread_mutex_unlock(&s->lock);
}

/* ---- work ---- */

/* A file that is not the one of this run is empty, or will be: a batch alone is of no use in it. */
static bool open_file(struct store *s)
{
    struct store_trouble t;
    const bool first = !s->file.known;
    if (!store_file_open(&s->file, &t)) {
        report_failure(s, &t);
        return false;
    }
    pthread_mutex_lock(&s->lock);
    s->report.opened = s->report.opened || first;
    if (s->file.anew) {
        s->file.anew = false;
        s->report.anew = true;
        s->has_batch = false;
        buffer_consume(&s->batch, s->batch.len, STORE_BATCH_KEPT);
    }
    if (!s->has_batch)
        report(s, NULL);
    pthread_mutex_unlock(&s->lock);
    return true;
}

/* What is damaged is set aside at once, which says more than that it was damaged. */
static bool goes_on(struct store *s, const struct store_trouble *t)
{
    if (!s->file.damaged)
        report_failure(s, t);
    return s->file.damaged;
}

static bool write_batch(struct store *s)
{
    struct store_trouble t;
    if (!store_file_write(&s->file, buffer_span(&s->batch), &t))
        return goes_on(s, &t);
    pthread_mutex_lock(&s->lock);
    s->has_batch = false;
    s->report.safe = s->batch_ticket;
    buffer_consume(&s->batch, s->batch.len, STORE_BATCH_KEPT);
    report(s, NULL);
    pthread_mutex_unlock(&s->lock);
    return store_file_tidy(&s->file, &t) || goes_on(s, &t);
}

/* has_batch becomes true only while this thread rests, or by itself. */
static bool work(struct store *s, bool has_batch)
{
    if (!s->file.db)
        return open_file(s);
    return !has_batch || write_batch(s);
}

/* ---- waiting; the lock is held ---- */

/* At the end of the run there is no loop any more that hands the open batch over. */
static void take_last_batch(struct store *s)
{
    if (s->has_batch || s->open.len == 0 || s->forgetting || s->report.anew)
        return;
    const struct buffer empty = s->batch;
    s->batch = s->open;
    s->open = empty;
    s->batch_ticket = s->ticket;
    s->has_batch = true;
}

static bool may_leave(const struct store *s, const struct pace *p, msec now)
{
    return s->leaving && (!s->has_batch || (p->pause > 0 && now >= s->leave_by));
}

/* The condition's clock is the monotonic one too, but clock_now begins earlier. */
static void wait_until(struct store *s, msec due)
{
    struct timespec at;
    if (due == MSEC_NEVER) {
        pthread_cond_wait(&s->call, &s->lock);
        return;
    }
    const msec now = clock_now(), left = due > now ? due - now : 0;
    clock_gettime(CLOCK_MONOTONIC, &at);
    const msec nsec = (msec)at.tv_nsec + left % 1000 * 1000000;
    at.tv_sec += (time_t)(left / 1000 + nsec / 1000000000);
    at.tv_nsec = (long)(nsec % 1000000000);
    pthread_cond_timedwait(&s->call, &s->lock, &at);
}

static msec next_look(const struct store *s, bool busy, msec due)
{
    const msec next = busy ? due : MSEC_NEVER;
    return s->leaving && s->leave_by < next ? s->leave_by : next;
}

/* Returns when there is something to do and the pause is over; false: it is time to leave. */
static bool rest(struct store *s, struct pace *p)
{
    msec now = clock_now(), due = now + p->pause;
    for (;; now = clock_now()) {
        if (s->leaving) {
            take_last_batch(s);
            due = p->hurried ? due : now;
            p->hurried = true;
        }
        const bool busy = !s->reading && (s->has_batch || !s->file.db);
        if (may_leave(s, p, now))
            return false;
        if (busy && now >= due)
            return true;
        s->resting = true;
        pthread_cond_broadcast(&s->rest);
        wait_until(s, next_look(s, busy, due));
        s->resting = false;
    }
}

static msec longer(const struct store *s, msec pause)
{
    const struct store_setup *u = s->setup;
    if (pause == 0)
        return u->retry_first;
    return pause * 2 < u->retry_most ? pause * 2 : u->retry_most;
}

/* On a small box the loop must not wait for the writer's share of the processor. On Linux this is about the calling
 * thread alone. */
static void be_modest(void)
{
    enum { NICE = 10 };
    (void)setpriority(PRIO_PROCESS, 0, NICE);
}

static void *run(void *context)
{
    struct store *s = context;
    struct pace p = { .pause = s->file.db ? 0 : s->setup->retry_first };
    be_modest();
    pthread_mutex_lock(&s->lock);
    while (rest(s, &p)) {
        const bool has_batch = s->has_batch, hurried = p.hurried;
        pthread_mutex_unlock(&s->lock);
        const bool well = work(s, has_batch);
        pthread_mutex_lock(&s->lock);
        p.pause = well ? 0 : longer(s, hurried && p.pause > s->setup->retry_first ? 0 : p.pause);
    }
    const bool all = !s->has_batch && s->open.len == 0 && !s->forgetting;
    pthread_mutex_unlock(&s->lock);
    if (all && s->file.db)
        store_file_note_orderly_stop(&s->file);
    return NULL;
}

/* ---- life ---- */

static bool init_conditions(struct store *s)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return false;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->call, &attributes);
    pthread_cond_init(&s->rest, &attributes);
    pthread_condattr_destroy(&attributes);
    return true;
}

static void destroy_conditions(struct store *s)
{
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->call);
    pthread_cond_destroy(&s->rest);
}

/* Signals are the loop's. */
bool store_writer_start(struct store *s)
{
    sigset_t all, before;
    if (!init_conditions(s))
        return false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&s->writer, NULL, run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        destroy_conditions(s);
    return !failed;
}

void store_writer_stop(struct store *s, msec wait)
{
    pthread_mutex_lock(&s->lock);
    s->leaving = true;
    s->leave_by = clock_now() + wait;
    pthread_cond_signal(&s->call);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->writer, NULL);
    destroy_conditions(s);
}
