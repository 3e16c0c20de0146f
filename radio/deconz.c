/* deconz.c -- the machine of a deCONZ stick: commands, their answers, and the state octet that says what waits.
 *
 * Every command is answered under its own sequence number, or is asked again after a while. Firmware has been seen to
 * answer a sequence with the wrong command; that counts as no answer. What an answer carries, a received frame or what
 * became of a sent one, is taken whatever its sequence: the stick gives it out only once.
 *
 * Nothing is pushed but the state octet, and that only when it changes. So it is asked for from time to time, sooner
 * when frames are under way or something was damaged: a stick that stopped talking is noticed, and nothing stays in it
 * for want of one lost octet. Newer firmware also watches its host, and wants to be told that it is there. */
#include "radio/deconz_inside.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    ANSWER_MS = 1800,
    HURRY_MS = 200, /* when something came that was damaged: it may have been the answer */
    TRIES = 3,
    POLL_MS = 10000,     /* the state octet, while nothing happens ... */
    POLL_BUSY_MS = 1000, /* ... while something is under way ... */
    POLL_WAIT_MS = 500,  /* ... and while the network is to change */
    FRAME_ROOM = 2 * DECONZ_FRAME_MAX + 2,
};

static struct deconz *deconz_of(struct coordinator *c)
{
    return (struct deconz *)c;
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

void deconz_give_up(struct deconz *d, const char *format, ...)
{
    char why[COORDINATOR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    d->given_up = true;
    coordinator_restart(&d->c, "%s", why);
}

static void write_ask(struct deconz *d, struct deconz_ask *a, msec now)
{
    uint8_t room[FRAME_ROOM];
    struct writer w = writer_of(room, sizeof room);
    const struct deconz_frame f = { a->command, a->sequence, DECONZ_OK, span_of(a->body, a->len) };
    a->tries++;
    a->until = now + ANSWER_MS;
    deconz_write(&f, &w);
    coordinator_write(&d->c, span_of(room, sizeof room - w.left));
}

void deconz_ask(struct deconz *d, enum deconz_kind kind, uint8_t command, struct span body, msec now)
{
    struct deconz_ask *a = &d->asks[kind];
    assert(a->tries == 0 && body.len <= sizeof a->body);
    a->command = command;
    a->sequence = ++d->sequence;
    a->len = (uint16_t)body.len;
    if (body.len > 0)
        memcpy(a->body, body.at, body.len);
    write_ask(d, a, now);
}

static void ask_again(struct deconz *d, struct deconz_ask *a, msec now)
{
    if (a->tries < TRIES)
        write_ask(d, a, now);
    else
        deconz_give_up(d, "it does not answer to command 0x%02x", a->command);
}

/* ---- the state octet -------------------------------------------------------------------------------------------- */

static msec poll_interval(const struct deconz *d)
{
    if (d->waits)
        return POLL_WAIT_MS;
    return deconz_air_is_busy(d) ? POLL_BUSY_MS : POLL_MS;
}

static void note_state(struct deconz *d, const struct deconz_frame *f, msec now)
{
    if (f->status != DECONZ_OK || !deconz_read_state(f, &d->state))
        return;
    d->poll_at = now + poll_interval(d);
    deconz_start_state(d, now);
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

/* The stick said that something waits, and then had nothing: it is not asked again until it says so anew. */
static void had_nothing(struct deconz *d, uint8_t bit, msec now)
{
    d->state = (uint8_t)(d->state & ~bit);
    if (d->poll_at > now + POLL_BUSY_MS)
        d->poll_at = now + POLL_BUSY_MS;
}

/* What came with any frame, answer or not. */
static void take_contents(struct deconz *d, const struct deconz_frame *f, msec now)
{
    const bool fine = f->status == DECONZ_OK;
    if (f->command == DECONZ_INDICATION && !(fine && deconz_air_indication(d, f->body, now)))
        had_nothing(d, DECONZ_INDICATION_WAITS, now);
    else if (f->command == DECONZ_CONFIRM && !(fine && deconz_air_confirm(d, f->body)))
        had_nothing(d, DECONZ_CONFIRM_WAITS, now);
    else if (f->command == DECONZ_MAC_POLL)
        deconz_air_poll(d, f->body);
}

/* A later word about a parameter; the state octet was taken already. */
static void stick_answered(struct deconz *d, const struct deconz_frame *f)
{
    if (f->status != DECONZ_OK)
        coordinator_log(&d->c, LEVEL_WARN, "the stick refused command 0x%02x: status %u",
                        f->command, f->status);
}

static void take_answer(struct deconz *d, enum deconz_kind kind, const struct deconz_frame *f,
                        msec now)
{
    d->asks[kind].tries = 0;
    if (kind == DECONZ_ASK_SEND)
        deconz_air_queued(d, f, now);
    else if (kind == DECONZ_ASK_STEP)
        deconz_start_answer(d, f, now);
    else if (kind == DECONZ_ASK_STICK)
        stick_answered(d, f);
}

/* The question that has this sequence; NULL: none has. */
static struct deconz_ask *asked(struct deconz *d, uint8_t sequence)
{
    for (struct deconz_ask *a = d->asks; a < d->asks + DECONZ_ASKS; a++)
        if (a->tries > 0 && a->sequence == sequence)
            return a;
    return NULL;
}

static bool is_unasked(uint8_t command)
{
    return command == DECONZ_STATE_CHANGED || command == DECONZ_MAC_POLL;
}

static void take_frame(struct deconz *d, const struct deconz_frame *f, msec now)
{
    struct deconz_ask *a = is_unasked(f->command) ? NULL : asked(d, f->sequence);
    d->c.frames_good++;
    note_state(d, f, now);
    take_contents(d, f, now);
    if (a && a->tries > 0 && a->command == f->command)
        take_answer(d, (enum deconz_kind)(a - d->asks), f, now);
    else if (a && a->tries > 0)
        ask_again(d, a, now);
}

/* ---- what follows ----------------------------------------------------------------------------------------------- */

static void ask_state(struct deconz *d, msec now)
{
    static const uint8_t nothing[3] = { 0 };
    d->poll_at = now + poll_interval(d);
    deconz_ask(d, DECONZ_ASK_STICK, DECONZ_STATE, span_of(nothing, sizeof nothing), now);
}

static void pump_stick(struct deconz *d, msec now)
{
    const bool up = d->c.state == COORDINATOR_UP;
    if (deconz_is_asking(d, DECONZ_ASK_STICK) || (!up && !d->waits))
        return;
    if (up && d->permit >= 0)
        deconz_ask_write(d, DECONZ_ASK_STICK, DECONZ_PERMIT_JOIN, now);
    else if (up && now >= d->feed_at)
        deconz_ask_write(d, DECONZ_ASK_STICK, DECONZ_WATCHDOG, now);
    else if (now >= d->poll_at)
        ask_state(d, now);
}

static void pump(struct deconz *d, msec now)
{
    if (d->given_up)
        return;
    if (d->c.state == COORDINATOR_UP)
        deconz_air_pump(d, now);
    pump_stick(d, now);
}

/* ---- the family ------------------------------------------------------------------------------------------------- */

static void deconz_init(struct coordinator *c)
{
    (void)c; /* everything begins with the line */
}

static void deconz_start(struct coordinator *c, msec now)
{
    struct deconz *d = deconz_of(c);
    const struct coordinator common = *c;
    memset(d, 0, sizeof *d);
    d->c = common;
    d->permit = -1;
    d->poll_at = d->feed_at = MSEC_NEVER;
    d->sequence = (uint8_t)coordinator_random(c);
    d->request_id = (uint8_t)coordinator_random(c);
    deconz_reader_init(&d->reader);
    deconz_start_begin(d, now);
}

/* Something came, and nobody can tell what: an answer, or news of the state. Each question is hurried only once, since
 * a line of noise must not make them all be given up. */
static void hear_damage(struct deconz *d, msec now)
{
    for (struct deconz_ask *a = d->asks; a < d->asks + DECONZ_ASKS; a++)
        if (a->tries == 1 && a->until > now + HURRY_MS)
            a->until = now + HURRY_MS;
    if (d->c.state != COORDINATOR_UP)
        return;
    d->c.events->dropped(d->c.events->context, "damaged frame");
    d->poll_at = now;
}

static void deconz_hear(struct coordinator *c, struct span bytes, msec now)
{
    struct deconz *d = deconz_of(c);
    struct deconz_frame f;
    while (!d->given_up && deconz_next(&d->reader, &bytes, &f))
        take_frame(d, &f, now);
    for (; d->damaged != deconz_damaged(&d->reader); d->damaged++)
        hear_damage(d, now);
    pump(d, now);
}

static void deconz_tick(struct coordinator *c, msec now)
{
    struct deconz *d = deconz_of(c);
    for (struct deconz_ask *a = d->asks; a < d->asks + DECONZ_ASKS && !d->given_up; a++)
        if (a->tries > 0 && now >= a->until)
            ask_again(d, a, now);
    if (!d->given_up)
        deconz_start_tick(d, now);
    deconz_air_tick(d, now);
    coordinator_expire(c, now);
    pump(d, now);
}

static msec earlier(msec a, msec b)
{
    return a < b ? a : b;
}

static msec deconz_deadline(const struct coordinator *c)
{
    const struct deconz *d = (const struct deconz *)c;
    msec at = coordinator_parked_until(c);
    if (d->given_up || c->state == COORDINATOR_REFUSED)
        return at;
    for (const struct deconz_ask *a = d->asks; a < d->asks + DECONZ_ASKS; a++)
        if (a->tries > 0)
            at = earlier(at, a->until);
    if (d->waits)
        at = earlier(at, d->step_until);
    if (!deconz_is_asking(d, DECONZ_ASK_STICK) && (d->waits || c->state == COORDINATOR_UP))
        at = earlier(at, d->poll_at);
    if (!deconz_is_asking(d, DECONZ_ASK_STICK) && c->state == COORDINATOR_UP)
        at = earlier(at, d->feed_at);
    return earlier(at, deconz_air_deadline(d));
}

static void deconz_send(struct coordinator *c, const struct unicast *u, msec now)
{
    struct deconz *d = deconz_of(c);
    deconz_air_send(d, u, now);
    pump(d, now);
}

static void deconz_broadcast(struct coordinator *c, uint8_t radius, struct span data, msec now)
{
    struct deconz *d = deconz_of(c);
    deconz_air_broadcast(d, radius, data, now);
    pump(d, now);
}

static void deconz_permit_join(struct coordinator *c, uint8_t seconds, msec now)
{
    struct deconz *d = deconz_of(c);
    d->permit = seconds;
    pump(d, now);
}

static size_t deconz_probe(struct writer *w)
{
    static const uint8_t nothing[4] = { 0 };
    const size_t room = w->left;
    deconz_write(&(struct deconz_frame){ DECONZ_VERSION, 1, DECONZ_OK, span_of(nothing, 4) }, w);
    return room - w->left;
}

static bool deconz_answers(struct span heard, char *line, size_t room)
{
    struct deconz_reader reader;
    struct deconz_frame f;
    uint32_t version;
    deconz_reader_init(&reader);
    while (deconz_next(&reader, &heard, &f)) {
        if (f.command != DECONZ_VERSION || !deconz_read_version(f.body, &version))
            continue;
        snprintf(line, room, "%s, firmware 0x%08x", deconz_platform(version), (unsigned)version);
        return true;
    }
    return false;
}

const struct coordinator_family deconz_family = {
    .name = "deconz",
    .size = sizeof(struct deconz),
    .bauds = { 115200, 38400, 0 },
    .init = deconz_init,
    .start = deconz_start,
    .hear = deconz_hear,
    .tick = deconz_tick,
    .deadline = deconz_deadline,
    .send = deconz_send,
    .broadcast = deconz_broadcast,
    .permit_join = deconz_permit_join,
    .probe = deconz_probe,
    .answers = deconz_answers,
};
