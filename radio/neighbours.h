/* neighbours.h -- the nodes of one ZigBee network: how each is reached, and what waits for it.
 *
 * A node is its 64-bit address. Its 16-bit address is where the network last put it and is taken from it as soon as
 * another node has it. The table is bounded: when it is full, the node that was silent longest and that nothing waits
 * for makes room. */
#pragma once

#include "mqtt/bytes.h"

#include <sys/queue.h>

typedef uint64_t msec; /* milliseconds on a monotonic clock */
#define MSEC_NEVER UINT64_MAX

enum { NWK_UNKNOWN = 0xFFFE };

struct outgoing;

struct neighbour {
    uint64_t eui64;
    uint16_t nwk;     /* NWK_UNKNOWN: not known now */
    uint8_t endpoint; /* what its last frame came from; answers go there */
    uint16_t profile, cluster;
    bool sleeper; /* its receiver is off between polls, as far as the network said */
    int16_t lqi;  /* of its last frame; LQI_UNKNOWN */
    int8_t rssi;
    msec heard_at;

    /* lineup.c */
    STAILQ_HEAD(, outgoing) waiting;
    uint16_t waiting_count;
    uint16_t refused; /* frames that found no room, not reported yet */
    TAILQ_ENTRY(neighbour) refusal;
    struct outgoing *under_way;  /* at most one frame of a node is */
    TAILQ_ENTRY(neighbour) turn; /* among the nodes that something waits for */
};

struct neighbours;

MUST_CHECK struct neighbours *neighbours_new(size_t limit);
void neighbours_free(struct neighbours *n); /* nothing may wait for any of them; NULL is allowed */
size_t neighbours_count(const struct neighbours *n);

/* NULL: not known. */
struct neighbour *neighbours_find(const struct neighbours *n, uint64_t eui64);
struct neighbour *neighbours_at(const struct neighbours *n, uint16_t nwk);

/* The node `eui64`, made when there was none, now with the 16-bit address `nwk` (NWK_UNKNOWN: as before). NULL: no
 * room, since something waits for every node of the table. A new one has endpoint, profile and cluster 0. */
struct neighbour *neighbours_learn(struct neighbours *n, uint64_t eui64, uint16_t nwk, msec now);

/* It is not at its 16-bit address any more. */
void neighbours_lose_address(struct neighbours *n, struct neighbour *one);
