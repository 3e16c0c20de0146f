/* session_topics.c -- what a topic id of a client stands for (MQTT-SN 1.2, section 6.5; SN-TOP).
 *
 * Three kinds of id name a topic: normal ones that are given out, predefined ones of the settings, and two characters
 * that are the name. All procedures ask here. */
#include "gateway/core/session_rules.h"

#include "mqtt/topic.h"

struct span session_short_name(uint16_t topic_id, struct actions *out)
{
    out->short_name[0] = (uint8_t)(topic_id >> 8);
    out->short_name[1] = (uint8_t)topic_id;
    return span_of(out->short_name, sizeof out->short_name);
}

bool session_short_valid(uint16_t topic_id, struct actions *out)
{
    struct span name = session_short_name(topic_id, out);
    return topic_name_valid(name) && topic_portable(name);
}

/* Ids that are predefined for this client stay out of the way of normal ones (SN-TOP-8). */
static bool id_is_predefined(const void *context, uint16_t id)
{
    const struct session *s = context;
    return predefined_find(s->predefined, (const char *)s->client_id.at, id) != NULL;
}

struct topic *session_new_topic(struct session *s, struct span name)
{
    return registry_add(&s->topics, name, s->common->limits->topics, id_is_predefined, s);
}

/* Found once, the expanded name stays in the registry: later messages need no search and no copy. */
struct span session_predefined_name(struct session *s, uint16_t id)
{
    enum { EXPANDED_MAX = 4096, REMEMBERED_MAX = 65534 };
    uint8_t room[EXPANDED_MAX];
    struct writer w = writer_of(room, sizeof room);
    struct topic *known = registry_find_id(&s->topics.predefined, id);
    if (known)
        return known->name;
    const char *client = (const char *)s->client_id.at;
    const char *pattern = predefined_find(s->predefined, client, id);
    if (!pattern)
        pattern = predefined_find(s->common->predefined, client, id);
    if (!pattern)
        return (struct span){ 0 };
    topic_expand(span_text(pattern), s->client_id, &w);
    known = w.failed ? NULL
                     : registry_remember(&s->topics, id, span_of(room, sizeof room - w.left),
                                         REMEMBERED_MAX);
    return known ? known->name : (struct span){ 0 };
}
