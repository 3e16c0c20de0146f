/* kill_trace.c -- the ring of lines of kill_trace.h.
 *
 * Lines are written as text at once: a trace that is never read costs a line of snprintf for each frame, which is
 * nothing beside the sockets, and a play that fails needs nothing of what the frames pointed to. */
#include "tests/system/kill_trace.h"

#include "mqttsn/message_text.h"
#include "tests/system/scene.h"

#include <inttypes.h>

void trace_notes(struct kill_trace *t, msec now, const char *format, ...)
{
    va_list list;
    size_t place = t->count++ % TRACE_LINES;
    t->ring[place].at = now;
    va_start(list, format);
    vsnprintf(t->ring[place].text, TRACE_TEXT, format, list);
    va_end(list);
}

void trace_frame(struct kill_trace *t, msec now, const char *from, struct span frame)
{
    struct mqttsn_message m;
    char line[TRACE_TEXT / 2];
    if (mqttsn_decode(frame, &m) == MQTTSN_OK)
        mqttsn_text(&m, line, sizeof line);
    else
        mqttsn_text_span(frame, line, sizeof line);
    trace_notes(t, now, "%s %s", from, line);
}

void trace_prints(const struct kill_trace *t, msec begin)
{
    for (size_t i = t->count > TRACE_LINES ? t->count - TRACE_LINES : 0; i < t->count; i++)
        print_error("%8" PRIu64 " ms  %s\n", t->ring[i % TRACE_LINES].at - begin,
                    t->ring[i % TRACE_LINES].text);
}
