/* coordinator.h -- what every family of ZigBee coordinators has in common: the contract between the radio (zigbee.c,
 * the shell) and a family's state machine (xbee.c, znp.c, ezsp.c, deconz.c).
 *
 * A family is two layers. A pure codec (xbee_frame.c, ...) turns any split of the byte stream into frames and back. A
 * state machine on top of it brings the stick up, sends, and hears. Neither does I/O, looks at a clock, or allocates:
 * bytes and `now` come in, and everything that must be done goes out through `struct coordinator_events`. So a test is
 * a scripted peer and a clock that the test turns.
 *
 * Nodes are keyed by their 64-bit address; the 16-bit one is a hint that may change at any rejoin. */
#pragma once

#include "config/config.h"
#include "radio/neighbours.h"
#include "radio/radio.h"

enum {
    COORDINATOR_PAYLOAD_MAX = 300, /* octets of the longest frame that any family carries, either way */
    COORDINATOR_TEXT = 320,        /* a reason, in words */
    PARKED_MAX = 32,  /* first frames of nodes whose 64-bit address is being asked for ... */
    PARKED_MS = 2000, /* ... for no longer than this */
    PERMIT_JOIN_MAX_S = 254,
    COORDINATOR_FULL_MS = 30000 /* as long as a frame may be under way to a sleeping node */
};

enum coordinator_state {
    COORDINATOR_CLOSED,   /* no line */
    COORDINATOR_STARTING, /* who are you, is there a network, is it the right one */
    COORDINATOR_UP,       /* frames can be sent */
    COORDINATOR_DOWN, /* it left its network or lost it; the machine watches for it to come back */
    COORDINATOR_REFUSED, /* settings and stick disagree: a person must decide, nothing is touched */
    COORDINATOR_STATES
};

/* What is known of the stick and its network; complete when it is up. */
struct coordinator_info {
    char firmware[64]; /* for people: "XBee 3 ZigBee 100A, hardware 4247" */
    uint64_t eui64;    /* its own address */
    uint64_t extended_pan_id;
    uint16_t pan_id;
    uint8_t channel; /* 11..26 */
    uint16_t payload_limit,
        broadcast_limit; /* octets that it can carry, at most COORDINATOR_PAYLOAD_MAX */
    uint8_t window;      /* unicasts under way at once */
};

/* One frame heard, with all that the family can tell. */
struct incoming {
    uint64_t eui64; /* of the node; 0 = not known, only `nwk` is */
    uint16_t nwk;   /* NWK_UNKNOWN when only the other is known */
    uint8_t source_endpoint, endpoint;
    uint16_t profile, cluster;
    struct radio_frame frame;
};

/* One frame to send. `token` comes back in `sent`; no two under way have the same, and none is 0. */
struct unicast {
    struct neighbour *to; /* lives at least until `sent` */
    uint8_t token;
    struct span data;
};

struct coordinator;

struct coordinator_events {
    void *context;
    void (*write)(void *context, struct span bytes); /* to the line; one call is one frame */
    /* c->state is new. `why` is for people, "" = nothing to add. */
    void (*state)(void *context, const char *why);
    void (*heard)(void *context, struct neighbour *from, const struct radio_frame *frame);
    void (*sent)(void *context, uint8_t token, enum radio_sent result);
    void (*joined)(void *context, uint64_t eui64, bool left);
    /* The stick does not answer or makes no sense: close the line and begin again. */
    void (*restart)(void *context, const char *why);
    /* The network key of the settings, if there is one. With `make`, and none there: a random one, kept in
     * network_key_file first. False: none, or (logged) it cannot be read or kept. */
    bool (*key)(void *context, bool make, uint8_t key[16]);
    void (*lines)(void *context, bool dtr, bool rts); /* modem lines */
    void (*log)(void *context, enum config_level level, const char *text);
    void (*dropped)(void *context, const char *reason); /* an incoming frame ended here; static text */
};

/* One family. All calls but `init` come with the time. */
struct coordinator_family {
    const char *name;
    size_t size; /* of the machine, whose first member is a struct coordinator */
    /* Speeds to try, most likely first, 0 at the end, when the settings name none. */
    uint32_t bauds[6];
    void (*init)(struct coordinator *c); /* the common part is set up, the rest is zero */
    /* The line is open and nothing else is known; earlier runs may have left anything in the stick. */
    void (*start)(struct coordinator *c, msec now);
    void (*hear)(struct coordinator *c, struct span bytes, msec now);
    void (*tick)(struct coordinator *c, msec now); /* at the deadline or later; earlier is harmless */
    msec (*deadline)(const struct coordinator *c);
    /* Only while up, and with fewer than info.window frames under way. The outcome comes through `sent`, always, at the
     * latest when the family's own time-outs are over; never from within this call. */
    void (*send)(struct coordinator *c, const struct unicast *u, msec now);
    /* To all whose receivers are always on. Nobody hears what became of it. radius 0 = the whole network. */
    void (*broadcast)(struct coordinator *c, uint8_t radius, struct span data, msec now);
    void (*permit_join)(struct coordinator *c, uint8_t seconds, msec now); /* 0 = close; only while up */
    /* --probe: what to write to a line that may have such a stick, and whether `heard` holds its answer, as text. */
    size_t (*probe)(struct writer *w);
    bool (*answers)(struct span heard, char *line, size_t room);
};

