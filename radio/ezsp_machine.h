/* ezsp_machine.h -- what the files of the EZSP state machine share. Nobody else includes it.
 *
 *   ezsp.c          the family: bytes, time, one command at a time, and what happens when the NCP fails
 *   ezsp_start.c    the bring-up as a table of steps
 *   ezsp_network.c  the steps about the network: resumed, compared with the settings, formed
 *   ezsp_send.c     frames under way, and opening the network for new nodes
 *   ezsp_hear.c     callbacks: frames that came, and the nodes that they are from */
#pragma once

#include "radio/ash.h"
#include "radio/ezsp.h"
#include "radio/ezsp_message.h"

enum {
    EZSP_WINDOW = 8, /* the NCP has room for 10, and needs some for itself */
    EZSP_COMMANDS =
        32, /* that wait for their turn: the window, an address for each parked frame, and a few */
    EZSP_ANSWER_MS = 10000,
    EZSP_STATUS_MS = 10000,       /* for the network to come up or go down */
    EZSP_SENT_MS = 8000,          /* for messageSentHandler: three tries ... */
    EZSP_SENT_SLEEPER_MS = 30000, /* ... each held by a parent for its sleeping child */
    EZSP_SILENCE_MS = 10000,
    EZSP_DOWN_MS = 30000,   /* a network that is down that long is looked for from the beginning */
    EZSP_STABLE_MS = 60000, /* after that long, earlier failures do not count any more */
    EZSP_FAILURES = 4
};

/* In the order of the bring-up. */
enum ezsp_step {
    EZSP_STEP_NONE, /* nothing to wait for: not begun, refused, or given up */
    EZSP_STEP_VERSION,
    EZSP_STEP_SETTLE, /* the version again, in its own header */
    EZSP_STEP_CONFIGURE,
    EZSP_STEP_POLICY,
    EZSP_STEP_ENDPOINT,
    EZSP_STEP_INIT,
    EZSP_STEP_AWAIT_UP,
    EZSP_STEP_KEY, /* only where the settings have one */
    EZSP_STEP_COMPARE,
    EZSP_STEP_EUI64,
    EZSP_STEP_PAYLOAD,
    EZSP_STEP_CONCENTRATOR,
    EZSP_STEP_DONE,
    EZSP_STEP_LEAVE, /* from here on: only where a network is formed */
    EZSP_STEP_AWAIT_DOWN,
    EZSP_STEP_SECURITY,
    EZSP_STEP_FORM,
    EZSP_STEP_AWAIT_FORMED,
    EZSP_STEPS
};

struct ezsp;
struct ezsp_command;

/* The answer to a command; its id is EZSP_INVALID_COMMAND when the NCP does not know the command. */
typedef void ezsp_answered(struct ezsp *e, const struct ezsp_command *asked,
                           const struct ezsp_frame *answer, msec now);

struct ezsp_command {
    uint16_t id;
    uint16_t about; /* for `answered`: a token or a 16-bit address */
    uint8_t len;
    uint8_t params[ASH_DATA_MAX - EZSP_HEADER_MAX];
    ezsp_answered *answered; /* NULL: a refusal is logged, and that is all */
};

/* One unicast between `send` and `sent`. */
struct ezsp_flight {
    uint8_t token; /* 0 = free */
    uint8_t len;
    bool ended; /* its result is known and not told yet */
    enum radio_sent result;
    struct neighbour *to;
    msec until; /* for messageSentHandler; MSEC_NEVER before the NCP took it */
    uint8_t data[EZSP_UNICAST_MAX];
};

struct ezsp {
    struct coordinator c; /* first: what everybody sees */
    struct ash link;
    uint8_t version; /* of the protocol; the oldest until it was asked for */
    uint8_t sequence;
    bool resetting; /* the next RSTACK was asked for */
    bool formed;    /* the network was formed in this bring-up */
    uint8_t failures;
    msec up_since;

    enum ezsp_step step;
    uint8_t row;           /* of the settings that a step sends one by one */
    msec step_until;       /* for the network's status */
    bool network_up;       /* as the NCP said last */
    uint8_t key[EZSP_KEY]; /* of the settings, as long as it is needed */
    bool other_key;        /* the network's is not that one */

