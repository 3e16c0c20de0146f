/* extreme_test.c -- a node with far too many topics, and client ids of every length and with every octet (SN-TOP-9,
 * SN-CNG-3, SN-CONN-5, SN-FRM-11), with a real broker. */
#include "tests/system/broker.h"
#include "tests/system/node.h"
#include "tests/system/peer.h"

#include <stdio.h>
#include <sys/socket.h>

enum {
    TOPICS = 1000,
    LIMIT = 64,              /* of topics, by default */
    DATAGRAM = 65507,        /* octets that one IPv4 datagram can carry */
    CONNECT_OVERHEAD = 8,    /* with the long length */
    MAX_MESSAGE = 1400,      /* of a radio, by default */
    MAX_CLIENT_ID = 128,     /* by default */
    MAX_CLIENT_ID_MAX = 1024 /* what may be set */
};

/* ---- topics ------------------------------------------------------------------------------------------------------ */

/* Registers topic number `i`; 0 when there is no room for it. */
static uint16_t registers(struct node *n, size_t i)
{
    char topic[32];
    snprintf(topic, sizeof topic, "plant/%zu", i);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_REGISTER,
                                           .message_id = (uint16_t)(i + 1),
                                           .tail = span_text(topic) });
    struct mqttsn_message m = node_expects(n, MQTTSN_REGACK);
    assert_int_equal(m.message_id, i + 1);
    assert_int_equal(m.return_code, m.topic_id != 0 ? MQTTSN_ACCEPTED : MQTTSN_CONGESTION);
    return m.topic_id;
}

static void a_thousand_topics_are_congestion_and_the_first_go_on_working(struct scene *s) /* SN-TOP-9, SN-REG-4 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    uint16_t ids[LIMIT];
    peer_subscribes(world, "#", 1);
    node_connects(n, "m1");
    for (size_t i = 0; i < LIMIT; i++)
        assert_int_not_equal(ids[i] = registers(n, i), 0);
    for (size_t i = LIMIT; i < TOPICS; i++)
        assert_int_equal(registers(n, i), 0);
    for (size_t i = 0; i < LIMIT; i++) {
        char topic[32];
        snprintf(topic, sizeof topic, "plant/%zu", i);
        assert_int_equal(registers(n, i), ids[i]);
        node_publishes(n, ids[i], 1, topic);
        peer_hears(world, topic, topic);
    }
    node_connects(n, "m1"); /* clean: the table is empty again */
    assert_int_not_equal(registers(n, TOPICS), 0);
}

static void a_thousand_topics_come_down_as_far_as_ids_go(struct scene *s) /* SN-TOP-9, SN-DLV-2 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects(n, "m1");
    node_subscribes(n, "plant/#", 1);
    for (size_t i = 0; i < TOPICS; i++) {
        char topic[32];
        snprintf(topic, sizeof topic, "plant/%zu", i);
        peer_publishes(world, topic, 1, topic);
        if (i < LIMIT) {
            node_is_told_topic(n, topic);
            node_receives_and_acks(n, topic);
        }
    }
    node_hears_nothing(n);
    peer_publishes(world, "plant/7", 1, "known");
    node_receives_and_acks(n, "known");
    uint16_t id = node_next_message_id(n); /* what needs no id goes on too */
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .qos = 1,
                                           .topic_id_type = MQTTSN_SHORT,
                                           .topic_id = 'a' << 8 | 'b',
                                           .message_id = id });
    assert_int_equal(node_expects(n, MQTTSN_PUBACK).return_code, MQTTSN_ACCEPTED);
}

/* ---- client ids -------------------------------------------------------------------------------------------------- */

static void connects_as(struct node *n, struct span client_id)
{
    static uint8_t frame[UINT16_MAX];
    struct writer w = writer_of(frame, sizeof frame);
    struct mqttsn_message m = {
        .type = MQTTSN_CONNECT, .clean = true, .protocol_id = 1, .duration = 60, .tail = client_id
    };
    assert_int_equal(mqttsn_encode(&m, &w), MQTTSN_OK);
    size_t len = sizeof frame - w.left;
    assert_int_equal(send(n->fd, frame, len, 0), len);
}

/* CONNECT with this id, answered with this code. Who came in leaves again: it is gone, and nothing follows it. */
static void is_answered(struct node *n, struct span client_id, uint8_t return_code)
{
    connects_as(n, client_id);
    uint8_t code = node_expects(n, MQTTSN_CONNACK).return_code;
    if (code != return_code)
        fail_msg(
            "CONNACK with %u expected for a client id of %zu octets that ends with 0x%02x, %u came",
            return_code, client_id.len, client_id.at[client_id.len - 1], code);
    if (code == MQTTSN_ACCEPTED)
        node_disconnects(n);
}

static struct span letters(size_t count)
{
    static uint8_t text[UINT16_MAX];
    memset(text, 'n', sizeof text);
    return span_of(text, count);
}

