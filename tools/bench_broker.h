/* bench_broker.h -- mqttsn-bench's own connection to the broker: it counts what the clients published, or publishes for
 * them to receive. */
#pragma once

#include "tools/bench_options.h"
#include "tools/bench_tally.h"

struct bench_broker;

/* Connects and waits for the answer (5 s at most). NULL, and a line on stderr, when that fails. */
struct bench_broker *bench_broker_open(const struct bench_endpoint *where);
void bench_broker_close(struct bench_broker *b);

int bench_broker_fd(const struct bench_broker *b);
const struct bench_tally *bench_broker_tally(const struct bench_broker *b);

/* Messages of ours at QoS 1 or 2 that the broker has not acknowledged. */
uint64_t bench_broker_unacknowledged(const struct bench_broker *b);

/* Subscribes at QoS 0 and waits for the answer. False when refused. */
bool bench_broker_subscribe(struct bench_broker *b, const char *filter);

/* Publishes one stamped message of `payload` octets. False when the connection is gone. */
bool bench_broker_publish(struct bench_broker *b, const char *topic, unsigned qos, size_t payload,
                          const struct bench_stamp *stamp);

/* Takes what has come. False when the connection is gone. */
bool bench_broker_hear(struct bench_broker *b);
