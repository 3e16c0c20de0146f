/* refusal_test.c -- brokers that refuse, stay silent or answer late, played by the test itself.
 *
 * "Nobody is told accepted before it is safe" (design 4.1) shows only with a broker that withholds its answers. */
#include "tests/system/fake_broker.h"
#include "tests/system/node.h"

/* A gateway, a fake broker and one connected client; the connection that carries this client is returned. */
static struct fake_link *connected(struct scene *s, struct node **node)
{
    struct fake_broker *b = fake_broker_open(s);
    struct gateway *g = gateway_start(s, (struct settings){ .url = b->url });
    struct node *n = *node = node_open(g);
    struct fake_link *l;
    struct mqttsn_message connect = { .type = MQTTSN_CONNECT,
                                      .clean = true,
                                      .protocol_id = 1,
                                      .duration = 60,
                                      .tail = span_text("m1") };
    if (strcmp(s->mode, "aggregate") == 0) {
        l = fake_answers_gateway(b);
        gateway_logs(g, "broker: connected to ");
        node_sends(n, connect);
    } else {
        node_sends(n, connect);
        l = fake_answers_connect(b, "m1", 0);
    }
    assert_int_equal(node_expects(n, MQTTSN_CONNACK).return_code, MQTTSN_ACCEPTED);
    return l;
}

static void connack_is_translated(struct scene *s, uint8_t code, uint8_t expected)
{
    struct fake_broker *b = fake_broker_open(s);
    struct node *n = node_open(gateway_start(s, (struct settings){ .url = b->url }));
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                           .clean = true,
                                           .protocol_id = 1,
                                           .duration = 60,
                                           .tail = span_text("m1") });
    fake_answers_connect(b, "m1", code);
    assert_int_equal(node_expects(n, MQTTSN_CONNACK).return_code, expected);
}

static void a_bad_protocol_level_is_not_supported(struct scene *s) /* SN-CONN-7, all below too */
{
    connack_is_translated(s, 1, MQTTSN_NOT_SUPPORTED);
}

static void a_rejected_identifier_is_not_supported(struct scene *s)
{
    connack_is_translated(s, 2, MQTTSN_NOT_SUPPORTED);
}

static void an_unavailable_server_is_congestion(struct scene *s)
{
    connack_is_translated(s, 3, MQTTSN_CONGESTION);
}

static void a_bad_password_is_not_supported(struct scene *s)
{
    connack_is_translated(s, 4, MQTTSN_NOT_SUPPORTED);
}

static void a_client_that_is_not_authorized_is_not_supported(struct scene *s)
{
    connack_is_translated(s, 5, MQTTSN_NOT_SUPPORTED);
}

static void a_broker_that_closes_without_connack_is_congestion(struct scene *s) /* SN-CONN-7 */
{
    struct fake_broker *b = fake_broker_open(s);
    struct node *n = node_open(gateway_start(s, (struct settings){ .url = b->url }));
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                           .clean = true,
                                           .protocol_id = 1,
                                           .duration = 60,
                                           .tail = span_text("m1") });
    fake_closes(fake_hears_connect(b, "m1", NULL));
    assert_int_equal(node_expects(n, MQTTSN_CONNACK).return_code, MQTTSN_CONGESTION);
}

static void a_silent_broker_is_congestion(struct scene *s) /* SN-CONN-3 */
{
    struct fake_broker *b = fake_broker_open(s);
    struct node *n = node_open(
        gateway_start(s, (struct settings){ .url = b->url, .limits = "connect_timeout: \"1s\"" }));
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                           .clean = true,
                                           .protocol_id = 1,
                                           .duration = 60,
                                           .tail = span_text("m1") });
    struct fake_link *l = fake_hears_connect(b, "m1", NULL);
    assert_int_equal(node_expects(n, MQTTSN_CONNACK).return_code, MQTTSN_CONGESTION);
    fake_is_left(l); /* a late CONNACK would find nobody */
}

static void five_connects_make_one_connection(struct scene *s) /* SN-CONN-8 */
{
    struct fake_broker *b = fake_broker_open(s);
    struct node *n = node_open(gateway_start(s, (struct settings){ .url = b->url }));
    for (int i = 0; i < 5; i++)
        node_sends(n, (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                               .clean = true,
                                               .protocol_id = 1,
                                               .duration = 60,
                                               .tail = span_text("m1") });
    struct fake_link *l = fake_hears_connect(b, "m1", NULL);
    fake_is_left_alone(b);
    fake_sends(l, (struct mqtt_packet){ .type = MQTT_CONNACK });
    assert_int_equal(node_expects(n, MQTTSN_CONNACK).return_code, MQTTSN_ACCEPTED);
}

