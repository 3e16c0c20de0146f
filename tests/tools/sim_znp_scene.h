/* sim_znp_scene.h -- a simulated Z-Stack stick and the machine that drives real ones, on one clock, mouth to mouth. */
#pragma once

#include "radio/znp.h"
#include "radio/znp_message.h"
#include "tests/radio/coordinator_scene.h"
#include "tools/sim.h"

enum { AIR_MAX = 32, TURNS = 200, SAID_MAX = 8192 };

#define NODE UINT64_C(0x0013A20040401122)
#define STICK UINT64_C(0x00124B0001020304)

struct pair {
    struct stage stage;
    struct sim_world world;
    struct sim_network network;
    struct sim_stick *stick;
    struct {
        struct sim_frame frame;
        uint8_t data[SIM_PAYLOAD_MAX];
        uint32_t token;
    } air[AIR_MAX];
    size_t air_count;
    uint8_t open_s;
    uint8_t said[SAID_MAX]; /* by the stick, and not heard yet */
    size_t said_len;
    size_t not_understood;
};

static const uint8_t hello[] = { 3, 1, 0 };

/* ---- the world --------------------------------------------------------------------------------------------------- */

static inline void on_write(void *context, struct span frame)
{
    struct pair *p = context;
    assert_true(p->said_len + frame.len <= SAID_MAX);
    memcpy(p->said + p->said_len, frame.at, frame.len);
    p->said_len += frame.len;
}

static inline void on_transmit(void *context, const struct sim_frame *f, uint32_t token)
{
    struct pair *p = context;
    assert_true(p->air_count < AIR_MAX && f->data.len <= SIM_PAYLOAD_MAX);
    memcpy(p->air[p->air_count].data, f->data.at, f->data.len);
    p->air[p->air_count].frame = *f;
    p->air[p->air_count].frame.data.at = p->air[p->air_count].data;
    p->air[p->air_count++].token = token;
}

static inline bool on_find(void *context, uint64_t *eui64, uint16_t *nwk)
{
    (void)context;
    if (*eui64 != NODE && *nwk != 0x1234)
        return false;
    *eui64 = NODE;
    *nwk = 0x1234;
    return true;
}

static inline void on_permit_join(void *context, uint8_t seconds)
{
    ((struct pair *)context)->open_s = seconds;
}

static inline void on_sim_log(void *context, const char *text)
{
    (void)text;
    ((struct pair *)context)->not_understood++;
}

/* ---- to and fro -------------------------------------------------------------------------------------------------- */

/* Until both are quiet. */
static inline void talk(struct pair *p)
{
    for (int turn = 0; turn < TURNS; turn++) {
        uint8_t said[SAID_MAX];
        const size_t len = p->said_len;
        const struct span written = stage_next_write(&p->stage);
        if (len == 0 && written.len == 0)
            return;
        memcpy(said, p->said, len);
        p->said_len = 0;
        if (len > 0)
            stage_hears_bytes(&p->stage, span_of(said, len));
        if (written.len > 0)
            sim_znp.hear(p->stick, written, p->stage.now);
    }
    fail_msg("no end of talking");
}

static inline void passes(struct pair *p, msec ms)
{
    const msec end = p->stage.now + ms;
    for (talk(p); p->stage.now < end; talk(p)) {
        const msec stick = sim_znp.deadline(p->stick);
        const msec host = znp_family.deadline(p->stage.c);
        msec next = stick < host ? stick : host;
        next = next > end ? end : next <= p->stage.now ? p->stage.now + 1 : next;
        stage_passes(&p->stage, next - p->stage.now);
        sim_znp.tick(p->stick, p->stage.now);
    }
}

static inline int meet(void **state, bool formed, unsigned option)
{
    struct pair *p = calloc(1, sizeof *p);
    assert_non_null(p);
    stage_open(&p->stage, &znp_family);
    p->world = (struct sim_world){ p, on_write, on_transmit, on_find, on_permit_join, on_sim_log };
    p->network = (struct sim_network){ formed, 15, 0x1A62, 0x1122, { 1 } };
    p->stick = calloc(1, sim_znp.size);
    assert_non_null(p->stick);
    *p->stick = (struct sim_stick){ &sim_znp, &p->world, &p->network, STICK, option };
    p->open_s = 255;
    sim_znp.plug(p->stick, p->stage.now);
    stage_start(&p->stage);
    *state = p;
    return 0;
}

static inline int blank(void **state)
{
    return meet(state, false, 0);
}

static inline int blank_old(void **state)
{
    return meet(state, false, 1);
}

static inline int blank_small(void **state)
{
    return meet(state, false, 2);
}

static inline int blank_crowded(void **state)
{
    return meet(state, false, 3);
}

static inline int formed(void **state)
{
    return meet(state, true, 0);
}

static inline int formed_old(void **state)
{
    return meet(state, true, 1);
}

static inline int part(void **state)
{
    struct pair *p = *state;
    stage_close(&p->stage);
    free(p->stick);
    free(p);
    return 0;
}

static inline void comes_up(struct pair *p)
{
    passes(p, 5000);
    assert_int_equal(p->stage.c->state, COORDINATOR_UP);
    assert_int_equal(p->stage.restart_count, 0);
    assert_int_equal(p->open_s, 0);
}

static inline struct neighbour *node(struct pair *p)
{
    return stage_node(&p->stage, NODE, 0x1234);
}

static inline void was_sent(const struct pair *p, uint8_t token, enum radio_sent result)
{
    assert_true(p->stage.sent_count > 0);
    assert_int_equal(p->stage.sent[p->stage.sent_count - 1].token, token);
    assert_int_equal(p->stage.sent[p->stage.sent_count - 1].result, result);
}
