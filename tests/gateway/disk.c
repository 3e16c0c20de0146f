/* disk.c -- a disk that does what a test wants.
 *
 * Each file of ours carries the file of SQLite's own system behind it, and every call goes on to that one, unless it is
 * the one that has to fail. The store's writer calls from its own thread, so the plan is behind a lock. */
#include "tests/gateway/disk.h"

#include "tests/gateway/plug.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

struct disk_file {
    sqlite3_file base;
    sqlite3_file *inner;
    const char *name; /* SQLite keeps it as long as the file is open */
};

static struct {
    pthread_mutex_t lock;
    unsigned long count[DISK_CALLS];
    unsigned long long bytes;
    enum disk_call call; /* what fails: the nth, counted from when it was ordered */
    unsigned long nth;
    int code;
    bool for_ever, failed;
    unsigned long kill_at, changes;
    unsigned delay;
    bool held;
} plan = { .lock = PTHREAD_MUTEX_INITIALIZER };

static sqlite3_vfs *inner_vfs(void)
{
    return sqlite3_vfs_find("unix");
}

static sqlite3_file *inner_of(sqlite3_file *file)
{
    return ((struct disk_file *)file)->inner;
}

static const char *name_of(sqlite3_file *file)
{
    return ((struct disk_file *)file)->name;
}

/* ---- the plan ---- */

enum fate { DONE, FAILS, HALF };

static bool planned(enum disk_call call)
{
    if (plan.nth == 0 || plan.call != call || plan.count[call] < plan.nth)
        return false;
    return plan.for_ever || plan.count[call] == plan.nth;
}

/* What becomes of this call; its code when it fails. */
static enum fate fate_of(enum disk_call call, int *code)
{
    enum fate fate = DONE;
    pthread_mutex_lock(&plan.lock);
    plan.count[call]++;
    if (call != DISK_OPEN && call != DISK_SYNC)
        plan.changes++;
    *code = SQLITE_IOERR;
    if (plan.kill_at > 0 && plan.changes >= plan.kill_at) {
        fate = plan.failed ? FAILS : HALF;
        plan.failed = true;
    } else if (planned(call)) {
        fate = FAILS;
        *code = plan.code;
        plan.failed = true;
    }
    pthread_mutex_unlock(&plan.lock);
    return fate;
}

void disk_fail(enum disk_call call, unsigned long nth, int code, bool for_ever)
{
    pthread_mutex_lock(&plan.lock);
    plan.call = call;
    plan.nth = plan.count[call] + nth;
    plan.code = code;
    plan.for_ever = for_ever;
    plan.failed = false;
    pthread_mutex_unlock(&plan.lock);
}

void disk_heal(void)
{
    pthread_mutex_lock(&plan.lock);
    plan.nth = 0;
    plan.kill_at = 0;
    plan.delay = 0;
    plan.held = false;
    pthread_mutex_unlock(&plan.lock);
}

void disk_kill_at(unsigned long nth)
{
    pthread_mutex_lock(&plan.lock);
    plan.kill_at = plan.changes + nth;
    pthread_mutex_unlock(&plan.lock);
}

void disk_delay_syncs(unsigned ms)
{
    pthread_mutex_lock(&plan.lock);
    plan.delay = ms;
    pthread_mutex_unlock(&plan.lock);
}

void disk_hold_syncs(bool on)
{
    pthread_mutex_lock(&plan.lock);
    plan.held = on;
    pthread_mutex_unlock(&plan.lock);
}

bool disk_has_failed(void)
{
    pthread_mutex_lock(&plan.lock);
    const bool failed = plan.failed;
    pthread_mutex_unlock(&plan.lock);
    return failed;
}

unsigned long disk_count(enum disk_call call)
{
    pthread_mutex_lock(&plan.lock);
    const unsigned long count = plan.count[call];
    pthread_mutex_unlock(&plan.lock);
    return count;
}

unsigned long long disk_bytes(void)
{
    pthread_mutex_lock(&plan.lock);
    const unsigned long long bytes = plan.bytes;
    pthread_mutex_unlock(&plan.lock);
    return bytes;
}

/* ---- files ---- */

static int close_file(sqlite3_file *file)
{
    sqlite3_file *inner = inner_of(file);
    return inner->pMethods ? inner->pMethods->xClose(inner) : SQLITE_OK;
}

static int read_file(sqlite3_file *file, void *at, int n, sqlite3_int64 offset)
{
    return inner_of(file)->pMethods->xRead(inner_of(file), at, n, offset);
}

static int write_file(sqlite3_file *file, const void *at, int n, sqlite3_int64 offset)
{
    int code = SQLITE_OK;
    const enum fate fate = fate_of(DISK_WRITE, &code);
    if (fate == FAILS)
        return code;
    pthread_mutex_lock(&plan.lock);
    plan.bytes += (unsigned long long)n;
    pthread_mutex_unlock(&plan.lock);
    const int part = fate == HALF ? n / 2 : n;
    const int result = inner_of(file)->pMethods->xWrite(inner_of(file), at, part, offset);
    plug_written(name_of(file), at, (size_t)part, (size_t)offset);
    return fate == HALF ? code : result;
}

