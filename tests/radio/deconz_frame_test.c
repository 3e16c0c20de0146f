/* deconz_frame_test.c -- frames of the deCONZ serial protocol: every vector in every split, field by field and back. */
#include "radio/deconz_frame.h"
#include "radio/little.h"
#include "tests/radio/zigbee_vectors.h"

enum { FRAMES = 8, ROOM = 2 * DECONZ_FRAME_MAX };

static struct vectors rows;

static struct listener {
    struct deconz_reader reader;
    struct deconz_frame frames[FRAMES];
    uint8_t bodies[FRAMES][DECONZ_FRAME_MAX];
    size_t count;
} line;

static void take(void *context, struct span piece)
{
    struct listener *l = context;
    struct deconz_frame f;
    while (deconz_next(&l->reader, &piece, &f)) {
        assert_true(l->count < FRAMES);
        memcpy(l->bodies[l->count], f.body.at, f.body.len);
        f.body.at = l->bodies[l->count];
        l->frames[l->count++] = f;
    }
    assert_int_equal(piece.len, 0);
}

static void begin(void)
{
    memset(&line, 0, sizeof line);
    deconz_reader_init(&line.reader);
}

static struct span written(const struct deconz_frame *f, uint8_t room[ROOM])
{
    struct writer w = writer_of(room, ROOM);
    deconz_write(f, &w);
    assert_false(w.failed);
    return span_of(room, ROOM - w.left);
}

/* ---- what a row says -------------------------------------------------------------------------------------------- */

static void number_is(const struct vector_row *row, const char *key, uint64_t have)
{
    if (have != vector_number(row, key, 16))
        fail_msg("%s: %s is %llx", row->id, key, (unsigned long long)have);
}

static void octets_are(const struct vector_row *row, const char *key, struct span have)
{
    uint8_t room[DECONZ_FRAME_MAX];
    if (!span_equal(have, vector_octets(row, key, room, sizeof room)))
        fail_msg("%s: %s is another", row->id, key);
}

static void destination_is(const struct vector_row *row, const char *mode_key,
                           const struct deconz_address *a, uint8_t endpoint)
{
    number_is(row, mode_key, a->mode);
    number_is(row, "dst", a->nwk);
    number_is(row, "dst_ep", endpoint);
}

static struct span body_back(struct writer *w, const uint8_t *room, size_t size)
{
    assert_false(w->failed);
    return span_of(room, size - w->left);
}

static void request_holds(const struct vector_row *row, const struct deconz_frame *f)
{
    uint8_t room[DECONZ_FRAME_MAX];
    struct writer w = writer_of(room, sizeof room);
    struct deconz_request q;
    assert_true(deconz_read_request(f->body, &q));
    destination_is(row, "mode", &q.to, q.endpoint);
    number_is(row, "req", q.id);
    number_is(row, "flags", q.flags);
    number_is(row, "profile", q.profile);
    number_is(row, "cluster", q.cluster);
    number_is(row, "src_ep", q.source_endpoint);
    octets_are(row, "asdu", q.data);
    number_is(row, "txopt", q.options);
    number_is(row, "radius", q.radius);
    deconz_write_request(&q, &w);
    assert_true(span_equal(body_back(&w, room, sizeof room), f->body));
}

static void confirm_holds(const struct vector_row *row, const struct deconz_frame *f)
{
    uint8_t room[DECONZ_FRAME_MAX];
    struct writer w = writer_of(room, sizeof room);
    struct deconz_confirm c;
    assert_true(deconz_read_confirm(f->body, &c));
    destination_is(row, "mode", &c.to, c.endpoint);
    number_is(row, "device_state", c.state);
    number_is(row, "req", c.id);
    number_is(row, "src_ep", c.source_endpoint);
    number_is(row, "confirm", c.status);
    deconz_write_confirm(&c, &w);
    assert_true(span_equal(body_back(&w, room, sizeof room), f->body));
}

