/* restart_scene.h -- what the scenes of a killed gateway that goes on have in common. */
#pragma once

#include "tests/gateway/core/scene_inside.h"

static inline bool is_shared(void **scene)
{
    return ((struct scene *)*scene)->shared != NULL;
}

static inline void restarts(void *scene)
{
    the_gateway_is_killed(scene);
    the_gateway_starts(scene);
}

/* Killed, and run again with the other broker.mode. */
static inline void the_mode_is_another(struct scene *s)
{
    bool shared = s->shared != NULL;
    the_gateway_is_killed(s);
    aggregate_free(s->shared);
    s->shared = NULL;
    if (!shared)
        scene_share(s);
    the_gateway_starts(s);
}

/* A kept session with a filter, and no keep-alive. */
static inline void given_client(void **scene, const char *who, uint8_t qos)
{
    client_connects(*scene, who, false);
    client_subscribes(*scene, who, "lamp/1", qos);
    session_of(*scene, who)->keep_alive_s = 0;
    session_of(*scene, who)->changed = true;
}

static inline struct mqttsn_message on(uint8_t qos, bool dup, uint16_t id)
{
    return M(PUBLISH, .qos = qos, .dup = dup, .topic_id = 3, .message_id = id, .tail = TEXT("on"));
}

static inline struct mqttsn_message answer(uint8_t type, uint16_t id)
{
    return (struct mqttsn_message){ .type = type, .message_id = id };
}

static inline void client_wakes(void *scene, const char *who)
{
    client_sends(scene, who, M(PINGREQ, .tail = TEXT(who)));
}

static inline struct mqttsn_message reading(uint8_t qos, bool dup, uint16_t message_id)
{
    return M(PUBLISH, .qos = qos, .dup = dup, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 2,
             .message_id = message_id, .tail = TEXT("21.5"));
}

static inline uint16_t broker_gets(void *scene, uint8_t qos, bool dup)
{
    return broker_receives(scene, P(PUBLISH, .qos = qos, .dup = dup, .topic = TEXT("node/m1"),
                                    .payload = TEXT("21.5")));
}
