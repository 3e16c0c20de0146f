/* probe.h -- which coordinator is behind this port? For the person who installs one.
 *
 * Each family is asked in turn at the speeds that its sticks are sold with. Nothing is set in the stick, but one
 * or another restarts. */
#pragma once

#include "radio/coordinator.h"

#include <stdio.h>

struct event_base;
struct probe;

enum { PROBE_SHOWN = 24, PROBE_WAIT_MS = 1000 };

struct probe_request {
    const char *port; /* a path or tcp://host:port */
    uint32_t baud;    /* 0 = the speeds of the families */
    const struct coordinator_family *const *families;
    size_t family_count;
    uint32_t wait_ms; /* for each answer */
    FILE *progress;   /* a line for each speed that is tried; NULL: none */
};

enum probe_result {
    PROBE_FOUND,
    PROBE_SILENT,    /* nothing was heard at any speed */
    PROBE_SENSELESS, /* something was heard, but no answer of any family */
    PROBE_CLOSED,    /* the port could not be opened; the log says why */
    PROBE_LOST       /* it went away in the middle */
};

struct probe_finding {
    enum probe_result result;
    const struct coordinator_family *family; /* that answered */
    uint32_t baud;                           /* of what follows; 0 = a network address */
    char answer[COORDINATOR_TEXT];
    uint8_t heard[PROBE_SHOWN]; /* PROBE_SENSELESS: how it began */
    size_t heard_len;           /* octets in all */
};

/* Begins; `done` is called once from the loop, and must not free the probe. The request is copied, what it points to
 * must live as long as the probe. NULL only when memory ends. */
MUST_CHECK struct probe *probe_new(struct event_base *loop, const struct probe_request *request,
                                   void (*done)(void *context, const struct probe_finding *f),
                                   void *context);
void probe_free(struct probe *p); /* NULL is allowed */

/* The finding in words, with the likely causes where it is no good one. */
void probe_print(const struct probe_finding *f, const char *port, FILE *out);
