/* client_arrivals.c -- the last QoS 2 messages that a client took.
 *
 * Between PUBLISH and PUBREL the message id alone tells a copy, as in MQTT. But the air also doubles a PUBLISH and
 * brings the second one after the PUBREL, when the gateway may have begun to use the id again. So a message is
 * remembered beyond its release, and then only one that says the same is a copy of it: with DUP, or soon after.
 *
 * Sixteen places in a ring are far more than the one delivery that a gateway has open at a time, and one that a gateway
 * never releases is forgotten by itself. */
#include "mqttsn/client_arrivals.h"

static struct client_arrival *find(struct client_arrivals *a, uint16_t message_id)
{
    for (size_t i = 0; i < CLIENT_ARRIVALS; i++)
        if (a->list[i].message_id == message_id && message_id != 0)
            return &a->list[i];
    return NULL;
}

/* FNV-1a over what the message is about and says. */
static uint32_t digest_of(const struct mqttsn_message *m)
{
    uint32_t digest = 2166136261U ^ (uint32_t)m->topic_id << 2 ^ m->topic_id_type;
    for (size_t i = 0; i < m->tail.len; i++)
        digest = (digest ^ m->tail.at[i]) * 16777619U;
    return digest;
}

bool client_arrivals_take(struct client_arrivals *a, const struct mqttsn_message *m, msec now,
                          msec window)
{
    struct client_arrival *known = find(a, m->message_id);
    if (known && !known->released)
        return false;
    uint32_t digest = digest_of(m);
    if (known && known->digest == digest && (m->dup || now - known->released_at < window))
        return false;
    struct client_arrival *place = known ? known : &a->list[a->next++ % CLIENT_ARRIVALS];
    *place = (struct client_arrival){ .message_id = m->message_id, .digest = digest };
    return true;
}

void client_arrivals_release(struct client_arrivals *a, uint16_t message_id, msec now)
{
    struct client_arrival *known = find(a, message_id);
    if (!known || known->released)
        return;
    known->released = true;
    known->released_at = now;
}
