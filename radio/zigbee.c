/* zigbee.c -- a ZigBee coordinator as a radio: the shell around a family's state machine.
 *
 *   serial.c --bytes--> family (xbee, znp, ezsp, deconz) --frames--> zigbee_below.c --> the gateway
 *   serial.c <--bytes-- family <---one frame per node--- lineup.c <---- zigbee.c <----- the gateway
 *
 * Here is what the gateway calls. A node's address is its 64-bit address: where it is in the network, and at which
 * endpoint, is the business of the table of neighbours. Frames are taken at once and wait in the lineup, also while the
 * stick is away, so that a pulled cable costs a pause and not messages. */
#include "radio/zigbee_inside.h"

#include "config/log.h"
#include "radio/deconz.h"
#include "radio/ezsp.h"
#include "radio/xbee.h"
#include "radio/znp.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { NODES_MAX = 4096, EUI64_LEN = 8 };

const struct coordinator_family *zigbee_family(enum config_driver driver)
{
    switch (driver) {
    case DRIVER_XBEE:
        return &xbee_family;
    case DRIVER_ZNP:
        return &znp_family;
    case DRIVER_EZSP:
        return &ezsp_family;
    case DRIVER_DECONZ:
        return &deconz_family;
    default:
        return NULL;
    }
}

static struct zigbee *zigbee_of(struct radio *r)
{
    return (struct zigbee *)r;
}

void zigbee_drop(struct zigbee *z, const char *reason)
{
    z->events.dropped(z->events.context, &z->radio, reason);
}

/* ---- addresses: the 64-bit address, in network order ------------------------------------------------------------- */

struct address zigbee_address(const struct zigbee *z, uint64_t eui64)
{
    struct address a = { .radio = z->radio.index, .len = EUI64_LEN };
    for (size_t i = 0; i < EUI64_LEN; i++)
        a.bytes[i] = (uint8_t)(eui64 >> 8 * (EUI64_LEN - 1 - i));
    return a;
}

static uint64_t eui64_of(const struct address *a)
{
    uint64_t eui64 = 0;
    for (size_t i = 0; i < EUI64_LEN; i++)
        eui64 = eui64 << 8 | a->bytes[i];
    return eui64;
}

static bool zigbee_same_host(const struct address *a, const struct address *b)
{
    return a->node_len == b->node_len &&
           memcmp(a->bytes, b->bytes, (size_t)EUI64_LEN + a->node_len) == 0;
}

