/* upstream.h -- a connection to the broker as sessions see it, whether each has its own or all share one.
 *
 * A session speaks plain MQTT to "its" broker connection: CONNECT, PUBLISH, SUBSCRIBE, acknowledgements, DISCONNECT.
 * The strategy below decides what of it reaches the wire. What the sessions are to hear in return is left in `hits`,
 * for the caller to hand to each with session_broker, in order. */
#pragma once

#include "mqtt/client.h"

struct session;
struct queued;
struct keeping;

/* `packet` for `session`. Its spans live until the next upstream_hear or upstream_request. */
struct hit {
    struct session *session; /* NULL: the session ended meanwhile */
    struct mqtt_packet packet;
};

struct hits {
    struct hit *list;
    size_t count, room, next; /* `next` is the first not handed over yet; the caller counts it up */
};

struct upstream;

struct strategy {
    /* What a session wants. QoS of a SUBSCRIBE, receipts and so on as in struct mqtt_packet. A PUBACK with
     * code MQTT_REFUSED says that there is no room for that message, a PINGREQ that there is again. A DISCONNECT with
     * connect.has_will asks to publish that will first. A CONNECT of a session that is connected asks for the same
     * connection once more, since its will is another. */
    void (*request)(struct upstream *u, struct session *s, const struct mqtt_packet *p, msec now);
    /* A message, or an answer for whoever reserved its packet id, already entered in u->mqtt. */
    void (*message)(struct upstream *u, const struct mqtt_packet *p, msec now);
    void (*answer)(struct upstream *u, void *owner, const struct mqtt_packet *p, msec now);
    void (*connected)(struct upstream *u, const struct mqtt_packet *p, msec now);
    /* PINGRESP came. NULL where nobody waits for it. */
    void (*pong)(struct upstream *u, msec now);
    /* The session is about to be freed. */
    void (*leave)(struct upstream *u, struct session *s, msec now);
};

/* What the broker does not have, by the settings: it is asked for less, and the client does not notice. */
struct upstream_lacks {
    bool qos2;   /* what is QoS 2 goes as QoS 1; the rest of the handshake ends here (SN-PUB-5) */
    bool retain; /* the flag is cleared and counted (SN-PUB-7) */
};

struct upstream {
    struct mqtt_client mqtt;
    const struct strategy *strategy;
    struct session *session;       /* transparent: whose connection it is; NULL when it left */
    const struct keeping *keeping; /* NULL: nothing outlives the process */
    struct span prefix; /* broker.prefix, borrowed; before every topic towards the broker */
    struct upstream_lacks lacks;
    size_t flight_limit; /* octets of unanswered requests kept for sending again */
    bool redial; /* transparent: the broker holds messages that it sends again only on a new connection */
    uint32_t brakes; /* sessions whose queues are nearly full: while there are any it is not to be read */
    msec brake_until;   /* shared: when the second that they have ends ... */
    msec brake_again;   /* ... and when the next one may begin */
    bool fetching;      /* it was broken for that, and is back in a moment; set by the shell */
    msec offline_since; /* when a connection that was accepted broke; set by the shell */
    bool congested;     /* it was full, and is not empty enough yet (SN-CNG-4) */
    size_t waiting;     /* octets handed to the transport and not sent yet; set by the shell */
    struct hits hits;
    struct buffer scratch;   /* a topic with its prefix */
    uint64_t retain_cleared; /* messages to the broker, and ... */
    uint64_t no_receiver, outside_prefix, no_memory, held_too_long,
        left_with_broker, /* ... messages from the broker, for the shell to count */
        closed_over; /* requests given up, because the broker closes the connection over them */
};

void upstream_init(struct upstream *u, const struct strategy *strategy);
void upstream_clear(struct upstream *u);

/* Can it take a QoS 0 message now? Full at 90 % of a limit, it takes no more until 70 % (SN-CNG-4). */
bool upstream_ready(struct upstream *u);

/* Is the broker there? */
bool upstream_online(const struct upstream *u);

/* The broker closed the connection, call it before the client is told that it is lost: a request that it closes over
 * every time is answered "refused" to whoever made it, so that it does not close for ever (SN-BRK-7). */
void upstream_blame(struct upstream *u, msec now);

/* The transport is up: CONNECT, its will as this broker can take it. */
void upstream_open(struct upstream *u, const struct mqtt_connect *connect, msec now);

/* Is the topic still one, with its prefix before it? */
bool upstream_takes(const struct upstream *u, struct span topic);

/* Is there room for one more QoS 2 message? Brokers hold few that are not released yet: Mosquitto acknowledges those
 * beyond 20 and throws them away. */
bool upstream_takes_qos2(const struct upstream *u);
/* For how many more there is room now. */
size_t upstream_places(struct upstream *u);

/* A packet id for a QoS 1 or 2 PUBLISH or a SUBSCRIBE of `octets`; 0 when it cannot be taken now: broker away, its
 * window or our memory for unanswered requests full. The answer to the client is "congestion". */
uint16_t upstream_reserve(struct upstream *u, struct session *s, size_t octets);

/* As above for what was accepted, maybe by an earlier run with higher limits: what is larger than all of that memory
 * goes when nothing else is unanswered. */
uint16_t upstream_reserve_accepted(struct upstream *u, struct session *s, size_t octets);

/* As above for what is remembered while the broker is away, or does not read: an UNSUBSCRIBE, and what nobody else
 * would ask for again. */
uint16_t upstream_reserve_offline(struct upstream *u, struct session *s, size_t octets);

/* A QoS 2 message that an earlier run had on its way. False: no memory, or its packet id is in use. */
MUST_CHECK bool upstream_restore(struct upstream *u, struct session *s, const struct queued *one);

/* A packet from the broker. False: it may not send this now, close the connection. *refused: the CONNACK code, if that
 * is what came and it was not 0. */
MUST_CHECK bool upstream_hear(struct upstream *u, struct mqtt_packet *p, msec now, uint8_t *refused);

/* The session is about to be freed: nothing of it stays here. */
void upstream_leave(struct upstream *u, struct session *s, msec now);

/* For the strategies. False: no memory, the session will not hear it. */
bool upstream_hit(struct upstream *u, struct session *s, const struct mqtt_packet *p);
struct span upstream_prefixed(struct upstream *u, struct span topic);
bool upstream_unprefixed(struct upstream *u, struct span *topic);
void upstream_forward(struct upstream *u, const struct mqtt_packet *p, msec now);
void upstream_publish_will(struct upstream *u, const struct mqtt_will *will, msec now);

extern const struct strategy transparent_strategy;

/* One broker connection for all: `u` is embedded in it. */
struct aggregate;
struct upstream *aggregate_upstream(struct aggregate *a);
MUST_CHECK struct aggregate *aggregate_new(uint64_t seed);

/* The session held this filter in an earlier run, and the broker knows. False: no memory. */
MUST_CHECK bool aggregate_restore(struct aggregate *a, struct session *s, struct span filter,
                                  uint8_t qos);
/* But it does not know, when this was restored while it was connected: asks for all that is held. */
void aggregate_renew(struct aggregate *a, msec now);
/* Whoever held the filter in an earlier run is not on this connection now: without another holder the broker is to
 * forget it. After aggregate_restore of all. */
void aggregate_forget(struct aggregate *a, struct span filter, msec now);

void aggregate_free(struct aggregate *a);
