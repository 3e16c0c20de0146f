/* gateway_hold.c -- what may not leave before the store has committed (design sections 4.1 and 5).
 *
 * A decision that put something into the store has its answers held here, copied, until that batch is on disk; then
 * they leave in their old order. What the same client is sent meanwhile queues behind, so that nothing overtakes. While
 * the disk is ill only promises wait ("accepted", acknowledgements to the broker); everything else goes on. */
#include "gateway/gateway_inside.h"

#include "radio/clock.h"

#include <stdlib.h>

enum held_kind { HELD_SEND, HELD_ACK };

struct held {
    TAILQ_ENTRY(held) next;
    uint64_t ticket;
    struct peer *peer; /* NULL: gone */
    enum held_kind kind;
    uint8_t ack; /* enum mqtt_type */
    uint16_t packet_id;
    uint32_t receipt;
    struct address to;
    struct mqttsn_message message; /* its tail is in `tail` */
    uint8_t tail[];
};

/* NULL: no memory. Then it is not said, and whoever waits for it asks again. */
static struct held *hold(struct gateway *g, struct peer *one, enum held_kind kind, uint64_t ticket,
                         size_t tail)
{
    struct held *h = calloc(1, sizeof *h + tail);
    if (!h)
        return NULL;
    h->kind = kind;
    h->ticket = ticket;
    h->peer = one;
    if (one) {
        peer_kept(one)->held++;
        peer_kept(one)->held_ticket = ticket;
    }
    TAILQ_INSERT_TAIL(&g->held, h, next);
    return h;
}

static void hold_send(struct gateway *g, struct peer *one, const struct address *to,
                      const struct mqttsn_message *m, uint64_t ticket)
{
    struct held *h = hold(g, one, HELD_SEND, ticket, m->tail.len);
    if (!h)
        return;
    struct writer w = writer_of(h->tail, m->tail.len);
    write_span(&w, m->tail);
    h->to = *to;
    h->message = *m;
    h->message.tail = span_of(h->tail, m->tail.len);
}

static bool promises(const struct mqttsn_message *m)
{
    return (m->type == MQTTSN_PUBACK && m->return_code == MQTTSN_ACCEPTED) ||
           (m->type == MQTTSN_PUBLISH && m->qos == 2) || m->type == MQTTSN_PUBREC ||
           m->type == MQTTSN_PUBREL || m->type == MQTTSN_PUBCOMP;
}

static bool holds(const struct gateway *g, struct peer *one, const struct mqttsn_message *m)
{
    const struct held *h;
    if (peer_kept(one)->held == 0)
        return false;
    TAILQ_FOREACH(h, &g->held, next) {
        if (h->peer == one && h->kind == HELD_SEND && h->message.type == m->type &&
            h->message.message_id == m->message_id)
            return true;
    }
    return false;
}

static bool is_promise(const struct mqtt_packet *p)
{
    return p->type == MQTT_PUBACK || p->type == MQTT_PUBREC || p->type == MQTT_PUBREL ||
           p->type == MQTT_PUBCOMP;
}

static void hold_ack(struct gateway *g, struct peer *one, const struct mqtt_packet *p, uint64_t ticket)
{
    struct held *h = hold(g, one, HELD_ACK, ticket, 0);
    if (!h && peer_session(one)->upstream)
        peer_session(one)->upstream->redial = true; /* a broker asks again only on a new connection */
    if (!h)
        return;
    h->ack = (uint8_t)p->type;
    h->packet_id = p->packet_id;
    h->receipt = p->receipt;
}

/* ---- what a decision says ---------------------------------------------------------------------------------------- */

/* Until it is connected, its address may be anybody's. */
static void send_to_peer(struct gateway *g, struct peer *one, const struct mqttsn_message *m)
{
    const struct address *to = peer_address(one);
    struct session *s = peer_session(one);
    if (!to)
        return;
    bool known = session_is_connected(s);
    bool told = known ? gateway_send(g, to, m) : gateway_answer(g, to, &peer_guest(one)->balance, m);
    s->unsent += told;
}

/* The same when the store has committed `ticket`. What a stranger may be sent is paid for now. */
static void send_later(struct gateway *g, struct peer *one, const struct mqttsn_message *m,
                       uint64_t ticket)
{
    const struct address *to = peer_address(one);
    if (!to)
        return;
    size_t len = session_is_connected(peer_session(one)) ? 0 : gateway_encode(g, to, m);
    if (guard_spend(&peer_guest(one)->balance, len))
        hold_send(g, one, to, m, ticket);
    else
        gateway_drop(g, DROP_STRANGER_DEAR, gateway_who(g, to));
}

/* Nothing overtakes what waits, but a PUBLISH of QoS 0 or 1 may go ahead of its own decision: it promises nothing, only
 * its topic id does, and that came with another message. While the disk is ill only promises of this decision wait, so
 * that a client with one that cannot be given is served on; that one is not given to those who ask again either. */
