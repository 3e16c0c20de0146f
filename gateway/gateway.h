/* gateway.h -- the gateway itself: radios on one side, the broker on the other, the core between them. */
#pragma once

#include "config/config.h"

struct event_base;
struct gateway;

/* Opens everything that `c` names; takes `c` over. NULL: the reason is logged, `c` is freed. */
MUST_CHECK struct gateway *gateway_new(struct event_base *loop, struct config *c);

/* The end of a turn: everything decided in it leaves. */
void gateway_flush(struct gateway *g);

/* New topics, clients, limits and log level, all at once; takes `c` over. What else has changed in the settings is
 * named in the log and waits for a restart. */
void gateway_reload(struct gateway *g, struct config *c);

/* Stops in order: clients and the broker are told. The loop is ended when all is said. */
void gateway_stop(struct gateway *g);

/* Lets new nodes into every network that keeps strangers out, for so many seconds. */
void gateway_permit_join(struct gateway *g, uint16_t seconds);

void gateway_log_counts(const struct gateway *g);
void gateway_free(struct gateway *g);
