/* restore_uplink_test.c -- a killed gateway starts again while messages to the broker are under way: what was accepted
 * arrives, QoS 2 once and under its old packet id, and a client that repeats what it said is understood (design rules 1
 * and 4; SN-SES-7, SN-BRK-2). */
#include "tests/gateway/core/restart_scene.h"

/* ---- to the broker ----------------------------------------------------------------------------------------------- */

static void given_taken_over(void **scene, uint8_t qos)
{
    client_connects(*scene, "m1", false);
    broker_goes_away(*scene);
    client_sends(*scene, "m1", reading(qos, false, 7));
    client_receives(*scene, "m1",
                    qos == 1 ? M(PUBACK, .topic_id = 2, .message_id = 7) : answer(MQTTSN_PUBREC, 7));
}

static void what_was_accepted_arrives(void **scene) /* design rule 1, SN-BRK-2 */
{
    given_taken_over(scene, 1);
    restarts(*scene);
    broker_returns(*scene, true);
    (void)a_drain_turn(*scene, "m1");
    uint16_t id = broker_gets(*scene, 1, true); /* it may have been there before */
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    waiting_for_the_broker(*scene, "m1", 0);
}

static void what_was_not_accepted_is_repeated_by_the_client(void **scene) /* design rule 1 */
{
    client_connects(*scene, "m1", false);
    broker_goes_away(*scene);
    the_store_waits(*scene);
    client_sends(*scene, "m1", reading(2, false, 7));
    nothing_is_sent(*scene);
    restarts(*scene);
    waiting_for_the_broker(*scene, "m1", 0);
    client_sends(*scene, "m1", reading(2, true, 7));
    the_store_commits(*scene);
    client_receives(*scene, "m1", answer(MQTTSN_PUBREC, 7));
    waiting_for_the_broker(*scene, "m1", 1);
}

static void a_qos_2_message_that_had_no_number_gets_one(void **scene)
{
    given_taken_over(scene, 2);
    restarts(*scene);
    broker_returns(*scene, true);
    assert_false(a_drain_turn(*scene, "m1"));
    broker_receives_nothing(*scene);
    (void)a_drain_turn(*scene, "m1");
    broker_gets(*scene, 2, false); /* it was never sent */
}

static uint16_t given_qos_2_sent(void **scene)
{
    given_taken_over(scene, 2);
    broker_returns(*scene, true);
    (void)a_drain_turn(*scene, "m1");
    (void)a_drain_turn(*scene, "m1");
    return broker_gets(*scene, 2, false);
}

static void broker_ends(void *scene, uint16_t id)
{
    broker_sends(scene, P(PUBREC, .packet_id = id));
    broker_receives(scene, P(PUBREL, .packet_id = id));
    broker_sends(scene, P(PUBCOMP, .packet_id = id));
    waiting_for_the_broker(scene, "m1", 0);
}

static void a_numbered_one_leaves_under_its_number(void **scene) /* MQTT-4.4.0-1 */
{
    uint16_t id = given_qos_2_sent(scene);
    restarts(*scene);
    broker_returns(*scene, true);
    assert_int_equal(broker_gets(*scene, 2, true), id);
    assert_false(a_drain_turn(*scene, "m1")); /* it is on its way */
    broker_ends(*scene, id);
}

static void another_request_gets_another_number(void **scene) /* MQTT-2.3.1-2 */
{
    struct scene *s = *scene;
    uint16_t id = given_qos_2_sent(scene);
    restarts(s);
    broker_returns(s, true);
    broker_gets(s, 2, true);
    client_sends(s, "m1", M(SUBSCRIBE, .qos = 1, .message_id = 9, .tail = TEXT("a")));
    assert_int_not_equal(broker_receives(s, P(SUBSCRIBE, .qos = 1, .topic = TEXT("a"))), id);
    broker_ends(s, id);
}

static void a_broker_that_forgot_it_gets_it_anew(void **scene) /* MQTT-3.3.1-1 */
{
    uint16_t id = given_qos_2_sent(scene);
    restarts(*scene);
    broker_returns(*scene, false);
    assert_int_equal(broker_gets(*scene, 2, false), id);
    broker_ends(*scene, id);
}

