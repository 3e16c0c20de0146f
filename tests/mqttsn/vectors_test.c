/* vectors_test.c -- every row of the vector file is a test of its own, named by its id.
 *
 * Rows of class ok, alt and policy decode to every field they name and encode back to the same bytes, when their
 * encoding is the canonical one; rows of class bad are refused. A key that is not known here fails its row, so that
 * nothing is skipped in silence. The five 2.0 look-alikes are named one by one. */
#include "mqttsn/encapsulation.h"
#include "tests/hex.h"
#include "tests/mqttsn/message_generate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROWS_MAX = 400, FRAME_MAX = 1500, COLUMNS = 8 };

struct row {
    char *line, *id, *class, *hex, *fields;
    char name[160];
};

struct seen {
    struct span frame;
    bool wrapped;            /* a forwarder frame */
    struct mqttsn_message m; /* when it is none */
    struct encapsulation e;  /* when it is one */
    const struct mqttsn_layout *l;
};

/* ---- values as the file writes them ------------------------------------------------------------------------- */

static bool bytes_are(struct span have, const char *value)
{
    static uint8_t room[FRAME_MAX];
    char *end;
    size_t count = strtoul(value, &end, 10);
    struct span want = { room, 0 };
    if (value[0] == '"')
        want = span_of(value + 1, strlen(value) - 2);
    else if (strncmp(value, "0x", 2) == 0)
        want = hex_bytes(value + 2, room, sizeof room);
    else if (strncmp(end, " octets of 0x", 13) == 0) {
        assert_true(count <= sizeof room);
        memset(room, (int)strtoul(end + 13, NULL, 16), count);
        want.len = count;
    } else if (strcmp(value, "(empty)") != 0) {
        want = hex_bytes(value, room, sizeof room); /* a whole frame has no 0x in front */
        if (want.len == 0 || want.len * 2 != strlen(value))
            return false;
    }
    return span_equal(have, want);
}

static bool number_is(unsigned long have, const char *value)
{
    char *end;
    unsigned long want = strtoul(value, &end, 0);
    return end != value && *end == '\0' && have == want;
}

/* The octet as received has the bits, and the field has them only where they count (SN-FRM-6). */
static bool flag_is(const struct seen *s, uint8_t mask, unsigned field, const char *value)
{
    unsigned shift = (unsigned)__builtin_ctz(mask);
    unsigned want =
        strcmp(value, "-1") == 0 ? MQTTSN_QOS_MINUS_ONE : (unsigned)strtoul(value, NULL, 10);
    unsigned counts = s->l->flags & mask ? want : 0;
    return (unsigned)(s->m.flags & mask) >> shift == want && field == counts;
}

static bool topic_is(const struct seen *s, bool is_short, const char *value)
{
    uint8_t octets[] = { (uint8_t)(s->m.topic_id >> 8), (uint8_t)s->m.topic_id };
    return (s->m.topic_id_type == MQTTSN_SHORT) == is_short && bytes_are(span_of(octets, 2), value);
}

/* ---- keys --------------------------------------------------------------------------------------------------- */

static bool tail_key(const struct seen *s, const char *key, const char *value, bool *known)
{
    static const struct {
        const char *key;
        unsigned types[3];
    } tails[] = {
        { "clientid", { MQTTSN_CONNECT, MQTTSN_PINGREQ } },
        { "gwadd", { MQTTSN_GWINFO } },
        { "topicname", { MQTTSN_REGISTER, MQTTSN_SUBSCRIBE, MQTTSN_UNSUBSCRIBE } },
        { "willtopic", { MQTTSN_WILLTOPIC, MQTTSN_WILLTOPICUPD } },
        { "willmsg", { MQTTSN_WILLMSG, MQTTSN_WILLMSGUPD } },
        { "data", { MQTTSN_PUBLISH } },
    };
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        if (strcmp(tails[i].key, key) != 0)
            continue;
        const unsigned *t = tails[i].types;
        *known = true;
        return (s->m.type == t[0] || s->m.type == t[1] || s->m.type == t[2]) &&
               bytes_are(s->m.tail, value);
    }
    return false;
}