static void a_stranger_causes_no_connection(struct scene *s) /* design 4.6 */
{
    struct fake_broker *b = fake_broker_open(s);
    struct node *n = node_open(gateway_start(s, (struct settings){ .url = b->url }));
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_REGISTER, .message_id = 1, .tail = span_text("a/b/c") });
    node_expects(n, MQTTSN_DISCONNECT);
    fake_is_left_alone(b);
}

static void the_connect_carries_flags_and_will(struct scene *s) /* SN-CONN-1, SN-WILL-3, section 6 */
{
    struct fake_broker *b = fake_broker_open(s);
    struct node *n = node_open(gateway_start(s, (struct settings){ .url = b->url }));
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                           .will = true,
                                           .protocol_id = 1,
                                           .duration = 60,
                                           .tail = span_text("m1") });
    node_expects(n, MQTTSN_WILLTOPICREQ);
    fake_is_left_alone(b); /* SN-CONN-2 */
    node_sends(
        n, (struct mqttsn_message){
               .type = MQTTSN_WILLTOPIC, .qos = 1, .retain = true, .tail = span_text("will/m1") });
    node_expects(n, MQTTSN_WILLMSGREQ);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_WILLMSG, .tail = span_text("gone") });
    struct mqtt_packet p;
    fake_hears_connect(b, "m1", &p);
    assert_false(p.connect.clean);
    assert_true(p.connect.has_will);
    assert_true(span_equal(p.connect.will.topic, span_text("will/m1")));
    assert_true(span_equal(p.connect.will.message, span_text("gone")));
    assert_int_equal(p.connect.will.qos, 1);
    assert_true(p.connect.will.retain);
    assert_false(p.connect.has_username);
}

static void qos_1_is_acknowledged_only_after_the_broker_has(struct scene *s) /* design 4.1, SN-PUB-2, SN-RTX-7 */
{
    struct node *n;
    struct fake_link *l = connected(s, &n);
    struct mqttsn_message m = { .type = MQTTSN_PUBLISH,
                                .qos = 1,
                                .topic_id = node_registers(n, "a/b/c"),
                                .message_id = 41,
                                .tail = span_text("x") };
    node_sends(n, m);
    struct mqtt_packet p = fake_expects(l, MQTT_PUBLISH);
    assert_int_equal(p.qos, 1);
    uint16_t packet_id = p.packet_id;
    node_hears_nothing(n);
    m.dup = true;
    node_sends(n, m);
    fake_hears_nothing(l); /* no second message */
    fake_sends(l, (struct mqtt_packet){ .type = MQTT_PUBACK, .packet_id = packet_id });
    struct mqttsn_message ack = node_expects(n, MQTTSN_PUBACK);
    assert_int_equal(ack.return_code, MQTTSN_ACCEPTED);
    assert_int_equal(ack.message_id, 41);
}

static void qos_2_goes_step_by_step_with_the_broker(struct scene *s) /* SN-PUB-3 */
{
    struct node *n;
    struct fake_link *l = connected(s, &n);
    uint16_t id = node_registers(n, "a/b/c");
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .qos = 2,
                                           .topic_id = id,
                                           .message_id = 42,
                                           .tail = span_text("x") });
    uint16_t packet_id = fake_expects(l, MQTT_PUBLISH).packet_id;
    node_hears_nothing(n);
    fake_sends(l, (struct mqtt_packet){ .type = MQTT_PUBREC, .packet_id = packet_id });
    node_expects(n, MQTTSN_PUBREC);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBREL, .message_id = 42 });
    assert_int_equal(fake_expects(l, MQTT_PUBREL).packet_id, packet_id);
    node_hears_nothing(n);
    fake_sends(l, (struct mqtt_packet){ .type = MQTT_PUBCOMP, .packet_id = packet_id });
    assert_int_equal(node_expects(n, MQTTSN_PUBCOMP).message_id, 42);
}

