/* session_states_test.c -- every message in every state (MQTT-SN 1.2, section 6.14, figure 4; SN-FRM-8, SN-CONN-14).
 *
 * The table says which messages mean something in a state; what they mean is in the other tests. Any other is dropped,
 * counted and not answered, and changes nothing: no peer's state machine is to be led astray by a message out of place,
 * which is what most crashes of other gateways were. */
#include "mqttsn/layout.h"
#include "tests/gateway/core/scene.h"

#define ON(type) (1U << MQTTSN_##type)

enum {
    FROM_CLIENT = ON(PUBLISH) | ON(PUBACK) | ON(PUBREC) | ON(PUBREL) | ON(PUBCOMP) | ON(REGISTER) |
                  ON(REGACK) | ON(SUBSCRIBE) | ON(UNSUBSCRIBE) | ON(PINGREQ) | ON(PINGRESP) |
                  ON(WILLTOPICUPD) | ON(WILLMSGUPD) | ON(CONNECT) | ON(DISCONNECT)
};

static const unsigned taken[SESSION_STATES] = {
    [SESSION_DISCONNECTED] = ON(CONNECT),
    [SESSION_WILL_TOPIC] = ON(CONNECT) | ON(WILLTOPIC) | ON(DISCONNECT),
    [SESSION_WILL_MESSAGE] = ON(CONNECT) | ON(WILLTOPIC) | ON(WILLMSG) | ON(DISCONNECT),
    [SESSION_CONNECTING] = ON(CONNECT) | ON(DISCONNECT),
    [SESSION_ACTIVE] = FROM_CLIENT,
    [SESSION_ASLEEP] = FROM_CLIENT,
    [SESSION_AWAKE] = FROM_CLIENT,
    [SESSION_LOST] = ON(CONNECT)
};

static void client_gets_into(struct scene *s, enum session_state state)
{
    struct mqttsn_message connect = M(CONNECT, .duration = 60);
    connect.will = state == SESSION_WILL_TOPIC || state == SESSION_WILL_MESSAGE;
    client_sends(s, "m1", connect);
    if (connect.will) {
        client_receives(s, "m1", M(WILLTOPICREQ));
        if (state == SESSION_WILL_TOPIC)
            return;
        client_sends(s, "m1", M(WILLTOPIC, .tail = TEXT("w")));
        client_receives(s, "m1", M(WILLMSGREQ));
        return;
    }
    broker_receives(s, P(CONNECT, .connect = { .client_id = TEXT("m1") }));
    if (state == SESSION_CONNECTING)
        return;
    broker_sends(s, P(CONNACK));
    client_receives(s, "m1", M(CONNACK));
}

static void client_goes_on_to(struct scene *s, enum session_state state)
{
    if (state == SESSION_DISCONNECTED) {
        client_sends(s, "m1", M(DISCONNECT, .brief = true));
        client_receives(s, "m1", M(DISCONNECT, .brief = true));
        broker_receives(s, P(DISCONNECT));
    } else if (state == SESSION_LOST) {
        time_passes(s, 90 * SECOND);
        client_receives(s, "m1", M(DISCONNECT, .brief = true));
        broker_receives(s, P(DISCONNECT));
    } else if (state == SESSION_ASLEEP || state == SESSION_AWAKE) {
        client_falls_asleep(s, "m1", 300);
    }
    if (state == SESSION_AWAKE) {
        broker_publishes(s, "ab", "x", 1, 40);
        client_sends(s, "m1", M(PINGREQ, .tail = TEXT("m1")));
        client_receives(s, "m1",
                        M(PUBLISH, .qos = 1, .topic_id_type = MQTTSN_SHORT, .topic_id = 0x6162,
                          .tail = TEXT("x")));
    }
}

static void only_these_are_taken_in(void *scene, enum session_state state)
{
    client_gets_into(scene, state);
    client_goes_on_to(scene, state);
    session_is(scene, "m1", state);
    for (unsigned type = 0; type < MQTTSN_TYPES; type++) {
        if (!mqttsn_layout_of(type) || (taken[state] >> type & 1U))
            continue;
        msec heard_at = session_of(scene, "m1")->heard_at;
        time_passes(scene, 1);
        client_sends(scene, "m1", (struct mqttsn_message){ .type = (enum mqttsn_type)type });
        dropped(scene, state >= SESSION_WILL_TOPIC && state <= SESSION_CONNECTING ? DROP_CONNECTING
                                                                                  : DROP_UNEXPECTED);
        session_is(scene, "m1", state);
        if (!mqttsn_sent_by_client(type)) /* no sign of life: SN-PING-8 */
            assert_int_equal(session_of(scene, "m1")->heard_at, heard_at);
    }
    nothing_is_sent(scene);
    broker_receives_nothing(scene);
}

static void a_disconnected_client_can_only_connect(void **scene) /* SN-DSC-2 */
{
    only_these_are_taken_in(*scene, SESSION_DISCONNECTED);
}

static void a_client_asked_for_its_will_topic_tells_it_or_leaves(void **scene) /* SN-CONN-14, SN-WILL-6 */
{
    only_these_are_taken_in(*scene, SESSION_WILL_TOPIC);
}

static void a_client_asked_for_its_will_message_tells_it_or_leaves(void **scene) /* SN-CONN-14 */
{
    only_these_are_taken_in(*scene, SESSION_WILL_MESSAGE);
}

static void a_connecting_client_waits_or_leaves(void **scene) /* SN-CONN-14 */
{
    only_these_are_taken_in(*scene, SESSION_CONNECTING);
}

static void an_active_client_says_what_clients_say(void **scene) /* SN-FRM-8, SN-WILL-6 */
{
    only_these_are_taken_in(*scene, SESSION_ACTIVE);
}

static void a_sleeper_says_what_clients_say(void **scene) /* SN-FRM-8, SN-SLP-14 */
{
    only_these_are_taken_in(*scene, SESSION_ASLEEP);
}

static void who_is_awake_says_what_clients_say(void **scene) /* SN-FRM-8, SN-SLP-14 */
{
    only_these_are_taken_in(*scene, SESSION_AWAKE);
}

static void a_lost_client_can_only_connect(void **scene) /* SN-DSC-2 */
{
    only_these_are_taken_in(*scene, SESSION_LOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TRANSPARENT(a_disconnected_client_can_only_connect),
        IN_TRANSPARENT(a_client_asked_for_its_will_topic_tells_it_or_leaves),
        IN_TRANSPARENT(a_client_asked_for_its_will_message_tells_it_or_leaves),
        IN_TRANSPARENT(a_connecting_client_waits_or_leaves),
        IN_TRANSPARENT(an_active_client_says_what_clients_say),
        IN_TRANSPARENT(a_sleeper_says_what_clients_say),
        IN_TRANSPARENT(who_is_awake_says_what_clients_say),
        IN_TRANSPARENT(a_lost_client_can_only_connect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