static void of_a_released_one_only_pubrel_is_left(void **scene) /* MQTT-4.4.0-1 */
{
    uint16_t id = given_qos_2_sent(scene);
    broker_sends(*scene, P(PUBREC, .packet_id = id));
    broker_receives(*scene, P(PUBREL, .packet_id = id));
    restarts(*scene);
    broker_returns(*scene, true);
    broker_receives(*scene, P(PUBREL, .packet_id = id));
    assert_false(a_drain_turn(*scene, "m1"));
    broker_sends(*scene, P(PUBCOMP, .packet_id = id));
    waiting_for_the_broker(*scene, "m1", 0);
}

/* ---- with the other mode than before ----------------------------------------------------------------------------- */

static void leaves_as_a_new_one(struct scene *s)
{
    restarts(s); /* it makes no difference when that is */
    broker_returns(s, true);
    broker_receives_nothing(s);
    (void)a_drain_turn(s, "m1");
    (void)a_drain_turn(s, "m1");
    broker_ends(s, broker_gets(s, 2, false));
}

static void on_another_connection_a_sent_one_is_new(void **scene)
{
    (void)given_qos_2_sent(scene);
    the_mode_is_another(*scene);
    leaves_as_a_new_one(*scene);
}

static void on_another_connection_a_released_one_is_new_too(void **scene)
{
    uint16_t id = given_qos_2_sent(scene);
    broker_sends(*scene, P(PUBREC, .packet_id = id));
    broker_receives(*scene, P(PUBREL, .packet_id = id));
    the_mode_is_another(*scene);
    leaves_as_a_new_one(*scene);
}

static void on_another_connection_qos_1_goes_again(void **scene)
{
    given_taken_over(scene, 1);
    broker_returns(*scene, true);
    (void)a_drain_turn(*scene, "m1");
    broker_gets(*scene, 1, false);
    the_mode_is_another(*scene);
    broker_returns(*scene, true);
    (void)a_drain_turn(*scene, "m1");
    uint16_t id = broker_gets(*scene, 1, true);
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    waiting_for_the_broker(*scene, "m1", 0);
}

/* ---- another broker ---------------------------------------------------------------------------------------------- */

static void a_broker_that_has_no_qos_2_now_gets_it_at_qos_1(void **scene) /* SN-PUB-5 */
{
    struct upstream_lacks lacks = { .qos2 = true };
    uint16_t id = given_qos_2_sent(scene);
    the_gateway_is_killed(*scene);
    broker_lacks(*scene, lacks);
    the_gateway_starts(*scene);
    broker_returns(*scene, true);
    assert_int_equal(broker_gets(*scene, 1, true), id);
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    waiting_for_the_broker(*scene, "m1", 0);
}

/* A file that is read late, with live traffic on the connection: at QoS 2 a message that may not be doubled. */
static void whose_number_is_taken_meanwhile(void **scene, enum queued_phase phase)
{
    struct scene *s = *scene;
    const struct mqtt_packet p =
        P(PUBLISH, .qos = 2, .topic = TEXT("node/m1"), .payload = TEXT("21.5"));
    client_connects(s, "m1", false);
    struct session *session = session_of(s, "m1");
    struct queued *q = queued_new(&p, s->now);
    q->up = true;
    q->phase = (uint8_t)phase;
    q->message_id = mqtt_client_reserve(&session->upstream->mqtt, &s->limits);
    s->actions.count = 0;
    session_restore_message(session, q, s->now, &s->actions);
    actions_keep(&s->actions, q); /* it has a row */
    scene_perform_for(s, "m1");
    session_resume(session, s->now);
}

static void a_sent_one_whose_number_is_taken_gets_another(void **scene)
{
    whose_number_is_taken_meanwhile(scene, QUEUED_SENT);
    assert_false(a_drain_turn(*scene, "m1"));
    (void)a_drain_turn(*scene, "m1");
    broker_ends(*scene, broker_gets(*scene, 2, true));
}

static void a_released_one_whose_number_is_taken_is_over(void **scene)
{
    whose_number_is_taken_meanwhile(scene, QUEUED_RELEASED);
    (void)a_drain_turn(*scene, "m1");
    waiting_for_the_broker(*scene, "m1", 0);
    broker_receives_nothing(*scene);
}

