/* gateway_links.c -- the way from a session to the broker.
 *
 * The gateway has one connection of its own, always: for the clients of aggregate mode, for QoS -1, and to know whether
 * the broker is there at all. A client in transparent mode gets a connection of its own with its first CONNECT. */
#include "gateway/gateway_inside.h"

#include "config/log.h"
#include "mqtt/owned.h"
#include "radio/clock.h"

#include <event2/event.h>
#include <stdlib.h>

/* A client's own connection. It outlives the session when it still has a will to deliver. */
struct own {
    struct upstream upstream;
    struct link *link;
    struct peer *peer;     /* NULL when the session is over: then it is in gateway.leaving */
    struct span client_id; /* owned, with a NUL behind it; set when the session is over */
    bool wiping; /* it connects once more, only to make the broker forget the session (SN-SES-8) */
    msec kicked_at; /* the broker closed it although all else was well; 0 = it did not */
    LIST_ENTRY(own) in_leaving;
    char name[64]; /* for the log */
};

static void own_free(struct own *o)
{
    span_free(&o->client_id);
    link_free(o->link);
    upstream_clear(&o->upstream);
    free(o);
}

/* One whose session is over. */
static void leaving_free(struct own *o)
{
    LIST_REMOVE(o, in_leaving);
    own_free(o);
}

/* The client is back before its last connection was through: two at once would make the broker throw the older one out
 * and publish its will. */
static void own_hurry(struct gateway *g, struct span client_id, msec now)
{
    struct own *o, *next;
    for (o = LIST_FIRST(&g->leaving); o; o = next) {
        next = LIST_NEXT(o, in_leaving);
        if (!span_equal(o->client_id, client_id))
            continue;
        link_hang_up(o->link, now);
        leaving_free(o);
    }
}

void gateway_prepare(const struct gateway *g, struct upstream *u)
{
    const struct config_broker *b = &g->boot->broker;
    u->prefix = span_text(b->prefix);
    u->lacks = (struct upstream_lacks){ .qos2 = b->max_qos < 2, .retain = !b->retain };
    u->flight_limit = g->limits.uplink_bytes;
    u->keeping = &g->keeping;
}

static struct own *own_new(struct gateway *g, struct peer *one)
{
    struct session *s = peer_session(one);
    struct own *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    own_hurry(g, s->client_id, clock_now());
    upstream_init(&o->upstream, &transparent_strategy);
    o->upstream.session = s;
    gateway_prepare(g, &o->upstream);
    o->peer = one;
    snprintf(o->name, sizeof o->name, "%s", log_text(s->client_id));
    o->link = link_new(g->links, &o->upstream, o->name, o);
    if (!o->link) {
        free(o);
        return NULL;
    }
    s->upstream = &o->upstream;
    *peer_link(one) = o->link;
    return o;
}

bool gateway_own(struct gateway *g, struct peer *one)
{
    return own_new(g, one) != NULL;
}

void gateway_free_leaving(struct gateway *g)
{
    for (struct own *o; (o = LIST_FIRST(&g->leaving));)
        leaving_free(o); /* NOLINT(clang-analyzer-unix.Malloc): it took itself off the list */
}

void gateway_free_own(struct link *l)
{
    if (l)
        own_free(link_owner(l));
}

/* ---- what a session asks ----------------------------------------------------------------------------------------- */

static void own_connect(struct gateway *g, struct peer *one, const struct mqtt_packet *p, msec now)
{
    struct session *s = peer_session(one);
    struct own *o = *peer_link(one) ? link_owner(*peer_link(one)) : own_new(g, one);
    if (!o) { /* no memory: the session hears it like any refusal, in the next turn of its timer */
        s->deadline = now;
        return;
    }
    link_hang_up(o->link, now);
    if (g->store && p->connect.clean)
        store_drop_arrivals(g->store, s->client_id);
    o->upstream.strategy->request(&o->upstream, s, p, now);
    link_dial_soon(o->link, now);
}

/* For its clients the broker is not away meanwhile. */
static void fetch_refused(struct link *l, msec now)
{
    link_upstream(l)->fetching = link_is_up(l);
    link_dial_when_read(l, now);
}

void gateway_upstream(struct gateway *g, struct peer *one, const struct mqtt_packet *p, msec now)
{
    struct session *s = peer_session(one);
    struct link *own = *peer_link(one);
    if (p->type == MQTT_CONNECT && s->upstream != aggregate_upstream(g->aggregate)) {
        own_connect(g, one, p, now);
        return;
    }
    if (!s->upstream)
        return;
    s->upstream->strategy->request(s->upstream, s, p, now);
    gateway_count(g, s->upstream);
    link_touch(own ? own : g->shared);
    if (own && p->type == MQTT_DISCONNECT)
        link_close(own, now);
    else if (own && s->upstream->redial)
        fetch_refused(own, now);
    s->upstream->redial = false;
}

void gateway_leave_upstream(struct gateway *g, struct peer *one, msec now)
{
    struct session *s = peer_session(one);
    struct link *own = *peer_link(one);
    if (s->upstream)
        upstream_leave(s->upstream, s, now);
    if (!own) {
        link_touch(g->shared);
        return;
    }
    struct own *o = link_owner(own);
    bool open = link_is_open(own);
    o->peer = NULL;
    o->wiping = !open && !s->clean;
    LIST_INSERT_HEAD(&g->leaving, o, in_leaving);
    if (!span_copy(s->client_id, &o->client_id) || !(open || o->wiping))
        leaving_free(o);
    else if (open)
        link_close(own, now);
    else
        link_dial_soon(own, now);
}

void gateway_heed_brakes(struct gateway *g, struct peer *one)
{
    struct link *own = *peer_link(one);
    link_heed_brakes(own ? own : g->shared);
}

