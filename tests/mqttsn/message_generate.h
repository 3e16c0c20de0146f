/* message_generate.h -- any message there can be, and when two are the same. Walks the table: a new row is covered. */
#pragma once

#include "mqttsn/layout.h"
#include "tests/xorshift.h"

static inline void generate_field(enum mqttsn_field f, uint8_t flags, uint64_t *seed,
                                  struct mqttsn_message *m)
{
    uint64_t dice = chance(seed);
    if (f == MAY_END)
        m->brief = dice & 1;
    if (f == FLAGS) {
        m->flags = (uint8_t)dice & flags;
        m->dup = m->flags & FLAG_DUP;
        m->qos = (uint8_t)((m->flags & FLAG_QOS) >> 5);
        m->retain = m->flags & FLAG_RETAIN;
        m->will = m->flags & FLAG_WILL;
        m->clean = m->flags & FLAG_CLEAN;
        m->topic_id_type = m->flags & FLAG_TOPIC_ID_TYPE;
    }
    m->gateway_id = f == GATEWAY_ID ? (uint8_t)dice : m->gateway_id;
    m->radius = f == RADIUS ? (uint8_t)dice : m->radius;
    m->protocol_id = f == PROTOCOL_ID ? (uint8_t)dice : m->protocol_id;
    m->duration = f == DURATION ? (uint16_t)dice : m->duration;
    m->topic_id = f == TOPIC_ID ? (uint16_t)dice : m->topic_id;
    m->message_id = f == MESSAGE_ID ? (uint16_t)dice : m->message_id;
    m->return_code = f == RETURN_CODE ? (uint8_t)dice : m->return_code;
}

/* A message of a random type; its tail, if it has one, is made in `room`. */
static inline struct mqttsn_message generate_message(uint64_t *seed, uint8_t *room, size_t size)
{
    const struct mqttsn_layout *l = NULL;
    struct mqttsn_message m = { 0 };
    while (!l) {
        m.type = (enum mqttsn_type)chance_below(seed, MQTTSN_TYPES);
        l = mqttsn_layout_of(m.type);
    }
    for (const uint8_t *f = l->fields; *f != END && !m.brief; f++)
        generate_field(*f, l->flags, seed, &m);
    if (mqttsn_ends_in_id(l, &m)) {
        m.topic_id = (uint16_t)chance(seed);
    } else if (l->tail != NO_TAIL && !m.brief) {
        size_t n = chance_below(seed, size > 64 && chance_below(seed, 8) ? 64 : size);
        chance_fill(seed, room, n);
        m.tail = span_of(room, n);
    }
    return m;
}

static inline bool same_message(const struct mqttsn_message *a, const struct mqttsn_message *b)
{
    bool same_flags = a->dup == b->dup && a->qos == b->qos && a->retain == b->retain &&
                      a->will == b->will && a->clean == b->clean &&
                      a->topic_id_type == b->topic_id_type;
    bool same_numbers = a->gateway_id == b->gateway_id && a->radius == b->radius &&
                        a->duration == b->duration && a->protocol_id == b->protocol_id &&
                        a->return_code == b->return_code && a->topic_id == b->topic_id &&
                        a->message_id == b->message_id;
    return a->type == b->type && a->brief == b->brief && same_flags && same_numbers &&
           span_equal(a->tail, b->tail);
}
