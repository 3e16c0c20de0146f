/* sim_line.h -- the serial line between the host and a stick: a pseudo-terminal or a TCP port, paced like a UART. */
#pragma once

#include "tools/sim_outbox.h"

struct event_base;
struct sim_line;

struct sim_line_settings {
    const char *port;   /* symlink to the pseudo-terminal; NULL: none */
    const char *listen; /* HOST:PORT: TCP instead; NULL: a pseudo-terminal */
    uint32_t baud;      /* 0 = unpaced */
};

/* Called from the loop, never from within a call of ours. */
struct sim_line_events {
    void *context;
    void (*heard)(void *context, struct span bytes); /* from the host */
    void (*changed)(void *context); /* it was congested and is no more, or the host came or went */
};

/* Unplugged at first. NULL when memory ends. */
struct sim_line *sim_line_new(struct event_base *loop, const struct sim_line_settings *settings,
                              const struct sim_line_events *events);
void sim_line_free(struct sim_line *l); /* unplugs; NULL is allowed */

bool sim_line_plug(struct sim_line *l); /* false: it has been said why */
void sim_line_unplug(struct sim_line *l);
bool sim_line_plugged(const struct sim_line *l);
bool sim_line_listened(const struct sim_line *l); /* a host has the port open */

/* Where the host finds it: the symlink, the device, or tcp://host:port. */
const char *sim_line_path(const struct sim_line *l);

/* To the host; copied. Lost when it is unplugged or nobody listens, as on a UART. */
void sim_line_write(struct sim_line *l, struct span frame, enum sim_way way);

bool sim_line_congested(const struct sim_line *l); /* there is no hurry to write more */
bool sim_line_drained(const struct sim_line *l); /* the host has read everything, as far as one can see */
