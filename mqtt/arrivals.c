/* arrivals.c -- QoS 1 and 2 messages of the broker that we have not acknowledged to the end.
 *
 * The broker wants PUBACK and PUBREC in the order of its PUBLISHes, while our receivers take them in any order and
 * some of them an hour later. So each arrival has a state of its own, and arrivals_due walks them from the oldest:
 * the first one still open holds back the acknowledgements behind it. PUBCOMP has no such order. The list is as long
 * as the broker's in-flight window, some tens, so it is searched from the front, where the one in question nearly
 * always is. */
#include "mqtt/arrivals.h"

#include <stdlib.h>

void arrivals_clear(struct arrivals *a)
{
    free(a->list);
    *a = (struct arrivals){ .last_receipt = a->last_receipt };
}

void arrivals_forget(struct arrivals *a)
{
    a->count = a->exactly_once = a->done = a->restored = 0;
}

struct arrival *arrivals_by_id(const struct arrivals *a, uint16_t packet_id)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->list[i].packet_id == packet_id)
            return &a->list[i];
    return NULL;
}

struct arrival *arrivals_by_receipt(const struct arrivals *a, uint32_t receipt)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->list[i].receipt == receipt)
            return &a->list[i];
    return NULL;
}

void arrivals_end(struct arrivals *a, struct arrival *one)
{
    size_t behind = a->count - 1 - (size_t)(one - a->list);
    a->exactly_once -= one->qos == 2;
    a->done -= one->state == ARRIVAL_DONE;
    memmove(one, one + 1, behind * sizeof *one);
    a->count--;
}

struct arrival *arrivals_add(struct arrivals *a, uint16_t packet_id, uint8_t qos)
{
    enum { FIRST = 4 };
    if (a->count == a->room) {
        size_t room = a->room > 0 ? a->room * 2 : FIRST;
        struct arrival *larger = realloc(a->list, room * sizeof *larger);
        if (!larger)
            return NULL;
        a->list = larger;
        a->room = room;
    }
    struct arrival *new = &a->list[a->count++];
    if (++a->last_receipt == 0)
        a->last_receipt = 1;
    *new = (struct arrival){
        .receipt = a->last_receipt, .holders = 1, .packet_id = packet_id, .qos = qos
    };
    a->exactly_once += qos == 2;
    return new;
}

void arrival_take(struct arrival *a)
{
    if (a->holders > 0)
        a->holders--;
    if (a->holders == 0 && a->state == ARRIVAL_OPEN)
        a->state = ARRIVAL_TAKEN;
}

void arrival_complete(struct arrival *a)
{
    if (a->state == ARRIVAL_RELEASED)
        a->state = ARRIVAL_FINISHED;
    else if (a->state == ARRIVAL_RECEIVED)
        a->state = ARRIVAL_COMPLETE;
    else
        a->through = true;
}

void arrival_release(struct arrival *a)
{
    if (a->state == ARRIVAL_COMPLETE)
        a->state = ARRIVAL_FINISHED;
    else if (a->state == ARRIVAL_RECEIVED)
        a->state = ARRIVAL_RELEASED;
}

void arrival_keep(struct arrival *a)
{
    a->ours = a->qos == 2;
}

/* ---- those that outlive us --------------------------------------------------------------------------------------- */

struct arrival *arrivals_keep_next(struct arrivals *a)
{
    for (size_t i = 0; a->exactly_once > a->done && i < a->count; i++) {
        struct arrival *one = &a->list[i];
        if (!one->ours || one->kept || one->state >= ARRIVAL_RECEIVED)
            continue;
        one->kept = true;
        return one;
    }
    return NULL;
}

static struct arrival *first_done(struct arrivals *a)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->list[i].state == ARRIVAL_DONE)
            return &a->list[i];
    return NULL;
}

struct arrival *arrivals_forget_next(struct arrivals *a)
{
    enum { REMEMBERED = 32 };
    return a->done > REMEMBERED + a->restored ? first_done(a) : NULL;
}

bool arrivals_restore(struct arrivals *a, uint16_t packet_id, uint32_t digest)
{
    struct arrival *one = arrivals_add(a, packet_id, 2);
    if (!one)
        return false;
    one->state = ARRIVAL_DONE;
    one->holders = 0;
    one->ours = one->kept = true;
    one->digest = digest;
    a->done++;
    a->restored++;
    return true;
}

/* FNV-1a: the broker is no stranger who would look for collisions. */
uint32_t arrival_digest(const struct mqtt_packet *p)
{
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < p->topic.len; i++)
        hash = (hash ^ p->topic.at[i]) * 16777619U;
    for (size_t i = 0; i < p->payload.len; i++)
        hash = (hash ^ p->payload.at[i]) * 16777619U;
    return hash;
}

bool arrivals_are(const struct arrivals *a, const struct arrival *one, const struct mqtt_packet *p)
{
    if (one->state == ARRIVAL_REFUSED) /* there may be room now */
        return false;
    return one->state != ARRIVAL_DONE || (a->resending && p->dup && one->digest == arrival_digest(p));
}

/* ---- those nobody has room for ----------------------------------------------------------------------------------- */

void arrival_refuse(struct arrival *a)
{
    if (a->state == ARRIVAL_OPEN)
        a->state = ARRIVAL_REFUSED;
}

void arrivals_forget_refused(struct arrivals *a)
{
    for (size_t i = a->count; i-- > 0;)
        if (a->list[i].state == ARRIVAL_REFUSED)
            arrivals_end(a, &a->list[i]);
}

bool arrivals_any_refused(const struct arrivals *a)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->list[i].state == ARRIVAL_REFUSED)
            return true;
    return false;
}

bool arrivals_only_refused(const struct arrivals *a)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->list[i].state != ARRIVAL_REFUSED && a->list[i].state != ARRIVAL_DONE)
            return false;
    return a->count > a->done;
}

/* The youngest is last, so that the oldest is forgotten first. */
static void arrivals_done(struct arrivals *a, struct arrival *one)
{
    struct arrival last = *one;
    last.state = ARRIVAL_DONE;
    memmove(one, one + 1, (a->count - 1 - (size_t)(one - a->list)) * sizeof *one);
    a->list[a->count - 1] = last;
    a->done++;
    a->restored -= a->restored > 0;
}

static enum mqtt_type arrival_due(const struct arrival *a, bool first_open)
{
    if (a->state == ARRIVAL_FINISHED)
        return MQTT_PUBCOMP;
    if (a->state != ARRIVAL_TAKEN || !first_open)
        return MQTT_TYPES;
    return a->qos == 2 ? MQTT_PUBREC : MQTT_PUBACK;
}

bool arrivals_due(struct arrivals *a, struct mqtt_packet *ack)
{
    bool in_order = true;
    for (size_t i = 0; i < a->count; i++) {
        struct arrival *one = &a->list[i];
        in_order = in_order && one->state != ARRIVAL_OPEN;
        enum mqtt_type type = arrival_due(one, in_order);
        if (type == MQTT_TYPES)
            continue;
        *ack = (struct mqtt_packet){ .type = type, .packet_id = one->packet_id };
        if (type == MQTT_PUBREC)
            one->state = one->through ? ARRIVAL_COMPLETE : ARRIVAL_RECEIVED;
        else if (type == MQTT_PUBCOMP)
            arrivals_done(a, one);
        else
            arrivals_end(a, one);
        return true;
    }
    return false;
}
