/* gateway_life.c -- how the gateway begins, takes new settings, and ends.
 *
 * It begins with everything or not at all; a radio or broker that is not there yet is tried again for ever. A reload
 * takes effect at once for what may change and names what waits for a restart. It ends by telling everybody. */
#include "gateway/gateway_inside.h"

#include "config/log.h"
#include "gateway/clock.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/random.h>

static uint64_t random_seed(void)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = clock_now();
    return seed;
}

/* ---- radios ------------------------------------------------------------------------------------------------------ */

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

static void station_arm(struct station *st, msec now)
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
    (void)fd, (void)what;
    if (discovery_tick(&st->discovery, gateway_reaches_broker(g), now, &m)) {
        struct writer w = writer_of(g->frame, sizeof g->frame);
        if (mqttsn_encode(&m, &w) == MQTTSN_OK && st->radio->driver->can_broadcast(st->radio)) {
            st->radio->driver->broadcast(st->radio, 0, span_of(g->frame, sizeof g->frame - w.left));
            g->metrics.counts[METRIC_advertisements]++;
        }
    }
    station_arm(st, now);
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
    discovery_init(&st->discovery, g->boot->gateway.id,
                   settings->multicast.host ? g->boot->gateway.advertise_ms : 0,
                   (uint32_t)random_seed(), now);
    if (!st->radio || !st->timer)
        return false;
    station_arm(st, now);
    return true;
}

static bool open_radios(struct gateway *g)
{
    static struct radio_events events = { .heard = gateway_hear, .dropped = on_radio_dropped };
    events.context = g;
    g->stations = calloc(g->boot->radio_count, sizeof *g->stations);
    if (!g->stations)
        return false;
    for (g->station_count = 0; g->station_count < g->boot->radio_count;)
        if (!open_station(g, g->station_count++, &events))
            return false;
    return true;
}

/* ---- settings ---------------------------------------------------------------------------------------------------- */

/* The list of actions must hold the longest that the limits allow. */
static bool make_room(struct gateway *g, const struct limits *l)
{
    size_t room = actions_needed(l->queue_messages, l->subscriptions);
    if (room <= g->actions.room)
        return true;
    struct action *list = realloc(g->actions.list, room * sizeof *list);
    if (!list)
        return false;
    g->actions.list = list;
    g->actions.room = room;
    return true;
}

static void adopt(struct gateway *g, struct adopted *new)
{
    g->adopted = new;
    g->limits = *adopted_limits(new);
    g->common.limits = &g->limits;
    g->common.predefined = adopted_predefined(new);
    g->strangers.limit = g->current->limits.stranger_replies;
    log_setup(g->current->log.level, g->current->log.json);
}

static bool text_differs(const char *a, const char *b)
{
    return (a != NULL) != (b != NULL) || (a && strcmp(a, b) != 0);
}

static bool radios_differ(const struct config *a, const struct config *b)
{
    if (a->radio_count != b->radio_count)
        return true;
    for (size_t i = 0; i < a->radio_count; i++) {
        const struct config_radio *x = &a->radios[i], *y = &b->radios[i];
        if (text_differs(x->name, y->name) || x->driver != y->driver ||
            text_differs(x->listen.host, y->listen.host) || x->listen.port != y->listen.port ||
            text_differs(x->multicast.host, y->multicast.host) ||
            x->multicast.port != y->multicast.port || text_differs(x->interface, y->interface) ||
            x->forwarders != y->forwarders || x->max_message != y->max_message)
            return true;
    }
    return false;
}

static bool brokers_differ(const struct config_broker *a, const struct config_broker *b)
{
    return text_differs(a->url, b->url) || text_differs(a->username, b->username) ||
           !span_equal(a->password, b->password) || text_differs(a->ca_file, b->ca_file) ||
           text_differs(a->cert_file, b->cert_file) || text_differs(a->key_file, b->key_file) ||
           text_differs(a->server_name, b->server_name) || text_differs(a->alpn, b->alpn) ||
           a->keepalive_s != b->keepalive_s || text_differs(a->prefix, b->prefix);
}

static bool gateways_differ(const struct config *a, const struct config *b)
{
    return a->gateway.id != b->gateway.id || text_differs(a->gateway.name, b->gateway.name) ||
           a->gateway.advertise_ms != b->gateway.advertise_ms ||
           text_differs(a->gateway.state, b->gateway.state);
}

static void name_what_waits(const struct config *boot, const struct config *new)
{
    const struct {
        const char *section;
        bool differs;
    } sections[] = {
        { "gateway", gateways_differ(boot, new) },
        { "radios", radios_differ(boot, new) },
        { "broker", brokers_differ(&boot->broker, &new->broker) },
    };
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        if (sections[i].differs)
            log_warn("settings: the section %s has changed too; that takes effect at the next start",
                     sections[i].section);
}

