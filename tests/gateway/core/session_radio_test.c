/* session_radio_test.c -- a radio that is slow, and tells when it is done with a frame; and one that carries little.
 *
 * T_RETRY runs from when a frame leaves, not from when it was put in line behind others, and what waits for a client
 * waits in its own queue, which is bounded and drops by rules, rather than in the radio's. */
#include "tests/gateway/core/scene.h"

static uint16_t lamp; /* the topic id */

static void subscribed(struct scene *s)
{
    client_connects(s, "m1", true);
    lamp = client_subscribes(s, "m1", "lamp/1", 1);
    session_of(s, "m1")->radio_reports = true;
}

static void qos_0_comes(struct scene *s, const char *value)
{
    client_receives(s, "m1", M(PUBLISH, .topic_id = lamp, .tail = TEXT(value)));
}

static uint16_t qos_1_comes(struct scene *s, bool dup, uint16_t id)
{
    return client_receives(
        s, "m1",
        M(PUBLISH, .dup = dup, .qos = 1, .topic_id = lamp, .message_id = id, .tail = TEXT("on")));
}

static void qos_0_messages_wait_in_the_queue_while_the_radio_is_busy(void **scene)
{
    subscribed(*scene);
    for (char v[] = "0"; v[0] < '5'; v[0]++)
        broker_publishes(*scene, "lamp/1", v, 0, 0);
    qos_0_comes(*scene, "0");
    qos_0_comes(*scene, "1");
    nothing_is_sent(*scene);
    radio_sent(*scene, "m1");
    qos_0_comes(*scene, "2");
    nothing_is_sent(*scene);
    radio_sent(*scene, "m1");
    radio_sent(*scene, "m1");
    qos_0_comes(*scene, "3");
    qos_0_comes(*scene, "4");
}

static void the_retry_clock_stands_while_a_frame_has_not_left(void **scene)
{
    subscribed(*scene);
    broker_publishes(*scene, "lamp/1", "on", 1, 7);
    uint16_t id = qos_1_comes(*scene, false, 0);
    time_passes(*scene, 25 * SECOND); /* two and a half T_RETRY in the radio's line */
    nothing_is_sent(*scene);
    radio_sent(*scene, "m1");
    time_passes(*scene, 10 * SECOND - 1);
    nothing_is_sent(*scene);
    time_passes(*scene, 1);
    qos_1_comes(*scene, true, id);
}

static void a_report_for_nobody_changes_nothing(void **scene)
{
    subscribed(*scene);
    broker_publishes(*scene, "lamp/1", "on", 1, 7);
    uint16_t id = qos_1_comes(*scene, false, 0);
    radio_sent(*scene, "m1");
    time_passes(*scene, 9 * SECOND);
    radio_sent(*scene, "m1"); /* of whoever had the address before */
    time_passes(*scene, 1 * SECOND);
    qos_1_comes(*scene, true, id);
}

static void a_sleeper_hears_pingresp_after_the_radio_took_the_rest(void **scene)
{
    subscribed(*scene);
    session_of(*scene, "m1")->radio_reports = false;
    client_falls_asleep(*scene, "m1", 60);
    for (char v[] = "0"; v[0] < '4'; v[0]++)
        broker_publishes(*scene, "lamp/1", v, 0, 0);
    session_of(*scene, "m1")->radio_reports = true;
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    qos_0_comes(*scene, "0");
    qos_0_comes(*scene, "1");
    nothing_is_sent(*scene);
    radio_sent(*scene, "m1");
    radio_sent(*scene, "m1");
    qos_0_comes(*scene, "2");
    qos_0_comes(*scene, "3");
    client_receives(*scene, "m1", M(PINGRESP));
    session_is(*scene, "m1", SESSION_ASLEEP);
}

static void what_does_not_fit_the_radio_is_refused_with_its_size(void **scene) /* SN-FRM-9 */
{
    struct scene *s = *scene;
    static const char long_one[] = "0123456789012345678901234567890123456789";
    s->max_message = 40;
    client_connects(s, "m1", true);
    lamp = client_subscribes(s, "m1", "lamp/1", 1);
    broker_publishes(s, "lamp/1", long_one, 1, 7);
    broker_receives(s, P(PUBACK, .packet_id = 7));
    dropped(s, DROP_TOO_LARGE);
    assert_int_equal(s->drop_octets, 7 + sizeof long_one - 1);
    broker_publishes(s, "lamp/1", "short", 0, 0);
    qos_0_comes(s, "short");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH(qos_0_messages_wait_in_the_queue_while_the_radio_is_busy),
        IN_BOTH(the_retry_clock_stands_while_a_frame_has_not_left),
        IN_BOTH(a_report_for_nobody_changes_nothing),
        IN_BOTH(a_sleeper_hears_pingresp_after_the_radio_took_the_rest),
        IN_BOTH(what_does_not_fit_the_radio_is_refused_with_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
