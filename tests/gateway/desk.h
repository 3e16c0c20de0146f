/* desk.h -- what a test of the store works with: a folder of its own, a loop, a store, and what the store said.
 *
 * A gateway in small: what is put can be put again when the store asks for everything, and what is read becomes one
 * text that tests compare, a line for each row. */
#pragma once

#include "gateway/store_inside.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { DESK_PATH = 256 };

struct desk {
    char folder[64], path[DESK_PATH];
    struct event_base *loop;
    struct store_setup setup;
    struct store *store;
    unsigned safe, ill, well, opened, rewrites; /* how often it was called */
    void (*everything)(struct store *s);        /* answers `rewrite` */
    int console, log;                           /* the log goes to a file; -1: it does not */
    char *read_at_opened;                       /* what was in a file that was opened late */
};

/* For cmocka: a desk for each test. The disk is tests/gateway/disk.h, well; pauses are a millisecond. */
int desk_open(void **state);
int desk_open_quiet(void **state); /* and what is logged can be asked for with desk_lines */
int desk_close(void **state);
void desk_begin(struct desk *d); /* the same without cmocka, to be ended with desk_end */
void desk_end(struct desk *d);

void desk_starts(struct desk *d);           /* opens the store, however that goes */
void desk_stops(struct desk *d, msec wait); /* frees it */

/* Runs the loop until it is so; fails after ten seconds. */
void desk_waits(struct desk *d, bool (*so)(const struct desk *d));
bool desk_is_safe(const struct desk *d); /* all that was committed is on disk, and nothing is open */
bool desk_is_well(const struct desk *d);
bool desk_is_ill(const struct desk *d);

/* Commits, and waits until it is on disk. */
void desk_commits(struct desk *d);

/* All rows of the file, a line each; freed by the caller. `ages`: with how old they are, in ms. */
char *desk_reads(struct desk *d, bool ages);

/* Stops, starts anew with a disk that is well, and reads. */
char *desk_reads_again(struct desk *d);

/* All rows must be these. */
void desk_has(struct desk *d, const char *text);

/* The answer of the file to a question in SQL, its first value as text. Read in `answer`. */
void desk_asks(const struct desk *d, const char *sql, char *answer, size_t room);
void desk_does_sql(const struct desk *d, const char *sql);

/* How many times these words are in the log. */
unsigned desk_lines(const struct desk *d, const char *words);

/* What a file name in the folder begins with: how many there are; the last one is in `name` unless that is NULL. */
size_t desk_files(const struct desk *d, const char *beginning, char name[DESK_PATH]);
