/* kept_test.c -- requests that somebody has on disk: they outlive the connection, their owner, and the process (MQTT
 * 3.1.1, sections 2.3.1, 4.4). */
#include "tests/mqtt/wire.h"

static int owner, other; /* only their addresses count */

static bool restores(struct mqtt_client *c, uint16_t packet_id, bool released)
{
    return mqtt_client_restore(
        c, &P(PUBLISH, .qos = 2, .dup = true, .packet_id = packet_id, .topic = TEXT("t")), released,
        &owner);
}

/* ---- requests of an earlier run ---------------------------------------------------------------------------------- */

static void a_restored_message_leaves_as_dup_under_its_id(void **state) /* MQTT-4.4.0-1 */
{
    struct mqtt_client c = offline();
    void *who = NULL;
    (void)state;
    assert_true(restores(&c, 7, false));
    writes_nothing(&c);
    connects(&c, true);
    struct mqtt_packet p = writes(&c, MQTT_PUBLISH, 7);
    assert_true(p.dup);
    assert_int_equal(p.qos, 2);
    assert_int_equal(hears(&c, P(PUBREC, .packet_id = 7), &who), MQTT_EVENT_ANSWER);
    assert_ptr_equal(who, &owner);
    writes_nothing(&c); /* not before its owner lets it go */
    mqtt_client_release(&c, 7, 2000);
    writes(&c, MQTT_PUBREL, 7);
    assert_int_equal(hears(&c, P(PUBCOMP, .packet_id = 7), &who), MQTT_EVENT_ANSWER);
    assert_int_equal(c.flights.count, 0);
    mqtt_client_clear(&c);
}

static void a_broker_without_our_session_gets_it_as_new(void **state) /* MQTT-3.3.1-1 */
{
    struct mqtt_client c = offline();
    (void)state;
    assert_true(restores(&c, 7, false));
    connects(&c, false);
    assert_false(writes(&c, MQTT_PUBLISH, 7).dup);
    mqtt_client_clear(&c);
}

static void of_a_released_one_pubrel_leaves(void **state) /* MQTT-4.4.0-1 */
{
    struct mqtt_client c = offline();
    (void)state;
    assert_true(restores(&c, 7, true));
    connects(&c, true);
    writes(&c, MQTT_PUBREL, 7);
    writes_nothing(&c);
    assert_int_equal(hears(&c, P(PUBREC, .packet_id = 7), NULL), MQTT_EVENT_NONE);
    writes(&c, MQTT_PUBREL, 7);
    assert_int_equal(hears(&c, P(PUBCOMP, .packet_id = 7), NULL), MQTT_EVENT_ANSWER);
    mqtt_client_clear(&c);
}

static void restored_messages_leave_in_their_order(void **state) /* MQTT-4.6.0-1 */
{
    static const uint16_t ids[] = { 900, 3, 41 };
    struct mqtt_client c = offline();
    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_true(restores(&c, ids[i], false));
    connects(&c, true);
    for (size_t i = 0; i < 3; i++)
        writes(&c, MQTT_PUBLISH, ids[i]);
    mqtt_client_clear(&c);
}

static void a_restored_id_is_not_given_again(void **state) /* MQTT-2.3.1-2 */
{
    struct mqtt_client c = offline();
    (void)state;
    for (uint16_t id = 1; id <= 5; id++)
        assert_true(restores(&c, id, false));
    assert_int_equal(mqtt_client_reserve(&c, &other), 6);
    assert_int_equal(c.flights.exactly_once, 5);
    mqtt_client_clear(&c);
}

static void an_id_is_restored_once(void **state)
{
    struct mqtt_client c = offline();
    (void)state;
    assert_true(restores(&c, 7, false));
    assert_false(restores(&c, 7, true));
    uint16_t id = mqtt_client_reserve(&c, &other);
    assert_false(restores(&c, id, false));
    assert_int_equal(c.flights.count, 2);
    assert_true(c.flights.room <= 16); /* and the table did not grow over it */
    mqtt_client_clear(&c);
}

/* Places are found by the low bits of an id: any two of them differ somewhere. */
static void ids_that_share_a_place_have_one_each(void **state)
{
    struct mqtt_client c = offline();
    (void)state;
    for (unsigned bit = 0; bit < 16; bit++)
        assert_true(restores(&c, (uint16_t)(1U << bit), false));
    assert_true(restores(&c, 0x8001, false));
    for (unsigned bit = 0; bit < 16; bit++)
        assert_non_null(flights_find(&c.flights, (uint16_t)(1U << bit)));
    assert_non_null(flights_find(&c.flights, 0x8001));
    assert_int_equal(c.flights.count, 17);
    mqtt_client_clear(&c);
}

static void what_cannot_be_written_is_not_restored(void **state) /* MQTT-1.5.3 */
{
    static const uint8_t too_long[65536] = { 0 };
    struct mqtt_client c = offline();
    (void)state;
    const struct mqtt_packet p =
        P(PUBLISH, .qos = 2, .packet_id = 7, .topic = span_of(too_long, sizeof too_long));
    assert_false(mqtt_client_restore(&c, &p, false, &owner));
    assert_int_equal(c.flights.count, 0);
    assert_true(restores(&c, 7, false));
    mqtt_client_clear(&c);
}

/* ---- kept and cancelled ------------------------------------------------------------------------------------------ */

static uint16_t publishes(struct mqtt_client *c)
{
    uint16_t id = mqtt_client_reserve(c, &owner);
    assert_true(mqtt_client_send(c, &P(PUBLISH, .qos = 1, .packet_id = id, .topic = TEXT("t")), 1));
    return id;
}

