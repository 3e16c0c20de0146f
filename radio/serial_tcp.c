/* serial_tcp.c -- how a networked coordinator is reached: tcp://host:port, a plain socket with the octets of the UART.
 *
 * Name, then each of its addresses in turn, 5 s for each step; nothing blocks. The name servers are read from the
 * system's settings at each attempt, since the network often comes later than the gateway. Octets go at once (no
 * Nagle), and a peer that vanished without a word is noticed: by keep-alive when nothing is under way, by
 * TCP_USER_TIMEOUT when something is.
 *
 * A lookup that is given up ends only when evdns says so, through its callback. Until then the dialler lives on,
 * abandoned, and the callback frees it. */
#include "mqtt/bytes.h"
#include "radio/serial_inside.h"

#include <errno.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    STEP_S = 5,
    KEEP_ALIVE_S = 15,
    PROBE_S = 5,
    PROBES = 3,
    UNANSWERED_MS = 20000,
    HOST_MAX = 256
};

enum dial_state { DIAL_NAME, DIAL_ADDRESS, DIAL_ABANDONED };

struct serial_dial {
    struct event_base *loop;
    enum dial_state state;
    struct event step; /* the end of a step, in time or not */
    struct evdns_base *dns;
    struct evdns_getaddrinfo_request *lookup; /* runs */
    struct evutil_addrinfo *found, *next;
    int fd;
    struct serial_trouble why; /* of the last address, or of the name */
    serial_dialled *done;
    void *context;
};

/* ---- the url ---- */

/* "tcp://host:port", "tcp://[address]:port". */
static bool take_apart(const char *url, char host[HOST_MAX], char port[8])
{
    const char *rest = url + strlen("tcp://"), *colon = strrchr(rest, ':');
    if (!colon || colon == rest)
        return false;
    size_t len = (size_t)(colon - rest);
    if (rest[0] == '[' && rest[len - 1] == ']') {
        rest++;
        len -= 2;
    }
    const long number = strtol(colon + 1, NULL, 10);
    if (len == 0 || len >= HOST_MAX || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
        number < 1 || number > 65535)
        return false;
    memcpy(host, rest, len);
    host[len] = '\0';
    snprintf(port, 8, "%ld", number);
    return true;
}

/* ---- steps ---- */

static void advance(evutil_socket_t fd, short what, void *context);

static void wait_for(struct serial_dial *d, int fd)
{
    const struct timeval limit = { .tv_sec = STEP_S };
    event_del(&d->step);
    event_assign(&d->step, d->loop, fd, fd >= 0 ? EV_WRITE : 0, advance, d);
    event_add(&d->step, &limit);
}

static void hang_up(struct serial_dial *d)
{
    event_del(&d->step);
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}

static void set_up(int fd)
{
    static const struct option {
        int level, name, value;
    } options[] = { { IPPROTO_TCP, TCP_NODELAY, 1 },
                    { SOL_SOCKET, SO_KEEPALIVE, 1 },
                    { IPPROTO_TCP, TCP_KEEPIDLE, KEEP_ALIVE_S },
                    { IPPROTO_TCP, TCP_KEEPINTVL, PROBE_S },
                    { IPPROTO_TCP, TCP_KEEPCNT, PROBES },
                    { IPPROTO_TCP, TCP_USER_TIMEOUT, UNANSWERED_MS } };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

/* Begins with the next address; false: that failed at once. */
static bool begin(struct serial_dial *d)
{
    const struct evutil_addrinfo *to = d->next;
    d->next = to->ai_next;
    d->fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (d->fd >= 0) {
        set_up(d->fd);
        if (connect(d->fd, to->ai_addr, (socklen_t)to->ai_addrlen) == 0 || errno == EINPROGRESS) {
            wait_for(d, d->fd);
            return true;
        }
    }
    d->why = (struct serial_trouble){ SERIAL_NO_ANSWER, errno };
    hang_up(d);
    return false;
}

static int outcome(int fd, short what)
{
    int error = ETIMEDOUT;
    socklen_t room = sizeof error;
    if (what & EV_WRITE)
        (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &room);
    return error;
}

static void finish(struct serial_dial *d)
{
    const int fd = d->fd;
    event_del(&d->step);
    d->fd = -1;
    d->done(d->context, fd, d->why);
}

/* A step ended: the lookup (timer made active), a connection, or the time for it. */
static void advance(evutil_socket_t fd, short what, void *context)
{
    struct serial_dial *d = context;
    (void)fd;
    if (d->state == DIAL_NAME && d->lookup)
        d->why = (struct serial_trouble){ SERIAL_NO_HOST, EVUTIL_EAI_AGAIN };
    d->state = DIAL_ADDRESS;
    if (d->fd >= 0) {
        const int error = outcome(d->fd, what);
        if (error == 0) {
            finish(d);
            return;
        }
        d->why = (struct serial_trouble){ SERIAL_NO_ANSWER, error };
        hang_up(d);
    }
    while (d->next) {
        if (begin(d))
            return;
    }
    finish(d);
}

/* ---- the name ---- */

static void release(struct serial_dial *d)
{
    if (d->found)
        evutil_freeaddrinfo(d->found);
    if (d->dns)
        evdns_base_free(d->dns, 0);
    free(d);
}

/* May come from within evdns_getaddrinfo. */
static void resolved(int result, struct evutil_addrinfo *found, void *context)
{
    struct serial_dial *d = context;
    d->lookup = NULL;
    d->found = d->next = found;
    if (d->state == DIAL_ABANDONED) {
        release(d);
        return;
    }
    if (result != 0)
        d->why = (struct serial_trouble){ SERIAL_NO_HOST, result };
    if (d->state == DIAL_NAME)
        event_active(&d->step, EV_TIMEOUT, 0);
}

static struct evdns_base *name_servers(struct event_base *loop)
{
    struct evdns_base *dns =
        evdns_base_new(loop, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (dns)
        return dns; /* else there is no usable resolv.conf: literal addresses still work */
    return evdns_base_new(loop, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
}

static bool look_up(struct serial_dial *d, const char *url)
{
    const struct evutil_addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    char host[HOST_MAX], port[8];
    if (!take_apart(url, host, port)) {
        d->why = (struct serial_trouble){ SERIAL_NO_URL };
        event_active(&d->step, EV_TIMEOUT, 0);
        return true;
    }
    d->dns = name_servers(d->loop);
    if (!d->dns)
        return false;
    d->lookup = evdns_getaddrinfo(d->dns, host, port, &hints, resolved, d);
    return true;
}

struct serial_dial *serial_dial_new(struct event_base *loop, const char *url, serial_dialled *done,
                                    void *context)
{
    struct serial_dial *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    *d = (struct serial_dial){ .loop = loop, .fd = -1, .done = done, .context = context };
    event_assign(&d->step, loop, -1, 0, advance, d);
    wait_for(d, -1);
    if (look_up(d, url))
        return d;
    serial_dial_free(d);
    return NULL;
}

void serial_dial_free(struct serial_dial *d)
{
    if (!d)
        return;
    hang_up(d);
    if (d->lookup) {
        d->state = DIAL_ABANDONED;
        evdns_getaddrinfo_cancel(d->lookup);
    } else {
        release(d);
    }
}
