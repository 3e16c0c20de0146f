/* dump_file.c -- the state file, opened to be looked at and nothing else.
 *
 * Opening a database with a write-ahead log usually leaves traces: SQLite makes the log and its index where they are
 * missing, recovers them, and on closing may move the log into the file. None of that is for a visitor. Which way of
 * reading leaves no trace depends on what lies beside the file: no log, a log with the index that a gateway keeps or
 * left behind, or a log alone, as in a copy.
 *
 * Whether a gateway runs is seen by its lock. The lock is looked up, not tried: who tries it has it for a moment, and a
 * gateway that starts in that moment would be told that its file is in use. */
#include "gateway/dump_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { BUSY_MS = 1000, URI = 3 * STORE_PATH + 64 };

/* ---- what is wrong, in words for one who reads ---- */

void dump_file_tell(const struct store_trouble *t, const char *path, char line[DUMP_LINE])
{
    switch (t->fault) {
    case STORE_FINE:
    case STORE_NO_MEMORY:
        snprintf(line, DUMP_LINE, "%s: no memory", path);
        return;
    case STORE_NO_FOLDER:
        snprintf(
            line, DUMP_LINE,
            "%s: there is no state file: no gateway has begun one yet, or gateway.state is another path",
            path);
        return;
    case STORE_FORBIDDEN:
        snprintf(line, DUMP_LINE,
                 "%s may not be read by you: do it as root, or as the gateway's user", path);
        return;
    case STORE_FAILING:
    case STORE_READ_ONLY:
    case STORE_LOCKED:
        snprintf(line, DUMP_LINE, "%s cannot be read (%s): if a gateway is just starting, try again",
                 path, t->detail);
        return;
    default:
        store_trouble_tell(t, path, line, DUMP_LINE);
    }
}

/* ---- does a gateway run with it? ---- */

static long number_in(const char *path)
{
    char text[32] = "";
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    const ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    return n > 0 ? strtol(text, NULL, 10) : 0;
}

/* A line is "5: FLOCK  ADVISORY  WRITE 1399 fe:00:11231442 0 EOF". Some file systems show another device there than
 * stat does, and a container other process numbers; one of the two must agree with ours. */
static bool holds(const char *line, const struct stat *lock, long wanted, long *pid)
{
    char inode[32], device[64];
    const char *who = strstr(line, " WRITE ");
    snprintf(inode, sizeof inode, ":%llu 0 EOF", (unsigned long long)lock->st_ino);
    snprintf(device, sizeof device, " %02x:%02x%s", major(lock->st_dev), minor(lock->st_dev), inode);
    if (!who || !strstr(line, " FLOCK ") || !strstr(line, inode))
        return false;
    const long found = strtol(who + strlen(" WRITE "), NULL, 10);
    if (found != wanted && !strstr(line, device))
        return false;
    *pid = found;
    return true;
}

static bool look_up(const struct stat *lock, long wanted, long *pid)
{
    char line[256];
    bool found = false;
    FILE *locks = fopen("/proc/locks", "re");
    while (locks && !found && fgets(line, sizeof line, locks))
        found = holds(line, lock, wanted, pid);
    if (locks)
        fclose(locks);
    return found;
}

/* The list of locks is read in pieces, and one may slip through between two of them when others come and go. */
static bool is_locked(const char *path, long *pid)
{
    enum { LOOKS = 8 };
    char lock[STORE_PATH + 8];
    struct stat about;
    bool found = false;
    snprintf(lock, sizeof lock, "%s-lock", path);
    if (stat(lock, &about) != 0)
        return false;
    const long wanted = number_in(lock);
    for (int i = 0; i < LOOKS && !found; i++)
        found = look_up(&about, wanted, pid);
    return found;
}

/* ---- the file and its log ---- */

static int64_t milliseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* False: there is none, or nothing in it. */
static bool measure(struct dump_file *d, const char *ending, uint64_t *octets)
{
    char path[STORE_PATH + 8];
    struct stat about;
    snprintf(path, sizeof path, "%s%s", d->store.path, ending);
    if (stat(path, &about) != 0 || about.st_size == 0)
        return false;
    const int64_t written = milliseconds(about.st_mtim);
    *octets = (uint64_t)about.st_size;
    d->written = written > d->written ? written : d->written;
    return true;
}

