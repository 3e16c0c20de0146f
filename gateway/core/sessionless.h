/* sessionless.h -- messages from addresses without a session: strangers, and QoS -1 (MQTT-SN 1.2, section 6.8; SN-M1,
 * SN-DSC-4, -5, SN-PING-4). No state is kept for them; how often and how much they are answered is up to guard.h. */
#pragma once

#include "gateway/core/access.h"
#include "gateway/core/predefined.h"
#include "mqtt/client.h"
#include "mqttsn/message.h"

/* Does this message from a stranger deserve an answer at all (a DISCONNECT, so that the client connects again)? */
bool sessionless_wants_answer(const struct mqttsn_message *m);

/* QoS -1: the MQTT PUBLISH it asks for, with a common predefined id, a short name or, where `may` has it, a long one;
 * `two` is room for the short. False: the topic cannot be known (SN-M1-2, -3); it is never answered. */
bool sessionless_publish(const struct predefined *p, const struct minus_one *may,
                         const struct mqttsn_message *m, uint8_t two[2], struct mqtt_packet *out);

/* A message of QoS -1 with its name before its data, taken apart (SN-M1-5). False: it is none. */
bool sessionless_split(const struct mqttsn_message *m, struct span *topic, struct span *payload);