bool gateway_reaches_broker(const struct gateway *g)
{
    return link_is_up(g->shared);
}

/* ---- what a link tells ------------------------------------------------------------------------------------------- */

/* Credentials of the client's row come before those of the broker section (SN-CONN-15). */
static void own_credentials(const struct gateway *g, struct span client_id, struct mqtt_connect *c)
{
    const struct config_client *row;
    (void)adopted_access(g->adopted, (const char *)client_id.at, &row);
    if (row->username[0] == '\0')
        return;
    c->has_username = true;
    c->username = span_text(row->username);
    c->has_password = row->password.len > 0;
    c->password = row->password;
}

static void on_dialled(void *context, struct link *l, struct mqtt_connect *c)
{
    struct gateway *g = context;
    struct own *o = link_owner(l);
    if (!o) {
        c->client_id = span_text(g->boot->gateway.name);
        c->clean = g->slate == SLATE_WIPING;
        gateway_status_will(g, c);
        return;
    }
    c->client_id = o->client_id;
    c->clean = true;
    if (o->peer)
        session_connect_packet(peer_session(o->peer), c);
    c->has_will = c->has_will && o->kicked_at == 0; /* taken over? then it would appear once more */
    own_credentials(g, c->client_id, c);
}

static void on_heard(void *context, struct link *l)
{
    struct gateway *g = context;
    struct upstream *u = link_upstream(l);
    gateway_settle(g, u, clock_now());
    if (u->redial && link_is_up(l))
        fetch_refused(l, clock_now());
    u->redial = false;
}

static void shared_is_up(struct gateway *g, struct link *l)
{
    bool remembered = link_upstream(l)->mqtt.session_present;
    if (g->slate == SLATE_CLEAN || (g->slate == SLATE_UNKNOWN && !remembered)) {
        g->slate = SLATE_CLEAN;
        log_info("broker: connected to %s as %s", g->boot->broker.url, g->boot->gateway.name);
        gateway_say_status(g, "online", clock_now());
        return;
    }
    g->slate = g->slate == SLATE_UNKNOWN ? SLATE_WIPING : SLATE_CLEAN;
    link_dial(l, clock_now());
}

/* The broker forgot what it had sent us. */
static void forget_arrivals(struct gateway *g, struct link *l, struct span name)
{
    if (g->store && !link_upstream(l)->mqtt.session_present)
        store_drop_arrivals(g->store, name);
}

static void on_up(void *context, struct link *l)
{
    struct own *o = link_owner(l);
    link_upstream(l)->fetching = false;
    if (!o) {
        forget_arrivals(context, l, (struct span){ 0 });
        shared_is_up(context, l);
        gateway_drain_shared(context);
        return;
    }
    log_debug("broker: connected as %s", o->name);
    if (o->peer) {
        forget_arrivals(context, l, peer_session(o->peer)->client_id);
        gateway_drain_soon(context, o->peer);
    }
    if (o->wiping)
        link_close(l, clock_now());
}

/* Another gateway has connected as the same client: the broker closes ours, and again as soon as it is back, while it
 * keeps our shared connection (SN-GW-10). Whoever goes on would fight for ever. */
static bool is_taken_over(const struct gateway *g, struct own *o, msec now)
{
    enum { MEMORY_MS = 60000, AT_ONCE_MS = 5000 };
    const struct mqtt_client *c = &o->upstream.mqtt;
    const struct mqtt_client *shared = &aggregate_upstream(g->aggregate)->mqtt;
    bool again = o->kicked_at != 0 && now - o->kicked_at < MEMORY_MS;
    if (shared->state != MQTT_CLIENT_ONLINE || shared->online_at > c->online_at ||
        c->flights.count > 0)
        return false;
    o->kicked_at = now;
    return again && now - c->online_at < AT_ONCE_MS;
}

static void drop_taken_over(struct gateway *g, struct peer *one, msec now)
{
    log_info("client %s: connected by another gateway, left to it",
             log_text(peer_session(one)->client_id));
    g->metrics.counts[METRIC_taken_over]++;
    g->actions.count = 0;
    session_dismiss(peer_session(one), now, &g->actions);
    gateway_perform(g, one, now);
}

static void on_down(void *context, struct link *l, bool was_up, uint8_t code)
{
    enum { UNAVAILABLE = 3 };
    struct gateway *g = context;
    struct own *o = link_owner(l);
    g->metrics.counts[METRIC_broker_losses] += was_up;
    link_upstream(l)->fetching = false;
    gateway_settle(g, link_upstream(l), clock_now()); /* what it closed over was answered */
    if (!o)
        gateway_drain_ceases(g, clock_now());
    if (!o || !o->peer)
        return;
    struct session *s = peer_session(o->peer);
    struct mqtt_packet refused = { .type = MQTT_CONNACK, .code = code > 0 ? code : UNAVAILABLE };
    if (s->state == SESSION_CONNECTING)
        gateway_feed_broker(g, s, &refused, clock_now());
    else if (was_up && session_is_connected(s) && is_taken_over(g, o, clock_now()))
        drop_taken_over(g, o->peer, clock_now());
    else if (was_up)
        gateway_tick(g, o->peer, clock_now()); /* its deadline is another now: broker_grace */
}

static void on_closed(void *context, struct link *l)
{
    struct gateway *g = context;
    struct own *o = link_owner(l);
    if (o && !o->peer)
        leaving_free(o);
    else if (o && !g->stopping)
        gateway_drain_soon(g, o->peer); /* what it left behind goes over another connection */
    if (g->stopping && links_all_closed(g->links))
        event_base_loopbreak(g->loop);
}

const struct link_events gateway_link_events = {
    .dialled = on_dialled, .heard = on_heard, .up = on_up, .down = on_down, .closed = on_closed
};
