/* expiry_test.c -- a stored session that nobody comes back for (SN-SES-8), seen by a broker that the test plays. */
#include "tests/system/fake_broker.h"
#include "tests/system/node.h"

static struct mqttsn_message connect_kept(void)
{
    return (struct mqttsn_message){
        .type = MQTTSN_CONNECT, .protocol_id = 1, .duration = 60, .tail = span_text("m1")
    };
}

static void the_broker_forgets_an_expired_session_too(struct scene *s) /* SN-SES-8 */
{
    struct fake_broker *b = fake_broker_open(s);
    struct node *n = node_open(
        gateway_start(s, (struct settings){ .url = b->url, .limits = "session_expiry: \"1s\"" }));
    struct mqtt_packet p;
    node_sends(n, connect_kept());
    struct fake_link *first = fake_hears_connect(b, "m1", &p);
    assert_false(p.connect.clean);
    fake_sends(first, (struct mqtt_packet){ .type = MQTT_CONNACK });
    node_expects(n, MQTTSN_CONNACK);
    node_disconnects(n);
    fake_expects(first, MQTT_DISCONNECT);
    fake_is_left(first);
    struct fake_link *last = fake_hears_connect(b, "m1", &p); /* after a second */
    assert_true(p.connect.clean);
    fake_sends(last, (struct mqtt_packet){ .type = MQTT_CONNACK });
    fake_expects(last, MQTT_DISCONNECT);
    fake_is_left(last);
    node_hears_nothing(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(the_broker_forgets_an_expired_session_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
