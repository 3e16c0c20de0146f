/* link.c -- the life of one connection to the broker, on libevent's bufferevent.
 *
 * A connection that breaks is dialled again after 1 s, 2 s ... 60 s, +-20 %, for ever; many that break together are
 * dialled a few per second. One that is to be closed waits for what is unanswered, says DISCONNECT and goes. How it
 * gets through is in link_dial.c, the bytes are in link_io.c. */
#include "gateway/link.h"

#include "gateway/link_inside.h"
#include "gateway/tls.h"
#include "radio/clock.h"

#include <event2/dns.h>
#include <stdlib.h>

enum {
    BACKOFF_FIRST = 1000,
    BACKOFF_MAX = 60000,
    STABLE = 60000,      /* a connection that held this long was a good one */
    LINGER = 10000,      /* for what is unanswered when a link is to be closed ... */
    LINGER_SHORT = 1000, /* ... and when the whole gateway stops */
    PARTING = 2000,      /* for the broker to close after DISCONNECT */
    DIAL_TIMEOUT = 10000
};

static void link_timer(evutil_socket_t fd, short what, void *arg);

/* ---- the timer --------------------------------------------------------------------------------------------------- */

static msec link_deadline(const struct link *l)
{
    msec own = mqtt_client_deadline(&l->upstream->mqtt);
    switch (l->state) {
    case LINK_WAITING:
        return l->since + l->backoff;
    case LINK_QUEUED:
        return l->since;
    case LINK_DIALLING:
        return l->since + DIAL_TIMEOUT < own ? l->since + DIAL_TIMEOUT : own;
    case LINK_UP: /* what is not read cannot be silent */
        return l->braked && mqtt_client_waits(&l->upstream->mqtt) ? MSEC_NEVER : own;
    case LINK_PARTING:
        return l->since + PARTING;
    case LINK_CLOSING:
        return l->since + l->links->linger;
    default:
        return MSEC_NEVER;
    }
}

/* A deadline that moved away costs nothing: the timer finds out when it fires. */
void link_arm(struct link *l, msec now)
{
    msec deadline = link_deadline(l);
    if (deadline >= l->armed)
        return;
    msec wait = deadline > now ? deadline - now : 0;
    l->armed = deadline;
    struct timeval t = { (time_t)(wait / 1000), (suseconds_t)(wait % 1000 * 1000) };
    evtimer_add(&l->timer, &t);
}

/* ---- the transport ----------------------------------------------------------------------------------------------- */

void link_drop_transport(struct link *l)
{
    if (l->bev)
        bufferevent_free(l->bev);
    l->bev = NULL;
    mqtt_client_lost(&l->upstream->mqtt);
    l->upstream->waiting = 0;
}

void link_enter(struct link *l, enum link_state next, msec now)
{
    l->links->open += (next != LINK_IDLE) - (l->state != LINK_IDLE);
    l->state = next;
    l->since = now;
}

static msec jittered(msec wait)
{
    return wait - wait / 5 + arc4random_uniform((uint32_t)(wait * 2 / 5 + 1));
}

static void schedule_dial(struct link *l, msec now)
{
    msec last = l->backoff;
    l->backoff = last == 0 ? BACKOFF_FIRST : last * 2 > BACKOFF_MAX ? BACKOFF_MAX : last * 2;
    link_enter(l, LINK_WAITING, now);
    l->since = now + jittered(l->backoff) - l->backoff;
    link_arm(l, now);
}

/* Many that broke together are not dialled all at once: each that is due takes the next place in the row. */
static void take_place(struct link *l, msec now)
{
    struct links *ls = l->links;
    msec place = ls->next_dial > now ? ls->next_dial : now;
    ls->next_dial = place + ls->dial_interval;
    link_enter(l, LINK_QUEUED, place);
    if (place <= now)
        link_dial(l, now);
    else
        link_arm(l, now);
}

void link_queue(struct link *l, msec now)
{
    take_place(l, now);
}

void link_dial_soon(struct link *l, msec now)
{
    link_hang_up(l, now);
    link_enter(l, LINK_QUEUED, now);
    link_arm(l, now);
}

