/* outage.c -- a broker that is stopped and started at the moment that a test chooses.
 *
 * When the gateway notices is up to the kernel, and when it is back up to its back-off; only its log tells, so each
 * step waits for the line that says so. */
#include "tests/system/outage.h"

#include "tests/system/broker.h"
#include "tests/system/gateway.h"

#include <signal.h>
#include <string.h>

bool outage_of_own_connection(const struct scene *s)
{
    return strcmp(s->mode, "transparent") == 0;
}

static void begin(struct scene *s, int signal)
{
    process_mark(&s->gateway->process);
    process_end(&s->broker->process, signal);
    gateway_logs(s->gateway,
                 outage_of_own_connection(s) ? "broker: m1: " : "broker: gateway-under-test: ");
}

void outage_begins(struct scene *s)
{
    begin(s, SIGTERM);
}

void outage_begins_with_a_crash(struct scene *s)
{
    begin(s, SIGKILL);
}

void outage_ends(struct scene *s)
{
    process_mark(&s->gateway->process);
    broker_restarts(s->broker);
    gateway_logs(s->gateway,
                 outage_of_own_connection(s) ? "broker: connected as m1" : "broker: connected to ");
}
