/* inflight.c -- requests of one client that wait for the broker's answer.
 *
 * Eight places are enough: a client should have one request open (section 6.6), the settings allow it a few, and
 * what is over keeps its place until a new one needs it. Finding one is a walk over two hundred octets. */
#include "gateway/core/inflight.h"

static uint32_t digest_add(uint32_t hash, const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * 16777619U;
    return hash;
}

uint32_t inflight_digest(const struct mqttsn_message *m)
{
    const uint8_t head[] = { m->topic_id_type, (uint8_t)(m->topic_id >> 8), (uint8_t)m->topic_id,
                             m->qos, m->retain };
    return digest_add(digest_add(2166136261U, head, sizeof head), m->tail.at, m->tail.len);
}

static bool is_open(enum exchange_phase phase)
{
    return phase > EXCHANGE_ANSWERED;
}

static bool is_publish(enum exchange_phase phase)
{
    return phase >= EXCHANGE_PUBACK && phase <= EXCHANGE_PUBCOMP;
}

struct exchange *inflight_publish(struct inflight *f, uint16_t message_id)
{
    for (size_t i = 0; f->publishing > 0 && i < EXCHANGES; i++)
        if (is_publish(f->list[i].phase) && f->list[i].message_id == message_id)
            return &f->list[i];
    return NULL;
}

struct exchange *inflight_subscribe(struct inflight *f, uint16_t message_id, enum exchange_phase phase)
{
    for (size_t i = 0; i < EXCHANGES; i++)
        if (f->list[i].phase == phase && f->list[i].message_id == message_id)
            return &f->list[i];
    return NULL;
}

struct exchange *inflight_by_packet_id(struct inflight *f, uint16_t packet_id)
{
    for (size_t i = 0; i < EXCHANGES; i++)
        if (is_open(f->list[i].phase) && f->list[i].packet_id == packet_id)
            return &f->list[i];
    return NULL;
}

struct exchange *inflight_answered(struct inflight *f, uint16_t message_id, uint32_t digest,
                                   msec since)
{
    struct exchange *last = NULL;
    for (size_t i = 0; i < EXCHANGES; i++) {
        struct exchange *e = &f->list[i];
        if (e->phase == EXCHANGE_ANSWERED && e->message_id == message_id && e->digest == digest &&
            e->since >= since && (!last || e->since > last->since))
            last = e;
    }
    return last;
}

struct exchange *inflight_open(struct inflight *f, enum exchange_phase phase, msec now)
{
    struct exchange *best = NULL;
    for (size_t i = 0; i < EXCHANGES; i++) {
        struct exchange *e = &f->list[i];
        if (is_open(e->phase))
            continue;
        if (!best || e->phase < best->phase || (e->phase == best->phase && e->since < best->since))
            best = e;
    }
    if (!best)
        return NULL;
    *best = (struct exchange){ .phase = (uint8_t)phase, .since = now };
    f->changed = (uint8_t)(f->changed | 1U << (best - f->list));
    f->open++;
    f->publishing = (uint8_t)(f->publishing + is_publish(phase));
    return best;
}

void inflight_step(struct inflight *f, struct exchange *e, enum exchange_phase next, msec now)
{
    f->open = (uint8_t)(f->open - is_open(e->phase) + is_open(next));
    f->publishing = (uint8_t)(f->publishing - is_publish(e->phase) + is_publish(next));
    f->changed = (uint8_t)(f->changed | 1U << (e - f->list));
    e->phase = (uint8_t)next;
    e->since = now;
}

struct exchange *inflight_overdue(struct inflight *f, enum exchange_phase phase, msec since)
{
    for (size_t i = 0; f->open > 0 && i < EXCHANGES; i++)
        if (f->list[i].phase == phase && f->list[i].since <= since)
            return &f->list[i];
    return NULL;
}

msec inflight_oldest(const struct inflight *f, enum exchange_phase phase)
{
    msec oldest = MSEC_NEVER;
    for (size_t i = 0; f->open > 0 && i < EXCHANGES; i++)
        if (f->list[i].phase == phase && f->list[i].since < oldest)
            oldest = f->list[i].since;
    return oldest;
}

void inflight_restore(struct inflight *f, size_t place, const struct exchange *e)
{
    f->list[place] = *e;
    f->open = (uint8_t)(f->open + is_open(e->phase));
    f->publishing = (uint8_t)(f->publishing + is_publish(e->phase));
    f->kept = (uint8_t)(f->kept | 1U << place);
}
