/* bare_relay.c -- the physical limit: what a gateway would cost that did nothing but carry bytes.
 *
 *     bare_relay BROKER-PORT
 *
 * MQTT-SN PUBLISH messages of QoS 0 come in on one UDP socket and leave as MQTT PUBLISH packets on one TCP
 * connection, with the fewest system calls Linux offers: one recvmmsg for up to 64 datagrams, one send for all they
 * became. There are no sessions, no timers, no QoS 1 or 2, nothing towards the clients except "accepted" for each
 * CONNECT and REGISTER, so that a load generator can drive it as if it were a gateway. All that remains is the
 * kernel's work, and what the real gateway costs above that is the price of its sessions: `make bench` gives its
 * figures as multiples of this one. It prints `port N`, where it listens on 127.0.0.1. */
#include "mqtt/bytes.h"
#include "mqttsn/message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { BATCH = 64, DATAGRAM = 1500, RECEIVE_BUFFER = 8 << 20, NAME_MAX_LEN = 31, TOPICS = 65536 };
enum { PACKET_MAX = DATAGRAM + NAME_MAX_LEN + 8, TOPIC_ID_TYPE = 3 };

struct inbox {
    uint8_t bytes[BATCH][DATAGRAM];
    struct sockaddr_in from[BATCH];
    struct iovec vectors[BATCH];
    struct mmsghdr headers[BATCH];
};

struct relay {
    int udp, tcp;
    struct inbox in;
    uint8_t out[BATCH * PACKET_MAX]; /* a whole batch always fits */
    struct writer w;
    uint16_t last_topic;
    struct {
        uint8_t len;
        uint8_t name[NAME_MAX_LEN];
    } topics[TOPICS];
};

