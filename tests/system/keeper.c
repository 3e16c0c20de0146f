/* keeper.c -- kills, starts and outages for the tests of the store.
 *
 * A message that waited for the broker leaves as soon as the gateway has connected, so whoever wants to see it must
 * have subscribed before: the gateway is frozen meanwhile. */
#include "tests/system/keeper.h"

#include "tests/system/outage.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>

void keeper_state(const struct scene *s, char path[static SCENE_PATH])
{
    snprintf(path, SCENE_PATH, "%s/state.db", s->folder);
}

bool keeper_is_empty(const struct scene *s)
{
    static const char sql[] =
        "SELECT 1 FROM uplink UNION ALL SELECT 1 FROM exchange WHERE phase <> 'answered'";
    char path[SCENE_PATH];
    sqlite3 *db;
    sqlite3_stmt *q = NULL;
    keeper_state(s, path);
    bool empty = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
                 sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK &&
                 sqlite3_step(q) == SQLITE_DONE;
    sqlite3_finalize(q);
    sqlite3_close(db);
    return empty;
}

struct gateway *keeper_start(struct scene *s, struct settings settings)
{
    char path[SCENE_PATH];
    keeper_state(s, path);
    settings.state = path;
    broker_start(s, (struct broker_options){ .persistence = true });
    return gateway_start_connected(s, settings);
}

void keeper_dies_and_returns(struct gateway *g)
{
    gateway_is_killed(g);
    gateway_starts_again(g);
}

void keeper_is_connected(struct gateway *g)
{
    gateway_logs(g, outage_of_own_connection(g->scene) ? "broker: connected as m1"
                                                       : "broker: connected to ");
}

void keeper_dies_and_reconnects(struct gateway *g)
{
    keeper_dies_and_returns(g);
    keeper_is_connected(g);
}

struct peer *keeper_broker_returns(struct scene *s, const char *filter)
{
    assert_int_equal(kill(s->gateway->process.pid, SIGSTOP), 0);
    broker_restarts(s->broker);
    struct peer *world = peer_open(s, "world");
    peer_subscribes(world, filter, 2);
    assert_int_equal(kill(s->gateway->process.pid, SIGCONT), 0);
    return world;
}
