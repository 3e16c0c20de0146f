/* sleepq.h -- messages from the broker that wait for one client (MQTT-SN 1.2, section 6.14; SN-SLP-11).
 *
 * They wait while the client sleeps, while it is away with a kept session, and behind the one message in flight. */
#pragma once

#include "mqtt/client.h"

#include <sys/queue.h>

/* How far the handshake of a kept message got, for the next run to go on from there. */
enum queued_phase {
    QUEUED_WAITING,
    QUEUED_SENT,    /* it may have been, under message_id */
    QUEUED_RELEASED /* QoS 2: PUBREL may have been */
};

struct queued {
    STAILQ_ENTRY(queued) next;
    msec since;
    uint64_t row;     /* on disk; 0 = it is not */
    uint64_t ticket;  /* of the store: when it is safe there as it stands now */
    uint32_t receipt; /* the arrival it answers for; 0 at QoS 0, and when we have taken it over */
    uint8_t qos;
    uint8_t phase; /* enum queued_phase */
    bool retain;
    bool up;             /* on its way to the broker */
    bool dup;            /* it may have been sent by an earlier run */
    uint16_t message_id; /* of its handshake: MQTT-SN's, or the broker connection's packet id */
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
    uint32_t count, loose; /* loose: of QoS 0 among them */
    size_t bytes;
};

struct sleepq_limits {
    uint32_t messages;
    size_t bytes;
    bool drop_oldest; /* when QoS 0 is not enough, the oldest of any QoS go */
};

enum sleepq_error { SLEEPQ_OK, SLEEPQ_FULL, SLEEPQ_NO_MEMORY };

void sleepq_init(struct sleepq *q);

/* A copy of the PUBLISH `p`; NULL: no memory. */
MUST_CHECK struct queued *queued_new(const struct mqtt_packet *p, msec now);

/* Adds a copy of the PUBLISH `p` at the end. When that is over `messages` or `bytes`, the oldest QoS 0 messages go
 * first, moved to the end of `victims`. SLEEPQ_FULL: no room even so, and nothing changed. */
MUST_CHECK enum sleepq_error sleepq_push(struct sleepq *q, const struct mqtt_packet *p, msec now,
                                         const struct sleepq_limits *limits,
                                         struct queued_list *victims);

/* The same with a message that is there already: the queue's from SLEEPQ_OK on. */
MUST_CHECK enum sleepq_error sleepq_insert(struct sleepq *q, struct queued *one,
                                           const struct sleepq_limits *limits,
                                           struct queued_list *victims);

/* Would another of `size` octets be within the limits as things stand? */
bool sleepq_fits(const struct sleepq *q, size_t size, const struct sleepq_limits *limits);

/* Without a limit: `one` is the queue's now. */
void sleepq_append(struct sleepq *q, struct queued *one);

/* Takes one out of its place; it is the caller's now. */
void sleepq_remove(struct sleepq *q, struct queued *one);

/* The one added last; NULL when empty. */
struct queued *sleepq_last(const struct sleepq *q);

/* The first one, still in the queue; NULL when empty. */
const struct queued *sleepq_first(const struct sleepq *q);

/* The first one, now the caller's to free(); NULL when empty. */
struct queued *sleepq_pop(struct sleepq *q);
