/* bench_stamp.h -- what the load generator puts at the start of each payload, so that any process of the same machine
 * can tell which message it has, and how long it was on its way.
 *
 * Twenty octets: a mark (other people's payloads must not be counted), the number of the client, the number of the
 * message within the client, and CLOCK_MONOTONIC in nanoseconds at the first sending. */
#pragma once

#include "mqtt/bytes.h"

#include <time.h>

enum { BENCH_STAMP_LEN = 20 };

#define BENCH_STAMP_MARK 0x6D71626Eu /* "mqbn" */

struct bench_stamp {
    uint32_t client, sequence;
    uint64_t sent_ns;
};

static inline uint64_t bench_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void bench_write_u32(struct writer *w, uint32_t v)
{
    write_u16(w, (uint16_t)(v >> 16));
    write_u16(w, (uint16_t)v);
}

static inline uint32_t bench_read_u32(struct reader *r)
{
    const uint32_t high = read_u16(r);
    return high << 16 | read_u16(r);
}

static inline void bench_stamp_write(struct writer *w, const struct bench_stamp *s)
{
    bench_write_u32(w, BENCH_STAMP_MARK);
    bench_write_u32(w, s->client);
    bench_write_u32(w, s->sequence);
    bench_write_u32(w, (uint32_t)(s->sent_ns >> 32));
    bench_write_u32(w, (uint32_t)s->sent_ns);
}

/* False when the payload is not one of ours. */
static inline bool bench_stamp_read(struct span payload, struct bench_stamp *s)
{
    struct reader r = reader_of(payload);
    const uint32_t mark = bench_read_u32(&r);
    s->client = bench_read_u32(&r);
    s->sequence = bench_read_u32(&r);
    const uint64_t high = bench_read_u32(&r);
    s->sent_ns = high << 32 | bench_read_u32(&r);
    return !r.failed && mark == BENCH_STAMP_MARK;
}
