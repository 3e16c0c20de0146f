/* lossy_links.c -- the way to the broker, for the stand-in gateway of lossy_gateway.h.
 *
 * A connection is a buffer each way that is emptied at once, so a session that asks for something has its answer before
 * the next frame comes: the network between node and gateway is what is bad here. But connections break, now and then,
 * with what is on them just then, and are dialled again at once. */
#include "tests/gateway/core/lossy_gateway_inside.h"

#include "tests/xorshift.h"

#include <stdlib.h>

enum { SEED = 7 };

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

/* The first packet in `from`, moved out of it; empty when there is none. */
static struct span next_packet(struct buffer *from, uint8_t room[static LOSSY_FRAME_MAX])
{
    size_t total = 0;
    struct span bytes = buffer_span(from);
    if (bytes.len == 0)
        return bytes;
    if (mqtt_frame_len(bytes, &total) != MQTT_OK || total > bytes.len || total > LOSSY_FRAME_MAX)
        abort();
    memcpy(room, bytes.at, total);
    buffer_consume(from, total, SIZE_MAX);
    return span_of(room, total);
}

static bool carry_up(struct lossy_gateway *g, struct upstream *u, size_t connection)
{
    uint8_t room[LOSSY_FRAME_MAX];
    struct span bytes = next_packet(&u->mqtt.out, room);
    if (bytes.len > 0)
        lossy_broker_hears(g->broker, connection, bytes);
    return bytes.len > 0;
}

static void settle(struct lossy_gateway *g, struct upstream *u, msec now)
{
    struct hits *h = &u->hits;
    for (struct arrival *a; (a = arrivals_forget_next(&u->mqtt.arrivals));)
        arrivals_end(&u->mqtt.arrivals, a);
    while (h->next < h->count) {
        struct hit hit = h->list[h->next++];
        lossy_gateway_tells(g, &hit, now);
    }
    h->count = h->next = 0;
    if (u->no_receiver + u->outside_prefix > 0)
        ledger_blames(g->ledger, "a message from the broker that no client asked for");
}

static bool carry_down(struct lossy_gateway *g, struct upstream *u, size_t connection, msec now)
{
    uint8_t room[LOSSY_FRAME_MAX], refused = 0;
    struct mqtt_packet p;
    struct span bytes = next_packet(lossy_broker_out(g->broker, connection), room);
    if (bytes.len == 0)
        return false;
    if (mqtt_decode(bytes, &p) != MQTT_OK || !upstream_hear(u, &p, now, &refused))
        ledger_blames(g->ledger, "the gateway would close connection %zu", connection);
    settle(g, u, now);
    return true;
}

/* ---- connections that break -------------------------------------------------------------------------------------- */

static void dial(struct lossy_gateway *g, struct upstream *u, msec now)
{
    struct mqtt_connect connect = { .client_id = span_text("gateway") };
    if (!g->shared)
        session_connect_packet(u->session, &connect);
    mqtt_client_open(&u->mqtt, &connect, now);
}

/* Whatever was about to be carried, in both directions, is lost. */
static void break_sometimes(struct lossy_gateway *g, struct upstream *u, size_t connection, msec now)
{
    enum { BREAKS_ONCE_IN = 300 };
    size_t waiting = u->mqtt.out.len + lossy_broker_out(g->broker, connection)->len;
    if (u->mqtt.state != MQTT_CLIENT_ONLINE || waiting == 0 ||
        chance_below(&g->chance, BREAKS_ONCE_IN) > 0)
        return;
    g->broken++;
    lossy_broker_lost(g->broker, connection);
    mqtt_client_lost(&u->mqtt);
    dial(g, u, now);
}

/* Both ways, until nothing is left. */
static void feed(struct lossy_gateway *g, struct upstream *u, size_t connection, msec now)
{
    settle(g, u, now);
    do
        break_sometimes(g, u, connection, now);
    while (carry_up(g, u, connection) || carry_down(g, u, connection, now));
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

/* What is left goes up still; nobody hears what comes down. */
static void hang_up(struct lossy_gateway *g, struct station *st, msec now)
{
    if (st->own.mqtt.state == MQTT_CLIENT_ONLINE) {
        (void)mqtt_client_send(&st->own.mqtt, &(struct mqtt_packet){ .type = MQTT_DISCONNECT }, now);
        while (carry_up(g, &st->own, lossy_number_of(g, st)))
            ;
    }
    mqtt_client_lost(&st->own.mqtt);
    st->closing = false;
}

/* CONNECT: the connection begins anew. */
static void connect_own(struct lossy_gateway *g, struct station *st, const struct mqtt_packet *p,
                        msec now)
{
    if (!st->dialled) {
        upstream_init(&st->own, &transparent_strategy);
        mqtt_client_init(&st->own.mqtt, 0, g->limits.connect_timeout);
        st->own.session = &st->session;
        st->own.flight_limit = g->limits.uplink_bytes;
        st->session.upstream = &st->own;
        st->dialled = true;
    }
    hang_up(g, st, now);
    st->own.strategy->request(&st->own, &st->session, p, now);
    dial(g, &st->own, now);
}

void lossy_links_request(struct lossy_gateway *g, struct station *st, const struct mqtt_packet *p,
                         msec now)
{
    struct upstream *u = st->session.upstream;
    if (p->type == MQTT_CONNECT && !g->shared) {
        connect_own(g, st, p, now);
        return;
    }
    if (!u)
        return;
    u->strategy->request(u, &st->session, p, now);
    st->closing = st->closing || (!g->shared && p->type == MQTT_DISCONNECT);
}

void lossy_links_open_shared(struct lossy_gateway *g, msec now)
{
    g->shared = aggregate_new(SEED);
    if (!g->shared)
        abort();
    struct upstream *u = aggregate_upstream(g->shared);
    mqtt_client_init(&u->mqtt, 0, g->limits.connect_timeout);
    u->flight_limit = g->limits.uplink_bytes;
    dial(g, u, now);
    feed(g, u, g->plan.nodes, now);
}

void lossy_links_feed(struct lossy_gateway *g, struct station *st, msec now)
{
    if (g->shared) {
        feed(g, aggregate_upstream(g->shared), g->plan.nodes, now);
        return;
    }
    if (!st->dialled)
        return;
    feed(g, &st->own, lossy_number_of(g, st), now);
    if (st->closing && st->own.mqtt.flights.count == 0)
        hang_up(g, st, now);
}

void lossy_gateway_serves(struct lossy_gateway *g, msec now)
{
    for (size_t i = 0; i < (g->shared ? 1 : g->plan.nodes); i++)
        lossy_links_feed(g, &g->stations[i], now);
}
