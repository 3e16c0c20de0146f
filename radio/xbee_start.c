/* xbee_start.c -- from an open line to a network that is known to be the right one, and watching over it.
 *
 * All that matters is read with a script of AT commands, xbee_network.c decides what follows from it, and from then
 * on this file watches: a module that is reset, loses its network, or falls silent is noticed here. A network that
 * was lost is never formed again by itself; it may come back.
 *
 * A module that answers no frame at all may be in transparent mode: it is called with +++ and switched to API mode,
 * which is not saved, so that it is as before after a power cycle. */
#include "radio/xbee_inside.h"

#include <stdio.h>

enum {
    ASK_TRIES = 2, /* the first may be taken for the end of something that was half written before */
    AT_TRIES = 3,
    HUSH_MS = 1100,       /* command mode: silence before and after +++ */
    CALL_MS = 2500,       /* ... until OK comes */
    WATCH_POLL_MS = 5000, /* of AI while the network is lost */
    SILENT_MS = 10000     /* nothing was heard for so long: is it still there? */
};

enum modem {
    MODEM_HARDWARE_RESET = 0x00,
    MODEM_WATCHDOG_RESET = 0x01,
    MODEM_LEFT = 0x03,
    MODEM_COORDINATOR_STARTED = 0x06,
    MODEM_PAN_CHANGED = 0x3F
};

static void give_up(struct xbee *x, const char *why)
{
    x->asked_id = 0;
    xbee_send_lose(x);
    xbee_enter(x, XBEE_CLOSED, MSEC_NEVER);
    coordinator_restart(&x->common, "%s", why);
}

void xbee_start_refuse(struct xbee *x, const char *why, const char *remedy)
{
    x->asked_id = 0;
    xbee_enter(x, XBEE_RESTING, MSEC_NEVER);
    coordinator_enter(&x->common, COORDINATOR_REFUSED, "%s%s", why, remedy);
}

/* ---- nobody answers: perhaps it is in transparent mode ------------------------------------------------------ */

void xbee_start_asking(struct xbee *x, msec now)
{
    memset(x->facts, 0, sizeof x->facts);
    xbee_enter(x, XBEE_ASKING, MSEC_NEVER);
    xbee_script_begin(x, XBEE_SCRIPT_READING, now);
}

static void call(struct xbee *x, enum xbee_phase next, const char *text, msec now)
{
    memset(x->text, 0, sizeof x->text);
    coordinator_write(&x->common, span_text(text));
    xbee_enter(x, next, now + CALL_MS);
}

bool xbee_start_wants_text(const struct xbee *x)
{
    return x->phase == XBEE_CALLING || x->phase == XBEE_SWITCHING || x->phase == XBEE_LEAVING;
}

void xbee_start_text(struct xbee *x, struct span bytes, msec now)
{
    for (size_t i = 0; i < bytes.len; i++) {
        memmove(x->text, x->text + 1, sizeof x->text - 1);
        x->text[sizeof x->text - 1] = bytes.at[i];
        if (memcmp(x->text, "OK\r", sizeof x->text) != 0)
            continue;
        if (x->phase == XBEE_CALLING)
            call(x, XBEE_SWITCHING, "ATAP1\r", now);
        else if (x->phase == XBEE_SWITCHING)
            call(x, XBEE_LEAVING, "ATCN\r", now);
        else if (x->phase == XBEE_LEAVING)
            xbee_start_asking(x, now);
    }
}

static void nobody(struct xbee *x, msec now)
{
    x->asked_id = 0;
    if (x->calls++ == 0)
        xbee_enter(x, XBEE_HUSHED, now + HUSH_MS);
    else
        give_up(x, "no XBee answers, neither in API mode nor to +++");
}

/* ---- what is it, and which network has it? ------------------------------------------------------------------ */

void xbee_start_reading(struct xbee *x, msec now)
{
    memset(x->facts, 0, sizeof x->facts);
    xbee_enter(x, XBEE_READING, MSEC_NEVER);
    xbee_script_begin(x, XBEE_SCRIPT_READING, now);
}

