/* settings_test.c -- settings as an operator meets them: --check, --print-config, mistakes, and reload (design 2). */
#include "tests/system/broker.h"
#include "tests/system/node.h"
#include "tests/system/peer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_SETTINGS = 78 };

static const char WRONG[] = "gateway: {id: 300}\n"
                            "radios:\n"
                            "  - {name: lan, driver: udp, listen: \"127.0.0.1:0\"}\n"
                            "predefind: 1\n"
                            "broker: {url: \"http://127.0.0.1\", mode: transparant}\n";

static bool has(const char *text, const char *part)
{
    bool found = strstr(text, part) != NULL;
    if (!found)
        print_error("\"%s\" expected in:\n%s\n", part, text);
    return found;
}

/* Every mistake with its place and what would be right. */
static bool names_all_mistakes(const char *log)
{
    return has(log, "gateway.yaml:1:") && has(log, "gateway.yaml:4:1: ") &&
           has(log, "gateway.yaml:5:") && has(log, "\"transparent\"") && has(log, "predefind") &&
           has(log, "mqtt://host:1883");
}

static void a_run_with_mistakes_names_them_all_and_exits_with_78(struct scene *s)
{
    char path[SCENE_PATH], *out, *log;
    scene_writes(s, "gateway.yaml", WRONG, path);
    int status = gateway_command(s, (const char *const[]){ "--config", path, NULL }, &out, &log);
    bool good = status == EXIT_SETTINGS && names_all_mistakes(log) && !strstr(log, "listening");
    free(out);
    free(log);
    assert_true(good);
}

static void check_names_all_mistakes_and_exits_with_78(struct scene *s)
{
    char path[SCENE_PATH], *out, *log;
    scene_writes(s, "gateway.yaml", WRONG, path);
    int status =
        gateway_command(s, (const char *const[]){ "--check", "--config", path, NULL }, &out, &log);
    bool good = status == EXIT_SETTINGS && names_all_mistakes(log);
    free(out);
    free(log);
    assert_true(good);
}

static void check_of_good_settings_exits_with_0(struct scene *s)
{
    char path[SCENE_PATH], *out, *log;
    settings_write(s, (struct settings){ .url = "mqtt://127.0.0.1:1883" }, path);
    int status =
        gateway_command(s, (const char *const[]){ "--check", "--config", path, NULL }, &out, &log);
    free(out);
    free(log);
    assert_int_equal(status, 0);
}

static void an_empty_file_is_good(struct scene *s)
{
    char path[SCENE_PATH], *out, *log;
    scene_writes(s, "gateway.yaml", "", path);
    int status =
        gateway_command(s, (const char *const[]){ "--check", "--config", path, NULL }, &out, &log);
    free(out);
    free(log);
    assert_int_equal(status, 0);
}

static void a_missing_file_exits_with_78_and_names_it(struct scene *s)
{
    char *out, *log;
    int status = gateway_command(s, (const char *const[]){ "--config", "no-such-file.yaml", NULL },
                                 &out, &log);
    bool named = has(log, "no-such-file.yaml");
    free(out);
    free(log);
    assert_int_equal(status, EXIT_SETTINGS);
    assert_true(named);
}

static void printed_settings_load_again_and_hide_secrets(struct scene *s)
{
    char path[SCENE_PATH], secret[SCENE_PATH], broker[2 * SCENE_PATH], *first, *second, *log;
    scene_writes(s, "password", "let-me-in\n", secret);
    snprintf(broker, sizeof broker,
             ", username: gateway, password_file: \"%s\", prefix: \"site-4/\"", secret);
    settings_write(s,
                   (struct settings){
                       .url = "mqtt://127.0.0.1:1883",
                       .broker = broker,
                       .limits = "clients: 77",
                       .more = "topics: {\"*\": {1: a/b/c}, m1: {2: d/e/f}}\n"
                               "clients: [{match: \"m*\", mode: aggregate, publish: [\"a/#\"]}]" },
                   path);
    int status = gateway_command(
        s, (const char *const[]){ "--print-config", "--config", path, NULL }, &first, &log);
    free(log);
    assert_int_equal(status, 0);
    assert_true(has(first, "77") && has(first, "site-4/") && has(first, "a/b/c") &&
                !strstr(first, "let-me-in"));
    scene_writes(s, "again.yaml", first, path);
    status = gateway_command(s, (const char *const[]){ "--check", "--config", path, NULL }, &second,
                             &log);
    if (status != 0)
        print_error("%s\n", log);
    free(first);
    free(second);
    free(log);
    assert_int_equal(status, 0);
}

static void help_and_version_are_printed(struct scene *s)
{
    char *help, *version, *log;
    assert_int_equal(gateway_command(s, (const char *const[]){ "--help", NULL }, &help, &log), 0);
    free(log);
    assert_int_equal(gateway_command(s, (const char *const[]){ "--version", NULL }, &version, &log),
                     0);
    free(log);
    bool good = has(help, "--check") && has(help, "--print-config") && has(version, "mqttsn-gateway");
    free(help);
    free(version);
    assert_true(good);
}

