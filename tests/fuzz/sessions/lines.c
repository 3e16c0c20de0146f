/* lines.c -- the connections to the broker, as gateway/gateway_links.c keeps them, for the session fuzzer.
 *
 * One line is shared by the aggregate's clients and is always wanted; each other client gets one with its first
 * CONNECT, and it stays until the session leaves and nothing is unanswered. Dialling succeeds at once or not at all. */
#include "tests/fuzz/sessions/disk.h"

#include <stdio.h>

enum { UNAVAILABLE = 3, KEEP_ALIVE = 60 * SECOND };

struct client *line_client(struct world *w, const struct line *l)
{
    struct client *c = &w->clients[l - w->lines];
    return l == &w->lines[WORLD_SHARED] || !l->made || !c->here || l->up->session != &c->session
               ? NULL
               : c;
}

static struct client *client_of(struct world *w, const struct session *s)
{
    for (size_t i = 0; i < WORLD_CLIENTS; i++)
        if (s == &w->clients[i].session)
            return w->clients[i].here ? &w->clients[i] : NULL;
    return NULL;
}

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

static void drain(struct world *w, struct line *l)
{
    struct buffer *out = &l->up->mqtt.out;
    size_t total = 0;
    for (struct span bytes = buffer_span(out); bytes.len > 0; bytes = buffer_span(out)) {
        bool whole = mqtt_frame_len(bytes, &total) == MQTT_OK && total <= bytes.len;
        must(w, whole, "what goes to the broker is whole packets");
        w->upstream_octets += total;
        broker_hears(w, l, span_of(bytes.at, total));
        buffer_consume(out, total, SIZE_MAX);
    }
}

static void connection_gone(struct line *l)
{
    mqtt_client_lost(&l->up->mqtt);
    l->due_count = 0;
    l->asked = false;
}

static void hang_up(struct world *w, struct line *l)
{
    if (l->up->mqtt.state == MQTT_CLIENT_ONLINE)
        (void)mqtt_client_send(&l->up->mqtt, &(struct mqtt_packet){ .type = MQTT_DISCONNECT },
                               w->now);
    drain(w, l);
    connection_gone(l);
}

/* It broke: a session that waits for its CONNACK hears of it. */
void line_lost(struct world *w, struct line *l)
{
    struct client *c = line_client(w, l);
    if (w->trace)
        fprintf(stderr, "%zu line %td lost\n", w->step, l - w->lines);
    drain(w, l);
    upstream_blame(l->up, w->now);
    if (l->up->mqtt.state == MQTT_CLIENT_ONLINE)
        l->up->offline_since = w->now;
    connection_gone(l);
    world_settle(w);
    if (c && c->here && c->session.state == SESSION_CONNECTING)
        world_feed_broker(w, c, &(struct mqtt_packet){ .type = MQTT_CONNACK, .code = UNAVAILABLE });
    else if (c && c->here)
        world_client_tick(w, c);
    for (size_t i = 0; l == &w->lines[WORLD_SHARED] && i < WORLD_CLIENTS; i++)
        if (w->clients[i].here && w->clients[i].session.uplink.count > 0)
            world_client_tick(w, &w->clients[i]);
}

void line_dial(struct world *w, struct line *l)
{
    const struct client *c = line_client(w, l);
    struct mqtt_connect connect = { .client_id = span_text("gateway") };
    if (!l->made || !l->wanted || w->unreachable || l->up->mqtt.state != MQTT_CLIENT_OFFLINE)
        return;
    if (c)
        session_connect_packet(&c->session, &connect);
    upstream_open(l->up, &connect, w->now);
    drain(w, l);
}

/* ---- begin and end ----------------------------------------------------------------------------------------------- */

/* Far from those of earlier runs: the broker may have some of them under way that nobody wrote down. */
static uint16_t first_id(const struct world *w)
{
    enum { FAR = 1000 };
    return (uint16_t)(w->restarts * FAR);
}

void line_make_own(struct world *w, struct client *c)
{
    struct line *l = &w->lines[c - w->clients];
    upstream_init(&l->own, &transparent_strategy);
    mqtt_client_init(&l->own.mqtt, KEEP_ALIVE, w->limits.connect_timeout);
    l->own.mqtt.flights.last_packet_id = first_id(w);
    l->own.session = &c->session;
    l->own.flight_limit = w->limits.uplink_bytes;
    l->own.lacks = w->lacks;
    l->own.keeping = w->common.keeping;
    l->up = &l->own;
    l->made = true;
    c->session.upstream = l->up;
}

