/* gateway_restore.c -- what an earlier run left goes on (design rule 4): sessions are there before the first frame is
 * heard, and their broker connections are dialled again, a few at a time.
 *
 * The rows are taken as they come: a session, then what is the session's. When the file could not be opened at the
 * start and is there later, clients may have connected meanwhile: what they are now counts, and only the messages that
 * were promised to them or to the broker are taken over.
 *
 * When the settings give a client the other kind of connection now (broker.mode, clients[].mode), the broker knows what
 * it knows of it on the old one. Its subscriptions are asked for on the new one. A message that was on its way begins
 * anew there: the rest of a QoS 2 handshake means nothing on another connection, and a broker that passed the message
 * on before its end has it twice; but it is not lost. */
#include "gateway/gateway_inside.h"

#include "config/log.h"
#include "mqtt/owned.h"
#include "radio/clock.h"

#include <stdlib.h>

struct restoring {
    struct gateway *gateway;
    msec now;
    size_t sessions, messages;
    size_t dropped;  /* messages that the limits of this run have no room for */
    size_t left_out; /* rows that found no memory, or did not go with what is there */
};

static struct peer *find(const struct restoring *r, struct span client_id)
{
    return peers_by_client_id(r->gateway->peers, client_id);
}

/* ---- a session --------------------------------------------------------------------------------------------------- */

static bool find_radio(const struct gateway *g, struct span name, uint8_t *radio)
{
    for (size_t i = 0; i < g->station_count; i++)
        if (span_equal(span_text(g->boot->radios[i].name), name)) {
            *radio = (uint8_t)i;
            return true;
        }
    return false;
}

/* Where it was heard last; nowhere, when that radio is not there any more. */
static void restore_address(struct gateway *g, struct peer *one, const struct store_session *row)
{
    struct address a = { .len = (uint8_t)row->address.len, .node_len = (uint8_t)row->node.len };
    struct session *s = peer_session(one);
    if (row->address.len == 0 || row->address.len + row->node.len > ADDRESS_MAX ||
        !find_radio(g, row->radio, &a.radio) || peers_by_address(g->peers, &a))
        return;
    struct writer w = writer_of(a.bytes, sizeof a.bytes);
    write_span(&w, row->address);
    write_span(&w, row->node);
    if (peers_by_address(g->peers, &a))
        return;
    s->max_message = gateway_reach(g, &a);
    s->radio_reports = gateway_radio_reports(g, &a);
    peers_bind(g->peers, one, &a);
    guard_bind(&g->guard, peer_guest(one), a.radio, gateway_source(g, &a));
}

static void restore_will(struct session *s, const struct store_session *row)
{
    const struct mqttsn_message topic = { .type = MQTTSN_WILLTOPIC,
                                          .qos = row->will_qos,
                                          .retain = row->will_retain,
                                          .tail = row->will_topic };
    if (!row->has_will || !will_set_topic(&s->will, &topic))
        return;
    if (!will_set_message(s->will, row->will_message)) {
        will_free(s->will);
        s->will = NULL;
    }
}

static void on_session(void *context, const struct store_session *row)
{
    struct restoring *r = context;
    struct gateway *g = r->gateway;
    const struct config_client *settings;
    struct peer *one =
        find(r, row->client_id) ? NULL : peers_add(g->peers, row->client_id, &g->common, r->now);
    if (!one)
        return;
    struct session *s = peer_session(one);
    r->sessions++;
    gateway_time_peer(g, one);
    peer_kept(one)->restoring = true;
    s->clean = row->clean;
    s->keep_alive_s = row->keep_alive_s;
    s->sleep_s = row->sleep_s;
    s->last_message_id =
        (uint16_t)gateway_random(); /* far from those just used: late answers are still about */
    s->topics.last_id = row->last_topic_id;
    s->access = adopted_access(g->adopted, (const char *)s->client_id.at, &settings);
    restore_will(s, row);
    session_restore(s, (enum session_state)row->state, row->since, r->now);
    if (session_is_connected(s))
        restore_address(g, one, row);
    peer_kept(one)->moved = row->shared != (settings->mode == MODE_AGGREGATE);
    if (settings->mode == MODE_AGGREGATE)
        s->upstream = aggregate_upstream(g->aggregate);
    else if (session_is_connected(s))
        r->left_out += !gateway_own(g, one);
}

/* ---- what is the session's --------------------------------------------------------------------------------------- */

static struct peer *find_restoring(const struct restoring *r, struct span client_id)
{
    struct peer *one = find(r, client_id);
    return one && peer_kept(one)->restoring ? one : NULL;
}

static void on_topic(void *context, const struct store_topic *row)
{
    struct restoring *r = context;
    struct peer *one = find_restoring(r, row->client_id);
    if (one)
        r->left_out += !registry_restore(&peer_session(one)->topics, row->topic_id, row->name,
                                         (enum topic_standing)row->standing);
}

