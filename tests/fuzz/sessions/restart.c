/* restart.c -- the gateway of the session fuzzer's world is killed, and the next one goes on with what was committed.
 *
 * All memory is freed as it stands, nobody says DISCONNECT. What the next run begins with is put in place in the
 * order of gateway/gateway_restore.c: sessions, their tables, messages, packet ids, and then each goes on. The
 * broker still has its sessions, or not; some clients may have another kind of connection now (broker.mode is
 * another). */
#include "tests/fuzz/sessions/disk.h"

#include <stdio.h>

/* ---- the end of a run -------------------------------------------------------------------------------------------- */

static void kill_clients(struct world *w)
{
    for (size_t i = 0; i < WORLD_CLIENTS; i++) {
        struct client *c = &w->clients[i];
        if (c->here && c->session.upstream)
            upstream_leave(c->session.upstream, &c->session, w->now);
        if (c->here)
            session_clear(&c->session);
        c->here = false;
        c->address = -1;
    }
}

static void kill_gateway(struct world *w, bool committed)
{
    struct disk *d = w->disk;
    if (d->underway && committed) /* and then the kill, before anybody heard of it */
        stored_copy(&d->on_disk, &d->batch);
    judge_kill(w);
    kill_clients(w);
    lines_kill(w);
    stored_copy(&d->open, &d->on_disk);
    d->held_count = 0;
    d->underway = d->was_ill = false;
    d->safe = d->ticket++;
    d->keeping = (struct keeping){ .on = true };
}

/* ---- the next one ------------------------------------------------------------------------------------------------ */

static const struct stored_session *row_of(const struct world *w, const struct client *c)
{
    return &w->disk->on_disk.sessions[c - w->clients];
}

/* The other kind of connection than in the earlier run. */
static bool has_moved(const struct world *w, const struct client *c)
{
    return row_of(w, c)->shared != world_shares(w, c);
}

static void start_session(struct world *w, struct client *c)
{
    enum { FAR = 1000 };
    const struct stored_session *row = row_of(w, c);
    struct session *s = &c->session;
    world_begin_session(w, c);
    stored_load_session(row, s, w->now);
    s->last_message_id =
        (uint16_t)(s->last_message_id + w->restarts * FAR); /* late answers are still about */
    if (session_is_connected(s) && row->address >= 0 && !world_at(w, row->address))
        world_move(c, row->address);
    if (session_is_connected(s) && !world_shares(w, c))
        line_make_own(w, c);
    c->moved = c->moved || has_moved(w, c);
    bool known = world_shares(w, c) && !has_moved(w, c);
    stored_load_tables(row, s, known ? w->aggregate : NULL);
}

/* How many the limits of now have no room for. */
static size_t start_message(struct world *w, const struct stored_message *row)
{
    struct client *c = &w->clients[row->client];
    struct queued *q = stored_load_message(row);
    size_t drops = 0;
    must(w, c->here, "a message on disk has its session");
    w->actions.count = 0;
    if (row->up && row->phase != QUEUED_WAITING && has_moved(w, c)) {
        stored_begin_anew(q, &w->actions);
        judge_excuse(w, judge_hash(stored_span(&row->payload)));
    }
    judge_restored(w, c, row);
    session_restore_message(&c->session, q, w->now, &w->actions);
    for (size_t i = 0; i < w->actions.count; i++)
        drops += w->actions.list[i].kind == ACTION_DROP;
    if (w->actions.count > 0)
        world_perform(w, c, c->session.state, INPUT_TICK);
    return drops;
}

static void start_arrival(struct world *w, const struct stored_arrival *row)
{
    bool shared = row->client == STORED_SHARED;
    struct client *c = &w->clients[shared ? 0 : row->client];
    bool gone = !shared && (!c->here || world_shares(w, c)); /* of a connection that is no more */
    if (gone) {
        stored_drop_arrivals(&w->disk->open, row->client);
        return;
    }
    if (!shared && !c->session.upstream)
        line_make_own(w, c);
    struct upstream *u = shared ? w->lines[WORLD_SHARED].up : c->session.upstream;
    must(w, arrivals_restore(&u->mqtt.arrivals, row->packet_id, row->digest), "there is memory");
}

/* The client of a clean session was just connecting anew, or what was to go to the broker was in memory only. */
static bool is_left_over(const struct session *s)
{
    bool away = s->state == SESSION_DISCONNECTED || s->state == SESSION_LOST;
    return s->clean && away && s->uplink.count == 0;
}

/* A gateway that was killed said no DISCONNECT, so the broker has published the wills that it knew. */
static void go_on(struct world *w, struct client *c)
{
    struct session *s = &c->session;
    s->will_out = !row_of(w, c)->shared && session_is_connected(s) && s->will;
    s->changed = s->wiped = false;
    if (has_moved(w, c))
        session_move(s);
    if (!s->upstream && s->uplink.count > 0)
        line_make_own(w, c);
    session_resume(s, w->now);
    w->actions.count = 0;
    session_ask_again(s, &w->actions);
    for (size_t i = 0; !world_shares(w, c) && i < s->subscriptions.count; i++)
        if (s->subscriptions.list[i].standing != SUBSCRIPTION_GRANTED)
            aggregate_forget(w->aggregate, s->subscriptions.list[i].filter, w->now);
    if (is_left_over(s))
        actions_forget(&w->actions);
    world_perform(w, c, s->state, INPUT_TICK);
}

static void start_gateway(struct world *w)
{
    const struct stored *d = &w->disk->on_disk; /* rows may go from the open batch on the way */
    size_t drops = 0;
    line_make_shared(w);
    for (size_t i = 0; i < WORLD_CLIENTS; i++)
        if (d->sessions[i].here)
            start_session(w, &w->clients[i]);
    for (size_t i = 0; i < d->message_count; i++)
        drops += start_message(w, &d->messages[i]);
    for (size_t i = 0; i < d->arrival_count; i++)
        start_arrival(w, &d->arrivals[i]);
    judge_start(w, d->message_count, drops);
    for (size_t i = 0; i < WORLD_CLIENTS; i++)
        if (w->clients[i].here)
            go_on(w, &w->clients[i]);
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

/* What else the broker has for a client that is away waits there until it comes. */
static bool has_business(struct world *w, const struct line *l)
{
    const struct client *c = line_client(w, l);
    return l == &w->lines[WORLD_SHARED] ||
           (c && (session_is_connected(&c->session) || c->session.uplink.count > 0 ||
                  l->up->mqtt.flights.count > 0));
}

static void dial_all(struct world *w, bool accepts, bool session_present)
{
    for (size_t i = 0; i < WORLD_LINES; i++) {
        struct line *l = &w->lines[i];
        l->wanted = l->made && has_business(w, l);
        line_dial(w, l);
        if (accepts)
            broker_accepts(w, l, session_present);
    }
}

void world_restart(struct world *w, uint8_t dice)
{
    enum { COMMITTED = 0x02, ACCEPTS = 0x04, FORGETS = 0x18, LATER = 0x60, OTHER_MODE = 0x90 };
    if (w->trace)
        fprintf(stderr, "%zu the gateway is killed\n", w->step);
    kill_gateway(w, dice & COMMITTED);
    if ((dice & OTHER_MODE) == OTHER_MODE)
        w->aggregated ^= (uint8_t)(dice >> 1);
    w->now += (dice & LATER) == LATER ? 3600 * SECOND : 1;
    w->restarts++;
    start_gateway(w);
    dial_all(w, dice & ACCEPTS, (dice & FORGETS) != FORGETS);
    world_settle(w);
}
