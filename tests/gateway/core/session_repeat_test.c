/* session_repeat_test.c -- from the client to the broker with messages lost and repeated, limits, and brokers that go
 * away (MQTT-SN 1.2, sections 6.6, 6.13; SN-RTX, SN-PUB-12, SN-CNG, SN-BRK). */
#include "tests/gateway/core/scene.h"

static struct mqttsn_message reading(uint8_t qos, bool dup, uint16_t message_id, const char *value)
{
    return M(PUBLISH, .qos = qos, .dup = dup, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1,
             .message_id = message_id, .tail = TEXT(value));
}

static struct mqtt_packet published(uint8_t qos, const char *value)
{
    return P(PUBLISH, .qos = qos, .topic = TEXT("m1/alarm"), .payload = TEXT(value));
}

/* ---- repeated ---------------------------------------------------------------------------------------------------- */

static void an_open_qos_1_message_is_not_published_twice(void **scene) /* SN-RTX-7 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", reading(1, false, 7, "21.5"));
    uint16_t id = broker_receives(*scene, published(1, "21.5"));
    client_sends(*scene, "m1", reading(1, true, 7, "21.5"));
    dropped(*scene, DROP_DUPLICATE);
    client_sends(*scene, "m1",
                 reading(1, false, 7, "21.5")); /* the client lost its state, the message is the same */
    dropped(*scene, DROP_DUPLICATE);
    broker_receives_nothing(*scene);
    nothing_is_sent(*scene);
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 1, .message_id = 7));
}

static void a_lost_puback_is_repeated(void **scene) /* SN-RTX-7 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", reading(1, false, 7, "21.5"));
    uint16_t id = broker_receives(*scene, published(1, "21.5"));
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 1, .message_id = 7));
    time_passes(*scene, 10 * SECOND);
    client_sends(*scene, "m1", reading(1, true, 7, "21.5"));
    dropped(*scene, DROP_ANSWERED_BEFORE);
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 1, .message_id = 7));
    broker_receives_nothing(*scene);
}

static void a_number_used_again_is_a_new_message(void **scene) /* SN-RTX-7 */
{
    client_connects(*scene, "m1", true);
    for (int i = 0; i < 3; i++) {
        client_sends(*scene, "m1", reading(1, false, 7, "21.5"));
        uint16_t id = broker_receives(*scene, published(1, "21.5"));
        broker_sends(*scene, P(PUBACK, .packet_id = id));
        client_receives(*scene, "m1", M(PUBACK, .topic_id = 1, .message_id = 7));
    }
}

static void a_repetition_long_after_is_a_new_message(void **scene) /* SN-RTX-7 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", reading(1, false, 7, "21.5"));
    broker_sends(*scene, P(PUBACK, .packet_id = broker_receives(*scene, published(1, "21.5"))));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 1, .message_id = 7));
    time_passes(*scene, 41 * SECOND);
    client_sends(*scene, "m1", reading(1, true, 7, "21.5"));
    broker_receives(*scene, published(1, "21.5"));
}

static void another_message_under_an_open_number_is_published(void **scene) /* SN-RTX-7 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", reading(1, false, 7, "21.5"));
    uint16_t old = broker_receives(*scene, published(1, "21.5"));
    client_sends(*scene, "m1", reading(1, false, 7, "22.0"));
    uint16_t new = broker_receives(*scene, published(1, "22.0"));
    broker_sends(*scene, P(PUBACK, .packet_id = old));
    nothing_is_sent(*scene);
    broker_sends(*scene, P(PUBACK, .packet_id = new));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 1, .message_id = 7));
}

/* Every message of the client comes twice, every answer of the gateway is lost once. */
static void qos_2_with_everything_doubled_is_published_once(void **scene) /* SN-PUB-3, SN-RTX-7, -8 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", reading(2, false, 7, "on"));
    uint16_t id = broker_receives(*scene, published(2, "on"));
    client_sends(*scene, "m1", reading(2, true, 7, "on"));
    dropped(*scene, DROP_DUPLICATE);
    broker_sends(*scene, P(PUBREC, .packet_id = id));
    client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    client_sends(*scene, "m1", reading(2, true, 7, "on"));
    dropped(*scene, DROP_DUPLICATE);
    client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    broker_receives(*scene, P(PUBREL, .packet_id = id));
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    broker_receives_nothing(*scene);
    broker_sends(*scene, P(PUBCOMP, .packet_id = id));
    client_receives(*scene, "m1", M(PUBCOMP, .message_id = 7));
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    client_receives(*scene, "m1", M(PUBCOMP, .message_id = 7));
    broker_receives_nothing(*scene);
}

static void a_broker_that_answers_twice_is_heard_once(void **scene) /* SN-RTX-10 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", reading(2, false, 7, "on"));
    uint16_t id = broker_receives(*scene, published(2, "on"));
    broker_sends(*scene, P(PUBREC, .packet_id = id));
    client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    broker_sends(*scene, P(PUBREC, .packet_id = id));
    nothing_is_sent(*scene);
    broker_receives_nothing(*scene);
}

static void a_qos_2_message_never_released_frees_its_place(void **scene) /* SN-RTX-8 */
{
    ((struct scene *)*scene)->limits.qos2_expiry = 50 * SECOND;
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", reading(2, false, 7, "on"));
    uint16_t id = broker_receives(*scene, published(2, "on"));
    broker_sends(*scene, P(PUBREC, .packet_id = id));
    client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    time_passes(*scene, 50 * SECOND - 1);
    broker_receives_nothing(*scene);
    time_passes(*scene, 1);
    broker_receives(*scene, P(PUBREL, .packet_id = id));
    broker_sends(*scene, P(PUBCOMP, .packet_id = id));
    nothing_is_sent(*scene); /* the client asked for none */
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    client_receives(*scene, "m1", M(PUBCOMP, .message_id = 7));
    broker_receives_nothing(*scene);
}

