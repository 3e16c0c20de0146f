/* topic.h -- topic names and topic filters (MQTT 3.1.1, sections 1.5.3 and 4.7), used on both sides of the gateway. */
#pragma once

#include "mqtt/bytes.h"

enum { TOPIC_LEN_MAX = 65535 };

/* Well-formed UTF-8 without U+0000 and without surrogates (MQTT-1.5.3-1, -2). The empty text is well-formed. */
bool utf8_valid(struct span text);

/* Octets of the well-formed character that begins `text`; 0 when it is ill-formed or there is none. U+0000 counts. */
size_t utf8_char_len(struct span text);

/* A name to publish to: 1..65535 octets of well-formed UTF-8, no wildcard (MQTT-3.3.2-2, MQTT-4.7.3-1). */
bool topic_name_valid(struct span name);

/* A filter to subscribe to: as a name, but '+' may fill a level and '#' the last one (MQTT-4.7.1-2, -3). */
bool topic_filter_valid(struct span filter);

bool topic_has_wildcard(struct span filter);

/* "$share/group/filter": brokers deal such messages out among the members of a group. */
bool topic_is_shared(struct span filter);

/* May a valid name or filter be given to any broker? The standard allows brokers to close the connection over control
 * characters and non-characters (MQTT-1.5.3), and known ones do over more than 200 levels; on a connection that many
 * share one such topic would cost all of them. */
bool topic_portable(struct span topic);

/* Does the valid filter match the valid name? A leading wildcard does not match a name that starts with '$'
 * (MQTT-4.7.2-1). */
bool topic_matches(struct span filter, struct span name);

/* Does every name that `narrow` matches also match `wide`? Both are valid filters. For permissions. */
bool topic_filter_covers(struct span wide, struct span narrow);

/* Cuts the next level off `*rest` into `*level`; false when none is left. "a//b" has the levels "a", "" and "b".
 * Start with *rest = the whole topic and *rest.at not NULL; at the end *rest.at is NULL. */
bool topic_next_level(struct span *rest, struct span *level);

/* Writes `pattern` with each "{client}" replaced by `client_id`, whose '/', '+', '#' and '%' are written %XX so that a
 * client cannot reach another topic by its name (SN-CONN-5). So is a '$' that would come first of all: a client that
 * is called "$SYS" must not be handed the server's topics by "{client}/#". Too little room: w->failed. */
void topic_expand(struct span pattern, struct span client_id, struct writer *w);
