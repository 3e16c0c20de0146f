/* store_inside.h -- what the parts of the store share.
 *
 * Three owners. The loop has the open batch, the tickets and the health as the gateway sees it. The writer has the
 * file. What goes from one to the other, a full batch one way and a report the other, is under the lock. While the
 * writer rests and has no batch the loop may use the file too: to open it at start, and to read it. */
#pragma once

#include "gateway/store.h"
#include "radio/clock.h"

#include <pthread.h>
#include <sqlite3.h>

enum {
    STORE_VERSION = 2, /* of the schema: user_version of the file */
    STORE_PATH = 1024,
    STORE_BATCH_KEPT = 64 * 1024,        /* room that a batch keeps between turns */
    STORE_BATCH_LIMIT = 4 * 1024 * 1024, /* what may wait, at least, while nothing can be written */
    STORE_CLOCK_EVERY_MS = 10000,        /* how often the clock is written, at most */
    STORE_CHECKPOINT_PAGES = 8192, /* of the write-ahead log, before it is moved into the file */
    STORE_ASIDE_MAX =
        5 /* damaged files set aside in one run; a disk that makes more of them is broken */
};

/* Numbers of messages that are given before the file is open, so that nobody knows yet which are free. In the file
 * they become what is free there, and the same all through the run. */
#define STORE_PROVISIONAL (UINT64_C(1) << 62)
/* The highest one that is believed of a file: above it there must be enough for the run. */
#define STORE_ROW_MAX (STORE_PROVISIONAL / 2 - 1)

/* What a test changes. */
struct store_setup {
    const char *vfs; /* of SQLite; NULL: its own */
    int64_t (*wall)(void);
    msec retry_first, retry_most; /* the pause after a failure, and what it grows to */
    msec clock_every; /* at least so often the time is written, changes or not; 0: never */
    msec patience;    /* for the disk to confirm a batch; 0: endless */
};

/* ---- the batch: changes, one after the other, as octets */

enum store_op {
    STORE_EMPTY,
    STORE_PUT_SESSION,
    STORE_PUT_TOPIC,
    STORE_PUT_SUBSCRIPTION,
    STORE_PUT_DOWNLINK,
    STORE_PUT_UPLINK,
    STORE_PUT_EXCHANGE,
    STORE_PUT_ARRIVAL,
    STORE_STEP_DOWNLINK,
    STORE_STEP_UPLINK,
    STORE_DROP_SESSION,
    STORE_DROP_TOPICS,
    STORE_DROP_SUBSCRIPTIONS,
    STORE_DROP_EXCHANGES,
    STORE_DROP_QUEUE, /* all that waits for a client */
    STORE_DROP_DOWNLINK,
    STORE_DROP_UPLINK,
    STORE_DROP_EXCHANGE,
    STORE_DROP_ARRIVAL,
    STORE_DROP_ARRIVALS,
    STORE_OPS
};

/* A time is a monotonic one and a row may be provisional: the writer, who knows the file, makes them what it holds. */
enum store_kind { STORE_NUMBER, STORE_TEXT, STORE_BLOB, STORE_TIME, STORE_ROW };

enum { STORE_VALUES = 20 }; /* that one change may have */

struct store_value {
    enum store_kind kind;
    uint64_t number; /* also of a time and a row */
    struct span bytes;
};

/* An enum as the words that stand in the file. A number without a word is never put. */
struct store_words {
    const char *const *list;
    size_t count;
};
extern const struct store_words store_states, store_standings, store_filter_standings,
    store_id_types, store_message_phases, store_exchange_phases;

/* The number of a word, or `count` when there is none such. */
size_t store_words_find(struct store_words w, struct span word);

/* The next change of a batch: how many values were read into `v`; they borrow from it. */
size_t store_batch_read(struct reader *r, enum store_op *op, struct store_value v[STORE_VALUES]);

/* Would anybody miss it? Not if it only forgets packet ids that the broker has forgotten, which each connection does:
 * the next one does it again, and a new message is not taken for an old one, its digest is another. */
bool store_batch_matters(struct span batch);

/* ---- the clock */

/* Milliseconds since 1970 as the file has them; `ahead` of the monotonic clock by as much in the whole run. */
struct store_clock {
    bool runs;
    int64_t ahead;
};

bool store_clock_sane(int64_t t);
/* At the first opening. `last`: the last time that the file knows, 0 = none. Returns the time it is. */
int64_t store_clock_start(struct store_clock *c, msec now, int64_t wall, int64_t last);
int64_t store_clock_out(const struct store_clock *c, msec t);
/* Never later than `now`, and never before the monotonic clock began. */
msec store_clock_in(const struct store_clock *c, int64_t t, msec now);

/* ---- what can be wrong */

enum store_fault {
    STORE_FINE,
    STORE_FULL,
    STORE_READ_ONLY,
    STORE_FORBIDDEN,
    STORE_NO_FOLDER,
    STORE_DIRECTORY,
    STORE_IN_USE,
    STORE_LOCKED,
    STORE_NEWER,
    STORE_FOREIGN,
    STORE_DAMAGED,
    STORE_FAILING,
    STORE_HANGING,
    STORE_MOVED,
    STORE_NO_MEMORY
};

struct store_trouble {
    enum store_fault fault;
    long number; /* STORE_IN_USE: the other's pid, 0 = unknown; STORE_NEWER: its version */
    char detail[128];
};

