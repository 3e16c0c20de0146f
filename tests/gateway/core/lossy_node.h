/* lossy_node.h -- a node that has messages to tell and to hear, and that a bad network does not stop.
 *
 * The protocol is mqttsn/client.h. On top of it the node does what MQTT-SN leaves to the application of a small device
 * that wants its messages exactly once over a network that loses: see lossy_node.c. */
#pragma once

#include "mqttsn/client.h"
#include "tests/gateway/core/lossy_ledger.h"

enum { NODE_LANES = 3, NODE_FILTERS = 2, NODE_FRAME_MAX = 128 };

/* What all nodes of a play have in common. */
struct lossy_plan {
    uint32_t messages;     /* to publish, each node, at QoS 1 and 2 by turns of chance */
    uint16_t keep_alive_s; /* 0: no pings */
    uint16_t sleep_s;      /* of those that sleep: the longest duration it tells */
    msec retry;            /* T_RETRY */
    unsigned retries;      /* N_RETRY */
    msec think; /* it waits 0..think before it does something; after a refusal 2 * think */
    void (*send)(void *context, size_t node, struct span frame);
    void *context;
};

struct lossy_node {
    size_t index;
    char id[LANE_NAME];
    bool sleeps;
    const struct lossy_plan *plan;
    struct ledger *ledger;
    struct lane *up[2];            /* at QoS 1, at QoS 2 */
    struct lane *down[NODE_LANES]; /* in any order */
    struct mqttsn_client *client;
    uint64_t chance;
    msec next_at;               /* when it does the next thing by itself, if no request is open */
    size_t filters, registered; /* subscribed, registered so far */
    struct lane *telling; /* what it publishes and was not told to be accepted; NULL: nothing */
    char text[LEDGER_TEXT];
    struct mqttsn_message kept; /* the step of it that is open; message_id 0: not begun */
    unsigned told;              /* since it connected */
    uint32_t connects, naps;
};

/* Its lanes: `up/ID/1`, `up/ID/2` that the world gets, and `down/ID/1`, `down/ID/2`, `all` that it gets. Adds them to
 * the ledger. */
void lossy_node_init(struct lossy_node *n, size_t index, const struct lossy_plan *plan,
                     struct ledger *l, uint64_t seed);
void lossy_node_clear(struct lossy_node *n);

void lossy_node_hears(struct lossy_node *n, struct span frame, msec now);
void lossy_node_tick(struct lossy_node *n, msec now);
msec lossy_node_deadline(const struct lossy_node *n);

/* Everything told and accepted? */
bool lossy_node_is_through(const struct lossy_node *n);
