/* coordinator_scene.h -- the stage for one family's state machine: a scripted stick on one side, a recording radio on
 * the other, and a clock that only the test turns.
 *
 * struct stage s; stage_open(&s, &xbee_family); stage_start(&s); stage_wrote(&s, "7e0004080156524e");              the
 * machine wrote exactly these bytes (next unread write) stage_hears(&s, "7e00078801565200101 2ac");       the stick
 * answers (spaces are allowed) stage_passes(&s, 1000);                           time goes on; deadlines fire in order
 * assert_int_equal(s.c->state, COORDINATOR_UP);
 *
 * What the machine told the radio is in s.states, s.heard, s.sent, s.restarts, s.logs, in order. */
#pragma once

#include "radio/coordinator.h"
#include "tests/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { STAGE_WRITES = 512, STAGE_BYTES = 600, STAGE_NOTES = 128 };

struct stage_write {
    uint8_t bytes[STAGE_BYTES];
    size_t len;
    msec at;
};

struct stage {
    struct coordinator *c;
    struct config_radio settings; /* change it between stage_open and stage_start */
    struct coordinator_events events;
    struct neighbours *neighbours;
    msec now;
    uint8_t last_token;
    struct stage_write writes[STAGE_WRITES];
    size_t write_count, write_read;
    struct {
        enum coordinator_state state;
        char why[COORDINATOR_TEXT];
    } states[STAGE_NOTES];
    size_t state_count;
    struct {
        uint64_t eui64;
        uint16_t nwk;
        struct radio_frame frame; /* bytes live in `bytes` */
        uint8_t bytes[COORDINATOR_PAYLOAD_MAX];
    } heard[STAGE_NOTES];
    size_t heard_count;
    struct {
        uint8_t token;
        enum radio_sent result;
        msec at;
    } sent[STAGE_NOTES];
    size_t sent_count;
    struct {
        uint64_t eui64;
        bool left;
    } joined[STAGE_NOTES];
    size_t joined_count;
    char restarts[STAGE_NOTES][COORDINATOR_TEXT];
    size_t restart_count;
    char logs[STAGE_NOTES][COORDINATOR_TEXT];
    size_t log_count;
    const char *drops[STAGE_NOTES];
    size_t drop_count;
    bool has_key, key_cannot_be_kept, key_made; /* what events->key finds and does */
    uint8_t key[16];
    bool dtr, rts;
    size_t line_changes;
};

static inline void stage_on_write(void *context, struct span bytes)
{
    struct stage *s = context;
    struct stage_write *w = &s->writes[s->write_count];
    assert_true(s->write_count < STAGE_WRITES && bytes.len <= STAGE_BYTES);
    s->write_count++;
    memcpy(w->bytes, bytes.at, bytes.len);
    w->len = bytes.len;
    w->at = s->now;
}

static inline void stage_on_state(void *context, const char *why)
{
    struct stage *s = context;
    assert_true(s->state_count < STAGE_NOTES);
    s->states[s->state_count].state = s->c->state;
    snprintf(s->states[s->state_count++].why, COORDINATOR_TEXT, "%s", why);
}

static inline void stage_on_heard(void *context, struct neighbour *from, const struct radio_frame *f)
{
    struct stage *s = context;
    assert_true(s->heard_count < STAGE_NOTES);
    s->heard[s->heard_count].eui64 = from->eui64;
    s->heard[s->heard_count].nwk = from->nwk;
    s->heard[s->heard_count].frame = *f;
    memcpy(s->heard[s->heard_count].bytes, f->bytes.at, f->bytes.len);
    s->heard[s->heard_count].frame.bytes = span_of(s->heard[s->heard_count].bytes, f->bytes.len);
    s->heard_count++;
}

static inline void stage_on_sent(void *context, uint8_t token, enum radio_sent result)
{
    struct stage *s = context;
    assert_true(s->sent_count < STAGE_NOTES);
    s->sent[s->sent_count].token = token;
    s->sent[s->sent_count].at = s->now;
    s->sent[s->sent_count++].result = result;
}

static inline void stage_on_joined(void *context, uint64_t eui64, bool left)
{
    struct stage *s = context;
    assert_true(s->joined_count < STAGE_NOTES);
    s->joined[s->joined_count].eui64 = eui64;
    s->joined[s->joined_count++].left = left;
}

static inline void stage_on_restart(void *context, const char *why)
{
    struct stage *s = context;
    assert_true(s->restart_count < STAGE_NOTES);
    snprintf(s->restarts[s->restart_count++], COORDINATOR_TEXT, "%s", why);
}

static inline bool stage_on_key(void *context, bool make, uint8_t key[16])
{
    struct stage *s = context;
    if (!s->has_key && (!make || s->key_cannot_be_kept))
        return false;
    for (uint8_t i = 0; !s->has_key && i < 16; i++)
        s->key[i] = (uint8_t)(i + 1);
    s->key_made = s->key_made || !s->has_key;
    s->has_key = true;
    memcpy(key, s->key, 16);
    return true;
}

static inline void stage_on_lines(void *context, bool dtr, bool rts)
{
    struct stage *s = context;
    s->dtr = dtr;
    s->rts = rts;
    s->line_changes++;
}

