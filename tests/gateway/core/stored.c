/* stored.c -- the state file as a few arrays: what a decision of the core changes in it.
 *
 * Rows are written where the core set a mark, as gateway/gateway_keep.c does it: messages by ACTION_KEEP, everything
 * else by the marks of the session. A row that is put makes the answers of the same decision wait, one that is taken
 * away makes nobody wait. A text or a table that is too long for the arrays is a broken invariant: whoever uses them
 * has limits that are small. */
#include "tests/gateway/core/stored.h"

#include <assert.h>
#include <stddef.h>

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static void put_text(struct stored_text *to, struct span from)
{
    assert(from.len <= sizeof to->bytes);
    to->len = from.len;
    if (from.len > 0)
        memcpy(to->bytes, from.at, from.len);
}

struct span stored_span(const struct stored_text *t)
{
    return span_of(t->bytes, t->len);
}

const struct stored_message *stored_find(const struct stored *d, uint64_t row)
{
    for (size_t i = 0; i < d->message_count; i++)
        if (d->messages[i].row == row)
            return &d->messages[i];
    return NULL;
}

static struct stored_message *message_at(struct stored *d, uint64_t row)
{
    const struct stored_message *one = stored_find(d, row);
    assert(one); /* else it is a row that is not there */
    return &d->messages[one - d->messages];
}

static void put_message(struct stored_batch *b, size_t client, struct queued *q)
{
    struct stored *d = b->rows;
    q->ticket = b->ticket;
    b->writes++;
    if (q->row == 0) {
        assert(d->message_count < STORED_ROWS);
        struct stored_message *new = &d->messages[d->message_count++];
        q->row = ++b->last_row;
        new->row = q->row;
        new->client = client;
        new->up = q->up;
        new->qos = q->qos;
        new->retain = q->retain;
        new->since = q->since;
        put_text(&new->topic, queued_topic(q));
        put_text(&new->payload, queued_payload(q));
    }
    struct stored_message *one = message_at(d, q->row);
    one->phase = q->phase;
    one->message_id = q->message_id;
}

static void drop_message(struct stored *d, uint64_t row)
{
    struct stored_message *one = message_at(d, row), *end = d->messages + d->message_count--;
    memmove(one, one + 1, (size_t)(end - one - 1) * sizeof *one);
}

static bool keep_messages(struct stored_batch *b, size_t client, const struct actions *decided)
{
    bool news = false;
    for (size_t i = 0; i < decided->count; i++)
        if (decided->list[i].kind == ACTION_KEEP) {
            put_message(b, client, decided->list[i].keep);
            news = true;
        }
    return news;
}

static void forget_spent(struct stored *d, struct session *session)
{
    struct queued *q;
    STAILQ_FOREACH(q, &session->spent, next) {
        if (q->row != 0)
            drop_message(d, q->row);
        q->row = 0;
    }
}

/* ---- the session's ----------------------------------------------------------------------------------------------- */

/* A client that was awake sleeps, and a CONNECT under way is begun anew by the client. */
enum session_state stored_lasting_state(const struct session *s)
{
    if (s->state == SESSION_ACTIVE || s->state == SESSION_LOST)
        return s->state;
    bool sleeps = s->state == SESSION_ASLEEP || s->state == SESSION_AWAKE || s->connect.from_sleep;
    return sleeps ? SESSION_ASLEEP : SESSION_DISCONNECTED;
}

static bool is_shared(const struct session *s)
{
    return s->upstream && s->upstream->session != s;
}

static bool same_will(const struct session *s, const struct stored_session *row)
{
    if (!s->will || !row->has_will)
        return !s->will == !row->has_will;
    return s->will->qos == row->will_qos && s->will->retain == row->will_retain &&
           span_equal(s->will->topic, stored_span(&row->will_topic)) &&
           span_equal(s->will->message, stored_span(&row->will_message));
}

/* Numbers and times go on all the time: they are written with the rest. */
static bool same_session(const struct stored_client *c, const struct stored_session *row)
{
    const struct session *s = c->session;
    return row->here && row->state == stored_lasting_state(s) && row->clean == s->clean &&
           row->shared == is_shared(s) && row->keep_alive_s == s->keep_alive_s &&
           row->sleep_s == s->sleep_s && row->address == c->address && same_will(s, row);
}

static void put_session(const struct stored_client *c, struct stored_session *row)
{
    const struct session *s = c->session;
    row->here = true;
    row->shared = is_shared(s);
    row->state = (uint8_t)stored_lasting_state(s);
    row->clean = s->clean;
    row->keep_alive_s = s->keep_alive_s;
    row->sleep_s = s->sleep_s;
    row->address = c->address;
    row->last_message_id = s->last_message_id;
    row->last_topic_id = s->topics.last_id;
    row->since = s->entered_at;
    row->has_will = s->will != NULL;
    row->will_qos = s->will ? s->will->qos : 0;
    row->will_retain = s->will && s->will->retain;
    put_text(&row->will_topic, s->will ? s->will->topic : (struct span){ 0 });
    put_text(&row->will_message, s->will ? s->will->message : (struct span){ 0 });
}