static void what_is_kept_is_not_orphaned(void **state)
{
    struct mqtt_client c = offline();
    void *who = NULL;
    (void)state;
    uint16_t kept = publishes(&c), live = publishes(&c);
    mqtt_client_keep(&c, kept, false);
    mqtt_client_keep(&c, 99, true); /* nobody's: nothing */
    mqtt_client_orphan(&c, &owner);
    connects(&c, true);
    writes(&c, MQTT_PUBLISH, kept);
    writes(&c, MQTT_PUBLISH, live);
    assert_int_equal(hears(&c, P(PUBACK, .packet_id = live), &who), MQTT_EVENT_NONE);
    assert_int_equal(hears(&c, P(PUBACK, .packet_id = kept), &who), MQTT_EVENT_ANSWER);
    assert_ptr_equal(who, &owner);
    mqtt_client_clear(&c);
}

static void what_is_restored_is_kept(void **state)
{
    struct mqtt_client c = offline();
    void *who = NULL;
    (void)state;
    assert_true(restores(&c, 7, true));
    mqtt_client_orphan(&c, &owner);
    connects(&c, true);
    writes(&c, MQTT_PUBREL, 7);
    assert_int_equal(hears(&c, P(PUBCOMP, .packet_id = 7), &who), MQTT_EVENT_ANSWER);
    assert_ptr_equal(who, &owner);
    mqtt_client_clear(&c);
}

static void what_is_claimed_keeps_its_id_and_waits_for_its_owner(void **state) /* MQTT-2.3.1-2 */
{
    struct mqtt_client c = offline();
    (void)state;
    assert_true(mqtt_client_claim(&c, 1, &owner));
    assert_false(mqtt_client_claim(&c, 1, &owner));
    assert_int_equal(c.flights.exactly_once, 1);
    assert_int_equal(mqtt_client_reserve(&c, &other), 2);
    connects(&c, true);
    writes_nothing(&c);
    assert_true(mqtt_client_send(&c, &P(PUBLISH, .qos = 2, .packet_id = 1, .topic = TEXT("t")), 1));
    writes(&c, MQTT_PUBLISH, 1);
    assert_int_equal(c.flights.exactly_once, 1);
    mqtt_client_clear(&c);
}

static void of_what_is_disowned_qos_2_goes_on_to_its_end(void **state) /* MQTT-2.3.1-2 */
{
    struct mqtt_client c = offline();
    (void)state;
    uint16_t live = publishes(&c), unused = mqtt_client_reserve(&c, &owner);
    assert_true(restores(&c, 7, false));
    mqtt_client_disown(&c, live, 1);
    mqtt_client_disown(&c, unused, 1);
    mqtt_client_disown(&c, 7, 1);
    mqtt_client_disown(&c, 99, 1); /* nobody's: nothing */
    assert_int_equal(c.flights.count, 1);
    connects(&c, true);
    writes(&c, MQTT_PUBLISH, 7);
    assert_int_equal(hears(&c, P(PUBREC, .packet_id = 7), NULL), MQTT_EVENT_NONE);
    writes(&c, MQTT_PUBREL, 7);
    assert_int_equal(hears(&c, P(PUBCOMP, .packet_id = 7), NULL), MQTT_EVENT_NONE);
    assert_int_equal(c.flights.count, 0);
    mqtt_client_clear(&c);
}

static void an_order_that_wraps_is_kept(void **state)
{
    struct mqtt_client c = offline();
    (void)state;
    c.flights.next_order = UINT32_MAX;
    uint16_t first = publishes(&c), second = publishes(&c);
    assert_int_equal(flights_next_answer(&c.flights)->packet_id, first);
    connects(&c, true);
    writes(&c, MQTT_PUBLISH, first);
    writes(&c, MQTT_PUBLISH, second);
    mqtt_client_clear(&c);
}

static void what_is_cancelled_does_not_leave_again(void **state)
{
    struct mqtt_client c = offline();
    (void)state;
    uint16_t id = publishes(&c);
    assert_true(c.flights.bytes > 0);
    mqtt_client_cancel(&c, id);
    mqtt_client_cancel(&c, id);
    assert_int_equal(c.flights.count, 0);
    assert_int_equal(c.flights.bytes, 0);
    connects(&c, true);
    writes_nothing(&c);
    assert_int_equal(hears(&c, P(PUBACK, .packet_id = id), NULL), MQTT_EVENT_NONE); /* it had it */
    mqtt_client_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restored_message_leaves_as_dup_under_its_id),
        cmocka_unit_test(a_broker_without_our_session_gets_it_as_new),
        cmocka_unit_test(of_a_released_one_pubrel_leaves),
        cmocka_unit_test(restored_messages_leave_in_their_order),
        cmocka_unit_test(a_restored_id_is_not_given_again),
        cmocka_unit_test(an_id_is_restored_once),
        cmocka_unit_test(ids_that_share_a_place_have_one_each),
        cmocka_unit_test(what_cannot_be_written_is_not_restored),
        cmocka_unit_test(what_is_kept_is_not_orphaned),
        cmocka_unit_test(what_is_restored_is_kept),
        cmocka_unit_test(what_is_claimed_keeps_its_id_and_waits_for_its_owner),
        cmocka_unit_test(of_what_is_disowned_qos_2_goes_on_to_its_end),
        cmocka_unit_test(an_order_that_wraps_is_kept),
        cmocka_unit_test(what_is_cancelled_does_not_leave_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