/* Publishes with predefined id `id`; answered with `return_code`. */
static void predefined_is_answered(struct node *n, uint16_t id, uint8_t return_code)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .qos = 1,
                                           .topic_id_type = MQTTSN_PREDEFINED,
                                           .topic_id = id,
                                           .message_id = node_next_message_id(n),
                                           .tail = span_text("x") });
    assert_int_equal(node_expects(n, MQTTSN_PUBACK).return_code, return_code);
}

/* Writes new settings for the running gateway. It keeps its radio, which now has a name for its port: 0 still. */
static void change(struct scene *s, const char *limits, const char *level, const char *more)
{
    char path[SCENE_PATH];
    settings_write(s, (struct settings){ .limits = limits, .level = level, .more = more }, path);
    gateway_reloads(s->gateway);
}

static void a_reload_brings_new_topics_at_once(struct scene *s) /* SN-TOP-10 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "#", 1);
    node_connects(n, "m1");
    predefined_is_answered(n, 9, MQTTSN_INVALID_TOPIC_ID);
    change(s, NULL, NULL, "topics: {\"*\": {9: new/topic}}");
    gateway_logs(s->gateway, "settings: reloaded");
    predefined_is_answered(n, 9, MQTTSN_ACCEPTED);
    peer_hears(world, "new/topic", "x");
}

static void a_reload_brings_new_limits_and_clients(struct scene *s)
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    node_connects(node_open(g), "m1");
    change(s, "clients: 2", NULL, "clients: [{match: \"bad-*\", allow: false}]");
    gateway_logs(g, "settings: reloaded");
    node_connect_is_answered(node_open(g), "bad-1", MQTTSN_NOT_SUPPORTED);
    node_connects(node_open(g), "m2");
    node_connect_is_answered(node_open(g), "m3", MQTTSN_CONGESTION);
}

static void a_reload_brings_a_new_log_level(struct scene *s)
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ .level = "info" });
    node_connects(node_open(g), "m1");
    assert_int_equal(process_count(&g->process, "session m1"), 0);
    change(s, NULL, "debug", NULL);
    gateway_logs(g, "settings: reloaded");
    node_connects(node_open(g), "m2");
    gateway_logs(g, "session m2");
}

static void a_reload_with_a_mistake_changes_nothing(struct scene *s)
{
    static const char topics[] = "topics: {\"*\": {9: old/topic}}";
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ .more = topics }));
    node_connects(n, "m1");
    change(s, NULL, NULL, "topics: {\"*\": {9: new/topic, 70000: too/large}}\nunknown_word: 1");
    gateway_logs(s->gateway, "settings: not reloaded, the old ones stay");
    gateway_logs(s->gateway, "unknown_word");
    gateway_logs(s->gateway, "70000");
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, "#", 1);
    predefined_is_answered(n, 9, MQTTSN_ACCEPTED);
    peer_hears(world, "old/topic", "x");
}

/* A reload is an event of a running gateway: what it says has time and level, and is JSON where all is. */
static void the_mistakes_of_a_reload_are_lines_of_the_log(struct scene *s)
{
    gateway_start_with_broker(s, (struct settings){ 0 });
    change(s, NULL, NULL, "unknown_word: 1\nother_word: 2");
    gateway_logs(s->gateway, "settings: not reloaded, the old ones stay");
    assert_non_null(strstr(gateway_logs(s->gateway, "unknown_word"), " error settings: "));
    assert_non_null(strstr(gateway_logs(s->gateway, "other_word"), " error settings: "));
}

static void a_gateway_without_zigbee_says_that_it_has_nothing_to_open(struct scene *s)
{
    struct gateway *g = gateway_start_with_broker(s, (struct settings){ 0 });
    assert_int_equal(kill(g->process.pid, SIGUSR2), 0);
    gateway_logs(g, "there is no network to open for new nodes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(a_run_with_mistakes_names_them_all_and_exits_with_78),
        SCENE(check_names_all_mistakes_and_exits_with_78),
        SCENE(check_of_good_settings_exits_with_0),
        SCENE(an_empty_file_is_good),
        SCENE(a_missing_file_exits_with_78_and_names_it),
        SCENE(printed_settings_load_again_and_hide_secrets),
        SCENE(help_and_version_are_printed),
        SCENE_IN_BOTH(a_reload_brings_new_topics_at_once),
        SCENE_IN_BOTH(a_reload_brings_new_limits_and_clients),
        SCENE(a_reload_brings_a_new_log_level),
        SCENE_IN_BOTH(a_reload_with_a_mistake_changes_nothing),
        SCENE(the_mistakes_of_a_reload_are_lines_of_the_log),
        SCENE(a_gateway_without_zigbee_says_that_it_has_nothing_to_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
