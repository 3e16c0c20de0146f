/* xbee_frame_test.c -- every XBee row of the vector file is a test of its own, fed whole, octet by octet, and cut at
 * each place; and what the rows do not show: silence, and starts among garbage. */
#include "radio/xbee_frame.h"

#include "tests/radio/zigbee_vectors.h"
#include "tests/xorshift.h"

enum { TAKEN_MAX = 8 };

/* What a reader gave out; the data of each frame is kept beside it. */
struct taken {
    struct xbee_reader reader;
    size_t count;
    struct xbee_frame frames[TAKEN_MAX];
    uint8_t data[TAKEN_MAX][XBEE_LENGTH_MAX];
};

static struct vectors rows;
static const char good_id[] = "xbee-032", good_escaped_id[] = "xbee-036";

static void take(void *context, struct span piece)
{
    struct taken *t = context;
    struct reader in = reader_of(piece);
    struct xbee_frame f;
    while (xbee_reader_next(&t->reader, &in, &f)) {
        assert_true(t->count < TAKEN_MAX && f.data.len <= sizeof t->data[0]);
        memcpy(t->data[t->count], f.data.at, f.data.len);
        f.data.at = t->data[t->count];
        t->frames[t->count++] = f;
    }
    assert_int_equal(in.left, 0);
}

static void take_silence(struct taken *t)
{
    xbee_reader_silence(&t->reader);
    take(t, span_of(NULL, 0));
}

static void begin(struct taken *t, enum xbee_mode mode)
{
    *t = (struct taken){ 0 };
    xbee_reader_init(&t->reader, mode);
}

static enum xbee_mode mode_of(const struct vector_row *row)
{
    return strstr(row->name, "API 2") ? XBEE_ESCAPED : XBEE_PLAIN;
}

/* A row whose frame is whole in this dialect. */
static const char *good_in(enum xbee_mode mode)
{
    return mode == XBEE_ESCAPED ? good_escaped_id : good_id;
}

static bool frames_equal(const struct xbee_frame *a, const struct xbee_frame *b)
{
    return a->type == b->type && a->id == b->id && a->eui64 == b->eui64 && a->nwk == b->nwk &&
           a->source_endpoint == b->source_endpoint && a->endpoint == b->endpoint &&
           a->cluster == b->cluster && a->profile == b->profile && a->radius == b->radius &&
           a->options == b->options && a->command == b->command && a->status == b->status &&
           a->retries == b->retries && a->discovery == b->discovery && span_equal(a->data, b->data);
}

/* ---- what a row says ---- */

