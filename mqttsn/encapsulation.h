/* encapsulation.h -- forwarder frames (MQTT-SN 1.2, section 5.5): a header in front of one whole message. */
#pragma once

#include "mqttsn/message.h"

enum { ENCAPSULATION_NODE_MAX = 252 };

struct encapsulation {
    uint8_t radius;      /* broadcast radius 0..3, meaningful only towards the forwarder */
    struct span node;    /* wireless node id, 1..252 octets, opaque */
    struct span message; /* the message inside, with its own length */
};

/* Is this frame encapsulated? Looks at the type octet only. */
bool encapsulation_is(struct span frame);

/* Takes the header off. MQTTSN_BAD_NODE, MQTTSN_BAD_LENGTH, ... when it is malformed (SN-FWD-4): the length must cover
 * exactly the header, at least one octet of node id, and leave a message whose own Length fills the rest exactly. What
 * is inside may itself be encapsulated; then only its header is checked for sense. */
MUST_CHECK enum mqttsn_error encapsulation_peel(struct span frame, struct encapsulation *e);

/* Writes the header for `node`; the message follows. A radius over 3 is written as 3 (SN-FWD-6). */
MUST_CHECK enum mqttsn_error encapsulation_wrap(uint8_t radius, struct span node, struct writer *w);
