/* link.c -- one connection to the broker on libevent's bufferevent.
 *
 * Reading goes through the bufferevent's input; writing of plain TCP goes straight to the socket at the end of the turn
 * and only what the socket does not take goes to the bufferevent, which saves two system calls a turn. Every connection
 * has TCP_NODELAY: with Nagle's algorithm a lone packet waits for the broker's delayed acknowledgement. A connection that
 * breaks is dialled again after 1 s, 2 s ... 60 s, +-20 %; many that break together are dialled a few per second. */
#include "gateway/link.h"

#include "config/log.h"
#include "gateway/clock.h"
#include "gateway/tls.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

enum {
    BACKOFF_FIRST = 1000,
    BACKOFF_MAX = 60000,
    STABLE = 60000,      /* a connection that held this long was a good one */
    LINGER = 10000,      /* for what is unanswered when a link is to be closed ... */
    LINGER_SHORT = 1000, /* ... and when the whole gateway stops */
    DIAL_TIMEOUT = 10000
};

enum link_state {
    LINK_IDLE,     /* not wanted */
    LINK_WAITING,  /* for the back-off */
    LINK_DIALLING, /* name, TCP, TLS, CONNACK */
    LINK_UP,
    LINK_CLOSING /* DISCONNECT follows when all is answered */
};

struct link {
    struct links *links;
    struct upstream *upstream;
    const char *name;
    void *owner;
    struct bufferevent *bev;
    struct event timer;
    enum link_state state;
    bool dirty, complained;
    msec armed, since, backoff;
    TAILQ_ENTRY(link) in_dirty;
};

struct links {
    struct event_base *loop;
    struct evdns_base *dns;
    struct tls *tls;
    const struct config_broker *settings;
    const struct link_events *events;
    msec answer_timeout;
    msec linger;
    int open; /* links that are not idle */
    struct log_limit complaints;
    msec dial_interval, next_dial; /* links dialled again one after the other */
    TAILQ_HEAD(, link) dirty;
};

static void link_timer(evutil_socket_t fd, short what, void *arg);
static void say_goodbye(struct link *l, msec now);

/* ---- the timer ---------------------------------------------------------------------------------------------------- */

static msec link_deadline(const struct link *l)
{
    msec own = mqtt_client_deadline(&l->upstream->mqtt);
    switch (l->state) {
    case LINK_WAITING:
        return l->since + l->backoff;
    case LINK_DIALLING:
        return l->since + DIAL_TIMEOUT < own ? l->since + DIAL_TIMEOUT : own;
    case LINK_UP:
        return own;
    case LINK_CLOSING:
        return l->since + l->links->linger;
    default:
        return MSEC_NEVER;
    }
}

/* A deadline that moved away costs nothing: the timer finds out when it fires. */
static void link_arm(struct link *l, msec now)
{
    msec deadline = link_deadline(l);
    if (deadline >= l->armed)
        return;
    msec wait = deadline > now ? deadline - now : 0;
    l->armed = deadline;
    struct timeval t = { (time_t)(wait / 1000), (suseconds_t)(wait % 1000 * 1000) };
    evtimer_add(&l->timer, &t);
}

/* ---- the transport ------------------------------------------------------------------------------------------------ */

static void drop_transport(struct link *l)
{
    if (l->bev)
        bufferevent_free(l->bev);
    l->bev = NULL;
    mqtt_client_lost(&l->upstream->mqtt);
    l->upstream->waiting = 0;
}

static void link_enter(struct link *l, enum link_state next, msec now)
{
    l->links->open += (next != LINK_IDLE) - (l->state != LINK_IDLE);
    l->state = next;
    l->since = now;
}

static msec jittered(msec wait)
{
    return wait - wait / 5 + (msec)rand() % (wait * 2 / 5 + 1);
}

