/* gateway_radios.c -- the radios of the gateway: opened at the start, listened to, and told to advertise us.
 *
 * What a radio says about itself, frames it dropped, frames it sent, what it carries now, comes in here; frames that it
 * heard go straight to gateway_hear. A radio that is not there yet is no reason to stop: it opens when it can. */
#include "gateway/gateway_inside.h"

#include "config/log.h"
#include "radio/clock.h"

#include <event2/event.h>
#include <stdlib.h>

/* A burst that does not fit is thousands of frames: one line a second is enough. */
static void on_radio_dropped(void *context, struct radio *r, const char *reason)
{
    enum { ONE_SECOND = 1000 };
    struct gateway *g = context;
    struct station *st = &g->stations[r->index];
    msec now = clock_now();
    g->metrics.drops[strcmp(reason, "oversize") == 0 ? DROP_OVERSIZE : DROP_RADIO]++;
    st->unwarned++;
    if (now - st->warned_at < ONE_SECOND)
        return;
    log_warn("radio %s: dropped a frame: %s (%u since the last such line)", r->settings->name,
             reason, st->unwarned);
    st->warned_at = now;
    st->unwarned = 0;
}

static void on_radio_ignored(void *context, struct radio *r, const char *reason)
{
    struct gateway *g = context;
    g->metrics.drops[DROP_IGNORED]++;
    log_debug("radio %s: ignored a frame: %s", r->settings->name, reason);
}

/* The node's next frame may go, and its clock may run. */
static void on_radio_sent(void *context, const struct address *to, enum radio_sent result)
{
    static const enum drop drops[RADIO_SENTS] = {
        [RADIO_DELIVERED] = DROPS, [RADIO_UNREACHABLE] = DROP_UNREACHABLE,
        [RADIO_BUSY] = DROP_RADIO, [RADIO_TOO_BIG] = DROP_OVERSIZE,
        [RADIO_LOST] = DROP_RADIO, [RADIO_REFUSED] = DROPS, /* counted as it was dropped */
    };
    struct gateway *g = context;
    struct peer *one = peers_by_address(g->peers, to);
    msec now = clock_now();
    if (drops[result] != DROPS)
        gateway_drop(g, drops[result], gateway_who(g, to));
    if (!one)
        return;
    g->actions.count = 0;
    session_sent(peer_session(one), now, &g->actions);
    gateway_perform(g, one, now);
    gateway_settle(g, aggregate_upstream(g->aggregate), now);
}

/* The address as the settings write it: without its port. */
static const char *host_text(const struct radio_driver *d, const struct address *a,
                             char text[ADDRESS_TEXT])
{
    d->text(a, text, ADDRESS_TEXT);
    if (!d->host_len)
        return text;
    char *end = strrchr(text, text[0] == '[' ? ']' : ':');
    if (end)
        *end = '\0';
    return text[0] == '[' ? text + 1 : text;
}

bool gateway_may_forward(const struct gateway *g, const struct address *from)
{
    const struct radio *r = g->stations[from->radio].radio;
    const struct config_radio *settings = r->settings;
    char text[ADDRESS_TEXT];
    if (!settings->forwarders || !settings->forwarders_from)
        return settings->forwarders;
    const char *host = host_text(r->driver, from, text);
    for (size_t i = 0; i < settings->forwarders_from_count; i++)
        if (strcmp(settings->forwarders_from[i], host) == 0)
            return true;
    return false;
}

uint16_t gateway_reach(const struct gateway *g, const struct address *to)
{
    enum { FORWARDER_HEADER = 3 };
    uint16_t carries = g->stations[to->radio].radio->payload_limit;
    uint16_t header = 0;
    struct reader nodes = address_nodes(to);
    for (struct span node; address_next_node(&nodes, &node);)
        header = (uint16_t)(header + FORWARDER_HEADER + node.len);
    return carries > header ? (uint16_t)(carries - header) : 0;
}