/* A row of its own, no faster than the other. */
void link_hurry(struct link *l, msec now)
{
    struct links *ls = l->links;
    if (l->state != LINK_QUEUED || l->since <= ls->next_hurried)
        return;
    msec place = ls->next_hurried > now ? ls->next_hurried : now;
    ls->next_hurried = place + ls->dial_interval;
    link_enter(l, LINK_QUEUED, place);
    if (place <= now)
        link_dial(l, now);
    else
        link_arm(l, now);
}

static uint32_t hash_of(const char *text)
{
    uint32_t hash = 2166136261U;
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619U;
    return hash | 1U;
}

/* One line when it breaks or when the cause changes, for all connections that it is the cause of, and one when they are
 * back; the same again is for the debug log. */
static void complain(struct link *l, const char *what, const char *remedy)
{
    uint32_t more = 0;
    uint32_t complaint = hash_of(what);
    bool told = l->complaint == complaint || l->links->told == complaint;
    if (told || !log_allows(&l->links->complaints, clock_now(), &more))
        log_debug("broker: %s: %s", l->name, what);
    else
        log_warn("broker: %s: %s: %s; %s; trying again%s", l->name, l->links->settings->url, what,
                 remedy, more > 0 ? " (and more connections like this one)" : "");
    l->complaint = l->links->told = complaint;
}

void link_failed(struct link *l, const char *what, const char *remedy, uint8_t code)
{
    msec now = clock_now();
    bool was_up = l->state == LINK_UP, closing = l->state == LINK_CLOSING;
    if (was_up && now - l->since > STABLE)
        l->backoff = 0;
    if (was_up) {
        l->complaint = 0;
        l->upstream->offline_since = now;
    }
    if (!closing)
        complain(l, what, remedy);
    link_drop_transport(l);
    if (closing) {
        link_enter(l, LINK_IDLE, now);
        l->links->events->closed(l->links->events->context, l);
        return;
    }
    schedule_dial(l, now);
    l->links->events->down(l->links->events->context, l, was_up, code);
}

/* ---- the end of a turn, the end of a link ------------------------------------------------------------------------ */

void link_hang_up(struct link *l, msec now)
{
    if (l->state == LINK_UP)
        l->upstream->offline_since = now;
    link_say_goodbye(l, now);
    link_drop_transport(l);
}

/* A transport that is dropped with something unread takes along what the broker has not read: acknowledgements. */
void link_dial_when_read(struct link *l, msec now)
{
    if (l->state != LINK_UP) {
        link_dial_soon(l, now);
        return;
    }
    l->upstream->offline_since = now;
    link_say_goodbye(l, now);
    link_enter(l, LINK_PARTING, now);
    link_touch(l);
}

/* A link to be closed waits for what is unanswered, says DISCONNECT and goes when that is out. */
static void try_to_close(struct link *l, msec now)
{
    struct mqtt_client *c = &l->upstream->mqtt;
    bool late = now >= l->since + l->links->linger;
    if (c->state == MQTT_CLIENT_ONLINE && c->flights.count > 0 && !late)
        return;
    link_say_goodbye(l, now);
    if (l->upstream->waiting > 0 && !late)
        return;
    link_drop_transport(l);
    link_enter(l, LINK_IDLE, now);
    l->links->events->closed(l->links->events->context, l);
}

void link_touch(struct link *l)
{
    if (l->dirty)
        return;
    l->dirty = true;
    l->links->dirty_count++;
    TAILQ_INSERT_TAIL(&l->links->dirty, l, in_dirty);
}

static void be_clean(struct link *l)
{
    if (!l->dirty)
        return;
    TAILQ_REMOVE(&l->links->dirty, l, in_dirty);
    l->links->dirty_count--;
    l->dirty = false;
}

void link_heed_brakes(struct link *l)
{
    if (l->braked != (l->upstream->brakes > 0))
        link_touch(l);
}

