/* disk.c -- the store of the session fuzzer's world: commits, what waits for them, and a disk that is ill.
 *
 * What gateway_keep.c and gateway_hold.c do, with arrays for a disk: the answers of a decision that put a row wait for
 * its commit, and what the same client is sent meanwhile queues behind. While the disk is ill only promises wait.
 * A commit has two halves, as the store's thread makes it: what is decided in between belongs to the next one. */
#include "tests/fuzz/sessions/disk.h"

#include <stdio.h>
#include <stdlib.h>

void disk_new(struct world *w, uint8_t kind)
{
    if (!(kind & 1))
        return;
    w->disk = calloc(1, sizeof *w->disk);
    w->disk->keeping.on = true;
    w->disk->ticket = 1;
    w->disk->lazy = (kind & 2) != 0;
    w->common.keeping = &w->disk->keeping;
}

/* ---- what a decision changed ------------------------------------------------------------------------------------- */

uint64_t disk_keep(struct world *w, struct client *c)
{
    struct disk *d = w->disk;
    if (!d)
        return 0;
    struct stored_batch b = { .rows = &d->open, .ticket = d->ticket, .last_row = d->last_row };
    const struct stored_client who = { .place = (size_t)(c - w->clients),
                                       .address = c->address,
                                       .session = &c->session };
    struct stored_news news = stored_keep(&b, &who, &w->actions);
    d->last_row = b.last_row;
    judge_rows(w, c);
    if (news.messages || news.others)
        d->put[who.place] = d->ticket;
    if (news.messages)
        return d->ticket;
    return d->keeping.on && d->put[who.place] > d->safe ? d->put[who.place] : 0;
}

static size_t place_of(const struct world *w, const struct line *l)
{
    return l == &w->lines[WORLD_SHARED] ? STORED_SHARED : (size_t)(l - w->lines);
}

void disk_forget_arrivals(struct world *w, const struct line *l)
{
    struct arrivals *all = &l->up->mqtt.arrivals;
    bool there = l == &w->lines[WORLD_SHARED] || l->up->session; /* else they went with the session */
    for (struct arrival *a; (a = arrivals_forget_next(all));) {
        if (w->disk && a->kept && there)
            stored_drop_arrival(&w->disk->open, place_of(w, l), a->packet_id);
        arrivals_end(all, a);
    }
}

void disk_drop_arrivals(struct world *w, const struct line *l)
{
    if (w->disk)
        stored_drop_arrivals(&w->disk->open, place_of(w, l));
}

/* ---- what waits -------------------------------------------------------------------------------------------------- */

/* The last one of the client; NULL: nothing of it waits. */
static const struct held *last_held(const struct disk *d, const struct client *c)
{
    for (size_t i = d->held_count; i-- > 0;)
        if (d->held[i].client == c)
            return &d->held[i];
    return NULL;
}

static struct held *hold(struct world *w, struct client *c, uint64_t ticket)
{
    struct disk *d = w->disk;
    must(w, d->held_count < HELD_MAX, "what waits for a commit is bounded");
    struct held *h = &d->held[d->held_count++];
    h->client = c;
    h->ticket = ticket;
    h->to = c->address;
    h->era = c->era;
    return h;
}

static void hold_frame(struct world *w, struct client *c, const struct mqttsn_message *m,
                       uint64_t ticket)
{
    struct held *h = hold(w, c, ticket);
    struct writer to = writer_of(h->tail, sizeof h->tail);
    write_span(&to, m->tail);
    must(w, !to.failed, "what goes to a node fits its radio");
    h->ack = false;
    h->message = *m; /* its tail moves with it: see let_go */
}

static bool promises(const struct mqttsn_message *m)
{
    return (m->type == MQTTSN_PUBACK && m->return_code == MQTTSN_ACCEPTED) ||
           (m->type == MQTTSN_PUBLISH && m->qos == 2) || m->type == MQTTSN_PUBREC ||
           m->type == MQTTSN_PUBREL || m->type == MQTTSN_PUBCOMP;
}

/* The same promise waits already. */
static bool is_held(const struct disk *d, const struct client *c, const struct mqttsn_message *m)
{
    for (size_t i = 0; i < d->held_count; i++) {
        const struct held *h = &d->held[i];
        if (h->client == c && !h->ack && h->message.type == m->type &&
            h->message.message_id == m->message_id)
            return true;
    }
    return false;
}

bool disk_holds_frame(struct world *w, struct client *c, const struct mqttsn_message *m,
                      uint64_t ticket)
{
    const struct disk *d = w->disk;
    if (!d)
        return false;
    const struct held *last = last_held(d, c);
    bool well = d->keeping.on, promise = promises(m);
    if (!well && promise && is_held(d, c, m))
        return true;
    if (ticket > 0 && (well || promise) && !(m->type == MQTTSN_PUBLISH && m->qos < 2))
        hold_frame(w, c, m, ticket);
    else if (well && last)
        hold_frame(w, c, m, last->ticket);
    else
        return false;
    return true;
}

