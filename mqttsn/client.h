/* client.h -- the client side of MQTT-SN 1.2, without a socket and without a clock. For the tools and the tests.
 *
 * The caller moves datagrams and tells the time. Every call gets a `turn`: room for at most one frame to send, and at
 * most one event to hear about. A client has one request open at a time, as section 6 asks of small devices; it is
 * sent again every T_RETRY, N_RETRY times, until its answer comes. */
#pragma once

#include "mqttsn/message.h"

typedef uint64_t msec; /* milliseconds on a monotonic clock */
#define MSEC_NEVER UINT64_MAX

enum sn_state {
    SN_DISCONNECTED, /* also at the beginning */
    SN_CONNECTING,   /* CONNECT is out; perhaps its will is asked for */
    SN_ACTIVE,
    SN_ASLEEP,
    SN_AWAKE, /* PINGREQ with the client id is out, PINGRESP ends the period (section 6.14) */
    SN_LOST,  /* the gateway did not answer; only a new CONNECT helps */
    SN_STATES
};

enum sn_event {
    SN_NOTHING,
    SN_CONNECTED,
    SN_REFUSED,    /* CONNECT was answered with `return_code` */
    SN_REGISTERED, /* `topic.id` and `topic.name`; or `return_code` is not 0 */
    SN_PUBLISHED, /* to the end: PUBACK, PUBCOMP, or sent at QoS 0 and -1; or `return_code` is not 0 */
    SN_REJECTED,   /* an earlier QoS 0 message to `topic.id` was not taken: `return_code` */
    SN_SUBSCRIBED, /* `qos` granted; or `return_code` is not 0 */
    SN_UNSUBSCRIBED,
    SN_MESSAGE,      /* `topic`, `data`, `qos`, `retain`, `dup` */
    SN_PONG,         /* a PINGREQ of an active client was answered */
    SN_WILL_UPDATED, /* or `return_code` is not 0 */
    SN_FELL_ASLEEP,
    SN_PERIOD_OVER,   /* everything that waited was delivered; asleep again */
    SN_LEFT,          /* our DISCONNECT was answered */
    SN_DISMISSED,     /* the gateway ended the connection, or never had it */
    SN_GATEWAY_FOUND, /* GWINFO: `gateway_id`, `data` is its address when a client told it */
    SN_ADVERTISED,    /* ADVERTISE: `gateway_id`, `duration` seconds until the next one */
    SN_UNANSWERED,    /* `request` was sent 1 + N_RETRY times; the client is now lost */
    SN_UNEXPECTED,    /* well-formed, but it means nothing in this state: ignored */
    SN_MALFORMED      /* `malformed` says why: ignored */
};

enum sn_error {
    SN_OK,
    SN_BUSY,        /* another request is open */
    SN_WRONG_STATE, /* connect first, wake first, ... */
    SN_TOO_LONG,    /* over max_message, or over the room of the turn */
    SN_BAD_TOPIC, /* not two characters, a reserved id, QoS -1 with a normal id, a wildcard to publish to */
    SN_ERRORS
};

/* What a message is about. Spans are borrowed. */
struct sn_topic {
    enum mqttsn_topic_id_type type;
    uint16_t id;      /* short: the two characters */
    struct span name; /* SUBSCRIBE and UNSUBSCRIBE of type normal; in events whenever it is known */
};

struct sn_publish {
    struct sn_topic topic;
    struct span data;
    uint8_t qos; /* 0..2 or MQTTSN_QOS_MINUS_ONE */
    bool retain;
};

struct sn_will {
    struct span topic, message;
    uint8_t qos;
    bool retain;
};

/* What it points to must outlive the client. */
struct sn_settings {
    struct span client_id;
    const struct sn_will *will; /* NULL: none */
    bool clean;
    uint16_t keep_alive_s; /* 0: no pings */
    msec retry_ms;         /* T_RETRY */
    unsigned retries;      /* N_RETRY */
    size_t max_message;    /* octets of the longest message it sends */
    size_t max_topics;     /* topic ids it remembers; more REGISTERs are answered with congestion */
};

