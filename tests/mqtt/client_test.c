/* client_test.c -- the client side of one MQTT connection, without the connection (MQTT 3.1.1, sections 2.3.1, 3.1.2,
 * 4.3, 4.4, 4.6). What it writes is read back packet by packet. */
#include "mqtt/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define P(...) ((struct mqtt_packet){ .type = MQTT_##__VA_ARGS__ })
#define TEXT(t) span_text(t)

enum { KEEP_ALIVE = 45000, PATIENCE = 10000 };

static int owner, other; /* only their addresses count */

/* ---- what it writes and what it hears ---------------------------------------------------------------------------- */

static struct mqtt_packet writes(struct mqtt_client *c, enum mqtt_type type, uint16_t packet_id)
{
    struct mqtt_packet p;
    size_t total;
    struct span bytes = buffer_span(&c->out);
    assert_int_equal(mqtt_frame_len(bytes, &total), MQTT_OK);
    assert_int_equal(mqtt_decode(span_of(bytes.at, total), &p), MQTT_OK);
    assert_string_equal(mqtt_type_name(p.type), mqtt_type_name(type));
    assert_int_equal(p.packet_id, packet_id);
    buffer_consume(&c->out, total, SIZE_MAX);
    return p;
}

static void writes_nothing(const struct mqtt_client *c)
{
    assert_int_equal(c->out.len, 0);
}

static enum mqtt_event hears(struct mqtt_client *c, struct mqtt_packet p, void **who)
{
    void *ignored;
    return mqtt_client_receive(c, &p, 2000, who ? who : &ignored);
}

static uint32_t message(struct mqtt_client *c, uint8_t qos, uint16_t packet_id)
{
    struct mqtt_packet p = P(PUBLISH, .qos = qos, .packet_id = packet_id, .topic = TEXT("t"));
    void *ignored;
    assert_int_equal(mqtt_client_receive(c, &p, 2000, &ignored), MQTT_EVENT_MESSAGE);
    return p.receipt;
}

static void connects(struct mqtt_client *c, bool session_present)
{
    mqtt_client_open(c, &(struct mqtt_connect){ .client_id = TEXT("m1") }, 1000);
    writes(c, MQTT_CONNECT, 0);
    assert_int_equal(hears(c, P(CONNACK, .session_present = session_present), NULL),
                     MQTT_EVENT_CONNECTED);
}

static struct mqtt_client online(void)
{
    struct mqtt_client c;
    mqtt_client_init(&c, KEEP_ALIVE, PATIENCE);
    connects(&c, false);
    return c;
}

static uint16_t publishes(struct mqtt_client *c, uint8_t qos)
{
    uint16_t id = mqtt_client_reserve(c, &owner);
    assert_int_not_equal(id, 0);
    assert_true(
        mqtt_client_send(c, &P(PUBLISH, .qos = qos, .packet_id = id, .topic = TEXT("t")), 2000));
    return id;
}

/* ---- packet ids -------------------------------------------------------------------------------------------------- */

static void an_id_in_use_is_never_given(void **state) /* MQTT-2.3.1-1, -2 */
{
    struct mqtt_client c = online();
    bool *used = calloc(65536, 1);
    (void)state;
    for (unsigned i = 0; i < 65535; i++) {
        uint16_t id = mqtt_client_reserve(&c, &owner);
        assert_true(id != 0 && !used[id]);
        used[id] = true;
    }
    assert_int_equal(mqtt_client_reserve(&c, &owner), 0);
    mqtt_client_unreserve(&c, 4711);
    assert_int_equal(mqtt_client_reserve(&c, &owner), 4711);
    free(used);
    mqtt_client_clear(&c);
}

