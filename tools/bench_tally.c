/* bench_tally.c -- which of the numbered messages came, which came twice, and after what time.
 *
 * A load test that only counts arrivals cannot tell one lost and one doubled message from none of both. So each client
 * numbers its messages, and here is kept, per client, the newest number and a bitmap of the 1,024 before it: QoS 1
 * duplicates come close behind their original, and a whole bitmap of the run would be megabytes that push
 * the program under test out of the cache. Latencies go into buckets of equal relative width (32 to the octave), which
 * costs an increment per message and gives percentiles to 3 %. Used by mqttsn-bench and by the bench's broker stub. */
#include "tools/bench_tally.h"

#include <stdlib.h>

enum { WINDOW = 1024, WORDS = WINDOW / 64, SUB_BITS = 5 };

struct bench_seen {
    uint32_t next; /* newest number + 1 */
    uint64_t window[WORDS];
};

void bench_tally_init(struct bench_tally *t)
{
    *t = (struct bench_tally){ 0 };
}

void bench_tally_clear(struct bench_tally *t)
{
    free(t->seen);
    bench_tally_init(t);
}

static struct bench_seen *seen_of(struct bench_tally *t, uint32_t client)
{
    if (client >= BENCH_CLIENTS_MAX)
        return NULL;
    if (client < t->room)
        return &t->seen[client];
    const size_t room = client + 256 + client / 2;
    struct bench_seen *grown = realloc(t->seen, room * sizeof *grown);
    if (!grown)
        return NULL;
    memset(grown + t->room, 0, (room - t->room) * sizeof *grown);
    t->seen = grown;
    t->room = room;
    return &t->seen[client];
}

static uint64_t bit_of(uint32_t sequence)
{
    return UINT64_C(1) << sequence % 64;
}

static uint64_t *word_of(struct bench_seen *s, uint32_t sequence)
{
    return &s->window[sequence / 64 % WORDS];
}

/* Is this number new? Marks it. */
static bool mark(struct bench_seen *s, uint32_t sequence)
{
    if (sequence < s->next && s->next - sequence > WINDOW)
        return false;
    if (sequence >= s->next && sequence - s->next >= WINDOW) {
        memset(s->window, 0, sizeof s->window);
        s->next = sequence;
    }
    for (; s->next <= sequence; s->next++)
        *word_of(s, s->next) &= ~bit_of(s->next);
    const bool seen = *word_of(s, sequence) & bit_of(sequence);
    *word_of(s, sequence) |= bit_of(sequence);
    return !seen;
}

/* Values below 32 have a bucket each; above, the five bits after the leading one choose within the octave. */
static size_t bucket_of(uint64_t ns)
{
    if (ns < 1u << SUB_BITS)
        return (size_t)ns;
    const unsigned octave = 63u - (unsigned)__builtin_clzll(ns) - SUB_BITS;
    return ((size_t)(octave + 1) << SUB_BITS) + (size_t)((ns >> octave) - (1u << SUB_BITS));
}

static uint64_t bucket_top(size_t bucket)
{
    if (bucket < 1u << SUB_BITS)
        return bucket;
    const size_t octave = (bucket >> SUB_BITS) - 1;
    const uint64_t sub = bucket % (1u << SUB_BITS);
    return ((sub + (1u << SUB_BITS) + 1) << octave) - 1;
}

void bench_tally_add(struct bench_tally *t, struct span payload, uint64_t now_ns)
{
    struct bench_stamp stamp;
    struct bench_seen *seen = bench_stamp_read(payload, &stamp) ? seen_of(t, stamp.client) : NULL;
    if (!seen) {
        t->foreign++;
        return;
    }
    if (t->arrived++ == 0)
        t->first_ns = now_ns;
    t->last_ns = now_ns;
    if (!mark(seen, stamp.sequence)) {
        t->duplicates++;
        return;
    }
    const uint64_t latency = now_ns > stamp.sent_ns ? now_ns - stamp.sent_ns : 0;
    t->distinct++;
    t->buckets[bucket_of(latency)]++;
    if (latency > t->max_ns)
        t->max_ns = latency;
}

uint64_t bench_tally_percentile(const struct bench_tally *t, double percent)
{
    const double wanted = (double)t->distinct * percent / 100;
    uint64_t sum = 0;
    for (size_t i = 0; i < BENCH_BUCKETS; i++) {
        sum += t->buckets[i];
        if (sum > 0 && (double)sum >= wanted)
            return bucket_top(i) < t->max_ns ? bucket_top(i) : t->max_ns;
    }
    return 0;
}
