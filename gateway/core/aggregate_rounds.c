/* aggregate_rounds.c -- who holds which filter on the shared connection, and the rounds in which the broker is asked.
 *
 * The broker hears SUBSCRIBE for the first holder of a filter. A later holder wants the retained messages too, and
 * nobody else wants them again: the filter is subscribed once more, and what comes with RETAIN set goes to the
 * holders of that round only. A round ends with a ping that the broker answers after SUBACK; until then the next
 * joiners wait. A broker that lost the session may have had a new retained message while we were away: every holder is
 * in the round that asks for the filter anew, as if each had subscribed again. */
#include "gateway/core/aggregate_inside.h"

#include <stdlib.h>

void rounds_tell(struct aggregate *a, struct session *s, enum mqtt_type type, uint16_t packet_id,
                 uint8_t code)
{
    upstream_hit(&a->upstream, s,
                 &(struct mqtt_packet){
                     .type = type, .packet_id = packet_id, .code = code, .session_present = true });
}

/* The packet id of a session's SUBSCRIBE is only the name of its request: it never goes on the wire. */
static void answer(struct aggregate *a, const struct holder *h, uint16_t *request, uint8_t code)
{
    if (*request != 0)
        rounds_tell(a, h->seat->session, MQTT_SUBACK, *request, code);
    *request = 0;
}

/* ---- rounds of a filter ------------------------------------------------------------------------------------------ */

static void send_subscribe(struct aggregate *a, struct filter *f, uint16_t packet_id, msec now)
{
    struct mqtt_packet p = {
        .type = MQTT_SUBSCRIBE, .packet_id = packet_id, .topic = f->name, .qos = f->asked_qos
    };
    upstream_forward(&a->upstream, &p, now);
}

/* Everyone who waits joins the round, or everyone who holds. It has a packet id of its own, so that nobody who leaves
 * can take it along. */
static void begin_round(struct aggregate *a, struct filter *f, bool all, msec now)
{
    struct holder *h;
    uint16_t packet_id = mqtt_client_reserve(&a->upstream.mqtt, a);
    if (packet_id == 0)
        return; /* their requests run into the time-out */
    LIST_FOREACH(h, &f->holders, in_filter) {
        h->in_round = all || h->next_request != 0;
        if (h->next_request != 0) {
            h->qos = h->next_qos;
            h->request = h->next_request;
            h->next_request = 0;
        }
        if (h->qos > f->asked_qos)
            f->asked_qos = h->qos;
    }
    f->step = FILTER_ASKED;
    f->packet_id = packet_id;
    TAILQ_INSERT_TAIL(&a->asked, f, in_step);
    send_subscribe(a, f, packet_id, now);
}

static bool somebody_waits(const struct filter *f)
{
    const struct holder *h;
    LIST_FOREACH(h, &f->holders, in_filter)
        if (h->next_request != 0)
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
    TAILQ_REMOVE(&a->settling, f, in_step);
    f->step = FILTER_HELD;
    LIST_FOREACH(h, &f->holders, in_filter)
        h->in_round = false;
}

