/* coordinator.c -- what all families of coordinators do alike: tell the radio, filter what is not for us, and wait for
 * the name of a node that nobody knows yet.
 *
 * Some coordinators give only the 16-bit address of a sender. A client must never be keyed by that, since it changes at
 * any rejoin: so the first frame of such a node is parked while the family asks the network whose address it is. The
 * places are few and the time is short; a frame that gets no name is dropped and counted, and its sender repeats it. */
#include "radio/coordinator.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const state_names[COORDINATOR_STATES] = {
    [COORDINATOR_CLOSED] = "closed", [COORDINATOR_STARTING] = "starting", [COORDINATOR_UP] = "up",
    [COORDINATOR_DOWN] = "down",     [COORDINATOR_REFUSED] = "refused",
};

const char *coordinator_state_name(enum coordinator_state s)
{
    return state_names[s];
}

const char *eui64_text(uint64_t eui64, char line[EUI64_TEXT])
{
    snprintf(line, EUI64_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x:%02x:%02x", (unsigned)(eui64 >> 56),
             (unsigned)(eui64 >> 48 & 0xFF), (unsigned)(eui64 >> 40 & 0xFF),
             (unsigned)(eui64 >> 32 & 0xFF), (unsigned)(eui64 >> 24 & 0xFF),
             (unsigned)(eui64 >> 16 & 0xFF), (unsigned)(eui64 >> 8 & 0xFF), (unsigned)(eui64 & 0xFF));
    return line;
}

/* ---- to the radio ------------------------------------------------------------------------------------------------ */

