/* broker_stub.c -- a broker that is never the bottleneck.
 *
 *     broker_stub [--publish-rate N --publish-after SUBSCRIPTIONS [--publish-size OCTETS] [--publish-qos 0|1|2]
 *                 [--publish-each MESSAGES]] [--die-after PUBLISHES]
 *
 * Above some 150,000 messages a second Mosquitto is what a bench would measure. This stub accepts any number of MQTT
 * 3.1.1 connections, says yes to everything (CONNACK, SUBACK, PUBACK, PUBREC, PUBCOMP, PINGRESP) and routes nothing.
 * It counts what arrives by the stamps of mqttsn-bench (tools/bench_stamp.h): distinct, duplicated, and how long on
 * the way. For downlink it sends stamped messages itself, in turn to each filter somebody subscribed to. Reads are
 * 256 KiB, all answers to one read leave in one send. PUBLISH is taken apart by hand, because it is what comes by
 * the million. It prints `port N`; SIGUSR1 prints a line `counts name=value ...`, and so does its end: by SIGTERM, or
 * as soon as it was sent so many publishes, with none of what it had heard last answered. */
#include "mqtt/packet.h"
#include "tests/bench/stub/publisher.h"
#include "tools/bench_tally.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_SIZE = 256 << 10,
    PACKET_LIMIT = 64 << 10,
    EVENTS = 256,
    PEER_MAX = 1 << 17,
    PATIENCE_MS = 5000
};
enum { TICK_MS = 1 };

static struct stub {
    int listener, signals, epoll;
    struct {
        uint8_t *bytes; /* the beginning of a packet whose rest has not come */
        size_t len;
    } rest[PEER_MAX]; /* by descriptor */
    uint8_t in[PACKET_LIMIT + READ_SIZE];
    uint8_t out[READ_SIZE + PACKET_LIMIT + 64];
    struct writer w;
    struct bench_tally tally;
    uint64_t accepted, closed, connects, publishes, dup_flags, acknowledged, subscribes;
    uint64_t die_after; /* publishes; 0 = never */
    struct publisher publisher;
} stub = { .publisher = { .payload = 32 } };

