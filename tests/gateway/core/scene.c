/* scene.c -- the stage of scene.h: the gateway's two funnels without sockets.
 *
 * What the shell does with the actions of a decision is done here in the same order (gateway/gateway.c and
 * gateway_links.c): sends leave at once, requests go through the strategy, what the broker connection has for sessions
 * is handed over until nothing is left, and a session that is over is freed last. */
#include "tests/gateway/core/scene_inside.h"

#include <stdio.h>
#include <stdlib.h>

enum { TICKS_MAX = 200 }; /* at one moment: more is a deadline that never moves */

/* ---- who --------------------------------------------------------------------------------------------------------- */

struct scene_client *scene_find(struct scene *s, const char *who)
{
    for (size_t i = 0; i < s->client_count; i++)
        if (s->clients[i].here && strcmp(s->clients[i].name, who) == 0)
            return &s->clients[i];
    return NULL;
}

struct session *session_of(struct scene *s, const char *who)
{
    struct scene_client *c = scene_find(s, who);
    if (!c)
        fail_msg("%s has no session", who);
    return &c->session;
}

static struct scene_client *client_of(struct scene *s, const struct session *session)
{
    for (size_t i = 0; i < s->client_count; i++)
        if (&s->clients[i].session == session)
            return &s->clients[i];
    fail_msg("a hit for a session that does not exist");
    return NULL;
}

void scene_begin(struct scene *s, struct scene_client *c)
{
    assert_true(session_init(&c->session, TEXT(c->name), &s->common, s->now));
    c->here = true;
    c->session.access = &s->access;
    c->session.max_message = s->max_message;
    c->session.upstream = s->shared ? aggregate_upstream(s->shared) : NULL;
}

static struct scene_client *new_client(struct scene *s, const char *who)
{
    assert_true(s->client_count < SCENE_CLIENTS);
    struct scene_client *c = &s->clients[s->client_count++];
    snprintf(c->name, sizeof c->name, "%s", who);
    scene_begin(s, c);
    return c;
}

/* ---- the way to the broker --------------------------------------------------------------------------------------- */

void scene_drain(struct scene *s, struct upstream *u, const char *who)
{
    size_t total = 0;
    for (struct span bytes = buffer_span(&u->mqtt.out); bytes.len > 0;
         bytes = buffer_span(&u->mqtt.out)) {
        assert_int_equal(mqtt_frame_len(bytes, &total), MQTT_OK);
        assert_true(total <= bytes.len);
        said_add(&s->to_broker, who, span_of(bytes.at, total));
        buffer_consume(&u->mqtt.out, total, SIZE_MAX);
    }
}

static void hang_up(struct scene *s, struct scene_client *c)
{
    if (c->own.mqtt.state == MQTT_CLIENT_ONLINE)
        (void)mqtt_client_send(&c->own.mqtt, &P(DISCONNECT), s->now);
    scene_drain(s, &c->own, c->name);
    mqtt_client_lost(&c->own.mqtt);
    c->closing = false;
}

void scene_dial(struct scene *s, struct scene_client *c)
{
    struct mqtt_connect connect = { 0 };
    if (c->here)
        session_connect_packet(&c->session, &connect);
    if (!s->unreachable)
        upstream_open(&c->own, &connect, s->now);
}

void scene_own(struct scene *s, struct scene_client *c)
{
    upstream_init(&c->own, &transparent_strategy);
    mqtt_client_init(&c->own.mqtt, 0, s->limits.connect_timeout);
    c->own.session = &c->session;
    c->own.prefix = s->prefix;
    c->own.lacks = s->lacks;
    c->own.flight_limit = s->limits.uplink_bytes;
    c->own.keeping = s->common.keeping;
    c->session.upstream = &c->own;
    c->dialled = true;
}

static void own_connect(struct scene *s, struct scene_client *c, const struct mqtt_packet *p)
{
    if (!c->dialled)
        scene_own(s, c);
    hang_up(s, c);
    if (s->store && p->connect.clean)
        scene_drop_arrivals(s, (size_t)(c - s->clients));
    c->own.strategy->request(&c->own, &c->session, p, s->now);
    s->link = (size_t)(c - s->clients);
    scene_dial(s, c);
}

