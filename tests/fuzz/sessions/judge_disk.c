/* judge_disk.c -- the promises about what outlives the gateway, for programs that have a store.
 *
 * Nobody hears "accepted" before the row is committed, neither node nor broker; what was committed is there in the next
 * run, or dropped for a counted reason; a QoS 2 message is published once, however many runs it takes. At a kill the
 * judge's books lose what only the gateway knew. What the rows themselves say is looked at in judge_rows.c. */
#include "tests/fuzz/sessions/disk.h"

/* ---- a commit ---------------------------------------------------------------------------------------------------- */

/* For a counted reason: their senders may still be told "accepted", as it was then. A kill before the commit brings
 * them back, and the broker may have had them. */
void judge_given_up(struct world *w, const struct session *s)
{
    const struct queued *q;
    STAILQ_FOREACH(q, &s->spent, next)
        for (size_t i = 0; q->up && i < w->up_count; i++)
            if (w->ups[i].content == judge_hash(queued_payload(q)))
                w->ups[i].safe = w->ups[i].excused = true;
}

void judge_commit(struct world *w)
{
    const struct stored *d = &w->disk->on_disk;
    for (size_t i = 0; i < d->message_count; i++) {
        const struct stored_message *row = &d->messages[i];
        uint32_t content = judge_hash(stored_span(&row->payload));
        uint8_t *fates = w->clients[row->client].ledger.fates;
        uint16_t tag = judge_tag(stored_span(&row->payload));
        for (size_t n = 0; row->up && n < w->up_count; n++)
            w->ups[n].safe = w->ups[n].safe || w->ups[n].content == content;
        if (!row->up && tag < w->tag_count && (fates[tag] & FATE_OWED))
            fates[tag] |= FATE_SAFE;
    }
}

/* ---- a message of the broker, for each client -------------------------------------------------------------------- */

bool judge_has(const struct session *s, uint16_t tag)
{
    const struct queued *q;
    STAILQ_FOREACH(q, &s->queue.list, next)
        if (judge_tag(queued_payload(q)) == tag)
            return true;
    return s->delivery.message && judge_tag(queued_payload(s->delivery.message)) == tag;
}

void judge_fates(struct world *w, struct client *c)
{
    struct ledger *g = &c->ledger;
    if (!w->disk || w->disk->starting)
        return;
    for (uint16_t tag = 0; tag < w->tag_count; tag++) {
        bool open = (g->fates[tag] & FATE_OWED) && !(g->fates[tag] & (FATE_TAKEN | FATE_DROPPED));
        if (!open || judge_has(&c->session, tag))
            continue;
        must(w, g->drops_used++ < g->drops, "nothing vanishes silently");
        g->fates[tag] |= FATE_DROPPED;
    }
}

/* Without the store a full window is let go (counted as held_too_long). */
void judge_acknowledged(struct world *w, const struct line *l, uint16_t tag)
{
    for (size_t i = 0; w->disk && l->up->held_too_long == 0 && i < WORLD_CLIENTS; i++) {
        uint8_t fate = w->clients[i].ledger.fates[tag];
        bool here = w->clients[i].here && w->clients[i].session.upstream == l->up;
        must(w, !here || !(fate & FATE_OWED) || (fate & (FATE_SAFE | FATE_TAKEN | FATE_DROPPED)),
             "the broker is told \"accepted\" when the node has it, or the disk");
    }
}

/* ---- a QoS 2 message of a node, at the broker -------------------------------------------------------------------- */

/* NULL also when not all are known. */
static struct up *only_up(struct world *w, uint32_t content)
{
    return w->up_count < WORLD_UPS ? judge_only_up(w, content) : NULL;
}

void judge_missing(struct world *w)
{
    size_t missing = 0;
    for (size_t i = 0; i < w->up_count; i++) {
        const struct up *u = &w->ups[i];
        missing += u->told && !u->accepted && only_up(w, u->content) == u;
    }
    must(w, missing <= w->up_drops, "what a node was told is accepted reaches the broker");
}

