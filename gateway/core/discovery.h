/* discovery.h -- ADVERTISE, SEARCHGW and GWINFO of one radio (MQTT-SN 1.2, section 6.1; SN-DISC). */
#pragma once

#include "mqtt/client.h"
#include "mqttsn/message.h"

struct discovery {
    msec period; /* T_ADV; 0 = never */
    msec next_at;
    msec info_at; /* when the last GWINFO left; MSEC_NEVER = none yet */
    uint8_t gateway_id;
    uint8_t stand_by_for; /* the GwId that we are silent for while it is heard; 0 = none */
    uint8_t missed_most;  /* N_ADV: so many of its ADVERTISE may stay away */
    bool silent;          /* it is there, or nobody knows yet */
};

/* `jitter` spreads the first ADVERTISE of several gateways: any number, used modulo a tenth of the period. */
void discovery_init(struct discovery *d, uint8_t gateway_id, msec period, uint32_t jitter, msec now);

/* Stand by for another gateway (SN-DISC-4): silent from the start, until `missed` of its ADVERTISE in a row stayed
 * away. Not on a radio that never advertises: who would go on there? */
void discovery_stand_by(struct discovery *d, uint8_t gateway_id, uint8_t missed, msec now);

/* Another gateway's ADVERTISE. True: it is the one that we stand by for, and discovery_deadline is another now. */
bool discovery_hear(struct discovery *d, const struct mqttsn_message *m, msec now);

/* When discovery_tick wants to be called. */
msec discovery_deadline(const struct discovery *d);

/* True: broadcast *m now. A gateway without a broker stays silent (SN-DISC-2), and so does one in stand-by. */
bool discovery_tick(struct discovery *d, bool broker_connected, msec now, struct mqttsn_message *m);

/* GWINFO for one that asked. False: say nothing, for the same reasons. */
bool discovery_inform(const struct discovery *d, bool broker_connected, struct mqttsn_message *m);

/* SEARCHGW came. True: answer with *m at once, so that gateways win over clients; at most one a second, since one
 * broadcast answers all (SN-DISC-5, -9). */
bool discovery_search(struct discovery *d, bool broker_connected, msec now, struct mqttsn_message *m);
