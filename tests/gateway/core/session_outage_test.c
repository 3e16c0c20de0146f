/* session_outage_test.c -- what clients notice of a broker that goes away, and what of a gateway that is full
 * (SN-BRK, SN-CNG). What is under way when the broker goes is in session_repeat_test.c; the reconnecting itself is
 * the shell's. */
#include "tests/gateway/core/scene.h"

static struct mqttsn_message reading(uint16_t message_id)
{
    return M(PUBLISH, .qos = 1, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 2,
             .message_id = message_id, .tail = TEXT("21.5"));
}

static uint16_t broker_gets(void *scene, const char *topic)
{
    return broker_receives(scene,
                           P(PUBLISH, .qos = 1, .topic = TEXT(topic), .payload = TEXT("21.5")));
}

static void is_congested(void *scene, const char *who, uint16_t message_id)
{
    client_sends(scene, who, reading(message_id));
    client_receives(
        scene, who,
        M(PUBACK, .topic_id = 2, .message_id = message_id, .return_code = MQTTSN_CONGESTION));
    dropped(scene, DROP_CONGESTION);
}

/* ---- the broker is away ------------------------------------------------------------------------------------------ */

static void a_sleeper_sleeps_through_an_outage(void **scene) /* SN-BRK-4, SN-SLP-19 */
{
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "lamp/1", 1);
    client_falls_asleep(*scene, "m1", 300);
    broker_goes_away(*scene);
    time_passes(*scene, 100 * SECOND);
    session_is(*scene, "m1", SESSION_ASLEEP);
    broker_returns(*scene, true);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    nothing_is_sent(*scene);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    client_receives(*scene, "m1", M(PINGRESP));
}

static void a_broker_that_comes_back_empty_gets_the_filters_of_a_sleeper(void **scene) /* SN-BRK-4, -5 */
{
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "lamp/1", 1);
    client_falls_asleep(*scene, "m1", 300);
    broker_goes_away(*scene);
    broker_returns(*scene, false);
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("lamp/1")));
    broker_sends(*scene, P(SUBACK, .packet_id = id, .code = 1));
    round_ends(*scene);
    nothing_is_sent(*scene);
    session_is(*scene, "m1", SESSION_ASLEEP);
}

static void what_needs_no_broker_is_answered_without_one(void **scene) /* SN-BRK-3, SN-REG-3, SN-PING-1 */
{
    client_connects(*scene, "m1", true);
    broker_goes_away(*scene);
    client_registers(*scene, "m1", "a/b");
    client_sends(*scene, "m1", M(PINGREQ));
    client_receives(*scene, "m1", M(PINGRESP));
    client_sends(*scene, "m1", M(WILLTOPICUPD, .tail = TEXT("w")));
    client_receives(*scene, "m1", M(WILLTOPICRESP));
    client_falls_asleep(*scene, "m1", 300);
}

/* ---- the gateway is full ----------------------------------------------------------------------------------------- */

static void who_does_not_wait_is_refused_until_it_can_be_served(void **scene) /* SN-CNG-5 */
{
    ((struct scene *)*scene)->limits.inflight_in = 1;
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", reading(1));
    uint16_t id = broker_gets(*scene, "node/m1");
    for (uint16_t i = 0; i < 5; i++)
        is_congested(*scene, "m1", 2);
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 2, .message_id = 1));
    client_sends(*scene, "m1", reading(2)); /* no T_WAIT has passed */
    id = broker_gets(*scene, "node/m1");
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 2, .message_id = 2));
}

static void one_client_s_congestion_is_not_another_s(void **scene) /* SN-CNG-6 */
{
    struct scene *s = *scene;
    s->limits.inflight_in = s->limits.topics = 1;
    client_connects(s, "m1", true);
    client_connects(s, "m2", true);
    client_registers(s, "m1", "a");
    client_sends(s, "m1", M(REGISTER, .message_id = 1, .tail = TEXT("b")));
    client_receives(s, "m1", M(REGACK, .message_id = 1, .return_code = MQTTSN_CONGESTION));
    dropped(s, DROP_CONGESTION);
    client_sends(s, "m1", reading(1));
    broker_gets(s, "node/m1");
    is_congested(s, "m1", 2);
    client_registers(s, "m2", "b");
    client_sends(s, "m2", reading(1));
    broker_turns_to(s, "m2");
    uint16_t id = broker_gets(s, "node/m2");
    broker_sends(s, P(PUBACK, .packet_id = id));
    client_receives(s, "m2", M(PUBACK, .topic_id = 2, .message_id = 1));
}

static void with_no_packet_id_left_a_publish_is_congestion(void **scene) /* SN-GW-4 */
{
    client_connects(*scene, "m1", true);
    struct upstream *u = session_of(*scene, "m1")->upstream;
    while (mqtt_client_reserve(&u->mqtt, u) != 0)
        continue;
    is_congested(*scene, "m1", 1);
    mqtt_client_orphan(&u->mqtt, u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(a_sleeper_sleeps_through_an_outage),
        IN_BOTH(a_broker_that_comes_back_empty_gets_the_filters_of_a_sleeper),
        IN_BOTH(what_needs_no_broker_is_answered_without_one),
        IN_BOTH(who_does_not_wait_is_refused_until_it_can_be_served),
        IN_BOTH(one_client_s_congestion_is_not_another_s),
        IN_BOTH(with_no_packet_id_left_a_publish_is_congestion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
