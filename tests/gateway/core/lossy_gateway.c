/* lossy_gateway.c -- the stand-in for the shell, see lossy_gateway.h.
 *
 * What the shell does with the actions of a decision is done here in the same order (gateway/gateway.c, gateway_route.c
 * and gateway_links.c); the way to the broker is in lossy_links.c. */
#include "tests/gateway/core/lossy_gateway_inside.h"

#include "gateway/core/sessionless.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SECOND_MS = 1000, WINDOW = 20, HITS_MAX = 1024 };

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

/* So little is kept for the broker that "congestion" is heard now and then, where all share one connection. */
static struct limits usual_limits(const struct lossy_gateway_plan *plan)
{
    return (struct limits){ .topics = 16,
                            .subscriptions = 4,
                            .queue_messages = 100,
                            .retry_count = plan->retry_count,
                            .inflight_in = 4,
                            .max_client_id = 23,
                            .queue_bytes = 8192,
                            .uplink_bytes = 192,
                            .queue_ttl = (msec)7 * 86400 * SECOND_MS,
                            .retry = plan->retry,
                            .wait = (msec)60 * SECOND_MS,
                            .connect_timeout = (msec)10 * SECOND_MS,
                            .max_idle = (msec)86400 * SECOND_MS,
                            .session_expiry = (msec)7 * 86400 * SECOND_MS,
                            .qos2_expiry = (msec)3600 * SECOND_MS };
}

struct lossy_gateway *lossy_gateway_new(const struct lossy_gateway_plan *plan,
                                        struct lossy_broker *b, struct ledger *l, msec now)
{
    struct lossy_gateway *g = calloc(1, sizeof *g + plan->nodes * sizeof g->stations[0]);
    if (!g)
        abort();
    g->plan = *plan;
    g->broker = b;
    g->ledger = l;
    g->chance = plan->seed;
    g->limits = usual_limits(plan);
    g->access = (struct access){ .allow = true, .sleep_qos0 = true, .awake_extra = 10 };
    g->common = (struct common){ &g->limits, predefined_new(NULL, 0) };
    g->actions.room = actions_needed(g->limits.queue_messages, g->limits.subscriptions);
    g->actions.list = calloc(g->actions.room, sizeof *g->actions.list);
    if (!g->common.predefined || !g->actions.list)
        abort();
    if (plan->aggregate)
        lossy_links_open_shared(g, now);
    return g;
}

void lossy_gateway_free(struct lossy_gateway *g)
{
    for (size_t i = 0; i < g->plan.nodes; i++) {
        struct station *st = &g->stations[i];
        if (st->here && st->session.upstream)
            upstream_leave(st->session.upstream, &st->session, 0);
        if (st->here)
            session_clear(&st->session);
        if (st->dialled)
            upstream_clear(&st->own);
    }
    aggregate_free(g->shared);
    predefined_release(g->common.predefined);
    free(g->actions.list);
    free(g);
}

static void new_session(struct lossy_gateway *g, struct station *st, struct span client_id, msec now)
{
    if (!session_init(&st->session, client_id, &g->common, now))
        abort();
    st->here = true;
    st->session.access = &g->access;
    st->session.max_message = LOSSY_FRAME_MAX;
    st->session.upstream = g->shared ? aggregate_upstream(g->shared) : NULL;
}

/* ---- what a decision asks for ------------------------------------------------------------------------------------ */

static void send_to(const struct lossy_gateway *g, size_t node, const struct mqttsn_message *m)
{
    uint8_t bytes[LOSSY_FRAME_MAX];
    struct writer w = writer_of(bytes, sizeof bytes);
    if (mqttsn_encode(m, &w) != MQTTSN_OK)
        ledger_blames(g->ledger, "%s to n%zu does not fit its radio", mqttsn_type_name(m->type),
                      node);
    else
        g->plan.send(g->plan.context, node, span_of(bytes, sizeof bytes - w.left));
}

/* What a bad network makes of a good node: repetitions, messages that come too late, and too many at once. */
static void dropped(struct lossy_gateway *g, const struct station *st, enum drop why)
{
    bool usual = why == DROP_UNEXPECTED || why == DROP_CONNECTING || why == DROP_DUPLICATE ||
                 why == DROP_ANSWERED_BEFORE || why == DROP_CONGESTION;
    g->refused += why == DROP_CONGESTION;
    if (!usual)
        ledger_blames(g->ledger, "dropped for n%zu: %s", lossy_number_of(g, st), drop_text(why));
}

/* Bounded, whatever comes (design rule 5). */
static void check(const struct lossy_gateway *g, const struct station *st)
{
    const struct session *s = &st->session;
    const struct limits *l = &g->limits;
    const struct upstream *u = s->upstream;
    size_t sharers = g->shared ? g->plan.nodes : 1;
    bool within = s->queue.count <= l->queue_messages && s->queue.bytes <= l->queue_bytes &&
                  s->topics.normal.count <= l->topics && s->inflight.open <= EXCHANGES &&
                  s->subscriptions.count <= l->subscriptions && g->actions.count <= g->actions.room;
    if (u)
        within = within && u->mqtt.arrivals.count - u->mqtt.arrivals.done <= WINDOW &&
                 u->hits.room <= HITS_MAX && u->mqtt.flights.count <= sharers * EXCHANGES;
    if (!within)
        ledger_blames(g->ledger, "n%zu: a limit is exceeded", lossy_number_of(g, st));
}

