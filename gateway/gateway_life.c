/* gateway_life.c -- how the gateway begins, takes new settings, and ends.
 *
 * It begins with everything or not at all; a radio or broker that is not there yet is tried again for ever. A reload
 * takes effect at once for what may change and names what waits for a restart. It ends by telling everybody. */
#include "gateway/gateway_inside.h"

#include "config/log.h"
#include "radio/clock.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/random.h>

uint64_t gateway_random(void)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = clock_now();
    return seed;
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

/* Radios keep the settings that they began with. */
static void brief_guard(struct guard *g, const struct config *boot, const struct config_limits *l)
{
    for (size_t i = 0; i < boot->radio_count; i++)
        g->radios[i].most = boot->radios[i].clients;
    g->clients_per_source = l->clients_per_source;
    g->connecting_most = l->connecting;
    g->answers.per_source = 1; /* SN-DSC-5 */
    g->answers.in_all = l->stranger_replies;
    g->frames.per_source = l->frames_per_source;
    g->connects.per_source = l->connects_per_source;
    g->connects.in_all = l->connects;
    g->minus_one.per_source = l->qos_minus_one_per_source;
    g->minus_one.in_all = l->qos_minus_one;
}

static void adopt(struct gateway *g, struct adopted *new)
{
    g->adopted = new;
    g->limits = *adopted_limits(new);
    g->common.limits = &g->limits;
    g->common.predefined = adopted_predefined(new);
    g->common.keeping = &g->keeping;
    brief_guard(&g->guard, g->boot, &g->current->limits);
    log_setup(g->current->log.level, g->current->log.json);
}

static bool passwords_differ(const struct config *a, const struct config *b)
{
    return !span_equal(a->broker.password, b->broker.password);
}

static void name_what_waits(const struct config *boot, const struct config *new)
{
    static const char *const sections[] = { "gateway", "radios", "broker" };
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        if (config_section_differs(boot, new, sections[i]) ||
            (strcmp(sections[i], "broker") == 0 && passwords_differ(boot, new)))
            log_warn("settings: the section %s has changed too; that takes effect at the next start",
                     sections[i]);
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
    if (!g->links || !gateway_name_status(g))
        return false;
    gateway_prepare(g, u);
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
    g->peers = peers_new(gateway_random());
    g->aggregate = aggregate_new(gateway_random());
    g->last_call = evtimer_new(loop, on_last_call, loop);
    if (!g->peers || !g->aggregate || !g->last_call || !gateway_hold_init(g) ||
        !gateway_drain_init(g) || !open_broker(g) || !gateway_open_radios(g) ||
        !gateway_open_store(g)) {
        gateway_free(g);
        return NULL;
    }
    return g;
}

void gateway_flush(struct gateway *g)
{
    gateway_drain(g, clock_now());
    if (g->store)
        store_commit(g->store);
    links_flush(g->links, clock_now());
    for (size_t i = 0; i < g->station_count; i++)
        g->stations[i].radio->driver->flush(g->stations[i].radio);
}

/* With a store nodes need not know of it. Sleepers would miss a DISCONNECT; they learn it when they wake (SN-DSC-6). */
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
        bool tell = !g->keeping.on && (state == SESSION_ACTIVE || state == SESSION_AWAKE);
        if (tell && peer_address(one))
            gateway_send(g, peer_address(one),
                         &(struct mqttsn_message){ .type = MQTTSN_DISCONNECT, .brief = true });
        if (*peer_link(one))
            link_close(*peer_link(one), now);
    }
    gateway_say_status(g, "offline", now);
    link_close(g->shared, now);
}

void gateway_log_counts(const struct gateway *g)
{
    log_info("count: clients %zu", peers_count(g->peers));
    metrics_log(&g->metrics);
    gateway_log_others(g, clock_now());
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
    enum { LAST_COMMIT_MS = 2000 };
    store_free(g->store, LAST_COMMIT_MS);
    g->store = NULL;
    gateway_hold_free(g);
    gateway_drain_free(g);
    free_peers(g);
    gateway_close_radios(g);
    gateway_free_leaving(g);
    if (g->last_call)
        event_free(g->last_call);
    link_free(g->shared);
    free(g->status_topic);
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
