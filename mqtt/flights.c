/* flights.c -- requests of ours that the broker has not answered to the end.
 *
 * They are kept encoded, because after a reconnect the same octets leave again in their old order. The table is direct
 * mapped by packet id: two ids that differ in a small table differ in a larger one too, so it grows without collisions,
 * from the four places of a client's own connection to the 65536 of a shared one. */
#include "mqtt/flights.h"

#include <stdlib.h>

enum { FLIGHTS_FIRST = 4, FLIGHTS_MAX = 65536 };

void flights_clear(struct flights *f)
{
    for (size_t i = 0; i < f->room; i++)
        free(f->table[i].packet);
    free(f->table);
    *f = (struct flights){ .last_packet_id = f->last_packet_id };
}

static struct flight *slot(const struct flights *f, uint16_t packet_id)
{
    return f->room > 0 ? &f->table[packet_id & (f->room - 1)] : NULL;
}

struct flight *flights_find(const struct flights *f, uint16_t packet_id)
{
    struct flight *one = slot(f, packet_id);
    return one && one->state != FLIGHT_FREE && one->packet_id == packet_id ? one : NULL;
}

void flights_end(struct flights *f, struct flight *one)
{
    f->bytes -= one->packet_len;
    f->exactly_once -= one->exactly_once;
    f->count--;
    free(one->packet);
    *one = (struct flight){ 0 };
}

static bool flights_enlarge(struct flights *f)
{
    size_t room = f->room > 0 ? f->room * 2 : FLIGHTS_FIRST;
    struct flight *larger = room <= FLIGHTS_MAX ? calloc(room, sizeof *larger) : NULL;
    if (!larger)
        return false;
    for (size_t i = 0; f->table && i < f->room; i++)
        if (f->table[i].state != FLIGHT_FREE)
            larger[f->table[i].packet_id & (room - 1)] = f->table[i];
    free(f->table);
    f->table = larger;
    f->room = room;
    return true;
}

/* The table stays at most half full, so that a free place is near. */
uint16_t flights_reserve(struct flights *f, void *owner)
{
    if (f->count * 2 >= f->room && !flights_enlarge(f) && f->count + 1 >= f->room)
        return 0;
    for (;;) {
        uint16_t id = ++f->last_packet_id;
        struct flight *one = slot(f, id);
        if (id == 0 || one->state != FLIGHT_FREE)
            continue;
        *one = (struct flight){ .owner = owner, .packet_id = id, .state = FLIGHT_RESERVED };
        f->count++;
        return id;
    }
}

struct flight *flights_claim(struct flights *f, uint16_t packet_id, void *owner)
{
    struct flight *one;
    while (!(one = slot(f, packet_id)) || one->state != FLIGHT_FREE) {
        if ((one && one->packet_id == packet_id) || !flights_enlarge(f))
            return NULL;
    }
    *one = (struct flight){ .owner = owner, .packet_id = packet_id, .state = FLIGHT_RESERVED };
    f->count++;
    return one;
}

void flights_orphan(struct flights *f, const void *owner)
{
    for (size_t i = 0; f->count > 0 && i < f->room; i++)
        if (f->table[i].state != FLIGHT_FREE && f->table[i].owner == owner && !f->table[i].kept)
            f->table[i].owner = NULL;
}

bool flights_keep(struct flights *f, struct flight *one, const struct mqtt_packet *p)
{
    size_t len = mqtt_encoded_len(p);
    uint8_t *copy = malloc(len);
    if (!copy)
        return false;
    struct writer w = writer_of(copy, len);
    if (mqtt_encode(p, &w) != MQTT_OK) {
        free(copy);
        return false;
    }
    one->packet = copy;
    one->packet_len = (uint32_t)len;
    one->order = f->next_order++;
    one->state = p->type == MQTT_PUBLISH && p->qos == 2 ? FLIGHT_PUBREC : FLIGHT_ANSWER;
    f->exactly_once -= one->exactly_once;
    one->exactly_once = one->state == FLIGHT_PUBREC;
    f->exactly_once += one->exactly_once;
    f->bytes += len;
    return true;
}

/* Orders wrap; what is compared is never far apart. */
static bool is_before(const struct flight *x, const struct flight *y)
{
    return (int32_t)(x->order - y->order) < 0;
}

struct flight *flights_next_answer(const struct flights *f)
{
    struct flight *first = NULL;
    for (size_t i = 0; f->count > 0 && i < f->room; i++) {
        struct flight *one = &f->table[i];
        bool waits = one->state == FLIGHT_ANSWER || one->state == FLIGHT_PUBREC ||
                     one->state == FLIGHT_PUBREC_REL;
        if (waits && (!first || is_before(one, first)))
            first = one;
    }
    return first;
}

static int by_order(const void *a, const void *b)
{
    const struct flight *x = *(struct flight *const *)a, *y = *(struct flight *const *)b;
    return is_before(x, y) ? -1 : is_before(y, x);
}

struct flight **flights_in_order(const struct flights *f, size_t *count)
{
    struct flight **list = f->count > 0 ? malloc(f->count * sizeof(struct flight *)) : NULL;
    *count = 0;
    if (!list)
        return NULL;
    for (size_t i = 0; i < f->room; i++)
        if (f->table[i].state != FLIGHT_FREE)
            list[(*count)++] = &f->table[i];
    qsort(list, *count, sizeof(struct flight *), by_order);
    return list;
}
