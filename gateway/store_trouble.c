/* store_trouble.c -- what is wrong with the state file, in one line for the operator: what, where, what to do.
 *
 * SQLite's codes say which call failed; the reason is mostly in errno. A file is in trouble for as long as it is, with
 * one line at the beginning, so the line has to say too what it means for the nodes. */
#include "gateway/store_inside.h"

#include "config/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { LINE = STORE_PATH + 512 };

static enum store_fault fault_of_errno(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return STORE_FULL;
    case EROFS:
        return STORE_READ_ONLY;
    case EACCES:
    case EPERM:
        return STORE_FORBIDDEN;
    case ENOENT:
    case ENOTDIR:
        return STORE_NO_FOLDER;
    case ENOMEM:
        return STORE_NO_MEMORY;
    case EISDIR:
        return STORE_DIRECTORY;
    default:
        return STORE_FAILING;
    }
}

void store_trouble_from_errno(struct store_trouble *t, int error)
{
    *t = (struct store_trouble){ .fault = fault_of_errno(error) };
    snprintf(t->detail, sizeof t->detail, "%s", strerror(error));
}

static enum store_fault fault_of_sqlite(sqlite3 *db, int code)
{
    switch (code & 0xff) {
    case SQLITE_FULL:
        return STORE_FULL;
    case SQLITE_READONLY:
        return STORE_READ_ONLY;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return STORE_FORBIDDEN;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return STORE_LOCKED;
    case SQLITE_NOMEM:
        return STORE_NO_MEMORY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return STORE_DAMAGED;
    default:
        return fault_of_errno(sqlite3_system_errno(db));
    }
}

void store_trouble_from_sqlite(struct store_trouble *t, sqlite3 *db, int code)
{
    const int error = db ? sqlite3_system_errno(db) : 0;
    *t = (struct store_trouble){ .fault = fault_of_sqlite(db, code) };
    snprintf(t->detail, sizeof t->detail, "%s%s%s",
             db && sqlite3_errcode(db) != SQLITE_OK ? sqlite3_errmsg(db) : sqlite3_errstr(code),
             error ? ", " : "", error ? strerror(error) : "");
}

static void tell_in_use(const struct store_trouble *t, const char *path, char *line, size_t room)
{
    char who[32] = "";
    if (t->number > 0)
        snprintf(who, sizeof who, " (pid %ld)", t->number);
    snprintf(
        line, room,
        "%s is in use by another gateway%s: stop that one, or give each a gateway.state of its own",
        path, who);
}

static void tell_newer(const struct store_trouble *t, const char *path, char *line, size_t room)
{
    snprintf(line, room,
             "%s is of a newer gateway: its version is %ld, this gateway knows versions up to %d; install "
             "the newer one, or move the file away",
             path, t->number, STORE_VERSION);
}

void store_trouble_tell(const struct store_trouble *t, const char *path, char *line, size_t room)
{
    static const char *const remedies[] = {
        [STORE_FULL] = "the disk is full: free some space",
        [STORE_READ_ONLY] = "cannot be written, it is read-only: mount its disk for writing",
        [STORE_FORBIDDEN] = "may not be written: give the file and its folder to the gateway's user",
        [STORE_NO_FOLDER] = "its folder is not there: make it, or correct gateway.state",
        [STORE_DIRECTORY] =
            "it is a directory: give gateway.state the path of a file, such as state.db in it",
        [STORE_LOCKED] = "another program keeps it locked: end its transaction",
        [STORE_FOREIGN] = "this is another program's database: give gateway.state another path",
        [STORE_DAMAGED] = "it is damaged: move it away, and look whether the disk is failing",
        [STORE_FAILING] = "the disk does not do what it is told: the kernel's log may say why",
        [STORE_HANGING] = "the disk does not confirm what was written: the kernel's log may say why",
        [STORE_MOVED] =
            ("it was removed, moved or replaced under the running gateway: stop the gateway before that; a "
             "new one is written, with all that is known"),
        [STORE_NO_MEMORY] = "no memory",
    };
    if (t->fault == STORE_IN_USE)
        tell_in_use(t, path, line, room);
    else if (t->fault == STORE_NEWER)
        tell_newer(t, path, line, room);
    else
        snprintf(line, room, "%s: %s%s%s%s", path, remedies[t->fault], t->detail[0] ? " (" : "",
                 t->detail, t->detail[0] ? ")" : "");
}

/* ---- in the log ---- */

void store_log_trouble(struct store *s, const struct store_trouble *t)
{
    char line[LINE];
    if (t->fault == s->fault)
        return;
    if (s->fault == STORE_FINE)
        s->fault_at = clock_now();
    s->fault = t->fault;
    store_trouble_tell(t, s->path, line, sizeof line);
    log_error("state: %s; meanwhile QoS 1 and 2 messages that have to be kept are refused; %s",
              line, t->fault == STORE_HANGING ? "waiting for it" : "trying again");
}

void store_log_relief(struct store *s)
{
    if (s->fault == STORE_FINE)
        return;
    log_info("state: %s is well again, after %" PRIu64 " s", s->path,
             (clock_now() - s->fault_at) / 1000);
    s->fault = STORE_FINE;
}

void store_log_aside(const struct store *s, const char *aside, const char *damage)
{
    log_error("state: %s is damaged (%s): it is kept as %s, and a new one is begun; look into the kernel's log "
              "whether the disk is failing",
              s->path, damage, aside);
}
