/* sim_node.c -- one simulated MQTT-SN node.
 *
 * mqttsn/client.h speaks the protocol, sim_node_steps.c decides what to want next; this is what happens to the node and
 * how far that brings it. A node that lost its gateway is just one whose stage went back, and the message in hand is
 * always the one after the last acknowledged, however often it has been sent. */
#include "tools/sim_node.h"

#include "tools/sim_node_steps.h"
#include "tools/sim_random.h"

#include <assert.h>
#include <stdio.h>

enum {
    TOPICS_MAX = 8,
    AGAIN_MIN_MS = 500, /* after the gateway was lost, so that not all come back at once */
    AGAIN_MAX_MS = 2000
};

static bool make_client(struct sim_node *n, const char *id)
{
    const struct sim_plan *p = n->plan;
    snprintf(n->id, sizeof n->id, "%s", id);
    const struct sn_settings s = {
        .client_id = span_text(n->id),
        .clean = p->clean,
        .keep_alive_s = p->keep_alive_s,
        .retry_ms = p->retry_ms,
        .retries = p->retries,
        .max_message = SIM_NODE_FRAME,
        .max_topics = TOPICS_MAX,
    };
    n->poll_at = MSEC_NEVER;
    n->client = mqttsn_client_new(&s);
    return n->client != NULL;
}

bool sim_node_init(struct sim_node *n)
{
    n->ready_at = MSEC_NEVER;
    return make_client(n, n->name);
}

void sim_node_clear(struct sim_node *n)
{
    mqttsn_client_free(n->client);
    n->client = NULL;
}

/* ---- what it is -------------------------------------------------------------------------------------------------- */

bool sim_node_connected(const struct sim_node *n)
{
    enum sn_state s = mqttsn_client_state(n->client);
    return s == SN_ACTIVE || s == SN_ASLEEP || s == SN_AWAKE;
}

bool sim_node_finished(const struct sim_node *n)
{
    return n->plan->messages > 0 && n->acknowledged >= n->plan->messages;
}

bool sim_node_stuck(const struct sim_node *n, msec now)
{
    enum sn_state s = mqttsn_client_state(n->client);
    bool wants = n->stage != STAGE_PUBLISH || !sim_node_connected(n) || s == SN_AWAKE ||
                 sim_node_publish_at(n) <= now;
    return n->stage != STAGE_OFF && s != SN_ASLEEP && wants && now > n->progress_at + SIM_STUCK_MS;
}

/* ---- what happens to it ------------------------------------------------------------------------------------------ */

static void settle(struct sim_node *n)
{
    n->ether->settled(n->ether->context, n->index);
}

static void go_on_after(struct sim_node *n, enum sim_stage done, msec now)
{
    n->stage = done + 1;
    if (n->stage == STAGE_REGISTER && n->plan->predefined > 0)
        n->stage++;
    if (n->stage == STAGE_SUBSCRIBE && !n->plan->subscribe)
        n->stage++;
    if (n->stage != STAGE_PUBLISH)
        return;
    if (n->ready_at == MSEC_NEVER)
        n->ready_at = now;
    settle(n);
}

static void begin_again(struct sim_node *n, bool was_connected, msec now)
{
    if (was_connected) {
        n->counts->lost++;
        n->progress_at = now;
    }
    n->stage = n->plan->search ? STAGE_SEARCH : STAGE_CONNECT;
    n->pause_until = now + AGAIN_MIN_MS + sim_random(&n->random) % (AGAIN_MAX_MS - AGAIN_MIN_MS);
    settle(n);
}

static void be_refused(struct sim_node *n, uint8_t code, msec now)
{
    n->counts->rejected++;
    if (code == MQTTSN_INVALID_TOPIC_ID && n->plan->predefined == 0 && n->stage == STAGE_PUBLISH)
        n->stage = STAGE_REGISTER; /* the gateway has forgotten it */
    else
        n->pause_until = now + n->plan->retry_ms;
}

static uint32_t hash(struct span s)
{
    uint32_t h = 2166136261;
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ s.at[i]) * 16777619;
    return h;
}

static void take_message(struct sim_node *n, struct span data)
{
    uint32_t h = hash(data);
    size_t known = n->received < SIM_RECENT ? n->received : SIM_RECENT;
    n->counts->received++;
    for (size_t i = 0; i < known; i++) {
        if (n->recent[i] == h) {
            n->counts->duplicates++;
            return;
        }
    }
    n->recent[n->received++ % SIM_RECENT] = h;
}

static void be_acknowledged(struct sim_node *n)
{
    n->acknowledged++;
    n->counts->acknowledged++;
}

/* Something was asked for and answered. */
static void take_answer(struct sim_node *n, const struct sn_turn *t, msec now)
{
    n->progress_at = now;
    if (t->return_code != MQTTSN_ACCEPTED) {
        be_refused(n, t->return_code, now);
        return;
    }
    if (t->event == SN_REGISTERED)
        n->topic_id = t->topic.id;
    if (t->event == SN_PUBLISHED)
        be_acknowledged(n);
    else if (t->event == SN_REGISTERED || t->event == SN_SUBSCRIBED)
        go_on_after(n, n->stage, now);
    else if (t->event == SN_CONNECTED && n->stage == STAGE_CONNECT)
        go_on_after(n, STAGE_CONNECT, now);
}

