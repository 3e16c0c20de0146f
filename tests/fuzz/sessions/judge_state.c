/* judge_state.c -- what the judge of the session fuzzer finds when it looks at what is kept: states, deadlines, queues,
 * tables and requests without an answer.
 *
 * The moves between states are written down here once more, from figure 4 of the standard and the procedures of
 * section 6, with what may cause them. */
#include "tests/fuzz/sessions/disk.h"

#define TO(state) (1U << SESSION_##state)

/* ---- states ------------------------------------------------------------------------------------------------------ */

static const unsigned may_follow[SESSION_STATES] = {
    [SESSION_DISCONNECTED] = TO(WILL_TOPIC) | TO(CONNECTING),
    [SESSION_LOST] = TO(WILL_TOPIC) | TO(CONNECTING),
    [SESSION_WILL_TOPIC] = TO(WILL_TOPIC) | TO(WILL_MESSAGE) | TO(CONNECTING) | TO(ACTIVE) |
                           TO(ASLEEP) | TO(DISCONNECTED) | TO(LOST),
    [SESSION_WILL_MESSAGE] = TO(WILL_TOPIC) | TO(WILL_MESSAGE) | TO(CONNECTING) | TO(ACTIVE) |
                             TO(ASLEEP) | TO(DISCONNECTED) | TO(LOST),
    [SESSION_CONNECTING] = TO(WILL_TOPIC) | TO(CONNECTING) | TO(ACTIVE) | TO(DISCONNECTED),
    [SESSION_ACTIVE] = TO(ASLEEP) | TO(DISCONNECTED) | TO(LOST) | TO(WILL_TOPIC) | TO(CONNECTING),
    [SESSION_ASLEEP] = TO(ASLEEP) | TO(AWAKE) | TO(ACTIVE) | TO(DISCONNECTED) | TO(LOST) |
                       TO(WILL_TOPIC) | TO(CONNECTING),
    [SESSION_AWAKE] =
        TO(ASLEEP) | TO(ACTIVE) | TO(DISCONNECTED) | TO(LOST) | TO(WILL_TOPIC) | TO(CONNECTING),
};

/* Only silence, or another client at its address, makes a client lost; only its own word wakes it. */
static const unsigned cause_of[SESSION_STATES] = {
    [SESSION_DISCONNECTED] =
        1U << INPUT_RECEIVE | 1U << INPUT_BROKER | 1U << INPUT_TICK | 1U << INPUT_LOSE,
    [SESSION_WILL_TOPIC] = 1U << INPUT_RECEIVE,
    [SESSION_WILL_MESSAGE] = 1U << INPUT_RECEIVE,
    [SESSION_CONNECTING] = 1U << INPUT_RECEIVE,
    [SESSION_ACTIVE] = 1U << INPUT_RECEIVE | 1U << INPUT_BROKER,
    [SESSION_ASLEEP] = 1U << INPUT_RECEIVE | 1U << INPUT_TICK | 1U << INPUT_SENT | 1U << INPUT_BROKER,
    [SESSION_AWAKE] = 1U << INPUT_RECEIVE,
    [SESSION_LOST] = 1U << INPUT_TICK | 1U << INPUT_LOSE,
};

static void judge_move(struct world *w, struct client *c, enum session_state next, enum input in)
{
    must(w, cause_of[next] >> in & 1U, "a state is entered for its reasons only");
    must(w, next != SESSION_LOST || !c->session.will || c->ledger.will_left || c->session.will_out,
         "a client that is lost leaves its will");
    if (next == SESSION_CONNECTING) { /* a new connection knows nothing of the ids of the last one */
        memset(c->ledger.told, 0, sizeof c->ledger.told);
        c->ledger.will_left = false;
        c->era++;
        if (c->session.clean) /* whatever the broker sends now is new, even if it never heard of this */
            memset(c->ledger.fates, 0, sizeof c->ledger.fates);
    }
}

static bool hears(enum session_state state)
{
    return state != SESSION_ASLEEP && state != SESSION_DISCONNECTED && state != SESSION_LOST;
}

