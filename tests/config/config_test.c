/* config_test.c -- settings that are right: defaults, every section, topics, clients. */
#include "tests/config/config_scene.h"

static void without_a_file_every_setting_has_its_default(void **state)
{
    (void)state;
    struct config *c = config_load(NULL, stderr);
    assert_non_null(c);
    assert_null(c->path);
    these_are_the_defaults(c);
    these_are_the_default_limits(&c->limits);
    config_free(c);
}

static void an_empty_file_and_empty_sections_mean_the_defaults(void **state)
{
    (void)state;
    const char *const files[] = { "", "# nothing\n", "~", "---\n...\n",
                                  ("gateway:\nradios:\nbroker:\ntopics:\nlimits:\n"
                                   "  retry:\nclients:\nlog: {}\n") };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct config *c = is_accepted(files[i]);
        these_are_the_defaults(c);
        config_free(c);
    }
}

static void a_client_that_no_row_matches_has_the_defaults(void **state)
{
    (void)state;
    struct config *c =
        is_accepted("broker: {mode: aggregate}\nclients: [{match: a, allow: false}]\n");
    const struct config_client *client = config_client(c, "b");
    assert_ptr_equal(client, &c->default_client);
    assert_true(client->allow);
    assert_int_equal(client->mode, MODE_AGGREGATE);
    assert_null(client->publish);
    assert_null(client->subscribe);
    assert_int_equal(client->tolerance, TOLERANCE_HALF);
    assert_int_equal(client->wake_connect, WAKE_HONOUR);
    assert_int_equal(client->will_update, WILL_UPDATE_KEEP);
    assert_int_equal(client->address_change, REBIND_SAME_IP);
    assert_int_equal(client->wake_address_change, REBIND_ANY);
    assert_true(client->sleep_qos0);
    assert_false(client->strict_sleep || client->will_on_takeover || client->strict_client_id);
    assert_false(client->reject_zero_keepalive || client->probe);
    assert_int_equal(client->awake_extra, 10);
    config_free(c);
}

static void radios_are_read(void **state)
{
    (void)state;
    struct config *c = load_everything();
    assert_int_equal(c->radio_count, 5);
    assert_string_equal(c->radios[0].listen.host, "0.0.0.0");
    assert_int_equal(c->radios[0].multicast.port, 1884);
    assert_string_equal(c->radios[0].multicast.host, "239.192.0.50");
    assert_string_equal(c->radios[0].interface, "eth0");
    assert_string_equal(c->radios[1].listen.host, "::1");
    assert_int_equal(c->radios[1].listen.port, 0);
    assert_string_equal(c->radios[1].multicast.host, "ff05::50");
    assert_int_equal(c->radios[1].multicast.port, 9);
    assert_true(c->radios[1].forwarders);
    assert_int_equal(c->radios[1].forwarder_depth, 3);
    assert_int_equal(c->radios[1].max_message, 60);
    config_free(c);
}

static void the_broker_is_read(void **state)
{
    const struct config_scene *scene = *state;
    char path[128];
    struct config *c = load_everything();
    assert_true(c->broker.tls);
    assert_string_equal(c->broker.address.host, "::1");
    assert_int_equal(c->broker.address.port, 8883);
    assert_int_equal(c->broker.keepalive_s, 120);
    assert_string_equal(c->broker.server_name, "broker.example");
    assert_string_equal(c->broker.alpn, "mqtt");
    assert_int_equal(c->broker.max_qos, 1);
    assert_false(c->broker.retain);
    assert_true(span_equal(c->broker.password, span_text("pass word")));
    snprintf(path, sizeof path, "%s/other.pem", scene->folder);
    assert_string_equal(c->broker.cert_file,
                        path); /* absolute: it means the same after a change of folder */
    config_free(c);
}

static void the_server_name_is_by_default_the_host(void **state)
{
    (void)state;
    struct config *c = is_accepted("broker: {url: \"mqtts://broker.example:8884/\"}\n");
    assert_string_equal(c->broker.server_name, "broker.example");
    assert_int_equal(c->broker.address.port, 8884);
    config_free(c);
}

