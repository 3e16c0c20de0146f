/* subscriptions.c -- the topic filters of one session.
 *
 * A short array: clients have a handful. The session keeps them in both modes, because it must ask again after the
 * broker lost its session, and must know whether a client named a topic by name or by predefined id. */
#include "gateway/core/subscriptions.h"

#include "mqtt/owned.h"
#include "mqtt/topic.h"

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

struct subscription *subscriptions_by_packet_id(const struct subscriptions *s,
                                                enum subscription_standing standing,
                                                uint16_t packet_id)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i].standing == standing && s->list[i].packet_id == packet_id)
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

/* "$share/group/filter" delivers what matches the filter. */
static bool brings(const struct subscription *one, struct span topic)
{
    struct span filter = one->filter, level;
    for (unsigned left = topic_is_shared(filter) ? 2 : 0; left > 0; left--)
        if (!topic_next_level(&filter, &level))
            return false;
    return filter.at && topic_matches(filter, topic);
}

bool subscriptions_left(const struct subscriptions *s, struct span topic)
{
    bool left = false;
    if (!subscriptions_with(s, SUBSCRIPTION_LEAVING))
        return false;
    for (size_t i = 0; i < s->count; i++) {
        bool leaving = s->list[i].standing == SUBSCRIPTION_LEAVING;
        if (!brings(&s->list[i], topic))
            continue;
        if (!leaving)
            return false;
        left = true;
    }
    return left;
}

/* While we ask again for what the client has, it goes on having it. */
enum subscription_standing subscriptions_lasting(const struct subscription *one)
{
    if (one->standing == SUBSCRIPTION_ASKED && one->told)
        return SUBSCRIPTION_STALE;
    return (enum subscription_standing)one->standing;
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
    *new = (struct subscription){ .filter = copy, .standing = SUBSCRIPTION_ASKED };
    return new;
}

struct subscription *subscriptions_restore(struct subscriptions *s, struct span filter,
                                           enum subscription_standing standing)
{
    struct subscription *one = subscriptions_add(s, filter);
    if (!one)
        return NULL;
    one->standing = (uint8_t)standing;
    one->told = standing != SUBSCRIPTION_LEAVING;
    return one;
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
    one->told = one->unsaved = s->changed = true;
}

/* It is kept until the broker's UNSUBACK, since nobody else would remember after a kill what the client was told. */
void subscriptions_leave(struct subscriptions *s, struct subscription *one, uint16_t packet_id)
{
    one->standing = SUBSCRIPTION_LEAVING;
    one->packet_id = packet_id;
    one->told = false;
    one->unsaved = s->changed = true;
}

void subscriptions_make_stale(struct subscriptions *s, bool keep)
{
    for (size_t i = 0; i < s->count; i++) {
        struct subscription *one = &s->list[i];
        if (one->standing != SUBSCRIPTION_GRANTED)
            continue;
        one->standing = SUBSCRIPTION_STALE;
        one->unsaved = one->unsaved || keep;
        s->changed = s->changed || keep;
    }
}
