/* registry.c -- the topic ids of one session.
 *
 * A node has a handful of topics, some have a thousand, so a sorted array serves both: ids by binary search, names by a
 * walk that compares hashes first. It costs a client with one topic some fifty octets, where a hash table would cost
 * half a kilobyte ten thousand times. */
#include "gateway/core/registry.h"

#include "mqtt/owned.h"

#include <stdlib.h>

enum { ID_MAX = 0xFFFE, TOPICS_FIRST = 2 }; /* 0x0000 and 0xFFFF are reserved (section 5.3.11) */

static uint32_t name_hash(struct span name)
{
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ name.at[i]) * 16777619U;
    return hash;
}

static void topics_clear(struct topics *t)
{
    for (size_t i = 0; i < t->count; i++)
        span_free(&t->list[i].name);
    free(t->list);
    *t = (struct topics){ 0 };
}

void registry_clear(struct registry *r)
{
    topics_clear(&r->normal);
    topics_clear(&r->predefined);
    r->last_id = 0;
}

void registry_unconfirm(struct registry *r)
{
    for (size_t i = 0; i < r->normal.count; i++)
        if (r->normal.list[i].standing == TOPIC_CONFIRMED)
            registry_stand(r, &r->normal.list[i], TOPIC_UNCONFIRMED);
}

/* The place of `id`, or where it would go. */
static size_t place_of(const struct topics *t, uint16_t id)
{
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->list[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct topic *registry_find_id(const struct topics *t, uint16_t id)
{
    size_t place = place_of(t, id);
    return place < t->count && t->list[place].id == id ? &t->list[place] : NULL;
}

struct topic *registry_find_name(const struct topics *t, struct span name)
{
    uint32_t hash = name_hash(name);
    for (size_t i = 0; i < t->count; i++)
        if (t->list[i].hash == hash && span_equal(t->list[i].name, name))
            return &t->list[i];
    return NULL;
}

static bool topics_enlarge(struct topics *t)
{
    size_t room = t->room > 0 ? t->room * 2 : TOPICS_FIRST;
    struct topic *larger = realloc(t->list, room * sizeof *larger);
    if (!larger)
        return false;
    t->list = larger;
    t->room = room;
    return true;
}

static struct topic *topics_insert(struct topics *t, uint16_t id, struct span name)
{
    struct span copy;
    if ((t->count == t->room && !topics_enlarge(t)) || !span_copy(name, &copy))
        return NULL;
    size_t place = place_of(t, id);
    struct topic *new = &t->list[place];
    memmove(new + 1, new, (t->count - place) * sizeof *new);
    *new = (struct topic){ .id = id, .hash = name_hash(name), .name = copy };
    t->count++;
    return new;
}

struct topic *registry_add(struct registry *r, struct span name, size_t limit,
                           bool (*skip)(const void *context, uint16_t id), const void *context)
{
    uint16_t id = r->last_id;
    if (r->normal.count >= limit)
        return NULL;
    do {
        if (id >= ID_MAX)
            return NULL;
        id++;
    } while (skip(context, id));
    r->last_id = id;
    struct topic *t = topics_insert(&r->normal, id, name);
    if (t)
        t->unsaved = r->changed = true;
    return t;
}

void registry_stand(struct registry *r, struct topic *t, enum topic_standing standing)
{
    if (t->standing == standing)
        return;
    t->standing = (uint8_t)standing;
    t->unsaved = r->changed = true;
}

bool registry_restore(struct registry *r, uint16_t id, struct span name, enum topic_standing standing)
{
    struct topic *t = registry_find_id(&r->normal, id) ? NULL : topics_insert(&r->normal, id, name);
    if (t)
        t->standing = (uint8_t)standing;
    if (t && id > r->last_id)
        r->last_id = id;
    return t != NULL;
}

struct topic *registry_remember(struct registry *r, uint16_t id, struct span name, size_t limit)
{
    return r->predefined.count < limit ? topics_insert(&r->predefined, id, name) : NULL;
}
