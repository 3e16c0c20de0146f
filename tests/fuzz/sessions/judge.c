/* judge.c -- the promises that hold after every step of the session fuzzer, whatever nodes and broker say.
 *
 * Nobody hears "accepted" before the broker said so, nobody hears it twice, an id names to a node what it was told,
 * what is delivered comes in order and under its own topic. The judge keeps books of its own and looks into the
 * sessions only to count; here is what nodes see of the gateway, in judge_broker.c what the broker sees, in
 * judge_state.c what is kept. */
#include "tests/fuzz/sessions/world.h"

#include <stdio.h>
#include <stdlib.h>

void judge_broken(const struct world *w, const char *promise)
{
    fprintf(stderr, "step %zu: broken: %s\n", w->step, promise);
    abort();
}

uint32_t judge_hash(struct span s)
{
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < s.len; i++)
        hash = (hash ^ s.at[i]) * 16777619U;
    return hash;
}

uint16_t judge_tag(struct span payload)
{
    return (uint16_t)(payload.len >= 3 ? payload.at[1] << 8 | payload.at[2] : UINT16_MAX);
}

/* ---- from the node ----------------------------------------------------------------------------------------------- */

static uint8_t *credit(struct client *c, enum answer a, uint16_t message_id)
{
    return &c->credit[a][message_id % sizeof c->credit[a]];
}

/* QoS 2 with a store: a new message, or the same once more? */
static void up_again(const struct world *w, struct up *u)
{
    bool expired = w->now - u->opened >= w->limits.qos2_expiry;
    if ((u->open && !expired) || judge_remembers(w, u))
        return;
    u->fresh++;
    u->open = true;
    u->opened = w->now;
}

/* With a store it ends here: PUBCOMP may have to wait for its commit. */
static void up_released(struct world *w, const struct client *c, uint16_t message_id)
{
    for (size_t i = 0; w->disk && i < w->up_count; i++) {
        struct up *u = &w->ups[i];
        if (u->client != c - w->clients || u->message_id != message_id || !u->open || u->qos != 2)
            continue;
        u->open = false;
        u->answered = w->now - u->opened < w->limits.qos2_expiry;
        u->after = c->requests - judge_places(&c->session, w->now);
        u->ended = w->now;
    }
}

static void up_heard(struct world *w, const struct client *c, const struct mqttsn_message *m)
{
    uint32_t digest = inflight_digest(m);
    uint8_t who = (uint8_t)(c - w->clients);
    bool known = false;
    for (size_t i = 0; i < w->up_count; i++) {
        struct up *u = &w->ups[i];
        if (u->client != who || u->message_id != m->message_id)
            continue;
        bool same = u->digest == digest;
        known = known || same;
        u->dup = same && m->dup;
        if (same && w->disk && u->qos == 2)
            up_again(w, u);
        if (!same) /* the client begins anew with an old number */
            u->open = u->answered = false;
    }
    if (!known && w->up_count < WORLD_UPS)
        w->ups[w->up_count++] = (struct up){ .client = who,
                                             .qos = m->qos,
                                             .message_id = m->message_id,
                                             .content = judge_hash(m->tail),
                                             .digest = digest,
                                             .dup = m->dup,
                                             .open = w->disk && m->qos == 2,
                                             .opened = w->now,
                                             .fresh = 1 };
}

/* All are forgotten that the client has under way, or was answered. */
void ups_forget(struct world *w, const struct client *c)
{
    for (size_t i = 0; i < w->up_count; i++)
        if (w->ups[i].client == c - w->clients)
            w->ups[i].open = w->ups[i].answered = false;
}

/* By all that will not make room before what ends now: what is open, and what ended at the same moment. */
size_t judge_places(const struct session *s, msec now)
{
    size_t taken = 0;
    for (size_t i = 0; i < EXCHANGES; i++) {
        const struct exchange *e = &s->inflight.list[i];
        taken += e->phase > EXCHANGE_ANSWERED || (e->phase == EXCHANGE_ANSWERED && e->since == now);
    }
    return taken;
}

