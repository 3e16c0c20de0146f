/* keep_once_test.c -- messages of the broker at QoS 2 with a store: each is there once, however often one of the three
 * is started again (design rule 4; MQTT-4.3.3). The broker's half ends on our disk as soon as the message is there; so
 * does the client's half, step by step. */
#include "tests/gateway/core/scene_store.h"

static bool is_shared(void **scene)
{
    return ((struct scene *)*scene)->shared != NULL;
}

static void given_client(void **scene, const char *who, uint8_t qos)
{
    client_connects(*scene, who, false);
    client_subscribes(*scene, who, "lamp/1", qos);
    session_of(*scene, who)->keep_alive_s = 0;
}

static struct mqttsn_message on(uint8_t qos, bool dup)
{
    return M(PUBLISH, .qos = qos, .dup = dup, .topic_id = 3, .tail = TEXT("on"));
}

static struct mqttsn_message answer(uint8_t type, uint16_t id)
{
    return (struct mqttsn_message){ .type = type, .message_id = id };
}

static void client_ends(void *scene, const char *who, uint16_t id)
{
    client_sends(scene, who, answer(MQTTSN_PUBREC, id));
    client_receives(scene, who, answer(MQTTSN_PUBREL, id));
    client_sends(scene, who, answer(MQTTSN_PUBCOMP, id));
}

static void broker_ends(void *scene, uint16_t packet_id)
{
    broker_sends(scene, P(PUBREL, .packet_id = packet_id));
    broker_receives(scene, P(PUBCOMP, .packet_id = packet_id));
}

static size_t arrivals_on_disk(void *scene)
{
    return ((struct scene *)scene)->store->open.arrival_count;
}

/* ---- the broker's half ------------------------------------------------------------------------------------------- */

static void pubrec_waits_for_the_disk_even_if_the_client_is_awake(void **scene) /* design rule 4 */
{
    given_client(scene, "m1", 2);
    the_store_waits(*scene);
    broker_publishes(*scene, "lamp/1", "on", 2, 40);
    broker_receives_nothing(*scene);
    nothing_is_sent(*scene); /* its number is to be on disk before it leaves */
    the_store_commits(*scene);
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    assert_int_equal(arrivals_on_disk(*scene), 1);
    client_receives(*scene, "m1", on(2, false));
}

/* As Mosquitto 2.0 does when it is stopped between its PUBREL and our PUBCOMP. */
static void what_the_broker_sends_again_after_its_pubrel_is_the_same(void **scene) /* design rule 4 */
{
    given_client(scene, "m1", 2);
    broker_publishes(*scene, "lamp/1", "on", 2, 40);
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    client_ends(*scene, "m1", client_receives(*scene, "m1", on(2, false)));
    broker_ends(*scene, 40);
    assert_int_equal(arrivals_on_disk(*scene), 1);
    broker_goes_away(*scene);
    broker_returns(*scene, true);
    broker_sends(*scene, P(PUBLISH, .qos = 2, .dup = true, .packet_id = 40, .topic = TEXT("lamp/1"),
                           .payload = TEXT("on")));
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    broker_ends(*scene, 40);
    nothing_is_sent(*scene);
    broker_publishes(*scene, "lamp/1", "on", 2, 40); /* the number is free again */
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    client_receives(*scene, "m1", on(2, false));
    waiting_for_the_client(*scene, "m1", 1);
}

static void the_broker_need_not_wait_for_the_client(void **scene) /* design rule 7 */
{
    given_client(scene, "m1", 2);
    broker_publishes(*scene, "lamp/1", "on", 2, 40);
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    uint16_t id = client_receives(*scene, "m1", on(2, false));
    broker_ends(*scene, 40);
    waiting_for_the_client(*scene, "m1", 1);
    client_ends(*scene, "m1", id);
    waiting_for_the_client(*scene, "m1", 0);
    broker_receives_nothing(*scene);
}

