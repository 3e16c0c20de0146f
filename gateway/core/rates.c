/* rates.c -- token buckets in a fixed table, for floods from sources that nobody can count.
 *
 * A bucket is a single number: until when what was taken is paid for. Each taking moves it on by its price, a second
 * divided by the rate, and it may run ahead of the clock by one second: that is the depth of the bucket. An old number
 * is simply in the past, so nothing is filled up, aged or cleaned.
 *
 * A source has its place by its hash and leaves nothing else behind, so a million forged addresses cost what one costs.
 * Sources that meet in one place share one bucket: that makes it stricter for them and for nobody else. What the rates
 * are for, and what happens to what comes too often, is decided in the shell's gateway_guard.c. */
#include "gateway/core/rates.h"

#define SECOND_NS UINT64_C(1000000000)
#define MSEC_NS UINT64_C(1000000)

/* When it would be paid until, after one more; 0 = not now. */
static uint64_t paid_after(uint64_t paid_until, uint32_t rate, uint64_t now_ns)
{
    uint64_t from = paid_until > now_ns ? paid_until : now_ns;
    if (rate == 0)
        return from;
    uint64_t until = from + SECOND_NS / rate;
    return until <= now_ns + SECOND_NS ? until : 0;
}

static uint64_t nanoseconds(msec now)
{
    return (now + 1) * MSEC_NS; /* never 0 */
}

bool rates_take(struct rates *r, uint32_t source, msec now)
{
    uint64_t *place = &r->source_paid_until[source % RATES_PLACES];
    uint64_t own = paid_after(*place, r->per_source, nanoseconds(now));
    if (own == 0 || !rates_take_in_all(r, now))
        return false;
    *place = own;
    return true;
}

bool rates_take_in_all(struct rates *r, msec now)
{
    uint64_t all = paid_after(r->paid_until, r->in_all, nanoseconds(now));
    if (all == 0)
        return false;
    r->paid_until = all;
    return true;
}