static const char *zigbee_text(const struct address *a, char *line, size_t room)
{
    char text[EUI64_TEXT];
    snprintf(line, room, "%s", eui64_text(eui64_of(a), text));
    return line;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

/* Normally it was heard before; else the network finds it, at our own endpoint. */
static struct neighbour *node_of(struct zigbee *z, const struct address *to)
{
    const struct config_radio *s = z->radio.settings;
    uint64_t eui64 = eui64_of(to);
    struct neighbour *one = neighbours_find(z->neighbours, eui64);
    if (one)
        return one;
    one = neighbours_learn(z->neighbours, eui64, NWK_UNKNOWN, clock_now());
    if (one) {
        one->endpoint = s->endpoint;
        one->profile = s->profile;
        one->cluster = s->cluster;
    }
    return one;
}

/* The lineup reports also what it refused, but by the 64-bit address alone, and that is the forwarder's own. */
static bool zigbee_send(struct radio *r, const struct address *to, struct span frame)
{
    struct zigbee *z = zigbee_of(r);
    struct neighbour *one = node_of(z, to);
    const char *why = one ? lineup_add(z->lineup, one, frame, clock_now()) : "too many nodes";
    if (why)
        zigbee_drop(z, why);
    return one != NULL && to->node_len == 0;
}

static void zigbee_broadcast(struct radio *r, uint8_t radius, struct span frame)
{
    struct zigbee *z = zigbee_of(r);
    const char *why = !r->up ? "radio down"
                      : frame.len > z->c->info.broadcast_limit
                          ? "oversize"
                          : lineup_add_broadcast(z->lineup, radius, frame);
    if (why)
        zigbee_drop(z, why);
}

static bool zigbee_can_broadcast(const struct radio *r)
{
    return r->up;
}

static void zigbee_flush(struct radio *r)
{
    struct zigbee *z = zigbee_of(r);
    if (lineup_count(z->lineup) > 0 || lineup_deadline(z->lineup, r->up, z->c->info.window) < z->armed)
        zigbee_settle(z, clock_now());
}

static void zigbee_permit_join(struct radio *r, uint16_t seconds)
{
    struct zigbee *z = zigbee_of(r);
    uint8_t most = seconds < PERMIT_JOIN_MAX_S ? (uint8_t)seconds : PERMIT_JOIN_MAX_S;
    if (!r->up) {
        log_warn("radio %s: not open for new nodes: it is not up", r->settings->name);
        return;
    }
    z->c->family->permit_join(z->c, most, clock_now());
    log_info("radio %s: open for new nodes for %u s", r->settings->name, most);
}

/* ---- begin and end ----------------------------------------------------------------------------------------------- */

static void zigbee_close(struct radio *r)
{
    struct zigbee *z = zigbee_of(r);
    if (!z)
        return;
    serial_free(z->serial);
    if (z->timer)
        event_free(z->timer);
    lineup_free(z->lineup);
    neighbours_free(z->neighbours);
    free(z->c);
    free(z);
}

static struct coordinator *new_machine(struct zigbee *z, const struct coordinator_family *family)
{
    struct coordinator *c = calloc(1, family->size);
    if (!c)
        return NULL;
    c->family = family;
    c->settings = z->radio.settings;
    c->events = &z->below;
    c->neighbours = z->neighbours;
    if (getrandom(&c->random, sizeof c->random, 0) != sizeof c->random)
        c->random = (uint32_t)clock_now();
    family->init(c);
    return c;
}

static struct serial *new_line(struct zigbee *z, struct event_base *loop)
{
    const struct config_radio *s = z->radio.settings;
    struct serial_events events = zigbee_serial_events;
    events.context = z;
    return serial_new(loop,
                      &(struct serial_line){ .name = s->name,
                                             .port = s->port,
                                             .driver = s->driver,
                                             .baud = s->baud ? s->baud : z->c->family->bauds[0],
                                             .flow = s->flow_control },
                      &events);
}

static struct radio *zigbee_open(struct event_base *loop, const struct config_radio *settings,
                                 uint8_t index, const struct radio_events *events)
{
    const struct lineup_limits limits = { settings->queue, settings->queue_per_node,
                                          settings->broadcast_pace_ms };
    struct zigbee *z = calloc(1, sizeof *z);
    if (!z)
        return NULL;
    z->radio = (struct radio){ .driver = &zigbee_driver,
                               .settings = settings,
                               .index = index,
                               .advertises = true,
                               .payload_limit = settings->max_message ? settings->max_message
                                                                      : COORDINATOR_PAYLOAD_MAX,
                               .window = 1 };
    z->events = *events;
    z->below = zigbee_coordinator_events;
    z->below.context = z;
    z->armed = MSEC_NEVER;
    z->neighbours = neighbours_new(NODES_MAX);
    z->lineup = lineup_new(&limits);
    z->timer = evtimer_new(loop, zigbee_on_time, z);
    if (!z->neighbours || !z->lineup || !z->timer)
        goto fail;
    z->c = new_machine(z, zigbee_family(settings->driver));
    if (!z->c)
        goto fail;
    z->serial = new_line(z, loop);
    if (!z->serial)
        goto fail;
    return &z->radio;
fail:
    zigbee_close(&z->radio);
    return NULL;
}

const struct radio_driver zigbee_driver = {
    .name = "zigbee",
    .open = zigbee_open,
    .send = zigbee_send,
    .broadcast = zigbee_broadcast,
    .can_broadcast = zigbee_can_broadcast,
    .same_host = zigbee_same_host,
    .text = zigbee_text,
    .permit_join = zigbee_permit_join,
    .flush = zigbee_flush,
    .close = zigbee_close,
};
