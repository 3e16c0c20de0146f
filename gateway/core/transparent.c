/* transparent.c -- a broker connection of the client's own (MQTT-SN 1.2, section 4.1).
 *
 * What the session says goes on the wire as it is, what the broker says goes to the session: the broker keeps the
 * session, the subscriptions and, until the client has acknowledged, the messages. Opening and closing the
 * connection is the shell's business; the session's CONNECT and DISCONNECT tell it when. */
#include "gateway/core/session.h"

/* What there was no room for, the broker sends again only on a new connection: time for one when all else is done, and
 * there is room again. */
static void fetch_refused(struct upstream *u)
{
    const struct session *s = u->session;
    u->redial = s && !s->clean && upstream_online(u) && session_drained(s) &&
                arrivals_only_refused(&u->mqtt.arrivals);
}

static void forward(struct upstream *u, const struct mqtt_packet *p, msec now)
{
    upstream_forward(u, p, now);
    if (p->type == MQTT_PUBACK || p->type == MQTT_PUBCOMP)
        fetch_refused(u);
}

static void transparent_request(struct upstream *u, struct session *s, const struct mqtt_packet *p,
                                msec now)
{
    if (p->type == MQTT_CONNECT && p->connect.clean && !session_is_connected(s))
        mqtt_client_clear(&u->mqtt); /* nothing of the old connection counts any more */
    else if (p->type == MQTT_PUBACK && p->code == MQTT_REFUSED && s->clean)
        mqtt_client_hold(&u->mqtt, p->receipt, 0,
                         now); /* the broker forgets it anyway: not into its window */
    else if (p->type == MQTT_PUBACK && p->code == MQTT_REFUSED)
        mqtt_client_refuse(&u->mqtt, p->receipt, now);
    else if (p->type == MQTT_PINGREQ)
        fetch_refused(u);
    else if (p->type != MQTT_CONNECT && p->type != MQTT_DISCONNECT)
        forward(u, p, now);
    else if (p->connect.has_will && p->type == MQTT_DISCONNECT && u->mqtt.state == MQTT_CLIENT_ONLINE)
        upstream_publish_will(u, &p->connect.will,
                              now); /* else the broker's own copy appears (SN-WILL-10) */
}

/* It is for nobody, and that is all. */
static void dismiss(struct upstream *u, uint32_t receipt, msec now)
{
    mqtt_client_complete(&u->mqtt, receipt, now);
    mqtt_client_hold(&u->mqtt, receipt, 0, now);
}

/* No memory to hand it over. Else it would hold every acknowledgement behind it back. */
static void miss(struct upstream *u, const struct mqtt_packet *p, msec now)
{
    bool forgotten = u->session->clean;
    u->no_memory += p->qos == 0 || forgotten;
    if (p->qos == 0)
        return;
    if (forgotten) { /* the broker would not repeat it */
        dismiss(u, p->receipt, now);
        return;
    }
    mqtt_client_refuse(&u->mqtt, p->receipt, now);
    u->redial = arrivals_only_refused(&u->mqtt.arrivals);
}

/* What still comes by a filter that the client gave up is for nobody. */
static void transparent_message(struct upstream *u, const struct mqtt_packet *p, msec now)
{
    bool left = u->session && subscriptions_left(&u->session->subscriptions, p->topic);
    if (u->session && !left) {
        if (!upstream_hit(u, u->session, p))
            miss(u, p, now);
        return;
    }
    u->no_receiver++;
    if (left)
        dismiss(u, p->receipt, now);
}

static void transparent_answer(struct upstream *u, void *owner, const struct mqtt_packet *p, msec now)
{
    (void)now;
    upstream_hit(u, owner, p);
}

static void transparent_connected(struct upstream *u, const struct mqtt_packet *p, msec now)
{
    (void)now;
    if (u->session)
        upstream_hit(u, u->session, p);
}

static void transparent_leave(struct upstream *u, struct session *s, msec now)
{
    (void)now;
    mqtt_client_orphan(&u->mqtt, s);
    u->session = NULL;
}

const struct strategy transparent_strategy = {
    .request = transparent_request,
    .message = transparent_message,
    .answer = transparent_answer,
    .connected = transparent_connected,
    .leave = transparent_leave,
};
