/* aggregate.c -- one broker connection for many clients (MQTT-SN 1.2, section 4.2; SN-GW-2 to -8).
 *
 * Filters are counted: the broker hears SUBSCRIBE for the first holder and when a later one needs a higher QoS, and
 * UNSUBSCRIBE after the last; aggregate_rounds.c has how. A message goes to every client with a matching filter, once,
 * at its own QoS, and is acknowledged when all have taken it. Without a store a message for a sleeper holds its
 * acknowledgement only as long as the broker's window allows: see release_oldest. */
#include "gateway/core/aggregate_inside.h"

#include "mqtt/topic.h"

#include <stdlib.h>

/* Mosquitto and others send 20 messages ahead of our acknowledgements; when half of them wait for slow receivers, the
 * oldest is let go, so that one node cannot hold up all others (design rule 7). It still waits, in memory. */
enum { HELD_MAX = 10 };

/* ---- what sessions want ------------------------------------------------------------------------------------------ */

static struct seat *seat_of(struct session *s)
{
    struct seat *seat = s->seat ? s->seat : calloc(1, sizeof *seat);
    if (seat && !s->seat) {
        seat->session = s;
        LIST_INIT(&seat->holders);
        s->seat = seat;
    }
    return seat;
}

static void seat_empty(struct aggregate *a, struct seat *seat, msec now)
{
    for (struct holder *h; (h = LIST_FIRST(&seat->holders));)
        rounds_leave(a, h, now);
}

static void session_connects(struct aggregate *a, struct session *s, bool clean, msec now)
{
    enum { ACCEPTED = 0, UNAVAILABLE = 3 };
    if (clean)
        mqtt_client_orphan(&a->upstream.mqtt, s);
    if (clean && s->seat) /* refused or not, it has no filters any more */
        seat_empty(a, s->seat, now);
    bool taken = upstream_ready(&a->upstream) && seat_of(s);
    rounds_tell(a, s, MQTT_CONNACK, 0, taken ? ACCEPTED : UNAVAILABLE);
}

static void session_subscribes(struct aggregate *a, struct session *s, const struct mqtt_packet *p,
                               msec now)
{
    struct seat *seat = seat_of(s);
    struct filter *f = seat && !topic_is_shared(p->topic) ? filters_get(a->filters, p->topic) : NULL;
    struct holder *h = f ? rounds_holder(seat, f) : NULL;
    if (f && !h)
        h = rounds_join(seat, f);
    if (!h) { /* too deep, shared (SN-SUB-12), or no memory */
        if (f && LIST_EMPTY(&f->holders))
            filters_remove(a->filters, f);
        mqtt_client_unreserve(&a->upstream.mqtt, p->packet_id);
        rounds_tell(a, s, MQTT_SUBACK, p->packet_id, MQTT_REFUSED);
        return;
    }
    rounds_want(a, h, p->qos, p->packet_id, now);
}

static void session_unsubscribes(struct aggregate *a, struct session *s,
                                 const struct mqtt_packet *p, msec now)
{
    struct seat *seat = s->seat;
    struct filter *f = filters_find(a->filters, p->topic);
    struct holder *h = seat && f ? rounds_holder(seat, f) : NULL;
    bool last = h && LIST_NEXT(h, in_filter) == NULL && LIST_FIRST(&f->holders) == h;
    if (!f) { /* it was given up in an earlier run, and the broker may have it still */
        upstream_forward(&a->upstream, p, now);
        return;
    }
    if (last) { /* UNSUBACK follows the broker's */
        rounds_answer_now(a, h);
        rounds_leave_last(a, h, p->packet_id, now);
        return;
    }
    mqtt_client_unreserve(&a->upstream.mqtt, p->packet_id);
    if (h)
        rounds_leave(a, h, now);
    rounds_tell(a, s, MQTT_UNSUBACK, p->packet_id, 0);
}

static void aggregate_request(struct upstream *u, struct session *s, const struct mqtt_packet *p,
                              msec now)
{
    struct aggregate *a = aggregate_of(u);
    switch (p->type) {
    case MQTT_CONNECT:
        if (!session_is_connected(s)) /* else it has another will, and that is with us already */
            session_connects(a, s, p->connect.clean, now);
        break;
    case MQTT_DISCONNECT:
        if (p->connect.has_will)
            upstream_publish_will(u, &p->connect.will, now);
        break;
    case MQTT_SUBSCRIBE:
        session_subscribes(a, s, p, now);
        break;
    case MQTT_UNSUBSCRIBE:
        session_unsubscribes(a, s, p, now);
        break;
    default:
        upstream_forward(u, p, now);
        break;
    }
}

static void aggregate_leave(struct upstream *u, struct session *s, msec now)
{
    struct seat *seat = s->seat;
    mqtt_client_orphan(&u->mqtt, s);
    if (!seat)
        return;
    seat_empty(aggregate_of(u), seat, now);
    free(seat);
    s->seat = NULL;
}

/* ---- what the broker says ---------------------------------------------------------------------------------------- */

static void aggregate_answer(struct upstream *u, void *owner, const struct mqtt_packet *p, msec now)
{
    if (owner == u)
        rounds_answered(aggregate_of(u), p, now);
    else
        upstream_hit(u, owner, p);
}

