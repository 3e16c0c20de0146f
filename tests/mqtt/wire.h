/* wire.h -- what an MQTT client writes, and what a broker says to it: for tests of what outlives a connection. */
#pragma once

#include "mqtt/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define P(...) ((struct mqtt_packet){ .type = MQTT_##__VA_ARGS__ })
#define TEXT(t) span_text(t)

static inline struct mqtt_packet writes(struct mqtt_client *c, enum mqtt_type type, uint16_t packet_id)
{
    struct mqtt_packet p;
    size_t total;
    struct span bytes = buffer_span(&c->out);
    assert_int_equal(mqtt_frame_len(bytes, &total), MQTT_OK);
    assert_int_equal(mqtt_decode(span_of(bytes.at, total), &p), MQTT_OK);
    assert_string_equal(mqtt_type_name(p.type), mqtt_type_name(type));
    assert_int_equal(p.packet_id, packet_id);
    buffer_consume(&c->out, total, SIZE_MAX);
    return p;
}

static inline void writes_nothing(const struct mqtt_client *c)
{
    assert_int_equal(c->out.len, 0);
}

static inline enum mqtt_event hears(struct mqtt_client *c, struct mqtt_packet p, void **who)
{
    void *ignored;
    return mqtt_client_receive(c, &p, 2000, who ? who : &ignored);
}

static inline struct mqtt_client offline(void)
{
    struct mqtt_client c;
    mqtt_client_init(&c, 0, 1000);
    return c;
}

static inline void connects(struct mqtt_client *c, bool session_present)
{
    mqtt_client_open(c, &(struct mqtt_connect){ .client_id = TEXT("m1") }, 1000);
    writes(c, MQTT_CONNECT, 0);
    assert_int_equal(hears(c, P(CONNACK, .session_present = session_present), NULL),
                     MQTT_EVENT_CONNECTED);
}
