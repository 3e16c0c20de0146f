/* sim_node.h -- one simulated MQTT-SN node. No I/O, no clock.
 *
 * It connects, registers its topic, subscribes, and publishes one message after the other; a sleeper sleeps in between.
 * When it is lost or dismissed it begins again and publishes once more what was not acknowledged. */
#pragma once

#include "mqttsn/client.h"

enum { SIM_ID_MAX = 24, SIM_RECENT = 8, SIM_POLL_MS = 250, SIM_STUCK_MS = 60000 };

/* What all nodes do. Times are simulated ones. */
struct sim_plan {
    msec interval_ms;    /* between two messages of a node; 0 = as soon as one is acknowledged */
    uint32_t messages;   /* of each node; 0 = for ever */
    uint8_t qos;         /* 0..2, of publishing and subscribing */
    size_t size;         /* octets of a payload, at least */
    const char *topic;   /* PREFIX/<client id>/up and /down */
    uint16_t predefined; /* publish to this id instead; 0 = register a name */
    bool subscribe, search, clean;
    msec retry_ms;    /* T_RETRY */
    uint32_t retries; /* N_RETRY */
    uint16_t keep_alive_s, sleep_s;
};

struct sim_counts {
    uint64_t published, acknowledged, received, duplicates, rejected, lost;
};

/* What nodes need of the world. */
struct sim_ether {
    void *context;
    void (*send)(void *context, size_t node, struct span data, bool broadcast);
    void (*poll)(void *context, size_t node); /* a sleeper asks its parent for frames */
    void (*settled)(void *context,
                    size_t node); /* it has set itself up, or failed to: the next one may begin */
};

enum sim_stage {
    STAGE_OFF,
    STAGE_SEARCH,
    STAGE_CONNECT,
    STAGE_REGISTER,
    STAGE_SUBSCRIBE,
    STAGE_PUBLISH
};

struct sim_node {
    const struct sim_plan *plan;
    const struct sim_ether *ether;
    struct sim_counts *counts; /* of all nodes */
    size_t index;
    bool sleeper;
    char name[SIM_ID_MAX],
        id[SIM_ID_MAX]; /* name: in its payloads; id: the client id, the same but for a twin */
    uint64_t eui64;
    uint16_t nwk;
    enum sim_stage stage;
    struct mqttsn_client *client;
    uint32_t random, published, acknowledged; /* messages; the one in hand is acknowledged + 1 */
    uint16_t topic_id;
    unsigned in_air;  /* frames that did not leave the air yet */
    msec pause_until; /* it was refused or lost */
    msec ready_at;    /* when the first message was due; MSEC_NEVER: not yet */
    msec heard_at, wake_at, poll_at, progress_at;
    uint32_t recent[SIM_RECENT]; /* hashes of what it received */
    size_t received;
};

/* Fills `n` in; the caller has set plan, ether, counts, index, sleeper, name, eui64, nwk, random. */
MUST_CHECK bool sim_node_init(struct sim_node *n);
void sim_node_clear(struct sim_node *n);

void sim_node_start(struct sim_node *n, msec now);
void sim_node_hear(struct sim_node *n, struct span frame, msec now);
void sim_node_sent(struct sim_node *n, msec now); /* a frame has left the air */
void sim_node_tick(struct sim_node *n, msec now);
msec sim_node_deadline(const struct sim_node *n);

/* From now on it is another client: it begins again as `id`, without a word to the gateway. */
MUST_CHECK bool sim_node_become(struct sim_node *n, const char *id, msec now);

bool sim_node_connected(const struct sim_node *n);
bool sim_node_finished(
    const struct sim_node *n); /* all its messages are acknowledged; never, when there is no end */
bool sim_node_stuck(const struct sim_node *n,
                    msec now); /* it wants something and got nowhere for SIM_STUCK_MS */
