/* metrics.h -- the counters of the gateway: one list each in metrics.def and core/drops.def. */
#pragma once

#include "gateway/core/action.h"

enum metric {
#define METRIC(name, help) METRIC_##name,
#include "gateway/metrics.def"
#undef METRIC
    METRICS
};

struct metrics {
    uint64_t counts[METRICS];
    uint64_t drops[DROPS];
};

/* The name of a counter, as in metrics.def. */
const char *metric_name(enum metric m);

/* Every counter that is not 0, a log line each. */
void metrics_log(const struct metrics *m);
