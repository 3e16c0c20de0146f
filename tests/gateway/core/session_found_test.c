/* session_found_test.c -- what the session fuzzer and the lossy network found: each scene was a defect once. */
#include "tests/gateway/core/scene.h"

static void a_clean_session_does_not_fill_the_brokers_window_with_what_it_refused(void **scene) /* transparent */
{
    ((struct scene *)*scene)->limits.queue_messages = 1;
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "lamp/1", 1);
    client_falls_asleep(*scene, "m1", 300);
    broker_publishes(*scene, "lamp/1", "1", 1, 40);
    broker_publishes(*scene, "lamp/1", "2", 1, 41);
    dropped(*scene, DROP_QUEUE_FULL);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("1")));
    client_sends(*scene, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    client_receives(*scene, "m1", M(PINGRESP));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    broker_receives(*scene, P(PUBACK, .packet_id = 41));
}

static void a_message_larger_than_the_queue_is_dropped_and_acknowledged(void **scene)
{
    ((struct scene *)*scene)->limits.queue_bytes = 20;
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "a text longer than the queue", 1, 40);
    dropped(*scene, DROP_TOO_LARGE);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
}

static const struct mqttsn_message alarm_of_m1 = { .type = MQTTSN_PUBLISH,
                                                   .qos = 2,
                                                   .topic_id_type = MQTTSN_PREDEFINED,
                                                   .topic_id = 1,
                                                   .message_id = 7,
                                                   .tail = { (const uint8_t *)"on", 2 } };

static void alarm_is_published(struct scene *s)
{
    client_sends(s, "m1", alarm_of_m1);
    uint16_t id =
        broker_receives(s, P(PUBLISH, .qos = 2, .topic = TEXT("m1/alarm"), .payload = TEXT("on")));
    broker_sends(s, P(PUBREC, .packet_id = id));
    client_receives(s, "m1", M(PUBREC, .message_id = 7));
    client_sends(s, "m1", M(PUBREL, .message_id = 7));
    broker_receives(s, P(PUBREL, .packet_id = id));
    broker_sends(s, P(PUBCOMP, .packet_id = id));
    client_receives(s, "m1", M(PUBCOMP, .message_id = 7));
}

static void alarm_is_doubled(struct scene *s) /* the copy: the network made it, so it has no DUP */
{
    client_sends(s, "m1", alarm_of_m1);
    broker_receives_nothing(s);
    client_receives(s, "m1", M(PUBREC, .message_id = 7));
    dropped(s, DROP_ANSWERED_BEFORE);
}

static void a_late_copy_of_a_qos_2_message_is_not_published_again(void **scene) /* SN-RTX-8; in both modes */
{
    client_connects(*scene, "m1", false);
    alarm_is_published(*scene);
    time_passes(*scene, 4 * SECOND);
    alarm_is_doubled(*scene);
}

static void a_late_copy_is_one_of_the_last_message_of_that_kind(void **scene) /* SN-RTX-8; in both modes */
{
    client_connects(*scene, "m1", false);
    alarm_is_published(*scene);
    time_passes(*scene, 20 * SECOND);
    alarm_is_published(*scene);
    time_passes(*scene, 4 * SECOND);
    alarm_is_doubled(*scene);
}

static void an_answer_of_the_wrong_kind_answers_nothing(void **scene)
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1",
                 M(PUBLISH, .qos = 1, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1,
                   .message_id = 5, .tail = TEXT("x")));
    uint16_t id = broker_receives(
        *scene, P(PUBLISH, .qos = 1, .topic = TEXT("m1/alarm"), .payload = TEXT("x")));
    broker_sends(*scene, P(SUBACK, .packet_id = id));
    nothing_is_sent(*scene);
    broker_sends(*scene, P(PUBACK, .packet_id = id));
    client_receives(*scene, "m1", M(PUBACK, .topic_id = 1, .message_id = 5));
}

