/* sim_nodes_test.c -- simulated nodes against a gateway of a few lines, on a clock that the test turns. */
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

/* ---- the world ----------------------------------------------------------------------------------------------------- */

static void take_frame(void *context, size_t node, const struct sim_frame *f)
{
    (void)context;
    assert_true(s.count < QUEUE);
    assert_true(f->eui64 == EUI64_1 + node);
    struct heard *h = &s.queue[(s.head + s.count++) % QUEUE];
    *h = (struct heard){ .node = node, .broadcast = f->broadcast, .len = f->data.len };
    memcpy(h->data, f->data.at, f->data.len);
}

static void take_poll(void *context, size_t node)
{
    (void)context;
    s.polls[node]++;
}

static void take_join(void *context, uint64_t eui64, uint16_t nwk)
{
    (void)context;
    (void)eui64;
    s.joins++;
    s.joined_nwk = nwk;
}

static void gateway_says(size_t node, struct mqttsn_message m)
{
    uint8_t room[SIM_PAYLOAD_MAX];
    struct writer w = writer_of(room, sizeof room);
    assert_int_equal(mqttsn_encode(&m, &w), MQTTSN_OK);
    sim_nodes_hear(s.nodes, node, span_of(room, sizeof room - w.left), s.now);
}

/* ---- the gateway --------------------------------------------------------------------------------------------------- */

static void copy_text(char *to, size_t room, struct span text)
{
    snprintf(to, room, "%.*s", (int)text.len, (const char *)text.at);
}

static void take_publish(size_t node, const struct mqttsn_message *m)
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

static void wake_up(size_t node)
{
    if (s.down.len > 0)
        gateway_says(node, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                                    .topic_id_type = MQTTSN_PREDEFINED,
                                                    .topic_id = 7,
                                                    .tail = s.down });
    s.down.len = 0;
    gateway_says(node, (struct mqttsn_message){ .type = MQTTSN_PINGRESP });
}

static void answer(size_t node, const struct mqttsn_message *m)
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

static void hear_one(void)
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
static void pass(msec ms)
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

static struct sim_nodes_settings usual(void)
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

static void begin(const struct sim_nodes_settings *settings)
{
    const struct sim_nodes_events events = { NULL, take_frame, take_poll, take_join };
    memset(&s, 0, sizeof s);
    s.now = 5000;
    s.nodes = sim_nodes_new(settings, &events);
    assert_non_null(s.nodes);
    sim_nodes_let_in(s.nodes, true, s.now);
}

static int end(void **state)
{
    (void)state;
    sim_nodes_free(s.nodes);
    s.nodes = NULL;
    return 0;
}

static struct sim_tally tally(void)
{
    struct sim_tally t;
    sim_nodes_tally(s.nodes, s.now, &t);
    return t;
}

/* ---- tests --------------------------------------------------------------------------------------------------------- */

static void a_node_connects_registers_subscribes_and_publishes(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.plan.messages = 3;
    begin(&p);
    pass(0);
    assert_string_equal(s.id[0], "node-0001");
    assert_string_equal(s.topic, "sim/node-0001/up");
    assert_string_equal(s.payload, "node-0001 1 ........");
    assert_int_equal(s.seen[MQTTSN_SUBSCRIBE], 1);
    assert_int_equal(s.seen[MQTTSN_PUBLISH], 1);
    assert_false(sim_nodes_finished(s.nodes));
    pass(2000);
    assert_string_equal(s.payload, "node-0001 3 ........");
    assert_true(sim_nodes_finished(s.nodes));
    pass(600000);
    assert_int_equal(s.seen[MQTTSN_PUBLISH], 3);
    assert_int_equal(tally().counts.acknowledged, 3);
    assert_int_equal(tally().stuck, 0);
}

static void every_qos_is_counted_to_its_end(void **state)
{
    (void)state;
    for (uint8_t qos = 0; qos <= 2; qos++) {
        struct sim_nodes_settings p = usual();
        p.plan.qos = qos;
        p.plan.messages = 5;
        p.plan.interval_ms = 0;
        begin(&p);
        pass(0);
        assert_int_equal(s.seen[MQTTSN_PUBLISH], 5);
        assert_true(sim_nodes_finished(s.nodes));
        assert_int_equal(s.seen[MQTTSN_PUBREL], qos == 2 ? 5 : 0);
        end(state);
    }
}

static void a_message_without_answer_is_sent_again_with_dup(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    begin(&p);
    pass(500);
    s.deaf = true;
    pass(1000);
    s.deaf = false;
    pass(10000);
    assert_int_equal(tally().counts.lost, 0);
    assert_true(tally().counts.acknowledged >= 10);
    assert_string_not_equal(s.payload, "node-0001 2 ........");
}

