/* lineup.h -- what waits to be sent over a ZigBee network: one frame under way per node, `window` in all, and
 * broadcasts at a pace, since every router repeats them. Pure.
 *
 * A coordinator has room for a handful of frames, and one dead node may hold each of its frames for half a minute. So
 * frames wait here, per node and in order, and nodes take turns. Refused by a full radio, a frame goes again a little
 * later; unreachable nodes get one try each, since the layers below have tried already and the one above will.
 *
 * All frames live in a pool made at the start: a flood costs nothing but drops, which the caller counts. */
#pragma once

#include "radio/coordinator.h"

struct lineup;

struct lineup_limits {
    uint16_t frames;        /* in all ... */
    uint16_t frames_a_node; /* ... and for one node */
    msec pace;              /* between two broadcasts; a burst of two is fine */
};

/* What came out of a frame's turn, for the caller to report. */
struct lineup_end {
    const struct neighbour *node; /* whose frame it was; NULL: a broadcast */
    enum radio_sent result;
};

MUST_CHECK struct lineup *lineup_new(const struct lineup_limits *limits);
void lineup_free(struct lineup *l);

/* Copies `data` to the end of the node's line. NULL: taken; else a static text why not, and lineup_next_refused tells
 * of it, so that every frame comes to an end. */
const char *lineup_add(struct lineup *l, struct neighbour *to, struct span data, msec now);
const char *lineup_add_broadcast(struct lineup *l, uint8_t radius, struct span data);

/* The next frame that may go now, with at most `window` under way; false: none. It is under way from here on. */
bool lineup_next(struct lineup *l, uint8_t window, msec now, struct unicast *out);
/* The next broadcast that may go now. `data` lives until the next call. */
bool lineup_next_broadcast(struct lineup *l, msec now, uint8_t *radius, struct span *data);

/* The frame `token` came to its end; an unknown token is ignored. True: *end says what to report; false: it goes again
 * later. */
bool lineup_sent(struct lineup *l, uint8_t token, enum radio_sent result, msec now,
                 struct lineup_end *end);

/* The radio is gone: what was under way waits again, at the front. */
void lineup_recall(struct lineup *l);

/* The end of a frame that lineup_add did not take; false: none. */
bool lineup_next_refused(struct lineup *l, struct lineup_end *end);

/* Takes out one frame that waited for too long to be worth sending; false: none. */
bool lineup_expire(struct lineup *l, msec now, struct lineup_end *end);

/* When lineup_next, lineup_next_broadcast or lineup_expire may have something; MSEC_NEVER: not before something else
 * happens. `up`: frames can be sent. */
msec lineup_deadline(const struct lineup *l, bool up, uint8_t window);
size_t lineup_count(const struct lineup *l);