/* On a shared connection it goes the way of all that must not be lost. */
static void judge_will(struct world *w, struct client *c, enum input in)
{
    bool kept = false, lost = false;
    for (size_t i = 0; i < w->actions.count; i++) {
        const struct action *a = &w->actions.list[i];
        kept = kept || (a->kind == ACTION_KEEP && a->keep->up);
        lost = lost || a->kind == ACTION_STATE;
    }
    if (!kept || !lost || c->session.state != SESSION_LOST || in == INPUT_RECEIVE)
        return;
    must(w, !c->ledger.will_left, "a will appears once");
    c->ledger.will_left = true;
}

/* The list says which states were left, one after the other. */
void judge_moves(struct world *w, struct client *c, enum session_state before, enum input in)
{
    enum session_state last = before;
    judge_will(w, c, in);
    bool moved = false, delivers = false;
    for (size_t i = 0; i < w->actions.count; i++) {
        const struct action *a = &w->actions.list[i];
        delivers = delivers || (a->kind == ACTION_SEND &&
                                (a->send.type == MQTTSN_PUBLISH || a->send.type == MQTTSN_REGISTER));
        if (a->kind != ACTION_STATE)
            continue;
        must(w, !moved || may_follow[last] >> a->from & 1U,
             "states follow each other as in the standard");
        must(w, moved || a->from == before, "a state is left that it was in");
        if (moved)
            judge_move(w, c, (enum session_state)a->from, in);
        last = (enum session_state)a->from;
        moved = true;
    }
    must(w, moved || c->session.state == before, "no state changes unseen");
    must(w, !moved || may_follow[last] >> c->session.state & 1U,
         "states follow each other as in the standard");
    if (moved)
        judge_move(w, c, c->session.state, in);
    must(w, !delivers || moved || hears(before),
         "nothing is delivered to a client that does not listen");
}

/* ---- what a session keeps ---------------------------------------------------------------------------------------- */

static bool ledger_has(const struct ledger *g, uint32_t receipt)
{
    for (size_t i = 0; i < g->open_count; i++)
        if (g->open[i].receipt == receipt)
            return true;
    return false;
}

/* What the session was given is where it can be found: waiting, in flight, delivered, or dropped and counted. */
static void judge_messages(struct world *w, struct client *c)
{
    const struct session *s = &c->session;
    const struct ledger *g = &c->ledger;
    const struct queued *q;
    size_t waiting = 0, answered_for = 0, bytes = 0;
    STAILQ_FOREACH(q, &s->queue.list, next) {
        waiting++;
        bytes += (size_t)q->topic_len + q->payload_len;
        answered_for += q->receipt != 0 && ledger_has(g, q->receipt);
    }
    must(w, waiting == s->queue.count && bytes == s->queue.bytes, "the queue counts right");
    if (s->delivery.message) {
        waiting++;
        answered_for +=
            s->delivery.message->receipt != 0 && ledger_has(g, s->delivery.message->receipt);
    }
    must(w, answered_for == g->open_count, "a message that is not answered for yet is still there");
    if (w->disk) /* what is on disk is answered for and still waits: see judge_fates */
        return;
    must(w, g->ended + waiting <= g->handed, "no message ends twice");
    must(w, g->handed <= g->ended + waiting + g->drops, "nothing vanishes silently");
}

static void judge_inflight(struct world *w, const struct session *s)
{
    size_t open = 0, publishing = 0;
    for (size_t i = 0; i < EXCHANGES; i++) {
        uint8_t phase = s->inflight.list[i].phase;
        open += phase > EXCHANGE_ANSWERED;
        publishing += phase >= EXCHANGE_PUBACK && phase <= EXCHANGE_PUBCOMP;
    }
    must(w, open == s->inflight.open && publishing == s->inflight.publishing,
         "open exchanges are counted right");
    must(w, publishing <= w->most.inflight_in, "no more publishes in flight than inflight_in");
}

