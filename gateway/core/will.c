/* will.c -- the will of one client: topic and message, set together at CONNECT and apart by the update messages. */
#include "gateway/core/will.h"

#include "mqtt/owned.h"
#include "mqtt/topic.h"

#include <stdlib.h>

static bool span_replace(struct span *old, struct span new)
{
    struct span copy;
    if (!span_copy(new, &copy))
        return false;
    span_free(old);
    *old = copy;
    return true;
}

void will_free(struct will *w)
{
    if (!w)
        return;
    span_free(&w->topic);
    span_free(&w->message);
    free(w);
}

bool will_topic_valid(const struct mqttsn_message *m)
{
    return m->qos <= 2 && topic_name_valid(m->tail);
}

bool will_set_topic(struct will **w, const struct mqttsn_message *m)
{
    struct will *one = *w ? *w : calloc(1, sizeof *one);
    if (!one || !span_replace(&one->topic, m->tail)) {
        if (!*w)
            free(one);
        return false;
    }
    one->qos = m->qos;
    one->retain = m->retain;
    *w = one;
    return true;
}

bool will_set_message(struct will *w, struct span message)
{
    return span_replace(&w->message, message);
}

void will_into(const struct will *w, struct mqtt_connect *c)
{
    c->has_will = w != NULL;
    if (w)
        c->will = (struct mqtt_will){ w->topic, w->message, w->qos, w->retain };
}
