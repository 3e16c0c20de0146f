/* upstream.c -- what a shared and an own broker connection have in common.
 *
 * Topics get their prefix here and lose it here. Packet ids are those of the connection, given to a session before it
 * asks, so nothing has to be translated afterwards: the answer carries the id, and the flight knows whose it is. */
#include "gateway/core/upstream.h"

#include "gateway/core/session.h"
#include "mqtt/topic.h"

#include <stdlib.h>

enum {
    WAITING_MAX = 1 << 20
}; /* octets that a slow broker may let pile up before clients hear "congestion" */

void upstream_init(struct upstream *u, const struct strategy *strategy)
{
    *u = (struct upstream){ .strategy = strategy };
}

void upstream_clear(struct upstream *u)
{
    mqtt_client_clear(&u->mqtt);
    buffer_clear(&u->scratch);
    free(u->hits.list);
    u->hits = (struct hits){ 0 };
}

bool upstream_online(const struct upstream *u)
{
    return u->mqtt.state == MQTT_CLIENT_ONLINE;
}

static bool above(size_t load, size_t limit, unsigned percent)
{
    return (uint64_t)load * 100 >= (uint64_t)limit * percent;
}

/* Nobody gains from a gateway that says "congestion" and "accepted" in turn, so it waits until there is room. */
static bool is_congested(struct upstream *u)
{
    enum { HIGH = 90, LOW = 70 };
    unsigned mark = u->congested ? LOW : HIGH;
    u->congested = above(u->waiting + u->mqtt.out.len, WAITING_MAX, mark) ||
                   (u->flight_limit > 0 && above(u->mqtt.flights.bytes, u->flight_limit, mark));
    return u->congested;
}

bool upstream_ready(struct upstream *u)
{
    return upstream_online(u) && !is_congested(u);
}

void upstream_blame(struct upstream *u, msec now)
{
    struct mqtt_packet p;
    void *owner = NULL;
    if (!mqtt_client_blame(&u->mqtt, now, &p, &owner))
        return;
    u->closed_over++;
    if (owner)
        u->strategy->answer(u, owner, &p, now);
}

bool upstream_takes(const struct upstream *u, struct span topic)
{
    return u->prefix.len + topic.len <= TOPIC_LEN_MAX;
}

static size_t places(const struct upstream *u)
{
    enum { UNRELEASED_MAX = 20 };
    size_t taken = u->mqtt.flights.exactly_once;
    return taken < UNRELEASED_MAX ? UNRELEASED_MAX - taken : 0;
}

bool upstream_takes_qos2(const struct upstream *u)
{
    return places(u) > 0;
}

size_t upstream_places(struct upstream *u)
{
    return upstream_ready(u) ? places(u) : 0;
}

uint16_t upstream_reserve(struct upstream *u, struct session *s, size_t octets)
{
    if (!upstream_ready(u) || u->mqtt.flights.bytes + octets > u->flight_limit)
        return 0;
    return mqtt_client_reserve(&u->mqtt, s);
}

uint16_t upstream_reserve_accepted(struct upstream *u, struct session *s, size_t octets)
{
    bool alone = u->mqtt.flights.bytes == 0;
    return upstream_reserve(u, s, alone && octets > u->flight_limit ? u->flight_limit : octets);
}

uint16_t upstream_reserve_offline(struct upstream *u, struct session *s, size_t octets)
{
    bool fits = u->mqtt.flights.bytes + octets <= u->flight_limit;
    return fits ? mqtt_client_reserve(&u->mqtt, s) : 0;
}

void upstream_leave(struct upstream *u, struct session *s, msec now)
{
    session_release_brake(s);
    u->strategy->leave(u, s, now);
    for (size_t i = u->hits.next; i < u->hits.count; i++)
        if (u->hits.list[i].session == s)
            u->hits.list[i].session = NULL;
}

/* An answer that is lost is asked for again by the client; a message must be refused, so that the broker repeats it. */
bool upstream_hit(struct upstream *u, struct session *s, const struct mqtt_packet *p)
{
    enum { HITS_FIRST = 1 };
    struct hits *h = &u->hits;
    if (h->count == h->room) {
        size_t room = h->room > 0 ? h->room * 2 : HITS_FIRST;
        struct hit *larger = realloc(h->list, room * sizeof *larger);
        if (!larger)
            return false;
        h->list = larger;
        h->room = room;
    }
    h->list[h->count++] = (struct hit){ s, *p };
    return true;
}

struct span upstream_prefixed(struct upstream *u, struct span topic)
{
    if (u->prefix.len == 0)
        return topic;
    buffer_consume(&u->scratch, u->scratch.len, SIZE_MAX);
    uint8_t *room = buffer_reserve(&u->scratch, u->prefix.len + topic.len);
    if (!room)
        return (struct span){ 0 };
    struct writer w = writer_of(room, u->prefix.len + topic.len);
    write_span(&w, u->prefix);
    write_span(&w, topic);
    buffer_grow(&u->scratch, u->prefix.len + topic.len);
    return buffer_span(&u->scratch);
}

