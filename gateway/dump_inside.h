/* dump_inside.h -- what the parts of --state-dump share: the file, opened to be looked at, and what was found in it. */
#pragma once

#include "gateway/dump.h"
#include "gateway/store_inside.h"

#include <jansson.h>

enum dump_run { DUMP_RUNS, DUMP_STOPPED, DUMP_KILLED };

struct dump_file {
    struct store_file store; /* open; its clock runs */
    int64_t now;             /* as the file counts the time: milliseconds since 1970 */
    int64_t version;
    int64_t written; /* by the clock of the disk, likewise */
    uint64_t octets, log_octets;
    enum dump_run run;
    long pid; /* of the gateway that runs; 0 = unknown */
    size_t skipped;
};

enum { DUMP_LINE = STORE_PATH + 512 };

/* Opens `path`, borrowed. False: `line` says what is wrong; nothing is open. */
MUST_CHECK bool dump_file_open(struct dump_file *d, const char *path, char line[DUMP_LINE]);
void dump_file_close(struct dump_file *d);
void dump_file_tell(const struct store_trouble *t, const char *path, char line[DUMP_LINE]);

/* Everything in the file, as the manual page describes it; the caller's. NULL: no memory, or *t says what is wrong. */
MUST_CHECK json_t *dump_tree(struct dump_file *d, const struct config *c, struct store_trouble *t);

/* The same for people. */
void dump_print(const json_t *tree, FILE *out);