static void a_node_that_lost_its_gateway_begins_again_with_the_same_message(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.plan.messages = 2;
    begin(&p);
    pass(500);
    s.deaf = true;
    pass(45000);
    assert_int_equal(tally().counts.lost, 1);
    assert_int_equal(tally().connected, 0);
    s.deaf = false;
    pass(20000);
    assert_int_equal(s.seen[MQTTSN_CONNECT], 2);
    assert_int_equal(s.seen[MQTTSN_REGISTER], 2);
    assert_string_equal(s.payload, "node-0001 2 ........");
    assert_true(sim_nodes_finished(s.nodes));
    assert_int_equal(tally().counts.published, 2);
}

static void a_dismissed_node_comes_back_by_itself(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    begin(&p);
    pass(500);
    gateway_says(0, (struct mqttsn_message){ .type = MQTTSN_DISCONNECT, .brief = true });
    assert_int_equal(tally().connected, 0);
    pass(2500);
    assert_int_equal(tally().connected, 1);
    assert_int_equal(tally().counts.lost, 1);
}

static void a_rejected_message_is_kept_and_sent_later(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.plan.messages = 1;
    begin(&p);
    s.publish_code = MQTTSN_CONGESTION;
    pass(5000);
    assert_int_equal(tally().counts.rejected, 1);
    assert_false(sim_nodes_finished(s.nodes));
    s.publish_code = 0;
    pass(10000);
    assert_true(sim_nodes_finished(s.nodes));
    assert_string_equal(s.payload, "node-0001 1 ........");
}

static void a_forgotten_topic_id_is_registered_again(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    begin(&p);
    pass(0);
    s.publish_code = MQTTSN_INVALID_TOPIC_ID;
    pass(999);
    sim_nodes_tick(s.nodes, ++s.now);
    hear_one();
    s.publish_code = 0;
    pass(0);
    assert_int_equal(s.seen[MQTTSN_REGISTER], 2);
    assert_int_equal(tally().counts.acknowledged, 2);
}

static void a_sleeper_sleeps_between_messages_and_polls_only_while_awake(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.plan.interval_ms = 60000;
    p.sleepy_percent = 100;
    begin(&p);
    pass(3000);
    assert_true(s.asleep[0]);
    assert_in_range(s.polls[0], 2, 6);
    unsigned polls = s.polls[0];
    pass(50000);
    assert_int_equal(s.polls[0], polls);
    assert_int_equal(s.seen[MQTTSN_PUBLISH], 1);
    pass(10000);
    assert_int_equal(s.seen[MQTTSN_CONNECT], 2);
    assert_int_equal(s.seen[MQTTSN_REGISTER], 1);
    assert_int_equal(s.seen[MQTTSN_PUBLISH], 2);
    assert_true(s.asleep[0]);
    assert_true(s.polls[0] > polls);
}

static void a_sleeper_with_nothing_to_say_wakes_to_collect_what_waits(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.plan.messages = 1;
    p.sleepy_percent = 100;
    begin(&p);
    pass(10000);
    s.down = span_text("on");
    pass(60000);
    assert_int_equal(s.seen[MQTTSN_PINGREQ], 1);
    assert_int_equal(tally().counts.received, 1);
    pass(600000);
    assert_int_equal(s.seen[MQTTSN_CONNECT], 1);
    assert_in_range(s.seen[MQTTSN_PINGREQ], 10, 12);
    assert_int_equal(tally().stuck, 0);
}

static void sleepers_are_spread_evenly(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.count = NODES;
    p.sleepy_percent = 25;
    begin(&p);
    unsigned sleepers = 0;
    for (size_t i = 0; i < NODES; i++)
        sleepers += sim_nodes_sleeps(s.nodes, i);
    assert_int_equal(sleepers, 2);
    assert_true(sim_nodes_sleeps(s.nodes, 3));
}

static void the_same_message_twice_is_a_duplicate(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    begin(&p);
    pass(0);
    static const char *const texts[] = { "a", "b", "a", "b", "c" };
    for (size_t i = 0; i < 5; i++)
        gateway_says(0, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                                 .topic_id_type = MQTTSN_PREDEFINED,
                                                 .topic_id = 7,
                                                 .tail = span_text(texts[i]) });
    assert_int_equal(tally().counts.received, 5);
    assert_int_equal(tally().counts.duplicates, 2);
}

static void only_so_many_nodes_set_themselves_up_at_once(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.count = NODES;
    p.concurrency = 3;
    begin(&p);
    assert_int_equal(s.count, 3);
    pass(0);
    assert_int_equal(tally().connected, NODES);
    assert_int_equal(s.joins, NODES);
}

static void a_node_that_cannot_connect_does_not_keep_others_from_trying(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.count = 2;
    p.concurrency = 1;
    begin(&p);
    s.deaf = true;
    pass(41000);
    s.deaf = false;
    pass(25000);
    assert_int_equal(tally().connected, 2);
}

static void nodes_wait_until_the_network_lets_them_in(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.count = 2;
    p.concurrency = 1;
    begin(&p);
    sim_nodes_let_in(s.nodes, false, s.now);
    pass(10000);
    assert_int_equal(tally().connected, 1);
    assert_int_equal(s.joins, 1);
    sim_nodes_let_in(s.nodes, true, s.now);
    pass(0);
    assert_int_equal(tally().connected, 2);
}

