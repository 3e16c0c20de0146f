/* ash.h -- the link between a host and an EmberZNet NCP: frames of EZSP arrive once and in order, or the link fails.
 *
 * The same code serves both ends; the host resets the NCP, the NCP announces that it was reset. It does no I/O and
 * looks at no clock. Numbers are modulo 8, and a place in the queue is named by its number. */
#pragma once

#include "radio/ash_frame.h"

typedef uint64_t msec; /* milliseconds on a monotonic clock */
#define MSEC_NEVER UINT64_MAX

enum {
    ASH_QUEUE =
        8, /* places for frames that wait or are under way, one always free; one for each number */
    ASH_WINDOW_MAX = 3, /* under way at once; 1 is safe with every firmware */
    ASH_TRIES = 6,
    ASH_ANSWER_MS = 1600, /* for an acknowledgement, at first */
    ASH_ANSWER_LEAST_MS = 400,
    ASH_ANSWER_LEAST_NETWORK_MS = 1000, /* a TCP connection stalls now and then */
    ASH_ANSWER_MOST_MS = 3200,
    ASH_RESET_MS = 5000 /* for RSTACK */
};

enum ash_role { ASH_HOST, ASH_NCP };

enum ash_state {
    ASH_IDLE,      /* nothing is sent, everything that comes is thrown away */
    ASH_RESETTING, /* host: RST was sent; only its answer counts */
    ASH_CONNECTED,
    ASH_DEAD /* until the next reset */
};

enum ash_failure {
    ASH_NO_RESET,  /* no answer to RST */
    ASH_NO_ANSWER, /* a frame went six times and nobody acknowledged it */
    ASH_PEER_DEAD  /* the NCP said so */
};

struct ash_events {
    void (*write)(void *context, struct span wire); /* one call is one frame */
    /* A frame came; `data` live until the call returns. */
    void (*deliver)(void *context, struct span data, msec now);
    /* Both numbers are 0, nothing is under way. Host: the NCP was reset, asked or not. NCP: the host asked for it. */
    void (*connected)(void *context, uint8_t code, msec now);
    void (*failed)(void *context, enum ash_failure how, uint8_t code, msec now);
};

struct ash_slot {
    uint8_t data[ASH_DATA_MAX];
    uint8_t len, tries;
    msec sent_at;
};

struct ash {
    enum ash_role role;
    enum ash_state state;
    const struct ash_events *events;
    void *context;
    struct ash_reader in;
    uint8_t window;
    uint8_t expected;          /* the number of the peer's next frame */
    bool rejecting;            /* a NAK went out, no second one until the right frame comes */
    bool owes_ack;             /* a frame came, and nothing was sent since that says so */
    uint8_t oldest;            /* the number of the first frame in the queue */
    uint8_t under_way, queued; /* the first of them; all of them */
    struct ash_slot queue[ASH_QUEUE]; /* by number */
    uint32_t answer_ms, least_ms;
    msec deadline; /* of RESETTING, or of the oldest frame under way */
};

void ash_init(struct ash *a, enum ash_role role, const struct ash_events *events, void *context);
void ash_set_network(struct ash *a, bool network); /* the line is a TCP connection */

/* Host: reset the NCP; `connected` or `failed` follows. What was queued is forgotten. */
void ash_reset(struct ash *a, msec now);
/* NCP: it was reset by itself. What was queued is forgotten. */
void ash_announce(struct ash *a, uint8_t code);
void ash_stop(struct ash *a); /* IDLE */

/* Takes a copy. False: not connected, no room, or no length of an EZSP frame. */
MUST_CHECK bool ash_send(struct ash *a, struct span data, msec now);
size_t ash_room(const struct ash *a); /* frames that ash_send would take now */

void ash_hear(struct ash *a, struct span bytes, msec now);
void ash_tick(struct ash *a, msec now);
msec ash_deadline(const struct ash *a);
