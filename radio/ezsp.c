/* ezsp.c -- an EmberZNet coprocessor (NCP) as a coordinator: the frame around the machine.
 *
 * Below is the ASH link, which delivers frames or fails. On top of it one command goes at a time, and the next one only
 * when the one before was answered; callbacks come in between. Every command that waits carries the function that takes
 * its answer, so that the bring-up, frames and questions about addresses share one queue without knowing each other.
 *
 * An NCP forgets its settings and endpoints in every reset, asked for or not. So there is one way to recover from
 * anything: what was under way is lost, the NCP is reset, and the bring-up runs from the beginning. Also when it was
 * reset just now, by itself: what we had on its way then came to it afterwards, and was perhaps counted as the first
 * frame of ours. When all that fails too often, the line itself is closed and opened. */
#include "radio/ezsp_machine.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static struct ezsp *ezsp_of(struct coordinator *c)
{
    return (struct ezsp *)c;
}

/* ---- one command at a time ------------------------------------------------------------------------------------- */

struct writer ezsp_params(struct ezsp_command *command)
{
    return writer_of(command->params, sizeof command->params);
}

void ezsp_params_end(struct ezsp_command *command, const struct writer *w)
{
    assert(!w->failed);
    command->len = (uint8_t)(sizeof command->params - w->left);
}

static void write_command(struct ezsp *e, const struct ezsp_command *c, msec now)
{
    uint8_t bytes[ASH_DATA_MAX];
    struct writer w = writer_of(bytes, sizeof bytes);
    ezsp_frame_write(
        &(struct ezsp_frame){ e->sequence, EZSP_COMMAND, c->id, span_of(c->params, c->len) },
        e->version, &w);
    assert(!w.failed);
    e->asked = ash_send(&e->link, span_of(bytes, sizeof bytes - w.left), now);
    e->answer_until = now + EZSP_ANSWER_MS;
}

static void drop_first(struct ezsp *e)
{
    e->head = (e->head + 1) % EZSP_COMMANDS;
    e->count--;
}

/* Where a node is, is looked at when its frame goes, not when it was queued; the frame may have ended before that. */
static void ask_next(struct ezsp *e, msec now)
{
    while (!e->asked && e->count > 0) {
        struct ezsp_command *first = &e->commands[e->head];
        if (first->id != EZSP_SEND_UNICAST || ezsp_send_fill(e, first)) {
            write_command(e, first, now);
            return;
        }
        drop_first(e);
    }
}

bool ezsp_ask(struct ezsp *e, const struct ezsp_command *command, msec now)
{
    if (e->count == EZSP_COMMANDS)
        return false;
    e->commands[(e->head + e->count++) % EZSP_COMMANDS] = *command;
    ask_next(e, now);
    return true;
}

enum ezsp_status ezsp_status_of(const struct ezsp *e, const struct ezsp_frame *answer, uint32_t *code)
{
    struct reader r = reader_of(answer->params);
    enum ezsp_status s = ezsp_read_status(&r, e->version, code);
    return answer->id == EZSP_INVALID_COMMAND ? EZSP_FAILED : s;
}

static void take_answer(struct ezsp *e, const struct ezsp_frame *f, msec now)
{
    const struct ezsp_command asked = e->commands[e->head];
    bool refused = f->id == EZSP_INVALID_COMMAND;
    if (!e->asked || f->sequence != e->sequence || (f->id != asked.id && !refused))
        return; /* the answer to something that is forgotten */
    e->asked = false;
    e->sequence++;
    drop_first(e);
    if (refused)
        coordinator_log(&e->c, LEVEL_INFO, "the NCP does not know %s", ezsp_frame_name(asked.id));
    if (asked.answered)
        asked.answered(e, &asked, f, now);
    ask_next(e, now);
}

static void forget_commands(struct ezsp *e)
{
    e->head = e->count = 0;
    e->asked = false;
}

