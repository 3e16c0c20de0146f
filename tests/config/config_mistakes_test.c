/* config_mistakes_test.c -- settings that are wrong: every kind of mistake, word for word, and all in one run. */
#include "tests/config/config_scene.h"

struct wrong {
    const char *yaml, *mistakes;
};

static void all_are_refused(const struct wrong *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        is_refused(rows[i].yaml, rows[i].mistakes);
}
#define ALL_ARE_REFUSED(rows) all_are_refused(rows, sizeof(rows) / sizeof *(rows))

static void an_unknown_key_names_the_nearest_one(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        { "gatway: {}\n", "g.yaml:1:1: unknown key \"gatway\", did you mean \"gateway\"?\n" },
        { "limits:\n  rerty: {}\n", "g.yaml:2:3: unknown key \"rerty\", did you mean \"retry\"?\n" },
        { "radios:\n  - lisen: x\n", "g.yaml:2:5: unknown key \"lisen\", did you mean \"listen\"?\n" },
        { "log: {colour: red}\n",
          "g.yaml:1:7: unknown key \"colour\", known here are level, format\n" },
        { "log.level: info\n",
          "g.yaml:1:1: unknown key \"log.level\", known here are gateway, radios, broker, topics, "
          "topics_file, clients, qos_minus_one, qos_m1_retain, qos_m1_long_topic, limits, admin, log\n" },
    };
    ALL_ARE_REFUSED(rows);
}

static void a_value_out_of_range_names_the_range(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        { "gateway: {id: 256}\n",
          "g.yaml:1:15: gateway.id: \"256\" is out of range, allowed is 1..255\n" },
        { "gateway: {id: 99999999999999999999}\n",
          "g.yaml:1:15: gateway.id: \"99999999999999999999\" is out of range, allowed is 1..255\n" },
        { "gateway: {id: one}\n",
          "g.yaml:1:15: gateway.id: \"one\" is not a whole number, allowed is 1..255\n" },
        { "limits: {max_idle: \"366d\"}\n",
          "g.yaml:1:20: limits.max_idle: \"366d\" is out of range, allowed is 1s..365d\n" },
        { "limits: {sleep_queue: {bytes: \"1B\"}}\n",
          "g.yaml:1:31: limits.sleep_queue.bytes: \"1B\" is out of range, allowed is 1KiB..1GiB\n" },
    };
    ALL_ARE_REFUSED(rows);
}

static void a_wrong_unit_or_word_says_what_would_be_right(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        { "limits: {wait: 30}\n",
          "g.yaml:1:16: limits.wait: \"30\" is not a duration, write a number and its unit: "
          "\"500ms\", \"30s\", \"5m\", \"1h\", \"7d\"\n" },
        { "limits: {uplink_queue: {bytes: 16MB}}\n",
          "g.yaml:1:32: limits.uplink_queue.bytes: \"16MB\" is not a size, write a number and its unit: "
          "\"512B\", \"64KiB\", \"16MiB\", \"1GiB\"\n" },
        { "broker: {keepalive: \"1500ms\"}\n",
          "g.yaml:1:21: broker.keepalive: \"1500ms\" is not a whole number of seconds\n" },
        { "qos_minus_one: yes\n", "g.yaml:1:16: qos_minus_one: \"yes\" is neither true nor false\n" },
        { "log: {level: wran}\n",
          "g.yaml:1:14: log.level: \"wran\" is none of error | warn | info | debug | trace, "
          "did you mean \"warn\"?\n" },
        { "broker: {mode: both-of-them}\n",
          "g.yaml:1:16: broker.mode: \"both-of-them\" is none of transparent | aggregate\n" },
    };
    ALL_ARE_REFUSED(rows);
}

