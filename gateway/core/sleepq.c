/* sleepq.c -- messages from the broker that wait for one client.
 *
 * A client that sleeps hears nothing, so its messages wait here and are handed over one by one after its PINGREQ. The
 * queue is bounded in messages and in octets: a node that never wakes must not eat the gateway. When it is full the
 * oldest QoS 0 message goes first, because a QoS 1 message has a sender who counts on it. The queue neither sends nor
 * acknowledges; the session does. */
#include "gateway/core/sleepq.h"

#include <stdlib.h>

void sleepq_init(struct sleepq *q)
{
    STAILQ_INIT(&q->list);
    q->count = 0;
    q->bytes = 0;
}

static size_t queued_size(const struct queued *q)
{
    return (size_t)q->topic_len + q->payload_len;
}

static bool fits(const struct sleepq *q, size_t size, uint32_t gone, size_t gone_bytes,
                 const struct sleepq_limits *l)
{
    return q->count - gone < l->messages && q->bytes - gone_bytes + size <= l->bytes;
}

/* How many of the oldest QoS 0 messages must go for `size` more octets; false when not even all of them are enough. */
static bool victims_needed(const struct sleepq *q, size_t size, const struct sleepq_limits *l,
                           uint32_t *victims)
{
    const struct queued *one;
    uint32_t gone = 0;
    size_t gone_bytes = 0;
    STAILQ_FOREACH(one, &q->list, next) {
        if (fits(q, size, gone, gone_bytes, l))
            break;
        if (one->qos == 0) {
            gone++;
            gone_bytes += queued_size(one);
        }
    }
    *victims = gone;
    return fits(q, size, gone, gone_bytes, l);
}

static void remove_victims(struct sleepq *q, uint32_t victims)
{
    struct queued *one = STAILQ_FIRST(&q->list);
    while (victims > 0 && one) {
        struct queued *behind = STAILQ_NEXT(one, next);
        if (one->qos == 0) {
            STAILQ_REMOVE(&q->list, one, queued, next);
            q->count--;
            q->bytes -= queued_size(one);
            free(one);
            victims--;
        }
        one = behind;
    }
}

static struct queued *queued_copy(const struct mqtt_packet *p, msec now)
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

enum sleepq_error sleepq_push(struct sleepq *q, const struct mqtt_packet *p, msec now,
                              const struct sleepq_limits *limits, uint32_t *dropped)
{
    uint32_t victims = 0;
    size_t size = p->topic.len + p->payload.len;
    *dropped = 0;
    if (!victims_needed(q, size, limits, &victims))
        return SLEEPQ_FULL;
    struct queued *one = queued_copy(p, now);
    if (!one)
        return SLEEPQ_NO_MEMORY;
    remove_victims(q, victims);
    *dropped = victims;
    STAILQ_INSERT_TAIL(&q->list, one, next);
    q->count++;
    q->bytes += size;
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
    q->count--;
    q->bytes -= queued_size(one);
    return one;
}
