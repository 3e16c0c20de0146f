/* bench_broker.c -- one plain MQTT connection of the load generator, so that a run can say what really arrived.
 *
 * Reading is left to the fleet's epoll; the writes block, because a generator that cannot get its messages rid to
 * the broker has nothing better to do than wait. Everything that comes goes through one buffer: whole packets are
 * taken off its front, the broken one at the end moves to the front for the next read. Answers (PUBACK, PUBREC,
 * PUBCOMP) leave together, once per read: a broker that is pushed at 20,000 messages a second must not cost us as
 * many sends. */
#include "tools/bench_broker.h"

#include "mqtt/packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BUFFER = 256 << 10, PATIENCE_MS = 5000 };

struct bench_broker {
    int fd;
    size_t have;
    bool connected, subscribed, refused;
    uint16_t packet_id;
    uint64_t unacknowledged;
    struct bench_tally tally;
    struct writer w;
    uint8_t in[BUFFER], out[BUFFER];
};

static bool flush_out(struct bench_broker *b)
{
    const size_t len = sizeof b->out - b->w.left;
    b->w = writer_of(b->out, sizeof b->out);
    for (size_t at = 0; at < len;) {
        const ssize_t n = send(b->fd, b->out + at, len - at, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            at += (size_t)n;
    }
    return true;
}

/* Adds one packet to what leaves at the next flush_out. */
static bool put(struct bench_broker *b, const struct mqtt_packet *p)
{
    if (mqtt_encoded_len(p) > b->w.left && !flush_out(b))
        return false;
    return mqtt_encode(p, &b->w) == MQTT_OK;
}

static bool answer(struct bench_broker *b, enum mqtt_type type, uint16_t packet_id)
{
    return put(b, &(struct mqtt_packet){ .type = type, .packet_id = packet_id });
}

static bool take_publish(struct bench_broker *b, const struct mqtt_packet *p, uint64_t now)
{
    bench_tally_add(&b->tally, p->payload, now);
    return p->qos == 0 || answer(b, p->qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, p->packet_id);
}

static bool take_packet(struct bench_broker *b, const struct mqtt_packet *p, uint64_t now)
{
    switch (p->type) {
    case MQTT_PUBLISH:
        return take_publish(b, p, now);
    case MQTT_PUBREC:
        return answer(b, MQTT_PUBREL, p->packet_id);
    case MQTT_PUBREL:
        return answer(b, MQTT_PUBCOMP, p->packet_id);
    case MQTT_PUBACK:
    case MQTT_PUBCOMP:
        b->unacknowledged -= b->unacknowledged > 0;
        return true;
    case MQTT_CONNACK:
        b->connected = p->code == 0;
        b->refused = p->code != 0;
        return true;
    case MQTT_SUBACK:
        b->subscribed = p->code != MQTT_REFUSED;
        b->refused = p->code == MQTT_REFUSED;
        return true;
    default:
        return true;
    }
}

static bool take_packets(struct bench_broker *b, uint64_t now)
{
    struct span in = span_of(b->in, b->have);
    size_t total;
    enum mqtt_error e = MQTT_OK;
    while (in.len > 0 && (e = mqtt_frame_len(in, &total)) == MQTT_OK && total <= in.len) {
        struct reader r = reader_of(in);
        struct mqtt_packet p;
        if (mqtt_decode(read_span(&r, total), &p) != MQTT_OK || !take_packet(b, &p, now))
            return false;
        in = read_rest(&r);
    }
    if (in.len > 0)
        memmove(b->in, in.at, in.len);
    b->have = in.len;
    return (e == MQTT_OK || e == MQTT_INCOMPLETE) && b->have < sizeof b->in && flush_out(b);
}

bool bench_broker_hear(struct bench_broker *b)
{
    const ssize_t n = recv(b->fd, b->in + b->have, sizeof b->in - b->have, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    b->have += (size_t)n;
    return n > 0 && take_packets(b, bench_now_ns());
}

/* Hears until `*done` or the broker says no. */
static bool wait_for(struct bench_broker *b, const bool *done)
{
    while (!*done && !b->refused) {
        struct pollfd readable = { .fd = b->fd, .events = POLLIN };
        if (poll(&readable, 1, PATIENCE_MS) != 1 || !bench_broker_hear(b))
            return false;
    }
    return *done;
}

static bool say_hello(struct bench_broker *b)
{
    char id[32];
    snprintf(id, sizeof id, "mqttsn-bench-%d", (int)getpid());
    const struct mqtt_packet connect = { .type = MQTT_CONNECT,
                                         .connect = { .client_id = span_text(id), .clean = true } };
    return put(b, &connect) && flush_out(b) && wait_for(b, &b->connected);
}

struct bench_broker *bench_broker_open(const struct bench_endpoint *where)
{
    const int one = 1;
    struct bench_broker *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    bench_tally_init(&b->tally);
    b->w = writer_of(b->out, sizeof b->out);
    b->fd = socket(where->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (b->fd >= 0 && connect(b->fd, (const struct sockaddr *)&where->address, where->len) == 0 &&
        setsockopt(b->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 && say_hello(b))
        return b;
    fprintf(stderr, "mqttsn-bench: broker: %s\n",
            b->refused ? "refused the connection"
            : errno    ? strerror(errno)
                       : "does not answer");
    bench_broker_close(b);
    return NULL;
}

void bench_broker_close(struct bench_broker *b)
{
    if (!b)
        return;
    if (b->connected && put(b, &(struct mqtt_packet){ .type = MQTT_DISCONNECT }))
        (void)flush_out(b);
    if (b->fd >= 0)
        close(b->fd);
    bench_tally_clear(&b->tally);
    free(b);
}

int bench_broker_fd(const struct bench_broker *b)
{
    return b->fd;
}

const struct bench_tally *bench_broker_tally(const struct bench_broker *b)
{
    return &b->tally;
}

uint64_t bench_broker_unacknowledged(const struct bench_broker *b)
{
    return b->unacknowledged;
}

static uint16_t next_packet_id(struct bench_broker *b)
{
    b->packet_id = (uint16_t)(b->packet_id % UINT16_MAX + 1);
    return b->packet_id;
}

bool bench_broker_subscribe(struct bench_broker *b, const char *filter)
{
    const struct mqtt_packet subscribe = { .type = MQTT_SUBSCRIBE,
                                           .packet_id = next_packet_id(b),
                                           .topic = span_text(filter) };
    b->subscribed = false;
    return put(b, &subscribe) && flush_out(b) && wait_for(b, &b->subscribed);
}

bool bench_broker_publish(struct bench_broker *b, const char *topic, unsigned qos, size_t payload,
                          const struct bench_stamp *stamp)
{
    uint8_t bytes[BENCH_PAYLOAD_MAX] = { 0 };
    struct writer w = writer_of(bytes, sizeof bytes);
    bench_stamp_write(&w, stamp);
    const struct mqtt_packet publish = { .type = MQTT_PUBLISH,
                                         .qos = (uint8_t)qos,
                                         .packet_id = qos > 0 ? next_packet_id(b) : 0,
                                         .topic = span_text(topic),
                                         .payload = span_of(bytes, payload) };
    b->unacknowledged += qos > 0;
    return put(b, &publish) && flush_out(b);
}