static void a_value_of_the_wrong_kind_says_what_is_needed(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        { "gateway: 3\n",
          "g.yaml:1:10: gateway needs keys and values below it, as in `key: value`\n" },
        { "- a\n",
          "g.yaml:1:1: the settings file needs keys and values below it, as in `key: value`\n" },
        { "radios: {name: lan}\n", "g.yaml:1:9: radios needs a list, each item begins with \"- \"\n" },
        { "radios: []\n", "g.yaml:1:9: radios is an empty list, leave the key out for the default\n" },
        { "gateway: {id: [1]}\n", "g.yaml:1:15: gateway.id needs a single value, not a list\n" },
        { "log: {level: {a: b}}\n", "g.yaml:1:14: log.level needs a single value, not a section\n" },
        { "gateway:\n  id:\n",
          "g.yaml:2:6: gateway.id has no value, leave the key out for the default\n" },
        { "gateway: {name: \"\"}\n", "g.yaml:1:17: gateway.name: \"\" is empty\n" },
        { "gateway: {name: \"a\\0b\"}\n",
          "g.yaml:1:17: the text holds a NUL character or is not UTF-8\n" },
        { "clients: [{publish: a}]\n",
          "g.yaml:1:21: clients[].publish needs a list of topic filters, as in [\"greenhouse/#\"]\n" },
        { "clients: [{publish: [a#]}]\n",
          "g.yaml:1:22: clients[].publish: \"a#\" is not a topic filter: '+' must fill "
          "a whole level, '#' the last one\n" },
        { "? [a]\n: b\n", "g.yaml:1:3: a key must be a single word\n" },
    };
    ALL_ARE_REFUSED(rows);
}

static void the_clever_parts_of_yaml_are_refused(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        { "log:\n  <<: {}\n", "g.yaml:2:3: merge keys (<<) are not supported, write the keys out\n" },
        { "gateway: &g {id: 2}\nlog: *g\n",
          "g.yaml:1:10: this section is used again by an alias (*), which is not "
          "supported, write it out\n" },
        { "gateway: {name: !env HOME}\n",
          "g.yaml:1:17: tags (!env) are not supported, write the value itself\n" },
        { "---\nlog: {}\n---\nlog: {}\n",
          "g.yaml:3:1: a second document (---) begins here, the settings must be one document\n" },
        { "gateway:\n\tid: 3\n", "g.yaml:2:1: a tab cannot indent in YAML, use spaces\n" },
        { "a: [1\n",
          "g.yaml:2:1: not YAML: did not find expected ',' or ']', while parsing a flow sequence (begun in "
          "line 1)\n" },
        { "log: {}\nx: \xc3\xa4\xff\n", "g.yaml:2:5: this octet (0xff) is not UTF-8 text\n" },
        { "log: {}\nx: \x01\n", "g.yaml:2:4: not YAML: control characters are not allowed\n" },
    };
    ALL_ARE_REFUSED(rows);
}

static void what_is_too_deep_or_too_large_is_refused_at_once(void **state)
{
    (void)state;
    size_t len = (16 << 20) + 1;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, '[', len);
    is_refused_len(text, len - 1, "g.yaml:1:33: nested more than 32 levels deep\n");
    is_refused_len(text, len, "g.yaml: larger than 16 MiB\n");
    free(text);
}

static void what_is_given_twice_names_both_lines(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        { "gateway:\n  id: 1\nlog: {}\ngateway:\n  id: 2\n",
          "g.yaml:4:1: key \"gateway\" is given twice, first in line 1\n" },
        { "gateway:\n  id: 1\n  id: 1\n", "g.yaml:3:3: key \"id\" is given twice, first in line 2\n" },
        { "radios:\n  - {name: a, listen: \"[::1]:9\"}\n  - name: a\n    listen: \"[0:0::1]:9\"\n",
          "g.yaml:3:11: radio name \"a\" is given twice, first in line 2\n"
          "g.yaml:4:13: listen address \"[::1]:9\" is given twice, first in line 2\n" },
        { "clients:\n  - match: a\n  - match: a\n",
          "g.yaml:3:12: client match \"a\" is given twice, first in line 2\n" },
        { "topics:\n  a:\n    1: x\n    01: x\n",
          "g.yaml:4:5: id 1 of client \"a\" is given twice, first at "
          "g.yaml:3:5\n" },
        { "topics:\n  a: {1: x}\n  a: {2: x}\n",
          "g.yaml:3:3: key \"a\" is given twice, first in line 2\n" },
    };
    ALL_ARE_REFUSED(rows);
}

