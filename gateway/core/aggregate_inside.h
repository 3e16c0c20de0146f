/* aggregate_inside.h -- what the two files of the shared connection share: aggregate.c what sessions want and what the
 * broker says, aggregate_rounds.c who holds which filter. Nobody else includes it. */
#pragma once

#include "gateway/core/filters.h"
#include "gateway/core/session.h"

struct seat;

struct holder {
    LIST_ENTRY(holder) in_filter, in_seat;
    struct filter *filter;
    struct seat *seat;
    uint8_t qos;   /* asked for in its last round */
    bool in_round; /* of the SUBSCRIBE that is out or just answered: gets the retained messages */
    uint16_t request;      /* the session's packet id that this round answers; 0 = none */
    uint8_t next_qos;      /* what it wants in the next round ... */
    uint16_t next_request; /* ... and the request for it; 0 = it does not wait */
};

/* A session on the shared connection. */
struct seat {
    struct session *session;
    LIST_HEAD(, holder) holders;
    uint64_t mark; /* of the last message that reached it ... */
    size_t hit;    /* ... and where that hit is */
};

struct aggregate {
    struct upstream upstream; /* first: the strategy's functions are given this */
    struct filters *filters;
    TAILQ_HEAD(filter_list, filter) asked, settling; /* in the order of their answers */
    uint64_t mark;
};

static inline struct aggregate *aggregate_of(struct upstream *u)
{
    return (struct aggregate *)(void *)u;
}

/* ---- aggregate_rounds.c ---- */

/* One more answer or request for a session to hear. */
void rounds_tell(struct aggregate *a, struct session *s, enum mqtt_type type, uint16_t packet_id,
                 uint8_t code);

struct holder *rounds_holder(const struct seat *seat, const struct filter *f);
MUST_CHECK struct holder *rounds_join(struct seat *seat, struct filter *f);

/* The holder wants the filter at this QoS; its request is answered when the broker has answered the round. */
void rounds_want(struct aggregate *a, struct holder *h, uint8_t qos, uint16_t packet_id, msec now);

/* Takes a holder away and, with the last one, its filter. */
void rounds_leave(struct aggregate *a, struct holder *h, msec now);

/* Requests of the holder that wait or are under way are answered now: the holder is about to leave. */
void rounds_answer_now(struct aggregate *a, struct holder *h);

/* The last holder leaves with an UNSUBSCRIBE of its own, whose answer it waits for. */
void rounds_leave_last(struct aggregate *a, struct holder *h, uint16_t packet_id, msec now);

/* SUBACK came for a round: the flight's owner is the aggregate itself. */
void rounds_answered(struct aggregate *a, const struct mqtt_packet *p, msec now);

/* PINGRESP came. */
void rounds_pong(struct aggregate *a, msec now);

/* A new connection: what the broker forgot is asked for again, what waited begins. */
void rounds_reconnected(struct aggregate *a, bool session_present, msec now);
