/* scene_verbs.c -- the stage of scene.h: opening and closing it, and the lines of a test that name what must follow.
 *
 * What left the gateway waits in two lists, one to the clients and one to the broker, until a test line names it.
 * Messages are compared by their bytes, so that no field escapes, and shown as text when they differ. */
#include "tests/gateway/core/scene_inside.h"

#include "mqttsn/message_text.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- lists ------------------------------------------------------------------------------------------------------- */

void said_add(struct said_list *l, const char *who, struct span bytes)
{
    assert_true(l->count < SCENE_LOG);
    struct said *one = &l->list[l->count++];
    snprintf(one->who, sizeof one->who, "%s", who);
    one->bytes = malloc(bytes.len);
    memcpy(one->bytes, bytes.at, bytes.len);
    one->len = bytes.len;
}

static struct said *said_next(struct said_list *l)
{
    return l->first < l->count ? &l->list[l->first] : NULL;
}

static void said_clear(struct said_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->list[i].bytes);
}

/* ---- as text ----------------------------------------------------------------------------------------------------- */

static const char *message_line(const struct said *one, char *line, size_t room)
{
    struct mqttsn_message m;
    assert_int_equal(mqttsn_decode(span_of(one->bytes, one->len), &m), MQTTSN_OK);
    return mqttsn_text(&m, line, room);
}

static const char *packet_text(const struct mqtt_packet *p, char *line, size_t room)
{
    char topic[200], payload[200];
    bool connect = p->type == MQTT_CONNECT;
    snprintf(
        line, room, "%s%s%s id=%u qos=%u code=%u%s %s \"%s\"", mqtt_type_name(p->type),
        p->dup ? " dup" : "", p->retain ? " retain" : "", p->packet_id, p->qos, p->code,
        connect && p->connect.clean ? " clean" : "",
        mqttsn_text_span(connect ? p->connect.client_id : p->topic, topic, sizeof topic),
        mqttsn_text_span(connect ? p->connect.will.message : p->payload, payload, sizeof payload));
    return line;
}

static const char *packet_line(const struct said *one, char *line, size_t room)
{
    struct mqtt_packet p;
    assert_int_equal(mqtt_decode(span_of(one->bytes, one->len), &p), MQTT_OK);
    return packet_text(&p, line, room);
}

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

static struct scene *new_scene(void)
{
    static const struct predefined_row rows[] = { { "*", "all/alarm", 1 },
                                                  { "*", "node/{client}", 2 },
                                                  { "m1", "m1/alarm", 1 } };
    struct scene *s = calloc(1, sizeof *s);
    s->limits = (struct limits){ .topics = 64,
                                 .subscriptions = 64,
                                 .queue_messages = 100,
                                 .retry_count = 3,
                                 .inflight_in = 4,
                                 .max_client_id = 128,
                                 .queue_bytes = 65536,
                                 .uplink_bytes = 1 << 24,
                                 .queue_ttl = (msec)7 * 86400 * SECOND,
                                 .retry = 10 * SECOND,
                                 .wait = 300 * SECOND,
                                 .connect_timeout = 10 * SECOND,
                                 .max_idle = 86400 * SECOND,
                                 .session_expiry = (msec)7 * 86400 * SECOND,
                                 .qos2_expiry = 3600 * SECOND };
    s->access = (struct access){ .allow = true, .sleep_qos0 = true, .awake_extra = 10 };
    s->common = (struct common){ &s->limits, predefined_new(rows, sizeof rows / sizeof rows[0]) };
    s->max_message = 1400;
    s->now = SCENE_BEGIN;
    s->actions.room = actions_needed(s->limits.queue_messages, s->limits.subscriptions);
    s->actions.list = calloc(s->actions.room, sizeof *s->actions.list);
    return s;
}

int open_transparent(void **state)
{
    *state = new_scene();
    return 0;
}

void scene_share(struct scene *s)
{
    s->shared = aggregate_new(7);
    struct upstream *u = aggregate_upstream(s->shared);
    mqtt_client_init(&u->mqtt, 0, s->limits.connect_timeout);
    u->flight_limit = s->limits.uplink_bytes;
    u->keeping = s->common.keeping;
}

int open_aggregate(void **state)
{
    struct scene *s = new_scene();
    *state = s;
    scene_share(s);
    struct upstream *u = aggregate_upstream(s->shared);
    mqtt_client_open(&u->mqtt, &(struct mqtt_connect){ .client_id = TEXT("gateway") }, s->now);
    scene_settle(s);
    broker_receives(s, P(CONNECT, .connect = { .client_id = TEXT("gateway") }));
    broker_sends(s, P(CONNACK));
    return 0;
}

static bool all_was_named(const struct scene *s)
{
    char line[600];
    for (size_t i = s->to_clients.first; i < s->to_clients.count; i++)
        print_error("not named: %s received %s\n", s->to_clients.list[i].who,
                    message_line(&s->to_clients.list[i], line, sizeof line));
    for (size_t i = s->to_broker.first; i < s->to_broker.count; i++)
        print_error("not named: the broker received from %s %s\n", s->to_broker.list[i].who,
                    packet_line(&s->to_broker.list[i], line, sizeof line));
    for (size_t i = s->first_drop; i < s->drop_count; i++)
        print_error("not named: dropped: %s\n", drop_text(s->drops[i]));
    return s->to_clients.first == s->to_clients.count && s->to_broker.first == s->to_broker.count &&
           s->first_drop == s->drop_count;
}

