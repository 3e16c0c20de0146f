/* node.c -- the socket of a simulated node and the few exchanges that nearly every test begins with.
 *
 * A node behind a forwarder puts the encapsulation header before all that it sends and insists on its own header
 * around all that it hears. Everything a node hears is also kept in the scene's capture, when there is one. */
#include "tests/system/node.h"

#include "mqttsn/encapsulation.h"
#include "mqttsn/message_text.h"
#include "tests/hex.h"
#include "tests/system/capture.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KEEP_ALIVE_S = 60 };

static bool close_node(void *thing, bool failed)
{
    struct node *n = thing;
    (void)failed;
    close(n->fd);
    return true;
}

static int dial(const char *host, uint16_t port)
{
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
    bool is_six = inet_pton(AF_INET6, host, &six.sin6_addr) == 1;
    if (!is_six)
        assert_int_equal(inet_pton(AF_INET, host, &four.sin_addr), 1);
    int fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    const struct sockaddr *to =
        is_six ? (const struct sockaddr *)&six : (const struct sockaddr *)&four;
    assert_int_equal(connect(fd, to, is_six ? sizeof six : sizeof four), 0);
    return fd;
}

struct node *node_open_to(struct gateway *g, const char *host, uint16_t port)
{
    struct node *n = calloc(1, sizeof *n);
    assert_non_null(n);
    n->gateway = g;
    n->fd = dial(host, port);
    scene_keeps(g->scene, n, close_node);
    return n;
}

struct node *node_open(struct gateway *g)
{
    return node_open_to(g, "127.0.0.1", g->port);
}

void node_moves(struct node *n)
{
    int fd = dial("127.0.0.1", n->gateway->port);
    close(n->fd);
    n->fd = fd;
}

uint16_t node_port(const struct node *n)
{
    struct sockaddr_in own;
    socklen_t len = sizeof own;
    assert_int_equal(getsockname(n->fd, (struct sockaddr *)(void *)&own, &len), 0);
    return ntohs(own.sin_port);
}

/* The node id for the next forwarder of `behind`, which moves on; empty behind the last. */
static struct span next_id(const char **behind)
{
    const char *at = *behind ? *behind : "";
    size_t len = strcspn(at, "/");
    *behind = at + len + (at[len] == '/');
    return span_of(at, len);
}

void node_sends(struct node *n, struct mqttsn_message m)
{
    uint8_t frame[NODE_FRAME];
    struct writer w = writer_of(frame, sizeof frame);
    const char *behind = n->behind;
    for (struct span id; (id = next_id(&behind)).len > 0;)
        assert_int_equal(encapsulation_wrap(0, id, &w), MQTTSN_OK);
    assert_int_equal(mqttsn_encode(&m, &w), MQTTSN_OK);
    size_t len = sizeof frame - w.left;
    assert_int_equal(send(n->fd, frame, len, 0), len);
}

void node_sends_hex(struct node *n, const char *hex)
{
    uint8_t frame[NODE_FRAME];
    struct span bytes = hex_bytes(hex, frame, sizeof frame);
    assert_int_equal(send(n->fd, frame, bytes.len, 0), bytes.len);
}

/* The next datagram as an MQTT-SN frame without its forwarders' headers; empty when none comes. */
static struct span hear(struct node *n, int patience_ms)
{
    struct pollfd ready = { n->fd, POLLIN, 0 };
    if (poll(&ready, 1, deadline_left(deadline_in(patience_ms))) <= 0)
        return span_of(NULL, 0);
    ssize_t len = recv(n->fd, n->frame, sizeof n->frame, 0);
    if (len < 0)
        return span_of(NULL, 0);
    struct span frame = span_of(n->frame, (size_t)len);
    capture_datagram(n->gateway->scene, frame);
    const char *behind = n->behind;
    for (struct span id; (id = next_id(&behind)).len > 0;) {
        struct encapsulation e;
        assert_true(encapsulation_is(frame));
        assert_int_equal(encapsulation_peel(frame, &e), MQTTSN_OK);
        assert_true(span_equal(e.node, id));
        n->radius = e.radius;
        frame = e.message;
    }
    return frame;
}

