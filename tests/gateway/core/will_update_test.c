/* will_update_test.c -- clients[].will_update: reconnect, where the broker hears of every will (SN-WILL-10). With the
 * default it hears of it when the client is lost: session_will_test.c. */
#include "tests/gateway/core/scene.h"

static void client_has_will(struct scene *s, bool clean)
{
    s->access.will_reconnect = true;
    client_sends(s, "m1", M(CONNECT, .clean = clean, .will = true, .duration = 60));
    client_receives(s, "m1", M(WILLTOPICREQ));
    client_sends(s, "m1", M(WILLTOPIC, .qos = 1, .tail = TEXT("w")));
    client_receives(s, "m1", M(WILLMSGREQ));
    client_sends(s, "m1", M(WILLMSG, .tail = TEXT("gone")));
    if (!s->shared) {
        broker_receives(s, P(CONNECT, .connect = { .client_id = TEXT("m1"),
                                                   .clean = clean,
                                                   .has_will = true,
                                                   .will = { TEXT("w"), TEXT("gone"), 1, false } }));
        broker_sends(s, P(CONNACK));
    }
    client_receives(s, "m1", M(CONNACK));
}

/* The old connection ends well, so that the old will is gone. */
static void broker_hears_will(struct scene *s, bool clean, struct mqtt_will will)
{
    broker_receives(s, P(DISCONNECT));
    broker_receives(
        s, P(CONNECT,
             .connect = { .client_id = TEXT("m1"), .clean = clean, .has_will = true, .will = will }));
}

static void the_broker_hears_of_a_new_message(void **scene) /* SN-WILL-7, -10 */
{
    client_has_will(*scene, false);
    client_sends(*scene, "m1", M(WILLMSGUPD, .tail = TEXT("lost")));
    client_receives(*scene, "m1", M(WILLMSGRESP));
    broker_hears_will(*scene, false, (struct mqtt_will){ TEXT("w"), TEXT("lost"), 1, false });
    broker_sends(*scene, P(CONNACK, .session_present = true));
    session_is(*scene, "m1", SESSION_ACTIVE);
}

static void two_updates_at_once_both_reach_it(void **scene) /* SN-WILL-6, -7, -10 */
{
    client_has_will(*scene, false);
    client_sends(*scene, "m1", M(WILLTOPICUPD, .retain = true, .tail = TEXT("v")));
    client_receives(*scene, "m1", M(WILLTOPICRESP));
    broker_hears_will(*scene, false, (struct mqtt_will){ TEXT("v"), TEXT("gone"), 0, true });
    client_sends(*scene, "m1", M(WILLMSGUPD, .tail = TEXT("lost"))); /* CONNACK is not here yet */
    client_receives(*scene, "m1", M(WILLMSGRESP));
    broker_receives(*scene, P(CONNECT, .connect = { .client_id = TEXT("m1"),
                                                    .has_will = true,
                                                    .will = { TEXT("v"), TEXT("lost"), 0, true } }));
    broker_sends(*scene, P(CONNACK, .session_present = true));
}

static void a_clean_session_keeps_what_it_has(void **scene) /* SN-WILL-10, SN-SES-6 */
{
    client_has_will(*scene, true);
    uint16_t id = client_subscribes(*scene, "m1", "lamp/1", 1);
    client_sends(*scene, "m1",
                 M(PUBLISH, .qos = 1, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 2,
                   .message_id = 7, .tail = TEXT("x")));
    uint16_t packet =
        broker_receives(*scene, P(PUBLISH, .qos = 1, .topic = TEXT("node/m1"), .payload = TEXT("x")));
    client_sends(*scene, "m1", M(WILLMSGUPD, .tail = TEXT("lost")));
    client_receives(*scene, "m1", M(WILLMSGRESP));
    broker_hears_will(*scene, true, (struct mqtt_will){ TEXT("w"), TEXT("lost"), 1, false });
    broker_sends(*scene, P(CONNACK));
    broker_receives(*scene, P(PUBLISH, .qos = 1, .packet_id = packet, .topic = TEXT("node/m1"),
                              .payload = TEXT("x")));
    uint16_t subscribe = broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("lamp/1")));
    broker_sends(*scene, P(PUBACK, .packet_id = packet));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 2, .message_id = 7));
    broker_sends(*scene, P(SUBACK, .packet_id = subscribe, .code = 1));
    broker_publishes(*scene, "lamp/1", "on", 0, 0);
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = id, .tail = TEXT("on")));
}

static void a_deleted_will_is_deleted_there_too(void **scene) /* SN-WILL-8, -10 */
{
    client_has_will(*scene, false);
    client_sends(*scene, "m1", M(WILLTOPICUPD, .brief = true));
    client_receives(*scene, "m1", M(WILLTOPICRESP));
    broker_receives(*scene, P(DISCONNECT));
    broker_receives(*scene, P(CONNECT, .connect = { .client_id = TEXT("m1") }));
    broker_sends(*scene, P(CONNACK, .session_present = true));
}

static void what_is_refused_changes_nothing(void **scene) /* SN-WILL-9, -10 */
{
    client_has_will(*scene, false);
    client_sends(*scene, "m1", M(WILLTOPICUPD, .tail = TEXT("a/#")));
    client_receives(*scene, "m1", M(WILLTOPICRESP, .return_code = MQTTSN_NOT_SUPPORTED));
    broker_receives_nothing(*scene);
}

static void while_the_broker_is_away_nobody_dials_for_it(void **scene) /* SN-WILL-10 */
{
    client_has_will(*scene, false);
    broker_goes_away(*scene);
    client_sends(*scene, "m1", M(WILLMSGUPD, .tail = TEXT("lost")));
    client_receives(*scene, "m1", M(WILLMSGRESP));
    broker_receives_nothing(*scene);
    broker_returns(*scene, true); /* with the new will */
}

static void on_the_shared_connection_the_gateway_has_it(void **scene) /* SN-WILL-10, SN-GW-6 */
{
    client_has_will(*scene, true);
    uint16_t id = client_subscribes(*scene, "m1", "lamp/1", 1);
    client_sends(*scene, "m1", M(WILLMSGUPD, .tail = TEXT("lost")));
    client_receives(*scene, "m1", M(WILLMSGRESP));
    broker_receives_nothing(*scene);
    broker_publishes(*scene, "lamp/1", "on", 0, 0); /* the session is as it was */
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = id, .tail = TEXT("on")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TRANSPARENT(the_broker_hears_of_a_new_message),
        IN_TRANSPARENT(two_updates_at_once_both_reach_it),
        IN_TRANSPARENT(a_clean_session_keeps_what_it_has),
        IN_TRANSPARENT(a_deleted_will_is_deleted_there_too),
        IN_BOTH(what_is_refused_changes_nothing),
        IN_TRANSPARENT(while_the_broker_is_away_nobody_dials_for_it),
        IN_AGGREGATE(on_the_shared_connection_the_gateway_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