static void fail(const char *what)
{
    fprintf(stderr, "broker_stub: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void print_counts(void)
{
    const struct bench_tally *t = &stub.tally;
    printf("counts accepted=%" PRIu64 " closed=%" PRIu64 " connects=%" PRIu64 " subscribes=%" PRIu64,
           stub.accepted, stub.closed, stub.connects, stub.subscribes);
    printf(" publishes=%" PRIu64 " distinct=%" PRIu64 " duplicates=%" PRIu64 " dup_flags=%" PRIu64,
           stub.publishes, t->distinct, t->duplicates, stub.dup_flags);
    printf(" foreign=%" PRIu64 " published=%" PRIu64 " acknowledged=%" PRIu64, t->foreign,
           stub.publisher.published, stub.acknowledged);
    printf(" p50_ns=%" PRIu64 " p99_ns=%" PRIu64 " p999_ns=%" PRIu64, bench_tally_percentile(t, 50),
           bench_tally_percentile(t, 99), bench_tally_percentile(t, 99.9));
    printf(" max_ns=%" PRIu64 " span_ns=%" PRIu64 "\n", t->max_ns, t->last_ns - t->first_ns);
    fflush(stdout);
}

static void close_peer(int fd)
{
    free(stub.rest[fd].bytes);
    stub.rest[fd].bytes = NULL;
    stub.rest[fd].len = 0;
    publisher_forget(&stub.publisher, fd);
    close(fd);
    stub.closed++;
}

/* Sends what has gathered. The gateway reads whatever it does, so to wait for it for a moment cannot lock up. */
static bool flush_out(int fd)
{
    const size_t len = sizeof stub.out - stub.w.left;
    stub.w = writer_of(stub.out, sizeof stub.out);
    for (size_t at = 0; at < len;) {
        const ssize_t n = send(fd, stub.out + at, len - at, MSG_NOSIGNAL);
        struct pollfd writable = { .fd = fd, .events = POLLOUT };
        if (n > 0)
            at += (size_t)n;
        else if (errno != EAGAIN || poll(&writable, 1, PATIENCE_MS) != 1)
            return false;
    }
    return true;
}

static void answer_id(enum mqtt_type type, uint8_t flags, uint16_t packet_id)
{
    write_u8(&stub.w, (uint8_t)(type << 4 | flags));
    write_u8(&stub.w, 2);
    write_u16(&stub.w, packet_id);
}

static bool take_publish(uint8_t flags, struct reader *body, uint64_t now)
{
    const unsigned qos = flags >> 1 & 3;
    read_span(body, read_u16(body));
    const uint16_t packet_id = qos > 0 ? read_u16(body) : 0;
    const struct span payload = read_rest(body);
    if (body->failed)
        return false;
    stub.publishes++;
    stub.dup_flags += flags >> 3;
    bench_tally_add(&stub.tally, payload, now);
    if (qos > 0)
        answer_id(qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, 0, packet_id);
    return true;
}

static bool take_subscribe(int fd, struct reader *body)
{
    uint8_t codes[PACKET_LIMIT / 4];
    struct writer granted = writer_of(codes, sizeof codes);
    const uint16_t packet_id = read_u16(body);
    while (body->left > 0 && !body->failed && !granted.failed) {
        const struct span filter = read_span(body, read_u16(body));
        write_u8(&granted, read_u8(body) & 3);
        if (!body->failed && !publisher_remember(&stub.publisher, fd, filter))
            fail("memory for subscriptions");
    }
    const size_t n = sizeof codes - granted.left;
    if (body->failed || granted.failed || n == 0 || n > 125)
        return false;
    stub.subscribes += n;
    write_u8(&stub.w, MQTT_SUBACK << 4);
    write_u8(&stub.w, (uint8_t)(n + 2));
    write_u16(&stub.w, packet_id);
    write_span(&stub.w, span_of(codes, n));
    return true;
}

static bool take_connect(void)
{
    static const uint8_t connack[] = { MQTT_CONNACK << 4, 2, 0, 0 };
    stub.connects++;
    write_span(&stub.w, span_of(connack, sizeof connack));
    return true;
}

/* False ends the connection. */
static bool take_packet(int fd, uint8_t first, struct reader *body, uint64_t now)
{
    static const uint8_t pingresp[] = { MQTT_PINGRESP << 4, 0 };
    switch (first >> 4) {
    case MQTT_CONNECT:
        return take_connect();
    case MQTT_PUBLISH:
        return take_publish(first & 15, body, now);
    case MQTT_PUBACK:
    case MQTT_PUBCOMP:
        stub.acknowledged++;
        return true;
    case MQTT_PUBREC:
        answer_id(MQTT_PUBREL, 2, read_u16(body));
        return true;
    case MQTT_PUBREL:
        answer_id(MQTT_PUBCOMP, 0, read_u16(body));
        return true;
    case MQTT_SUBSCRIBE:
        return take_subscribe(fd, body);
    case MQTT_UNSUBSCRIBE:
        answer_id(MQTT_UNSUBACK, 0, read_u16(body));
        return true;
    case MQTT_PINGREQ:
        write_span(&stub.w, span_of(pingresp, sizeof pingresp));
        return true;
    default:
        return false;
    }
}

/* Takes one packet off `in`. True: go on; *in shorter by the packet. False: incomplete, or (*broken) nonsense. */
static bool walk_one(int fd, struct span *in, uint64_t now, bool *broken)
{
    struct reader r = reader_of(*in);
    const uint8_t first = read_u8(&r);
    size_t len = 0;
    uint8_t octet = 128;
    for (unsigned shift = 0; octet & 128 && shift <= 21; shift += 7) {
        octet = read_u8(&r);
        len |= (size_t)(octet & 127) << shift;
    }
    struct reader body = reader_of(read_span(&r, len));
    *broken = len > PACKET_LIMIT - 5 || (!r.failed && !take_packet(fd, first, &body, now));
    if (r.failed || *broken)
        return false;
    *in = read_rest(&r);
    return true;
}

static void keep_rest(int fd, struct span left)
{
    free(stub.rest[fd].bytes);
    stub.rest[fd].bytes = left.len > 0 ? malloc(left.len) : NULL;
    stub.rest[fd].len = left.len;
    if (left.len > 0 && !stub.rest[fd].bytes)
        fail("memory for a packet");
    if (left.len > 0)
        memcpy(stub.rest[fd].bytes, left.at, left.len);
}

static void die_if_due(void)
{
    if (stub.die_after == 0 || stub.publishes < stub.die_after)
        return;
    print_counts();
    exit(0);
}

static void hear_peer(int fd)
{
    const size_t before = stub.rest[fd].len;
    if (before > 0)
        memcpy(stub.in, stub.rest[fd].bytes, before);
    const ssize_t n = read(fd, stub.in + before, READ_SIZE);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            close_peer(fd);
        return;
    }
    struct span in = span_of(stub.in, before + (size_t)n);
    const uint64_t now = bench_now_ns();
    bool broken = false;
    while (in.len > 0 && walk_one(fd, &in, now, &broken))
        continue;
    die_if_due();
    if (broken || !flush_out(fd)) {
        close_peer(fd);
        return;
    }
    if (in.len > 0 || before > 0)
        keep_rest(fd, in);
}

static void watch(int fd)
{
    struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };
    if (epoll_ctl(stub.epoll, EPOLL_CTL_ADD, fd, &e) < 0)
        fail("epoll");
}

