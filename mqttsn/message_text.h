/* message_text.h -- a message as one readable line, for logs, the sniffer and failing tests. */
#pragma once

#include "mqttsn/message.h"

/* Writes e.g. `PUBLISH qos=1 dup topic_id=16 message_id=7 data="21.5"` into `line`, always terminated, cut when `room`
 * is too small. Bytes that are not printable UTF-8 are shown as \xNN. Returns `line`. */
const char *mqttsn_text(const struct mqttsn_message *m, char *line, size_t room);

/* Bytes from the air as printable text, in the same way, without quotes. Returns `line`. */
const char *mqttsn_text_span(struct span bytes, char *line, size_t room);
