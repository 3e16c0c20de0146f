/* memory_test.c -- what the core does when memory ends: the step is refused, and all goes on as soon as there is some.
 *
 * A whole life, connect to unsubscribe, is played without its first allocation, without its second, and so on. What
 * becomes of each step is then a matter of luck; that nothing breaks, nothing leaks (the sanitizers see that) and the
 * client can begin anew is not. The answers themselves are in the tests of single steps. */
#include "gateway/core/filters.h"
#include "tests/gateway/core/scene_inside.h"
#include "tests/scarce.h"

static void client_answers(struct scene *s, const char *who, const struct mqttsn_message *m)
{
    if (m->type == MQTTSN_WILLTOPICREQ)
        client_sends(s, who, M(WILLTOPIC, .qos = 1, .tail = TEXT("state/m1")));
    if (m->type == MQTTSN_WILLMSGREQ)
        client_sends(s, who, M(WILLMSG, .tail = TEXT("gone")));
    if (m->type == MQTTSN_REGISTER)
        client_sends(s, who, M(REGACK, .topic_id = m->topic_id, .message_id = m->message_id));
    if (m->type == MQTTSN_PUBLISH && m->qos == 1)
        client_sends(s, who, M(PUBACK, .topic_id = m->topic_id, .message_id = m->message_id));
    if (m->type == MQTTSN_PUBLISH && m->qos == 2)
        client_sends(s, who, M(PUBREC, .message_id = m->message_id));
    if (m->type == MQTTSN_PUBREL)
        client_sends(s, who, M(PUBCOMP, .message_id = m->message_id));
}

static struct upstream *link_of(struct scene *s)
{
    return s->shared ? aggregate_upstream(s->shared) : &s->clients[s->link].own;
}

static void broker_answers(struct scene *s, const struct mqtt_packet *p)
{
    static const enum mqtt_type answers[MQTT_TYPES] = {
        [MQTT_CONNECT] = MQTT_CONNACK,  [MQTT_PUBREL] = MQTT_PUBCOMP,
        [MQTT_SUBSCRIBE] = MQTT_SUBACK, [MQTT_UNSUBSCRIBE] = MQTT_UNSUBACK,
        [MQTT_PINGREQ] = MQTT_PINGRESP,
    };
    enum mqtt_type type = answers[p->type];
    if (p->type == MQTT_PUBLISH)
        type = p->qos == 2 ? MQTT_PUBREC : p->qos == 1 ? MQTT_PUBACK : 0;
    bool connecting = link_of(s)->mqtt.state == MQTT_CLIENT_CONNECTING;
    if (type != 0 && connecting == (type == MQTT_CONNACK))
        broker_sends(
            s, (struct mqtt_packet){ .type = type, .packet_id = p->packet_id, .code = p->qos });
}

/* Until nothing is on its way. A CONNECT that found no memory is not on its way; the broker is there all the same. */
static void everybody_answers(struct scene *s)
{
    struct said_list *down = &s->to_clients, *up = &s->to_broker;
    while (down->first < down->count || up->first < up->count) {
        struct mqttsn_message m;
        struct mqtt_packet p;
        if (down->first < down->count) {
            const struct said *one = &down->list[down->first++];
            assert_int_equal(mqttsn_decode(span_of(one->bytes, one->len), &m), MQTTSN_OK);
            client_answers(s, one->who, &m);
        } else {
            const struct said *one = &up->list[up->first++];
            assert_int_equal(mqtt_decode(span_of(one->bytes, one->len), &p), MQTT_OK);
            broker_answers(s, &p);
        }
    }
}

static void does(struct scene *s, struct mqttsn_message m)
{
    client_sends(s, "m1", m);
    everybody_answers(s);
}

static void hears(struct scene *s, uint8_t qos, uint16_t packet_id)
{
    if (link_of(s)->mqtt.state == MQTT_CLIENT_ONLINE)
        broker_publishes(s, "a/b", "on", qos, packet_id);
    everybody_answers(s);
}

