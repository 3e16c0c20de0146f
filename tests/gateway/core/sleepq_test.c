/* sleepq_test.c -- messages that wait for a client, and requests that wait for the broker (SN-SLP-11, SN-PUB-12,
 * SN-RTX-7). */
#include "gateway/core/inflight.h"
#include "gateway/core/sleepq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define TEXT(t) span_text(t)

/* ---- the queue --------------------------------------------------------------------------------------------------- */

static enum sleepq_error push(struct sleepq *q, uint8_t qos, const char *payload,
                              struct sleepq_limits l, uint32_t *gone)
{
    const struct mqtt_packet p = {
        .type = MQTT_PUBLISH, .qos = qos, .receipt = qos, .topic = TEXT("t"), .payload = TEXT(payload)
    };
    struct queued_list victims = STAILQ_HEAD_INITIALIZER(victims);
    enum sleepq_error e = sleepq_push(q, &p, 5, &l, &victims);
    *gone = 0;
    for (struct queued *one; (one = STAILQ_FIRST(&victims)); ++*gone) {
        STAILQ_REMOVE_HEAD(&victims, next);
        free(one);
    }
    return e;
}

static void pops(struct sleepq *q, const char *payload)
{
    struct queued *one = sleepq_pop(q);
    assert_non_null(one);
    assert_true(span_equal(queued_topic(one), TEXT("t")));
    assert_true(span_equal(queued_payload(one), TEXT(payload)));
    free(one);
}

static void messages_come_out_in_order_and_count(void **state) /* SN-SLP-6 */
{
    struct sleepq q;
    uint32_t gone;
    (void)state;
    sleepq_init(&q);
    assert_null(sleepq_pop(&q));
    assert_int_equal(push(&q, 1, "1", (struct sleepq_limits){ 10, 100, false }, &gone), SLEEPQ_OK);
    assert_int_equal(push(&q, 0, "", (struct sleepq_limits){ 10, 100, false }, &gone), SLEEPQ_OK);
    assert_int_equal(q.count, 2);
    assert_int_equal(q.bytes, 3);
    pops(&q, "1");
    pops(&q, "");
    assert_int_equal(q.bytes, 0);
    assert_null(sleepq_pop(&q));
}

static void the_oldest_qos_0_goes_first(void **state) /* SN-SLP-11 */
{
    const struct sleepq_limits three = { 3, 100, false };
    struct sleepq q;
    uint32_t gone;
    (void)state;
    sleepq_init(&q);
    assert_int_equal(push(&q, 1, "1", three, &gone), SLEEPQ_OK);
    assert_int_equal(push(&q, 0, "2", three, &gone), SLEEPQ_OK);
    assert_int_equal(push(&q, 0, "3", three, &gone), SLEEPQ_OK);
    assert_int_equal(gone, 0);
    assert_int_equal(push(&q, 2, "4", three, &gone), SLEEPQ_OK);
    assert_int_equal(gone, 1);
    assert_int_equal(push(&q, 1, "5", three, &gone), SLEEPQ_OK);
    assert_int_equal(gone, 1);
    assert_int_equal(push(&q, 1, "6", three, &gone), SLEEPQ_FULL);
    assert_int_equal(gone, 0);
    assert_int_equal(push(&q, 0, "7", three, &gone), SLEEPQ_FULL);
    pops(&q, "1");
    pops(&q, "4");
    pops(&q, "5");
    assert_null(sleepq_pop(&q));
}

static void octets_count_with_the_topic_and_several_may_have_to_go(void **state) /* SN-SLP-11 */
{
    const struct sleepq_limits ten = { 100, 10, false };
    struct sleepq q;
    uint32_t gone;
    (void)state;
    sleepq_init(&q);
    assert_int_equal(push(&q, 0, "12", ten, &gone), SLEEPQ_OK);
    assert_int_equal(push(&q, 1, "34", ten, &gone), SLEEPQ_OK);
    assert_int_equal(push(&q, 0, "567", ten, &gone), SLEEPQ_OK);
    assert_int_equal(push(&q, 1, "1234567", ten, &gone), SLEEPQ_FULL); /* 3 + 8: not even without both */
    assert_int_equal(q.count, 3);
    assert_int_equal(push(&q, 1, "123456", ten, &gone), SLEEPQ_OK);
    assert_int_equal(gone, 2);
    assert_int_equal(push(&q, 1, "0123456789", ten, &gone), SLEEPQ_FULL);
    pops(&q, "34");
    pops(&q, "123456");
    assert_int_equal(q.bytes, 0);
}

