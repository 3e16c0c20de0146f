/* kill_hear.c -- what the device of kill_node.h does about what it hears, and what it must never hear.
 *
 * The restart of a gateway is invisible (design rule 4), so a DISCONNECT that answers none of its own, a topic id that
 * it was never told, and an id of its own that is no longer good are faults, said where they happen. A copy of an
 * answer that came before is not one: both sides repeat what the air may have lost. */
#include "tests/system/kill_inside.h"

#include <string.h>

enum { CONGESTED_MS = 250 };

static void answers(struct kill_node *n, struct mqttsn_message m)
{
    kill_node_sends(n, &m);
}

static void blames(struct kill_node *n, const struct mqttsn_message *m, const char *what)
{
    ledger_blames(&n->plan->ledger, "%s hears %s, topic id %u, message id %u, return code %u: %s",
                  n->id, mqttsn_type_name(m->type), m->topic_id, m->message_id, m->return_code, what);
}

static bool is_answer(const struct kill_node *n, const struct mqttsn_message *m, enum kill_step step)
{
    return n->step == step && n->request.message_id == m->message_id;
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

/* True: accepted. What was refused for congestion is tried again, anything else is a fault. */
static bool is_accepted(struct kill_node *n, const struct mqttsn_message *m, msec now)
{
    if (m->return_code == MQTTSN_ACCEPTED)
        return true;
    if (m->return_code == MQTTSN_CONGESTION)
        n->refused++;
    else
        blames(n, m, "what was good before is refused");
    kill_node_rests(n, now);
    n->due += CONGESTED_MS;
    return false;
}

static void take_connack(struct kill_node *n, const struct mqttsn_message *m, msec now)
{
    if (n->step != KILL_CONNECTING)
        return;
    if (is_accepted(n, m, now))
        kill_node_rests(n, now);
    else
        n->step = KILL_ABSENT; /* it asks again */
}

static void learns(struct kill_node *n, uint16_t id, struct span name)
{
    size_t i = 0;
    while (i < n->topic_count && n->topics[i].id != id)
        i++;
    if (i == KILL_TOPICS) {
        ledger_blames(&n->plan->ledger, "%s is told more topic ids than there are topics", n->id);
        return;
    }
    n->topic_count += i == n->topic_count;
    n->topics[i].id = id;
    snprintf(n->topics[i].name, sizeof n->topics[i].name, "%.*s", (int)name.len,
             (const char *)name.at);
}

static void take_regack(struct kill_node *n, const struct mqttsn_message *m, msec now)
{
    if (!is_answer(n, m, KILL_REGISTERING) || !is_accepted(n, m, now))
        return;
    learns(n, m->topic_id, span_text(n->up[n->registered++]->topic));
    kill_node_rests(n, now);
}

static void take_suback(struct kill_node *n, const struct mqttsn_message *m, msec now)
{
    if (!is_answer(n, m, KILL_SUBSCRIBING) || !is_accepted(n, m, now))
        return;
    n->subscribed++;
    if (!n->manner.wildcard)
        learns(n, m->topic_id, span_text(n->topic));
    kill_node_rests(n, now);
}

static void was_told(struct kill_node *n, msec now)
{
    ledger_accepts(&n->plan->ledger, n->telling);
    n->telling = NULL;
    kill_node_rests(n, now);
}

static void take_puback(struct kill_node *n, const struct mqttsn_message *m, msec now)
{
    if (!is_answer(n, m, KILL_TELLING) || !is_accepted(n, m, now))
        return;
    if (n->request.qos == 2)
        blames(n, m, "that is no answer to QoS 2");
    else
        was_told(n, now);
}

static void take_step_of_two(struct kill_node *n, const struct mqttsn_message *m, msec now)
{
    if (m->type == MQTTSN_PUBREC && is_answer(n, m, KILL_TELLING))
        kill_node_releases(n, now);
    else if (m->type == MQTTSN_PUBCOMP && is_answer(n, m, KILL_RELEASING))
        was_told(n, now);
}

/* A clean session begins with nothing. */
static void begins_again(struct kill_node *n, msec now)
{
    n->dismissed += n->step == KILL_AWAKE;
    if (n->step == KILL_AWAKE && n->manner.clean)
        n->registered = n->subscribed = n->topic_count = 0;
    kill_node_rests(n, now);
    n->step = KILL_ABSENT;
}

static void take_disconnect(struct kill_node *n, const struct mqttsn_message *m, msec now)
{
    bool may_be = n->plan->may_dismiss && (n->step == KILL_AWAKE || n->step == KILL_ABSENT);
    if (n->partings == 0 && may_be)
        begins_again(n, now);
    else if (n->partings == 0)
        blames(n, m, "it is told to connect again");
    if (n->partings == 0)
        return;
    n->partings--;
    if (n->step == KILL_LEAVING)
        kill_node_naps(n, now);
}

/* ---- messages for it --------------------------------------------------------------------------------------------- */

static void take_register(struct kill_node *n, const struct mqttsn_message *m)
{
    learns(n, m->topic_id, m->tail);
    answers(n, (struct mqttsn_message){
                   .type = MQTTSN_REGACK, .topic_id = m->topic_id, .message_id = m->message_id });
}

static struct lane *lane_of(const struct kill_node *n, const struct mqttsn_message *m)
{
    for (size_t i = 0; i < n->topic_count; i++)
        for (size_t k = 0; k < KILL_QOS; k++)
            if (n->topics[i].id == m->topic_id && n->down[k] &&
                strcmp(n->topics[i].name, n->down[k]->topic) == 0)
                return n->down[k];
    return NULL;
}

/* False: it has this QoS 2 message already. */
static bool opens(struct kill_node *n, const struct mqttsn_message *m)
{
    size_t free_place = KILL_OPEN;
    for (size_t i = 0; i < KILL_OPEN; i++) {
        if (n->open[i] == m->message_id)
            return false;
        if (n->open[i] == 0)
            free_place = i;
    }
    if (free_place == KILL_OPEN)
        blames(n, m, "too many QoS 2 messages are open");
    else
        n->open[free_place] = m->message_id;
    return true;
}

static void take_publish(struct kill_node *n, const struct mqttsn_message *m)
{
    struct lane *one = lane_of(n, m);
    if (!one || one->qos != m->qos) {
        blames(n, m, one ? "it was published at another QoS" : "it was never told this topic id");
        return;
    }
    if (m->qos == 1 || opens(n, m))
        ledger_receives(&n->plan->ledger, one, m->tail);
    if (m->qos == 1)
        answers(n, (struct mqttsn_message){
                       .type = MQTTSN_PUBACK, .topic_id = m->topic_id, .message_id = m->message_id });
    else
        answers(n, (struct mqttsn_message){ .type = MQTTSN_PUBREC, .message_id = m->message_id });
}

static void take_pubrel(struct kill_node *n, const struct mqttsn_message *m)
{
    for (size_t i = 0; i < KILL_OPEN; i++)
        if (n->open[i] == m->message_id)
            n->open[i] = 0;
    answers(n, (struct mqttsn_message){ .type = MQTTSN_PUBCOMP, .message_id = m->message_id });
}

/* ---- the way in -------------------------------------------------------------------------------------------------- */

static void take_answer(struct kill_node *n, const struct mqttsn_message *m, msec now)
{
    switch (m->type) {
    case MQTTSN_CONNACK:
        take_connack(n, m, now);
        break;
    case MQTTSN_REGACK:
        take_regack(n, m, now);
        break;
    case MQTTSN_SUBACK:
        take_suback(n, m, now);
        break;
    case MQTTSN_PUBACK:
        take_puback(n, m, now);
        break;
    case MQTTSN_PUBREC:
    case MQTTSN_PUBCOMP:
        take_step_of_two(n, m, now);
        break;
    case MQTTSN_PINGRESP:
        if (n->step == KILL_AWAKE)
            kill_node_naps(n, now);
        break;
    default:
        blames(n, m, "which no gateway sends here");
    }
}

/* The radio of a sleeper is off. */
void kill_node_hears(struct kill_node *n, struct span frame, msec now)
{
    struct mqttsn_message m;
    if (n->step == KILL_ASLEEP)
        return;
    if (mqttsn_decode(frame, &m) != MQTTSN_OK)
        ledger_blames(&n->plan->ledger, "%s hears malformed bytes", n->id);
    else if (m.type == MQTTSN_PUBLISH)
        take_publish(n, &m);
    else if (m.type == MQTTSN_PUBREL)
        take_pubrel(n, &m);
    else if (m.type == MQTTSN_REGISTER)
        take_register(n, &m);
    else if (m.type == MQTTSN_DISCONNECT)
        take_disconnect(n, &m, now);
    else
        take_answer(n, &m, now);
}