/* A PUBLISH that was refused may come again, and be published then. */
static void ups_end(struct world *w, const struct client *c, const struct mqttsn_message *m)
{
    for (size_t i = 0; i < w->up_count; i++) {
        struct up *u = &w->ups[i];
        if (u->client != c - w->clients || u->message_id != m->message_id || !u->open)
            continue;
        u->open = false;
        u->answered = m->return_code == MQTTSN_ACCEPTED && w->now - u->opened < w->limits.qos2_expiry;
        u->after = c->requests - judge_places(&c->session, w->now);
        u->ended = w->now;
    }
}

/* What QoS 1 messages are owed, judge_calm looks at by their exchange. */
static void request_heard(struct client *c, enum answer a, uint16_t message_id)
{
    bool there = c->session.state == SESSION_ACTIVE || c->session.state == SESSION_AWAKE;
    uint8_t *have = credit(c, a, message_id);
    *have = (uint8_t)(*have + (*have < UINT8_MAX));
    if (there && (a == ANSWER_SUBSCRIBE || a == ANSWER_UNSUBSCRIBE || a == ANSWER_REGISTER))
        c->owed[a][message_id % sizeof c->owed[a]] = true;
}

/* The node has the message, or says so: one that waits for a commit may be acknowledged by chance. */
static void judge_taken(struct client *c, const struct mqttsn_message *m)
{
    struct ledger *g = &c->ledger;
    const struct delivery *d = &c->session.delivery;
    bool takes =
        m->type == MQTTSN_PUBREC || (m->type == MQTTSN_PUBACK && m->return_code == MQTTSN_ACCEPTED);
    uint16_t tag = g->published.tag;
    if (!takes || m->message_id == 0)
        return;
    if (d->message && m->message_id == d->publish_id)
        tag = judge_tag(queued_payload(d->message));
    else if (m->message_id != g->published.message_id)
        return;
    if (tag < WORLD_TAGS && (g->fates[tag] & FATE_OWED))
        g->fates[tag] |= FATE_TAKEN;
}

/* By a REGISTER that was sent, or by chance by one that waits for a commit. */
static bool is_registered(const struct client *c, uint16_t message_id)
{
    const struct delivery *d = &c->session.delivery;
    return message_id == c->ledger.registered ||
           (d->phase == DELIVERY_REGISTER && d->message_id == message_id);
}

/* It says that it knows the id, be it from a REGISTER before the one that waits for a commit. */
static void judge_knows(struct client *c, const struct mqttsn_message *m)
{
    const struct delivery *d = &c->session.delivery;
    if (m->return_code != MQTTSN_ACCEPTED || d->phase != DELIVERY_REGISTER ||
        d->message_id != m->message_id || d->topic_id >= IDS_TOLD || c->ledger.told[d->topic_id] != 0)
        return;
    c->ledger.told[d->topic_id] = judge_hash(queued_topic(d->message));
    c->ledger.believed[d->topic_id] = true;
}

void judge_heard(struct world *w, struct client *c, const struct mqttsn_message *m)
{
    static const int8_t kinds[MQTTSN_TYPES] = { [MQTTSN_PUBLISH] = 1 + ANSWER_PUBLISH,
                                                [MQTTSN_PUBREL] = 1 + ANSWER_PUBREL,
                                                [MQTTSN_SUBSCRIBE] = 1 + ANSWER_SUBSCRIBE,
                                                [MQTTSN_UNSUBSCRIBE] = 1 + ANSWER_UNSUBSCRIBE,
                                                [MQTTSN_REGISTER] = 1 + ANSWER_REGISTER };
    if (kinds[m->type] > 0)
        request_heard(c, (enum answer)(kinds[m->type] - 1), m->message_id);
    bool publishes = m->type == MQTTSN_PUBLISH && (m->qos == 1 || m->qos == 2);
    c->requests += publishes || m->type == MQTTSN_SUBSCRIBE || m->type == MQTTSN_UNSUBSCRIBE;
    if (publishes)
        up_heard(w, c, m);
    if (m->type == MQTTSN_PUBREL)
        up_released(w, c, m->message_id);
    if (m->type == MQTTSN_CONNECT)
        ups_forget(w, c);
    judge_taken(c, m);
    if (m->type == MQTTSN_REGACK && is_registered(c, m->message_id))
        c->ledger.unproven = false;
    if (m->type == MQTTSN_REGACK && w->disk)
        judge_knows(c, m);
}

