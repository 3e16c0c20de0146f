/* znp_request.c -- one request at a time.
 *
 * The stick takes one SREQ, answers it with the SRSP of the same number, and only then wants the next; it counts
 * nothing and repeats nothing. So requests wait in a line of their own, all encoded. Each answer comes within
 * milliseconds, so whatever waits for its turn does not wait long.
 *
 * When an answer does not come, it may still come late, and must not be taken for that of the next request of the
 * same kind. Hence nothing more is asked until a ping was answered: the stick answers in order, so what is behind the
 * answer of the ping is not late. A step of the bring-up is then asked again; of a frame it is not known whether it
 * was taken, which its confirm tells. Two time-outs in a row, and the line is opened anew.
 *
 * A damaged frame while an answer is awaited probably was that answer. The rest of the time need not be waited for. */
#include "radio/znp_machine.h"

#include <assert.h>
#include <stdio.h>

enum { HURRY_MS = 300, HURRIED = 1, TIMED_OUT = 5, PATIENCE = 10 };

static struct znp_request *place(struct znp_line *l, size_t i)
{
    return &l->queue[(l->head + i) % ZNP_QUEUE];
}

static bool is_other(const struct znp_asker *asker)
{
    return asker->purpose == ZNP_FOR_NOBODY || asker->purpose == ZNP_FOR_LONG;
}

static void take_first(struct znp_line *l)
{
    l->others -= is_other(&place(l, 0)->asker);
    l->head = (l->head + 1) % ZNP_QUEUE;
    l->count--;
    l->waits = false;
}

static void ask_next(struct znp *z, msec now)
{
    struct znp_line *l = &z->line;
    if (l->waits || l->count == 0 || z->stopped)
        return;
    const struct znp_request *r = place(l, 0);
    l->waits = true;
    l->hurried = false;
    l->until = now + (r->asker.wait_ms ? r->asker.wait_ms : ZNP_ANSWER_MS);
    coordinator_write(&z->c, span_of(r->bytes, r->len));
}

/* Questions by the dozen cannot keep frames out, nor frames questions. */
bool znp_request(struct znp *z, const struct znp_asker *asker, const struct znp_message *m, msec now)
{
    struct znp_line *l = &z->line;
    if (is_other(asker) ? l->others == ZNP_QUEUE_OTHERS : l->count - l->others == ZNP_QUEUE_FLIGHTS)
        return false;
    struct znp_request *r = place(l, l->count);
    struct writer w = writer_of(r->bytes, sizeof r->bytes);
    znp_encode(m, &w);
    assert(!w.failed);
    r->asker = *asker;
    r->command = m->command;
    r->len = (uint16_t)(sizeof r->bytes - w.left);
    l->count++;
    l->others += is_other(asker);
    ask_next(z, now);
    return true;
}

void znp_request_forget(struct znp *z)
{
    z->line.count = z->line.others = 0;
    z->line.waits = z->line.resyncs = false;
    z->line.impatience = 0;
}

static void deliver(struct znp *z, const struct znp_asker *to, const struct znp_message *m, msec now)
{
    switch (to->purpose) {
    case ZNP_FOR_START:
        znp_start_answer(z, m, now);
        break;
    case ZNP_FOR_FLIGHT:
        znp_send_answer(z, to->transaction, m, now);
        break;
    case ZNP_FOR_LONG:
        znp_hear_piece(z, m, now);
        break;
    case ZNP_FOR_NOBODY:
        break;
    }
}

void znp_request_answer(struct znp *z, const struct znp_message *m, msec now)
{
    struct znp_line *l = &z->line;
    if (l->resyncs) {
        if (m->command != ZNP_PONG)
            return; /* late */
        l->resyncs = l->waits = false;
        ask_next(z, now);
        return;
    }
    if (!l->waits || l->count == 0)
        return;
    const struct znp_request *r = place(l, 0);
    if (m->command == ZNP_ERROR ? m->request != r->command : m->command != znp_answer(r->command))
        return;
    const struct znp_asker asker = r->asker;
    take_first(l);
    l->impatience = 0;
    deliver(z, &asker, m, now);
    ask_next(z, now);
}

/* Commands that start a network may take their time. */
void znp_request_damaged(struct znp *z, msec now)
{
    struct znp_line *l = &z->line;
    if (!l->waits || l->until <= now + HURRY_MS || l->until > now + ZNP_ANSWER_MS)
        return;
    l->hurried = true;
    l->until = now + HURRY_MS;
}

static void resync(struct znp *z, msec now)
{
    z->line.resyncs = z->line.waits = true;
    z->line.hurried = false;
    z->line.until = now + ZNP_ANSWER_MS;
    znp_write(z, &(struct znp_message){ .command = ZNP_PING });
}

/* Whether the stick did what was asked for is not known. The steps of the bring-up can be repeated. */
static void first_unanswered(struct znp *z, msec now)
{
    const struct znp_asker asker = place(&z->line, 0)->asker;
    if (asker.purpose != ZNP_FOR_START)
        take_first(&z->line);
    if (asker.purpose == ZNP_FOR_FLIGHT)
        znp_send_unanswered(z, asker.transaction, now);
    if (asker.purpose == ZNP_FOR_LONG)
        z->late.active = false;
}

static void unanswered(struct znp *z, msec now)
{
    struct znp_line *l = &z->line;
    char why[COORDINATOR_TEXT];
    snprintf(why, sizeof why, "the stick does not answer (%s)",
             znp_command_name(l->resyncs ? ZNP_PING : place(l, 0)->command));
    l->impatience = (uint8_t)(l->impatience + (l->hurried ? HURRIED : TIMED_OUT));
    if (l->impatience >= PATIENCE) {
        znp_give_up(z, why);
        return;
    }
    if (!l->resyncs)
        first_unanswered(z, now);
    resync(z, now);
}

/* A step that knows what to do without an answer goes on by itself. */
void znp_request_tick(struct znp *z, msec now)
{
    struct znp_line *l = &z->line;
    if (!l->waits || now < l->until)
        return;
    bool wakes = !l->resyncs && place(l, 0)->asker.purpose == ZNP_FOR_START;
    if (!wakes || !znp_start_late(z, now))
        unanswered(z, now);
}
