/* gateway_inside.h -- what the files of the gateway itself share: gateway.c the two funnels, gateway_route.c whose
 * message it is, gateway_links.c the way to the broker, gateway_life.c start, reload and stop. Nobody else includes
 * it. */
#pragma once

#include "gateway/adopt.h"
#include "gateway/core/discovery.h"
#include "gateway/core/guard.h"
#include "gateway/core/sessionless.h"
#include "gateway/gateway.h"
#include "gateway/link.h"
#include "gateway/metrics.h"
#include "gateway/others.h"
#include "gateway/peers.h"
#include "radio/radio.h"

#include <sys/queue.h>

enum { RADIOS_MAX = 255, FRAME_MAX = 65535 + 64 };

/* One radio and how nodes find us on it. */
struct station {
    struct radio *radio;
    struct discovery discovery;
    struct event *timer;
    struct gateway *gateway;
    msec warned_at;    /* about frames dropped by the radio ... */
    uint32_t unwarned; /* ... and how many more there were since */
};

/* Nothing is kept on disk, so what an earlier run of ours subscribed to must not come to this one. */
enum slate {
    SLATE_UNKNOWN, /* does the broker remember an earlier run? */
    SLATE_WIPING,  /* it did: this connection is a clean one, only to make it forget */
    SLATE_CLEAN
};

struct own;

struct gateway {
    struct event_base *loop;
    struct config *boot;    /* the settings at start: radios, broker */
    struct config *current; /* those that a reload may change; often the same */
    struct adopted *adopted;
    struct limits limits; /* of `adopted`; sessions look here */
    struct common common;
    struct peers *peers;
    struct station *stations;
    size_t station_count;
    struct aggregate *aggregate;
    struct link *shared; /* the gateway's own connection */
    char *status_topic;
    enum slate slate; /* of the shared connection */
    bool stopping;
    struct event *last_call;  /* a stop takes no longer than this */
    LIST_HEAD(, own) leaving; /* connections whose session is over, with something still to say */
    struct links *links;
    struct link_events *link_events;
    struct actions actions;
    struct guard guard;
    struct others others;
    struct balance stranger; /* of the frame being heard, should its sender have no session */
    struct metrics metrics;
    uint8_t frame[FRAME_MAX]; /* the message being encoded */
};

/* ---- gateway.c: the two funnels ---- */

/* Every frame of every radio comes in here. */
void gateway_hear(void *context, const struct address *from, const struct radio_frame *frame);

/* Everything that a decision about `one` asks for is done here; `one` may be gone afterwards. */
void gateway_perform(struct gateway *g, struct peer *one, msec now);

/* A message to an address that may have no session. True: the radio will tell what became of it. */
bool gateway_send(struct gateway *g, const struct address *to, const struct mqttsn_message *m);

/* The same to an address where nobody is connected; `b` is what was heard from and said to it. */
bool gateway_answer(struct gateway *g, const struct address *to, struct balance *b,
                    const struct mqttsn_message *m);
void gateway_drop(struct gateway *g, enum drop why, const char *who);

/* One input for one session, and all that follows from it. */
void gateway_feed(struct gateway *g, struct peer *one, const struct mqttsn_message *m, msec now);
void gateway_feed_broker(struct gateway *g, struct session *s, const struct mqtt_packet *p, msec now);
void gateway_tick(struct gateway *g, struct peer *one, msec now);
void gateway_settle(struct gateway *g, struct upstream *u, msec now);
/* Takes over what the connection counted. */
void gateway_count(struct gateway *g, struct upstream *u);
const char *gateway_who(const struct gateway *g, const struct address *a);

/* For the guard: a hash of the host, the forwarder or the node that an address belongs to. */
uint32_t gateway_source(const struct gateway *g, const struct address *a);

/* Where somebody is heard, with `node_mark` before the node behind a forwarder. */
enum { ADDRESS_TEXT = 256 };
void gateway_address_text(const struct gateway *g, const struct address *a, const char *node_mark,
                          char text[ADDRESS_TEXT]);

/* ---- gateway_route.c ---- */
void gateway_route(struct gateway *g, const struct address *from, const struct radio_frame *frame,
                   const struct mqttsn_message *m, msec now);

/* ---- gateway_others.c ---- */
void gateway_hear_other(struct gateway *g, const struct address *from,
                        const struct mqttsn_message *m, msec now);
void gateway_log_others(const struct gateway *g, msec now);

/* ---- gateway_radios.c ---- */
MUST_CHECK bool gateway_open_radios(struct gateway *g);
void gateway_close_radios(struct gateway *g);
void gateway_arm_station(struct station *st, msec now); /* its next ADVERTISE */
/* Octets of the longest message that reaches a client at this address. */
uint16_t gateway_reach(const struct gateway *g, const struct address *to);

/* ---- gateway_links.c ---- */
extern const struct link_events gateway_link_events;
/* With what the settings say of the broker. */
void gateway_prepare(const struct gateway *g, struct upstream *u);
void gateway_upstream(struct gateway *g, struct peer *one, const struct mqtt_packet *p, msec now);
void gateway_free_leaving(struct gateway *g);
void gateway_free_own(struct link *l); /* at the very end; NULL is allowed */
void gateway_leave_upstream(struct gateway *g, struct peer *one, msec now);
bool gateway_reaches_broker(const struct gateway *g);

/* ---- gateway_status.c ---- */
MUST_CHECK bool gateway_name_status(struct gateway *g); /* false: no memory */
void gateway_status_will(const struct gateway *g, struct mqtt_connect *c);
void gateway_say_status(struct gateway *g, const char *status, msec now);

/* ---- gateway_life.c ---- */
uint64_t gateway_random(void);
