/* store_test.c -- a restart of the gateway is invisible to its nodes (design rule 4; SN-SLP-20).
 *
 * What each test asks is the same question at another moment: the gateway dies with -9 or is stopped in order, is run
 * again with its file, and the node goes on as if nothing had been. A node that hears DISCONNECT, REGISTER or a new id
 * where it would have heard none has noticed. */
#include "tests/system/keeper.h"

#include <signal.h>
#include <stdio.h>

static void publishes(struct node *n, uint16_t topic_id, uint8_t qos, uint16_t message_id)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .qos = qos,
                                           .topic_id = topic_id,
                                           .message_id = message_id,
                                           .tail = span_text("x") });
}

static void sends(struct node *n, enum mqttsn_type type, uint16_t message_id)
{
    node_sends(n, (struct mqttsn_message){ .type = type, .message_id = message_id });
}

static struct node *node_of_keeper(struct scene *s)
{
    return node_open(keeper_start(s, (struct settings){ 0 }));
}

static struct peer *listener(struct scene *s, const char *filter)
{
    struct peer *world = peer_open(s, "listener");
    peer_subscribes(world, filter, 2);
    return world;
}

/* ---- nodes that tell --------------------------------------------------------------------------------------------- */

static void tells_on(struct scene *s, struct node *n)
{
    struct peer *world = listener(s, "a/b/c");
    uint16_t id = node_registers(n, "a/b/c");
    node_publishes(n, id, 1, "before");
    keeper_dies_and_returns(n->gateway);
    node_publishes(n, id, 1, "after");
    node_publishes(n, id, 2, "last");
    peer_hears(world, "a/b/c", "before");
    peer_hears(world, "a/b/c", "after");
    peer_hears(world, "a/b/c", "last");
    peer_hears_nothing(world);
    node_hears_nothing(n);
}

static void a_node_publishes_with_its_topic_id_after_a_kill(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    node_connects_kept(n, "m1");
    tells_on(s, n);
}

static void a_clean_session_goes_on_after_a_kill(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    node_connects(n, "m1");
    tells_on(s, n);
}

static void a_node_goes_on_after_an_orderly_stop(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    node_connects(n, "m1");
    uint16_t id = node_registers(n, "a/b/c");
    assert_int_equal(gateway_stops(n->gateway), 0);
    node_hears_nothing(n);
    gateway_starts_again(n->gateway);
    node_publishes(n, id, 1, "after");
    node_hears_nothing(n);
}

static void a_client_that_left_is_not_there_after_a_kill(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    node_connects(n, "m1");
    uint16_t id = node_registers(n, "a/b/c");
    node_disconnects(n);
    keeper_dies_and_returns(n->gateway);
    publishes(n, id, 1, 9);
    node_expects(n, MQTTSN_DISCONNECT);
}

static void the_second_half_of_qos_2_goes_on_after_a_kill(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    struct peer *world = listener(s, "a/b/c");
    node_connects_kept(n, "m1");
    uint16_t id = node_registers(n, "a/b/c");
    publishes(n, id, 2, 9);
    assert_int_equal(node_expects(n, MQTTSN_PUBREC).message_id, 9);
    keeper_dies_and_returns(n->gateway);
    publishes(n, id, 2, 9);
    assert_int_equal(node_expects(n, MQTTSN_PUBREC).message_id, 9);
    sends(n, MQTTSN_PUBREL, 9);
    assert_int_equal(node_expects(n, MQTTSN_PUBCOMP).message_id, 9);
    peer_hears(world, "a/b/c", "x");
    peer_hears_nothing(world);
}

static void registered_ids_are_what_they_were(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    node_connects_kept(n, "m1");
    uint16_t first = node_registers(n, "a/1"), second = node_registers(n, "a/2");
    keeper_dies_and_returns(n->gateway);
    assert_int_equal(node_registers(n, "a/2"), second);
    assert_int_equal(node_registers(n, "a/1"), first);
    uint16_t third = node_registers(n, "a/3");
    assert_int_not_equal(third, first);
    assert_int_not_equal(third, second);
}

/* ---- nodes that listen ------------------------------------------------------------------------------------------- */

static void a_subscription_delivers_after_a_kill(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    node_connects(n, "m1");
    uint16_t id = node_subscribes(n, "lamp/1", 1);
    keeper_dies_and_reconnects(n->gateway);
    peer_retains(peer_open(s, "world"), "lamp/1", "on");
    assert_int_equal(node_receives_and_acks(n, "on").topic_id, id);
    node_hears_nothing(n);
}

