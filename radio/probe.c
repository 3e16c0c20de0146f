/* probe.c -- which coordinator is behind this port?
 *
 * The line is opened once per speed, because each opening moves the modem lines and may reset the stick; at that speed
 * every family that lists it asks its question and has a moment to answer. What came for one question is thrown away
 * before the next, so that a late answer is not taken for another's. A question is the most harmless that a family
 * knows, and nonsense to the others.
 *
 * A port that is silent or talks nonsense is the usual case of a first attempt, so what was heard is shown, and what it
 * may mean. */
#include "radio/probe.h"

#include "radio/serial.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>

enum { SPEEDS_MAX = 32, HEARD_MAX = 1024 };
enum {
    OPENING_MS = 500,
    DIALLING_MS = 8000
}; /* a port opens at once or not at all, a connection that nobody refuses takes its time */

enum stage { OPENING, ASKING, ANSWERED, GONE };

struct probe {
    struct event_base *loop;
    struct probe_request request;
    void (*done)(void *context, const struct probe_finding *f);
    void *context;
    struct serial *line;
    struct event *timer;
    enum stage stage;
    uint32_t speeds[SPEEDS_MAX];
    size_t speed_count, speed; /* the one that is tried now */
    size_t family;             /* likewise */
    bool talked, again;        /* something was heard at this speed; all are asked a second time */
    uint8_t heard[HEARD_MAX];
    size_t heard_len;
    struct probe_finding finding;
};

static void wait_for(struct probe *p, uint32_t ms)
{
    struct timeval t = { .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };
    evtimer_add(p->timer, &t);
}

/* ---- speeds ---------------------------------------------------------------------------------------------------- */

static bool lists(const struct coordinator_family *f, uint32_t baud)
{
    bool found = false;
    for (size_t i = 0; i < sizeof f->bauds / sizeof *f->bauds && f->bauds[i] != 0; i++)
        found |= f->bauds[i] == baud;
    return found;
}

static void add_speed(struct probe *p, uint32_t baud)
{
    for (size_t i = 0; i < p->speed_count; i++)
        if (p->speeds[i] == baud)
            return;
    if (p->speed_count < SPEEDS_MAX)
        p->speeds[p->speed_count++] = baud;
}

static bool is_network(const char *port)
{
    return strncmp(port, "tcp://", 6) == 0;
}

/* The first choice of every family, then the second of every family, and so on. */
static void collect_speeds(struct probe *p)
{
    const struct probe_request *r = &p->request;
    bool network = is_network(r->port);
    if (network || r->baud > 0) {
        add_speed(p, network ? 0 : r->baud);
        return;
    }
    for (size_t rank = 0; rank < sizeof r->families[0]->bauds / sizeof(uint32_t); rank++)
        for (size_t i = 0; i < r->family_count; i++)
            if (r->families[i]->bauds[rank] != 0)
                add_speed(p, r->families[i]->bauds[rank]);
}

/* ---- questions and answers ------------------------------------------------------------------------------------- */

/* A speed that was asked for by hand, or none at all, is everybody's. */
static bool asks_now(const struct probe *p, const struct coordinator_family *f)
{
    uint32_t baud = p->speeds[p->speed];
    return baud == 0 || p->request.baud > 0 || lists(f, baud);
}

/* What was heard is shown when nobody answers; the most is the most telling. */
static void remember(struct probe *p)
{
    struct probe_finding *f = &p->finding;
    if (p->heard_len > f->heard_len) {
        f->result = PROBE_SENSELESS;
        f->baud = p->speeds[p->speed];
        f->heard_len = p->heard_len;
        memcpy(f->heard, p->heard, p->heard_len < PROBE_SHOWN ? p->heard_len : PROBE_SHOWN);
    }
    p->heard_len = 0;
}

/* Writes the next family's question; false when all have asked at this speed. */
static bool ask(struct probe *p)
{
    const struct probe_request *r = &p->request;
    uint8_t question[128];
    while (p->family < r->family_count && !asks_now(p, r->families[p->family]))
        p->family++;
    if (p->family == r->family_count)
        return false;
    struct writer w = writer_of(question, sizeof question);
    size_t len = r->families[p->family]->probe(&w);
    serial_flush_all(p->line);
    serial_write(p->line, span_of(question, len));
    wait_for(p, r->wait_ms);
    return true;
}

/* Opening the port may have restarted the stick, which was deaf to the first question while it started. */
static bool ask_again(struct probe *p)
{
    if (!p->talked || p->again)
        return false;
    p->again = true;
    p->family = 0;
    return ask(p);
}

static void on_opened(void *context)
{
    struct probe *p = context;
    p->stage = ASKING;
    p->family = 0;
    p->talked = p->again = false;
    if (!ask(p))
        wait_for(p, 0);
}

static void on_heard(void *context, struct span bytes)
{
    struct probe *p = context;
    struct probe_finding *f = &p->finding;
    size_t room = HEARD_MAX - p->heard_len;
    size_t len = bytes.len < room ? bytes.len : room;
    if (p->stage != ASKING || p->family == p->request.family_count)
        return;
    p->talked = true;
    memcpy(p->heard + p->heard_len, bytes.at, len);
    p->heard_len += len;
    const struct coordinator_family *family = p->request.families[p->family];
    if (!family->answers(span_of(p->heard, p->heard_len), f->answer, sizeof f->answer))
        return;
    f->result = PROBE_FOUND;
    f->family = family;
    f->baud = p->speeds[p->speed];
    p->stage = ANSWERED;
    wait_for(p, 0); /* the line is left from the loop, not from within its call */
}

