/* subscriptions.h -- the topic filters of one session. */
#pragma once

#include "mqtt/bytes.h"

enum subscription_standing {
    SUBSCRIPTION_ASKED, /* SUBSCRIBE is on its way to the broker */
    SUBSCRIPTION_GRANTED,
    SUBSCRIPTION_STALE /* the broker forgot our session: to be asked for again (SN-SES-6) */
};

struct subscription {
    struct span filter;    /* owned */
    uint8_t qos;           /* asked for; once granted, as granted */
    uint8_t standing;      /* enum subscription_standing */
    uint8_t topic_id_type; /* how the client named it: normal = by name, predefined, short */
    uint16_t topic_id;     /* predefined: the id; by name without wildcard: its normal id; else 0 */
    uint16_t packet_id;    /* of the SUBSCRIBE under way */
    bool unsaved;          /* granted, and what is on disk is behind */
};

struct subscriptions {
    struct subscription *list;
    size_t count, room;
    bool changed; /* some are unsaved ... */
    bool removed; /* ... or some are on disk that are not here any more */
};

void subscriptions_clear(struct subscriptions *s);
struct subscription *subscriptions_find(const struct subscriptions *s, struct span filter);
struct subscription *subscriptions_by_packet_id(const struct subscriptions *s, uint16_t packet_id);
struct subscription *subscriptions_with(const struct subscriptions *s,
                                        enum subscription_standing standing);

/* A new one with a copy of `filter`; NULL when memory ends. The limit is the caller's business. */
MUST_CHECK struct subscription *subscriptions_add(struct subscriptions *s, struct span filter);
void subscriptions_grant(struct subscriptions *s, struct subscription *one, uint8_t qos);
void subscriptions_remove(struct subscriptions *s, struct subscription *one);
void subscriptions_make_stale(struct subscriptions *s);
