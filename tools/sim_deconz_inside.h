/* sim_deconz_inside.h -- what both files of the simulated deCONZ stick share: sim_deconz.c its commands, parameters and
 * network, sim_deconz_air.c the frames. Nobody else includes it. */
#pragma once

#include "radio/deconz_frame.h"
#include "tools/sim.h"

enum {
    SLOTS = 4,
    INDICATIONS = 32,
    CONFIRMS = 16,
    ENDPOINTS = 3,
    PARAMETERS = 0x40,
    VALUE_MAX = 48,
};

enum { OLD_FIRMWARE = 1, WRONG_ANSWERS = 2 }; /* options */

struct value {
    uint8_t len; /* 0: never written */
    uint8_t bytes[VALUE_MAX];
};

struct arrival {
    struct sim_frame frame; /* data is set when it is given out */
    uint16_t len;
    uint8_t bytes[SIM_PAYLOAD_MAX];
};

struct slot {
    bool used;
    msec until; /* of which nobody tells what became is forgotten */
    struct deconz_confirm confirm;
};

struct stick {
    struct sim_stick s;
    struct deconz_reader reader;
    struct value values[PARAMETERS];
    struct value endpoints[ENDPOINTS];
    enum deconz_network state;
    enum deconz_network state_then; /* at: */
    msec change_at, watchdog_at;
    uint8_t told; /* the state octet that the host knows */
    uint8_t sequence;
    unsigned answers;
    struct slot slots[SLOTS];
    struct arrival arrivals[INDICATIONS];
    size_t arrival_first, arrival_count;
    struct deconz_confirm confirms[CONFIRMS];
    size_t confirm_first, confirm_count;
};

static inline struct stick *stick_of(struct sim_stick *s)
{
    return (struct stick *)s;
}

/* ---- sim_deconz.c ----------------------------------------------------------------------------------------------- */

uint8_t conbee_state(const struct stick *s); /* the state octet */
void conbee_say(struct stick *s, const struct deconz_frame *f);
void conbee_answer(struct stick *s, const struct deconz_frame *to, enum deconz_status status,
                   struct span body);
void conbee_answer_payload(struct stick *s, const struct deconz_frame *to,
                           enum deconz_status status, struct span payload);
void conbee_tell_state(struct stick *s); /* unasked, when there is something new */

/* ---- sim_deconz_air.c ------------------------------------------------------------------------------------------- */

typedef void conbee_command(struct stick *s, const struct deconz_frame *f, msec now);
conbee_command conbee_give_indication, conbee_give_confirm, conbee_take_request;
void conbee_forget(struct stick *s, msec now); /* frees the slots of which nothing was heard for long */
msec conbee_forgets_at(const struct stick *s);
void conbee_receive(struct sim_stick *stick, const struct sim_frame *f, msec now);
void conbee_outcome(struct sim_stick *stick, uint32_t token, enum sim_outcome how, msec now);
void conbee_joined(struct sim_stick *stick, uint64_t eui64, uint16_t nwk, msec now);
