/* gateway_route.c -- whose message is it?
 *
 * Most messages carry no client id: the address they come from tells. CONNECT and a PINGREQ with a client id name the
 * client, and the name wins: a client that moved is found again, and an address used by another client never inherits
 * anything (design rule 3). Whoever is not known gets no session, no broker connection and at most a short answer. */
#include "gateway/gateway_inside.h"

#include "config/log.h"
#include "mqttsn/message_text.h"
#include "mqttsn/version.h"
#include "radio/clock.h"

#include <stdlib.h>

static void peer_timer_fired(evutil_socket_t fd, short what, void *arg);

/* ---- strangers --------------------------------------------------------------------------------------------------- */

static void answer_stranger(struct gateway *g, const struct address *from, enum mqttsn_type type,
                            uint8_t code, msec now)
{
    if (rates_take(&g->guard.answers, peers_hash(g->peers, from), now))
        gateway_answer(g, from, &g->stranger,
                       &(struct mqttsn_message){ .type = type, .return_code = code, .brief = true });
    else
        gateway_drop(g, DROP_STRANGER_MUTED, gateway_who(g, from));
}

static void publish_minus_one(struct gateway *g, const struct address *from,
                              const struct mqttsn_message *m, msec now)
{
    struct upstream *u = aggregate_upstream(g->aggregate);
    struct mqtt_packet p;
    uint8_t two[2];
    enum drop why = DROPS;
    if (!g->current->qos_minus_one)
        why = DROP_QOS_MINUS_ONE_OFF;
    else if (!rates_take(&g->guard.minus_one, gateway_source(g, from), now))
        why = DROP_QOS_MINUS_ONE_RATE;
    else if (!sessionless_publish(g->common.predefined, &g->limits.minus_one, m, two, &p) ||
             !upstream_takes(u, p.topic))
        why = DROP_QOS_MINUS_ONE_TOPIC;
    else if (!upstream_ready(u))
        why = DROP_BROKER_AWAY;
    if (why != DROPS) {
        gateway_drop(g, why, gateway_who(g, from));
        return;
    }
    g->metrics.counts[METRIC_qos_minus_one]++;
    upstream_forward(u, &p, now);
    link_touch(g->shared);
}

static void stranger_says(struct gateway *g, const struct address *from,
                          const struct mqttsn_message *m, msec now)
{
    if (m->type == MQTTSN_PUBLISH && m->qos == MQTTSN_QOS_MINUS_ONE) {
        publish_minus_one(g, from, m, now);
        return;
    }
    gateway_drop(g, DROP_STRANGER, gateway_who(g, from));
    if (sessionless_wants_answer(m))
        answer_stranger(g, from, MQTTSN_DISCONNECT, 0, now);
}

/* ---- may a client move? ------------------------------------------------------------------------------------------ */

/* The client is known at another address, or at none (SN-NET-3). */
static bool may_move(struct gateway *g, struct peer *one, const struct address *to)
{
    const struct session *s = peer_session(one);
    const struct address *old = peer_address(one);
    const struct config_client *row;
    (void)adopted_access(g->adopted, (const char *)s->client_id.at, &row);
    bool sleeps = s->state == SESSION_ASLEEP || s->state == SESSION_AWAKE;
    enum config_rebind rule = sleeps ? row->wake_address_change : row->address_change;
    if (!old || rule == REBIND_ANY)
        return true;
    const struct radio *r = g->stations[old->radio].radio;
    bool same_node = old->node_len == 0 && to->node_len == 0;
    return rule == REBIND_SAME_IP && old->radio == to->radio && same_node &&
           r->driver->same_host(old, to);
}

/* Whoever says that it is this client now, from another host, has proven nothing yet. A client that is heard nowhere
 * was last at its source, if it was anywhere. */
static bool is_elsewhere(const struct gateway *g, struct peer *one, const struct address *to)
{
    const struct address *old = peer_address(one);
    const struct guest *last = peer_guest(one);
    if (!old)
        return last->counted && last->source != gateway_source(g, to);
    return old->radio != to->radio || !g->stations[old->radio].radio->driver->same_host(old, to);
}

/* Radios that report know the forwarder, not who is behind it. */
bool gateway_radio_reports(const struct gateway *g, const struct address *to)
{
    return g->stations[to->radio].radio->window > 0 && to->node_len == 0;
}

/* From now on `one` is heard at `to`. Whoever was heard there is gone (SN-CONN-12). */
static void move(struct gateway *g, struct peer *one, const struct address *to, msec now)
{
    struct peer *there = peers_by_address(g->peers, to);
    peer_session(one)->unproven = peer_session(one)->unproven || is_elsewhere(g, one, to);
    peer_session(one)->max_message = gateway_reach(g, to);
    peer_session(one)->radio_reports = gateway_radio_reports(g, to);
    peer_session(one)->unsent = 0;
    if (there && there != one) {
        g->actions.count = 0;
        session_lose(peer_session(there), now, &g->actions);
        gateway_perform(g, there, now);
        gateway_settle(g, aggregate_upstream(g->aggregate), now);
    }
    peers_bind(g->peers, one, to);
    peer_session(one)->changed = true;
    guard_bind(&g->guard, peer_guest(one), to->radio, gateway_source(g, to));
}

