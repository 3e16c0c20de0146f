/* arrivals_test.c -- messages of the broker and the order of their acknowledgements (MQTT 3.1.1, sections 4.3, 4.6). */
#include "mqtt/arrivals.h"

#include "tests/xorshift.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static uint32_t arrives(struct arrivals *a, uint16_t packet_id, uint8_t qos)
{
    struct arrival *one = arrivals_add(a, packet_id, qos);
    assert_non_null(one);
    return one->receipt;
}

static void take(struct arrivals *a, uint32_t receipt)
{
    arrival_take(arrivals_by_receipt(a, receipt));
}

static void due(struct arrivals *a, enum mqtt_type type, uint16_t packet_id)
{
    struct mqtt_packet ack;
    assert_true(arrivals_due(a, &ack));
    assert_int_equal(ack.type, type);
    assert_int_equal(ack.packet_id, packet_id);
}

static void nothing_due(struct arrivals *a)
{
    struct mqtt_packet ack;
    assert_false(arrivals_due(a, &ack));
}

static void acknowledgements_leave_in_order_of_arrival(void **state) /* MQTT-4.6.0-2 */
{
    struct arrivals a = { 0 };
    (void)state;
    uint32_t one = arrives(&a, 11, 1), two = arrives(&a, 12, 2), three = arrives(&a, 13, 1);
    take(&a, three);
    take(&a, two);
    nothing_due(&a);
    take(&a, one);
    due(&a, MQTT_PUBACK, 11);
    due(&a, MQTT_PUBREC, 12);
    due(&a, MQTT_PUBACK, 13);
    nothing_due(&a);
    assert_int_equal(a.count, 1); /* 12 waits for PUBREL */
    arrivals_clear(&a);
}

static void the_last_of_many_receivers_counts(void **state) /* SN-DLV-7, aggregating */
{
    struct arrivals a = { 0 };
    (void)state;
    uint32_t one = arrives(&a, 11, 1);
    arrivals_by_receipt(&a, one)->holders = 3;
    take(&a, one);
    take(&a, one);
    nothing_due(&a);
    take(&a, one);
    due(&a, MQTT_PUBACK, 11);
    assert_null(arrivals_by_receipt(&a, one));
    arrivals_clear(&a);
}

static void pubcomp_wants_pubrel_and_the_receiver(void **state) /* MQTT-4.3.3-2 */
{
    struct arrivals a = { 0 };
    (void)state;
    uint32_t one = arrives(&a, 11, 2), two = arrives(&a, 12, 2);
    take(&a, one);
    take(&a, two);
    due(&a, MQTT_PUBREC, 11);
    due(&a, MQTT_PUBREC, 12);
    arrival_release(arrivals_by_id(&a, 12));
    nothing_due(&a);
    arrival_complete(arrivals_by_receipt(&a, two));
    due(&a, MQTT_PUBCOMP, 12); /* no order among these */
    arrival_complete(arrivals_by_receipt(&a, one));
    nothing_due(&a);
    arrival_release(arrivals_by_id(&a, 11));
    due(&a, MQTT_PUBCOMP, 11);
    assert_int_equal(a.done, 2);
    arrivals_clear(&a);
}

/* The receiver may be through before an older message lets our PUBREC leave. */
static void a_receiver_that_is_ahead_is_remembered(void **state)
{
    struct arrivals a = { 0 };
    (void)state;
    uint32_t one = arrives(&a, 11, 1), two = arrives(&a, 12, 2);
    take(&a, two);
    arrival_complete(arrivals_by_receipt(&a, two));
    nothing_due(&a);
    take(&a, one);
    due(&a, MQTT_PUBACK, 11);
    due(&a, MQTT_PUBREC, 12);
    nothing_due(&a);
    arrival_release(arrivals_by_id(&a, 12));
    due(&a, MQTT_PUBCOMP, 12);
    arrivals_clear(&a);
}