static int truncate_file(sqlite3_file *file, sqlite3_int64 size)
{
    int code = SQLITE_OK;
    if (fate_of(DISK_TRUNCATE, &code) != DONE)
        return code;
    plug_truncated(name_of(file), (size_t)size);
    return inner_of(file)->pMethods->xTruncate(inner_of(file), size);
}

static bool is_held(void)
{
    pthread_mutex_lock(&plan.lock);
    const bool held = plan.held;
    pthread_mutex_unlock(&plan.lock);
    return held;
}

static void take_time(void)
{
    enum { HELD_AT_MOST_MS = 10000 };
    pthread_mutex_lock(&plan.lock);
    const unsigned delay = plan.delay;
    pthread_mutex_unlock(&plan.lock);
    if (delay > 0)
        poll(NULL, 0, (int)delay);
    for (int ms = 0; ms < HELD_AT_MOST_MS && is_held(); ms++)
        poll(NULL, 0, 1);
}

static int sync_file(sqlite3_file *file, int flags)
{
    int code = SQLITE_OK;
    (void)flags;
    take_time();
    if (fate_of(DISK_SYNC, &code) != DONE)
        return code;
    plug_synced(name_of(file));
    return SQLITE_OK;
}

static int size_of_file(sqlite3_file *file, sqlite3_int64 *size)
{
    return inner_of(file)->pMethods->xFileSize(inner_of(file), size);
}

static int lock_file(sqlite3_file *file, int level)
{
    return inner_of(file)->pMethods->xLock(inner_of(file), level);
}

static int unlock_file(sqlite3_file *file, int level)
{
    return inner_of(file)->pMethods->xUnlock(inner_of(file), level);
}

static int check_lock(sqlite3_file *file, int *reserved)
{
    return inner_of(file)->pMethods->xCheckReservedLock(inner_of(file), reserved);
}

static int control_file(sqlite3_file *file, int what, void *value)
{
    return inner_of(file)->pMethods->xFileControl(inner_of(file), what, value);
}

static int sector_size(sqlite3_file *file)
{
    return inner_of(file)->pMethods->xSectorSize(inner_of(file));
}

static int traits(sqlite3_file *file)
{
    return inner_of(file)->pMethods->xDeviceCharacteristics(inner_of(file));
}

static int shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **at)
{
    return inner_of(file)->pMethods->xShmMap(inner_of(file), page, size, extend, at);
}

static int shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return inner_of(file)->pMethods->xShmLock(inner_of(file), offset, n, flags);
}

static void shm_barrier(sqlite3_file *file)
{
    inner_of(file)->pMethods->xShmBarrier(inner_of(file));
}

static int shm_unmap(sqlite3_file *file, int remove)
{
    return inner_of(file)->pMethods->xShmUnmap(inner_of(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = size_of_file,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = check_lock,
    .xFileControl = control_file,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = traits,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

/* ---- the file system ---- */

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    struct disk_file *f = (struct disk_file *)file;
    int code = SQLITE_OK;
    (void)vfs;
    f->inner = (sqlite3_file *)(f + 1);
    f->base.pMethods = NULL;
    if (fate_of(DISK_OPEN, &code) != DONE)
        return code;
    code = inner_vfs()->xOpen(inner_vfs(), name, f->inner, flags, out);
    f->base.pMethods = code == SQLITE_OK ? &methods : NULL;
    f->name = name ? name : "";
    if (code == SQLITE_OK && name)
        plug_opened(name);
    return code;
}

static int delete_file(sqlite3_vfs *vfs, const char *name, int sync)
{
    int code = SQLITE_OK;
    (void)vfs;
    (void)sync;
    if (fate_of(DISK_DELETE, &code) != DONE)
        return code;
    plug_removed(name);
    return inner_vfs()->xDelete(inner_vfs(), name, 0);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): SQLite's type */
static int last_error(sqlite3_vfs *vfs, int n, char *text)
{
    (void)vfs;
    (void)n;
    (void)text;
    return 0;
}

void disk_reset(void)
{
    static sqlite3_vfs vfs;
    if (!sqlite3_vfs_find(DISK)) {
        vfs = *inner_vfs();
        vfs.zName = DISK;
        vfs.szOsFile = (int)sizeof(struct disk_file) + inner_vfs()->szOsFile;
        vfs.xOpen = open_file;
        vfs.xDelete = delete_file;
        vfs.xGetLastError = last_error;
        const int code = sqlite3_vfs_register(&vfs, 0);
        assert(code == SQLITE_OK);
        (void)code;
    }
    pthread_mutex_lock(&plan.lock);
    memset(plan.count, 0, sizeof plan.count);
    plan.bytes = 0;
    plan.nth = plan.kill_at = plan.changes = plan.delay = 0;
    plan.failed = plan.held = false;
    pthread_mutex_unlock(&plan.lock);
}
