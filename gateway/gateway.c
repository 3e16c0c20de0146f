/* gateway.c -- the two funnels: gateway_hear, through which every message comes in, and gateway_perform, through which
 * everything that was decided goes out. Counting and tracing hang here, so the core needs neither.
 *
 * A turn of the loop is: hear what is ready, decide, remember what to send; main.c then calls gateway_flush, and all of
 * it leaves in as few system calls as the kernel allows. */
#include "gateway/gateway_inside.h"

#include "config/log.h"
#include "gateway/crash.h"
#include "mqttsn/encapsulation.h"
#include "mqttsn/message_text.h"
#include "mqttsn/version.h"
#include "radio/clock.h"

#include <event2/event.h>

/* ---- what happened, for counters and log ------------------------------------------------------------------------- */

void gateway_drop(struct gateway *g, enum drop why, const char *who)
{
    g->metrics.drops[why]++;
    if (log_wants(LEVEL_DEBUG))
        log_debug("dropped from %s: %s", who, drop_text(why));
}

void gateway_address_text(const struct gateway *g, const struct address *a, const char *node_mark,
                          char text[ADDRESS_TEXT])
{
    size_t used = strlen(g->stations[a->radio].radio->driver->text(a, text, ADDRESS_TEXT / 2));
    struct reader nodes = address_nodes(a);
    for (struct span node; address_next_node(&nodes, &node);)
        for (size_t i = 0; i < node.len; i++)
            used += (size_t)snprintf(text + used, ADDRESS_TEXT - used, "%s%02x",
                                     i == 0 ? node_mark : "", node.at[i]);
}

const char *gateway_who(const struct gateway *g, const struct address *a)
{
    static char line[ADDRESS_TEXT + 80];
    char text[ADDRESS_TEXT];
    if (!log_wants(LEVEL_DEBUG))
        return "";
    gateway_address_text(g, a, " node ", text);
    snprintf(line, sizeof line, "%s on %s", text, g->stations[a->radio].radio->settings->name);
    return line;
}

static void trace(const struct gateway *g, const char *way, const struct address *a,
                  const struct mqttsn_message *m)
{
    char text[512];
    if (log_wants(LEVEL_TRACE))
        log_trace("%s %s %s", way, gateway_who(g, a), mqttsn_text(m, text, sizeof text));
}

/* ---- in ---------------------------------------------------------------------------------------------------------- */

static enum drop drop_of(enum mqttsn_error e)
{
    static const enum drop drops[MQTTSN_ERRORS] = {
        [MQTTSN_EMPTY] = DROP_MALFORMED,
        [MQTTSN_BAD_LENGTH] = DROP_LENGTH,
        [MQTTSN_RESERVED_TYPE] = DROP_RESERVED_TYPE,
        [MQTTSN_TRUNCATED] = DROP_TRUNCATED,
        [MQTTSN_TRAILING] = DROP_TRAILING,
        [MQTTSN_BAD_NODE] = DROP_BAD_ENCAPSULATION,
    };
    return drops[e];
}

/* Takes a forwarder's header off: the node behind it becomes part of the address. */
static enum drop peel_one(struct address *from, struct span *frame)
{
    struct encapsulation e;
    if (encapsulation_peel(*frame, &e) != MQTTSN_OK)
        return DROP_BAD_ENCAPSULATION;
    if (!address_add_node(from, e.node))
        return DROP_UNKNOWN_ADDRESS;
    *frame = e.message;
    return DROPS;
}

/* Forwarders may stand behind forwarders, as deep as the radio's settings allow. False: dropped. */
static bool peel(struct gateway *g, const struct address *from, struct address *whole,
                 struct span *frame)
{
    const struct config_radio *settings = g->stations[from->radio].radio->settings;
    enum drop why = gateway_may_forward(g, from) ? DROPS : DROP_FORWARDER_REFUSED;
    for (unsigned depth = 0; why == DROPS && encapsulation_is(*frame); depth++)
        why = depth < settings->forwarder_depth ? peel_one(whole, frame) : DROP_NESTED;
    if (why != DROPS)
        gateway_drop(g, why, gateway_who(g, from));
    return why == DROPS;
}

uint32_t gateway_source(const struct gateway *g, const struct address *a)
{
    const struct radio_driver *d = g->stations[a->radio].radio->driver;
    struct address host = { .radio = a->radio };
    struct writer w = writer_of(host.bytes, sizeof host.bytes);
    write_span(&w, span_of(a->bytes, d->host_len ? d->host_len(a) : a->len));
    host.len = (uint8_t)(sizeof host.bytes - w.left);
    return peers_hash(g->peers, &host);
}

