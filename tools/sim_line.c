/* sim_line.c -- the serial line between the host and a stick.
 *
 * To the host: the outbox says what has passed and when to look again; a full port is waited for by its descriptor.
 * From the host: octets are read in pieces of a millisecond and handed on when a UART would have carried their last
 * one; while a piece is under way nothing is read, so that the host's own buffer fills as it does on a slow line. There
 * is one timer for both and it runs only while octets are under way.
 *
 * Nobody listens until the host opens the port, or says something: what a stick says before that is gone. */
#include "tools/sim_line.h"

#include "tools/sim_pty.h"
#include "tools/sim_tcp.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIECE_MAX = 4096, CONGESTED = 32 };

struct sim_line {
    struct event_base *loop;
    struct sim_line_settings settings;
    struct sim_line_events events;
    struct sim_pty pty;
    struct sim_tcp tcp;
    int fd; /* -1: unplugged, or no host on TCP */
    bool plugged, host, congested;
    struct event *readable, *writable, *door, *timer;
    struct sim_outbox out;
    struct sim_pace in;
    uint64_t heard_at; /* while the stick hears something: when that had passed */
    bool busy;         /* a piece is under way */
    size_t piece_len;
    uint8_t piece[PIECE_MAX];
};

static void serve(struct sim_line *l, uint64_t now);

/* ---- timer ------------------------------------------------------------------------------------------------------- */

static void arm(struct sim_line *l, uint64_t now)
{
    uint64_t due = l->fd >= 0 ? sim_outbox_due(&l->out) : UINT64_MAX;
    if (l->busy && pace_due(&l->in, 0) < due)
        due = pace_due(&l->in, 0);
    if (due == UINT64_MAX) {
        evtimer_del(l->timer);
        return;
    }
    uint64_t us = due > now ? (due - now + 999) / 1000 : 0;
    const struct timeval in = { .tv_sec = (time_t)(us / 1000000),
                                .tv_usec = (suseconds_t)(us % 1000000) };
    evtimer_add(l->timer, &in);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    serve(context, sim_clock_ns());
}

/* ---- the port ---------------------------------------------------------------------------------------------------- */

static void drop_event(struct event **e)
{
    if (*e)
        event_free(*e);
    *e = NULL;
}

/* No more octets either way. */
static void let_go(struct sim_line *l)
{
    drop_event(&l->readable);
    drop_event(&l->writable);
    sim_outbox_discard(&l->out);
    l->fd = -1;
    l->busy = l->host = false;
}

static void on_readable(evutil_socket_t fd, short what, void *context);
static void on_writable(evutil_socket_t fd, short what, void *context);

static bool take_fd(struct sim_line *l, int fd)
{
    let_go(l);
    l->fd = fd;
    l->readable = event_new(l->loop, fd, EV_READ | EV_PERSIST, on_readable, l);
    l->writable = event_new(l->loop, fd, EV_WRITE, on_writable, l);
    return l->readable && l->writable && event_add(l->readable, NULL) == 0;
}

static void host_gone(struct sim_line *l)
{
    if (l->settings.listen) {
        let_go(l);
        sim_tcp_hang_up(&l->tcp);
    }
    l->host = false;
    sim_outbox_discard(&l->out);
}

static void on_door(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct sim_line *l = context;
    if (l->settings.listen) {
        if (sim_tcp_accept(&l->tcp))
            l->host = take_fd(l, l->tcp.host);
    } else {
        enum sim_host news = sim_pty_watch(&l->pty);
        if (news == SIM_HOST_CAME)
            l->host = true;
        if (news == SIM_HOST_WENT)
            host_gone(l);
    }
    serve(l, sim_clock_ns());
    l->events.changed(l->events.context);
}

static bool open_port(struct sim_line *l)
{
    if (l->settings.listen)
        return sim_tcp_open(&l->tcp, l->settings.listen);
    return sim_pty_open(&l->pty, l->settings.port) && take_fd(l, l->pty.master);
}

bool sim_line_plug(struct sim_line *l)
{
    if (l->plugged)
        return true;
    l->plugged = open_port(l);
    int door = l->settings.listen ? l->tcp.listener : l->pty.watch;
    if (!l->plugged || door < 0) {
        l->host = l->plugged; /* nobody tells: as if somebody always listened */
        return l->plugged;
    }
    l->door = event_new(l->loop, door, EV_READ | EV_PERSIST, on_door, l);
    return l->door && event_add(l->door, NULL) == 0;
}

void sim_line_unplug(struct sim_line *l)
{
    if (!l->plugged)
        return;
    drop_event(&l->door);
    let_go(l);
    arm(l, 0);
    if (l->settings.listen)
        sim_tcp_close(&l->tcp);
    else
        sim_pty_close(&l->pty);
    l->plugged = false;
}

