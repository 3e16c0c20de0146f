/* others.c -- the other gateways that were heard (SN-DISC-7).
 *
 * An installer wants to know who else serves the nodes of a site, and a stand-by gateway whether the first is there. A
 * gateway is its id on one radio: ids are given by people, so the same id from two addresses is either a gateway that
 * moved or a mistake, and news in both cases. Anybody can claim to be a gateway, so the table is small and fixed. */
#include "gateway/others.h"

static struct other *find(struct others *o, const struct other *one)
{
    for (size_t i = 0; i < o->count; i++)
        if (o->list[i].gateway_id == one->gateway_id && o->list[i].at.radio == one->at.radio)
            return &o->list[i];
    return NULL;
}

static struct other *make_room(struct others *o)
{
    struct other *oldest = &o->list[0];
    if (o->count < OTHERS_MAX)
        return &o->list[o->count++];
    for (size_t i = 1; i < o->count; i++)
        if (o->list[i].heard_at < oldest->heard_at)
            oldest = &o->list[i];
    return oldest;
}

enum others_news others_heard(struct others *o, const struct other *one)
{
    struct other *known = find(o, one);
    bool moved = known && memcmp(&known->at, &one->at, sizeof one->at) != 0;
    enum others_news news = !known ? OTHERS_NEW : moved ? OTHERS_MOVED : OTHERS_KNOWN;
    *(known ? known : make_room(o)) = *one;
    return news;
}