static void what_the_broker_sends_again_is_not_taken_again(void **scene) /* SN-DLV-16 */
{
    given_client(scene, "m1", 2);
    the_store_waits(*scene);
    for (int i = 0; i < 2; i++)
        broker_publishes(*scene, "lamp/1", "on", 2, 40);
    the_store_commits(*scene);
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    client_receives(*scene, "m1", on(2, false));
    broker_publishes(*scene, "lamp/1", "on", 2, 40);
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    waiting_for_the_client(*scene, "m1", 1);
}

static void a_broker_that_forgot_may_use_the_number_again(void **scene) /* MQTT-3.1.2-6 */
{
    given_client(scene, "m1", 2);
    client_falls_asleep(*scene, "m1", 300);
    broker_publishes(*scene, "lamp/1", "on", 2, 40);
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    broker_goes_away(*scene);
    broker_returns(*scene, false);
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .qos = 2, .topic = TEXT("lamp/1")));
    broker_sends(*scene, P(SUBACK, .packet_id = id, .code = 2));
    round_ends(*scene);
    assert_int_equal(arrivals_on_disk(*scene), 0);
    broker_publishes(*scene, "lamp/1", "off", 2, 40);
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    waiting_for_the_client(*scene, "m1", 2);
}

static void all_who_hear_it_have_it_on_disk_first(void **scene) /* SN-DLV-7, aggregating */
{
    given_client(scene, "m1", 2);
    client_falls_asleep(*scene, "m1", 300);
    client_connects(*scene, "m2", false);
    client_sends(*scene, "m2", M(SUBSCRIBE, .qos = 1, .message_id = 9, .tail = TEXT("lamp/1")));
    uint16_t sub = broker_receives(*scene, P(SUBSCRIBE, .qos = 2, .topic = TEXT("lamp/1")));
    broker_sends(*scene, P(SUBACK, .packet_id = sub, .code = 2));
    client_receives(*scene, "m2", M(SUBACK, .qos = 1, .message_id = 9, .topic_id = 3));
    round_ends(*scene);
    the_store_waits(*scene);
    broker_publishes(*scene, "lamp/1", "on", 2, 40);
    broker_receives_nothing(*scene);
    waiting_for_the_client(*scene, "m1", 1);
    waiting_for_the_client(*scene, "m2", 1); /* awake, and at QoS 1: a kill must not double it */
    assert_int_equal(arrivals_on_disk(*scene), 1);
    the_store_commits(*scene);
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    uint16_t id = client_receives(*scene, "m2", on(1, false));
    client_sends(*scene, "m2", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_sends(*scene, P(PUBREL, .packet_id = 40));
    the_store_commits(*scene);
    broker_receives(*scene, P(PUBCOMP, .packet_id = 40));
    waiting_for_the_client(*scene, "m1", 1);
}

/* ---- the client's half ------------------------------------------------------------------------------------------- */

static void each_step_is_on_disk_before_it_leaves(void **scene) /* design rule 4 */
{
    struct scene *s = *scene;
    given_client(scene, "m1", 2);
    client_falls_asleep(s, "m1", 300);
    broker_publishes(s, "lamp/1", "on", 2, 40);
    broker_receives(s, P(PUBREC, .packet_id = 40));
    assert_int_equal(the_row(s, "m1")->phase, QUEUED_WAITING);
    the_store_waits(s);
    client_sends(s, "m1", M(PINGREQ, .tail = TEXT("m1")));
    nothing_is_sent(s);
    the_store_commits(s);
    uint16_t id = client_receives(s, "m1", on(2, false));
    assert_int_equal(the_row(s, "m1")->phase, QUEUED_SENT);
    assert_int_equal(the_row(s, "m1")->message_id, id);
    client_sends(s, "m1", answer(MQTTSN_PUBREC, id));
    nothing_is_sent(s);
    assert_int_equal(the_row(s, "m1")->phase, QUEUED_RELEASED);
    assert_int_equal(the_row(s, "m1")->message_id, id);
    the_store_commits(s);
    client_receives(s, "m1", answer(MQTTSN_PUBREL, id));
    client_sends(s, "m1", answer(MQTTSN_PUBCOMP, id));
    client_receives(s, "m1", M(PINGRESP));
    waiting_for_the_client(s, "m1", 0);
}

static void a_step_that_is_repeated_is_not_written_again(void **scene) /* flash wear */
{
    struct scene *s = *scene;
    given_client(scene, "m1", 2);
    broker_publishes(s, "lamp/1", "on", 2, 40);
    broker_receives(s, P(PUBREC, .packet_id = 40));
    uint16_t id = client_receives(s, "m1", on(2, false));
    the_store_waits(s);
    time_passes(s, 10 * SECOND);
    client_receives(
        s, "m1",
        M(PUBLISH, .qos = 2, .dup = true, .topic_id = 3, .message_id = id, .tail = TEXT("on")));
    client_sends(s, "m1", answer(MQTTSN_PUBREC, id));
    the_store_commits(s);
    client_receives(s, "m1", answer(MQTTSN_PUBREL, id));
    client_sends(s, "m1", answer(MQTTSN_PUBREC, id));
    client_receives(s, "m1", answer(MQTTSN_PUBREL, id));
}

static void a_refused_one_begins_again_on_disk_too(void **scene) /* SN-DLV-10 */
{
    struct scene *s = *scene;
    given_client(scene, "m1", 2);
    broker_publishes(s, "lamp/1", "on", 2, 40);
    broker_receives(s, P(PUBREC, .packet_id = 40));
    uint16_t id = client_receives(s, "m1", on(2, false));
    client_sends(s, "m1",
                 M(PUBACK, .topic_id = 3, .message_id = id, .return_code = MQTTSN_CONGESTION));
    assert_int_equal(the_row(s, "m1")->phase, QUEUED_WAITING);
    assert_int_equal(the_row(s, "m1")->message_id, 0);
    time_passes(s, 300 * SECOND);
    uint16_t next = client_receives(s, "m1", on(2, false));
    assert_int_not_equal(next, id);
    assert_int_equal(the_row(s, "m1")->message_id, next);
    client_sends(s, "m1",
                 M(PUBACK, .topic_id = 3, .message_id = next,
                   .return_code = MQTTSN_INVALID_TOPIC_ID)); /* SN-DLV-9 */
    assert_int_equal(the_row(s, "m1")->phase, QUEUED_WAITING);
    client_receives(s, "m1",
                    M(REGISTER, .topic_id = 3, .message_id = next + 1, .tail = TEXT("lamp/1")));
    client_sends(s, "m1", M(REGACK, .topic_id = 3, .message_id = next + 1));
    client_ends(s, "m1", client_receives(s, "m1", on(2, false)));
    waiting_for_the_client(s, "m1", 0);
}

static void an_end_without_pubcomp_leaves_the_disk(void **scene) /* SN-SES-1 */
{
    given_client(scene, "m1", 2);
    broker_publishes(*scene, "lamp/1", "on", 2, 40);
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    uint16_t id = client_receives(*scene, "m1", on(2, false));
    client_sends(*scene, "m1", answer(MQTTSN_PUBREC, id));
    client_receives(*scene, "m1", answer(MQTTSN_PUBREL, id));
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    dropped(*scene, DROP_SESSION_ENDED);
    if (is_shared(scene))
        broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("lamp/1")));
    else
        broker_receives(*scene, P(DISCONNECT));
    broker_accepts(*scene, "m1", true, false);
    client_receives(*scene, "m1", M(CONNACK));
    waiting_for_the_client(*scene, "m1", 0);
}

