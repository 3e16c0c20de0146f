/* gateway_status.c -- what the gateway says of itself at the broker (SN-GW-6).
 *
 * The retained topic <name>/status holds "online" while the gateway's own connection is up, "offline" after a planned
 * stop and, since "offline" is also that connection's will, after any other end. It is said anew with every connection,
 * so it needs no acknowledgement. A broker that permits the topic to nobody may close the connection over it: hence the
 * setting. */
#include "gateway/gateway_inside.h"

#include <stdio.h>
#include <stdlib.h>

bool gateway_name_status(struct gateway *g)
{
    return asprintf(&g->status_topic, "%s/status", g->boot->gateway.name) > 0;
}

static bool speaks(const struct gateway *g)
{
    return g->boot->gateway.status &&
           upstream_takes(link_upstream(g->shared), span_text(g->status_topic));
}

void gateway_status_will(const struct gateway *g, struct mqtt_connect *c)
{
    c->has_will = speaks(g);
    if (c->has_will)
        c->will = (struct mqtt_will){ .topic = span_text(g->status_topic),
                                      .message = span_text("offline"),
                                      .retain = true };
}

void gateway_say_status(struct gateway *g, const char *status, msec now)
{
    if (!speaks(g))
        return;
    upstream_forward(link_upstream(g->shared),
                     &(struct mqtt_packet){ .type = MQTT_PUBLISH,
                                            .retain = true,
                                            .topic = span_text(g->status_topic),
                                            .payload = span_text(status) },
                     now);
    link_touch(g->shared);
}