static void the_prefix_is_not_forgotten(void **scene) /* broker.prefix */
{
    struct scene *s = *scene;
    struct mqttsn_message m = reading(2, false, 7);
    m.retain = true;
    s->prefix = TEXT("home/");
    client_connects(s, "m1", false);
    client_sends(s, "m1", m);
    client_receives(s, "m1", answer(MQTTSN_PUBREC, 7));
    (void)a_drain_turn(s, "m1");
    restarts(s);
    broker_returns(s, true);
    broker_receives(s, P(PUBLISH, .qos = 2, .dup = true, .retain = true,
                         .topic = TEXT("home/node/m1"), .payload = TEXT("21.5")));
}

static void a_session_that_was_over_is_there_for_its_messages(void **scene) /* design rule 1 */
{
    struct scene *s = *scene;
    client_connects(s, "m1", true);
    broker_goes_away(s);
    client_sends(s, "m1", reading(1, false, 7));
    client_receives(s, "m1", M(PUBACK, .topic_id = 2, .message_id = 7));
    client_sends(s, "m1", M(DISCONNECT, .brief = true));
    client_receives(s, "m1", M(DISCONNECT, .brief = true));
    restarts(s);
    session_is(s, "m1", SESSION_DISCONNECTED);
    broker_returns(s, is_shared(scene));
    (void)a_drain_turn(s, "m1");
    broker_sends(s, P(PUBACK, .packet_id = broker_gets(s, 1, true)));
    if (!is_shared(scene))
        broker_receives(s, P(DISCONNECT));
    session_is_gone(s, "m1");
}

static void what_lingers_for_its_messages_has_no_filters_any_more(void **scene) /* SN-SES-5 */
{
    struct scene *s = *scene;
    client_connects(s, "m1", true);
    client_subscribes(s, "m1", "lamp/1", 1);
    broker_goes_away(s);
    client_sends(s, "m1", reading(1, false, 7));
    client_receives(s, "m1", M(PUBACK, .topic_id = 2, .message_id = 7));
    client_sends(s, "m1", M(DISCONNECT, .brief = true));
    client_receives(s, "m1", M(DISCONNECT, .brief = true));
    broker_returns(s, true);
    uint16_t id = broker_receives(s, P(UNSUBSCRIBE, .topic = TEXT("lamp/1")));
    broker_sends(s, P(UNSUBACK, .packet_id = id));
    client_sends(s, "m1", M(CONNECT, .duration = 60));
    client_receives(s, "m1", M(CONNACK));
    assert_int_equal(session_of(s, "m1")->subscriptions.count, 0);
    broker_publishes(s, "lamp/1", "on", 1, 40);
    dropped(s, DROP_NO_RECEIVER);
    broker_receives(s, P(PUBACK, .packet_id = 40));
    nothing_is_sent(s);
}

static void order_is_kept_over_a_restart(void **scene) /* design section 6 */
{
    struct scene *s = *scene;
    given_taken_over(scene, 1);
    struct mqttsn_message next = reading(1, false, 8);
    restarts(s);
    next.tail = TEXT("21.6");
    client_sends(s, "m1", next);
    client_receives(s, "m1", M(PUBACK, .topic_id = 2, .message_id = 8));
    broker_returns(s, true);
    (void)a_drain_turn(s, "m1");
    broker_gets(s, 1, true);
    (void)a_drain_turn(s, "m1");
    broker_receives(s, P(PUBLISH, .qos = 1, .topic = TEXT("node/m1"), .payload = TEXT("21.6")));
}

static void the_limit_counts_what_an_earlier_run_took(void **scene) /* design rule 5 */
{
    struct scene *s = *scene;
    given_taken_over(scene, 1);
    size_t before = s->store->keeping.uplink_bytes;
    assert_true(before > 0);
    restarts(s);
    assert_int_equal(s->store->keeping.uplink_bytes, before);
    s->limits.uplink_bytes = before;
    client_sends(s, "m1", reading(1, false, 8));
    client_receives(s, "m1",
                    M(PUBACK, .topic_id = 2, .message_id = 8, .return_code = MQTTSN_CONGESTION));
    dropped(s, DROP_CONGESTION);
}

/* ---- a client's half --------------------------------------------------------------------------------------------- */

