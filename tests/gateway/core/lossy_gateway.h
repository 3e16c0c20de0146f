/* lossy_gateway.h -- real sessions and the real strategies between nodes on the air and the ideal broker.
 *
 * It stands in for the gateway's shell: frames in, frames out, one deadline. What must always hold is checked after
 * each input: limits of memory, and that nothing is dropped but for reasons that a bad network gives. Faults go to the
 * ledger. */
#pragma once

#include "gateway/core/session.h"
#include "tests/gateway/core/lossy_broker.h"

struct lossy_gateway;

struct lossy_gateway_plan {
    bool aggregate;
    size_t nodes;
    msec retry;           /* T_RETRY */
    uint32_t retry_count; /* N_RETRY */
    uint64_t seed;        /* of the connections to the broker, which break by chance */
    void (*send)(void *context, size_t node, struct span frame);
    void *context;
};

/* The broker has one connection for each node, and one more that all share. */
struct lossy_gateway *lossy_gateway_new(const struct lossy_gateway_plan *plan,
                                        struct lossy_broker *b, struct ledger *l, msec now);
void lossy_gateway_free(struct lossy_gateway *g);

/* A frame from a node. */
void lossy_gateway_hears(struct lossy_gateway *g, size_t node, struct span frame, msec now);

/* The broker has something for its connections. */
void lossy_gateway_serves(struct lossy_gateway *g, msec now);

msec lossy_gateway_deadline(const struct lossy_gateway *g);
void lossy_gateway_tick(struct lossy_gateway *g, msec now);

size_t lossy_gateway_lost(const struct lossy_gateway *g);    /* how often a session was lost */
size_t lossy_gateway_refused(const struct lossy_gateway *g); /* "congestion" */
size_t lossy_gateway_broken(const struct lossy_gateway *g);  /* connections */

/* Does anything wait anywhere? Then the ledger hears of it: nothing may, when all is delivered. */
void lossy_gateway_must_be_idle(const struct lossy_gateway *g);