/* ---- to the node ------------------------------------------------------------------------------------------------- */

static void spend(struct world *w, struct client *c, enum answer a, const struct mqttsn_message *m)
{
    uint8_t *left = credit(c, a, m->message_id);
    must(w, *left > 0, "one answer for each request of a node, and none unasked");
    --*left;
    c->owed[a][m->message_id % sizeof c->owed[a]] = false;
}

static void judge_acceptance(struct world *w, struct client *c, const struct mqttsn_message *m)
{
    bool accepted = w->up_count == WORLD_UPS;
    for (size_t i = 0; i < w->up_count; i++) {
        struct up *u = &w->ups[i];
        bool own = u->client == c - w->clients && u->message_id == m->message_id &&
                   u->qos == (m->type == MQTTSN_PUBACK ? 1 : 2) && (u->accepted || u->safe);
        accepted = accepted || own;
        u->told = u->told || own;
    }
    must(w, accepted, "nobody is told \"accepted\" before the broker accepted, or the disk");
}

/* A frame to where it was is lost, as any may be on the way. */
static void judge_tells(struct ledger *g, uint16_t topic_id, struct span name, bool there)
{
    if (!there && g->told[topic_id] != 0)
        return;
    g->told[topic_id] = judge_hash(name);
    g->believed[topic_id] = !there;
}

static void judge_told(struct client *c, const struct mqttsn_message *m, bool there)
{
    bool answer = m->type == MQTTSN_REGACK || m->type == MQTTSN_SUBACK;
    bool tells = m->type == MQTTSN_REGISTER || (answer && m->return_code == MQTTSN_ACCEPTED);
    const struct topic *t = tells ? registry_find_id(&c->session.topics.normal, m->topic_id) : NULL;
    if (t && m->topic_id < IDS_TOLD)
        judge_tells(&c->ledger, m->topic_id, t->name, there);
    if (m->type == MQTTSN_REGISTER)
        c->ledger.registered = m->message_id;
}

static void judge_answer(struct world *w, struct client *c, const struct mqttsn_message *m, bool there)
{
    if (m->type == MQTTSN_PUBACK || m->type == MQTTSN_PUBREC)
        spend(w, c, ANSWER_PUBLISH, m);
    if (m->type == MQTTSN_PUBREC || (m->type == MQTTSN_PUBACK && m->return_code == MQTTSN_ACCEPTED))
        judge_acceptance(w, c, m);
    if (m->type == MQTTSN_PUBCOMP)
        spend(w, c, ANSWER_PUBREL, m);
    if (m->type == MQTTSN_PUBCOMP || m->type == MQTTSN_PUBACK)
        ups_end(w, c, m);
    if (m->type == MQTTSN_SUBACK)
        spend(w, c, ANSWER_SUBSCRIBE, m);
    if (m->type == MQTTSN_UNSUBACK)
        spend(w, c, ANSWER_UNSUBSCRIBE, m);
    if (m->type == MQTTSN_REGACK)
        spend(w, c, ANSWER_REGISTER, m);
    judge_told(c, m, there);
}

/* The session of an earlier run knows it by the subscription alone. */
static struct span subscribed_as(const struct session *s, uint16_t topic_id)
{
    for (size_t i = 0; i < s->subscriptions.count; i++)
        if (s->subscriptions.list[i].topic_id_type == MQTTSN_PREDEFINED &&
            s->subscriptions.list[i].topic_id == topic_id)
            return s->subscriptions.list[i].filter;
    return (struct span){ 0 };
}

