/* will_test.c -- wills and keep-alive supervision (sections 6.2, 6.4, 6.12 and 6.14), with a real broker.
 *
 * Keep-alive 1 s, so a client is lost 1.5 s after its last message; the wait for its will is the only long one. */
#include "tests/system/broker.h"
#include "tests/system/node.h"
#include "tests/system/peer.h"

static void a_lost_client_s_will_is_published_exactly_once(struct scene *s) /* SN-WILL-10, SN-PING-2, -9 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "will/#", 1);
    struct node *n = node_open(g);
    node_connects_with_will(n, "m1", 1, "will/m1", "gone");
    peer_hears(world, "will/m1", "gone");
    peer_hears_nothing(world);
    assert_true(node_expects(n, MQTTSN_DISCONNECT).brief); /* SN-DSC-7 */
}

static void a_client_that_pings_is_not_lost(struct scene *s) /* SN-PING-2 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "will/#", 1);
    struct node *n = node_open(g);
    node_connects_with_will(n, "m1", stretched(1), "will/m1", "gone");
    int64_t deadline = deadline_in(2000); /* longer than it may be silent */
    while (deadline_left(deadline) > 0) {
        peer_hears_nothing(world);
        node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ });
        node_expects(n, MQTTSN_PINGRESP);
    }
}

static void malformed_frames_do_not_keep_a_client_alive(struct scene *s) /* SN-PING-8 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "will/#", 1);
    struct node *n = node_open(g);
    node_connects_with_will(n, "m1", stretched(1), "will/m1", "gone");
    int64_t late = deadline_in(1350);
    while (deadline_left(late) > 0) {
        peer_hears_nothing(world);
        node_sends_hex(n, "0516");
    }
    peer_hears(world, "will/m1", "gone");
}

static void a_client_that_says_goodbye_leaves_no_will(struct scene *s) /* SN-WILL-11 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "will/#", 1);
    struct node *n = node_open(g);
    node_connects_with_will(n, "m1", 60, "will/m1", "gone");
    node_disconnects(n);
    peer_hears_nothing(world);
}

static void an_updated_will_is_the_one_that_counts(struct scene *s) /* SN-WILL-7, SN-WILL-10 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "will/#", 1);
    struct node *n = node_open(g);
    node_connects_with_will(n, "m1", 1, "will/m1", "gone");
    node_sends(
        n, (struct mqttsn_message){ .type = MQTTSN_WILLMSGUPD, .tail = span_text("really gone") });
    assert_int_equal(node_expects(n, MQTTSN_WILLMSGRESP).return_code, MQTTSN_ACCEPTED);
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_WILLTOPICUPD, .qos = 1, .tail = span_text("will/new") });
    assert_int_equal(node_expects(n, MQTTSN_WILLTOPICRESP).return_code, MQTTSN_ACCEPTED);
    assert_int_equal(peer_hears(world, "will/new", "really gone"), 1);
    peer_hears_nothing(world);
}

static void a_deleted_will_is_not_published(struct scene *s) /* SN-WILL-8 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "will/#", 1);
    struct node *n = node_open(g);
    node_connects_with_will(n, "m1", 1, "will/m1", "gone");
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_WILLTOPICUPD, .brief = true });
    assert_int_equal(node_expects(n, MQTTSN_WILLTOPICRESP).return_code, MQTTSN_ACCEPTED);
    node_expects(n, MQTTSN_DISCONNECT); /* lost */
    peer_hears_nothing(world);
}