/* Not all at once: each gets the next free place in the row of dials. */
static void schedule_dial(struct link *l, msec now)
{
    struct links *ls = l->links;
    msec last = l->backoff;
    l->backoff = last == 0 ? BACKOFF_FIRST : last * 2 > BACKOFF_MAX ? BACKOFF_MAX : last * 2;
    link_enter(l, LINK_WAITING, now);
    msec at = now + jittered(l->backoff);
    if (at < ls->next_dial)
        at = ls->next_dial;
    ls->next_dial = at + ls->dial_interval;
    l->since = at - l->backoff;
    link_arm(l, now);
}

/* One line when it breaks, one when it is back; repeated failures are for the debug log. */
static void complain(struct link *l, const char *what, const char *remedy)
{
    uint32_t more = 0;
    if (l->complained || !log_allows(&l->links->complaints, clock_now(), &more))
        log_debug("broker: %s: %s", l->name, what);
    else
        log_warn("broker: %s: %s: %s; %s; trying again%s", l->name, l->links->settings->url, what,
                 remedy, more > 0 ? " (and more connections like this one)" : "");
    l->complained = true;
}

static void link_failed(struct link *l, const char *what, const char *remedy, uint8_t code)
{
    msec now = clock_now();
    bool was_up = l->state == LINK_UP, closing = l->state == LINK_CLOSING;
    if (was_up && now - l->since > STABLE)
        l->backoff = 0;
    if (was_up)
        l->complained = false;
    if (!closing)
        complain(l, what, remedy);
    drop_transport(l);
    if (closing) {
        link_enter(l, LINK_IDLE, now);
        l->links->events->closed(l->links->events->context, l);
        return;
    }
    schedule_dial(l, now);
    l->links->events->down(l->links->events->context, l, was_up, code);
}

static const char *const connack_texts[] = {
    "accepted",
    "refused: it does not speak MQTT 3.1.1",
    "refused: it does not accept this client id",
    "refused: the server is unavailable",
    "refused: wrong user name or password",
    "refused: not authorized",
};

