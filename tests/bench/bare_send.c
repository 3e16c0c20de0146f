/* bare_send.c -- the physical limit of a transparent gateway: what one send costs on each of many connections.
 *
 *     bare_send BROKER-PORT CONNECTIONS
 *
 * A transparent gateway has a TCP connection per client, so each message is a send of its own, whatever the gateway
 * does. This program does only that: 20 sends every millisecond, each on another connection, of a PUBLISH as the
 * gateway writes it. With ten thousand connections the kernel's own state no longer fits the caches, and the same
 * send costs more; that much more is not the gateway's doing. Prints `us N`, CPU microseconds a send. */
#include "mqtt/bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TICKS = 3000, SENDS_A_TICK = 20, TICK_NS = 1000000, CONNECTIONS_MAX = 100000 };

static void fail(const char *what)
{
    fprintf(stderr, "bare_send: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_connection(uint16_t port)
{
    static const uint8_t hello[] = { 0x10, 16, 0, 4, 'M', 'Q', 'T', 'T', 4,
                                     2,    0,  0, 0, 4,   'b', 'a', 'r', 'e' };
    const int one = 1;
    uint8_t connack[4];
    const struct sockaddr_in a = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof a) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 ||
        send(fd, hello, sizeof hello, MSG_NOSIGNAL) < 0 ||
        recv(fd, connack, sizeof connack, MSG_WAITALL) <= 0)
        fail("connecting to the broker");
    return fd;
}

static void send_tick(const int *fds, size_t count, size_t *next)
{
    static const uint8_t publish[45] = { 0x30, 43, 0, 9, 'b', 'e', 'n', 'c', 'h', '/', '1', '2', '3' };
    for (int i = 0; i < SENDS_A_TICK; i++) {
        if (send(fds[*next], publish, sizeof publish, MSG_NOSIGNAL) < 0)
            fail("sending");
        *next = *next + 1 < count ? *next + 1 : 0;
    }
}

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double measure(const int *fds, size_t count)
{
    struct timespec tick;
    size_t next = 0;
    clock_gettime(CLOCK_MONOTONIC, &tick);
    const double before = cpu_us();
    for (int i = 0; i < TICKS; i++) {
        tick.tv_nsec += TICK_NS;
        tick.tv_sec += tick.tv_nsec / 1000000000;
        tick.tv_nsec %= 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &tick, NULL);
        send_tick(fds, count, &next);
    }
    return (cpu_us() - before) / (TICKS * SENDS_A_TICK);
}

int main(int argc, char **argv)
{
    static int fds[CONNECTIONS_MAX];
    const unsigned long port = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
    const unsigned long count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    if (port == 0 || port > UINT16_MAX || count == 0 || count > CONNECTIONS_MAX) {
        fprintf(stderr, "usage: bare_send BROKER-PORT CONNECTIONS\n");
        return 2;
    }
    raise_descriptor_limit();
    for (size_t i = 0; i < count; i++)
        fds[i] = open_connection((uint16_t)port);
    printf("us %.3f\n", measure(fds, count));
    return 0;
}
