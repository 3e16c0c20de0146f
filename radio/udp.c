/* udp.c -- the radio of nodes that speak IP: Wi-Fi, Thread, NB-IoT, or a test on this machine.
 *
 * One radio is one `listen` address and, where the settings name one, one multicast group for discovery. Each of the
 * two sockets is an ear: readable, a burst is taken (udp_inbox.c) and handed up frame by frame. What goes out gathers
 * in an outbox (udp_outbox.c) until the turn ends.
 *
 * A radio that cannot open is no reason to stop the gateway: it says once why, in words that help, and tries again
 * after 1 s, 2 s, ... 60 s, for ever. The same attempt opens what is missing, listener or group, so a group whose
 * interface comes late does not hold up the listener.
 *
 * A group gives us back our own frames (loop back stays on for the other programs of this machine): they are known by
 * their source, our own port on an address of ours, and dropped without a word (SN-DISC-10). */
#include "radio/udp.h"

#include "config/log.h"
#include "radio/udp_inbox.h"
#include "radio/udp_outbox.h"
#include "radio/udp_socket.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    RETRY_FIRST_S = 1,
    RETRY_LONGEST_S = 60,
    WHOLE_NETWORK_HOPS = 32, /* what radius 0 means, SN-DISC-6 */
};

struct udp;

struct ear {
    struct udp *udp;
    int fd; /* -1 while closed */
    struct event *readable;
    uint32_t lost; /* the kernel's count, as far as reported */
};

struct udp {
    struct radio radio;
    struct event_base *loop;
    struct radio_events events;
    struct ear main, group;
    union udp_name own;
    struct udp_group joined;
    struct udp_inbox *in;
    struct udp_outbox *out;
    struct event *retry;
    time_t retry_s;
    struct udp_trouble told; /* the line logged last, empty while all is well */
};

static struct udp *udp_of(struct radio *r)
{
    return (struct udp *)r;
}

static void drop(void *udp, const char *reason)
{
    struct udp *u = udp;
    u->events.dropped(u->events.context, &u->radio, reason);
}

/* ---- hearing ---- */

static bool is_echo(const struct udp *u, const union udp_name *from)
{
    if (udp_name_port(from) != udp_name_port(&u->own))
        return false;
    return udp_name_is_wildcard(&u->own) ? udp_name_is_local(from)
                                         : udp_name_same_host(from, &u->own);
}

static void hear_one(struct ear *ear, const struct udp_datagram *d)
{
    struct udp *u = ear->udp;
    const bool to_all = ear == &u->group;
    if (to_all && is_echo(u, d->from))
        return;
    if (d->cut) {
        drop(u, "oversize");
        return;
    }
    const struct address from = udp_name_to_address(d->from, u->radio.index);
    u->events.heard(
        u->events.context, &from,
        &(struct radio_frame){ .bytes = d->frame, .broadcast = to_all, .lqi = LQI_UNKNOWN });
}

static void hear(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct ear *ear = context;
    uint32_t lost = ear->lost;
    const size_t count = udp_inbox_take(ear->udp->in, (int)fd, &lost);
    for (size_t i = 0; i < count; i++) {
        const struct udp_datagram d = udp_inbox_at(ear->udp->in, i);
        hear_one(ear, &d);
    }
    for (; ear->lost != lost; ear->lost++)
        drop(ear->udp, "kernel receive buffer full");
}

/* ---- opening, again and again if need be ---- */

static void ear_close(struct ear *ear)
{
    if (ear->readable)
        event_free(ear->readable);
    if (ear->fd >= 0)
        close(ear->fd);
    ear->readable = NULL;
    ear->fd = -1;
}

static bool ear_open(struct ear *ear, int fd, struct udp_trouble *why)
{
    ear->fd = fd;
    ear->lost = 0;
    ear->readable = event_new(ear->udp->loop, fd, EV_READ | EV_PERSIST, hear, ear);
    if (ear->readable && event_add(ear->readable, NULL) == 0)
        return true;
    ear_close(ear);
    *why = (struct udp_trouble){ "cannot wait for frames: no memory; give the machine more" };
    return false;
}

static bool listening(struct udp *u, struct udp_trouble *why)
{
    const struct config_radio *settings = u->radio.settings;
    char name[UDP_NAME_TEXT];
    if (u->radio.up)
        return true;
    const int fd = udp_socket_listen(settings, &u->own, why);
    if (fd < 0 || !ear_open(&u->main, fd, why))
        return false;
    u->radio.up = true;
    log_info("radio %s: listening on %s (udp)", settings->name,
             udp_name_text(&u->own, name, sizeof name));
    return true;
}

static bool in_group(struct udp *u, struct udp_trouble *why)
{
    const struct config_radio *settings = u->radio.settings;
    char name[UDP_NAME_TEXT], interface[IF_NAMESIZE];
    if (!settings->multicast.host || u->group.fd >= 0)
        return true;
    const int fd = udp_socket_join(settings, u->main.fd, &u->own, &u->joined, why);
    if (fd < 0 || !ear_open(&u->group, fd, why))
        return false;
    const char *on = if_indextoname(u->joined.interface, interface);
    log_info("radio %s: joined %s on %s", settings->name,
             udp_name_text(&u->joined.name, name, sizeof name),
             on ? on : "the interface of the default route");
    return true;
}

