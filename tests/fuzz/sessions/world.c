/* world.c -- the shell's two funnels without sockets, for the session fuzzer.
 *
 * A frame is decoded, finds its session by client id or by address as in gateway/gateway_route.c, and what the session
 * decides is performed in order: sends leave at once, requests go through the strategy, a session that is over is
 * freed last. After every call the judge looks at what was said and at what is kept. Each frame lies in a block of its
 * own that is freed after the call, so that a span kept too long is found by the address sanitizer. */
#include "tests/fuzz/sessions/world.h"

#include "tests/fuzz/sessions/disk.h"

#include "mqttsn/message_text.h"

#include <stdio.h>
#include <stdlib.h>

enum { HOSTS_OF = 2, REPORTING_FROM = 6, STUCK = 64 };

/* ---- out --------------------------------------------------------------------------------------------------------- */

static bool wants_answer(const struct mqttsn_message *m)
{
    return m->type == MQTTSN_REGISTER || m->type == MQTTSN_PUBREL || m->type == MQTTSN_PUBREC ||
           (m->type == MQTTSN_PUBLISH && m->qos > 0) || m->type == MQTTSN_WILLTOPICREQ ||
           m->type == MQTTSN_WILLMSGREQ;
}

void world_say(struct world *w, struct client *c, int to, const struct mqttsn_message *m)
{
    char line[300];
    bool there = to >= 0 && c->address == to;
    if (w->trace)
        fprintf(stderr, "  > %s %s%s\n", c->name, mqttsn_text(m, line, sizeof line),
                there ? "" : " (where it was)");
    judge_frame(w, c, m, there);
    if (!there)
        return;
    c->session.unsent = (uint16_t)(c->session.unsent + c->session.radio_reports);
    if (wants_answer(m)) {
        c->seen = *m;
        c->seen.tail = (struct span){ 0 };
        c->waits = true;
    }
}

static void forget(struct world *w, struct client *c)
{
    disk_forget(w, c);
    line_leave(w, c);
    session_clear(&c->session);
    c->here = c->waits = false;
    c->address = -1;
}

static void perform_one(struct world *w, struct client *c, const struct action *a, uint64_t ticket)
{
    if (a->kind == ACTION_SEND && c->address >= 0) {
        judge_decided(c, &a->send);
        if (!disk_holds_frame(w, c, &a->send, ticket))
            world_say(w, c, c->address, &a->send);
    }
    if (a->kind == ACTION_UPSTREAM) {
        judge_request(w, c, &a->upstream);
        if (!disk_holds_packet(w, c, &a->upstream, ticket))
            line_ask(w, c, &a->upstream);
    }
}

/* Before what is said about them leaves. */
static void judge_drops(struct world *w, struct client *c)
{
    for (size_t i = 0; i < w->actions.count; i++) {
        const struct action *a = &w->actions.list[i];
        if (a->kind == ACTION_DROP)
            judge_drop(w, c, a->drop.why);
        if (a->kind == ACTION_UPSTREAM && a->upstream.code == MQTT_REFUSED)
            judge_refused(c, a->upstream.receipt);
    }
    judge_fates(w, c);
}

/* What the last call decided, in order; then what is left is looked at. */
void world_perform(struct world *w, struct client *c, enum session_state before, enum input in)
{
    bool over = false;
    judge_drops(w, c);
    uint64_t ticket = disk_keep(w, c);
    for (size_t i = 0; i < w->actions.count; i++) {
        perform_one(w, c, &w->actions.list[i], ticket);
        over = over || w->actions.list[i].kind == ACTION_FORGET;
    }
    if (before != SESSION_CONNECTING && c->session.state == SESSION_CONNECTING)
        disk_forget_publishes(w, c);
    judge_moves(w, c, before, in);
    judge_session(w, c);
    bool away = c->session.state == SESSION_DISCONNECTED || c->session.state == SESSION_LOST;
    bool restored = w->disk && w->disk->starting; /* its CONNECT was under way at a kill */
    must(w, over || !away || !c->session.clean || c->session.uplink.count > 0 || restored,
         "nothing is kept of a clean session that is over");
    if (over)
        forget(w, c);
    else if (away)
        c->address = -1;
}

/* ---- in ---------------------------------------------------------------------------------------------------------- */