/* One that it has is the same again, until it is released. */
void judge_received(struct world *w, struct line *l, const struct mqtt_packet *p)
{
    uint32_t content = judge_hash(p->payload);
    bool marked = p->payload.len >= NODE_MARK && p->payload.at[0] == 'u';
    struct up *u = w->disk && marked ? only_up(w, content) : NULL;
    for (size_t i = 0; i < l->received_count; i++)
        if (l->received[i].packet_id == p->packet_id) {
            must(w, !w->disk || l->received[i].content == content,
                 "a packet id that the broker has names the same message");
            return;
        }
    if (!w->disk || l->received_count == WORLD_RECEIVED)
        return;
    l->received[l->received_count].packet_id = p->packet_id;
    l->received[l->received_count++].content = content;
    if (u)
        must(w, ++u->published <= u->fresh || u->excused,
             "a QoS 2 message of a node is published once");
}

void judge_released(struct line *l, uint16_t packet_id)
{
    for (size_t i = l->received_count; i-- > 0;)
        if (l->received[i].packet_id == packet_id)
            l->received[i] = l->received[--l->received_count];
}

void judge_excuse(struct world *w, uint32_t content)
{
    for (size_t i = 0; i < w->up_count; i++)
        w->ups[i].excused = w->ups[i].excused || w->ups[i].content == content;
}

/* Those of the clients on this line; all, when the other kind of line is theirs now. */
static void excuse_rows(struct world *w, const struct stored *d, const struct line *l)
{
    for (size_t i = 0; i < d->message_count; i++)
        if (d->messages[i].up &&
            (l == &w->lines[WORLD_SHARED] || l == &w->lines[d->messages[i].client]))
            judge_excuse(w, judge_hash(stored_span(&d->messages[i].payload)));
}

void judge_void(struct world *w, const struct line *l)
{
    for (size_t i = 0; i < l->received_count; i++)
        judge_excuse(w, l->received[i].content);
    if (!w->disk)
        return;
    excuse_rows(w, &w->disk->open, l);
    excuse_rows(w, &w->disk->on_disk, l);
}

void judge_forgotten(struct world *w, struct line *l)
{
    judge_void(w, l);
    l->received_count = 0;
}

/* ---- a kill, and what follows ------------------------------------------------------------------------------------ */

static bool has_exchange(const struct stored_session *row, const struct up *u, bool open)
{
    for (size_t i = 0; row->here && i < EXCHANGES; i++)
        if ((row->places >> i & 1U) && row->exchanges[i].message_id == u->message_id &&
            (!open || row->exchanges[i].phase == EXCHANGE_PUBREL) &&
            row->exchanges[i].digest == u->digest)
            return true;
    return false;
}

static bool knows_arrival(const struct world *w, const struct client *c, uint16_t tag)
{
    const struct stored *d = &w->disk->on_disk;
    size_t link = world_shares(w, c) ? STORED_SHARED : (size_t)(c - w->clients);
    for (size_t i = 0; i < d->arrival_count; i++)
        if (d->arrivals[i].client == link && d->arrivals[i].packet_id == w->tag_ids[tag])
            return true;
    return false;
}

static bool is_stored_id(const struct stored_session *row, size_t id, uint32_t name)
{
    for (size_t i = 0; i < row->topic_count; i++)
        if (row->topics[i].id == id && judge_hash(stored_span(&row->topics[i].name)) == name)
            return true;
    return false;
}

/* What was confirmed counts as told: a CONNECT that would have made it void may be lost with the gateway, and an answer
 * too. Then the node says "invalid topic id", and is told again. */
