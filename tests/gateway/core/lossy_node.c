/* lossy_node.c -- the application of a small device that does not want to lose or to say anything twice.
 *
 * Three duties are a node's own, because no gateway can do them for it. It keeps its session (CleanSession = 0), so
 * that an old CONNECT that comes late wipes nothing. A message that was given up, or refused for congestion, goes on
 * under its own message id and with DUP: under a new one it would be a new message, while a copy of the old one may
 * still be on its way. The next message begins when the one before was accepted. (A fourth, to know a copy of a QoS 2
 * message that comes after its PUBREL, is the client library's.)
 *
 * Some nodes sleep: they tell a few messages, say DISCONNECT with a duration, switch the radio off, wake with PINGREQ
 * once or more, and connect again when they have something to tell. */
#include "tests/gateway/core/lossy_node.h"

#include "mqttsn/client_inside.h"
#include "tests/xorshift.h"

#include <stdio.h>
#include <stdlib.h>

enum { TOPICS = 8, TELLS_BEFORE_SLEEP = 4 };

static struct lane *new_lane(struct lossy_node *n, const char *way, uint8_t qos)
{
    char topic[2 * LANE_NAME];
    bool up = strcmp(way, "up") == 0;
    snprintf(topic, sizeof topic, "%s/%s/%u", way, n->id, qos);
    return ledger_lane(n->ledger, topic, up ? "world" : n->id, qos);
}

void lossy_node_init(struct lossy_node *n, size_t index, const struct lossy_plan *plan,
                     struct ledger *l, uint64_t seed)
{
    *n = (struct lossy_node){ .index = index, .plan = plan, .ledger = l, .chance = seed };
    snprintf(n->id, sizeof n->id, "n%zu", index);
    for (uint8_t i = 0; i < 2; i++) {
        n->up[i] = new_lane(n, "up", i + 1U);
        n->down[i] = new_lane(n, "down", i + 1U);
    }
    n->down[2] = ledger_lane(l, "all", n->id, 1);
    struct sn_settings settings = { .client_id = span_text(n->id),
                                    .keep_alive_s = plan->keep_alive_s,
                                    .retry_ms = plan->retry,
                                    .retries = plan->retries,
                                    .max_message = NODE_FRAME_MAX,
                                    .max_topics = TOPICS };
    n->client = mqttsn_client_new(&settings);
    if (!n->client)
        abort();
}

void lossy_node_clear(struct lossy_node *n)
{
    mqttsn_client_free(n->client);
}

static void waits(struct lossy_node *n, msec longest, msec now)
{
    n->next_at = now + chance_below(&n->chance, longest + 1);
}

/* ---- messages for it --------------------------------------------------------------------------------------------- */

static void is_given(struct lossy_node *n, const struct sn_turn *t)
{
    for (size_t i = 0; i < NODE_LANES; i++)
        if (span_equal(t->topic.name, span_text(n->down[i]->topic))) {
            if (t->qos != n->down[i]->qos)
                ledger_blames(n->ledger, "%s gets %s at QoS %u", n->id, n->down[i]->topic, t->qos);
            ledger_receives(n->ledger, n->down[i], t->data);
            return;
        }
    ledger_blames(n->ledger, "%s gets a message on a topic that is none of its own", n->id);
}

/* ---- messages of its own ----------------------------------------------------------------------------------------- */

/* The open step of the message outlives the request, which ends when the connection is given up. */
static void keep_step(struct lossy_node *n)
{
    const struct sn_request *r = &n->client->request;
    if (n->telling && r->open &&
        (r->message.type == MQTTSN_PUBLISH || r->message.type == MQTTSN_PUBREL))
        n->kept = r->message;
}

/* Goes on with it where it was: the same id, a PUBLISH with DUP. */
static void tell_again(struct lossy_node *n, msec now, struct sn_turn *t)
{
    struct mqttsn_client *c = n->client;
    c->request = (struct sn_request){ .open = true, .message = n->kept, .due = now };
    if (n->kept.type == MQTTSN_PUBLISH) {
        size_t len = strlen(n->text);
        memcpy(c->tail, n->text, len);
        c->request.message.tail = span_of(c->tail, len);
    }
    mqttsn_client_tick(c, now, t);
}

static enum sn_error tell_next(struct lossy_node *n, msec now, struct sn_turn *t)
{
    struct lane *one = n->up[chance_below(&n->chance, 2)];
    struct sn_publish p = { .qos = one->qos };
    if (!mqttsn_client_topic_id(n->client, span_text(one->topic), &p.topic.id))
        ledger_blames(n->ledger, "%s has lost the topic id of %s", n->id, one->topic);
    ledger_publishes(one, n->text);
    n->telling = one;
    n->kept = (struct mqttsn_message){ 0 };
    n->told++;
    p.data = span_text(n->text);
    return mqttsn_client_publish(n->client, &p, now, t);
}

static uint32_t published(const struct lossy_node *n)
{
    return n->up[0]->published + n->up[1]->published;
}

bool lossy_node_is_through(const struct lossy_node *n)
{
    return published(n) == n->plan->messages && !n->telling;
}

/* ---- what it does by itself -------------------------------------------------------------------------------------- */

