/* judge_rows.c -- after each decision: is on the disk what is in memory, and only that?
 *
 * The rows are written where the core set a mark. Here each is compared with what the session holds, so that no mark is
 * missing, and no row stays for nobody. What goes on without being written (times, numbers, what is asked of the broker
 * just now) is left out. */
#include "tests/fuzz/sessions/disk.h"

/* ---- rows and memory --------------------------------------------------------------------------------------------- */

static void judge_topics(struct world *w, const struct session *s, const struct stored_session *row)
{
    must(w, row->topic_count == s->topics.normal.count, "each topic id is on disk");
    for (size_t i = 0; i < row->topic_count; i++) {
        const struct stored_topic *one = &row->topics[i];
        const struct topic *t = registry_find_id(&s->topics.normal, one->id);
        must(w, t && t->standing == one->standing && span_equal(t->name, stored_span(&one->name)),
             "a topic id is on disk as it stands");
    }
}

static const struct stored_subscription *find_filter(const struct stored_session *row,
                                                     struct span filter)
{
    for (size_t i = 0; i < row->subscription_count; i++)
        if (span_equal(stored_span(&row->subscriptions[i].filter), filter))
            return &row->subscriptions[i];
    return NULL;
}

/* One that is asked for may be there as it stood before; and it stays granted on disk while a clean connection, which
 * forgets it in any case, is made anew. */
static void judge_subscriptions(struct world *w, const struct session *s,
                                const struct stored_session *row)
{
    for (size_t i = 0; i < row->subscription_count; i++)
        must(w, subscriptions_find(&s->subscriptions, stored_span(&row->subscriptions[i].filter)),
             "no filter on disk that nobody has");
    for (size_t i = 0; i < s->subscriptions.count; i++) {
        const struct subscription *sub = &s->subscriptions.list[i];
        const struct stored_subscription *one = find_filter(row, sub->filter);
        bool held = sub->standing != SUBSCRIPTION_LEAVING,
             asked = sub->standing == SUBSCRIPTION_ASKED;
        if (asked && !sub->told)
            continue;
        must(w, one && held == (one->standing != SUBSCRIPTION_LEAVING),
             "each filter is on disk as it stands");
        must(w, asked || (one->qos == sub->qos && one->topic_id == sub->topic_id),
             "each filter is on disk with its QoS and its topic id");
    }
}

static void judge_exchanges(struct world *w, const struct session *s, const struct stored_session *row)
{
    for (size_t i = 0; i < EXCHANGES; i++) {
        const struct exchange *e = &s->inflight.list[i], *one = &row->exchanges[i];
        bool there = row->places >> i & 1U;
        must(w, stored_lasts(e) == there, "a handshake that ends here is on disk, and no other");
        must(w,
             !there || (one->phase == e->phase && one->message_id == e->message_id &&
                        one->digest == e->digest),
             "a handshake is on disk as it stands");
    }
}

static bool same_message(const struct queued *q, const struct stored_message *row)
{
    bool behind = q->qos == 2 && (q->phase != row->phase || q->message_id != row->message_id);
    return q->up == row->up && q->qos == row->qos && !behind &&
           span_equal(queued_topic(q), stored_span(&row->topic)) &&
           span_equal(queued_payload(q), stored_span(&row->payload));
}

static size_t judge_message(struct world *w, const struct queued *q)
{
    const struct stored_message *row = stored_find(&w->disk->open, q->row);
    must(w, q->row == 0 || (row && same_message(q, row)), "a message that is kept is on disk");
    must(w, !q->up || q->qos == 0 || row, "a message that was taken over is on disk");
    return row != NULL;
}

static void judge_messages(struct world *w, const struct client *c)
{
    const struct session *s = &c->session;
    const struct stored *d = &w->disk->open;
    const struct queued *q;
    size_t kept = 0, rows = 0;
    STAILQ_FOREACH(q, &s->queue.list, next)
        kept += judge_message(w, q);
    STAILQ_FOREACH(q, &s->uplink.list, next)
        kept += judge_message(w, q);
    if (s->delivery.message)
        kept += judge_message(w, s->delivery.message);
    for (size_t i = 0; i < d->message_count; i++)
        rows += d->messages[i].client == (size_t)(c - w->clients);
    must(w, kept == rows, "no message stays on disk for nobody");
}

static bool same_will(const struct session *s, const struct stored_session *row)
{
    return !s->will == !row->has_will &&
           (!s->will || (s->will->qos == row->will_qos &&
                         span_equal(s->will->topic, stored_span(&row->will_topic)) &&
                         span_equal(s->will->message, stored_span(&row->will_message))));
}

void judge_rows(struct world *w, struct client *c)
{
    const struct session *s = &c->session;
    const struct stored_session *row = &w->disk->open.sessions[c - w->clients];
    enum session_state state = stored_lasting_state(s);
    if (w->disk->starting)
        return;
    judge_messages(w, c);
    if (!row->here) {
        must(w, state == SESSION_DISCONNECTED && s->clean && s->uplink.count == 0,
             "a session that lasts is on disk");
        return;
    }
    must(w,
         row->state == state && row->clean == s->clean && row->sleep_s == s->sleep_s &&
             row->keep_alive_s == s->keep_alive_s,
         "a session is on disk as it stands");
    must(w, same_will(s, row), "a will is on disk as it stands");
    must(w, !session_is_connected(s) || row->address == c->address,
         "on disk a client is where it was heard");
    judge_topics(w, s, row);
    judge_subscriptions(w, s, row);
    judge_exchanges(w, s, row);
}

/* ---- what is nobody's, and the limits ---------------------------------------------------------------------------- */

static void judge_uplinks(struct world *w)
{
    size_t bytes = 0, memory = 0;
    const struct queued *q;
    for (size_t i = 0; i < WORLD_CLIENTS; i++) {
        if (!w->clients[i].here)
            continue;
        STAILQ_FOREACH(q, &w->clients[i].session.uplink.list, next) {
            size_t cost = sizeof *q + q->topic_len + q->payload_len;
            bytes += cost;
            memory += q->qos == 0 ? cost : 0;
        }
    }
    must(w, bytes == w->disk->keeping.uplink_bytes && memory == w->disk->keeping.uplink_memory,
         "what waits for the broker is counted right");
    must(w, bytes <= w->most.uplink_bytes && memory <= w->most.uplink_memory,
         "what waits for the broker stays within its limits");
}

static void judge_arrival(struct world *w, const struct stored_arrival *row)
{
    const struct line *l = &w->lines[row->client == STORED_SHARED ? WORLD_SHARED : row->client];
    bool owned = l == &w->lines[WORLD_SHARED] || w->clients[row->client].here;
    const struct arrival *a = l->made ? arrivals_by_id(&l->up->mqtt.arrivals, row->packet_id) : NULL;
    must(w, owned && a, "no packet id stays on disk for nobody");
    must(w, a->kept, "a packet id on disk is known to be there");
}

void judge_keeping(struct world *w)
{
    const struct stored *d = &w->disk->open;
    judge_uplinks(w);
    for (size_t i = 0; i < WORLD_CLIENTS; i++)
        must(w, w->clients[i].here || !d->sessions[i].here, "no session stays on disk for nobody");
    for (size_t i = 0; i < d->message_count; i++)
        must(w, w->clients[d->messages[i].client].here, "no message stays on disk for nobody");
    for (size_t i = 0; i < d->arrival_count; i++)
        judge_arrival(w, &d->arrivals[i]);
}