void rounds_pong(struct aggregate *a, msec now)
{
    struct filter *f;
    while ((f = TAILQ_FIRST(&a->settling)) && f->barrier <= a->upstream.mqtt.pings_answered) {
        settle(a, f);
        if (somebody_waits(f))
            begin_round(a, f, false, now);
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
    if (f->step == FILTER_ASKED)
        TAILQ_REMOVE(&a->asked, f, in_step);
    if (f->step == FILTER_SETTLING)
        TAILQ_REMOVE(&a->settling, f, in_step);
    filters_remove(a->filters, f);
}

void rounds_leave(struct aggregate *a, struct holder *h, msec now)
{
    struct filter *f = h->filter;
    holder_free(h);
    if (LIST_EMPTY(&f->holders))
        filter_end(a, f, f->step == FILTER_NEW ? 0 : mqtt_client_reserve(&a->upstream.mqtt, NULL),
                   now);
}

struct holder *rounds_holder(const struct seat *seat, const struct filter *f)
{
    struct holder *h;
    LIST_FOREACH(h, &seat->holders, in_seat)
        if (h->filter == f)
            return h;
    return NULL;
}

struct holder *rounds_join(struct seat *seat, struct filter *f)
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

/* The broker answers in order, so it is nearly always the first. */
static struct filter *filter_asked(const struct aggregate *a, uint16_t packet_id)
{
    struct filter *f;
    TAILQ_FOREACH(f, &a->asked, in_step)
        if (f->packet_id == packet_id)
            return f;
    return NULL;
}

/* Those who asked leave. The others, if there are any, go on with what they were granted before. */
static void round_refused(struct aggregate *a, struct filter *f, uint8_t code, msec now)
{
    struct holder *next;
    bool others = false;
    for (struct holder *h = LIST_FIRST(&f->holders); h; h = LIST_NEXT(h, in_filter))
        others = others || h->request == 0;
    f->step = others ? FILTER_HELD : FILTER_NEW;
    for (struct holder *h = LIST_FIRST(&f->holders); h; h = next) {
        next = LIST_NEXT(h, in_filter);
        h->in_round = false;
        if (h->request == 0)
            continue;
        answer(a, h, &h->request, code);
        rounds_leave(a, h, now); /* with the last one the filter goes too */
    }
    if (others && somebody_waits(f))
        begin_round(a, f, false, now);
}

static void round_granted(struct aggregate *a, struct filter *f, uint8_t code, msec now)
{
    struct holder *h;
    f->granted = code;
    f->step = FILTER_SETTLING;
    f->barrier = a->upstream.mqtt.pings_sent + 1;
    TAILQ_INSERT_TAIL(&a->settling, f, in_step);
    LIST_FOREACH(h, &f->holders, in_filter)
        if (h->in_round)
            answer(a, h, &h->request, h->qos < code ? h->qos : code);
    ask_for_pong(a, now);
}

void rounds_want(struct aggregate *a, struct holder *h, uint8_t qos, uint16_t packet_id, msec now)
{
    struct filter *f = h->filter;
    mqtt_client_unreserve(&a->upstream.mqtt, packet_id); /* the round has one of its own */
    answer(a, h, &h->next_request, h->qos); /* asked a third time: the second hears what it has */
    h->next_qos = qos;
    h->next_request = packet_id;
    if (f->step == FILTER_NEW || f->step == FILTER_HELD)
        begin_round(a, f, false, now);
}

void rounds_answer_now(struct aggregate *a, struct holder *h)
{
    answer(a, h, &h->request, h->qos);
    answer(a, h, &h->next_request, h->next_qos);
}

void rounds_leave_last(struct aggregate *a, struct holder *h, uint16_t packet_id, msec now)
{
    struct filter *f = h->filter;
    holder_free(h);
    filter_end(a, f, packet_id, now);
}

void rounds_answered(struct aggregate *a, const struct mqtt_packet *p, msec now)
{
    struct filter *f = filter_asked(a, p->packet_id);
    if (!f)
        return; /* the last holder left meanwhile */
    TAILQ_REMOVE(&a->asked, f, in_step);
    if (p->code & MQTT_REFUSED)
        round_refused(a, f, p->code, now);
    else
        round_granted(a, f, p->code, now);
}

/* What the broker sends again comes before its answer to the new ping. */
static void settle_anew(struct aggregate *a)
{
    struct filter *f;
    TAILQ_FOREACH(f, &a->settling, in_step)
        f->barrier = a->upstream.mqtt.pings_sent + 1;
}

static void all_join(struct filter *f)
{
    struct holder *h;
    LIST_FOREACH(h, &f->holders, in_filter)
        h->in_round = true;
}

static void settle_all(struct aggregate *a)
{
    while (!TAILQ_EMPTY(&a->settling))
        settle(a, TAILQ_FIRST(&a->settling));
}

/* Those under way are flights and leave again by themselves. */
void rounds_reconnected(struct aggregate *a, bool session_present, msec now)
{
    bool lost = !session_present;
    if (lost)
        settle_all(a);
    settle_anew(a);
    for (struct filter *f = NULL; (f = filters_next(a->filters, f));) {
        if (f->step == FILTER_ASKED && lost)
            all_join(f);
        if (f->step == FILTER_HELD && (lost || somebody_waits(f)))
            begin_round(a, f, lost, now);
    }
    ask_for_pong(a, now);
}