static void complain(struct udp *u, const struct udp_trouble *why)
{
    if (strcmp(u->told.text, why->text) == 0)
        return;
    u->told = *why;
    log_error("radio %s: %s; trying again by itself", u->radio.settings->name, why->text);
}

static void try_again_later(struct udp *u)
{
    const struct timeval wait = { .tv_sec = u->retry_s };
    event_add(u->retry, &wait);
    u->retry_s = u->retry_s * 2 < RETRY_LONGEST_S ? u->retry_s * 2 : RETRY_LONGEST_S;
}

/* Opens whatever is not open yet. */
static void attempt(struct udp *u)
{
    struct udp_trouble why = { "" };
    if (listening(u, &why) && in_group(u, &why)) {
        u->retry_s = RETRY_FIRST_S;
        u->told.text[0] = '\0';
        return;
    }
    complain(u, &why);
    try_again_later(u);
}

static void retry(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    attempt(context);
}

static void udp_close(struct radio *r)
{
    struct udp *u = udp_of(r);
    if (!u)
        return;
    ear_close(&u->main);
    ear_close(&u->group);
    if (u->retry)
        event_free(u->retry);
    udp_inbox_free(u->in);
    udp_outbox_free(u->out);
    free(u);
}

static struct radio *udp_open(struct event_base *loop, const struct config_radio *settings,
                              uint8_t index, const struct radio_events *events)
{
    struct udp *u = calloc(1, sizeof *u);
    if (!u)
        return NULL;
    u->radio = (struct radio){ .driver = &udp_driver,
                               .settings = settings,
                               .index = index,
                               .advertises = settings->multicast.host != NULL,
                               .payload_limit = settings->max_message };
    u->loop = loop;
    u->events = *events;
    u->main = (struct ear){ .udp = u, .fd = -1 };
    u->group = (struct ear){ .udp = u, .fd = -1 };
    u->retry_s = RETRY_FIRST_S;
    u->in = udp_inbox_new(settings->max_message);
    u->out = udp_outbox_new(drop, u);
    u->retry = evtimer_new(loop, retry, u);
    if (!u->in || !u->out || !u->retry)
        goto fail;
    attempt(u);
    return &u->radio;
fail:
    udp_close(&u->radio);
    return NULL;
}

/* ---- sending ---- */

static bool udp_send(struct radio *r, const struct address *to, struct span frame)
{
    struct udp *u = udp_of(r);
    if (!r->up) {
        drop(u, "radio down");
        return false;
    }
    const union udp_name name = udp_name_of_address(to);
    udp_outbox_add(u->out, u->main.fd, &name, frame);
    return false; /* what became of it, UDP never knows */
}

static void udp_flush(struct radio *r)
{
    struct udp *u = udp_of(r);
    if (r->up)
        udp_outbox_flush(u->out, u->main.fd);
}

static bool udp_can_broadcast(const struct radio *r)
{
    return r->up && ((const struct udp *)r)->group.fd >= 0;
}

static bool interface_is_gone(const struct udp *u)
{
    char name[IF_NAMESIZE];
    return u->joined.interface != 0 && !if_indextoname(u->joined.interface, name);
}

/* The membership went with its interface: join again when there is one. */
static void rejoin(struct udp *u)
{
    ear_close(&u->group);
    attempt(u);
}

/* Not through the outbox: the hops are a property of the socket, and a broadcast is rare. */
static void udp_broadcast(struct radio *r, uint8_t radius, struct span frame)
{
    struct udp *u = udp_of(r);
    if (!udp_can_broadcast(r)) {
        if (r->settings->multicast.host)
            drop(u, "radio down");
        return;
    }
    udp_flush(r);
    udp_socket_set_hops(u->main.fd, &u->own, radius ? radius : WHOLE_NETWORK_HOPS);
    const union udp_name *to = &u->joined.name;
    if (sendto(u->main.fd, frame.at, frame.len, MSG_DONTWAIT, &to->any, udp_name_len(to)) >= 0)
        return;
    drop(u, udp_outbox_reason(errno));
    if (interface_is_gone(u))
        rejoin(u);
}

/* ---- addresses ---- */

static bool udp_same_host(const struct address *a, const struct address *b)
{
    const union udp_name one = udp_name_of_address(a), other = udp_name_of_address(b);
    return udp_name_same_host(&one, &other) && span_equal(span_of(a->bytes + a->len, a->node_len),
                                                          span_of(b->bytes + b->len, b->node_len));
}

static const char *udp_text(const struct address *a, char *line, size_t room)
{
    const union udp_name name = udp_name_of_address(a);
    return udp_name_text(&name, line, room);
}

const struct radio_driver udp_driver = {
    .name = "udp",
    .open = udp_open,
    .send = udp_send,
    .broadcast = udp_broadcast,
    .can_broadcast = udp_can_broadcast,
    .same_host = udp_same_host,
    .host_len = udp_name_host_len,
    .text = udp_text,
    .flush = udp_flush,
    .close = udp_close,
};
