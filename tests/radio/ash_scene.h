/* ash_scene.h -- a host and an NCP, both ends of the ASH link, over a line that the test may damage: what one end
 * writes lies in a mailbox until the test hands it to the other end, loses it or spoils it. */
#pragma once

#include "radio/ash.h"

#include "tests/hex.h"
#include "tests/xorshift.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { MAILS = 64, DELIVERIES = 4000 };

struct end {
    struct ash link;
    struct {
        uint8_t bytes[ASH_WIRE_MAX];
        size_t len;
    } mail[MAILS]; /* written by this end, not handed over yet */
    size_t mails;
    uint8_t delivered[DELIVERIES]; /* the first octet of each */
    size_t deliveries, connections, failures;
    enum ash_failure failure;
    uint8_t code;
    bool echoes; /* answers every frame at once, with one of its own */
};

struct line {
    struct end host, ncp;
    msec now;
};

static inline void on_write(void *context, struct span wire)
{
    struct end *e = context;
    assert_true(e->mails < MAILS && wire.len <= ASH_WIRE_MAX);
    memcpy(e->mail[e->mails].bytes, wire.at, wire.len);
    e->mail[e->mails++].len = wire.len;
}

static inline void on_deliver(void *context, struct span data, msec now)
{
    struct end *e = context;
    assert_true(e->deliveries < DELIVERIES);
    e->delivered[e->deliveries++] = data.at[0];
    if (e->echoes)
        assert_true(ash_send(&e->link, data, now));
}

static inline void on_connected(void *context, uint8_t code, msec now)
{
    struct end *e = context;
    (void)now;
    e->connections++;
    e->code = code;
}

static inline void on_failed(void *context, enum ash_failure how, uint8_t code, msec now)
{
    struct end *e = context;
    (void)now;
    e->failures++;
    e->failure = how;
    e->code = code;
}

static const struct ash_events events = { on_write, on_deliver, on_connected, on_failed };

/* Hands everything that `from` wrote to `to`, which may answer. */
static inline void hand_over(struct line *l, struct end *from, struct end *to)
{
    size_t n = from->mails;
    from->mails = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t copy[ASH_WIRE_MAX];
        memcpy(copy, from->mail[i].bytes, from->mail[i].len);
        ash_hear(&to->link, span_of(copy, from->mail[i].len), l->now);
    }
}

static inline void all_is_handed_over(struct line *l)
{
    while (l->host.mails + l->ncp.mails > 0) {
        hand_over(l, &l->host, &l->ncp);
        hand_over(l, &l->ncp, &l->host);
    }
}

static inline void lost(struct end *e)
{
    e->mails = 0;
}

static inline void sends(struct line *l, struct end *e, uint8_t first)
{
    uint8_t data[] = { first, 2, 3, 4 };
    assert_true(ash_send(&e->link, span_of(data, sizeof data), l->now));
}

/* To the link's next deadline. */
static inline void times_out(struct line *l, struct end *e)
{
    assert_true(ash_deadline(&e->link) != MSEC_NEVER && ash_deadline(&e->link) >= l->now);
    l->now = ash_deadline(&e->link);
    ash_tick(&e->link, l->now);
}

/* The frame that `e` wrote as number `i`. */
static inline struct ash_frame written(struct end *e, size_t i)
{
    static struct ash_reader reader;
    struct reader r = reader_of(span_of(e->mail[i].bytes, e->mail[i].len));
    struct ash_frame f = { 0 };
    assert_true(i < e->mails);
    memset(&reader, 0, sizeof reader);
    assert_int_equal(ash_frame_read(&reader, &r, &f), ASH_READ_FRAME);
    return f;
}

static inline int set_up(void **state)
{
    static struct line line;
    struct line *l = &line;
    *state = l;
    memset(l, 0, sizeof *l);
    l->now = 5000;
    ash_init(&l->host.link, ASH_HOST, &events, &l->host);
    ash_init(&l->ncp.link, ASH_NCP, &events, &l->ncp);
    ash_reset(&l->host.link, l->now);
    all_is_handed_over(l);
    return l->host.link.state != ASH_CONNECTED || l->ncp.link.state != ASH_CONNECTED;
}
