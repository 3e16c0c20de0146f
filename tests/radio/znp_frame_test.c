/* znp_frame_test.c -- every row of driver znp in the vector file is a test of its own, named by its id.
 *
 * Rows that are good decode to every field they name, in every split, and encode back to the same octets, both as a
 * frame and as a message; rows that are refused yield nothing and do not hurt the good frame behind them. A key that is
 * not known here fails its row. */
#include "radio/znp_message.h"
#include "tests/radio/zigbee_vectors.h"

enum { SEEN_MAX = 4 };

static struct vectors rows;

struct seen {
    struct znp_reader reader;
    struct znp_message messages[SEEN_MAX]; /* spans into data */
    uint8_t data[SEEN_MAX][ZNP_DATA_MAX];
    uint8_t frames[SEEN_MAX][ZNP_FRAME_MAX]; /* encoded again */
    size_t frame_len[SEEN_MAX];
    size_t count;
};

static void note(struct seen *s, const struct znp_frame *f)
{
    assert_true(s->count < SEEN_MAX);
    memcpy(s->data[s->count], f->data.at, f->data.len);
    struct znp_frame kept = { f->command, span_of(s->data[s->count], f->data.len) };
    enum znp_error e = znp_decode(&kept, &s->messages[s->count]);
    assert_int_not_equal(e, ZNP_UNKNOWN);
    if (e)
        return; /* a frame, but no message */
    struct writer w = writer_of(s->frames[s->count], ZNP_FRAME_MAX);
    znp_write_frame(f, &w);
    assert_false(w.failed);
    s->frame_len[s->count++] = ZNP_FRAME_MAX - w.left;
}

static void take(void *seen, struct span piece)
{
    struct seen *s = seen;
    struct znp_frame f;
    while (piece.len > 0) {
        piece = znp_reader_feed(&s->reader, piece);
        while (znp_reader_next(&s->reader, &f))
            note(s, &f);
    }
}

static void the_line_is_silent(struct seen *s)
{
    struct znp_frame f;
    znp_reader_idle(&s->reader);
    while (znp_reader_next(&s->reader, &f))
        note(s, &f);
    assert_false(znp_reader_holds(&s->reader));
}

/* ---- what a row names -------------------------------------------------------------------------------------------- */

static uint64_t pair_of(struct span list)
{
    return list.len == 2 ? (uint64_t)(list.at[0] | list.at[1] << 8) : UINT64_MAX;
}

struct number {
    const char *key;
    uint64_t have;
};

/* Looks for `key` in a table that ends with a row without one. */
static bool number_key(const struct number *keys, const struct vector_row *row, const char *key)
{
    for (; keys->key; keys++) {
        if (strcmp(keys->key, key) != 0)
            continue;
        if (keys->have != vector_number(row, key, 0))
            fail_msg("%s: %s is %llu", row->id, key, (unsigned long long)keys->have);
        return true;
    }
    return false;
}

static bool system_key(const struct znp_message *m, const struct vector_row *row, const char *key)
{
    const struct number keys[] = {
        { "capabilities", m->command == ZNP_ANNOUNCED ? m->capability : m->capabilities },
        { "transportrev", m->transport },
        { "product", m->product },
        { "productid", m->product },
        { "majorrel", m->major },
        { "minorrel", m->minor },
        { "maintrel", m->maintenance },
        { "hwrev", m->hardware },
        { "revision", m->revision },
        { "type", m->mode },
        { "mode", m->mode },
        { "reason", m->reason },
        { "id", m->item },
        { "offset", m->offset },
        { "initlen", m->data.len },
        { "len", m->command == ZNP_NV_INIT ? m->item_len : m->data.len },
        { "status", m->status },
        { "code", m->status },
        { "isPrimary", m->primary },
        { "channel", m->channels },
        { "startdelay", m->delay },
        { "state", m->state },
        { NULL },
    };
    return number_key(keys, row, key);
}

static bool node_key(const struct znp_message *m, const struct vector_row *row, const char *key)
{
    const struct number keys[] = {
        { "ieeeaddr", m->eui64 },
        { "extaddr", m->eui64 },
        { "ieee", m->eui64 },
        { "shortaddr", m->nwk },
        { "nwkaddr", m->nwk },
        { "parentaddr", m->parent },
        { "devicetype", m->device_type },
        { "devicestate", m->state },
        { "numassocdevices", m->list.len / 2 },
        { "assocdeviceslist", pair_of(m->list) },
        { "srcaddr", m->source },
        { "request", m->asked },
        { "removechildren", m->remove },
        { "rejoin", m->rejoin },
        { NULL },
    };
    return number_key(keys, row, key);
}

