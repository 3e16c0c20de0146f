/* judge_broker.c -- what the judge of the session fuzzer sees between sessions and broker.
 *
 * Each message of the broker is given to a session once, ends once and reaches everybody who asked for it; each message
 * of a node is published once while its exchange is open; a will appears once. */
#include "tests/fuzz/sessions/world.h"

#include "mqtt/topic.h"

/* ---- to a session ------------------------------------------------------------------------------------------------ */

/* Does a filter of the client match, one that the broker granted? */
static bool holds(const struct client *c, struct span topic, bool granted)
{
    const struct subscriptions *all = &c->session.subscriptions;
    for (size_t i = 0; i < all->count; i++)
        if (topic_matches(all->list[i].filter, topic) &&
            (!granted || all->list[i].standing == SUBSCRIPTION_GRANTED))
            return true;
    return false;
}

void judge_handed(struct world *w, struct client *c, const struct mqtt_packet *p)
{
    struct ledger *g = &c->ledger;
    uint16_t tag = judge_tag(p->payload);
    must(w, (p->qos > 0) == (p->receipt != 0), "a message with QoS is answered for");
    must(w, c->session.upstream != w->lines[WORLD_SHARED].up || holds(c, p->topic, false),
         "a client gets from the shared connection what it asked for");
    g->handed++;
    if (g->order_count < WORLD_ORDER)
        g->order[g->order_count++] = tag;
    if (p->receipt == 0)
        return;
    must(w, p->qos != 2 || c->moved || !(g->fates[tag] & (FATE_SAFE | FATE_TAKEN)),
         "a QoS 2 message of the broker is taken once");
    if (w->disk) /* a copy on disk that still waits is as good */
        g->fates[tag] = FATE_OWED | (judge_has(&c->session, tag) ? g->fates[tag] & FATE_SAFE : 0);
    for (size_t i = 0; i < g->open_count; i++)
        must(w, g->open[i].receipt != p->receipt, "a message is given to a session once");
    must(w, g->open_count < sizeof g->open / sizeof g->open[0], "messages that wait are bounded");
    g->open[g->open_count].receipt = p->receipt;
    g->open[g->open_count].received = false;
    g->open[g->open_count].tag = tag;
    g->open[g->open_count++].qos = p->qos;
}

/* Everybody on the shared connection whose filter is granted, however many of its filters match (SN-DLV-12). What comes
 * with RETAIN set is for those only who subscribed just now. */
void judge_expects(struct world *w, const struct line *l, const struct mqtt_packet *p)
{
    for (size_t i = 0; i < WORLD_CLIENTS; i++) {
        struct client *c = &w->clients[i];
        bool shared = c->here && c->session.upstream == l->up && l == &w->lines[WORLD_SHARED];
        c->ledger.expected = c->ledger.handed;
        c->ledger.wants = shared && !p->retain && holds(c, p->topic, true);
    }
}

void judge_reached(struct world *w, const struct line *l)
{
    for (size_t i = 0; i < WORLD_CLIENTS && l->up->mqtt.state == MQTT_CLIENT_ONLINE; i++) {
        const struct ledger *g = &w->clients[i].ledger;
        must(w, g->handed <= g->expected + 1, "a message reaches a client once");
        must(w, !g->wants || g->handed > g->expected, "a message reaches everybody who wants it");
    }
}

void judge_refused(struct client *c, uint32_t receipt)
{
    struct ledger *g = &c->ledger;
    for (size_t i = 0; i < g->open_count; i++)
        if (g->open[i].receipt == receipt)
            g->fates[g->open[i].tag] = 0;
}

/* ---- from a session ---------------------------------------------------------------------------------------------- */

