/* discovery.c -- how nodes find the gateway.
 *
 * The gateway advertises itself every T_ADV and answers whoever searches; both only while it can reach a broker,
 * since a node that comes to a gateway without one would only be turned away. */
#include "gateway/core/discovery.h"

enum { INFO_INTERVAL = 1000, SECOND = 1000, DURATION_MAX = 65535 };

void discovery_init(struct discovery *d, uint8_t gateway_id, msec period, uint32_t jitter, msec now)
{
    msec spread = period / 10;
    *d = (struct discovery){ .period = period, .info_at = MSEC_NEVER, .gateway_id = gateway_id };
    d->next_at = period == 0 ? MSEC_NEVER : now + (spread > 0 ? jitter % spread : 0);
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
    return broker_connected;
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
