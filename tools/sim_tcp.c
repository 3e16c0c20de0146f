/* sim_tcp.c -- a TCP port that looks like a networked coordinator.
 *
 * Such devices are a UART behind a small TCP server. They serve one host; when another connects, the first is cut off.
 * After unplugging the same port number is taken again, for the host will knock where it knocked before. */
#include "tools/sim_tcp.h"

#include "tools/options.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROGRAM "radio-sim"

/* HOST:PORT taken apart; IPv6 hosts come in brackets. */
static bool split_address(const char *where, char *host, size_t room, const char **port)
{
    const char *colon = strrchr(where, ':');
    if (!colon || colon == where)
        return false;
    size_t len = (size_t)(colon - where);
    if (where[0] == '[' && colon[-1] == ']') {
        where++;
        len -= 2;
    }
    if (len == 0 || len >= room)
        return false;
    memcpy(host, where, len);
    host[len] = '\0';
    *port = colon + 1;
    return true;
}

static struct addrinfo *resolve(const char *where)
{
    char host[64];
    const char *port = NULL;
    struct addrinfo *found = NULL;
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
    if (!split_address(where, host, sizeof host, &port) ||
        getaddrinfo(host, port, &hints, &found) != 0) {
        tool_complain(PROGRAM, "--listen %s: must be ADDRESS:PORT, such as 127.0.0.1:6638", where);
        return NULL;
    }
    return found;
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* An IPv4 and an IPv6 address keep their port at the same place; this says so without a cast. */
static in_port_t *port_of(union address *a)
{
    return a->any.sa_family == AF_INET ? &a->v4.sin_port : &a->v6.sin6_port;
}

static bool bind_to(struct sim_tcp *t, const struct addrinfo *to)
{
    const int on = 1;
    union address a;
    socklen_t len = to->ai_addrlen;
    memcpy(&a, to->ai_addr, len);
    if (t->port != 0)
        *port_of(&a) = htons(t->port);
    t->listener = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->listener < 0 || setsockopt(t->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(t->listener, &a.any, len) != 0 || listen(t->listener, 4) != 0 ||
        getsockname(t->listener, &a.any, &len) != 0)
        return false;
    t->port = ntohs(*port_of(&a));
    return true;
}

bool sim_tcp_open(struct sim_tcp *t, const char *where)
{
    struct addrinfo *to = resolve(where);
    t->listener = t->host = -1;
    if (!to)
        return false;
    bool open = bind_to(t, to);
    if (open) {
        snprintf(t->address, sizeof t->address, "tcp://%.*s:%u", (int)(strrchr(where, ':') - where),
                 where, t->port);
    } else {
        tool_complain(PROGRAM, "--listen %s: %s", where, strerror(errno));
        sim_tcp_close(t);
    }
    freeaddrinfo(to);
    return open;
}

void sim_tcp_hang_up(struct sim_tcp *t)
{
    if (t->host >= 0)
        close(t->host);
    t->host = -1;
}

void sim_tcp_close(struct sim_tcp *t)
{
    sim_tcp_hang_up(t);
    if (t->listener >= 0)
        close(t->listener);
    t->listener = -1;
}

bool sim_tcp_accept(struct sim_tcp *t)
{
    const int on = 1;
    int fd = accept4(t->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return false;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sim_tcp_hang_up(t);
    t->host = fd;
    return true;
}
