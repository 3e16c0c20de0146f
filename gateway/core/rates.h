/* rates.h -- how often something may happen, per source and in all, without a record of the sources.
 *
 * A source is a seeded hash of whoever sends; how the hash is made is the caller's business. All of it is zero at
 * first: then everybody may begin. */
#pragma once

#include "mqtt/client.h"

enum { RATES_PLACES = 4096 };

struct rates {
    uint32_t per_source, in_all;              /* a second; 0 = no limit */
    uint64_t paid_until;                      /* in all; nanoseconds of the clock of `now` */
    uint64_t source_paid_until[RATES_PLACES]; /* sources that share a place share its rate */
};

/* Takes one of this second's share of `source`, and of everybody's. A whole second's share may be taken at once. False:
 * there is none left, nothing was taken. */
MUST_CHECK bool rates_take(struct rates *r, uint32_t source, msec now);

/* The same for what is bounded in all only. */
MUST_CHECK bool rates_take_in_all(struct rates *r, msec now);
