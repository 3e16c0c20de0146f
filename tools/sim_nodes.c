/* sim_nodes.c -- all simulated nodes.
 *
 * Nodes have running numbers; 64-bit addresses are counted up from Digi's range, so that one is found by subtraction,
 * and the 16-bit ones by a table of all there can be. Not all nodes start at once: a handful sets itself up, and when
 * one is done or fails the next begins.
 *
 * Each node has one deadline. They lie side by side in an array that is searched only when the earliest of them has
 * come: 500 compares are cheaper than keeping a heap in order at every frame. */
#include "tools/sim_nodes.h"

#include "tools/sim_air.h"
#include "tools/sim_random.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ADDRESSES = 65536,
    FIRST_NWK = 0x1001,
    REJOINED_NWK = 0x8001,
    ENDPOINT = 0xE8,
    PROFILE = 0xC105,
    CLUSTER = 0x0011,
    LQI_MIN = 160,
    LQI_SPAN = 96
};

#define FIRST_EUI64 UINT64_C(0x0013a20041000001)
#define EVERY_EUI64 UINT64_MAX

struct sim_nodes {
    struct sim_nodes_settings settings;
    struct sim_nodes_events events;
    struct sim_ether ether;
    struct sim_counts counts;
    struct sim_node *list;
    msec *due;  /* by node */
    msec first; /* no node is due earlier */
    size_t started, starting;
    bool *setting_up; /* by node */
    bool open;
    uint32_t random;
    uint16_t rejoins;
    uint16_t *by_nwk; /* node + 1; 0: nobody */
};

/* ---- making ------------------------------------------------------------------------------------------------------ */

static void ether_send(void *context, size_t node, struct span data, bool broadcast)
{
    struct sim_nodes *n = context;
    const struct sim_node *from = &n->list[node];
    const struct sim_frame f = {
        .eui64 = from->eui64,
        .nwk = from->nwk,
        .endpoint = ENDPOINT,
        .source_endpoint = ENDPOINT,
        .profile = PROFILE,
        .cluster = CLUSTER,
        .broadcast = broadcast,
        .sleeper = from->sleeper,
        .lqi = (uint8_t)(LQI_MIN + sim_random(&n->random) % LQI_SPAN),
        .rssi = (int8_t)(-90 + (int)(sim_random(&n->random) % 40)),
        .data = data,
    };
    n->events.send(n->events.context, node, &f);
}

static void ether_poll(void *context, size_t node)
{
    struct sim_nodes *n = context;
    n->events.poll(n->events.context, node);
}

/* The next one starts with the next tick, not from within the call of this one. */
static void ether_settled(void *context, size_t node)
{
    struct sim_nodes *n = context;
    if (!n->setting_up[node])
        return;
    n->setting_up[node] = false;
    n->starting--;
    if (n->started < n->settings.count)
        n->first = 0;
}

static bool make_node(struct sim_nodes *n, size_t i)
{
    size_t percent = n->settings.sleepy_percent;
    struct sim_node *node = &n->list[i];
    *node = (struct sim_node){
        .plan = &n->settings.plan,
        .ether = &n->ether,
        .counts = &n->counts,
        .index = i,
        .sleeper = (i + 1) * percent / 100 > i * percent / 100,
        .eui64 = FIRST_EUI64 + i,
        .nwk = (uint16_t)(FIRST_NWK + i),
        .random = n->settings.seed * 2654435761u + (uint32_t)i + 1,
    };
    snprintf(node->name, sizeof node->name, "node-%04u", (unsigned)(i + 1));
    n->by_nwk[node->nwk] = (uint16_t)(i + 1);
    n->due[i] = MSEC_NEVER;
    return sim_node_init(node);
}

struct sim_nodes *sim_nodes_new(const struct sim_nodes_settings *settings,
                                const struct sim_nodes_events *events)
{
    struct sim_nodes *n = calloc(1, sizeof *n);
    if (!n)
        return NULL;
    *n = (struct sim_nodes){ .settings = *settings, .events = *events, .first = MSEC_NEVER };
    n->ether = (struct sim_ether){ n, ether_send, ether_poll, ether_settled };
    n->random = settings->seed;
    n->list = calloc(settings->count + 1, sizeof *n->list);
    n->due = calloc(settings->count + 1, sizeof *n->due);
    n->setting_up = calloc(settings->count + 1, sizeof *n->setting_up);
    n->by_nwk = calloc(ADDRESSES, sizeof *n->by_nwk);
    bool made = n->list && n->due && n->setting_up && n->by_nwk;
    for (size_t i = 0; made && i < settings->count; i++)
        made = make_node(n, i);
    if (made)
        return n;
    sim_nodes_free(n);
    return NULL;
}