void scene_request(struct scene *s, struct scene_client *c, const struct mqtt_packet *p)
{
    if (p->type == MQTT_CONNECT && !s->shared) {
        own_connect(s, c, p);
        return;
    }
    struct upstream *u = c->session.upstream;
    if (!u)
        return;
    u->strategy->request(u, &c->session, p, s->now);
    c->closing = c->closing || (!s->shared && p->type == MQTT_DISCONNECT);
}

/* ---- what a decision asks for ------------------------------------------------------------------------------------ */

void scene_deliver(struct scene *s, const struct scene_client *c, const struct mqttsn_message *m)
{
    uint8_t bytes[70000];
    struct writer w = writer_of(bytes, sizeof bytes);
    assert_int_equal(mqttsn_encode(m, &w), MQTTSN_OK);
    assert_true(sizeof bytes - w.left <= s->max_message);
    said_add(&s->to_clients, c->name, span_of(bytes, sizeof bytes - w.left));
}

void scene_drop(struct scene *s, enum drop why, size_t times)
{
    for (; times > 0; times--) {
        assert_true(s->drop_count < SCENE_LOG);
        s->drops[s->drop_count++] = why;
    }
}

static void forget(struct scene *s, struct scene_client *c)
{
    scene_keep_nothing(s, c);
    if (c->session.upstream)
        upstream_leave(c->session.upstream, &c->session, s->now);
    session_clear(&c->session);
    c->here = false;
    c->closing = true;
}

void scene_perform(struct scene *s, struct scene_client *c)
{
    bool over = false;
    uint64_t ticket = scene_keep(s, c);
    for (size_t i = 0; i < s->actions.count; i++) {
        const struct action *a = &s->actions.list[i];
        if (a->kind == ACTION_SEND && ticket > 0) {
            scene_hold_send(s, c, &a->send, ticket);
        } else if (a->kind == ACTION_SEND) {
            scene_deliver(s, c, &a->send);
            c->session.unsent += c->session.radio_reports;
        }
        if (a->kind == ACTION_UPSTREAM && !scene_hold_ack(s, c, &a->upstream, ticket))
            scene_request(s, c, &a->upstream);
        if (a->kind == ACTION_DROP)
            scene_drop(s, a->drop.why, 1);
        if (a->kind == ACTION_DROP && a->drop.octets > 0)
            s->drop_octets = a->drop.octets;
        over = over || a->kind == ACTION_FORGET;
    }
    if (over)
        forget(s, c);
}

/* What the broker connection has for sessions, until nothing is left; each may ask for more. */
static void settle(struct scene *s, struct upstream *u, size_t client)
{
    struct hits *h = &u->hits;
    scene_forget_arrivals(s, u, client);
    while (h->next < h->count) {
        struct hit hit = h->list[h->next++];
        if (!hit.session)
            continue;
        struct scene_client *c = client_of(s, hit.session);
        s->actions.count = 0;
        session_broker(hit.session, &hit.packet, s->now, &s->actions);
        scene_perform(s, c);
    }
    h->count = h->next = 0;
    scene_drop(s, DROP_NO_RECEIVER, u->no_receiver);
    scene_drop(s, DROP_OUTSIDE_PREFIX, u->outside_prefix);
    scene_drop(s, DROP_MEMORY, u->no_memory);
    s->held_too_long += u->held_too_long;
    s->retain_cleared += u->retain_cleared;
    s->left_with_broker += u->left_with_broker;
    u->retain_cleared = u->no_receiver = u->outside_prefix = u->no_memory = 0;
    u->held_too_long = u->left_with_broker = 0;
}

static void settle_own(struct scene *s, struct scene_client *c)
{
    if (!c->dialled)
        return;
    settle(s, &c->own, (size_t)(c - s->clients));
    scene_drain(s, &c->own, c->name);
    if (c->closing && (c->own.mqtt.flights.count == 0 || c->own.mqtt.state != MQTT_CLIENT_ONLINE))
        hang_up(s, c);
}

static void settle_all(struct scene *s)
{
    if (s->shared) {
        settle(s, aggregate_upstream(s->shared), SCENE_CLIENTS);
        scene_drain(s, aggregate_upstream(s->shared), "gateway");
    }
    for (size_t i = 0; i < s->client_count; i++)
        settle_own(s, &s->clients[i]);
}

void scene_settle(struct scene *s)
{
    settle_all(s);
    while (s->store && !s->store->waits && scene_commit(s))
        settle_all(s);
}

