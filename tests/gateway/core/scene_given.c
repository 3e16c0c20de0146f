/* scene_given.c -- the stage of scene.h: whole procedures in one line, for what a test takes as given.
 *
 * They name each message on the way as any test line does, so a procedure that goes wrong fails where it is used. */
#include "tests/gateway/core/scene_inside.h"

void broker_accepts(struct scene *s, const char *who, bool clean, bool session_present)
{
    if (s->shared)
        return;
    broker_receives(s, P(CONNECT, .connect = { .client_id = TEXT(who), .clean = clean }));
    broker_sends(s, P(CONNACK, .session_present = session_present));
}

void client_connects(struct scene *s, const char *who, bool clean)
{
    client_sends(s, who, M(CONNECT, .clean = clean, .duration = 60));
    broker_accepts(s, who, clean, false);
    client_receives(s, who, M(CONNACK));
    session_is(s, who, SESSION_ACTIVE);
}

void broker_turns_to(struct scene *s, const char *who)
{
    s->link = (size_t)(scene_find(s, who) - s->clients);
}

void round_ends(struct scene *s)
{
    if (!s->shared)
        return;
    broker_receives(s, P(PINGREQ));
    broker_sends(s, P(PINGRESP));
}

uint16_t client_subscribes(struct scene *s, const char *who, const char *filter, uint8_t qos)
{
    client_sends(s, who, M(SUBSCRIBE, .qos = qos, .message_id = 90, .tail = TEXT(filter)));
    uint16_t id = broker_receives(s, P(SUBSCRIBE, .qos = qos, .topic = TEXT(filter)));
    broker_sends(s, P(SUBACK, .packet_id = id, .code = qos));
    struct topic *t = registry_find_name(&session_of(s, who)->topics.normal, TEXT(filter));
    uint16_t topic_id = t ? t->id : 0;
    client_receives(s, who, M(SUBACK, .qos = qos, .message_id = 90, .topic_id = topic_id));
    round_ends(s);
    return topic_id;
}

uint16_t client_registers(struct scene *s, const char *who, const char *name)
{
    client_sends(s, who, M(REGISTER, .message_id = 91, .tail = TEXT(name)));
    struct topic *t = registry_find_name(&session_of(s, who)->topics.normal, TEXT(name));
    assert_non_null(t);
    client_receives(s, who, M(REGACK, .topic_id = t->id, .message_id = 91));
    return t->id;
}

void client_falls_asleep(struct scene *s, const char *who, uint16_t seconds)
{
    client_sends(s, who, M(DISCONNECT, .duration = seconds));
    client_receives(s, who, M(DISCONNECT, .brief = true));
    session_is(s, who, SESSION_ASLEEP);
}

void broker_publishes(struct scene *s, const char *topic, const char *payload, uint8_t qos,
                      uint16_t packet_id)
{
    broker_sends(s, P(PUBLISH, .qos = qos, .packet_id = packet_id, .topic = TEXT(topic),
                      .payload = TEXT(payload)));
}

void broker_lacks(struct scene *s, struct upstream_lacks lacks)
{
    s->lacks = lacks;
    if (s->shared)
        aggregate_upstream(s->shared)->lacks = lacks;
}

static void breaks(struct scene *s, struct upstream *u)
{
    upstream_blame(u, s->now);
    mqtt_client_lost(&u->mqtt);
    u->offline_since = s->now;
}

void broker_goes_away(struct scene *s)
{
    if (s->shared)
        breaks(s, aggregate_upstream(s->shared));
    for (size_t i = 0; i < s->client_count; i++)
        if (s->clients[i].dialled)
            breaks(s, &s->clients[i].own);
    scene_settle(s);
    for (size_t i = 0; i < s->client_count; i++)
        if (s->clients[i].here)
            scene_tick(s, &s->clients[i]);
}

static void own_returns(struct scene *s, size_t i, bool session_present)
{
    struct scene_client *c = &s->clients[i];
    if (!c->dialled || !c->here)
        return;
    s->link = i;
    scene_dial(s, c);
    scene_settle(s);
    struct mqtt_connect connect = { 0 };
    session_connect_packet(&c->session, &connect);
    broker_receives(s, P(CONNECT, .connect = connect));
    broker_sends(s, P(CONNACK, .session_present = session_present));
}

void broker_returns(struct scene *s, bool session_present)
{
    if (s->shared) {
        struct mqtt_connect connect = { .client_id = TEXT("gateway") };
        mqtt_client_open(&aggregate_upstream(s->shared)->mqtt, &connect, s->now);
        scene_settle(s);
        broker_receives(s, P(CONNECT, .connect = connect));
        broker_sends(s, P(CONNACK, .session_present = session_present));
        return;
    }
    for (size_t i = 0; i < s->client_count; i++)
        own_returns(s, i, session_present);
}