bool disk_holds_packet(struct world *w, struct client *c, const struct mqtt_packet *p, uint64_t ticket)
{
    if (!w->disk)
        return false;
    const struct held *last = last_held(w->disk, c);
    bool promise = p->type == MQTT_PUBACK || p->type == MQTT_PUBREC || p->type == MQTT_PUBREL ||
                   p->type == MQTT_PUBCOMP;
    if ((ticket == 0 && !last) || !promise || p->code != 0)
        return false;
    struct held *h = hold(w, c, ticket > 0 ? ticket : last->ticket);
    h->ack = true;
    h->packet = *p;
    return true;
}

/* ---- and now it may ---------------------------------------------------------------------------------------------- */

/* A message of QoS 2 that the node has answered for meanwhile. */
static bool is_stale(const struct held *h)
{
    const struct delivery *d = &h->client->session.delivery;
    return h->message.type == MQTTSN_PUBLISH && h->message.qos == 2 &&
           (!d->message || d->publish_id != h->message.message_id);
}

static struct held take(struct disk *d, size_t at)
{
    struct held h = d->held[at];
    memmove(&d->held[at], &d->held[at + 1], (--d->held_count - at) * sizeof h);
    return h;
}

/* To a session that is over nobody listens. */
static void let_go(struct world *w, size_t at)
{
    struct held h = take(w->disk, at);
    h.message.tail.at = h.tail;
    if (h.client && h.ack)
        line_ask(w, h.client, &h.packet);
    else if (h.client && !is_stale(&h))
        world_say(w, h.client, h.era == h.client->era ? h.to : -1, &h.message);
}

static bool release(struct world *w)
{
    struct disk *d = w->disk;
    size_t before = d->held_count;
    while (d->held_count > 0 && d->held[0].ticket <= d->safe)
        let_go(w, 0);
    return d->held_count < before;
}

void disk_forget_publishes(struct world *w, struct client *c)
{
    struct disk *d = w->disk;
    for (size_t i = 0; d && i < d->held_count; i++) {
        struct held *h = &d->held[i];
        if (h->client != c || h->ack || h->message.type != MQTTSN_PUBLISH)
            continue;
        h->message.tail.at = h->tail;
        if (!is_stale(h))
            judge_sent(c, &h->message);
        h->client = NULL;
    }
}

void disk_forget(struct world *w, struct client *c)
{
    struct disk *d = w->disk;
    for (size_t i = d ? d->held_count : 0; i-- > 0;)
        if (d->held[i].client == c && !d->held[i].ack)
            d->held[i].client = NULL;
    for (size_t i = 0; d && i < d->held_count;)
        if (d->held[i].client == c)
            let_go(w, i);
        else
            i++;
    if (d)
        stored_drop_session(&d->open, (size_t)(c - w->clients));
}

/* ---- commits ----------------------------------------------------------------------------------------------------- */

static void begin_commit(struct disk *d)
{
    if (d->underway || !d->keeping.on)
        return;
    stored_copy(&d->batch, &d->open);
    d->underway = d->made_good = true;
    d->ticket++;
}

static bool end_commit(struct world *w)
{
    struct disk *d = w->disk;
    if (!d->underway || !d->keeping.on)
        return false;
    stored_copy(&d->on_disk, &d->batch);
    d->was_ill = d->was_ill && !d->made_good;
    d->underway = false;
    d->safe++;
    judge_commit(w);
    return release(w);
}

/* The one under way, and what came since. */
void disk_commit(struct world *w)
{
    (void)end_commit(w);
    begin_commit(w->disk);
    (void)end_commit(w);
}

bool disk_turn(struct world *w)
{
    enum { TOO_MANY = HELD_MAX / 2 };
    struct disk *d = w->disk;
    if (!d)
        return false;
    judge_keeping(w);
    if (d->lazy && d->held_count < TOO_MANY)
        return false;
    bool more = end_commit(w);
    begin_commit(d);
    more = end_commit(w) || more;
    return lines_drain(w) || more; /* what was not on disk may leave now */
}

/* ---- what a program does with it --------------------------------------------------------------------------------- */

static void fall_ill(struct world *w)
{
    struct disk *d = w->disk;
    d->keeping.on = false;
    d->was_ill = true;
    d->made_good = false;
    for (size_t i = 0; i < d->held_count;)
        if (!d->held[i].ack && !promises(&d->held[i].message))
            let_go(w, i);
        else
            i++;
}

void disk_step(struct world *w, uint8_t how, uint8_t dice)
{
    enum { BEGIN, END, LAZY, EAGER, ILL, WELL, KILL, HOWS = 8 };
    struct disk *d = w->disk;
    if (w->trace)
        fprintf(stderr, "%zu disk %d %u\n", w->step, how % HOWS, dice);
    switch (how % HOWS) {
    case BEGIN:
        begin_commit(d);
        break;
    case END:
        (void)end_commit(w);
        break;
    case LAZY:
    case EAGER:
        d->lazy = how % HOWS == LAZY;
        break;
    case ILL:
        fall_ill(w);
        break;
    case WELL:
        d->keeping.on = true;
        break;
    default:
        if (dice & 1)
            world_restart(w, dice);
        break;
    }
    world_settle(w);
}

void disk_calm(struct world *w)
{
    if (!w->disk)
        return;
    w->disk->keeping.on = true;
    w->disk->lazy = false;
    world_settle(w);
}
