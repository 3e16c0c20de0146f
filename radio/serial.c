/* serial.c -- the life of a serial line: opened, lost, opened again, for ever.
 *
 * A line is closed, dialling (TCP only) or open, and one timer drives it: while it is closed, the back-off. It grows
 * with each attempt and begins anew only when the layer above says that what speaks makes sense (serial_settled), since
 * a stick that opens and says nothing is no better than none. A device that is plugged in does not wait for the
 * back-off: inotify watches the folders that its path leads through. Such a device is often there before udev has
 * made it accessible, so it gets a few tries before anything is said.
 *
 * An operator reads one line per change, never the same again. So the trouble logged last is kept until the line
 * settles, and an opening is only worth a line when a trouble was told since the last one; after a loss, only when it
 * lasts, since some coordinators take a connection just to drop it.
 *
 * Events are called from the loop only, as the last act of a callback of ours: whoever hears them may do anything with
 * the line, even free it. What goes wrong inside a call is therefore noted (SERIAL_FAILING) and done a moment later. */
#include "radio/serial.h"

#include "config/log.h"
#include "radio/ports.h"
#include "radio/serial_inside.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    TROUBLE_TEXT = 1024,
    SOON_MS = 100,  /* between two tries of a device that has just appeared ... */
    SOON_TRIES = 5, /* ... and how many it has */
    STAYS_MS = 3000 /* open for so long, it is back */
};

static const uint8_t back_off_s[] = { 1, 2, 5, 10, 30 };
enum { BACK_OFF_LAST = sizeof back_off_s / sizeof back_off_s[0] - 1 };

static const struct serial_device no_device = { .fd = -1, .lock = -1 };

bool serial_is_open(const struct serial *s)
{
    return s->state == SERIAL_OPEN;
}

bool serial_is_network(const struct serial *s)
{
    return strncmp(s->line.port, "tcp://", 6) == 0;
}

static bool is_auto(const struct serial *s)
{
    return strcmp(s->line.port, "auto") == 0;
}

/* ---- what is told ------------------------------------------------------------------------------------------------ */

static bool was_lost(struct serial_trouble t)
{
    return t.cause == SERIAL_LOST || t.cause == SERIAL_STUCK;
}

/* After "it is gone", "it is not there" is no news, until it lasts. */
static bool is_news(const struct serial *s, struct serial_trouble t)
{
    const bool away = t.cause == SERIAL_MISSING || t.cause == SERIAL_NO_FIT;
    if (away && s->told.cause == SERIAL_LOST && s->step < BACK_OFF_LAST)
        return false;
    if (was_lost(t))
        return s->open_told || !was_lost(s->told);
    return t.cause != s->told.cause || t.code != s->told.code;
}

static void complain(struct serial *s, struct serial_trouble t)
{
    char text[TROUBLE_TEXT];
    if (!is_news(s, t))
        return;
    s->told = t;
    s->open_told = false;
    serial_trouble_text(s, t, text, sizeof text);
    if (was_lost(t))
        log_warn("radio %s: %s", s->line.name, text);
    else
        log_error("radio %s: %s%s", s->line.name, text,
                  s->events.refused ? "" : "; trying again by itself");
}

static void tell_open(struct serial *s)
{
    static const char *const flows[] = {
        [FLOW_NONE] = "no flow control", [FLOW_RTSCTS] = "RTS/CTS", [FLOW_XONXOFF] = "XON/XOFF"
    };
    if (s->open_told)
        return;
    s->open_told = true;
    if (serial_is_network(s))
        log_info("radio %s: connected to %s", s->line.name, s->line.port);
    else
        log_info("radio %s: %s is open (%s, %u baud, %s)", s->line.name, s->path, s->real,
                 s->line.baud, flows[s->line.flow]);
}

/* ---- closed and opened again ------------------------------------------------------------------------------------- */

