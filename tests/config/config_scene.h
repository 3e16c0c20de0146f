/* config_scene.h -- what the tests of the settings share: a folder of their own, and the mistakes of a file as text. */
#pragma once

#include "config/config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct config_scene {
    char folder[64]; /* a fresh one, and the working directory */
    int before;      /* where the test program was started */
};

static inline int config_scene_open(void **state)
{
    struct config_scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    strcpy(scene->folder, "/tmp/config-test-XXXXXX");
    assert_non_null(mkdtemp(scene->folder));
    scene->before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(scene->before >= 0);
    assert_int_equal(chdir(scene->folder), 0);
    *state = scene;
    return 0;
}

static inline int config_scene_close(void **state)
{
    struct config_scene *scene = *state;
    const char *const names[] = { "gateway.yaml", "topics.csv", "secret", "other.pem" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(names[i]);
    rmdir("gateway.yaml");
    assert_int_equal(fchdir(scene->before), 0);
    close(scene->before);
    assert_int_equal(rmdir(scene->folder), 0);
    free(scene);
    return 0;
}

static inline void file_holds(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* Reads settings that must be refused and compares all that is said about them. */
static inline void is_refused_len(const char *yaml, size_t len, const char *mistakes)
{
    char *text = NULL;
    size_t text_len = 0;
    FILE *out = open_memstream(&text, &text_len);
    assert_non_null(out);
    struct config *c = config_parse("g.yaml", span_of(yaml, len), out);
    fclose(out);
    assert_string_equal(text, mistakes);
    assert_null(c);
    free(text);
}

static inline void is_refused(const char *yaml, const char *mistakes)
{
    is_refused_len(yaml, strlen(yaml), mistakes);
}

/* Reads settings that must be accepted. */
static inline struct config *is_accepted(const char *yaml)
{
    struct config *c = config_parse("g.yaml", span_text(yaml), stderr);
    assert_non_null(c);
    return c;
}

/* Every setting of this version, none at its default. */
static const char everything[] =
    "gateway: {id: 7, name: greenhouse, status: false, advertise: \"5m\", stand_by_for: 8, "
    "stand_by_after: 5, state: \"\"}\n"
    "radios:\n"
    "  - {name: lan, driver: udp, listen: \"0.0.0.0:1884\", multicast: \"239.192.0.50\", interface: eth0}\n"
    "  - {name: six, listen: \"[0:0::1]:0\", multicast: \"[ff05::50]:9\", forwarders: true, "
    "forwarders_from: [\"2001:db8::7\"], forwarder_depth: 3, max_message: 60}\n"
    "  - name: field\n"
    "    driver: xbee\n"
    "    port: /dev/serial/by-id/usb-FTDI_XBee-if00\n"
    "    baud: 57600\n"
    "    flow_control: rtscts\n"
    "    form: replace\n"
    "    channel: 20\n"
    "    pan_id: 0x1a62\n"
    "    extended_pan_id: 0xF0124B0001020304\n"
    "    network_key_file: field.key\n"
    "    security: false\n"
    "    permit_join: \"254s\"\n"
    "    profile: 0x0104\n"
    "    cluster: 64512\n"
    "    endpoint: 1\n"
    "    any_endpoint: true\n"
    "    broadcast_pace: \"250ms\"\n"
    "    queue: 2000\n"
    "    queue_per_node: 8\n"
    "    assign_client_id: true\n"
    "    gwinfo: unicast\n"
    "    max_message: 66\n"
    "  - {driver: serial, port: \"tcp://[::1]:6638\", framing: slip-crc16}\n"
    "  - {driver: znp, port: auto}\n"
    "broker:\n"
    "  url: mqtts://[::1]\n"
    "  mode: aggregate\n"
    "  username: me\n"
    "  password_file: secret\n"
    "  ca_file: other.pem\n"
    "  cert_file: other.pem\n"
    "  key_file: other.pem\n"
    "  server_name: broker.example\n"
    "  alpn: mqtt\n"
    "  keepalive: \"2m\"\n"
    "  prefix: site/\n"
    "  max_qos: 1\n"
    "  retain: false\n"
    "topics:\n"
    "  \"*\":\n"
    "    1: greenhouse/all/alarm\n"
    "    2: \"greenhouse/{client}/temperature\"\n"
    "  sensor-7:\n"
    "    1: greenhouse/7/alarm\n"
    "topics_file: topics.csv\n"
    "clients:\n"
    "  - match: \"sensor-*\"\n"
    "    mode: transparent\n"
    "    publish: [\"greenhouse/#\"]\n"
    "    subscribe: [\"greenhouse/{client}/#\", a]\n"
    "    username: you\n"
    "    password_file: secret\n"
    "    tolerance: spec\n"
    "    probe: true\n"
    "    wake_connect: resume\n"
    "    will_update: reconnect\n"
    "    strict_sleep: true\n"
    "    sleep_qos0: false\n"
    "    will_on_takeover: true\n"
    "    strict_client_id: true\n"
    "    reject_zero_keepalive: true\n"
    "    address_change: deny\n"
    "    wake_address_change: same_ip\n"
    "    awake_max: 0\n"
    "  - {match: \"*\", allow: false, publish: []}\n"
    "qos_minus_one: true\n"
    "qos_m1_retain: true\n"
    "qos_m1_long_topic: true\n"
    "limits:\n"
    "  sleep_queue: {messages: 5, bytes: \"2048B\", ttl: \"90m\"}\n"
    "  uplink_queue: {bytes: \"1GiB\"}\n"
    "  retry: {interval: \"1500ms\", count: 0}\n"
    "  inflight_in: 8\n"
    "admin: {listen: \"\"}\n"
    "log: {level: trace, format: json}\n";

/* Loads it from the scene's folder, with the files it names. */
static inline struct config *load_everything(void)
{
    file_holds("gateway.yaml", everything);
    file_holds("secret", "pass word\r\n");
    file_holds("other.pem", "");
    file_holds("topics.csv", "# Client, Topic, Id\nsensor-7, greenhouse/7/door, 9\r\n*,all/door,9\n");
    struct config *c = config_load("gateway.yaml", stderr);
    assert_non_null(c);
    return c;
}

static inline void these_are_the_defaults(const struct config *c)
{
    assert_int_equal(c->gateway.id, 1);
    assert_string_equal(c->gateway.name, "mqttsn-gateway");
    assert_true(c->gateway.status);
    assert_int_equal(c->gateway.stand_by_for, 0);
    assert_int_equal(c->gateway.stand_by_after, 3);
    assert_int_equal(c->gateway.advertise_ms, 900000);
    assert_int_equal(c->radio_count, 1);
    assert_string_equal(c->radios[0].name, "lan");
    assert_int_equal(c->radios[0].driver, DRIVER_UDP);
    assert_string_equal(c->radios[0].listen.host, "127.0.0.1");
    assert_int_equal(c->radios[0].listen.port, 1883);
    assert_null(c->radios[0].multicast.host);
    assert_false(c->radios[0].forwarders || c->radios[0].assign_client_id);
    assert_int_equal(c->radios[0].forwarder_depth, 1);
    assert_int_equal(c->radios[0].max_message, 1400);
    assert_int_equal(c->radios[0].gwinfo, GWINFO_BROADCAST);
    assert_string_equal(c->broker.url, "mqtt://127.0.0.1:1883");
    assert_false(c->broker.tls);
    assert_string_equal(c->broker.address.host, "127.0.0.1");
    assert_int_equal(c->broker.address.port, 1883);
    assert_int_equal(c->broker.mode, MODE_TRANSPARENT);
    assert_int_equal(c->broker.keepalive_s, 60);
    assert_string_equal(c->broker.prefix, "");
    assert_int_equal(c->broker.max_qos, 2);
    assert_true(c->broker.retain);
    assert_int_equal(c->topic_count, 0);
    assert_int_equal(c->client_count, 0);
    assert_false(c->qos_minus_one || c->qos_m1_retain || c->qos_m1_long_topic);
    assert_string_equal(c->admin.listen, "127.0.0.1:9883");
    assert_int_equal(c->log.level, LEVEL_INFO);
    assert_false(c->log.json);
}

static inline void these_are_the_default_limits(const struct config_limits *l)
{
    assert_int_equal(l->clients, 10000);
    assert_int_equal(l->topics_per_client, 64);
    assert_int_equal(l->subscriptions_per_client, 64);
    assert_int_equal(l->sleep_queue.messages, 100);
    assert_int_equal(l->sleep_queue.bytes, 64 << 10);
    assert_int_equal(l->sleep_queue.ttl_ms, UINT64_C(7) * 86400000);
    assert_int_equal(l->uplink_queue.bytes, 16 << 20);
    assert_int_equal(l->uplink_queue.ttl_ms, UINT64_C(7) * 86400000);
    assert_int_equal(l->retry.interval_ms, 10000);
    assert_int_equal(l->retry.count, 3);
    assert_int_equal(l->wait_ms, 300000);
    assert_int_equal(l->connect_timeout_ms, 10000);
    assert_int_equal(l->max_idle_ms, 86400000);
    assert_int_equal(l->session_expiry_ms, UINT64_C(7) * 86400000);
    assert_int_equal(l->qos2_expiry_ms, 3600000);
    assert_int_equal(l->inflight_in, 4);
    assert_int_equal(l->max_client_id, 128);
    assert_int_equal(l->reconnects, 50);
    assert_int_equal(l->stranger_replies, 1000);
}
