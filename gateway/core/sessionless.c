/* sessionless.c -- messages from addresses without a session.
 *
 * A device whose gateway was restarted must learn that its session is gone, so requests of strangers are answered
 * with DISCONNECT, and nothing else of them is. Only QoS -1 goes further: it needs no session, so it can carry no more
 * than a topic that everybody means the same by. Nothing of a stranger is kept; how often and how much he is answered
 * is bounded by guard.c. */
#include "gateway/core/sessionless.h"

#include "mqtt/topic.h"

bool sessionless_wants_answer(const struct mqttsn_message *m)
{
    switch (m->type) {
    case MQTTSN_REGISTER:
    case MQTTSN_SUBSCRIBE:
    case MQTTSN_UNSUBSCRIBE:
    case MQTTSN_PINGREQ:
    case MQTTSN_DISCONNECT:
    case MQTTSN_WILLTOPICUPD:
    case MQTTSN_WILLMSGUPD:
    case MQTTSN_PUBREL:
        return true;
    case MQTTSN_PUBLISH:
        return m->qos != MQTTSN_QOS_MINUS_ONE;
    default: /* acknowledgements and the rest are dropped in silence */
        return false;
    }
}

bool sessionless_split(const struct mqttsn_message *m, struct span *topic, struct span *payload)
{
    struct reader r = reader_of(m->tail);
    *topic = read_span(&r, m->topic_id);
    *payload = read_rest(&r);
    return !r.failed && topic_name_valid(*topic) && topic_portable(*topic);
}

/* Nobody can say whose topic one with {client} would be. */
static struct span common_name(const struct predefined *p, uint16_t id)
{
    const char *name = predefined_find(p, "", id);
    return name && !strstr(name, "{client}") ? span_text(name) : (struct span){ 0 };
}

static struct span short_name(uint16_t id, uint8_t two[2])
{
    struct span name = span_of(two, 2);
    two[0] = (uint8_t)(id >> 8);
    two[1] = (uint8_t)id;
    return topic_name_valid(name) && topic_portable(name) ? name : (struct span){ 0 };
}

bool sessionless_publish(const struct predefined *p, const struct minus_one *may,
                         const struct mqttsn_message *m, uint8_t two[2], struct mqtt_packet *out)
{
    *out = (struct mqtt_packet){ .type = MQTT_PUBLISH,
                                 .retain = m->retain && may->retain,
                                 .payload = m->tail };
    if (m->topic_id_type == MQTTSN_PREDEFINED)
        out->topic = common_name(p, m->topic_id);
    else if (m->topic_id_type == MQTTSN_SHORT)
        out->topic = short_name(m->topic_id, two);
    else if (m->topic_id_type == MQTTSN_NORMAL && may->long_topic)
        return sessionless_split(m, &out->topic, &out->payload);
    return out->topic.at != NULL;
}