static void qos_2_goes_on_through_sleep(void **scene) /* SN-RTX-8, SN-SLP-14 */
{
    client_connects(*scene, "m1", false);
    client_sends(*scene, "m1", reading(2, false, 7, "on"));
    uint16_t id = broker_receives(*scene, published(2, "on"));
    broker_sends(*scene, P(PUBREC, .packet_id = id));
    client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    client_falls_asleep(*scene, "m1", 300);
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    broker_receives(*scene, P(PUBREL, .packet_id = id));
    broker_sends(*scene, P(PUBCOMP, .packet_id = id));
    client_receives(*scene, "m1", M(PUBCOMP, .message_id = 7));
}

/* ---- limits ------------------------------------------------------------------------------------------------------ */

static void more_than_its_window_is_congestion(void **scene) /* SN-PUB-12 */
{
    client_connects(*scene, "m1", true);
    uint16_t first = 0;
    for (uint16_t i = 1; i <= 4; i++) {
        client_sends(*scene, "m1", reading(1, false, i, "x"));
        uint16_t id = broker_receives(*scene, published(1, "x"));
        first = first == 0 ? id : first;
    }
    client_sends(*scene, "m1", reading(1, false, 5, "x"));
    client_receives(*scene, "m1",
                    M(PUBACK, .topic_id = 1, .message_id = 5, .return_code = MQTTSN_CONGESTION));
    dropped(*scene, DROP_CONGESTION);
    broker_sends(*scene, P(PUBACK, .packet_id = first));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 1, .message_id = 1));
    client_sends(*scene, "m1", reading(1, false, 5, "x"));
    broker_receives(*scene, published(1, "x"));
}

static void a_full_upstream_is_congestion(void **scene) /* SN-CNG-2 */
{
    client_connects(*scene, "m1", true);
    session_of(*scene, "m1")->upstream->flight_limit = 40;
    client_sends(*scene, "m1", reading(1, false, 1, "0123456789"));
    broker_receives(*scene, published(1, "0123456789"));
    client_sends(*scene, "m1", reading(1, false, 2, "0123456789"));
    client_receives(*scene, "m1",
                    M(PUBACK, .topic_id = 1, .message_id = 2, .return_code = MQTTSN_CONGESTION));
    dropped(*scene, DROP_CONGESTION);
}

static void a_slow_connection_is_congestion(void **scene) /* SN-CNG-2 */
{
    client_connects(*scene, "m1", true);
    session_of(*scene, "m1")->upstream->waiting = 1 << 20;
    client_sends(*scene, "m1", reading(1, false, 1, "x"));
    client_receives(*scene, "m1",
                    M(PUBACK, .topic_id = 1, .message_id = 1, .return_code = MQTTSN_CONGESTION));
    dropped(*scene, DROP_CONGESTION);
}

static void qos_0_hears_of_congestion_once_a_second(void **scene) /* SN-CNG-2, SN-BRK-2 */
{
    client_connects(*scene, "m1", true);
    broker_goes_away(*scene);
    for (int i = 0; i < 3; i++) {
        client_sends(*scene, "m1", reading(0, false, 0, "x"));
        dropped(*scene, DROP_BROKER_AWAY);
        time_passes(*scene, 400);
    }
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 1, .return_code = MQTTSN_CONGESTION));
    nothing_is_sent(*scene);
    client_sends(*scene, "m1", reading(0, false, 0, "x"));
    dropped(*scene, DROP_BROKER_AWAY);
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 1, .return_code = MQTTSN_CONGESTION));
}

/* ---- the broker goes away ---------------------------------------------------------------------------------------- */

