/* dump_test.c -- --state-dump: an operator looks at what would survive, beside a gateway that runs or is dead.
 *
 * What a node did last may be on its way to the disk still, so a dump is asked again until it shows it. A gateway
 * that is looked at must not notice, and its files must not change by a single octet. */
#include "tests/system/dumper.h"
#include "tests/system/keeper.h"
#include "tests/system/outage.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static json_t *dump_json(struct scene *s)
{
    char *out, *log;
    json_error_t e;
    const int status = dump(s, "--json", &out, &log);
    json_t *tree = json_loads(out, 0, &e);
    if (!tree)
        print_error("%s: %s\n%s\n", e.text, out, log);
    free(out);
    free(log);
    assert_int_equal(status, 0);
    assert_non_null(tree);
    return tree;
}

static void people_read(struct scene *s, const char *part)
{
    char *out, *log;
    const int status = dump(s, NULL, &out, &log);
    const bool good = dump_has(out, part);
    free(out);
    free(log);
    assert_int_equal(status, 0);
    assert_true(good);
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

static json_t *client(const json_t *tree, const char *id)
{
    const json_t *clients = json_object_get(tree, "clients");
    for (size_t i = 0; i < json_array_size(clients); i++) {
        json_t *one = json_array_get(clients, i);
        if (strcmp(json_string_value(json_object_get(one, "client_id")), id) == 0)
            return one;
    }
    return NULL;
}

static const char *text_in(const json_t *in, const char *key)
{
    const char *text = json_string_value(json_object_get(in, key));
    return text ? text : "null";
}

static json_int_t number_in(const json_t *in, const char *key)
{
    return json_integer_value(json_object_get(in, key));
}

/* Until the client is in that state and its list (or NULL) has so many elements. */
static json_t *dump_shows(struct scene *s, const char *id, const char *state, const char *list,
                          size_t count)
{
    const int64_t deadline = deadline_in(PATIENCE_MS);
    for (;;) {
        json_t *tree = dump_json(s);
        const json_t *one = client(tree, id);
        if (one && strcmp(text_in(one, "state"), state) == 0 &&
            (!list || json_array_size(json_object_get(one, list)) == count))
            return tree;
        if (deadline_left(deadline) == 0)
            fail_msg("client %s never is %s in %s", id, state, json_dumps(tree, JSON_INDENT(1)));
        json_decref(tree);
    }
}

static void gateway_is(struct scene *s, const char *word)
{
    json_t *tree = dump_json(s);
    assert_string_equal(text_in(json_object_get(tree, "file"), "gateway"), word);
    json_decref(tree);
}

/* ---- a gateway that runs ----------------------------------------------------------------------------------------- */

static struct node *node_of_keeper(struct scene *s)
{
    return node_open(keeper_start(s, (struct settings){ 0 }));
}

static void connects_for(struct node *n, const char *id, uint16_t seconds)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                           .protocol_id = 1,
                                           .duration = seconds,
                                           .tail = span_text(id) });
    assert_int_equal(node_expects(n, MQTTSN_CONNACK).return_code, 0);
}

static void clients_are_shown_in_every_state(struct scene *s)
{
    struct node *n = node_of_keeper(s), *kept = node_open(n->gateway), *lost = node_open(n->gateway);
    node_connects(n, "m1");
    node_connects_kept(kept, "m2");
    node_disconnects(kept);
    connects_for(lost, "m3", stretched(1));
    json_decref(dump_shows(s, "m1", "active", NULL, 0));
    json_decref(dump_shows(s, "m2", "disconnected", NULL, 0));
    gateway_logs(n->gateway, "session m3: active -> lost");
    json_decref(dump_shows(s, "m3", "lost", NULL, 0));
    node_falls_asleep(n, 300);
    json_decref(dump_shows(s, "m1", "asleep", NULL, 0));
    people_read(s, "                 1 disconnected\n");
}

