/* sim_ezsp_scene.h -- the simulated EmberZNet NCP on one side of a line, the gateway's own machine on the other, and an
 * air that the test is. */
#pragma once

#include "radio/ash.h"
#include "radio/ezsp.h"
#include "radio/ezsp_message.h"
#include "radio/little.h"
#include "tests/radio/coordinator_scene.h"
#include "tools/sim.h"

enum { MAILS = 256, FLIGHTS = 32 };
#define NODE UINT64_C(0x0013A20040401122)

struct scene {
    struct stage stage;
    struct sim_stick *stick;
    struct sim_network network;
    struct sim_world world;
    struct {
        uint8_t bytes[ASH_WIRE_MAX];
        size_t len;
    } mail[MAILS]; /* of the stick */
    size_t mails;
    uint32_t flights[FLIGHTS]; /* tokens */
    size_t flight_count, broadcasts;
    struct sim_frame last;
    uint8_t last_data[SIM_PAYLOAD_MAX];
    unsigned permitted;
};

static inline void on_write(void *context, struct span frame)
{
    struct scene *s = context;
    assert_true(s->mails < MAILS && frame.len <= ASH_WIRE_MAX);
    memcpy(s->mail[s->mails].bytes, frame.at, frame.len);
    s->mail[s->mails++].len = frame.len;
}

static inline void on_transmit(void *context, const struct sim_frame *f, uint32_t token)
{
    struct scene *s = context;
    assert_true(s->flight_count < FLIGHTS && f->data.len <= sizeof s->last_data);
    s->last = *f;
    memcpy(s->last_data, f->data.at, f->data.len);
    s->last.data = span_of(s->last_data, f->data.len);
    if (f->broadcast)
        s->broadcasts++;
    else
        s->flights[s->flight_count++] = token;
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

static inline void on_permit(void *context, uint8_t seconds)
{
    struct scene *s = context;
    s->permitted = seconds;
}

static inline void on_log(void *context, const char *text)
{
    (void)context, (void)text;
}

static inline void runs(struct scene *s)
{
    for (bool busy = true; busy;) {
        struct span w = stage_next_write(&s->stage);
        busy = w.len > 0 || s->mails > 0;
        if (w.len > 0)
            sim_ezsp.hear(s->stick, w, s->stage.now);
        size_t n = s->mails;
        for (size_t i = 0; i < n; i++)
            stage_hears_bytes(&s->stage, span_of(s->mail[i].bytes, s->mail[i].len));
        memmove(s->mail, s->mail + n, (s->mails - n) * sizeof *s->mail);
        s->mails -= n;
        if (s->stage.write_read == s->stage.write_count)
            s->stage.write_read = s->stage.write_count = 0;
    }
}

static inline void passes(struct scene *s, msec ms)
{
    const msec end = s->stage.now + ms;
    for (int i = 0; i < 1000; i++) {
        runs(s);
        msec stick = sim_ezsp.deadline(s->stick), host = s->stage.c->family->deadline(s->stage.c);
        msec next = stick < host ? stick : host;
        if (next > end)
            break;
        s->stage.now = next > s->stage.now ? next : s->stage.now;
        sim_ezsp.tick(s->stick, s->stage.now);
        s->stage.c->family->tick(s->stage.c, s->stage.now);
    }
    s->stage.now = end;
}

static inline void plugs(struct scene *s, unsigned option)
{
    free(s->stick);
    s->stick = calloc(1, sim_ezsp.size);
    assert_non_null(s->stick);
    s->stick->family = &sim_ezsp;
    s->stick->world = &s->world;
    s->stick->network = &s->network;
    s->stick->eui64 = 0x086BD7FFFE010203;
    s->stick->option = option;
    sim_ezsp.plug(s->stick, s->stage.now);
    stage_start(&s->stage);
    passes(s, 1000);
}

static inline int set_up(void **state)
{
    static struct scene scene;
    struct scene *s = *state = &scene;
    memset(s, 0, sizeof *s);
    s->world = (struct sim_world){ s, on_write, on_transmit, on_find, on_permit, on_log };
    stage_open(&s->stage, &ezsp_family);
    return 0;
}

static inline int tear_down(void **state)
{
    struct scene *s = *state;
    stage_close(&s->stage);
    free(s->stick);
    s->stick = NULL;
    return 0;
}