void sim_nodes_free(struct sim_nodes *n)
{
    if (!n)
        return;
    for (size_t i = 0; n->list && i < n->settings.count; i++)
        sim_node_clear(&n->list[i]);
    free(n->list);
    free(n->due);
    free(n->setting_up);
    free(n->by_nwk);
    free(n);
}

/* ---- addresses --------------------------------------------------------------------------------------------------- */

bool sim_nodes_sleeps(const struct sim_nodes *n, size_t node)
{
    return n->list[node].sleeper;
}

size_t sim_nodes_find(const struct sim_nodes *n, uint64_t eui64, uint16_t nwk)
{
    if (eui64 == 0 || eui64 == EVERY_EUI64)
        return n->by_nwk[nwk] > 0 ? n->by_nwk[nwk] - 1u : SIM_NOBODY;
    bool known = eui64 >= FIRST_EUI64 && eui64 - FIRST_EUI64 < n->settings.count;
    return known ? (size_t)(eui64 - FIRST_EUI64) : SIM_NOBODY;
}

uint64_t sim_nodes_eui64(const struct sim_nodes *n, size_t node)
{
    return n->list[node].eui64;
}

uint16_t sim_nodes_nwk(const struct sim_nodes *n, size_t node)
{
    return n->list[node].nwk;
}

void sim_nodes_rejoin(struct sim_nodes *n, size_t node)
{
    struct sim_node *who = &n->list[node];
    n->by_nwk[who->nwk] = 0;
    who->nwk = (uint16_t)(REJOINED_NWK + n->rejoins++ % 0x7000);
    n->by_nwk[who->nwk] = (uint16_t)(node + 1);
    n->events.joined(n->events.context, who->eui64, who->nwk);
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

/* Something happened to this node: its deadline may be another. */
static void note(struct sim_nodes *n, size_t node)
{
    n->due[node] = sim_node_deadline(&n->list[node]);
    if (n->due[node] < n->first)
        n->first = n->due[node];
}

static void start_more(struct sim_nodes *n, msec now)
{
    while (n->open && n->started < n->settings.count && n->starting < n->settings.concurrency) {
        size_t i = n->started++;
        n->setting_up[i] = true;
        n->starting++;
        if (!n->settings.joined)
            n->events.joined(n->events.context, n->list[i].eui64, n->list[i].nwk);
        sim_node_start(&n->list[i], now);
        note(n, i);
    }
}

void sim_nodes_let_in(struct sim_nodes *n, bool open, msec now)
{
    n->open = open;
    start_more(n, now);
}

void sim_nodes_tick(struct sim_nodes *n, msec now)
{
    if (now < n->first)
        return;
    n->first = MSEC_NEVER;
    start_more(n, now);
    for (size_t i = 0; i < n->started; i++) {
        if (n->due[i] <= now) {
            sim_node_tick(&n->list[i], now);
            n->due[i] = sim_node_deadline(&n->list[i]);
        }
        if (n->due[i] < n->first)
            n->first = n->due[i];
    }
}

msec sim_nodes_deadline(const struct sim_nodes *n)
{
    return n->first;
}

void sim_nodes_hear(struct sim_nodes *n, size_t node, struct span frame, msec now)
{
    sim_node_hear(&n->list[node], frame, now);
    note(n, node);
}

void sim_nodes_sent(struct sim_nodes *n, size_t node, msec now)
{
    sim_node_sent(&n->list[node], now);
    note(n, node);
}

/* ---- on demand --------------------------------------------------------------------------------------------------- */

bool sim_nodes_twin(struct sim_nodes *n, size_t node, const char *id, msec now)
{
    bool made = sim_node_become(&n->list[node], id, now);
    if (made)
        note(n, node);
    return made;
}

void sim_nodes_say(struct sim_nodes *n, size_t node, struct span frame)
{
    n->list[node].in_air++;
    ether_send(n, node, frame, false);
}

/* ---- the sum ----------------------------------------------------------------------------------------------------- */

void sim_nodes_tally(const struct sim_nodes *n, msec now, struct sim_tally *tally)
{
    *tally = (struct sim_tally){ .nodes = n->settings.count, .counts = n->counts };
    for (size_t i = 0; i < n->settings.count; i++) {
        tally->connected += sim_node_connected(&n->list[i]);
        tally->finished += sim_node_finished(&n->list[i]);
        tally->stuck += sim_node_stuck(&n->list[i], now);
    }
}

bool sim_nodes_finished(const struct sim_nodes *n)
{
    uint64_t wanted = (uint64_t)n->settings.count * n->settings.plan.messages;
    return wanted > 0 && n->counts.acknowledged >= wanted;
}
