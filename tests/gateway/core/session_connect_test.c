/* session_connect_test.c -- CONNECT, and the ways out of it (MQTT-SN 1.2, section 6.2; SN-CONN, SN-DSC). */
#include "tests/gateway/core/scene.h"

/* ---- the broker answers first ------------------------------------------------------------------------------------ */

static void connack_follows_the_brokers(void **scene) /* SN-CONN-1 */
{
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    broker_receives(*scene, P(CONNECT, .connect = { .client_id = TEXT("m1"), .clean = true }));
    nothing_is_sent(*scene);
    session_is(*scene, "m1", SESSION_CONNECTING);
    broker_sends(*scene, P(CONNACK));
    client_receives(*scene, "m1", M(CONNACK));
    session_is(*scene, "m1", SESSION_ACTIVE);
}

static void on_the_shared_connection_connack_comes_at_once(void **scene) /* SN-CONN-1, SN-GW-2 */
{
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    client_receives(*scene, "m1", M(CONNACK));
    session_is(*scene, "m1", SESSION_ACTIVE);
    broker_receives_nothing(*scene);
}

static void a_broker_that_is_silent_is_congestion(void **scene) /* SN-CONN-3 */
{
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    broker_receives(*scene, P(CONNECT, .connect = { .client_id = TEXT("m1"), .clean = true }));
    time_passes(*scene, 10 * SECOND - 1);
    nothing_is_sent(*scene);
    time_passes(*scene, 1);
    client_receives(*scene, "m1", M(CONNACK, .return_code = MQTTSN_CONGESTION));
    session_is_gone(*scene, "m1");
}

static void a_broker_that_cannot_be_reached_is_congestion(void **scene) /* SN-CONN-7 */
{
    ((struct scene *)*scene)->unreachable = true;
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    broker_sends(*scene, P(CONNACK, .code = 3));
    client_receives(*scene, "m1", M(CONNACK, .return_code = MQTTSN_CONGESTION));
    session_is_gone(*scene, "m1");
}

static void a_shared_connection_that_is_down_is_congestion(void **scene) /* SN-CONN-7, SN-BRK-6 */
{
    broker_goes_away(*scene);
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    client_receives(*scene, "m1", M(CONNACK, .return_code = MQTTSN_CONGESTION));
    session_is_gone(*scene, "m1");
}

static void each_refusal_of_the_broker_has_its_code(void **scene) /* SN-CONN-7 */
{
    static const uint8_t codes[] = { 0,
                                     MQTTSN_NOT_SUPPORTED,
                                     MQTTSN_NOT_SUPPORTED,
                                     MQTTSN_CONGESTION,
                                     MQTTSN_NOT_SUPPORTED,
                                     MQTTSN_NOT_SUPPORTED };
    for (size_t code = 1; code < sizeof codes; code++) {
        client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
        broker_receives(*scene, P(CONNECT, .connect = { .client_id = TEXT("m1"), .clean = true }));
        broker_sends(*scene, P(CONNACK, .code = (uint8_t)code));
        client_receives(*scene, "m1", M(CONNACK, .return_code = codes[code]));
        session_is_gone(*scene, "m1");
    }
}

static void a_refused_reconnect_keeps_the_stored_session(void **scene) /* SN-CONN-7, SN-SES-4 */
{
    client_connects(*scene, "m1", false);
    uint16_t id = client_registers(*scene, "m1", "a/b");
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    broker_receives(*scene, P(DISCONNECT));
    client_sends(*scene, "m1", M(CONNECT, .duration = 60));
    broker_receives(*scene, P(CONNECT, .connect = { .client_id = TEXT("m1") }));
    broker_sends(*scene, P(CONNACK, .code = 5));
    client_receives(*scene, "m1", M(CONNACK, .return_code = MQTTSN_NOT_SUPPORTED));
    session_is(*scene, "m1", SESSION_DISCONNECTED);
    assert_non_null(registry_find_id(&session_of(*scene, "m1")->topics.normal, id));
}

/* ---- CONNECT again ----------------------------------------------------------------------------------------------- */

static void five_equal_connects_make_one_connection(void **scene) /* SN-CONN-8 */
{
    for (int i = 0; i < 5; i++) {
        client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
        time_passes(*scene, 10);
    }
    broker_receives(*scene, P(CONNECT, .connect = { .client_id = TEXT("m1"), .clean = true }));
    broker_receives_nothing(*scene);
    broker_sends(*scene, P(CONNACK));
    client_receives(*scene, "m1", M(CONNACK));
}

static void a_different_connect_restarts_the_procedure(void **scene) /* SN-CONN-8 */
{
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    broker_receives(*scene, P(CONNECT, .connect = { .client_id = TEXT("m1"), .clean = true }));
    client_sends(*scene, "m1", M(CONNECT, .duration = 120));
    broker_receives(*scene, P(CONNECT, .connect = { .client_id = TEXT("m1") }));
    broker_sends(*scene, P(CONNACK));
    client_receives(*scene, "m1", M(CONNACK));
    assert_int_equal(session_of(*scene, "m1")->keep_alive_s, 120);
}

static void a_lost_connack_is_repeated(void **scene) /* SN-CONN-9 */
{
    client_connects(*scene, "m1", true);
    time_passes(*scene, 40 * SECOND);
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    client_receives(*scene, "m1", M(CONNACK));
    broker_receives_nothing(*scene);
}

static void connect_long_after_connack_is_a_new_connection(void **scene) /* SN-CONN-9, -10 */
{
    client_connects(*scene, "m1", true);
    time_passes(*scene, 40 * SECOND + 1);
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    broker_receives(*scene, P(DISCONNECT));
    broker_accepts(*scene, "m1", true, false);
    client_receives(*scene, "m1", M(CONNACK));
}

