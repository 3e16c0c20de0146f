/* kill_trace.h -- the last things that happened to one node, for a play that found a fault.
 *
 * A fault shows long after its cause: a message that is missing was taken by a gateway that died two kills ago. So
 * every node has the tail of its own history: frames both ways with what the air lost of them, what the world said and
 * heard about it, and every kill. */
#pragma once

#include "mqttsn/client.h"

#include <stdio.h>

enum { TRACE_LINES = 400, TRACE_TEXT = 160 };

struct kill_trace {
    struct {
        msec at;
        char text[TRACE_TEXT];
    } ring[TRACE_LINES];
    size_t count;
};

__attribute__((format(printf, 3, 4))) void trace_notes(struct kill_trace *t, msec now,
                                                       const char *format, ...);

/* A frame on its way from `from`, as one line of text. */
void trace_frame(struct kill_trace *t, msec now, const char *from, struct span frame);

/* Everything it still has, with times counted from `begin`. */
void trace_prints(const struct kill_trace *t, msec begin);