static struct span name_of(struct world *w, struct client *c, const struct mqttsn_message *m)
{
    const struct session *s = &c->session;
    const struct topic *t = registry_find_id(&s->topics.normal, m->topic_id);
    if (m->topic_id_type == MQTTSN_SHORT) {
        w->short_name[0] = (uint8_t)(m->topic_id >> 8);
        w->short_name[1] = (uint8_t)m->topic_id;
        return span_of(w->short_name, sizeof w->short_name);
    }
    if (m->topic_id_type == MQTTSN_PREDEFINED)
        t = registry_find_id(&s->topics.predefined, m->topic_id);
    else
        must(w, m->topic_id < IDS_TOLD && c->ledger.told[m->topic_id] != 0,
             "a node hears a topic id before it is used");
    if (m->topic_id_type == MQTTSN_PREDEFINED && w->disk && !t)
        return subscribed_as(s, m->topic_id);
    must(w, t != NULL, "a message is delivered with an id that exists");
    if (m->topic_id_type == MQTTSN_NORMAL)
        must(w, c->ledger.told[m->topic_id] == judge_hash(t->name),
             "a topic id means what the node was told");
    return t->name;
}

/* Not past it: a message leaves once more without DUP when the node refused it for a while. */
static void judge_order(struct world *w, struct ledger *g, uint16_t tag)
{
    size_t i = g->order_next;
    if (g->order_count == WORLD_ORDER)
        return;
    while (i < g->order_count && g->order[i] != tag)
        i++;
    must(w, i < g->order_count, "messages are delivered in the order of their coming");
    g->order_next = i;
}

static void judge_delivery(struct world *w, struct client *c, const struct mqttsn_message *m)
{
    struct ledger *g = &c->ledger;
    uint32_t content = judge_hash(m->tail);
    uint16_t tag = judge_tag(m->tail);
    must(w, tag < w->tag_count, "what is delivered is what the broker sent");
    must(w, !g->unproven, "a node heard from another host proves that it hears us first");
    judge_order(w, g, tag);
    must(w, span_equal(name_of(w, c, m), node_topic(w->tag_topics[tag])),
         "a message is delivered under its own topic");
    must(w, m->qos <= 2 && (m->qos > 0) == (m->message_id != 0),
         "a PUBLISH has a message id if it has QoS");
    must(w, !m->dup || (g->published.message_id == m->message_id && g->published.content == content),
         "DUP repeats what was sent");
}

void judge_sent(struct client *c, const struct mqttsn_message *m)
{
    struct ledger *g = &c->ledger;
    if (m->type != MQTTSN_PUBLISH || m->qos == 0)
        return;
    g->published.message_id = m->message_id;
    g->published.content = judge_hash(m->tail);
    g->published.tag = judge_tag(m->tail);
}

/* It is over as it leaves. */
void judge_decided(struct client *c, const struct mqttsn_message *m)
{
    c->ledger.ended += m->type == MQTTSN_PUBLISH && m->qos == 0;
}

static bool sent_by_gateway(enum mqttsn_type type)
{
    switch (type) {
    case MQTTSN_CONNECT:
    case MQTTSN_WILLTOPIC:
    case MQTTSN_WILLMSG:
    case MQTTSN_SUBSCRIBE:
    case MQTTSN_UNSUBSCRIBE:
    case MQTTSN_WILLTOPICUPD:
    case MQTTSN_WILLMSGUPD:
        return false;
    default:
        return true;
    }
}

void judge_frame(struct world *w, struct client *c, const struct mqttsn_message *m, bool there)
{
    uint8_t room[2000];
    struct writer to = writer_of(room, sizeof room);
    struct mqttsn_message again;
    must(w, mqttsn_encode(m, &to) == MQTTSN_OK, "what goes to a node encodes");
    size_t len = sizeof room - to.left;
    must(w, len == mqttsn_encoded_len(m) && (!there || len <= c->session.max_message),
         "what goes to a node fits its radio");
    must(w, mqttsn_decode(span_of(room, len), &again) == MQTTSN_OK && again.type == m->type,
         "what goes to a node decodes");
    must(w, sent_by_gateway(m->type), "the gateway says only what gateways say");
    judge_answer(w, c, m, there);
    if (m->type == MQTTSN_PUBLISH && there)
        judge_delivery(w, c, m);
    judge_sent(c, m);
}
