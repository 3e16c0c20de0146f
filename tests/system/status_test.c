/* status_test.c -- what the gateway says of itself at the broker (SN-GW-6), with a real broker and a played one. */
#include "tests/system/fake_broker.h"
#include "tests/system/gateway.h"
#include "tests/system/peer.h"

#define SAYS ", status: true"
#define STATUS FAKE_GATEWAY "/status"

static struct peer *somebody_watches(struct scene *s, const char *topic)
{
    broker_start(s, (struct broker_options){ 0 });
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, topic, 1);
    return world;
}

static void a_gateway_is_online_until_it_stops(struct scene *s) /* SN-GW-6 */
{
    struct peer *world = somebody_watches(s, STATUS);
    struct gateway *g = gateway_start(s, (struct settings){ .gateway = SAYS });
    peer_hears(world, STATUS, "online");
    assert_int_equal(gateway_stops(g), 0);
    peer_hears(world, STATUS, "offline");
    struct peer *later = peer_open(s, "later");
    peer_subscribes(later, STATUS, 1);
    peer_hears(later, STATUS, "offline");
    assert_true(peer_heard_retained(later));
}

static void a_gateway_that_dies_is_offline(struct scene *s) /* SN-GW-6 */
{
    struct peer *world = somebody_watches(s, "site/" STATUS);
    struct gateway *g =
        gateway_start(s, (struct settings){ .gateway = SAYS, .broker = ", prefix: \"site/\"" });
    peer_hears(world, "site/" STATUS, "online");
    gateway_is_killed(g);
    peer_hears(world, "site/" STATUS, "offline");
}

static void a_gateway_that_comes_back_to_its_broker_is_online_again(struct scene *s) /* SN-GW-6 */
{
    struct fake_broker *b = fake_broker_open(s);
    gateway_start(s, (struct settings){ .url = b->url, .gateway = SAYS });
    struct fake_link *l = fake_answers_gateway(b);
    for (int i = 0; i < 2; i++) {
        struct mqtt_packet p = fake_expects(l, MQTT_PUBLISH);
        assert_true(span_equal(p.topic, span_text(STATUS)));
        assert_true(span_equal(p.payload, span_text("online")));
        assert_true(p.retain && p.qos == 0);
        fake_closes(l);
        l = fake_answers_gateway(b);
    }
}

static void a_gateway_may_be_told_to_say_nothing(struct scene *s) /* gateway.status: false */
{
    struct fake_broker *b = fake_broker_open(s);
    struct mqtt_packet connect;
    gateway_start(s, (struct settings){ .url = b->url });
    struct fake_link *l = fake_hears_connect(b, FAKE_GATEWAY, &connect);
    assert_false(connect.connect.has_will);
    fake_sends(l, (struct mqtt_packet){ .type = MQTT_CONNACK });
    fake_hears_nothing(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(a_gateway_is_online_until_it_stops),
        SCENE(a_gateway_that_dies_is_offline),
        SCENE(a_gateway_that_comes_back_to_its_broker_is_online_again),
        SCENE(a_gateway_may_be_told_to_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
