/* sleep_limits_test.c -- the limits of what waits for a client are hard: in number, in octets and in age, over a
 * restart with other settings too, and on disk (SN-SLP-11; design rules 2 and 5). */
#include "gateway/core/session_rules.h"
#include "tests/gateway/core/restart_scene.h"

#include <stdio.h>
#include <stdlib.h>

static const char *numbered(char text[8], unsigned number)
{
    snprintf(text, 8, "%u", number);
    return text;
}

static void broker_gives(struct scene *s, uint8_t qos, uint16_t number)
{
    char text[8];
    broker_publishes(s, "lamp/1", numbered(text, number), qos, number);
}

/* At QoS 1, taken over. */
static void is_kept(struct scene *s, uint16_t number)
{
    broker_gives(s, 1, number);
    broker_receives(s, P(PUBACK, .packet_id = number));
}

static void given_sleeper(void **scene, uint16_t messages)
{
    given_client(scene, "m1", 1);
    client_falls_asleep(*scene, "m1", 65535);
    for (uint16_t i = 1; i <= messages; i++)
        is_kept(*scene, i);
}

static void client_gets(struct scene *s, unsigned first, unsigned last)
{
    char text[8];
    client_wakes(s, "m1");
    for (unsigned i = first; i <= last; i++) {
        uint16_t id = client_receives(
            s, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT(numbered(text, i))));
        client_sends(s, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    }
    client_receives(s, "m1", M(PINGRESP, .brief = true));
}

static void are_dropped(struct scene *s, enum drop why, unsigned times)
{
    while (times-- > 0)
        dropped(s, why);
}

/* The list that a gateway with these limits makes. */
static void given_room_for_the_limits(struct scene *s)
{
    free(s->actions.list);
    s->actions.room = actions_needed(s->limits.queue_messages, s->limits.subscriptions);
    s->actions.list = calloc(s->actions.room, sizeof *s->actions.list);
}

/* ---- other settings after a restart ------------------------------------------------------------------------------ */

static void fewer_may_wait_after_a_restart_and_the_newest_go(void **scene)
{
    struct scene *s = *scene;
    given_sleeper(scene, 5);
    s->limits.queue_messages = 3;
    restarts(s);
    are_dropped(s, DROP_QUEUE_FULL, 2);
    waiting_for_the_client(s, "m1", 3);
    broker_returns(s, true);
    client_gets(s, 1, 3);
}

static void or_the_oldest_go_if_so_set(void **scene)
{
    struct scene *s = *scene;
    given_sleeper(scene, 5);
    s->limits.queue_messages = 3;
    s->limits.queue_drop_oldest = true;
    restarts(s);
    are_dropped(s, DROP_OLDEST, 2);
    waiting_for_the_client(s, "m1", 3);
    broker_returns(s, true);
    client_gets(s, 3, 5);
}

static void fewer_octets_are_a_limit_too(void **scene)
{
    struct scene *s = *scene;
    given_sleeper(scene, 5);
    s->limits.queue_bytes = 3 * sizeof "lamp/1"; /* the name and one digit */
    restarts(s);
    are_dropped(s, DROP_QUEUE_FULL, 2);
    broker_returns(s, true);
    client_gets(s, 1, 3);
}

static void what_is_too_old_goes_first(void **scene)
{
    struct scene *s = *scene;
    s->limits.queue_ttl = 3600 * SECOND;
    given_sleeper(scene, 3);
    time_passes(s, 1800 * SECOND);
    is_kept(s, 4);
    is_kept(s, 5);
    s->limits.queue_messages = 3;
    the_gateway_is_killed(s);
    s->now += 1900 * SECOND;
    the_gateway_starts(s);
    are_dropped(s, DROP_EXPIRED, 2);
    time_passes(s, 0);
    dropped(s, DROP_EXPIRED);
    waiting_for_the_client(s, "m1", 2);
    broker_returns(s, true);
    client_gets(s, 4, 5);
}

static void the_list_of_actions_holds_what_is_wiped_then(void **scene)
{
    const uint16_t many = 150;
    struct scene *s = *scene;
    s->limits.queue_messages = many;
    given_sleeper(scene, many);
    s->limits.queue_messages = 1;
    s->limits.subscriptions = 1;
    given_room_for_the_limits(s);
    restarts(s);
    are_dropped(s, DROP_QUEUE_FULL, many - 1);
    broker_returns(s, true);
    client_sends(s, "m1", M(CONNECT, .clean = true, .duration = 60));
    broker_receives(s, is_shared(scene) ? P(UNSUBSCRIBE, .topic = TEXT("lamp/1")) : P(DISCONNECT));
    broker_accepts(s, "m1", true, false);
    client_receives(s, "m1", M(CONNACK));
    dropped(s, DROP_SESSION_ENDED);
    waiting_for_the_client(s, "m1", 0);
}