static void link_refused(struct link *l, uint8_t code)
{
    const char *remedy =
        code == 4 || code == 5
            ? "check broker.username and broker.password_file, or the broker's access list"
        : code == 2 ? "choose another gateway.name or client id"
                    : "look at the broker's log";
    link_failed(l, connack_texts[code < 6 ? code : 3], remedy, code);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static void link_accepted(struct link *l, msec now)
{
    link_enter(l, LINK_UP, now);
    l->complained = false;
    l->links->events->up(l->links->events->context, l);
}

/* One whole packet. False: the connection is gone. */
static bool link_packet(struct link *l, struct span frame, msec now)
{
    struct mqtt_packet p;
    uint8_t refused = 0;
    enum mqtt_error e = mqtt_decode(frame, &p);
    if (e != MQTT_OK || !upstream_hear(l->upstream, &p, now, &refused)) {
        link_failed(l, e != MQTT_OK ? mqtt_strerror(e) : "it sent a packet out of order",
                    "it is not a proper MQTT 3.1.1 broker, or something between us changes bytes", 0);
        return false;
    }
    if (refused != 0) {
        link_refused(l, refused);
        return false;
    }
    if (p.type == MQTT_CONNACK)
        link_accepted(l, now);
    l->links->events->heard(l->links->events->context, l);
    return true;
}

/* The packets that lie whole in the first piece of the input; 0 when a packet goes beyond it. */
static size_t packets_in(struct link *l, struct span bytes, msec now, bool *gone)
{
    size_t done = 0, total = 0;
    while (done < bytes.len && !*gone) {
        struct span rest = span_of(bytes.at + done, bytes.len - done);
        enum mqtt_error e = mqtt_frame_len(rest, &total);
        if (e == MQTT_INCOMPLETE || (e == MQTT_OK && total > rest.len))
            break;
        if (e != MQTT_OK) {
            link_failed(l, mqtt_strerror(e), "it is not an MQTT broker", 0);
            *gone = true;
        } else {
            *gone = !link_packet(l, span_of(rest.at, total), now);
            done += total;
        }
    }
    return done;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct link *l = arg;
    struct evbuffer *input = bufferevent_get_input(bev);
    msec now = clock_now();
    bool gone = false;
    for (size_t len = evbuffer_get_length(input); len > 0 && !gone; len = evbuffer_get_length(input)) {
        size_t piece = evbuffer_get_contiguous_space(input);
        size_t done =
            packets_in(l, span_of(evbuffer_pullup(input, (ev_ssize_t)piece), piece), now, &gone);
        if (gone)
            return;
        if (done > 0) {
            evbuffer_drain(input, done);
            continue;
        }
        if (piece == len)
            break; /* the rest of the packet is not here yet */
        if (!evbuffer_pullup(input, -1))
            break;
    }
    link_touch(l);
}

/* ---- dialling ----------------------------------------------------------------------------------------------------- */

static void transport_is_up(struct link *l)
{
    int one = 1;
    evutil_socket_t fd = bufferevent_getfd(l->bev);
    struct mqtt_connect c = { .keep_alive = l->links->settings->keepalive_s };
    const struct config_broker *b = l->links->settings;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    c.has_username = b->username[0] != '\0';
    c.username = span_text(b->username);
    c.has_password = c.has_username && b->password.len > 0;
    c.password = b->password;
    l->links->events->dialled(l->links->events->context, l, &c);
    mqtt_client_open(&l->upstream->mqtt, &c, clock_now());
    link_touch(l);
}

static const char *failure_text(struct link *l)
{
    SSL *ssl = l->links->tls ? bufferevent_openssl_get_ssl(l->bev) : NULL;
    const char *tls = ssl ? tls_reason(ssl, bufferevent_get_openssl_error(l->bev)) : NULL;
    int dns = bufferevent_socket_get_dns_error(l->bev), error = EVUTIL_SOCKET_ERROR();
    if (dns != 0)
        return evutil_gai_strerror(dns);
    return tls          ? tls
           : error != 0 ? evutil_socket_error_to_string(error)
                        : "it closed the connection";
}

/* With TLS 1.3 a server that misses our certificate says so only after the handshake, by closing. */
static bool handshake_was_through(const struct link *l)
{
    const SSL *ssl = l->links->tls ? bufferevent_openssl_get_ssl(l->bev) : NULL;
    return ssl && SSL_is_init_finished(ssl) && l->upstream->mqtt.state == MQTT_CLIENT_CONNECTING;
}

static const char *failure_remedy(const struct link *l)
{
    if (handshake_was_through(l))
        return "after the TLS handshake: does it want a client certificate (broker.cert_file, key_file)?";
    if (bufferevent_socket_get_dns_error(l->bev) != 0)
        return "check the host name in broker.url, and the name servers";
    if (l->state == LINK_UP)
        return "clients stay; QoS 1 and 2 messages are refused until it is back";
    if (l->links->tls)
        return "check broker.ca_file, server_name, cert_file and the port, and that the broker is running";
    return "is a broker running there, and is broker.url right?";
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct link *l = arg;
    if (what & BEV_EVENT_CONNECTED) {
        transport_is_up(l);
        return;
    }
    if (what & (BEV_EVENT_ERROR | BEV_EVENT_EOF)) {
        bool quiet_end = (what & BEV_EVENT_EOF) && !(what & BEV_EVENT_ERROR);
        (void)bev;
        link_failed(l, quiet_end ? "it closed the connection" : failure_text(l), failure_remedy(l),
                    0);
    }
}

static void on_written(struct bufferevent *bev, void *arg)
{
    struct link *l = arg;
    l->upstream->waiting = evbuffer_get_length(bufferevent_get_output(bev));
    link_touch(l);
}

static struct bufferevent *transport_new(struct links *ls)
{
    enum { OPTIONS = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS };
    if (!ls->tls)
        return bufferevent_socket_new(ls->loop, -1, BEV_OPT_CLOSE_ON_FREE);
    SSL *ssl = tls_open(ls->tls);
    struct bufferevent *bev =
        ssl ? bufferevent_openssl_socket_new(ls->loop, -1, ssl, BUFFEREVENT_SSL_CONNECTING, OPTIONS)
            : NULL;
    if (ssl && !bev)
        SSL_free(ssl);
    if (bev)
        bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    return bev;
}

void link_dial(struct link *l, msec now)
{
    const struct config_endpoint *to = &l->links->settings->address;
    link_hang_up(l, now);
    link_enter(l, LINK_DIALLING, now);
    l->bev = transport_new(l->links);
    if (!l->bev) {
        link_failed(l, "no memory for a connection", "lower limits.clients", 0);
        return;
    }
    bufferevent_setcb(l->bev, on_read, on_written, on_event, l);
    bufferevent_enable(l->bev, EV_READ | EV_WRITE);
    /* A failure that shows at once is reported through on_event as well, by libevent. */
    if (bufferevent_socket_connect_hostname(l->bev, l->links->dns, AF_UNSPEC, to->host, to->port) < 0 &&
        l->bev && l->state == LINK_DIALLING && bufferevent_getfd(l->bev) < 0)
        link_failed(l, evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()),
                    "too many open files? raise LimitNOFILE", 0);
    if (l->state == LINK_DIALLING)
        link_arm(l, now);
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

/* Straight to the socket, as long as nothing waits in the bufferevent before it. */
static size_t write_now(struct link *l, struct span bytes)
{
    if (l->links->tls || l->upstream->waiting > 0 || bytes.len == 0)
        return 0;
    ssize_t n = send(bufferevent_getfd(l->bev), bytes.at, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n > 0 ? (size_t)n : 0; /* an error shows again when the bufferevent writes */
}

static void write_out(struct link *l)
{
    enum { KEEP = 1024 };
    struct buffer *out = &l->upstream->mqtt.out;
    struct span bytes = buffer_span(out);
    size_t keep =
        l->owner ? KEEP : SIZE_MAX; /* the shared one is busy, of the others there are thousands */
    if (!l->bev || bytes.len == 0)
        return;
    size_t written = write_now(l, bytes);
    if (written < bytes.len) {
        bufferevent_write(l->bev, bytes.at + written, bytes.len - written);
        l->upstream->waiting = evbuffer_get_length(bufferevent_get_output(l->bev));
    }
    buffer_consume(out, bytes.len, keep);
}

/* Without DISCONNECT the broker would publish the will. */
static void say_goodbye(struct link *l, msec now)
{
    struct mqtt_client *c = &l->upstream->mqtt;
    if (c->state != MQTT_CLIENT_ONLINE)
        return;
    (void)mqtt_client_send(c, &(struct mqtt_packet){ .type = MQTT_DISCONNECT }, now);
    write_out(l);
    c->state = MQTT_CLIENT_OFFLINE;
}

void link_hang_up(struct link *l, msec now)
{
    say_goodbye(l, now);
    drop_transport(l);
}

/* A link to be closed waits for what is unanswered, says DISCONNECT and goes when that is out. */
static void try_to_close(struct link *l, msec now)
{
    struct mqtt_client *c = &l->upstream->mqtt;
    bool late = now >= l->since + l->links->linger;
    if (c->state == MQTT_CLIENT_ONLINE && c->flight_count > 0 && !late)
        return;
    say_goodbye(l, now);
    if (l->upstream->waiting > 0 && !late)
        return;
    drop_transport(l);
    link_enter(l, LINK_IDLE, now);
    l->links->events->closed(l->links->events->context, l);
}

void link_touch(struct link *l)
{
    if (l->dirty)
        return;
    l->dirty = true;
    TAILQ_INSERT_TAIL(&l->links->dirty, l, in_dirty);
}

void links_flush(struct links *ls, msec now)
{
    for (struct link *l; (l = TAILQ_FIRST(&ls->dirty));) {
        TAILQ_REMOVE(&ls->dirty, l, in_dirty);
        l->dirty = false;
        write_out(l);
        link_arm(l, now);
        if (l->state == LINK_CLOSING)
            try_to_close(l, now);
    }
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

static void link_timer(evutil_socket_t fd, short what, void *arg)
{
    struct link *l = arg;
    msec now = clock_now();
    (void)fd, (void)what;
    l->armed = MSEC_NEVER;
    if (now < link_deadline(l)) {
        link_arm(l, now);
        return;
    }
    if (l->state == LINK_WAITING)
        link_dial(l, now);
    else if (l->state == LINK_CLOSING)
        try_to_close(l, now);
    else if (l->state == LINK_DIALLING || !mqtt_client_tick(&l->upstream->mqtt, now))
        link_failed(l, "it does not answer", "is it overloaded, or behind a firewall?", 0);
    else
        link_touch(l);
}

struct link *link_new(struct links *ls, struct upstream *u, const char *name, void *owner)
{
    struct link *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    *l = (struct link){ .links = ls, .upstream = u, .name = name, .owner = owner, .armed = MSEC_NEVER };
    msec ping = ls->settings->keepalive_s * (msec)1000;
    mqtt_client_init(&u->mqtt, ping * 3 / 4 + (ping > 0 ? (msec)rand() % (ping * 3 / 20 + 1) : 0),
                     ls->answer_timeout);
    evtimer_assign(&l->timer, ls->loop, link_timer, l);
    return l;
}

void link_free(struct link *l)
{
    if (!l)
        return;
    if (l->dirty)
        TAILQ_REMOVE(&l->links->dirty, l, in_dirty);
    drop_transport(l);
    link_enter(l, LINK_IDLE, 0);
    evtimer_del(&l->timer);
    free(l);
}

void link_close(struct link *l, msec now)
{
    if (l->state == LINK_IDLE || l->state == LINK_CLOSING)
        return;
    bool online = l->state == LINK_UP;
    if (!online)
        drop_transport(l);
    link_enter(l, LINK_CLOSING, now);
    link_arm(l, now);
    link_touch(l);
}

struct upstream *link_upstream(const struct link *l)
{
    return l->upstream;
}

void *link_owner(const struct link *l)
{
    return l->owner;
}

bool link_is_up(const struct link *l)
{
    return l->state == LINK_UP;
}

bool link_is_open(const struct link *l)
{
    return l->state != LINK_IDLE;
}

void links_hurry(struct links *ls)
{
    ls->linger = LINGER_SHORT;
}

bool links_all_closed(const struct links *ls)
{
    return ls->open == 0;
}

struct links *links_new(struct event_base *loop, const struct config_broker *settings,
                        msec answer_timeout, unsigned dials_per_second,
                        const struct link_events *events)
{
    struct links *ls = calloc(1, sizeof *ls);
    if (!ls)
        return NULL;
    *ls = (struct links){
        .loop = loop, .settings = settings, .events = events, .answer_timeout = answer_timeout
    };
    ls->linger = LINGER;
    ls->dial_interval = 1000 / (dials_per_second > 0 ? dials_per_second : 1);
    TAILQ_INIT(&ls->dirty);
    ls->dns =
        evdns_base_new(loop, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!ls->dns) /* no usable /etc/resolv.conf: literal addresses and /etc/hosts still work */
        ls->dns = evdns_base_new(loop, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    ls->tls = settings->tls ? tls_new(settings) : NULL;
    if (!ls->dns || (settings->tls && !ls->tls)) {
        links_free(ls);
        return NULL;
    }
    return ls;
}

void links_free(struct links *ls)
{
    if (!ls)
        return;
    tls_free(ls->tls);
    if (ls->dns)
        evdns_base_free(ls->dns, 0);
    free(ls);
}