static bool message_key(const struct seen *s, const char *key, const char *value, bool *known)
{
    const struct mqttsn_message *m = &s->m;
    const struct {
        const char *key;
        bool holds;
    } keys[] = {
        { "type", strcmp(mqttsn_type_name(m->type), value) == 0 },
        { "len", number_is(s->frame.len, value) },
        { "lenoctets", number_is(s->frame.at[0] == 1 ? 3 : 1, value) },
        { "flags", number_is(m->flags, value) },
        { "dup", flag_is(s, FLAG_DUP, m->dup, value) },
        { "qos", flag_is(s, FLAG_QOS, m->qos, value) },
        { "retain", flag_is(s, FLAG_RETAIN, m->retain, value) },
        { "will", flag_is(s, FLAG_WILL, m->will, value) },
        { "clean", flag_is(s, FLAG_CLEAN, m->clean, value) },
        { "tidtype", flag_is(s, FLAG_TOPIC_ID_TYPE, m->topic_id_type, value) },
        { "gwid", number_is(m->gateway_id, value) },
        { "duration", number_is(m->duration, value) },
        { "radius", number_is(m->radius, value) },
        { "protocolid", number_is(m->protocol_id, value) },
        { "topicid", number_is(m->topic_id, value) && m->topic_id_type != MQTTSN_SHORT },
        { "msgid", number_is(m->message_id, value) },
        { "rc", number_is(m->return_code, value) },
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i].key, key) == 0) {
            *known = true;
            return keys[i].holds;
        }
    }
    *known = strcmp(key, "shorttopic") == 0 || strcmp(key, "topic") == 0;
    if (*known)
        return topic_is(s, key[0] == 's', value);
    return tail_key(s, key, value, known);
}

static bool forwarder_key(const struct seen *s, const char *key, const char *value, bool *known)
{
    const struct {
        const char *key;
        bool holds;
    } keys[] = {
        { "type", strcmp("FRWDENCAP", value) == 0 }, { "len", number_is(s->frame.at[0], value) },
        { "lenoctets", number_is(1, value) },        { "ctrl", number_is(s->frame.at[2], value) },
        { "radius", number_is(s->e.radius, value) }, { "nodeid", bytes_are(s->e.node, value) },
        { "inner", bytes_are(s->e.message, value) },
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i].key, key) == 0) {
            *known = true;
            return keys[i].holds;
        }
    }
    return false;
}

static void every_field_holds(const struct seen *s, const char *fields)
{
    char *copy = strdup(fields), *next = NULL;
    assert_non_null(copy);
    for (char *field = strtok_r(copy, ";", &next); field; field = strtok_r(NULL, ";", &next)) {
        char *value = strchr(field, '=');
        bool known = false;
        assert_non_null(value);
        *value++ = '\0';
        bool holds = (s->wrapped ? forwarder_key : message_key)(s, field, value, &known);
        if (!known || !holds)
            fail_msg("%s=%s: %s", field, value,
                     known ? "decoded to something else" : "a key that no test knows");
    }
    free(copy);
}

/* ---- rows --------------------------------------------------------------------------------------------------- */

static enum mqttsn_error decode(struct span frame, struct seen *s)
{
    *s = (struct seen){ .frame = frame, .wrapped = encapsulation_is(frame) };
    if (s->wrapped)
        return encapsulation_peel(frame, &s->e);
    enum mqttsn_error e = mqttsn_decode(frame, &s->m);
    s->l = mqttsn_layout_of(s->m.type);
    return e;
}

static bool is_canonical(const struct seen *s)
{
    if (s->wrapped)
        return !(s->frame.at[2] & ~3);
    bool shortest = s->frame.at[0] != 1 || s->frame.len > 257;
    return shortest && !(s->m.flags & ~s->l->flags);
}

