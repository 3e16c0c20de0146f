/* sim_pace.h -- how fast octets pass a UART: arithmetic on nanoseconds, without a clock of its own.
 *
 * A start bit, eight data bits and a stop bit: ten bit times for each octet. `busy_until` is when the last octet that
 * was let through has passed. Timers come late, so the next octets count from there and not from "now", and the rate
 * is kept exactly; but a line that could not be served for a while does not catch up faster than a UART would. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { PACE_SLACK_NS = 20000000, PACE_CHUNK_NS = 1000000 };

struct sim_pace {
    uint64_t octet_ns; /* 0 = as fast as it goes */
    uint64_t busy_until;
};

static inline uint64_t sim_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline struct sim_pace pace_of(uint32_t baud)
{
    return (struct sim_pace){ .octet_ns = baud > 0 ? (UINT64_C(10000000000) + baud / 2) / baud : 0 };
}

/* The line was idle until now. */
static inline void pace_begin(struct sim_pace *p, uint64_t now)
{
    if (p->busy_until < now)
        p->busy_until = now;
}

/* The line had work all the time, but nobody came to look; or it waited until `least` octets could pass at once. */
static inline void pace_go_on(struct sim_pace *p, uint64_t now, size_t least)
{
    uint64_t slack = least * p->octet_ns;
    slack = slack > PACE_SLACK_NS ? slack : PACE_SLACK_NS;
    if (p->busy_until + slack < now)
        p->busy_until = now - slack;
}

/* Octets that have passed by now and were not taken yet. */
static inline size_t pace_passed(const struct sim_pace *p, uint64_t now)
{
    if (p->octet_ns == 0)
        return SIZE_MAX;
    return now > p->busy_until ? (size_t)((now - p->busy_until) / p->octet_ns) : 0;
}

static inline void pace_take(struct sim_pace *p, size_t octets)
{
    p->busy_until += octets * p->octet_ns;
}

/* When the next `octets` will have passed. */
static inline uint64_t pace_due(const struct sim_pace *p, size_t octets)
{
    return p->busy_until + octets * p->octet_ns;
}

/* What passes in a millisecond, but something: looking more often would only cost time. */
static inline size_t pace_chunk(const struct sim_pace *p)
{
    size_t n = p->octet_ns > 0 ? (size_t)(PACE_CHUNK_NS / p->octet_ns) : 4096;
    return n > 16 ? n : 16;
}
