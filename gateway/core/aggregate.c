/* aggregate.c -- one broker connection for many clients (MQTT-SN 1.2, section 4.2; SN-GW-2 to -8).
 *
 * Filters are counted: the broker hears SUBSCRIBE for the first holder and when a later one needs a higher QoS, and
 * UNSUBSCRIBE after the last. A later holder wants the retained messages too, and nobody else wants them again: the
 * filter is subscribed once more, and what comes with RETAIN set goes to the holders of that round only. A round ends
 * with a ping that the broker answers after SUBACK; until then the next joiners wait.
 *
 * A message goes to every client with a matching filter, once, at its own QoS, and is acknowledged when all have taken
 * it. Nothing is on disk yet, so a message for a sleeper holds its acknowledgement only as long as the broker's window
 * allows: see release_oldest. */
#include "gateway/core/filters.h"
#include "gateway/core/session.h"

#include <stdlib.h>

/* Mosquitto and others send 20 messages ahead of our acknowledgements; when half of them wait for slow receivers, the
 * oldest is let go, so that one node cannot hold up all others (design rule 7). It still waits, in memory. */
enum { HELD_MAX = 10 };

struct seat;

struct holder {
    LIST_ENTRY(holder) in_filter, in_seat;
    struct filter *filter;
    struct seat *seat;
    uint8_t qos;   /* asked for */
    bool waits;    /* for the next round of its filter */
    bool in_round; /* of the SUBSCRIBE that is out or just answered: gets the retained messages */
    uint16_t packet_id; /* of the session's request that is not answered yet; 0 = none */
};

/* A session on the shared connection. */
struct seat {
    struct session *session;
    LIST_HEAD(, holder) holders;
    uint32_t mark; /* of the last message that reached it ... */
    size_t hit;    /* ... and where that hit is */
};

struct aggregate {
    struct upstream upstream; /* first: the strategy's functions are given this */
    struct filters *filters;
    TAILQ_HEAD(, filter) settling; /* by rising barrier */
    uint32_t mark;
};

static struct aggregate *of(struct upstream *u)
{
    return (struct aggregate *)(void *)u;
}

/* ---- answers to a session ----------------------------------------------------------------------------------------- */

static void tell(struct aggregate *a, struct session *s, enum mqtt_type type, uint16_t packet_id,
                 uint8_t code)
{
    upstream_hit(&a->upstream, s,
                 &(struct mqtt_packet){
                     .type = type, .packet_id = packet_id, .code = code, .session_present = true });
}

static void answer_holder(struct aggregate *a, struct holder *h, uint8_t code)
{
    if (h->packet_id != 0)
        tell(a, h->seat->session, MQTT_SUBACK, h->packet_id, code);
    h->packet_id = 0;
}

/* ---- rounds of a filter ------------------------------------------------------------------------------------------- */

static void send_subscribe(struct aggregate *a, struct filter *f, uint16_t packet_id, msec now)
{
    struct mqtt_packet p = {
        .type = MQTT_SUBSCRIBE, .packet_id = packet_id, .topic = f->name, .qos = f->asked_qos
    };
    upstream_forward(&a->upstream, &p, now);
}

/* Everyone who waits joins the round. One of their packet ids goes upstream, the others are answered with it. */
static void begin_round(struct aggregate *a, struct filter *f, msec now)
{
    struct holder *h, *first = NULL;
    LIST_FOREACH(h, &f->holders, in_filter) {
        h->in_round = h->waits;
        if (h->qos > f->asked_qos)
            f->asked_qos = h->qos;
        if (h->waits && !first && h->packet_id != 0)
            first = h;
        else if (h->waits && h->packet_id != 0)
            mqtt_client_unreserve(&a->upstream.mqtt, h->packet_id);
        h->waits = false;
    }
    f->step = first ? FILTER_ASKED : f->step;
    if (first)
        send_subscribe(a, f, first->packet_id, now);
}

