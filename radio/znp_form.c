/* znp_form.c -- the steps of the bring-up that form a network.
 *
 * The stick is told to forget, and restarted; then the new network is written into its memory item by item, and
 * started: by the commissioning commands of Z-Stack 3, or by the start command of 1.2, which forms when it finds no
 * network. What counts is that the stick says it runs as a coordinator; then it tells what it made of our wish, since
 * it takes another PAN id when it hears the wanted one nearby. */
#include "radio/znp_steps.h"

enum {
    FORMED_MS = 100000,
    RESET_MS = 10000,
    SOFT_RESET = 1,
    FORMATION = 4,
    START_DELAY = 100,
    STARTED_NOT = 2,
    STATUS_CREATED = 9
};

enum znp_step znp_form_begin(struct znp *z)
{
    if (!znp_network_wish(z))
        return znp_step_refuse(z, coordinator_keyless);
    z->up.started = z->up.formed = true;
    z->up.item = 0;
    z->up.made_item = false;
    z->up.found = (struct znp_found){ 0 };
    return ZNP_STORE;
}

/* ---- forming ----------------------------------------------------------------------------------------------------- */

static void ask_store(struct znp *z, struct writer *scratch, struct znp_message *m)
{
    znp_network_ask_store(z, scratch, m);
}

static void ask_init(struct znp *z, struct writer *scratch, struct znp_message *m)
{
    znp_network_ask_init(z, scratch, m);
}

static enum znp_step stored(struct znp *z)
{
    bool cleared = z->up.item == 0;
    z->up.item++;
    z->up.made_item = false;
    if (cleared)
        return ZNP_RESTART;
    if (!znp_network_stored_all(z))
        return ZNP_STORE;
    return z->product == ZNP_STACK_1_2 ? ZNP_FORM_OLD : ZNP_FIRST_CHANNELS;
}

/* Some firmware refuses to write an item that does not exist yet. */
static enum znp_step take_store(struct znp *z, const struct znp_message *m)
{
    if (!znp_failed(m))
        return stored(z);
    return z->up.made_item ? znp_step_give_up(z, "the stick cannot store its network")
                           : ZNP_STORE_INIT;
}

static enum znp_step take_init(struct znp *z, const struct znp_message *m)
{
    if (m->command != ZNP_ERROR && m->status == STATUS_CREATED)
        return stored(z);
    z->up.made_item = true;
    return znp_failed(m) ? znp_step_give_up(z, "the stick cannot store its network") : ZNP_STORE;
}

static void ask_restart(struct znp *z, struct writer *scratch, struct znp_message *m)
{
    (void)z, (void)scratch;
    m->mode = SOFT_RESET;
}

static enum znp_step take_restart(struct znp *z, const struct znp_message *m)
{
    (void)m;
    z->device_state = 0;
    return ZNP_STORE;
}

static void ask_first_channels(struct znp *z, struct writer *scratch, struct znp_message *m)
{
    (void)scratch;
    m->primary = 1;
    m->channels = UINT32_C(1) << z->up.wish.channel;
}

static enum znp_step take_first_channels(struct znp *z, const struct znp_message *m)
{
    return znp_failed(m) ? znp_step_give_up(z, "the stick does not take the channel")
                         : ZNP_OTHER_CHANNELS;
}

static enum znp_step take_other_channels(struct znp *z, const struct znp_message *m)
{
    (void)z, (void)m;
    return ZNP_FORM;
}

static void ask_form(struct znp *z, struct writer *scratch, struct znp_message *m)
{
    (void)z, (void)scratch;
    m->mode = FORMATION;
}

/* Its status does not tell: seen in one implementation, a stick said "failed" and formed. The state does. */
static enum znp_step take_form(struct znp *z, const struct znp_message *m)
{
    return m->command == ZNP_ERROR ? znp_step_give_up(z, "the stick cannot form a network")
                                   : ZNP_WAIT_FORMED;
}

static void ask_start(struct znp *z, struct writer *scratch, struct znp_message *m)
{
    (void)z, (void)scratch;
    m->delay = START_DELAY;
}

static enum znp_step take_form_old(struct znp *z, const struct znp_message *m)
{
    bool no = m->command == ZNP_ERROR || m->status == STARTED_NOT;
    return no ? znp_step_give_up(z, "the stick cannot form a network") : ZNP_WAIT_FORMED;
}

static enum znp_step late_formed(struct znp *z)
{
    if (++z->up.checks < FORMED_MS / ZNP_CHECK_MS)
        return ZNP_CHECK;
    return znp_step_give_up(
        z,
        "no network was formed in time; a USB 3 port nearby may disturb it: use an extension cable");
}

/* The network has been formed as the settings want it, or nearly. */
enum znp_step znp_form_done(struct znp *z)
{
    const struct znp_found *f = &z->up.found;
    const struct znp_wish *w = &z->up.wish;
    if (f->has_nib && f->pan_id != w->pan_id)
        coordinator_log(
            &z->c, LEVEL_WARN,
            "PAN id 0x%04x is in use nearby: the stick took 0x%04x; put that into the settings",
            w->pan_id, f->pan_id);
    if (f->has_nib && f->channel != w->channel)
        coordinator_log(&z->c, LEVEL_WARN, "the stick formed on channel %u, not on %u", f->channel,
                        w->channel);
    return ZNP_REGISTER_ENDPOINT;
}

const struct znp_row znp_form_rows[ZNP_STEPS] = {
    [ZNP_STORE] = { ZNP_NV_WRITE, .ask = ask_store, .take = take_store },
    [ZNP_STORE_INIT] = { ZNP_NV_INIT, .ask = ask_init, .take = take_init },
    [ZNP_RESTART] = { ZNP_RESET, ZNP_WAS_RESET, RESET_MS, .ask = ask_restart, .take = take_restart },
    [ZNP_FIRST_CHANNELS] = { ZNP_SET_CHANNELS, .ask = ask_first_channels,
                             .take = take_first_channels },
    [ZNP_OTHER_CHANNELS] = { ZNP_SET_CHANNELS, .take = take_other_channels },
    [ZNP_FORM] = { ZNP_COMMISSION, .wait_ms = ZNP_SLOW_ANSWER_MS, .ask = ask_form, .take = take_form },
    [ZNP_FORM_OLD] = { ZNP_START, .wait_ms = ZNP_SLOW_ANSWER_MS, .ask = ask_start,
                       .take = take_form_old },
    [ZNP_WAIT_FORMED] = { .awaits = ZNP_STATE,
                          .wait_ms = ZNP_CHECK_MS,
                          .take = znp_step_take_state,
                          .late = late_formed },
};