static void clients_and_limits_are_read(void **state)
{
    (void)state;
    struct config *c = load_everything();
    const struct config_client *client = config_client(c, "sensor-1");
    assert_ptr_equal(client, &c->clients[0]);
    assert_int_equal(client->mode, MODE_TRANSPARENT);
    assert_int_equal(client->publish_count, 1);
    assert_int_equal(client->subscribe_count, 2);
    assert_string_equal(client->subscribe[0], "greenhouse/{client}/#");
    assert_true(span_equal(client->password, span_text("pass word")));
    assert_int_equal(client->tolerance, TOLERANCE_SPEC);
    assert_int_equal(client->wake_connect, WAKE_RESUME);
    assert_int_equal(client->will_update, WILL_UPDATE_RECONNECT);
    assert_true(client->probe && client->strict_sleep && client->will_on_takeover &&
                client->strict_client_id);
    assert_true(client->reject_zero_keepalive && !client->sleep_qos0);
    assert_int_equal(client->address_change, REBIND_DENY);
    assert_int_equal(client->wake_address_change, REBIND_SAME_IP);
    assert_int_equal(client->awake_extra, 0);
    assert_int_equal(c->limits.sleep_queue.bytes, 2048);
    assert_int_equal(c->limits.sleep_queue.ttl_ms, 5400000);
    assert_int_equal(c->limits.retry.interval_ms, 1500);
    assert_true(c->qos_minus_one && c->qos_m1_retain && c->qos_m1_long_topic);
    assert_true(c->log.json && c->log.level == LEVEL_TRACE);
    config_free(c);
}

static void the_first_row_that_matches_wins(void **state)
{
    (void)state;
    struct config *c = load_everything();
    assert_true(config_client(c, "sensor-1")->allow);
    assert_false(config_client(c, "pump")->allow);
    assert_int_equal(config_client(c, "pump")->mode, MODE_AGGREGATE);
    assert_non_null(
        config_client(c, "pump")->publish); /* an empty list: nothing is allowed, not everything */
    assert_int_equal(config_client(c, "pump")->publish_count, 0);
    config_free(c);
}

static void topics_are_sorted_those_of_every_client_first(void **state)
{
    (void)state;
    static const struct config_topic expected[] = {
        { "*", 1, "greenhouse/all/alarm" },
        { "*", 2, "greenhouse/{client}/temperature" },
        { "*", 9, "all/door" },
        { "sensor-7", 1, "greenhouse/7/alarm" },
        { "sensor-7", 9, "greenhouse/7/door" },
    };
    struct config *c = load_everything();
    assert_int_equal(c->topic_count, 5);
    for (size_t i = 0; i < c->topic_count; i++) {
        assert_string_equal(c->topics[i].client, expected[i].client);
        assert_int_equal(c->topics[i].id, expected[i].id);
        assert_string_equal(c->topics[i].topic, expected[i].topic);
    }
    config_free(c);
}

static void a_client_whose_id_sorts_before_the_star_still_comes_after_it(void **state)
{
    (void)state;
    struct config *c = is_accepted("topics: {\"!a\": {1: x}, \"*\": {65534: \"{other}\"}}\n");
    assert_string_equal(c->topics[0].client, "*");
    assert_int_equal(c->topics[0].id, 65534);
    assert_string_equal(c->topics[1].client, "!a");
    config_free(c);
}

static void the_table_of_other_gateways_loads_unchanged(void **state)
{
    (void)state;
    file_holds(
        "topics.csv",
        "\xef\xbb\xbf"
        "ClientID, TopicName, TopicID\n\n  # all\n*, a/b,1\r\nnode#1 ,c d/e , 65534 # that one");
    struct config *c = is_accepted("topics_file: topics.csv\n");
    assert_int_equal(c->topic_count, 2);
    assert_string_equal(c->topics[1].client, "node#1");
    assert_string_equal(c->topics[1].topic, "c d/e");
    assert_int_equal(c->topics[1].id, 65534);
    config_free(c);
}

static void an_alias_of_a_single_value_is_that_value(void **state)
{
    (void)state;
    struct config *c = is_accepted("gateway: {name: &n a}\nbroker: {username: *n}\n");
    assert_string_equal(c->broker.username, "a");
    config_free(c);
}

int main(void)
{
#define IN_A_FOLDER(test)                                                                          \
    cmocka_unit_test_setup_teardown(test, config_scene_open, config_scene_close)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_every_setting_has_its_default),
        cmocka_unit_test(an_empty_file_and_empty_sections_mean_the_defaults),
        cmocka_unit_test(a_client_that_no_row_matches_has_the_defaults),
        IN_A_FOLDER(radios_are_read),
        IN_A_FOLDER(the_broker_is_read),
        cmocka_unit_test(the_server_name_is_by_default_the_host),
        IN_A_FOLDER(clients_and_limits_are_read),
        IN_A_FOLDER(the_first_row_that_matches_wins),
        IN_A_FOLDER(topics_are_sorted_those_of_every_client_first),
        cmocka_unit_test(a_client_whose_id_sorts_before_the_star_still_comes_after_it),
        IN_A_FOLDER(the_table_of_other_gateways_loads_unchanged),
        cmocka_unit_test(an_alias_of_a_single_value_is_that_value),
    };
#undef IN_A_FOLDER
    return cmocka_run_group_tests(tests, NULL, NULL);
}
