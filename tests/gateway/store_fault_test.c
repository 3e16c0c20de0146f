/* store_fault_test.c -- every call to the disk fails once, and the process dies at every one.
 *
 * A script of batches is run on a disk that is well, and what the file holds after each batch is kept. Then it is run
 * again for every write, sync, open, truncation and removal there was, with just that one failing: all of it must come
 * out right. And for every one with the process as if killed at it, and with the power cut at it: what is found then
 * must be what it was after some batch, and not before the last one that was reported as safe. */
#include "tests/gateway/desk.h"
#include "tests/gateway/disk.h"
#include "tests/gateway/plug.h"
#include "tests/xorshift.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCHES = 6, CHANGES = 10, ROWS = BATCHES * CHANGES, PAYLOAD = 1200 };

struct script {
    struct store *store;
    uint64_t seed, rows[ROWS];
    size_t row_count;
    uint8_t payload[PAYLOAD];
};

static char *expected[BATCHES + 1];

/* ---- the script ---- */

static struct span a_client(struct script *p)
{
    static const char *const names[] = { "m1", "m10", "m2", "a longer one, to be sure" };
    return span_text(names[chance_below(&p->seed, 4)]);
}

static enum store_way a_way(struct script *p)
{
    return chance_below(&p->seed, 2) ? STORE_UPLINK : STORE_DOWNLINK;
}

static void put_session(struct script *p)
{
    store_put_session(p->store, &(struct store_session){ .client_id = a_client(p),
                                                         .sleep_s = (uint16_t)chance(&p->seed),
                                                         .radio = span_text("lan") });
}

static void put_topic(struct script *p)
{
    const struct span client_id = a_client(p);
    store_put_topic(p->store,
                    &(struct store_topic){ client_id, (uint16_t)(1 + chance_below(&p->seed, 4)),
                                           span_text("lamp/1"), 1 });
}

static void put_message(struct script *p)
{
    const struct span client_id = a_client(p);
    const enum store_way way = a_way(p);
    const uint64_t row = store_next_row(p->store);
    p->rows[p->row_count++] = row;
    const struct span payload = span_of(p->payload, chance_below(&p->seed, PAYLOAD));
    store_put_message(p->store, way,
                      &(struct store_message){ .row = row,
                                               .client_id = client_id,
                                               .qos = 1,
                                               .topic = span_text("lamp/1"),
                                               .payload = payload });
}

static uint64_t a_row(struct script *p)
{
    return p->row_count > 0 ? p->rows[chance_below(&p->seed, p->row_count)] : 1;
}

static void step(struct script *p)
{
    const enum store_way way = a_way(p);
    const uint64_t row = a_row(p);
    store_step_message(p->store, way, row, 1, (uint16_t)chance(&p->seed));
}

static void drop(struct script *p)
{
    const enum store_way way = a_way(p);
    store_drop_message(p->store, way, a_row(p));
}

static void put_exchange(struct script *p)
{
    const struct span client_id = a_client(p);
    store_put_exchange(p->store,
                       &(struct store_exchange){ .client_id = client_id,
                                                 .place = (uint8_t)chance_below(&p->seed, 8),
                                                 .digest = (uint32_t)chance(&p->seed) });
}

static void turn_arrival(struct script *p)
{
    const uint16_t packet_id = (uint16_t)(1 + chance_below(&p->seed, 3));
    if (chance_below(&p->seed, 2))
        store_put_arrival(p->store, &(struct store_arrival){ span_text(""), packet_id });
    else
        store_drop_arrival(p->store, span_text(""), packet_id);
}

static void drop_session(struct script *p)
{
    store_drop_session(p->store, a_client(p));
}

static void put_batch(struct script *p, unsigned batch)
{
    static void (*const changes[])(
        struct script * p) = { put_session, put_topic, put_message,  put_message,  put_message,
                               step,        drop,      put_exchange, turn_arrival, put_topic };
    p->seed = batch + 1;
    for (unsigned i = 0; i < CHANGES; i++)
        changes[chance_below(&p->seed, sizeof changes / sizeof changes[0])](p);
    if (batch % 3 == 2)
        drop_session(p);
}

static void begin_script(struct script *p, struct store *s)
{
    *p = (struct script){ .store = s };
    uint64_t seed = 5;
    chance_fill(&seed, p->payload, sizeof p->payload);
}

/* ---- on a disk that is well ---- */

static int learn(void **state)
{
    (void)state;
    for (unsigned k = 0; k <= BATCHES; k++) {
        struct desk d;
        struct script p;
        desk_begin(&d);
        desk_starts(&d);
        begin_script(&p, d.store);
        for (unsigned i = 0; i < k; i++)
            put_batch(&p, i);
        desk_commits(&d);
        expected[k] = desk_reads_again(&d);
        desk_end(&d);
    }
    return 0;
}

static int forget(void **state)
{
    (void)state;
    for (unsigned k = 0; k <= BATCHES; k++)
        free(expected[k]);
    return 0;
}

/* ---- one call fails ---- */