static void the_broker_is_acknowledged_only_after_the_client_has(struct scene *s) /* design 4.1, SN-DLV-7 */
{
    struct node *n;
    struct fake_link *l = connected(s, &n);
    node_sends(
        n, (struct mqttsn_message){
               .type = MQTTSN_SUBSCRIBE, .qos = 1, .message_id = 1, .tail = span_text("lamp/1") });
    uint8_t code = 1;
    uint16_t packet_id = fake_expects(l, MQTT_SUBSCRIBE).packet_id;
    fake_sends(l, (struct mqtt_packet){
                      .type = MQTT_SUBACK, .packet_id = packet_id, .payload = span_of(&code, 1) });
    node_expects(n, MQTTSN_SUBACK);
    fake_sends(l, (struct mqtt_packet){ .type = MQTT_PUBLISH,
                                        .qos = 1,
                                        .packet_id = 1000,
                                        .topic = span_text("lamp/1"),
                                        .payload = span_text("on") });
    struct mqttsn_message m = node_receives(n, "on");
    fake_hears_nothing(l);
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_PUBACK, .topic_id = m.topic_id, .message_id = m.message_id });
    assert_int_equal(fake_expects(l, MQTT_PUBACK).packet_id, 1000);
}

static struct mqttsn_message subscribe_with_code(struct scene *s, uint8_t code)
{
    struct node *n;
    struct fake_link *l = connected(s, &n);
    node_sends(
        n, (struct mqttsn_message){
               .type = MQTTSN_SUBSCRIBE, .qos = 2, .message_id = 1, .tail = span_text("lamp/1") });
    uint16_t packet_id = fake_expects(l, MQTT_SUBSCRIBE).packet_id;
    node_hears_nothing(n); /* SN-SUB-2 */
    fake_sends(l, (struct mqtt_packet){
                      .type = MQTT_SUBACK, .packet_id = packet_id, .payload = span_of(&code, 1) });
    struct mqttsn_message m = node_expects(n, MQTTSN_SUBACK);
    fake_hears_nothing(l);
    return m;
}

static void a_lower_granted_qos_is_reported(struct scene *s) /* SN-SUB-7 */
{
    struct mqttsn_message m = subscribe_with_code(s, 0);
    assert_int_equal(m.return_code, MQTTSN_ACCEPTED);
    assert_int_equal(m.qos, 0);
}

static void a_refused_subscription_is_not_supported(struct scene *s) /* SN-SUB-6 */
{
    struct mqttsn_message m = subscribe_with_code(s, MQTT_REFUSED);
    assert_int_equal(m.return_code, MQTTSN_NOT_SUPPORTED);
    assert_int_equal(m.topic_id, 0);
}

static void a_client_s_goodbye_is_passed_on(struct scene *s) /* SN-DSC-1, SN-GW-1 */
{
    struct node *n;
    struct fake_link *l = connected(s, &n);
    node_disconnects(n);
    fake_expects(l, MQTT_DISCONNECT);
    fake_is_left(l);
}

static void a_sleeper_stays_connected_to_the_broker(struct scene *s) /* SN-PING-7, SN-SLP-19 */
{
    struct node *n;
    struct fake_link *l = connected(s, &n);
    node_falls_asleep(n, 300);
    fake_hears_nothing(l);
}

static void a_broker_that_owes_an_answer_does_not_hold_up_the_stop(struct scene *s)
{
    struct node *n;
    struct fake_link *l = connected(s, &n);
    uint16_t id = node_registers(n, "a/b/c");
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .qos = 1,
                                           .topic_id = id,
                                           .message_id = 43,
                                           .tail = span_text("x") });
    fake_expects(l, MQTT_PUBLISH);
    int64_t deadline = deadline_in(PATIENCE_MS);
    assert_int_equal(gateway_stops(s->gateway), 0);
    assert_true(deadline_left(deadline) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(a_bad_protocol_level_is_not_supported),
        SCENE(a_rejected_identifier_is_not_supported),
        SCENE(an_unavailable_server_is_congestion),
        SCENE(a_bad_password_is_not_supported),
        SCENE(a_client_that_is_not_authorized_is_not_supported),
        SCENE(a_broker_that_closes_without_connack_is_congestion),
        SCENE(a_silent_broker_is_congestion),
        SCENE(five_connects_make_one_connection),
        SCENE(a_stranger_causes_no_connection),
        SCENE(the_connect_carries_flags_and_will),
        SCENE_IN_BOTH(qos_1_is_acknowledged_only_after_the_broker_has),
        SCENE_IN_BOTH(qos_2_goes_step_by_step_with_the_broker),
        SCENE_IN_BOTH(the_broker_is_acknowledged_only_after_the_client_has),
        SCENE_IN_BOTH(a_lower_granted_qos_is_reported),
        SCENE_IN_BOTH(a_refused_subscription_is_not_supported),
        SCENE(a_client_s_goodbye_is_passed_on),
        SCENE_IN_BOTH(a_sleeper_stays_connected_to_the_broker),
        SCENE_IN_BOTH(a_broker_that_owes_an_answer_does_not_hold_up_the_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