/* Each client once, at the highest QoS that one of its matching filters gives (SN-DLV-12). False: no memory. */
static bool reach(struct aggregate *a, struct holder *h, const struct mqtt_packet *p)
{
    struct seat *seat = h->seat;
    struct hits *hits = &a->upstream.hits;
    uint8_t granted =
        h->filter->step == FILTER_ASKED || h->qos < h->filter->granted ? h->qos : h->filter->granted;
    uint8_t qos = p->qos < granted ? p->qos : granted;
    if (seat->mark != a->mark) {
        seat->mark = a->mark;
        seat->hit = hits->count;
        if (!upstream_hit(&a->upstream, seat->session, p))
            return false;
        hits->list[seat->hit].packet.qos = qos;
    } else if (seat->hit < hits->count && hits->list[seat->hit].packet.qos < qos) {
        hits->list[seat->hit].packet.qos = qos;
    }
    return true;
}

/* All that it is for, or false: no memory. */
static bool reach_all(struct aggregate *a, const struct mqtt_packet *p)
{
    size_t matches;
    struct filter *const *f = filters_match(a->filters, p->topic, &matches);
    bool reached = !filters_missed(a->filters);
    struct holder *h;
    a->mark++;
    for (size_t i = 0; i < matches; i++)
        LIST_FOREACH(h, &f[i]->holders, in_filter)
            if (h->in_round ||
                !p->retain) /* RETAIN is set only on what a SUBSCRIBE brings (MQTT-3.3.1-8, -9) */
                reached = reach(a, h, p) && reached;
    return reached;
}

/* Nobody gets it now, so that nobody gets it twice when the broker sends it again: on the next connection, and on this
 * one there is no room for it until then. */
static void refuse(struct upstream *u, const struct mqtt_packet *p, size_t first, msec now)
{
    u->hits.count = first;
    u->redial = true;
    mqtt_client_refuse(&u->mqtt, p->receipt, now);
}

/* How many of the hits from `first` on will acknowledge. */
static uint32_t count_holders(struct hits *hits, size_t first)
{
    uint32_t n = 0;
    for (size_t i = first; i < hits->count; i++) {
        struct mqtt_packet *p = &hits->list[i].packet;
        if (p->qos > 0)
            n++;
        else
            p->receipt = 0;
    }
    return n;
}

static void release_oldest(struct aggregate *a, msec now)
{
    struct arrivals *all = &a->upstream.mqtt.arrivals;
    if (a->upstream.keeping && a->upstream.keeping->on) /* a sleeper's copy is on disk in a moment */
        return;
    for (size_t i = 0; all->count > HELD_MAX && i < all->count; i++)
        if (all->list[i].state == ARRIVAL_OPEN) {
            a->upstream.held_too_long++;
            mqtt_client_hold(&a->upstream.mqtt, all->list[i].receipt, 0, now);
            return;
        }
}

static void aggregate_message(struct upstream *u, const struct mqtt_packet *p, msec now)
{
    struct aggregate *a = aggregate_of(u);
    size_t first = u->hits.count;
    bool reached = reach_all(a, p);
    if (!reached && p->qos > 0) {
        refuse(u, p, first, now);
        return;
    }
    uint32_t holders = count_holders(&u->hits, first);
    u->no_memory += !reached;
    u->no_receiver += reached && u->hits.count == first && !p->retain;
    if (p->qos == 0)
        return;
    mqtt_client_complete(&u->mqtt, p->receipt, now); /* its second half ends here, not at a client */
    mqtt_client_hold(&u->mqtt, p->receipt, holders, now);
    release_oldest(a, now);
}

static void aggregate_connected(struct upstream *u, const struct mqtt_packet *p, msec now)
{
    rounds_reconnected(aggregate_of(u), p->session_present, now);
}

static void aggregate_pong(struct upstream *u, msec now)
{
    rounds_pong(aggregate_of(u), now);
}

static const struct strategy aggregate_strategy = {
    .request = aggregate_request,
    .message = aggregate_message,
    .answer = aggregate_answer,
    .connected = aggregate_connected,
    .pong = aggregate_pong,
    .leave = aggregate_leave,
};

struct upstream *aggregate_upstream(struct aggregate *a)
{
    return &a->upstream;
}

struct aggregate *aggregate_new(uint64_t seed)
{
    struct aggregate *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    upstream_init(&a->upstream, &aggregate_strategy);
    TAILQ_INIT(&a->asked);
    TAILQ_INIT(&a->settling);
    a->filters = filters_new(seed);
    if (!a->filters) {
        free(a);
        return NULL;
    }
    return a;
}

bool aggregate_restore(struct aggregate *a, struct session *s, struct span filter, uint8_t qos)
{
    struct seat *seat = seat_of(s);
    struct filter *f = seat ? filters_get(a->filters, filter) : NULL;
    struct holder *h = f ? rounds_join(seat, f) : NULL;
    if (!h) {
        if (f && LIST_EMPTY(&f->holders))
            filters_remove(a->filters, f);
        return false;
    }
    h->qos = qos;
    if (f->step == FILTER_NEW) /* else somebody who is here has asked for it */
        f->step = FILTER_HELD;
    f->asked_qos = f->asked_qos > qos ? f->asked_qos : qos;
    f->granted = f->asked_qos;
    return true;
}

void aggregate_renew(struct aggregate *a, msec now)
{
    if (upstream_online(&a->upstream))
        rounds_reconnected(a, false, now);
}

void aggregate_forget(struct aggregate *a, struct span filter, msec now)
{
    bool held = filters_find(a->filters, filter) != NULL;
    uint16_t packet_id = held ? 0 : upstream_reserve_offline(&a->upstream, NULL, filter.len);
    if (packet_id != 0)
        upstream_forward(&a->upstream,
                         &(struct mqtt_packet){
                             .type = MQTT_UNSUBSCRIBE, .packet_id = packet_id, .topic = filter },
                         now);
}

void aggregate_free(struct aggregate *a)
{
    if (!a)
        return;
    upstream_clear(&a->upstream);
    filters_free(a->filters);
    free(a);
}