/* ---- while it runs ------------------------------------------------------------------------------------------ */

void xbee_start_down(struct xbee *x, const char *why, msec now)
{
    x->asked_id = 0;
    xbee_send_lose(x);
    xbee_enter(x, XBEE_WATCHING, now + WATCH_POLL_MS);
    coordinator_enter(&x->common, COORDINATOR_DOWN, "%s", why);
}

/* Something is new in the module: nothing that is known of it counts any more. */
static void begin_anew(struct xbee *x, const char *why, msec now)
{
    x->asked_id = 0;
    x->waits = 0;
    x->outdated = false;
    xbee_send_lose(x);
    coordinator_enter(&x->common, COORDINATOR_STARTING, "%s", why);
    xbee_start_reading(x, now);
}

/* Commands one at a time; and a question when the module was silent for long. */
static void run(struct xbee *x, msec now)
{
    if (x->join_wanted) {
        x->join_wanted = false;
        xbee_script_begin(x, XBEE_SCRIPT_JOIN, now);
    } else if (x->pan_wanted) {
        x->pan_wanted = false;
        xbee_script_begin(x, XBEE_SCRIPT_PAN_ID, now);
    } else if (now >= x->frame_at + SILENT_MS) {
        xbee_script_begin(x, XBEE_SCRIPT_ASSOCIATION, now);
    }
}

static void go_on_running(struct xbee *x, msec now)
{
    x->common.info.pan_id = (uint16_t)x->facts[FACT_OI];
    if (x->facts[FACT_AI] != 0)
        xbee_start_down(x, "it lost its network", now);
    else
        run(x, now);
}

static const char *modem_name(uint8_t status)
{
    static const struct {
        uint8_t status;
        const char *name;
    } names[] = {
        { MODEM_HARDWARE_RESET, "it was reset" },
        { MODEM_WATCHDOG_RESET, "its watchdog reset it" },
        { 0x02, "it joined a network" },
        { MODEM_LEFT, "it left its network" },
        { MODEM_COORDINATOR_STARTED, "it started a network" },
        { 0x07, "the network key is another now" },
        { 0x0D, "its supply voltage is too high" },
        { 0x3E, "another network nearby has the same PAN id" },
        { MODEM_PAN_CHANGED, "its PAN id was changed, since another network has the same" },
        { 0x42, "no coordinator was heard for long" },
        { 0x43, "open for new nodes" },
        { 0x44, "closed for new nodes" },
        { 0x45, "the network key is about to change" }, /* unverified on hardware */
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].status == status)
            return names[i].name;
    return NULL;
}

void xbee_start_modem(struct xbee *x, uint8_t status, msec now)
{
    const char *name = modem_name(status);
    const bool reset = status == MODEM_HARDWARE_RESET || status == MODEM_WATCHDOG_RESET;
    const bool started = status == MODEM_COORDINATOR_STARTED, running = x->phase == XBEE_RUNNING;
    if (reset || (started && running)) {
        begin_anew(x, name, now);
    } else if (started && x->phase == XBEE_FORMED) {
        xbee_network_await(x, now);
        x->wake = now;
    } else if (started && x->phase == XBEE_READING) {
        x->outdated = true;
    } else if (started && (x->phase == XBEE_AWAITING || x->phase == XBEE_WATCHING)) {
        x->wake = now;
    } else if (status == MODEM_LEFT && running) {
        xbee_start_down(x, name, now);
    } else {
        x->pan_wanted = x->pan_wanted || (status == MODEM_PAN_CHANGED && running);
        coordinator_log(&x->common, name ? LEVEL_INFO : LEVEL_DEBUG, "modem status %02x%s%s",
                        status, name ? ": " : "", name ? name : "");
    }
}

/* ---- answers and time --------------------------------------------------------------------------------------- */

/* AI was asked by one who waits for a network. */
static void look_again(struct xbee *x, msec now)
{
    if (x->facts[FACT_AI] == 0) {
        begin_anew(x, "", now);
    } else if (x->phase == XBEE_WATCHING) {
        x->wake = now + WATCH_POLL_MS;
    } else if (now < x->patience && xbee_network_may_start(x)) {
        x->wake = now + XBEE_AWAIT_POLL_MS;
    } else {
        x->waits++;
        xbee_network_decide(x, now);
    }
}