static void lives(struct scene *s)
{
    does(s, M(CONNECT, .will = true, .duration = 60));
    does(s, M(REGISTER, .message_id = 1, .tail = TEXT("t/1")));
    does(s, M(SUBSCRIBE, .qos = 2, .message_id = 2, .tail = TEXT("a/+")));
    does(s, M(SUBSCRIBE, .qos = 1, .message_id = 3, .tail = TEXT("lamp/1")));
    does(s, M(PUBLISH, .qos = 1, .topic_id = 1, .message_id = 4, .tail = TEXT("21.5")));
    does(s, M(PUBLISH, .qos = 2, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 2, .message_id = 5));
    does(s, M(PUBREL, .message_id = 5));
    hears(s, 1, 70);
    hears(s, 2, 71);
    does(s, M(WILLTOPICUPD, .qos = 1, .tail = TEXT("state/m1/b")));
    does(s, M(WILLMSGUPD, .tail = TEXT("away")));
    does(s, M(DISCONNECT, .duration = 30));
    hears(s, 1, 72);
    does(s, M(PINGREQ, .tail = TEXT("m1")));
    does(s, M(UNSUBSCRIBE, .message_id = 6, .tail = TEXT("lamp/1")));
}

/* What grew once stays as large; and the table of filters may not fail: it ends the process. */
static void warm_up(struct scene *s)
{
    client_connects(s, "other", true);
    client_subscribes(s, "other", "warm", 1);
    client_connects(s, "m1", true);
    broker_publishes(s, "warm", "", 1, 60);
    everybody_answers(s);
}

static bool life_without(size_t n, int (*open)(void **state))
{
    void *state = NULL;
    assert_int_equal(open(&state), 0);
    struct scene *s = state;
    warm_up(s);
    memory_ends_after(n);
    lives(s);
    bool ended = memory_is_back();
    time_passes(s, 20 * SECOND);
    does(s, M(CONNECT, .clean = true, .duration = 60));
    session_is(s, "m1", SESSION_ACTIVE);
    s->first_drop = s->drop_count;
    assert_int_equal(close_scene(&state), 0);
    return ended;
}

static bool life_of_its_own(size_t n)
{
    return life_without(n, open_transparent);
}

static bool shared_life(size_t n)
{
    return life_without(n, open_aggregate);
}

static void a_client_gets_on_whatever_found_no_memory(void **state) /* design rule 5 */
{
    (void)state;
    assert_true(play_without_each_allocation(life_of_its_own) > 10);
    assert_true(play_without_each_allocation(shared_life) > 10);
}

/* ---- single steps ------------------------------------------------------------------------------------------------ */

static void a_session_without_memory_is_not_begun(void **scene)
{
    struct scene *s = *scene;
    struct session session;
    memory_ends_after(0);
    assert_false(session_init(&session, TEXT("m9"), &s->common, s->now));
    assert_true(memory_is_back());
}

static void a_name_without_memory_is_congestion(void **scene) /* SN-REG-6 */
{
    client_connects(*scene, "m1", true);
    memory_ends_after(0);
    client_sends(*scene, "m1", M(REGISTER, .message_id = 1, .tail = TEXT("t/1")));
    assert_true(memory_is_back());
    client_receives(*scene, "m1", M(REGACK, .message_id = 1, .return_code = MQTTSN_CONGESTION));
    dropped(*scene, DROP_CONGESTION);
}

static void a_filter_without_memory_is_congestion(void **scene)
{
    client_connects(*scene, "m1", true);
    memory_ends_after(0);
    client_sends(*scene, "m1", M(SUBSCRIBE, .qos = 1, .message_id = 1, .tail = TEXT("a/+")));
    assert_true(memory_is_back());
    client_receives(*scene, "m1", M(SUBACK, .message_id = 1, .return_code = MQTTSN_CONGESTION));
    dropped(*scene, DROP_CONGESTION);
}

static void a_will_without_memory_is_congestion(void **scene)
{
    client_connects(*scene, "m1", true);
    memory_ends_after(0);
    client_sends(*scene, "m1", M(WILLTOPICUPD, .tail = TEXT("state/m1")));
    assert_true(memory_is_back());
    client_receives(*scene, "m1", M(WILLTOPICRESP, .return_code = MQTTSN_CONGESTION));
}

