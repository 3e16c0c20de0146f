/* subscriptions.c -- the topic filters of one session.
 *
 * A short array: clients have a handful. The session keeps them in both modes, because it must ask again after the
 * broker lost its session, and must know whether a client named a topic by name or by predefined id. */
#include "gateway/core/subscriptions.h"

#include "mqtt/owned.h"

#include <stdlib.h>

void subscriptions_clear(struct subscriptions *s)
{
    while (s->count > 0)
        subscriptions_remove(s, &s->list[s->count - 1]);
    free(s->list);
    *s = (struct subscriptions){ 0 };
}

struct subscription *subscriptions_find(const struct subscriptions *s, struct span filter)
{
    for (size_t i = 0; i < s->count; i++)
        if (span_equal(s->list[i].filter, filter))
            return &s->list[i];
    return NULL;
}

struct subscription *subscriptions_by_packet_id(const struct subscriptions *s, uint16_t packet_id)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i].standing == SUBSCRIPTION_ASKED && s->list[i].packet_id == packet_id)
            return &s->list[i];
    return NULL;
}

struct subscription *subscriptions_with(const struct subscriptions *s,
                                        enum subscription_standing standing)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i].standing == standing)
            return &s->list[i];
    return NULL;
}

static bool subscriptions_enlarge(struct subscriptions *s)
{
    size_t room = s->room > 0 ? s->room * 2 : 1;
    struct subscription *larger = realloc(s->list, room * sizeof *larger);
    if (!larger)
        return false;
    s->list = larger;
    s->room = room;
    return true;
}

struct subscription *subscriptions_add(struct subscriptions *s, struct span filter)
{
    struct span copy;
    if ((s->count == s->room && !subscriptions_enlarge(s)) || !span_copy(filter, &copy))
        return NULL;
    struct subscription *new = &s->list[s->count++];
    *new = (struct subscription){ .filter = copy };
    return new;
}

void subscriptions_remove(struct subscriptions *s, struct subscription *one)
{
    size_t behind = s->count - 1 - (size_t)(one - s->list);
    span_free(&one->filter);
    memmove(one, one + 1, behind * sizeof *one);
    s->count--;
    s->changed = s->removed = true;
}

void subscriptions_grant(struct subscriptions *s, struct subscription *one, uint8_t qos)
{
    one->standing = SUBSCRIPTION_GRANTED;
    one->qos = qos;
    one->unsaved = s->changed = true;
}

void subscriptions_make_stale(struct subscriptions *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i].standing == SUBSCRIPTION_GRANTED)
            s->list[i].standing = SUBSCRIPTION_STALE;
}
