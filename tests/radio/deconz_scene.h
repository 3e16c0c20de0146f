/* deconz_scene.h -- the machine of a deCONZ stick and the simulated stick, with a clock that only the test turns.
 *
 * What the machine wrote goes to the stick, and back, frame by frame and within the same millisecond, until both are
 * silent. Where a stick must misbehave, its answers are lost, damaged or replaced here. */
#pragma once

#include "radio/deconz.h"
#include "radio/deconz_frame.h"
#include "tests/radio/coordinator_scene.h"
#include "tools/sim.h"

enum { SENT_MAX = 16, PIPE_MAX = 4096, NODE_NWK = 0x1234 };

static const uint64_t NODE = 0x0013A20040401122, OWN = 0x00212EFFFF030201;

static struct bench {
    struct stage s;
    struct sim_stick *stick;
    struct sim_network network;
    struct sim_world world;
    uint8_t pipe[PIPE_MAX];
    size_t piped;
    struct {
        struct sim_frame frame;
        uint8_t bytes[SIM_PAYLOAD_MAX];
        uint32_t token;
    } sent[SENT_MAX];
    size_t sent_count;
    int permit;          /* seconds the network was opened for last; -1: never */
    uint8_t mute;        /* answers to this command are lost */
    uint8_t wrong;       /* answers to this command come as another command, once */
    uint8_t damaged;     /* answers to this command are damaged, once */
    bool full;           /* it never has room for a frame */
    unsigned asked[256]; /* how often the machine asked each command */
} b;

/* ---- between the two -------------------------------------------------------------------------------------------- */

static inline bool frame_in(struct span bytes, struct deconz_frame *f)
{
    static struct deconz_reader reader;
    deconz_reader_init(&reader);
    return deconz_next(&reader, &bytes, f);
}

static inline void pipe_frame(struct span bytes)
{
    assert_true(b.piped + bytes.len <= PIPE_MAX);
    memcpy(b.pipe + b.piped, bytes.at, bytes.len);
    b.piped += bytes.len;
}

static inline void pipe_as(const struct deconz_frame *f, uint8_t command)
{
    uint8_t room[1200];
    struct writer w = writer_of(room, sizeof room);
    struct deconz_frame other = *f;
    other.command = command;
    deconz_write(&other, &w);
    pipe_frame(span_of(room, sizeof room - w.left));
}

/* Its state octet, as the octet alone, without the bit that says that there is room. */
static inline void pipe_full(const struct deconz_frame *f)
{
    uint8_t state;
    assert_true(deconz_read_state(f, &state));
    state = (uint8_t)(state & ~DECONZ_SLOTS_FREE);
    struct deconz_frame other = *f;
    other.body = span_of(&state, 1);
    pipe_as(&other, f->command);
}

static inline void stick_writes(void *context, struct span bytes)
{
    struct deconz_frame f;
    (void)context;
    assert_true(frame_in(bytes, &f));
    if (b.mute == f.command)
        return;
    if (b.wrong == f.command) {
        b.wrong = 0;
        pipe_as(&f, DECONZ_VERSION);
    } else if (b.full && (f.command == DECONZ_STATE || f.command == DECONZ_STATE_CHANGED)) {
        pipe_full(&f);
    } else {
        pipe_frame(bytes);
        if (b.damaged == f.command) {
            b.damaged = 0;
            b.pipe[b.piped - 3] ^= 0x10;
        }
    }
}

static inline void stick_transmits(void *context, const struct sim_frame *f, uint32_t token)
{
    (void)context;
    assert_true(b.sent_count < SENT_MAX && f->data.len <= SIM_PAYLOAD_MAX);
    b.sent[b.sent_count].frame = *f;
    b.sent[b.sent_count].token = token;
    memcpy(b.sent[b.sent_count].bytes, f->data.at, f->data.len);
    b.sent_count++;
}

static inline bool stick_finds(void *context, uint64_t *eui64, uint16_t *nwk)
{
    (void)context;
    if (*eui64 != NODE && *nwk != NODE_NWK)
        return false;
    *eui64 = NODE;
    *nwk = NODE_NWK;
    return true;
}

static inline void stick_permits(void *context, uint8_t seconds)
{
    (void)context;
    b.permit = seconds;
}

static inline void stick_logs(void *context, const char *text)
{
    (void)context, (void)text;
}

