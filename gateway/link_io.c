/* link_io.c -- the bytes of one connection to the broker.
 *
 * Reading goes through the bufferevent's input, packet by packet. Writing of plain TCP goes straight to the socket at
 * the end of the turn, and only what the socket does not take goes to the bufferevent: that saves two system calls a
 * turn, and one write carries all packets of it. */
#include "gateway/link_inside.h"

#include "gateway/crash.h"
#include "gateway/tls.h"
#include "radio/clock.h"

#include <event2/buffer.h>
#include <sys/socket.h>

enum {
    PACKET_MAX = 16 << 20
}; /* octets from the broker: bounds what one connection can make us hold */

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

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void link_accepted(struct link *l, msec now)
{
    link_enter(l, LINK_UP, now);
    l->complaint = l->links->told = 0;
    l->links->events->up(l->links->events->context, l);
}

/* One whole packet. False: the connection is gone. */
static bool link_packet(struct link *l, struct span frame, msec now)
{
    const struct bufferevent *before = l->bev;
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
    return l->bev == before && l->state != LINK_PARTING; /* hearing it may have made us dial anew */
}

/* A client's queue is nearly full: TCP makes the broker wait. */
static bool stops(const struct link *l)
{
    return l->state == LINK_UP && l->upstream->brakes > 0;
}

/* The packets that lie whole in the first piece of the input; 0 when a packet goes beyond it. */
static size_t packets_in(struct link *l, struct span bytes, msec now, bool *gone)
{
    size_t done = 0, total = 0;
    while (done < bytes.len && !*gone && !stops(l)) {
        struct span rest = span_of(bytes.at + done, bytes.len - done);
        enum mqtt_error e = mqtt_frame_len(rest, &total);
        if (e == MQTT_INCOMPLETE || (e == MQTT_OK && total > rest.len && total <= PACKET_MAX))
            break;
        if (e != MQTT_OK || total > PACKET_MAX) {
            link_failed(l, e != MQTT_OK ? mqtt_strerror(e) : "it sent a packet of more than 16 MiB",
                        "it is not an MQTT broker, or somebody publishes what no radio can carry", 0);
            *gone = true;
        } else {
            *gone = !link_packet(l, span_of(rest.at, total), now);
            done += total;
        }
    }
    return done;
}

void link_brake(struct link *l, msec now)
{
    const bool on = l->bev && stops(l);
    if (on == l->braked)
        return;
    l->braked = on;
    if (on) {
        bufferevent_disable(l->bev, EV_READ);
    } else if (l->bev) {
        mqtt_client_excuse(&l->upstream->mqtt, now);
        bufferevent_enable(l->bev, EV_READ);
        bufferevent_trigger(l->bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS); /* what is here already */
    }
}

void link_read(struct bufferevent *bev, void *arg)
{
    struct link *l = arg;
    struct evbuffer *input = bufferevent_get_input(bev);
    msec now = clock_now();
    bool gone = false;
    if (l->state == LINK_PARTING)
        evbuffer_drain(input, evbuffer_get_length(input));
    for (size_t len = evbuffer_get_length(input); len > 0 && !stops(l);
         len = evbuffer_get_length(input)) {
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
    link_brake(l, now); /* at once: in this turn already there may be reason to go on with what is left here */
    link_touch(l);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Straight to the socket, as long as nothing waits in the bufferevent before it. */
static size_t write_now(struct link *l, struct span bytes)
{
    if (l->links->tls || l->upstream->waiting > 0 || bytes.len == 0)
        return 0;
    ssize_t n = send(bufferevent_getfd(l->bev), bytes.at, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n > 0 ? (size_t)n : 0; /* an error shows again when the bufferevent writes */
}

void link_write_out(struct link *l)
{
    enum { KEEP = 1024 };
    struct buffer *out = &l->upstream->mqtt.out;
    struct span bytes = buffer_span(out);
    size_t keep =
        l->owner ? KEEP : SIZE_MAX; /* the shared one is busy, of the others there are thousands */
    if (!l->bev || bytes.len == 0)
        return;
    crash_point();
    size_t written = write_now(l, bytes);
    if (written < bytes.len) {
        bufferevent_write(l->bev, bytes.at + written, bytes.len - written);
        l->upstream->waiting = evbuffer_get_length(bufferevent_get_output(l->bev));
    }
    crash_point();
    buffer_consume(out, bytes.len, keep);
}

void link_say_goodbye(struct link *l, msec now)
{
    struct mqtt_client *c = &l->upstream->mqtt;
    if (c->state != MQTT_CLIENT_ONLINE)
        return;
    (void)mqtt_client_send(c, &(struct mqtt_packet){ .type = MQTT_DISCONNECT }, now);
    link_write_out(l);
    c->state = MQTT_CLIENT_OFFLINE;
}

void link_written(struct bufferevent *bev, void *arg)
{
    struct link *l = arg;
    l->upstream->waiting = evbuffer_get_length(bufferevent_get_output(bev));
    link_touch(l);
}
