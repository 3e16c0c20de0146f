/* znp_steps.h -- the rows of the bring-up table, which is cut into files by what the steps are about. Nobody but the
 * bring-up includes it. */
#pragma once

#include "radio/znp_machine.h"

/* Asks `command`, if there is one, and waits: for its answer when it is an SREQ, else for the AREQ `awaits`. */
struct znp_row {
    uint16_t command;
    uint16_t awaits;  /* 0 = the answer, or nothing but the time */
    uint32_t wait_ms; /* 0 = ZNP_ANSWER_MS */
    void (*begin)(struct znp *z);
    /* Fills in the fields of `command`; m->data may lie in `scratch`. NULL: it has none. */
    void (*ask)(struct znp *z, struct writer *scratch, struct znp_message *m);
    enum znp_step (*take)(struct znp *z, const struct znp_message *m);
    enum znp_step (*late)(struct znp *z); /* no answer, or the time is over; NULL: asked again, or given up */
};

/* Each has the rows of its own steps; the others are zero. */
extern const struct znp_row znp_wake_rows[ZNP_STEPS];   /* ZNP_WAKE .. ZNP_LOOK */
extern const struct znp_row znp_decide_rows[ZNP_STEPS]; /* ZNP_READ; ZNP_RESUME .. ZNP_SETTLE */
extern const struct znp_row znp_form_rows[ZNP_STEPS];   /* ZNP_STORE .. ZNP_WAIT_FORMED */
extern const struct znp_row znp_ready_rows[ZNP_STEPS];  /* ZNP_REGISTER_ENDPOINT .. ZNP_WATCH */

/* ZNP_IDLE, and the line is to be opened anew. */
static inline enum znp_step znp_step_give_up(struct znp *z, const char *why)
{
    znp_give_up(z, why);
    return ZNP_IDLE;
}

/* ZNP_IDLE, and nothing is touched until a person has decided. */
static inline enum znp_step znp_step_refuse(struct znp *z, const char *why)
{
    coordinator_enter(&z->c, COORDINATOR_REFUSED, "%s", why);
    return ZNP_IDLE;
}

/* While a network starts, the stick is asked now and then whether it runs: its word about that may have been lost. */
enum { ZNP_CHECK_MS = 5000 };

/* znp_decide.c: a `take` for the state that is waited for. */
enum znp_step znp_step_take_state(struct znp *z, const struct znp_message *m);

/* znp_form.c: the first step towards a new network. */
enum znp_step znp_form_begin(struct znp *z);

/* It runs, and the stick said what: ZNP_REGISTER_ENDPOINT. */
enum znp_step znp_form_done(struct znp *z);