void store_trouble_from_errno(struct store_trouble *t, int error);
void store_trouble_from_sqlite(struct store_trouble *t, sqlite3 *db, int code);
/* One line for the log: what is wrong, and what to do. */
void store_trouble_tell(const struct store_trouble *t, const char *path, char *line, size_t room);

/* ---- the file */

struct store_file {
    const char *path; /* borrowed */
    const struct store_setup *setup;
    int lock;    /* descriptor of <path>-lock; -1: not ours */
    sqlite3 *db; /* NULL: closed */
    sqlite3_stmt *statements[STORE_OPS];
    struct store_clock clock;
    msec clock_saved_at;
    bool known;   /* it was open in this run */
    int64_t run;  /* names this run in the file, so that it is known again */
    bool damaged; /* it must be set aside before it is opened again */
    bool anew;    /* it is another file than the one of this run, and the loop does not know yet */
    bool had_before, stopped_well, rebooted;
    int wal_pages;
    uint64_t row_first;         /* free when it was first opened */
    uint64_t row_top, row_kept; /* the highest one given; none above `row_kept` in this run so far */
    unsigned asides;
    char aside[STORE_PATH + 64]; /* where the last damaged file is now; empty: none, or told */
    char damage[128];            /* what was wrong with it */
};

/* Each returns whether it went well; if not, *t says why, and the file is closed. */
MUST_CHECK bool store_file_open(struct store_file *f, struct store_trouble *t);
MUST_CHECK bool store_file_prepare(struct store_file *f, struct store_trouble *t); /* a part of it */
MUST_CHECK bool store_file_write(struct store_file *f, struct span batch, struct store_trouble *t);
/* Moves what is in the write-ahead log into the file, when that is long enough. */
MUST_CHECK bool store_file_tidy(struct store_file *f, struct store_trouble *t);
/* Closes it. What is damaged gets another name when it is opened again. */
void store_file_fail(struct store_file *f, const struct store_trouble *t);
/* Reads every row; `skipped` counts those that made no sense. */
MUST_CHECK bool store_file_load(struct store_file *f, const struct store_reader *reader,
                                size_t *skipped, struct store_trouble *t);
void store_file_note_orderly_stop(struct store_file *f);
void store_file_close(struct store_file *f);
void store_file_clear(struct store_file *f); /* gives the lock back too */

/* Small things that several parts of the file need; an SQLite code each. */
int store_file_look(struct store_file *f, int64_t *version,
                    struct store_trouble *t); /* is it ours? else *t */
int store_file_run_sql(struct store_file *f, const char *sql);
int store_file_save_meta(struct store_file *f, const char *key, int64_t value);
int store_file_read_meta(struct store_file *f, const char *key, int64_t *value); /* 0: no such */
int store_file_save_clock(struct store_file *f, msec now, uint64_t rows);

/* ---- what is in it */

extern const char *const store_migrations[STORE_VERSION]; /* from version i to i + 1 */
extern const char store_waits[];                          /* the index of downlink, in memory */
extern const char *const store_statements[STORE_OPS];

/* ---- the two threads */

/* What the writer has to tell. Later news replace earlier ones. */
struct store_report {
    uint64_t safe;
    bool ill;
    struct store_trouble trouble; /* while ill */
    bool opened;                  /* for the first time */
    bool anew; /* the file is another one and empty; a batch that was under way is gone */
    char aside[STORE_PATH + 64], damage[128];
};

enum store_state {
    STORE_UNOPENED, /* it never could be in this run */
    STORE_WELL,
    STORE_ILL
};

struct store {
    /* the loop's */
    struct event *bell_event, *clock_event, *late_event;
    struct store_events events;
    const struct store_setup *setup;
    char *path;
    enum store_state state;
    struct buffer open;
    uint64_t ticket, handed, safe; /* of the open batch; of the last one handed over; on disk */
    size_t handed_len;             /* octets of that batch */
    uint64_t next_row;
    bool asked;      /* for a commit, while a batch was under way */
    bool forgetting; /* too much waited: nothing is kept until all can be written again */
    bool rewriting;  /* just now; no limit then */
    bool told_well;  /* what `health` said last */
    bool hanging;    /* the batch handed over last is not confirmed, and patience is over */
    bool had_before, stopped_well, rebooted;
    enum store_fault fault; /* logged, and not over yet */
    msec fault_at;

    /* under the lock */
    pthread_mutex_t lock;
    pthread_cond_t call; /* for the writer */
    pthread_cond_t rest; /* for the loop: the writer rests */
    struct buffer batch; /* the writer's while has_batch */
    uint64_t batch_ticket;
    bool has_batch, resting, leaving;
    bool reading; /* the loop uses the file */
    msec leave_by;
    struct store_report report;

    /* both, see above */
    int bell; /* eventfd */
    struct store_file file;
    pthread_t writer;
};

/* The loop's: trouble when it begins or changes, when it is over, and what became of a damaged file. */
void store_log_trouble(struct store *s, const struct store_trouble *t);
void store_log_relief(struct store *s);
void store_log_aside(const struct store *s, const char *aside, const char *damage);

MUST_CHECK struct store *store_new_with(struct event_base *loop, const char *path,
                                        const struct store_events *events,
                                        const struct store_setup *setup);

/* The writer. Started with the file open or not; joined by store_writer_stop. */
MUST_CHECK bool store_writer_start(struct store *s);
void store_writer_stop(struct store *s, msec wait);

/* Nothing of the open batch is kept from now on. */
void store_forget(struct store *s);

/* The open batch begins with an empty file. */
void store_empty(struct store *s);
