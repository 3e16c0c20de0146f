/* store_clock.c -- the time in the file.
 *
 * Ages must survive a restart, so what is written are times since 1970. But the wall clock of a small box is a poor
 * witness: it begins in 1970 until somebody tells it the time, and is then set forward by decades, or back. So it is
 * asked once, when the file is first opened, and believed only when it is plausible and not before what the file knows
 * already. From then on the monotonic clock counts, and nothing that happens to the wall clock changes an age. */
#include "gateway/store_inside.h"

/* From 2020 to 2200: beyond, the year is no more credible than 1970. */
bool store_clock_sane(int64_t t)
{
    return t >= INT64_C(1577836800000) && t < INT64_C(7258118400000);
}

int64_t store_clock_start(struct store_clock *c, msec now, int64_t wall, int64_t last)
{
    const bool believed = last <= 0 || (store_clock_sane(wall) && wall >= last);
    const int64_t start = believed ? wall : last;
    c->ahead = start - (int64_t)now;
    c->runs = true;
    return start;
}

int64_t store_clock_out(const struct store_clock *c, msec t)
{
    const int64_t at = (int64_t)t + c->ahead;
    return at > 0 ? at : 0; /* a time that nobody set */
}

msec store_clock_in(const struct store_clock *c, int64_t t, msec now)
{
    if (t <= c->ahead)
        return 0;
    const uint64_t at = (uint64_t)t - (uint64_t)c->ahead;
    return at < now ? at : now;
}
