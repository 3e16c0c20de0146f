/* znp_scene.h -- a stick that answers requests by a few facts about it, for the tests of the ZNP state machine.
 *
 *   struct scene x; scene_open(&x); ... x.formed = true; scene_start(&x);
 *   stick_says(&x, "45c0 09");                    an indication: command and data in hex, framed here
 *   machine_asked(&x, "2401 3412 e8e8 ...");      the next request that was written and not looked at
 *
 * With `deaf` the stick hears and stays silent; `mute` is one command that it does not answer. */
#pragma once

#include "radio/little.h"
#include "radio/znp.h"
#include "radio/znp_message.h"
#include "tests/radio/coordinator_scene.h"

enum { SCENE_ITEMS = 16, ASKED_MAX = 200, STICK_PAN = 0x1A62, STICK_CHANNEL = 15, NIB_LEN = 116 };
#define STICK_EUI64 UINT64_C(0x00124B0001020304)
#define STICK_XPAN UINT64_C(0xDDDDDDDDDDDDDDDD)
#define NODE_EUI64 UINT64_C(0x0013A20040401122)

struct scene {
    struct stage s;
    /* facts */
    uint8_t product, state; /* state 9: the network runs */
    bool formed;
    uint8_t channel;
    uint16_t pan_id, told_pan_id;
    uint64_t extended_pan_id;
    uint8_t key[16];
    bool deaf, registered, knows_no_delete, hides_key, has_no_items, picks_other_pan, old_info;
    uint16_t mute;
    uint8_t send_status; /* of AF_DATA_REQUEST */
    /* what was stored */
    uint16_t items[SCENE_ITEMS];
    uint8_t values[SCENE_ITEMS][16];
    size_t item_count;
    uint16_t asked[ASKED_MAX]; /* commands, in order */
    size_t asked_count;
};

/* ---- frames ------------------------------------------------------------------------------------------------------ */

static inline void stick_writes(struct scene *x, const struct znp_frame *f)
{
    uint8_t room[ZNP_FRAME_MAX];
    struct writer w = writer_of(room, sizeof room);
    znp_write_frame(f, &w);
    stage_hears_bytes(&x->s, span_of(room, sizeof room - w.left));
}

static inline void stick_says(struct scene *x, const char *hex)
{
    uint8_t bytes[ZNP_FRAME_MAX];
    struct span all = hex_bytes(hex, bytes, sizeof bytes);
    assert_true(all.len >= 2);
    stick_writes(x, &(struct znp_frame){ (uint16_t)(bytes[0] << 8 | bytes[1]), span_from(all, 2) });
}

static inline void stick_sends(struct scene *x, const struct znp_message *m)
{
    uint8_t room[ZNP_FRAME_MAX];
    struct writer w = writer_of(room, sizeof room);
    znp_encode(m, &w);
    assert_false(w.failed);
    stage_hears_bytes(&x->s, span_of(room, sizeof room - w.left));
}

/* The next write as command and data; command 0: nothing was written, or octets that are no frame. */
static inline struct znp_frame next_request(struct scene *x)
{
    static struct znp_reader reader;
    struct znp_frame f = { 0 };
    reader = (struct znp_reader){ 0 };
    struct span rest = znp_reader_feed(&reader, stage_next_write(&x->s));
    assert_int_equal(rest.len, 0);
    if (!znp_reader_next(&reader, &f))
        f.command = 0;
    return f;
}

static inline void machine_asked(struct scene *x, const char *hex)
{
    uint8_t bytes[ZNP_FRAME_MAX];
    struct span want = hex_bytes(hex, bytes, sizeof bytes);
    struct znp_frame f = next_request(x);
    assert_int_equal(f.command, bytes[0] << 8 | bytes[1]);
    assert_int_equal(f.data.len, want.len - 2);
    assert_memory_equal(f.data.at, want.at + 2, f.data.len);
}

/* ---- the stick --------------------------------------------------------------------------------------------------- */

static inline void forms(struct scene *x)
{
    x->formed = true;
    x->state = 9;
    if (x->picks_other_pan)
        x->pan_id++;
}

static inline void stores(struct scene *x, const struct znp_message *m)
{
    assert_true(x->item_count < SCENE_ITEMS && m->data.len <= 16);
    x->items[x->item_count] = m->item;
    memcpy(x->values[x->item_count++], m->data.at, m->data.len);
    struct reader r = reader_of(m->data);
    if (m->item == 0x0083)
        x->pan_id = x->told_pan_id = read_le16(&r);
    if (m->item == 0x002D)
        x->extended_pan_id = read_le64(&r);
    if (m->item == 0x0084)
        x->channel = (uint8_t)__builtin_ctz(read_le32(&r));
    if (m->item == 0x0062)
        memcpy(x->key, m->data.at, 16);
}

