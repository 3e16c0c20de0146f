/* store_will_test.c -- the wills of nodes with connections of their own, when the gateway is killed more than once, and
 * when the power fails for gateway and broker together (SN-WILL-10; design rule 4).
 *
 * The broker says them at a kill, since it sees a connection that ends without DISCONNECT; and says none when it dies
 * itself. */
#include "tests/system/keeper.h"

#include <signal.h>
#include <sqlite3.h>

static struct peer *listener(struct scene *s)
{
    struct peer *world = peer_open(s, "listener");
    peer_subscribes(world, "will/#", 1);
    return world;
}

static void is_alive(struct node *n)
{
    node_sends(n, (struct mqttsn_message){ .type = MQTTSN_PINGREQ });
    node_expects(n, MQTTSN_PINGRESP);
}

static void who_lived_on_has_its_will_at_the_next_kill_too(struct scene *s)
{
    char line[LINE];
    struct node *n = node_open(keeper_start(s, (struct settings){ 0 }));
    struct peer *world = listener(s);
    node_connects_with_will(n, "m1", stretched(60), "will/m1", "gone");
    gateway_is_killed(n->gateway);
    peer_hears(world, "will/m1", "gone");
    gateway_starts_again(n->gateway);
    keeper_is_connected(n->gateway);
    process_mark(&s->broker->process);
    is_alive(n);
    assert_true(process_says(&s->broker->process, "Will message specified", PATIENCE_MS, line,
                             sizeof line));
    peer_hears_nothing(world);
    gateway_is_killed(n->gateway);
    peer_hears(world, "will/m1", "gone");
}

/* The file is as after a start of the machine. */
static void the_power_fails(struct scene *s)
{
    char path[SCENE_PATH];
    sqlite3 *db;
    process_end(&s->broker->process, SIGKILL);
    gateway_is_killed(s->gateway);
    keeper_state(s, path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "UPDATE meta SET value = value + 2 WHERE key = 'boot'", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_changes(db), 1);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void who_died_when_the_power_failed_has_its_will(struct scene *s)
{
    struct node *n = node_open(keeper_start(s, (struct settings){ 0 }));
    node_connects_with_will(n, "m1", stretched(1), "will/m1", "gone");
    the_power_fails(s);
    broker_restarts(s->broker);
    struct peer *world = listener(s);
    gateway_starts_again(n->gateway);
    peer_hears(world, "will/m1", "gone");
    peer_hears_nothing(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(who_lived_on_has_its_will_at_the_next_kill_too),
        SCENE_IN_BOTH(who_died_when_the_power_failed_has_its_will),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