bool upstream_unprefixed(struct upstream *u, struct span *topic)
{
    struct reader r = reader_of(*topic);
    struct span head = read_span(&r, u->prefix.len);
    if (u->prefix.len == 0)
        return true;
    if (r.failed || !span_equal(head, u->prefix) || r.left == 0)
        return false;
    *topic = read_rest(&r);
    return true;
}

/* What is asked of the broker, changed to what it has. */
static void make_do(const struct upstream *u, uint8_t *qos, bool *retain)
{
    if (u->lacks.qos2 && *qos > 1)
        *qos = 1;
    *retain = *retain && !u->lacks.retain;
}

void upstream_open(struct upstream *u, const struct mqtt_connect *connect, msec now)
{
    struct mqtt_connect c = *connect;
    if (c.has_will) {
        c.will.topic = upstream_prefixed(u, c.will.topic);
        c.has_will = c.will.topic.at != NULL;
        make_do(u, &c.will.qos, &c.will.retain);
    }
    mqtt_client_open(&u->mqtt, &c, now);
}

/* PUBLISH, SUBSCRIBE, UNSUBSCRIBE and the acknowledgements are the same for both strategies. */
void upstream_forward(struct upstream *u, const struct mqtt_packet *p, msec now)
{
    struct mqtt_packet packet = *p;
    switch (p->type) {
    case MQTT_PUBLISH:
    case MQTT_SUBSCRIBE:
    case MQTT_UNSUBSCRIBE:
        packet.topic = upstream_prefixed(u, p->topic);
        make_do(u, &packet.qos, &packet.retain);
        u->retain_cleared += p->retain && !packet.retain;
        (void)mqtt_client_send(&u->mqtt, &packet, now);
        break;
    case MQTT_PUBREL:
        mqtt_client_release(&u->mqtt, p->packet_id, now);
        break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
        mqtt_client_take(&u->mqtt, p->receipt, now);
        break;
    case MQTT_PUBCOMP:
        mqtt_client_complete(&u->mqtt, p->receipt, now);
        break;
    default:
        break;
    }
}

bool upstream_restore(struct upstream *u, struct session *s, const struct queued *one)
{
    struct mqtt_packet p = { .type = MQTT_PUBLISH,
                             .qos = one->qos,
                             .dup = true,
                             .retain = one->retain,
                             .packet_id = one->message_id,
                             .topic = upstream_prefixed(u, queued_topic(one)),
                             .payload = queued_payload(one) };
    make_do(u, &p.qos, &p.retain);
    return mqtt_client_restore(&u->mqtt, &p, one->phase == QUEUED_RELEASED, s);
}

/* Nobody waits for the answer, but it is kept until the broker has it. While the broker is away only what wants an
 * answer is kept, so a will of QoS 0 wants one too. */
void upstream_publish_will(struct upstream *u, const struct mqtt_will *will, msec now)
{
    struct mqtt_packet p = { .type = MQTT_PUBLISH,
                             .qos = will->qos,
                             .retain = will->retain,
                             .topic = will->topic,
                             .payload = will->message };
    if (p.qos == 0 && u->mqtt.state != MQTT_CLIENT_ONLINE)
        p.qos = 1;
    if (p.qos > 0)
        p.packet_id = mqtt_client_reserve(&u->mqtt, NULL);
    if (p.qos == 0 || p.packet_id != 0)
        upstream_forward(u, &p, now);
}

/* What came carries the prefix; whoever it is for does not know of it. */
static void message_arrived(struct upstream *u, struct mqtt_packet *p, msec now)
{
    if (upstream_unprefixed(u, &p->topic)) {
        u->strategy->message(u, p, now);
        return;
    }
    u->outside_prefix++;
    mqtt_client_hold(&u->mqtt, p->receipt, 0, now);
}

bool upstream_hear(struct upstream *u, struct mqtt_packet *p, msec now, uint8_t *refused)
{
    void *owner = NULL;
    *refused = 0;
    switch (mqtt_client_receive(&u->mqtt, p, now, &owner)) {
    case MQTT_EVENT_NONE: /* what was refused comes again only on a new connection (SN-SLP-11) */
        if (p->type == MQTT_PUBREL && u->session && !u->session->clean)
            u->redial = session_drained(u->session) && arrivals_only_refused(&u->mqtt.arrivals);
        return true;
    case MQTT_EVENT_CONNECTED:
        u->strategy->connected(u, p, now);
        return true;
    case MQTT_EVENT_REFUSED:
        *refused = p->code;
        return true;
    case MQTT_EVENT_ANSWER:
        u->strategy->answer(u, owner, p, now);
        return true;
    case MQTT_EVENT_PONG:
        if (u->strategy->pong)
            u->strategy->pong(u, now);
        return true;
    case MQTT_EVENT_MESSAGE:
        message_arrived(u, p, now);
        return true;
    default:
        return false;
    }
}