/* False: there is no nth call. */
static bool all_goes_well_though(enum disk_call call, unsigned long nth, int code)
{
    struct desk d;
    struct script p;
    desk_begin(&d);
    disk_fail(call, nth, code, false);
    desk_starts(&d);
    desk_waits(&d, desk_is_well); /* what is put before the file was ever open is put once more then */
    begin_script(&p, d.store);
    for (unsigned i = 0; i < BATCHES; i++) {
        put_batch(&p, i);
        desk_commits(&d);
    }
    assert_true(store_well(d.store));
    assert_int_equal(d.rewrites, 0);
    desk_has(&d, expected[BATCHES]);
    desk_stops(&d, 0);
    const bool failed = disk_has_failed();
    disk_heal();
    desk_starts(&d);
    desk_has(&d, expected[BATCHES]);
    desk_end(&d);
    return failed;
}

/* Or every `step`th of them. How many there are. */
static unsigned long each_fails(enum disk_call call, int code, unsigned long step)
{
    unsigned long nth = 1;
    while (all_goes_well_though(call, nth, code))
        nth += step;
    return nth - 1;
}

static void every_write_may_fail(void **state)
{
    (void)state;
    const unsigned long n = each_fails(DISK_WRITE, SQLITE_IOERR_WRITE, 1);
    assert_true(n > 50);
    print_message("%lu writes failed, one at a time\n", n);
}

static void the_disk_may_be_full_at_any_write(void **state)
{
    (void)state;
    assert_true(each_fails(DISK_WRITE, SQLITE_FULL, 7) > 50);
}

static void every_sync_may_fail(void **state)
{
    (void)state;
    const unsigned long n = each_fails(DISK_SYNC, SQLITE_IOERR_FSYNC, 1);
    assert_true(n > BATCHES);
    print_message("%lu syncs failed, one at a time\n", n);
}

static void every_open_may_fail(void **state)
{
    (void)state;
    assert_true(each_fails(DISK_OPEN, SQLITE_CANTOPEN, 1) >= 2);
}

static void every_truncation_and_removal_may_fail(void **state)
{
    (void)state;
    each_fails(DISK_TRUNCATE, SQLITE_IOERR_TRUNCATE, 1);
    each_fails(DISK_DELETE, SQLITE_IOERR_DELETE, 1);
}

/* ---- the process dies ---- */

static bool is_hit(const struct desk *d)
{
    return desk_is_safe(d) || !store_well(d->store) || disk_has_failed();
}

/* How many batches were reported as safe before the kill. */
static unsigned run_until_killed(struct desk *d)
{
    struct script p;
    unsigned safe = 0;
    desk_starts(d);
    begin_script(&p, d->store);
    for (unsigned i = 0; i < BATCHES && !disk_has_failed(); i++) {
        put_batch(&p, i);
        store_commit(d->store);
        desk_waits(d, is_hit);
        safe += store_safe(d->store) > i;
    }
    return safe;
}

static bool stands_at_a_batch(const char *there, unsigned safe)
{
    for (unsigned k = safe; k <= BATCHES; k++)
        if (strcmp(there, expected[k]) == 0)
            return true;
    return false;
}

/* False: there is no nth change. `lot` 0: the process is killed, else the power is cut, and what is left is drawn. */
static bool ends_at(unsigned long nth, uint64_t lot)
{
    struct desk d;
    desk_begin(&d);
    if (lot > 0)
        plug_watch();
    disk_kill_at(nth);
    const unsigned safe = run_until_killed(&d);
    desk_stops(&d, 0); /* with the last checkpoint, in which it may end too */
    const bool hit = disk_has_failed();
    if (lot > 0)
        plug_pull(lot);
    disk_reset();
    desk_starts(&d);
    char *there = desk_reads(&d, false);
    if (!stands_at_a_batch(there, safe))
        fail_msg("change %lu, lot %llu: after %u safe batches the file has\n%s", nth,
                 (unsigned long long)lot, safe, there);
    assert_int_equal(desk_files(&d, "state.db.corrupt", NULL), 0);
    free(there);
    desk_end(&d);
    return hit;
}

static void a_kill_at_every_change_loses_nothing_that_was_safe(void **state)
{
    unsigned long nth = 0;
    (void)state;
    while (ends_at(++nth, 0)) {
    }
    assert_true(nth > 50);
    print_message("%lu kills\n", nth - 1);
}

static void a_power_cut_at_every_change_loses_nothing_that_was_safe(void **state)
{
    enum { LOTS = 3 };
    unsigned long cuts = 0;
    (void)state;
    for (uint64_t lot = 1; lot <= LOTS; lot++)
        for (unsigned long nth = 1; ends_at(nth, nth * LOTS + lot); nth++)
            cuts++;
    assert_true(cuts > 50 * LOTS);
    print_message("%lu power cuts\n", cuts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_write_may_fail),
        cmocka_unit_test(the_disk_may_be_full_at_any_write),
        cmocka_unit_test(every_sync_may_fail),
        cmocka_unit_test(every_open_may_fail),
        cmocka_unit_test(every_truncation_and_removal_may_fail),
        cmocka_unit_test(a_kill_at_every_change_loses_nothing_that_was_safe),
        cmocka_unit_test(a_power_cut_at_every_change_loses_nothing_that_was_safe),
    };
    return cmocka_run_group_tests(tests, learn, forget);
}