static void connect_after_traffic_is_a_new_connection(void **scene) /* SN-CONN-10, SN-SES-5 */
{
    client_connects(*scene, "m1", true);
    uint16_t id = client_registers(*scene, "m1", "a/b");
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    broker_receives(*scene, P(DISCONNECT));
    broker_accepts(*scene, "m1", true, false);
    client_receives(*scene, "m1", M(CONNACK));
    client_sends(*scene, "m1", M(PUBLISH, .topic_id = id, .tail = TEXT("1")));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = id, .return_code = MQTTSN_INVALID_TOPIC_ID));
    dropped(*scene, DROP_INVALID_TOPIC);
}

static void the_will_of_the_old_connection_is_silent(void **scene) /* SN-CONN-10 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(WILLTOPICUPD, .tail = TEXT("w")));
    client_receives(*scene, "m1", M(WILLTOPICRESP));
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    client_receives(*scene, "m1", M(CONNACK));
    broker_receives_nothing(*scene);
}

static void the_will_of_the_old_connection_is_published_if_so_set(void **scene) /* SN-CONN-10, will_on_takeover */
{
    ((struct scene *)*scene)->access.will_on_takeover = true;
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(WILLTOPICUPD, .tail = TEXT("w")));
    client_receives(*scene, "m1", M(WILLTOPICRESP));
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("w")));
    client_receives(*scene, "m1", M(CONNACK));
}

static void a_client_whose_address_is_taken_is_lost_with_its_will(void **scene) /* SN-CONN-12 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(WILLTOPICUPD, .tail = TEXT("w")));
    client_receives(*scene, "m1", M(WILLTOPICRESP));
    client_is_replaced(*scene, "m1");
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    broker_receives(*scene, P(PUBLISH, .topic = TEXT("w")));
    session_is_gone(*scene, "m1");
}

/* ---- too early --------------------------------------------------------------------------------------------------- */

static void what_comes_before_connack_is_dropped(void **scene) /* SN-CONN-14 */
{
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    broker_receives(*scene, P(CONNECT, .connect = { .client_id = TEXT("m1"), .clean = true }));
    client_sends(*scene, "m1", M(PUBLISH, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1));
    dropped(*scene, DROP_CONNECTING);
    client_sends(*scene, "m1", M(PINGREQ));
    dropped(*scene, DROP_CONNECTING);
    nothing_is_sent(*scene);
}

static void disconnect_gives_a_connect_up(void **scene) /* SN-CONN-14 */
{
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    broker_receives(*scene, P(CONNECT, .connect = { .client_id = TEXT("m1"), .clean = true }));
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    session_is_gone(*scene, "m1");
}

static void messages_of_the_gateway_are_dropped(void **scene) /* SN-FRM-8, SN-PING-8 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(CONNACK));
    dropped(*scene, DROP_UNEXPECTED);
    client_sends(*scene, "m1", M(SUBACK, .message_id = 1));
    dropped(*scene, DROP_UNEXPECTED);
    nothing_is_sent(*scene);
}

/* ---- leaving ----------------------------------------------------------------------------------------------------- */

static void disconnect_is_answered_and_passed_on(void **scene) /* SN-DSC-1, SN-SES-9 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    broker_receives(*scene, P(DISCONNECT));
    session_is_gone(*scene, "m1");
}

static void a_kept_session_stays_after_disconnect(void **scene) /* SN-DSC-2, SN-SES-4 */
{
    client_connects(*scene, "m1", false);
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    session_is(*scene, "m1", SESSION_DISCONNECTED);
    client_sends(*scene, "m1", M(PUBLISH, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1));
    dropped(*scene, DROP_UNEXPECTED);
}

static void a_kept_session_is_forgotten_after_its_age(void **scene) /* SN-SES-8 */
{
    client_connects(*scene, "m1", false);
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    time_passes(*scene, (msec)7 * 86400 * SECOND - 1);
    session_is(*scene, "m1", SESSION_DISCONNECTED);
    time_passes(*scene, 1);
    session_is_gone(*scene, "m1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TRANSPARENT(connack_follows_the_brokers),
        IN_AGGREGATE(on_the_shared_connection_connack_comes_at_once),
        IN_TRANSPARENT(a_broker_that_is_silent_is_congestion),
        IN_TRANSPARENT(a_broker_that_cannot_be_reached_is_congestion),
        IN_AGGREGATE(a_shared_connection_that_is_down_is_congestion),
        IN_TRANSPARENT(each_refusal_of_the_broker_has_its_code),
        IN_TRANSPARENT(a_refused_reconnect_keeps_the_stored_session),
        IN_TRANSPARENT(five_equal_connects_make_one_connection),
        IN_TRANSPARENT(a_different_connect_restarts_the_procedure),
        IN_BOTH(a_lost_connack_is_repeated),
        IN_TRANSPARENT(connect_long_after_connack_is_a_new_connection),
        IN_TRANSPARENT(connect_after_traffic_is_a_new_connection),
        IN_AGGREGATE(the_will_of_the_old_connection_is_silent),
        IN_AGGREGATE(the_will_of_the_old_connection_is_published_if_so_set),
        IN_AGGREGATE(a_client_whose_address_is_taken_is_lost_with_its_will),
        IN_TRANSPARENT(what_comes_before_connack_is_dropped),
        IN_TRANSPARENT(disconnect_gives_a_connect_up),
        IN_BOTH(messages_of_the_gateway_are_dropped),
        IN_TRANSPARENT(disconnect_is_answered_and_passed_on),
        IN_AGGREGATE(a_kept_session_stays_after_disconnect),
        IN_AGGREGATE(a_kept_session_is_forgotten_after_its_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