void coordinator_enter(struct coordinator *c, enum coordinator_state next, const char *format, ...)
{
    char why[COORDINATOR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    c->state = next;
    c->full_since = 0;
    c->events->state(c->events->context, why);
}

void coordinator_log(struct coordinator *c, enum config_level level, const char *format, ...)
{
    char text[COORDINATOR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    c->events->log(c->events->context, level, text);
}

void coordinator_restart(struct coordinator *c, const char *format, ...)
{
    char why[COORDINATOR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    c->events->restart(c->events->context, why);
}

void coordinator_write(struct coordinator *c, struct span bytes)
{
    c->events->write(c->events->context, bytes);
}

void coordinator_sent(struct coordinator *c, uint8_t token, enum radio_sent result)
{
    assert(token != 0);
    c->events->sent(c->events->context, token, result);
}

void coordinator_joined(struct coordinator *c, uint64_t eui64, bool left)
{
    c->events->joined(c->events->context, eui64, left);
}

bool coordinator_stays_full(struct coordinator *c, bool full, msec now)
{
    if (!full)
        c->full_since = 0;
    else if (c->full_since == 0)
        c->full_since = now;
    if (!full || now - c->full_since < COORDINATOR_FULL_MS)
        return false;
    c->full_since = now;
    return true;
}

/* xorshift: for transaction ids and PAN ids, where being different is enough. Keys are not made of this. */
uint32_t coordinator_random(struct coordinator *c)
{
    uint32_t x = c->random ? c->random : 1;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return c->random = x;
}

/* ---- is its network the one of the settings? --------------------------------------------------------------------- */

const char coordinator_forbidden[] =
    "it has no network, and form: never forbids to form one; form: blank forms one";
const char coordinator_keyless[] = "no network is formed without its key; see network_key_file";

void coordinator_add(char text[COORDINATOR_TEXT], const char *format, ...)
{
    size_t used = strlen(text);
    va_list arguments;
    if (used > 0)
        used += (size_t)snprintf(text + used, COORDINATOR_TEXT - used, ", ");
    if (used >= COORDINATOR_TEXT)
        return;
    va_start(arguments, format);
    vsnprintf(text + used, COORDINATOR_TEXT - used, format, arguments);
    va_end(arguments);
}

void coordinator_compare(const struct coordinator *c, const struct coordinator_network *has,
                         char text[COORDINATOR_TEXT])
{
    const struct config_radio *s = c->settings;
    text[0] = '\0';
    if (s->channel != 0 && s->channel != has->channel)
        coordinator_add(text, "channel %u (settings: %u)", has->channel, s->channel);
    if (s->pan_id != 0 && s->pan_id != has->pan_id)
        coordinator_add(text, "PAN 0x%04x (settings: 0x%04x)", has->pan_id, s->pan_id);
    if (s->extended_pan_id != 0 && s->extended_pan_id != has->extended_pan_id)
        coordinator_add(text, "extended PAN 0x%016llx (settings: 0x%016llx)",
                        (unsigned long long)has->extended_pan_id,
                        (unsigned long long)s->extended_pan_id);
    if (has->other_key)
        coordinator_add(text, "its key is not the one in %s", s->network_key_file);
}

void coordinator_refuse_network(struct coordinator *c, const char *differences, bool formed)
{
    coordinator_enter(c, COORDINATOR_REFUSED, "other network: %s; %s", differences,
                      formed ? "that is after forming one"
                             : "correct the settings, or form: replace forms a new one");
}

/* ---- from the nodes ---------------------------------------------------------------------------------------------- */

/* Why this frame is not for us; NULL: it is. */
static const char *not_ours(const struct coordinator *c, const struct incoming *in)
{
    const struct config_radio *s = c->settings;
    if (in->profile != s->profile || in->cluster != s->cluster)
        return "other profile or cluster";
    if (in->endpoint != s->endpoint && !s->any_endpoint)
        return "other endpoint";
    return in->frame.bytes.len > COORDINATOR_PAYLOAD_MAX ? "oversize" : NULL;
}

static void note_sender(struct neighbour *one, const struct incoming *in)
{
    one->endpoint = in->source_endpoint;
    one->profile = in->profile;
    one->cluster = in->cluster;
    one->sleeper = in->frame.sleeper;
    one->lqi = in->frame.lqi;
    one->rssi = in->frame.rssi;
}

static void hand_up(struct coordinator *c, struct neighbour *from, const struct incoming *in, msec now)
{
    note_sender(from, in);
    from->heard_at = now;
    c->events->heard(c->events->context, from, &in->frame);
}

/* A free place; when there is none, the frame that waited longest gives up its own. */
static struct parked *parking_place(struct coordinator *c)
{
    struct parked *oldest = &c->parked[0];
    for (struct parked *p = c->parked; p < c->parked + PARKED_MAX; p++) {
        if (p->len == 0)
            return p;
        if (p->until < oldest->until)
            oldest = p;
    }
    c->events->dropped(c->events->context, "sender unknown");
    return oldest;
}

static void park(struct coordinator *c, const struct incoming *in, msec now)
{
    struct parked *p = parking_place(c);
    p->in = *in;
    p->nwk = in->nwk;
    p->len = (uint16_t)in->frame.bytes.len;
    p->until = now + PARKED_MS;
    memcpy(p->bytes, in->frame.bytes.at, p->len);
}

enum coordinator_heard coordinator_heard(struct coordinator *c, const struct incoming *in, msec now)
{
    const char *why = not_ours(c, in);
    if (why) {
        c->events->dropped(c->events->context, why);
        return COORDINATOR_TOOK;
    }
    if (in->frame.bytes.len == 0)
        return COORDINATOR_TOOK; /* an empty frame says only that the node is there */
    struct neighbour *from = in->eui64 ? neighbours_learn(c->neighbours, in->eui64, in->nwk, now)
                                       : neighbours_at(c->neighbours, in->nwk);
    if (from) {
        hand_up(c, from, in, now);
        return COORDINATOR_TOOK;
    }
    if (in->eui64) {
        c->events->dropped(c->events->context, "too many nodes");
        return COORDINATOR_TOOK;
    }
    park(c, in, now);
    return COORDINATOR_ASK;
}

struct neighbour *coordinator_learn(struct coordinator *c, uint64_t eui64, uint16_t nwk, msec now)
{
    struct neighbour *one = neighbours_learn(c->neighbours, eui64, nwk, now);
    for (struct parked *p = c->parked; one && p < c->parked + PARKED_MAX; p++) {
        if (p->len == 0 || p->nwk != nwk)
            continue;
        struct incoming in = p->in;
        in.frame.bytes = span_of(p->bytes, p->len);
        p->len = 0;
        hand_up(c, one, &in, now);
    }
    return one;
}

void coordinator_expire(struct coordinator *c, msec now)
{
    for (struct parked *p = c->parked; p < c->parked + PARKED_MAX; p++) {
        if (p->len == 0 || now < p->until)
            continue;
        p->len = 0;
        c->events->dropped(c->events->context, "sender unknown");
    }
}

msec coordinator_parked_until(const struct coordinator *c)
{
    msec first = MSEC_NEVER;
    for (const struct parked *p = c->parked; p < c->parked + PARKED_MAX; p++)
        if (p->len > 0 && p->until < first)
            first = p->until;
    return first;
}
