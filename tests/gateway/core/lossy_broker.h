/* lossy_broker.h -- an ideal MQTT 3.1.1 broker without sockets: it keeps every session and loses nothing.
 *
 * Connections are numbered, and a session belongs to its number. What goes to a connection waits in its `out`. Whatever
 * the standard forbids the other side to do is a fault in the ledger. */
#pragma once

#include "mqtt/buffer.h"
#include "mqtt/packet.h"
#include "tests/gateway/core/lossy_ledger.h"

struct lossy_broker;

/* `heard` is told of each message that was published to it, once at QoS 2. */
struct lossy_broker *lossy_broker_new(size_t connections, struct ledger *l,
                                      void (*heard)(void *context, const struct mqtt_packet *p),
                                      void *context);
void lossy_broker_free(struct lossy_broker *b);

/* One packet on a connection. CONNECT brings it up, DISCONNECT or lossy_broker_lost down. */
void lossy_broker_hears(struct lossy_broker *b, size_t connection, struct span bytes);
void lossy_broker_lost(struct lossy_broker *b, size_t connection);

/* To all who subscribed to the topic. */
void lossy_broker_publishes(struct lossy_broker *b, struct span topic, struct span payload,
                            uint8_t qos);

struct buffer *lossy_broker_out(struct lossy_broker *b, size_t connection);

/* Is every message acknowledged to the end, both ways? */
bool lossy_broker_is_idle(const struct lossy_broker *b);