/* ---- input ------------------------------------------------------------------------------------------------------- */

void client_sends(struct scene *s, const char *who, struct mqttsn_message m)
{
    struct scene_client *c = scene_find(s, who);
    struct mqttsn_message heard;
    if (m.type == MQTTSN_CONNECT) {
        m.protocol_id = 1;
        m.tail = TEXT(who);
    }
    size_t len = mqttsn_encoded_len(&m);
    uint8_t *frame = malloc(len);
    struct writer w = writer_of(frame, len);
    assert_int_equal(mqttsn_encode(&m, &w), MQTTSN_OK);
    assert_int_equal(mqttsn_decode(span_of(frame, len), &heard), MQTTSN_OK);
    if (!c)
        c = new_client(s, who);
    s->actions.count = 0;
    session_receive(&c->session, &heard, s->now, &s->actions);
    scene_perform(s, c);
    scene_settle(s);
    free(frame);
}

static struct upstream *broker_link(struct scene *s)
{
    return s->shared ? aggregate_upstream(s->shared) : &s->clients[s->link].own;
}

/* A connection that the broker refused is gone, and the session hears why (gateway_links.c, on_down). */
static void connection_refused(struct scene *s, uint8_t code)
{
    struct scene_client *c = &s->clients[s->link];
    mqtt_client_lost(&broker_link(s)->mqtt);
    if (s->shared || !c->here || c->session.state != SESSION_CONNECTING)
        return;
    s->actions.count = 0;
    session_broker(&c->session, &P(CONNACK, .code = code), s->now, &s->actions);
    scene_perform(s, c);
}

void broker_sends(struct scene *s, struct mqtt_packet p)
{
    struct mqtt_packet heard;
    uint8_t refused = 0;
    if (s->unreachable) { /* all that the wire says is that nobody is there */
        connection_refused(s, p.code);
        scene_settle(s);
        return;
    }
    if (p.type == MQTT_SUBACK && p.payload.len == 0)
        p.payload = span_of(&p.code, 1);
    size_t len = mqtt_encoded_len(&p);
    uint8_t *frame = malloc(len);
    struct writer w = writer_of(frame, len);
    assert_int_equal(mqtt_encode(&p, &w), MQTT_OK);
    assert_int_equal(mqtt_decode(span_of(frame, len), &heard), MQTT_OK);
    assert_true(upstream_hear(broker_link(s), &heard, s->now, &refused));
    if (refused != 0)
        connection_refused(s, refused);
    if (s->store && p.type == MQTT_CONNACK && !p.session_present)
        scene_drop_arrivals(s, s->shared ? SCENE_CLIENTS : s->link);
    scene_settle(s);
    free(frame);
}

void client_is_replaced(struct scene *s, const char *who)
{
    struct scene_client *c = scene_find(s, who);
    assert_non_null(c);
    s->actions.count = 0;
    session_lose(&c->session, s->now, &s->actions);
    scene_perform(s, c);
    scene_settle(s);
}

void radio_sent(struct scene *s, const char *who)
{
    struct scene_client *c = scene_find(s, who);
    assert_non_null(c);
    s->actions.count = 0;
    session_sent(&c->session, s->now, &s->actions);
    scene_perform(s, c);
    scene_settle(s);
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

static struct scene_client *first_due(struct scene *s, msec end)
{
    struct scene_client *due = NULL;
    for (size_t i = 0; i < s->client_count; i++) {
        struct scene_client *c = &s->clients[i];
        if (c->here && c->session.deadline <= end &&
            (!due || c->session.deadline < due->session.deadline))
            due = c;
    }
    return due;
}

void scene_tick(struct scene *s, struct scene_client *c)
{
    s->actions.count = 0;
    session_tick(&c->session, s->now, &s->actions);
    scene_perform(s, c);
    scene_settle(s);
}

void time_passes(struct scene *s, msec ms)
{
    msec end = s->now + ms;
    size_t ticks = 0;
    for (struct scene_client *c; (c = first_due(s, end));) {
        msec at = c->session.deadline > s->now ? c->session.deadline : s->now;
        ticks = at > s->now ? 0 : ticks + 1;
        if (ticks > TICKS_MAX)
            fail_msg("the deadline of %s stays due", c->name);
        s->now = at;
        scene_tick(s, c);
    }
    s->now = end;
}