static void two_radios_on_ports_of_the_systems_choice_are_no_clash(void **state)
{
    (void)state;
    config_free(is_accepted(
        "radios: [{name: a, listen: \"127.0.0.1:0\"}, {name: b, listen: \"127.0.0.1:0\"}]\n"));
}

static void what_is_not_built_yet_is_refused_and_says_so(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        { "radios: [{driver: dtls}]\n",
          "g.yaml:1:19: radios[].driver: \"dtls\" is not built yet in this version\n" },
    };
    ALL_ARE_REFUSED(rows);
    config_free(is_accepted("gateway: {state: \"/x/y.db\"}\nadmin: {listen: \"127.0.0.1:1\"}\n"));
}

static void addresses_must_be_addresses(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        { "radios: [{listen: \"localhost:1\"}]\n",
          "g.yaml:1:19: radios[].listen: \"localhost:1\" is not an address and "
          "port, write it like \"0.0.0.0:1883\" or \"[::]:1883\"\n" },
        { "radios: [{listen: \"::1:1883\"}]\n",
          "g.yaml:1:19: radios[].listen: \"::1:1883\" needs brackets around IPv6, "
          "and only there: \"[::]:1883\"\n" },
        { "admin: {listen: \"127.0.0.1:65536\"}\n",
          "g.yaml:1:17: admin.listen: \"127.0.0.1:65536\" is not an address and port, write it like "
          "\"0.0.0.0:1883\" or \"[::]:1883\"\n" },
        { "radios: [{multicast: 10.0.0.1}]\n",
          "g.yaml:1:22: radios[].multicast: \"10.0.0.1\" is not a multicast group, write it like \"239.192.0.50\", "
          "\"239.192.0.50:1883\" or \"[ff05::50]:1883\"\n" },
        { "radios: [{multicast: \"ff05::50\"}]\n",
          "g.yaml:1:22: radios[].multicast and listen must both be IPv4 or both be IPv6\n" },
        { "radios: [{interface: eth0}]\n",
          "g.yaml:1:22: radios[].interface is where to join the multicast group, but there is none\n" },
        { "broker: {url: \"http://h\"}\n", "g.yaml:1:15: broker.url is not an address, write it like "
                                           "\"mqtt://host:1883\" or \"mqtts://host:8883\"\n" },
        { "broker: {url: \"mqtt://h/path\"}\n",
          "g.yaml:1:15: broker.url is not an address, write it like "
          "\"mqtt://host:1883\" or \"mqtts://host:8883\"\n" },
        { "broker: {url: \"mqtt://u:p@h\"}\n",
          "g.yaml:1:15: broker.url holds a login, write it as broker.username and "
          "broker.password_file\n" },
    };
    ALL_ARE_REFUSED(rows);
}

