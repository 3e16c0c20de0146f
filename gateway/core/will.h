/* will.h -- the will of one client (MQTT-SN 1.2, sections 6.2 to 6.4; SN-WILL). Kept by the gateway, because MQTT 3.1.1
 * can neither change a will nor keep it beyond a connection. */
#pragma once

#include "mqtt/packet.h"
#include "mqttsn/message.h"

struct will {
    struct span topic, message; /* owned */
    uint8_t qos;
    bool retain;
};

void will_free(struct will *w); /* NULL is allowed */

/* Topic, QoS and retain of a WILLTOPIC or WILLTOPICUPD; *w is made when it is NULL. False: no memory, nothing
 * changed. */
MUST_CHECK bool will_set_topic(struct will **w, const struct mqttsn_message *m);
MUST_CHECK bool will_set_message(struct will *w, struct span message);

/* Is this a will topic at all? SN-WILL-5. Not for the empty form, which deletes. */
bool will_topic_valid(const struct mqttsn_message *m);

/* Puts the will into a CONNECT, or into the DISCONNECT that asks the upstream to publish it. NULL: none. */
void will_into(const struct will *w, struct mqtt_connect *c);
