/* store_begin.c -- how a file becomes ready for a run.
 *
 * Is it the file of a gateway, and of a version that is known? Then one transaction begins the run: it brings the
 * schema up to date, starts the clock and notes that the gateway runs. That it could be written says that the file is
 * well.
 *
 * A file that had to be closed is opened again the same way. If somebody has put another one in its place meanwhile,
 * the number of the run tells, and everything has to be written anew. */
#include "gateway/core/hash.h"
#include "gateway/store_inside.h"

#include <stdio.h>
#include <sys/random.h>

/* "mqsn": tells the file of a gateway from the databases of others. */
enum { APPLICATION_ID = 0x6d71736e };

/* How long the gateway must have stood still for ages to be corrected: a restart need not rewrite all messages. */
enum { STOOD_STILL_MS = 60000 };

int store_file_run_sql(struct store_file *f, const char *sql)
{
    return sqlite3_exec(f->db, sql, NULL, NULL, NULL);
}

/* The first value of the first row; 0 when there is none. */
static int ask(struct store_file *f, const char *sql, int64_t *value)
{
    sqlite3_stmt *q = NULL;
    int code = sqlite3_prepare_v2(f->db, sql, -1, &q, NULL);
    *value = 0;
    if (code == SQLITE_OK && (code = sqlite3_step(q)) == SQLITE_ROW)
        *value = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

int store_file_read_meta(struct store_file *f, const char *key, int64_t *value)
{
    char sql[80];
    snprintf(sql, sizeof sql, "SELECT value FROM meta WHERE key = '%s'", key);
    return ask(f, sql, value);
}

int store_file_save_meta(struct store_file *f, const char *key, int64_t value)
{
    char sql[96];
    snprintf(sql, sizeof sql, "INSERT OR REPLACE INTO meta VALUES('%s', %lld)", key,
             (long long)value);
    return store_file_run_sql(f, sql);
}

/* ---- is it ours? ---- */

int store_file_look(struct store_file *f, int64_t *version, struct store_trouble *t)
{
    int64_t id = 0, tables = 0;
    int code = ask(f, "PRAGMA user_version", version);
    if (code == SQLITE_OK)
        code = ask(f, "PRAGMA application_id", &id);
    if (code == SQLITE_OK)
        code = ask(f, "SELECT count(*) FROM sqlite_schema", &tables);
    if (code != SQLITE_OK)
        return code;
    if (tables > 0 && id != APPLICATION_ID)
        *t = (struct store_trouble){ .fault = STORE_FOREIGN };
    else if (*version > STORE_VERSION)
        *t = (struct store_trouble){ .fault = STORE_NEWER, .number = (long)*version };
    return SQLITE_OK;
}

/* The size of pages counts only for a file that is empty. Small ones, as messages are: a turn with ten of them writes
 * less than with the usual size, by half. */
static int set_ways(struct store_file *f)
{
    int64_t size = 0;
    int code =
        store_file_run_sql(f, "PRAGMA page_size = 512; PRAGMA journal_mode = WAL;"
                              "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
                              "PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 8388608");
    if (code == SQLITE_OK)
        code = ask(f, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &size);
    return code == SQLITE_OK && size != 1 ? SQLITE_IOERR_SHMMAP : code;
}

/* ---- the transaction that begins a run ---- */

static int migrate(struct store_file *f, int64_t version)
{
    char sql[64];
    int code = SQLITE_OK;
    for (int64_t v = version < 0 ? 0 : version; v < STORE_VERSION && code == SQLITE_OK; v++)
        code = store_file_run_sql(f, store_migrations[v]);
    if (code != SQLITE_OK || version == STORE_VERSION)
        return code;
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             APPLICATION_ID, STORE_VERSION);
    return store_file_run_sql(f, sql);
}

/* Damage that is found at the first opening need not end it: reading comes next, finds it again, and saves what can be
 * read. */
static int unless_damaged(const struct store_file *f, int code)
{
    return (code & 0xff) == SQLITE_CORRUPT && !f->known ? SQLITE_OK : code;
}

/* While the gateway stood still nothing grew older, but sleepers slept on: their nodes have clocks of their own. If the
 * old time was no time at all nobody knows how long they slept. */
static int shift(struct store_file *f, int64_t last, int64_t start)
{
    static const char *const tables[] = { "session", "downlink", "uplink", "exchange" };
    const long long by = start - last;
    int code = SQLITE_OK;
    if (last <= 0 || by < STOOD_STILL_MS)
        return SQLITE_OK;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && code == SQLITE_OK; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "UPDATE %s SET since = since + %lld%s", tables[i], by,
                 i == 0 && store_clock_sane(last) ? " WHERE state <> 'asleep'" : "");
        code = store_file_run_sql(f, sql);
    }
    return code;
}

static int start_clock(struct store_file *f, msec now, int64_t wall)
{
    int64_t last = 0;
    int code = store_file_read_meta(f, "clock", &last);
    if (code != SQLITE_OK || f->known)
        return code;
    return shift(f, last, store_clock_start(&f->clock, now, wall, last));
}

/* The kernel names each start of the machine; 0: it does not. */
static int64_t this_boot(void)
{
    char name[64] = "";
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (!f)
        return 0;
    if (!fgets(name, sizeof name, f))
        name[0] = '\0';
    fclose(f);
    return name[0] != '\0' ? (int64_t)(hash_seeded(0, (const uint8_t *)name, strlen(name)) | 1) : 0;
}

