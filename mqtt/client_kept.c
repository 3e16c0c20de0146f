/* client_kept.c -- requests of ours that somebody has on disk.
 *
 * Whoever keeps a message on disk wants it delivered whatever becomes of the connection or of the process that began
 * it: under its old packet id, because at QoS 2 the broker knows the message by that alone (MQTT 3.1.1, section
 * 4.3.3). */
#include "mqtt/client.h"

bool mqtt_client_restore(struct mqtt_client *c, const struct mqtt_packet *p, bool released,
                         void *owner)
{
    struct flight *f = flights_claim(&c->flights, p->packet_id, owner);
    if (!f)
        return false;
    if (!flights_keep(&c->flights, f, p)) {
        flights_end(&c->flights, f);
        return false;
    }
    f->kept = true;
    if (released) /* whether PUBREL left is not known; a broker that forgot us gets all of it once more */
        f->state = FLIGHT_RELEASED;
    return true;
}

bool mqtt_client_claim(struct mqtt_client *c, uint16_t packet_id, void *owner)
{
    if (!flights_claim(&c->flights, packet_id, owner))
        return false;
    mqtt_client_keep(c, packet_id, true);
    return true;
}

void mqtt_client_cancel(struct mqtt_client *c, uint16_t packet_id)
{
    struct flight *f = flights_find(&c->flights, packet_id);
    if (f)
        flights_end(&c->flights, f);
}

void mqtt_client_disown(struct mqtt_client *c, uint16_t packet_id, msec now)
{
    struct flight *f = flights_find(&c->flights, packet_id);
    if (!f || f->state == FLIGHT_RESERVED || !f->exactly_once) {
        mqtt_client_cancel(c, packet_id);
        return;
    }
    f->owner = NULL;
    mqtt_client_release(c, packet_id, now);
}

void mqtt_client_keep(struct mqtt_client *c, uint16_t packet_id, bool exactly_once)
{
    struct flight *f = flights_find(&c->flights, packet_id);
    if (!f)
        return;
    f->kept = true;
    c->flights.exactly_once += exactly_once && !f->exactly_once;
    f->exactly_once = f->exactly_once || exactly_once;
}