/* Sessions that are heard there know how much it carries. */
static void on_radio_changed(void *context, struct radio *r)
{
    struct gateway *g = context;
    for (struct peer *one = NULL; (one = peers_next(g->peers, one));) {
        const struct address *a = peer_address(one);
        if (a && a->radio == r->index)
            peer_session(one)->max_message = gateway_reach(g, a);
    }
}

void gateway_arm_station(struct station *st, msec now)
{
    msec at = discovery_deadline(&st->discovery);
    if (at == MSEC_NEVER || !st->radio->driver->can_broadcast)
        return;
    msec wait = at > now ? at - now : 0;
    struct timeval t = { (time_t)(wait / 1000), (suseconds_t)(wait % 1000 * 1000) };
    evtimer_add(st->timer, &t);
}

static void on_advertise(evutil_socket_t fd, short what, void *arg)
{
    struct station *st = arg;
    struct gateway *g = st->gateway;
    struct mqttsn_message m;
    msec now = clock_now();
    bool silent = st->discovery.silent;
    (void)fd, (void)what;
    if (discovery_tick(&st->discovery, gateway_reaches_broker(g), now, &m)) {
        struct writer w = writer_of(g->frame, sizeof g->frame);
        if (mqttsn_encode(&m, &w) == MQTTSN_OK && st->radio->driver->can_broadcast(st->radio)) {
            st->radio->driver->broadcast(st->radio, 0, span_of(g->frame, sizeof g->frame - w.left));
            g->metrics.counts[METRIC_advertisements]++;
        }
    }
    if (silent && !st->discovery.silent)
        log_info("radio %s: nothing is heard of gateway %u, we advertise in its place",
                 st->radio->settings->name, st->discovery.stand_by_for);
    gateway_arm_station(st, now);
}

static bool open_station(struct gateway *g, size_t i, const struct radio_events *events)
{
    struct station *st = &g->stations[i];
    const struct config_radio *settings = &g->boot->radios[i];
    const struct radio_driver *driver = radio_driver(settings->driver);
    msec now = clock_now();
    st->gateway = g;
    st->radio = driver ? driver->open(g->loop, settings, (uint8_t)i, events) : NULL;
    st->timer = evtimer_new(g->loop, on_advertise, st);
    if (!st->radio || !st->timer)
        return false;
    discovery_init(&st->discovery, g->boot->gateway.id,
                   st->radio->advertises ? g->boot->gateway.advertise_ms : 0,
                   (uint32_t)gateway_random(), now);
    discovery_stand_by(&st->discovery, g->boot->gateway.stand_by_for,
                       g->boot->gateway.stand_by_after, now);
    gateway_arm_station(st, now);
    return true;
}

bool gateway_open_radios(struct gateway *g)
{
    static struct radio_events events = { .heard = gateway_hear,
                                          .dropped = on_radio_dropped,
                                          .ignored = on_radio_ignored,
                                          .sent = on_radio_sent,
                                          .changed = on_radio_changed };
    events.context = g;
    g->stations = calloc(g->boot->radio_count, sizeof *g->stations);
    if (!g->stations)
        return false;
    for (g->station_count = 0; g->station_count < g->boot->radio_count;)
        if (!open_station(g, g->station_count++, &events))
            return false;
    return true;
}

void gateway_close_radios(struct gateway *g)
{
    for (size_t i = 0; i < g->station_count; i++) {
        if (g->stations[i].timer)
            event_free(g->stations[i].timer);
        if (g->stations[i].radio)
            g->stations[i].radio->driver->close(g->stations[i].radio);
    }
    free(g->stations);
}

/* Each says for itself whether it is open now. */
void gateway_permit_join(struct gateway *g, uint16_t seconds)
{
    size_t asked = 0;
    for (size_t i = 0; i < g->station_count; i++) {
        struct radio *r = g->stations[i].radio;
        if (!r->driver->permit_join)
            continue;
        r->driver->permit_join(r, seconds);
        asked++;
    }
    if (asked == 0)
        log_warn("there is no network to open for new nodes: no radio of this gateway is ZigBee");
}