    struct ezsp_command commands[EZSP_COMMANDS]; /* a ring; the first is under way when `asked` */
    size_t head, count;
    bool asked;
    msec answer_until;

    struct ezsp_flight flights[EZSP_WINDOW];
    uint64_t sender; /* of the next message, where a callback named it; 0 = not */
    uint8_t zdo_sequence;
    msec heard_at;   /* the last valid frame */
    msec open_until; /* for new nodes; MSEC_NEVER = closed */
    msec down_since; /* MSEC_NEVER: it is not */
    msec odd_until;  /* the next frame that makes no sense is told after this */
};

/* ---- ezsp.c ---- */

/* Appends a command; it goes when those before it were answered. False: too many wait, nothing happens. */
MUST_CHECK bool ezsp_ask(struct ezsp *e, const struct ezsp_command *command, msec now);
/* The parameters of a command, to be written through the writer that this returns ... */
struct writer ezsp_params(struct ezsp_command *command);
/* ... and then closed with this. */
void ezsp_params_end(struct ezsp_command *command, const struct writer *w);

/* The status at the start of an answer; a command that is not known failed. *code may be NULL. */
enum ezsp_status ezsp_status_of(const struct ezsp *e, const struct ezsp_frame *answer,
                                uint32_t *code);

/* The NCP does not do as it should: reset it, or give up when that happens too often. */
void ezsp_fail(struct ezsp *e, msec now, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- ezsp_start.c ---- */
void ezsp_start_begin(struct ezsp *e, msec now); /* the NCP was just reset */
void ezsp_start_network_changed(struct ezsp *e, msec now);
void ezsp_start_tick(struct ezsp *e, msec now);
void ezsp_start_compare(struct ezsp *e, msec now); /* the network is back: is it the same? */

/* What a step does with its answer. Returns the step that comes next; EZSP_STEP_NONE: it has stopped everything. */
typedef enum ezsp_step ezsp_taken(struct ezsp *e, const struct ezsp_frame *answer, msec now);

/* ---- ezsp_network.c ---- */
enum ezsp_id ezsp_network_init_id(const struct ezsp *e);
void ezsp_network_ask_init(struct ezsp *e, struct writer *w);
ezsp_taken ezsp_network_take_init;
bool ezsp_network_knows_key(struct ezsp *e); /* the settings have one to compare with */
void ezsp_network_ask_key(struct ezsp *e, struct writer *w);
ezsp_taken ezsp_network_take_key;
ezsp_taken ezsp_network_compare;
bool ezsp_network_has_key(struct ezsp *e); /* makes one, or refuses: before anything is left or formed */
void ezsp_network_ask_leave(struct ezsp *e, struct writer *w);
ezsp_taken ezsp_network_take_leave;
void ezsp_network_ask_security(struct ezsp *e, struct writer *w);
ezsp_taken ezsp_network_take_security;
void ezsp_network_ask_form(struct ezsp *e, struct writer *w);
ezsp_taken ezsp_network_take_form;

/* ---- ezsp_send.c ---- */
void ezsp_send_unicast(struct coordinator *c, const struct unicast *u, msec now);
void ezsp_send_broadcast(struct coordinator *c, uint8_t radius, struct span data, msec now);
void ezsp_send_permit_join(struct coordinator *c, uint8_t seconds, msec now);
/* Makes the parameters of the unicast that goes now; when nobody knows where its node is, a question for that takes its
 * place. False: the frame has ended already. */
bool ezsp_send_fill(struct ezsp *e, struct ezsp_command *command);
void ezsp_send_status(struct ezsp *e, const struct ezsp_sent *s);
void ezsp_send_tick(struct ezsp *e, msec now);
msec ezsp_send_deadline(const struct ezsp *e);
void ezsp_send_lose(struct ezsp *e); /* all under way end as lost */

/* ---- ezsp_hear.c ---- */
void ezsp_hear_callback(struct ezsp *e, const struct ezsp_frame *f, msec now);