static void settings_must_fit_together(void **state)
{
    (void)state;
    file_holds("secret", "x");
    static const struct wrong rows[] = {
        { "broker: {alpn: mqtt}\n",
          "g.yaml:1:16: broker.alpn is for TLS, but broker.url does not begin with mqtts://\n" },
        { "broker: {url: \"mqtts://h\", cert_file: secret}\n",
          "g.yaml:1:39: broker.cert_file needs broker.key_file beside it\n" },
        { "broker: {url: \"mqtts://h\", key_file: secret}\n",
          "g.yaml:1:38: broker.key_file needs broker.cert_file beside it\n" },
        { "broker: {password_file: secret}\n",
          "g.yaml:1:25: broker.password_file needs a username beside it\n" },
        { "clients: [{password_file: secret}]\n",
          "g.yaml:1:27: clients[].password_file needs a username beside it\n" },
        { "clients: [{username: a, mode: aggregate}]\n",
          "g.yaml:1:22: clients[].username is for transparent clients, but these are aggregate\n" },
        { "broker: {prefix: a/#}\n",
          "g.yaml:1:18: broker.prefix must be the beginning of a topic, without '+' and '#'\n" },
        { "gateway: {stand_by_for: 1}\n",
          "g.yaml:1:25: gateway.stand_by_for is gateway.id itself, it must be the id of another gateway\n" },
        { "gateway: {stand_by_for: 2, advertise: \"0s\"}\n",
          "g.yaml:1:25: gateway.stand_by_for does nothing where gateway.advertise is \"0s\"\n" },
        { "gateway: {name: a+}\n",
          "g.yaml:1:17: gateway.name is part of topics, so it must not hold '+' or '#'\n" },
    };
    ALL_ARE_REFUSED(rows);
}

static void files_must_be_readable(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        { "broker: {url: \"mqtts://h\", ca_file: none.pem}\n",
          "g.yaml:1:37: broker.ca_file: cannot read \"none.pem\": No such file or directory\n" },
        { "topics_file: .\n", "g.yaml:1:14: topics_file: cannot read \".\": Is a directory\n" },
        { "topics_file: ../t.csv\n",
          "g.yaml:1:14: topics_file: \"../t.csv\" is outside the folder of the settings file\n" },
        { "topics_file: /etc/passwd\n",
          "g.yaml:1:14: topics_file: \"/etc/passwd\" is outside the folder of the settings file\n" },
    };
    ALL_ARE_REFUSED(rows);
}

static void topic_rows_must_be_valid(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        { "topics: {a: {0: x}}\n",
          "g.yaml:1:14: \"0\" is not a topic id, allowed is 1..65534 (0 and 65535 are reserved)\n" },
        { "topics: {a: {65535: x}}\n",
          "g.yaml:1:14: \"65535\" is not a topic id, allowed is 1..65534 (0 and 65535 are reserved)\n" },
        { "topics: {a: {1: x/#}}\n",
          "g.yaml:1:17: \"x/#\" holds a wildcard, a topic id stands for one topic\n" },
        { "topics: {a: {1: }}\n", "g.yaml:1:17: the topic is empty\n" },
        { "topics: {a: {1: [x]}}\n", "g.yaml:1:17: a topic id needs one topic name behind it\n" },
        { "topics: {\"\": {1: x}}\n",
          "g.yaml:1:10: the client id is empty, \"*\" stands for every client\n" },
        { "topics: {a: b}\n",
          "g.yaml:1:13: a client in topics needs keys and values below it, as in `key: value`\n" },
    };
    ALL_ARE_REFUSED(rows);
}

static void a_topics_file_shows_all_its_mistakes_with_those_of_the_settings(void **state)
{
    (void)state;
    file_holds("topics.csv",
               "a,b\n*,t,3\r\n\"a\",b,7\n,x/+,65535\nq,w,9\n q , w ,9 # again\nq,\xff,8\n");
    is_refused("topics:\n  \"*\": {3: x}\ntopics_file: topics.csv\nlgo: {}\n",
               "g.yaml:4:1: unknown key \"lgo\", did you mean \"log\"?\n"
               "topics.csv:1:1: a row is client,topic,id, this one has 2 fields\n"
               "topics.csv:2:1: id 3 of client \"*\" is given twice, first at g.yaml:2:9\n"
               "topics.csv:3:1: write the field without the quotes around it\n"
               "topics.csv:4:1: the client id is empty, \"*\" stands for every client\n"
               "topics.csv:4:2: \"x/+\" holds a wildcard, a topic id stands for one topic\n"
               "topics.csv:4:6: \"65535\" is not a topic id, allowed is 1..65534 (0 and 65535 are reserved)\n"
               "topics.csv:6:1: id 9 of client \"q\" is given twice, first at topics.csv:5:1\n"
               "topics.csv:7:3: \"?\" is not a topic: it must be UTF-8 of at most 65535 octets\n");
}

