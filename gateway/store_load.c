/* store_load.c -- the file becomes rows again.
 *
 * Every value is looked at before it is believed: somebody may have edited the file, and a disk may give back something
 * else than it was given. A column is read like a frame, by a cursor that remembers the first failure, and a row that
 * makes no sense is skipped and counted. */
#include "gateway/core/inflight.h"
#include "gateway/store_inside.h"

enum { TEXT_MAX = UINT16_MAX, ADDRESS_MAX = 255 };

struct rows {
    sqlite3_stmt *q;
    int column;
    bool wrong;
    msec now;
    const struct store_clock *clock;
    const struct store_reader *reader;
};

/* ---- values ---- */

static uint64_t take_number(struct rows *r, uint64_t max)
{
    const int i = r->column++;
    const int64_t n = sqlite3_column_int64(r->q, i);
    const bool good = sqlite3_column_type(r->q, i) == SQLITE_INTEGER && n >= 0 && (uint64_t)n <= max;
    r->wrong = r->wrong || !good;
    return good ? (uint64_t)n : 0;
}

static bool take_bool(struct rows *r)
{
    return take_number(r, 1) == 1;
}

static uint8_t take_u8(struct rows *r, uint8_t max)
{
    return (uint8_t)take_number(r, max);
}

static uint16_t take_u16(struct rows *r)
{
    return (uint16_t)take_number(r, UINT16_MAX);
}

/* Text or blob: in the shell one is easily put for the other. */
static struct span take_bytes(struct rows *r, size_t min, size_t max)
{
    const int i = r->column++;
    const int type = sqlite3_column_type(r->q, i);
    const void *at = sqlite3_column_blob(r->q, i);
    const size_t len = (size_t)sqlite3_column_bytes(r->q, i);
    const bool good = (type == SQLITE_TEXT || type == SQLITE_BLOB) && len >= min && len <= max;
    r->wrong = r->wrong || !good;
    return good ? span_of(at, len) : (struct span){ NULL, 0 };
}

static uint8_t take_word(struct rows *r, struct store_words words)
{
    const size_t n = store_words_find(words, take_bytes(r, 1, TEXT_MAX));
    r->wrong = r->wrong || n >= words.count;
    return (uint8_t)(n < words.count ? n : 0);
}

static msec take_time(struct rows *r)
{
    return store_clock_in(r->clock, (int64_t)take_number(r, INT64_MAX), r->now);
}

/* ---- rows ---- */

static void read_session(struct rows *r)
{
    struct store_session row = { 0 };
    row.client_id = take_bytes(r, 1, TEXT_MAX);
    row.state = take_word(r, store_states);
    row.since = take_time(r);
    row.clean = take_bool(r);
    row.shared = take_bool(r);
    row.keep_alive_s = take_u16(r);
    row.sleep_s = take_u16(r);
    row.radio = take_bytes(r, 0, TEXT_MAX);
    row.address = take_bytes(r, 0, ADDRESS_MAX);
    row.node = take_bytes(r, 0, ADDRESS_MAX);
    row.last_message_id = take_u16(r);
    row.last_topic_id = take_u16(r);
    row.has_will = take_bool(r);
    row.will_qos = take_u8(r, 2);
    row.will_retain = take_bool(r);
    row.will_topic = take_bytes(r, 0, TEXT_MAX);
    row.will_message = take_bytes(r, 0, TEXT_MAX);
    if (!r->wrong)
        r->reader->session(r->reader->context, &row);
}

static void read_topic(struct rows *r)
{
    struct store_topic row = { 0 };
    row.client_id = take_bytes(r, 1, TEXT_MAX);
    row.topic_id = take_u16(r);
    row.name = take_bytes(r, 1, TEXT_MAX);
    row.standing = take_word(r, store_standings);
    if (!r->wrong)
        r->reader->topic(r->reader->context, &row);
}

