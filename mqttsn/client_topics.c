/* client_topics.c -- the normal topic ids that one client knows (MQTT-SN 1.2, sections 6.5 and 6.10).
 *
 * Ids come from three sides: our own REGISTER, a SUBACK, and a REGISTER of the gateway before it delivers on a topic
 * that a wildcard matched. All three mean the same, so there is one table. A client knows a few dozen topics, so a
 * plain list that is searched from the front is all it takes. The gateway may give a name a new id, or an id a new
 * name, after a session began anew; the last word counts. The names are copied: they arrive in frames that do not
 * stay. */
#include "mqttsn/client_topics.h"

#include <stdlib.h>

bool client_topics_init(struct client_topics *t, size_t room)
{
    *t = (struct client_topics){ .room = room };
    t->list = calloc(room > 0 ? room : 1, sizeof *t->list);
    return t->list != NULL;
}

void client_topics_clear(struct client_topics *t)
{
    while (t->count > 0)
        free(t->list[--t->count].name);
}

void client_topics_free(struct client_topics *t)
{
    client_topics_clear(t);
    free(t->list);
    t->list = NULL;
}

static struct span name_of(const struct client_topic *topic)
{
    return span_of(topic->name, topic->len);
}

static bool is_about(const struct client_topic *topic, uint16_t id, struct span name)
{
    return topic->id == id || span_equal(name_of(topic), name);
}

static bool fits(const struct client_topics *t, uint16_t id, struct span name)
{
    for (size_t i = 0; i < t->count; i++)
        if (is_about(&t->list[i], id, name))
            return true; /* it makes room for its successor */
    return t->count < t->room;
}

static void forget(struct client_topics *t, uint16_t id, struct span name)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (is_about(&t->list[i], id, name))
            free(t->list[i].name);
        else
            t->list[kept++] = t->list[i];
    }
    t->count = kept;
}

bool client_topics_learn(struct client_topics *t, uint16_t id, struct span name)
{
    if (!fits(t, id, name))
        return false;
    uint8_t *copy = malloc(name.len > 0 ? name.len : 1);
    if (!copy)
        return false;
    if (name.len > 0)
        memcpy(copy, name.at, name.len);
    forget(t, id, span_of(copy, name.len)); /* not `name`: it may be the old entry's own */
    t->list[t->count++] = (struct client_topic){ copy, name.len, id };
    return true;
}

bool client_topics_name(const struct client_topics *t, uint16_t id, struct span *name)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->list[i].id == id) {
            *name = name_of(&t->list[i]);
            return true;
        }
    }
    return false;
}

bool client_topics_id(const struct client_topics *t, struct span name, uint16_t *id)
{
    for (size_t i = 0; i < t->count; i++) {
        if (span_equal(name_of(&t->list[i]), name)) {
            *id = t->list[i].id;
            return true;
        }
    }
    return false;
}
