/* zigbee_vectors.h -- the rows of tests/vectors/zigbee-vectors.tsv for the tests of one family's frame codec.
 *
 * A codec test fills a table with the rows of its driver, asks each row what it wants (vector_value and its friends),
 * and feeds its octets in every split there is. vectors_run makes a test of every row, named by its id:
 *
 *     static struct vectors rows;
 *     static void the_row_holds(void **state) { const struct vector_row *row = *state; ... }
 *     int main(void) { return vectors_run(&rows, "xbee", the_row_holds); } */
#pragma once

#include "tests/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { VECTOR_ROWS = 64, VECTOR_OCTETS_MAX = 320, VECTOR_TITLE = 100, VECTOR_ID = 16 };

enum vector_expect {
    VECTOR_OK,     /* decodes to what `decoded` says and encodes back */
    VECTOR_REJECT, /* yields nothing, and a good frame behind it is taken */
    VECTOR_IGNORE, /* the same, without being wrong */
    VECTOR_RESYNC, /* yields exactly the frame of row `other`, found behind something damaged */
    VECTOR_SPECIAL /* none of these: "either: ...", "ok: a then b"; the test knows the id */
};

struct vector_row {
    char *line; /* what the texts point into; the table's */
    const char *id, *direction, *name, *decoded, *expect_text;
    bool to_host; /* radio>host */
    enum vector_expect expect;
    char other[VECTOR_ID]; /* VECTOR_RESYNC */
    char title[VECTOR_TITLE];
    struct span bytes; /* into room */
    uint8_t room[VECTOR_OCTETS_MAX];
};

struct vectors {
    struct vector_row rows[VECTOR_ROWS];
    size_t count;
};

/* ---- reading ---- */

/* "ok-after-resync: znp-039", "ok-after-resync (silently): ezsp-031", and what else stands in the column. */
static inline void vector_read_expect(struct vector_row *row)
{
    const char *text = row->expect_text, *colon = strstr(text, ": ");
    row->expect = VECTOR_SPECIAL;
    if (strcmp(text, "ok") == 0)
        row->expect = VECTOR_OK;
    else if (strncmp(text, "reject", 6) == 0)
        row->expect = VECTOR_REJECT;
    else if (strncmp(text, "ignore", 6) == 0)
        row->expect = VECTOR_IGNORE;
    else if (strncmp(text, "ok-after-resync", 15) == 0 && colon) {
        row->expect = VECTOR_RESYNC;
        size_t n = strcspn(colon + 2, " ");
        assert_true(n < sizeof row->other);
        memcpy(row->other, colon + 2, n);
    }
}

/* A line of the file as a row; false: it belongs to another driver. The row keeps the line then. */
static inline bool vector_read_row(char *line, const char *driver, struct vector_row *row)
{
    enum { ID, DRIVER, DIRECTION, NAME, HEX, DECODED, EXPECT, COLUMNS = 10 };
    char *column[COLUMNS] = { 0 }, *rest = line;
    line[strcspn(line, "\r\n")] = '\0';
    for (int i = 0; i < COLUMNS; i++)
        column[i] = strsep(&rest, "\t");
    assert_non_null(column[COLUMNS - 1]);
    if (strcmp(column[DRIVER], driver) != 0)
        return false;
    *row = (struct vector_row){ .line = line,
                                .id = column[ID],
                                .direction = column[DIRECTION],
                                .name = column[NAME],
                                .decoded = column[DECODED],
                                .expect_text = column[EXPECT] };
    row->to_host = strcmp(row->direction, "radio>host") == 0;
    row->bytes = hex_bytes(column[HEX], row->room, sizeof row->room);
    assert_int_equal(row->bytes.len * 2, strlen(column[HEX]));
    vector_read_expect(row);
    snprintf(row->title, sizeof row->title, "%s %s", row->id, row->name);
    return true;
}

static inline void vectors_read(struct vectors *v, const char *driver)
{
    FILE *file = fopen("tests/vectors/zigbee-vectors.tsv", "r");
    if (!file) {
        perror("tests/vectors/zigbee-vectors.tsv");
        exit(1);
    }
    v->count = 0;
    size_t size = 0;
    char *line = NULL;
    while (getline(&line, &size, file) > 0) {
        if (v->count == VECTOR_ROWS) {
            fprintf(stderr, "more than %d rows of %s\n", VECTOR_ROWS, driver);
            exit(1);
        }
        if (!vector_read_row(line, driver, &v->rows[v->count]))
            continue;
        v->count++;
        line = NULL; /* the row keeps it */
        size = 0;
    }
    free(line);
    fclose(file);
}

static inline void vectors_free(struct vectors *v)
{
    for (size_t i = 0; i < v->count; i++)
        free(v->rows[i].line);
    v->count = 0;
}