int close_scene(void **state)
{
    struct scene *s = *state;
    bool complete = all_was_named(s) && scene_rows_are_owned(s);
    for (size_t i = 0; i < s->client_count; i++) {
        struct scene_client *c = &s->clients[i];
        if (c->here && c->session.upstream)
            upstream_leave(c->session.upstream, &c->session, s->now);
        if (c->here)
            session_clear(&c->session);
        if (c->dialled)
            upstream_clear(&c->own);
    }
    aggregate_free(s->shared);
    predefined_release(s->common.predefined);
    said_clear(&s->to_clients);
    said_clear(&s->to_broker);
    free(s->actions.list);
    free(s->store);
    free(s);
    return complete ? 0 : -1;
}

/* ---- what must follow -------------------------------------------------------------------------------------------- */

static bool gateway_chooses_id(const struct mqttsn_message *m)
{
    return m->type == MQTTSN_REGISTER || m->type == MQTTSN_PUBREL ||
           (m->type == MQTTSN_PUBLISH && m->qos > 0);
}

uint16_t client_receives(struct scene *s, const char *who, struct mqttsn_message m)
{
    char is[600], should[600];
    uint8_t bytes[2000];
    struct said *one = said_next(&s->to_clients);
    struct mqttsn_message got;
    if (!one) {
        fail_msg("%s received nothing, but should: %s", who, mqttsn_text(&m, should, sizeof should));
        return 0;
    }
    assert_int_equal(mqttsn_decode(span_of(one->bytes, one->len), &got), MQTTSN_OK);
    if (gateway_chooses_id(&m) && m.message_id == 0) {
        assert_int_not_equal(got.message_id, 0);
        m.message_id = got.message_id;
    }
    struct writer w = writer_of(bytes, sizeof bytes);
    assert_int_equal(mqttsn_encode(&m, &w), MQTTSN_OK);
    if (strcmp(one->who, who) != 0 ||
        !span_equal(span_of(bytes, sizeof bytes - w.left), span_of(one->bytes, one->len)))
        fail_msg("%s received %s\nbut should: %s received %s", one->who,
                 mqttsn_text(&got, is, sizeof is), who, mqttsn_text(&m, should, sizeof should));
    s->to_clients.first++;
    return got.message_id;
}

static bool client_chooses_id(const struct mqtt_packet *p)
{
    return p->type == MQTT_SUBSCRIBE || p->type == MQTT_UNSUBSCRIBE ||
           (p->type == MQTT_PUBLISH && p->qos > 0);
}

uint16_t broker_receives(struct scene *s, struct mqtt_packet p)
{
    char is[600], should[600];
    uint8_t bytes[2000];
    struct said *one = said_next(&s->to_broker);
    struct mqtt_packet got;
    if (!one) {
        fail_msg("the broker received nothing, but should: %s",
                 packet_text(&p, should, sizeof should));
        return 0;
    }
    assert_int_equal(mqtt_decode(span_of(one->bytes, one->len), &got), MQTT_OK);
    if (client_chooses_id(&p) && p.packet_id == 0)
        p.packet_id = got.packet_id;
    struct writer w = writer_of(bytes, sizeof bytes);
    bool encoded = mqtt_encode(&p, &w) == MQTT_OK;
    if (!encoded || !span_equal(span_of(bytes, sizeof bytes - w.left), span_of(one->bytes, one->len)))
        fail_msg("the broker received %s\nbut should: %s", packet_text(&got, is, sizeof is),
                 packet_text(&p, should, sizeof should));
    s->to_broker.first++;
    return got.packet_id;
}

void nothing_is_sent(struct scene *s)
{
    char line[600];
    struct said *one = said_next(&s->to_clients);
    if (one)
        fail_msg("%s received %s", one->who, message_line(one, line, sizeof line));
}

void broker_receives_nothing(struct scene *s)
{
    char line[600];
    struct said *one = said_next(&s->to_broker);
    if (one)
        fail_msg("the broker received %s", packet_line(one, line, sizeof line));
}

void dropped(struct scene *s, enum drop why)
{
    if (s->first_drop == s->drop_count)
        fail_msg("nothing was dropped, but should: %s", drop_text(why));
    if (s->drops[s->first_drop] != why)
        fail_msg("dropped: %s\nbut should: %s", drop_text(s->drops[s->first_drop]), drop_text(why));
    s->first_drop++;
}

void found_no_room(struct scene *s)
{
    if (s->shared) {
        dropped(s, DROP_QUEUE_FULL);
        return;
    }
    assert_int_equal(s->left_with_broker, 1);
    s->left_with_broker = 0;
}

void session_is(struct scene *s, const char *who, enum session_state state)
{
    assert_string_equal(session_state_name(session_of(s, who)->state), session_state_name(state));
}

void session_is_gone(struct scene *s, const char *who)
{
    assert_null(scene_find(s, who));
}
