/* lossy_play.c -- fifty nodes over a bad network, in a time that is only a number.
 *
 * Each node publishes 200 messages and is to get 200: 190 of its own and 10 that go to all, half of each way at QoS 2.
 * Every second node sleeps. Each frame is lost with 20 %, doubled with 10 %, overtaken with 10 % and delayed up to 2 s,
 * or 4 s when it is overtaken. For the protocol to win, both sides repeat every 10 s (T_RETRY, the standard's) up to 6
 * times (N_RETRY; the standard's 3 is for radio that loses less): one step fails for good once in some 1,300 times, and
 * then the node connects again and goes on. Connections to the broker break and are made again, some two hundred times,
 * and the one that all share has so little room that nodes hear "congestion".
 *
 * The play is over when everything has arrived and everybody was told; half an hour later nothing may be left open
 * anywhere. It is stuck when that takes more than a day. */
#include "tests/gateway/core/lossy_play.h"

#include "tests/gateway/core/lossy_air.h"
#include "tests/gateway/core/lossy_node.h"
#include "tests/xorshift.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NODES = 50,
    UP = 200,      /* for each node */
    DOWN_ONE = 90, /* for each node at QoS 1 ... */
    DOWN_TWO = 100,
    DOWN_ALL = 10, /* ... and these for every node */
    AHEAD = 8, /* the world waits when a lane has this many on the way: a sleeper's queue is bounded */
    SECOND = 1000,
    BEGIN = 1000000,
    LONGEST = 24 * 3600 * SECOND,
    REST = 1800 * SECOND
};

struct play {
    struct ledger ledger;
    struct air air;
    struct lossy_node nodes[NODES];
    struct lossy_broker *broker;
    struct lossy_gateway *gateway;
    uint64_t chance;
    msec now, world_at;
};

/* ---- the air ----------------------------------------------------------------------------------------------------- */

static void node_sends(void *context, size_t node, struct span frame)
{
    struct play *p = context;
    air_send(&p->air, 2 * node, frame, p->now);
}

static void gateway_sends(void *context, size_t node, struct span frame)
{
    struct play *p = context;
    air_send(&p->air, 2 * node + 1, frame, p->now);
}

static void frames_arrive(struct play *p)
{
    for (struct air_frame *f; (f = air_arrives(&p->air, p->now));) {
        if (f->path % 2 == 0)
            lossy_gateway_hears(p->gateway, f->path / 2, span_of(f->bytes, f->len), p->now);
        else
            lossy_node_hears(&p->nodes[f->path / 2], span_of(f->bytes, f->len), p->now);
        free(f);
    }
}

/* ---- the world behind the broker --------------------------------------------------------------------------------- */

static void world_hears(void *context, const struct mqtt_packet *m)
{
    struct play *p = context;
    for (size_t i = 0; i < NODES; i++)
        for (size_t k = 0; k < 2; k++)
            if (span_equal(m->topic, span_text(p->nodes[i].up[k]->topic))) {
                ledger_receives(&p->ledger, p->nodes[i].up[k], m->payload);
                return;
            }
    ledger_blames(&p->ledger, "the world gets a message on a topic of nobody");
}

static bool wants_more(const struct lane *one, uint32_t most)
{
    return one->published < most && one->published - one->received < AHEAD;
}

static void tell_one(struct play *p, struct lane *one, uint32_t most)
{
    char text[LEDGER_TEXT];
    if (!wants_more(one, most) || chance_below(&p->chance, 4) > 0)
        return;
    ledger_publishes(one, text);
    lossy_broker_publishes(p->broker, span_text(one->topic), span_text(text), one->qos);
}

static void tell_all(struct play *p)
{
    char text[LEDGER_TEXT];
    bool all = true;
    for (size_t i = 0; i < NODES; i++)
        all = all && p->nodes[i].filters == NODE_FILTERS && wants_more(p->nodes[i].down[2], DOWN_ALL);
    if (!all || chance_below(&p->chance, 60) > 0)
        return;
    for (size_t i = 0; i < NODES; i++)
        ledger_publishes(p->nodes[i].down[2], text);
    lossy_broker_publishes(p->broker, span_text("all"), span_text(text), 1);
}

