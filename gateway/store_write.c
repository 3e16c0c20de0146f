/* store_write.c -- a batch becomes a transaction.
 *
 * The changes of a batch are bound to their statements one after the other. A transaction that failed may be on the
 * disk even so: when the disk could not confirm it, but did it. The batch is written again then, so every change is
 * of a kind that may be made twice: a row replaces its predecessor, a row that is gone can go again.
 *
 * The write-ahead log is moved into the file here, after the batch was reported as safe and not by SQLite within the
 * commit: nobody waits for it then, and a failure is seen. It is long, because a message that is gone before the log is
 * moved never reaches the file itself. */
#include "gateway/store_inside.h"

#include "gateway/crash.h"

#include <assert.h>
#include <stdio.h>
#include <unistd.h>

enum { ROWS_AHEAD = 1000000 }; /* numbers of messages noted as given, before they are */

/* ---- values ---- */

static sqlite3_int64 real_row(struct store_file *f, uint64_t row)
{
    const uint64_t real = row >= STORE_PROVISIONAL ? row - STORE_PROVISIONAL + f->row_first : row;
    if (real > f->row_top)
        f->row_top = real;
    return (sqlite3_int64)real;
}

static int bind(struct store_file *f, sqlite3_stmt *q, int i, const struct store_value *v)
{
    const void *at = v->bytes.len > 0 ? (const void *)v->bytes.at : "";
    switch (v->kind) {
    case STORE_TEXT:
        return sqlite3_bind_text(q, i, at, (int)v->bytes.len, SQLITE_STATIC);
    case STORE_BLOB:
        return sqlite3_bind_blob(q, i, at, (int)v->bytes.len, SQLITE_STATIC);
    case STORE_TIME:
        return sqlite3_bind_int64(q, i, store_clock_out(&f->clock, v->number));
    case STORE_ROW:
        return sqlite3_bind_int64(q, i, real_row(f, v->number));
    case STORE_NUMBER:
        break;
    }
    return sqlite3_bind_int64(q, i, (sqlite3_int64)v->number);
}

/* ---- changes ---- */

static int empty(struct store_file *f)
{
    return store_file_run_sql(f, "DELETE FROM session; DELETE FROM topic; DELETE FROM subscription;"
                                 "DELETE FROM downlink; DELETE FROM uplink; DELETE FROM exchange;"
                                 "DELETE FROM arrival");
}

static int change(struct store_file *f, struct reader *r)
{
    enum store_op op = STORE_EMPTY;
    struct store_value v[STORE_VALUES];
    const size_t count = store_batch_read(r, &op, v);
    if (op == STORE_EMPTY)
        return empty(f);
    sqlite3_stmt *q = f->statements[op];
    assert(count == (size_t)sqlite3_bind_parameter_count(q));
    int code = SQLITE_OK;
    for (size_t i = 0; i < count && code == SQLITE_OK; i++)
        code = bind(f, q, (int)i + 1, &v[i]);
    if (code == SQLITE_OK)
        sqlite3_step(q);
    const int result = sqlite3_reset(q); /* has the code of a step that failed */
    return code == SQLITE_OK ? result : code;
}

int store_file_save_clock(struct store_file *f, msec now, uint64_t rows)
{
    int code = store_file_save_meta(f, "clock", store_clock_out(&f->clock, now));
    if (code == SQLITE_OK)
        code = store_file_save_meta(f, "rows", (int64_t)rows);
    f->clock_saved_at = now;
    f->row_kept = rows;
    return code;
}

static int keep_time(struct store_file *f)
{
    const msec now = clock_now();
    if (now - f->clock_saved_at < STORE_CLOCK_EVERY_MS && f->row_top <= f->row_kept)
        return SQLITE_OK;
    return store_file_save_clock(f, now, f->row_top + ROWS_AHEAD);
}

static int transact(struct store_file *f, struct span batch)
{
    struct reader r = reader_of(batch);
    int code = store_file_run_sql(f, "BEGIN IMMEDIATE");
    while (code == SQLITE_OK && r.left > 0)
        code = change(f, &r);
    if (code == SQLITE_OK)
        code = keep_time(f);
    if (code != SQLITE_OK)
        return code;
    crash_point();
    code = store_file_run_sql(f, "COMMIT");
    crash_point();
    return code;
}

/* ---- the file ---- */

/* Else a file that nobody will ever find would hold all promises. Its log alone is as good as the file. */
static bool is_in_its_place(struct store_file *f)
{
    char log[STORE_PATH + 8];
    int moved = 0;
    snprintf(log, sizeof log, "%s-wal", f->path);
    return sqlite3_file_control(f->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK ||
           (!moved && access(log, F_OK) == 0);
}

bool store_file_write(struct store_file *f, struct span batch, struct store_trouble *t)
{
    if (!is_in_its_place(f)) {
        *t = (struct store_trouble){ .fault = STORE_MOVED };
        store_file_fail(f, t);
        return false;
    }
    const int code = transact(f, batch);
    if (code == SQLITE_OK)
        return true;
    store_trouble_from_sqlite(t, f->db, code);
    store_file_fail(f, t);
    return false;
}

bool store_file_tidy(struct store_file *f, struct store_trouble *t)
{
    if (f->wal_pages < STORE_CHECKPOINT_PAGES)
        return true;
    const int code = sqlite3_wal_checkpoint_v2(f->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED)
        return true;
    store_trouble_from_sqlite(t, f->db, code);
    store_file_fail(f, t);
    return false;
}

void store_file_note_orderly_stop(struct store_file *f)
{
    int code = store_file_run_sql(f, "BEGIN IMMEDIATE");
    if (code == SQLITE_OK)
        code = store_file_save_clock(f, clock_now(), f->row_top);
    if (code == SQLITE_OK)
        code = store_file_save_meta(f, "stopped", 1);
    crash_point();
    if (code == SQLITE_OK)
        code = store_file_run_sql(f, "COMMIT");
    crash_point();
    if (code == SQLITE_OK) /* and leave one file, without a log */
        sqlite3_db_config(f->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
}