static bool somebody_waits(const struct filter *f)
{
    const struct holder *h;
    LIST_FOREACH(h, &f->holders, in_filter)
        if (h->waits)
            return true;
    return false;
}

/* One ping at a time serves all filters whose SUBACK came before it left. */
static void ask_for_pong(struct aggregate *a, msec now)
{
    struct mqtt_client *c = &a->upstream.mqtt;
    if (!TAILQ_EMPTY(&a->settling) && c->pings_sent == c->pings_answered)
        mqtt_client_ping(c, now);
}

static void settle(struct aggregate *a, struct filter *f)
{
    struct holder *h;
    TAILQ_REMOVE(&a->settling, f, settling);
    f->step = FILTER_HELD;
    LIST_FOREACH(h, &f->holders, in_filter)
        h->in_round = false;
}

static void aggregate_pong(struct upstream *u, msec now)
{
    struct aggregate *a = of(u);
    struct filter *f;
    while ((f = TAILQ_FIRST(&a->settling)) && f->barrier <= u->mqtt.pings_answered) {
        settle(a, f);
        if (somebody_waits(f))
            begin_round(a, f, now);
    }
    ask_for_pong(a, now);
}

static void holder_free(struct holder *h)
{
    LIST_REMOVE(h, in_filter);
    LIST_REMOVE(h, in_seat);
    free(h);
}

/* Nobody holds it any more. `packet_id` for the UNSUBSCRIBE; 0 when it was never asked for upstream. */
static void filter_end(struct aggregate *a, struct filter *f, uint16_t packet_id, msec now)
{
    if (packet_id != 0) {
        struct mqtt_packet p = { .type = MQTT_UNSUBSCRIBE, .packet_id = packet_id, .topic = f->name };
        upstream_forward(&a->upstream, &p, now);
    }
    if (f->step == FILTER_SETTLING)
        TAILQ_REMOVE(&a->settling, f, settling);
    filters_remove(a->filters, f);
}

/* Takes a holder away and, with the last one, its filter. */
static void holder_leave(struct aggregate *a, struct holder *h, msec now)
{
    struct filter *f = h->filter;
    if (h->waits)
        mqtt_client_unreserve(&a->upstream.mqtt, h->packet_id);
    holder_free(h);
    if (LIST_EMPTY(&f->holders))
        filter_end(a, f, f->step == FILTER_NEW ? 0 : mqtt_client_reserve(&a->upstream.mqtt, NULL),
                   now);
}

static struct holder *holder_of(const struct seat *seat, const struct filter *f)
{
    struct holder *h;
    LIST_FOREACH(h, &seat->holders, in_seat)
        if (h->filter == f)
            return h;
    return NULL;
}

static struct holder *holder_add(struct seat *seat, struct filter *f)
{
    struct holder *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->filter = f;
    h->seat = seat;
    LIST_INSERT_HEAD(&f->holders, h, in_filter);
    LIST_INSERT_HEAD(&seat->holders, h, in_seat);
    return h;
}

/* ---- what sessions want ------------------------------------------------------------------------------------------- */

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
        holder_leave(a, h, now);
}

static void session_connects(struct aggregate *a, struct session *s, bool clean, msec now)
{
    enum { ACCEPTED = 0, UNAVAILABLE = 3 };
    struct seat *seat = upstream_ready(&a->upstream) ? seat_of(s) : NULL;
    if (!seat) {
        tell(a, s, MQTT_CONNACK, 0, UNAVAILABLE);
        return;
    }
    if (clean) {
        mqtt_client_orphan(&a->upstream.mqtt, s);
        seat_empty(a, seat, now);
    }
    tell(a, s, MQTT_CONNACK, 0, ACCEPTED);
}

static bool is_shared(struct span filter)
{
    static const char prefix[] = "$share/";
    return filter.len >= sizeof prefix - 1 && memcmp(filter.at, prefix, sizeof prefix - 1) == 0;
}

