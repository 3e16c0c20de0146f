/* tally.h -- how many there are of each source, without a record of the sources. All zero at first. */
#pragma once

#include "mqtt/bytes.h"

enum { TALLY_PLACES = 4096 };

struct tally {
    uint32_t counts[TALLY_PLACES];
};

/* At least as many as were added for `source` and not removed; more when others share its place. */
uint32_t tally_count(const struct tally *t, uint32_t source);
void tally_add(struct tally *t, uint32_t source);
void tally_remove(struct tally *t, uint32_t source); /* it was added before */
