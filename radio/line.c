/* line.c -- the radio of nodes on a wire: MQTT-SN straight over a UART, a pseudo-terminal or a TCP connection.
 *
 * At the other end is one node, or a forwarder with a network of its own behind it, whose headers go up untouched. So
 * there is one address, and a broadcast is a frame like any other. What a frame is, line_frame.c says; the port is the
 * business of serial.c. Here is what both need: a clock that hears silence, running only while half a frame is there,
 * and a mouth for the operator.
 *
 * The commonest mistake on a wire is the wrong speed, and it looks like bytes that never make a frame. That is told
 * once, with the bytes and what they look like. Where the settings name no speed, the usual ones are tried in turn for
 * as long as nothing makes sense. A line is slow: what it cannot carry within seconds is dropped and counted, for the
 * sender of each message repeats it anyway. */
#include "radio/line.h"

#include "config/log.h"
#include "radio/line_frame.h"
#include "radio/serial.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    LONGEST_FRAME = 1400,
    SAMPLE = 64,          /* octets kept to be looked at when nothing makes sense */
    SHOWN = 16,           /* of these in the log */
    DOUBT_AFTER = 3,      /* frames that came to nothing */
    QUEUE_FRAMES = 4,     /* of the longest kind that may wait for the line ... */
    QUEUE_LEAST = 8192,   /* ... and octets, even where frames are short: 8 s at 9600 baud */
    NETWORK_PATIENCE = 5, /* a TCP connection falls silent in the middle of a frame */
};

/* As nodes are usually set; the serial bridge of mqtt-sn-tools begins with the first. */
static const uint32_t speeds[] = { 9600, 115200, 57600, 38400, 19200 };

struct line {
    struct radio radio;
    struct radio_events events;
    struct serial *serial;
    struct event *silence;
    struct line_reader reader;
    uint8_t *held, *out;
    size_t out_room;
    uint32_t damaged, oversize; /* of the reader's, as far as reported */
    uint8_t sample[SAMPLE];     /* the first octets since the line was opened */
    size_t sample_len;
    size_t speed; /* index of the one in use, when the settings name none */
    bool told;    /* that nothing makes sense */
};

static struct line *line_of(struct radio *r)
{
    return (struct line *)r;
}

static const char *name_of(const struct line *l)
{
    return l->radio.settings->name;
}

static void drop(struct line *l, const char *reason)
{
    l->events.dropped(l->events.context, &l->radio, reason);
}

static uint32_t speed_of(const struct line *l)
{
    return l->radio.settings->baud ? l->radio.settings->baud : speeds[l->speed];
}

/* ---- nothing makes sense ---------------------------------------------------------------------------------------- */

static bool is_in_doubt(const struct line *l)
{
    const uint32_t damaged = line_reader_damaged(&l->reader);
    if (damaged >= DOUBT_AFTER && damaged > l->reader.good)
        return true;
    const bool without_end = l->radio.settings->framing != FRAMING_RAW && l->sample_len == SAMPLE &&
                             !memchr(l->sample, SLIP_END, SAMPLE);
    return without_end && l->reader.good == 0;
}

static void tell_doubt(struct line *l, bool tries_on)
{
    char bytes[3 * SHOWN + 1] = "";
    for (size_t i = 0; i < l->sample_len && i < SHOWN; i++)
        snprintf(bytes + 3 * i, 4, " %02x", l->sample[i]);
    log_error("radio %s: %s talks, but what comes at %u baud makes no frames; it began with%s: %s%s",
              name_of(l), l->radio.settings->port, speed_of(l), bytes,
              line_cause(l->radio.settings->framing, span_of(l->sample, l->sample_len)),
              tries_on ? "; trying other speeds" : "");
    l->told = true;
}

static void set_up(struct line *l, bool up)
{
    if (l->radio.up == up)
        return;
    l->radio.up = up;
    l->events.changed(l->events.context, &l->radio);
}

static void begin(struct line *l)
{
    event_del(l->silence);
    line_reader_init(&l->reader, l->radio.settings->framing, l->held, l->radio.payload_limit);
    l->damaged = l->oversize = 0;
    l->sample_len = 0;
}

static void doubt(struct line *l)
{
    const bool free_speed = l->radio.settings->baud == 0 && !serial_is_network(l->serial);
    if (!is_in_doubt(l))
        return;
    if (!l->told)
        tell_doubt(l, free_speed);
    if (!free_speed)
        return;
    l->speed = (l->speed + 1) % (sizeof speeds / sizeof speeds[0]);
    set_up(l, false);
    serial_set_baud(l->serial, speeds[l->speed]);
    serial_settled(l->serial); /* soon */
    serial_reopen(l->serial, NULL);
    begin(l);
}

/* ---- hearing ---------------------------------------------------------------------------------------------------- */

static void report_losses(struct line *l)
{
    for (; l->damaged != line_reader_damaged(&l->reader); l->damaged++)
        drop(l, "damaged frame");
    for (; l->oversize != line_reader_oversize(&l->reader); l->oversize++)
        drop(l, "oversize");
}