static void a_sleeper_is_shown_with_what_waits_for_it(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    node_connects_kept(n, "m1");
    const uint16_t id = node_subscribes(n, "lamp/1", 1);
    node_falls_asleep(n, 300);
    peer_publishes(peer_open(s, "world"), "lamp/1", 1, "\x01\xff");
    json_t *tree = dump_shows(s, "m1", "asleep", "downlink", 1);
    const json_t *one = client(tree, "m1"), *topic, *sub, *message;
    topic = json_array_get(json_object_get(one, "topics"), 0);
    sub = json_array_get(json_object_get(one, "subscriptions"), 0);
    message = json_array_get(json_object_get(one, "downlink"), 0);
    assert_int_equal(number_in(one, "expected_until_ms") - number_in(one, "since_ms"), 450000);
    assert_int_equal(number_in(topic, "topic_id"), id);
    assert_string_equal(text_in(topic, "name"), "lamp/1");
    assert_string_equal(text_in(topic, "standing"), "confirmed");
    assert_string_equal(text_in(sub, "filter"), "lamp/1");
    assert_int_equal(number_in(sub, "qos"), 1);
    assert_string_equal(text_in(message, "topic"), "lamp/1");
    assert_string_equal(text_in(message, "payload_base64"), "Af8=");
    assert_int_equal(number_in(message, "octets"), 8);
    json_decref(tree);
    people_read(s, "  waits for it   1 message, 8 octets, the oldest for ");
    people_read(s, "sleeps for 300 s, expected until ");
}

static void what_waits_for_the_broker_is_shown(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    node_connects_kept(n, "m1");
    const uint16_t id = node_registers(n, "a/1");
    outage_begins(s);
    node_publishes(n, id, 1, "1");
    node_publishes(n, id, 1, "2");
    json_t *tree = dump_shows(s, "m1", "active", "uplink", 2);
    const json_t *list = json_object_get(client(tree, "m1"), "uplink");
    assert_string_equal(text_in(json_array_get(list, 0), "payload_base64"), "MQ==");
    assert_string_equal(text_in(json_array_get(list, 1), "payload_base64"), "Mg==");
    assert_string_equal(text_in(json_array_get(list, 0), "phase"), "waiting");
    json_decref(tree);
    people_read(s, "  to the broker  2 messages, 8 octets, the oldest for ");
    broker_restarts(s->broker);
}

static void where_it_was_heard_and_its_will_are_shown(struct scene *s)
{
    char address[32];
    struct node *n = node_of_keeper(s);
    node_connects_with_will(n, "m1", 60, "will/m1", "gone");
    json_t *tree = dump_shows(s, "m1", "active", NULL, 0);
    const json_t *one = client(tree, "m1"), *heard = json_object_get(one, "heard");
    snprintf(address, sizeof address, "127.0.0.1:%u", node_port(n));
    assert_string_equal(text_in(heard, "radio"), "lan");
    assert_string_equal(text_in(heard, "address"), address);
    assert_string_equal(text_in(json_object_get(one, "will"), "topic"), "will/m1");
    assert_string_equal(text_in(json_object_get(one, "will"), "message_base64"), "Z29uZQ==");
    assert_string_equal(text_in(one, "mode"), s->mode);
    assert_int_equal(number_in(one, "keep_alive_s"), 60);
    json_decref(tree);
    people_read(s, "  will           will/m1, QoS ");
}

static void qos_2_handshakes_are_shown(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    node_connects_kept(n, "m1");
    node_subscribes(n, "lamp/1", 2);
    peer_publishes(peer_open(s, "world"), "lamp/1", 2, "on");
    node_receives_and_acks(n, "on");
    const uint16_t id = node_registers(n, "a/1");
    node_publishes(n, id, 2, "on");
    json_t *tree = dump_shows(s, "m1", "active", "exchanges", 1);
    const json_t *one = client(tree, "m1");
    const bool own = strcmp(s->mode, "transparent") == 0;
    const json_t *list =
        own ? json_object_get(one, "arrivals") : json_object_get(tree, "shared_arrivals");
    assert_int_equal(number_in(json_array_get(json_object_get(one, "exchanges"), 0), "message_id"),
                     n->message_id);
    assert_in_range(number_in(json_array_get(list, 0), "packet_id"), 1, UINT16_MAX);
    json_decref(tree);
}

static void a_name_that_could_fool_a_reader_is_escaped(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    node_connects(n, "a\\b");
    node_registers(n, "red\xe2\x80\xae/x");
    json_t *tree = dump_shows(s, "a\\\\b", "active", "topics", 1);
    const json_t *topics = json_object_get(client(tree, "a\\\\b"), "topics");
    assert_string_equal(text_in(json_array_get(topics, 0), "name"), "red\\xe2\\x80\\xae/x");
    json_decref(tree);
    people_read(s, "= red\\xe2\\x80\\xae/x\n");
}