void judge_session(struct world *w, struct client *c)
{
    enum { PREDEFINED = 4 };
    const struct session *s = &c->session;
    must(w, s->queue.count <= w->most.queue_messages && s->queue.bytes <= w->most.queue_bytes,
         "the queue stays within its limits");
    must(w, s->topics.normal.count <= w->most.topics, "topics stay within their limit");
    must(w, s->topics.predefined.count <= PREDEFINED, "no predefined id that is not in the table");
    must(w, s->subscriptions.count <= w->most.subscriptions, "subscriptions stay within their limit");
    must(w,
         s->delivery.message || s->delivery.phase == DELIVERY_IDLE ||
             s->delivery.phase == DELIVERY_PAUSED,
         "a delivery is of a message");
    must(w, !s->delivery.message || s->delivery.phase != DELIVERY_IDLE,
         "a message taken is on its way");
    must(w, s->deadline == MSEC_NEVER || s->deadline <= w->now + (msec)2 * 86400 * SECOND,
         "a deadline comes");
    judge_messages(w, c);
    judge_inflight(w, s);
    if (!session_is_connected(s)) /* whatever it asked, it gave up */
        memset(c->owed, 0, sizeof c->owed);
}

/* ---- what a connection keeps ------------------------------------------------------------------------------------- */

static bool of_a_session(const struct world *w, const struct flight *f)
{
    for (size_t i = 0; i < WORLD_CLIENTS; i++)
        if (f->owner == &w->clients[i].session)
            return true;
    return false;
}

/* What is asked once more after a reconnect was accepted: the last of these may go above the limit. */
static bool is_filter(const struct flight *f)
{
    enum mqtt_type type = f->packet_len > 0 ? (enum mqtt_type)(f->packet[0] >> 4) : MQTT_CONNECT;
    return type == MQTT_SUBSCRIBE || type == MQTT_UNSUBSCRIBE;
}

/* What the limit is about is what sessions ask; an estimate before the packet is made may be short by its headers. */
static void judge_flights(struct world *w, const struct line *l)
{
    enum { HEADERS = 16 };
    const struct flights *f = &l->up->mqtt.flights;
    size_t count = 0, bytes = 0, twos = 0, asked = 0, last = 0;
    for (size_t i = 0; i < f->room; i++) {
        count += f->table[i].state != FLIGHT_FREE;
        bytes += f->table[i].packet_len;
        twos += f->table[i].exactly_once;
        if (of_a_session(w, &f->table[i]))
            asked += f->table[i].packet_len;
        if (is_filter(&f->table[i]) && f->table[i].packet_len > last)
            last = f->table[i].packet_len;
        must(w, f->table[i].state != FLIGHT_RESERVED || f->table[i].kept,
             "a packet id that was reserved is used or given back");
    }
    must(w, count == f->count && bytes == f->bytes && twos == f->exactly_once,
         "requests are counted right");
    size_t limit = w->disk ? w->most.uplink_bytes : l->up->flight_limit; /* kept ones had others */
    must(w, asked <= limit + last + count * HEADERS, "unanswered requests stay within the limit");
}

/* What a session left behind is nobody's (design rule 3: the next one at its place inherits nothing). */
static void judge_owners(struct world *w, const struct line *l)
{
    const struct flights *f = &l->up->mqtt.flights;
    for (size_t i = 0; i < f->room; i++)
        for (size_t n = 0; f->table[i].state != FLIGHT_FREE && n < WORLD_CLIENTS; n++)
            must(w, w->clients[n].here || f->table[i].owner != &w->clients[n].session,
                 "nothing is under way for a session that is over");
}

/* Whoever waits for the broker's answer waits for a request that is under way. */
static void judge_waits(struct world *w, const struct session *s)
{
    bool shared = s->upstream == w->lines[WORLD_SHARED].up;
    for (size_t i = 0; i < EXCHANGES; i++) {
        const struct exchange *e = &s->inflight.list[i];
        bool named = shared && e->phase == EXCHANGE_SUBACK; /* a round answers it */
        if (e->phase <= EXCHANGE_ANSWERED || named || e->packet_id == 0)
            continue;
        const struct flight *f =
            s->upstream ? flights_find(&s->upstream->mqtt.flights, e->packet_id) : NULL;
        must(w, f && f->owner == s, "a request without an answer is under way");
    }
}