static void hear_frame(struct line *l, struct span bytes)
{
    const struct address from = { .radio = l->radio.index, .len = 1 };
    const struct radio_frame frame = { .bytes = bytes, .lqi = LQI_UNKNOWN, .rssi = RSSI_UNKNOWN };
    if (l->reader.good == 1) {
        serial_settled(l->serial);
        if (l->told)
            log_info("radio %s: frames now, at %u baud", name_of(l), speed_of(l));
    }
    l->events.heard(l->events.context, &from, &frame);
}

static void wait_for_silence(struct line *l)
{
    const suseconds_t ms = LINE_IDLE_MS * (serial_is_network(l->serial) ? NETWORK_PATIENCE : 1);
    const struct timeval wait = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
    if (line_reader_waits(&l->reader))
        event_add(l->silence, &wait);
    else
        event_del(l->silence);
}

static void on_heard(void *context, struct span bytes)
{
    struct line *l = context;
    struct span frame;
    for (size_t i = 0; i < bytes.len && l->sample_len < SAMPLE; i++)
        l->sample[l->sample_len++] = bytes.at[i];
    while (line_reader_next(&l->reader, &bytes, &frame))
        hear_frame(l, frame);
    wait_for_silence(l);
    report_losses(l);
    doubt(l);
}

static void on_silence(evutil_socket_t fd, short what, void *context)
{
    struct line *l = context;
    (void)fd, (void)what;
    line_reader_idle(&l->reader);
    report_losses(l);
    doubt(l);
}

static void on_opened(void *context)
{
    struct line *l = context;
    begin(l);
    set_up(l, true);
}

static void on_lost(void *context)
{
    struct line *l = context;
    begin(l);
    l->told = false; /* what comes next may be another device */
    set_up(l, false);
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static void line_close(struct radio *r)
{
    struct line *l = line_of(r);
    if (!l)
        return;
    serial_free(l->serial);
    if (l->silence)
        event_free(l->silence);
    free(l->held);
    free(l->out);
    free(l);
}

static bool line_prepare(struct line *l, struct event_base *loop)
{
    const struct config_radio *settings = l->radio.settings;
    const size_t limit = l->radio.payload_limit;
    const struct serial_line line = { settings->name, settings->port, speed_of(l),
                                      settings->flow_control };
    const struct serial_events events = { l, on_opened, on_heard, on_lost };
    l->out_room = line_room(settings->framing, limit);
    l->held = malloc(line_reader_room(limit));
    l->out = malloc(l->out_room);
    l->silence = evtimer_new(loop, on_silence, l);
    if (!l->held || !l->out || !l->silence)
        return false;
    begin(l);
    l->serial = serial_new(loop, &line, &events);
    return l->serial != NULL;
}

static struct radio *line_open(struct event_base *loop, const struct config_radio *settings,
                               uint8_t index, const struct radio_events *events)
{
    struct line *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->radio = (struct radio){ .driver = &line_driver, .settings = settings, .index = index };
    l->radio.advertises = true;
    l->radio.payload_limit = settings->max_message ? settings->max_message : LONGEST_FRAME;
    l->events = *events;
    if (line_prepare(l, loop))
        return &l->radio;
    line_close(&l->radio);
    return NULL;
}

/* ---- sending ---------------------------------------------------------------------------------------------------- */

/* Why this frame cannot be sent; NULL: it can. */
static const char *refusal(const struct line *l, struct span frame)
{
    const size_t most = QUEUE_FRAMES * l->out_room;
    if (!l->radio.up)
        return "radio down";
    if (frame.len > l->radio.payload_limit)
        return "oversize";
    if (serial_waiting(l->serial) > (most > QUEUE_LEAST ? most : QUEUE_LEAST))
        return "the line is full";
    return NULL;
}

static void line_broadcast(struct radio *r, uint8_t radius, struct span frame)
{
    struct line *l = line_of(r);
    (void)radius;
    const char *why = refusal(l, frame);
    if (why) {
        drop(l, why);
        return;
    }
    struct writer w = writer_of(l->out, l->out_room);
    line_write(r->settings->framing, frame, &w);
    serial_write(l->serial, span_of(l->out, l->out_room - w.left));
}

static bool line_send(struct radio *r, const struct address *to, struct span frame)
{
    (void)to;
    line_broadcast(r, 0, frame);
    return false;
}

static bool line_can_broadcast(const struct radio *r)
{
    return r->up;
}

static void line_flush(struct radio *r)
{
    (void)r; /* serial.c writes as soon as it may */
}

/* ---- addresses -------------------------------------------------------------------------------------------------- */

static bool line_same_host(const struct address *a, const struct address *b)
{
    return a->len == b->len && a->node_len == b->node_len &&
           memcmp(a->bytes, b->bytes, (size_t)a->len + a->node_len) == 0;
}

static const char *line_text(const struct address *a, char *line, size_t room)
{
    (void)a;
    snprintf(line, room, "line");
    return line;
}

const struct radio_driver line_driver = {
    .name = "serial",
    .open = line_open,
    .send = line_send,
    .broadcast = line_broadcast,
    .can_broadcast = line_can_broadcast,
    .same_host = line_same_host,
    .text = line_text,
    .flush = line_flush,
    .close = line_close,
};