static void judge_receipt(struct world *w, struct client *c, const struct mqtt_packet *p)
{
    struct ledger *g = &c->ledger;
    size_t i = 0;
    while (i < g->open_count && g->open[i].receipt != p->receipt)
        i++;
    must(w, i < g->open_count, "one end for each message of the broker");
    bool refused = p->type == MQTT_PUBACK && p->code == MQTT_REFUSED;
    if (p->type == MQTT_PUBREC) {
        must(w, g->open[i].qos == 2 && !g->open[i].received,
             "one PUBREC for each message of the broker");
        g->open[i].received = true;
        return;
    }
    must(w, refused || g->open[i].qos == (p->type == MQTT_PUBACK ? 1 : 2),
         "the acknowledgement fits the QoS");
    g->open[i] = g->open[--g->open_count];
    g->ended++;
}

void judge_request(struct world *w, struct client *c, const struct mqtt_packet *p)
{
    if (p->type == MQTT_PUBACK || p->type == MQTT_PUBREC || p->type == MQTT_PUBCOMP)
        judge_receipt(w, c, p);
    if (p->type != MQTT_DISCONNECT || !p->connect.has_will)
        return;
    must(w, !c->ledger.will_left, "a will appears once");
    c->ledger.will_left = true;
}

void judge_drop(struct world *w, struct client *c, enum drop why)
{
    switch (why) {
    case DROP_TOO_LARGE:
    case DROP_QUEUE_FULL:
    case DROP_OLDEST:
    case DROP_EXPIRED:
    case DROP_REFUSED_BY_CLIENT:
    case DROP_NO_TOPIC_ID:
    case DROP_NOT_CONNECTED:
    case DROP_ASLEEP_QOS0:
    case DROP_SESSION_ENDED:
        c->ledger.drops++;
        break;
    case DROP_UPLINK_EXPIRED:
    case DROP_CLOSED_OVER:
        w->up_drops++;
        judge_given_up(w, &c->session);
        break;
    default:
        break;
    }
}

/* ---- on the wire ------------------------------------------------------------------------------------------------- */

/* Is it a repetition that came soon enough after the answer, with no more requests since than there are places? */
bool judge_remembers(const struct world *w, const struct up *u)
{
    msec age = w->now - u->ended;
    bool soon = age < w->limits.retry * (w->limits.retry_count + 1U);
    bool repeated = u->dup || (u->qos == 2 && age < w->limits.retry);
    return u->answered && soon && repeated && w->clients[u->client].requests - u->after < EXCHANGES;
}

struct up *judge_only_up(struct world *w, uint32_t content)
{
    struct up *only = NULL;
    size_t count = 0;
    for (size_t i = 0; i < w->up_count; i++)
        if (w->ups[i].content == content) {
            only = &w->ups[i];
            count++;
        }
    return count == 1 ? only : NULL;
}

void judge_published(struct world *w, struct line *l, const struct mqtt_packet *p)
{
    uint32_t content = judge_hash(p->payload);
    struct up *only = judge_only_up(w, content);
    bool own = only && (l == &w->lines[WORLD_SHARED] || l == &w->lines[only->client]);
    bool marked =
        p->payload.len >= NODE_MARK && p->payload.at[0] == 'u'; /* by nodes.c, not by chance */
    if (!own || !marked || p->qos == 0)
        return;
    must(w, p->qos == only->qos || (w->lacks.qos2 && p->qos == 1),
         "a message keeps its QoS on the way to the broker");
    if (w->disk || p->packet_id <= only->packet_id) /* once more, after the connection broke: ids rise */
        return;
    bool over = !only->open || w->now - only->opened >= w->limits.qos2_expiry;
    must(w, over, "a message is published once while its exchange is open");
    must(w, !judge_remembers(w, only),
         "a message that was answered is not published when it is repeated");
    only->opened = w->now;
    only->open = true;
    only->packet_id = p->packet_id;
}

void judge_accepted(struct world *w, uint32_t content)
{
    for (size_t i = 0; i < w->up_count; i++)
        w->ups[i].accepted = w->ups[i].accepted || w->ups[i].content == content;
}
