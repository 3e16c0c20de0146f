/* sim_outbox.c -- octets on their way to the host.
 *
 * A queue of octets from which as many may leave as a UART would have carried by now. How they are cut into writes is
 * what the host sees as the cut of its reads, so two faults live here: a stretch of the stream that leaves octet by
 * octet, and a stretch that leaves in one piece. A joined frame is kept back until two more have come behind it, or
 * 20 ms have passed. Stretches are numbered by octets, so nothing has to be known about frames later on. */
#include "tools/sim_outbox.h"

#include <errno.h>
#include <event2/buffer.h>

enum { JOIN_FRAMES = 3, JOIN_NS = 20000000, SPLIT_GAP_NS = 200000 };

bool sim_outbox_init(struct sim_outbox *o, uint32_t baud)
{
    *o = (struct sim_outbox){ .bytes = evbuffer_new(), .held = evbuffer_new(), .pace = pace_of(baud) };
    if (o->bytes && o->held)
        return true;
    sim_outbox_clear(o);
    return false;
}

void sim_outbox_clear(struct sim_outbox *o)
{
    if (o->bytes)
        evbuffer_free(o->bytes);
    if (o->held)
        evbuffer_free(o->held);
    o->bytes = o->held = NULL;
}

void sim_outbox_discard(struct sim_outbox *o)
{
    size_t lost = evbuffer_get_length(o->bytes);
    evbuffer_drain(o->bytes, lost);
    evbuffer_drain(o->held, evbuffer_get_length(o->held));
    o->written += lost;
    o->held_frames = 0;
    o->blocked = false;
}

size_t sim_outbox_waiting(const struct sim_outbox *o)
{
    return evbuffer_get_length(o->bytes) + evbuffer_get_length(o->held);
}

/* ---- in ---------------------------------------------------------------------------------------------------------- */

/* The next `len` octets belong to the stretch; if one is still under way, it grows. */
static void stretch_over(struct sim_outbox *o, struct sim_stretch *s, size_t len)
{
    uint64_t end = o->written + evbuffer_get_length(o->bytes);
    if (s->to <= o->written)
        s->from = end;
    s->to = end + len;
}

static void queue_begin(struct sim_outbox *o, uint64_t now)
{
    if (evbuffer_get_length(o->bytes) == 0)
        pace_begin(&o->pace, now);
}

static void let_go(struct sim_outbox *o, uint64_t now)
{
    queue_begin(o, now);
    stretch_over(o, &o->joined, evbuffer_get_length(o->held));
    evbuffer_add_buffer(o->bytes, o->held);
    o->held_frames = 0;
}

static void hold(struct sim_outbox *o, struct span frame, uint64_t now)
{
    if (o->held_frames == 0)
        o->held_until = now + JOIN_NS;
    evbuffer_add(o->held, frame.at, frame.len);
    if (++o->held_frames >= JOIN_FRAMES)
        let_go(o, now);
}

void sim_outbox_add(struct sim_outbox *o, struct span frame, enum sim_way way, uint64_t now)
{
    if (sim_outbox_waiting(o) + frame.len > SIM_OUTBOX_MAX)
        return;
    if (way == SIM_JOIN || o->held_frames > 0) {
        hold(o, frame, now);
        return;
    }
    queue_begin(o, now);
    if (way == SIM_SPLIT)
        stretch_over(o, &o->split, frame.len);
    evbuffer_add(o->bytes, frame.at, frame.len);
}

/* ---- out --------------------------------------------------------------------------------------------------------- */

static bool within(const struct sim_outbox *o, const struct sim_stretch *s)
{
    return o->written >= s->from && o->written < s->to;
}

static size_t up_to(const struct sim_outbox *o, uint64_t mark, size_t n)
{
    return mark > o->written && mark - o->written < n ? (size_t)(mark - o->written) : n;
}

/* How many octets the next write must have at least, and may have at most. */
static void measure(const struct sim_outbox *o, size_t *least, size_t *most)
{
    *least = 1;
    *most = evbuffer_get_length(o->bytes);
    if (within(o, &o->split)) {
        *most = 1;
    } else if (within(o, &o->joined)) {
        *most = up_to(o, o->joined.to, *most);
        *least = *most;
    } else {
        *most = up_to(o, o->split.from, *most);
        *most = up_to(o, o->joined.from, *most);
    }
}

static size_t passed(const struct sim_outbox *o, uint64_t now)
{
    size_t least, most, n = pace_passed(&o->pace, now);
    measure(o, &least, &most);
    if (most == 0 || n < least || now < o->not_before)
        return 0;
    return n < most ? n : most;
}

bool sim_outbox_flush(struct sim_outbox *o, int fd, uint64_t now)
{
    if (o->held_frames > 0 && now >= o->held_until)
        let_go(o, now);
    size_t least, most;
    measure(o, &least, &most);
    pace_go_on(&o->pace, now, least);
    o->blocked = false;
    for (size_t n = passed(o, now); n > 0; n = passed(o, now)) {
        bool split = within(o, &o->split);
        int wrote = evbuffer_write_atmost(o->bytes, fd, (ev_ssize_t)n);
        if (wrote < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        o->blocked = wrote < (int)n;
        if (wrote > 0) {
            o->written += (uint64_t)wrote;
            pace_take(&o->pace, (size_t)wrote);
        }
        o->late = o->pace.octet_ns > 0 && now > o->pace.busy_until ? now - o->pace.busy_until : 0;
        if (split)
            o->not_before = now + SPLIT_GAP_NS;
        if (o->blocked)
            break;
    }
    return true;
}

uint64_t sim_outbox_due(const struct sim_outbox *o)
{
    uint64_t held = o->held_frames > 0 ? o->held_until : UINT64_MAX;
    size_t least, most;
    measure(o, &least, &most);
    if (most == 0 || o->blocked)
        return held;
    size_t chunk = pace_chunk(&o->pace), until_low = most > o->low ? most - o->low : most;
    size_t n = until_low < chunk ? until_low : chunk;
    uint64_t due = o->pace.octet_ns > 0 ? pace_due(&o->pace, n > least ? n : least) : 0;
    due = due > o->not_before ? due : o->not_before;
    return due < held ? due : held;
}
