/* bench_tally.h -- counts numbered messages as they arrive: how many, how many twice, how late. */
#pragma once

#include "tools/bench_stamp.h"

enum {
    BENCH_CLIENTS_MAX = 1000000, /* a stamp beyond is foreign */
    BENCH_BUCKETS = 64 * 32
};

struct bench_seen;

struct bench_tally {
    uint64_t arrived;    /* messages of ours, all of them */
    uint64_t distinct;   /* each counted once */
    uint64_t duplicates; /* arrived - distinct */
    uint64_t foreign;    /* payloads without our stamp */
    uint64_t first_ns, last_ns;
    uint64_t max_ns;                 /* largest latency */
    uint64_t buckets[BENCH_BUCKETS]; /* latency, see bench_tally_percentile */
    struct bench_seen *seen;         /* per client, owned */
    size_t room;
};

void bench_tally_init(struct bench_tally *t);
void bench_tally_clear(struct bench_tally *t);

/* Takes one payload that arrived at `now_ns`. A number more than 1,023 behind the newest of its client counts as
 * a duplicate, whatever it was: nothing that is delivered in order is ever so late. */
void bench_tally_add(struct bench_tally *t, struct span payload, uint64_t now_ns);

/* The latency in nanoseconds that `percent` of the messages stayed at or below, exact to 3 %; 0 without messages. */
uint64_t bench_tally_percentile(const struct bench_tally *t, double percent);