static void ids_are_free_after_the_answer(void **state) /* MQTT-2.3.1-2 */
{
    struct mqtt_client c = online();
    (void)state;
    for (unsigned i = 0; i < 70000; i++) { /* once round */
        uint16_t id = publishes(&c, 1);
        writes(&c, MQTT_PUBLISH, id);
        assert_int_equal(hears(&c, P(PUBACK, .packet_id = id), NULL), MQTT_EVENT_ANSWER);
    }
    assert_int_equal(c.flights.count, 0);
    assert_int_equal(c.flights.bytes, 0);
    mqtt_client_clear(&c);
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static void an_answer_goes_to_its_owner(void **state)
{
    struct mqtt_client c = online();
    void *who = NULL;
    (void)state;
    uint16_t one = publishes(&c, 1), two = mqtt_client_reserve(&c, &other);
    assert_true(mqtt_client_send(&c, &P(SUBSCRIBE, .packet_id = two, .topic = TEXT("t")), 2000));
    writes(&c, MQTT_PUBLISH, one);
    writes(&c, MQTT_SUBSCRIBE, two);
    assert_int_equal(hears(&c, P(SUBACK, .packet_id = two), &who), MQTT_EVENT_ANSWER);
    assert_ptr_equal(who, &other);
    assert_int_equal(hears(&c, P(PUBACK, .packet_id = one), &who), MQTT_EVENT_ANSWER);
    assert_ptr_equal(who, &owner);
    assert_int_equal(hears(&c, P(PUBACK, .packet_id = one), &who), MQTT_EVENT_NONE);
    mqtt_client_clear(&c);
}

static void qos_2_waits_for_its_owner_between_the_halves(void **state) /* MQTT-4.3.3-1 */
{
    struct mqtt_client c = online();
    (void)state;
    uint16_t id = publishes(&c, 2);
    writes(&c, MQTT_PUBLISH, id);
    assert_int_equal(hears(&c, P(PUBREC, .packet_id = id), NULL), MQTT_EVENT_ANSWER);
    writes_nothing(&c);
    mqtt_client_release(&c, id, 2000);
    writes(&c, MQTT_PUBREL, id);
    assert_int_equal(hears(&c, P(PUBREC, .packet_id = id), NULL), MQTT_EVENT_NONE);
    writes(&c, MQTT_PUBREL, id);
    assert_int_equal(hears(&c, P(PUBCOMP, .packet_id = id), NULL), MQTT_EVENT_ANSWER);
    assert_int_equal(hears(&c, P(PUBREC, .packet_id = id), NULL), MQTT_EVENT_NONE);
    writes(&c, MQTT_PUBREL, id); /* an unknown one ends the broker's wait */
    mqtt_client_clear(&c);
}

static void an_orphan_goes_on_to_its_end_alone(void **state)
{
    struct mqtt_client c = online();
    (void)state;
    uint16_t one = publishes(&c, 1), two = publishes(&c, 2);
    writes(&c, MQTT_PUBLISH, one);
    writes(&c, MQTT_PUBLISH, two);
    mqtt_client_orphan(&c, &owner);
    assert_int_equal(hears(&c, P(PUBACK, .packet_id = one), NULL), MQTT_EVENT_NONE);
    assert_int_equal(hears(&c, P(PUBREC, .packet_id = two), NULL), MQTT_EVENT_NONE);
    writes(&c, MQTT_PUBREL, two);
    assert_int_equal(hears(&c, P(PUBCOMP, .packet_id = two), NULL), MQTT_EVENT_NONE);
    assert_int_equal(c.flights.count, 0);
    mqtt_client_clear(&c);
}

/* ---- again after a reconnect ------------------------------------------------------------------------------------- */

static void open_requests_leave_again_in_order_with_dup(void **state) /* MQTT-4.4.0-1, -4.6.0-1, -3.3.1-1 */
{
    struct mqtt_client c = online();
    uint16_t ids[10];
    (void)state;
    c.flights.last_packet_id = 65530; /* the order of sending is not the order of numbers */
    for (size_t i = 0; i < 10; i++) {
        ids[i] = publishes(&c, i % 2 == 0 ? 1 : 2);
        assert_false(writes(&c, MQTT_PUBLISH, ids[i]).dup);
    }
    assert_int_equal(hears(&c, P(PUBREC, .packet_id = ids[1]), NULL), MQTT_EVENT_ANSWER);
    mqtt_client_release(&c, ids[1], 2000);
    writes(&c, MQTT_PUBREL, ids[1]);
    mqtt_client_lost(&c);
    writes_nothing(&c);
    connects(&c, true);
    assert_true(writes(&c, MQTT_PUBLISH, ids[0]).dup);
    writes(&c, MQTT_PUBREL, ids[1]);
    for (size_t i = 2; i < 10; i++)
        assert_true(writes(&c, MQTT_PUBLISH, ids[i]).dup);
    writes_nothing(&c);
    mqtt_client_clear(&c);
}

static void a_broker_that_forgot_gets_everything_as_new(void **state) /* section 4 of the 3.1.1 sheet */
{
    struct mqtt_client c = online();
    (void)state;
    uint16_t open = publishes(&c, 1), held = publishes(&c, 2),
             reserved = mqtt_client_reserve(&c, &owner);
    writes(&c, MQTT_PUBLISH, open);
    writes(&c, MQTT_PUBLISH, held);
    assert_int_equal(hears(&c, P(PUBREC, .packet_id = held), NULL), MQTT_EVENT_ANSWER);
    mqtt_client_lost(&c);
    connects(&c, false);
    assert_false(writes(&c, MQTT_PUBLISH, open).dup);
    assert_false(writes(&c, MQTT_PUBLISH, held).dup);
    writes_nothing(&c);
    mqtt_client_release(&c, held, 2000); /* its owner does not know that the broker begins anew */
    writes_nothing(&c);
    hears(&c, P(PUBREC, .packet_id = held), NULL);
    writes(&c, MQTT_PUBREL, held);
    assert_int_equal(hears(&c, P(PUBCOMP, .packet_id = held), NULL), MQTT_EVENT_ANSWER);
    mqtt_client_unreserve(&c, reserved);
    assert_int_equal(c.flights.count, 1);
    mqtt_client_clear(&c);
}

static void what_is_asked_while_offline_leaves_later_but_not_qos_0(void **state) /* SN-UNS-5, SN-BRK-2 */
{
    struct mqtt_client c = online();
    (void)state;
    mqtt_client_lost(&c);
    assert_false(mqtt_client_send(&c, &P(PUBLISH, .topic = TEXT("t")), 2000));
    uint16_t id = publishes(&c, 1);
    writes_nothing(&c);
    connects(&c, true);
    writes(&c, MQTT_PUBLISH, id);
    writes_nothing(&c);
    mqtt_client_clear(&c);
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

static void a_repeated_message_is_heard_once(void **state) /* SN-DLV-16, MQTT-4.3.3-2 */
{
    struct mqtt_client c = online();
    (void)state;
    uint32_t receipt = message(&c, 2, 40);
    assert_int_equal(
        hears(&c, P(PUBLISH, .dup = true, .qos = 2, .packet_id = 40, .topic = TEXT("t")), NULL),
        MQTT_EVENT_NONE);
    writes_nothing(&c);
    mqtt_client_take(&c, receipt, 2000);
    writes(&c, MQTT_PUBREC, 40);
    assert_int_equal(
        hears(&c, P(PUBLISH, .dup = true, .qos = 2, .packet_id = 40, .topic = TEXT("t")), NULL),
        MQTT_EVENT_NONE);
    writes(&c, MQTT_PUBREC, 40);
    mqtt_client_complete(&c, receipt, 2000);
    assert_int_equal(hears(&c, P(PUBREL, .packet_id = 40), NULL), MQTT_EVENT_NONE);
    writes(&c, MQTT_PUBCOMP, 40);
    assert_int_equal(hears(&c, P(PUBREL, .packet_id = 40), NULL), MQTT_EVENT_NONE);
    writes(&c, MQTT_PUBCOMP, 40);
    mqtt_client_clear(&c);
}

static void with_no_holder_a_message_is_acknowledged_at_once(void **state) /* 3.1.1 sheet, rule 13 */
{
    struct mqtt_client c = online();
    (void)state;
    mqtt_client_hold(&c, message(&c, 1, 40), 0, 2000);
    writes(&c, MQTT_PUBACK, 40);
    assert_int_equal(message(&c, 0, 0), 0);
    mqtt_client_take(&c, 0, 2000);
    mqtt_client_take(&c, 999, 2000);
    writes_nothing(&c);
    mqtt_client_clear(&c);
}

static void a_receipt_of_a_forgotten_session_means_nothing(void **state) /* section 4 of the 3.1.1 sheet */
{
    struct mqtt_client c = online();
    (void)state;
    uint32_t old = message(&c, 1, 40);
    mqtt_client_lost(&c);
    connects(&c, false);
    uint32_t new = message(&c, 1, 40);
    assert_int_not_equal(old, new);
    mqtt_client_take(&c, old, 2000);
    writes_nothing(&c);
    mqtt_client_clear(&c);
    connects(&c, false);
    assert_int_not_equal(message(&c, 1, 40), old);
    mqtt_client_clear(&c);
}

/* ---- order and time ---------------------------------------------------------------------------------------------- */

static void packets_out_of_place_are_violations(void **state) /* MQTT-3.2.0-1, MQTT-3.2.2-4 */
{
    struct mqtt_client c;
    (void)state;
    mqtt_client_init(&c, KEEP_ALIVE, PATIENCE);
    mqtt_client_open(&c, &(struct mqtt_connect){ .client_id = TEXT("m1"), .clean = true }, 1000);
    assert_int_equal(hears(&c, P(PINGRESP), NULL), MQTT_EVENT_VIOLATION);
    assert_int_equal(hears(&c, P(CONNACK, .session_present = true), NULL), MQTT_EVENT_VIOLATION);
    assert_int_equal(hears(&c, P(CONNACK, .code = 4), NULL), MQTT_EVENT_REFUSED);
    assert_int_equal(hears(&c, P(CONNACK), NULL), MQTT_EVENT_CONNECTED);
    assert_int_equal(hears(&c, P(CONNACK), NULL), MQTT_EVENT_VIOLATION);
    assert_int_equal(hears(&c, P(SUBSCRIBE, .packet_id = 1), NULL), MQTT_EVENT_VIOLATION);
    mqtt_client_clear(&c);
}

static void it_pings_after_silence_of_its_own(void **state) /* MQTT-3.1.2-23 */
{
    struct mqtt_client c = online();
    (void)state;
    assert_int_equal(mqtt_client_deadline(&c), 1000 + KEEP_ALIVE);
    message(&c, 0, 0); /* what it hears does not count */
    assert_int_equal(mqtt_client_deadline(&c), 1000 + KEEP_ALIVE);
    publishes(&c, 1);
    writes(&c, MQTT_PUBLISH, 1);
    assert_int_equal(mqtt_client_deadline(&c), 2000 + KEEP_ALIVE);
    assert_true(mqtt_client_tick(&c, 2000 + KEEP_ALIVE - 1));
    writes_nothing(&c);
    assert_true(mqtt_client_tick(&c, 2000 + KEEP_ALIVE));
    writes(&c, MQTT_PINGREQ, 0);
    assert_int_equal(mqtt_client_deadline(&c), 2000 + KEEP_ALIVE + PATIENCE);
    assert_int_equal(hears(&c, P(PINGRESP), NULL), MQTT_EVENT_PONG);
    assert_int_equal(mqtt_client_deadline(&c), 2000 + 2 * KEEP_ALIVE);
    mqtt_client_clear(&c);
}

static void a_broker_that_does_not_answer_is_given_up(void **state) /* 3.1.1 sheet, rules 5 and 8 */
{
    struct mqtt_client c;
    (void)state;
    mqtt_client_init(&c, KEEP_ALIVE, PATIENCE);
    assert_int_equal(mqtt_client_deadline(&c), MSEC_NEVER);
    mqtt_client_open(&c, &(struct mqtt_connect){ .client_id = TEXT("m1") }, 1000);
    assert_true(mqtt_client_tick(&c, 1000 + PATIENCE - 1));
    assert_false(mqtt_client_tick(&c, 1000 + PATIENCE));
    mqtt_client_lost(&c);
    connects(&c, false);
    mqtt_client_ping(&c, 3000);
    mqtt_client_ping(&c, 9000); /* the older one counts */
    assert_true(mqtt_client_tick(&c, 3000 + PATIENCE - 1));
    assert_false(mqtt_client_tick(&c, 3000 + PATIENCE));
    mqtt_client_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_in_use_is_never_given),
        cmocka_unit_test(ids_are_free_after_the_answer),
        cmocka_unit_test(an_answer_goes_to_its_owner),
        cmocka_unit_test(qos_2_waits_for_its_owner_between_the_halves),
        cmocka_unit_test(an_orphan_goes_on_to_its_end_alone),
        cmocka_unit_test(open_requests_leave_again_in_order_with_dup),
        cmocka_unit_test(a_broker_that_forgot_gets_everything_as_new),
        cmocka_unit_test(what_is_asked_while_offline_leaves_later_but_not_qos_0),
        cmocka_unit_test(a_repeated_message_is_heard_once),
        cmocka_unit_test(with_no_holder_a_message_is_acknowledged_at_once),
        cmocka_unit_test(a_receipt_of_a_forgotten_session_means_nothing),
        cmocka_unit_test(packets_out_of_place_are_violations),
        cmocka_unit_test(it_pings_after_silence_of_its_own),
        cmocka_unit_test(a_broker_that_does_not_answer_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
