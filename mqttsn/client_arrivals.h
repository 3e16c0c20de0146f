/* client_arrivals.h -- the last QoS 2 messages that a client took, so that none is told twice. */
#pragma once

#include "mqttsn/client.h"

enum { CLIENT_ARRIVALS = 16 };

struct client_arrival {
    uint16_t message_id; /* 0: nobody took this place yet */
    bool released;
    uint32_t digest; /* of topic and data */
    msec released_at;
};

/* All zero: empty. */
struct client_arrivals {
    struct client_arrival list[CLIENT_ARRIVALS]; /* a ring: the newest takes the place of the oldest */
    size_t next;
};

/* A QoS 2 PUBLISH came. True: it is new, and is remembered; false: a copy of one that is. `window` is T_RETRY. */
MUST_CHECK bool client_arrivals_take(struct client_arrivals *a, const struct mqttsn_message *m,
                                     msec now, msec window);

/* PUBREL came. An id that is not known changes nothing. */
void client_arrivals_release(struct client_arrivals *a, uint16_t message_id, msec now);
