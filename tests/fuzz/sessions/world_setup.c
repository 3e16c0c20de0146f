/* world_setup.c -- how the world of the session fuzzer begins and ends, and the limits that hold in it.
 *
 * One octet chooses which clients share a connection, what the broker lacks and the first limits, another whether there
 * is a store; a reload brings other limits while sessions are there. They are small, so that programs of a few hundred
 * steps meet each of them. */
#include "tests/fuzz/sessions/disk.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- limits ------------------------------------------------------------------------------------------------------ */

static const struct limits in_force[] = {
    { .topics = 5, .subscriptions = 4, .queue_messages = 6, .queue_bytes = 400, .inflight_in = 3 },
    { .topics = 3, .subscriptions = 2, .queue_messages = 3, .queue_bytes = 120, .inflight_in = 1 },
    { .topics = 9, .subscriptions = 6, .queue_messages = 9, .queue_bytes = 4000, .inflight_in = 8 },
};

static void raise(struct limits *most, const struct limits *l)
{
    most->topics = l->topics > most->topics ? l->topics : most->topics;
    if (l->subscriptions > most->subscriptions)
        most->subscriptions = l->subscriptions;
    if (l->queue_messages > most->queue_messages)
        most->queue_messages = l->queue_messages;
    if (l->queue_bytes > most->queue_bytes)
        most->queue_bytes = l->queue_bytes;
    if (l->inflight_in > most->inflight_in)
        most->inflight_in = l->inflight_in;
    if (l->uplink_bytes > most->uplink_bytes)
        most->uplink_bytes = l->uplink_bytes;
    if (l->uplink_memory > most->uplink_memory)
        most->uplink_memory = l->uplink_memory;
}

/* The list of actions grows with the limits and never shrinks, as the shell's does. */
static void make_room(struct world *w)
{
    size_t room = actions_needed(w->limits.queue_messages, w->limits.subscriptions);
    if (room <= w->actions.room)
        return;
    free(w->actions.list);
    w->actions.list = malloc(room * sizeof *w->actions.list);
    w->actions.room = room;
}

void world_limits(struct world *w, uint8_t kind)
{
    struct limits l = in_force[kind % (sizeof in_force / sizeof in_force[0])];
    l.retry_count = 2;
    l.retry_factor = kind & 0x02 ? 150 : 100;
    l.broker_grace = kind & 0x01 ? 60 * SECOND : 0;
    l.minus_one.long_topic = l.minus_one.retain = kind & 0x02;
    l.max_client_id = 23;
    l.uplink_bytes = (kind & 0x28) == 0x28 ? 150 : w->disk ? 4000 : 1 << 20;
    l.uplink_memory = 600;
    l.uplink_qos0 = kind % 3; /* NOLINT: each of enum uplink_qos0 */
    l.uplink_ttl = 43200 * SECOND;
    l.queue_ttl = 86400 * SECOND;
    l.queue_drop_oldest = (kind & 0x14) == 0x14;
    l.retry = 10 * SECOND;
    l.wait = 30 * SECOND;
    l.connect_timeout = 10 * SECOND;
    l.max_idle = 7200 * SECOND;
    l.session_expiry = 86400 * SECOND;
    l.qos2_expiry = 3600 * SECOND;
    w->limits = l;
    w->access = (struct access){ .allow = true,
                                 .strict_sleep = (kind & 0x20) != 0,
                                 .sleep_qos0 = (kind & 0x10) == 0,
                                 .will_on_takeover = (kind & 0x08) != 0,
                                 .wake_resume = (kind & 0x04) != 0,
                                 .probe = (kind & 0x06) == 0x02,
                                 .will_reconnect = (kind & 0x30) == 0x10,
                                 .awake_extra = 2 };
    raise(&w->most, &l);
    make_room(w);
}

/* ---- begin and end ----------------------------------------------------------------------------------------------- */

struct world *world_new(uint8_t kind, uint8_t store)
{
    static const struct predefined_row rows[] = { { "*", "all/alarm", 1 },
                                                  { "*", "node/{client}", 2 },
                                                  { "m1", "t/1", 1 } };
    static const uint8_t aggregated[] = { 0x00, 0xFF, 0x2A, 0x0C };
    struct world *w = calloc(1, sizeof *w);
    w->now = WORLD_BEGIN;
    w->aggregated = aggregated[kind >> 6];
    disk_new(w, store);
    world_limits(w, kind & 0x3F);
    w->lacks.qos2 = (kind & 0x38) == 0x18;
    w->lacks.retain = (kind & 0x38) == 0x30;
    w->common.limits = &w->limits;
    w->common.predefined = predefined_new(rows, sizeof rows / sizeof rows[0]);
    for (size_t i = 0; i < WORLD_CLIENTS; i++) {
        snprintf(w->clients[i].name, sizeof w->clients[i].name, "m%zu", i);
        w->clients[i].address = -1;
    }
    line_make_shared(w);
    line_dial(w, &w->lines[WORLD_SHARED]);
    broker_accepts(w, &w->lines[WORLD_SHARED], false);
    return w;
}

void world_free(struct world *w)
{
    for (size_t i = 0; i < WORLD_CLIENTS; i++) {
        struct session *s = &w->clients[i].session;
        if (!w->clients[i].here)
            continue;
        if (s->upstream)
            upstream_leave(s->upstream, s, w->now);
        session_clear(s);
    }
    lines_free(w);
    predefined_release(w->common.predefined);
    free(w->actions.list);
    free(w->disk);
    free(w);
}
