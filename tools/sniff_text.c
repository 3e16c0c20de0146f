/* sniff_text.c -- an MQTT-SN frame off the wire as one line.
 *
 * The text of a message is mqttsn_text's; here is what surrounds it on a wire. A forwarder's header is peeled off and
 * shown as "via node ...", several of them one after the other. What does not decode is shown with the reason and its
 * first octets, for a sniffer is mostly wanted when something is wrong. */
#include "tools/sniff_text.h"

#include "mqttsn/encapsulation.h"
#include "mqttsn/message_text.h"

#include <stdarg.h>
#include <stdio.h>

enum { NESTING_MAX = 4, HEX_MAX = 64 };

/* Text that grows at its end; what does not fit is left out. */
struct text {
    char *at;
    size_t left;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(t->at, t->left, format, arguments);
    va_end(arguments);
    size_t written = n < 0 ? 0 : (size_t)n;
    if (written >= t->left)
        written = t->left - 1;
    t->at += written;
    t->left -= written;
}

static void add_hex(struct text *t, struct span bytes, const char *between)
{
    struct reader r = reader_of(bytes);
    for (size_t i = 0; i < HEX_MAX && r.left > 0; i++)
        add(t, "%s%02x", i > 0 ? between : "", read_u8(&r));
    if (r.left > 0)
        add(t, "%s... %zu more", between, r.left);
}

static void add_malformed(struct text *t, enum mqttsn_error e, struct span frame,
                          struct sniff_tally *tally)
{
    tally->malformed[e]++;
    add(t, "malformed: %s: ", mqttsn_strerror(e));
    add_hex(t, frame, " ");
}

/* Peels the headers off *frame. MQTTSN_OK: a message is left. */
static enum mqttsn_error add_nodes(struct text *t, struct span *frame, struct sniff_tally *tally)
{
    for (int depth = 0; depth < NESTING_MAX && encapsulation_is(*frame); depth++) {
        struct encapsulation e;
        enum mqttsn_error error = encapsulation_peel(*frame, &e);
        if (error != MQTTSN_OK)
            return error;
        tally->encapsulated++;
        add(t, "via node ");
        add_hex(t, e.node, "");
        if (e.radius > 0)
            add(t, " radius=%u", e.radius);
        add(t, " ");
        *frame = e.message;
    }
    return MQTTSN_OK;
}

const char *sniff_text(struct span frame, struct sniff_tally *tally, char *line, size_t room)
{
    struct text t;
    struct mqttsn_message m;
    t.at = line;
    t.left = room;
    enum mqttsn_error e = add_nodes(&t, &frame, tally);
    if (e == MQTTSN_OK)
        e = mqttsn_decode(frame, &m);
    if (e != MQTTSN_OK) {
        add_malformed(&t, e, frame, tally);
        return line;
    }
    tally->types[m.type]++;
    mqttsn_text(&m, t.at, t.left);
    return line;
}
