/* kill_node.c -- what the device of kill_node.h does by itself: one request at a time, sent until it is answered.
 *
 * The order of its life is in does_next: CONNECT, its two topics, its filters, then messages. A sleeper tells a few,
 * says DISCONNECT with a duration and switches the radio off; it wakes with PINGREQ, or with CONNECT to tell more. A
 * message that is refused for congestion goes on under its own message id, because it is still the same message. */
#include "tests/system/kill_node.h"
#include "tests/system/kill_inside.h"
#include "tests/xorshift.h"

#include <string.h>

enum { KEEP_ALIVE_S = 60, SLEEP_S = 20, TELLS_BEFORE_SLEEP = 3, PROTOCOL_ID = 1 };

static struct lane *new_lane(struct kill_node *n, const char *way, uint8_t qos)
{
    char topic[2 * LANE_NAME];
    snprintf(topic, sizeof topic, "%s/%s/%u", way, n->id, qos);
    return ledger_lane(&n->plan->ledger, topic, strcmp(way, "up") == 0 ? "world" : n->id, qos);
}

void kill_node_init(struct kill_node *n, size_t index, struct kill_plan *plan,
                    struct kill_manner manner, uint64_t seed)
{
    *n = (struct kill_node){ .index = index, .plan = plan, .manner = manner, .chance = seed };
    snprintf(n->id, sizeof n->id, "n%zu", index);
    for (size_t i = 0; i < KILL_QOS; i++) {
        if (i == 0 || manner.twice)
            n->up[i] = new_lane(n, "up", (uint8_t)(i + 1));
        if (manner.listens)
            n->down[i] = new_lane(n, "down", (uint8_t)(i + 1));
    }
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

void kill_node_sends(struct kill_node *n, const struct mqttsn_message *m)
{
    uint8_t frame[KILL_FRAME_MAX];
    struct writer w = writer_of(frame, sizeof frame);
    if (mqttsn_encode(m, &w) != MQTTSN_OK) {
        ledger_blames(&n->plan->ledger, "%s cannot say %s", n->id, mqttsn_type_name(m->type));
        return;
    }
    n->plan->send(n->plan->context, n->index, span_of(frame, sizeof frame - w.left));
}

static void asks(struct kill_node *n, enum kill_step step, struct mqttsn_message m, msec now)
{
    n->step = step;
    n->request = m;
    n->due = now + n->plan->retry;
    kill_node_sends(n, &n->request);
}

static void asks_again(struct kill_node *n, msec now)
{
    n->request.dup = n->step == KILL_TELLING || n->step == KILL_SUBSCRIBING;
    n->partings += n->step == KILL_LEAVING;
    n->due = now + n->plan->retry;
    kill_node_sends(n, &n->request);
}

static uint16_t next_message_id(struct kill_node *n)
{
    n->message_id = (uint16_t)(n->message_id == UINT16_MAX ? 1 : n->message_id + 1);
    return n->message_id;
}

void kill_node_rests(struct kill_node *n, msec now)
{
    n->step = KILL_RESTING;
    n->due = now + chance_below(&n->chance, n->plan->think + 1);
}

void kill_node_naps(struct kill_node *n, msec now)
{
    msec half = n->plan->nap / 2;
    n->step = KILL_ASLEEP;
    n->told = 0;
    n->due = now + half + chance_below(&n->chance, half + 1);
}

void kill_node_releases(struct kill_node *n, msec now)
{
    asks(n, KILL_RELEASING,
         (struct mqttsn_message){ .type = MQTTSN_PUBREL, .message_id = n->request.message_id }, now);
}

bool kill_plan_wants_more(const struct kill_plan *plan, const struct lane *one)
{
    return !plan->closing && (plan->enough == 0 || one->published < plan->enough);
}

/* ---- what it does next ------------------------------------------------------------------------------------------- */

static void connects(struct kill_node *n, msec now)
{
    asks(n, KILL_CONNECTING,
         (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                  .clean = n->manner.clean,
                                  .protocol_id = PROTOCOL_ID,
                                  .duration = KEEP_ALIVE_S,
                                  .tail = span_text(n->id) },
         now);
}

static void registers(struct kill_node *n, msec now)
{
    asks(n, KILL_REGISTERING,
         (struct mqttsn_message){ .type = MQTTSN_REGISTER,
                                  .message_id = next_message_id(n),
                                  .tail = span_text(n->up[n->registered]->topic) },
         now);
}

static void subscribes(struct kill_node *n, msec now)
{
    if (n->manner.wildcard)
        snprintf(n->topic, sizeof n->topic, "down/%s/#", n->id);
    else
        snprintf(n->topic, sizeof n->topic, "%s", n->down[n->subscribed]->topic);
    asks(n, KILL_SUBSCRIBING,
         (struct mqttsn_message){ .type = MQTTSN_SUBSCRIBE,
                                  .qos = 2,
                                  .message_id = next_message_id(n),
                                  .tail = span_text(n->topic) },
         now);
}

static void leaves(struct kill_node *n, msec now)
{
    n->partings = 1;
    asks(n, KILL_LEAVING, (struct mqttsn_message){ .type = MQTTSN_DISCONNECT, .duration = SLEEP_S },
         now);
}

static uint16_t id_of(const struct kill_node *n, const char *topic)
{
    for (size_t i = 0; i < n->topic_count; i++)
        if (strcmp(n->topics[i].name, topic) == 0)
            return n->topics[i].id;
    return 0;
}

static bool has_more_to_tell(const struct kill_node *n)
{
    return kill_plan_wants_more(n->plan, n->up[0]) ||
           (n->manner.twice && kill_plan_wants_more(n->plan, n->up[1]));
}

static void tells(struct kill_node *n, msec now)
{
    size_t which = n->manner.twice ? chance_below(&n->chance, KILL_QOS) : 0;
    n->telling = n->up[kill_plan_wants_more(n->plan, n->up[which]) ? which : 1 - which];
    ledger_publishes(n->telling, n->text);
    n->told++;
    asks(n, KILL_TELLING,
         (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                  .qos = n->telling->qos,
                                  .topic_id = id_of(n, n->telling->topic),
                                  .message_id = next_message_id(n),
                                  .tail = span_text(n->text) },
         now);
}

static void tells_again(struct kill_node *n, msec now)
{
    n->step = KILL_TELLING;
    asks_again(n, now);
}

static size_t filters(const struct kill_node *n)
{
    if (!n->manner.listens)
        return 0;
    return n->manner.wildcard ? 1 : KILL_QOS;
}

static void does_active(struct kill_node *n, msec now)
{
    if (n->registered < (n->manner.twice ? KILL_QOS : 1U))
        registers(n, now);
    else if (n->subscribed < filters(n))
        subscribes(n, now);
    else if (n->telling)
        tells_again(n, now);
    else if (n->manner.sleeps && (!has_more_to_tell(n) || n->told >= TELLS_BEFORE_SLEEP))
        leaves(n, now);
    else if (has_more_to_tell(n))
        tells(n, now);
    else
        n->due = MSEC_NEVER; /* it listens */
}

static void wakes(struct kill_node *n, msec now)
{
    bool speaks = !n->manner.clean && !n->plan->closing && chance_below(&n->chance, 2) == 0;
    n->naps++;
    if (speaks)
        connects(n, now);
    else
        asks(n, KILL_AWAKE,
             (struct mqttsn_message){ .type = MQTTSN_PINGREQ, .tail = span_text(n->id) }, now);
}

void kill_node_tick(struct kill_node *n, msec now)
{
    if (n->step == KILL_ABSENT)
        connects(n, now);
    else if (n->step == KILL_RESTING)
        does_active(n, now);
    else if (n->step == KILL_ASLEEP)
        wakes(n, now);
    else
        asks_again(n, now);
}

bool kill_node_may_be_told(const struct kill_node *n)
{
    return n->manner.listens && n->subscribed == filters(n);
}

bool kill_node_is_idle(const struct kill_node *n)
{
    for (size_t i = 0; i < KILL_OPEN; i++)
        if (n->open[i] != 0)
            return false;
    return !n->telling;
}
