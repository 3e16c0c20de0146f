/* dissector_test.c -- an independent decoder (Wireshark's, by tshark) reads all that the gateway says to both sides.
 *
 * The session below makes it say nearly every message it knows, in both modes. A dissector's "malformed" fails the
 * test, and the messages that it names must be those that were meant. */
#include "tests/system/node.h"
#include "tests/system/peer.h"
#include "tests/system/tap.h"

#include <stdio.h>
#include <stdlib.h>

static const char TOPICS[] = "topics:\n"
                             "  \"*\":\n"
                             "    1: greenhouse/all/alarm\n"
                             "qos_minus_one: true";

/* CONNACK, REGACK, PUBACK, PUBREC, PUBCOMP, the will procedure. */
static void publish_all_ways(struct node *n)
{
    node_connects_with_will(n, "m1", 60, "will/m1", "gone");
    uint16_t id = node_registers(n, "a/b/c");
    for (uint8_t qos = 0; qos <= 2; qos++)
        node_publishes(n, id, qos, "x");
    node_sends(
        n, (struct mqttsn_message){ .type = MQTTSN_WILLMSGUPD, .tail = span_text("really gone") });
    node_expects(n, MQTTSN_WILLMSGRESP);
    node_sends(n,
               (struct mqttsn_message){ .type = MQTTSN_WILLTOPICUPD, .tail = span_text("will/m2") });
    node_expects(n, MQTTSN_WILLTOPICRESP);
}

/* SUBACK, REGISTER, PUBLISH in every form and QoS, PUBREL, UNSUBACK. */
static void subscribe_all_ways(struct node *n, struct peer *world)
{
    char large[301] = { 0 };
    memset(large, 'x', sizeof large - 1);
    node_subscribes(n, "cmd/#", 2);
    peer_publishes(world, "cmd/1", 0, large);
    node_is_told_topic(n, "cmd/1");
    node_receives(n, large);
    peer_publishes(world, "cmd/1", 1, "on");
    node_receives_and_acks(n, "on");
    peer_publishes(world, "cmd/1", 2, "off");
    node_receives_and_acks(n, "off");
    for (int type = MQTTSN_PREDEFINED; type <= MQTTSN_SHORT; type++) {
        node_sends(n, (struct mqttsn_message){ .type = MQTTSN_SUBSCRIBE,
                                               .qos = 1,
                                               .topic_id_type = (uint8_t)type,
                                               .topic_id = type == MQTTSN_SHORT ? 'a' << 8 | 'b' : 1,
                                               .message_id = node_next_message_id(n) });
        node_expects(n, MQTTSN_SUBACK);
        peer_publishes(world, type == MQTTSN_SHORT ? "ab" : "greenhouse/all/alarm", 1, "on");
        node_receives_and_acks(n, "on");
    }
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_UNSUBSCRIBE, .message_id = 99, .tail = span_text("cmd/#") });
    node_expects(n, MQTTSN_UNSUBACK);
}

/* PINGRESP, DISCONNECT, GWINFO. */
static void sleep_and_leave(struct node *n, struct node *stranger)
{
    node_falls_asleep(n, 300);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ, .tail = span_text("m1") });
    node_expects(n, MQTTSN_PINGRESP);
    node_disconnects(n);
    node_sends(stranger, (struct mqttsn_message){ .type = MQTTSN_SEARCHGW });
    node_expects(stranger, MQTTSN_GWINFO);
    node_sends(stranger, (struct mqttsn_message){ .type = MQTTSN_PINGREQ });
    node_expects(stranger, MQTTSN_DISCONNECT);
}

/* Fails unless every one of the words stands in the text as a line of its own. */
static void holds_lines(const char *text, const char *const words[])
{
    char line[64];
    for (; *words; words++) {
        snprintf(line, sizeof line, "\n%s\n", *words);
        if (!strstr(text, line))
            fail_msg("the dissector does not name %s in:%s", *words, text);
    }
}

/* The values of one field, each on a line of its own, with a line break in front. */
static char *field_values(struct scene *s, const char *field, const char *filter)
{
    char *values = capture_read(s, (const char *const[]){ "-Y", filter, "-T", "fields", "-E",
                                                          "aggregator=;", "-e", field, NULL });
    size_t len = strlen(values);
    char *text = malloc(len + 2);
    assert_non_null(text);
    text[0] = '\n';
    memcpy(text + 1, values, len + 1);
    for (char *at = text; (at = strchr(at, ';'));)
        *at = '\n';
    free(values);
    return text;
}

static void nothing_is_malformed(struct scene *s)
{
    char *bad = capture_read(
        s, (const char *const[]){ "-Y", "_ws.malformed || _ws.expert.severity >= 0x800000 || data",
                                  "-V", NULL });
    bool none = bad[0] == '\0';
    if (!none)
        print_error("%s\n", bad);
    free(bad);
    assert_true(none);
}

static void every_message_is_named(struct scene *s)
{
    char *nodes = field_values(s, "mqttsn.msg.type", "mqttsn");
    char *broker = field_values(s, "mqtt.msgtype", "mqtt");
    holds_lines(nodes, (const char *const[]){ "0x02", "0x05", "0x06", "0x08", "0x0a", "0x0b",
                                              "0x0c", "0x0d", "0x0e", "0x0f", "0x10", "0x13",
                                              "0x15", "0x17", "0x18", "0x1b", "0x1d", NULL });
    holds_lines(broker, (const char *const[]){ "1", "3", "4", "5", "6", "7", "8", "10", "14", NULL });
    free(nodes);
    free(broker);
}

static void an_independent_decoder_reads_all_that_the_gateway_sends(struct scene *s)
{
    broker_start(s, (struct broker_options){ 0 });
    capture_start(s);
    struct tap *tap = tap_open(s);
    struct gateway *g = gateway_start(s, (struct settings){ .url = tap_url(tap), .more = TOPICS });
    gateway_logs(g, "broker: connected to ");
    struct node *n = node_open(g);
    publish_all_ways(n);
    subscribe_all_ways(n, peer_open(s, "world"));
    sleep_and_leave(n, node_open(g));
    assert_int_equal(gateway_stops(g), 0);
    assert_true(tap_close(tap) > 0);
    nothing_is_malformed(s);
    every_message_is_named(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(an_independent_decoder_reads_all_that_the_gateway_sends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