static inline void stage_on_log(void *context, enum config_level level, const char *text)
{
    struct stage *s = context;
    (void)level;
    if (s->log_count < STAGE_NOTES)
        snprintf(s->logs[s->log_count++], COORDINATOR_TEXT, "%s", text);
}

static inline void stage_on_dropped(void *context, const char *reason)
{
    struct stage *s = context;
    assert_true(s->drop_count < STAGE_NOTES);
    s->drops[s->drop_count++] = reason;
}

static inline void stage_open(struct stage *s, const struct coordinator_family *family)
{
    memset(s, 0, sizeof *s);
    s->now = 1000000;
    s->settings = (struct config_radio){ .name = "field",
                                         .port = "",
                                         .profile = 0xC105,
                                         .cluster = 0x0011,
                                         .endpoint = 0xE8,
                                         .network_key_file = "",
                                         .security = true,
                                         .broadcast_pace_ms = 1000 };
    s->events = (struct coordinator_events){ s,
                                             stage_on_write,
                                             stage_on_state,
                                             stage_on_heard,
                                             stage_on_sent,
                                             stage_on_joined,
                                             stage_on_restart,
                                             stage_on_key,
                                             stage_on_lines,
                                             stage_on_log,
                                             stage_on_dropped };
    s->neighbours = neighbours_new(64);
    s->c = calloc(1, family->size);
    assert_true(s->neighbours && s->c);
    s->c->family = family;
    s->c->settings = &s->settings;
    s->c->events = &s->events;
    s->c->neighbours = s->neighbours;
    s->c->random = 4711;
    family->init(s->c);
}

static inline void stage_close(struct stage *s)
{
    neighbours_free(s->neighbours);
    free(s->c);
}

/* The line is open, once more or for the first time. As the radio does it: frames under way are void, the state is
 * STARTING before `start`. */
static inline void stage_start(struct stage *s)
{
    s->c->frames_good = 0;
    s->c->state = COORDINATOR_STARTING;
    s->c->family->start(s->c, s->now);
}

/* Time goes on by `ms`, stopping at every deadline on the way. A deadline that stays in the past is a busy loop. */
static inline void stage_passes(struct stage *s, msec ms)
{
    const msec end = s->now + ms;
    for (int stuck = 0;;) {
        msec next = s->c->family->deadline(s->c);
        if (next > end)
            break;
        stuck = next <= s->now ? stuck + 1 : 0;
        assert_true(stuck < 20);
        s->now = next > s->now ? next : s->now;
        s->c->family->tick(s->c, s->now);
    }
    s->now = end;
}

static inline void stage_hears_bytes(struct stage *s, struct span bytes)
{
    s->c->family->hear(s->c, bytes, s->now);
}

/* Hex, blanks allowed, in one piece. */
static inline void stage_hears(struct stage *s, const char *hex)
{
    char plain[2 * STAGE_BYTES + 1];
    uint8_t bytes[STAGE_BYTES];
    size_t used = 0;
    for (; *hex; hex++)
        if (*hex != ' ' && used < sizeof plain - 1)
            plain[used++] = *hex;
    plain[used] = '\0';
    stage_hears_bytes(s, hex_bytes(plain, bytes, sizeof bytes));
}

/* The next frame that was written and not looked at yet; empty when there is none. */
static inline struct span stage_next_write(struct stage *s)
{
    if (s->write_read == s->write_count)
        return span_of(NULL, 0);
    const struct stage_write *w = &s->writes[s->write_read++];
    return span_of(w->bytes, w->len);
}

static inline void stage_skip_writes(struct stage *s)
{
    s->write_read = s->write_count;
}

static inline void stage_wrote(struct stage *s, const char *hex)
{
    char have[2 * STAGE_BYTES + 1] = "", want[2 * STAGE_BYTES + 1];
    struct span w = stage_next_write(s);
    size_t used = 0;
    for (size_t i = 0; i < w.len; i++)
        snprintf(have + 2 * i, 3, "%02x", w.at[i]);
    for (; *hex; hex++)
        if (*hex != ' ' && used < sizeof want - 1)
            want[used++] = *hex;
    want[used] = '\0';
    assert_string_equal(have, want);
}

static inline void stage_wrote_nothing(struct stage *s)
{
    assert_int_equal(s->write_read, s->write_count);
}

static inline struct neighbour *stage_node(struct stage *s, uint64_t eui64, uint16_t nwk)
{
    struct neighbour *one = neighbours_learn(s->neighbours, eui64, nwk, s->now);
    assert_non_null(one);
    if (one->endpoint == 0) {
        one->endpoint = s->settings.endpoint;
        one->profile = s->settings.profile;
        one->cluster = s->settings.cluster;
    }
    return one;
}

/* Sends `data` to a node; returns the token. */
static inline uint8_t stage_sends(struct stage *s, struct neighbour *to, struct span data)
{
    s->last_token = (uint8_t)(s->last_token == 255 ? 1 : s->last_token + 1);
    struct unicast u = { to, s->last_token, data };
    s->c->family->send(s->c, &u, s->now);
    return s->last_token;
}