static void accept_peers(void)
{
    const int one = 1;
    int fd;
    while ((fd = accept4(stub.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= PEER_MAX) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        watch(fd);
        stub.accepted++;
    }
}

/* Publishes what is due; neighbours in the same connection share a send. */
static void publish_due(void)
{
    const uint64_t now = bench_now_ns();
    for (uint64_t due = publisher_due(&stub.publisher, now); due > 0; due--) {
        const int fd = publisher_write_next(&stub.publisher, &stub.w, now);
        const bool full = stub.w.left < PACKET_LIMIT;
        if (full || due == 1 || publisher_next_fd(&stub.publisher) != fd)
            flush_out(fd);
    }
}

static void hear_signal(void)
{
    struct signalfd_siginfo s;
    if (read(stub.signals, &s, sizeof s) != sizeof s)
        return;
    print_counts();
    if (s.ssi_signo != SIGUSR1)
        exit(0);
}

static uint16_t open_listener(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    stub.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (stub.listener < 0 || bind(stub.listener, (struct sockaddr *)&a, len) < 0 ||
        listen(stub.listener, 65535) < 0 ||
        getsockname(stub.listener, (struct sockaddr *)&a, &len) < 0)
        fail("listening");
    watch(stub.listener);
    return ntohs(a.sin_port);
}

static void open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    stub.signals = signalfd(-1, &set, SFD_CLOEXEC);
    watch(stub.signals);
}

static bool read_options(int argc, char **argv)
{
    static const struct option options[] = { { "publish-rate", required_argument, NULL, 'r' },
                                             { "publish-after", required_argument, NULL, 'a' },
                                             { "publish-size", required_argument, NULL, 's' },
                                             { "publish-qos", required_argument, NULL, 'q' },
                                             { "publish-each", required_argument, NULL, 'e' },
                                             { "die-after", required_argument, NULL, 'd' },
                                             { 0 } };
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        const double value = optarg ? strtod(optarg, NULL) : -1;
        if (c == '?' || value < 0)
            return false;
        if (c == 'r')
            stub.publisher.rate = value;
        else if (c == 'a')
            stub.publisher.after = (size_t)value;
        else if (c == 's')
            stub.publisher.payload = (size_t)value;
        else if (c == 'e')
            stub.publisher.each = (uint64_t)value;
        else if (c == 'd')
            stub.die_after = (uint64_t)value;
        else
            stub.publisher.qos = (unsigned)value;
    }
    return optind == argc && stub.publisher.qos <= 2 && stub.publisher.payload >= BENCH_STAMP_LEN &&
           stub.publisher.payload <= PUBLISHER_PAYLOAD_MAX;
}

static void raise_descriptor_limit(void)
{
    struct rlimit most = { PEER_MAX, PEER_MAX };
    if (setrlimit(RLIMIT_NOFILE, &most) == 0 || getrlimit(RLIMIT_NOFILE, &most) < 0)
        return;
    most.rlim_cur = most.rlim_max;
    setrlimit(RLIMIT_NOFILE, &most);
}

static void turn(void)
{
    struct epoll_event events[EVENTS];
    const int n = epoll_wait(stub.epoll, events, EVENTS, stub.publisher.rate > 0 ? TICK_MS : -1);
    for (int i = 0; i < n; i++) {
        if (events[i].data.fd == stub.listener)
            accept_peers();
        else if (events[i].data.fd == stub.signals)
            hear_signal();
        else
            hear_peer(events[i].data.fd);
    }
    publish_due();
}

int main(int argc, char **argv)
{
    if (!read_options(argc, argv)) {
        fprintf(stderr, "usage: broker_stub [--publish-rate N --publish-after SUBSCRIPTIONS "
                        "[--publish-size OCTETS] [--publish-qos 0|1|2]\n"
                        "                   [--publish-each MESSAGES]] [--die-after PUBLISHES]\n");
        return 2;
    }
    raise_descriptor_limit();
    bench_tally_init(&stub.tally);
    stub.w = writer_of(stub.out, sizeof stub.out);
    stub.epoll = epoll_create1(EPOLL_CLOEXEC);
    printf("port %u\n", (unsigned)open_listener());
    fflush(stdout);
    open_signals();
    for (;;)
        turn();
}