/* ---- with an ill store ------------------------------------------------------------------------------------------- */

/* The shared connection ends the broker's half when the client has the message; one of its own goes on to the end. */
static void with_an_ill_store_it_is_end_to_end(void **scene)
{
    given_client(scene, "m1", 2);
    the_store_fails(*scene);
    broker_publishes(*scene, "lamp/1", "on", 2, 40);
    broker_receives_nothing(*scene);
    uint16_t id = client_receives(*scene, "m1", on(2, false));
    client_sends(*scene, "m1", answer(MQTTSN_PUBREC, id));
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    client_receives(*scene, "m1", answer(MQTTSN_PUBREL, id));
    client_sends(*scene, "m1", answer(MQTTSN_PUBCOMP, id));
    broker_ends(*scene, 40);
    assert_int_equal(((struct scene *)*scene)->store->last_row, 0);
}

/* What is in memory only stays the broker's: its number must not be on disk as if we had it. */
static void what_came_while_it_was_ill_is_not_ours(void **scene) /* design rule 1 */
{
    given_client(scene, "m1", 2);
    the_store_fails(*scene);
    broker_publishes(*scene, "lamp/1", "on", 2, 40);
    uint16_t id = client_receives(*scene, "m1", on(2, false));
    the_store_is_well(*scene);
    broker_publishes(*scene, "lamp/1", "off", 2, 41);
    assert_int_equal(arrivals_on_disk(*scene), 1);
    assert_int_equal(((struct scene *)*scene)->store->open.arrivals[0].packet_id, 41);
    time_passes(*scene, 2000);
    waiting_for_the_client(*scene, "m1", 1);
    client_sends(*scene, "m1", answer(MQTTSN_PUBREC, id));
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    broker_receives(*scene, P(PUBREC, .packet_id = 41));
    client_receives(*scene, "m1", answer(MQTTSN_PUBREL, id));
    client_sends(*scene, "m1", answer(MQTTSN_PUBCOMP, id));
    broker_ends(*scene, 40);
    broker_ends(*scene, 41);
    client_ends(
        *scene, "m1",
        client_receives(*scene, "m1", M(PUBLISH, .qos = 2, .topic_id = 3, .tail = TEXT("off"))));
}

