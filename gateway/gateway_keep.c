/* gateway_keep.c -- what a decision changed goes to the store, and what it says waits until it is there.
 *
 * The core says which messages to keep (ACTION_KEEP); everything else that outlives us (state, topic ids,
 * subscriptions, handshakes) carries a mark where it changed. A row that is put makes the answers of the same decision
 * wait for its batch (gateway_hold.c); a row that is taken away makes nobody wait. What goes on and on without changing
 * anything durable, such as QoS 0 and live QoS 1, costs two comparisons here. */
#include "gateway/gateway_inside.h"

#include "gateway/core/hash.h"

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static enum session_state lasting_state(const struct session *s)
{
    switch (s->state) {
    case SESSION_ACTIVE:
    case SESSION_LOST:
        return s->state;
    case SESSION_ASLEEP:
    case SESSION_AWAKE:
        return SESSION_ASLEEP;
    default: /* a CONNECT that was under way is begun anew by the client */
        return s->connect.from_sleep ? SESSION_ASLEEP : SESSION_DISCONNECTED;
    }
}

static struct store_session session_row(const struct gateway *g, struct peer *one)
{
    const struct session *s = peer_session(one);
    const struct address *at = peer_address(one);
    struct store_session row = { .client_id = s->client_id,
                                 .state = (uint8_t)lasting_state(s),
                                 .clean = s->clean,
                                 .shared = s->upstream == aggregate_upstream(g->aggregate),
                                 .keep_alive_s = s->keep_alive_s,
                                 .sleep_s = s->sleep_s,
                                 .last_message_id = s->last_message_id,
                                 .last_topic_id = s->topics.last_id,
                                 .since = s->entered_at,
                                 .has_will = s->will != NULL };
    if (at) {
        row.radio = span_text(g->boot->radios[at->radio].name);
        row.address = span_of(at->bytes, at->len);
        row.node = span_of(at->bytes + at->len, at->node_len);
    }
    if (s->will) {
        row.will_qos = s->will->qos;
        row.will_retain = s->will->retain;
        row.will_topic = s->will->topic;
        row.will_message = s->will->message;
    }
    return row;
}

static uint32_t hash_more(uint32_t hash, const void *at, size_t len)
{
    return len > 0 ? hash_seeded(hash, at, len) : hash;
}

/* Of everything but what changes with every message: the row is written when this does. */
static uint32_t row_hash(const struct store_session *row)
{
    const uint16_t plain[] = { row->state,   row->clean,    row->shared,      row->keep_alive_s,
                               row->sleep_s, row->has_will, row->will_retain, row->will_qos };
    const struct span spans[] = { row->radio, row->address, row->node, row->will_topic,
                                  row->will_message };
    uint32_t hash = hash_more(1, plain, sizeof plain);
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++)
        hash = hash_more(hash + (uint32_t)spans[i].len, spans[i].at, spans[i].len);
    return hash | 1U;
}

/* A CONNECT that may come to nothing. */
static bool is_nothing_yet(const struct session *s)
{
    return lasting_state(s) == SESSION_DISCONNECTED && s->clean && s->uplink.count == 0;
}

static bool keep_session(struct gateway *g, struct peer *one)
{
    struct session *s = peer_session(one);
    struct kept *k = peer_kept(one);
    if (!s->changed || (k->hash == 0 && is_nothing_yet(s)))
        return false;
    s->changed = false;
    struct store_session row = session_row(g, one);
    uint32_t hash = row_hash(&row);
    bool news = hash != k->hash;
    k->hash = hash;
    if (news)
        store_put_session(g->store, &row);
    return news;
}

static void forget_wiped(struct gateway *g, struct session *s, bool on_disk)
{
    if (!s->wiped)
        return;
    s->wiped = false;
    if (!on_disk)
        return;
    store_drop_topics(g->store, s->client_id);
    store_drop_subscriptions(g->store, s->client_id);
}

static bool keep_topics(struct gateway *g, struct session *s, bool all)
{
    struct topics *t = &s->topics.normal;
    if (!s->topics.changed && !all)
        return false;
    s->topics.changed = false;
    for (size_t i = 0; i < t->count; i++) {
        if (!t->list[i].unsaved && !all)
            continue;
        t->list[i].unsaved = false;
        store_put_topic(g->store, &(struct store_topic){ .client_id = s->client_id,
                                                         .topic_id = t->list[i].id,
                                                         .name = t->list[i].name,
                                                         .standing = t->list[i].standing });
    }
    return true;
}

