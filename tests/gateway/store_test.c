/* store_test.c -- what is put comes back, and waits for nobody. */
#include "gateway/core/inflight.h"
#include "gateway/core/session.h"
#include "tests/gateway/desk.h"
#include "tests/gateway/disk.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

static struct span m1(void)
{
    return span_text("m1");
}

static struct store_session a_session(const char *client_id)
{
    return (struct store_session){ .client_id = span_text(client_id),
                                   .state = SESSION_ACTIVE,
                                   .shared = true,
                                   .keep_alive_s = 60,
                                   .radio = span_text("lan"),
                                   .address = span_of("\x7f\0\0\1\7\x5b", 6),
                                   .since = clock_now() };
}

static struct store_message a_message(struct store *s, const char *payload)
{
    return (struct store_message){ .row = store_next_row(s),
                                   .client_id = m1(),
                                   .qos = 1,
                                   .since = clock_now(),
                                   .topic = span_text("lamp/1"),
                                   .payload = span_text(payload) };
}

static void every_kind_of_row_comes_back_as_it_was_put(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    struct store *s = d->store;
    struct store_session one = a_session("m1");
    one.state = SESSION_ASLEEP;
    one.clean = one.has_will = one.will_retain = true;
    one.sleep_s = 300;
    one.last_message_id = 7;
    one.last_topic_id = 65535;
    one.node = span_of("\x12", 1);
    one.will_qos = 2;
    one.will_topic = span_text("gone/m1");
    one.will_message = span_of("\0\xff", 2);
    store_put_session(s, &one);
    store_put_topic(s, &(struct store_topic){ m1(), 1, span_text("lamp/1"), TOPIC_CONFIRMED });
    store_put_subscription(
        s, &(struct store_subscription){ m1(), span_text("a/#"), 2, 1, 9, SUBSCRIPTION_LEAVING });
    struct store_message down = a_message(s, "on"), up = a_message(s, "");
    down.retain = true;
    up.qos = 2;
    up.phase = 2;
    up.message_id = 65535;
    store_put_message(s, STORE_DOWNLINK, &down);
    store_put_message(s, STORE_UPLINK, &up);
    store_put_exchange(s, &(struct store_exchange){ m1(), 3, EXCHANGE_PUBREL, 5, 6, UINT32_MAX, 0 });
    store_put_arrival(s, &(struct store_arrival){ m1(), 17 });
    store_put_arrival(s, &(struct store_arrival){ span_text(""), 18 });
    desk_commits(d);
    char *there = desk_reads_again(d);
    assert_string_equal(there,
                        "session m1 5 1 1 60 300 7 65535 lan \\7f\\00\\00\\01\\07[ \\12 1 2 1 gone/m1"
                        " \\00\\ff\n"
                        "topic m1 1 1 lamp/1\n"
                        "subscription m1 a/# 2 1 9 3\n"
                        "downlink 1 m1 1 1 0 0 lamp/1 on\n"
                        "uplink 2 m1 2 0 2 65535 lamp/1 -\n"
                        "exchange m1 3 4 5 6 4294967295\n"
                        "arrival - 18\n"
                        "arrival m1 17\n");
    free(there);
}

static void names_may_be_any_octets(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    const struct span odd = span_of("a\0b\xff'", 5), other = span_of("a\0b", 3);
    store_put_topic(d->store, &(struct store_topic){ odd, 1, odd, 0 });
    store_put_topic(d->store, &(struct store_topic){ other, 1, other, 0 });
    store_put_subscription(d->store,
                           &(struct store_subscription){ .client_id = odd, .filter = other });
    store_drop_topics(d->store, other);
    desk_commits(d);
    desk_has(d, "topic a\\00b\\ff' 1 0 a\\00b\\ff'\nsubscription a\\00b\\ff' a\\00b 0 0 0 0\n");
}

static void a_row_replaces_the_one_with_its_key(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    store_put_topic(d->store, &(struct store_topic){ m1(), 1, span_text("a"), 0 });
    store_put_topic(d->store, &(struct store_topic){ m1(), 1, span_text("b"), TOPIC_REFUSED });
    struct store_message m = a_message(d->store, "first");
    store_put_message(d->store, STORE_UPLINK, &m);
    m.payload = span_text("second");
    store_put_message(d->store, STORE_UPLINK, &m);
    desk_commits(d);
    desk_has(d, "topic m1 1 2 b\nuplink 1 m1 1 0 0 0 lamp/1 second\n");
}

