/* sim_nodes_test.c -- what one simulated node does with its messages, and with a gateway that fails it. */
#include "tests/tools/sim_nodes_scene.h"

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

static void at_qos_0_the_air_sets_the_pace(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.plan.qos = 0;
    p.plan.interval_ms = 60000;
    p.plan.keep_alive_s = 0;
    begin(&p);
    pass(60000 * 3 - 1);
    s.now += 60000 * 5;
    for (unsigned i = 0; i < 5; i++)
        sim_nodes_tick(s.nodes, s.now);
    assert_int_equal(tally().counts.published, 4);
    hear_one();
    assert_int_equal(tally().counts.published, 5);
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

static void a_payload_is_padded_only_when_there_is_something_to_pad(void **state)
{
    (void)state;
    struct sim_nodes_settings p = usual();
    p.plan.size = 11;
    begin(&p);
    pass(0);
    assert_string_equal(s.payload, "node-0001 1");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(a_node_connects_registers_subscribes_and_publishes),
        SCENE(every_qos_is_counted_to_its_end),
        SCENE(at_qos_0_the_air_sets_the_pace),
        SCENE(a_message_without_answer_is_sent_again_with_dup),
        SCENE(a_node_that_lost_its_gateway_begins_again_with_the_same_message),
        SCENE(a_dismissed_node_comes_back_by_itself),
        SCENE(a_rejected_message_is_kept_and_sent_later),
        SCENE(a_forgotten_topic_id_is_registered_again),
        SCENE(the_same_message_twice_is_a_duplicate),
        SCENE(a_search_is_broadcast_and_comes_before_the_connection),
        SCENE(predefined_ids_need_no_registration),
        SCENE(a_node_says_what_it_is_told_to),
        SCENE(a_node_that_gets_nowhere_for_a_minute_is_stuck),
        SCENE(a_payload_is_padded_only_when_there_is_something_to_pad),
        SCENE(long_payloads_have_exactly_their_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
