/* xbee_inside.h -- what the files of the XBee's machine share: xbee.c moves bytes, frames and time, xbee_start.c
 * brings the module up and watches over it with the commands of xbee_script.c, xbee_network.c decides whose network
 * it is, xbee_send.c sends. Nobody else includes it. */
#pragma once

#include "radio/xbee.h"
#include "radio/xbee_frame.h"

/* A network is there 5 s after the last change, and 15 s more at worst; AI is asked so often meanwhile. */
enum { XBEE_AWAIT_MS = 20000, XBEE_AWAIT_POLL_MS = 1000 };

/* The module has 8 buffers and needs some for its own traffic. A frame whose status is late does not count in the
 * window, but takes a slot: else a few nodes that are away would hold up all others for as long as a parent waits. */
enum { XBEE_WINDOW = 4, XBEE_SLOTS = 8 };

/* The addressing of all XBees that were not told otherwise: what a plain transmit request uses. */
enum { XBEE_DATA_ENDPOINT = 0xE8, XBEE_DATA_CLUSTER = 0x0011, XBEE_DATA_PROFILE = 0xC105 };

enum xbee_phase {
    XBEE_CLOSED,    /* not started, or a restart was asked for */
    XBEE_ASKING,    /* is there an XBee in API mode? */
    XBEE_HUSHED,    /* silence, as the command mode wants it, before ... */
    XBEE_CALLING,   /* ... +++ was sent ... */
    XBEE_SWITCHING, /* ... and ATAP1 ... */
    XBEE_LEAVING,   /* ... and ATCN */
    XBEE_READING,   /* what is it, and which network has it? */
    XBEE_AWAITING,  /* it may be about to start a network by itself */
    XBEE_FORMING,   /* a new network is described to it */
    XBEE_FORMED,    /* it starts the new network */
    XBEE_SETTLING,  /* what is not kept in the module is set */
    XBEE_RUNNING,
    XBEE_WATCHING, /* it lost its network: does it come back? */
    XBEE_RESTING   /* refused: a person must decide */
};

/* What was read from the module, in this order. */
enum xbee_fact {
    FACT_VR, /* firmware */
    FACT_AP, /* API mode */
    FACT_HV, /* hardware */
    FACT_NP, /* longest payload, fragments included */
    FACT_AO, /* which receive frames */
    FACT_SH, /* own address, upper half */
    FACT_SL, /* lower half */
    FACT_MY, /* own 16-bit address */
    FACT_CE, /* is told to be coordinator */
    FACT_AI, /* 0: has a network */
    FACT_OI, /* PAN id */
    FACT_OP, /* extended PAN id */
    FACT_ID, /* extended PAN id that it was told */
    FACT_CH, /* channel */
    FACT_EE, /* encryption */
    FACT_NH, /* hops at most: for time-outs */
    FACT_SP, /* x 10 ms that a parent keeps a frame for a sleeping child, less a fifth */
    XBEE_FACTS
};

/* The leading digit of VR. */
enum { XBEE_VR_3 = 1, XBEE_VR_S2 = 2, XBEE_VR_S2C = 4 };

enum xbee_script {
    XBEE_SCRIPT_READING,     /* everything */
    XBEE_SCRIPT_FORMING,     /* a new network, at once at its end */
    XBEE_SCRIPT_SETTLING,    /* what is not kept in the module */
    XBEE_SCRIPT_ASSOCIATION, /* AI alone */
    XBEE_SCRIPT_PAN_ID,      /* OI alone */
    XBEE_SCRIPT_JOIN         /* opens the network for join_seconds */
};

struct xbee_step;

struct xbee {
    struct coordinator common; /* first: what everybody sees */
    enum xbee_phase phase;
    enum xbee_mode mode; /* 0: not known yet, both readers listen */
    struct xbee_reader readers[2];
    uint8_t last_id;
    msec octet_at, frame_at; /* when the last octet, the last valid frame came */

    /* the AT command under way: one at a time */
    const struct xbee_step *step;
    uint8_t asked_id; /* 0: none */
    uint8_t tries;
    msec asked_until;

