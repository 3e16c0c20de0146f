/* uplink_scene.h -- what the scenes of messages that are taken over have in common. */
#pragma once

#include "tests/gateway/core/scene_store.h"

static inline struct mqttsn_message reading(uint8_t qos, uint16_t message_id, const char *what)
{
    return M(PUBLISH, .qos = qos, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 2,
             .message_id = message_id, .tail = TEXT(what));
}

static inline struct mqttsn_message again(struct mqttsn_message m)
{
    m.dup = true;
    return m;
}

static inline void is_accepted(void *scene, uint8_t qos, uint16_t message_id, const char *what)
{
    client_sends(scene, "m1", reading(qos, message_id, what));
    if (qos == 1)
        client_receives(scene, "m1", M(PUBACK, .topic_id = 2, .message_id = message_id));
    else if (qos == 2)
        client_receives(scene, "m1", M(PUBREC, .message_id = message_id));
    nothing_is_sent(scene);
}

static inline void is_congestion(void *scene, uint8_t qos, uint16_t message_id, enum drop why)
{
    client_sends(scene, "m1", reading(qos, message_id, "too much"));
    client_receives(
        scene, "m1",
        M(PUBACK, .topic_id = 2, .message_id = message_id, .return_code = MQTTSN_CONGESTION));
    dropped(scene, why);
}

static inline uint16_t broker_gets(void *scene, uint8_t qos, bool dup, const char *what)
{
    return broker_receives(
        scene, P(PUBLISH, .qos = qos, .dup = dup, .topic = TEXT("node/m1"), .payload = TEXT(what)));
}

/* All that waits leaves and is answered. */
static inline void drains_at_qos_1(void *scene, const char *what)
{
    (void)a_drain_turn(scene, "m1");
    uint16_t id = broker_gets(scene, 1, false, what);
    broker_sends(scene, P(PUBACK, .packet_id = id));
}

static inline void given_broker_away(void *scene, bool clean)
{
    client_connects(scene, "m1", clean);
    broker_goes_away(scene);
}