void gateway_say(struct gateway *g, struct peer *one, const struct mqttsn_message *m, uint64_t ticket)
{
    const struct kept *k = peer_kept(one);
    bool well = !g->store || store_well(g->store);
    bool promise = promises(m);
    if (!well && promise && holds(g, one, m))
        return;
    g->metrics.counts[METRIC_connects_refused] +=
        m->type == MQTTSN_CONNACK && m->return_code != MQTTSN_ACCEPTED;
    if (ticket > 0 && (well || promise) && !(m->type == MQTTSN_PUBLISH && m->qos < 2))
        send_later(g, one, m, ticket);
    else if (well && k->held > 0)
        send_later(g, one, m, k->held_ticket);
    else
        send_to_peer(g, one, m);
}

void gateway_ask(struct gateway *g, struct peer *one, const struct mqtt_packet *p, uint64_t ticket,
                 msec now)
{
    const struct kept *k = peer_kept(one);
    if ((ticket > 0 || k->held > 0) && is_promise(p) && p->code == 0)
        hold_ack(g, one, p, ticket > 0 ? ticket : k->held_ticket);
    else
        gateway_upstream(g, one, p, now);
}

/* ---- and now it may ---------------------------------------------------------------------------------------------- */

/* A QoS 2 message whose delivery is over, or begun anew, while it was held. */
static bool is_overtaken(const struct held *h)
{
    const struct mqttsn_message *m = &h->message;
    const struct delivery *d = h->peer ? &peer_session(h->peer)->delivery : NULL;
    return d && m->type == MQTTSN_PUBLISH && m->qos == 2 &&
           !(d->message && d->publish_id == m->message_id);
}

static void say(struct gateway *g, const struct held *h)
{
    if (is_overtaken(h))
        return;
    bool told = gateway_send(g, &h->to, &h->message);
    const struct address *at = h->peer ? peer_address(h->peer) : NULL;
    if (at && memcmp(at, &h->to, sizeof *at) == 0)
        peer_session(h->peer)->unsent += told;
}

static void acknowledge(struct gateway *g, const struct held *h, msec now)
{
    if (h->peer)
        gateway_upstream(g, h->peer,
                         &(struct mqtt_packet){ .type = (enum mqtt_type)h->ack,
                                                .packet_id = h->packet_id,
                                                .receipt = h->receipt },
                         now);
}

static void let_go(struct gateway *g, struct held *h, msec now)
{
    TAILQ_REMOVE(&g->held, h, next);
    if (h->peer)
        peer_kept(h->peer)->held--;
    if (h->kind == HELD_SEND)
        say(g, h);
    else
        acknowledge(g, h, now);
    free(h);
}

/* Tickets of one client never fall, those of all nearly never: the list is in their order but for what queues behind
 * an older answer. After a slow disk there are many at once, perhaps for as many connections: whoever speaks meanwhile
 * is heard between some of them and the next. */
void gateway_release(struct gateway *g, msec now)
{
    enum { LINKS_IN_A_TURN = 8 };
    struct held *h, *behind;
    uint64_t safe = store_safe(g->store);
    unsigned most = links_to_flush(g->links) + LINKS_IN_A_TURN;
    for (h = TAILQ_FIRST(&g->held); h && h->ticket <= safe; h = behind) {
        if (links_to_flush(g->links) >= most) {
            evtimer_add(g->held_more, &(struct timeval){ 0 });
            return;
        }
        behind = TAILQ_NEXT(h, next);
        let_go(g, h, now);
    }
}

static void release_more(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    gateway_release(arg, clock_now());
}

void gateway_release_plain(struct gateway *g, msec now)
{
    struct held *h, *behind;
    for (h = TAILQ_FIRST(&g->held); h; h = behind) {
        behind = TAILQ_NEXT(h, next);
        if (h->kind == HELD_SEND && !promises(&h->message))
            let_go(g, h, now);
    }
}

/* With the session nothing is promised any more, so the broker may have its acknowledgements. */
void gateway_hold_no_more(struct gateway *g, struct peer *one, msec now)
{
    struct held *h, *behind;
    if (peer_kept(one)->held == 0)
        return;
    for (h = TAILQ_FIRST(&g->held); h; h = behind) {
        behind = TAILQ_NEXT(h, next);
        if (h->peer == one && h->kind != HELD_SEND)
            let_go(g, h, now);
        else if (h->peer == one)
            h->peer = NULL;
    }
}

void gateway_hold_forget(struct gateway *g, struct peer *one)
{
    struct held *h, *behind;
    for (h = peer_kept(one)->held > 0 ? TAILQ_FIRST(&g->held) : NULL; h; h = behind) {
        behind = TAILQ_NEXT(h, next);
        if (h->peer != one || h->kind != HELD_SEND || h->message.type != MQTTSN_PUBLISH)
            continue;
        TAILQ_REMOVE(&g->held, h, next);
        peer_kept(one)->held--;
        free(h);
    }
}

bool gateway_hold_init(struct gateway *g)
{
    TAILQ_INIT(&g->held);
    g->held_more = evtimer_new(g->loop, release_more, g);
    return g->held_more != NULL;
}

void gateway_hold_free(struct gateway *g)
{
    if (g->held_more)
        event_free(g->held_more);
    for (struct held *h; (h = TAILQ_FIRST(&g->held));) {
        TAILQ_REMOVE(&g->held, h, next);
        free(h);
    }
}