/* Nothing was kept before the store was well, then all of it is, and in the same moment it turns out that the client
 * does not want any. */
static void the_list_of_actions_holds_a_long_queue_kept_in_vain(void **scene)
{
    const uint16_t many = 150;
    struct scene *s = *scene;
    struct keeping keeping = { 0 };
    s->limits.queue_messages = many;
    s->limits.subscriptions = 1;
    given_room_for_the_limits(s);
    client_connects(s, "m1", false);
    client_subscribes(s, "m1", "lamp/1", 2);
    struct session *session = session_of(s, "m1");
    s->common.keeping = &keeping;
    session->delivery.phase = DELIVERY_PAUSED;
    session->delivery.retry_at = s->now + 50 * SECOND;
    for (uint16_t i = 1; i < many; i++)
        broker_gives(s, 2, i);
    s->now += 50 * SECOND;
    keeping.on = true;
    broker_gives(s, 1, many);
    session->keep_at = s->now;
    registry_stand(&session->topics, registry_find_name(&session->topics.normal, TEXT("lamp/1")),
                   TOPIC_REFUSED);
    time_passes(s, 0);
    for (uint16_t i = 1; i < many; i++)
        broker_receives(s, P(PUBREC, .packet_id = i));
    broker_receives(s, P(PUBACK, .packet_id = many));
    are_dropped(s, DROP_REFUSED_BY_CLIENT, many);
    s->common.keeping = NULL;
}

static void given_qos_2_under_way_and_a_kill(void **scene)
{
    struct scene *s = *scene;
    given_client(scene, "m1", 2);
    broker_publishes(s, "lamp/1", "on", 2, 40);
    client_receives(s, "m1", on(2, false, 0));
    broker_receives(s, P(PUBREC, .packet_id = 40));
    the_gateway_is_killed(s);
}

static void fewer_topics_may_leave_an_open_message_without_an_id(void **scene)
{
    struct scene *s = *scene;
    given_qos_2_under_way_and_a_kill(scene);
    s->store->open.sessions[0].topic_count = 0;
    s->limits.topics = 0;
    the_gateway_starts(s);
    time_passes(s, 0);
    dropped(s, DROP_NO_TOPIC_ID);
    waiting_for_the_client(s, "m1", 0);
}

static void of_a_sleeper_too(void **scene)
{
    struct scene *s = *scene;
    given_qos_2_under_way_and_a_kill(scene);
    s->store->open.sessions[0].topic_count = 0;
    s->store->open.sessions[0].state = SESSION_ASLEEP;
    s->store->open.sessions[0].sleep_s = 3600;
    s->limits.topics = 0;
    the_gateway_starts(s);
    broker_returns(s, true);
    client_wakes(s, "m1");
    client_receives(s, "m1", M(PINGRESP, .brief = true));
    dropped(s, DROP_NO_TOPIC_ID);
    waiting_for_the_client(s, "m1", 0);
}

static void an_open_message_whose_id_the_client_may_not_know_is_registered(void **scene)
{
    struct scene *s = *scene;
    given_qos_2_under_way_and_a_kill(scene);
    s->store->open.sessions[0].topics[0].standing = TOPIC_UNCONFIRMED;
    uint16_t id = s->store->open.messages[0].message_id;
    the_gateway_starts(s);
    time_passes(s, 0);
    uint16_t step = client_receives(s, "m1", M(REGISTER, .topic_id = 3, .tail = TEXT("lamp/1")));
    client_sends(s, "m1", M(REGACK, .topic_id = 3, .message_id = step));
    client_receives(s, "m1", on(2, true, id));
}

/* Also one that would not be accepted any more: it was. */
static void fewer_octets_for_the_broker_hold_nothing_back(void **scene)
{
    struct scene *s = *scene;
    given_client(scene, "m1", 1);
    broker_goes_away(s);
    client_sends(s, "m1", reading(1, false, 7));
    client_receives(s, "m1", M(PUBACK, .topic_id = 2, .message_id = 7));
    client_sends(s, "m1", reading(1, false, 8));
    client_receives(s, "m1", M(PUBACK, .topic_id = 2, .message_id = 8));
    s->limits.uplink_bytes = 8;
    restarts(s);
    broker_returns(s, true);
    (void)a_drain_turn(s, "m1");
    uint16_t id = broker_gets(s, 1, true);
    (void)a_drain_turn(s, "m1");
    broker_receives_nothing(s);
    broker_sends(s, P(PUBACK, .packet_id = id));
    (void)a_drain_turn(s, "m1");
    broker_sends(s, P(PUBACK, .packet_id = broker_gets(s, 1, true)));
    waiting_for_the_broker(s, "m1", 0);
}