struct mqttsn_message node_expects(struct node *n, enum mqttsn_type type)
{
    struct mqttsn_message m = { 0 };
    char line[LINE];
    struct span frame = hear(n, PATIENCE_MS);
    if (frame.len == 0)
        fail_msg("%s expected, nothing came", mqttsn_type_name(type));
    if (mqttsn_decode(frame, &m) != MQTTSN_OK)
        fail_msg("%s expected, malformed bytes came: %s", mqttsn_type_name(type),
                 mqttsn_text_span(frame, line, sizeof line));
    if (m.type != type)
        fail_msg("%s expected, this came: %s", mqttsn_type_name(type),
                 mqttsn_text(&m, line, sizeof line));
    return m;
}

void node_hears_nothing(struct node *n)
{
    struct mqttsn_message m;
    char line[LINE];
    struct span frame = hear(n, QUIET_MS);
    if (frame.len > 0 && mqttsn_decode(frame, &m) == MQTTSN_OK)
        fail_msg("nothing expected, this came: %s", mqttsn_text(&m, line, sizeof line));
    assert_int_equal(frame.len, 0);
}

/* The message is only seen, not taken: the gateway sends it again with the next PINGREQ. */
void node_wakes_until_a_message(struct node *n, const char *client_id)
{
    struct mqttsn_message m = { .type = MQTTSN_PINGRESP };
    int64_t deadline = deadline_in(PATIENCE_MS);
    while (m.type == MQTTSN_PINGRESP && deadline_left(deadline) > 0) {
        node_sends(n,
                   (struct mqttsn_message){ .type = MQTTSN_PINGREQ, .tail = span_text(client_id) });
        assert_int_equal(mqttsn_decode(hear(n, PATIENCE_MS), &m), MQTTSN_OK);
    }
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ, .tail = span_text(client_id) });
}

unsigned node_collects(struct node *n, const char *client_id, unsigned next)
{
    struct mqttsn_message m = { 0 };
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ, .tail = span_text(client_id) });
    for (;; next++) {
        char text[16];
        assert_int_equal(mqttsn_decode(hear(n, PATIENCE_MS), &m), MQTTSN_OK);
        if (m.type == MQTTSN_PINGRESP)
            return next;
        assert_int_equal(m.type, MQTTSN_PUBLISH);
        snprintf(text, sizeof text, "%u", next);
        tail_is(&m, text);
        node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBACK,
                                               .topic_id = m.topic_id,
                                               .message_id = m.message_id });
    }
}

size_t node_discards(struct node *n)
{
    size_t count = 0;
    while (hear(n, QUIET_MS).len > 0)
        count++;
    return count;
}

void tail_is(const struct mqttsn_message *m, const char *text)
{
    char line[LINE];
    if (!span_equal(m->tail, span_text(text)))
        fail_msg("\"%s\" expected in: %s", text, mqttsn_text(m, line, sizeof line));
}

uint16_t node_next_message_id(struct node *n)
{
    return ++n->message_id;
}

static void connect_as(struct node *n, const char *client_id, bool clean, bool will,
                       uint16_t keep_alive)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                           .clean = clean,
                                           .will = will,
                                           .protocol_id = 1,
                                           .duration = keep_alive,
                                           .tail = span_text(client_id) });
}

static void expect_accepted(struct node *n, enum mqttsn_type type)
{
    assert_int_equal(node_expects(n, type).return_code, MQTTSN_ACCEPTED);
}

void node_connects(struct node *n, const char *client_id)
{
    connect_as(n, client_id, true, false, KEEP_ALIVE_S);
    expect_accepted(n, MQTTSN_CONNACK);
}

void node_connects_kept(struct node *n, const char *client_id)
{
    connect_as(n, client_id, false, false, KEEP_ALIVE_S);
    expect_accepted(n, MQTTSN_CONNACK);
}

void node_connect_is_answered(struct node *n, const char *client_id, uint8_t return_code)
{
    connect_as(n, client_id, true, false, KEEP_ALIVE_S);
    assert_int_equal(node_expects(n, MQTTSN_CONNACK).return_code, return_code);
}

void node_connects_with_will(struct node *n, const char *client_id, uint16_t keep_alive,
                             const char *topic, const char *text)
{
    connect_as(n, client_id, true, true, keep_alive);
    node_expects(n, MQTTSN_WILLTOPICREQ);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_WILLTOPIC, .tail = span_text(topic) });
    node_expects(n, MQTTSN_WILLMSGREQ);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_WILLMSG, .tail = span_text(text) });
    expect_accepted(n, MQTTSN_CONNACK);
}

