/* bench_report.h -- the figures of a run, as text and as JSON. */
#pragma once

#include "tools/bench_options.h"
#include "tools/bench_tally.h"

struct bench_report {
    size_t connected; /* clients */
    double connect_seconds;
    double seconds; /* from the first message sent to the last */
    uint64_t sent, acknowledged, retransmissions, refused, unanswered, disconnected, send_errors,
        malformed;
    bool observed; /* was somebody there to see what arrived? */
    uint64_t arrived, lost, duplicates;
    uint64_t p50_ns, p99_ns, p999_ns, max_ns;      /* latency one way */
    uint64_t own_cpu_ns, pid_cpu_ns;               /* while publishing, or staying */
    uint64_t connect_cpu_ns;                       /* of --pid, while the clients connected */
    uint64_t rss_before, rss_connected, rss_after; /* of --pid */
};

/* Arrivals and latencies from `t`, losses from those and what was sent. */
void bench_report_observe(struct bench_report *r, const struct bench_tally *t);

void bench_report_text(const struct bench_report *r, const struct bench_options *o, FILE *out);

/* One JSON object and a newline. False when memory ends. */
bool bench_report_json(const struct bench_report *r, const struct bench_options *o, FILE *out);