/* Fails the test when there is none. */
static inline const struct vector_row *vector_find(const struct vectors *v, const char *id)
{
    for (size_t i = 0; i < v->count; i++)
        if (strcmp(v->rows[i].id, id) == 0)
            return &v->rows[i];
    fail_msg("no row %s", id);
    return NULL;
}

/* ---- what a row says ---- */

/* The text behind " key=" up to the next blank; at NULL: there is no such key. */
static inline struct span vector_value(const struct vector_row *row, const char *key)
{
    const size_t n = strlen(key);
    for (const char *at = row->decoded; (at = strstr(at, key)) != NULL; at += n)
        if ((at == row->decoded || at[-1] == ' ') && at[n] == '=')
            return span_of(at + n + 1, strcspn(at + n + 1, " "));
    return span_of(NULL, 0);
}

static inline bool vector_has(const struct vector_row *row, const char *key)
{
    return vector_value(row, key).at != NULL;
}

static inline bool vector_is(const struct vector_row *row, const char *key, const char *text)
{
    struct span value = vector_value(row, key);
    return value.at && span_equal(value, span_text(text));
}

/* Ends the program when there is no such key: a test that asks for it is wrong. */
static inline struct span vector_needed(const struct vector_row *row, const char *key)
{
    struct span value = vector_value(row, key);
    if (!value.at) {
        fprintf(stderr, "%s: no value of %s\n", row->id, key);
        exit(1);
    }
    return value;
}

/* As number, "0x" allowed with base 16, a sign with base 10. Fails the test when it is none. */
static inline uint64_t vector_number(const struct vector_row *row, const char *key, int base)
{
    struct span value = vector_needed(row, key);
    char *end;
    const char *text = (const char *)value.at;
    uint64_t number =
        text[0] == '-' ? (uint64_t)strtoll(text, &end, base) : strtoull(text, &end, base);
    if (value.len == 0 || end != text + value.len)
        fail_msg("%s: %s is no number", row->id, key);
    return number;
}

/* As octets, from pairs of hex digits. Fails the test when not all of it is hex. */
static inline struct span vector_octets(const struct vector_row *row, const char *key,
                                        uint8_t *room, size_t size)
{
    struct span value = vector_needed(row, key);
    struct span octets = hex_bytes((const char *)value.at, room, size);
    if (octets.len * 2 != value.len)
        fail_msg("%s: %s is not hex", row->id, key);
    return octets;
}

/* ---- feeding ---- */

/* Takes one piece of the stream. Each lies in a block of its own, so that a sanitizer sees a read beyond its end. */
typedef void vector_taker(void *context, struct span piece);

enum { VECTOR_WHOLE = 0 };
#define VECTOR_EACH_OCTET SIZE_MAX

static inline void vector_feed_piece(struct span piece, vector_taker *take, void *context)
{
    uint8_t *block = malloc(piece.len + !piece.len);
    assert_non_null(block);
    if (piece.len > 0)
        memcpy(block, piece.at, piece.len);
    take(context, span_of(block, piece.len));
    free(block);
}

/* Feeds `bytes` whole, octet by octet, or in two pieces cut at `split` (1..len-1). */
static inline void vector_feed(struct span bytes, size_t split, vector_taker *take, void *context)
{
    if (split == VECTOR_EACH_OCTET) {
        for (size_t i = 0; i < bytes.len; i++)
            vector_feed_piece(span_of(bytes.at + i, 1), take, context);
        return;
    }
    if (split > 0 && split < bytes.len) {
        vector_feed_piece(span_of(bytes.at, split), take, context);
        bytes = span_from(bytes, split);
    }
    vector_feed_piece(bytes, take, context);
}

/* The splits in turn: for (size_t s = VECTOR_WHOLE, more = 1; more; more = vector_next_split(bytes, &s)) ... */
static inline bool vector_next_split(struct span bytes, size_t *split)
{
    if (*split == VECTOR_EACH_OCTET)
        return false;
    *split = *split + 1 < bytes.len ? *split + 1 : VECTOR_EACH_OCTET;
    return true;
}

/* ---- running ---- */

/* Reads the driver's rows into `v` and makes a test of each; *state is the row. The status of the program. */
static inline int vectors_run(struct vectors *v, const char *driver, CMUnitTestFunction test)
{
    static struct CMUnitTest tests[VECTOR_ROWS];
    vectors_read(v, driver);
    for (size_t i = 0; i < v->count; i++)
        tests[i] = (struct CMUnitTest){ v->rows[i].title, test, NULL, NULL, &v->rows[i] };
    const size_t n = v->count;
    int failed = _cmocka_run_group_tests(driver, tests, n, NULL, NULL);
    vectors_free(v);
    return n == 0 || failed;
}
