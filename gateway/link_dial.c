/* link_dial.c -- how a link gets through to the broker: name, TCP, TLS, CONNECT.
 *
 * Every connection has TCP_NODELAY: with Nagle's algorithm a lone packet waits for the broker's delayed
 * acknowledgement. What goes wrong is said in words that name the thing, the cause and the remedy. */
#include "gateway/link_inside.h"
#include "gateway/tls.h"
#include "radio/clock.h"

#include <event2/bufferevent_ssl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

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
    upstream_open(l->upstream, &c, clock_now());
    link_touch(l);
}

static const char *failure_text(struct link *l)
{
    SSL *ssl = l->links->tls ? bufferevent_openssl_get_ssl(l->bev) : NULL;
    const char *tls = ssl ? tls_reason(ssl, bufferevent_get_openssl_error(l->bev)) : NULL;
    int dns = bufferevent_socket_get_dns_error(l->bev), error = EVUTIL_SOCKET_ERROR();
    if (dns != 0)
        return dns == EVUTIL_EAI_NONAME ? "there is no host of that name" : evutil_gai_strerror(dns);
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

static bool certificate_failed(const struct link *l)
{
    const SSL *ssl = l->links->tls ? bufferevent_openssl_get_ssl(l->bev) : NULL;
    return ssl && SSL_get_verify_result(ssl) != X509_V_OK;
}

static const char *failure_remedy(const struct link *l)
{
    if (handshake_was_through(l))
        return "after the TLS handshake: does it want a client certificate (broker.cert_file, key_file)?";
    if (bufferevent_socket_get_dns_error(l->bev) != 0)
        return "check the host name in broker.url, and the name servers";
    if (l->state == LINK_UP)
        return "clients stay, and what cannot be kept until it is back is refused; if it goes on: does "
               "another client use this client id (gateway.name), does the broker refuse something? see its log";
    if (certificate_failed(l))
        return "check broker.ca_file (who signed it) and broker.server_name (whose it is)";
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
        if (l->state == LINK_PARTING) {
            link_dial(l, clock_now());
            return;
        }
        upstream_blame(l->upstream, clock_now());
        link_failed(l, quiet_end ? "it closed the connection" : failure_text(l), failure_remedy(l),
                    0);
    }
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
    l->braked = false;
    if (!l->bev) {
        link_failed(l, "no memory for a connection", "lower limits.clients", 0);
        return;
    }
    bufferevent_setcb(l->bev, link_read, link_written, on_event, l);
    bufferevent_enable(l->bev, EV_READ | EV_WRITE);
    /* A failure that shows at once is reported through on_event as well, by libevent. */
    if (bufferevent_socket_connect_hostname(l->bev, l->links->dns, AF_UNSPEC, to->host, to->port) < 0 &&
        l->bev && l->state == LINK_DIALLING && bufferevent_getfd(l->bev) < 0)
        link_failed(l, evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()),
                    "too many open files? raise LimitNOFILE", 0);
    if (l->state == LINK_DIALLING)
        link_arm(l, now);
}
