/* znp_start.c -- the bring-up: a table of steps, walked from waking the stick to being up.
 *
 * A step asks something, or waits for something that the stick says by itself; its row says what is done with the
 * answer, and what when none comes. The rows are in znp_wake.c, znp_decide.c and znp_form.c; here is what walks them,
 * and the last steps: the stick keeps its network over a restart, but not the endpoint that we listen at, and it may
 * have been left open for new nodes.
 *
 * A stick that restarts begins again at the first step, whether it was up or not. One that restarts again and again is
 * given up, so that its line is opened anew, ever more slowly. */
#include "radio/znp_steps.h"

#include <assert.h>

enum {
    RESTARTS_MAX = 5,
    WATCH_MS = 10000,
    SCRATCH = 32,
    STATUS_ALREADY_THERE = 0xB8,
    DEVICE_ID = 1
};

/* ---- ready ------------------------------------------------------------------------------------------------------- */

static void ask_register(struct znp *z, struct writer *scratch, struct znp_message *m)
{
    const struct config_radio *s = z->c.settings;
    const uint8_t *clusters = scratch->at;
    write_u8(scratch, (uint8_t)s->cluster);
    write_u8(scratch, (uint8_t)(s->cluster >> 8));
    m->endpoint = s->endpoint;
    m->profile = s->profile;
    m->device = DEVICE_ID;
    m->list = m->outputs = span_of(clusters, 2);
}

/* One of an earlier run may have had other settings. */
static enum znp_step take_register(struct znp *z, const struct znp_message *m)
{
    bool there = m->command != ZNP_ERROR && m->status == STATUS_ALREADY_THERE;
    if (there && !z->up.removed_endpoint)
        return ZNP_REMOVE_ENDPOINT;
    return there || !znp_failed(m) ? ZNP_CLOSE_NETWORK
                                   : znp_step_give_up(z, "the stick refuses our endpoint");
}

static void ask_remove(struct znp *z, struct writer *scratch, struct znp_message *m)
{
    (void)scratch;
    m->endpoint = z->c.settings->endpoint;
}

/* AF_DELETE is unverified on hardware; where it is not known, what is registered stays until the stick restarts. */
static enum znp_step take_remove(struct znp *z, const struct znp_message *m)
{
    z->up.removed_endpoint = true;
    if (znp_failed(m))
        coordinator_log(&z->c, LEVEL_INFO,
                        "endpoint %u was registered before; changes of profile or cluster count once "
                        "the stick was unplugged",
                        z->c.settings->endpoint);
    return ZNP_REGISTER_ENDPOINT;
}

static void ask_close(struct znp *z, struct writer *scratch, struct znp_message *m)
{
    (void)z, (void)scratch;
    m->address_mode = ZNP_MODE_BROADCAST;
    m->destination = ZNP_ROUTERS_ADDRESS;
}

static void tell_limits(struct znp *z)
{
    const struct config_radio *s = z->c.settings;
    struct coordinator_info *i = &z->c.info;
    i->payload_limit = ZNP_PAYLOAD;
    if (s->max_message)
        i->payload_limit = s->max_message < ZNP_PAYLOAD_MAX ? s->max_message : ZNP_PAYLOAD_MAX;
    i->broadcast_limit = i->payload_limit < ZNP_PAYLOAD ? i->payload_limit : ZNP_PAYLOAD;
    i->window = z->product == ZNP_STACK_3_X_0 ? ZNP_WINDOW_LARGE : ZNP_WINDOW_SMALL;
}

static enum znp_step take_close(struct znp *z, const struct znp_message *m)
{
    const struct znp_found *f = &z->up.found;
    struct coordinator_info *i = &z->c.info;
    (void)m;
    i->channel = f->has_nib ? f->channel : z->up.wish.channel;
    i->pan_id = f->has_nib ? f->pan_id : z->up.wish.pan_id;
    i->extended_pan_id = f->has_nib ? f->extended_pan_id : z->up.wish.extended_pan_id;
    memset(&z->up.wish, 0, sizeof z->up.wish);
    memset(&z->up.found, 0, sizeof z->up.found);
    tell_limits(z);
    if (z->c.settings->any_endpoint)
        coordinator_log(&z->c, LEVEL_WARN,
                        "any_endpoint: Z-Stack gives us only frames for endpoint %u",
                        z->c.settings->endpoint);
    z->up.restarts = 0;
    coordinator_enter(&z->c, COORDINATOR_UP, "%s", "");
    return ZNP_IDLE;
}

static enum znp_step take_watch(struct znp *z, const struct znp_message *m)
{
    (void)m;
    return z->device_state == ZNP_COORDINATOR_RUNS ? ZNP_WAKE : ZNP_STAY;
}

static enum znp_step late_watch(struct znp *z)
{
    (void)z;
    return ZNP_WAKE;
}

const struct znp_row znp_ready_rows[ZNP_STEPS] = {
    [ZNP_REGISTER_ENDPOINT] = { ZNP_REGISTER, .ask = ask_register, .take = take_register },
    [ZNP_REMOVE_ENDPOINT] = { ZNP_UNREGISTER, .ask = ask_remove, .take = take_remove },
    [ZNP_CLOSE_NETWORK] = { ZNP_PERMIT_JOIN, .ask = ask_close, .take = take_close },
    [ZNP_WATCH] = { .awaits = ZNP_STATE, .wait_ms = WATCH_MS, .take = take_watch, .late = late_watch },
};

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

