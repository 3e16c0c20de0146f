/* sim_node_steps.c -- what a simulated node does next.
 *
 * That is a function of how far the node has come (`stage`), of its client's state and of the time, so there is no
 * script: after every event the next step is worked out anew.
 *
 * A sleeper's receiver is off except when it polls, which it does while it is awake. When messages are due as it wakes
 * it connects, for only an active client may publish; else it asks what waits for it. */
#include "tools/sim_node_steps.h"

#include <stdio.h>

enum {
    NAME_MAX = 200,
    RADIUS = 1,
    LINGER_MS = 1000 /* a sleeper stays awake so long for what the gateway still has */
};

static msec interval(const struct sim_node *n)
{
    bool endless = n->plan->interval_ms == 0 && n->sleeper; /* it would never sleep */
    return endless ? (msec)n->plan->sleep_s * 1000 : n->plan->interval_ms;
}

msec sim_node_publish_at(const struct sim_node *n)
{
    bool waits = n->plan->qos == 0 && n->in_air > 0; /* nobody answers: the air itself sets the pace */
    if (sim_node_finished(n) || n->ready_at == MSEC_NEVER || waits)
        return MSEC_NEVER;
    msec due = n->ready_at + n->acknowledged * interval(n);
    return due > n->pause_until ? due : n->pause_until;
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static enum sn_error search(struct sim_node *n, msec now, struct sn_turn *t)
{
    return mqttsn_client_search(n->client, RADIUS, now, t);
}

/* One that wakes to publish keeps what it set up, unless its sessions are clean ones. */
static enum sn_error join(struct sim_node *n, msec now, struct sn_turn *t)
{
    if (mqttsn_client_state(n->client) == SN_ASLEEP) {
        n->progress_at = now;
        n->stage = n->plan->clean ? STAGE_CONNECT : n->stage;
    }
    return mqttsn_client_connect(n->client, now, t);
}

static struct span topic_name(const struct sim_node *n, const char *end, char *room)
{
    snprintf(room, NAME_MAX, "%s/%s/%s", n->plan->topic, n->id, end);
    return span_text(room);
}

static enum sn_error ask_for_id(struct sim_node *n, msec now, struct sn_turn *t)
{
    char name[NAME_MAX];
    return mqttsn_client_register(n->client, topic_name(n, "up", name), now, t);
}

static enum sn_error subscribe(struct sim_node *n, msec now, struct sn_turn *t)
{
    char name[NAME_MAX];
    const struct sn_topic topic = { MQTTSN_NORMAL, .name = topic_name(n, "down", name) };
    return mqttsn_client_subscribe(n->client, &topic, n->plan->qos, now, t);
}

static size_t write_payload(const struct sim_node *n, uint32_t sequence, char *room)
{
    size_t text = (size_t)snprintf(room, SIM_NODE_FRAME, "%s %u", n->name, (unsigned)sequence);
    size_t len = text > n->plan->size ? text : n->plan->size;
    if (len > SIM_NODE_FRAME)
        len = SIM_NODE_FRAME;
    memset(room + text, '.', len - text);
    if (len > text)
        room[text] = ' ';
    return len;
}

static enum sn_error publish(struct sim_node *n, msec now, struct sn_turn *t)
{
    char payload[SIM_NODE_FRAME];
    uint32_t sequence = n->acknowledged + 1;
    size_t len = write_payload(n, sequence, payload);
    bool predefined = n->plan->predefined > 0;
    const struct sn_publish p = {
        .topic = { predefined ? MQTTSN_PREDEFINED : MQTTSN_NORMAL,
                   predefined ? n->plan->predefined : n->topic_id },
        .data = span_of(payload, len),
        .qos = n->plan->qos,
    };
    enum sn_error e = mqttsn_client_publish(n->client, &p, now, t);
    if (e == SN_OK && n->published < sequence) {
        n->published = sequence;
        n->counts->published++;
        n->progress_at = now;
    }
    return e;
}

static enum sn_error fall_asleep(struct sim_node *n, msec now, struct sn_turn *t)
{
    return mqttsn_client_sleep(n->client, n->plan->sleep_s, now, t);
}

static enum sn_error wake(struct sim_node *n, msec now, struct sn_turn *t)
{
    n->progress_at = now;
    return mqttsn_client_wake(n->client, now, t);
}

/* ---- which one is next ------------------------------------------------------------------------------------------- */

static struct sim_next next_when_active(const struct sim_node *n)
{
    if (n->stage == STAGE_REGISTER)
        return (struct sim_next){ n->pause_until, ask_for_id };
    if (n->stage == STAGE_SUBSCRIBE)
        return (struct sim_next){ n->pause_until, subscribe };
    msec due = sim_node_publish_at(n), tired = n->sleeper ? n->heard_at + LINGER_MS : MSEC_NEVER;
    return due <= tired ? (struct sim_next){ due, publish } : (struct sim_next){ tired, fall_asleep };
}

struct sim_next sim_node_next(const struct sim_node *n)
{
    if (n->stage != STAGE_OFF && !mqttsn_client_busy(n->client)) {
        switch (mqttsn_client_state(n->client)) {
        case SN_DISCONNECTED:
        case SN_LOST:
            return (struct sim_next){ n->pause_until, n->stage == STAGE_SEARCH ? search : join };
        case SN_ACTIVE:
            return next_when_active(n);
        case SN_ASLEEP:
            return (struct sim_next){ n->wake_at, sim_node_publish_at(n) <= n->wake_at ? join : wake };
        case SN_CONNECTING:
        case SN_AWAKE:
        case SN_STATES:
            break;
        }
    }
    return (struct sim_next){ MSEC_NEVER, NULL };
}
