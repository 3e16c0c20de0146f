/* znp_machine.h -- what the files of the ZNP state machine share. Nobody else includes it.
 *
 *   znp.c          the family: bytes in, time, and what the stick says by itself
 *   znp_request.c  one request at a time, each with its answer
 *   znp_start.c    the bring-up as a table of steps
 *   znp_network.c  the network in the stick's memory: read, compared with the settings, written
 *   znp_send.c     frames under way
 *   znp_hear.c     frames that came, and the nodes they are from */
#pragma once

#include "radio/coordinator.h"
#include "radio/znp_message.h"

enum {
    ZNP_WINDOW_SMALL = 2,  /* Z-Stack 1.2 and 3.0.x */
    ZNP_WINDOW_LARGE = 16, /* Z-Stack 3.x.0 */
    ZNP_PAYLOAD = 82,      /* one frame in a secured network ... */
    ZNP_PAYLOAD_MAX = 220, /* ... or several, when the firmware can and the settings say so */
    ZNP_QUEUE_FLIGHTS = 2 * ZNP_WINDOW_LARGE, /* requests that wait: those for frames under way ... */
    ZNP_QUEUE_OTHERS = 16,                    /* ... and what may be refused */
    ZNP_QUEUE = ZNP_QUEUE_FLIGHTS + ZNP_QUEUE_OTHERS,
    ZNP_ANSWER_MS = 6000,
    ZNP_SLOW_ANSWER_MS = 40000,     /* of commands that start a network */
    ZNP_COORDINATOR_RUNS = 9,       /* a device state */
    ZNP_BROADCAST_ADDRESS = 0xFFFD, /* receivers that are always on */
    ZNP_ROUTERS_ADDRESS = 0xFFFC,
    ZNP_MODE_NWK = 2,
    ZNP_MODE_EUI64 = 3,
    ZNP_MODE_BROADCAST = 0x0F,
    ZNP_RADIUS = 0x1E
};

enum znp_product { ZNP_STACK_1_2, ZNP_STACK_3_X_0, ZNP_STACK_3_0_X };

/* ---- requests ---------------------------------------------------------------------------------------------------- */

enum znp_purpose { ZNP_FOR_START, ZNP_FOR_FLIGHT, ZNP_FOR_LONG, ZNP_FOR_NOBODY };

struct znp_asker {
    enum znp_purpose purpose;
    uint8_t transaction; /* ZNP_FOR_FLIGHT */
    uint32_t wait_ms;    /* for the answer; 0 = ZNP_ANSWER_MS */
};

struct znp_request {
    struct znp_asker asker;
    uint16_t command;
    uint16_t len;
    uint8_t bytes[ZNP_FRAME_MAX];
};

struct znp_line {
    struct znp_request queue[ZNP_QUEUE]; /* the first is under way when `waits` */
    size_t head, count;
    size_t others; /* of these, of those that may be refused */
    bool waits;
    bool resyncs; /* an answer did not come: until a ping is answered, all others are late ones */
    bool hurried; /* the answer seems to have come, damaged */
    uint8_t impatience; /* grows with every answer that does not come, until one does */
    msec until;
};

/* ---- bring-up ---------------------------------------------------------------------------------------------------- */

enum znp_step {
    ZNP_IDLE, /* nothing to wait for: up, refused, or given up */
    ZNP_STAY, /* no step: go on waiting */
    ZNP_WAKE,
    ZNP_SKIP_LOADER,
    ZNP_LINES_LOW,
    ZNP_LINES_RESET,
    ZNP_LINES_FREE,
    ZNP_IDENTIFY,
    ZNP_LOOK,
    ZNP_READ,
    ZNP_STORE,
    ZNP_STORE_INIT,
    ZNP_RESTART,
    ZNP_FIRST_CHANNELS,
    ZNP_OTHER_CHANNELS,
    ZNP_FORM,
    ZNP_FORM_OLD,
    ZNP_WAIT_FORMED,
    ZNP_RESUME,
    ZNP_WAIT_RESUMED,
    ZNP_CHECK,
    ZNP_INFORM,
    ZNP_SETTLE,
    ZNP_REGISTER_ENDPOINT,
    ZNP_REMOVE_ENDPOINT,
    ZNP_CLOSE_NETWORK,
    ZNP_WATCH, /* it stopped; perhaps it comes back */
    ZNP_STEPS
};

/* The network that the stick has. */
struct znp_found {
    bool formed;
    bool has_nib; /* channel to extended_pan_id are known */
    uint8_t channel;
    uint16_t pan_id;
    uint64_t extended_pan_id;
    bool has_key;
    bool key_differs; /* from that of the settings */
    uint8_t key[16];
    uint16_t asked_pan_id; /* that it was told to take; it takes another when that one is in use nearby */
};

/* The network to form. */
struct znp_wish {
    uint8_t channel;
    uint16_t pan_id;
    uint64_t extended_pan_id;
    uint8_t key[16];
};

struct znp_bring_up {
    enum znp_step step;
    msec until;     /* of a step that waits for no answer */
    uint8_t item;   /* of those that are read or stored one by one */
    bool made_item; /* it did not exist */
    bool started;   /* we made it run ... */
    bool formed;    /* ... as a new network */
    uint8_t pings, settles, checks, restarts;
    bool removed_endpoint;
    struct znp_found found;
    struct znp_wish wish;
};

/* ---- frames ------------------------------------------------------------------------------------------------------ */