static void read_subscription(struct rows *r)
{
    struct store_subscription row = { 0 };
    row.client_id = take_bytes(r, 1, TEXT_MAX);
    row.filter = take_bytes(r, 1, TEXT_MAX);
    row.qos = take_u8(r, 2);
    row.topic_id_type = take_word(r, store_id_types);
    row.topic_id = take_u16(r);
    row.standing = take_word(r, store_filter_standings);
    if (!r->wrong)
        r->reader->subscription(r->reader->context, &row);
}

static void read_message(struct rows *r, enum store_way way)
{
    struct store_message row = { 0 };
    row.row = take_number(r, STORE_ROW_MAX);
    row.client_id = take_bytes(r, 0, TEXT_MAX);
    row.qos = take_u8(r, 2);
    row.retain = take_bool(r);
    row.phase = take_word(r, store_message_phases);
    row.message_id = take_u16(r);
    row.since = take_time(r);
    row.topic = take_bytes(r, 1, TEXT_MAX);
    row.payload = take_bytes(r, 0, TEXT_MAX);
    if (!r->wrong)
        r->reader->message(r->reader->context, way, &row);
}

static void read_downlink(struct rows *r)
{
    read_message(r, STORE_DOWNLINK);
}

static void read_uplink(struct rows *r)
{
    read_message(r, STORE_UPLINK);
}

static void read_exchange(struct rows *r)
{
    struct store_exchange row = { 0 };
    row.client_id = take_bytes(r, 1, TEXT_MAX);
    row.place = take_u8(r, EXCHANGES - 1);
    row.phase = take_word(r, store_exchange_phases);
    row.message_id = take_u16(r);
    row.topic_id = take_u16(r);
    row.digest = (uint32_t)take_number(r, UINT32_MAX);
    row.since = take_time(r);
    if (!r->wrong)
        r->reader->exchange(r->reader->context, &row);
}

static void read_arrival(struct rows *r)
{
    struct store_arrival row = { 0 };
    row.link = take_bytes(r, 0, TEXT_MAX);
    row.packet_id = take_u16(r);
    row.digest = (uint32_t)take_number(r, UINT32_MAX);
    if (!r->wrong)
        r->reader->arrival(r->reader->context, &row);
}

/* ---- all of them ---- */

static const struct shelf {
    const char *sql;
    void (*read)(struct rows *r);
} shelves[] = {
    { "SELECT * FROM session ORDER BY client_id", read_session },
    { "SELECT * FROM topic ORDER BY client_id, topic_id", read_topic },
    { "SELECT * FROM subscription ORDER BY client_id, filter", read_subscription },
    { "SELECT * FROM downlink ORDER BY row", read_downlink },
    { "SELECT * FROM uplink ORDER BY row", read_uplink },
    { "SELECT * FROM exchange ORDER BY client_id, place", read_exchange },
    { "SELECT * FROM arrival ORDER BY link, packet_id", read_arrival },
};

static int read_shelf(struct store_file *f, const struct shelf *shelf, struct rows *r, size_t *skipped)
{
    int code = sqlite3_prepare_v2(f->db, shelf->sql, -1, &r->q, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(r->q);
        r->column = 0;
        r->wrong = false;
        if (code == SQLITE_ROW)
            shelf->read(r);
        *skipped += r->wrong;
    }
    sqlite3_finalize(r->q);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Whatever keeps the file from being read to its end, it is not read again: what could be read goes on, and is written
 * into a new one. */
bool store_file_load(struct store_file *f, const struct store_reader *reader, size_t *skipped,
                     struct store_trouble *t)
{
    struct rows r = { .now = clock_now(), .clock = &f->clock, .reader = reader };
    int code = SQLITE_OK;
    *skipped = 0;
    for (size_t i = 0; i < sizeof shelves / sizeof shelves[0] && code == SQLITE_OK; i++)
        code = read_shelf(f, &shelves[i], &r, skipped);
    if (code == SQLITE_OK)
        return true;
    store_trouble_from_sqlite(t, f->db, code);
    t->fault = STORE_DAMAGED;
    store_file_fail(f, t);
    return false;
}