static void a_message_for_a_sleeper_without_memory_is_a_counted_drop(void **scene) /* design rule 2 */
{
    client_connects(*scene, "m1", true);
    uint16_t topic = client_subscribes(*scene, "m1", "lamp/1", 1);
    broker_publishes(*scene, "lamp/1", "first", 0, 0); /* the lists of the way here have their room */
    client_receives(*scene, "m1", M(PUBLISH, .topic_id = topic, .tail = TEXT("first")));
    client_falls_asleep(*scene, "m1", 30);
    memory_ends_after(0);
    broker_publishes(*scene, "lamp/1", "on", 0, 0);
    assert_true(memory_is_back());
    dropped(*scene, DROP_MEMORY);
}

static void hears_it(struct scene *s, const char *who)
{
    uint16_t id = client_receives(s, who, M(PUBLISH, .qos = 1, .topic_id = 3, .tail = TEXT("on")));
    client_sends(s, who, M(PUBACK, .topic_id = 3, .message_id = id));
}

static void listeners_hear(struct scene *s, bool dup, uint16_t packet_id)
{
    broker_sends(s, P(PUBLISH, .qos = 1, .dup = dup, .packet_id = packet_id,
                      .topic = TEXT("lamp/1"), .payload = TEXT("on")));
    if (s->shared)
        hears_it(s, "m2");
    hears_it(s, "m1");
    broker_receives(s, P(PUBACK, .packet_id = packet_id));
}

/* All the lists on the way of a message have their room. */
static void given_listeners(struct scene *s, bool clean)
{
    client_connects(s, "m1", clean);
    client_subscribes(s, "m1", "lamp/1", 1);
    if (s->shared) {
        client_connects(s, "m2", clean);
        client_sends(s, "m2", M(SUBSCRIBE, .qos = 1, .message_id = 7, .tail = TEXT("lamp/1")));
        everybody_answers(s);
    }
    listeners_hear(s, false, 60);
}

/* A message comes, and after so many there is no room for one more receiver. */
static void the_list_of_receivers_is_full_after(struct scene *s, size_t n, uint8_t qos)
{
    struct upstream *u = link_of(s);
    free(u->hits.list);
    u->hits = (struct hits){ 0 };
    memory_ends_after(n);
    broker_publishes(s, "lamp/1", "on", qos, qos > 0 ? 70 : 0);
    assert_true(memory_is_back());
}

static void a_message_without_memory_comes_again(void **scene) /* design rule 1 */
{
    struct scene *s = *scene;
    given_listeners(s, false);
    the_list_of_receivers_is_full_after(s, s->shared ? 1 : 0, 1);
    nothing_is_sent(s);
    assert_true(link_of(s)->redial);
    if (s->shared)
        listeners_hear(s, false, 71); /* it holds nothing back */
    broker_goes_away(s);
    broker_returns(s, true);
    listeners_hear(s, true, 70);
}

static void on_a_clean_connection_it_is_a_counted_drop(void **scene) /* design rule 2 */
{
    struct scene *s = *scene;
    given_listeners(s, true);
    the_list_of_receivers_is_full_after(s, 0, 1);
    broker_receives(s, P(PUBACK, .packet_id = 70));
    dropped(s, DROP_MEMORY);
}

static void at_qos_0_it_is_a_counted_drop(void **scene) /* design rule 2 */
{
    struct scene *s = *scene;
    given_listeners(s, false);
    the_list_of_receivers_is_full_after(s, 0, 0);
    dropped(s, DROP_MEMORY);
    if (s->shared) /* the other one found room */
        client_receives(s, "m1", M(PUBLISH, .topic_id = 3, .tail = TEXT("on")));
}

/* ---- what is kept ------------------------------------------------------------------------------------------------ */

static void what_finds_no_memory_is_not_accepted(void **scene) /* design rule 1 */
{
    struct scene *s = *scene;
    client_connects(s, "m1", true);
    client_sends(s, "m1", M(PUBLISH, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 2));
    broker_receives(s, P(PUBLISH, .topic = TEXT("node/m1"))); /* from now on its name is known */
    broker_goes_away(s);
    for (uint8_t qos = 1; qos <= 2; qos++) {
        memory_ends_after(0);
        client_sends(s, "m1",
                     M(PUBLISH, .qos = qos, .topic_id_type = MQTTSN_PREDEFINED, .topic_id = 2,
                       .message_id = 7, .tail = TEXT("21.5")));
        assert_true(memory_is_back());
        client_receives(s, "m1",
                        M(PUBACK, .topic_id = 2, .message_id = 7, .return_code = MQTTSN_CONGESTION));
        dropped(s, DROP_CONGESTION);
    }
    waiting_for_the_broker(s, "m1", 0);
    assert_int_equal(s->store->keeping.uplink_bytes, 0);
    assert_int_equal(session_of(s, "m1")->inflight.open, 0);
}