/* Not dialled yet. */
void line_make_shared(struct world *w)
{
    struct line *l = &w->lines[WORLD_SHARED];
    w->aggregate = aggregate_new(7);
    l->up = aggregate_upstream(w->aggregate);
    mqtt_client_init(&l->up->mqtt, KEEP_ALIVE, w->limits.connect_timeout);
    l->up->mqtt.flights.last_packet_id = first_id(w);
    l->up->flight_limit = w->limits.uplink_bytes;
    l->up->lacks = w->lacks;
    l->up->keeping = w->common.keeping;
    l->made = l->wanted = true;
}

/* Nobody says DISCONNECT. What the broker knows stays. */
void lines_kill(struct world *w)
{
    lines_free(w);
    w->aggregate = NULL;
    for (size_t i = 0; i < WORLD_LINES; i++) {
        struct line *l = &w->lines[i];
        l->made = l->wanted = l->asked = false;
        l->due_count = 0;
    }
}

void lines_free(struct world *w)
{
    for (size_t i = 0; i < WORLD_CLIENTS; i++)
        if (w->lines[i].made)
            upstream_clear(&w->lines[i].own);
    aggregate_free(w->aggregate);
}

/* ---- what a session asks ----------------------------------------------------------------------------------------- */

/* The broker keeps messages that it sends again only on a new connection. */
static void redial(struct world *w, struct line *l)
{
    if (l->up->redial && l->wanted) {
        drain(w, l);
        connection_gone(l);
        line_dial(w, l);
    }
    l->up->redial = false;
}

static void own_connect(struct world *w, struct line *l, struct client *c,
                        const struct mqtt_packet *p)
{
    if (l->made && !l->own.session) { /* the last session's, not through yet */
        hang_up(w, l);
        upstream_clear(&l->own);
        l->made = false;
    }
    if (!l->made)
        line_make_own(w, c);
    hang_up(w, l);
    if (p->connect.clean) {
        disk_drop_arrivals(w, l);
        judge_void(w, l);
    }
    l->up->strategy->request(l->up, &c->session, p, w->now);
    l->wanted = true;
    line_dial(w, l);
}

void line_ask(struct world *w, struct client *c, const struct mqtt_packet *p)
{
    struct session *s = &c->session;
    struct line *own = &w->lines[c - w->clients];
    bool shared = s->upstream == w->lines[WORLD_SHARED].up;
    if (p->type == MQTT_CONNECT && !shared) {
        own_connect(w, own, c, p);
        return;
    }
    if (!s->upstream)
        return;
    s->upstream->strategy->request(s->upstream, s, p, w->now);
    if (shared)
        return;
    own->wanted = own->wanted && p->type != MQTT_DISCONNECT;
    redial(w, own);
}

void line_leave(struct world *w, struct client *c)
{
    struct line *own = &w->lines[c - w->clients];
    if (c->session.upstream)
        upstream_leave(c->session.upstream, &c->session, w->now);
    if (own->made)
        own->wanted = false;
}

/* ---- what a connection has for sessions -------------------------------------------------------------------------- */

void line_settle(struct world *w, struct line *l)
{
    struct hits *h = &l->up->hits;
    disk_forget_arrivals(w, l);
    while (h->next < h->count) {
        struct hit hit = h->list[h->next++];
        struct client *c = hit.session ? client_of(w, hit.session) : NULL;
        must(w, !hit.session || c, "what the broker says goes to sessions that exist");
        if (c)
            world_feed_broker(w, c, &hit.packet);
    }
    h->count = h->next = 0;
    drain(w, l);
    redial(w, l);
    bool idle = l->up->mqtt.flights.count == 0 || l->up->mqtt.state != MQTT_CLIENT_ONLINE;
    if (!l->wanted && l->up->mqtt.state != MQTT_CLIENT_OFFLINE && idle)
        hang_up(w, l);
}

/* ---- what waits for the broker ----------------------------------------------------------------------------------- */

/* A client that left before its messages did: its connection is opened once more, for them. */
static void dial_for(struct world *w, struct client *c)
{
    struct line *own = &w->lines[c - w->clients];
    if (!own->made || c->session.upstream != &own->own || own->own.mqtt.state != MQTT_CLIENT_OFFLINE)
        return;
    own->wanted = true;
    line_dial(w, own);
}

static bool drain_one(struct world *w, struct client *c)
{
    struct session *s = &c->session;
    if (!c->here || s->uplink.count == 0 || !session_wants_turn(s))
        return false;
    if (!s->upstream || !upstream_online(s->upstream)) {
        dial_for(w, c);
        return false;
    }
    enum session_state before = s->state;
    w->actions.count = 0;
    bool more = session_drain(s, w->disk->safe, w->now, &w->actions) || w->actions.count > 0;
    world_perform(w, c, before, INPUT_TICK);
    return more;
}

bool lines_drain(struct world *w)
{
    bool more = false;
    for (size_t i = 0; w->disk && i < WORLD_CLIENTS; i++)
        while (drain_one(w, &w->clients[i]))
            more = true;
    return more;
}