static inline void shows(struct scene *x, const struct znp_message *m)
{
    uint8_t room[NIB_LEN] = { 0 };
    struct writer w = writer_of(room, sizeof room);
    struct znp_message a = { .command = ZNP_NV_VALUE };
    if (m->item == 0x0021 && x->formed) {
        room[24] = x->channel;
        room[36] = (uint8_t)x->pan_id;
        room[37] = (uint8_t)(x->pan_id >> 8);
        w = writer_of(room + 57, 8);
        write_le64(&w, x->extended_pan_id);
        a.data = span_of(room, NIB_LEN);
    } else if (m->item == 0x003A && x->formed && !x->hides_key) {
        memcpy(room + 1, x->key, 16);
        a.data = span_of(room, 17);
    } else if (m->item == 0x0083) {
        write_le16(&w, x->told_pan_id);
        a.data = span_of(room, 2);
    } else {
        a.status = 2;
    }
    stick_sends(x, &a);
}

static inline void informs(struct scene *x)
{
    bool runs = x->state == 9;
    stick_sends(x, &(struct znp_message){ .command = ZNP_NETWORK_IS,
                                          .brief = x->old_info,
                                          .nwk = (uint16_t)(runs ? 0 : 0xFFFE),
                                          .state = x->state,
                                          .pan_id = runs ? x->pan_id : 0xFFFF,
                                          .extended_pan_id = runs ? x->extended_pan_id : 0,
                                          .channel = runs ? x->channel : 0 });
}

static inline void resets(struct scene *x, const char *indication)
{
    x->state = 0;
    x->registered = false;
    stick_says(x, indication);
}

static inline void starts(struct scene *x)
{
    bool old = x->formed;
    stick_sends(x, &(struct znp_message){ .command = ZNP_START_TAKEN, .status = old ? 0 : 1 });
    forms(x);
    stick_says(x, "45c0 08");
    stick_says(x, "45c0 09");
}

/* What a request says about the stick, in its answer. */
static inline void fill_in(struct scene *x, const struct znp_message *m, struct znp_message *a)
{
    switch (m->command) {
    case ZNP_PING:
        a->capabilities = 0x0659;
        break;
    case ZNP_VERSION:
        a->product = x->product;
        a->transport = 2, a->major = 2, a->minor = 7, a->maintenance = 1, a->revision = 20240710;
        break;
    case ZNP_DEVICE_INFO:
        a->eui64 = STICK_EUI64, a->device_type = 7, a->state = x->state;
        break;
    case ZNP_NV_WRITE:
    case ZNP_CONFIGURE:
        a->status = x->has_no_items && m->item == 0x0003 && x->item_count == 0 ? 2 : 0;
        if (a->status == 0)
            stores(x, m);
        break;
    case ZNP_NV_INIT:
        a->status = 9;
        stores(x, m);
        break;
    case ZNP_REGISTER:
        a->status = x->registered ? 0xB8 : 0;
        x->registered = true;
        break;
    case ZNP_UNREGISTER:
        x->registered = false;
        break;
    case ZNP_SEND:
        a->status = x->send_status;
        break;
    default:
        break;
    }
}

static inline void answers(struct scene *x, const struct znp_message *m)
{
    struct znp_message a = { .command = znp_answer(m->command) };
    if (m->command == ZNP_NV_READ) {
        shows(x, m);
    } else if (m->command == ZNP_START) {
        starts(x);
    } else if (m->command == ZNP_NETWORK_INFO) {
        informs(x);
    } else if (m->command == ZNP_RESET) {
        x->formed = x->formed && x->values[0][0] != 3;
        resets(x, "4180 00 02 01 02 07 01");
    } else if (m->command == ZNP_UNREGISTER && x->knows_no_delete) {
        stick_says(x, "6000 02 24 04");
    } else {
        fill_in(x, m, &a);
        stick_sends(x, &a);
    }
    if (m->command == ZNP_COMMISSION) {
        forms(x);
        stick_says(x, "4f80 00 00 00");
        stick_says(x, "45c0 09");
    }
}

/* Answers all that was written, until nothing is. */
static inline void stick_answers(struct scene *x)
{
    struct znp_message m;
    while (x->s.write_read < x->s.write_count) {
        struct znp_frame f = next_request(x);
        if (f.command == 0)
            continue;
        assert_int_equal(znp_decode(&f, &m), ZNP_OK);
        assert_true(x->asked_count < ASKED_MAX);
        x->asked[x->asked_count++] = f.command;
        uint8_t data[ZNP_DATA_MAX]; /* the next request is read into the same place */
        memcpy(data, f.data.at, f.data.len);
        f.data.at = data;
        assert_int_equal(znp_decode(&f, &m), ZNP_OK);
        if (!x->deaf && f.command != x->mute)
            answers(x, &m);
    }
}

