/* memory_test.c -- the MQTT and MQTT-SN clients when memory ends: each step is done or refused, nothing in between.
 *
 * Each play is repeated without its first allocation, without its second, and so on. That nothing is lost on the way is
 * seen by the leak checker of the sanitizers. */
#include "mqtt/client.h"
#include "mqttsn/client.h"
#include "tests/scarce.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TEXT(t) span_text(t)

static const struct mqtt_connect as_gateway = { .client_id = { (const uint8_t *)"gateway", 7 } };

static enum mqtt_event hears(struct mqtt_client *c, struct mqtt_packet p)
{
    void *owner = NULL;
    return mqtt_client_receive(c, &p, 2, &owner);
}

static struct mqtt_packet long_message(uint16_t packet_id)
{
    static const uint8_t payload[300] = { 0 }; /* more than the first room for what goes out */
    return (struct mqtt_packet){ .type = MQTT_PUBLISH,
                                 .qos = 1,
                                 .packet_id = packet_id,
                                 .topic = TEXT("t"),
                                 .payload = span_of(payload, sizeof payload) };
}

static bool client_connects_and_talks(size_t n)
{
    struct mqtt_client c;
    mqtt_client_init(&c, 0, 1000);
    memory_ends_after(n);
    mqtt_client_open(&c, &as_gateway, 1);
    bool asked = c.out.len > 0;
    assert_int_equal(hears(&c, (struct mqtt_packet){ .type = MQTT_CONNACK }), MQTT_EVENT_CONNECTED);
    uint16_t id = mqtt_client_reserve(&c, &c);
    struct mqtt_packet p = long_message(id);
    bool sent = id != 0 && mqtt_client_send(&c, &p, 3);
    bool heard = hears(&c, long_message(9)) == MQTT_EVENT_MESSAGE;
    bool ended = memory_is_back();
    assert_int_equal(asked && sent && heard, !ended);
    mqtt_client_clear(&c);
    return ended;
}

static void an_mqtt_client_without_memory_says_so(void **state)
{
    (void)state;
    assert_true(play_without_each_allocation(client_connects_and_talks) > 3);
}

static bool client_sends_again(size_t n)
{
    struct mqtt_client c;
    mqtt_client_init(&c, 0, 1000);
    struct mqtt_packet p = long_message(mqtt_client_reserve(&c, &c));
    assert_true(mqtt_client_send(&c, &p, 1)); /* kept: there is no connection yet */
    mqtt_client_open(&c, &as_gateway, 1);
    size_t before = c.out.len;
    memory_ends_after(n);
    assert_int_equal(hears(&c, (struct mqtt_packet){ .type = MQTT_CONNACK }), MQTT_EVENT_CONNECTED);
    bool ended = memory_is_back();
    assert_int_equal(c.out.len > before, !ended);
    assert_int_equal(c.flights.count, 1); /* it is kept for the next connection */
    mqtt_client_clear(&c);
    return ended;
}

static void what_finds_no_memory_on_a_new_connection_is_kept(void **state)
{
    (void)state;
    assert_int_equal(play_without_each_allocation(client_sends_again), 2);
}

static void what_cannot_be_written_is_not_sent(void **state) /* MQTT-1.5.3 */
{
    static const uint8_t too_long[65536] = { 0 };
    struct mqtt_client c;
    (void)state;
    mqtt_client_init(&c, 0, 1000);
    mqtt_client_open(&c, &as_gateway, 1);
    assert_int_equal(hears(&c, (struct mqtt_packet){ .type = MQTT_CONNACK }), MQTT_EVENT_CONNECTED);
    size_t before = c.out.len;
    struct mqtt_packet p = { .type = MQTT_PUBLISH, .topic = span_of(too_long, sizeof too_long) };
    assert_false(mqtt_client_send(&c, &p, 2));
    p.qos = 1;
    p.packet_id = mqtt_client_reserve(&c, &c);
    assert_false(mqtt_client_send(&c, &p, 2));
    assert_int_equal(c.flights.count, 0);
    assert_int_equal(c.out.len, before);
    mqtt_client_clear(&c);
}

/* What an earlier run had under way. */
static bool client_restores(size_t n)
{
    struct mqtt_client c;
    struct mqtt_packet p = long_message(7);
    p.qos = 2;
    mqtt_client_init(&c, 0, 1000);
    memory_ends_after(n);
    bool restored = mqtt_client_restore(&c, &p, false, &c);
    bool arrived = arrivals_restore(&c.arrivals, 9, 1);
    bool ended = memory_is_back();
    assert_int_equal(restored && arrived, !ended);
    assert_int_equal(c.flights.count, restored);
    assert_int_equal(c.arrivals.count, arrived);
    mqtt_client_clear(&c);
    return ended;
}

static void without_memory_nothing_is_half_restored(void **state)
{
    (void)state;
    assert_int_equal(play_without_each_allocation(client_restores), 3);
}

static bool node_learns_a_topic(size_t n)
{
    uint8_t room[64] = { 0 };
    static const uint8_t connack[] = { 0x03, 0x05, 0x00 };
    static const uint8_t registers[] = { 0x07, 0x0A, 0x00, 0x10, 0x00, 0x01, 'a' };
    struct sn_turn t = { .frame = room, .frame_room = sizeof room };
    const struct sn_settings settings = {
        .client_id = TEXT("m1"), .retry_ms = 10, .retries = 1, .max_message = 64, .max_topics = 2
    };
    memory_ends_after(n);
    struct mqttsn_client *c = mqttsn_client_new(&settings);
    bool learnt = false;
    if (c) {
        assert_int_equal(mqttsn_client_connect(c, 1, &t), SN_OK);
        mqttsn_client_receive(c, span_of(connack, sizeof connack), 2, &t);
        mqttsn_client_receive(c, span_of(registers, sizeof registers), 3, &t);
        assert_int_equal(t.frame_len, 7);
        learnt = room[6] == MQTTSN_ACCEPTED;
        assert_true(learnt || room[6] == MQTTSN_CONGESTION);
    }
    bool ended = memory_is_back();
    assert_int_equal(learnt, !ended);
    mqttsn_client_free(c);
    return ended;
}

static void a_node_without_memory_says_congestion(void **state)
{
    (void)state;
    assert_int_equal(play_without_each_allocation(node_learns_a_topic), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_mqtt_client_without_memory_says_so),
        cmocka_unit_test(what_finds_no_memory_on_a_new_connection_is_kept),
        cmocka_unit_test(what_cannot_be_written_is_not_sent),
        cmocka_unit_test(without_memory_nothing_is_half_restored),
        cmocka_unit_test(a_node_without_memory_says_congestion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