bool sim_line_plugged(const struct sim_line *l)
{
    return l->plugged;
}

bool sim_line_listened(const struct sim_line *l)
{
    return l->plugged && l->host;
}

const char *sim_line_path(const struct sim_line *l)
{
    if (l->settings.listen)
        return l->tcp.address;
    return l->settings.port ? l->settings.port : l->pty.device;
}

struct sim_line *sim_line_new(struct event_base *loop, const struct sim_line_settings *settings,
                              const struct sim_line_events *events)
{
    struct sim_line *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    *l = (struct sim_line){ .loop = loop, .settings = *settings, .events = *events, .fd = -1 };
    l->in = pace_of(settings->baud);
    l->timer = evtimer_new(loop, on_timer, l);
    if (l->timer && sim_outbox_init(&l->out, settings->baud)) {
        l->out.low = CONGESTED;
        return l;
    }
    sim_line_free(l);
    return NULL;
}

void sim_line_free(struct sim_line *l)
{
    if (!l)
        return;
    sim_line_unplug(l);
    drop_event(&l->timer);
    sim_outbox_clear(&l->out);
    free(l);
}

/* ---- from the host ----------------------------------------------------------------------------------------------- */

/* The host had our last word too late, by our fault, and so it could speak only now: its octets begin as if we had been
 * in time. Once for each word. */
static uint64_t lateness(struct sim_line *l)
{
    const uint64_t late = sim_outbox_waiting(&l->out) == 0 ? l->out.late : 0;
    l->out.late = 0;
    return late;
}

/* Reads the next piece; `on`: the line had work until now. False: there is nothing. */
static bool take_piece(struct sim_line *l, bool on, uint64_t now)
{
    size_t most = pace_chunk(&l->in);
    ssize_t n = read(l->fd, l->piece, most < PIECE_MAX ? most : PIECE_MAX);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        host_gone(l);
        return false;
    }
    if (n < 0)
        return false;
    if (on)
        pace_go_on(&l->in, now, 1);
    else
        pace_begin(&l->in, now - lateness(l));
    pace_take(&l->in, (size_t)n);
    l->piece_len = (size_t)n;
    l->host = l->busy = true;
    return true;
}

/* The stick hears it when its last bit has passed, not when our timer came to it: what it answers begins then. Else a
 * protocol of questions and answers would be slowed down by us and not by the line. */
static void hand_on(struct sim_line *l)
{
    l->busy = false;
    l->heard_at = l->in.octet_ns > 0 ? pace_due(&l->in, 0) : 0;
    l->events.heard(l->events.context, span_of(l->piece, l->piece_len));
    l->heard_at = 0;
}

static void hear(struct sim_line *l, uint64_t now)
{
    if (!l->busy || now < pace_due(&l->in, 0))
        return;
    hand_on(l);
    if (l->fd >= 0 && l->in.octet_ns > 0 && !take_piece(l, true, now) && l->readable)
        event_add(l->readable, NULL);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct sim_line *l = context;
    uint64_t now = sim_clock_ns();
    if (take_piece(l, false, now) && l->in.octet_ns > 0)
        event_del(l->readable);
    serve(l, now);
}

/* ---- to the host ------------------------------------------------------------------------------------------------- */

static void say(struct sim_line *l, uint64_t now)
{
    if (l->fd < 0)
        return;
    if (!sim_outbox_flush(&l->out, l->fd, now))
        host_gone(l);
    else if (l->out.blocked)
        event_add(l->writable, NULL);
}

static void tell_room(struct sim_line *l)
{
    if (!l->congested || sim_line_congested(l))
        return;
    l->congested = false;
    l->events.changed(l->events.context);
}

static void serve(struct sim_line *l, uint64_t now)
{
    hear(l, now);
    say(l, now);
    tell_room(l);
    arm(l, now);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    serve(context, sim_clock_ns());
}

/* The octets leave in a turn of their own, so that all frames of one turn share a write. */
void sim_line_write(struct sim_line *l, struct span frame, enum sim_way way)
{
    if (l->fd < 0 || !l->host)
        return;
    uint64_t now = sim_clock_ns();
    sim_outbox_add(&l->out, frame, way, l->heard_at > 0 ? l->heard_at : now);
    l->congested = l->congested || sim_line_congested(l);
    arm(l, now);
}

bool sim_line_congested(const struct sim_line *l)
{
    return sim_outbox_waiting(&l->out) > CONGESTED;
}

bool sim_line_drained(const struct sim_line *l)
{
    return sim_outbox_waiting(&l->out) == 0 && (l->settings.listen || !sim_pty_unread(&l->pty));
}