static inline bool was_asked(const struct scene *x, uint16_t command)
{
    for (size_t i = 0; i < x->asked_count; i++)
        if (x->asked[i] == command)
            return true;
    return false;
}

/* ---- the stage --------------------------------------------------------------------------------------------------- */

/* A stick with Z-Stack 3.x.0 and no network. */
static inline void scene_open(struct scene *x)
{
    memset(x, 0, sizeof *x);
    stage_open(&x->s, &znp_family);
    x->product = 1;
    x->channel = STICK_CHANNEL;
    x->pan_id = x->told_pan_id = STICK_PAN;
    x->extended_pan_id = STICK_XPAN;
    memset(x->key, 0xAA, sizeof x->key);
}

static inline void scene_start(struct scene *x)
{
    stage_start(&x->s);
    stick_answers(x);
}

/* ... and one with a network that agrees with everything, up. */
static inline void scene_up(struct scene *x)
{
    scene_open(x);
    x->formed = true;
    scene_start(x);
    assert_int_equal(x->s.c->state, COORDINATOR_UP);
    x->asked_count = 0;
}

/* The stick answers every now and then meanwhile. */
static inline void time_passes(struct scene *x, msec ms)
{
    enum { NOW_AND_THEN = 500 };
    for (; ms > NOW_AND_THEN; ms -= NOW_AND_THEN) {
        stage_passes(&x->s, NOW_AND_THEN);
        stick_answers(x);
    }
    stage_passes(&x->s, ms);
    stick_answers(x);
}

/* Asserts the last state and a piece of what was said about it. */
static inline void state_is(const struct scene *x, enum coordinator_state state, const char *why)
{
    assert_int_equal(x->s.c->state, state);
    assert_true(x->s.state_count > 0);
    if (!strstr(x->s.states[x->s.state_count - 1].why, why))
        fail_msg("\"%s\" is not in \"%s\"", why, x->s.states[x->s.state_count - 1].why);
}

static inline bool was_logged(const struct scene *x, const char *text)
{
    for (size_t i = 0; i < x->s.log_count; i++)
        if (strstr(x->s.logs[i], text))
            return true;
    return false;
}

static inline void was_sent(const struct scene *x, uint8_t token, enum radio_sent result)
{
    assert_true(x->s.sent_count > 0);
    assert_int_equal(x->s.sent[x->s.sent_count - 1].token, token);
    assert_int_equal(x->s.sent[x->s.sent_count - 1].result, result);
}

/* ---- a test ------------------------------------------------------------------------------------------------------ */

static const uint8_t hello[] = { 3, 5, 0 };

static inline struct neighbour *node(struct scene *x)
{
    return stage_node(&x->s, NODE_EUI64, 0x1234);
}

static inline uint8_t sends(struct scene *x, struct neighbour *to)
{
    return stage_sends(&x->s, to, span_of(hello, sizeof hello));
}

/* The machine counts its transactions from 1. */
static inline void confirms(struct scene *x, uint8_t transaction, uint8_t status)
{
    stick_sends(x, &(struct znp_message){ .command = ZNP_CONFIRM,
                                          .status = status,
                                          .endpoint = 0xE8,
                                          .transaction = transaction });
}

static inline void hears_from(struct scene *x, uint16_t nwk)
{
    stick_sends(x, &(struct znp_message){ .command = ZNP_INCOMING,
                                          .cluster = 0x0011,
                                          .source = nwk,
                                          .source_endpoint = 0xE9,
                                          .endpoint = 0xE8,
                                          .lqi = 180,
                                          .data = span_of(hello, sizeof hello) });
}

static inline int scene_new(void **state, void (*prepare)(struct scene *x))
{
    struct scene *x = malloc(sizeof *x);
    if (!x)
        return 1;
    prepare(x);
    *state = x;
    return 0;
}

static inline int open_scene(void **state)
{
    return scene_new(state, scene_open);
}

static inline int open_scene_up(void **state)
{
    return scene_new(state, scene_up);
}

static inline int close_scene(void **state)
{
    struct scene *x = *state;
    stage_close(&x->s);
    free(x);
    return 0;
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, open_scene, close_scene)
#define SCENE_UP(test) cmocka_unit_test_setup_teardown(test, open_scene_up, close_scene)