static void an_empty_will_topic_goes_straight_to_connack(struct scene *s) /* SN-WILL-4 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                           .clean = true,
                                           .will = true,
                                           .protocol_id = 1,
                                           .duration = 60,
                                           .tail = span_text("m1") });
    node_expects(n, MQTTSN_WILLTOPICREQ);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_WILLTOPIC, .brief = true });
    assert_int_equal(node_expects(n, MQTTSN_CONNACK).return_code, MQTTSN_ACCEPTED);
}

static void a_will_with_a_wildcard_is_not_supported(struct scene *s) /* SN-WILL-5 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                           .clean = true,
                                           .will = true,
                                           .protocol_id = 1,
                                           .duration = 60,
                                           .tail = span_text("m1") });
    node_expects(n, MQTTSN_WILLTOPICREQ);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_WILLTOPIC, .tail = span_text("will/+") });
    assert_int_equal(node_expects(n, MQTTSN_CONNACK).return_code, MQTTSN_NOT_SUPPORTED);
}

static void a_sleeper_that_does_not_come_back_is_lost(struct scene *s) /* SN-SLP-15 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "will/#", 1);
    struct node *n = node_open(g);
    node_connects_with_will(n, "m1", 60, "will/m1", "overslept");
    node_falls_asleep(n, 1);
    peer_hears(world, "will/m1", "overslept");
    peer_hears_nothing(world);
}

static void a_gateway_that_is_stopped_publishes_no_will(struct scene *s) /* design 6, SN-DSC-6 */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "#", 1);
    struct node *awake = node_open(g);
    struct node *asleep = node_open(g);
    node_connects_with_will(awake, "m1", 60, "will/m1", "gone");
    node_connects_with_will(asleep, "m2", 60, "will/m2", "gone");
    node_falls_asleep(asleep, 60);
    assert_int_equal(gateway_stops(g), 0);
    peer_hears_nothing(world);
}

static void a_gateway_that_is_killed_leaves_its_wills_to_the_broker(struct scene *s) /* SN-WILL-10, transparent */
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "will/#", 1);
    node_connects_with_will(node_open(g), "m1", 60, "will/m1", "gone");
    gateway_is_killed(g);
    peer_hears(world, "will/m1", "gone");
}

/* The node keeps its message until the new connection is there. */
static void publishes_until_it_is_taken(struct node *n)
{
    int64_t deadline = deadline_in(PATIENCE_MS);
    struct mqttsn_message m;
    do {
        assert_true(deadline_left(deadline) > 0);
        node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                               .qos = 1,
                                               .topic_id_type = MQTTSN_SHORT,
                                               .topic_id = 'a' << 8 | 'b',
                                               .message_id = node_next_message_id(n),
                                               .tail = span_text("x") });
        m = node_expects(n, MQTTSN_PUBACK);
    } while (m.return_code == MQTTSN_CONGESTION);
    assert_int_equal(m.return_code, MQTTSN_ACCEPTED);
}

static void a_killed_gateway_leaves_the_newest_will_where_that_is_wanted(struct scene *s) /* SN-WILL-10 */
{
    struct gateway *g = gateway_start_with_broker(
        s, (struct settings){ .more = "clients: [{match: \"*\", will_update: reconnect}]" });
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "will/#", 1);
    struct node *n = node_open(g);
    node_connects_with_will(n, "m1", 60, "will/m1", "old");
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_WILLMSGUPD, .tail = span_text("new") });
    assert_int_equal(node_expects(n, MQTTSN_WILLMSGRESP).return_code, MQTTSN_ACCEPTED);
    publishes_until_it_is_taken(n);
    peer_hears_nothing(world); /* the old connection ended well */
    gateway_is_killed(g);
    peer_hears(world, "will/m1", "new");
    peer_hears_nothing(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(a_lost_client_s_will_is_published_exactly_once),
        SCENE_IN_BOTH(a_client_that_pings_is_not_lost),
        SCENE_IN_BOTH(malformed_frames_do_not_keep_a_client_alive),
        SCENE_IN_BOTH(a_client_that_says_goodbye_leaves_no_will),
        SCENE_IN_BOTH(an_updated_will_is_the_one_that_counts),
        SCENE_IN_BOTH(a_deleted_will_is_not_published),
        SCENE_IN_BOTH(an_empty_will_topic_goes_straight_to_connack),
        SCENE_IN_BOTH(a_will_with_a_wildcard_is_not_supported),
        SCENE_IN_BOTH(a_sleeper_that_does_not_come_back_is_lost),
        SCENE_IN_BOTH(a_gateway_that_is_stopped_publishes_no_will),
        SCENE(a_gateway_that_is_killed_leaves_its_wills_to_the_broker),
        SCENE(a_killed_gateway_leaves_the_newest_will_where_that_is_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