static void a_cancelled_subscription_stays_cancelled(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    node_connects_kept(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    uint16_t other = node_subscribes(n, "lamp/2", 1);
    uint16_t id = node_next_message_id(n);
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_UNSUBSCRIBE, .message_id = id, .tail = span_text("lamp/1") });
    node_expects(n, MQTTSN_UNSUBACK);
    keeper_dies_and_reconnects(n->gateway);
    struct peer *world = peer_open(s, "world");
    peer_retains(world, "lamp/1", "on");
    peer_retains(world, "lamp/2", "off");
    assert_int_equal(node_receives_and_acks(n, "off").topic_id, other);
    node_hears_nothing(n);
}

static void an_id_that_was_told_by_register_is_not_told_again(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    struct peer *world = peer_open(s, "world");
    node_connects_kept(n, "m1");
    node_subscribes(n, "lamp/#", 1);
    peer_publishes(world, "lamp/1", 1, "on");
    uint16_t id = node_is_told_topic(n, "lamp/1");
    assert_int_equal(node_receives_and_acks(n, "on").topic_id, id);
    node_hears_nothing(n); /* else it may die before it has heard the PUBACK */
    keeper_dies_and_reconnects(n->gateway);
    peer_publishes(world, "lamp/1", 1, "off");
    assert_int_equal(node_receives_and_acks(n, "off").topic_id, id);
    node_hears_nothing(n);
}

static void a_register_that_was_not_answered_comes_again(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    node_connects_kept(n, "m1");
    node_subscribes(n, "lamp/#", 1);
    peer_publishes(peer_open(s, "world"), "lamp/1", 1, "on");
    node_expects(n, MQTTSN_REGISTER);
    keeper_dies_and_returns(n->gateway);
    uint16_t id = node_is_told_topic(n, "lamp/1");
    assert_int_equal(node_receives_and_acks(n, "on").topic_id, id);
}

/* The handshake is repeated from the step that was open, and under its own id. */
static void a_qos_2_message_for_a_node_is_released_after_a_kill(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    node_connects_kept(n, "m1");
    node_subscribes(n, "lamp/1", 2);
    peer_publishes(peer_open(s, "world"), "lamp/1", 2, "on");
    uint16_t id = node_receives(n, "on").message_id;
    sends(n, MQTTSN_PUBREC, id);
    assert_int_equal(node_expects(n, MQTTSN_PUBREL).message_id, id);
    keeper_dies_and_returns(n->gateway);
    assert_int_equal(node_expects(n, MQTTSN_PUBREL).message_id, id);
    sends(n, MQTTSN_PUBCOMP, id);
    node_hears_nothing(n);
}

static void what_comes_while_the_gateway_is_dead_waits_at_the_broker(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    struct peer *world = peer_open(s, "world");
    node_connects_kept(n, "m1");
    uint16_t id = node_subscribes(n, "lamp/1", 1);
    gateway_is_killed(n->gateway);
    peer_publishes(world, "lamp/1", 1, "on");
    gateway_starts_again(n->gateway);
    assert_int_equal(node_receives_and_acks(n, "on").topic_id, id);
    node_hears_nothing(n);
}

/* ---- nodes that sleep -------------------------------------------------------------------------------------------- */

static struct node *sleeper(struct scene *s, uint8_t qos)
{
    struct node *n = node_of_keeper(s);
    node_connects_kept(n, "m1");
    node_subscribes(n, "lamp/1", qos);
    node_falls_asleep(n, 300);
    return n;
}

static void wakes(struct node *n)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ, .tail = span_text("m1") });
}

static void a_sleeper_gets_what_came_before_the_kill(struct scene *s) /* SN-SLP-20 */
{
    struct node *n = sleeper(s, 2);
    struct peer *world = peer_open(s, "world");
    peer_publishes(world, "lamp/1", 1, "1");
    peer_publishes(world, "lamp/1", 2, "2");
    node_hears_nothing(n);
    keeper_dies_and_reconnects(n->gateway);
    node_wakes_until_a_message(n, "m1");
    node_receives_and_acks(n, "1");
    node_receives_and_acks(n, "2");
    node_expects(n, MQTTSN_PINGRESP);
    wakes(n);
    node_expects(n, MQTTSN_PINGRESP);
}

