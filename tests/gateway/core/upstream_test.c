/* upstream_test.c -- the connection to the broker below the sessions: prefixes, what nobody waits for, what is full. */
#include "tests/gateway/core/scene_inside.h"

static struct upstream *own_of(struct scene *s, const char *who)
{
    return session_of(s, who)->upstream;
}

static bool hears(struct upstream *u, struct mqtt_packet p)
{
    uint8_t refused = 0;
    return upstream_hear(u, &p, SCENE_BEGIN, &refused);
}

static void what_a_broker_never_sends_ends_the_connection(void **scene) /* MQTT-4.8.0-1 */
{
    client_connects(*scene, "m1", true);
    assert_false(hears(own_of(*scene, "m1"), P(SUBSCRIBE, .packet_id = 1)));
    assert_false(hears(own_of(*scene, "m1"), P(CONNACK)));
}

static void an_answer_nobody_waits_for_changes_nothing(void **scene)
{
    client_connects(*scene, "m1", true);
    assert_true(hears(own_of(*scene, "m1"), P(PINGRESP)));
    assert_true(hears(own_of(*scene, "m1"), P(PUBACK, .packet_id = 999)));
    upstream_forward(own_of(*scene, "m1"), &P(PINGREQ), SCENE_BEGIN);
    nothing_is_sent(*scene);
    broker_receives_nothing(*scene);
}

static void a_topic_is_ours_only_behind_the_whole_prefix(void **scene) /* SN-PUB-14 */
{
    struct upstream u = { .prefix = TEXT("site/") };
    struct span topic = TEXT("site/a");
    (void)scene;
    assert_true(upstream_unprefixed(&u, &topic));
    assert_true(span_equal(topic, TEXT("a")));
    static const char *const others[] = { "si", "sites/a", "site/" };
    for (size_t i = 0; i < 3; i++) {
        topic = TEXT(others[i]);
        assert_false(upstream_unprefixed(&u, &topic));
    }
    u.prefix = TEXT("");
    assert_true(upstream_unprefixed(&u, &topic));
}

static void with_the_memory_for_requests_full_nothing_is_reserved(void **scene) /* design rule 5 */
{
    client_connects(*scene, "m1", true);
    struct upstream *u = own_of(*scene, "m1");
    u->flight_limit = 0;
    assert_int_equal(upstream_reserve(u, session_of(*scene, "m1"), 1), 0);
    assert_int_equal(upstream_reserve_offline(u, session_of(*scene, "m1"), 1), 0);
    assert_true(upstream_ready(u));
}

/* The session ends while something for it waits to be handed over. */
static void what_waits_for_a_session_that_ends_goes_to_nobody(void **scene)
{
    struct scene *s = *scene;
    client_connects(s, "m1", true);
    client_connects(s, "m2", true);
    struct upstream *u = own_of(s, "m1");
    struct session *first = session_of(s, "m1"), *second = session_of(s, "m2");
    upstream_hit(u, second, &P(PUBACK, .packet_id = 1));
    upstream_hit(u, first, &P(PUBACK, .packet_id = 2));
    upstream_leave(u, first, s->now);
    assert_ptr_equal(u->hits.list[u->hits.count - 2].session, second);
    assert_null(u->hits.list[u->hits.count - 1].session);
    u->hits.count = u->hits.next = 0;
}

static void an_own_connection_without_its_session_counts_what_it_brings(void **scene) /* design rule 2 */
{
    struct scene *s = *scene;
    client_connects(s, "m1", true);
    struct upstream *u = own_of(s, "m1");
    upstream_leave(u, session_of(s, "m1"), s->now);
    assert_true(hears(u, P(PUBLISH, .topic = TEXT("a"))));
    assert_int_equal(u->no_receiver, 1);
    mqtt_client_open(&u->mqtt, &(struct mqtt_connect){ .client_id = TEXT("m1") }, s->now);
    assert_true(hears(u, P(CONNACK)));
    assert_int_equal(u->hits.count, 0);
    u->no_receiver = 0;
    buffer_consume(&u->mqtt.out, u->mqtt.out.len, SIZE_MAX);
}