static void feed(struct world *w, struct client *c, const struct mqttsn_message *m)
{
    enum session_state before = c->session.state;
    judge_heard(w, c, m);
    w->actions.count = 0;
    session_receive(&c->session, m, w->now, &w->actions);
    world_perform(w, c, before, INPUT_RECEIVE);
    world_settle(w);
}

void world_feed_broker(struct world *w, struct client *c, const struct mqtt_packet *p)
{
    enum session_state before = c->session.state;
    if (p->type == MQTT_PUBLISH)
        judge_handed(w, c, p);
    w->actions.count = 0;
    session_broker(&c->session, p, w->now, &w->actions);
    world_perform(w, c, before, INPUT_BROKER);
}

void world_client_lost(struct world *w, struct client *c)
{
    enum session_state before = c->session.state;
    w->actions.count = 0;
    session_lose(&c->session, w->now, &w->actions);
    world_perform(w, c, before, INPUT_LOSE);
    world_settle(w);
}

void world_client_dismissed(struct world *w, struct client *c)
{
    enum session_state before = c->session.state;
    w->actions.count = 0;
    session_dismiss(&c->session, w->now, &w->actions);
    world_perform(w, c, before, INPUT_LOSE);
    world_settle(w);
}

void world_radio_sent(struct world *w, struct client *c)
{
    enum session_state before = c->session.state;
    w->actions.count = 0;
    session_sent(&c->session, w->now, &w->actions);
    world_perform(w, c, before, INPUT_SENT);
    world_settle(w);
}

static void settle_lines(struct world *w)
{
    for (size_t i = 0; i < WORLD_LINES; i++)
        if (w->lines[i].made)
            line_settle(w, &w->lines[i]);
}

/* What the broker connections have for sessions, until nothing is left; each may ask for more. */
void world_settle(struct world *w)
{
    do {
        settle_lines(w);
        (void)lines_drain(w);
        settle_lines(w);
    } while (disk_turn(w));
    judge_lines(w);
}

/* ---- whose message is it? ---------------------------------------------------------------------------------------- */

struct client *world_at(struct world *w, int address)
{
    for (size_t i = 0; i < WORLD_CLIENTS; i++)
        if (w->clients[i].here && w->clients[i].address == address)
            return &w->clients[i];
    return NULL;
}

static struct client *by_name(struct world *w, struct span name)
{
    for (size_t i = 0; i < WORLD_CLIENTS; i++)
        if (span_equal(name, span_text(w->clients[i].name)))
            return &w->clients[i];
    return NULL;
}

void world_move(struct client *c, int address)
{
    c->session.radio_reports = address >= REPORTING_FROM;
    c->session.max_message = c->session.radio_reports ? 84 : 1400;
    c->session.unsent = 0;
    c->address = address;
}

static void move(struct world *w, struct client *c, int address)
{
    struct session *s = &c->session;
    struct client *there = world_at(w, address);
    bool elsewhere = c->address >= 0 && c->address / HOSTS_OF != address / HOSTS_OF;
    s->unproven = s->unproven || elsewhere;
    c->ledger.unproven = c->ledger.unproven || elsewhere;
    if (there && there != c)
        world_client_lost(w, there);
    world_move(c, address);
    c->era++;
    s->changed = true;
}

static size_t session_count(const struct world *w)
{
    size_t n = 0;
    for (size_t i = 0; i < WORLD_CLIENTS; i++)
        n += w->clients[i].here;
    return n;
}

void world_begin_session(struct world *w, struct client *c)
{
    c->here = session_init(&c->session, span_text(c->name), &w->common, w->now);
    c->session.access = &w->access;
    if (world_shares(w, c))
        c->session.upstream = w->lines[WORLD_SHARED].up;
}

static bool begin_session(struct world *w, struct client *c)
{
    if (session_count(w) >= WORLD_SESSIONS)
        return false;
    c->ledger = (struct ledger){ 0 };
    memset(c->credit, 0, sizeof c->credit);
    memset(c->owed, 0, sizeof c->owed);
    ups_forget(w, c);
    world_begin_session(w, c);
    return c->here;
}