static struct timeval time_of(msec ms)
{
    return (struct timeval){ .tv_sec = (time_t)(ms / 1000),
                             .tv_usec = (suseconds_t)(ms % 1000 * 1000) };
}

static void arm(struct event *timer, msec ms)
{
    const struct timeval wait = time_of(ms);
    event_add(timer, &wait);
}

static void close_device(struct serial *s, bool drain)
{
    serial_io_stop(s);
    serial_dial_free(s->dial);
    s->dial = NULL;
    serial_device_close(&s->device, drain);
    evbuffer_drain(s->out, evbuffer_get_length(s->out));
}

static void back_off(struct serial *s)
{
    s->state = SERIAL_CLOSED;
    arm(s->timer, back_off_s[s->step] * 1000U);
    if (s->step < BACK_OFF_LAST)
        s->step++;
}

static void appeared(void *context);

static void watch_all_ports(struct serial *s)
{
    char path[PORT_PATH];
    snprintf(path, sizeof path, "%s/serial/by-id/*", s->line.roots->dev);
    serial_watch_add(s->watch, path);
    snprintf(path, sizeof path, "%s/tty*", s->line.roots->dev);
    serial_watch_add(s->watch, path);
}

/* Before each look at the device, so that nothing can happen between the look and the watch. */
static void watch(struct serial *s)
{
    serial_watch_free(s->watch);
    s->watch = NULL;
    if (serial_is_network(s))
        return;
    s->watch = serial_watch_new(s->loop, appeared, s);
    if (is_auto(s))
        watch_all_ports(s);
    else
        serial_watch_add(s->watch, s->line.port);
}

/* The line cannot be opened; the timer runs, or is started here. */
static void stay_closed(struct serial *s, struct serial_trouble why)
{
    serial_device_close(&s->device, false);
    s->state = SERIAL_CLOSED;
    if (s->patience > 0 && why.cause != SERIAL_BUSY) {
        s->patience--;
        arm(s->soon, SOON_MS);
    } else {
        complain(s, why);
    }
    if (s->events.refused) {
        s->events.refused(s->events.context);
        return;
    }
    if (!event_pending(s->timer, EV_TIMEOUT, NULL))
        back_off(s);
}

static void come_up(struct serial *s)
{
    if (!serial_io_start(s)) {
        stay_closed(s, (struct serial_trouble){ SERIAL_FAILED, ENOMEM });
        return;
    }
    serial_watch_free(s->watch);
    s->watch = NULL;
    s->state = SERIAL_OPEN;
    s->patience = 0;
    event_del(s->timer);
    event_del(s->soon);
    if (was_lost(s->told)) /* it may be lost again in a moment, and again */
        arm(s->timer, STAYS_MS);
    else
        tell_open(s);
    s->events.opened(s->events.context);
}

static void dialled(void *context, int fd, struct serial_trouble why)
{
    struct serial *s = context;
    serial_dial_free(s->dial);
    s->dial = NULL;
    s->device.fd = fd;
    if (fd < 0)
        stay_closed(s, why);
    else
        come_up(s);
}

static void dial(struct serial *s)
{
    s->state = SERIAL_DIALLING;
    s->dial = serial_dial_new(s->loop, s->line.port, dialled, s);
    if (!s->dial)
        stay_closed(s, (struct serial_trouble){ SERIAL_FAILED, ENOMEM });
}

/* Which device: for `auto` it may be another one each time. */
static struct serial_trouble choose(struct serial *s)
{
    struct ports ports;
    const struct port *chosen = NULL;
    if (!is_auto(s)) {
        snprintf(s->path, sizeof s->path, "%s", s->line.port);
        return (struct serial_trouble){ SERIAL_FINE };
    }
    ports_list(s->line.roots, &ports);
    const enum ports_error e = ports_choose(&ports, s->line.driver, &chosen);
    if (e != PORTS_OK)
        return (struct serial_trouble){ e == PORTS_MANY ? SERIAL_AMBIGUOUS : SERIAL_NO_FIT };
    snprintf(s->path, sizeof s->path, "%s", port_path(chosen));
    return (struct serial_trouble){ SERIAL_FINE };
}