/* A CONNECT that may come to nothing. */
static bool is_nothing_yet(const struct session *s)
{
    return stored_lasting_state(s) == SESSION_DISCONNECTED && s->clean && s->uplink.count == 0;
}

static bool keep_session(const struct stored_client *c, struct stored_session *row)
{
    struct session *s = c->session;
    if (!s->changed || (!row->here && is_nothing_yet(s)))
        return false;
    s->changed = false;
    if (same_session(c, row))
        return false;
    put_session(c, row);
    return true;
}

static void put_topic(struct stored_session *row, struct topic *t)
{
    size_t i = 0;
    while (i < row->topic_count && row->topics[i].id != t->id)
        i++;
    assert(i < STORED_FEW);
    row->topic_count += i == row->topic_count;
    row->topics[i].id = t->id;
    row->topics[i].standing = t->standing;
    put_text(&row->topics[i].name, t->name);
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
    while (i < row->subscription_count && !span_equal(stored_span(&list[i].filter), sub->filter))
        i++;
    assert(i < STORED_FEW);
    row->subscription_count += i == row->subscription_count;
    list[i].qos = sub->qos;
    list[i].topic_id_type = sub->topic_id_type;
    list[i].topic_id = sub->topic_id;
    list[i].standing = (uint8_t)standing;
    put_text(&list[i].filter, sub->filter);
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

bool stored_lasts(const struct exchange *e)
{
    return e->qos == 2 && e->packet_id == 0 &&
           (e->phase == EXCHANGE_PUBREL || e->phase == EXCHANGE_ANSWERED);
}

static bool keep_exchanges(struct session *s, struct stored_session *row)
{
    bool news = false;
    for (size_t i = 0; i < EXCHANGES; i++) {
        const struct exchange *e = &s->inflight.list[i];
        uint8_t bit = (uint8_t)(1U << i);
        bool ours = stored_lasts(e);
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

/* ---- the broker's QoS 2 messages --------------------------------------------------------------------------------- */

static void put_arrival(struct stored *d, const struct stored_arrival *new)
{
    size_t i = 0;
    while (i < d->arrival_count &&
           (d->arrivals[i].client != new->client || d->arrivals[i].packet_id != new->packet_id))
        i++;
    assert(i < STORED_ARRIVALS);
    d->arrival_count += i == d->arrival_count;
    d->arrivals[i] = *new;
}

static void keep_arrivals(struct stored *d, const struct stored_client *c)
{
    struct upstream *u = c->session->upstream;
    size_t link = is_shared(c->session) ? STORED_SHARED : c->place;
    for (struct arrival *a; u && (a = arrivals_keep_next(&u->mqtt.arrivals));)
        put_arrival(d, &(struct stored_arrival){ link, a->packet_id, a->digest });
}

void stored_drop_arrival(struct stored *d, size_t client, uint16_t packet_id)
{
    for (size_t i = d->arrival_count; i-- > 0;)
        if (d->arrivals[i].packet_id == packet_id && d->arrivals[i].client == client)
            d->arrivals[i] = d->arrivals[--d->arrival_count];
}

void stored_drop_arrivals(struct stored *d, size_t client)
{
    for (size_t i = d->arrival_count; i-- > 0;)
        if (d->arrivals[i].client == client)
            d->arrivals[i] = d->arrivals[--d->arrival_count];
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

struct stored_news stored_keep(struct stored_batch *b, const struct stored_client *c,
                               const struct actions *decided)
{
    struct session *s = c->session;
    struct stored_session *row = &b->rows->sessions[c->place];
    if (s->wiped)
        row->topic_count = row->subscription_count = 0;
    s->wiped = false;
    bool messages = keep_messages(b, c->place, decided);
    bool others = keep_session(c, row);
    others = keep_topics(s, row) || others;
    others = keep_subscriptions(s, row) || others;
    others = keep_exchanges(s, row) || others;
    if (messages)
        keep_arrivals(b->rows, c);
    forget_spent(b->rows, s);
    return (struct stored_news){ messages, others };
}

void stored_drop_session(struct stored *d, size_t client)
{
    d->sessions[client] = (struct stored_session){ 0 };
    for (size_t i = d->message_count; i-- > 0;)
        if (d->messages[i].client == client && !d->messages[i].up)
            drop_message(d, d->messages[i].row);
    stored_drop_arrivals(d, client);
}

static void copy_session(struct stored_session *to, const struct stored_session *from)
{
    memcpy(to, from, offsetof(struct stored_session, topics));
    memcpy(to->topics, from->topics, from->topic_count * sizeof *to->topics);
    memcpy(to->subscriptions, from->subscriptions,
           from->subscription_count * sizeof *to->subscriptions);
}

void stored_copy(struct stored *to, const struct stored *from)
{
    for (size_t i = 0; i < STORED_CLIENTS; i++)
        copy_session(&to->sessions[i], &from->sessions[i]);
    to->message_count = from->message_count;
    to->arrival_count = from->arrival_count;
    memcpy(to->arrivals, from->arrivals, from->arrival_count * sizeof *to->arrivals);
    memcpy(to->messages, from->messages, from->message_count * sizeof *to->messages);
}
