/* sessionless.c -- messages from addresses without a session.
 *
 * A device whose gateway was restarted must learn that its session is gone, so requests of strangers are answered
 * with DISCONNECT; but whoever sends from ten thousand forged addresses must not get ten thousand answers, nor leave
 * anything behind. A fixed table of hashes bounds both; two sources that share a place only hush each other for a
 * second. */
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

bool sessionless_may_answer(struct strangers *s, uint32_t source, msec now)
{
    uint32_t second = (uint32_t)(now / 1000) + 1;
    size_t place = source % (sizeof s->told / sizeof s->told[0]);
    if (s->second != second) {
        s->second = second;
        s->answers = 0;
    }
    if (s->answers >= s->limit || (s->told[place].second == second && s->told[place].who == source))
        return false;
    s->told[place].who = source;
    s->told[place].second = second;
    s->answers++;
    return true;
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
