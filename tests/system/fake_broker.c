/* fake_broker.c -- a TCP listener and mqtt/packet.h: just enough to play a broker line by line.
 *
 * The gateway is a process of its own, so the test may take its time between two steps; nothing happens here unless
 * the test asks for it. */
#include "tests/system/fake_broker.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static bool close_fake(void *thing, bool failed)
{
    struct fake_broker *b = thing;
    (void)failed;
    for (size_t i = 0; i < b->link_count; i++)
        fake_closes(&b->links[i]);
    close(b->listener);
    return true;
}

struct fake_broker *fake_broker_open(struct scene *s)
{
    struct fake_broker *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->listener = scene_listens(&b->port);
    snprintf(b->url, sizeof b->url, "mqtt://127.0.0.1:%u", b->port);
    scene_keeps(s, b, close_fake);
    return b;
}

static bool readable(int fd, int patience_ms)
{
    struct pollfd ready = { fd, POLLIN, 0 };
    return poll(&ready, 1, deadline_left(deadline_in(patience_ms))) > 0;
}

struct fake_link *fake_accepts(struct fake_broker *b)
{
    assert_true(b->link_count < FAKE_LINKS);
    if (!readable(b->listener, PATIENCE_MS))
        fail_msg("the gateway does not connect to its broker");
    struct fake_link *l = &b->links[b->link_count++];
    l->fd = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(l->fd >= 0);
    return l;
}

/* Reads until one whole packet stands at the start of l->bytes. False: none in time, or the connection ended. */
static bool read_packet(struct fake_link *l, int patience_ms)
{
    memmove(l->bytes, l->bytes + l->used, l->len - l->used);
    l->len -= l->used;
    l->used = 0;
    for (;;) {
        size_t total;
        enum mqtt_error e = mqtt_frame_len(span_of(l->bytes, l->len), &total);
        if (e == MQTT_OK && total <= l->len) {
            l->used = total;
            return true;
        }
        assert_true(e == MQTT_OK || e == MQTT_INCOMPLETE);
        if (!readable(l->fd, patience_ms))
            return false;
        ssize_t n = read(l->fd, l->bytes + l->len, sizeof l->bytes - l->len);
        if (n <= 0)
            return false;
        l->len += (size_t)n;
    }
}

struct mqtt_packet fake_expects(struct fake_link *l, enum mqtt_type type)
{
    struct mqtt_packet p = { 0 };
    do {
        if (!read_packet(l, PATIENCE_MS))
            fail_msg("the broker expects %s, nothing came", mqtt_type_name(type));
        enum mqtt_error e = mqtt_decode(span_of(l->bytes, l->used), &p);
        if (e != MQTT_OK)
            fail_msg("the gateway sent the broker a bad packet: %s", mqtt_strerror(e));
        if (p.type == MQTT_PINGREQ)
            fake_sends(l, (struct mqtt_packet){ .type = MQTT_PINGRESP });
    } while (p.type == MQTT_PINGREQ && type != MQTT_PINGREQ);
    if (p.type != type)
        fail_msg("the broker expects %s, %s came", mqtt_type_name(type), mqtt_type_name(p.type));
    return p;
}

void fake_sends(struct fake_link *l, struct mqtt_packet p)
{
    uint8_t bytes[FAKE_BUFFER];
    struct writer w = writer_of(bytes, sizeof bytes);
    assert_int_equal(mqtt_encode(&p, &w), MQTT_OK);
    size_t len = sizeof bytes - w.left;
    assert_int_equal(send(l->fd, bytes, len, MSG_NOSIGNAL), len);
}

struct fake_link *fake_hears_connect(struct fake_broker *b, const char *client_id,
                                     struct mqtt_packet *connect)
{
    for (;;) {
        struct fake_link *l = fake_accepts(b);
        struct mqtt_packet p = fake_expects(l, MQTT_CONNECT);
        snprintf(l->client_id, sizeof l->client_id, "%.*s", (int)p.connect.client_id.len,
                 (const char *)p.connect.client_id.at);
        if (connect)
            *connect = p;
        if (!client_id || strcmp(l->client_id, client_id) == 0)
            return l;
        fake_sends(l, (struct mqtt_packet){ .type = MQTT_CONNACK });
    }
}

struct fake_link *fake_answers_connect(struct fake_broker *b, const char *client_id, uint8_t code)
{
    struct fake_link *l = fake_hears_connect(b, client_id, NULL);
    fake_sends(l, (struct mqtt_packet){ .type = MQTT_CONNACK, .code = code });
    if (code != 0)
        fake_closes(l);
    return l;
}

void fake_hears_nothing(struct fake_link *l)
{
    while (read_packet(l, QUIET_MS)) {
        enum mqtt_type type = (enum mqtt_type)(l->bytes[0] >> 4);
        if (type != MQTT_PINGREQ)
            fail_msg("the broker expects nothing, %s came", mqtt_type_name(type));
        fake_sends(l, (struct mqtt_packet){ .type = MQTT_PINGRESP });
    }
}

void fake_closes(struct fake_link *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

void fake_is_left(struct fake_link *l)
{
    uint8_t rest[FAKE_BUFFER];
    ssize_t n;
    do {
        if (!readable(l->fd, PATIENCE_MS))
            fail_msg("the gateway keeps its connection to the broker");
        n = read(l->fd, rest, sizeof rest);
    } while (n > 0);
    fake_closes(l);
}

void fake_is_left_alone(struct fake_broker *b)
{
    while (readable(b->listener, QUIET_MS)) {
        struct fake_link *l = fake_answers_connect(b, NULL, 0);
        if (strcmp(l->client_id, FAKE_GATEWAY) != 0)
            fail_msg("the gateway connects to its broker as %s", l->client_id);
    }
}

struct fake_link *fake_answers_gateway(struct fake_broker *b)
{
    struct mqtt_packet connect;
    struct fake_link *l;
    do {
        l = fake_hears_connect(b, FAKE_GATEWAY, &connect);
        fake_sends(l, (struct mqtt_packet){ .type = MQTT_CONNACK });
    } while (connect.connect.clean);
    return l;
}
