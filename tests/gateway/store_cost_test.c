/* store_cost_test.c -- what keeping costs: octets written to the flash, and time at the start. It prints both. */
#include "gateway/core/session.h"
#include "tests/gateway/desk.h"
#include "tests/gateway/disk.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOPIC = 24, PAYLOAD = 176, MESSAGE = TOPIC + PAYLOAD, A_TURN = 10, TURNS = 1000 };
enum { CLIENTS = 10000, EACH = 5, SECOND_MS = 1000, BURST = 10000 };

static const uint8_t payload[PAYLOAD];

static uint64_t put_message(struct store *s, enum store_way way, const char *client_id)
{
    const uint64_t row = store_next_row(s);
    store_put_message(s, way,
                      &(struct store_message){ .row = row,
                                               .client_id = span_text(client_id),
                                               .qos = 1,
                                               .topic = span_text("greenhouse/7/temperature"),
                                               .payload = span_of(payload, sizeof payload) });
    return row;
}

static double written_per_octet(unsigned long long before)
{
    return (double)(disk_bytes() - before) / ((double)TURNS * A_TURN * MESSAGE);
}

/* A broker that is away: messages come and stay. */
static void ten_messages_a_turn_write_at_most_four_times_their_size(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    const unsigned long long before = disk_bytes();
    for (int turn = 0; turn < TURNS; turn++) {
        for (int i = 0; i < A_TURN; i++)
            put_message(d->store, STORE_UPLINK, "sensor-7");
        desk_commits(d);
    }
    const double log_only = written_per_octet(before);
    desk_stops(d, 5000); /* the rest of the log goes into the file now */
    const double all = written_per_octet(before);
    print_message("messages of %d octets, %d a turn: %.2f octets written for each (%.2f at the time)\n",
                  MESSAGE, A_TURN, all, log_only);
    assert_true(all <= 4.0);
}

/* A slow broker: each message is there for ten turns. */
static void what_comes_and_goes_stays_out_of_the_file(void **state)
{
    struct desk *d = *state;
    uint64_t rows[A_TURN * 10] = { 0 };
    size_t at = 0;
    desk_starts(d);
    const unsigned long long before = disk_bytes();
    for (int turn = 0; turn < TURNS; turn++) {
        for (int i = 0; i < A_TURN; i++) {
            if (rows[at])
                store_drop_message(d->store, STORE_UPLINK, rows[at]);
            rows[at] = put_message(d->store, STORE_UPLINK, "sensor-7");
            at = (at + 1) % (sizeof rows / sizeof rows[0]);
        }
        desk_commits(d);
    }
    desk_stops(d, 5000);
    const double all = written_per_octet(before);
    print_message("put and dropped ten turns later: %.2f octets written for each\n", all);
    assert_true(all <= 8.0);
}

/* All that one loop can put, in turns of ten, until all of it is on disk. */
static void slow_disks_take_more_at_once(void **state)
{
    static const unsigned delays[] = { 0, 5, 50 };
    struct desk *d = *state;
    desk_starts(d);
    for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
        disk_delay_syncs(delays[i]);
        const unsigned long syncs = disk_count(DISK_SYNC);
        const msec begun = clock_now();
        for (int n = 0; n < BURST; n++) {
            put_message(d->store, STORE_UPLINK, "sensor-7");
            if (n % A_TURN == 0) {
                store_commit(d->store);
                event_base_loop(d->loop, EVLOOP_NONBLOCK);
            }
        }
        desk_commits(d);
        const msec took = clock_now() - begun + 1;
        print_message("a sync of %u ms: %d messages in %u ms with %lu syncs, %u a second\n",
                      delays[i], BURST, (unsigned)took, disk_count(DISK_SYNC) - syncs,
                      (unsigned)(BURST * 1000 / took));
        assert_true(disk_count(DISK_SYNC) - syncs < BURST / A_TURN);
    }
}

static void put_client(struct store *s, int i)
{
    char name[32], topic[64];
    snprintf(name, sizeof name, "sensor-%d", i);
    store_put_session(s,
                      &(struct store_session){ .client_id = span_text(name),
                                               .state = SESSION_ASLEEP,
                                               .sleep_s = 300,
                                               .radio = span_text("field"),
                                               .address = span_of("\0\x13\xa2\0\x41\x52\x3c\x9f", 8),
                                               .since = clock_now() });
    for (unsigned t = 1; t <= EACH; t++) {
        snprintf(topic, sizeof topic, "greenhouse/%d/sensor/%u", i, t);
        store_put_topic(s,
                        &(struct store_topic){ span_text(name), (uint16_t)t, span_text(topic), 1 });
        put_message(s, STORE_DOWNLINK, name);
    }
}

static void session(void *context, const struct store_session *row)
{
    (void)row;
    ++*(unsigned *)context;
}

static void topic(void *context, const struct store_topic *row)
{
    (void)row;
    ++*(unsigned *)context;
}

static void subscription(void *context, const struct store_subscription *row)
{
    (void)row;
    ++*(unsigned *)context;
}

static void message(void *context, enum store_way way, const struct store_message *row)
{
    (void)way;
    (void)row;
    ++*(unsigned *)context;
}

static void exchange(void *context, const struct store_exchange *row)
{
    (void)row;
    ++*(unsigned *)context;
}

static void arrival(void *context, const struct store_arrival *row)
{
    (void)row;
    ++*(unsigned *)context;
}

static bool starts_in_a_second(struct desk *d, const char *after)
{
    unsigned rows = 0;
    const struct store_reader reader = { &rows,   session,  topic,  subscription,
                                         message, exchange, arrival };
    const msec begun = clock_now();
    desk_starts(d);
    const msec opened = clock_now();
    assert_true(store_load(d->store, &reader));
    const msec read = clock_now();
    assert_int_equal(rows, CLIENTS * (1 + 2 * EACH));
    print_message("%d sessions, %d topics, %d messages after %s: opened in %u ms, read in %u ms\n",
                  CLIENTS, CLIENTS * EACH, CLIENTS * EACH, after, (unsigned)(opened - begun),
                  (unsigned)(read - opened));
    /* The figure is the promise; the test fails late, for sanitizers and busy machines. */
    return getenv("TEST_SLOW") || read - begun <= 3 * SECOND_MS;
}

static int64_t wall_next_year(void)
{
    return INT64_C(1780000000000);
}

static void ten_thousand_sessions_are_back_in_a_second(void **state)
{
    struct desk *d = *state;
    desk_starts(d);
    for (int i = 0; i < CLIENTS; i++)
        put_client(d->store, i);
    const msec begun = clock_now();
    desk_commits(d);
    print_message("written in %u ms\n", (unsigned)(clock_now() - begun));
    desk_stops(d, 5000);
    assert_true(starts_in_a_second(d, "a stop"));
    disk_kill_at(1);
    desk_stops(d, 0);
    disk_heal();
    assert_true(starts_in_a_second(d, "a kill"));
    desk_stops(d, 5000);
    d->setup.wall = wall_next_year;
    assert_true(starts_in_a_second(d, "a long time, so that all ages are corrected"));
}

int main(void)
{
#define WITH_DESK(test) cmocka_unit_test_setup_teardown(test, desk_open, desk_close)
    const struct CMUnitTest tests[] = {
        WITH_DESK(ten_messages_a_turn_write_at_most_four_times_their_size),
        WITH_DESK(what_comes_and_goes_stays_out_of_the_file),
        WITH_DESK(slow_disks_take_more_at_once),
        WITH_DESK(ten_thousand_sessions_are_back_in_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
