/* restore_messages_test.c -- a killed gateway starts again while messages from the broker are under way: what was
 * acknowledged goes on where its last commit was, QoS 2 under its old number, and nobody has anything twice (design
 * rules 1 and 4; SN-SES-7). The way up is in restore_uplink_test.c. */
#include "tests/gateway/core/restart_scene.h"

/* ---- to a client ------------------------------------------------------------------------------------------------- */

static uint16_t given_qos_2_under_way(void **scene)
{
    given_client(scene, "m1", 2);
    broker_publishes(*scene, "lamp/1", "on", 2, 40);
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
    return client_receives(*scene, "m1", on(2, false, 0));
}

static void ends_with_the_client(void *scene, uint16_t id)
{
    client_sends(scene, "m1", answer(MQTTSN_PUBREC, id));
    client_receives(scene, "m1", answer(MQTTSN_PUBREL, id));
    client_sends(scene, "m1", answer(MQTTSN_PUBCOMP, id));
    waiting_for_the_client(scene, "m1", 0);
}

static void an_open_qos_2_message_leaves_again_under_its_number(void **scene) /* SN-DLV-3 */
{
    uint16_t id = given_qos_2_under_way(scene);
    restarts(*scene);
    time_passes(*scene, 0);
    client_receives(*scene, "m1", on(2, true, id));
    ends_with_the_client(*scene, id);
}

static void its_answer_may_come_before_that(void **scene)
{
    uint16_t id = given_qos_2_under_way(scene);
    restarts(*scene);
    ends_with_the_client(*scene, id);
    time_passes(*scene, 60 * SECOND);
    nothing_is_sent(*scene);
}

static void a_released_one_goes_on_with_pubrel(void **scene) /* SN-DLV-3 */
{
    uint16_t id = given_qos_2_under_way(scene);
    client_sends(*scene, "m1", answer(MQTTSN_PUBREC, id));
    client_receives(*scene, "m1", answer(MQTTSN_PUBREL, id));
    restarts(*scene);
    time_passes(*scene, 0);
    client_receives(*scene, "m1", answer(MQTTSN_PUBREL, id));
    client_sends(*scene, "m1", answer(MQTTSN_PUBCOMP, id));
    waiting_for_the_client(*scene, "m1", 0);
    time_passes(*scene, 60 * SECOND);
    nothing_is_sent(*scene);
}

static void a_sleeper_s_open_message_waits_for_it(void **scene) /* SN-SLP-9 */
{
    uint16_t id = given_qos_2_under_way(scene);
    client_falls_asleep(*scene, "m1", 300);
    restarts(*scene);
    time_passes(*scene, 60 * SECOND);
    nothing_is_sent(*scene);
    client_wakes(*scene, "m1");
    client_receives(*scene, "m1", on(2, true, id));
    ends_with_the_client(*scene, id);
    client_receives(*scene, "m1", M(PINGRESP));
}

static void the_open_one_comes_first_and_then_all_in_order(void **scene) /* design section 6 */
{
    static const char *const text[] = { "b", "c" };
    struct scene *s = *scene;
    uint16_t id = given_qos_2_under_way(scene);
    for (uint16_t i = 0; i < 2; i++) {
        broker_publishes(s, "lamp/1", text[i], 2, 41 + i);
        broker_receives(s, P(PUBREC, .packet_id = 41 + i));
    }
    restarts(s);
    time_passes(s, 0);
    client_receives(s, "m1", on(2, true, id));
    client_sends(s, "m1", answer(MQTTSN_PUBREC, id));
    client_receives(s, "m1", answer(MQTTSN_PUBREL, id));
    client_sends(s, "m1", answer(MQTTSN_PUBCOMP, id));
    for (int i = 0; i < 2; i++) {
        id = client_receives(s, "m1", M(PUBLISH, .qos = 2, .topic_id = 3, .tail = TEXT(text[i])));
        client_sends(s, "m1", answer(MQTTSN_PUBREC, id));
        client_receives(s, "m1", answer(MQTTSN_PUBREL, id));
        client_sends(s, "m1", answer(MQTTSN_PUBCOMP, id));
    }
}