static void the_gateway_that_runs_is_named_and_does_not_notice(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    node_connects(n, "m1");
    const uint16_t id = node_registers(n, "a/1");
    process_mark(&n->gateway->process);
    json_t *tree = dump_json(s);
    const json_t *file = json_object_get(tree, "file");
    assert_string_equal(text_in(file, "gateway"), "running");
    assert_int_equal(number_in(file, "pid"), n->gateway->process.pid);
    json_decref(tree);
    node_publishes(n, id, 1, "on");
    assert_int_equal(process_count(&n->gateway->process, "state:"), 0);
}

/* ---- a gateway that does not ------------------------------------------------------------------------------------- */

static void a_kill_and_a_stop_in_order_are_told_apart(struct scene *s)
{
    struct node *n = node_of_keeper(s);
    node_connects(n, "m1");
    json_decref(dump_shows(s, "m1", "active", NULL, 0));
    gateway_is_killed(n->gateway);
    gateway_is(s, "killed");
    json_decref(dump_shows(s, "m1", "active", NULL, 0));
    gateway_starts_again(n->gateway);
    gateway_is(s, "running");
    assert_int_equal(gateway_stops(n->gateway), 0);
    gateway_is(s, "stopped");
    json_decref(dump_shows(s, "m1", "active", NULL, 0));
    people_read(s, "not running; it was stopped in order");
}

static const char *const endings[] = { "", "-wal", "-shm", "-lock", "-journal" };
enum { ENDINGS = sizeof endings / sizeof endings[0] };

struct traces {
    struct stat about[ENDINGS];
    bool there[ENDINGS];
};

static struct traces traces_of(const struct scene *s)
{
    struct traces t = { 0 };
    char path[SCENE_PATH], file[SCENE_PATH + 16];
    keeper_state(s, path);
    for (size_t i = 0; i < ENDINGS; i++) {
        snprintf(file, sizeof file, "%s%s", path, endings[i]);
        t.there[i] = stat(file, &t.about[i]) == 0;
    }
    return t;
}

static void a_dump_leaves_no_trace(struct scene *s)
{
    const struct traces before = traces_of(s);
    json_decref(dump_json(s));
    const struct traces after = traces_of(s);
    for (size_t i = 0; i < ENDINGS; i++) {
        const struct stat *a = &before.about[i], *b = &after.about[i];
        assert_int_equal(before.there[i], after.there[i]);
        assert_int_equal(a->st_size, b->st_size);
        assert_memory_equal(&a->st_mtim, &b->st_mtim, sizeof a->st_mtim);
    }
}

static void nothing_on_the_disk_changes(struct scene *s)
{
    char path[SCENE_PATH], index[SCENE_PATH + 8];
    struct node *n = node_of_keeper(s);
    node_connects(n, "m1");
    node_registers(n, "a/1");
    a_dump_leaves_no_trace(s);
    gateway_is_killed(n->gateway);
    a_dump_leaves_no_trace(s);
    keeper_state(s, path);
    snprintf(index, sizeof index, "%s-shm", path);
    assert_int_equal(unlink(index), 0); /* as in a copy */
    a_dump_leaves_no_trace(s);
    json_decref(dump_shows(s, "m1", "active", "topics", 1));
    gateway_starts_again(n->gateway);
    assert_int_equal(gateway_stops(n->gateway), 0);
    a_dump_leaves_no_trace(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(clients_are_shown_in_every_state),
        SCENE_IN(a_sleeper_is_shown_with_what_waits_for_it, "aggregate"),
        SCENE_IN_BOTH(what_waits_for_the_broker_is_shown),
        SCENE_IN_BOTH(where_it_was_heard_and_its_will_are_shown),
        SCENE_IN_BOTH(qos_2_handshakes_are_shown),
        SCENE(a_name_that_could_fool_a_reader_is_escaped),
        SCENE(the_gateway_that_runs_is_named_and_does_not_notice),
        SCENE(a_kill_and_a_stop_in_order_are_told_apart),
        SCENE(nothing_on_the_disk_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
