/* closing_test.c -- a broker that closes the connection over one request, every time it comes (SN-BRK-7): an access
 * list with "disconnect", a limit of a cloud broker. Played by the test. */
#include "tests/system/fake_broker.h"
#include "tests/system/node.h"

#include <string.h>

static bool is_shared(const struct scene *s)
{
    return strcmp(s->mode, "aggregate") == 0;
}

/* The next connection that the node's messages go over. */
static struct fake_link *next_link(struct scene *s, struct fake_broker *b)
{
    return fake_answers_connect(b, is_shared(s) ? FAKE_GATEWAY : "m1", 0);
}

static void a_message_that_the_broker_closes_over_is_refused_and_the_rest_goes_on(struct scene *s)
{
    struct fake_broker *b = fake_broker_open(s);
    struct gateway *g = gateway_start(
        s, (struct settings){
               .url = b->url,
               .more = "topics: {\"*\": {1: deny, 2: good}}\nclients: [{match: \"*\"}]" });
    struct fake_link *l = fake_answers_gateway(b);
    struct node *n = node_open(g);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                           .protocol_id = 1,
                                           .clean = true,
                                           .duration = stretched(60),
                                           .tail = span_text("m1") });
    if (!is_shared(s))
        l = next_link(s, b);
    node_expects(n, MQTTSN_CONNACK);
    struct mqttsn_message m = { .type = MQTTSN_PUBLISH,
                                .qos = 1,
                                .topic_id_type = MQTTSN_PREDEFINED,
                                .topic_id = 1,
                                .message_id = 7,
                                .tail = span_text("x") };
    node_sends(n, m);
    for (int i = 0; i < 3; i++) {
        fake_expects(l, MQTT_PUBLISH);
        fake_closes(l);
        if (i < 2)
            l = next_link(s, b);
    }
    assert_int_equal(node_expects(n, MQTTSN_PUBACK).return_code, MQTTSN_NOT_SUPPORTED);
    l = next_link(s, b);
    m.topic_id = 2;
    m.message_id = 8;
    node_sends(n, m);
    struct mqtt_packet p = fake_expects(l, MQTT_PUBLISH);
    assert_true(span_equal(p.topic, span_text("good")));
    fake_sends(l, (struct mqtt_packet){ .type = MQTT_PUBACK, .packet_id = p.packet_id });
    assert_int_equal(node_expects(n, MQTTSN_PUBACK).return_code, MQTTSN_ACCEPTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(a_message_that_the_broker_closes_over_is_refused_and_the_rest_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
