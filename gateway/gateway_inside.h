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
#include "gateway/store.h"
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

/* Without sessions on disk, what an earlier run of ours subscribed to must not come to this one. */
enum slate {
    SLATE_UNKNOWN, /* does the broker remember an earlier run? */
    SLATE_WIPING,  /* it did: this connection is a clean one, only to make it forget */
    SLATE_CLEAN
};

struct own;
struct held;

/* Those with messages for the broker. */
struct drain_turns {
    TAILQ_HEAD(, kept)
    ready, later, full; /* later: when their batch is on disk; full: the shared connection was */
    struct event *timer;
    uint32_t tokens; /* messages that may leave now */
    msec filled_at;
    bool busy, stuck; /* stuck: somebody found a connection of its own there, but full */
};

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
    struct store *store; /* NULL: nothing is kept on disk */
    struct keeping keeping;
    TAILQ_HEAD(, held) held; /* answers that wait for the store */
    struct event *held_more; /* goes on with those that need not wait any more, in the next turn */
    struct drain_turns drain;
    struct balance stranger; /* of the frame being heard, should its sender have no session */
    struct metrics metrics;
    uint8_t frame[FRAME_MAX]; /* the message being encoded */
};

/* ---- gateway.c: the two funnels ---- */

/* Every frame of every radio comes in here. */
void gateway_hear(void *context, const struct address *from, const struct radio_frame *frame);

/* Everything that a decision about `one` asks for is done here; `one` may be gone afterwards. */
void gateway_perform(struct gateway *g, struct peer *one, msec now);

/* The message as a frame in g->frame, its length. 0: it does not fit, and is dropped. */
size_t gateway_encode(struct gateway *g, const struct address *to, const struct mqttsn_message *m);

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

void gateway_arm_peer(struct peer *one, msec now); /* its timer, by its session's deadline */

/* ---- gateway_keep.c: a decision's changes go to the store ---- */

/* What g->actions changed. The batch that its answers have to wait for; 0: this decision needs none. */
uint64_t gateway_keep(struct gateway *g, struct peer *one);
void gateway_keep_nothing(struct gateway *g, struct peer *one); /* the session is over */
void gateway_keep_all(struct gateway *g);
void gateway_kept_already(struct gateway *g, struct peer *one);

/* Packet ids of QoS 2 messages that need not be remembered any more. */
void gateway_forget_arrivals(struct gateway *g, struct upstream *u);

/* ---- gateway_hold.c: answers wait for the store ---- */
MUST_CHECK bool gateway_hold_init(struct gateway *g);
/* What a decision says to its client and to the broker: at once, or when the store has committed `ticket`. */
void gateway_say(struct gateway *g, struct peer *one, const struct mqttsn_message *m,
                 uint64_t ticket);
void gateway_ask(struct gateway *g, struct peer *one, const struct mqtt_packet *p, uint64_t ticket,
                 msec now);
void gateway_release(struct gateway *g, msec now);       /* what is on disk */
void gateway_release_plain(struct gateway *g, msec now); /* what promises nothing */
void gateway_hold_no_more(struct gateway *g, struct peer *one, msec now); /* it is forgotten */
void gateway_hold_forget(struct gateway *g, struct peer *one); /* messages for it: it begins anew */
void gateway_hold_free(struct gateway *g);

/* ---- gateway_drain.c: messages for the broker leave ---- */
MUST_CHECK bool gateway_drain_init(struct gateway *g);
void gateway_drain_free(struct gateway *g);
void gateway_drain(struct gateway *g, msec now); /* at the end of a turn */
void gateway_drain_soon(struct gateway *g, struct peer *one);
void gateway_drain_later(struct gateway *g, struct peer *one, uint64_t ticket);
void gateway_drain_leave(struct gateway *g, struct peer *one);
void gateway_drain_shared(struct gateway *g); /* the shared connection is there */
void gateway_drain_ceases(struct gateway *g,
                          msec now);        /* ... and is gone: what is on its way may be too old */
void gateway_drain_safe(struct gateway *g); /* a batch is on disk */

/* ---- gateway_restore.c: what an earlier run left ---- */
MUST_CHECK bool gateway_open_store(struct gateway *g);

/* ---- gateway_route.c ---- */
bool gateway_radio_reports(const struct gateway *g, const struct address *to);
void gateway_time_peer(struct gateway *g, struct peer *one); /* a new one: its timer */
void gateway_route(struct gateway *g, const struct address *from, const struct radio_frame *frame,
                   const struct mqttsn_message *m, msec now);

/* ---- gateway_others.c ---- */
void gateway_hear_other(struct gateway *g, const struct address *from,
                        const struct mqttsn_message *m, msec now);
void gateway_log_others(const struct gateway *g, msec now);

/* ---- gateway_radios.c ---- */
/* Does the radio accept forwarders, and this one among them (SN-FWD-2)? */
bool gateway_may_forward(const struct gateway *g, const struct address *from);
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
/* Its own connection, not dialled yet. False: no memory. */
MUST_CHECK bool gateway_own(struct gateway *g, struct peer *one);
void gateway_free_leaving(struct gateway *g);
void gateway_free_own(struct link *l); /* at the very end; NULL is allowed */
void gateway_leave_upstream(struct gateway *g, struct peer *one, msec now);
void gateway_heed_brakes(struct gateway *g, struct peer *one);
bool gateway_reaches_broker(const struct gateway *g);

/* ---- gateway_status.c ---- */
MUST_CHECK bool gateway_name_status(struct gateway *g); /* false: no memory */
void gateway_status_will(const struct gateway *g, struct mqtt_connect *c);
void gateway_say_status(struct gateway *g, const char *status, msec now);

/* ---- gateway_life.c ---- */
uint64_t gateway_random(void);
