/* discovery.c -- how nodes find the gateway.
 *
 * The gateway advertises itself every T_ADV and answers whoever searches; both only while it can reach a broker,
 * since a node that comes to a gateway without one would only be turned away. A gateway in stand-by does neither while
 * the first one is heard: it waits for N_ADV of its advertisements and half a period, since those may come late. */
#include "gateway/core/discovery.h"

enum { INFO_INTERVAL = 1000, SECOND = 1000, DURATION_MAX = 65535 };

void discovery_init(struct discovery *d, uint8_t gateway_id, msec period, uint32_t jitter, msec now)
{
    msec spread = period / 10;
    *d = (struct discovery){ .period = period, .info_at = MSEC_NEVER, .gateway_id = gateway_id };
    d->next_at = period == 0 ? MSEC_NEVER : now + (spread > 0 ? jitter % spread : 0);
}

/* So long may the first gateway be quiet before it counts as gone. */
static msec patience(const struct discovery *d, msec period)
{
    return period * d->missed_most + period / 2;
}

void discovery_stand_by(struct discovery *d, uint8_t gateway_id, uint8_t missed, msec now)
{
    if (d->period == 0 || gateway_id == 0)
        return;
    d->stand_by_for = gateway_id;
    d->missed_most = missed;
    d->silent = true;
    d->next_at = now + patience(d, d->period);
}

bool discovery_hear(struct discovery *d, const struct mqttsn_message *m, msec now)
{
    if (d->stand_by_for == 0 || m->gateway_id != d->stand_by_for)
        return false;
    d->silent = true;
    d->next_at = now + patience(d, m->duration > 0 ? (msec)m->duration * SECOND : d->period);
    return true;
}

msec discovery_deadline(const struct discovery *d)
{
    return d->next_at;
}

bool discovery_tick(struct discovery *d, bool broker_connected, msec now, struct mqttsn_message *m)
{
    msec seconds = d->period / SECOND;
    if (now < d->next_at)
        return false;
    d->silent = false; /* the one that we stood by for, if any, is gone */
    d->next_at = now + d->period;
    *m = (struct mqttsn_message){ .type = MQTTSN_ADVERTISE,
                                  .gateway_id = d->gateway_id,
                                  .duration =
                                      (uint16_t)(seconds < DURATION_MAX ? seconds : DURATION_MAX) };
    return broker_connected;
}

bool discovery_inform(const struct discovery *d, bool broker_connected, struct mqttsn_message *m)
{
    *m = (struct mqttsn_message){ .type = MQTTSN_GWINFO, .gateway_id = d->gateway_id };
    return broker_connected && !d->silent;
}

bool discovery_search(struct discovery *d, bool broker_connected, msec now, struct mqttsn_message *m)
{
    if (d->info_at != MSEC_NEVER && now - d->info_at < INFO_INTERVAL)
        return false;
    if (!discovery_inform(d, broker_connected, m))
        return false;
    d->info_at = now;
    return true;
}
