/* sleepq.h -- messages from the broker that wait for one client (MQTT-SN 1.2, section 6.14; SN-SLP-11).
 *
 * They wait while the client sleeps, while it is away with a kept session, and behind the one message in flight. */
#pragma once

#include "mqtt/client.h"

#include <sys/queue.h>

struct queued {
    STAILQ_ENTRY(queued) next;
    msec since;
    uint32_t receipt; /* the arrival it answers for; 0 at QoS 0 */
    uint8_t qos;
    bool retain;
    uint16_t topic_len;
    uint32_t payload_len;
    uint8_t bytes[]; /* topic, then payload */
};

static inline struct span queued_topic(const struct queued *q)
{
    return span_of(q->bytes, q->topic_len);
}

static inline struct span queued_payload(const struct queued *q)
{
    return span_of(q->bytes + q->topic_len, q->payload_len);
}

struct sleepq {
    STAILQ_HEAD(queued_list, queued) list;
    uint32_t count;
    size_t bytes;
};

struct sleepq_limits {
    uint32_t messages;
    size_t bytes;
};

enum sleepq_error { SLEEPQ_OK, SLEEPQ_FULL, SLEEPQ_NO_MEMORY };

void sleepq_init(struct sleepq *q);

/* Adds a copy of the PUBLISH `p` at the end. When that is over `messages` or `bytes`, the oldest QoS 0 messages go
 * first: *dropped says how many. SLEEPQ_FULL: no room even so, *dropped is 0 and nothing changed. */
MUST_CHECK enum sleepq_error sleepq_push(struct sleepq *q, const struct mqtt_packet *p, msec now,
                                         const struct sleepq_limits *limits, uint32_t *dropped);

/* The first one, still in the queue; NULL when empty. */
const struct queued *sleepq_first(const struct sleepq *q);

/* The first one, now the caller's to free(); NULL when empty. */
struct queued *sleepq_pop(struct sleepq *q);
