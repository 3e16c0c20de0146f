/* gateway_others.c -- ADVERTISE of another gateway (SN-DISC-4, -7): remembered, and said when it is news.
 *
 * Nothing follows from it for our nodes; each chooses its gateway by itself. A gateway in stand-by falls silent. Two
 * gateways with one id make nodes change sides with every ADVERTISE, so that is a warning. */
#include "gateway/gateway_inside.h"

#include "config/log.h"

#include <inttypes.h>

static void say_twin(const struct gateway *g, const struct radio *r, msec now)
{
    static struct log_limit limit;
    uint32_t more;
    if (log_allows(&limit, now, &more))
        log_warn(
            "another gateway with our id %u advertises itself on radio %s; give one of them another gateway.id",
            g->boot->gateway.id, r->settings->name);
}

static void say_other(const struct gateway *g, const struct other *one, enum others_news news)
{
    static struct log_limit limit;
    char where[ADDRESS_TEXT];
    uint32_t more;
    if (news == OTHERS_KNOWN || !log_allows(&limit, one->heard_at, &more))
        return;
    gateway_address_text(g, &one->at, " node ", where);
    log_info("another gateway, id %u, %s on radio %s at %s, every %u s", one->gateway_id,
             news == OTHERS_NEW ? "advertises itself" : "is elsewhere now:",
             g->stations[one->at.radio].radio->settings->name, where, one->duration);
}

static void stand_by(struct station *st, const struct mqttsn_message *m, msec now)
{
    bool silent = st->discovery.silent;
    if (!discovery_hear(&st->discovery, m, now))
        return;
    if (!silent)
        log_info("radio %s: gateway %u is back, we stand by", st->radio->settings->name,
                 m->gateway_id);
    gateway_arm_station(st, now);
}

void gateway_hear_other(struct gateway *g, const struct address *from,
                        const struct mqttsn_message *m, msec now)
{
    struct other one = {
        .gateway_id = m->gateway_id, .duration = m->duration, .at = *from, .heard_at = now
    };
    say_other(g, &one, others_heard(&g->others, &one));
    stand_by(&g->stations[from->radio], m, now);
    if (m->gateway_id == g->boot->gateway.id)
        say_twin(g, g->stations[from->radio].radio, now);
}

void gateway_log_others(const struct gateway *g, msec now)
{
    for (size_t i = 0; i < g->others.count; i++) {
        const struct other *one = &g->others.list[i];
        char where[ADDRESS_TEXT];
        gateway_address_text(g, &one->at, " node ", where);
        log_info("other gateway: id %u on radio %s at %s, heard %" PRIu64 " s ago", one->gateway_id,
                 g->stations[one->at.radio].radio->settings->name, where,
                 (now - one->heard_at) / 1000);
    }
}