static bool too_often(struct gateway *g, const struct address *from)
{
    struct rates *r = &g->guard.frames;
    if (r->per_source == 0 || rates_take(r, gateway_source(g, from), clock_now()))
        return false;
    gateway_drop(g, DROP_FRAME_RATE, gateway_who(g, from));
    return true;
}

void gateway_hear(void *context, const struct address *from, const struct radio_frame *frame)
{
    struct gateway *g = context;
    struct address whole = *from;
    struct span message = frame->bytes;
    struct mqttsn_message m;
    g->metrics.counts[METRIC_frames_in]++;
    g->stranger = (struct balance){ .heard = message.len };
    if (too_often(g, from))
        return;
    if (encapsulation_is(message) && !peel(g, from, &whole, &message))
        return;
    enum mqttsn_error e = mqttsn_decode(message, &m);
    if (e != MQTTSN_OK) {
        gateway_drop(g, mqttsn_resembles_2(message) ? DROP_VERSION_2 : drop_of(e),
                     gateway_who(g, from));
        return;
    }
    g->metrics.counts[METRIC_publishes_in] += m.type == MQTTSN_PUBLISH;
    trace(g, "<", &whole, &m);
    if (frame->lqi != LQI_UNKNOWN && log_wants(LEVEL_TRACE))
        log_trace("link quality %d of 255, %d dBm", frame->lqi, frame->rssi);
    gateway_route(g, &whole, frame, &m, clock_now());
}

/* ---- out --------------------------------------------------------------------------------------------------------- */

/* The headers for the forwarders on the way, the nearest first. */
static enum mqttsn_error wrap(const struct address *to, uint8_t radius, struct writer *w)
{
    struct reader nodes = address_nodes(to);
    enum mqttsn_error e = MQTTSN_OK;
    for (struct span node; e == MQTTSN_OK && address_next_node(&nodes, &node);)
        e = encapsulation_wrap(radius, node, w);
    return e;
}

size_t gateway_encode(struct gateway *g, const struct address *to, const struct mqttsn_message *m)
{
    struct writer w = writer_of(g->frame, sizeof g->frame);
    if (wrap(to, m->radius, &w) == MQTTSN_OK && mqttsn_encode(m, &w) == MQTTSN_OK)
        return sizeof g->frame - w.left;
    gateway_drop(g, DROP_TOO_LARGE, gateway_who(g, to));
    return 0;
}

static bool hand_over(struct gateway *g, const struct address *to, const struct mqttsn_message *m,
                      size_t len)
{
    struct radio *r = g->stations[to->radio].radio;
    trace(g, ">", to, m);
    g->metrics.counts[METRIC_frames_out]++;
    g->metrics.counts[METRIC_publishes_out] += m->type == MQTTSN_PUBLISH;
    crash_point();
    const bool sent = r->driver->send(r, to, span_of(g->frame, len));
    crash_point();
    return sent;
}

bool gateway_send(struct gateway *g, const struct address *to, const struct mqttsn_message *m)
{
    size_t len = gateway_encode(g, to, m);
    return len > 0 && hand_over(g, to, m, len);
}

bool gateway_answer(struct gateway *g, const struct address *to, struct balance *b,
                    const struct mqttsn_message *m)
{
    size_t len = gateway_encode(g, to, m);
    if (len == 0)
        return false;
    if (guard_spend(b, len))
        return hand_over(g, to, m, len);
    gateway_drop(g, DROP_STRANGER_DEAR, gateway_who(g, to));
    return false;
}

static void session_went_on(struct gateway *g, struct peer *one, const struct action *step)
{
    const struct session *s = peer_session(one);
    unsigned to = s->state; /* or where the decision's next step began */
    for (const struct action *a = g->actions.list + g->actions.count - 1; a > step; a--)
        to = a->kind == ACTION_STATE ? a->from : to;
    g->metrics.counts[METRIC_lost] += to == SESSION_LOST;
    if (to == SESSION_CONNECTING && s->clean)
        gateway_hold_forget(g, one);
    if (to != step->from && log_wants(LEVEL_DEBUG))
        log_debug("session %s: %s -> %s", log_text(s->client_id), session_state_name(step->from),
                  session_state_name(to));
}

static void session_drops(struct gateway *g, struct peer *one, const struct action *a)
{
    static struct log_limit limit;
    const struct session *s = peer_session(one);
    uint32_t more;
    gateway_drop(g, a->drop.why, (const char *)s->client_id.at);
    if (a->drop.octets > 0 && log_allows(&limit, clock_now(), &more))
        log_warn(
            "client %s: a message of %u octets is refused, its radio carries %u (%u more like this)",
            log_text(s->client_id), a->drop.octets, s->max_message, more);
}