/* What was there before this run. */
static int look_back(struct store_file *f)
{
    int64_t sessions = 0, stopped = 0, boot = 0, top = 0;
    int code = ask(f, "SELECT count(*) FROM (SELECT 1 FROM session LIMIT 1)", &sessions);
    if (code == SQLITE_OK)
        code = store_file_read_meta(f, "stopped", &stopped);
    if (code == SQLITE_OK)
        code = store_file_read_meta(f, "boot", &boot);
    if (code == SQLITE_OK)
        code = store_file_read_meta(f, "rows", &top);
    f->had_before = sessions > 0;
    f->stopped_well = stopped == 1;
    f->rebooted = boot != 0 && boot != this_boot();
    f->row_top = top > 0 && (uint64_t)top <= STORE_ROW_MAX ? (uint64_t)top : 0;
    return code;
}

static int begin_run(struct store_file *f, int64_t version, int64_t wall, int64_t *run)
{
    const msec now = clock_now();
    int code = store_file_run_sql(f, "BEGIN IMMEDIATE");
    if (code == SQLITE_OK)
        code = migrate(f, version);
    if (code == SQLITE_OK)
        code = store_file_read_meta(f, "run", run);
    if (code == SQLITE_OK && !f->known)
        code = look_back(f);
    if (code == SQLITE_OK)
        code = start_clock(f, now, wall);
    if (code == SQLITE_OK)
        code = store_file_save_meta(f, "stopped", 0);
    if (code == SQLITE_OK)
        code = store_file_save_meta(f, "boot", this_boot());
    if (code == SQLITE_OK)
        code = store_file_save_clock(f, now, f->row_top);
    return code;
}

/* A transaction that meets damage can do nothing any more. Only the correction of ages reads so much: it is left out
 * then, and the clock goes on where it stood. */
static int begin_in_any_case(struct store_file *f, int64_t version, int64_t *run)
{
    const int code = begin_run(f, version, f->setup->wall(), run);
    if ((code & 0xff) != SQLITE_CORRUPT || f->known)
        return code;
    (void)store_file_run_sql(f, "ROLLBACK");
    return begin_run(f, version, 0, run);
}

static int64_t by_chance(void)
{
    uint64_t n = 0;
    if (getrandom(&n, sizeof n, GRND_NONBLOCK) != sizeof n)
        n = clock_now();
    return (int64_t)(n >> 1) | 1;
}

/* A run that was in a file already goes on in that one only. */
static int claim(struct store_file *f, int64_t found)
{
    f->run = f->known ? f->run : by_chance();
    f->anew = f->anew || (f->known && found != f->run);
    const int code = store_file_save_meta(f, "run", f->run);
    return code == SQLITE_OK ? store_file_run_sql(f, "COMMIT") : code;
}

static int prepare_statements(struct store_file *f)
{
    int code = store_file_run_sql(f, store_waits);
    if (code == SQLITE_OK)
        code = unless_damaged(
            f, store_file_run_sql(f, "INSERT INTO waits SELECT client_id, row FROM main.downlink"));
    for (size_t i = 0; i < STORE_OPS && code == SQLITE_OK; i++) {
        if (store_statements[i] && !f->statements[i])
            code = sqlite3_prepare_v3(f->db, store_statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &f->statements[i], NULL);
    }
    return code;
}

/* What the last run noted is above all numbers of messages, unless somebody has been in the file: none may take the
 * place of one that waits. */
static int look_for_rows(struct store_file *f)
{
    static const char *const tops[] = { "SELECT max(row) FROM downlink WHERE row < 1 << 61",
                                        "SELECT max(row) FROM uplink WHERE row < 1 << 61" };
    int code = SQLITE_OK;
    for (size_t i = 0; i < sizeof tops / sizeof tops[0] && code == SQLITE_OK; i++) {
        int64_t top = 0;
        code = unless_damaged(f, ask(f, tops[i], &top));
        if (top > (int64_t)f->row_top)
            f->row_top = (uint64_t)top;
    }
    f->row_first = f->row_top + 1;
    return code;
}

static int count_pages(void *context, sqlite3 *db, const char *name, int pages)
{
    struct store_file *f = context;
    (void)db;
    (void)name;
    f->wal_pages = pages;
    return SQLITE_OK;
}

bool store_file_prepare(struct store_file *f, struct store_trouble *t)
{
    int64_t version = 0, run = 0;
    int code = store_file_look(f, &version, t);
    if (t->fault != STORE_FINE)
        return false;
    if (code == SQLITE_OK)
        code = set_ways(f);
    if (code == SQLITE_OK)
        code = begin_in_any_case(f, version, &run);
    if (code == SQLITE_OK)
        code = claim(f, run);
    if (code == SQLITE_OK)
        code = prepare_statements(f);
    if (code == SQLITE_OK && !f->known)
        code = look_for_rows(f);
    if (code == SQLITE_OK) {
        f->known = true;
        sqlite3_wal_hook(f->db, count_pages, f);
        return true;
    }
    store_trouble_from_sqlite(t, f->db, code);
    if ((code & 0xff) == SQLITE_ERROR) /* a statement that does not fit: it is not what it says it is */
        t->fault = STORE_DAMAGED;
    return false;
}