enum znp_flight_state {
    ZNP_FREE,
    ZNP_FINDING, /* which 16-bit address? */
    ZNP_ASKING,  /* the stick is to take it */
    ZNP_FLYING,  /* it took it; the confirm is awaited */
    ZNP_ROUTING, /* a new route is looked for, then once more */
    ZNP_ENDING   /* `result` is told as soon as possible */
};

struct znp_flight {
    enum znp_flight_state state;
    enum radio_sent result;
    uint8_t token, transaction;
    bool rerouted;
    struct neighbour *to;
    msec until;
    uint16_t len;
    uint8_t data[ZNP_PAYLOAD_MAX];
};

/* A message that came in pieces. */
struct znp_long {
    bool active;
    uint32_t timestamp; /* its name */
    uint16_t whole_len, len;
    struct incoming in;
    uint8_t data[COORDINATOR_PAYLOAD_MAX];
};

struct znp_question {
    uint16_t nwk;
    msec until; /* not asked again before */
};

struct znp {
    struct coordinator c;
    struct znp_reader reader;
    msec heard_at;
    bool stopped; /* a restart was asked for: nothing counts until then */
    uint8_t product;
    uint8_t device_state;
    uint8_t last_transaction;
    struct znp_line line;
    struct znp_bring_up up;
    struct znp_flight flights[ZNP_WINDOW_LARGE];
    struct znp_long late;
    struct znp_question questions[PARKED_MAX];
};

/* ---- znp.c ------------------------------------------------------------------------------------------------------- */
void znp_write(struct znp *z, const struct znp_message *m);

/* The line is to be closed and opened again. */
void znp_give_up(struct znp *z, const char *why);

/* ---- znp_request.c ----------------------------------------------------------------------------------------------- */

/* Queues an SREQ. False: the queue is full. */
bool znp_request(struct znp *z, const struct znp_asker *asker, const struct znp_message *m, msec now);
void znp_request_forget(struct znp *z);            /* all of them; no answer of before counts */
void znp_request_damaged(struct znp *z, msec now); /* a damaged frame came: perhaps the answer */
void znp_request_answer(struct znp *z, const struct znp_message *m, msec now);
void znp_request_tick(struct znp *z, msec now);

/* Not understood, or not done. */
static inline bool znp_failed(const struct znp_message *answer)
{
    return answer->command == ZNP_ERROR || answer->status != 0;
}

/* ---- znp_start.c ------------------------------------------------------------------------------------------------- */
void znp_start_begin(struct znp *z, msec now);
void znp_start_answer(struct znp *z, const struct znp_message *m, msec now);
void znp_start_event(struct znp *z, const struct znp_message *m, msec now); /* an AREQ */
bool znp_start_late(struct znp *z,
                    msec now); /* an answer did not come; true: the step knows what then */
void znp_start_tick(struct znp *z, msec now);

/* The network stopped while up. */
void znp_start_watch(struct znp *z, msec now);

/* ---- znp_wake.c -------------------------------------------------------------------------------------------------- */
enum { ZNP_FIRMWARE_TEXT = 64 };
const char *znp_firmware_text(const struct znp_message *m, char text[ZNP_FIRMWARE_TEXT]);

/* ---- znp_network.c ----------------------------------------------------------------------------------------------- */
void znp_network_ask_read(const struct znp *z, struct znp_message *m);
bool znp_network_take_read(struct znp *z,
                           const struct znp_message *m); /* true: that was the last item */

/* What runs now; false: the stick does not know yet. */
bool znp_network_take_info(struct znp *z, const struct znp_message *m);
void znp_network_compare_key(struct znp *z);

/* Does it disagree with the settings? `text` says in what. */
bool znp_network_differs(const struct znp *z, char text[COORDINATOR_TEXT]);

/* Decides on the network to form. False: there is no key for it. */
bool znp_network_wish(struct znp *z);

/* The item that is to be stored next: as a write, and as a creation. m->data is in `value`. */
void znp_network_ask_store(const struct znp *z, struct writer *value, struct znp_message *m);
void znp_network_ask_init(const struct znp *z, struct writer *value, struct znp_message *m);
bool znp_network_stored_all(const struct znp *z);

/* ---- znp_send.c -------------------------------------------------------------------------------------------------- */
void znp_send(struct coordinator *c, const struct unicast *u, msec now);
void znp_broadcast(struct coordinator *c, uint8_t radius, struct span data, msec now);
void znp_send_answer(struct znp *z, uint8_t transaction, const struct znp_message *m, msec now);
void znp_send_unanswered(struct znp *z, uint8_t transaction, msec now);
void znp_send_confirm(struct znp *z, const struct znp_message *m, msec now);
void znp_send_found(struct znp *z, const struct znp_message *m, msec now); /* a 16-bit address */
void znp_send_tick(struct znp *z, msec now);
msec znp_send_deadline(const struct znp *z);

/* Takes all frames under way off the list; their tokens, at most ZNP_WINDOW_LARGE, go to `tokens`. */
size_t znp_send_abandon(struct znp *z, uint8_t *tokens);

/* ---- znp_hear.c -------------------------------------------------------------------------------------------------- */
void znp_hear_incoming(struct znp *z, const struct znp_message *m, msec now);
void znp_hear_piece(struct znp *z, const struct znp_message *m, msec now);
void znp_hear_found(struct znp *z, const struct znp_message *m, msec now); /* a 64-bit address */
void znp_hear_joined(struct znp *z, const struct znp_message *m, msec now);
void znp_hear_announced(struct znp *z, const struct znp_message *m, msec now);
void znp_hear_left(struct znp *z, const struct znp_message *m);