void gateway_reload(struct gateway *g, struct config *c)
{
    const struct config_client *row;
    struct adopted *new = adopted_new(c), *old = g->adopted;
    if (!new || !make_room(g, adopted_limits(new))) {
        log_error("settings: not reloaded, the old ones stay: no memory");
        adopted_free(new);
        config_free(c);
        return;
    }
    struct config *before = g->current;
    name_what_waits(g->boot, c);
    g->current = c;
    adopt(g, new);
    for (struct peer *one = NULL; (one = peers_next(g->peers, one));) {
        struct session *s = peer_session(one);
        s->access = adopted_access(new, (const char *)s->client_id.at, &row);
    }
    adopted_free(old);
    if (before != g->boot)
        config_free(before);
    log_info("settings: reloaded");
}

/* ---- begin and end ----------------------------------------------------------------------------------------------- */

static bool open_broker(struct gateway *g)
{
    const struct config_limits *l = &g->boot->limits;
    struct upstream *u = aggregate_upstream(g->aggregate);
    struct link_events *events = calloc(1, sizeof *events);
    if (!events)
        return false;
    *events = gateway_link_events;
    events->context = g;
    g->link_events = events;
    g->links = links_new(g->loop, &g->boot->broker, l->connect_timeout_ms, l->reconnects, events);
    if (!g->links)
        return false;
    u->prefix = span_text(g->boot->broker.prefix);
    u->flight_limit = g->limits.uplink_bytes;
    g->shared = link_new(g->links, u, g->boot->gateway.name, NULL);
    if (!g->shared)
        return false;
    link_dial(g->shared, clock_now());
    return true;
}

enum { STOP_SECONDS = 3 };

static void on_last_call(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    event_base_loopbreak(arg);
}

struct gateway *gateway_new(struct event_base *loop, struct config *c)
{
    struct gateway *g = calloc(1, sizeof *g);
    struct adopted *adopted = g ? adopted_new(c) : NULL;
    if (!adopted || !make_room(g, adopted_limits(adopted))) {
        log_error("cannot start: no memory");
        adopted_free(adopted);
        config_free(c);
        free(g);
        return NULL;
    }
    g->loop = loop;
    g->boot = g->current = c;
    adopt(g, adopted);
    g->peers = peers_new(random_seed());
    g->aggregate = aggregate_new(random_seed());
    g->last_call = evtimer_new(loop, on_last_call, loop);
    if (!g->peers || !g->aggregate || !g->last_call || !open_broker(g) || !open_radios(g)) {
        gateway_free(g);
        return NULL;
    }
    return g;
}

void gateway_flush(struct gateway *g)
{
    links_flush(g->links, clock_now());
    for (size_t i = 0; i < g->station_count; i++)
        g->stations[i].radio->driver->flush(g->stations[i].radio);
}

/* Sleepers would miss a DISCONNECT; they learn it when they wake (SN-DSC-6). */
void gateway_stop(struct gateway *g)
{
    msec now = clock_now();
    if (g->stopping) { /* told twice: at once */
        event_base_loopbreak(g->loop);
        return;
    }
    g->stopping = true;
    links_hurry(g->links);
    struct timeval last = { .tv_sec = STOP_SECONDS };
    evtimer_add(g->last_call, &last);
    for (struct peer *one = NULL; (one = peers_next(g->peers, one));) {
        enum session_state state = peer_session(one)->state;
        if ((state == SESSION_ACTIVE || state == SESSION_AWAKE) && peer_address(one))
            gateway_send(g, peer_address(one),
                         &(struct mqttsn_message){ .type = MQTTSN_DISCONNECT, .brief = true });
        if (*peer_link(one))
            link_close(*peer_link(one), now);
    }
    link_close(g->shared, now);
}

void gateway_log_counts(const struct gateway *g)
{
    log_info("count: clients %zu", peers_count(g->peers));
    metrics_log(&g->metrics);
}

static void free_peers(struct gateway *g)
{
    for (struct peer *one; g->peers && (one = peers_next(g->peers, NULL));) {
        struct session *s = peer_session(one);
        if (s->upstream)
            upstream_leave(s->upstream, s, 0);
        gateway_free_own(*peer_link(one));
        event_del(peer_timer(one));
        peers_remove(g->peers, one);
    }
    peers_free(g->peers);
}

void gateway_free(struct gateway *g)
{
    free_peers(g);
    for (size_t i = 0; i < g->station_count; i++) {
        if (g->stations[i].timer)
            event_free(g->stations[i].timer);
        if (g->stations[i].radio)
            g->stations[i].radio->driver->close(g->stations[i].radio);
    }
    free(g->stations);
    gateway_free_leaving(g);
    if (g->last_call)
        event_free(g->last_call);
    link_free(g->shared);
    aggregate_free(g->aggregate);
    links_free(g->links);
    free(g->link_events);
    adopted_free(g->adopted);
    if (g->current != g->boot)
        config_free(g->current);
    config_free(g->boot);
    free(g->actions.list);
    free(g);
}