/* ---- age --------------------------------------------------------------------------------------------------------- */

static void what_is_too_old_makes_way_for_what_is_new(void **scene)
{
    struct scene *s = *scene;
    s->limits.queue_messages = 3;
    s->limits.queue_ttl = 3600 * SECOND;
    given_sleeper(scene, 3);
    s->now += 3601 * SECOND; /* its deadline is due, but the message is faster */
    is_kept(s, 4);
    dropped(s, DROP_EXPIRED);
    is_kept(s, 5);
    dropped(s, DROP_EXPIRED);
    client_gets(s, 4, 5);
    dropped(s, DROP_EXPIRED);
}

static void who_never_wakes_leaves_nothing_old_on_disk(void **scene)
{
    struct scene *s = *scene;
    s->limits.queue_ttl = 3600 * SECOND;
    given_sleeper(scene, 2);
    time_passes(s, 3600 * SECOND);
    waiting_for_the_client(s, "m1", 2);
    time_passes(s, 1);
    are_dropped(s, DROP_EXPIRED, 2);
    waiting_for_the_client(s, "m1", 0);
    session_is(s, "m1", SESSION_ASLEEP);
}

static void nor_does_who_is_away(void **scene)
{
    struct scene *s = *scene;
    s->limits.queue_ttl = 3600 * SECOND;
    given_sleeper(scene, 2);
    client_sends(s, "m1", M(DISCONNECT, .brief = true));
    client_receives(s, "m1", M(DISCONNECT, .brief = true));
    if (!is_shared(scene))
        broker_receives(s, P(DISCONNECT));
    time_passes(s, 3601 * SECOND);
    are_dropped(s, DROP_EXPIRED, 2);
    waiting_for_the_client(s, "m1", 0);
}

static void what_was_on_its_way_to_a_sleeper_grows_old_too(void **scene)
{
    struct scene *s = *scene;
    s->limits.queue_ttl = 3600 * SECOND;
    given_sleeper(scene, 1);
    client_wakes(s, "m1");
    client_receives(s, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("1")));
    client_sends(s, "m1", M(DISCONNECT, .duration = 65535));
    client_receives(s, "m1", M(DISCONNECT, .brief = true));
    time_passes(s, 3600 * SECOND);
    waiting_for_the_client(s, "m1", 1);
    time_passes(s, 1);
    dropped(s, DROP_EXPIRED);
    waiting_for_the_client(s, "m1", 0);
}

static void a_long_old_queue_goes_in_several_turns(void **scene) /* work per turn is bounded */
{
    struct scene *s = *scene;
    s->limits.queue_ttl = 3600 * SECOND;
    given_sleeper(scene, 70);
    s->now += 3601 * SECOND;
    time_passes(s, 0);
    are_dropped(s, DROP_EXPIRED, 70);
    waiting_for_the_client(s, "m1", 0);
}

static void what_is_too_old_after_a_restart_leaves_the_disk(void **scene)
{
    struct scene *s = *scene;
    s->limits.queue_ttl = 3600 * SECOND;
    given_sleeper(scene, 2);
    the_gateway_is_killed(s);
    s->now += 3601 * SECOND;
    the_gateway_starts(s);
    time_passes(s, 0);
    are_dropped(s, DROP_EXPIRED, 2);
    waiting_for_the_client(s, "m1", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEPT_BOTH(fewer_may_wait_after_a_restart_and_the_newest_go),
        KEPT_BOTH(or_the_oldest_go_if_so_set),
        KEPT_BOTH(fewer_octets_are_a_limit_too),
        KEPT_BOTH(what_is_too_old_goes_first),
        KEPT_BOTH(the_list_of_actions_holds_what_is_wiped_then),
        IN_TRANSPARENT(the_list_of_actions_holds_a_long_queue_kept_in_vain),
        KEPT_BOTH(fewer_topics_may_leave_an_open_message_without_an_id),
        KEPT_BOTH(of_a_sleeper_too),
        KEPT_BOTH(an_open_message_whose_id_the_client_may_not_know_is_registered),
        KEPT_BOTH(fewer_octets_for_the_broker_hold_nothing_back),
        KEPT_BOTH(what_is_too_old_makes_way_for_what_is_new),
        KEPT_BOTH(who_never_wakes_leaves_nothing_old_on_disk),
        KEPT_BOTH(nor_does_who_is_away),
        KEPT_BOTH(what_was_on_its_way_to_a_sleeper_grows_old_too),
        KEPT_BOTH(a_long_old_queue_goes_in_several_turns),
        KEPT_BOTH(what_is_too_old_after_a_restart_leaves_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
