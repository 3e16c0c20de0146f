/* ash.c -- the ASH link: frames arrive once and in order, or the link fails.
 *
 * A sender keeps what is not acknowledged and sends all of it again, marked as such, when the oldest frame gets no
 * answer in time or the peer asks for it (NAK). How long it waits follows the measured time of frames that needed one
 * try only. A receiver delivers the frame whose number it expects and nothing else: a frame that it had already is
 * acknowledged again, and anything out of order, or damaged, is answered with one NAK until the right frame comes.
 *
 * An acknowledgement travels in any frame, so a delivered frame is acknowledged on its own only when its receiver did
 * not answer it at once. The not-ready bit, with which a host may hold back callbacks, is never set here, and
 * ignored. */
#include "radio/ash.h"

#include <assert.h>

enum { NUMBERS = 8, NUMBER_MASK = NUMBERS - 1 };
static_assert(ASH_QUEUE == (int)NUMBERS, "a place in the queue is a number");

/* ---- sending --------------------------------------------------------------------------------------------------- */

static void put(struct ash *a, const struct ash_frame *f)
{
    uint8_t wire[ASH_WIRE_MAX];
    struct writer w = writer_of(wire, sizeof wire);
    ash_frame_write(f, &w);
    assert(!w.failed);
    if (f->kind == ASH_DATA || f->kind == ASH_ACK || f->kind == ASH_NAK)
        a->owes_ack = false;
    a->events->write(a->context, span_of(wire, sizeof wire - w.left));
}

static void put_ack(struct ash *a)
{
    put(a, &(struct ash_frame){ .kind = ASH_ACK, .ack = a->expected });
}

static void reject(struct ash *a)
{
    if (!a->rejecting)
        put(a, &(struct ash_frame){ .kind = ASH_NAK, .ack = a->expected });
    a->rejecting = true;
}

static void transmit(struct ash *a, uint8_t number, msec now)
{
    struct ash_slot *slot = &a->queue[number];
    slot->sent_at = now;
    slot->tries++;
    put(a, &(struct ash_frame){ .kind = ASH_DATA,
                                .number = number,
                                .retransmitted = slot->tries > 1,
                                .ack = a->expected,
                                .data = span_of(slot->data, slot->len) });
}

static void fill_window(struct ash *a, msec now)
{
    while (a->under_way < a->queued && a->under_way < a->window) {
        if (a->under_way == 0)
            a->deadline = now + a->answer_ms;
        uint8_t next = (a->oldest + a->under_way++) & NUMBER_MASK;
        transmit(a, next, now);
    }
}

static void forget_all(struct ash *a)
{
    a->expected = a->oldest = a->under_way = a->queued = 0;
    a->rejecting = a->owes_ack = false;
    a->answer_ms = ASH_ANSWER_MS;
    a->deadline = MSEC_NEVER;
}

static void fail(struct ash *a, enum ash_failure how, uint8_t code, msec now)
{
    forget_all(a);
    a->state = ASH_DEAD;
    if (a->role == ASH_NCP)
        put(a, &(struct ash_frame){ ASH_ERROR, .version = ASH_VERSION, .code = code });
    a->events->failed(a->context, how, code, now);
}

static void send_again(struct ash *a, msec now)
{
    if (a->under_way == 0)
        return;
    if (a->queue[a->oldest].tries >= ASH_TRIES) {
        fail(a, ASH_NO_ANSWER, ASH_ERROR_TIMEOUTS, now);
        return;
    }
    a->deadline = now + a->answer_ms;
    for (uint8_t i = 0; i < a->under_way; i++)
        transmit(a, (a->oldest + i) & NUMBER_MASK, now);
}

static uint32_t within(uint32_t ms, uint32_t least)
{
    if (ms < least)
        return least;
    return ms > ASH_ANSWER_MOST_MS ? ASH_ANSWER_MOST_MS : ms;
}

/* A frame that went twice does not say which of the two was answered. */
static void measure(struct ash *a, const struct ash_slot *slot, msec now)
{
    msec took = now - slot->sent_at;
    if (slot->tries == 1 && took <= ASH_ANSWER_MOST_MS)
        a->answer_ms = within(a->answer_ms * 7 / 8 + (uint32_t)took / 2, a->least_ms);
}

/* The peer has everything before `next`. */
static void acknowledge(struct ash *a, uint8_t next, msec now)
{
    uint8_t count = (next - a->oldest) & NUMBER_MASK;
    if (count == 0 || count > a->under_way)
        return; /* nothing new, or a number that was never sent */
    measure(a, &a->queue[(next - 1) & NUMBER_MASK], now);
    a->oldest = next;
    a->under_way -= count;
    a->queued -= count;
    a->deadline = a->under_way > 0 ? now + a->answer_ms : MSEC_NEVER;
    fill_window(a, now);
}

