/* node.h -- a simulated node: a UDP socket that speaks MQTT-SN message by message.
 *
 * It knows nothing of sessions, on purpose: what it sends and what it expects is written in the test. */
#pragma once

#include "mqttsn/message.h"
#include "tests/system/gateway.h"

enum { NODE_FRAME = 2048 };

struct node {
    int fd;
    struct gateway *gateway;
    const char *behind; /* the node id when it stands behind a forwarder, "A1/B2" behind two; else NULL */
    uint8_t radius; /* in the last header of its forwarder that was heard */
    uint16_t message_id;
    uint8_t frame[NODE_FRAME]; /* what node_expects has read; its message borrows from here */
};

/* A node at a port of its own that sends to radio "lan". */
struct node *node_open(struct gateway *g);

/* A node that sends to port `port` of `host`, an IPv4 or IPv6 literal. */
struct node *node_open_to(struct gateway *g, const char *host, uint16_t port);

uint16_t node_port(const struct node *n); /* that it sends from */

/* From now on it sends from another port. */
void node_moves(struct node *n);

void node_sends(struct node *n, struct mqttsn_message m);
void node_sends_hex(struct node *n, const char *hex);

/* The next message that comes must be of this type. The tail lives until the next call. */
struct mqttsn_message node_expects(struct node *n, enum mqttsn_type type);
void node_hears_nothing(struct node *n);

/* Wakes again and again until a message waits for it: nothing announces that the broker has sent it. */
void node_wakes_until_a_message(struct node *n, const char *client_id);

/* Wakes once and acknowledges all QoS 1 messages up to PINGRESP. Their texts must be numbers in order, from `next` on;
 * returns the one that should come then. */
unsigned node_collects(struct node *n, const char *client_id, unsigned next);

/* Throws away what comes until nothing comes any more; returns how many frames that were. */
size_t node_discards(struct node *n);

/* ---- what nodes do most of the time, with the answers that must come */

/* CONNECT, clean, keep-alive 60 s; CONNACK accepted. */
void node_connects(struct node *n, const char *client_id);
void node_connects_kept(struct node *n, const char *client_id); /* not clean */

/* CONNECT, answered with this return code. */
void node_connect_is_answered(struct node *n, const char *client_id, uint8_t return_code);

/* The whole will procedure around a CONNECT that keeps alive for `keep_alive` seconds. */
void node_connects_with_will(struct node *n, const char *client_id, uint16_t keep_alive,
                             const char *topic, const char *text);

uint16_t node_registers(struct node *n, const char *topic); /* the topic id */

/* By name; returns the topic id of the SUBACK. */
uint16_t node_subscribes(struct node *n, const char *filter, uint8_t qos);

/* PUBLISH with a normal topic id, and at QoS 1 the PUBACK accepted, at QoS 2 the whole handshake. */
void node_publishes(struct node *n, uint16_t topic_id, uint8_t qos, const char *data);

/* At QoS 1, and anew for as long as the answer is "congestion": the gateway's connection to the broker may be back a
 * moment later than what the test waited for. */
void node_publishes_in_the_end(struct node *n, uint16_t topic_id, const char *data);

/* A PUBLISH with this data; returned for further looks. */
struct mqttsn_message node_receives(struct node *n, const char *data);

/* The same, acknowledged as its QoS says, to the end. */
struct mqttsn_message node_receives_and_acks(struct node *n, const char *data);

/* REGISTER for `topic`, answered with REGACK; returns the topic id. */
uint16_t node_is_told_topic(struct node *n, const char *topic);

void node_disconnects(struct node *n);
void node_falls_asleep(struct node *n, uint16_t seconds);
uint16_t node_next_message_id(struct node *n);

/* Is the tail this text? */
void tail_is(const struct mqttsn_message *m, const char *text);