static void while_the_broker_is_away_qos_1_and_2_are_congestion(void **scene) /* SN-BRK-2 */
{
    client_connects(*scene, "m1", true);
    broker_goes_away(*scene);
    for (uint8_t qos = 1; qos <= 2; qos++) {
        client_sends(*scene, "m1", reading(qos, false, qos, "x"));
        client_receives(*scene, "m1",
                        M(PUBACK, .topic_id = 1, .message_id = qos, .return_code = MQTTSN_CONGESTION));
        dropped(*scene, DROP_CONGESTION);
    }
    client_sends(*scene, "m1", M(PINGREQ)); /* the gateway is alive: SN-BRK-3 */
    client_receives(*scene, "m1", M(PINGRESP));
    session_is(*scene, "m1", SESSION_ACTIVE);
}

static void an_open_message_is_sent_again_to_a_broker_that_remembers(void **scene) /* SN-BRK-5 */
{
    client_connects(*scene, "m1", false);
    client_sends(*scene, "m1", reading(1, false, 7, "x"));
    uint16_t id = broker_receives(*scene, published(1, "x"));
    broker_goes_away(*scene);
    client_sends(*scene, "m1", reading(1, true, 7, "x"));
    dropped(*scene, DROP_DUPLICATE);
    broker_returns(*scene, true);
    broker_receives(*scene, P(PUBLISH, .qos = 1, .dup = true, .packet_id = id,
                              .topic = TEXT("m1/alarm"), .payload = TEXT("x")));
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 1, .message_id = 7));
}

static void a_broker_that_forgot_gets_it_as_new(void **scene) /* SN-BRK-5 */
{
    client_connects(*scene, "m1", false);
    client_sends(*scene, "m1", reading(2, false, 7, "x"));
    uint16_t id = broker_receives(*scene, published(2, "x"));
    broker_sends(*scene, P(PUBREC, .packet_id = id));
    client_receives(*scene, "m1", M(PUBREC, .message_id = 7));
    broker_goes_away(*scene);
    broker_returns(*scene, false);
    broker_receives(*scene, P(PUBLISH, .qos = 2, .packet_id = id, .topic = TEXT("m1/alarm"),
                              .payload = TEXT("x")));
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    broker_receives_nothing(*scene);
    broker_sends(*scene, P(PUBREC, .packet_id = id));
    broker_receives(*scene, P(PUBREL, .packet_id = id));
    broker_sends(*scene, P(PUBCOMP, .packet_id = id));
    client_receives(*scene, "m1", M(PUBCOMP, .message_id = 7));
}

static void a_clean_connect_leaves_open_requests_behind(void **scene) /* SN-SES-5, MQTT-3.1.2-6 */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", reading(1, false, 7, "x"));
    broker_receives(*scene, published(1, "x"));
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    broker_receives(*scene, P(DISCONNECT));
    broker_accepts(*scene, "m1", true, false);
    client_receives(*scene, "m1", M(CONNACK));
    broker_receives_nothing(*scene);
    client_sends(*scene, "m1", reading(1, true, 7, "x"));
    broker_receives(*scene, published(1, "x"));
}

static void a_kept_session_takes_open_requests_along(void **scene) /* SN-SES-4, SN-BRK-5 */
{
    client_connects(*scene, "m1", false);
    client_sends(*scene, "m1", reading(1, false, 7, "x"));
    uint16_t id = broker_receives(*scene, published(1, "x"));
    client_sends(*scene, "m1", M(CONNECT, .duration = 60));
    broker_receives(*scene, P(DISCONNECT));
    broker_accepts(*scene, "m1", false, true);
    client_receives(*scene, "m1", M(CONNACK));
    broker_receives(*scene, P(PUBLISH, .qos = 1, .dup = true, .packet_id = id,
                              .topic = TEXT("m1/alarm"), .payload = TEXT("x")));
    client_sends(*scene, "m1", reading(1, true, 7, "x"));
    dropped(*scene, DROP_DUPLICATE);
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 1, .message_id = 7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(an_open_qos_1_message_is_not_published_twice),
        IN_BOTH(a_lost_puback_is_repeated),
        IN_BOTH(a_number_used_again_is_a_new_message),
        IN_BOTH(a_repetition_long_after_is_a_new_message),
        IN_BOTH(another_message_under_an_open_number_is_published),
        IN_BOTH(qos_2_with_everything_doubled_is_published_once),
        IN_BOTH(a_broker_that_answers_twice_is_heard_once),
        IN_BOTH(a_qos_2_message_never_released_frees_its_place),
        IN_BOTH(qos_2_goes_on_through_sleep),
        IN_BOTH(more_than_its_window_is_congestion),
        IN_BOTH(a_full_upstream_is_congestion),
        IN_BOTH(a_slow_connection_is_congestion),
        IN_BOTH(qos_0_hears_of_congestion_once_a_second),
        IN_BOTH(while_the_broker_is_away_qos_1_and_2_are_congestion),
        IN_BOTH(an_open_message_is_sent_again_to_a_broker_that_remembers),
        IN_BOTH(a_broker_that_forgot_gets_it_as_new),
        IN_TRANSPARENT(a_clean_connect_leaves_open_requests_behind),
        IN_TRANSPARENT(a_kept_session_takes_open_requests_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
