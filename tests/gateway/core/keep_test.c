/* keep_test.c -- messages from the broker that are put on disk, so that the broker may have its acknowledgement before
 * the client has the message (design rules 1 and 7; SN-SLP-2, -11, SN-DLV-7). */
#include "tests/gateway/core/scene_store.h"

static bool is_shared(void **scene)
{
    return ((struct scene *)*scene)->shared != NULL;
}

static void given_client(void **scene, const char *who, uint8_t qos)
{
    client_connects(*scene, who, false);
    client_subscribes(*scene, who, "lamp/1", qos);
    session_of(*scene, who)->keep_alive_s = 0;
}

static void given_sleeper(void **scene, uint8_t qos)
{
    given_client(scene, "m1", qos);
    client_falls_asleep(*scene, "m1", 300);
}

static struct mqttsn_message on(uint8_t qos, bool dup)
{
    return M(PUBLISH, .qos = qos, .dup = dup, .topic_id = 3, .tail = TEXT("on"));
}

static void client_wakes(void *scene)
{
    client_sends(scene, "m1", M(PINGREQ, .tail = TEXT("m1")));
}

static void client_takes(void *scene, const char *who, uint16_t id)
{
    client_sends(scene, who, M(PUBACK, .topic_id = 3, .message_id = id));
}

/* ---- for a sleeper ----------------------------------------------------------------------------------------------- */

static void a_message_for_a_sleeper_is_acknowledged_when_it_is_on_disk(void **scene) /* design section 7 */
{
    given_sleeper(scene, 1);
    the_store_waits(*scene);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    broker_receives_nothing(*scene);
    the_store_commits(*scene);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    const struct stored_message *row = the_row(*scene, "m1");
    assert_false(row->up);
    assert_int_equal(row->qos, 1);
    client_wakes(*scene);
    uint16_t id = client_receives(*scene, "m1", on(1, false));
    waiting_for_the_client(*scene, "m1", 1); /* until it has it */
    client_takes(*scene, "m1", id);
    client_receives(*scene, "m1", M(PINGRESP));
    waiting_for_the_client(*scene, "m1", 0);
    broker_receives_nothing(*scene);
}

static void qos_0_is_not_put_on_disk(void **scene)
{
    given_sleeper(scene, 1);
    broker_publishes(*scene, "lamp/1", "on", 0, 0);
    waiting_for_the_client(*scene, "m1", 0);
    client_wakes(*scene);
    client_receives(*scene, "m1", on(0, false));
    client_receives(*scene, "m1", M(PINGRESP));
}

static void without_a_store_the_broker_keeps_it(void **scene) /* design rule 1 */
{
    given_sleeper(scene, 1);
    the_store_fails(*scene);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    broker_receives_nothing(*scene);
    waiting_for_the_client(*scene, "m1", 0);
    client_wakes(*scene);
    uint16_t id = client_receives(*scene, "m1", on(1, false));
    client_takes(*scene, "m1", id);
    client_receives(*scene, "m1", M(PINGRESP));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
}

static void so_it_is_for_one_who_is_away(void **scene) /* SN-SES-4 */
{
    given_client(scene, "m1", 1);
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    waiting_for_the_client(*scene, "m1", 1);
}

static void acknowledgements_keep_the_order_of_arrival(void **scene) /* MQTT-4.6.0-2 */
{
    given_sleeper(scene, 1);
    the_store_waits(*scene);
    for (uint16_t i = 40; i < 43; i++)
        broker_publishes(*scene, "lamp/1", "on", 1, i);
    the_store_commits(*scene);
    for (uint16_t i = 40; i < 43; i++)
        broker_receives(*scene, P(PUBACK, .packet_id = i));
}

static void more_than_a_window_for_sleepers_is_no_trouble(void **scene) /* design rule 7: release_oldest */
{
    struct scene *s = *scene;
    given_sleeper(scene, 1);
    for (uint16_t i = 40; i < 60; i++) {
        broker_publishes(s, "lamp/1", "on", 1, i);
        broker_receives(s, P(PUBACK, .packet_id = i));
    }
    assert_int_equal(s->held_too_long, 0);
    waiting_for_the_client(s, "m1", 20);
}