static bool same_address(const struct peer *one, const struct address *a)
{
    const struct address *own = peer_address(one);
    return own && memcmp(own, a, sizeof *a) == 0;
}

/* ---- CONNECT ----------------------------------------------------------------------------------------------------- */

static void refuse_connect(struct gateway *g, const struct address *from, uint8_t code, enum drop why)
{
    g->metrics.counts[METRIC_connects_refused]++;
    gateway_drop(g, why, gateway_who(g, from));
    if (rates_take_in_all(&g->guard.answers, clock_now()))
        gateway_answer(g, from, &g->stranger,
                       &(struct mqttsn_message){ .type = MQTTSN_CONNACK, .return_code = code });
    else
        gateway_drop(g, DROP_STRANGER_MUTED, gateway_who(g, from));
}

/* A session kept for a client that is away, in which there is nothing to keep. */
static bool is_hollow(const struct session *s)
{
    bool away = s->state == SESSION_DISCONNECTED || s->state == SESSION_LOST;
    bool nothing = s->subscriptions.count == 0 && s->topics.normal.count == 0 &&
                   s->queue.count == 0 && s->uplink.count == 0 && s->inflight.open == 0;
    return away && nothing && !s->delivery.message && !s->will;
}

/* A flood of CONNECTs that want their sessions kept must not keep others out for days after it is over. A few are
 * looked at for each that is turned away: no one CONNECT costs much, and all are seen in time. */
static bool make_room(struct gateway *g, msec now)
{
    enum { LOOKS = 8 };
    for (int i = 0; i < LOOKS; i++) {
        struct peer *one = peers_turn(g->peers);
        if (!one || !is_hollow(peer_session(one)))
            continue;
        g->actions.count = 0;
        actions_forget(&g->actions);
        gateway_perform(g, one, now);
        g->metrics.counts[METRIC_sessions_displaced]++;
        return true;
    }
    return false;
}

void gateway_time_peer(struct gateway *g, struct peer *one)
{
    evtimer_assign(peer_timer(one), g->loop, peer_timer_fired, one);
}

/* NULL: it is told, and counted, why not. */
static struct peer *new_client(struct gateway *g, const struct address *from, struct span client_id,
                               msec now)
{
    bool full = peers_count(g->peers) >= g->current->limits.clients && !make_room(g, now);
    enum drop why =
        full ? DROP_CONGESTION : guard_admit(&g->guard, from->radio, gateway_source(g, from), now);
    struct peer *one = why == DROPS ? peers_add(g->peers, client_id, &g->common, now) : NULL;
    if (one)
        gateway_time_peer(g, one);
    else
        refuse_connect(g, from, MQTTSN_CONGESTION, why == DROPS ? DROP_MEMORY : why);
    return one;
}

/* No session, no broker connection before a valid, permitted CONNECT (design rule 6). */
static void connect_as(struct gateway *g, const struct address *from,
                       const struct mqttsn_message *m, msec now)
{
    const struct config_client *row;
    char id[1025] = "";
    size_t len = m->tail.len < sizeof id - 1 ? m->tail.len : sizeof id - 1;
    memcpy(id, m->tail.len > 0 ? m->tail.at : (const uint8_t *)"", len);
    const struct access *access = adopted_access(g->adopted, id, &row);
    if (g->stopping) {
        refuse_connect(g, from, MQTTSN_CONGESTION, DROP_CONGESTION);
        return;
    }
    if (access_admit(access, &g->limits, m) != MQTTSN_ACCEPTED) {
        refuse_connect(g, from, MQTTSN_NOT_SUPPORTED,
                       m->protocol_id == MQTTSN_PROTOCOL_ID_2 ? DROP_VERSION_2 : DROP_CONNECT);
        return;
    }
    struct peer *one = peers_by_client_id(g->peers, m->tail);
    bool moves = one && !same_address(one, from);
    if (moves && !may_move(g, one, from)) {
        refuse_connect(g, from, MQTTSN_NOT_SUPPORTED, DROP_ID_IN_USE);
        return;
    }
    if (moves && peer_address(one)) /* best effort, to where it was */
        gateway_send(g, peer_address(one),
                     &(struct mqttsn_message){ .type = MQTTSN_DISCONNECT, .brief = true });
    if (!one)
        one = new_client(g, from, m->tail, now);
    if (!one)
        return;
    struct session *s = peer_session(one);
    s->access = access;
    if (!s->upstream && row->mode == MODE_AGGREGATE)
        s->upstream = aggregate_upstream(g->aggregate);
    if (!same_address(one, from))
        move(g, one, from, now);
    g->metrics.counts[METRIC_connects]++;
    gateway_feed(g, one, m, now);
}

/* Whoever names no client gets the name of its address, so that it is the same client after a restart, its own or ours
 * (SN-CONN-5). */
