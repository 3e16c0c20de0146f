/* client_topics.h -- the normal topic ids that one client knows: id to name and back. */
#pragma once

#include "mqtt/bytes.h"

struct client_topic {
    uint8_t *name; /* owned */
    size_t len;
    uint16_t id;
};

struct client_topics {
    struct client_topic *list; /* owned, `room` long */
    size_t count, room;
};

/* False when memory ends. */
MUST_CHECK bool client_topics_init(struct client_topics *t, size_t room);
void client_topics_clear(struct client_topics *t); /* forgets all; the table may be used again */
void client_topics_free(struct client_topics *t);

/* `id` now means `name`; what it meant before, and the id that `name` had before, are forgotten. False when the table
 * is full or memory ends: then nothing is forgotten either. */
MUST_CHECK bool client_topics_learn(struct client_topics *t, uint16_t id, struct span name);

/* The name lives until the table changes. */
bool client_topics_name(const struct client_topics *t, uint16_t id, struct span *name);
bool client_topics_id(const struct client_topics *t, struct span name, uint16_t *id);