/* errno says what is wrong with a path; SQLite would only say that it cannot open it. */
static bool try_by_hand(const char *path, struct store_trouble *t)
{
    char octet;
    const int fd = strlen(path) < STORE_PATH ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    const bool good = fd >= 0 && read(fd, &octet, 1) >= 0;
    if (!good)
        store_trouble_from_errno(t, strlen(path) < STORE_PATH ? errno : ENAMETOOLONG);
    if (fd >= 0)
        close(fd);
    return good;
}

/* As the path of an URI: what means something there is written as %NN. */
static void write_path(struct writer *w, const char *path)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *path != '\0'; path++) {
        const uint8_t c = (uint8_t)*path;
        if (c > ' ' && c < 0x7f && !strchr("%?#", c)) {
            write_u8(w, c);
            continue;
        }
        write_u8(w, '%');
        write_u8(w, (uint8_t)digits[c >> 4]);
        write_u8(w, (uint8_t)digits[c & 15]);
    }
}

/* Without a log the file is all there is. With log and index a reader takes part as any other, but writes not even into
 * the index. A log alone is read without one: the index is then in our memory. */
static int open_database(struct dump_file *d)
{
    char uri[URI] = "", index[STORE_PATH + 8];
    snprintf(index, sizeof index, "%s-shm", d->store.path);
    const bool log = measure(d, "-wal", &d->log_octets), shared = access(index, F_OK) == 0;
    struct writer w = writer_of(uri, sizeof uri - 1);
    (void)measure(d, "", &d->octets);
    write_span(&w, span_text("file:"));
    write_path(&w, d->store.path);
    write_span(&w, span_text(!log ? "?immutable=1" : shared ? "?readonly_shm=1" : "?mode=ro"));
    const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
    const int code = sqlite3_open_v2(uri, &d->store.db, flags, log && !shared ? "unix-none" : NULL);
    if (code != SQLITE_OK)
        return code;
    sqlite3_busy_timeout(d->store.db, BUSY_MS);
    sqlite3_db_config(d->store.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return log && !shared ? store_file_run_sql(&d->store, "PRAGMA locking_mode = EXCLUSIVE") : code;
}

/* ---- all of it ---- */

static bool is_old(const struct dump_file *d)
{
    return d->version < STORE_VERSION;
}

/* What a run would make of the time: the wall clock, unless that is no witness. */
static int look(struct dump_file *d, struct store_trouble *t)
{
    int64_t last = 0, stopped = 0;
    struct timespec wall = { 0 };
    int code = store_file_run_sql(&d->store, "BEGIN"); /* a gateway may go on writing meanwhile */
    if (code == SQLITE_OK)
        code = store_file_look(&d->store, &d->version, t);
    if (code != SQLITE_OK || t->fault != STORE_FINE || is_old(d))
        return code;
    code = store_file_read_meta(&d->store, "clock", &last);
    if (code == SQLITE_OK)
        code = store_file_read_meta(&d->store, "stopped", &stopped);
    clock_gettime(CLOCK_REALTIME, &wall);
    d->now = store_clock_start(&d->store.clock, clock_now(), milliseconds(wall), last);
    d->run = is_locked(d->store.path, &d->pid) ? DUMP_RUNS
             : stopped == 1                    ? DUMP_STOPPED
                                               : DUMP_KILLED;
    return code;
}

bool dump_file_open(struct dump_file *d, const char *path, char line[DUMP_LINE])
{
    struct store_trouble t = { 0 };
    *d = (struct dump_file){ .store = { .path = path, .lock = -1 } };
    if (!try_by_hand(path, &t)) {
        dump_file_tell(&t, path, line);
        return false;
    }
    int code = open_database(d);
    if (code == SQLITE_OK)
        code = look(d, &t);
    if (code == SQLITE_OK && t.fault == STORE_FINE && !is_old(d))
        return true;
    if (code != SQLITE_OK)
        store_trouble_from_sqlite(&t, d->store.db, code);
    dump_file_tell(&t, path, line);
    if (t.fault == STORE_FINE)
        snprintf(line, DUMP_LINE,
                 "%s: there is nothing in it yet that this version can read: a gateway that starts with "
                 "it makes it ready",
                 path);
    dump_file_close(d);
    return false;
}

void dump_file_close(struct dump_file *d)
{
    store_file_close(&d->store);
}
