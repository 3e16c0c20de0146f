/* drain_scene.h -- what the scenes of the uplink queue on its way to the broker have in common. */
#pragma once

#include "tests/gateway/core/scene_store.h"

#include <stdio.h>

static inline bool is_shared(void **scene)
{
    return ((struct scene *)*scene)->shared != NULL;
}

static inline void client_gives(void *scene, const char *who, uint8_t qos, uint16_t number)
{
    char text[8];
    snprintf(text, sizeof text, "%u", number);
    client_sends(scene, who,
                 M(PUBLISH, .qos = qos, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 2,
                   .message_id = number, .tail = TEXT(text)));
    client_receives(scene, who,
                    qos == 1 ? M(PUBACK, .topic_id = 2, .message_id = number)
                             : M(PUBREC, .message_id = number));
    if (qos == 1)
        return;
    client_sends(scene, who, M(PUBREL, .message_id = number));
    client_receives(scene, who, M(PUBCOMP, .message_id = number));
}

/* As many messages of m1 wait, numbered from 1, and the broker is there. */
static inline void given_waiting(void **scene, uint8_t qos, uint16_t messages, bool clean)
{
    client_connects(*scene, "m1", clean);
    broker_goes_away(*scene);
    for (uint16_t i = 1; i <= messages; i++)
        client_gives(*scene, "m1", qos, i);
    broker_returns(*scene, !clean);
}

static inline uint16_t broker_gets_from(void *scene, const char *who, struct mqtt_packet p,
                                        uint16_t number)
{
    char text[8], topic[16];
    snprintf(text, sizeof text, "%u", number);
    snprintf(topic, sizeof topic, "node/%s", who);
    p.topic = TEXT(topic);
    p.payload = TEXT(text);
    return broker_receives(scene, p);
}

static inline uint16_t broker_gets(void *scene, uint8_t qos, bool dup, uint16_t number)
{
    return broker_gets_from(scene, "m1", P(PUBLISH, .qos = qos, .dup = dup), number);
}

/* One turn for its number, one for itself. */
static inline uint16_t one_of_qos_2_leaves(void *scene, uint16_t number)
{
    assert_false(a_drain_turn(scene, "m1"));
    broker_receives_nothing(scene);
    (void)a_drain_turn(scene, "m1");
    return broker_gets(scene, 2, false, number);
}

static inline void broker_ends_qos_2(void *scene, uint16_t id)
{
    broker_sends(scene, P(PUBREC, .packet_id = id));
    broker_receives(scene, P(PUBREL, .packet_id = id));
    broker_sends(scene, P(PUBCOMP, .packet_id = id));
}