static void session_subscribes(struct aggregate *a, struct session *s, const struct mqtt_packet *p,
                               msec now)
{
    struct seat *seat = seat_of(s);
    struct filter *f = seat && !is_shared(p->topic) ? filters_get(a->filters, p->topic) : NULL;
    struct holder *h = f ? holder_of(seat, f) : NULL;
    if (f && !h)
        h = holder_add(seat, f);
    if (!h) { /* too deep, shared (SN-SUB-12), or no memory */
        if (f && LIST_EMPTY(&f->holders))
            filters_remove(a->filters, f);
        mqtt_client_unreserve(&a->upstream.mqtt, p->packet_id);
        tell(a, s, MQTT_SUBACK, p->packet_id, MQTT_REFUSED);
        return;
    }
    if (h->waits) /* asked twice before the first was sent: the later request counts */
        mqtt_client_unreserve(&a->upstream.mqtt, h->packet_id);
    h->qos = p->qos;
    h->packet_id = p->packet_id;
    h->waits = true;
    if (f->step == FILTER_NEW || f->step == FILTER_HELD)
        begin_round(a, f, now);
}

static void session_unsubscribes(struct aggregate *a, struct session *s,
                                 const struct mqtt_packet *p, msec now)
{
    struct seat *seat = s->seat;
    struct filter *f = filters_find(a->filters, p->topic);
    struct holder *h = seat && f ? holder_of(seat, f) : NULL;
    bool last = h && LIST_NEXT(h, in_filter) == NULL && LIST_FIRST(&f->holders) == h;
    if (last) { /* UNSUBACK follows the broker's */
        holder_free(h);
        filter_end(a, f, p->packet_id, now);
        return;
    }
    mqtt_client_unreserve(&a->upstream.mqtt, p->packet_id);
    if (h)
        holder_leave(a, h, now);
    tell(a, s, MQTT_UNSUBACK, p->packet_id, 0);
}