static bool filter_is_restored(size_t n)
{
    struct access access = { .allow = true };
    struct common common = { .predefined = predefined_new(NULL, 0) };
    struct aggregate *a = aggregate_new(7);
    struct session session;
    assert_true(session_init(&session, TEXT("m1"), &common, 1));
    session.access = &access;
    assert_true(aggregate_restore(a, &session, TEXT("warm"), 1)); /* uthash has its table */
    memory_ends_after(n);
    bool restored = aggregate_restore(a, &session, TEXT("lamp/+"), 1);
    bool ended = memory_is_back();
    assert_int_equal(restored, !ended);
    upstream_leave(aggregate_upstream(a), &session, 1);
    session_clear(&session);
    aggregate_free(a);
    predefined_release(common.predefined);
    return ended;
}

static void a_filter_of_an_earlier_run_may_find_no_memory(void **state)
{
    (void)state;
    assert_int_equal(play_without_each_allocation(filter_is_restored), 5);
}

/* ---- what is made once ------------------------------------------------------------------------------------------- */

static bool aggregate_begins(size_t n)
{
    memory_ends_after(n);
    struct aggregate *a = aggregate_new(7);
    bool ended = memory_is_back();
    assert_int_equal(a != NULL, !ended);
    aggregate_free(a);
    return ended;
}

static bool table_is_made(size_t n)
{
    static const struct predefined_row rows[] = { { "*", "all/alarm", 1 }, { "m1", "m1/alarm", 1 } };
    memory_ends_after(n);
    struct predefined *p = predefined_new(rows, 2);
    bool ended = memory_is_back();
    assert_int_equal(p != NULL, !ended);
    predefined_release(p);
    return ended;
}

/* A level of 300 octets needs room of its own to be looked for. */
static bool filter_is_added(size_t n)
{
    char name[] = "warm/+/#", longest[302] = { 0 };
    struct filters *f = filters_new(7);
    struct filter *warm = filters_get(f, TEXT("warm"));
    struct filter *other = filters_get(f, TEXT("warm/cold"));
    size_t matches = 0;
    memset(longest, 'x', 300);
    memory_ends_after(n);
    struct filter *one = filters_get(f, TEXT(name));
    struct filter *far = filters_get(f, TEXT(longest));
    (void)filters_match(f, TEXT(longest), &matches);
    bool ended = memory_is_back();
    assert_true(ended || (one && far && matches == 1));
    if (one)
        filters_remove(f, one);
    if (far)
        filters_remove(f, far);
    filters_remove(f, other);
    filters_remove(f, warm);
    filters_free(f);
    return ended;
}

static void what_is_made_whole_or_not_at_all(void **state)
{
    (void)state;
    assert_int_equal(play_without_each_allocation(aggregate_begins), 3);
    assert_int_equal(play_without_each_allocation(table_is_made), 5);
    assert_true(play_without_each_allocation(filter_is_added) > 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_gets_on_whatever_found_no_memory),
        IN_BOTH(a_session_without_memory_is_not_begun),
        IN_BOTH(a_name_without_memory_is_congestion),
        IN_BOTH(a_filter_without_memory_is_congestion),
        IN_BOTH(a_will_without_memory_is_congestion),
        IN_BOTH(a_message_for_a_sleeper_without_memory_is_a_counted_drop),
        IN_BOTH(a_message_without_memory_comes_again),
        IN_TRANSPARENT(on_a_clean_connection_it_is_a_counted_drop),
        IN_BOTH(at_qos_0_it_is_a_counted_drop),
        KEPT_BOTH(what_finds_no_memory_is_not_accepted),
        cmocka_unit_test(a_filter_of_an_earlier_run_may_find_no_memory),
        cmocka_unit_test(what_is_made_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