static enum sn_error subscribe_next(struct lossy_node *n, msec now, struct sn_turn *t)
{
    char filter[2 * LANE_NAME];
    snprintf(filter, sizeof filter, "down/%s/#", n->id);
    const struct sn_topic topics[NODE_FILTERS] = { { .name = span_text(filter) },
                                                   { .name = span_text("all") } };
    return mqttsn_client_subscribe(n->client, &topics[n->filters], 2, now, t);
}

static enum sn_error does_active(struct lossy_node *n, msec now, struct sn_turn *t)
{
    if (n->filters < NODE_FILTERS)
        return subscribe_next(n, now, t);
    if (n->registered < 2)
        return mqttsn_client_register(n->client, span_text(n->up[n->registered]->topic), now, t);
    if (n->telling) {
        tell_again(n, now, t);
        return SN_OK;
    }
    bool through = lossy_node_is_through(n);
    if (n->sleeps && (through || n->told >= TELLS_BEFORE_SLEEP)) {
        msec shortest = n->plan->sleep_s / 2U;
        uint16_t duration = (uint16_t)(shortest + chance_below(&n->chance, shortest + 1));
        return mqttsn_client_sleep(n->client, duration, now, t);
    }
    if (!through)
        return tell_next(n, now, t);
    n->next_at = MSEC_NEVER; /* it listens, and pings */
    return SN_OK;
}

static enum sn_error does_next(struct lossy_node *n, msec now, struct sn_turn *t)
{
    enum sn_state state = mqttsn_client_state(n->client);
    bool speaks = !lossy_node_is_through(n) && chance_below(&n->chance, 2) == 0;
    if (state == SN_ACTIVE)
        return does_active(n, now, t);
    if (state == SN_ASLEEP && !speaks) {
        n->naps++;
        return mqttsn_client_wake(n->client, now, t);
    }
    n->connects++;
    n->told = 0;
    return mqttsn_client_connect(n->client, now, t);
}

/* ---- what it hears about it -------------------------------------------------------------------------------------- */

static void was_answered(struct lossy_node *n, const struct sn_turn *t, size_t *step, msec now)
{
    *step += t->return_code == MQTTSN_ACCEPTED;
    if (t->return_code == MQTTSN_CONGESTION)
        waits(n, 2 * n->plan->think, now);
    else if (t->return_code != MQTTSN_ACCEPTED)
        ledger_blames(n->ledger, "%s: %s is refused: %s", n->id, mqttsn_type_name(t->request),
                      mqttsn_return_code_name(t->return_code));
}

static void was_published(struct lossy_node *n, const struct sn_turn *t, msec now)
{
    size_t accepted = 0;
    was_answered(n, t, &accepted, now);
    if (accepted == 0)
        return;
    ledger_accepts(n->ledger, n->telling);
    n->telling = NULL;
}

/* At most the shortest duration that it tells: the gateway waits half as long again, time enough for a few attempts. */
static void sleeps_on(struct lossy_node *n, msec now)
{
    msec half = (msec)n->plan->sleep_s * 1000 / 2;
    n->next_at = now + half / 2 + chance_below(&n->chance, half / 2 + 1);
}

static void happened(struct lossy_node *n, const struct sn_turn *t, msec now)
{
    if (t->event != SN_NOTHING && t->event != SN_UNEXPECTED && t->event != SN_MESSAGE)
        waits(n, n->plan->think, now);
    switch (t->event) {
    case SN_SUBSCRIBED:
        was_answered(n, t, &n->filters, now);
        break;
    case SN_REGISTERED:
        was_answered(n, t, &n->registered, now);
        break;
    case SN_PUBLISHED:
        was_published(n, t, now);
        break;
    case SN_MESSAGE:
        is_given(n, t);
        break;
    case SN_FELL_ASLEEP:
    case SN_PERIOD_OVER:
        sleeps_on(n, now);
        break;
    case SN_MALFORMED:
        ledger_blames(n->ledger, "%s gets a malformed message", n->id);
        break;
    default:
        break;
    }
}

/* ---- input ------------------------------------------------------------------------------------------------------- */

static void ends(struct lossy_node *n, const struct sn_turn *t, msec now)
{
    keep_step(n);
    if (t->frame_len > 0)
        n->plan->send(n->plan->context, n->index, span_of(t->frame, t->frame_len));
    happened(n, t, now);
}

/* The radio of a sleeper is off. */
void lossy_node_hears(struct lossy_node *n, struct span frame, msec now)
{
    uint8_t room[NODE_FRAME_MAX];
    struct sn_turn t = { .frame = room, .frame_room = sizeof room };
    if (mqttsn_client_state(n->client) == SN_ASLEEP)
        return;
    mqttsn_client_receive(n->client, frame, now, &t);
    ends(n, &t, now);
}

msec lossy_node_deadline(const struct lossy_node *n)
{
    msec due = mqttsn_client_deadline(n->client);
    return !mqttsn_client_busy(n->client) && n->next_at < due ? n->next_at : due;
}

void lossy_node_tick(struct lossy_node *n, msec now)
{
    uint8_t room[NODE_FRAME_MAX];
    struct sn_turn t = { .frame = room, .frame_room = sizeof room };
    if (mqttsn_client_deadline(n->client) <= now) {
        mqttsn_client_tick(n->client, now, &t);
    } else if (!mqttsn_client_busy(n->client) && n->next_at <= now) {
        enum sn_error e = does_next(n, now, &t);
        if (e != SN_OK)
            ledger_blames(n->ledger, "%s: %s", n->id, sn_strerror(e));
    }
    ends(n, &t, now);
}
