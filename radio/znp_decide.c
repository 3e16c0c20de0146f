/* znp_decide.c -- the steps of the bring-up that find out about the stick's network, and resume it.
 *
 * A network that agrees with the settings is resumed; where there is none, one is formed; one that disagrees is
 * touched by nobody, unless the settings say "replace". The comparison is made before the network starts, and once
 * more when it runs and tells what it is. */
#include "radio/znp_steps.h"

enum {
    SETTLES_MAX = 10,
    SETTLE_MS = 1000,
    RESUME_MS = 60000,
    START_DELAY = 100,
    STARTED_NEW = 1,
    STARTED_NOT = 2
};

/* ---- is there a network, and is it the right one ----------------------------------------------------------------- */

static enum znp_step differs(struct znp *z, const char *what)
{
    coordinator_refuse_network(&z->c, what, false);
    return ZNP_IDLE;
}

static enum znp_step decide(struct znp *z)
{
    const struct znp_found *f = &z->up.found;
    const enum config_form allowed = z->c.settings->form;
    char what[COORDINATOR_TEXT];
    if (!f->formed)
        return allowed == FORM_NEVER ? znp_step_refuse(z, coordinator_forbidden) : znp_form_begin(z);
    znp_network_compare_key(z);
    if (!znp_network_differs(z, what))
        return z->device_state == ZNP_COORDINATOR_RUNS ? ZNP_REGISTER_ENDPOINT : ZNP_RESUME;
    if (allowed != FORM_REPLACE)
        return differs(z, what);
    coordinator_log(&z->c, LEVEL_WARN, "the network is replaced: %s", what);
    return znp_form_begin(z);
}

static void ask_read(struct znp *z, struct writer *scratch, struct znp_message *m)
{
    (void)scratch;
    znp_network_ask_read(z, m);
}

static enum znp_step take_read(struct znp *z, const struct znp_message *m)
{
    if (!znp_network_take_read(z, m))
        return ZNP_READ;
    return z->device_state == ZNP_COORDINATOR_RUNS ? ZNP_INFORM : decide(z);
}

/* ---- resuming ---------------------------------------------------------------------------------------------------- */

static void ask_start(struct znp *z, struct writer *scratch, struct znp_message *m)
{
    (void)z, (void)scratch;
    m->delay = START_DELAY;
}

static enum znp_step take_resume(struct znp *z, const struct znp_message *m)
{
    if (m->command == ZNP_ERROR || m->status == STARTED_NOT)
        return znp_step_give_up(z, "the stick cannot resume its network");
    if (m->status == STARTED_NEW)
        coordinator_log(&z->c, LEVEL_WARN, "the stick says that it began a new network");
    z->up.started = true;
    return ZNP_WAIT_RESUMED;
}

enum znp_step znp_step_take_state(struct znp *z, const struct znp_message *m)
{
    (void)m;
    return z->device_state == ZNP_COORDINATOR_RUNS ? ZNP_INFORM : ZNP_STAY;
}

static enum znp_step take_check(struct znp *z, const struct znp_message *m)
{
    if (!znp_failed(m))
        z->device_state = m->state;
    if (z->device_state == ZNP_COORDINATOR_RUNS)
        return ZNP_INFORM;
    return z->up.formed ? ZNP_WAIT_FORMED : ZNP_WAIT_RESUMED;
}

static enum znp_step late_resumed(struct znp *z)
{
    if (++z->up.checks < RESUME_MS / ZNP_CHECK_MS)
        return ZNP_CHECK;
    return znp_step_give_up(z, "the network did not resume in time");
}

static enum znp_step late_settle(struct znp *z)
{
    (void)z;
    return ZNP_INFORM;
}

static enum znp_step take_info(struct znp *z, const struct znp_message *m)
{
    char what[COORDINATOR_TEXT];
    if (!znp_network_take_info(z, m) && z->up.settles++ < SETTLES_MAX)
        return ZNP_SETTLE;
    if (!z->up.started)
        return decide(z);
    if (z->up.formed)
        return znp_form_done(z);
    return znp_network_differs(z, what) ? differs(z, what) : ZNP_REGISTER_ENDPOINT;
}

const struct znp_row znp_decide_rows[ZNP_STEPS] = {
    [ZNP_READ] = { ZNP_NV_READ, .ask = ask_read, .take = take_read },
    [ZNP_RESUME] = { ZNP_START, .wait_ms = ZNP_SLOW_ANSWER_MS, .ask = ask_start, .take = take_resume },
    [ZNP_WAIT_RESUMED] = { .awaits = ZNP_STATE,
                           .wait_ms = ZNP_CHECK_MS,
                           .take = znp_step_take_state,
                           .late = late_resumed },
    [ZNP_CHECK] = { ZNP_DEVICE_INFO, .take = take_check },
    [ZNP_INFORM] = { ZNP_NETWORK_INFO, .take = take_info },
    [ZNP_SETTLE] = { .wait_ms = SETTLE_MS, .late = late_settle },
};