static void a_client_that_did_not_hear_pubrec_hears_it_now(void **scene) /* SN-RTX-7 */
{
    given_taken_over(scene, 2);
    restarts(*scene);
    client_sends(*scene, "m1", reading(2, true, 7));
    dropped(*scene, DROP_DUPLICATE);
    client_receives(*scene, "m1", answer(MQTTSN_PUBREC, 7));
    client_sends(*scene, "m1", answer(MQTTSN_PUBREL, 7));
    client_receives(*scene, "m1", answer(MQTTSN_PUBCOMP, 7));
    waiting_for_the_broker(*scene, "m1", 1); /* once */
    restarts(*scene);
    client_sends(*scene, "m1", answer(MQTTSN_PUBREL, 7)); /* it did not hear PUBCOMP either */
    client_receives(*scene, "m1", answer(MQTTSN_PUBCOMP, 7));
    client_sends(*scene, "m1", reading(2, true, 7)); /* and a late copy of all */
    dropped(*scene, DROP_ANSWERED_BEFORE);
    client_receives(*scene, "m1", answer(MQTTSN_PUBREC, 7));
    waiting_for_the_broker(*scene, "m1", 1);
}

static void after_a_clean_connect_there_is_none_of_it(void **scene) /* SN-SES-1 */
{
    struct scene *s = *scene;
    given_taken_over(scene, 2);
    broker_returns(s, true);
    client_sends(s, "m1", M(CONNECT, .clean = true, .duration = 60));
    if (!is_shared(scene))
        broker_receives(s, P(DISCONNECT));
    broker_accepts(s, "m1", true, false);
    client_receives(s, "m1", M(CONNACK));
    restarts(s);
    client_sends(s, "m1", reading(2, false, 7)); /* another one */
    client_receives(s, "m1", answer(MQTTSN_PUBREC, 7));
    waiting_for_the_broker(s, "m1", 2);
}

static void a_place_is_for_one_exchange(void **scene)
{
    struct scene *s = *scene;
    const struct exchange e = { .phase = EXCHANGE_PUBREL, .qos = 2, .message_id = 7 };
    const struct exchange other = { .phase = EXCHANGE_PUBREL, .qos = 2, .message_id = 8 };
    client_connects(s, "m1", false);
    struct session *session = session_of(s, "m1");
    session_restore_exchange(session, 0, &e);
    session_restore_exchange(session, 0, &other);
    session_restore_exchange(session, EXCHANGES, &other); /* of a file from another version */
    assert_int_equal(session->inflight.open, 1);
    assert_int_equal(session->inflight.list[0].message_id, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEPT_BOTH(what_was_accepted_arrives),
        KEPT_BOTH(what_was_not_accepted_is_repeated_by_the_client),
        KEPT_BOTH(a_qos_2_message_that_had_no_number_gets_one),
        KEPT_BOTH(a_numbered_one_leaves_under_its_number),
        KEPT_BOTH(another_request_gets_another_number),
        KEPT_BOTH(a_broker_that_forgot_it_gets_it_anew),
        KEPT_BOTH(of_a_released_one_only_pubrel_is_left),
        KEPT_TRANSPARENT(the_prefix_is_not_forgotten),
        KEPT_BOTH(a_session_that_was_over_is_there_for_its_messages),
        KEPT_AGGREGATE(what_lingers_for_its_messages_has_no_filters_any_more),
        KEPT_BOTH(order_is_kept_over_a_restart),
        KEPT_BOTH(the_limit_counts_what_an_earlier_run_took),
        KEPT_BOTH(a_client_that_did_not_hear_pubrec_hears_it_now),
        KEPT_BOTH(a_place_is_for_one_exchange),
        KEPT_BOTH(after_a_clean_connect_there_is_none_of_it),
        KEPT_BOTH(a_broker_that_has_no_qos_2_now_gets_it_at_qos_1),
        KEPT_BOTH(a_sent_one_whose_number_is_taken_gets_another),
        KEPT_BOTH(on_another_connection_a_sent_one_is_new),
        KEPT_BOTH(on_another_connection_a_released_one_is_new_too),
        KEPT_BOTH(on_another_connection_qos_1_goes_again),
        KEPT_BOTH(a_released_one_whose_number_is_taken_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
