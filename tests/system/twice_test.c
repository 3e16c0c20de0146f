/* twice_test.c -- every message between node and gateway lost once, and every message doubled (SN-RTX, SN-PUB-8),
 * with a real broker.
 *
 * A message that the network loses on its way down is one that the node does not answer. One that is lost on its way
 * up is never sent here, so the gateway meets the repetition first. What the world sees must be the same as always. */
#include "tests/system/broker.h"
#include "tests/system/node.h"
#include "tests/system/peer.h"

static const struct settings IMPATIENT = { .limits = "retry: {interval: \"1s\", count: 3}" };

static struct peer *world_of(struct scene *s)
{
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "#", 2);
    return world;
}

/* A node that is connected and has registered "a/b/c", and the PUBLISH that it is about to send. */
static struct node *publisher(struct scene *s, uint8_t qos, struct mqttsn_message *publish)
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    *publish = (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                        .qos = qos,
                                        .topic_id = node_registers(n, "a/b/c"),
                                        .message_id = 77,
                                        .tail = span_text("once") };
    return n;
}

static void sends_short(struct node *n, enum mqttsn_type type, uint16_t message_id)
{
    node_sends(n, (struct mqttsn_message){ .type = type, .message_id = message_id });
}

static void sends_doubled(struct node *n, struct mqttsn_message m)
{
    node_sends(n, m);
    node_sends(n, m);
}

static void expects_id(struct node *n, enum mqttsn_type type, uint16_t message_id)
{
    assert_int_equal(node_expects(n, type).message_id, message_id);
}

/* ---- from the node to the world ---------------------------------------------------------------------------------- */

static void qos_2_up_arrives_once_when_everything_is_lost_once(struct scene *s) /* SN-PUB-3, -8, SN-RTX-7 */
{
    struct mqttsn_message publish;
    struct node *n = publisher(s, 2, &publish);
    struct peer *world = world_of(s);
    publish.dup = true; /* the first is lost */
    for (int i = 0; i < 2; i++) {
        node_sends(n, publish);
        expects_id(n, MQTTSN_PUBREC, 77); /* the first is lost */
    }
    for (int i = 0; i < 2; i++) {
        sends_short(n, MQTTSN_PUBREL, 77);
        expects_id(n, MQTTSN_PUBCOMP, 77); /* the first is lost */
    }
    assert_int_equal(peer_hears(world, "a/b/c", "once"), 2);
    peer_hears_nothing(world);
    node_hears_nothing(n);
    node_publishes(n, publish.topic_id, 2, "next");
    peer_hears(world, "a/b/c", "next");
}

static void qos_2_up_arrives_once_when_everything_is_doubled(struct scene *s) /* SN-PUB-3, -8, SN-RTX-7 */
{
    struct mqttsn_message publish;
    struct node *n = publisher(s, 2, &publish);
    struct peer *world = world_of(s);
    sends_doubled(n, publish);
    expects_id(n, MQTTSN_PUBREC, 77); /* both may be answered, one must be */
    node_discards(n);
    sends_doubled(n, (struct mqttsn_message){ .type = MQTTSN_PUBREL, .message_id = 77 });
    expects_id(n, MQTTSN_PUBCOMP, 77);
    node_discards(n);
    publish.dup = true;
    sends_doubled(n, publish); /* stragglers after the end */
    expects_id(n, MQTTSN_PUBREC, 77);
    node_discards(n);
    assert_int_equal(peer_hears(world, "a/b/c", "once"), 2);
    peer_hears_nothing(world);
    node_publishes(n, publish.topic_id, 2, "next");
    peer_hears(world, "a/b/c", "next");
}

static void a_repeated_qos_1_publish_is_not_published_twice(struct scene *s) /* SN-RTX-7 */
{
    struct mqttsn_message publish;
    struct node *n = publisher(s, 1, &publish);
    struct peer *world = world_of(s);
    broker_freezes(s->broker); /* so that the exchange stays open */
    sends_doubled(n, publish);
    publish.dup = true;
    node_sends(n, publish);
    node_hears_nothing(n);
    broker_thaws(s->broker);
    expects_id(n, MQTTSN_PUBACK, 77);
    node_hears_nothing(n); /* one answer to all three */
    for (int i = 0; i < 2; i++) {
        node_sends(n, publish); /* PUBACK was lost */
        expects_id(n, MQTTSN_PUBACK, 77);
    }
    peer_hears(world, "a/b/c", "once");
    peer_hears_nothing(world);
}