static void a_sleeper_wakes_from_another_address_after_a_kill(struct scene *s) /* rule 3 */
{
    struct node *n = sleeper(s, 1);
    keeper_dies_and_reconnects(n->gateway);
    node_moves(n);
    wakes(n);
    node_expects(n, MQTTSN_PINGRESP);
}

/* ---- wills ------------------------------------------------------------------------------------------------------- */

static void its_will_appears_once(struct node *n, struct peer *world)
{
    gateway_starts_again(n->gateway);
    peer_hears(world, "will/m1", "gone");
    peer_hears_nothing(world);
    keeper_dies_and_returns(n->gateway);
    peer_hears_nothing(world);
}

static void the_will_of_a_node_that_died_meanwhile_appears_once(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    struct peer *world = listener(s, "will/#");
    node_connects_with_will(n, "m1", stretched(1), "will/m1", "gone");
    gateway_is_killed(n->gateway);
    its_will_appears_once(n, world);
}

/* With a connection of its own the broker would publish the will of a client whose gateway is killed: not after an
 * orderly stop. */
static void an_orderly_stop_publishes_no_will_and_forgets_none(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    struct peer *world = listener(s, "will/#");
    node_connects_with_will(n, "m1", stretched(1), "will/m1", "gone");
    assert_int_equal(gateway_stops(n->gateway), 0);
    peer_hears_nothing(world);
    its_will_appears_once(n, world);
}

/* ---- one commit for many ----------------------------------------------------------------------------------------- */

static void sleeps_with(struct node *n, const char *client_id, const char *filter)
{
    node_connects_kept(n, client_id);
    node_subscribes(n, filter, 1);
    node_falls_asleep(n, 300);
}

static void the_broker_hears_puback_of(struct scene *s, const char *client_id)
{
    char text[LINE], line[LINE];
    snprintf(text, sizeof text, "Received PUBACK from %s ", client_id);
    if (!process_says(&s->broker->process, text, PATIENCE_MS, line, sizeof line))
        fail_msg("%s does not acknowledge", client_id);
}

/* A gateway that was halted takes in one turn what all of them are sent, on a connection each. */
static void what_many_sleepers_are_sent_is_acknowledged_to_the_broker(struct scene *s)
{
    enum { SLEEPERS = 24 };
    char names[SLEEPERS][8];
    struct gateway *g = keeper_start(s, (struct settings){ 0 });
    struct peer *world = peer_open(s, "world");
    for (int i = 0; i < SLEEPERS; i++) {
        snprintf(names[i], sizeof names[i], "m%d", i);
        sleeps_with(node_open(g), names[i], "lamp/1");
    }
    assert_int_equal(kill(g->process.pid, SIGSTOP), 0);
    peer_publishes(world, "lamp/1", 1, "on");
    assert_int_equal(kill(g->process.pid, SIGCONT), 0);
    for (int i = 0; i < SLEEPERS; i++)
        the_broker_hears_puback_of(s, names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(a_node_publishes_with_its_topic_id_after_a_kill),
        SCENE_IN_BOTH(a_clean_session_goes_on_after_a_kill),
        SCENE_IN_BOTH(a_node_goes_on_after_an_orderly_stop),
        SCENE_IN_BOTH(a_client_that_left_is_not_there_after_a_kill),
        SCENE_IN_BOTH(the_second_half_of_qos_2_goes_on_after_a_kill),
        SCENE_IN_BOTH(registered_ids_are_what_they_were),
        SCENE_IN_BOTH(a_subscription_delivers_after_a_kill),
        SCENE_IN_BOTH(a_cancelled_subscription_stays_cancelled),
        SCENE_IN_BOTH(an_id_that_was_told_by_register_is_not_told_again),
        SCENE_IN_BOTH(a_register_that_was_not_answered_comes_again),
        SCENE_IN_BOTH(a_qos_2_message_for_a_node_is_released_after_a_kill),
        SCENE_IN_BOTH(what_comes_while_the_gateway_is_dead_waits_at_the_broker),
        SCENE_IN_BOTH(a_sleeper_gets_what_came_before_the_kill),
        SCENE_IN_BOTH(a_sleeper_wakes_from_another_address_after_a_kill),
        SCENE_IN(the_will_of_a_node_that_died_meanwhile_appears_once, "aggregate"),
        SCENE_IN_BOTH(an_orderly_stop_publishes_no_will_and_forgets_none),
        SCENE_IN(what_many_sleepers_are_sent_is_acknowledged_to_the_broker, "transparent"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
