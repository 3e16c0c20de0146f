/* store_hang_test.c -- a disk that neither fails nor confirms: after a while it is trouble like any other, until it
 * confirms after all. */
#include "tests/gateway/desk.h"
#include "tests/gateway/disk.h"

#include <event2/event.h>

enum { LONG = 60000 }; /* ms */

static void put_arrival(struct desk *d, uint16_t packet_id)
{
    store_put_arrival(d->store, &(struct store_arrival){ span_text("m1"), packet_id });
}

/* The first commit hangs, and no later one is waited for as impatiently. */
static struct desk *desk_that_hangs(void **state)
{
    struct desk *d = *state;
    d->setup.patience = 5;
    desk_starts(d);
    disk_hold_syncs(true);
    put_arrival(d, 1);
    store_commit(d->store);
    d->setup.patience = LONG;
    assert_true(store_well(d->store));
    desk_waits(d, desk_is_ill);
    assert_int_equal(desk_lines(d, "the disk does not confirm what was written"), 1);
    assert_int_equal(store_safe(d->store), 0);
    return d;
}

static void is_well_again(struct desk *d)
{
    desk_waits(d, desk_is_well);
    desk_waits(d, desk_is_safe);
    assert_int_equal(desk_lines(d, "is well again"), 1);
    assert_int_equal(d->ill, 1);
    assert_int_equal(d->well, 1);
    assert_int_equal(d->rewrites, 0);
}

static void a_disk_that_hangs_is_told_and_promises_nothing_new(void **state)
{
    struct desk *d = desk_that_hangs(state);
    put_arrival(d, 2);
    store_commit(d->store);
    disk_hold_syncs(false);
    is_well_again(d);
    desk_has(d, "arrival m1 1\narrival m1 2\n");
}

static void a_disk_that_hangs_and_then_fails_is_well_when_it_works(void **state)
{
    struct desk *d = desk_that_hangs(state);
    disk_fail(DISK_SYNC, 1, SQLITE_IOERR_FSYNC, false);
    disk_hold_syncs(false);
    is_well_again(d);
    assert_true(disk_has_failed());
    desk_has(d, "arrival m1 1\n");
}

static void a_disk_that_has_confirmed_is_not_waited_for(void **state)
{
    struct desk *d = *state;
    d->setup.patience = LONG;
    desk_starts(d);
    put_arrival(d, 1);
    store_commit(d->store);
    assert_true(event_pending(d->store->late_event, EV_TIMEOUT, NULL));
    desk_waits(d, desk_is_safe);
    assert_false(event_pending(d->store->late_event, EV_TIMEOUT, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_disk_that_hangs_is_told_and_promises_nothing_new,
                                        desk_open_quiet, desk_close),
        cmocka_unit_test_setup_teardown(a_disk_that_hangs_and_then_fails_is_well_when_it_works,
                                        desk_open_quiet, desk_close),
        cmocka_unit_test_setup_teardown(a_disk_that_has_confirmed_is_not_waited_for,
                                        desk_open_quiet, desk_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
