/* sessionless.h -- messages from addresses without a session: strangers, and QoS -1 (MQTT-SN 1.2, section 6.8; SN-M1,
 * SN-DSC-4, -5, SN-PING-4). No state is kept for them beyond a small table that bounds the answers. */
#pragma once

#include "gateway/core/predefined.h"
#include "mqtt/client.h"
#include "mqttsn/message.h"

struct strangers {
    struct {
        uint32_t who;
        uint32_t second;
    } told[1024]; /* whom we answered last in which second, by a hash of the address */
    uint32_t second, answers, limit;
};

/* Does this message from a stranger deserve an answer at all (a DISCONNECT, so that the client connects again)? */
bool sessionless_wants_answer(const struct mqttsn_message *m);

/* May this source be answered now? At most once a second each, and `limit` a second in all (SN-DSC-5). */
bool sessionless_may_answer(struct strangers *s, uint32_t source, msec now);

/* QoS -1: the MQTT PUBLISH it asks for, with a common predefined id or a short name; `two` is room for the latter.
 * False: the topic cannot be known (SN-M1-2, -3); it is never answered. */
bool sessionless_publish(const struct predefined *p, const struct mqttsn_message *m, uint8_t two[2],
                         struct mqtt_packet *out);