static void aggregate_request(struct upstream *u, struct session *s, const struct mqtt_packet *p,
                              msec now)
{
    struct aggregate *a = of(u);
    switch (p->type) {
    case MQTT_CONNECT:
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
    seat_empty(of(u), seat, now);
    free(seat);
    s->seat = NULL;
}

/* ---- what the broker says ----------------------------------------------------------------------------------------- */

/* Whose request was this filter's SUBSCRIBE? */
static struct filter *filter_asked(const struct seat *seat, uint16_t packet_id)
{
    const struct holder *h;
    LIST_FOREACH(h, &seat->holders, in_seat)
        if (h->packet_id == packet_id && h->filter->step == FILTER_ASKED)
            return h->filter;
    return NULL;
}

/* The others, if there are any, go on with what they were granted before. */
static void round_refused(struct aggregate *a, struct filter *f, msec now)
{
    struct holder *next;
    bool others = false;
    for (struct holder *h = LIST_FIRST(&f->holders); h; h = LIST_NEXT(h, in_filter))
        others = others || !h->in_round;
    f->step = others ? FILTER_HELD : FILTER_NEW;
    for (struct holder *h = LIST_FIRST(&f->holders); h; h = next) {
        next = LIST_NEXT(h, in_filter);
        if (!h->in_round)
            continue;
        answer_holder(a, h, MQTT_REFUSED);
        holder_leave(a, h, now); /* with the last one the filter goes too */
    }
    if (others && somebody_waits(f))
        begin_round(a, f, now);
}

static void round_granted(struct aggregate *a, struct filter *f, uint8_t code, msec now)
{
    struct holder *h;
    f->granted = code;
    f->step = FILTER_SETTLING;
    f->barrier = a->upstream.mqtt.pings_sent + 1;
    TAILQ_INSERT_TAIL(&a->settling, f, settling);
    LIST_FOREACH(h, &f->holders, in_filter)
        if (h->in_round)
            answer_holder(a, h, h->qos < code ? h->qos : code);
    ask_for_pong(a, now);
}

static void aggregate_answer(struct upstream *u, struct session *s, const struct mqtt_packet *p,
                             msec now)
{
    struct aggregate *a = of(u);
    struct filter *f = p->type == MQTT_SUBACK && s->seat ? filter_asked(s->seat, p->packet_id) : NULL;
    if (!f)
        upstream_hit(u, s, p);
    else if (p->code == MQTT_REFUSED)
        round_refused(a, f, now);
    else
        round_granted(a, f, p->code, now);
}

/* Each client once, at the highest QoS that one of its matching filters gives (SN-DLV-12). */
static void reach(struct aggregate *a, struct holder *h, const struct mqtt_packet *p)
{
    struct seat *seat = h->seat;
    struct hits *hits = &a->upstream.hits;
    uint8_t granted =
        h->filter->step == FILTER_ASKED || h->qos < h->filter->granted ? h->qos : h->filter->granted;
    uint8_t qos = p->qos < granted ? p->qos : granted;
    if (seat->mark != a->mark) {
        seat->mark = a->mark;
        seat->hit = hits->count;
        upstream_hit(&a->upstream, seat->session, p);
        if (hits->count > seat->hit)
            hits->list[seat->hit].packet.qos = qos;
    } else if (seat->hit < hits->count && hits->list[seat->hit].packet.qos < qos) {
        hits->list[seat->hit].packet.qos = qos;
    }
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
    for (size_t i = 0; all->count > HELD_MAX && i < all->count; i++)
        if (all->list[i].state == ARRIVAL_OPEN) {
            a->upstream.held_too_long++;
            mqtt_client_hold(&a->upstream.mqtt, all->list[i].receipt, 0, now);
            return;
        }
}

static void aggregate_message(struct upstream *u, const struct mqtt_packet *p, msec now)
{
    struct aggregate *a = of(u);
    size_t matches, first = u->hits.count;
    struct filter *const *f = filters_match(a->filters, p->topic, &matches);
    struct holder *h;
    a->mark++;
    for (size_t i = 0; i < matches; i++)
        LIST_FOREACH(h, &f[i]->holders, in_filter)
            if (h->in_round ||
                !p->retain) /* RETAIN is set only on what a SUBSCRIBE brings (MQTT-3.3.1-8, -9) */
                reach(a, h, p);
    uint32_t holders = count_holders(&u->hits, first);
    u->no_receiver += u->hits.count == first && !p->retain;
    if (p->qos == 0)
        return;
    mqtt_client_complete(&u->mqtt, p->receipt, now); /* its second half ends here, not at a client */
    mqtt_client_hold(&u->mqtt, p->receipt, holders, now);
    release_oldest(a, now);
}

/* With the session the broker lost our filters; those under way are flights and leave again by themselves. */
static void aggregate_connected(struct upstream *u, const struct mqtt_packet *p, msec now)
{
    struct aggregate *a = of(u);
    while (!TAILQ_EMPTY(&a->settling))
        settle(a, TAILQ_FIRST(&a->settling));
    for (struct filter *f = NULL; (f = filters_next(a->filters, f));) {
        if (f->step == FILTER_HELD && !p->session_present) {
            uint16_t packet_id = mqtt_client_reserve(&u->mqtt, NULL);
            if (packet_id != 0)
                send_subscribe(a, f, packet_id, now);
        }
        if (f->step == FILTER_HELD && somebody_waits(f))
            begin_round(a, f, now);
    }
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
    TAILQ_INIT(&a->settling);
    a->filters = filters_new(seed);
    if (!a->filters) {
        free(a);
        return NULL;
    }
    return a;
}

void aggregate_free(struct aggregate *a)
{
    if (!a)
        return;
    upstream_clear(&a->upstream);
    filters_free(a->filters);
    free(a);
}