static void an_active_client_gets_what_waited(void **scene)
{
    given_client(scene, "m1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    client_receives(*scene, "m1", on(1, false, 0));
    time_passes(*scene, SECOND);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    restarts(*scene);
    time_passes(*scene, 0);
    uint16_t id = client_receives(*scene, "m1", on(1, false, 0));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    waiting_for_the_client(*scene, "m1", 0);
}

/* No run leaves two of them; a file may all the same. */
static void of_two_under_way_the_first_goes_on(void **scene)
{
    struct scene *s = *scene;
    uint16_t id = given_qos_2_under_way(scene);
    broker_publishes(s, "lamp/1", "b", 2, 41);
    broker_receives(s, P(PUBREC, .packet_id = 41));
    the_gateway_is_killed(s);
    s->store->open.messages[1].phase = QUEUED_SENT;
    the_gateway_starts(s);
    time_passes(s, 0);
    client_receives(s, "m1", on(2, true, id));
    client_sends(s, "m1", answer(MQTTSN_PUBREC, id));
    client_receives(s, "m1", answer(MQTTSN_PUBREL, id));
    client_sends(s, "m1", answer(MQTTSN_PUBCOMP, id));
    id = client_receives(s, "m1", M(PUBLISH, .qos = 2, .topic_id = 3, .tail = TEXT("b")));
    ends_with_the_client(s, id);
}

/* ---- from the broker --------------------------------------------------------------------------------------------- */

static void what_was_not_committed_was_not_acknowledged(void **scene) /* design rule 1 */
{
    struct scene *s = *scene;
    given_client(scene, "m1", 2);
    the_store_waits(s);
    broker_publishes(s, "lamp/1", "on", 2, 40);
    broker_receives_nothing(s);
    restarts(s);
    waiting_for_the_client(s, "m1", 0);
    broker_returns(s, true);
    broker_publishes(s, "lamp/1", "on", 2, 40); /* it sends it again */
    the_store_commits(s);
    broker_receives(s, P(PUBREC, .packet_id = 40));
    client_receives(s, "m1", on(2, false, 0));
}

static void broker_repeats(void *scene)
{
    broker_sends(scene, P(PUBLISH, .qos = 2, .dup = true, .packet_id = 40, .topic = TEXT("lamp/1"),
                          .payload = TEXT("on")));
    broker_receives(scene, P(PUBREC, .packet_id = 40));
}

static void a_broker_that_did_not_hear_pubrec_hears_it_now(void **scene) /* MQTT-4.3.3-2 */
{
    struct scene *s = *scene;
    uint16_t id = given_qos_2_under_way(scene);
    for (int i = 0; i < 2; i++) { /* before its PUBREL and after it */
        restarts(s);
        broker_returns(s, true);
        broker_repeats(s);
        waiting_for_the_client(s, "m1", 1); /* not twice */
        broker_sends(s, P(PUBREL, .packet_id = 40));
        broker_receives(s, P(PUBCOMP, .packet_id = 40));
    }
    restarts(s);
    broker_returns(s, true);
    broker_publishes(s, "lamp/1", "on", 2, 40); /* that is another one */
    broker_receives(s, P(PUBREC, .packet_id = 40));
    waiting_for_the_client(s, "m1", 2);
    time_passes(s, 0);
    client_receives(s, "m1", on(2, true, id));
}

static void a_broker_that_forgot_all_sends_other_messages(void **scene) /* MQTT-3.1.2-6 */
{
    struct scene *s = *scene;
    (void)given_qos_2_under_way(scene);
    client_falls_asleep(s, "m1", 300);
    restarts(s);
    broker_returns(s, false);
    uint16_t id = broker_receives(s, P(SUBSCRIBE, .qos = 2, .topic = TEXT("lamp/1")));
    broker_sends(s, P(SUBACK, .packet_id = id, .code = 2));
    round_ends(s);
    broker_publishes(s, "lamp/1", "off", 2, 40);
    broker_receives(s, P(PUBREC, .packet_id = 40));
    waiting_for_the_client(s, "m1", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEPT_BOTH(an_open_qos_2_message_leaves_again_under_its_number),
        KEPT_BOTH(its_answer_may_come_before_that),
        KEPT_BOTH(a_released_one_goes_on_with_pubrel),
        KEPT_BOTH(a_sleeper_s_open_message_waits_for_it),
        KEPT_BOTH(the_open_one_comes_first_and_then_all_in_order),
        KEPT_BOTH(an_active_client_gets_what_waited),
        KEPT_BOTH(what_was_not_committed_was_not_acknowledged),
        KEPT_BOTH(a_broker_that_did_not_hear_pubrec_hears_it_now),
        KEPT_BOTH(a_broker_that_forgot_all_sends_other_messages),
        KEPT_BOTH(of_two_under_way_the_first_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
