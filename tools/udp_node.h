/* udp_node.h -- an MQTT-SN client on a UDP socket: what mqttsn-pub and mqttsn-sub have in common.
 *
 * The programs are short scripts: ask for something, wait for the event, go on. In between the node keeps its
 * promises by itself: it repeats requests, pings, acknowledges. */
#pragma once

#include "mqttsn/client.h"
#include "tools/options.h"

struct node_settings {
    const char *program;
    const char *host, *client_id, *forwarder; /* forwarder: node id in hex; NULL: none */
    const char *will_topic, *will_message;
    uint32_t port, keep_alive_s, retry_s, retries;
    uint8_t will_qos;
    bool will_retain, keep, debug;
};

enum node_outcome {
    NODE_EVENT,   /* n->turn says what happened */
    NODE_INPUT,   /* n->input is readable */
    NODE_TIMEOUT, /* it is `until` */
    NODE_STOPPED, /* Ctrl-C */
    NODE_FAILED   /* the socket does not work; the reason was printed */
};

struct udp_node;

struct node_settings node_defaults(const char *program);

/* Adds the options that every node has: host, port, id, session, will, forwarder, retries. */
void node_add_options(struct options *o, struct node_settings *s);

/* Checks the settings, resolves the host, opens the socket and catches SIGINT and SIGTERM. NULL: *exit_code says why,
 * and it was printed. Settings must outlive the node. */
MUST_CHECK struct udp_node *node_open(const struct node_settings *s, enum exit_code *exit_code);
void node_close(struct udp_node *n);

const struct node_settings *node_settings(const struct udp_node *n);
struct mqttsn_client *node_client(struct udp_node *n);
struct sn_turn *node_turn(struct udp_node *n); /* for requests, and after NODE_EVENT */
msec node_now(void);

/* Sends what the last request put into the turn. Passes `e` on; when it is not SN_OK nothing is sent. */
enum sn_error node_post(struct udp_node *n, enum sn_error e);

/* Also wait for this descriptor to be readable; -1: no more. */
void node_watch(struct udp_node *n, int input);

/* Runs the node until something happens that the program wants to know, or until `until`. */
enum node_outcome node_wait(struct udp_node *n, msec until);

/* ---- node_procedures.c: exchanges from beginning to end ---------------------------------------------------------- */

/* Waits for the open request to end. What is not about it, messages and late rejections, goes to `deliver` (NULL: it is
 * acknowledged and forgotten). */
typedef void node_deliver(void *context, const struct sn_turn *t);
enum node_outcome node_finish(struct udp_node *n, node_deliver *deliver, void *context);

/* Waits until no request is open, so that the next one is not refused because of a ping. NODE_EVENT: go on. */
enum node_outcome node_settle(struct udp_node *n, node_deliver *deliver, void *context);

/* EXIT_DONE when it ended with `event` and "accepted"; else prints why `what` failed. */
enum exit_code node_expect(struct udp_node *n, enum node_outcome outcome, enum sn_event event,
                           const char *what);
enum exit_code node_explain(struct udp_node *n, enum node_outcome outcome, const char *what);

/* Prints that the client itself refused to send. */
enum exit_code node_refuse(struct udp_node *n, enum sn_error e, const char *what);

enum exit_code node_connect(struct udp_node *n);

/* Waits for the confirmation, but not for long. */
void node_disconnect(struct udp_node *n, node_deliver *deliver, void *context);

/* "greenhouse/1", "predefined:5", "ab": how a topic is printed. Returns `line`. */
const char *node_topic_text(const struct sn_topic *topic, char *line, size_t room);

/* A short topic of exactly two octets. */
static inline struct sn_topic node_short_topic(const char two[])
{
    return (struct sn_topic){
        .type = MQTTSN_SHORT,
        .id = (uint16_t)((uint8_t)two[0] << 8 | (uint8_t)two[1]),
        .name = span_text(two),
    };
}
