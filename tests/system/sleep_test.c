/* sleep_test.c -- clients that sleep (section 6.14), with a real broker. */
#include "tests/system/broker.h"
#include "tests/system/node.h"
#include "tests/system/peer.h"

#include <stdio.h>

static void wakes(struct node *n, const char *client_id)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ, .tail = span_text(client_id) });
}

static void a_sleeping_client_hears_nothing_until_it_wakes(struct scene *s) /* SN-SLP-1, -2, -6 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    uint16_t id = node_subscribes(n, "lamp/1", 1);
    node_falls_asleep(n, 300);
    peer_publishes(world, "lamp/1", 1, "on");
    node_hears_nothing(n);
    wakes(n, "m1");
    assert_int_equal(node_receives_and_acks(n, "on").topic_id, id);
    node_expects(n, MQTTSN_PINGRESP);
    peer_publishes(world, "lamp/1", 1, "off");
    node_hears_nothing(n); /* asleep again */
    wakes(n, "m1");
    node_receives_and_acks(n, "off");
    node_expects(n, MQTTSN_PINGRESP);
}

static void messages_come_one_by_one_and_pingresp_last(struct scene *s) /* SN-SLP-6, -7, SN-REG-7 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    node_subscribes(n, "cmd/#", 2);
    node_falls_asleep(n, 300);
    peer_publishes(world, "cmd/a", 1, "1");
    peer_publishes(world, "cmd/a", 2, "2");
    peer_publishes(world, "cmd/b", 0, "3");
    node_hears_nothing(n);
    wakes(n, "m1");
    node_is_told_topic(n, "cmd/a");
    struct mqttsn_message m = node_receives(n, "1");
    node_hears_nothing(n); /* the next waits for this ack */
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_PUBACK, .topic_id = m.topic_id, .message_id = m.message_id });
    node_receives_and_acks(n, "2");
    node_is_told_topic(n, "cmd/b");
    node_receives(n, "3");
    node_expects(n, MQTTSN_PINGRESP);
}

static void an_empty_queue_is_answered_at_once(struct scene *s) /* SN-SLP-6 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    node_falls_asleep(n, 300);
    wakes(n, "m1");
    node_expects(n, MQTTSN_PINGRESP);
    gateway_logs(s->gateway, "session m1: asleep -> awake"); /* both in one decision */
    gateway_logs(s->gateway, "session m1: awake -> asleep");
    assert_int_equal(process_count(&s->gateway->process, "session m1: awake -> asleep"), 1);
}

static void a_client_may_wake_at_a_new_port(struct scene *s) /* SN-SLP-18 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    node_falls_asleep(n, 300);
    peer_publishes(world, "lamp/1", 1, "on");
    node_hears_nothing(n);
    node_moves(n);
    wakes(n, "m1");
    node_receives_and_acks(n, "on");
    node_expects(n, MQTTSN_PINGRESP);
}

static void a_connect_wakes_a_sleeper_and_its_queue_comes(struct scene *s) /* SN-SLP-12: resume */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects_kept(n, "m1");
    uint16_t id = node_subscribes(n, "lamp/1", 1);
    node_falls_asleep(n, 300);
    peer_publishes(world, "lamp/1", 1, "on");
    node_hears_nothing(n);
    node_connects_kept(n, "m1");
    assert_int_equal(node_receives_and_acks(n, "on").topic_id, id); /* ids stay confirmed: no REGISTER */
    peer_publishes(world, "lamp/1", 1, "off");
    node_receives_and_acks(n, "off"); /* active again */
}

static void a_clean_connect_from_sleep_starts_afresh(struct scene *s) /* SN-SLP-12: clean */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    node_falls_asleep(n, 300);
    peer_publishes(world, "lamp/1", 1, "on");
    node_hears_nothing(n);
    node_connects(n, "m1");
    node_hears_nothing(n);
    peer_publishes(world, "lamp/1", 1, "off");
    node_hears_nothing(n);
}