static void route_connect(struct gateway *g, const struct address *from,
                          const struct mqttsn_message *m, msec now)
{
    const struct config_radio *radio = g->stations[from->radio].radio->settings;
    struct mqttsn_message named = *m;
    char where[ADDRESS_TEXT], id[ADDRESS_TEXT + 256];
    if (m->tail.len == 0 && radio->assign_client_id) {
        gateway_address_text(g, from, "-", where);
        snprintf(id, sizeof id, "%s-%s", radio->name, where);
        named.tail = span_text(id);
    }
    connect_as(g, from, &named, now);
}

/* ---- PINGREQ with a client id ------------------------------------------------------------------------------------ */

/* A sleeper may wake from a new address; an active client moves only by CONNECT (SN-SLP-18, SN-NET-2). */
static void route_wake(struct gateway *g, const struct address *from,
                       const struct mqttsn_message *m, msec now)
{
    struct peer *one = peers_by_client_id(g->peers, m->tail);
    bool known = one && (session_is_connected(peer_session(one)) || same_address(one, from));
    if (known && !same_address(one, from)) {
        known = peer_session(one)->state != SESSION_ACTIVE && may_move(g, one, from);
        if (known)
            move(g, one, from, now);
    }
    if (known) {
        gateway_feed(g, one, m, now);
        return;
    }
    gateway_drop(g, DROP_STRANGER, gateway_who(g, from));
    answer_stranger(g, from, MQTTSN_DISCONNECT, 0, now);
}

/* ---- discovery --------------------------------------------------------------------------------------------------- */

static void inform_all(struct gateway *g, struct station *st, uint8_t radius, msec now)
{
    struct mqttsn_message info;
    struct writer w = writer_of(g->frame, sizeof g->frame);
    if (discovery_search(&st->discovery, gateway_reaches_broker(g), now, &info) &&
        mqttsn_encode(&info, &w) == MQTTSN_OK)
        st->radio->driver->broadcast(st->radio, radius, span_of(g->frame, sizeof g->frame - w.left));
}

/* A forwarder broadcasts it as far as was asked (SN-FWD-6, -8). */
static void inform_one(struct gateway *g, const struct address *to, uint8_t radius, msec now)
{
    struct mqttsn_message info;
    if (!discovery_inform(&g->stations[to->radio].discovery, gateway_reaches_broker(g), &info))
        return;
    info.radius = radius;
    uint32_t source = peers_hash(g->peers, to) + 1; /* counted apart from other answers to it */
    if (rates_take(&g->guard.answers, source, now))
        gateway_answer(g, to, &g->stranger, &info);
    else
        gateway_drop(g, DROP_STRANGER_MUTED, gateway_who(g, to));
}

/* To all on the radio, or to the one that asked: where the radio has no broadcast or the node sits behind a forwarder,
 * where a broadcast is dear or does not reach a node that sleeps between its polls, or as well as the broadcast. */
static void route_search(struct gateway *g, const struct address *from,
                         const struct radio_frame *frame, const struct mqttsn_message *m, msec now)
{
    struct station *st = &g->stations[from->radio];
    enum config_gwinfo how = st->radio->settings->gwinfo;
    bool all = from->node_len == 0 && st->radio->driver->can_broadcast(st->radio) &&
               how != GWINFO_UNICAST && !frame->sleeper;
    if (all)
        inform_all(g, st, m->radius, now);
    if (!all || how == GWINFO_BOTH)
        inform_one(g, from, m->radius, now);
}

void gateway_route(struct gateway *g, const struct address *from, const struct radio_frame *frame,
                   const struct mqttsn_message *m, msec now)
{
    if (m->type == MQTTSN_CONNECT) {
        route_connect(g, from, m, now);
    } else if (m->type == MQTTSN_PINGREQ && m->tail.len > 0) {
        route_wake(g, from, m, now);
    } else if (m->type == MQTTSN_SEARCHGW) {
        route_search(g, from, frame, m, now);
    } else if (m->type == MQTTSN_ADVERTISE) {
        gateway_hear_other(g, from, m, now);
    } else if (!mqttsn_sent_by_client(m->type) || m->type == MQTTSN_GWINFO) {
        gateway_drop(g, DROP_WRONG_DIRECTION, gateway_who(g, from));
    } else {
        struct peer *one = peers_by_address(g->peers, from);
        if (one)
            gateway_feed(g, one, m, now);
        else
            stranger_says(g, from, m, now);
    }
}

/* ---- a session's deadline ---------------------------------------------------------------------------------------- */

static struct gateway *gateway_of(struct peer *one)
{
    return (struct gateway *)(void *)((char *)(uintptr_t)peer_session(one)->common -
                                      offsetof(struct gateway, common));
}

static void peer_timer_fired(evutil_socket_t fd, short what, void *arg)
{
    struct peer *one = arg;
    struct gateway *g = gateway_of(one);
    msec now = clock_now();
    (void)fd, (void)what;
    *peer_armed(one) = MSEC_NEVER;
    if (now >= peer_session(one)->deadline) {
        gateway_tick(g, one, now);
        return;
    }
    g->actions.count = 0;
    gateway_perform(g, one, now); /* it moved away meanwhile: armed anew */
}
