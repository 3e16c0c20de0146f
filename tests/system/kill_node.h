/* kill_node.h -- a device that must not notice that its gateway dies.
 *
 * It keeps to the standard and to nothing else: it says CONNECT once (a sleeper again when it has something to tell),
 * keeps its topic ids, sends what is not answered again for ever, forgets a QoS 2 message of the gateway with its
 * PUBREL, and takes every message that has another id for another message. What a gateway would have to ask of it
 * beyond that, after a restart, is a fault. */
#pragma once

#include "tests/gateway/core/lossy_ledger.h"
#include "tests/system/kill_trace.h"

enum { KILL_QOS = 2, KILL_TOPICS = 8, KILL_OPEN = 8, KILL_FRAME_MAX = 160 };

/* What all nodes of a play have in common. */
struct kill_plan {
    struct ledger ledger;
    bool closing;    /* nothing new is told */
    uint32_t enough; /* messages on one lane; 0: without end */
    bool may_dismiss; /* sleepers whose own broker connection is gone may be told to connect again (SN-BRK-4) */
    msec retry; /* T_RETRY */
    msec think; /* it waits 0..think before it does something by itself */
    msec nap;   /* a sleeper wakes after half of this to the whole */
    void (*send)(void *context, size_t node, struct span frame);
    void *context;
};

struct kill_manner {
    bool clean; /* CleanSession of its CONNECT */
    bool sleeps; /* with clean: it tells nothing after it fell asleep, for that needs a CONNECT, which wipes */
    bool listens;  /* it subscribes */
    bool wildcard; /* with one filter for all, so that topic ids come by REGISTER */
    bool twice;    /* it tells at QoS 2 too */
};

enum kill_step {
    KILL_ABSENT, /* before its CONNECT */
    KILL_CONNECTING,
    KILL_REGISTERING,
    KILL_SUBSCRIBING,
    KILL_RESTING, /* active, no request open */
    KILL_TELLING,
    KILL_RELEASING,
    KILL_LEAVING, /* DISCONNECT with a duration is out */
    KILL_ASLEEP,  /* the radio is off */
    KILL_AWAKE    /* PINGREQ is out, PINGRESP ends it */
};

struct kill_node {
    size_t index;
    char id[LANE_NAME];
    struct kill_plan *plan;
    struct kill_manner manner;
    struct kill_trace trace;
    struct lane *up[KILL_QOS], *down[KILL_QOS]; /* at QoS 1 and 2; NULL: it has none */
    uint64_t chance;
    enum kill_step step;
    msec due; /* of the request again, or of the next thing */
    struct mqttsn_message request;
    size_t registered, subscribed; /* done so far */
    struct lane *telling;          /* what it tells and was not told to be accepted */
    char text[LEDGER_TEXT], topic[2 * LANE_NAME];
    unsigned told; /* since it was last asleep */
    uint16_t message_id;
    uint16_t open[KILL_OPEN]; /* QoS 2 messages it was given and that are not released; 0: none */
    struct {
        uint16_t id;
        char name[LANE_NAME];
    } topics[KILL_TOPICS];
    size_t topic_count;
    unsigned partings; /* DISCONNECTs with a duration that may still be answered */
    size_t refused, naps, dismissed;
};

/* Its lanes are added to the ledger. `seed` is not 0. */
void kill_node_init(struct kill_node *n, size_t index, struct kill_plan *plan,
                    struct kill_manner manner, uint64_t seed);

void kill_node_hears(struct kill_node *n, struct span frame, msec now);
void kill_node_tick(struct kill_node *n, msec now); /* at its `due` or later */

/* May there be another message on this lane? */
bool kill_plan_wants_more(const struct kill_plan *plan, const struct lane *one);

bool kill_node_may_be_told(const struct kill_node *n); /* it has subscribed */

/* Nothing told that is not accepted, nothing taken that is not released. */
bool kill_node_is_idle(const struct kill_node *n);