static void kill_ids(const struct world *w, struct ledger *g, const struct stored_session *row)
{
    for (size_t id = 0; id < IDS_TOLD; id++)
        if ((w->disk->was_ill || g->believed[id]) && !is_stored_id(row, id, g->told[id]))
            g->told[id] = 0;
    for (size_t i = 0; i < row->topic_count; i++) {
        const struct stored_topic *t = &row->topics[i];
        if (t->id < IDS_TOLD && g->told[t->id] == 0 && t->standing == TOPIC_CONFIRMED)
            g->told[t->id] = judge_hash(stored_span(&t->name));
    }
}

/* What the node, the broker and the disk know stays in the books, what only the gateway knew goes. */
static void kill_ledger(struct world *w, struct client *c)
{
    struct ledger *g = &c->ledger;
    const struct stored_session *row = &w->disk->on_disk.sessions[c - w->clients];
    g->open_count = g->handed = g->expected = g->ended = g->drops = g->drops_used = 0;
    g->order_count = g->order_next = 0;
    g->wants = g->will_left = g->unproven = false;
    for (uint16_t tag = 0; tag < w->tag_count; tag++) {
        bool kept = world_shares(w, c) || (g->fates[tag] & (FATE_SAFE | FATE_TAKEN));
        if (g->fates[tag] != 0 && !(kept && knows_arrival(w, c, tag)))
            g->fates[tag] = 0;
    }
    kill_ids(w, g, row);
    memset(c->owed, 0, sizeof c->owed);
}

void judge_kill(struct world *w)
{
    const struct stored *d = &w->disk->on_disk;
    judge_commit(w);
    for (size_t i = 0; i < w->up_count; i++) {
        struct up *u = &w->ups[i];
        const struct stored_session *row = &d->sessions[u->client];
        u->open = u->open && u->qos == 2 && has_exchange(row, u, true);
        u->answered = u->answered && u->qos == 2 && has_exchange(row, u, false);
    }
    for (size_t i = 0; i < WORLD_CLIENTS; i++)
        kill_ledger(w, &w->clients[i]);
    w->disk->starting = true;
}

/* Before it is given to the session of the next run. */
void judge_restored(struct world *w, struct client *c, const struct stored_message *row)
{
    struct ledger *g = &c->ledger;
    uint16_t tag = judge_tag(stored_span(&row->payload));
    if (row->up)
        return;
    must(w, tag < w->tag_count, "what is on disk is what the broker sent");
    g->handed++;
    g->fates[tag] |= FATE_OWED | FATE_SAFE;
    size_t at = row->phase == QUEUED_WAITING ? g->order_count : 0; /* what is open goes on first */
    memmove(&g->order[at + 1], &g->order[at], (g->order_count - at) * sizeof g->order[0]);
    g->order[at] = tag;
    g->order_count++;
    if (row->phase == QUEUED_RELEASED) /* it said PUBREC */
        g->fates[tag] |= FATE_TAKEN;
    if (row->phase == QUEUED_WAITING)
        return;
    g->published.message_id = row->message_id;
    g->published.tag = tag;
    g->published.content = judge_hash(stored_span(&row->payload));
}

static void judge_ids(struct world *w, const struct client *c)
{
    for (uint16_t id = 0; session_is_connected(&c->session) && id < IDS_TOLD; id++) {
        const struct topic *t = registry_find_id(&c->session.topics.normal, id);
        must(w, c->ledger.told[id] == 0 || (t && judge_hash(t->name) == c->ledger.told[id]),
             "a topic id that a node was told means the same after a restart");
    }
}

void judge_start(struct world *w, size_t rows, size_t drops)
{
    w->disk->starting = false;
    must(w, rows == w->disk->open.message_count + drops,
         "what was committed is there, or dropped for a counted reason");
    for (size_t i = 0; i < WORLD_CLIENTS; i++) {
        struct client *c = &w->clients[i];
        c->waits = c->waits && c->here;
        if (!c->here)
            continue;
        judge_ids(w, c);
        judge_fates(w, c);
    }
}