/* A frame of a node whose 64-bit address is being asked for. */
struct parked {
    uint16_t nwk;
    uint16_t len; /* 0 = free */
    msec until;
    struct incoming in; /* frame.bytes is set anew when it is taken out */
    uint8_t bytes[COORDINATOR_PAYLOAD_MAX];
};

struct coordinator {
    const struct coordinator_family *family;
    const struct config_radio *settings;
    const struct coordinator_events *events;
    struct neighbours *neighbours; /* the radio's */
    enum coordinator_state state;
    struct coordinator_info info;
    bool network;    /* the line is a TCP connection: slower, no modem lines */
    uint32_t random; /* a seed; for coordinator_random */
    uint32_t frames_good; /* valid frames since the line was opened: 0 = it may be the wrong speed or stick */
    msec full_since; /* for coordinator_stays_full; 0: it is not full */
    struct parked parked[PARKED_MAX];
};

/* ---- what machines call ---- */

/* The one door between states; tells the radio. `format` as printf, "" = nothing to add. */
void coordinator_enter(struct coordinator *c, enum coordinator_state next, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void coordinator_log(struct coordinator *c, enum config_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void coordinator_write(struct coordinator *c, struct span bytes);
void coordinator_sent(struct coordinator *c, uint8_t token, enum radio_sent result);
void coordinator_restart(struct coordinator *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A frame came. Filters by endpoint, profile and cluster, notes the sender and hands it up. When only the 16-bit
 * address is known and the table does not know it either, the frame is parked. COORDINATOR_ASK: ask for the 64-bit
 * address of in->nwk (once for several frames); the answer goes to coordinator_learn. */
enum coordinator_heard { COORDINATOR_TOOK, COORDINATOR_ASK };
MUST_CHECK enum coordinator_heard coordinator_heard(struct coordinator *c,
                                                    const struct incoming *in, msec now);

/* These two addresses belong together: a node joined, announced itself or was asked for. Hands up what was parked for
 * `nwk`. NULL when the table is full. */
struct neighbour *coordinator_learn(struct coordinator *c, uint64_t eui64, uint16_t nwk, msec now);

/* Drops parked frames whose time is over; call it from `tick`. */
void coordinator_expire(struct coordinator *c, msec now);
msec coordinator_parked_until(const struct coordinator *c); /* MSEC_NEVER: none */

void coordinator_joined(struct coordinator *c, uint64_t eui64, bool left);

/* The stick answered to a frame for a node. `full`: that it has no room, although it has none of our frames, so that
 * nothing can make room any more. True, and then not again for as long: it has said nothing else for
 * COORDINATOR_FULL_MS, and only a reset will help. */
MUST_CHECK bool coordinator_stays_full(struct coordinator *c, bool full, msec now);

/* ---- is its network the one of the settings? ---- */

/* As the stick has it. What it does not tell stands here as the settings have it. */
struct coordinator_network {
    uint8_t channel;
    uint16_t pan_id;
    uint64_t extended_pan_id;
    bool other_key; /* its key is known, and is not the one in network_key_file */
};

/* In what it differs from what the settings name, as "channel 15 (settings: 20), PAN ..."; "" = in nothing. The stick's
 * value is always the first. Keys are not shown. */
void coordinator_compare(const struct coordinator *c, const struct coordinator_network *has,
                         char text[COORDINATOR_TEXT]);
/* One difference more. */
void coordinator_add(char text[COORDINATOR_TEXT], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Refuses the stick because of them, with what a person can do. `formed`: even though it was told just now. */
void coordinator_refuse_network(struct coordinator *c, const char *differences, bool formed);

/* Other reasons to refuse it, in the words of all families. */
extern const char coordinator_forbidden[]; /* it has no network, and form: never */
extern const char coordinator_keyless[]; /* a network would be formed, and there is no key for it */

uint32_t coordinator_random(struct coordinator *c);

/* ---- what both sides use ---- */
const char *coordinator_state_name(enum coordinator_state s);

/* "00:13:a2:00:40:40:11:22". Returns `line`. */
enum { EUI64_TEXT = 24 };
const char *eui64_text(uint64_t eui64, char line[EUI64_TEXT]);