static void fail(const char *what)
{
    fprintf(stderr, "bare_relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void flush_out(struct relay *r)
{
    const size_t len = sizeof r->out - r->w.left;
    for (size_t at = 0; at < len;) {
        const ssize_t n = send(r->tcp, r->out + at, len - at, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            fail("the broker connection");
        if (n > 0)
            at += (size_t)n;
    }
    r->w = writer_of(r->out, sizeof r->out);
}

static void write_remaining_length(struct writer *w, size_t len)
{
    for (; len > 127; len >>= 7)
        write_u8(w, (uint8_t)(len | 128));
    write_u8(w, (uint8_t)len);
}

static void relay_publish(struct relay *r, struct reader *in)
{
    const uint8_t flags = read_u8(in);
    const uint8_t *id = reader_take(in, 2);
    read_u16(in);
    const struct span payload = read_rest(in);
    if (in->failed)
        return;
    const uint16_t topic_id = (uint16_t)(id[0] << 8 | id[1]);
    const struct span name = (flags & TOPIC_ID_TYPE) == MQTTSN_SHORT
                                 ? span_of(id, 2)
                                 : span_of(r->topics[topic_id].name, r->topics[topic_id].len);
    if (name.len == 0)
        return;
    write_u8(&r->w, 0x30);
    write_remaining_length(&r->w, 2 + name.len + payload.len);
    write_u16(&r->w, (uint16_t)name.len);
    write_span(&r->w, name);
    write_span(&r->w, payload);
}

static uint16_t learn_topic(struct relay *r, struct span name)
{
    r->last_topic = (uint16_t)(r->last_topic % (TOPICS - 2) + 1);
    const size_t len = name.len < NAME_MAX_LEN ? name.len : NAME_MAX_LEN;
    r->topics[r->last_topic].len = (uint8_t)len;
    memcpy(r->topics[r->last_topic].name, name.at, len);
    return r->last_topic;
}

static void accept_register(struct relay *r, struct reader *in, struct writer *reply)
{
    read_u16(in);
    const uint16_t message_id = read_u16(in);
    const struct span name = read_rest(in);
    if (in->failed || name.len == 0)
        return;
    write_u8(reply, 7);
    write_u8(reply, MQTTSN_REGACK);
    write_u16(reply, learn_topic(r, name));
    write_u16(reply, message_id);
    write_u8(reply, MQTTSN_ACCEPTED);
}

static void accept_connect(struct writer *reply)
{
    write_u8(reply, 3);
    write_u8(reply, MQTTSN_CONNACK);
    write_u8(reply, MQTTSN_ACCEPTED);
}

static void relay_datagram(struct relay *r, struct span frame, const struct sockaddr_in *from)
{
    uint8_t answer[7];
    struct writer reply = writer_of(answer, sizeof answer);
    struct reader in = reader_of(frame);
    if (read_u8(&in) == 1)
        read_u16(&in);
    switch (read_u8(&in)) {
    case MQTTSN_PUBLISH:
        relay_publish(r, &in);
        return;
    case MQTTSN_CONNECT:
        accept_connect(&reply);
        break;
    case MQTTSN_REGISTER:
        accept_register(r, &in, &reply);
        break;
    default:
        return;
    }
    const size_t len = sizeof answer - reply.left;
    if (len > 0)
        sendto(r->udp, answer, len, 0, (const struct sockaddr *)from, sizeof *from);
}

static void relay_batch(struct relay *r)
{
    struct inbox *in = &r->in;
    for (size_t i = 0; i < BATCH; i++)
        in->headers[i].msg_hdr = (struct msghdr){ .msg_iov = &in->vectors[i],
                                                  .msg_iovlen = 1,
                                                  .msg_name = &in->from[i],
                                                  .msg_namelen = sizeof in->from[i] };
    const int n = recvmmsg(r->udp, in->headers, BATCH, MSG_WAITFORONE, NULL);
    for (int i = 0; i < n; i++)
        relay_datagram(r, span_of(in->bytes[i], in->headers[i].msg_len), &in->from[i]);
    if (r->w.left < sizeof r->out)
        flush_out(r);
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static uint16_t open_udp(struct relay *r)
{
    const int room = RECEIVE_BUFFER;
    struct sockaddr_in a = loopback(0);
    socklen_t len = sizeof a;
    r->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (r->udp < 0 || bind(r->udp, (struct sockaddr *)&a, len) < 0 ||
        getsockname(r->udp, (struct sockaddr *)&a, &len) < 0)
        fail("the UDP socket");
    if (setsockopt(r->udp, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0)
        setsockopt(r->udp, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    return ntohs(a.sin_port);
}

static void open_tcp(struct relay *r, uint16_t port)
{
    static const uint8_t hello[] = { 0x10, 16, 0, 4, 'M', 'Q', 'T', 'T', 4,
                                     2,    0,  0, 0, 4,   'b', 'a', 'r', 'e' };
    const int one = 1;
    const struct sockaddr_in a = loopback(port);
    r->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (r->tcp < 0 || connect(r->tcp, (const struct sockaddr *)&a, sizeof a) < 0 ||
        setsockopt(r->tcp, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
        fail("connecting to the broker");
    r->w = writer_of(r->out, sizeof r->out);
    write_span(&r->w, span_of(hello, sizeof hello));
    flush_out(r);
}

int main(int argc, char **argv)
{
    static struct relay relay;
    char *end = NULL;
    const unsigned long port = argc == 2 ? strtoul(argv[1], &end, 10) : 0;
    if (!end || *end || port == 0 || port > UINT16_MAX) {
        fprintf(stderr, "usage: bare_relay BROKER-PORT\n");
        return 2;
    }
    for (size_t i = 0; i < BATCH; i++)
        relay.in.vectors[i] = (struct iovec){ relay.in.bytes[i], DATAGRAM };
    open_tcp(&relay, (uint16_t)port);
    printf("port %u\n", (unsigned)open_udp(&relay));
    fflush(stdout);
    for (;;)
        relay_batch(&relay);
}
