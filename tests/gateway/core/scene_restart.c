/* scene_restart.c -- the store on the stage: a kill, what is on disk then, and the gateway that goes on with it.
 *
 * Everything in memory is freed as it stands; what the next run begins with is copied out of the last commit
 * (gateway/gateway_restore.c). A test may let time pass in between by setting scene.now. */
#include "tests/gateway/core/scene_inside.h"

#include <stdlib.h>

/* ---- what a test asks -------------------------------------------------------------------------------------------- */

void the_store_waits(struct scene *s)
{
    s->store->waits = true;
}

void the_store_commits(struct scene *s)
{
    (void)scene_commit(s);
    scene_settle(s);
}

void the_store_fails(struct scene *s)
{
    s->store->keeping.on = false;
    s->store->waits = true;
}

void the_store_is_well(struct scene *s)
{
    s->store->keeping.on = true;
    s->store->waits = false;
    the_store_commits(s);
}

static size_t client_place(struct scene *s, const char *who)
{
    for (size_t i = s->client_count; i-- > 0;)
        if (strcmp(s->clients[i].name, who) == 0)
            return i;
    fail_msg("%s was never here", who);
    return 0;
}

static void waiting(struct scene *s, const char *who, bool up, size_t messages)
{
    const struct stored *d = &s->store->open;
    size_t place = client_place(s, who), count = 0;
    for (size_t i = 0; i < d->message_count; i++)
        count += d->messages[i].client == place && d->messages[i].up == up;
    assert_int_equal(count, messages);
}

void waiting_for_the_broker(struct scene *s, const char *who, size_t messages)
{
    waiting(s, who, true, messages);
}

void waiting_for_the_client(struct scene *s, const char *who, size_t messages)
{
    waiting(s, who, false, messages);
}

const struct stored_message *the_row(struct scene *s, const char *who)
{
    const struct stored *d = &s->store->open;
    assert_int_equal(d->message_count, 1);
    assert_int_equal(d->messages[0].client, client_place(s, who));
    return &d->messages[0];
}

bool a_drain_turn(struct scene *s, const char *who)
{
    struct scene_client *c = scene_find(s, who);
    assert_non_null(c);
    s->actions.count = 0;
    bool left = session_wants_turn(&c->session) &&
                session_drain(&c->session, s->store->safe, s->now, &s->actions);
    scene_perform(s, c);
    bool more = left && c->here && session_wants_turn(&c->session);
    scene_settle(s);
    return more;
}

void scene_perform_for(struct scene *s, const char *who)
{
    struct scene_client *c = scene_find(s, who);
    assert_non_null(c);
    scene_perform(s, c);
    scene_settle(s);
}

/* ---- at the end of a scene --------------------------------------------------------------------------------------- */

/* At QoS 1 a message is only there or not. */
static bool owns(const struct queued *q, const struct stored_message *row)
{
    bool behind = row->qos == 2 && (q->phase != row->phase || q->message_id != row->message_id);
    return q->row == row->row && q->up == row->up && !behind;
}

static bool is_owned(const struct session *s, const struct stored_message *row)
{
    const struct queued *q;
    const struct sleepq *list = row->up ? &s->uplink : &s->queue;
    STAILQ_FOREACH(q, &list->list, next)
        if (owns(q, row))
            return true;
    return !row->up && s->delivery.message && owns(s->delivery.message, row);
}

bool scene_rows_are_owned(const struct scene *s)
{
    for (size_t i = 0; s->store && i < s->store->open.message_count; i++) {
        const struct stored_message *row = &s->store->open.messages[i];
        const struct scene_client *c = &s->clients[row->client];
        if (c->here && is_owned(&c->session, row))
            continue;
        print_error("row %u of %s stays on disk for nobody\n", (unsigned)row->row, c->name);
        return false;
    }
    return true;
}

/* ---- the end of a run -------------------------------------------------------------------------------------------- */

void the_gateway_is_killed(struct scene *s)
{
    for (size_t i = 0; i < s->client_count; i++) {
        struct scene_client *c = &s->clients[i];
        if (c->here && c->session.upstream)
            upstream_leave(c->session.upstream, &c->session, s->now);
        if (c->here)
            session_clear(&c->session);
        if (c->dialled)
            upstream_clear(&c->own);
        c->here = c->dialled = c->closing = false;
    }
    bool shared = s->shared != NULL;
    aggregate_free(s->shared);
    s->shared = NULL;
    stored_copy(&s->store->open, &s->store->on_disk);
    s->store->first_held = s->store->held_count = 0;
    s->store->keeping = (struct keeping){ .on = true };
    if (shared)
        scene_share(s);
}

/* ---- the next one ------------------------------------------------------------------------------------------------ */

/* The other mode than in the earlier run. */
static bool has_moved(const struct scene *s, const struct stored_session *row)
{
    return row->shared != (s->shared != NULL);
}

static void restore_session(struct scene *s, struct scene_client *c, const struct stored_session *row)
{
    struct session *session = &c->session;
    scene_begin(s, c);
    stored_load_session(row, session, s->now);
    if (!s->shared && session_is_connected(session))
        scene_own(s, c);
    stored_load_tables(row, session, has_moved(s, row) ? NULL : s->shared);
}

static void restore_message(struct scene *s, const struct stored_message *row)
{
    struct scene_client *c = &s->clients[row->client];
    struct queued *q = stored_load_message(row);
    assert_true(c->here);
    s->actions.count = 0;
    if (row->up && has_moved(s, &s->store->on_disk.sessions[row->client]))
        stored_begin_anew(q, &s->actions);
    session_restore_message(&c->session, q, s->now, &s->actions);
    if (s->actions.count > 0)
        scene_perform(s, c);
}

static void restore_arrival(struct scene *s, const struct stored_arrival *row)
{
    struct scene_client *c = row->client < STORED_SHARED ? &s->clients[row->client] : NULL;
    if (c && !c->here)
        return;
    if (c && !c->dialled)
        scene_own(s, c);
    struct upstream *u = c ? &c->own : aggregate_upstream(s->shared);
    assert_true(arrivals_restore(&u->mqtt.arrivals, row->packet_id, row->digest));
}

/* A gateway that was killed said no DISCONNECT, so the broker has published the wills that it knew. */
static void go_on(struct scene *s, struct scene_client *c)
{
    const struct stored_session *row = &s->store->on_disk.sessions[c - s->clients];
    bool connected = session_is_connected(&c->session);
    c->session.will_out = !row->shared && connected && c->session.will;
    c->session.changed = c->session.wiped = false;
    if (has_moved(s, row))
        session_move(&c->session);
    if (!c->session.upstream && c->session.uplink.count > 0)
        scene_own(s, c);
    session_resume(&c->session, s->now);
    s->actions.count = 0;
    session_ask_again(&c->session, &s->actions);
    scene_perform(s, c);
}

void the_gateway_starts(struct scene *s)
{
    const struct stored *d = &s->store->on_disk; /* rows may go from the open batch on the way */
    stored_copy(&s->store->on_disk, &s->store->open);
    for (size_t i = 0; i < s->client_count; i++)
        if (d->sessions[i].here)
            restore_session(s, &s->clients[i], &d->sessions[i]);
    for (size_t i = 0; i < d->message_count; i++)
        restore_message(s, &d->messages[i]);
    for (size_t i = 0; i < d->arrival_count; i++)
        restore_arrival(s, &d->arrivals[i]);
    for (size_t i = 0; i < s->client_count; i++)
        if (s->clients[i].here)
            go_on(s, &s->clients[i]);
}
