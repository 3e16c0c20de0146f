/* subscriptions.h -- the topic filters of one session. */
#pragma once

#include "mqtt/bytes.h"

enum subscription_standing {
    SUBSCRIPTION_GRANTED,
    SUBSCRIPTION_ASKED,  /* SUBSCRIBE is on its way to the broker */
    SUBSCRIPTION_STALE,  /* the broker forgot our session: to be asked for again (SN-SES-6) */
    SUBSCRIPTION_LEAVING /* the client gave it up, and the broker did not say UNSUBACK yet */
};

struct subscription {
    struct span filter;    /* owned */
    uint8_t qos;           /* asked for; once granted, as granted */
    uint8_t standing;      /* enum subscription_standing */
    uint8_t topic_id_type; /* how the client named it: normal = by name, predefined, short */
    uint16_t topic_id;     /* predefined: the id; by name without wildcard: its normal id; else 0 */
    uint16_t packet_id;    /* of the last SUBSCRIBE or UNSUBSCRIBE; 0 = none in this run */
    bool told; /* the client was told that it has it: that outlives us, whatever we ask the broker */
    bool unsaved; /* what is on disk is behind */
};

struct subscriptions {
    struct subscription *list;
    size_t count, room;
    bool changed; /* some are unsaved ... */
    bool removed; /* ... or some are on disk that are not here any more */
};

void subscriptions_clear(struct subscriptions *s);
struct subscription *subscriptions_find(const struct subscriptions *s, struct span filter);
/* The one of this standing with this packet id under way. */
struct subscription *subscriptions_by_packet_id(const struct subscriptions *s,
                                                enum subscription_standing standing,
                                                uint16_t packet_id);
struct subscription *subscriptions_with(const struct subscriptions *s,
                                        enum subscription_standing standing);

/* Did the client give up every filter that it had for this topic? Without one it gave up nothing. */
bool subscriptions_left(const struct subscriptions *s, struct span topic);

/* How it stands on disk. ASKED: not at all, the client was told nothing. */
enum subscription_standing subscriptions_lasting(const struct subscription *one);

/* A new one with a copy of `filter`; NULL when memory ends. The limit is the caller's business. */
MUST_CHECK struct subscription *subscriptions_add(struct subscriptions *s, struct span filter);
void subscriptions_grant(struct subscriptions *s, struct subscription *one, uint8_t qos);
void subscriptions_leave(struct subscriptions *s, struct subscription *one, uint16_t packet_id);
void subscriptions_remove(struct subscriptions *s, struct subscription *one);
/* `keep`: on disk too, for the case that we are killed before all are asked for again. */
void subscriptions_make_stale(struct subscriptions *s, bool keep);

/* One of an earlier run, as subscriptions_lasting had it. NULL when memory ends. */
MUST_CHECK struct subscription *subscriptions_restore(struct subscriptions *s, struct span filter,
                                                      enum subscription_standing standing);
