/* sleepq.c -- messages from the broker that wait for one client.
 *
 * A client that sleeps hears nothing, so its messages wait here and are handed over one by one after its PINGREQ. The
 * queue is bounded in messages and in octets: a node that never wakes must not eat the gateway. When it is full the
 * oldest QoS 0 message goes first, because a QoS 1 message has a sender who counts on it. The queue neither sends nor
 * acknowledges nor frees; the session does. */
#include "gateway/core/sleepq.h"

#include <stddef.h>
#include <stdlib.h>

void sleepq_init(struct sleepq *q)
{
    STAILQ_INIT(&q->list);
    q->count = q->loose = 0;
    q->bytes = 0;
}

static size_t queued_size(const struct queued *q)
{
    return (size_t)q->topic_len + q->payload_len;
}

bool sleepq_fits(const struct sleepq *q, size_t size, const struct sleepq_limits *l)
{
    return q->count < l->messages && q->bytes + size <= l->bytes;
}

struct queued *queued_new(const struct mqtt_packet *p, msec now)
{
    struct queued *one = malloc(sizeof *one + p->topic.len + p->payload.len);
    if (!one)
        return NULL;
    *one = (struct queued){ .since = now,
                            .receipt = p->receipt,
                            .qos = p->qos,
                            .retain = p->retain,
                            .topic_len = (uint16_t)p->topic.len,
                            .payload_len = (uint32_t)p->payload.len };
    struct writer w = writer_of(one->bytes, p->topic.len + p->payload.len);
    write_span(&w, p->topic);
    write_span(&w, p->payload);
    return one;
}

void sleepq_append(struct sleepq *q, struct queued *one)
{
    STAILQ_INSERT_TAIL(&q->list, one, next);
    q->count++;
    q->loose += one->qos == 0;
    q->bytes += queued_size(one);
}

static void uncount(struct sleepq *q, const struct queued *one)
{
    q->count--;
    q->loose -= one->qos == 0;
    q->bytes -= queued_size(one);
}

void sleepq_remove(struct sleepq *q, struct queued *one)
{
    STAILQ_REMOVE(&q->list, one, queued, next);
    uncount(q, one);
}

/* What is left when all that may go is gone: is that room enough? Without QoS 0 messages nobody has to look. */
static bool could_fit(const struct sleepq *q, size_t size, const struct sleepq_limits *l)
{
    struct sleepq rest = { .count = q->count, .loose = q->loose, .bytes = q->bytes };
    const struct queued *one;
    if (l->drop_oldest)
        return l->messages > 0 && size <= l->bytes;
    STAILQ_FOREACH(one, &q->list, next) {
        if (rest.loose == 0 || sleepq_fits(&rest, size, l))
            break;
        if (one->qos == 0)
            uncount(&rest, one);
    }
    return sleepq_fits(&rest, size, l);
}

static void make_room_of(struct sleepq *q, size_t size, const struct sleepq_limits *l, bool any_qos,
                         struct queued_list *victims)
{
    struct queued *behind;
    for (struct queued *one = STAILQ_FIRST(&q->list); one && !sleepq_fits(q, size, l); one = behind) {
        behind = STAILQ_NEXT(one, next);
        if (!any_qos && q->loose == 0)
            break;
        if (one->qos > 0 && !any_qos)
            continue;
        sleepq_remove(q, one);
        STAILQ_INSERT_TAIL(victims, one, next);
    }
}

/* Only where it could fit. */
static void take_in(struct sleepq *q, struct queued *one, const struct sleepq_limits *limits,
                    struct queued_list *victims)
{
    make_room_of(q, queued_size(one), limits, false, victims);
    make_room_of(q, queued_size(one), limits, true, victims);
    sleepq_append(q, one);
}

enum sleepq_error sleepq_push(struct sleepq *q, const struct mqtt_packet *p, msec now,
                              const struct sleepq_limits *limits, struct queued_list *victims)
{
    if (!could_fit(q, p->topic.len + p->payload.len, limits))
        return SLEEPQ_FULL;
    struct queued *one = queued_new(p, now);
    if (!one)
        return SLEEPQ_NO_MEMORY;
    take_in(q, one, limits, victims);
    return SLEEPQ_OK;
}

enum sleepq_error sleepq_insert(struct sleepq *q, struct queued *one,
                                const struct sleepq_limits *limits, struct queued_list *victims)
{
    if (!could_fit(q, queued_size(one), limits))
        return SLEEPQ_FULL;
    take_in(q, one, limits, victims);
    return SLEEPQ_OK;
}

const struct queued *sleepq_first(const struct sleepq *q)
{
    return STAILQ_FIRST(&q->list);
}

struct queued *sleepq_pop(struct sleepq *q)
{
    struct queued *one = STAILQ_FIRST(&q->list);
    if (!one)
        return NULL;
    STAILQ_REMOVE_HEAD(&q->list, next);
    uncount(q, one);
    return one;
}

struct queued *sleepq_last(const struct sleepq *q)
{
    char *link = (char *)q->list.stqh_last; /* the `next` of the last one */
    return q->count > 0 ? (struct queued *)(void *)(link - offsetof(struct queued, next)) : NULL;
}