static void keep_subscription(struct gateway *g, const struct session *s, struct subscription *sub)
{
    enum subscription_standing standing = subscriptions_lasting(sub);
    sub->unsaved = false;
    if (standing == SUBSCRIPTION_ASKED)
        return;
    store_put_subscription(g->store, &(struct store_subscription){ .client_id = s->client_id,
                                                                   .filter = sub->filter,
                                                                   .qos = sub->qos,
                                                                   .topic_id_type = sub->topic_id_type,
                                                                   .topic_id = sub->topic_id,
                                                                   .standing = (uint8_t)standing });
}

static bool keep_subscriptions(struct gateway *g, struct session *s, bool all)
{
    struct subscriptions *subs = &s->subscriptions;
    if (!subs->changed && !all)
        return false;
    all = all || subs->removed;
    if (subs->removed)
        store_drop_subscriptions(g->store, s->client_id);
    subs->changed = subs->removed = false;
    for (size_t i = 0; i < subs->count; i++)
        if (subs->list[i].unsaved || all)
            keep_subscription(g, s, &subs->list[i]);
    return true;
}

/* Handshakes that end here and not at the broker: a client that goes on with one must find it. */
static bool is_ours(const struct exchange *e)
{
    return e->qos == 2 && e->packet_id == 0 &&
           (e->phase == EXCHANGE_PUBREL || e->phase == EXCHANGE_ANSWERED);
}

/* PUBCOMP waits too: after a kill the client would not say PUBREL again, and the place would be taken for long. */
static bool keep_exchange(struct gateway *g, struct session *s, size_t place)
{
    const struct exchange *e = &s->inflight.list[place];
    uint8_t bit = (uint8_t)(1U << place);
    bool news = is_ours(e) || (s->inflight.kept & bit) != 0;
    if (is_ours(e)) {
        store_put_exchange(g->store, &(struct store_exchange){ .client_id = s->client_id,
                                                               .place = (uint8_t)place,
                                                               .phase = e->phase,
                                                               .message_id = e->message_id,
                                                               .topic_id = e->topic_id,
                                                               .digest = e->digest,
                                                               .since = e->since });
        s->inflight.kept = s->inflight.kept | bit;
    } else if (s->inflight.kept & bit) {
        store_drop_exchange(g->store, s->client_id, (uint8_t)place);
        s->inflight.kept = (uint8_t)(s->inflight.kept & ~bit);
    }
    return news;
}

