/* kill_excuse.h -- what a broker that was stopped will do wrong, read from its own log.
 *
 * Mosquitto 2.0.11 that is stopped between its PUBREL and the PUBCOMP forgets that it heard PUBREC: when it is back it
 * sends the PUBLISH again, under the packet id that its receiver has long released (MQTT 3.1.1, section 4.3.3, allows
 * only the PUBREL). The gateway knows such a message again; libmosquitto, which the world is made with, does not. */
#pragma once

#include "tests/gateway/core/lossy_ledger.h"

/* `log`: what it said from its start to its stop, with log_type all. What it will send twice to `client` is excused;
 * excuses from before are over. */
void excuse_broker(struct ledger *l, const char *log, const char *client);