static void encodes_back(const struct seen *s)
{
    static uint8_t room[FRAME_MAX];
    struct writer w = writer_of(room, sizeof room);
    enum mqttsn_error e;
    if (s->wrapped) {
        e = encapsulation_wrap(s->e.radius, s->e.node, &w);
        write_span(&w, s->e.message);
    } else {
        e = mqttsn_encode(&s->m, &w);
    }
    assert_int_equal(e, MQTTSN_OK);
    struct span back = span_of(room, sizeof room - w.left);
    struct seen again;
    if (is_canonical(s))
        assert_true(span_equal(back, s->frame));
    assert_int_equal(decode(back, &again), MQTTSN_OK);
    assert_true(s->wrapped ? span_equal(again.e.message, s->e.message)
                           : same_message(&again.m, &s->m));
}

/* What a 1.2 decoder sees in them (section 7 of the sheet): SEARCHGW too long, GWINFO, CONNECT, PUBLISH too short, and
 * SUBACK too long. */
static void a_2_0_look_alike(const struct row *row, enum mqttsn_error e, const struct seen *s)
{
    if (strcmp(row->id, "X002") == 0) {
        assert_int_equal(e, MQTTSN_OK);
        assert_int_equal(s->m.type, MQTTSN_GWINFO);
    } else if (strcmp(row->id, "X003") == 0) {
        assert_int_equal(e, MQTTSN_OK);
        assert_int_equal(s->m.type, MQTTSN_CONNECT);
        assert_int_equal(s->m.protocol_id, 2);
        assert_int_equal(s->m.flags, 0x01);
        assert_int_equal(s->m.duration, 60);
    } else if (strcmp(row->id, "X001") == 0 || strcmp(row->id, "X005") == 0) {
        assert_int_equal(e, MQTTSN_TRAILING);
    } else {
        assert_string_equal(row->id, "X004");
        assert_int_equal(e, MQTTSN_TRUNCATED);
    }
}

static void the_row_holds(void **state)
{
    const struct row *row = *state;
    uint8_t room[FRAME_MAX];
    struct span frame = hex_bytes(row->hex, room, sizeof room);
    assert_int_equal(frame.len * 2, strcmp(row->hex, "-") == 0 ? 0 : strlen(row->hex));
    struct seen s;
    enum mqttsn_error e = decode(frame, &s);
    if (strcmp(row->class, "v2") == 0) {
        a_2_0_look_alike(row, e, &s);
    } else if (strcmp(row->class, "bad") == 0 ||
               strcmp(row->id, "P057") == 0) { /* P057: no node id, SN-FWD-4 */
        assert_int_not_equal(e, MQTTSN_OK);
    } else {
        assert_int_equal(e, MQTTSN_OK);
        every_field_holds(&s, row->fields);
        assert_true(is_canonical(&s) || strcmp(row->class, "ok") != 0);
        encodes_back(&s);
    }
}

static bool row_parse(char *line, struct row *row)
{
    char *column[COLUMNS] = { 0 }, *rest = line;
    line[strcspn(line, "\r\n")] = '\0';
    for (int i = 0; i < COLUMNS; i++)
        column[i] = strsep(&rest, "\t");
    *row = (struct row){ line, column[0], column[1], column[4], column[5] };
    if (!column[COLUMNS - 1] || rest)
        return false;
    snprintf(row->name, sizeof row->name, "%s %s", row->id, column[3]);
    return true;
}

static size_t rows_read(FILE *file, struct row *rows)
{
    size_t n = 0, size = 0;
    char *line = NULL;
    while (getline(&line, &size, file) > 0) {
        if (line[0] == '#')
            continue;
        if (n == ROWS_MAX || !row_parse(line, &rows[n])) {
            fprintf(stderr, "row %zu is not a vector: %s\n", n + 1, line);
            exit(1);
        }
        n++;
        line = NULL; /* the row keeps it */
        size = 0;
    }
    free(line);
    return n;
}

int main(void)
{
    static const char path[] = "tests/vectors/mqtt-sn-1.2-vectors.tsv";
    static struct row rows[ROWS_MAX];
    static struct CMUnitTest tests[ROWS_MAX];
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        return 1;
    }
    size_t n = rows_read(file, rows);
    fclose(file);
    for (size_t i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){ rows[i].name, the_row_holds, NULL, NULL, &rows[i] };
    int failed = _cmocka_run_group_tests("vectors", tests, n, NULL, NULL);
    for (size_t i = 0; i < n; i++)
        free(rows[i].line);
    return n == 0 || failed;
}
