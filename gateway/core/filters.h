/* filters.h -- all topic filters that the clients of a shared broker connection hold, as a tree of their levels.
 *
 * A message finds every filter that matches it in one walk, however many clients there are (SN-GW-5). */
#pragma once

#include "mqtt/client.h"

#include <sys/queue.h>

enum { FILTER_LEVELS_MAX = 128 }; /* deeper ones are refused: the walk recurses */

struct filter_node;

enum filter_step {
    FILTER_NEW,      /* not asked for upstream yet */
    FILTER_ASKED,    /* SUBSCRIBE is out */
    FILTER_SETTLING, /* SUBACK came, retained messages may still follow */
    FILTER_HELD
};

struct holder;

struct filter {
    struct filter_node *node;
    struct span name; /* owned */
    LIST_HEAD(filter_holders, holder) holders;
    TAILQ_ENTRY(filter) all, in_step; /* in_step: among those asked, or among those settling */
    uint16_t packet_id;               /* of the SUBSCRIBE that is out */
    uint32_t barrier;                 /* settled when this many pings are answered */
    uint8_t step;                     /* enum filter_step */
    uint8_t asked_qos;                /* upstream */
    uint8_t granted;
};

struct filters;

MUST_CHECK struct filters *filters_new(uint64_t seed);
void filters_free(struct filters *f); /* every filter must be gone */

struct filter *filters_find(const struct filters *f, struct span name);

/* Finds or makes it. NULL: too deep, or no memory. */
MUST_CHECK struct filter *filters_get(struct filters *f, struct span name);
void filters_remove(struct filters *f, struct filter *one);

/* Every filter that matches the name, in no order; valid until the next call. */
struct filter *const *filters_match(struct filters *f, struct span name, size_t *count);

/* May there be more, for which there was no memory? */
bool filters_missed(const struct filters *f);

/* One filter after the other; NULL begins, NULL ends. */
struct filter *filters_next(const struct filters *f, const struct filter *before);
