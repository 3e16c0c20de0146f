/* disk.h -- a disk that does what a test wants: a file system of SQLite's around its own.
 *
 * It counts what reaches the disk, can fail any call, be slow, and die: from a chosen change on nothing reaches the
 * file any more, as after a kill. Name it as `vfs`. Syncs are counted and not done: plug.h has what a power cut
 * leaves. */
#pragma once

#include <stdbool.h>

#define DISK "disk"

enum disk_call { DISK_OPEN, DISK_WRITE, DISK_SYNC, DISK_TRUNCATE, DISK_DELETE, DISK_CALLS };

/* Installs it when it is not, and makes it well: all counts 0, nothing fails. No store may use it just then. */
void disk_reset(void);

/* The nth call of this kind from now on (1 is the next) ends with this code of SQLite's, or all from there on. */
void disk_fail(enum disk_call call, unsigned long nth, int code, bool for_ever);
void disk_heal(void);
/* Was the call that was to fail made? */
bool disk_has_failed(void);

/* With the nth change, half of which is made, the process is as if killed: all later calls that change something
 * fail. */
void disk_kill_at(unsigned long nth);

void disk_delay_syncs(unsigned ms);
void disk_hold_syncs(bool on); /* none ends before it is off or disk_heal, or ten seconds are over */

unsigned long disk_count(enum disk_call call);
unsigned long long disk_bytes(void); /* written */