/* ---- receiving ------------------------------------------------------------------------------------------------- */

static void take_data(struct ash *a, const struct ash_frame *f, msec now)
{
    if (f->number == a->expected) {
        a->expected = (a->expected + 1) & NUMBER_MASK;
        a->rejecting = false;
        a->owes_ack = true;
        a->events->deliver(a->context, f->data, now);
        if (a->owes_ack)
            put_ack(a);
    } else if (f->retransmitted)
        put_ack(a); /* ours was lost */
    else
        reject(a);
}

static void take_numbered(struct ash *a, const struct ash_frame *f, msec now)
{
    if (a->state == ASH_DEAD && a->role == ASH_NCP && f->kind == ASH_DATA)
        put(a, &(struct ash_frame){ ASH_ERROR, .version = ASH_VERSION, .code = ASH_ERROR_TIMEOUTS });
    if (a->state != ASH_CONNECTED)
        return;
    acknowledge(a, f->ack, now);
    if (f->kind == ASH_NAK)
        send_again(a, now);
    else if (f->kind == ASH_DATA)
        take_data(a, f, now);
}

static void connect_again(struct ash *a, uint8_t code, msec now)
{
    forget_all(a);
    a->state = ASH_CONNECTED;
    if (a->role == ASH_NCP)
        put(a, &(struct ash_frame){ ASH_RSTACK, .version = ASH_VERSION, .code = code });
    a->events->connected(a->context, code, now);
}

static void take_frame(struct ash *a, const struct ash_frame *f, msec now)
{
    switch (f->kind) {
    case ASH_RST:
        if (a->role == ASH_NCP)
            connect_again(a, ASH_RESET_SOFTWARE, now);
        break;
    case ASH_RSTACK:
        if (a->role == ASH_HOST && a->state != ASH_IDLE)
            connect_again(a, f->code, now);
        break;
    case ASH_ERROR:
        if (a->role == ASH_HOST && a->state == ASH_CONNECTED)
            fail(a, ASH_PEER_DEAD, f->code, now);
        break;
    default:
        take_numbered(a, f, now);
    }
}

void ash_hear(struct ash *a, struct span bytes, msec now)
{
    struct reader r = reader_of(bytes);
    struct ash_frame f;
    for (;;) {
        enum ash_read came = ash_frame_read(&a->in, &r, &f);
        if (came == ASH_READ_FRAME)
            take_frame(a, &f, now);
        else if (came == ASH_READ_DAMAGED && a->state == ASH_CONNECTED)
            reject(a);
        else if (came == ASH_READ_MORE)
            return;
    }
}

/* ---- the link -------------------------------------------------------------------------------------------------- */

void ash_init(struct ash *a, enum ash_role role, const struct ash_events *events, void *context)
{
    memset(a, 0, sizeof *a);
    a->role = role;
    a->events = events;
    a->context = context;
    a->window = 1;
    a->least_ms = ASH_ANSWER_LEAST_MS;
    forget_all(a);
}

void ash_set_network(struct ash *a, bool network)
{
    a->least_ms = network ? ASH_ANSWER_LEAST_NETWORK_MS : ASH_ANSWER_LEAST_MS;
}

void ash_reset(struct ash *a, msec now)
{
    forget_all(a);
    a->state = ASH_RESETTING;
    a->deadline = now + ASH_RESET_MS;
    put(a, &(struct ash_frame){ .kind = ASH_RST });
}

void ash_announce(struct ash *a, uint8_t code)
{
    forget_all(a);
    a->state = ASH_CONNECTED;
    put(a, &(struct ash_frame){ ASH_RSTACK, .version = ASH_VERSION, .code = code });
}

void ash_stop(struct ash *a)
{
    forget_all(a);
    a->state = ASH_IDLE;
}

size_t ash_room(const struct ash *a)
{
    return a->state == ASH_CONNECTED ? ASH_QUEUE - 1u - a->queued : 0;
}

bool ash_send(struct ash *a, struct span data, msec now)
{
    if (ash_room(a) == 0 || data.len < ASH_DATA_MIN || data.len > ASH_DATA_MAX)
        return false;
    struct ash_slot *slot = &a->queue[(a->oldest + a->queued) & NUMBER_MASK];
    memcpy(slot->data, data.at, data.len);
    slot->len = (uint8_t)data.len;
    slot->tries = 0;
    a->queued++;
    fill_window(a, now);
    return true;
}

void ash_tick(struct ash *a, msec now)
{
    if (now < a->deadline)
        return;
    if (a->state == ASH_RESETTING) {
        fail(a, ASH_NO_RESET, 0, now);
        return;
    }
    a->answer_ms = within(a->answer_ms * 2, a->least_ms);
    send_again(a, now);
}

msec ash_deadline(const struct ash *a)
{
    return a->deadline;
}
