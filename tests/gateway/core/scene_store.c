/* scene_store.c -- the store on the stage: rows, commits, and what waits for them.
 *
 * The shell's part in keeping a promise is small: rows are written where the core set a mark, and the answers of the
 * same decision wait for the commit (gateway/gateway_keep.c, gateway_hold.c). Here it is with two copies of one struct
 * for a disk. What a test asks of it, killing and starting again are in scene_restart.c. */
#include "tests/gateway/core/scene_store.h"
#include "tests/gateway/core/scene_inside.h"

#include <stdlib.h>

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void give_store(struct scene *s)
{
    s->store = calloc(1, sizeof *s->store);
    s->store->keeping.on = true;
    s->store->ticket = 1;
    s->common.keeping = &s->store->keeping;
    s->limits.uplink_ttl = (msec)7 * 86400 * SECOND;
    s->limits.uplink_memory = 1 << 20;
    s->limits.uplink_qos0 = UPLINK_QOS0_MEMORY;
    if (s->shared)
        aggregate_upstream(s->shared)->keeping = s->common.keeping;
}

int open_transparent_kept(void **state)
{
    int failed = open_transparent(state);
    give_store(*state);
    return failed;
}

int open_aggregate_kept(void **state)
{
    int failed = open_aggregate(state);
    give_store(*state);
    return failed;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

void stored_copy(struct stored_text *to, struct span from)
{
    assert_true(from.len <= sizeof to->bytes);
    *to = (struct stored_text){ .len = from.len };
    if (from.len > 0)
        memcpy(to->bytes, from.at, from.len);
}

static struct stored_message *find_row(struct stored *d, uint64_t row)
{
    for (size_t i = 0; i < d->message_count; i++)
        if (d->messages[i].row == row)
            return &d->messages[i];
    fail_msg("a row that is not there");
    return NULL;
}

static void put_message(struct scene *s, size_t client, struct queued *q)
{
    struct stored *d = &s->store->open;
    q->ticket = s->store->ticket;
    s->store->writes++;
    if (q->row == 0) {
        assert_true(d->message_count < STORE_ROWS);
        struct stored_message *new = &d->messages[d->message_count++];
        q->row = ++s->store->last_row;
        *new = (struct stored_message){ .row = q->row,
                                        .client = client,
                                        .up = q->up,
                                        .qos = q->qos,
                                        .retain = q->retain,
                                        .since = q->since };
        stored_copy(&new->topic, queued_topic(q));
        stored_copy(&new->payload, queued_payload(q));
    }
    struct stored_message *one = find_row(d, q->row);
    one->phase = q->phase;
    one->message_id = q->message_id;
}

static void drop_row(struct stored *d, uint64_t row)
{
    struct stored_message *one = find_row(d, row), *end = d->messages + d->message_count--;
    memmove(one, one + 1, (size_t)(end - one - 1) * sizeof *one);
}

static bool keep_messages(struct scene *s, size_t client)
{
    bool news = false;
    for (size_t i = 0; i < s->actions.count; i++)
        if (s->actions.list[i].kind == ACTION_KEEP) {
            put_message(s, client, s->actions.list[i].keep);
            news = true;
        }
    return news;
}

static void forget_spent(struct scene *s, struct session *session)
{
    struct queued *q;
    STAILQ_FOREACH(q, &session->spent, next) {
        if (q->row != 0)
            drop_row(&s->store->open, q->row);
        q->row = 0;
    }
}

/* ---- the session's ----------------------------------------------------------------------------------------------- */

static uint8_t lasting_state(const struct session *s)
{
    if (s->state == SESSION_ACTIVE || s->state == SESSION_LOST)
        return (uint8_t)s->state;
    bool sleeps = s->state == SESSION_ASLEEP || s->state == SESSION_AWAKE || s->connect.from_sleep;
    return sleeps ? SESSION_ASLEEP : SESSION_DISCONNECTED;
}

static void take_session(const struct session *s, struct stored_session *row)
{
    row->here = true;
    row->shared = s->upstream && s->upstream->session != s;
    row->state = lasting_state(s);
    row->clean = s->clean;
    row->keep_alive_s = s->keep_alive_s;
    row->sleep_s = s->sleep_s;
    row->has_will = s->will != NULL;
    row->will_qos = s->will ? s->will->qos : 0;
    row->will_retain = s->will && s->will->retain;
    stored_copy(&row->will_topic, s->will ? s->will->topic : (struct span){ 0 });
    stored_copy(&row->will_message, s->will ? s->will->message : (struct span){ 0 });
}

static bool same_text(const struct stored_text *a, const struct stored_text *b)
{
    return span_equal(span_of(a->bytes, a->len), span_of(b->bytes, b->len));
}

static bool same_session(const struct stored_session *a, const struct stored_session *b)
{
    return a->here == b->here && a->state == b->state && a->clean == b->clean &&
           a->shared == b->shared && a->keep_alive_s == b->keep_alive_s &&
           a->sleep_s == b->sleep_s && a->has_will == b->has_will && a->will_qos == b->will_qos &&
           a->will_retain == b->will_retain && same_text(&a->will_topic, &b->will_topic) &&
           same_text(&a->will_message, &b->will_message);
}

/* Numbers and times go on all the time: they are written with the rest. */
static bool keep_session(struct session *session, struct stored_session *row)
{
    struct stored_session new = *row;
    if (!session->changed)
        return false;
    bool nothing_yet = lasting_state(session) == SESSION_DISCONNECTED && session->clean &&
                       session->uplink.count == 0; /* a CONNECT that may come to nothing */
    if (nothing_yet && !row->here)
        return false;
    session->changed = false;
    take_session(session, &new);
    if (same_session(&new, row))
        return false;
    new.last_message_id = session->last_message_id;
    new.last_topic_id = session->topics.last_id;
    new.since = session->entered_at;
    *row = new;
    return true;
}

static void put_topic(struct stored_session *row, struct topic *t)
{
    size_t i = 0;
    while (i < row->topic_count && row->topics[i].id != t->id)
        i++;
    assert_true(i < STORE_FEW);
    row->topic_count += i == row->topic_count;
    row->topics[i].id = t->id;
    row->topics[i].standing = t->standing;
    stored_copy(&row->topics[i].name, t->name);
    t->unsaved = false;
}

static bool keep_topics(struct session *s, struct stored_session *row)
{
    bool news = s->topics.changed;
    for (size_t i = 0; news && i < s->topics.normal.count; i++)
        if (s->topics.normal.list[i].unsaved)
            put_topic(row, &s->topics.normal.list[i]);
    s->topics.changed = false;
    return news;
}

static void put_subscription(struct stored_session *row, struct subscription *sub)
{
    size_t i = 0;
    struct stored_subscription *list = row->subscriptions;
    enum subscription_standing standing = subscriptions_lasting(sub);
    sub->unsaved = false;
    if (standing == SUBSCRIPTION_ASKED)
        return;
    while (i < row->subscription_count &&
           !span_equal(span_of(list[i].filter.bytes, list[i].filter.len), sub->filter))
        i++;
    assert_true(i < STORE_FEW);
    row->subscription_count += i == row->subscription_count;
    list[i].qos = sub->qos;
    list[i].topic_id_type = sub->topic_id_type;
    list[i].topic_id = sub->topic_id;
    list[i].standing = (uint8_t)standing;
    stored_copy(&list[i].filter, sub->filter);
}

static bool keep_subscriptions(struct session *s, struct stored_session *row)
{
    struct subscriptions *subs = &s->subscriptions;
    bool news = subs->changed, all = subs->removed;
    if (news && all)
        row->subscription_count = 0;
    for (size_t i = 0; news && i < subs->count; i++)
        if (subs->list[i].unsaved || all)
            put_subscription(row, &subs->list[i]);
    subs->changed = subs->removed = false;
    return news;
}

static bool keep_exchanges(struct session *s, struct stored_session *row)
{
    bool news = false;
    for (size_t i = 0; i < EXCHANGES; i++) {
        const struct exchange *e = &s->inflight.list[i];
        uint8_t bit = (uint8_t)(1U << i);
        bool ours = e->qos == 2 && e->packet_id == 0 &&
                    (e->phase == EXCHANGE_PUBREL || e->phase == EXCHANGE_ANSWERED);
        if (!(s->inflight.changed & bit))
            continue;
        news = news || ours || (s->inflight.kept & bit) != 0;
        row->places = (uint8_t)(ours ? row->places | bit : row->places & ~bit);
        s->inflight.kept = (uint8_t)(ours ? s->inflight.kept | bit : s->inflight.kept & ~bit);
        row->exchanges[i] = *e;
    }
    s->inflight.changed = 0;
    return news;
}

static void keep_arrivals(struct scene *s, const struct scene_client *c, size_t client)
{
    struct upstream *u = c->session.upstream;
    struct stored *d = &s->store->open;
    size_t link = s->shared ? SCENE_CLIENTS : client;
    for (struct arrival *a; u && (a = arrivals_keep_next(&u->mqtt.arrivals));) {
        size_t i = 0;
        while (i < d->arrival_count &&
               (d->arrivals[i].client != link || d->arrivals[i].packet_id != a->packet_id))
            i++;
        assert_true(i < STORE_FEW);
        d->arrival_count += i == d->arrival_count;
        d->arrivals[i] = (struct stored_arrival){ link, a->packet_id, a->digest };
    }
}

/* ---- a decision -------------------------------------------------------------------------------------------------- */

static uint64_t held_ticket(const struct scene_store *store, size_t client)
{
    for (size_t i = store->held_count; i-- > store->first_held;)
        if (store->held[i].client == client)
            return store->held[i].ticket;
    return 0;
}

uint64_t scene_keep(struct scene *s, struct scene_client *c)
{
    size_t client = (size_t)(c - s->clients);
    if (!s->store)
        return 0;
    struct stored_session *row = &s->store->open.sessions[client];
    if (c->session.wiped)
        row->topic_count = row->subscription_count = 0;
    c->session.wiped = false;
    bool messages = keep_messages(s, client);
    bool news = keep_session(&c->session, row);
    news = keep_topics(&c->session, row) || news;
    news = keep_subscriptions(&c->session, row) || news;
    news = keep_exchanges(&c->session, row) || news;
    if (messages)
        keep_arrivals(s, c, client);
    forget_spent(s, &c->session);
    return messages || (news && s->store->keeping.on) ? s->store->ticket
                                                      : held_ticket(s->store, client);
}

/* ---- what waits for the commit ----------------------------------------------------------------------------------- */

static struct held *hold(struct scene *s, enum held_kind kind, size_t client, uint64_t ticket)
{
    struct scene_store *store = s->store;
    assert_true(store->held_count < SCENE_LOG);
    struct held *h = &store->held[store->held_count++];
    *h = (struct held){ .kind = kind, .client = client, .ticket = ticket };
    return h;
}

void scene_hold_send(struct scene *s, const struct scene_client *c, const struct mqttsn_message *m,
                     uint64_t ticket)
{
    struct held *h = hold(s, HELD_SEND, (size_t)(c - s->clients), ticket);
    assert_true(m->tail.len <= sizeof h->tail);
    if (m->tail.len > 0)
        memcpy(h->tail, m->tail.at, m->tail.len);
    h->message = *m;
    h->message.tail = span_of(h->tail, m->tail.len);
}

bool scene_hold_ack(struct scene *s, const struct scene_client *c, const struct mqtt_packet *p,
                    uint64_t ticket)
{
    bool promise = p->type == MQTT_PUBACK || p->type == MQTT_PUBREC || p->type == MQTT_PUBREL ||
                   p->type == MQTT_PUBCOMP;
    if (ticket == 0 || !promise || p->code != 0)
        return false;
    hold(s, HELD_ACK, (size_t)(c - s->clients), ticket)->ack = *p;
    return true;
}

/* Packet ids that need not be remembered any more. */
void scene_forget_arrivals(struct scene *s, struct upstream *u, size_t client)
{
    struct stored *d = s->store ? &s->store->open : NULL;
    for (struct arrival *a; (a = arrivals_forget_next(&u->mqtt.arrivals));) {
        for (size_t i = d ? d->arrival_count : 0; i-- > 0;)
            if (d->arrivals[i].packet_id == a->packet_id && d->arrivals[i].client == client)
                d->arrivals[i] = d->arrivals[--d->arrival_count];
        arrivals_end(&u->mqtt.arrivals, a);
    }
}

void scene_drop_arrivals(struct scene *s, size_t client)
{
    struct stored *d = &s->store->open;
    for (size_t i = d->arrival_count; i-- > 0;)
        if (d->arrivals[i].client == client)
            d->arrivals[i] = d->arrivals[--d->arrival_count];
}

static void let_go(struct scene *s, const struct held *h)
{
    struct scene_client *c = &s->clients[h->client];
    if (h->kind == HELD_ACK && c->here)
        scene_request(s, c, &h->ack);
    else if (h->kind == HELD_SEND)
        scene_deliver(s, c, &h->message);
}

/* The session is over, and with it all that was kept for it: so nothing is promised any more, and the broker may have
 * its acknowledgements. */
void scene_keep_nothing(struct scene *s, const struct scene_client *c)
{
    size_t client = (size_t)(c - s->clients);
    if (!s->store)
        return;
    struct stored *d = &s->store->open;
    d->sessions[client] = (struct stored_session){ 0 };
    for (size_t i = d->message_count; i-- > 0;)
        if (d->messages[i].client == client && !d->messages[i].up)
            drop_row(d, d->messages[i].row);
    for (size_t i = s->store->first_held; i < s->store->held_count; i++) {
        struct held h = s->store->held[i];
        if (h.client != client || h.kind == HELD_SEND)
            continue;
        s->store->held[i].kind = HELD_NOTHING;
        let_go(s, &h);
    }
}

bool scene_commit(struct scene *s)
{
    struct scene_store *store = s->store;
    size_t first = store->first_held;
    store->on_disk = store->open;
    store->safe = store->ticket++;
    while (store->first_held < store->held_count &&
           store->held[store->first_held].ticket <= store->safe)
        let_go(s, &store->held[store->first_held++]);
    return store->first_held > first;
}
