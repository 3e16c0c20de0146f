/* lossy_air.h -- a network that loses, doubles, delays and reorders what it carries, by chance that a seed decides.
 *
 * It carries frames on numbered paths, one for each direction of each node, and knows no clock and no socket. */
#pragma once

#include "mqttsn/client.h"

#include <sys/queue.h>

struct air_weather {
    unsigned loss, twice, late; /* percent: lost; arrives twice; is overtaken by those behind it */
    msec delay;                 /* 0..delay for each; a late one has that twice */
};

struct air_frame {
    TAILQ_ENTRY(air_frame) next;
    msec due;
    size_t path, len;
    uint8_t bytes[];
};

struct air {
    struct air_weather weather;
    uint64_t chance;
    TAILQ_HEAD(air_frames, air_frame) frames; /* in the order in which they arrive */
    msec *last; /* owned: when the last frame in order arrives, for each path */
    size_t sent, lost, doubled, overtaken;
};

/* `seed` is not 0. */
void air_init(struct air *a, struct air_weather weather, size_t paths, uint64_t seed);
void air_clear(struct air *a);

/* The frame is copied. */
void air_send(struct air *a, size_t path, struct span frame, msec now);

msec air_deadline(const struct air *a); /* MSEC_NEVER: nothing is on its way */

/* The next frame that has arrived, now the caller's to free(); NULL when there is none. */
struct air_frame *air_arrives(struct air *a, msec now);