static void a_client_id_has_up_to_128_octets(struct scene *s) /* SN-CONN-5, SN-FRM-11 */
{
    static const size_t good[] = { 1, 22, 23, 24, 64, 65, MAX_CLIENT_ID };
    static const size_t bad[] = {
        MAX_CLIENT_ID + 1, 249, 250, 300, 1000, MAX_MESSAGE - CONNECT_OVERHEAD
    };
    static const size_t unheard[] = { MAX_MESSAGE - CONNECT_OVERHEAD + 1,
                                      DATAGRAM - CONNECT_OVERHEAD };
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        is_answered(n, letters(good[i]), MQTTSN_ACCEPTED);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        is_answered(n, letters(bad[i]), MQTTSN_NOT_SUPPORTED);
    for (size_t i = 0; i < sizeof unheard / sizeof *unheard; i++)
        connects_as(n, letters(unheard[i]));
    node_hears_nothing(n);
    node_connects(n, "m1");
}

static void a_client_id_is_as_long_as_the_settings_say(struct scene *s) /* SN-CONN-5, max_client_id */
{
    struct gateway *g = gateway_start_with_broker(
        s,
        (struct settings){
            .limits = "max_client_id: 1024",
            .radios = "  - {name: lan, driver: udp, listen: \"127.0.0.1:0\", max_message: 65535}" });
    g->port = gateway_radio_port(g, "lan");
    struct node *n = node_open(g);
    is_answered(n, letters(MAX_CLIENT_ID_MAX), MQTTSN_ACCEPTED);
    is_answered(n, letters(MAX_CLIENT_ID_MAX + 1), MQTTSN_NOT_SUPPORTED);
    is_answered(n, letters(DATAGRAM - CONNECT_OVERHEAD), MQTTSN_NOT_SUPPORTED);
}

static void a_strict_gateway_takes_23_octets(struct scene *s) /* SN-CONN-5, strict_client_id */
{
    struct node *n = node_open(gateway_start_with_broker(
        s, (struct settings){ .more = "clients: [{match: \"*\", strict_client_id: true}]" }));
    is_answered(n, letters(23), MQTTSN_ACCEPTED);
    is_answered(n, letters(24), MQTTSN_NOT_SUPPORTED);
}

/* The octet as the last of an id of `len`. */
static void ends_with(struct node *n, size_t len, uint8_t octet, uint8_t return_code)
{
    uint8_t id[MAX_CLIENT_ID];
    memset(id, 'n', sizeof id);
    id[len - 1] = octet;
    is_answered(n, span_of(id, len), return_code);
}

static void every_octet_that_is_a_character_may_stand_in_a_client_id(struct scene *s) /* SN-CONN-5 */
{
    static const size_t lens[] = { 1, 23, 24 };
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++)
        for (unsigned octet = 0; octet <= UINT8_MAX; octet++) {
            bool good = octet >= ' ' && octet < 0x7f;
            ends_with(n, lens[i], (uint8_t)octet, good ? MQTTSN_ACCEPTED : MQTTSN_NOT_SUPPORTED);
        }
}

/* Each octet that UTF-8 uses, in the first and in a later place of a character. */
static void every_octet_of_utf_8_may_stand_in_a_client_id(struct scene *s) /* SN-CONN-5 */
{
    struct node *n = node_open(gateway_start_with_broker(s, (struct settings){ 0 }));
    for (unsigned lead = 0xc2; lead <= 0xf4; lead++) {
        size_t len = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        uint8_t second = lead == 0xe0 || lead == 0xc2 ? 0xa5 : lead == 0xf0 ? 0x95 : 0x85;
        is_answered(n, span_of((uint8_t[]){ (uint8_t)lead, second, 0x85, 0x85 }, len),
                    MQTTSN_ACCEPTED);
        is_answered(n, span_of((uint8_t[]){ (uint8_t)lead, 'n', 'n', 'n' }, len),
                    MQTTSN_NOT_SUPPORTED);
    }
    for (unsigned later = 0x80; later < 0xc0; later++)
        is_answered(n, span_of((uint8_t[]){ 0xc3, (uint8_t)later }, 2), MQTTSN_ACCEPTED);
}

static void a_very_long_client_id_of_every_octet_is_refused(struct scene *s) /* SN-CONN-5 */
{
    static uint8_t id[DATAGRAM - CONNECT_OVERHEAD];
    struct gateway *g = gateway_start_with_broker(
        s,
        (struct settings){
            .radios = "  - {name: lan, driver: udp, listen: \"127.0.0.1:0\", max_message: 65535}" });
    g->port = gateway_radio_port(g, "lan");
    struct node *n = node_open(g);
    for (unsigned octet = 0; octet <= UINT8_MAX; octet++) {
        for (size_t i = 0; i < sizeof id; i++)
            id[i] = (uint8_t)(octet + i);
        is_answered(n, span_of(id, sizeof id), MQTTSN_NOT_SUPPORTED);
    }
    node_connects(n, "m1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(a_thousand_topics_are_congestion_and_the_first_go_on_working),
        SCENE_IN_BOTH(a_thousand_topics_come_down_as_far_as_ids_go),
        SCENE_IN_BOTH(a_client_id_has_up_to_128_octets),
        SCENE_IN_BOTH(a_client_id_is_as_long_as_the_settings_say),
        SCENE(a_strict_gateway_takes_23_octets),
        SCENE_IN_BOTH(every_octet_that_is_a_character_may_stand_in_a_client_id),
        SCENE_IN_BOTH(every_octet_of_utf_8_may_stand_in_a_client_id),
        SCENE(a_very_long_client_id_of_every_octet_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
