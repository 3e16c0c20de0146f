/* registry.h -- the topic ids of one session (MQTT-SN 1.2, sections 5.3.11, 6.5; SN-TOP).
 *
 * Normal ids are given here, in rising order, never again for another topic while the session lasts. Predefined ids
 * that the session used are remembered with their expanded names, so that a PUBLISH needs one search. */
#pragma once

#include "mqtt/bytes.h"

enum topic_standing {
    TOPIC_UNCONFIRMED, /* the client may not know the id: REGISTER before we deliver with it */
    TOPIC_CONFIRMED,
    TOPIC_REFUSED /* the client refused the name: nothing is delivered on it (SN-REG-9) */
};

struct topic {
    uint16_t id;
    uint8_t standing; /* enum topic_standing */
    bool unsaved;     /* what is on disk is behind */
    uint32_t hash;
    struct span name; /* owned */
};

struct topics {
    struct topic *list; /* by rising id */
    size_t count, room;
};

struct registry {
    struct topics normal, predefined;
    uint16_t last_id;
    bool changed; /* some normal ones are unsaved */
};

void registry_clear(struct registry *r);

/* Every id the client may have forgotten: after a new connection that keeps the session (SN-TOP-3). */
void registry_unconfirm(struct registry *r);

/* The client confirmed or refused it, or does not know it. */
void registry_stand(struct registry *r, struct topic *t, enum topic_standing standing);

/* As an earlier run had given it. False: no memory. */
MUST_CHECK bool registry_restore(struct registry *r, uint16_t id, struct span name,
                                 enum topic_standing standing);

struct topic *registry_find_id(const struct topics *t, uint16_t id);
struct topic *registry_find_name(const struct topics *t, struct span name);

/* A new id for a copy of `name`, unconfirmed. `skip` tells which ids must not be given. NULL: the limit is reached, no
 * id is left, or memory ends. */
MUST_CHECK struct topic *registry_add(struct registry *r, struct span name, size_t limit,
                                      bool (*skip)(const void *context, uint16_t id),
                                      const void *context);

/* Remembers the name of a predefined id. NULL as above. */
MUST_CHECK struct topic *registry_remember(struct registry *r, uint16_t id, struct span name,
                                           size_t limit);