/* Nothing is told to a node before it has subscribed: it could not get it. */
static void world_speaks(struct play *p)
{
    p->world_at = p->now + SECOND;
    for (size_t i = 0; i < NODES; i++) {
        if (p->nodes[i].filters < NODE_FILTERS)
            continue;
        tell_one(p, p->nodes[i].down[0], DOWN_ONE);
        tell_one(p, p->nodes[i].down[1], DOWN_TWO);
    }
    tell_all(p);
    lossy_gateway_serves(p->gateway, p->now);
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

static msec earlier(msec a, msec b)
{
    return a < b ? a : b;
}

static struct lossy_node *first_node(struct play *p, msec *due)
{
    size_t first = 0;
    *due = MSEC_NEVER;
    for (size_t i = 0; i < NODES; i++) {
        msec at = lossy_node_deadline(&p->nodes[i]);
        if (at < *due) {
            *due = at;
            first = i;
        }
    }
    return &p->nodes[first];
}

/* The next thing that happens. Not beyond `end`: false when that is reached. */
static bool go_on(struct play *p, msec end)
{
    msec node_at, gateway_at = lossy_gateway_deadline(p->gateway);
    struct lossy_node *node = first_node(p, &node_at);
    msec next = earlier(earlier(node_at, gateway_at), earlier(p->world_at, air_deadline(&p->air)));
    if (next > end || p->ledger.fault[0] != '\0')
        return false;
    p->now = next > p->now ? next : p->now;
    frames_arrive(p);
    if (node_at <= p->now)
        lossy_node_tick(node, p->now);
    if (gateway_at <= p->now)
        lossy_gateway_tick(p->gateway, p->now);
    if (p->world_at <= p->now)
        world_speaks(p);
    return true;
}

static bool is_over(const struct play *p)
{
    for (size_t i = 0; i < NODES; i++) {
        const struct lossy_node *n = &p->nodes[i];
        if (!lossy_node_is_through(n) || n->down[0]->published < DOWN_ONE ||
            n->down[1]->published < DOWN_TWO || n->down[2]->published < DOWN_ALL)
            return false;
    }
    return ledger_is_complete(&p->ledger);
}

/* ---- the play ---------------------------------------------------------------------------------------------------- */

static void open_play(struct play *p, const struct lossy_plan *plan, bool aggregate, uint64_t seed)
{
    static const struct air_weather weather = { .loss = 20, .twice = 10, .late = 10, .delay = 2000 };
    *p = (struct play){ .chance = seed, .now = BEGIN, .world_at = BEGIN };
    for (int i = 0; i < 8; i++) /* small seeds are alike at first */
        chance(&p->chance);
    ledger_init(&p->ledger, (size_t)NODES * (2 + NODE_LANES));
    p->ledger.nothing_on_disk = true;
    air_init(&p->air, weather, (size_t)NODES * 2, chance(&p->chance));
    p->broker = lossy_broker_new(NODES + 1, &p->ledger, world_hears, p);
    struct lossy_gateway_plan how = { .aggregate = aggregate,
                                      .nodes = NODES,
                                      .retry = plan->retry,
                                      .retry_count = plan->retries,
                                      .seed = chance(&p->chance),
                                      .send = gateway_sends,
                                      .context = p };
    p->gateway = lossy_gateway_new(&how, p->broker, &p->ledger, p->now);
    for (size_t i = 0; i < NODES; i++) {
        lossy_node_init(&p->nodes[i], i, plan, &p->ledger, chance(&p->chance));
        p->nodes[i].sleeps = i % 2 == 1;
        p->nodes[i].next_at = BEGIN + chance_below(&p->chance, 10 * SECOND);
    }
}

static void close_play(struct play *p)
{
    lossy_gateway_free(p->gateway);
    lossy_broker_free(p->broker);
    air_clear(&p->air);
    for (size_t i = 0; i < NODES; i++)
        lossy_node_clear(&p->nodes[i]);
    ledger_clear(&p->ledger);
}

static void sum_up(const struct play *p, struct lossy_result *r)
{
    *r = (struct lossy_result){ .frames = p->air.sent,
                                .frames_lost = p->air.lost,
                                .frames_doubled = p->air.doubled,
                                .frames_overtaken = p->air.overtaken,
                                .sessions_lost = lossy_gateway_lost(p->gateway),
                                .refused = lossy_gateway_refused(p->gateway),
                                .broken = lossy_gateway_broken(p->gateway) };
    snprintf(r->fault, sizeof r->fault, "%s", p->ledger.fault);
    for (size_t i = 0; i < NODES; i++) {
        const struct lossy_node *n = &p->nodes[i];
        r->connects += n->connects;
        r->naps += n->naps;
        for (size_t k = 0; k < 2; k++)
            r->up += n->up[k]->received;
        for (size_t k = 0; k < NODE_LANES; k++)
            r->down += n->down[k]->received;
    }
    for (size_t i = 0; i < p->ledger.count; i++)
        r->repeated += p->ledger.lanes[i].repeated;
}

void lossy_play(bool aggregate, uint64_t seed, struct lossy_result *r)
{
    struct play p;
    struct lossy_plan plan = { .messages = UP,
                               .keep_alive_s = 60,
                               .sleep_s = 240,
                               .retry = 10 * SECOND,
                               .retries = 6,
                               .think = 2 * SECOND,
                               .send = node_sends,
                               .context = &p };
    open_play(&p, &plan, aggregate, seed);
    while (!is_over(&p) && go_on(&p, BEGIN + LONGEST))
        ;
    msec over = p.now;
    while (go_on(&p, over + REST))
        ;
    ledger_closes(&p.ledger);
    lossy_gateway_must_be_idle(p.gateway);
    if (!lossy_broker_is_idle(p.broker))
        ledger_blames(&p.ledger, "the broker still waits for acknowledgements");
    if (!is_over(&p))
        ledger_blames(&p.ledger, "a node is stuck");
    sum_up(&p, r);
    r->lasted = over - BEGIN;
    close_play(&p);
}
