/* transparent.c -- a broker connection of the client's own (MQTT-SN 1.2, section 4.1).
 *
 * What the session says goes on the wire as it is, what the broker says goes to the session: the broker keeps the
 * session, the subscriptions and, until the client has acknowledged, the messages. Opening and closing the
 * connection is the shell's business; the session's CONNECT and DISCONNECT tell it when. */
#include "gateway/core/session.h"

static void transparent_request(struct upstream *u, struct session *s, const struct mqtt_packet *p,
                                msec now)
{
    (void)s;
    if (p->type == MQTT_CONNECT) {
        if (p->connect.clean) /* nothing of the old connection counts any more */
            mqtt_client_clear(&u->mqtt);
        return;
    }
    if (p->type != MQTT_DISCONNECT) {
        upstream_forward(u, p, now);
        return;
    }
    if (p->connect.has_will && u->mqtt.state == MQTT_CLIENT_ONLINE)
        upstream_publish_will(u, &p->connect.will,
                              now); /* else the broker's own copy appears (SN-WILL-10) */
}

static void transparent_message(struct upstream *u, const struct mqtt_packet *p, msec now)
{
    if (u->session) {
        upstream_hit(u, u->session, p);
        return;
    }
    u->no_receiver++;
    (void)now;
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