static const struct znp_row *row_of(enum znp_step step)
{
    static const struct znp_row *const tables[] = { znp_wake_rows, znp_decide_rows, znp_form_rows,
                                                    znp_ready_rows };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (tables[i][step].take || tables[i][step].late)
            return &tables[i][step];
    return NULL;
}

static void ask(struct znp *z, const struct znp_row *row, msec now)
{
    uint8_t room[SCRATCH];
    struct writer scratch = writer_of(room, sizeof room);
    struct znp_message m = { .command = row->command };
    const struct znp_asker asker = { ZNP_FOR_START, .wait_ms = row->wait_ms };
    if (row->ask)
        row->ask(z, &scratch, &m);
    assert(!scratch.failed);
    if (row->awaits) {
        znp_write(z, &m);
        return;
    }
    bool taken = znp_request(z, &asker, &m, now);
    assert(taken); /* nothing else is asked before it is up */
}

/* What it waits for may have come before the step began. */
static bool is_there(const struct znp *z, const struct znp_row *row)
{
    return row->awaits == ZNP_STATE && z->device_state == ZNP_COORDINATOR_RUNS;
}

static void enter(struct znp *z, enum znp_step step, msec now)
{
    const struct znp_row *row;
    if (step == ZNP_STAY)
        return;
    for (;; step = row->take(z, NULL)) {
        z->up.step = step;
        z->up.until = MSEC_NEVER;
        row = step == ZNP_IDLE ? NULL : row_of(step);
        if (!row)
            return;
        if (!is_there(z, row))
            break;
    }
    if (row->begin)
        row->begin(z);
    if (row->awaits || !row->command)
        z->up.until = now + row->wait_ms;
    if (row->command)
        ask(z, row, now);
}

void znp_start_begin(struct znp *z, msec now)
{
    const uint8_t restarts = z->up.restarts;
    z->up = (struct znp_bring_up){ .restarts = restarts };
    z->device_state = 0;
    z->late.active = false;
    memset(z->questions, 0, sizeof z->questions);
    znp_request_forget(z);
    enter(z, ZNP_WAKE, now);
}

void znp_start_answer(struct znp *z, const struct znp_message *m, msec now)
{
    const struct znp_row *row = row_of(z->up.step);
    if (row && row->take)
        enter(z, row->take(z, m), now);
}

bool znp_start_late(struct znp *z, msec now)
{
    const struct znp_row *row = row_of(z->up.step);
    if (!row || !row->late)
        return false;
    znp_request_forget(z);
    enter(z, row->late(z), now);
    return true;
}

void znp_start_tick(struct znp *z, msec now)
{
    if (now < z->up.until)
        return;
    z->up.until = MSEC_NEVER;
    if (!znp_start_late(z, now))
        znp_give_up(z, "the stick stopped answering while it was started");
}

/* ---- what the stick says by itself ------------------------------------------------------------------------------- */

/* The radio hears of the new state first: what it takes back itself need not be reported. */
static void lose_flights(struct znp *z, enum coordinator_state next, const char *why)
{
    uint8_t tokens[ZNP_WINDOW_LARGE];
    size_t n = znp_send_abandon(z, tokens);
    coordinator_enter(&z->c, next, "%s", why);
    for (size_t i = 0; i < n; i++)
        coordinator_sent(&z->c, tokens[i], RADIO_LOST);
}

static void restarted(struct znp *z, const struct znp_message *m, msec now)
{
    static const char *const reasons[] = { "the stick was switched on",
                                           "the stick was reset from outside",
                                           "the stick restarted by itself (watchdog)" };
    const char *why =
        m->reason < sizeof reasons / sizeof *reasons ? reasons[m->reason] : "the stick restarted";
    if (z->up.restarts++ == RESTARTS_MAX) {
        znp_give_up(z, "the stick restarts again and again");
        return;
    }
    if (z->c.state == COORDINATOR_UP)
        lose_flights(z, COORDINATOR_STARTING, why);
    znp_start_begin(z, now);
}

static void stopped(struct znp *z, msec now)
{
    lose_flights(z, COORDINATOR_DOWN, "the stick stopped its network");
    znp_request_forget(z);
    enter(z, ZNP_WATCH, now);
}

void znp_start_event(struct znp *z, const struct znp_message *m, msec now)
{
    const struct znp_row *row = row_of(z->up.step);
    if (m->command == ZNP_STATE)
        z->device_state = m->state;
    if (row && row->awaits == m->command) {
        enter(z, row->take(z, m), now);
    } else if (m->command == ZNP_WAS_RESET && z->c.state != COORDINATOR_REFUSED) {
        restarted(z, m, now);
    } else if (m->command == ZNP_STATE && z->c.state == COORDINATOR_UP &&
               m->state != ZNP_COORDINATOR_RUNS) {
        stopped(z, now);
    }
}