static void receipts_are_never_given_twice_and_never_0(void **state)
{
    struct arrivals a = { .last_receipt = UINT32_MAX - 1 };
    (void)state;
    assert_int_equal(arrives(&a, 1, 1), UINT32_MAX);
    assert_int_equal(arrives(&a, 2, 1), 1);
    arrivals_forget(&a);
    assert_int_equal(a.count, 0);
    assert_int_equal(arrives(&a, 1, 1), 2);
    arrivals_clear(&a);
    assert_int_equal(arrives(&a, 1, 1), 3);
    arrivals_clear(&a);
}

/* Whatever the order of taking, PUBACK and PUBREC leave in the order of arrival and each once. */
static void any_order_of_taking_gives_the_order_of_arrival(void **state) /* MQTT-4.6.0-2, -3 */
{
    enum { MANY = 40 };
    uint64_t seed = 9;
    (void)state;
    for (size_t round = 0; round < 200; round++) {
        struct arrivals a = { 0 };
        uint32_t receipts[MANY];
        uint16_t next = 1;
        struct mqtt_packet ack;
        for (int i = 0; i < MANY; i++)
            receipts[i] = arrives(&a, (uint16_t)(i + 1), (uint8_t)(1 + chance_below(&seed, 2)));
        for (size_t left = MANY; left > 0; left--) {
            size_t pick = chance_below(&seed, left);
            take(&a, receipts[pick]);
            receipts[pick] = receipts[left - 1];
            while (arrivals_due(&a, &ack))
                assert_int_equal(ack.packet_id, next++);
        }
        assert_int_equal(next, MANY + 1);
        arrivals_clear(&a);
    }
}

/* ---- done ones are remembered ------------------------------------------------------------------------------------ */

static void is_done(struct arrivals *a, uint32_t receipt)
{
    struct mqtt_packet ack;
    struct arrival *one = arrivals_by_receipt(a, receipt);
    one->state = ARRIVAL_FINISHED;
    assert_true(arrivals_due(a, &ack));
    assert_int_equal(ack.type, MQTT_PUBCOMP);
}

static void who_was_done_first_is_forgotten_first(void **state)
{
    enum { REMEMBERED = 32 };
    struct arrivals a = { 0 };
    uint32_t receipts[REMEMBERED + 2];
    (void)state;
    for (unsigned i = 0; i < REMEMBERED + 2; i++)
        receipts[i] = arrives(&a, (uint16_t)i, 2);
    is_done(&a, receipts[1]); /* 0 came before it, and is never done */
    for (size_t i = REMEMBERED + 1; i > 1; i--)
        is_done(&a, receipts[i]);
    assert_int_equal(a.done, REMEMBERED + 1);
    assert_int_equal(arrivals_forget_next(&a)->packet_id, 1);
    arrivals_end(&a, arrivals_forget_next(&a));
    assert_null(arrivals_forget_next(&a));
    is_done(&a, receipts[0]);
    assert_int_equal(arrivals_forget_next(&a)->packet_id, REMEMBERED + 1);
    arrivals_clear(&a);
}

/* What is done waits for nothing, so it does not keep the connection from being opened anew. */
static void only_what_is_open_counts_beside_the_refused(void **state) /* SN-SLP-11 */
{
    struct arrivals a = { 0 };
    (void)state;
    assert_false(arrivals_only_refused(&a));
    uint32_t one = arrives(&a, 11, 2), two = arrives(&a, 12, 1);
    is_done(&a, one);
    assert_false(arrivals_only_refused(&a));
    arrival_refuse(arrivals_by_receipt(&a, two));
    assert_true(arrivals_only_refused(&a));
    arrivals_forget_refused(&a);
    assert_false(arrivals_only_refused(&a));
    assert_int_equal(a.count, 1);
    arrivals_clear(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acknowledgements_leave_in_order_of_arrival),
        cmocka_unit_test(the_last_of_many_receivers_counts),
        cmocka_unit_test(pubcomp_wants_pubrel_and_the_receiver),
        cmocka_unit_test(a_receiver_that_is_ahead_is_remembered),
        cmocka_unit_test(receipts_are_never_given_twice_and_never_0),
        cmocka_unit_test(any_order_of_taking_gives_the_order_of_arrival),
        cmocka_unit_test(who_was_done_first_is_forgotten_first),
        cmocka_unit_test(only_what_is_open_counts_beside_the_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
