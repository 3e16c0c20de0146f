/* guard.c -- who may come in and how often.
 *
 * On a datagram network anybody can speak in anybody's name, so a flood cannot be told from many nodes; it can only be
 * bounded. Three bounds meet here. How often: CONNECTs of clients without a session, QoS -1, frames, answers, each per
 * source and in all (rates.h). How many: sessions of one source, of one radio, and connects under way, since each of
 * these costs a broker something. How much: an address from which no client is connected is told no more than three
 * times what came from there, so that nobody is worth attacking through us.
 *
 * Clients with a session are past all this but the rate of frames: a flood of strangers costs them nothing. */
#include "gateway/core/guard.h"

static bool reached(size_t count, uint32_t limit)
{
    return limit > 0 && count >= limit;
}

enum drop guard_admit(struct guard *g, uint8_t radio, uint32_t source, msec now)
{
    if (reached(g->radios[radio].clients, g->radios[radio].most))
        return DROP_RADIO_FULL;
    if (reached(tally_count(&g->clients, source), g->clients_per_source))
        return DROP_SOURCE_FULL;
    if (reached(g->connecting, g->connecting_most))
        return DROP_CONNECTING_LIMIT;
    return rates_take(&g->connects, source, now) ? DROPS : DROP_CONNECT_RATE;
}

static void uncount(struct guard *g, struct guest *one)
{
    if (!one->counted)
        return;
    tally_remove(&g->clients, one->source);
    g->radios[one->radio].clients--;
    one->counted = false;
}

void guard_bind(struct guard *g, struct guest *one, uint8_t radio, uint32_t source)
{
    uncount(g, one);
    tally_add(&g->clients, source);
    g->radios[radio].clients++;
    one->source = source;
    one->radio = radio;
    one->counted = true;
    one->balance = (struct balance){ 0 };
}

void guard_follow(struct guard *g, struct guest *one, bool connecting)
{
    g->connecting = g->connecting - one->connecting + connecting;
    one->connecting = connecting;
}

void guard_leave(struct guard *g, struct guest *one)
{
    uncount(g, one);
    guard_follow(g, one, false);
}

bool guard_spend(struct balance *b, size_t octets)
{
    enum { TIMES = 3 };
    if (b->said + octets > TIMES * b->heard)
        return false;
    b->said += octets;
    return true;
}
