/* lossy_gateway_inside.h -- what the two files of the stand-in gateway share: lossy_gateway.c what sessions hear and
 * decide, lossy_links.c the way to the broker. */
#pragma once

#include "tests/gateway/core/lossy_gateway.h"

enum { LOSSY_FRAME_MAX = 128 };

struct station {
    bool here; /* it has a session */
    struct session session;
    struct upstream own; /* transparent */
    bool dialled, closing;
    msec told_at; /* when it was answered as a stranger */
};

struct lossy_gateway {
    struct lossy_gateway_plan plan;
    struct lossy_broker *broker;
    struct ledger *ledger;
    struct limits limits;
    struct access access;
    struct common common;
    struct aggregate *shared; /* NULL: transparent */
    struct actions actions;
    uint64_t chance;
    size_t lost, refused, broken;
    struct station stations[];
};

static inline size_t lossy_number_of(const struct lossy_gateway *g, const struct station *st)
{
    return (size_t)(st - g->stations);
}

/* lossy_gateway.c: the broker has something for a session. */
void lossy_gateway_tells(struct lossy_gateway *g, const struct hit *hit, msec now);

/* ---- lossy_links.c ---- */

void lossy_links_open_shared(struct lossy_gateway *g, msec now);

/* A session asks for something. */
void lossy_links_request(struct lossy_gateway *g, struct station *st, const struct mqtt_packet *p,
                         msec now);

/* What waits on the connection of the station goes its way, in both directions, until nothing is left. */
void lossy_links_feed(struct lossy_gateway *g, struct station *st, msec now);
