/* kept_test.c -- requests and arrivals that somebody has on disk: they outlive the connection, their owner, and the
 * process (MQTT 3.1.1, sections 2.3.1, 4.3.3, 4.4). */
#include "mqtt/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define P(...) ((struct mqtt_packet){ .type = MQTT_##__VA_ARGS__ })
#define TEXT(t) span_text(t)

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

static struct mqtt_client offline(void)
{
    struct mqtt_client c;
    mqtt_client_init(&c, 0, 1000);
    return c;
}

static void connects(struct mqtt_client *c, bool session_present)
{
    mqtt_client_open(c, &(struct mqtt_connect){ .client_id = TEXT("m1") }, 1000);
    writes(c, MQTT_CONNECT, 0);
    assert_int_equal(hears(c, P(CONNACK, .session_present = session_present), NULL),
                     MQTT_EVENT_CONNECTED);
}

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
    mqtt_client_keep(&c, kept);
    mqtt_client_keep(&c, 99); /* nobody's: nothing */
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

/* ---- arrivals ---------------------------------------------------------------------------------------------------- */

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
        cmocka_unit_test(what_is_cancelled_does_not_leave_again),
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