static void a_receiver_that_leaves_acknowledges_only_for_itself(void **scene) /* aggregate */
{
    client_connects(*scene, "m1", true);
    client_connects(*scene, "m2", true);
    client_subscribes(*scene, "m1", "lamp/1", 2);
    client_sends(*scene, "m2", M(SUBSCRIBE, .qos = 2, .message_id = 90, .tail = TEXT("lamp/1")));
    uint16_t sub = broker_receives(*scene, P(SUBSCRIBE, .qos = 2, .topic = TEXT("lamp/1")));
    broker_sends(*scene, P(SUBACK, .packet_id = sub, .code = 2));
    client_receives(*scene, "m2", M(SUBACK, .qos = 2, .message_id = 90, .topic_id = 3));
    round_ends(*scene);
    broker_publishes(*scene, "lamp/1", "on", 2, 40);

    client_receives(*scene, "m2", M(PUBLISH, .qos = 2, .topic_id = 3, .tail = TEXT("on")));
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 2, .topic_id = 3, .tail = TEXT("on")));
    client_sends(*scene, "m1", M(PUBREC, .message_id = id));
    client_receives(*scene, "m1", M(PUBREL, .message_id = id));
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    dropped(*scene, DROP_SESSION_ENDED);
    broker_receives_nothing(*scene);
}

static void a_message_that_the_new_radio_cannot_carry_is_dropped(void **scene)
{
    static const char text[] = "forty octets of text that will not fit in";
    client_connects(*scene, "m1", false);
    uint16_t id = client_subscribes(*scene, "m1", "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", text, 1, 40);
    client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = id, .tail = TEXT(text)));
    session_of(*scene, "m1")->max_message = 30; /* it is heard on another radio */
    client_sends(*scene, "m1", M(PINGREQ));
    dropped(*scene, DROP_TOO_LARGE);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    client_receives(*scene, "m1", M(PINGRESP));
    time_passes(*scene, 20 * SECOND);
    nothing_is_sent(*scene);
}

static void an_id_that_the_new_radio_cannot_tell_is_not_told(void **scene)
{
    static const char name[] = "lamp/in/the/cellar/behind/the/stairs";
    client_connects(*scene, "m1", false);
    uint16_t id = client_subscribes(*scene, "m1", name, 2);
    broker_publishes(*scene, name, "on", 2, 40);
    client_receives(*scene, "m1", M(PUBLISH, .qos = 2, .topic_id = id, .tail = TEXT("on")));
    session_of(*scene, "m1")->max_message = 30; /* it is heard on another radio, and has ... */
    session_of(*scene, "m1")->unproven = true;  /* ... to be told the id once more */
    session_of(*scene, "m1")->delivery.retry_at = MSEC_NEVER;
    client_sends(*scene, "m1", M(PINGREQ));
    client_receives(*scene, "m1", M(PINGRESP));
    dropped(*scene, DROP_TOO_LARGE);
    broker_receives(*scene, P(PUBREC, .packet_id = 40));
}

static void an_id_that_its_radio_cannot_tell_is_not_told_again(void **scene) /* SN-DLV-9 */
{
    static const char name[] = "lamp/in/the/cellar/behind/the/stairs";
    ((struct scene *)*scene)->max_message = 30;
    client_connects(*scene, "m1", false);
    uint16_t id = client_subscribes(*scene, "m1", name, 1);
    broker_publishes(*scene, name, "on", 1, 40);
    uint16_t sent =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = id, .tail = TEXT("on")));
    client_sends(
        *scene, "m1",
        M(PUBACK, .topic_id = id, .message_id = sent, .return_code = MQTTSN_INVALID_TOPIC_ID));
    dropped(*scene, DROP_TOO_LARGE);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    nothing_is_sent(*scene);
}

