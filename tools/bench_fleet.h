/* bench_fleet.h -- many simulated MQTT-SN clients in one process: what they ask, what they are answered.
 *
 * Each client is doing one thing at a time; when it is answered it is ready for the next. Whoever drives the fleet
 * asks something of one or all of them and runs turns until nobody waits any more. */
#pragma once

#include "mqttsn/message.h"
#include "tools/bench_broker.h"
#include "tools/bench_options.h"
#include "tools/bench_tally.h"

#include <sys/queue.h>

enum bench_doing {
    BENCH_READY,
    BENCH_CONNECTING,
    BENCH_REGISTERING,
    BENCH_SUBSCRIBING,
    BENCH_PUBLISHING, /* QoS 1 and 2 */
    BENCH_RELEASING,  /* QoS 2, second half */
    BENCH_FALLING_ASLEEP,
    BENCH_COLLECTING, /* PINGREQ to PINGRESP */
    BENCH_LEAVING,
    BENCH_FAILED, /* refused, or not answered at all */
    BENCH_DOINGS
};

struct bench_node {
    int fd;
    enum bench_doing doing;
    uint32_t index, sequence; /* sequence: of the next message */
    uint16_t topic_id, message_id;
    unsigned tries;
    uint64_t stamped_ns, deadline_ns; /* first sending of what is published; next retry */
    TAILQ_ENTRY(bench_node) next; /* among those that wait for an answer, earliest deadline first */
};

struct bench_fleet {
    const struct bench_options *options;
    struct bench_node *nodes;
    size_t waiting, cursor; /* cursor: whose turn it is to publish */
    TAILQ_HEAD(, bench_node) unanswered;
    int epoll;
    bool closed_loop; /* publish the next as soon as one is acknowledged */
    uint64_t stop_ns; /* when a closed loop ends */
    struct bench_broker *broker;
    struct bench_tally down; /* what the clients received */
    uint64_t sent, acknowledged, retransmissions, refused, unanswered_count, disconnected,
        send_errors, malformed;
};

/* Opens a socket for each client. False when the system refuses; errno says why. `broker` may be NULL. */
bool bench_fleet_open(struct bench_fleet *f, const struct bench_options *o,
                      struct bench_broker *broker);
void bench_fleet_close(struct bench_fleet *f);

/* Sends the request that begins `doing`. Asking for PUBLISHING counts as a message sent. */
void bench_fleet_ask(struct bench_fleet *f, struct bench_node *n, enum bench_doing doing);
void bench_fleet_ask_all(struct bench_fleet *f, enum bench_doing doing);

/* How many are READY. */
size_t bench_fleet_ready(const struct bench_fleet *f);

/* Sends `count` messages that nobody acknowledges (QoS 0 or -1), in turn from all clients that are ready. */
void bench_fleet_burst(struct bench_fleet *f, uint64_t count);

/* Asks up to `count` clients that are ready, in turn, to publish at QoS 1 or 2. */
void bench_fleet_publish(struct bench_fleet *f, uint64_t count);

/* Hears what comes until `until_ns`, at most one batch of it; sends again what was not answered in time. */
void bench_fleet_turn(struct bench_fleet *f, uint64_t until_ns);

/* Turns until every request is answered or given up. */
void bench_fleet_settle(struct bench_fleet *f);