static void perform(struct lossy_gateway *g, struct station *st, msec now)
{
    for (size_t i = 0; i < g->actions.count; i++) {
        const struct action *a = &g->actions.list[i];
        if (a->kind == ACTION_SEND)
            send_to(g, lossy_number_of(g, st), &a->send);
        else if (a->kind == ACTION_UPSTREAM)
            lossy_links_request(g, st, &a->upstream, now);
        else if (a->kind == ACTION_DROP)
            dropped(g, st, a->drop.why);
        else if (a->kind == ACTION_STATE)
            g->lost += st->session.state == SESSION_LOST && a->from != SESSION_LOST;
        else
            ledger_blames(g->ledger, "n%zu: a kept session is forgotten", lossy_number_of(g, st));
    }
    check(g, st);
}

/* ---- input ------------------------------------------------------------------------------------------------------- */

/* A session that is not connected is bound to no address: whoever speaks there is a stranger. */
static bool is_stranger(const struct station *st, const struct mqttsn_message *m)
{
    enum session_state state = st->here ? st->session.state : SESSION_DISCONNECTED;
    return m->type != MQTTSN_CONNECT && (state == SESSION_DISCONNECTED || state == SESSION_LOST);
}

/* So that it connects again; once a second at most (SN-DSC-5). */
static void answer_stranger(struct lossy_gateway *g, struct station *st,
                            const struct mqttsn_message *m, msec now)
{
    if (!sessionless_wants_answer(m) || now - st->told_at < SECOND_MS)
        return;
    st->told_at = now;
    send_to(g, lossy_number_of(g, st),
            &(struct mqttsn_message){ .type = MQTTSN_DISCONNECT, .brief = true });
}

void lossy_gateway_tells(struct lossy_gateway *g, const struct hit *hit, msec now)
{
    size_t i = 0;
    while (i < g->plan.nodes && &g->stations[i].session != hit->session)
        i++;
    if (i == g->plan.nodes)
        abort(); /* no session ends here */
    g->actions.count = 0;
    session_broker(hit->session, &hit->packet, now, &g->actions);
    perform(g, &g->stations[i], now);
}

void lossy_gateway_hears(struct lossy_gateway *g, size_t node, struct span frame, msec now)
{
    struct station *st = &g->stations[node];
    struct mqttsn_message m;
    if (mqttsn_decode(frame, &m) != MQTTSN_OK)
        abort();
    if (is_stranger(st, &m)) {
        answer_stranger(g, st, &m, now);
        return;
    }
    if (!st->here)
        new_session(g, st, m.tail, now);
    g->actions.count = 0;
    session_receive(&st->session, &m, now, &g->actions);
    perform(g, st, now);
    lossy_links_feed(g, st, now);
}

static msec deadline_of(const struct station *st)
{
    return st->here ? st->session.deadline : MSEC_NEVER;
}

/* The node whose session wants to be called first. */
static size_t first_due(const struct lossy_gateway *g)
{
    size_t due = 0;
    for (size_t i = 1; i < g->plan.nodes; i++)
        if (deadline_of(&g->stations[i]) < deadline_of(&g->stations[due]))
            due = i;
    return due;
}

msec lossy_gateway_deadline(const struct lossy_gateway *g)
{
    return deadline_of(&g->stations[first_due(g)]);
}

void lossy_gateway_tick(struct lossy_gateway *g, msec now)
{
    struct station *due = &g->stations[first_due(g)];
    if (deadline_of(due) > now)
        return;
    g->actions.count = 0;
    session_tick(&due->session, now, &g->actions);
    perform(g, due, now);
    lossy_links_feed(g, due, now);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

size_t lossy_gateway_lost(const struct lossy_gateway *g)
{
    return g->lost;
}

size_t lossy_gateway_refused(const struct lossy_gateway *g)
{
    return g->refused;
}

size_t lossy_gateway_broken(const struct lossy_gateway *g)
{
    return g->broken;
}

void lossy_gateway_must_be_idle(const struct lossy_gateway *g)
{
    for (size_t i = 0; i < g->plan.nodes; i++) {
        const struct session *s = &g->stations[i].session;
        const struct mqtt_client *c = s->upstream ? &s->upstream->mqtt : NULL;
        if (!c || s->queue.count + s->inflight.open > 0 || s->delivery.message ||
            c->flights.count > 0 || c->arrivals.count > c->arrivals.done)
            ledger_blames(
                g->ledger, "n%zu is stuck: %s, %" PRIu32 " queued, %u open, delivery phase %u", i,
                session_state_name(s->state), s->queue.count, s->inflight.open, s->delivery.phase);
    }
}
