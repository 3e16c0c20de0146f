/* scene_store.c -- the store on the stage: commits, and what waits for them.
 *
 * The shell's part in keeping a promise is small: rows are written where the core set a mark (stored.c), and the
 * answers of the same decision wait for the commit (gateway/gateway_hold.c). Here it is with two copies of one
 * struct for a disk. What a test asks of it, killing and starting again are in scene_restart.c. */
#include "tests/gateway/core/scene_store.h"
#include "tests/gateway/core/scene_inside.h"

#include <stdlib.h>

_Static_assert((int)SCENE_CLIENTS == (int)STORED_CLIENTS, "a place on the stage is one in the file");

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
    struct scene_store *store = s->store;
    size_t place = (size_t)(c - s->clients);
    if (!store)
        return 0;
    struct stored_batch b = { .rows = &store->open,
                              .ticket = store->ticket,
                              .last_row = store->last_row };
    const struct stored_client who = { .place = place, .session = &c->session };
    struct stored_news news = stored_keep(&b, &who, &s->actions);
    store->last_row = b.last_row;
    store->writes += b.writes;
    bool waits = news.messages || (news.others && store->keeping.on);
    return waits ? store->ticket : held_ticket(store, place);
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
    for (struct arrival *a; (a = arrivals_forget_next(&u->mqtt.arrivals));) {
        if (s->store)
            stored_drop_arrival(&s->store->open, client, a->packet_id);
        arrivals_end(&u->mqtt.arrivals, a);
    }
}

void scene_drop_arrivals(struct scene *s, size_t client)
{
    stored_drop_arrivals(&s->store->open, client);
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
    stored_drop_session(&s->store->open, client);
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
    stored_copy(&store->on_disk, &store->open);
    store->safe = store->ticket++;
    while (store->first_held < store->held_count &&
           store->held[store->first_held].ticket <= store->safe)
        let_go(s, &store->held[store->first_held++]);
    return store->first_held > first;
}