static void nodes_that_are_members_already_do_not_join(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.joined = true;
    begin(&p);
    pass(0);
    assert_int_equal(s.joins, 0);
    assert_int_equal(tally().connected, 1);
}

static void a_search_is_broadcast_and_comes_before_the_connection(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.plan.search = true;
    begin(&p);
    assert_true(s.queue[s.head].broadcast);
    pass(0);
    assert_int_equal(s.seen[MQTTSN_SEARCHGW], 1);
    assert_int_equal(tally().connected, 1);
}

static void predefined_ids_need_no_registration(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.plan.predefined = 5;
    p.plan.subscribe = false;
    begin(&p);
    pass(0);
    assert_int_equal(s.seen[MQTTSN_REGISTER] + s.seen[MQTTSN_SUBSCRIBE], 0);
    assert_int_equal(s.seen[MQTTSN_PUBLISH], 1);
}

static void a_node_is_found_by_either_address_also_after_a_rejoin(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.count = 3;
    begin(&p);
    uint16_t before = sim_nodes_nwk(s.nodes, 1);
    assert_int_equal(sim_nodes_find(s.nodes, 0, before), 1);
    assert_int_equal(sim_nodes_find(s.nodes, UINT64_MAX, before), 1);
    assert_int_equal(sim_nodes_find(s.nodes, EUI64_1 + 2, 0xFFFE), 2);
    assert_true(sim_nodes_find(s.nodes, EUI64_1 + 3, before) == SIM_NOBODY);
    sim_nodes_rejoin(s.nodes, 1);
    assert_true(sim_nodes_find(s.nodes, 0, before) == SIM_NOBODY);
    assert_int_equal(sim_nodes_find(s.nodes, 0, s.joined_nwk), 1);
    assert_int_equal(sim_nodes_nwk(s.nodes, 1), s.joined_nwk);
}

static void a_twin_connects_with_the_id_of_another(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.count = 2;
    begin(&p);
    pass(0);
    assert_true(sim_nodes_twin(s.nodes, 1, "node-0001", s.now));
    pass(0);
    assert_string_equal(s.id[1], "node-0001");
    assert_string_equal(s.topic, "sim/node-0001/up");
    pass(1000);
    assert_string_equal(s.payload, "node-0002 2 ........");
}

static void a_node_says_what_it_is_told_to(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    begin(&p);
    pass(0);
    sim_nodes_say(s.nodes, 0, span_of("\x02\x18", 2));
    pass(0);
    assert_int_equal(s.seen[MQTTSN_DISCONNECT], 1);
}

static void a_node_that_gets_nowhere_for_a_minute_is_stuck(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    begin(&p);
    s.deaf = true;
    pass(60000);
    assert_int_equal(tally().stuck, 0);
    pass(1000);
    assert_int_equal(tally().stuck, 1);
    s.deaf = false;
    pass(60000);
    assert_int_equal(tally().stuck, 0);
}

static void long_payloads_have_exactly_their_size(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.plan.size = 280;
    begin(&p);
    pass(0);
    assert_int_equal(strlen(s.payload), 280);
    assert_int_equal(tally().counts.acknowledged, 1);
}

#define SCENE(test) cmocka_unit_test_teardown(test, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(a_node_connects_registers_subscribes_and_publishes),
        SCENE(every_qos_is_counted_to_its_end),
        SCENE(a_message_without_answer_is_sent_again_with_dup),
        SCENE(a_node_that_lost_its_gateway_begins_again_with_the_same_message),
        SCENE(a_dismissed_node_comes_back_by_itself),
        SCENE(a_rejected_message_is_kept_and_sent_later),
        SCENE(a_forgotten_topic_id_is_registered_again),
        SCENE(a_sleeper_sleeps_between_messages_and_polls_only_while_awake),
        SCENE(a_sleeper_with_nothing_to_say_wakes_to_collect_what_waits),
        SCENE(sleepers_are_spread_evenly),
        SCENE(the_same_message_twice_is_a_duplicate),
        SCENE(only_so_many_nodes_set_themselves_up_at_once),
        SCENE(a_node_that_cannot_connect_does_not_keep_others_from_trying),
        SCENE(nodes_wait_until_the_network_lets_them_in),
        SCENE(nodes_that_are_members_already_do_not_join),
        SCENE(a_search_is_broadcast_and_comes_before_the_connection),
        SCENE(predefined_ids_need_no_registration),
        SCENE(a_node_is_found_by_either_address_also_after_a_rejoin),
        SCENE(a_twin_connects_with_the_id_of_another),
        SCENE(a_node_says_what_it_is_told_to),
        SCENE(a_node_that_gets_nowhere_for_a_minute_is_stuck),
        SCENE(long_payloads_have_exactly_their_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