static void indication_holds(const struct vector_row *row, const struct deconz_frame *f)
{
    uint8_t room[DECONZ_FRAME_MAX];
    struct writer w = writer_of(room, sizeof room);
    struct deconz_indication i;
    assert_true(deconz_read_indication(f->body, &i));
    destination_is(row, "dmode", &i.to, i.endpoint);
    number_is(row, "device_state", i.state);
    number_is(row, "smode", i.from.mode);
    number_is(row, "src", i.from.nwk);
    number_is(row, "src64", i.from.eui64);
    number_is(row, "src_ep", i.source_endpoint);
    number_is(row, "profile", i.profile);
    number_is(row, "cluster", i.cluster);
    octets_are(row, "asdu", i.data);
    number_is(row, "lqi", i.lqi);
    assert_int_equal((int8_t)i.spare.at[i.spare.len - 1], (int8_t)vector_number(row, "rssi", 10));
    deconz_write_indication(&i, &w);
    assert_true(span_equal(body_back(&w, room, sizeof room), f->body));
}

static void value_holds(const struct vector_row *row, const struct deconz_frame *f)
{
    uint8_t room[DECONZ_FRAME_MAX];
    struct writer w = writer_of(room, sizeof room);
    struct deconz_value v;
    assert_true(deconz_read_value(f->body, &v));
    number_is(row, "param", v.parameter);
    struct reader r = reader_of(v.value);
    const struct span value = vector_value(row, "value");
    if (value.len > 1 && value.at[1] == 'x')
        number_is(row, "value", read_little(&r, v.value.len));
    else if (value.len > 0)
        octets_are(row, "value", v.value);
    deconz_write_value(&v, &w);
    assert_true(span_equal(body_back(&w, room, sizeof room), f->body));
}

static void small_body_holds(const struct vector_row *row, const struct deconz_frame *f)
{
    uint32_t version;
    uint8_t state, id;
    struct span payload;
    if (vector_has(row, "version")) {
        assert_true(deconz_read_version(f->body, &version));
        number_is(row, "version", version);
    }
    if (vector_has(row, "state"))
        number_is(row, "state", f->body.at[0]);
    if (vector_has(row, "device_state")) {
        assert_true(deconz_read_state(f, &state));
        number_is(row, "device_state", state);
    }
    if (vector_has(row, "req")) {
        assert_true(deconz_read_queued(f->body, &state, &id));
        number_is(row, "req", id);
    }
    if (vector_has(row, "flags")) {
        assert_true(deconz_payload(f->body, &payload) && payload.len == 1);
        number_is(row, "flags", payload.at[0]);
    }
}

static void body_holds(const struct vector_row *row, const struct deconz_frame *f)
{
    if (vector_has(row, "asdu") && f->command == DECONZ_REQUEST)
        request_holds(row, f);
    else if (vector_has(row, "asdu"))
        indication_holds(row, f);
    else if (vector_has(row, "confirm"))
        confirm_holds(row, f);
    else if (vector_has(row, "param"))
        value_holds(row, f);
    else
        small_body_holds(row, f);
}

static void frame_holds(const struct vector_row *row, const struct deconz_frame *f)
{
    struct span payload;
    number_is(row, "cmd", f->command);
    assert_int_equal(f->sequence, vector_number(row, "seq", 10));
    assert_int_equal(f->status, vector_number(row, "status", 10));
    assert_int_equal(f->body.len + 5, vector_number(row, "len", 10));
    if (vector_has(row, "plen")) {
        assert_true(deconz_payload(f->body, &payload));
        assert_int_equal(payload.len, vector_number(row, "plen", 10));
    }
    body_holds(row, f);
}

/* ---- every row, in every split ---------------------------------------------------------------------------------- */

static void a_good_frame_is_taken_behind_it(void)
{
    const struct vector_row *good = vector_find(&rows, "deconz-017");
    const size_t before = line.count;
    take(&line, good->bytes);
    assert_int_equal(line.count, before + 1);
    frame_holds(good, &line.frames[before]);
}

static void the_row_holds(void **state)
{
    const struct vector_row *row = *state;
    uint8_t room[ROOM];
    const bool good = row->expect == VECTOR_OK || row->expect == VECTOR_RESYNC;
    const struct vector_row *meant =
        row->expect == VECTOR_RESYNC ? vector_find(&rows, row->other) : row;
    size_t split = VECTOR_WHOLE;
    assert_int_not_equal(row->expect, VECTOR_SPECIAL);
    do {
        begin();
        vector_feed(row->bytes, split, take, &line);
        assert_int_equal(line.count, good);
        if (good) {
            frame_holds(meant, &line.frames[0]);
            assert_true(span_equal(written(&line.frames[0], room), meant->bytes));
        }
        assert_int_equal(deconz_damaged(&line.reader), row->expect != VECTOR_OK);
        a_good_frame_is_taken_behind_it();
    } while (vector_next_split(row->bytes, &split));
}

