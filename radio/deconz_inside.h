/* deconz_inside.h -- what the files of the deCONZ machine share: deconz.c the commands and their answers,
 * deconz_start.c the steps to a network, deconz_network.c which one, deconz_air.c the frames. Nobody else includes it.
 *
 * The stick pushes nothing but its state octet; everything else is asked for. */
#pragma once

#include "radio/deconz.h"
#include "radio/deconz_frame.h"

enum {
    DECONZ_WINDOW = 4, /* requests that the stick keeps at once, as other hosts use it */
    DECONZ_PLACES = 8, /* ours: those, and a few broadcasts and questions to the network */
    DECONZ_BODY_MAX = COORDINATOR_PAYLOAD_MAX + 40
};

/* Commands under way: one of each kind, so that frames flow both ways at once and none of it needs a queue. */
enum deconz_kind {
    DECONZ_ASK_STEP,  /* of the bring-up */
    DECONZ_ASK_STICK, /* state, watchdog, permit join */
    DECONZ_ASK_SEND,
    DECONZ_ASK_CONFIRM,
    DECONZ_ASK_INDICATION,
    DECONZ_ASKS
};

struct deconz_ask {
    uint8_t command, sequence;
    uint8_t tries; /* 0: none under way */
    msec until;
    uint16_t len;
    uint8_t body[DECONZ_BODY_MAX];
};

enum deconz_program {
    DECONZ_INQUIRE,
    DECONZ_FORM,
    DECONZ_CONNECT,
    DECONZ_RECOVER,
    DECONZ_SETTLE,
    DECONZ_RUN
};

/* What the stick has. */
struct deconz_found {
    uint32_t version, mask;
    uint64_t mac, extended, wanted_extended;
    uint16_t pan;
    uint8_t channel; /* 0: it does not say */
    bool no_coordinator, has_key, has_endpoint;
    uint8_t key[DECONZ_KEY_LEN];
};

/* The network that is to be formed. */
struct deconz_plan {
    uint64_t extended;
    uint16_t pan;
    uint8_t channel;
    uint8_t key[DECONZ_KEY_LEN];
};

enum deconz_stage { PLACE_FREE, PLACE_WAITS, PLACE_ASKED, PLACE_ACCEPTED };

/* One request on its way through the stick. */
struct deconz_place {
    enum deconz_stage stage;
    uint8_t id;    /* the stick's name for it */
    uint8_t token; /* 0: nobody asks what became of it */
    bool sleeper;  /* its parent may hold it for long */
    uint32_t order;
    msec until;
    uint16_t len, data_len;
    uint8_t body[DECONZ_BODY_MAX];
};

struct deconz {
    struct coordinator c;
    struct deconz_reader reader;
    uint32_t damaged; /* of the reader's, as far as reported */
    struct deconz_ask asks[DECONZ_ASKS];
    uint8_t sequence;
    uint8_t state; /* the state octet, as last heard */
    bool given_up; /* the line is to be closed */
    enum deconz_program program;
    size_t step;
    bool ready; /* for the next step */
    bool waits; /* for the network to be as the step says, until: */
    msec step_until;
    struct deconz_found found;
    struct deconz_plan plan;
    bool formed; /* in this start: never twice */
    msec poll_at, feed_at;
    int16_t permit; /* seconds to be told to the stick; -1: nothing */
    struct deconz_place places[DECONZ_PLACES];
    uint32_t order;
    uint8_t request_id, transaction;
};

/* ---- deconz.c --------------------------------------------------------------------------------------------------- */

/* Puts a question of this kind, of which none is under way. `body` is copied. */
void deconz_ask(struct deconz *d, enum deconz_kind kind, uint8_t command, struct span body, msec now);
void deconz_give_up(struct deconz *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline bool deconz_is_asking(const struct deconz *d, enum deconz_kind kind)
{
    return d->asks[kind].tries > 0;
}

static inline enum deconz_network deconz_network(const struct deconz *d)
{
    return (enum deconz_network)(d->state & DECONZ_NETWORK_MASK);
}

/* ---- deconz_start.c --------------------------------------------------------------------------------------------- */

void deconz_start_begin(struct deconz *d, msec now);            /* the line is open */
void deconz_run(struct deconz *d, enum deconz_program program); /* from here on, once we are back */
void deconz_start_answer(struct deconz *d, const struct deconz_frame *f, msec now);
void deconz_start_state(struct deconz *d, msec now); /* the state octet is new */
void deconz_start_tick(struct deconz *d, msec now);
/* Writes a parameter, with the value that follows from the settings and the plan. */
void deconz_ask_write(struct deconz *d, enum deconz_kind kind, uint8_t parameter, msec now);

/* ---- deconz_network.c ------------------------------------------------------------------------------------------- */

void deconz_decide(struct deconz *d);  /* everything was read: what now? */
void deconz_settled(struct deconz *d); /* the last step was taken */

/* ---- deconz_air.c ----------------------------------------------------------------------------------------------- */

void deconz_air_send(struct deconz *d, const struct unicast *u, msec now);
void deconz_air_broadcast(struct deconz *d, uint8_t radius, struct span data, msec now);
void deconz_air_pump(struct deconz *d,
                     msec now); /* asks for what waits in the stick, and sends what waits here */
void deconz_air_queued(struct deconz *d, const struct deconz_frame *f, msec now);
bool deconz_air_confirm(struct deconz *d, struct span body); /* false: there was none in it */
bool deconz_air_indication(struct deconz *d, struct span body, msec now);
void deconz_air_poll(struct deconz *d, struct span body);
void deconz_air_lost(struct deconz *d); /* the network is gone */
void deconz_air_tick(struct deconz *d, msec now);
msec deconz_air_deadline(const struct deconz *d);
bool deconz_air_is_busy(const struct deconz *d);
