/* process.h -- a child process whose log a test reads: broker, gateway, one-off commands.
 *
 * Every wait has a deadline; the environment variable TEST_SLOW (a factor, for valgrind) stretches them all. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    PATIENCE_MS = 5000,
    QUIET_MS = 150
}; /* how long something may take; how long nothing must come */

/* An amount of time that the gateway is told, times TEST_SLOW. */
uint16_t stretched(uint16_t amount);

/* Milliseconds of a monotonic clock, `ms` (times TEST_SLOW) from now. */
int64_t deadline_in(int ms);
int deadline_left(int64_t deadline); /* for poll(2); never negative */

struct process {
    pid_t pid; /* 0: not running */
    int log;   /* reading end of what it writes to standard error */
    int input; /* writing end of its standard input, -1: it has none */
    char *text;
    size_t len, room;
    size_t mark; /* process_says looks only behind it */
};

/* Runs argv[0]; standard output goes to the file `out`, or to the log when `out` is NULL. False: no such program. The
 * child is killed should the test program die. */
bool process_start(struct process *p, const char *const argv[], const char *out);

/* The same, with a pipe as its standard input, and standard output in the log too. */
bool process_start_with_input(struct process *p, const char *const argv[]);

/* Writes a line to its standard input. */
bool process_told(const struct process *p, const char *line);

/* Waits until the log holds a line with `text` behind the mark; copies that line to `line`. False: it ended, or the
 * deadline passed. */
bool process_says(struct process *p, const char *text, int patience_ms, char *line, size_t room);

/* How often `text` occurs behind the mark in what has been read so far. */
size_t process_count(struct process *p, const char *text);

/* From here on process_says and process_count look only at what comes later. */
void process_mark(struct process *p);

/* Its log to standard error, whole: print_error of cmocka stops after a thousand characters. */
void process_prints(const struct process *p, const char *name);

/* Sends `signal` (0: none), waits for the end and frees everything but the text of the log. Returns the exit status,
 * 128 + the signal that ended it, or -1 when it did not end in time and had to be killed. */
int process_end(struct process *p, int signal);
void process_forget(struct process *p); /* frees the text too */
