/* remembered_test.c -- QoS 2 messages of the broker whose packet ids are remembered: on disk while they are ours, and a
 * while after (MQTT 3.1.1, sections 3.3.1, 4.3.3). */
#include "tests/mqtt/wire.h"

static struct arrival *arrives(struct mqtt_client *c, uint8_t qos, uint16_t packet_id)
{
    struct mqtt_packet p = P(PUBLISH, .qos = qos, .packet_id = packet_id, .topic = TEXT("t"));
    void *ignored;
    assert_int_equal(mqtt_client_receive(c, &p, 2000, &ignored), MQTT_EVENT_MESSAGE);
    return arrivals_by_receipt(&c->arrivals, p.receipt);
}

static struct mqtt_client online(void)
{
    struct mqtt_client c = offline();
    connects(&c, false);
    return c;
}

static void only_what_is_ours_and_qos_2_is_to_be_kept(void **state)
{
    struct mqtt_client c = online();
    (void)state;
    arrival_keep(arrives(&c, 1, 10));
    (void)arrives(&c, 2, 11);
    arrival_keep(arrives(&c, 2, 12));
    arrival_keep(arrives(&c, 2, 13));
    assert_int_equal(arrivals_keep_next(&c.arrivals)->packet_id, 12);
    assert_int_equal(arrivals_keep_next(&c.arrivals)->packet_id, 13);
    assert_null(arrivals_keep_next(&c.arrivals)); /* each once */
    assert_int_equal(c.arrivals.exactly_once, 3);
    mqtt_client_clear(&c);
}

/* The broker has our PUBREC: after a restart it sends PUBREL only, and that is answered whatever is on disk. */
static void what_has_its_pubrec_needs_no_disk(void **state)
{
    struct mqtt_client c = online();
    (void)state;
    uint32_t receipt = arrives(&c, 2, 11)->receipt;
    mqtt_client_take(&c, receipt, 2000);
    writes(&c, MQTT_PUBREC, 11);
    arrival_keep(arrivals_by_receipt(&c.arrivals, receipt));
    assert_null(arrivals_keep_next(&c.arrivals));
    mqtt_client_clear(&c);
}

static void ends(struct mqtt_client *c, uint16_t packet_id)
{
    uint32_t receipt = arrives(c, 2, packet_id)->receipt;
    mqtt_client_take(c, receipt, 2000);
    writes(c, MQTT_PUBREC, packet_id);
    mqtt_client_complete(c, receipt, 2000);
    (void)hears(c, P(PUBREL, .packet_id = packet_id), NULL);
    writes(c, MQTT_PUBCOMP, packet_id);
}

static void what_is_done_is_remembered_until_others_come(void **state) /* MQTT-4.3.3-2 */
{
    enum { REMEMBERED = 32 };
    struct mqtt_client c = online();
    (void)state;
    for (unsigned id = 1; id <= REMEMBERED; id++)
        ends(&c, (uint16_t)id);
    assert_null(arrivals_forget_next(&c.arrivals));
    ends(&c, REMEMBERED + 1);
    struct arrival *oldest = arrivals_forget_next(&c.arrivals);
    assert_int_equal(oldest->packet_id, 1);
    arrivals_end(&c.arrivals, oldest);
    assert_null(arrivals_forget_next(&c.arrivals));
    assert_int_equal(c.arrivals.done, REMEMBERED);
    (void)hears(&c, P(PUBREL, .packet_id = 2), NULL);
    writes(&c, MQTT_PUBCOMP, 2);
    mqtt_client_clear(&c);
}

static void another_message_under_an_id_that_is_done_is_taken(void **state) /* MQTT-3.3.1-1 */
{
    struct mqtt_client c = online();
    (void)state;
    ends(&c, 11);
    mqtt_client_lost(&c);
    connects(&c, true);
    assert_int_equal(
        hears(&c, P(PUBLISH, .qos = 2, .dup = true, .packet_id = 11, .topic = TEXT("t")), NULL),
        MQTT_EVENT_NONE);
    writes(&c, MQTT_PUBREC, 11);
    assert_int_equal(
        hears(&c, P(PUBLISH, .qos = 2, .dup = true, .packet_id = 11, .topic = TEXT("u")), NULL),
        MQTT_EVENT_MESSAGE);
    mqtt_client_clear(&c);
}

/* A broker that soon gives an id again begins with new messages only when it has sent the old ones again. */
static void once_the_broker_goes_on_it_sends_no_old_ones(void **state) /* MQTT-4.4.0-1 */
{
    struct mqtt_client c = online();
    (void)state;
    ends(&c, 11);
    mqtt_client_lost(&c);
    connects(&c, true);
    (void)arrives(&c, 2, 12);
    assert_int_equal(
        hears(&c, P(PUBLISH, .qos = 2, .dup = true, .packet_id = 11, .topic = TEXT("t")), NULL),
        MQTT_EVENT_MESSAGE);
    mqtt_client_clear(&c);
}

static void what_was_refused_may_come_again(void **state) /* SN-SLP-11 */
{
    struct mqtt_client c = online();
    (void)state;
    mqtt_client_refuse(&c, arrives(&c, 2, 11)->receipt, 2000);
    (void)arrives(&c, 2, 11); /* there may be room now */
    assert_int_equal(c.arrivals.count, 1);
    mqtt_client_clear(&c);
}

static void a_restored_arrival_is_answered_and_not_taken_again(void **state) /* MQTT-4.3.3-2 */
{
    struct mqtt_client c = offline();
    (void)state;
    const struct mqtt_packet old = P(PUBLISH, .qos = 2, .packet_id = 11, .topic = TEXT("t"));
    assert_true(arrivals_restore(&c.arrivals, 11, arrival_digest(&old)));
    connects(&c, true);
    writes_nothing(&c);
    assert_int_equal(
        hears(&c, P(PUBLISH, .qos = 2, .dup = true, .packet_id = 11, .topic = TEXT("t")), NULL),
        MQTT_EVENT_NONE);
    writes(&c, MQTT_PUBREC, 11);
    (void)arrives(&c, 1, 12);
    mqtt_client_take(&c, arrivals_by_id(&c.arrivals, 12)->receipt, 2000);
    writes(&c, MQTT_PUBACK, 12); /* it holds back nobody */
    (void)hears(&c, P(PUBREL, .packet_id = 11), NULL);
    writes(&c, MQTT_PUBCOMP, 11);
    mqtt_client_clear(&c);
}

static void a_broker_that_forgot_leaves_nothing_to_forget(void **state) /* MQTT-3.1.2-6 */
{
    struct mqtt_client c = offline();
    (void)state;
    assert_true(arrivals_restore(&c.arrivals, 11, 0));
    connects(&c, false);
    assert_int_equal(c.arrivals.count, 0);
    assert_int_equal(c.arrivals.done, 0);
    assert_null(arrivals_forget_next(&c.arrivals));
    (void)arrives(&c, 2, 11); /* another message */
    assert_int_equal(c.arrivals.exactly_once, 1);
    mqtt_client_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_ours_and_qos_2_is_to_be_kept),
        cmocka_unit_test(what_has_its_pubrec_needs_no_disk),
        cmocka_unit_test(what_is_done_is_remembered_until_others_come),
        cmocka_unit_test(another_message_under_an_id_that_is_done_is_taken),
        cmocka_unit_test(once_the_broker_goes_on_it_sends_no_old_ones),
        cmocka_unit_test(what_was_refused_may_come_again),
        cmocka_unit_test(a_restored_arrival_is_answered_and_not_taken_again),
        cmocka_unit_test(a_broker_that_forgot_leaves_nothing_to_forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