static void all_mistakes_come_in_one_run_in_the_order_of_the_file(void **state)
{
    (void)state;
    is_refused(
        "log: {level: loud}\n"
        "gateway:\n"
        "  id: 0\n"
        "  nam: x\n"
        "broker:\n"
        "  url: tcp://h\n"
        "  prefix: \"+\"\n"
        "limits: {retry: {count: -1}}\n",
        "g.yaml:1:14: log.level: \"loud\" is none of error | warn | info | debug | trace\n"
        "g.yaml:3:7: gateway.id: \"0\" is out of range, allowed is 1..255\n"
        "g.yaml:4:3: unknown key \"nam\", did you mean \"name\"?\n"
        "g.yaml:6:8: broker.url is not an address, write it like \"mqtt://host:1883\" or \"mqtts://host:8883\"\n"
        "g.yaml:7:11: broker.prefix must be the beginning of a topic, without '+' and '#'\n"
        "g.yaml:8:25: limits.retry.count: \"-1\" is not a whole number, allowed is 0..100\n");
}

static void a_mistake_is_one_line_whatever_it_quotes(void **state)
{
    (void)state;
    is_refused(
        "\"a\\nb\\e\\x9b\": 1\n",
        "g.yaml:1:1: unknown key \"a?b??\", known here are gateway, radios, broker, "
        "topics, topics_file, clients, qos_minus_one, qos_m1_retain, qos_m1_long_topic, limits, admin, log\n");
}

static void load_is_refused(const char *mistakes)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_null(config_load("gateway.yaml", out));
    fclose(out);
    assert_string_equal(text, mistakes);
    free(text);
}

static void a_settings_file_that_cannot_be_read_says_why(void **state)
{
    (void)state;
    load_is_refused("gateway.yaml: cannot read the settings: No such file or directory\n");
    assert_int_equal(mkdir("gateway.yaml", 0700), 0);
    load_is_refused("gateway.yaml: cannot read the settings: Is a directory\n");
    assert_int_equal(rmdir("gateway.yaml"), 0);
    assert_int_equal(mkfifo("gateway.yaml", 0600), 0); /* would wait for a writer for ever */
    load_is_refused("gateway.yaml: cannot read the settings: not a regular file\n");
}

int main(void)
{
#define IN_A_FOLDER(test)                                                                          \
    cmocka_unit_test_setup_teardown(test, config_scene_open, config_scene_close)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_key_names_the_nearest_one),
        cmocka_unit_test(a_value_out_of_range_names_the_range),
        cmocka_unit_test(a_wrong_unit_or_word_says_what_would_be_right),
        cmocka_unit_test(a_value_of_the_wrong_kind_says_what_is_needed),
        cmocka_unit_test(the_clever_parts_of_yaml_are_refused),
        cmocka_unit_test(what_is_too_deep_or_too_large_is_refused_at_once),
        cmocka_unit_test(what_is_given_twice_names_both_lines),
        cmocka_unit_test(two_radios_on_ports_of_the_systems_choice_are_no_clash),
        cmocka_unit_test(what_is_not_built_yet_is_refused_and_says_so),
        cmocka_unit_test(addresses_must_be_addresses),
        IN_A_FOLDER(settings_must_fit_together),
        IN_A_FOLDER(files_must_be_readable),
        cmocka_unit_test(topic_rows_must_be_valid),
        IN_A_FOLDER(a_topics_file_shows_all_its_mistakes_with_those_of_the_settings),
        cmocka_unit_test(all_mistakes_come_in_one_run_in_the_order_of_the_file),
        cmocka_unit_test(a_mistake_is_one_line_whatever_it_quotes),
        IN_A_FOLDER(a_settings_file_that_cannot_be_read_says_why),
    };
#undef IN_A_FOLDER
    return cmocka_run_group_tests(tests, NULL, NULL);
}
