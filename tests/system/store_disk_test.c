/* store_disk_test.c -- the disk becomes full under a gateway that serves, and has room again (design rules 1 and 5).
 *
 * The gateway's files may grow no more from a moment on, which a limit of the process does to root as to anybody. What
 * was about to be promised just then is not; whoever waits for it is served on; and when there is room it is given. */
#include "tests/system/broker.h"
#include "tests/system/keeper.h"
#include "tests/system/outage.h"

#include <sqlite3.h>
#include <sys/resource.h>

static void files_may_grow_to(const struct gateway *g, rlim_t octets)
{
    struct rlimit limit;
    assert_int_equal(prlimit(g->process.pid, RLIMIT_FSIZE, NULL, &limit), 0);
    limit.rlim_cur = octets < limit.rlim_max ? octets : limit.rlim_max;
    assert_int_equal(prlimit(g->process.pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

static void disk_is_full(const struct gateway *g)
{
    files_may_grow_to(g, 1);
}

static void disk_has_room(const struct gateway *g)
{
    files_may_grow_to(g, RLIM_INFINITY);
}

/* Nothing can be written until this is closed. */
static sqlite3 *locked(const struct scene *s)
{
    char path[SCENE_PATH];
    sqlite3 *db = NULL;
    keeper_state(s, path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static uint16_t sends_publish(struct node *n, uint16_t topic_id, uint8_t qos, const char *text)
{
    uint16_t id = node_next_message_id(n);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .qos = qos,
                                           .topic_id = topic_id,
                                           .message_id = id,
                                           .tail = span_text(text) });
    return id;
}

static void repeats_publish(struct node *n, uint16_t topic_id, uint8_t qos, const char *text,
                            uint16_t message_id)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .dup = true,
                                           .qos = qos,
                                           .topic_id = topic_id,
                                           .message_id = message_id,
                                           .tail = span_text(text) });
}

static void is_congestion(struct node *n, uint16_t message_id)
{
    struct mqttsn_message m = node_expects(n, MQTTSN_PUBACK);
    assert_int_equal(m.message_id, message_id);
    assert_int_equal(m.return_code, MQTTSN_CONGESTION);
}

static void pings(struct node *n)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ });
    node_expects(n, MQTTSN_PINGRESP);
}

/* A node whose message of this QoS came just when the disk could take nothing more; returns its message id. */
static uint16_t one_promise_is_owed(struct scene *s, uint8_t qos, struct node **n, uint16_t *topic_id)
{
    *n = node_open(keeper_start(s, (struct settings){ 0 }));
    node_connects_kept(*n, "m1");
    *topic_id = node_registers(*n, "a/1");
    outage_begins(s);
    disk_is_full((*n)->gateway);
    uint16_t id = sends_publish(*n, *topic_id, qos, "1");
    gateway_logs((*n)->gateway, "state: ");
    return id;
}

static void a_full_disk_owes_its_promise_and_serves_on(struct scene *s)
{
    struct node *n;
    uint16_t topic_id, first = one_promise_is_owed(s, 1, &n, &topic_id);
    pings(n);
    is_congestion(n, sends_publish(n, topic_id, 1, "2"));
    is_congestion(n, sends_publish(n, topic_id, 2, "3"));
    repeats_publish(n, topic_id, 1, "1", first);
    node_hears_nothing(n);
    pings(n);
    disk_has_room(n->gateway);
    struct mqttsn_message m = node_expects(n, MQTTSN_PUBACK);
    assert_int_equal(m.message_id, first);
    assert_int_equal(m.return_code, MQTTSN_ACCEPTED);
    node_hears_nothing(n);
    struct peer *world = keeper_broker_returns(s, "a/#");
    peer_hears(world, "a/1", "1");
    peer_hears_nothing(world);
}

static void a_full_disk_owes_qos_2_and_gives_it_once(struct scene *s)
{
    struct node *n;
    uint16_t topic_id, first = one_promise_is_owed(s, 2, &n, &topic_id);
    repeats_publish(n, topic_id, 2, "1", first);
    pings(n);
    disk_has_room(n->gateway);
    assert_int_equal(node_expects(n, MQTTSN_PUBREC).message_id, first);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBREL, .message_id = first });
    assert_int_equal(node_expects(n, MQTTSN_PUBCOMP).message_id, first);
    struct peer *world = keeper_broker_returns(s, "a/#");
    peer_hears(world, "a/1", "1");
    peer_hears_nothing(world);
}

/* Else a kill brings the handshake back, and the node's next message, if it is just like this one, passes for it. */
static void pubcomp_waits_for_the_disk(struct scene *s)
{
    struct node *n = node_open(keeper_start(s, (struct settings){ 0 }));
    node_connects_kept(n, "m1");
    uint16_t topic_id = node_registers(n, "a/1");
    outage_begins(s);
    uint16_t id = sends_publish(n, topic_id, 2, "1");
    node_expects(n, MQTTSN_PUBREC);
    sqlite3 *db = locked(s);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBREL, .message_id = id });
    node_hears_nothing(n);
    sqlite3_close(db);
    assert_int_equal(node_expects(n, MQTTSN_PUBCOMP).message_id, id);
}

/* It knows none of the topic ids of the connection before. */
static void a_client_that_begins_anew_is_not_sent_what_a_full_disk_held(struct scene *s)
{
    struct node *n = node_open(keeper_start(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 2);
    disk_is_full(n->gateway);
    peer_publishes(world, "lamp/1", 2, "old");
    gateway_logs(n->gateway, "state: ");
    pings(n);
    node_connects(n, "m1");
    disk_has_room(n->gateway);
    gateway_logs(n->gateway, "is well again");
    node_hears_nothing(n);
}

/* Else a kill in between gives the id to another topic, and the node publishes there. */
static void a_topic_id_is_told_only_when_it_is_on_disk(struct scene *s) /* design rule 4 */
{
    struct node *n = node_open(keeper_start(s, (struct settings){ 0 }));
    node_connects_kept(n, "m1");
    sqlite3 *db = locked(s);
    broker_freezes(s->broker);
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_SUBSCRIBE, .message_id = 7, .tail = span_text("lamp/1") });
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_REGISTER, .message_id = 8, .tail = span_text("lamp/1") });
    node_hears_nothing(n);
    sqlite3_close(db);
    uint16_t id = node_expects(n, MQTTSN_REGACK).topic_id;
    broker_thaws(s->broker);
    assert_int_equal(node_expects(n, MQTTSN_SUBACK).topic_id, id);
}

static void others_notice_nothing_of_a_full_disk(struct scene *s)
{
    struct node *n = node_open(keeper_start(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "a/#", 2);
    node_connects_kept(n, "m1");
    uint16_t topic_id = node_registers(n, "a/1");
    disk_is_full(n->gateway);
    struct node *late = node_open(n->gateway);
    node_connects_kept(late, "m2");
    gateway_logs(n->gateway, "state: ");
    node_publishes(n, topic_id, 1, "1");
    peer_hears(world, "a/1", "1");
    node_publishes(late, node_registers(late, "a/2"), 1, "2");
    peer_hears(world, "a/2", "2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(a_full_disk_owes_its_promise_and_serves_on),
        SCENE_IN_BOTH(a_full_disk_owes_qos_2_and_gives_it_once),
        SCENE_IN_BOTH(pubcomp_waits_for_the_disk),
        SCENE_IN_BOTH(a_client_that_begins_anew_is_not_sent_what_a_full_disk_held),
        SCENE_IN_BOTH(a_topic_id_is_told_only_when_it_is_on_disk),
        SCENE_IN_BOTH(others_notice_nothing_of_a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
