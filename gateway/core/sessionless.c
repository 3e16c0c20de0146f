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

bool sessionless_publish(const struct predefined *p, const struct mqttsn_message *m, uint8_t two[2],
                         struct mqtt_packet *out)
{
    struct span topic = { 0 };
    if (m->topic_id_type == MQTTSN_PREDEFINED) {
        const char *name = predefined_find(p, "", m->topic_id);
        if (name && !strstr(name, "{client}")) /* nobody can say whose topic that would be */
            topic = span_text(name);
    } else if (m->topic_id_type == MQTTSN_SHORT) {
        two[0] = (uint8_t)(m->topic_id >> 8);
        two[1] = (uint8_t)m->topic_id;
        if (topic_name_valid(span_of(two, 2)) && topic_portable(span_of(two, 2)))
            topic = span_of(two, 2);
    }
    *out = (struct mqtt_packet){ .type = MQTT_PUBLISH, .topic = topic, .payload = m->tail };
    return topic.at != NULL;
}
