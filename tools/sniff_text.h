/* sniff_text.h -- an MQTT-SN frame off the wire as one line, also when it is encapsulated or malformed; and the
 * tally. */
#pragma once

#include "mqttsn/message.h"

struct sniff_tally {
    uint64_t types[MQTTSN_TYPES];      /* well-formed messages */
    uint64_t malformed[MQTTSN_ERRORS]; /* by reason */
    uint64_t encapsulated;
};

/* Writes e.g. `via node 1a2b PUBLISH qos=1 ...` or `malformed: reserved type: 02 03` into `line` and counts it. Returns
 * `line`. */
const char *sniff_text(struct span frame, struct sniff_tally *tally, char *line, size_t room);