static bool data_key(const struct znp_message *m, const struct vector_row *row, const char *key)
{
    const struct number keys[] = {
        { "endpoint", m->endpoint },
        { "appprofid", m->profile },
        { "appdeviceid", m->device },
        { "appdevver", m->version },
        { "latencyreq", m->latency },
        { "appnuminclusters", m->list.len / 2 },
        { "appinclusterlist", pair_of(m->list) },
        { "appnumoutclusters", m->outputs.len / 2 },
        { "appoutclusterlist", pair_of(m->outputs) },
        { "dstaddr", m->destination },
        { "dstAddr", m->destination },
        { "dstaddrmode", m->address_mode },
        { "dstpanid", m->other_pan },
        { "destendpoint", m->endpoint },
        { "dstendpoint", m->endpoint },
        { "srcendpoint", m->source_endpoint },
        { "clusterid", m->cluster },
        { "transid", m->transaction },
        { "options", m->options },
        { "radius", m->radius },
        { "groupid", m->group },
        { "wasbroadcast", m->broadcast },
        { "linkquality", m->lqi },
        { "securityuse", m->security },
        { "timestamp", m->timestamp },
        { "transseqnumber", m->sequence },
        { NULL },
    };
    return number_key(keys, row, key);
}

/* The request that an RPC error names stands in two words, a whole request as its data. */
static bool special_key(const struct znp_message *m, const struct vector_row *row, const char *key)
{
    uint8_t room[ZNP_DATA_MAX];
    if (strcmp(key, "request") == 0 && m->command == ZNP_ERROR) {
        assert_int_equal(m->request, 0x2102);
        return strstr(row->decoded, "request=21 02") != NULL;
    }
    if (strcmp(key, "raw") == 0) {
        struct span raw = vector_octets(row, key, room, sizeof room);
        return span_equal(raw, span_of(row->bytes.at + 4, row->bytes.len - 5));
    }
    if (strcmp(key, "data") != 0 && strcmp(key, "value") != 0 && strcmp(key, "initvalue") != 0)
        return false;
    return span_equal(m->data, vector_octets(row, key, room, sizeof room));
}

static void every_key_holds(const struct znp_message *m, const struct vector_row *row)
{
    char *copy = strdup(row->decoded), *next = NULL;
    assert_non_null(copy);
    for (char *word = strtok_r(copy, " ", &next); word; word = strtok_r(NULL, " ", &next)) {
        char *equals = strchr(word, '=');
        if (!equals)
            continue; /* the command's name, in their words */
        *equals = '\0';
        if (!special_key(m, row, word) && !system_key(m, row, word) && !node_key(m, row, word) &&
            !data_key(m, row, word))
            fail_msg("%s: a key that no test knows: %s", row->id, word);
    }
    free(copy);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static void encodes_back(const struct znp_message *m, struct span frame)
{
    uint8_t room[ZNP_FRAME_MAX];
    struct writer w = writer_of(room, sizeof room);
    znp_encode(m, &w);
    assert_false(w.failed);
    assert_int_equal(sizeof room - w.left, frame.len);
    assert_memory_equal(room, frame.at, frame.len);
}

static void is_row(const struct seen *s, size_t i, const struct vector_row *row)
{
    assert_true(i < s->count);
    assert_int_equal(s->frame_len[i], row->bytes.len);
    assert_memory_equal(s->frames[i], row->bytes.at, row->bytes.len);
    every_key_holds(&s->messages[i], row);
    encodes_back(&s->messages[i], row->bytes);
}

static void yields_what_it_should(const struct vector_row *row, size_t split)
{
    static struct seen s;
    const struct vector_row *good = vector_find(&rows, "znp-039");
    memset(&s, 0, sizeof s);
    vector_feed(row->bytes, split, take, &s);
    size_t own = row->expect == VECTOR_OK || row->expect == VECTOR_RESYNC ? 1 : 0;
    if (row->expect == VECTOR_SPECIAL) {
        assert_string_equal(row->expect_text, "ok: two frames");
        is_row(&s, own++, good);
        is_row(&s, own++, vector_find(&rows, "znp-035"));
    }
    if (row->expect == VECTOR_OK)
        is_row(&s, 0, row);
    if (row->expect == VECTOR_RESYNC)
        is_row(&s, 0, vector_find(&rows, row->other));
    the_line_is_silent(&s);
    assert_int_equal(s.count, own);
    vector_feed(good->bytes, VECTOR_WHOLE, take, &s);
    is_row(&s, own, good);
}

static void the_row_holds(void **state)
{
    const struct vector_row *row = *state;
    size_t split = VECTOR_WHOLE;
    do
        yields_what_it_should(row, split);
    while (vector_next_split(row->bytes, &split));
}

int main(void)
{
    return vectors_run(&rows, "znp", the_row_holds);
}
