/* store_file.c -- the state file as a file: whose it is, whether it can be used, and what becomes of a damaged one.
 *
 * Before SQLite opens the file it is opened once by hand, because then errno says what is wrong with the path, and
 * because the file must not be readable for everybody. Two gateways on one file would mix up each other's sessions, so
 * a second file beside it is locked for as long as the process lives, also while the first cannot be opened.
 *
 * A damaged file is given another name and never written again: a new one is begun, and what can still be read of the
 * old one is for the operator to find out. Its log goes after it: should we die in between, SQLite throws away a log
 * without a file, but a file without its log is an older state that looks well. */
#include "gateway/store_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MODE = 0640, FOLDER_MODE = 0750, BUSY_MS = 1000 };

/* ---- whose it is ---- */

static long pid_in(int fd)
{
    char text[32] = "";
    const ssize_t n = pread(fd, text, sizeof text - 1, 0);
    return n > 0 ? strtol(text, NULL, 10) : 0;
}

/* Who is told that the file is in use wants to know by whom; a lock that cannot say it locks as well. */
static void leave_pid(int fd)
{
    char text[32];
    const int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) < 0)
        return;
}

static bool take_lock(struct store_file *f, struct store_trouble *t)
{
    char path[STORE_PATH + 8];
    if (f->lock >= 0)
        return true;
    snprintf(path, sizeof path, "%s-lock", f->path);
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (fd < 0) {
        store_trouble_from_errno(t, errno);
        return false;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        store_trouble_from_errno(t, errno);
        if (errno == EWOULDBLOCK)
            *t = (struct store_trouble){ .fault = STORE_IN_USE, .number = pid_in(fd) };
        close(fd);
        return false;
    }
    leave_pid(fd);
    f->lock = fd;
    return true;
}

/* ---- whether it can be used ---- */

/* The last folder of the path; a wrong path must not grow a whole tree. */
static void make_folder(const char *path)
{
    char folder[STORE_PATH];
    struct stat about;
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (!slash || slash == folder)
        return;
    *slash = '\0';
    if (stat(folder, &about) < 0 && errno == ENOENT)
        (void)mkdir(folder, FOLDER_MODE); /* what went wrong, opening the file says too */
}

static bool try_by_hand(const char *path, struct store_trouble *t)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (fd < 0) {
        store_trouble_from_errno(t, errno);
        return false;
    }
    close(fd);
    return true;
}

static bool open_database(struct store_file *f, struct store_trouble *t)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    const int code = sqlite3_open_v2(f->path, &f->db, flags, f->setup->vfs);
    if (code != SQLITE_OK) {
        store_trouble_from_sqlite(t, f->db, code);
        return false;
    }
    sqlite3_extended_result_codes(f->db, 1);
    sqlite3_busy_timeout(f->db, BUSY_MS);
    /* Closing a file in trouble must not try to write it. */
    sqlite3_db_config(f->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return true;
}

static bool open_once(struct store_file *f, struct store_trouble *t)
{
    if (strlen(f->path) >= STORE_PATH) {
        store_trouble_from_errno(t, ENAMETOOLONG);
        return false;
    }
    make_folder(f->path);
    if (!take_lock(f, t) || !try_by_hand(f->path, t))
        return false;
    if (open_database(f, t) && store_file_prepare(f, t))
        return true;
    store_file_fail(f, t);
    return false;
}

/* ---- what becomes of a damaged one ---- */

/* A name that nothing has, neither as it is nor with the ending of a log. */
static void choose_aside(const struct store_file *f, char *name, size_t room)
{
    const time_t now = (time_t)(f->setup->wall() / 1000);
    struct tm when = { 0 };
    char stamp[32] = "", log[STORE_PATH + 64];
    localtime_r(&now, &when);
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &when);
    for (int n = 1; n < 1000; n++) {
        if (n == 1)
            snprintf(name, room, "%s.corrupt-%s", f->path, stamp);
        else
            snprintf(name, room, "%s.corrupt-%s-%d", f->path, stamp, n);
        snprintf(log, sizeof log, "%s-wal", name);
        if (access(name, F_OK) < 0 && access(log, F_OK) < 0)
            return;
    }
}

static bool move(const char *from, const char *to, const char *ending)
{
    char old[STORE_PATH + 8], new[STORE_PATH + 72];
    snprintf(old, sizeof old, "%s%s", from, ending);
    snprintf(new, sizeof new, "%s%s", to, ending);
    return rename(old, new) == 0 || errno == ENOENT;
}

static bool set_aside(struct store_file *f, struct store_trouble *t)
{
    char name[STORE_PATH + 56] = "";
    errno = EIO;
    if (f->asides < STORE_ASIDE_MAX) {
        choose_aside(f, name, sizeof name);
        if (move(f->path, name, "") && move(f->path, name, "-wal") && move(f->path, name, "-shm")) {
            f->asides++;
            f->damaged = false;
            snprintf(f->aside, sizeof f->aside, "%s", name);
            return true;
        }
    }
    store_trouble_from_errno(t, errno);
    t->fault = STORE_DAMAGED;
    return false;
}

void store_file_fail(struct store_file *f, const struct store_trouble *t)
{
    store_file_close(f);
    if (t->fault == STORE_MOVED) {
        f->run++; /* whatever is there is not the file of this run */
        store_file_clear(f);
    }
    if (t->fault != STORE_DAMAGED)
        return;
    f->damaged = true;
    snprintf(f->damage, sizeof f->damage, "%s", t->detail);
}

/* Twice: the second time with a new file in the place of a damaged one. */
bool store_file_open(struct store_file *f, struct store_trouble *t)
{
    *t = (struct store_trouble){ 0 };
    for (int tries = 0; tries < 2; tries++) {
        if (f->damaged && !set_aside(f, t))
            return false;
        *t = (struct store_trouble){ 0 };
        if (open_once(f, t))
            return true;
        if (!f->damaged)
            return false;
    }
    return false;
}

/* ---- the end ---- */

void store_file_close(struct store_file *f)
{
    for (size_t i = 0; i < STORE_OPS; i++) {
        sqlite3_finalize(f->statements[i]);
        f->statements[i] = NULL;
    }
    sqlite3_close_v2(f->db);
    f->db = NULL;
}

void store_file_clear(struct store_file *f)
{
    store_file_close(f);
    if (f->lock >= 0)
        close(f->lock);
    f->lock = -1;
}