static void a_clean_connect_may_mean_i_am_back(struct scene *s) /* SN-SLP-12: wake_connect */
{
    struct node *n = node_open(gateway_start_with_broker(
        s, (struct settings){ .more = "clients: [{match: \"*\", wake_connect: resume}]" }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    node_falls_asleep(n, 300);
    peer_publishes(world, "lamp/1", 1, "on");
    node_hears_nothing(n);
    node_connects(n, "m1");
    node_receives_and_acks(n, "on");
}

static void a_sleeper_may_publish_and_sleeps_on(struct scene *s) /* SN-SLP-14 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "a/b/c", 1);
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    uint16_t id = node_registers(n, "a/b/c");
    node_falls_asleep(n, 300);
    peer_publishes(world, "lamp/1", 1, "on");
    node_publishes(n, id, 1, "from my sleep");
    peer_hears(world, "a/b/c", "from my sleep");
    node_hears_nothing(n);
    wakes(n, "m1");
    node_receives_and_acks(n, "on");
    node_expects(n, MQTTSN_PINGRESP);
}

static void a_sleeper_may_leave(struct scene *s) /* SN-SLP-13 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    node_falls_asleep(n, 300);
    node_disconnects(n);
    wakes(n, "m1");
    node_expects(n, MQTTSN_DISCONNECT); /* SN-PING-4 */
}

static void a_lost_first_message_comes_again_at_the_next_pingreq(struct scene *s) /* SN-SLP-9 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    node_falls_asleep(n, 300);
    peer_publishes(world, "lamp/1", 1, "on");
    node_hears_nothing(n);
    wakes(n, "m1");
    uint16_t id = node_receives(n, "on").message_id;
    wakes(n, "m1");
    struct mqttsn_message m = node_receives(n, "on");
    assert_int_equal(m.message_id, id);
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_PUBACK, .topic_id = m.topic_id, .message_id = id });
    node_expects(n, MQTTSN_PINGRESP);
}

static void a_client_that_sleeps_on_gets_the_rest_next_time(struct scene *s) /* SN-SLP-10 */
{
    struct node *n = node_open(gateway_start_with_broker(
        s, (struct settings){ .limits = "retry: {interval: \"1s\", count: 1}" }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    node_falls_asleep(n, 300);
    peer_publishes(world, "lamp/1", 1, "on");
    node_hears_nothing(n);
    wakes(n, "m1");
    node_receives(n, "on");
    node_receives(n, "on"); /* the one repetition */
    process_mark(&n->gateway->process);
    gateway_logs(n->gateway, "-> asleep");
    wakes(n, "m1");
    node_receives_and_acks(n, "on");
    node_expects(n, MQTTSN_PINGRESP);
}

static void a_full_queue_gives_up_its_oldest_qos_0_message(struct scene *s) /* SN-SLP-11 */
{
    struct node *n = node_open(gateway_start_with_broker(
        s,
        (struct settings){ .limits = "sleep_queue: {messages: 3, bytes: \"64KiB\", ttl: \"7d\"}" }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 0);
    node_falls_asleep(n, 300);
    const char *const texts[] = { "1", "2", "3", "4", "5" };
    for (size_t i = 0; i < 5; i++)
        peer_publishes(world, "lamp/1", 0, texts[i]);
    node_hears_nothing(n);
    wakes(n, "m1");
    for (size_t i = 2; i < 5; i++)
        node_receives(n, texts[i]);
    node_expects(n, MQTTSN_PINGRESP);
}

/* More than fit, and more than Mosquitto sends ahead of acknowledgements. */
static void what_a_full_queue_leaves_with_the_broker_comes_in_order(struct scene *s) /* SN-SLP-11 */
{
    enum { MANY = 30 };
    struct node *n = node_open(gateway_start_with_broker(
        s,
        (struct settings){ .limits = "sleep_queue: {messages: 3, bytes: \"64KiB\", ttl: \"7d\"}" }));
    struct peer *world = peer_open(s, "world");
    node_connects_kept(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    node_falls_asleep(n, 300);
    for (unsigned i = 0; i < MANY; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u", i);
        peer_publishes(world, "lamp/1", 1, text);
    }
    unsigned next = 0;
    for (int64_t deadline = deadline_in(PATIENCE_MS); next < MANY && deadline_left(deadline) > 0;)
        next = node_collects(n, "m1", next);
    assert_int_equal(next, MANY);
}

static void strict_sleep_sends_a_chatty_sleeper_away(struct scene *s) /* SN-SLP-14, strict_sleep */
{
    struct node *n = node_open(gateway_start_with_broker(
        s, (struct settings){ .more = "clients: [{match: \"*\", strict_sleep: true}]" }));
    node_connects(n, "m1");
    node_falls_asleep(n, 300);
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_REGISTER, .message_id = 1, .tail = span_text("a/b/c") });
    node_expects(n, MQTTSN_DISCONNECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(a_sleeping_client_hears_nothing_until_it_wakes),
        SCENE_IN_BOTH(messages_come_one_by_one_and_pingresp_last),
        SCENE_IN_BOTH(an_empty_queue_is_answered_at_once),
        SCENE_IN_BOTH(a_client_may_wake_at_a_new_port),
        SCENE_IN_BOTH(a_connect_wakes_a_sleeper_and_its_queue_comes),
        SCENE_IN_BOTH(a_clean_connect_from_sleep_starts_afresh),
        SCENE_IN_BOTH(a_clean_connect_may_mean_i_am_back),
        SCENE_IN_BOTH(a_sleeper_may_publish_and_sleeps_on),
        SCENE_IN_BOTH(a_sleeper_may_leave),
        SCENE_IN_BOTH(a_lost_first_message_comes_again_at_the_next_pingreq),
        SCENE_IN_BOTH(a_client_that_sleeps_on_gets_the_rest_next_time),
        SCENE_IN_BOTH(a_full_queue_gives_up_its_oldest_qos_0_message),
        SCENE_IN(what_a_full_queue_leaves_with_the_broker_comes_in_order, "transparent"),
        SCENE_IN_BOTH(strict_sleep_sends_a_chatty_sleeper_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