static bool keep_exchanges(struct gateway *g, struct session *s, bool all)
{
    unsigned changed = all ? UINT8_MAX : s->inflight.changed;
    bool news = false;
    s->inflight.changed = 0;
    for (size_t i = 0; changed >> i > 0; i++)
        if (changed >> i & 1U)
            news = keep_exchange(g, s, i) || news;
    return news;
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

static enum store_way way_of(const struct queued *q)
{
    return q->up ? STORE_UPLINK : STORE_DOWNLINK;
}

static void put_message(struct gateway *g, const struct session *s, struct queued *q)
{
    q->ticket = store_ticket(g->store);
    if (q->row != 0) {
        store_step_message(g->store, way_of(q), q->row, q->phase, q->message_id);
        return;
    }
    q->row = store_next_row(g->store);
    store_put_message(g->store, way_of(q),
                      &(struct store_message){ .row = q->row,
                                               .client_id = s->client_id,
                                               .qos = q->qos,
                                               .retain = q->retain,
                                               .phase = q->phase,
                                               .message_id = q->message_id,
                                               .since = q->since,
                                               .topic = queued_topic(q),
                                               .payload = queued_payload(q) });
}

static bool keep_messages(struct gateway *g, struct peer *one)
{
    bool news = false;
    for (size_t i = 0; i < g->actions.count; i++) {
        struct queued *q = g->actions.list[i].keep;
        if (g->actions.list[i].kind != ACTION_KEEP)
            continue;
        put_message(g, peer_session(one), q);
        if (q->up)
            gateway_drain_later(g, one, q->ticket);
        news = true;
    }
    return news;
}

static void forget_spent(struct gateway *g, struct session *s)
{
    struct queued *q;
    STAILQ_FOREACH(q, &s->spent, next) {
        if (q->row != 0)
            store_drop_message(g->store, way_of(q), q->row);
        q->row = 0;
    }
}

/* The packet ids of the broker's QoS 2 messages that were taken over. */
static void keep_arrivals(struct gateway *g, struct session *s)
{
    bool own = s->upstream && s->upstream->session == s;
    struct span link = own ? s->client_id : (struct span){ 0 };
    for (struct arrival *a; s->upstream && (a = arrivals_keep_next(&s->upstream->mqtt.arrivals));)
        store_put_arrival(g->store, &(struct store_arrival){ link, a->packet_id, a->digest });
}

void gateway_forget_arrivals(struct gateway *g, struct upstream *u)
{
    struct arrivals *all = &u->mqtt.arrivals;
    struct span link = u->session ? u->session->client_id : (struct span){ 0 };
    bool there =
        u->session || u == aggregate_upstream(g->aggregate); /* else they went with the session */
    for (struct arrival *a; (a = arrivals_forget_next(all));) {
        if (g->store && a->kept && there)
            store_drop_arrival(g->store, link, a->packet_id);
        arrivals_end(all, a);
    }
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

/* What an earlier decision put, and did not say, this one may say: a topic id for example. */
uint64_t gateway_keep(struct gateway *g, struct peer *one)
{
    struct session *s = peer_session(one);
    struct kept *k = peer_kept(one);
    if (!g->store)
        return 0;
    forget_wiped(g, s, peer_kept(one)->hash != 0);
    bool messages = keep_messages(g, one);
    bool news = keep_session(g, one);
    news = keep_topics(g, s, false) || news;
    news = keep_subscriptions(g, s, false) || news;
    news = keep_exchanges(g, s, false) || news;
    if (messages)
        keep_arrivals(g, s);
    forget_spent(g, s);
    bool well = store_well(g->store);
    if (messages || news)
        k->ticket = store_ticket(g->store);
    return messages || (well && k->ticket > store_safe(g->store)) ? k->ticket : 0;
}

void gateway_keep_nothing(struct gateway *g, struct peer *one)
{
    if (g->store && peer_kept(one)->hash != 0)
        store_drop_session(g->store, peer_session(one)->client_id);
}

static void keep_again(struct gateway *g, struct session *s, struct queued *q)
{
    if (q->row == 0)
        return;
    q->row = 0;
    put_message(g, s, q);
}

static void keep_arrivals_again(struct gateway *g, const struct upstream *u, struct span link)
{
    const struct arrivals *all = &u->mqtt.arrivals;
    for (size_t i = 0; i < all->count; i++)
        if (all->list[i].kept)
            store_put_arrival(g->store, &(struct store_arrival){ link, all->list[i].packet_id,
                                                                 all->list[i].digest });
}

/* The store begins with an empty file. */
void gateway_keep_all(struct gateway *g)
{
    struct queued *q;
    keep_arrivals_again(g, aggregate_upstream(g->aggregate), (struct span){ 0 });
    for (struct peer *one = NULL; (one = peers_next(g->peers, one));) {
        struct session *s = peer_session(one);
        struct store_session row = session_row(g, one);
        peer_kept(one)->hash = row_hash(&row);
        store_put_session(g->store, &row);
        (void)keep_topics(g, s, true);
        (void)keep_subscriptions(g, s, true);
        (void)keep_exchanges(g, s, true);
        if (s->delivery.message) /* the oldest: the order of rows is that of messages */
            keep_again(g, s, s->delivery.message);
        STAILQ_FOREACH(q, &s->queue.list, next)
            keep_again(g, s, q);
        STAILQ_FOREACH(q, &s->uplink.list, next)
            keep_again(g, s, q);
        if (s->upstream && s->upstream->session == s)
            keep_arrivals_again(g, s->upstream, s->client_id);
        if (s->uplink.count > 0)
            gateway_drain_later(g, one, store_ticket(g->store));
    }
}

/* As it was read from the file. */
void gateway_kept_already(struct gateway *g, struct peer *one)
{
    struct store_session row = session_row(g, one);
    row.shared = row.shared != peer_kept(one)->moved;
    peer_kept(one)->hash = row_hash(&row);
    peer_session(one)->changed = peer_session(one)->wiped = false;
}