static bool is_shared(const struct gateway *g, const struct session *s)
{
    return s->upstream == aggregate_upstream(g->aggregate);
}

static void on_subscription(void *context, const struct store_subscription *row)
{
    struct restoring *r = context;
    struct peer *one = find_restoring(r, row->client_id);
    struct session *s = one ? peer_session(one) : NULL;
    enum subscription_standing standing = (enum subscription_standing)row->standing;
    struct subscription *sub =
        s ? subscriptions_restore(&s->subscriptions, row->filter, standing) : NULL;
    if (!sub)
        return;
    sub->qos = row->qos;
    sub->topic_id_type = row->topic_id_type;
    sub->topic_id = row->topic_id;
    bool known = standing == SUBSCRIPTION_GRANTED && !peer_kept(one)->moved;
    if (known && is_shared(r->gateway, s))
        r->left_out += !aggregate_restore(r->gateway->aggregate, s, row->filter, row->qos);
}

/* By the limits of this run some of them may have to go, with their rows. */
static void restore_message(struct restoring *r, struct peer *one, struct queued *q)
{
    struct actions *out = &r->gateway->actions;
    out->count = 0;
    session_restore_message(peer_session(one), q, r->now, out);
    for (size_t i = 0; i < out->count; i++)
        r->dropped += out->list[i].kind == ACTION_DROP;
    if (out->count > 0)
        gateway_perform(r->gateway, one, r->now);
}

/* See above. */
static void begin_anew(struct gateway *g, struct queued *q)
{
    q->phase = QUEUED_WAITING;
    q->message_id = 0;
    store_step_message(g->store, STORE_UPLINK, q->row, q->phase, q->message_id);
}

static void on_message(void *context, enum store_way way, const struct store_message *row)
{
    struct restoring *r = context;
    const struct mqtt_packet p = { .type = MQTT_PUBLISH,
                                   .qos = row->qos,
                                   .retain = row->retain,
                                   .topic = row->topic,
                                   .payload = row->payload };
    struct peer *one = find(r, row->client_id);
    struct queued *q = one ? queued_new(&p, row->since) : NULL;
    if (!q) {
        log_warn("state: a message for client %s is without its session, dropped",
                 log_text(row->client_id));
        store_drop_message(r->gateway->store, way, row->row);
        return;
    }
    r->messages++;
    q->row = row->row;
    q->up = way == STORE_UPLINK;
    q->phase = row->phase;
    q->message_id = row->message_id;
    if (q->up && q->phase != QUEUED_WAITING && peer_kept(one)->moved)
        begin_anew(r->gateway, q);
    restore_message(r, one, q);
}

static void on_exchange(void *context, const struct store_exchange *row)
{
    struct peer *one = find_restoring(context, row->client_id);
    const struct exchange e = { .phase = row->phase,
                                .qos = 2,
                                .message_id = row->message_id,
                                .topic_id = row->topic_id,
                                .digest = row->digest,
                                .since = row->since };
    if (one)
        session_restore_exchange(peer_session(one), row->place, &e);
}

static void on_arrival(void *context, const struct store_arrival *row)
{
    struct restoring *r = context;
    struct gateway *g = r->gateway;
    struct upstream *u = aggregate_upstream(g->aggregate);
    if (row->link.len > 0) {
        struct peer *one = find_restoring(r, row->link);
        bool shared = one && is_shared(g, peer_session(one));
        if (!find(r, row->link) || shared) /* packet ids of a connection that is no more */
            store_drop_arrivals(g->store, row->link);
        if (!one || shared || (!peer_session(one)->upstream && !gateway_own(g, one)))
            return;
        u = peer_session(one)->upstream;
    }
    if (u->mqtt.state == MQTT_CLIENT_OFFLINE)
        r->left_out += !arrivals_restore(&u->mqtt.arrivals, row->packet_id, row->digest);
}

/* ---- and on it goes ---------------------------------------------------------------------------------------------- */

/* A gateway that was killed said no DISCONNECT, so the broker has published the wills that it knew; unless it died in
 * that moment too, and then it will never say them. Nobody knows which, but after a power cut the broker of a small box
 * was cut as well. So from then on the wills count as not said: one that was is said twice, should its node not come
 * back, and that is better than a dead node whose will never appears. */
static bool broker_said_will(const struct gateway *g, struct peer *one)
{
    const struct session *s = peer_session(one);
    bool was_own = is_shared(g, s) == peer_kept(one)->moved;
    bool killed = !store_stopped_well(g->store) && !store_rebooted(g->store);
    return killed && was_own && session_is_connected(s) && s->will;
}