/* ---- failure --------------------------------------------------------------------------------------------------- */

/* The radio hears of the new state first: then it takes back by itself what was under way. */
static void lose_all(struct ezsp *e, const char *why)
{
    e->step = EZSP_STEP_NONE;
    e->network_up = false;
    e->open_until = e->down_since = e->step_until = MSEC_NEVER;
    e->sender = 0;
    forget_commands(e);
    if (e->c.state != COORDINATOR_STARTING)
        coordinator_enter(&e->c, COORDINATOR_STARTING, "%s", why);
    else
        coordinator_log(&e->c, LEVEL_WARN, "%s", why);
    ezsp_send_lose(e);
}

static void count_failure(struct ezsp *e, msec now)
{
    if (e->up_since != MSEC_NEVER && now - e->up_since >= EZSP_STABLE_MS)
        e->failures = 0;
    e->up_since = MSEC_NEVER;
    e->failures++;
}

static void give_up(struct ezsp *e, const char *why)
{
    ash_stop(&e->link);
    e->failures = 0;
    coordinator_restart(&e->c, "%s", why);
}

/* False: too often, the line is closed. */
static bool may_begin_again(struct ezsp *e, msec now, const char *why)
{
    lose_all(e, why);
    count_failure(e, now);
    if (e->failures < EZSP_FAILURES)
        return true;
    give_up(e, why);
    return false;
}