static void on_lost(void *context)
{
    struct probe *p = context;
    if (p->stage != ASKING)
        return;
    p->stage = GONE;
    wait_for(p, 0);
}

static void on_refused(void *context)
{
    struct probe *p = context;
    if (p->stage == OPENING)
        wait_for(p, 0);
}

/* ---- the run --------------------------------------------------------------------------------------------------- */

static bool open_line(struct probe *p)
{
    struct serial_line line = { .name = "probe", .port = p->request.port, .baud = p->speeds[p->speed] };
    struct serial_events events = { p, on_opened, on_heard, on_lost, on_refused };
    if (p->request.progress && line.baud > 0)
        fprintf(p->request.progress, "trying %" PRIu32 " baud\n", line.baud);
    p->stage = OPENING;
    p->line = serial_new(p->loop, &line, &events);
    wait_for(p, line.baud > 0 ? OPENING_MS : DIALLING_MS);
    return p->line != NULL;
}

static void finish(struct probe *p, enum probe_result result)
{
    serial_free(p->line);
    p->line = NULL;
    p->finding.result = result;
    p->done(p->context, &p->finding);
}

static void next_speed(struct probe *p)
{
    serial_free(p->line);
    p->line = NULL;
    if (++p->speed == p->speed_count)
        finish(p, p->finding.result);
    else if (!open_line(p))
        finish(p, PROBE_CLOSED);
}

static void on_time(evutil_socket_t fd, short what, void *context)
{
    struct probe *p = context;
    (void)fd, (void)what;
    switch (p->stage) {
    case OPENING: /* not this speed, or not at all */
        if (p->speed > 0)
            next_speed(p);
        else
            finish(p, PROBE_CLOSED);
        break;
    case ANSWERED:
        finish(p, PROBE_FOUND);
        break;
    case GONE:
        finish(p, PROBE_LOST);
        break;
    case ASKING:
        remember(p);
        p->family++;
        if (!ask(p) && !ask_again(p))
            next_speed(p);
        break;
    }
}

struct probe *probe_new(struct event_base *loop, const struct probe_request *request,
                        void (*done)(void *context, const struct probe_finding *f), void *context)
{
    struct probe *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->loop = loop;
    p->request = *request;
    p->done = done;
    p->context = context;
    p->finding.result = PROBE_SILENT;
    collect_speeds(p);
    p->timer = evtimer_new(loop, on_time, p);
    if (!p->timer || !open_line(p)) {
        probe_free(p);
        return NULL;
    }
    return p;
}

void probe_free(struct probe *p)
{
    if (!p)
        return;
    serial_free(p->line);
    if (p->timer)
        event_free(p->timer);
    free(p);
}

/* ---- in words -------------------------------------------------------------------------------------------------- */

static void print_senseless(const struct probe_finding *f, const char *port, FILE *out)
{
    size_t shown = f->heard_len < PROBE_SHOWN ? f->heard_len : PROBE_SHOWN;
    fprintf(out, "%s: no coordinator answers, but %zu octets were heard", port, f->heard_len);
    if (f->baud > 0)
        fprintf(out, " at %" PRIu32 " baud", f->baud);
    fputc(':', out);
    for (size_t i = 0; i < shown; i++)
        fprintf(out, " %02x", f->heard[i]);
    fprintf(
        out,
        "%s\n"
        "Likely causes: another speed (try --baud); firmware of another kind (router, Thread or multiprotocol, a\n"
        "boot loader); an XBee in transparent mode (the gateway switches it to API mode with `driver: xbee`); a\n"
        "device that is no coordinator (a node or a bridge that speaks MQTT-SN itself is `driver: serial`).\n",
        f->heard_len > shown ? " ..." : "");
}

void probe_print(const struct probe_finding *f, const char *port, FILE *out)
{
    switch (f->result) {
    case PROBE_FOUND:
        fprintf(out, "%s: %s", port, f->answer);
        if (f->baud > 0)
            fprintf(out, ", at %" PRIu32 " baud", f->baud);
        fprintf(out, " (driver: %s)\n", f->family->name);
        break;
    case PROBE_SENSELESS:
        print_senseless(f, port, out);
        break;
    case PROBE_SILENT:
        fprintf(
            out,
            "%s: nothing answers.\n"
            "Likely causes: another speed (try --baud); the wrong port (see --list-ports); firmware of another kind\n"
            "(router, Thread or multiprotocol); an XBee in transparent mode (the gateway switches it to API mode\n"
            "with `driver: xbee`); a stick that hangs in its boot loader (unplug it and plug it in again).\n",
            port);
        break;
    case PROBE_CLOSED:
        fprintf(out, "%s: cannot be opened.\n", port);
        break;
    case PROBE_LOST:
        fprintf(out, "%s: went away while it was asked.\n%s", port,
                is_network(port)
                    ? "Most networked coordinators serve one at a time: does another have it?\n"
                    : "");
        break;
    }
}