struct sn_turn {
    uint8_t *frame; /* the caller's room ... */
    size_t frame_room;
    size_t frame_len; /* ... and how much of it must be sent now; 0: nothing */
    enum sn_event event;
    uint8_t return_code, qos, gateway_id;
    bool retain, dup;
    uint16_t duration;
    enum mqttsn_type request;
    enum mqttsn_error malformed;
    struct sn_topic topic; /* spans in a turn live until the next call, or as long as the frame they came in */
    struct span data;
};

struct mqttsn_client;

/* NULL when memory ends. Allocates nothing afterwards except for the names of new topic ids. */
MUST_CHECK struct mqttsn_client *mqttsn_client_new(const struct sn_settings *settings);
void mqttsn_client_free(struct mqttsn_client *c);

const char *sn_strerror(enum sn_error e);
const char *sn_state_name(enum sn_state s);
enum sn_state mqttsn_client_state(const struct mqttsn_client *c);
bool mqttsn_client_busy(const struct mqttsn_client *c); /* is a request open? */

/* The id of a name that was registered or subscribed to; false when there is none. */
bool mqttsn_client_topic_id(const struct mqttsn_client *c, struct span name, uint16_t *id);

/* Requests. On an error nothing is sent and nothing changed. CONNECT and DISCONNECT take the place of an open request,
 * every other request waits for the open one to end. */
MUST_CHECK enum sn_error mqttsn_client_connect(struct mqttsn_client *c, msec now, struct sn_turn *t);
MUST_CHECK enum sn_error mqttsn_client_register(struct mqttsn_client *c, struct span name, msec now,
                                                struct sn_turn *t);
MUST_CHECK enum sn_error mqttsn_client_subscribe(struct mqttsn_client *c,
                                                 const struct sn_topic *topic, uint8_t qos,
                                                 msec now, struct sn_turn *t);
MUST_CHECK enum sn_error mqttsn_client_unsubscribe(struct mqttsn_client *c,
                                                   const struct sn_topic *topic, msec now,
                                                   struct sn_turn *t);
MUST_CHECK enum sn_error mqttsn_client_ping(struct mqttsn_client *c, msec now, struct sn_turn *t);

/* QoS 0 and -1 never wait and open no request: the turn already says SN_PUBLISHED. QoS -1 needs no connection. */
MUST_CHECK enum sn_error mqttsn_client_publish(struct mqttsn_client *c, const struct sn_publish *p,
                                               msec now, struct sn_turn *t);

/* NULL deletes the will altogether (section 5.4.22). Only topic, QoS and retain of `will` are sent. */
MUST_CHECK enum sn_error mqttsn_client_will_topic(struct mqttsn_client *c, const struct sn_will *will,
                                                  msec now, struct sn_turn *t);
MUST_CHECK enum sn_error mqttsn_client_will_message(struct mqttsn_client *c, struct span message,
                                                    msec now, struct sn_turn *t);

/* Sleep: DISCONNECT with a duration of 1..65535 s. Wake: ask for what waits, before the duration is over. */
MUST_CHECK enum sn_error mqttsn_client_sleep(struct mqttsn_client *c, uint16_t duration_s, msec now,
                                             struct sn_turn *t);
MUST_CHECK enum sn_error mqttsn_client_wake(struct mqttsn_client *c, msec now, struct sn_turn *t);
MUST_CHECK enum sn_error mqttsn_client_disconnect(struct mqttsn_client *c, msec now,
                                                  struct sn_turn *t);

/* SEARCHGW, for a client that is not connected. The caller broadcasts the frame. */
MUST_CHECK enum sn_error mqttsn_client_search(struct mqttsn_client *c, uint8_t radius, msec now,
                                              struct sn_turn *t);

/* A datagram came (forwarder encapsulation already peeled off). */
void mqttsn_client_receive(struct mqttsn_client *c, struct span frame, msec now, struct sn_turn *t);

/* Time passed: repeats the open request, gives it up, or pings. Call it at the deadline or later; earlier is
 * harmless. */
void mqttsn_client_tick(struct mqttsn_client *c, msec now, struct sn_turn *t);
msec mqttsn_client_deadline(const struct mqttsn_client *c); /* MSEC_NEVER: it waits for nothing */