static void react(struct sim_node *n, const struct sn_turn *t, bool was_connected, msec now)
{
    switch (t->event) {
    case SN_CONNECTED:
    case SN_REGISTERED:
    case SN_SUBSCRIBED:
    case SN_PUBLISHED:
    case SN_PONG:
        take_answer(n, t, now);
        break;
    case SN_REFUSED:
    case SN_REJECTED:
        be_refused(n, t->return_code, now);
        settle(n);
        break;
    case SN_GATEWAY_FOUND:
    case SN_ADVERTISED:
        if (n->stage == STAGE_SEARCH)
            n->stage = STAGE_CONNECT;
        break;
    case SN_MESSAGE:
        n->progress_at = now;
        take_message(n, t->data);
        break;
    case SN_FELL_ASLEEP:
    case SN_PERIOD_OVER:
        n->progress_at = now;
        n->wake_at = now + (msec)n->plan->sleep_s * 1000;
        break;
    case SN_UNANSWERED:
    case SN_DISMISSED:
        begin_again(n, was_connected, now);
        break;
    default:
        break;
    }
}

/* A turn of the client is over: what it sends goes out, what it tells is acted upon. */
static void finish(struct sim_node *n, const struct sn_turn *t, bool was_connected, msec now)
{
    struct mqttsn_message m;
    if (t->frame_len > 0) {
        struct span frame = span_of(t->frame, t->frame_len);
        bool broadcast = mqttsn_decode(frame, &m) == MQTTSN_OK && m.type == MQTTSN_SEARCHGW;
        n->in_air++;
        n->ether->send(n->ether->context, n->index, frame, broadcast);
    }
    react(n, t, was_connected, now);
}

static void act(struct sim_node *n, msec now)
{
    struct sim_next next = sim_node_next(n);
    if (next.run && next.at <= now) {
        uint8_t room[SIM_NODE_FRAME];
        struct sn_turn t = { .frame = room, .frame_room = sizeof room };
        bool connected = sim_node_connected(n);
        if (next.run(n, now, &t) == SN_OK)
            finish(n, &t, connected, now);
        else
            n->pause_until = now + n->plan->retry_ms;
    }
}

void sim_node_start(struct sim_node *n, msec now)
{
    n->stage = n->plan->search ? STAGE_SEARCH : STAGE_CONNECT;
    n->progress_at = n->heard_at = n->pause_until = now;
    act(n, now);
}

void sim_node_hear(struct sim_node *n, struct span frame, msec now)
{
    if (n->stage == STAGE_OFF)
        return;
    uint8_t room[SIM_NODE_FRAME];
    struct sn_turn t = { .frame = room, .frame_room = sizeof room };
    bool connected = sim_node_connected(n);
    n->heard_at = now;
    mqttsn_client_receive(n->client, frame, now, &t);
    finish(n, &t, connected, now);
    act(n, now);
}

void sim_node_sent(struct sim_node *n, msec now)
{
    assert(n->in_air > 0);
    n->in_air--;
    act(n, now);
}

bool sim_node_become(struct sim_node *n, const char *id, msec now)
{
    struct mqttsn_client *before = n->client;
    if (!make_client(n, id)) {
        n->client = before;
        return false;
    }
    mqttsn_client_free(before);
    sim_node_start(n, now);
    return true;
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

static bool listens(const struct sim_node *n)
{
    return n->stage != STAGE_OFF &&
           (mqttsn_client_state(n->client) != SN_ASLEEP || mqttsn_client_busy(n->client));
}

static void poll_parent(struct sim_node *n, msec now)
{
    if (!n->sleeper || !listens(n)) {
        n->poll_at = MSEC_NEVER;
    } else if (n->poll_at == MSEC_NEVER) {
        n->poll_at = now + SIM_POLL_MS;
    } else if (n->poll_at <= now) {
        n->poll_at = now + SIM_POLL_MS;
        n->ether->poll(n->ether->context, n->index);
    }
}

void sim_node_tick(struct sim_node *n, msec now)
{
    uint8_t room[SIM_NODE_FRAME];
    struct sn_turn t = { .frame = room, .frame_room = sizeof room };
    bool connected = sim_node_connected(n);
    mqttsn_client_tick(n->client, now, &t);
    finish(n, &t, connected, now);
    act(n, now);
    poll_parent(n, now);
}

msec sim_node_deadline(const struct sim_node *n)
{
    if (n->stage == STAGE_OFF)
        return MSEC_NEVER;
    msec first = mqttsn_client_deadline(n->client), next = sim_node_next(n).at;
    first = next < first ? next : first;
    if (!n->sleeper || !listens(n))
        return first;
    if (n->poll_at == MSEC_NEVER)
        return 0; /* it has just begun to listen: the next tick starts the polls */
    return n->poll_at < first ? n->poll_at : first;
}