static void an_open_message_does_not_follow_a_client_to_another_host_unasked(void **scene)
{
    client_connects(*scene, "m1", false);
    client_sends(*scene, "m1",
                 M(SUBSCRIBE, .qos = 1, .message_id = 9, .topic_id_type = MQTTSN_SHORT,
                   .topic_id = 'a' << 8 | 'b'));
    uint16_t sub = broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("ab")));
    broker_sends(*scene, P(SUBACK, .packet_id = sub, .code = 1));
    client_receives(*scene, "m1", M(SUBACK, .qos = 1, .message_id = 9));
    round_ends(*scene);
    client_falls_asleep(*scene, "m1", 300);
    broker_publishes(*scene, "ab", "on", 1, 40);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    client_receives(*scene, "m1",
                    M(PUBLISH, .qos = 1, .topic_id_type = MQTTSN_SHORT, .topic_id = 'a' << 8 | 'b',
                      .tail = TEXT("on")));
    session_of(*scene, "m1")->unproven = true; /* who says PINGREQ from there now may be anybody */
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    uint16_t id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("ab")));
    client_sends(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = id));
    client_receives(*scene, "m1",
                    M(PUBLISH, .dup = true, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
}

static void a_message_refused_in_sleep_leaves_as_a_new_one(void **scene) /* SN-DLV-9 */
{
    client_connects(*scene, "m1", false);
    uint16_t topic = client_subscribes(*scene, "m1", "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    uint16_t id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = topic, .tail = TEXT("on")));
    client_falls_asleep(*scene, "m1", 300);
    client_sends(
        *scene, "m1",
        M(PUBACK, .topic_id = topic, .message_id = id, .return_code = MQTTSN_INVALID_TOPIC_ID));
    client_sends(*scene, "m1", M(REGISTER, .message_id = 5, .tail = TEXT("lamp/1")));
    client_receives(*scene, "m1", M(REGACK, .topic_id = topic, .message_id = 5));
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    assert_int_not_equal(
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = topic, .tail = TEXT("on"))),
        id);
}

/* Up to its PUBREC; then the broker forgets it, and it leaves as new. */
static void broker_takes_and_forgets(struct scene *s)
{
    client_connects(s, "m1", false);
    client_sends(s, "m1",
                 M(PUBLISH, .qos = 2, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 1,
                   .message_id = 7, .tail = TEXT("on")));
    uint16_t id =
        broker_receives(s, P(PUBLISH, .qos = 2, .topic = TEXT("m1/alarm"), .payload = TEXT("on")));
    broker_sends(s, P(PUBREC, .packet_id = id));
    client_receives(s, "m1", M(PUBREC, .message_id = 7));
    broker_goes_away(s);
    broker_returns(s, false);
}

static void broker_closes_over_it(struct scene *s)
{
    enum { TIMES = 3 };
    for (int i = 0; i < TIMES; i++) {
        broker_receives(s, P(PUBLISH, .qos = 2, .dup = i > 0, .topic = TEXT("m1/alarm"),
                             .payload = TEXT("on")));
        broker_goes_away(s);
        if (i < TIMES - 1)
            broker_returns(s, true);
    }
    dropped(s, DROP_CLOSED_OVER);
}

static void who_heard_that_a_message_is_taken_does_not_hear_that_it_is_refused(void **scene) /* SN-BRK-7 */
{
    broker_takes_and_forgets(*scene);
    broker_closes_over_it(*scene);
    nothing_is_sent(*scene);
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    client_receives(*scene, "m1", M(PUBCOMP, .message_id = 7));
}

static void who_waits_for_the_end_of_a_message_that_is_refused_gets_it(void **scene) /* SN-BRK-7; in both modes */
{
    broker_takes_and_forgets(*scene);
    client_sends(*scene, "m1", M(PUBREL, .message_id = 7));
    nothing_is_sent(*scene);
    broker_closes_over_it(*scene);
    client_receives(*scene, "m1", M(PUBCOMP, .message_id = 7));
}

static void a_node_that_speaks_often_still_hears_the_repetition(
    void **scene) /* SN-RTX-1; transparent and aggregate */
{
    client_connects(*scene, "m1", true);
    uint16_t id = client_subscribes(*scene, "m1", "lamp/1", 1);
    session_of(*scene, "m1")->radio_reports = true;
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    uint16_t message_id =
        client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = id, .tail = TEXT("on")));
    radio_sent(*scene, "m1");
    for (int i = 0; i < 2; i++) {
        time_passes(*scene, 5 * SECOND - 1);
        client_sends(*scene, "m1", M(PINGREQ));
        client_receives(*scene, "m1", M(PINGRESP));
        radio_sent(*scene, "m1");
    }
    time_passes(*scene, 2);
    client_receives(*scene, "m1",
                    M(PUBLISH, .dup = true, .qos = 1, .topic_id = id, .message_id = message_id,
                      .tail = TEXT("on")));
}