/* While the disk is slow, all of them are in memory; none is let go before it is safe. */
static void a_slow_disk_lets_nothing_go(void **scene) /* design rule 1 */
{
    struct scene *s = *scene;
    given_sleeper(scene, 1);
    the_store_waits(s);
    for (uint16_t i = 40; i < 60; i++)
        broker_publishes(s, "lamp/1", "on", 1, i);
    broker_receives_nothing(s);
    assert_int_equal(s->held_too_long, 0);
    the_store_commits(s);
    for (uint16_t i = 40; i < 60; i++)
        broker_receives(s, P(PUBACK, .packet_id = i));
}

/* ---- for one who is awake ---------------------------------------------------------------------------------------- */

static void who_is_awake_has_a_second_to_take_it(void **scene) /* design section 6 */
{
    given_client(scene, "m1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    uint16_t id = client_receives(*scene, "m1", on(1, false));
    time_passes(*scene, 999);
    waiting_for_the_client(*scene, "m1", 0);
    broker_receives_nothing(*scene);
    time_passes(*scene, 1);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    waiting_for_the_client(*scene, "m1", 1);
    client_takes(*scene, "m1", id);
    waiting_for_the_client(*scene, "m1", 0);
    broker_receives_nothing(*scene);
}

static void who_takes_it_in_time_costs_no_disk(void **scene)
{
    given_client(scene, "m1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    client_takes(*scene, "m1", client_receives(*scene, "m1", on(1, false)));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    time_passes(*scene, 2000);
    assert_int_equal(((struct scene *)*scene)->store->last_row, 0);
}

static void what_waits_behind_it_is_kept_with_it(void **scene)
{
    given_client(scene, "m1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    uint16_t id = client_receives(*scene, "m1", on(1, false));
    time_passes(*scene, 500);
    broker_publishes(*scene, "lamp/1", "on", 1, 41);
    broker_publishes(*scene, "lamp/1", "on", 0, 0);
    time_passes(*scene, 500);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    broker_receives(*scene, P(PUBACK, .packet_id = 41));
    waiting_for_the_client(*scene, "m1", 2);
    broker_publishes(*scene, "lamp/1", "on", 1, 42); /* and the next one has its own second */
    time_passes(*scene, 999);
    broker_receives_nothing(*scene);
    time_passes(*scene, 1);
    broker_receives(*scene, P(PUBACK, .packet_id = 42));
    assert_int_equal(((struct scene *)*scene)->store->writes, 3); /* each once */
    client_takes(*scene, "m1", id);
    id = client_receives(*scene, "m1", on(1, false));
    client_takes(*scene, "m1", id);
    client_receives(*scene, "m1", on(0, false));
    client_takes(*scene, "m1", client_receives(*scene, "m1", on(1, false)));
    waiting_for_the_client(*scene, "m1", 0);
}

static void a_second_without_a_store_changes_nothing(void **scene)
{
    given_client(scene, "m1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    uint16_t id = client_receives(*scene, "m1", on(1, false));
    the_store_fails(*scene);
    time_passes(*scene, 5000);
    broker_receives_nothing(*scene);
    client_takes(*scene, "m1", id);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
}

static void when_it_falls_asleep_what_it_has_is_kept_all_the_same(void **scene)
{
    given_client(scene, "m1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    client_receives(*scene, "m1", on(1, false));
    client_falls_asleep(*scene, "m1", 300);
    time_passes(*scene, 1000);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    waiting_for_the_client(*scene, "m1", 1);
    client_wakes(*scene);
    client_takes(*scene, "m1", client_receives(*scene, "m1", on(1, true)));
    client_receives(*scene, "m1", M(PINGRESP));
}

static void what_the_broker_would_forget_is_kept_at_once(void **scene) /* design rule 1 */
{
    client_connects(*scene, "m1", true);
    client_subscribes(*scene, "m1", "lamp/1", 1);
    the_store_waits(*scene);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    nothing_is_sent(*scene);
    the_store_commits(*scene);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    client_takes(*scene, "m1", client_receives(*scene, "m1", on(1, false)));
    waiting_for_the_client(*scene, "m1", 0);
}

static void who_leaves_finds_its_messages_when_it_is_back(void **scene) /* SN-SES-4 */
{
    given_client(scene, "m1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    client_receives(*scene, "m1", on(1, false));
    broker_publishes(*scene, "lamp/1", "on", 1, 41);
    client_sends(*scene, "m1", M(DISCONNECT, .brief = true));
    client_receives(*scene, "m1", M(DISCONNECT, .brief = true));
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    broker_receives(*scene, P(PUBACK, .packet_id = 41));
    waiting_for_the_client(*scene, "m1", 2);
}

/* ---- room -------------------------------------------------------------------------------------------------------- */

static void what_makes_room_leaves_the_disk(void **scene) /* SN-SLP-11, drop: oldest */
{
    struct scene *s = *scene;
    s->limits.queue_messages = 2;
    s->limits.queue_drop_oldest = true;
    given_sleeper(scene, 1);
    for (uint16_t i = 40; i < 43; i++) {
        broker_publishes(s, "lamp/1", "on", 1, i);
        broker_receives(s, P(PUBACK, .packet_id = i));
    }
    dropped(s, DROP_OLDEST);
    waiting_for_the_client(s, "m1", 2);
    assert_int_equal(s->store->open.messages[0].row, 2);
}

static void what_finds_no_room_is_not_put_on_disk(void **scene) /* SN-SLP-11, drop: newest */
{
    struct scene *s = *scene;
    s->limits.queue_messages = 2;
    given_sleeper(scene, 1);
    for (uint16_t i = 40; i < 42; i++) {
        broker_publishes(s, "lamp/1", "on", 1, i);
        broker_receives(s, P(PUBACK, .packet_id = i));
    }
    broker_publishes(s, "lamp/1", "on", 1, 42);
    found_no_room(s);
    if (is_shared(scene)) /* nobody else would keep it for this client alone */
        broker_receives(s, P(PUBACK, .packet_id = 42));
    broker_receives_nothing(s);
    waiting_for_the_client(s, "m1", 2);
    assert_int_equal(s->store->last_row, 2);
}

/* Each was acknowledged when it was on disk, long before the client took it: that is no reason to fetch more. */
static void what_stays_with_the_broker_is_fetched_when_the_queue_is_empty(void **scene) /* SN-SLP-11 */
{
    struct scene *s = *scene;
    s->limits.queue_messages = 1;
    given_client(scene, "m1", 1);
    client_falls_asleep(s, "m1", 300);
    broker_publishes(s, "lamp/1", "1", 1, 40);
    broker_receives(s, P(PUBACK, .packet_id = 40));
    broker_publishes(s, "lamp/1", "2", 1, 41);
    found_no_room(s);
    assert_false(session_of(s, "m1")->upstream->redial);
    client_wakes(s);
    uint16_t id = client_receives(s, "m1", M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("1")));
    assert_false(session_of(s, "m1")->upstream->redial);
    client_sends(s, "m1", M(PUBACK, .topic_id = 3, .message_id = id));
    client_receives(s, "m1", M(PINGRESP));
    assert_true(session_of(s, "m1")->upstream->redial);
}

static void what_is_too_old_leaves_the_disk(void **scene) /* sleep_queue.ttl */
{
    struct scene *s = *scene;
    s->limits.queue_ttl = 100 * SECOND;
    given_sleeper(scene, 1);
    broker_publishes(s, "lamp/1", "on", 1, 40);
    broker_receives(s, P(PUBACK, .packet_id = 40));
    time_passes(s, 101 * SECOND);
    client_wakes(s);
    dropped(s, DROP_EXPIRED);
    client_receives(s, "m1", M(PINGRESP));
    waiting_for_the_client(s, "m1", 0);
}

static void what_the_client_refuses_leaves_the_disk(void **scene) /* SN-DLV-11 */
{
    given_sleeper(scene, 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    client_wakes(*scene);
    uint16_t id = client_receives(*scene, "m1", on(1, false));
    client_sends(*scene, "m1",
                 M(PUBACK, .topic_id = 3, .message_id = id, .return_code = MQTTSN_NOT_SUPPORTED));
    dropped(*scene, DROP_REFUSED_BY_CLIENT);
    client_receives(*scene, "m1", M(PINGRESP));
    waiting_for_the_client(*scene, "m1", 0);
}

static void who_is_congested_costs_no_disk(void **scene) /* SN-DLV-10, flash wear */
{
    given_sleeper(scene, 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    client_wakes(*scene);
    uint16_t id = client_receives(*scene, "m1", on(1, false));
    client_sends(*scene, "m1",
                 M(PUBACK, .topic_id = 3, .message_id = id, .return_code = MQTTSN_CONGESTION));
    client_receives(*scene, "m1", M(PINGRESP));
    assert_int_equal(((struct scene *)*scene)->store->writes, 1);
}

static void a_clean_connect_takes_all_off_the_disk(void **scene) /* SN-SES-1 */
{
    given_client(scene, "m1", 1);
    broker_publishes(*scene, "lamp/1", "on", 1, 40);
    client_receives(*scene, "m1", on(1, false));
    broker_publishes(*scene, "lamp/1", "on", 1, 41);
    time_passes(*scene, 1000);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    broker_receives(*scene, P(PUBACK, .packet_id = 41));
    waiting_for_the_client(*scene, "m1", 2);
    client_sends(*scene, "m1", M(CONNECT, .clean = true, .duration = 60));
    dropped(*scene, DROP_SESSION_ENDED);
    dropped(*scene, DROP_SESSION_ENDED);
    if (is_shared(scene))
        broker_receives(*scene, P(UNSUBSCRIBE, .topic = TEXT("lamp/1")));
    else
        broker_receives(*scene, P(DISCONNECT));
    broker_accepts(*scene, "m1", true, false);
    client_receives(*scene, "m1", M(CONNACK));
    waiting_for_the_client(*scene, "m1", 0);
}

static void what_no_radio_carries_leaves_the_disk(void **scene) /* SN-FRM-9 */
{
    given_sleeper(scene, 1);
    broker_publishes(*scene, "lamp/1", "much too much for it", 1, 40);
    broker_receives(*scene, P(PUBACK, .packet_id = 40));
    session_of(*scene, "m1")->max_message = 20;
    client_wakes(*scene);
    dropped(*scene, DROP_TOO_LARGE);
    client_receives(*scene, "m1", M(PINGRESP));
    waiting_for_the_client(*scene, "m1", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEPT_BOTH(a_message_for_a_sleeper_is_acknowledged_when_it_is_on_disk),
        KEPT_BOTH(qos_0_is_not_put_on_disk),
        KEPT_BOTH(without_a_store_the_broker_keeps_it),
        KEPT_AGGREGATE(so_it_is_for_one_who_is_away),
        KEPT_BOTH(acknowledgements_keep_the_order_of_arrival),
        KEPT_BOTH(more_than_a_window_for_sleepers_is_no_trouble),
        KEPT_BOTH(a_slow_disk_lets_nothing_go),
        KEPT_BOTH(who_is_awake_has_a_second_to_take_it),
        KEPT_BOTH(who_takes_it_in_time_costs_no_disk),
        KEPT_BOTH(what_waits_behind_it_is_kept_with_it),
        KEPT_BOTH(a_second_without_a_store_changes_nothing),
        KEPT_BOTH(when_it_falls_asleep_what_it_has_is_kept_all_the_same),
        KEPT_TRANSPARENT(what_the_broker_would_forget_is_kept_at_once),
        KEPT_AGGREGATE(who_leaves_finds_its_messages_when_it_is_back),
        KEPT_BOTH(what_makes_room_leaves_the_disk),
        KEPT_BOTH(what_finds_no_room_is_not_put_on_disk),
        KEPT_TRANSPARENT(what_stays_with_the_broker_is_fetched_when_the_queue_is_empty),
        KEPT_BOTH(what_is_too_old_leaves_the_disk),
        KEPT_BOTH(what_the_client_refuses_leaves_the_disk),
        KEPT_BOTH(who_is_congested_costs_no_disk),
        KEPT_BOTH(a_clean_connect_takes_all_off_the_disk),
        KEPT_BOTH(what_no_radio_carries_leaves_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