/* ---- exchanges --------------------------------------------------------------------------------------------------- */

static struct exchange *open_one(struct inflight *f, enum exchange_phase phase, uint16_t id, msec now)
{
    struct exchange *e = inflight_open(f, phase, now);
    if (e) {
        e->message_id = id;
        e->packet_id = (uint16_t)(id + 100);
        e->digest = id;
    }
    return e;
}

static void exchanges_are_found_by_either_number(void **state) /* SN-GW-9 */
{
    struct inflight f = { 0 };
    (void)state;
    struct exchange *p = open_one(&f, EXCHANGE_PUBREC, 7, 1),
                    *s = open_one(&f, EXCHANGE_SUBACK, 8, 2);
    assert_ptr_equal(inflight_publish(&f, 7), p);
    assert_null(inflight_publish(&f, 8));
    assert_ptr_equal(inflight_subscribe(&f, 8, EXCHANGE_SUBACK), s);
    assert_null(inflight_subscribe(&f, 8, EXCHANGE_UNSUBACK));
    assert_ptr_equal(inflight_by_packet_id(&f, 107), p);
    assert_int_equal(f.open, 2);
    assert_int_equal(f.publishing, 1);
    inflight_step(&f, p, EXCHANGE_ANSWERED, 5);
    assert_null(inflight_publish(&f, 7));
    assert_null(inflight_by_packet_id(&f, 107));
    assert_int_equal(f.open, 1);
    assert_int_equal(f.publishing, 0);
}

static void what_was_answered_is_remembered_while_there_is_room(void **state) /* SN-RTX-7 */
{
    struct inflight f = { 0 };
    (void)state;
    inflight_step(&f, open_one(&f, EXCHANGE_PUBACK, 7, 1), EXCHANGE_ANSWERED, 10);
    assert_non_null(inflight_answered(&f, 7, 7, 10));
    assert_null(inflight_answered(&f, 7, 7, 11)); /* too long ago */
    assert_null(inflight_answered(&f, 7, 8, 0));  /* another message */
    for (int i = 1; i < EXCHANGES; i++)
        assert_non_null(open_one(&f, EXCHANGE_PUBACK, (uint16_t)(20 + i), 20));
    assert_non_null(inflight_answered(&f, 7, 7, 0));
    assert_non_null(open_one(&f, EXCHANGE_PUBACK, 30, 20));
    assert_null(inflight_answered(&f, 7, 7, 0));
    assert_null(open_one(&f, EXCHANGE_PUBACK, 31, 20)); /* all are open */
}

static void the_oldest_that_waits_is_overdue_first(void **state) /* SN-SUB-2, SN-UNS-5 */
{
    struct inflight f = { 0 };
    (void)state;
    assert_int_equal(inflight_oldest(&f, EXCHANGE_SUBACK), MSEC_NEVER);
    open_one(&f, EXCHANGE_SUBACK, 1, 50);
    open_one(&f, EXCHANGE_SUBACK, 2, 40);
    assert_int_equal(inflight_oldest(&f, EXCHANGE_SUBACK), 40);
    assert_int_equal(inflight_oldest(&f, EXCHANGE_UNSUBACK), MSEC_NEVER);
    assert_null(inflight_overdue(&f, EXCHANGE_SUBACK, 39));
    assert_int_equal(inflight_overdue(&f, EXCHANGE_SUBACK, 40)->message_id, 2);
}

static void a_digest_tells_messages_apart(void **state) /* SN-RTX-7 */
{
    struct mqttsn_message m = { .type = MQTTSN_PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("21.5") };
    const uint32_t digest = inflight_digest(&m);
    (void)state;
    m.dup = true;
    assert_int_equal(inflight_digest(&m), digest);
    m.tail = TEXT("21.6");
    assert_int_not_equal(inflight_digest(&m), digest);
    m.tail = TEXT("21.5");
    m.topic_id = 4;
    assert_int_not_equal(inflight_digest(&m), digest);
    m.topic_id = 3;
    m.topic_id_type = MQTTSN_PREDEFINED;
    assert_int_not_equal(inflight_digest(&m), digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_in_order_and_count),
        cmocka_unit_test(the_oldest_qos_0_goes_first),
        cmocka_unit_test(octets_count_with_the_topic_and_several_may_have_to_go),
        cmocka_unit_test(exchanges_are_found_by_either_number),
        cmocka_unit_test(what_was_answered_is_remembered_while_there_is_room),
        cmocka_unit_test(the_oldest_that_waits_is_overdue_first),
        cmocka_unit_test(a_digest_tells_messages_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
