/* access.c -- what a client may do.
 *
 * Everything a client names goes through here before it goes upstream: topics it publishes to, its will topic too,
 * and filters it subscribes to. The answer to "may not" is always "rejected: not supported", so that it does not
 * look like a passing congestion (SN-PUB-9, SN-REG-5, SN-SUB-6). */
#include "gateway/core/access.h"

#include "mqtt/topic.h"
#include "mqttsn/version.h"

enum { CLIENT_ID_1_2_MAX = 23 };

enum mqttsn_return_code access_admit(const struct access *a, const struct limits *l,
                                     const struct mqttsn_message *m)
{
    size_t longest = a->strict_client_id ? CLIENT_ID_1_2_MAX : l->max_client_id;
    bool good_id = m->tail.len > 0 && m->tail.len <= longest && utf8_valid(m->tail) &&
                   topic_portable(m->tail); /* brokers close the connection over control characters */
    bool good = m->protocol_id == MQTTSN_PROTOCOL_ID && good_id && a->allow &&
                !(m->duration == 0 && a->reject_zero_keepalive);
    return good ? MQTTSN_ACCEPTED : MQTTSN_NOT_SUPPORTED;
}

/* A pattern is expanded only when it must be: most have no {client}. One too long for the room permits nothing. */
static struct span expanded(const char *pattern, struct span client_id, uint8_t *room, size_t size)
{
    if (!strchr(pattern, '{'))
        return span_text(pattern);
    struct writer w = writer_of(room, size);
    topic_expand(span_text(pattern), client_id, &w);
    return span_of(room, w.failed ? 0 : size - w.left);
}

enum { EXPANDED_MAX = 2048 };

static bool permitted(const struct access_filters *f, struct span client_id, struct span topic,
                      bool (*test)(struct span filter, struct span topic))
{
    uint8_t room[EXPANDED_MAX];
    if (!f->list)
        return true;
    for (size_t i = 0; i < f->count; i++) {
        struct span filter = expanded(f->list[i], client_id, room, sizeof room);
        if (filter.len > 0 && test(filter, topic))
            return true;
    }
    return false;
}

bool access_publish(const struct access *a, struct span client_id, struct span topic)
{
    return permitted(&a->publish, client_id, topic, topic_matches);
}

bool access_subscribe(const struct access *a, struct span client_id, struct span filter)
{
    return permitted(&a->subscribe, client_id, filter, topic_filter_covers);
}

msec access_patience(const struct access *a, uint16_t duration_s)
{
    msec duration = (msec)duration_s * 1000;
    if (a->tolerance == ACCESS_SPEC && duration_s > 60)
        return duration + duration / 10;
    return duration + duration / 2;
}