static void a_message_takes_steps_until_it_is_dropped(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    struct store_message m = a_message(d->store, "x"), n = a_message(d->store, "y");
    store_put_message(d->store, STORE_DOWNLINK, &m);
    store_put_message(d->store, STORE_DOWNLINK, &n);
    desk_commits(d);
    store_step_message(d->store, STORE_DOWNLINK, m.row, 1, 513);
    store_step_message(d->store, STORE_UPLINK, n.row, 1, 9);
    desk_commits(d);
    desk_has(d, "downlink 1 m1 1 0 1 513 lamp/1 x\ndownlink 2 m1 1 0 0 0 lamp/1 y\n");
    store_drop_message(d->store, STORE_DOWNLINK, m.row);
    store_drop_message(d->store, STORE_UPLINK, n.row);
    desk_commits(d);
    desk_has(d, "downlink 2 m1 1 0 0 0 lamp/1 y\n");
}

static void a_dropped_session_takes_all_of_its_client_but_its_uplink(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    for (int i = 0; i < 2; i++) {
        const struct store_session one = a_session(i ? "m10" : "m1");
        struct store_message m = a_message(d->store, "x");
        m.client_id = one.client_id;
        store_put_session(d->store, &one);
        store_put_topic(d->store, &(struct store_topic){ one.client_id, 1, span_text("a"), 0 });
        store_put_subscription(
            d->store, &(struct store_subscription){ one.client_id, span_text("a"), 0, 0, 1 });
        store_put_exchange(d->store, &(struct store_exchange){ .client_id = one.client_id });
        store_put_arrival(d->store, &(struct store_arrival){ one.client_id, 9 });
        store_put_message(d->store, STORE_DOWNLINK, &m);
        m.row = store_next_row(d->store);
        store_put_message(d->store, STORE_UPLINK, &m);
    }
    desk_commits(d);
    store_drop_session(d->store, m1());
    desk_commits(d);
    desk_has(d, "session m10 4 0 1 60 0 0 0 lan \\7f\\00\\00\\01\\07[ - 0 0 0 - -\n"
                "topic m10 1 0 a\nsubscription m10 a 0 0 1 0\ndownlink 3 m10 1 0 0 0 lamp/1 x\n"
                "uplink 2 m1 1 0 0 0 lamp/1 x\nuplink 4 m10 1 0 0 0 lamp/1 x\n"
                "exchange m10 0 0 0 0 0\narrival m10 9\n");
}

static void what_waited_before_the_start_goes_with_its_session_too(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    struct store_message m = a_message(d->store, "x");
    store_put_message(d->store, STORE_DOWNLINK, &m);
    desk_commits(d);
    free(desk_reads_again(d));
    m.row = store_next_row(d->store);
    store_put_message(d->store, STORE_DOWNLINK, &m);
    store_drop_session(d->store, m1());
    desk_commits(d);
    desk_has(d, "");
}

static void places_and_arrivals_are_dropped_one_by_one_or_all(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    for (uint8_t i = 0; i < 2; i++) {
        store_put_exchange(d->store, &(struct store_exchange){ .client_id = m1(), .place = i });
        store_put_arrival(d->store, &(struct store_arrival){ m1(), (uint16_t)(i + 1) });
        store_put_arrival(d->store, &(struct store_arrival){ span_text(""), (uint16_t)(i + 1) });
    }
    store_drop_exchange(d->store, m1(), 0);
    store_drop_arrival(d->store, span_text(""), 2);
    store_drop_arrivals(d->store, m1());
    store_put_subscription(d->store, &(struct store_subscription){ m1(), span_text("a"), 0, 0, 1 });
    store_drop_subscriptions(d->store, m1());
    desk_commits(d);
    desk_has(d, "exchange m1 1 0 0 0 0\narrival - 1\n");
}

/* ---- batches ---- */

static void a_turn_without_news_commits_nothing(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    const unsigned long writes = disk_count(DISK_WRITE);
    const uint64_t ticket = store_ticket(d->store);
    assert_false(store_has_news(d->store));
    store_commit(d->store);
    event_base_loop(d->loop, EVLOOP_NONBLOCK);
    assert_int_equal(store_ticket(d->store), ticket);
    assert_int_equal(disk_count(DISK_WRITE), writes);
}