static void attempt(struct serial *s)
{
    s->tried = clock_now();
    if (serial_is_network(s)) {
        dial(s);
        return;
    }
    watch(s);
    struct serial_trouble why = choose(s);
    if (why.cause == SERIAL_FINE)
        why = serial_device_open(&s->line, s->path, s->real, &s->device);
    if (why.cause == SERIAL_FINE)
        come_up(s);
    else
        stay_closed(s, why);
}

void serial_lose(struct serial *s, struct serial_trouble why)
{
    close_device(s, false);
    complain(s, why);
    watch(s);
    back_off(s);
    s->events.lost(s->events.context);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct serial *s = context;
    (void)fd;
    (void)what;
    if (s->state == SERIAL_FAILING)
        serial_lose(s, s->failing);
    else if (s->state == SERIAL_OPEN)
        tell_open(s);
    else
        attempt(s);
}

/* An extra try, beside the back-off. */
static void on_soon(evutil_socket_t fd, short what, void *context)
{
    struct serial *s = context;
    (void)fd;
    (void)what;
    if (s->state == SERIAL_CLOSED)
        attempt(s);
}

/* At once, but not more often than ten times a second: the folder may be a busy one. */
static void appeared(void *context)
{
    struct serial *s = context;
    const msec since = clock_now() - s->tried;
    if (event_pending(s->soon, EV_TIMEOUT, NULL))
        return;
    s->patience = SOON_TRIES;
    arm(s->soon, since < SOON_MS ? SOON_MS - since : 0);
}

/* ---- for the layer above ----------------------------------------------------------------------------------------- */

struct serial *serial_new(struct event_base *loop, const struct serial_line *line,
                          const struct serial_events *events)
{
    struct serial *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->loop = loop;
    s->line = *line;
    s->events = *events;
    s->device = no_device;
    serial_set_baud(s, line->baud);
    if (!s->line.roots)
        s->line.roots = &ports_system;
    s->out = evbuffer_new();
    s->timer = evtimer_new(loop, on_timer, s);
    s->soon = evtimer_new(loop, on_soon, s);
    if (!s->out || !s->timer || !s->soon)
        goto fail;
    arm(s->timer, 0);
    return s;
fail:
    serial_free(s);
    return NULL;
}

void serial_free(struct serial *s)
{
    if (!s)
        return;
    if (serial_is_open(s))
        serial_io_push(s);
    serial_watch_free(s->watch);
    serial_io_stop(s);
    serial_dial_free(s->dial);
    serial_device_close(&s->device, s->line.flow == FLOW_NONE);
    if (s->timer)
        event_free(s->timer);
    if (s->soon)
        event_free(s->soon);
    if (s->out)
        evbuffer_free(s->out);
    free(s);
}

void serial_settled(struct serial *s)
{
    if (serial_is_open(s))
        tell_open(s);
    s->step = 0;
    s->told = (struct serial_trouble){ SERIAL_FINE };
}

static int hash_of(const char *text)
{
    uint32_t h = 2166136261U;
    for (; *text; text++)
        h = (h ^ (uint8_t)*text) * 16777619U;
    return (int)(h >> 1);
}

void serial_reopen(struct serial *s, const char *why)
{
    const struct serial_trouble t = { SERIAL_NO_SENSE, why ? hash_of(why) : 0 };
    if (why && is_news(s, t)) {
        s->told = t; /* that the line opens again afterwards is no news */
        log_warn("radio %s: %s: %s; opening it again", s->line.name,
                 serial_is_network(s) ? s->line.port : s->path, why);
    }
    if (s->state == SERIAL_CLOSED)
        return;
    close_device(s, false);
    watch(s);
    back_off(s);
}

void serial_set_baud(struct serial *s, uint32_t baud)
{
    s->line.baud = baud ? baud : 115200;
}