uint16_t node_registers(struct node *n, const char *topic)
{
    uint16_t id = node_next_message_id(n);
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_REGISTER, .message_id = id, .tail = span_text(topic) });
    struct mqttsn_message m = node_expects(n, MQTTSN_REGACK);
    assert_int_equal(m.return_code, MQTTSN_ACCEPTED);
    assert_int_equal(m.message_id, id);
    assert_in_range(m.topic_id, 1, 0xFFFE);
    return m.topic_id;
}

uint16_t node_subscribes(struct node *n, const char *filter, uint8_t qos)
{
    uint16_t id = node_next_message_id(n);
    node_sends(
        n, (struct mqttsn_message){
               .type = MQTTSN_SUBSCRIBE, .qos = qos, .message_id = id, .tail = span_text(filter) });
    struct mqttsn_message m = node_expects(n, MQTTSN_SUBACK);
    assert_int_equal(m.return_code, MQTTSN_ACCEPTED);
    assert_int_equal(m.message_id, id);
    assert_int_equal(m.qos, qos);
    return m.topic_id;
}

static void finish_publish(struct node *n, uint16_t id)
{
    assert_int_equal(node_expects(n, MQTTSN_PUBREC).message_id, id);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBREL, .message_id = id });
    assert_int_equal(node_expects(n, MQTTSN_PUBCOMP).message_id, id);
}

static uint16_t publish(struct node *n, uint16_t topic_id, uint8_t qos, const char *data)
{
    uint16_t id = qos > 0 ? node_next_message_id(n) : 0;
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBLISH,
                                           .qos = qos,
                                           .topic_id = topic_id,
                                           .message_id = id,
                                           .tail = span_text(data) });
    return id;
}

/* The PUBACK's return code. */
static uint8_t publish_is_answered(struct node *n, uint16_t topic_id, uint16_t id)
{
    struct mqttsn_message m = node_expects(n, MQTTSN_PUBACK);
    assert_int_equal(m.message_id, id);
    assert_int_equal(m.topic_id, topic_id);
    return m.return_code;
}

void node_publishes(struct node *n, uint16_t topic_id, uint8_t qos, const char *data)
{
    uint16_t id = publish(n, topic_id, qos, data);
    if (qos == 2)
        finish_publish(n, id);
    else if (qos == 1)
        assert_int_equal(publish_is_answered(n, topic_id, id), MQTTSN_ACCEPTED);
}

void node_publishes_in_the_end(struct node *n, uint16_t topic_id, const char *data)
{
    int64_t deadline = deadline_in(PATIENCE_MS);
    uint8_t code = MQTTSN_CONGESTION;
    while (code == MQTTSN_CONGESTION && deadline_left(deadline) > 0)
        code = publish_is_answered(n, topic_id, publish(n, topic_id, 1, data));
    assert_int_equal(code, MQTTSN_ACCEPTED);
}

struct mqttsn_message node_receives(struct node *n, const char *data)
{
    struct mqttsn_message m = node_expects(n, MQTTSN_PUBLISH);
    tail_is(&m, data);
    return m;
}

struct mqttsn_message node_receives_and_acks(struct node *n, const char *data)
{
    struct mqttsn_message m = node_receives(n, data);
    if (m.qos == 1)
        node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBACK,
                                               .topic_id = m.topic_id,
                                               .message_id = m.message_id });
    if (m.qos == 2) {
        node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBREC, .message_id = m.message_id });
        assert_int_equal(node_expects(n, MQTTSN_PUBREL).message_id, m.message_id);
        node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PUBCOMP, .message_id = m.message_id });
    }
    return m;
}

uint16_t node_is_told_topic(struct node *n, const char *topic)
{
    struct mqttsn_message m = node_expects(n, MQTTSN_REGISTER);
    tail_is(&m, topic);
    node_sends(n, (struct mqttsn_message){
                      .type = MQTTSN_REGACK, .topic_id = m.topic_id, .message_id = m.message_id });
    return m.topic_id;
}

void node_disconnects(struct node *n)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_DISCONNECT, .brief = true });
    assert_true(node_expects(n, MQTTSN_DISCONNECT).brief);
}

void node_falls_asleep(struct node *n, uint16_t seconds)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_DISCONNECT, .duration = seconds });
    assert_true(node_expects(n, MQTTSN_DISCONNECT).brief);
}