/* Once another one waits a second, an open QoS 2 exchange still ends where it began, before PUBREC and after it. */
static void an_exchange_that_is_end_to_end_stays_so(void **scene)
{
    struct scene *s = *scene;
    given_client(scene, "m1", 2);
    the_store_fails(s);
    broker_publishes(s, "lamp/1", "on", 2, 40);
    uint16_t id = client_receives(s, "m1", on(2, false));
    the_store_is_well(s);
    broker_publishes(s, "lamp/1", "on", 1, 41);
    time_passes(s, 1000);
    assert_int_equal(the_row(s, "m1")->qos, 1);
    broker_receives_nothing(s); /* 41 stands behind 40 */
    client_sends(s, "m1", answer(MQTTSN_PUBREC, id));
    broker_receives(s, P(PUBREC, .packet_id = 40));
    broker_receives(s, P(PUBACK, .packet_id = 41));
    client_receives(s, "m1", answer(MQTTSN_PUBREL, id));
    broker_publishes(s, "lamp/1", "on", 1, 42);
    time_passes(s, 1000);
    broker_receives(s, P(PUBACK, .packet_id = 42));
    waiting_for_the_client(s, "m1", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEPT_BOTH(pubrec_waits_for_the_disk_even_if_the_client_is_awake),
        KEPT_BOTH(what_the_broker_sends_again_after_its_pubrel_is_the_same),
        KEPT_BOTH(the_broker_need_not_wait_for_the_client),
        KEPT_BOTH(what_the_broker_sends_again_is_not_taken_again),
        KEPT_BOTH(a_broker_that_forgot_may_use_the_number_again),
        KEPT_AGGREGATE(all_who_hear_it_have_it_on_disk_first),
        KEPT_BOTH(each_step_is_on_disk_before_it_leaves),
        KEPT_BOTH(a_step_that_is_repeated_is_not_written_again),
        KEPT_BOTH(a_refused_one_begins_again_on_disk_too),
        KEPT_BOTH(an_end_without_pubcomp_leaves_the_disk),
        KEPT_BOTH(with_an_ill_store_it_is_end_to_end),
        KEPT_BOTH(what_came_while_it_was_ill_is_not_ours),
        KEPT_BOTH(an_exchange_that_is_end_to_end_stays_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