    msec wake;     /* the phase has something to do then, unless a command is under way */
    msec patience; /* AWAITING: no longer than this */
    bool outdated; /* READING: its network started meanwhile, so what was read may be of before and of after */
    uint8_t calls, waits, formings; /* how often each was done since the start: once at most */
    uint8_t text[3];                /* command mode: the last octets */
    uint64_t facts[XBEE_FACTS];
    uint8_t key[16];

    bool join_wanted, pan_wanted; /* commands that wait for their turn */
    uint8_t join_seconds;
    msec odd_until; /* the next odd payload is told after this */

    struct xbee_slot {
        uint8_t token; /* 0: free */
        uint8_t id;
        uint16_t len;
        struct neighbour *to;
        bool late;
        msec late_at, until;
    } slots[XBEE_SLOTS];
    uint8_t window;    /* for frames that are not late */
    uint8_t delivered; /* in a row, since the module was full */
};

/* ---- xbee.c ---- */

/* The one door between phases. The next step of the phase is due at `wake`. */
void xbee_enter(struct xbee *x, enum xbee_phase next, msec wake);

/* Writes `f` in the module's dialect, with a frame id that nothing under way has; returns the id. */
uint8_t xbee_write(struct xbee *x, struct xbee_frame *f);

/* ---- xbee_script.c ---- */
void xbee_script_begin(struct xbee *x, enum xbee_script which, msec now);
bool xbee_script_go_on(struct xbee *x, msec now); /* the next command; false: there is none */
void xbee_script_again(struct xbee *x, msec now); /* the same command once more */
enum xbee_answer {
    XBEE_ANSWER_OTHER, /* to nothing that was asked */
    XBEE_ANSWER_TAKEN,
    XBEE_ANSWER_REFUSED
};
enum xbee_answer xbee_script_take(struct xbee *x, const struct xbee_frame *f);
const char *xbee_script_command(const struct xbee *x); /* asked last: "VR" */
bool xbee_script_keeps_key(const struct xbee *x);      /* forming writes x->key */

/* ---- xbee_start.c ---- */
void xbee_start_asking(struct xbee *x, msec now);  /* nothing is known */
void xbee_start_reading(struct xbee *x, msec now); /* it is an XBee; the rest is read anew */
void xbee_start_answer(struct xbee *x, const struct xbee_frame *f, msec now);
void xbee_start_text(struct xbee *x, struct span bytes,
                     msec now); /* in the phases of the command mode */
bool xbee_start_wants_text(const struct xbee *x);
void xbee_start_modem(struct xbee *x, uint8_t status, msec now);
void xbee_start_tick(struct xbee *x, msec now);
msec xbee_start_deadline(const struct xbee *x);
void xbee_start_down(struct xbee *x, const char *why, msec now);
void xbee_start_refuse(struct xbee *x, const char *why, const char *remedy); /* both for people */

/* ---- xbee_network.c ---- */
void xbee_network_decide(struct xbee *x, msec now); /* all facts are there */
/* A coordinator without network starts one by itself, and a module that was just switched on does not know yet. */
bool xbee_network_may_start(const struct xbee *x);
void xbee_network_await(struct xbee *x, msec now); /* for a module that may be starting one */
void xbee_network_take(struct xbee *x);            /* it is the right one, and set: up */

/* ---- xbee_send.c ---- */
void xbee_send_unicast(struct coordinator *c, const struct unicast *u, msec now);
void xbee_send_broadcast(struct coordinator *c, uint8_t radius, struct span data, msec now);
void xbee_send_status(struct xbee *x, const struct xbee_frame *f, msec now);
void xbee_send_tick(struct xbee *x, msec now);
msec xbee_send_deadline(const struct xbee *x);
bool xbee_send_has(const struct xbee *x, uint8_t id); /* is a frame with this id under way? */
void xbee_send_lose(struct xbee *x);                  /* all under way end as lost */
void xbee_send_begin(struct xbee *x); /* nothing is under way; what was, ended without us */