/* A connection is not read only for clients who ask for that, each for a second at a time. */
static void judge_brakes(struct world *w, const struct line *l)
{
    enum { PATIENCE = 1000 };
    size_t held = 0;
    for (size_t i = 0; i < WORLD_CLIENTS; i++) {
        const struct session *s = &w->clients[i].session;
        if (!w->clients[i].here || s->brake.held != l->up)
            continue;
        held++;
        must(w, s->brake.step == BRAKE_ON && s->brake.until <= w->now + PATIENCE,
             "a connection is not read for a moment only");
    }
    must(w, held == l->up->brakes, "a connection that is not read has clients who ask for that");
}

void judge_lines(struct world *w)
{
    for (size_t i = 0; i < WORLD_LINES; i++) {
        const struct line *l = &w->lines[i];
        if (!l->made)
            continue;
        judge_flights(w, l);
        judge_owners(w, l);
        judge_brakes(w, l);
        must(w, l->up->mqtt.arrivals.count - l->up->mqtt.arrivals.done <= 2 * WORLD_WINDOW,
             "messages of the broker without an acknowledgement stay within its window");
    }
    for (size_t i = 0; i < WORLD_CLIENTS; i++)
        if (w->clients[i].here)
            judge_waits(w, &w->clients[i].session);
}

/* ---- when everything had time to end ----------------------------------------------------------------------------- */

static void judge_client_calm(struct world *w, const struct client *c)
{
    const struct session *s = &c->session;
    if (!session_is_connected(s))
        return;
    must(w, s->queue.count == 0 && !s->delivery.message,
         "a client that answers gets all its messages");
    for (size_t i = 0; i < EXCHANGES; i++)
        must(w,
             s->inflight.list[i].phase <= EXCHANGE_ANSWERED ||
                 s->inflight.list[i].phase == EXCHANGE_PUBREL,
             "what the broker answered is answered");
    must(w, !memchr(c->owed, 1, sizeof c->owed), "a request is answered in the end");
    for (size_t i = 0; i < w->up_count; i++) {
        const struct up *u = &w->ups[i];
        must(w, u->client != c - w->clients || u->qos != 1 || !u->open,
             "a QoS 1 message is answered in the end");
    }
}

/* A kept session that is away holds its messages back, in aggregate mode the broker's acknowledgements too. */
static bool all_are_there(const struct world *w)
{
    for (size_t i = 0; i < WORLD_CLIENTS; i++)
        if (w->clients[i].here && !session_is_connected(&w->clients[i].session))
            return false;
    return true;
}

/* A QoS 2 message that its node does not release keeps the place of others, for an hour. */
static bool lines_have_room(const struct world *w)
{
    bool room = true;
    for (size_t i = 0; i < WORLD_LINES; i++) {
        const struct line *l = &w->lines[i];
        room = room &&
               (!l->made || (upstream_takes_qos2(l->up) &&
                             l->up->mqtt.flights.bytes + NODE_FRAME_MAX <= l->up->flight_limit));
    }
    return room;
}

void judge_calm(struct world *w)
{
    bool room = lines_have_room(w);
    if (room)
        judge_missing(w);
    for (size_t i = 0; i < WORLD_CLIENTS; i++) {
        must(w, !room || !w->clients[i].here || w->clients[i].session.uplink.count == 0,
             "what waits for the broker reaches it");
        if (w->clients[i].here)
            judge_client_calm(w, &w->clients[i]);
    }
    for (size_t i = 0; i < WORLD_LINES; i++) {
        const struct line *l = &w->lines[i];
        const struct client *c = line_client(w, l);
        bool served = l == &w->lines[WORLD_SHARED] ? all_are_there(w)
                                                   : c && session_is_connected(&c->session);
        if (l->made && served)
            must(w, l->sent_count == 0,
                 "the broker gets an acknowledgement for each of its messages");
    }
}