static void end_of_script(struct xbee *x, msec now)
{
    if (x->phase == XBEE_READING && x->outdated) {
        begin_anew(x, "", now);
    } else if (x->phase == XBEE_READING) {
        xbee_network_decide(x, now);
    } else if (x->phase == XBEE_FORMING) {
        x->formings++;
        x->facts[FACT_CE] = 1;
        xbee_enter(x, XBEE_FORMED, now + XBEE_AWAIT_MS);
    } else if (x->phase == XBEE_SETTLING) {
        xbee_network_take(x);
    } else if (x->phase == XBEE_RUNNING) {
        go_on_running(x, now);
    } else {
        look_again(x, now);
    }
}

/* The module says no. */
static void refused(struct xbee *x, uint8_t status, msec now)
{
    char why[COORDINATOR_TEXT];
    snprintf(why, sizeof why, "it refuses %s (status %u)", xbee_script_command(x), status);
    if (x->phase == XBEE_READING || x->phase == XBEE_ASKING) {
        give_up(x, why);
    } else if (x->phase == XBEE_FORMING) {
        xbee_start_refuse(x, why, "");
    } else {
        coordinator_log(&x->common, LEVEL_WARN, "%s", why);
        if (!xbee_script_go_on(x, now))
            end_of_script(x, now);
    }
}

/* From the answer to AP on there is one dialect. */
static bool dialect_is_known(struct xbee *x)
{
    if (x->mode || x->facts[FACT_AP] == 0)
        return true;
    if (x->facts[FACT_AP] == XBEE_PLAIN || x->facts[FACT_AP] == XBEE_ESCAPED)
        x->mode = (enum xbee_mode)x->facts[FACT_AP];
    return x->mode != 0;
}

void xbee_start_answer(struct xbee *x, const struct xbee_frame *f, msec now)
{
    const enum xbee_answer answer = xbee_script_take(x, f);
    if (answer == XBEE_ANSWER_OTHER)
        return;
    if (answer == XBEE_ANSWER_REFUSED) {
        refused(x, f->status, now);
        return;
    }
    if (x->phase == XBEE_ASKING)
        xbee_enter(x, XBEE_READING, MSEC_NEVER);
    if (!dialect_is_known(x))
        give_up(x, "its API mode (AP) is none of 1 and 2");
    else if (!xbee_script_go_on(x, now))
        end_of_script(x, now);
}

static void unanswered(struct xbee *x, msec now)
{
    char why[COORDINATOR_TEXT];
    if (x->tries < (x->phase == XBEE_ASKING ? ASK_TRIES : AT_TRIES)) {
        xbee_script_again(x, now);
    } else if (x->phase == XBEE_ASKING) {
        nobody(x, now);
    } else {
        snprintf(why, sizeof why, "it does not answer any more (%s)", xbee_script_command(x));
        give_up(x, why);
    }
}

static void wake_up(struct xbee *x, msec now)
{
    if (x->phase == XBEE_HUSHED)
        call(x, XBEE_CALLING, "+++", now);
    else if (xbee_start_wants_text(x))
        nobody(x, now);
    else if (x->phase == XBEE_FORMED)
        xbee_network_await(x, now);
    else
        xbee_script_begin(x, XBEE_SCRIPT_ASSOCIATION, now);
}

void xbee_start_tick(struct xbee *x, msec now)
{
    if (x->asked_id != 0 && now >= x->asked_until)
        unanswered(x, now);
    else if (x->asked_id == 0 && x->phase == XBEE_RUNNING)
        run(x, now);
    else if (x->asked_id == 0 && now >= x->wake)
        wake_up(x, now);
}

msec xbee_start_deadline(const struct xbee *x)
{
    if (x->asked_id != 0)
        return x->asked_until;
    return x->phase == XBEE_RUNNING ? x->frame_at + SILENT_MS : x->wake;
}