void ezsp_fail(struct ezsp *e, msec now, const char *format, ...)
{
    char why[COORDINATOR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    if (!may_begin_again(e, now, why))
        return;
    e->resetting = true;
    ash_reset(&e->link, now);
}

/* ---- from the link --------------------------------------------------------------------------------------------- */

static void on_write(void *context, struct span wire)
{
    struct ezsp *e = context;
    coordinator_write(&e->c, wire);
}

static void on_deliver(void *context, struct span data, msec now)
{
    struct ezsp *e = context;
    struct ezsp_frame f;
    if (!ezsp_frame_read(data, e->version, &f))
        coordinator_log(&e->c, LEVEL_WARN, "a frame of %zu octets is no EZSP %u", data.len,
                        e->version);
    else if (ezsp_frame_is_callback(&f))
        ezsp_hear_callback(e, &f, now);
    else
        take_answer(e, &f, now);
}

/* Some sticks are reset by the opening of the port and say so after they answered RST: that is no failure. */
static void on_connected(void *context, uint8_t code, msec now)
{
    struct ezsp *e = context;
    bool asked = e->resetting || e->step == EZSP_STEP_VERSION;
    if (!asked) {
        ezsp_fail(e, now, "the NCP was reset (%s)", ash_frame_code(code));
        return;
    }
    e->resetting = false;
    forget_commands(e);
    ezsp_start_begin(e, now);
}

static void on_failed(void *context, enum ash_failure how, uint8_t code, msec now)
{
    struct ezsp *e = context;
    if (how == ASH_PEER_DEAD)
        ezsp_fail(e, now, "the NCP gave up (%s)", ash_frame_code(code));
    else if (how == ASH_NO_ANSWER)
        ezsp_fail(e, now, "the NCP acknowledges nothing");
    else if (e->c.frames_good == 0)
        give_up(e, "no answer to a reset: not an EZSP NCP");
    else
        ezsp_fail(e, now, "the NCP does not answer a reset");
}

static const struct ash_events link_events = { on_write, on_deliver, on_connected, on_failed };

/* ---- time ------------------------------------------------------------------------------------------------------ */

static bool is_idle(const struct ezsp *e)
{
    return e->step == EZSP_STEP_DONE && !e->asked && e->count == 0;
}

static void check_answer(struct ezsp *e, msec now)
{
    if (e->asked && now >= e->answer_until)
        ezsp_fail(e, now, "no answer to %s", ezsp_frame_name(e->commands[e->head].id));
}

static void check_alive(struct ezsp *e, msec now)
{
    const struct ezsp_command nop = { .id = EZSP_NOP };
    if (is_idle(e) && now >= e->heard_at + EZSP_SILENCE_MS && !ezsp_ask(e, &nop, now))
        ezsp_fail(e, now, "nothing can be asked");
}

static void ezsp_tick(struct coordinator *c, msec now)
{
    struct ezsp *e = ezsp_of(c);
    ash_tick(&e->link, now);
    check_answer(e, now);
    ezsp_start_tick(e, now);
    ezsp_send_tick(e, now);
    check_alive(e, now);
    coordinator_expire(c, now);
}

static msec earlier(msec a, msec b)
{
    return a < b ? a : b;
}

static msec ezsp_deadline(const struct coordinator *c)
{
    const struct ezsp *e = (const struct ezsp *)c;
    msec at = earlier(ash_deadline(&e->link), coordinator_parked_until(c));
    at = earlier(at, ezsp_send_deadline(e));
    at = earlier(at, e->step_until);
    if (e->asked)
        at = earlier(at, e->answer_until);
    if (is_idle(e))
        at = earlier(at, e->heard_at + EZSP_SILENCE_MS);
    return e->down_since == MSEC_NEVER ? at : earlier(at, e->down_since + EZSP_DOWN_MS);
}

/* ---- the family ------------------------------------------------------------------------------------------------ */

static void ezsp_init(struct coordinator *c)
{
    struct ezsp *e = ezsp_of(c);
    ash_init(&e->link, ASH_HOST, &link_events, e);
    e->up_since = e->open_until = e->down_since = e->step_until = MSEC_NEVER;
}

/* Frames that were under way are the radio's again, without a word. */
static void ezsp_start(struct coordinator *c, msec now)
{
    struct ezsp *e = ezsp_of(c);
    ash_init(&e->link, ASH_HOST, &link_events, e);
    ash_set_network(&e->link, c->network);
    memset(e->flights, 0, sizeof e->flights);
    forget_commands(e);
    e->step = EZSP_STEP_NONE;
    e->failures = 0;
    e->network_up = false;
    e->sender = 0;
    e->up_since = e->open_until = e->down_since = e->step_until = MSEC_NEVER;
    e->resetting = true;
    ash_reset(&e->link, now);
}

static void ezsp_hear(struct coordinator *c, struct span bytes, msec now)
{
    struct ezsp *e = ezsp_of(c);
    uint32_t before = e->link.in.good;
    ash_hear(&e->link, bytes, now);
    if (e->link.in.good == before)
        return;
    c->frames_good += e->link.in.good - before;
    e->heard_at = now;
}

static size_t ezsp_probe(struct writer *w)
{
    size_t before = w->left;
    ash_frame_write(&(struct ash_frame){ .kind = ASH_RST }, w);
    return before - w->left;
}

static bool ezsp_answers(struct span heard, char *line, size_t room)
{
    struct ash_reader in = { 0 };
    struct reader r = reader_of(heard);
    struct ash_frame f;
    for (enum ash_read came; (came = ash_frame_read(&in, &r, &f)) != ASH_READ_MORE;)
        if (came == ASH_READ_FRAME && f.kind == ASH_RSTACK) {
            snprintf(line, room, "EmberZNet NCP, ASH version %u (%s)", f.version,
                     ash_frame_code(f.code));
            return true;
        }
    return false;
}

const struct coordinator_family ezsp_family = {
    .name = "ezsp",
    .size = sizeof(struct ezsp),
    .bauds = { 115200, 57600, 460800, 0 },
    .init = ezsp_init,
    .start = ezsp_start,
    .hear = ezsp_hear,
    .tick = ezsp_tick,
    .deadline = ezsp_deadline,
    .send = ezsp_send_unicast,
    .broadcast = ezsp_send_broadcast,
    .permit_join = ezsp_send_permit_join,
    .probe = ezsp_probe,
    .answers = ezsp_answers,
};