static void perform_one(struct gateway *g, struct peer *one, const struct action *a,
                        uint64_t ticket, msec now)
{
    switch (a->kind) {
    case ACTION_SEND:
        gateway_say(g, one, &a->send, ticket);
        break;
    case ACTION_UPSTREAM:
        gateway_ask(g, one, &a->upstream, ticket, now);
        break;
    case ACTION_KEEP:
        break; /* before all others, see gateway_keep */
    case ACTION_DROP:
        session_drops(g, one, a);
        break;
    case ACTION_STATE:
        session_went_on(g, one, a);
        break;
    case ACTION_FORGET:
        break; /* last of all, see gateway_perform */
    }
}

static void peer_forget(struct gateway *g, struct peer *one, msec now)
{
    gateway_hold_no_more(g, one, now);
    gateway_keep_nothing(g, one);
    gateway_drain_leave(g, one);
    gateway_leave_upstream(g, one, now);
    guard_leave(&g->guard, peer_guest(one));
    event_del(peer_timer(one));
    peers_remove(g->peers, one);
}

/* A deadline that moved away costs nothing: the timer finds out when it fires. */
void gateway_arm_peer(struct peer *one, msec now)
{
    msec deadline = peer_session(one)->deadline, *armed = peer_armed(one);
    if (deadline >= *armed)
        return;
    msec wait = deadline > now ? deadline - now : 0;
    struct timeval t = { (time_t)(wait / 1000), (suseconds_t)(wait % 1000 * 1000) };
    *armed = deadline;
    evtimer_add(peer_timer(one), &t);
}

static bool is_connecting(enum session_state state)
{
    return state == SESSION_WILL_TOPIC || state == SESSION_WILL_MESSAGE ||
           state == SESSION_CONNECTING;
}

void gateway_perform(struct gateway *g, struct peer *one, msec now)
{
    bool forget = false;
    uint64_t ticket = gateway_keep(g, one);
    for (size_t i = 0; i < g->actions.count; i++) {
        perform_one(g, one, &g->actions.list[i], ticket, now);
        forget = forget || g->actions.list[i].kind == ACTION_FORGET;
    }
    if (forget) {
        peer_forget(g, one, now);
        return;
    }
    enum session_state state = peer_session(one)->state;
    if (state == SESSION_DISCONNECTED || state == SESSION_LOST)
        peers_unbind(g->peers, one); /* from now on it is a stranger until it connects */
    guard_follow(&g->guard, peer_guest(one), is_connecting(state));
    gateway_drain_soon(g, one);
    gateway_heed_brakes(g, one);
    gateway_arm_peer(one, now);
}

/* ---- one input and what follows from it -------------------------------------------------------------------------- */

void gateway_count(struct gateway *g, struct upstream *u)
{
    g->metrics.counts[METRIC_retain_cleared] += u->retain_cleared;
    g->metrics.drops[DROP_NO_RECEIVER] += u->no_receiver;
    g->metrics.drops[DROP_OUTSIDE_PREFIX] += u->outside_prefix;
    g->metrics.drops[DROP_MEMORY] += u->no_memory;
    g->metrics.counts[METRIC_held_too_long] += u->held_too_long;
    g->metrics.counts[METRIC_left_with_broker] += u->left_with_broker;
    u->retain_cleared = u->no_receiver = u->outside_prefix = u->no_memory = 0;
    u->held_too_long = u->left_with_broker = 0;
}

/* What the broker connection has for sessions, until nothing is left; each may ask for more. */
void gateway_settle(struct gateway *g, struct upstream *u, msec now)
{
    struct hits *h = &u->hits;
    gateway_forget_arrivals(g, u);
    while (h->next < h->count) {
        struct hit hit = h->list[h->next++];
        if (hit.session)
            gateway_feed_broker(g, hit.session, &hit.packet, now);
    }
    h->count = h->next = 0;
    gateway_count(g, u);
}

void gateway_feed_broker(struct gateway *g, struct session *s, const struct mqtt_packet *p, msec now)
{
    g->actions.count = 0;
    session_broker(s, p, now, &g->actions);
    gateway_perform(g, peer_of(s), now);
}

void gateway_tick(struct gateway *g, struct peer *one, msec now)
{
    g->actions.count = 0;
    session_tick(peer_session(one), now, &g->actions);
    gateway_perform(g, one, now);
    gateway_settle(g, aggregate_upstream(g->aggregate), now);
}

void gateway_feed(struct gateway *g, struct peer *one, const struct mqttsn_message *m, msec now)
{
    g->actions.count = 0;
    if (*peer_link(one))
        link_hurry(*peer_link(one), now);
    peer_guest(one)->balance.heard += g->stranger.heard;
    session_receive(peer_session(one), m, now, &g->actions);
    gateway_perform(g, one, now);
    gateway_settle(g, aggregate_upstream(g->aggregate), now);
}
