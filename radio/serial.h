/* serial.h -- the transport below the coordinators: a serial port, a pseudo-terminal, or a TCP connection to a
 * networked coordinator. It gives bytes, takes bytes, and keeps the line open for ever.
 *
 * Nothing here knows what the bytes mean. Opening, failing and coming back is told to the operator once per change, in
 * one line with cause and remedy. A device that appears again is tried at once, not only when the back-off is over. */
#pragma once

#include "config/config.h"

struct event_base;
struct ports_roots;
struct serial;

struct serial_line {
    const char *name; /* of the radio, for log lines */
    const char *port; /* a path, symlinks allowed; tcp://host:port; or "auto". Must outlive the line */
    uint32_t baud;    /* bits per second; 0 = 115200 */
    enum config_flow flow;
    enum config_driver driver; /* for "auto": the port is chosen by it, anew at each opening */
    const struct ports_roots *roots; /* NULL: /dev and /sys */
};

/* All are called from the loop, never from within a call of ours. They may do anything with the line, even free it. */
struct serial_events {
    void *context;
    void (*opened)(void *context); /* input and output are flushed */
    void (*heard)(void *context, struct span bytes);
    void (*lost)(void *context); /* unplugged or closed; it is opened again by itself */
    void (*refused)(void *context); /* cannot be opened. NULL: it is tried again by itself; else only once */
};

/* NULL only when memory ends. The first attempt to open is made from the loop. */
MUST_CHECK struct serial *serial_new(struct event_base *loop, const struct serial_line *line,
                                     const struct serial_events *events);
void serial_free(struct serial *s); /* closes; writes what still fits; NULL is allowed */

bool serial_is_open(const struct serial *s);
bool serial_is_network(const struct serial *s); /* tcp:// */

/* Copies `bytes` behind what waits. Ignored while closed. What the peer does not take within bounds (64 KiB) counts as
 * a line that is stuck: it is closed as lost. */
void serial_write(struct serial *s, struct span bytes);
size_t serial_waiting(const struct serial *s); /* octets not written yet */

/* What speaks on the line makes sense: from now on a loss begins with the shortest back-off. */
void serial_settled(struct serial *s);

/* Closes and opens again after the back-off. Does not call `lost`. `why` is logged, NULL: silently. */
void serial_reopen(struct serial *s, const char *why);

/* From the next opening on. */
void serial_set_baud(struct serial *s, uint32_t baud);

/* Modem lines, where there are any; ignored elsewhere. true = asserted. */
void serial_set_lines(struct serial *s, bool dtr, bool rts);

/* Throws away what was received but not yet handed up, and what waits to be written. */
void serial_flush_all(struct serial *s);
