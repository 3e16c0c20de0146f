/* sim_nodes_scene.h -- simulated nodes against a gateway of a few lines, on a clock that the test turns. */
#pragma once

#include "tools/sim_air.h"
#include "tools/sim_nodes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { QUEUE = 64, NODES = 8 };

#define EUI64_1 UINT64_C(0x0013a20041000001)

struct heard {
    size_t node;
    bool broadcast;
    size_t len;
    uint8_t data[SIM_PAYLOAD_MAX];
};

/* One at a time: cmocka runs tests one after the other. */
static struct scene {
    struct sim_nodes *nodes;
    msec now;
    struct heard queue[QUEUE];
    size_t head, count;
    bool deaf;            /* the gateway is away */
    uint8_t publish_code; /* what PUBLISH is answered with */
    unsigned joins, polls[NODES], seen[MQTTSN_TYPES];
    uint16_t joined_nwk, next_topic;
    char id[NODES][32], topic[64], payload[SIM_PAYLOAD_MAX + 1];
    bool dup, asleep[NODES];
    struct span down; /* waits for sleepers */
} s;

/* ---- the world --------------------------------------------------------------------------------------------------- */

static inline void take_frame(void *context, size_t node, const struct sim_frame *f)
{
    (void)context;
    assert_true(s.count < QUEUE);
    assert_true(f->eui64 == EUI64_1 + node);
    struct heard *h = &s.queue[(s.head + s.count++) % QUEUE];
    *h = (struct heard){ .node = node, .broadcast = f->broadcast, .len = f->data.len };
    memcpy(h->data, f->data.at, f->data.len);
}

static inline void take_poll(void *context, size_t node)
{
    (void)context;
    s.polls[node]++;
}

static inline void take_join(void *context, uint64_t eui64, uint16_t nwk)
{
    (void)context;
    (void)eui64;
    s.joins++;
    s.joined_nwk = nwk;
}

static inline void gateway_says(size_t node, struct mqttsn_message m)
{
    uint8_t room[SIM_PAYLOAD_MAX];
    struct writer w = writer_of(room, sizeof room);
    assert_int_equal(mqttsn_encode(&m, &w), MQTTSN_OK);
    sim_nodes_hear(s.nodes, node, span_of(room, sizeof room - w.left), s.now);
}

/* ---- the gateway ------------------------------------------------------------------------------------------------- */

static inline void copy_text(char *to, size_t room, struct span text)
{
    snprintf(to, room, "%.*s", (int)text.len, (const char *)text.at);
}

static inline void take_publish(size_t node, const struct mqttsn_message *m)
{
    copy_text(s.payload, sizeof s.payload, m->tail);
    s.dup = m->dup;
    if (m->qos == 2 && s.publish_code == 0)
        gateway_says(node,
                     (struct mqttsn_message){ .type = MQTTSN_PUBREC, .message_id = m->message_id });
    else if (m->qos > 0)
        gateway_says(node, (struct mqttsn_message){ .type = MQTTSN_PUBACK,
                                                    .topic_id = m->topic_id,
                                                    .message_id = m->message_id,
                                                    .return_code = s.publish_code });
}

static inline void wake_up(size_t node)
{
    if (s.down.len > 0)
        gateway_says(node, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                                    .topic_id_type = MQTTSN_PREDEFINED,
                                                    .topic_id = 7,
                                                    .tail = s.down });
    s.down.len = 0;
    gateway_says(node, (struct mqttsn_message){ .type = MQTTSN_PINGRESP });
}

static inline void answer(size_t node, const struct mqttsn_message *m)
{
    struct mqttsn_message back = { .message_id = m->message_id, .topic_id = m->topic_id };
    s.seen[m->type]++;
    switch (m->type) {
    case MQTTSN_SEARCHGW:
        gateway_says(node, (struct mqttsn_message){ .type = MQTTSN_GWINFO, .gateway_id = 1 });
        return;
    case MQTTSN_CONNECT:
        copy_text(s.id[node], sizeof s.id[node], m->tail);
        s.asleep[node] = false;
        back.type = MQTTSN_CONNACK;
        break;
    case MQTTSN_REGISTER:
    case MQTTSN_SUBSCRIBE:
        if (m->type == MQTTSN_REGISTER)
            copy_text(s.topic, sizeof s.topic, m->tail);
        back.type = m->type == MQTTSN_REGISTER ? MQTTSN_REGACK : MQTTSN_SUBACK;
        back.topic_id = ++s.next_topic;
        break;
    case MQTTSN_PUBLISH:
        take_publish(node, m);
        return;
    case MQTTSN_PUBREL:
        back.type = MQTTSN_PUBCOMP;
        break;
    case MQTTSN_PINGREQ:
        wake_up(node);
        return;
    case MQTTSN_DISCONNECT:
        s.asleep[node] = true;
        back = (struct mqttsn_message){ .type = MQTTSN_DISCONNECT, .brief = true };
        break;
    default:
        return;
    }
    gateway_says(node, back);
}

static inline void hear_one(void)
{
    struct heard h = s.queue[s.head];
    struct mqttsn_message m;
    s.head = (s.head + 1) % QUEUE;
    s.count--;
    if (!s.deaf && mqttsn_decode(span_of(h.data, h.len), &m) == MQTTSN_OK)
        answer(h.node, &m);
    sim_nodes_sent(s.nodes, h.node, s.now);
}

/* Time passes, from deadline to deadline. */
static inline void pass(msec ms)
{
    msec until = s.now + ms;
    for (unsigned turns = 0;; turns++) {
        assert_true(turns < 200000);
        sim_nodes_tick(s.nodes, s.now);
        if (s.count > 0) {
            hear_one();
            continue;
        }
        msec next = sim_nodes_deadline(s.nodes);
        if (next > until)
            break;
        s.now = next > s.now ? next : s.now;
    }
    s.now = until;
}

static inline struct sim_nodes_settings usual(void)
{
    return (struct sim_nodes_settings){
        .plan = { .interval_ms = 1000,
                  .qos = 1,
                  .size = 20,
                  .topic = "sim",
                  .subscribe = true,
                  .retry_ms = 10000,
                  .retries = 3,
                  .keep_alive_s = 60,
                  .sleep_s = 60 },
        .count = 1,
        .concurrency = 20,
        .seed = 1,
    };
}

static inline void begin(const struct sim_nodes_settings *settings)
{
    const struct sim_nodes_events events = { NULL, take_frame, take_poll, take_join };
    memset(&s, 0, sizeof s);
    s.now = 5000;
    s.nodes = sim_nodes_new(settings, &events);
    assert_non_null(s.nodes);
    sim_nodes_let_in(s.nodes, true, s.now);
}

static inline int end(void **state)
{
    (void)state;
    sim_nodes_free(s.nodes);
    s.nodes = NULL;
    return 0;
}

static inline struct sim_tally tally(void)
{
    struct sim_tally t;
    sim_nodes_tally(s.nodes, s.now, &t);
    return t;
}

#define SCENE(test) cmocka_unit_test_teardown(test, end)
