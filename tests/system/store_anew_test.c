/* store_anew_test.c -- the state file is begun anew while there is something to keep: what goes on is what could be
 * read, or what the gateway has in memory (design rules 1 and 4). And what belongs to nobody does not stay. */
#include "tests/system/keeper.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static sqlite3 *opened(const struct scene *s)
{
    char path[SCENE_PATH];
    sqlite3 *db = NULL;
    keeper_state(s, path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

static int number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int n = sqlite3_column_int(q, 0);
    sqlite3_finalize(q);
    return n;
}

/* ---- a page of the file is noise --------------------------------------------------------------------------------- */

/* Read long after sessions and subscriptions. */
static void handshakes_are_noise(const struct scene *s)
{
    char path[SCENE_PATH], noise[512];
    sqlite3 *db = opened(s);
    keeper_state(s, path);
    int page = number(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'exchange'");
    assert_int_equal(number(db, "PRAGMA page_size"), sizeof noise);
    sqlite3_close(db);
    memset(noise, 0xa5, sizeof noise);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, noise, sizeof noise, (page - 1) * (off_t)sizeof noise), sizeof noise);
    close(fd);
}

static void what_could_be_read_of_a_damaged_file_goes_on(struct scene *s)
{
    struct node *n = node_open(keeper_start(s, (struct settings){ .level = "debug" }));
    struct node *sleeper = node_open(n->gateway);
    node_connects_kept(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    node_connects_kept(sleeper, "m2");
    node_falls_asleep(sleeper, 1);
    assert_int_equal(gateway_stops(n->gateway), 0);
    handshakes_are_noise(s);
    gateway_starts_again(n->gateway);
    gateway_logs(n->gateway, " of an earlier run could be read");
    keeper_is_connected(n->gateway);
    peer_publishes(peer_open(s, "world"), "lamp/1", 1, "on");
    node_receives_and_acks(n, "on");
    gateway_logs(n->gateway, "session m2: asleep -> lost");
}

/* ---- the file is taken away -------------------------------------------------------------------------------------- */

static void take_away(const struct scene *s)
{
    static const char *const endings[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char path[SCENE_PATH], file[SCENE_PATH + 8];
        keeper_state(s, path);
        snprintf(file, sizeof file, "%s%s", path, endings[i]);
        assert_int_equal(unlink(file), 0);
    }
}

/* Another program has the file for so long that the gateway gives it up and opens it again: it is not there. */
static void is_written_anew(struct node *n)
{
    sqlite3 *db = opened(n->gateway->scene);
    struct node *other = node_open(n->gateway);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    node_sends(other, (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                               .protocol_id = 1,
                                               .clean = true,
                                               .duration = 60,
                                               .tail = span_text("m2") });
    gateway_logs(n->gateway, "another program keeps it locked");
    take_away(n->gateway->scene);
    sqlite3_close(db);
    gateway_logs(n->gateway, "is well again");
    node_expects(other, MQTTSN_CONNACK);
    node_registers(other, "a/1"); /* the answer says that all is on disk */
}

static void a_file_written_anew_keeps_the_order_of_a_sleepers_messages(struct scene *s)
{
    struct node *n = node_open(keeper_start(s, (struct settings){ 0 }));
    struct peer *world = peer_open(s, "world");
    node_connects_kept(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    node_falls_asleep(n, 300);
    peer_publishes(world, "lamp/1", 1, "1");
    peer_publishes(world, "lamp/1", 1, "2");
    peer_publishes(world, "lamp/1", 1, "3");
    node_wakes_until_a_message(n, "m1");
    node_receives(n, "1"); /* not acknowledged */
    is_written_anew(n);
    keeper_dies_and_returns(n->gateway);
    node_wakes_until_a_message(n, "m1");
    node_receives_and_acks(n, "1");
    node_receives_and_acks(n, "2");
    node_receives_and_acks(n, "3");
    node_expects(n, MQTTSN_PINGRESP);
}

/* ---- rows of nobody ---------------------------------------------------------------------------------------------- */

static void no_arrivals_are_left(const struct scene *s)
{
    sqlite3 *db = opened(s);
    assert_int_equal(number(db, "SELECT count(*) FROM arrival WHERE link <> ''"), 0);
    sqlite3_close(db);
}

static void a_clean_session_that_was_connecting_is_not_kept(struct scene *s) /* SN-SES-1 */
{
    struct node *n = node_open(keeper_start(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 1);
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_CONNECT,
                                           .will = true,
                                           .clean = true,
                                           .protocol_id = 1,
                                           .duration = 60,
                                           .tail = span_text("m1") });
    node_expects(n, MQTTSN_WILLTOPICREQ);
    keeper_dies_and_returns(n->gateway);
    gateway_logs(n->gateway, "broker: connected to ");
    node_connects(node_open(n->gateway), "m2"); /* its row is written behind the other's end */
    sqlite3 *db = opened(s);
    assert_int_equal(number(db, "SELECT count(*) FROM session WHERE client_id = 'm1'"), 0);
    sqlite3_close(db);
}

static void who_leaves_takes_the_ids_of_its_messages_along(struct scene *s)
{
    struct node *n = node_open(keeper_start(s, (struct settings){ 0 }));
    node_connects(n, "m1");
    node_subscribes(n, "lamp/1", 2);
    peer_publishes(peer_open(s, "world"), "lamp/1", 2, "on");
    node_receives_and_acks(n, "on");
    node_disconnects(n);
    assert_int_equal(gateway_stops(n->gateway), 0);
    no_arrivals_are_left(s);
}

static void ids_of_messages_without_a_session_are_dropped_at_the_start(struct scene *s)
{
    struct node *n = node_open(keeper_start(s, (struct settings){ 0 }));
    assert_int_equal(gateway_stops(n->gateway), 0);
    sqlite3 *db = opened(s);
    assert_int_equal(sqlite3_exec(db, "INSERT INTO arrival VALUES('gone', 1, 2), ('gone', 2, 3)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    gateway_starts_again(n->gateway);
    assert_int_equal(gateway_stops(n->gateway), 0);
    no_arrivals_are_left(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_IN_BOTH(what_could_be_read_of_a_damaged_file_goes_on),
        SCENE_IN_BOTH(a_file_written_anew_keeps_the_order_of_a_sleepers_messages),
        SCENE_IN_BOTH(a_clean_session_that_was_connecting_is_not_kept),
        SCENE(who_leaves_takes_the_ids_of_its_messages_along),
        SCENE(ids_of_messages_without_a_session_are_dropped_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