static bool route_connect(struct world *w, int address, const struct mqttsn_message *m)
{
    struct client *c = by_name(w, m->tail);
    if (access_admit(&w->access, &w->limits, m) != MQTTSN_ACCEPTED || !c ||
        (!c->here && !begin_session(w, c)))
        return false;
    if (c->address != address)
        move(w, c, address);
    feed(w, c, m);
    return true;
}

static bool route_wake(struct world *w, int address, const struct mqttsn_message *m)
{
    struct client *c = by_name(w, m->tail);
    bool known = c && c->here && (session_is_connected(&c->session) || c->address == address);
    if (known && c->address != address) {
        known = c->session.state != SESSION_ACTIVE;
        if (known)
            move(w, c, address);
    }
    if (known)
        feed(w, c, m);
    return known;
}

/* False: it came from a stranger, or made one of its sender. */
static bool route(struct world *w, int address, const struct mqttsn_message *m)
{
    if (m->type == MQTTSN_CONNECT)
        return route_connect(w, address, m);
    if (m->type == MQTTSN_PINGREQ && m->tail.len > 0)
        return route_wake(w, address, m);
    struct client *c = world_at(w, address);
    if (!c || !mqttsn_sent_by_client(m->type) || m->type == MQTTSN_SEARCHGW ||
        m->type == MQTTSN_ADVERTISE || m->type == MQTTSN_GWINFO)
        return false;
    feed(w, c, m);
    return true;
}

void world_hears(struct world *w, int address, struct span frame)
{
    struct mqttsn_message m;
    char line[300];
    size_t sessions = session_count(w), octets = w->upstream_octets;
    uint8_t *copy = malloc(frame.len > 0 ? frame.len : 1);
    struct writer to = writer_of(copy, frame.len);
    write_span(&to, frame);
    bool decoded = mqttsn_decode(span_of(copy, frame.len), &m) == MQTTSN_OK;
    if (w->trace && decoded)
        fprintf(stderr, "%zu < %d %s\n", w->step, address, mqttsn_text(&m, line, sizeof line));
    if (!decoded || !route(w, address, &m)) {
        must(w, session_count(w) == sessions, "a stranger gets no session");
        must(w, w->upstream_octets == octets, "no work upstream for a stranger");
    }
    free(copy);
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

static msec line_deadline(const struct line *l)
{
    return l->made ? mqtt_client_deadline(&l->up->mqtt) : MSEC_NEVER;
}

msec world_next_deadline(const struct world *w)
{
    msec next = MSEC_NEVER;
    for (size_t i = 0; i < WORLD_CLIENTS; i++)
        if (w->clients[i].here && w->clients[i].session.deadline < next)
            next = w->clients[i].session.deadline;
    for (size_t i = 0; i < WORLD_LINES; i++)
        if (line_deadline(&w->lines[i]) < next)
            next = line_deadline(&w->lines[i]);
    return next;
}

void world_client_tick(struct world *w, struct client *c)
{
    enum session_state before = c->session.state;
    w->actions.count = 0;
    session_tick(&c->session, w->now, &w->actions);
    world_perform(w, c, before, INPUT_TICK);
    world_settle(w);
}

static void tick_line(struct world *w, struct line *l)
{
    if (!mqtt_client_tick(&l->up->mqtt, w->now))
        line_lost(w, l);
    world_settle(w);
}

/* Everyone who is due at this moment, until nobody is. */
static void tick_all(struct world *w)
{
    size_t ticks = 0;
    while (world_next_deadline(w) <= w->now) {
        must(w, ticks++ < STUCK, "a deadline that is due goes away when it is kept");
        for (size_t i = 0; i < WORLD_CLIENTS; i++)
            if (w->clients[i].here && w->clients[i].session.deadline <= w->now)
                world_client_tick(w, &w->clients[i]);
        for (size_t i = 0; i < WORLD_LINES; i++)
            if (line_deadline(&w->lines[i]) <= w->now)
                tick_line(w, &w->lines[i]);
    }
}

void world_time(struct world *w, msec ms, size_t ticks)
{
    msec end = w->now + ms;
    if (w->trace)
        fprintf(stderr, "%zu time + %llu ms\n", w->step, (unsigned long long)ms);
    tick_all(w);
    for (msec next; (next = world_next_deadline(w)) <= end && ticks > 0; ticks--) {
        w->now = next;
        tick_all(w);
    }
    w->now = ticks > 0 ? end : w->now;
}