void links_flush(struct links *ls, msec now)
{
    for (struct link *l; (l = TAILQ_FIRST(&ls->dirty));) {
        be_clean(l);
        link_write_out(l);
        link_brake(l, now);
        link_arm(l, now);
        if (l->state == LINK_CLOSING)
            try_to_close(l, now);
    }
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void link_timer(evutil_socket_t fd, short what, void *arg)
{
    struct link *l = arg;
    msec now = clock_now();
    (void)fd, (void)what;
    l->armed = MSEC_NEVER;
    if (now < link_deadline(l)) {
        link_arm(l, now);
        return;
    }
    if (l->state == LINK_WAITING)
        take_place(l, now);
    else if (l->state == LINK_QUEUED || l->state == LINK_PARTING)
        link_dial(l, now);
    else if (l->state == LINK_CLOSING)
        try_to_close(l, now);
    else if (l->state == LINK_DIALLING || !mqtt_client_tick(&l->upstream->mqtt, now))
        link_failed(l, "it does not answer", "is it overloaded, or behind a firewall?", 0);
    else
        link_touch(l);
}

struct link *link_new(struct links *ls, struct upstream *u, const char *name, void *owner)
{
    struct link *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    *l = (struct link){ .links = ls, .upstream = u, .name = name, .owner = owner, .armed = MSEC_NEVER };
    msec ping = ls->settings->keepalive_s * (msec)1000;
    mqtt_client_init(
        &u->mqtt, ping * 3 / 4 + (ping > 0 ? arc4random_uniform((uint32_t)(ping * 3 / 20 + 1)) : 0),
        ls->answer_timeout);
    /* Far from those of an earlier run: the broker may still have some of them. */
    u->mqtt.flights.last_packet_id = (uint16_t)arc4random_uniform(UINT16_MAX);
    evtimer_assign(&l->timer, ls->loop, link_timer, l);
    return l;
}

void link_free(struct link *l)
{
    if (!l)
        return;
    be_clean(l);
    link_drop_transport(l);
    link_enter(l, LINK_IDLE, 0);
    evtimer_del(&l->timer);
    free(l);
}

void link_close(struct link *l, msec now)
{
    if (l->state == LINK_IDLE || l->state == LINK_CLOSING)
        return;
    bool online = l->state == LINK_UP;
    if (!online)
        link_drop_transport(l);
    link_enter(l, LINK_CLOSING, now);
    link_arm(l, now);
    link_touch(l);
}

struct upstream *link_upstream(const struct link *l)
{
    return l->upstream;
}

void *link_owner(const struct link *l)
{
    return l->owner;
}

bool link_is_up(const struct link *l)
{
    return l->state == LINK_UP;
}

bool link_is_open(const struct link *l)
{
    return l->state != LINK_IDLE;
}

void links_hurry(struct links *ls)
{
    ls->linger = LINGER_SHORT;
}

unsigned links_to_flush(const struct links *ls)
{
    return ls->dirty_count;
}

bool links_all_closed(const struct links *ls)
{
    return ls->open == 0;
}

struct links *links_new(struct event_base *loop, const struct config_broker *settings,
                        msec answer_timeout, unsigned dials_per_second,
                        const struct link_events *events)
{
    struct links *ls = calloc(1, sizeof *ls);
    if (!ls)
        return NULL;
    *ls = (struct links){
        .loop = loop, .settings = settings, .events = events, .answer_timeout = answer_timeout
    };
    ls->linger = LINGER;
    ls->dial_interval = 1000 / (dials_per_second > 0 ? dials_per_second : 1);
    TAILQ_INIT(&ls->dirty);
    ls->dns =
        evdns_base_new(loop, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!ls->dns) /* no usable /etc/resolv.conf: literal addresses and /etc/hosts still work */
        ls->dns = evdns_base_new(loop, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    ls->tls = settings->tls ? tls_new(settings) : NULL;
    if (!ls->dns || (settings->tls && !ls->tls)) {
        links_free(ls);
        return NULL;
    }
    return ls;
}

void links_free(struct links *ls)
{
    if (!ls)
        return;
    tls_free(ls->tls);
    if (ls->dns)
        evdns_base_free(ls->dns, 0);
    free(ls);
}