static void a_late_regack_does_not_release_what_waits_for_a_sleeper(void **scene) /* SN-SLP-14 */
{
    client_connects(*scene, "m1", false);
    client_subscribes(*scene, "m1", "lamp/+", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    uint16_t id = client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("lamp/1")));
    client_falls_asleep(*scene, "m1", 300);
    client_sends(*scene, "m1", M(REGACK, .topic_id = 3, .message_id = id));
    nothing_is_sent(*scene);
    client_sends(*scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
    client_receives(*scene, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
}

static void two_subscribes_for_one_filter_are_both_answered(void **scene) /* transparent */
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(SUBSCRIBE, .qos = 1, .message_id = 1, .tail = TEXT("lamp/#")));
    uint16_t id = broker_receives(*scene, P(SUBSCRIBE, .qos = 1, .topic = TEXT("lamp/#")));
    client_sends(*scene, "m1", M(SUBSCRIBE, .qos = 1, .message_id = 2, .tail = TEXT("lamp/#")));
    broker_sends(*scene, P(SUBACK, .packet_id = id, .code = 1));
    client_receives(*scene, "m1", M(SUBACK, .qos = 1, .message_id = 1));
    client_receives(*scene, "m1", M(SUBACK, .qos = 1, .message_id = 2));
}

static void what_waits_for_a_suback_that_never_comes_is_delivered_all_the_same(void **scene)
{
    client_connects(*scene, "m1", true);
    client_sends(*scene, "m1", M(SUBSCRIBE, .message_id = 9, .tail = TEXT("lamp/1")));
    broker_receives(*scene, P(SUBSCRIBE, .topic = TEXT("lamp/1")));
    broker_sends(*scene, P(PUBLISH, .retain = true, .topic = TEXT("lamp/1"), .payload = TEXT("on")));
    time_passes(*scene, 10 * SECOND);
    client_receives(*scene, "m1", M(SUBACK, .message_id = 9, .return_code = MQTTSN_CONGESTION));
    dropped(*scene, DROP_CONGESTION);
    client_receives(*scene, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("lamp/1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TRANSPARENT(a_clean_session_does_not_fill_the_brokers_window_with_what_it_refused),
        IN_TRANSPARENT(a_message_larger_than_the_queue_is_dropped_and_acknowledged),
        IN_BOTH(a_late_copy_of_a_qos_2_message_is_not_published_again),
        IN_BOTH(a_late_copy_is_one_of_the_last_message_of_that_kind),
        IN_BOTH(an_answer_of_the_wrong_kind_answers_nothing),
        IN_AGGREGATE(a_receiver_that_leaves_acknowledges_only_for_itself),
        IN_BOTH(a_message_that_the_new_radio_cannot_carry_is_dropped),
        IN_BOTH(an_id_that_the_new_radio_cannot_tell_is_not_told),
        IN_BOTH(an_id_that_its_radio_cannot_tell_is_not_told_again),
        IN_BOTH(an_open_message_does_not_follow_a_client_to_another_host_unasked),
        IN_BOTH(a_message_refused_in_sleep_leaves_as_a_new_one),
        IN_BOTH(who_heard_that_a_message_is_taken_does_not_hear_that_it_is_refused),
        IN_BOTH(who_waits_for_the_end_of_a_message_that_is_refused_gets_it),
        IN_BOTH(a_node_that_speaks_often_still_hears_the_repetition),
        IN_BOTH(a_late_regack_does_not_release_what_waits_for_a_sleeper),
        IN_TRANSPARENT(two_subscribes_for_one_filter_are_both_answered),
        IN_TRANSPARENT(what_waits_for_a_suback_that_never_comes_is_delivered_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
