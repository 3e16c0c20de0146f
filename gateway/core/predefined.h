/* predefined.h -- the tables of predefined topic ids (MQTT-SN 1.2, section 6.7): one for every client, some per client.
 *
 * A table is made once from the settings and never changes; sessions hold on to the one they began with, so that a
 * reload changes no id under a running session (SN-TOP-10). */
#pragma once

#include "mqtt/bytes.h"

/* As the settings have it; `client` is "*" for every client. The strings are borrowed while the table is made. */
struct predefined_row {
    const char *client, *topic;
    uint16_t id;
};

struct predefined;

/* Copies `rows`, which are sorted by client ("*" before all others) and id. NULL when memory ends. The maker holds
 * it. */
MUST_CHECK struct predefined *predefined_new(const struct predefined_row *rows, size_t count);

struct predefined *predefined_hold(struct predefined *p);
void predefined_release(struct predefined *p); /* the last one to let go frees it; NULL is allowed */

/* The topic of `id` for this client, its own row before the common one; may hold {client}. An empty client id has only
 * the common rows. NULL: none. */
const char *predefined_find(const struct predefined *p, const char *client_id, uint16_t id);