static uint64_t value_of(const struct xbee_frame *f, const char *key)
{
    const struct {
        const char *key;
        uint64_t value;
    } values[] = {
        { "type", f->type },
        { "frame_id", f->id },
        { "dst64", f->eui64 },
        { "src64", f->eui64 },
        { "dst16", f->nwk },
        { "src16", f->nwk },
        { "src_ep", f->source_endpoint },
        { "dst_ep", f->endpoint },
        { "cluster", f->cluster },
        { "profile", f->profile },
        { "radius", f->radius },
        { "options", f->options },
        { "status", f->status },
        { "delivery", f->status },
        { "retries", f->retries },
        { "discovery", f->discovery },
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (strcmp(values[i].key, key) == 0)
            return values[i].value;
    fail_msg("unknown key %s", key);
    return 0;
}

/* "eeff,ccdd" without the commas. */
static struct span hops_of(struct span value, uint8_t *room, size_t size)
{
    char plain[64] = "";
    size_t n = 0;
    for (size_t i = 0; i < value.len && n < sizeof plain - 1; i++)
        if (value.at[i] != ',')
            plain[n++] = (char)value.at[i];
    plain[n] = '\0';
    return hex_bytes(plain, room, size);
}

static void one_field_holds(const struct vector_row *row, const struct xbee_frame *f, const char *key)
{
    uint8_t room[XBEE_LENGTH_MAX];
    struct span value = vector_needed(row, key);
    if (strcmp(key, "cmd") == 0) {
        assert_int_equal(f->command, XBEE_COMMAND(value.at[0], value.at[1]));
    } else if (strcmp(key, "hops") == 0) {
        assert_true(span_equal(f->data, hops_of(value, room, sizeof room)));
    } else if (strcmp(key, "data") == 0 || strcmp(key, "param") == 0 || strcmp(key, "value") == 0) {
        assert_true(span_equal(f->data, vector_octets(row, key, room, sizeof room)));
    } else {
        assert_int_equal(value_of(f, key), vector_number(row, key, 16));
    }
}

static void every_field_holds(const struct vector_row *row, const struct xbee_frame *f)
{
    size_t fields = 0;
    for (const char *at = row->decoded; *at; at += *at == ' ') {
        char key[16] = "";
        const size_t word = strcspn(at, " "), name = strcspn(at, "= ");
        if (*at == '(')
            break; /* a remark */
        assert_true(name < word && name < sizeof key);
        memcpy(key, at, name);
        one_field_holds(row, f, key);
        fields++;
        at += word;
    }
    assert_true(fields > 0);
}

static void encodes_back(struct span bytes, enum xbee_mode mode, const struct xbee_frame *f)
{
    uint8_t room[XBEE_WIRE_MAX];
    struct writer w = writer_of(room, sizeof room);
    xbee_frame_write(&w, mode, f);
    assert_false(w.failed);
    assert_true(span_equal(span_of(room, sizeof room - w.left), bytes));
    for (size_t less = 0; less < bytes.len; less++) {
        w = writer_of(room, less);
        xbee_frame_write(&w, mode, f);
        assert_true(w.failed);
    }
}

/* ---- what a row asks for ---- */

static struct xbee_frame frame_of(const char *id, struct taken *t)
{
    const struct vector_row *row = vector_find(&rows, id);
    begin(t, mode_of(row));
    take(t, row->bytes);
    assert_int_equal(t->count, 1);
    return t->frames[0];
}

static void decodes_to_itself(const struct vector_row *row, const struct taken *t)
{
    assert_int_equal(t->count, 1);
    assert_int_equal(t->reader.damaged, 0);
    every_field_holds(row, &t->frames[0]);
    encodes_back(row->bytes, mode_of(row), &t->frames[0]);
}

/* Nothing came, and once the line was silent nothing of it is in the way of the next frame. */
static void yields_nothing(struct taken *t)
{
    static struct taken other;
    assert_int_equal(t->count, 0);
    take_silence(t);
    assert_int_equal(t->count, 0);
    assert_false(xbee_reader_is_inside(&t->reader));
    assert_true(t->reader.damaged > 0);
    const char *id = good_in(t->reader.mode);
    const struct xbee_frame good = frame_of(id, &other);
    take(t, vector_find(&rows, id)->bytes);
    assert_int_equal(t->count, 1);
    assert_true(frames_equal(&t->frames[0], &good));
}

static void is_known_by_its_type_only(const struct taken *t)
{
    assert_int_equal(t->count, 1);
    assert_int_equal(t->frames[0].type, 0xFE);
    assert_null(xbee_type_name(t->frames[0].type));
    assert_int_equal(t->frames[0].data.len, 3);
}

static void is_the_frame_of(const struct taken *t, size_t which, const char *id)
{
    static struct taken other;
    const struct xbee_frame want = frame_of(id, &other);
    assert_true(which < t->count);
    assert_true(frames_equal(&t->frames[which], &want));
}

static void the_row_holds(void **state)
{
    static struct taken t;
    const struct vector_row *row = *state;
    for (size_t split = VECTOR_WHOLE, more = 1; more; more = vector_next_split(row->bytes, &split)) {
        begin(&t, mode_of(row));
        vector_feed(row->bytes, split, take, &t);
        if (row->expect == VECTOR_OK) {
            decodes_to_itself(row, &t);
        } else if (row->expect == VECTOR_REJECT) {
            yields_nothing(&t);
        } else if (row->expect == VECTOR_IGNORE) {
            is_known_by_its_type_only(&t);
        } else if (row->expect == VECTOR_RESYNC) {
            assert_int_equal(t.count, 1);
            is_the_frame_of(&t, 0, row->other);
        } else {
            assert_string_equal(row->id, "xbee-910");
            assert_int_equal(t.count, 2);
            is_the_frame_of(&t, 0, "xbee-032");
            is_the_frame_of(&t, 1, "xbee-030");
        }
    }
}

/* ---- what no row shows ---- */

static void a_good_frame_inside_a_false_start_is_found_when_the_line_falls_silent(void **state)
{
    (void)state;
    static struct taken t;
    static const uint8_t start[] = { 0x7E, 0x01, 0x00 };
    begin(&t, XBEE_PLAIN);
    take(&t, span_of(start, sizeof start));
    take(&t, vector_find(&rows, "xbee-032")->bytes);
    take(&t, vector_find(&rows, "xbee-030")->bytes);
    assert_int_equal(t.count, 0);
    assert_true(xbee_reader_is_inside(&t.reader));
    take_silence(&t);
    assert_int_equal(t.count, 2);
    is_the_frame_of(&t, 0, "xbee-032");
    is_the_frame_of(&t, 1, "xbee-030");
    assert_int_equal(t.reader.damaged, 1);
    assert_false(xbee_reader_is_inside(&t.reader));
}

static void silence_between_frames_is_nothing(void **state)
{
    (void)state;
    static struct taken t;
    begin(&t, XBEE_PLAIN);
    take(&t, vector_find(&rows, good_id)->bytes);
    take_silence(&t);
    take(&t, vector_find(&rows, good_id)->bytes);
    assert_int_equal(t.count, 2);
    assert_int_equal(t.reader.damaged, 0);
}

static void an_escaped_frame_cut_off_by_silence_leaves_no_escape_behind(void **state)
{
    (void)state;
    static struct taken t;
    begin(&t, XBEE_ESCAPED);
    take(&t, vector_find(&rows, "xbee-903")->bytes);
    take_silence(&t);
    take(&t, vector_find(&rows, "xbee-036")->bytes);
    assert_int_equal(t.count, 1);
    is_the_frame_of(&t, 0, "xbee-036");
}

static void a_frame_inside_of_an_escaped_one_is_no_frame(void **state)
{
    (void)state;
    static struct taken t;
    const struct vector_row *inner = vector_find(&rows, good_id);
    uint8_t room[XBEE_WIRE_MAX];
    struct writer w = writer_of(room, sizeof room);
    xbee_frame_write(&w, XBEE_ESCAPED,
                     &(struct xbee_frame){ .type = XBEE_RECEIVE, .data = inner->bytes });
    begin(&t, XBEE_ESCAPED);
    room[sizeof room - w.left - 1] ^= 1; /* the checksum */
    take(&t, span_of(room, sizeof room - w.left));
    assert_int_equal(t.count, 0);
    assert_int_equal(t.reader.damaged, 1);
}

static void every_length_up_to_the_largest_goes_through(void **state)
{
    (void)state;
    static uint8_t payload[XBEE_LENGTH_MAX], room[XBEE_WIRE_MAX];
    static struct taken t;
    memset(payload, 0x7E, sizeof payload); /* the worst octet in either dialect */
    for (size_t len = 0; len <= XBEE_LENGTH_MAX; len++) {
        for (enum xbee_mode mode = XBEE_PLAIN; mode <= XBEE_ESCAPED; mode++) {
            const struct xbee_frame f = { .type = XBEE_TRANSMIT,
                                          .eui64 = 0x7E7E7E7E7D7D1113,
                                          .data = span_of(payload, len) };
            struct writer w = writer_of(room, sizeof room);
            xbee_frame_write(&w, mode, &f);
            assert_int_equal(w.failed, len + 14 > XBEE_LENGTH_MAX);
            begin(&t, mode);
            take(&t, span_of(room, w.failed ? 0 : sizeof room - w.left));
            assert_int_equal(t.count, !w.failed);
            assert_true(w.failed || frames_equal(&t.frames[0], &f));
        }
    }
}

static void no_frame_behind_garbage_is_lost(void **state)
{
    (void)state;
    static struct taken t;
    uint64_t seed = 42;
    for (int run = 0; run < 3000; run++) {
        uint8_t noise[400];
        const size_t len = chance_below(&seed, sizeof noise);
        chance_fill(&seed, noise, len);
        for (size_t i = 0; i < len; i += 1 + chance_below(&seed, 40))
            noise[i] = 0x7E;
        begin(&t, run & 1 ? XBEE_PLAIN : XBEE_ESCAPED);
        take(&t, span_of(noise, len));
        take_silence(&t);
        t.count = 0;
        take(&t, vector_find(&rows, good_in(t.reader.mode))->bytes);
        assert_int_equal(t.count, 1);
        is_the_frame_of(&t, 0, good_in(t.reader.mode));
    }
}

static void a_route_that_is_longer_or_shorter_than_its_count_is_refused(void **state)
{
    (void)state;
    static struct taken t;
    for (int change = -1; change <= 1; change += 2) {
        uint8_t bytes[] = { 0x7E, 0x00, 0x0F, 0xA1, 0x00, 0x13, 0xA2, 0x00, 0x40, 0x40,
                            0x11, 0x22, 0x33, 0x44, 0x01, 0x01, 0xEE, 0xFF, 0x00 };
        uint8_t sum = 0;
        bytes[15] = (uint8_t)(bytes[15] + change);
        for (size_t i = 3; i < sizeof bytes - 1; i++)
            sum = (uint8_t)(sum + bytes[i]);
        bytes[sizeof bytes - 1] = (uint8_t)(0xFF - sum);
        begin(&t, XBEE_PLAIN);
        take(&t, span_of(bytes, sizeof bytes));
        assert_int_equal(t.count, 0);
    }
}

static void a_type_that_nobody_knows_cannot_be_written(void **state)
{
    (void)state;
    uint8_t room[XBEE_WIRE_MAX];
    struct writer w = writer_of(room, sizeof room);
    xbee_frame_write(&w, XBEE_PLAIN, &(struct xbee_frame){ .type = 0xFE });
    assert_true(w.failed);
}

static void values_are_big_endian_of_any_length(void **state)
{
    (void)state;
    static const uint8_t octets[9] = { 0x01, 0x02, 0x03 };
    assert_int_equal(xbee_value(span_of(octets, 0)), 0);
    assert_int_equal(xbee_value(span_of(octets, 3)), 0x010203);
    assert_int_equal(xbee_value(span_of(octets, 8)), 0x0102030000000000);
    assert_int_equal(xbee_value(span_of(octets, 9)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_frame_inside_a_false_start_is_found_when_the_line_falls_silent),
        cmocka_unit_test(silence_between_frames_is_nothing),
        cmocka_unit_test(an_escaped_frame_cut_off_by_silence_leaves_no_escape_behind),
        cmocka_unit_test(a_frame_inside_of_an_escaped_one_is_no_frame),
        cmocka_unit_test(every_length_up_to_the_largest_goes_through),
        cmocka_unit_test(no_frame_behind_garbage_is_lost),
        cmocka_unit_test(a_route_that_is_longer_or_shorter_than_its_count_is_refused),
        cmocka_unit_test(a_type_that_nobody_knows_cannot_be_written),
        cmocka_unit_test(values_are_big_endian_of_any_length),
    };
    const int wrong = vectors_run(&rows, "xbee", the_row_holds);
    vectors_read(&rows, "xbee");
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    vectors_free(&rows);
    return wrong || failed;
}