static void one_sync_covers_all_that_came_while_a_batch_was_under_way(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    disk_delay_syncs(50);
    const unsigned long syncs = disk_count(DISK_SYNC);
    for (int i = 0; i < 100; i++) {
        const struct store_message m = a_message(d->store, "x");
        store_put_message(d->store, STORE_UPLINK, &m);
        store_commit(d->store);
    }
    desk_waits(d, desk_is_safe);
    assert_in_range(disk_count(DISK_SYNC) - syncs, 2, 4);
    assert_int_equal(store_ticket(d->store), 3);
}

static void a_slow_disk_blocks_nobody(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    disk_delay_syncs(50);
    const msec before = clock_now();
    for (int i = 0; i < 20; i++) {
        const struct store_message m = a_message(d->store, "x");
        store_put_message(d->store, STORE_UPLINK, &m);
        store_commit(d->store);
        event_base_loop(d->loop, EVLOOP_NONBLOCK);
    }
    assert_in_range(clock_now() - before, 0, 40);
    assert_int_equal(store_safe(d->store), 0);
    assert_true(store_well(d->store));
    desk_waits(d, desk_is_safe);
}

static void a_batch_that_was_committed_meanwhile_goes_without_being_asked_again(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    store_put_arrival(d->store, &(struct store_arrival){ m1(), 1 });
    store_commit(d->store);
    store_put_arrival(d->store, &(struct store_arrival){ m1(), 2 });
    store_commit(d->store);
    store_put_arrival(d->store, &(struct store_arrival){ m1(), 3 });
    desk_waits(d, desk_is_safe);
    assert_int_equal(d->safe, 2);
    desk_has(d, "arrival m1 1\narrival m1 2\narrival m1 3\n");
}

static void a_stop_takes_what_was_not_committed_along(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    disk_delay_syncs(20);
    store_put_arrival(d->store, &(struct store_arrival){ m1(), 1 });
    store_commit(d->store);
    store_put_arrival(d->store, &(struct store_arrival){ m1(), 2 });
    char *there = desk_reads_again(d);
    assert_string_equal(there, "arrival m1 1\narrival m1 2\n");
    assert_int_equal(d->safe, 0); /* nobody is called any more by then */
    free(there);
}

/* ---- runs ---- */

static void a_run_knows_how_the_last_one_ended(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    assert_true(store_well(d->store));
    assert_false(store_had_before(d->store) || store_stopped_well(d->store));
    const struct store_session one = a_session("m1");
    store_put_session(d->store, &one);
    free(desk_reads_again(d));
    assert_true(store_had_before(d->store) && store_stopped_well(d->store));
    desk_commits(d);
    disk_kill_at(1);
    free(desk_reads_again(d));
    assert_true(store_had_before(d->store));
    assert_false(store_stopped_well(d->store));
}

static void numbers_of_messages_are_never_given_twice(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    struct store_message m = a_message(d->store, "x");
    store_put_message(d->store, STORE_UPLINK, &m);
    desk_commits(d);
    store_drop_message(d->store, STORE_UPLINK, m.row);
    desk_commits(d);
    free(desk_reads_again(d));
    const uint64_t second = store_next_row(d->store);
    assert_true(second > m.row);
    m.row = second;
    store_put_message(d->store, STORE_UPLINK, &m);
    store_drop_message(d->store, STORE_UPLINK, m.row);
    desk_commits(d);
    disk_kill_at(1);
    free(desk_reads_again(d));
    assert_true(store_next_row(d->store) > second);
}

static void the_file_explains_itself(void **state)
{
    struct desk *d = *state;
    char answer[DESK_PATH];
    desk_starts(d);
    struct store_session one = a_session("m1");
    one.state = SESSION_LOST;
    store_put_session(d->store, &one);
    desk_commits(d);
    desk_asks(d, "SELECT state FROM session WHERE client_id = 'm1'", answer, sizeof answer);
    assert_string_equal(answer, "lost");
    desk_asks(d, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%--%'",
              answer, sizeof answer);
    assert_string_equal(answer, "8");
    desk_asks(d, "SELECT value FROM meta WHERE key = 'stopped'", answer, sizeof answer);
    assert_string_equal(answer, "0");
    desk_stops(d, 0);
    desk_asks(d, "SELECT value FROM meta WHERE key = 'stopped'", answer, sizeof answer);
    assert_string_equal(answer, "1");
    desk_asks(d, "PRAGMA user_version", answer, sizeof answer);
    assert_string_equal(answer, "2");
    desk_asks(d, "PRAGMA page_size", answer, sizeof answer);
    assert_string_equal(answer, "512");
}

