/* client_scene.h -- a client of mqttsn/client.h on a stage: no socket, no sleeping, time is a number. A test says
 * what the caller wants and what the gateway sends, and then names exactly what is sent and what is told. */
#pragma once

#include "mqttsn/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { RETRY_MS = 10000, RETRIES = 3, KEEP_ALIVE_S = 60 };

struct scene {
    struct mqttsn_client *client;
    struct sn_settings settings;
    struct sn_will will;
    struct sn_turn turn;
    msec now;
    uint8_t room[512], heard[512];
};

#define M(...) ((struct mqttsn_message){ __VA_ARGS__ })
#define TEXT(t) span_text(t)

static inline int make_scene(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    s->will = (struct sn_will){ TEXT("state/m1"), TEXT("gone"), 1, true };
    s->settings = (struct sn_settings){
        .client_id = TEXT("m1"),
        .clean = true,
        .keep_alive_s = KEEP_ALIVE_S,
        .retry_ms = RETRY_MS,
        .retries = RETRIES,
        .max_message = 256,
        .max_topics = 4,
    };
    s->turn = (struct sn_turn){ .frame = s->room, .frame_room = sizeof s->room };
    s->now = 1000;
    *state = s;
    return 0;
}

static inline int end_scene(void **state)
{
    struct scene *s = *state;
    mqttsn_client_free(s->client);
    free(s);
    return 0;
}

static inline struct scene *begin(void **state)
{
    struct scene *s = *state;
    s->client = mqttsn_client_new(&s->settings);
    assert_non_null(s->client);
    return s;
}

/* ---- given, when, then ------------------------------------------------------------------------------------------- */

static inline void sends(struct scene *s, struct mqttsn_message expected)
{
    uint8_t bytes[512];
    struct writer w = writer_of(bytes, sizeof bytes);
    assert_int_equal(mqttsn_encode(&expected, &w), MQTTSN_OK);
    assert_int_equal(s->turn.frame_len, sizeof bytes - w.left);
    assert_memory_equal(s->room, bytes, s->turn.frame_len);
}

static inline void sends_nothing(struct scene *s)
{
    assert_int_equal(s->turn.frame_len, 0);
}

static inline void tells(struct scene *s, enum sn_event event)
{
    assert_int_equal(s->turn.event, event);
}

static inline void is(struct scene *s, enum sn_state state)
{
    assert_string_equal(sn_state_name(mqttsn_client_state(s->client)), sn_state_name(state));
}

static inline void hears(struct scene *s, struct mqttsn_message m)
{
    struct writer w = writer_of(s->heard, sizeof s->heard);
    assert_int_equal(mqttsn_encode(&m, &w), MQTTSN_OK);
    struct span frame = span_of(s->heard, sizeof s->heard - w.left);
    mqttsn_client_receive(s->client, frame, s->now, &s->turn);
}

static inline void passes(struct scene *s, msec ms)
{
    s->now += ms;
    mqttsn_client_tick(s->client, s->now, &s->turn);
}

static inline void told_text(struct span told, const char *expected)
{
    assert_int_equal(told.len, strlen(expected));
    assert_memory_equal(told.at, expected, told.len);
}

static inline void connects(struct scene *s)
{
    assert_int_equal(mqttsn_client_connect(s->client, s->now, &s->turn), SN_OK);
}

static inline struct scene *active(void **state)
{
    struct scene *s = begin(state);
    connects(s);
    hears(s, M(.type = MQTTSN_CONNACK));
    is(s, SN_ACTIVE);
    return s;
}

static inline void publishes(struct scene *s, struct sn_topic topic, uint8_t qos)
{
    const struct sn_publish p = { .topic = topic, .data = TEXT("21.5"), .qos = qos };
    assert_int_equal(mqttsn_client_publish(s->client, &p, s->now, &s->turn), SN_OK);
}

static inline struct sn_topic normal(uint16_t id)
{
    return (struct sn_topic){ .type = MQTTSN_NORMAL, .id = id };
}

static inline void gateway_registers(struct scene *s, uint16_t id, const char *name)
{
    hears(s, M(.type = MQTTSN_REGISTER, .topic_id = id, .message_id = 77, .tail = TEXT(name)));
}

static inline struct scene *asleep(void **state, uint16_t duration)
{
    struct scene *s = active(state);
    gateway_registers(s, 16, "lamp/1");
    assert_int_equal(mqttsn_client_sleep(s->client, duration, s->now, &s->turn), SN_OK);
    sends(s, M(.type = MQTTSN_DISCONNECT, .duration = duration));
    hears(s, M(.type = MQTTSN_DISCONNECT, .brief = true));
    tells(s, SN_FELL_ASLEEP);
    is(s, SN_ASLEEP);
    return s;
}

#define SCENE(name) cmocka_unit_test_setup_teardown(name, make_scene, end_scene)