static void m2_unsubscribes(struct scene *s, const char *filter)
{
    struct upstream *u = aggregate_upstream(s->shared);
    uint16_t id = upstream_reserve(u, session_of(s, "m2"), 1);
    client_connects(s, "m1", true);
    client_subscribes(s, "m1", "a", 1);
    u->strategy->request(u, session_of(s, "m2"),
                         &P(UNSUBSCRIBE, .packet_id = id, .topic = TEXT(filter)), s->now);
    scene_settle(s);
}

static void unsubscribing_what_only_others_hold_is_answered_at_once(void **scene) /* SN-UNS-2 */
{
    struct scene *s = *scene;
    client_connects(s, "m2", true);
    m2_unsubscribes(s, "a");
    assert_int_equal(aggregate_upstream(s->shared)->mqtt.flights.count, 0);
    broker_receives_nothing(s);
}

/* The broker may have it from an earlier run. */
static void unsubscribing_what_nobody_holds_is_passed_on(void **scene) /* SN-UNS-2 */
{
    struct scene *s = *scene;
    client_connects(s, "m2", true);
    m2_unsubscribes(s, "b");
    uint16_t id = broker_receives(s, P(UNSUBSCRIBE, .topic = TEXT("b")));
    broker_sends(s, P(UNSUBACK, .packet_id = id));
    assert_int_equal(aggregate_upstream(s->shared)->mqtt.flights.count, 0);
}

static void a_name_too_long_to_expand_is_no_topic(void **scene) /* SN-TOP-4 */
{
    static char pattern[5000] = "{client}/";
    struct scene *s = *scene;
    for (size_t i = strlen(pattern); i < sizeof pattern - 1; i++)
        pattern[i] = 't';
    const struct predefined_row rows[] = { { "*", pattern, 7 } };
    predefined_release(s->common.predefined);
    s->common.predefined = predefined_new(rows, 1);
    client_connects(s, "m1", true);
    client_sends(
        s, "m1",
        M(PUBLISH, .qos = 1, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 7, .message_id = 1));
    client_receives(
        s, "m1", M(PUBACK, .topic_id = 7, .message_id = 1, .return_code = MQTTSN_INVALID_TOPIC_ID));
    dropped(s, DROP_INVALID_TOPIC);
}

static void a_short_name_that_brokers_refuse_is_no_topic(void **scene) /* SN-TOP-5 */
{
    struct scene *s = *scene;
    client_connects(s, "m1", true);
    client_sends(s, "m1",
                 M(SUBSCRIBE, .qos = 1, .topic_id_type = MQTTSN_SHORT, .topic_id = 'a' << 8 | 1,
                   .message_id = 1));
    client_receives(s, "m1", M(SUBACK, .message_id = 1, .return_code = MQTTSN_NOT_SUPPORTED));
    dropped(s, DROP_FORBIDDEN);
    client_sends(s, "m1",
                 M(PUBLISH, .qos = 1, .topic_id_type = MQTTSN_SHORT, .topic_id = 'a' << 8 | 1,
                   .message_id = 2));
    client_receives(
        s, "m1",
        M(PUBACK, .topic_id = 'a' << 8 | 1, .message_id = 2, .return_code = MQTTSN_NOT_SUPPORTED));
    dropped(s, DROP_FORBIDDEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TRANSPARENT(what_a_broker_never_sends_ends_the_connection),
        IN_TRANSPARENT(an_answer_nobody_waits_for_changes_nothing),
        IN_TRANSPARENT(a_topic_is_ours_only_behind_the_whole_prefix),
        IN_TRANSPARENT(with_the_memory_for_requests_full_nothing_is_reserved),
        IN_TRANSPARENT(what_waits_for_a_session_that_ends_goes_to_nobody),
        IN_TRANSPARENT(an_own_connection_without_its_session_counts_what_it_brings),
        IN_AGGREGATE(unsubscribing_what_only_others_hold_is_answered_at_once),
        IN_AGGREGATE(unsubscribing_what_nobody_holds_is_passed_on),
        IN_BOTH(a_name_too_long_to_expand_is_no_topic),
        IN_BOTH(a_short_name_that_brokers_refuse_is_no_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