static void a_file_of_version_1_is_brought_up_to_date(void **state)
{
    struct desk *d = *state;
    char answer[DESK_PATH];
    desk_starts(d);
    store_put_subscription(d->store, &(struct store_subscription){ m1(), span_text("a"), 1, 0, 1 });
    desk_commits(d);
    desk_stops(d, 0);
    desk_does_sql(d, "ALTER TABLE subscription DROP COLUMN standing; PRAGMA user_version = 1");
    desk_starts(d);
    desk_has(d, "subscription m1 a 1 0 1 0\n");
    desk_asks(d,
              "SELECT sql LIKE '%''leaving'': the client gave it up%' FROM sqlite_schema"
              " WHERE name = 'subscription'",
              answer, sizeof answer);
    assert_string_equal(answer, "1");
}

static void rows_that_make_no_sense_are_left_out(void **state)
{
    static const char *const mischief[] = {
        "INSERT INTO topic VALUES('m1', 65536, 'a', 'confirmed'), ('m1', -1, 'a', 'confirmed'),"
        " ('m1', 2, '', 'confirmed'), ('m1', 3, 'a', 'sure'), ('', 4, 'a', 'confirmed'),"
        " ('m1', 5, NULL, 'confirmed'), ('m1', 'x', 'a', 'confirmed'),"
        " ('m1', 8, 'a', NULL)",
        "INSERT INTO session(client_id, state) VALUES('m2', 'active')",
        "INSERT INTO subscription VALUES('m1', 'a', 3, 'normal', 1, 'granted'),"
        " ('m1', 'b', 0, 'long', 1, 'granted'), ('m1', 'c', 0, 'normal', 1, 'asked')",
        "INSERT INTO uplink VALUES(-5, 'm1', 1, 0, 'waiting', 0, 0, 'a', 'b'),"
        " (5, 'm1', 1, 2, 'waiting', 0, 0, 'a', 'b'), (6, 'm1', 1, 0, 'waiting', 0, -1, 'a', 'b'),"
        " (7, 'm1', 1, 0, 'waiting', 0, 0, 'a', zeroblob(70000))",
        "INSERT INTO exchange VALUES('m1', 200, 'free', 0, 0, 0, 0), ('m1', 1, 'free', 0, 0, 1 << 32, 0)",
        "INSERT INTO arrival VALUES('', 1e9, 1), ('m1', 70000, 1), ('m1', 7, -1)",
    };
    struct desk *d = *state;
    desk_starts(d);
    store_put_topic(d->store, &(struct store_topic){ m1(), 7, span_text("good"), 0 });
    desk_commits(d);
    desk_stops(d, 0);
    for (size_t i = 0; i < sizeof mischief / sizeof mischief[0]; i++)
        desk_does_sql(d, mischief[i]);
    desk_starts(d);
    desk_has(d, "topic m1 7 0 good\n");
}

int main(void)
{
#define WITH_DESK(test) cmocka_unit_test_setup_teardown(test, desk_open, desk_close)
    const struct CMUnitTest tests[] = {
        WITH_DESK(every_kind_of_row_comes_back_as_it_was_put),
        WITH_DESK(names_may_be_any_octets),
        WITH_DESK(a_row_replaces_the_one_with_its_key),
        WITH_DESK(a_message_takes_steps_until_it_is_dropped),
        WITH_DESK(a_dropped_session_takes_all_of_its_client_but_its_uplink),
        WITH_DESK(what_waited_before_the_start_goes_with_its_session_too),
        WITH_DESK(places_and_arrivals_are_dropped_one_by_one_or_all),
        WITH_DESK(a_turn_without_news_commits_nothing),
        WITH_DESK(one_sync_covers_all_that_came_while_a_batch_was_under_way),
        WITH_DESK(a_slow_disk_blocks_nobody),
        WITH_DESK(a_batch_that_was_committed_meanwhile_goes_without_being_asked_again),
        WITH_DESK(a_stop_takes_what_was_not_committed_along),
        WITH_DESK(a_run_knows_how_the_last_one_ended),
        WITH_DESK(numbers_of_messages_are_never_given_twice),
        WITH_DESK(the_file_explains_itself),
        WITH_DESK(a_file_of_version_1_is_brought_up_to_date),
        WITH_DESK(rows_that_make_no_sense_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
