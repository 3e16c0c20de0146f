/* metrics.c -- the counters of the gateway and how an operator sees them.
 *
 * They are plain numbers, counted up in the two funnels of gateway.c. Until there is an admin page, the signal USR1 and
 * the end of the program write them to the log. */
#include "gateway/metrics.h"

#include "config/log.h"

#include <inttypes.h>

static const char *const names[] = {
#define METRIC(name, help) #name,
#include "gateway/metrics.def"
#undef METRIC
};

const char *metric_name(enum metric m)
{
    return m < METRICS ? names[m] : "?";
}

void metrics_log(const struct metrics *m)
{
    for (size_t i = 0; i < METRICS; i++)
        if (m->counts[i] > 0)
            log_info("count: %s %" PRIu64, names[i], m->counts[i]);
    for (size_t i = 0; i < DROPS; i++)
        if (m->drops[i] > 0)
            log_info("count: dropped, %s %" PRIu64, drop_text((enum drop)i), m->drops[i]);
}