/* ---- what no vector shows --------------------------------------------------------------------------------------- */

static void every_shorter_body_is_refused(void **state)
{
    (void)state;
    uint8_t room[64];
    struct writer w = writer_of(room, sizeof room);
    struct deconz_indication i = { .to = { DECONZ_NWK, 0, 0 }, .from = { DECONZ_NWK, 7, 0 } };
    i.data = span_of("abc", 3);
    deconz_write_indication(&i, &w);
    const size_t len = sizeof room - w.left;
    for (size_t n = 0; n < len; n++) {
        if (n >= 2)
            room[0] = (uint8_t)(n - 2);
        assert_false(deconz_read_indication(span_of(room, n), &i));
    }
    room[0] = (uint8_t)(len - 2);
    assert_true(deconz_read_indication(span_of(room, len), &i));
}

static void a_payload_length_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    const uint8_t body[] = { 3, 0, 0x22, 0x2A };
    uint8_t device, id;
    assert_false(deconz_read_queued(span_of(body, sizeof body), &device, &id));
}

static void each_kind_of_address_comes_back(void **state)
{
    (void)state;
    for (unsigned mode = DECONZ_GROUP; mode <= DECONZ_NWK_AND_EUI64; mode++) {
        uint8_t room[64];
        struct writer w = writer_of(room, sizeof room);
        struct deconz_request back,
            q = { .id = 1, .to = { .mode = (uint8_t)mode }, .data = { NULL, 0 } };
        q.endpoint = mode == DECONZ_GROUP ? 0 : 0xE8;
        q.to.nwk = mode == DECONZ_EUI64 ? 0 : 0x1234;
        q.to.eui64 = mode >= DECONZ_EUI64 ? 0x0013A20040401122 : 0;
        deconz_write_request(&q, &w);
        assert_true(deconz_read_request(span_of(room, sizeof room - w.left), &back));
        assert_int_equal(back.to.nwk, q.to.nwk);
        assert_int_equal(back.to.eui64, q.to.eui64);
        assert_int_equal(back.endpoint, q.endpoint);
    }
}

static void an_address_of_no_known_kind_is_refused(void **state)
{
    (void)state;
    const uint8_t poll[] = { 3, 0, 9, 0x34, 0x12 };
    struct deconz_address from;
    assert_false(deconz_read_poll(span_of(poll, sizeof poll), &from));
}

static void a_frame_that_is_too_long_is_passed_over(void **state)
{
    (void)state;
    uint8_t noise[DECONZ_FRAME_MAX + 10];
    memset(noise, 0x55, sizeof noise);
    begin();
    take(&line, span_of(noise, sizeof noise));
    assert_int_equal(line.count, 0);
    a_good_frame_is_taken_behind_it();
    assert_int_equal(deconz_damaged(&line.reader), 1);
}

static void every_stick_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(deconz_platform(0x26780700), "ConBee II");
    assert_string_equal(deconz_platform(0x26500900), "ConBee III");
    assert_string_equal(deconz_platform(0x264A0500), "ConBee or RaspBee");
    assert_non_null(strstr(deconz_platform(0), "unknown"));
}

static int read_rows(void **state)
{
    (void)state;
    vectors_read(&rows, "deconz");
    return 0;
}

static int free_rows(void **state)
{
    (void)state;
    vectors_free(&rows);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shorter_body_is_refused),
        cmocka_unit_test(a_payload_length_that_does_not_fit_is_refused),
        cmocka_unit_test(each_kind_of_address_comes_back),
        cmocka_unit_test(an_address_of_no_known_kind_is_refused),
        cmocka_unit_test(a_frame_that_is_too_long_is_passed_over),
        cmocka_unit_test(every_stick_has_a_name),
    };
    const int failed = cmocka_run_group_tests(tests, read_rows, free_rows);
    return vectors_run(&rows, "deconz", the_row_holds) || failed;
}