/* Until neither has anything to say. */
static inline void talk(void)
{
    struct span w;
    struct deconz_frame f;
    while (b.piped > 0 || b.s.write_read < b.s.write_count) {
        while ((w = stage_next_write(&b.s)).len > 0) {
            assert_true(frame_in(w, &f));
            b.asked[f.command]++;
            sim_deconz.hear(b.stick, w, b.s.now);
        }
        const size_t n = b.piped;
        uint8_t bytes[PIPE_MAX];
        memcpy(bytes, b.pipe, n);
        b.piped = 0;
        if (n > 0)
            stage_hears_bytes(&b.s, span_of(bytes, n));
        if (b.s.write_read == b.s.write_count) /* the table of writes is finite */
            b.s.write_read = b.s.write_count = 0;
    }
}

/* Time goes on for both, a little at a time. */
static inline void passes(msec ms)
{
    enum { STEP = 10 };
    for (msec gone = 0; gone < ms; gone += STEP) {
        stage_passes(&b.s, STEP);
        if (sim_deconz.deadline(b.stick) <= b.s.now)
            sim_deconz.tick(b.stick, b.s.now);
        talk();
    }
}

/* ---- the scene -------------------------------------------------------------------------------------------------- */

static inline int begin(void **state)
{
    (void)state;
    memset(&b, 0, sizeof b);
    b.permit = -1;
    b.world = (struct sim_world){ &b,          stick_writes,  stick_transmits,
                                  stick_finds, stick_permits, stick_logs };
    b.stick = calloc(1, sim_deconz.size);
    assert_non_null(b.stick);
    *b.stick = (struct sim_stick){ &sim_deconz, &b.world, &b.network, OWN, 0 };
    stage_open(&b.s, &deconz_family);
    return 0;
}

static inline int end(void **state)
{
    (void)state;
    stage_close(&b.s);
    free(b.stick);
    return 0;
}

static inline void has_network(void)
{
    b.network = (struct sim_network){ true, 20, 0x1A62, 0x00112233445566AA, { 9, 8, 7 } };
}

static inline void starts(void)
{
    sim_deconz.plug(b.stick, b.s.now);
    stage_start(&b.s);
    talk();
}

static inline void comes_up(void)
{
    starts();
    passes(2000);
    assert_int_equal(b.s.c->state, COORDINATOR_UP);
    assert_int_equal(b.s.restart_count, 0);
}

static inline void state_is(enum coordinator_state state, const char *why)
{
    assert_int_equal(b.s.c->state, state);
    assert_true(b.s.state_count > 0);
    const char *have = b.s.states[b.s.state_count - 1].why;
    if (!strstr(have, why))
        fail_msg("\"%s\" does not say \"%s\"", have, why);
}

static inline uint8_t sends(size_t len)
{
    static uint8_t data[COORDINATOR_PAYLOAD_MAX];
    memset(data, 'x', sizeof data);
    const uint8_t token = stage_sends(&b.s, stage_node(&b.s, NODE, NODE_NWK), span_of(data, len));
    talk();
    return token;
}

static inline void ends(size_t i, enum sim_outcome how)
{
    assert_true(i < b.sent_count);
    sim_deconz.outcome(b.stick, b.sent[i].token, how, b.s.now);
    talk();
}

static inline void sent_is(size_t i, uint8_t token, enum radio_sent result)
{
    assert_true(i < b.s.sent_count);
    assert_int_equal(b.s.sent[i].token, token);
    assert_int_equal(b.s.sent[i].result, result);
}

static inline void node_says(const char *text, bool sleeper)
{
    sim_deconz.receive(b.stick,
                       &(struct sim_frame){ .eui64 = NODE,
                                            .nwk = NODE_NWK,
                                            .endpoint = 0xE8,
                                            .source_endpoint = 0xE8,
                                            .profile = 0xC105,
                                            .cluster = 0x0011,
                                            .sleeper = sleeper,
                                            .lqi = 0xC0,
                                            .data = span_text(text) },
                       b.s.now);
    talk();
}

/* The stick says its state octet, true or not. */
static inline void stick_says_state(uint8_t octet)
{
    const uint8_t body[2] = { octet, 0 };
    pipe_as(&(struct deconz_frame){ .body = span_of(body, sizeof body) }, DECONZ_STATE_CHANGED);
    talk();
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, begin, end)