static void a_message_id_used_again_is_a_new_message(struct scene *s) /* SN-RTX-7, DUP 0 */
{
    struct mqttsn_message publish;
    struct node *n = publisher(s, 1, &publish);
    struct peer *world = world_of(s);
    const char *const texts[] = { "once", "21.5", "21.5" }; /* the same sample again is another sample */
    for (size_t i = 0; i < 3; i++) {
        publish.tail = span_text(texts[i]);
        node_sends(n, publish);
        expects_id(n, MQTTSN_PUBACK, 77);
        peer_hears(world, "a/b/c", texts[i]);
    }
    peer_hears_nothing(world);
}

/* ---- from the world to the node ---------------------------------------------------------------------------------- */

static struct node *subscriber(struct scene *s, struct peer **world)
{
    struct node *n = node_open(gateway_start_with_broker(s, IMPATIENT));
    *world = peer_open(s, "world");
    node_connects(n, "m1");
    node_subscribes(n, "cmd/#", 2);
    return n;
}

/* The broker has its acknowledgement and goes on: the next message comes, and nothing else. */
static void is_over(struct node *n, struct peer *world)
{
    peer_publishes(world, "cmd/1", 2, "next");
    node_receives_and_acks(n, "next");
    node_hears_nothing(n);
}

static void qos_2_down_arrives_once_when_everything_is_lost_once(struct scene *s) /* SN-DLV-6, SN-RTX-1, -2 */
{
    struct peer *world;
    struct node *n = subscriber(s, &world);
    peer_publishes(world, "cmd/1", 2, "once");
    node_expects(n, MQTTSN_REGISTER); /* is lost */
    node_is_told_topic(n, "cmd/1");
    struct mqttsn_message m = node_receives(n, "once"); /* is lost */
    assert_false(m.dup);
    uint16_t id = m.message_id;
    for (int i = 0; i < 2; i++) { /* PUBREC of the first is lost */
        m = node_receives(n, "once");
        assert_true(m.dup);
        assert_int_equal(m.message_id, id);
    }
    sends_short(n, MQTTSN_PUBREC, id);
    for (int i = 0; i < 3; i++) /* the first is lost, and PUBCOMP of the second */
        expects_id(n, MQTTSN_PUBREL, id);
    sends_short(n, MQTTSN_PUBCOMP, id);
    is_over(n, world);
}

static void qos_2_down_arrives_once_when_everything_is_doubled(struct scene *s) /* SN-DLV-6 */
{
    struct peer *world;
    struct node *n = subscriber(s, &world);
    peer_publishes(world, "cmd/1", 2, "once");
    struct mqttsn_message m = node_expects(n, MQTTSN_REGISTER);
    sends_doubled(n, (struct mqttsn_message){
                         .type = MQTTSN_REGACK, .topic_id = m.topic_id, .message_id = m.message_id });
    uint16_t id = node_receives(n, "once").message_id;
    sends_doubled(n, (struct mqttsn_message){ .type = MQTTSN_PUBREC, .message_id = id });
    for (int i = 0; i < 2; i++)
        expects_id(n, MQTTSN_PUBREL, id);
    sends_doubled(n, (struct mqttsn_message){ .type = MQTTSN_PUBCOMP, .message_id = id });
    sends_short(n, MQTTSN_PUBREC, id); /* a straggler: its sender wants an end */
    expects_id(n, MQTTSN_PUBREL, id);
    sends_short(n, MQTTSN_PUBCOMP, id);
    is_over(n, world);
}

static void a_doubled_puback_takes_one_message_only(struct scene *s) /* SN-DLV-6, SN-RTX-10 */
{
    struct peer *world;
    struct node *n = subscriber(s, &world);
    peer_publishes(world, "cmd/1", 1, "first");
    peer_publishes(world, "cmd/1", 1, "second");
    node_is_told_topic(n, "cmd/1");
    struct mqttsn_message m = node_receives(n, "first");
    sends_doubled(n, (struct mqttsn_message){
                         .type = MQTTSN_PUBACK, .topic_id = m.topic_id, .message_id = m.message_id });
    m = node_receives(n, "second");
    assert_false(m.dup);
    assert_true(node_receives(n, "second").dup); /* nobody has acknowledged this one */
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_PUBACK, .topic_id = m.topic_id, .message_id = m.message_id });
    is_over(n, world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(qos_2_up_arrives_once_when_everything_is_lost_once),
        SCENE_IN_BOTH(qos_2_up_arrives_once_when_everything_is_doubled),
        SCENE_IN_BOTH(a_repeated_qos_1_publish_is_not_published_twice),
        SCENE_IN_BOTH(a_message_id_used_again_is_a_new_message),
        SCENE_IN_BOTH(qos_2_down_arrives_once_when_everything_is_lost_once),
        SCENE_IN_BOTH(qos_2_down_arrives_once_when_everything_is_doubled),
        SCENE_IN_BOTH(a_doubled_puback_takes_one_message_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