/* Filters that are not granted on the client's own connection may be from a time when it shared the other one. */
static void forget_shared(const struct gateway *g, const struct session *s, msec now)
{
    for (size_t i = 0; i < s->subscriptions.count; i++)
        if (s->subscriptions.list[i].standing != SUBSCRIPTION_GRANTED)
            aggregate_forget(g->aggregate, s->subscriptions.list[i].filter, now);
}

static void ask_again(struct gateway *g, struct peer *one, msec now)
{
    struct session *s = peer_session(one);
    g->actions.count = 0;
    session_ask_again(s, &g->actions);
    if (!is_shared(g, s))
        forget_shared(g, s, now);
    if (g->actions.count > 0 || s->changed)
        gateway_perform(g, one, now);
}

/* A clean session that was over: its client was just connecting anew, or had left QoS 0 messages behind. */
static bool is_left_over(const struct session *s)
{
    return s->clean && !session_is_connected(s) && s->uplink.count == 0;
}

static void forget(struct gateway *g, struct peer *one, msec now)
{
    g->actions.count = 0;
    actions_forget(&g->actions);
    gateway_perform(g, one, now);
}

/* With the broker, before its client comes back. What else the broker has for it waits there until then. */
static bool has_business(const struct session *s)
{
    return session_is_connected(s) || s->uplink.count > 0 || s->upstream->mqtt.flights.count > 0;
}

static void go_on(struct gateway *g, struct peer *one, msec now)
{
    struct session *s = peer_session(one);
    if (peer_kept(one)->restoring) {
        s->will_out = broker_said_will(g, one);
        gateway_kept_already(g, one);
        if (peer_kept(one)->moved)
            session_move(s);
        peer_kept(one)->restoring = peer_kept(one)->moved = false;
    }
    if (!s->upstream && s->uplink.count > 0 && !gateway_own(g, one))
        return;
    session_resume(s, now);
    ask_again(g, one, now);
    if (is_left_over(s)) {
        forget(g, one, now);
        return;
    }
    if (*peer_link(one) && !link_is_open(*peer_link(one)) && has_business(s))
        link_queue(*peer_link(one), now);
    gateway_drain_soon(g, one);
    gateway_arm_peer(one, now);
}

static void tell(const struct restoring *r, bool whole)
{
    if (r->left_out > 0)
        log_warn(
            "state: %zu rows of the file could not be used: they do not go with the others, or memory is short",
            r->left_out);
    if (r->dropped > 0)
        log_warn("state: %zu messages for clients are dropped, limits.sleep_queue has no room for them",
                 r->dropped);
    if (r->sessions > 0)
        log_info("state: %zu clients and %zu messages of an earlier run%s, in %u ms", r->sessions,
                 r->messages, whole ? "" : " could be read", (unsigned)(clock_now() - r->now));
}

/* What could be read of a file that is damaged further on goes on too, and will be in the next one. */
static void restore(struct gateway *g)
{
    struct restoring r = { .gateway = g, .now = clock_now() };
    const struct store_reader reader = { .context = &r,
                                         .session = on_session,
                                         .topic = on_topic,
                                         .subscription = on_subscription,
                                         .message = on_message,
                                         .exchange = on_exchange,
                                         .arrival = on_arrival };
    const bool whole = store_load(g->store, &reader);
    for (struct peer *one = peers_next(g->peers, NULL), *next; one; one = next) {
        next = peers_next(g->peers, one);
        go_on(g, one, r.now);
    }
    gateway_settle(g, aggregate_upstream(g->aggregate), r.now);
    tell(&r, whole);
}

/* ---- what the store tells ---------------------------------------------------------------------------------------- */

static void on_safe(void *context)
{
    struct gateway *g = context;
    gateway_release(g, clock_now());
    gateway_drain_safe(g);
}

static void on_health(void *context, bool well)
{
    struct gateway *g = context;
    g->keeping.on = well;
    if (!well)
        gateway_release_plain(g, clock_now());
}

/* Without the file this run began with a broker that forgot all of the earlier one. */
static void on_opened(void *context)
{
    struct gateway *g = context;
    restore(g);
    aggregate_renew(g->aggregate, clock_now());
    link_touch(g->shared);
}

static void on_rewrite(void *context)
{
    gateway_keep_all(context);
}

bool gateway_open_store(struct gateway *g)
{
    const struct store_events events = {
        .context = g, .safe = on_safe, .health = on_health, .opened = on_opened, .rewrite = on_rewrite
    };
    const char *path = g->boot->gateway.state;
    if (path[0] == '\0') {
        log_info("state: nothing outlives a restart, gateway.state is empty");
        return true;
    }
    g->store = store_new(g->loop, path, &events);
    if (!g->store)
        return false;
    g->keeping.on = store_well(g->store);
    if (!g->keeping.on)
        return true;
    if (store_had_before(g->store))
        g->slate = SLATE_CLEAN;
    restore(g);
    return true;
}
