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
    if (released)
        f->state = FLIGHT_PUBCOMP;
    return true;
}

void mqtt_client_cancel(struct mqtt_client *c, uint16_t packet_id)
{
    struct flight *f = flights_find(&c->flights, packet_id);
    if (f)
        flights_end(&c->flights, f);
}

void mqtt_client_keep(struct mqtt_client *c, uint16_t packet_id)
{
    struct flight *f = flights_find(&c->flights, packet_id);
    if (f)
        f->kept = true;
}
