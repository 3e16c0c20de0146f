/* packet_generate.h -- any valid MQTT packet, and when two are the same. */
#pragma once

#include "mqtt/packet.h"
#include "tests/xorshift.h"

/* Where the strings of one packet are made. */
struct packet_room {
    uint8_t bytes[8192];
    size_t used;
};

static inline struct span generate_octets(uint64_t *seed, struct packet_room *room, size_t most)
{
    size_t n = chance_below(seed, most + 1);
    uint8_t *at = room->bytes + room->used;
    chance_fill(seed, at, n);
    room->used += n;
    return span_of(at, n);
}

/* Letters, of which a few levels; never empty. */
static inline struct span generate_topic(uint64_t *seed, struct packet_room *room)
{
    static const char alphabet[] = "abcdefg/";
    size_t n = 1 + chance_below(seed, 60);
    uint8_t *at = room->bytes + room->used;
    for (size_t i = 0; i < n; i++)
        at[i] = (uint8_t)alphabet[chance_below(seed, sizeof alphabet - 1)];
    room->used += n;
    return span_of(at, n);
}

static inline void generate_connect(uint64_t *seed, struct packet_room *room, struct mqtt_connect *c)
{
    c->client_id = generate_topic(seed, room);
    c->keep_alive = (uint16_t)chance(seed);
    c->clean = chance(seed) & 1;
    c->has_will = chance(seed) & 1;
    c->has_username = chance(seed) & 1;
    c->has_password = c->has_username && (chance(seed) & 1);
    if (c->has_will) {
        c->will.topic = generate_topic(seed, room);
        c->will.message = generate_octets(seed, room, 100);
        c->will.qos = (uint8_t)chance_below(seed, 3);
        c->will.retain = chance(seed) & 1;
    }
    if (c->has_username)
        c->username = generate_topic(seed, room);
    if (c->has_password)
        c->password = generate_octets(seed, room, 40);
}

/* One to four filters, as on the wire; the first is shown in the packet too. */
static inline void generate_filters(uint64_t *seed, struct packet_room *room, struct mqtt_packet *p)
{
    uint8_t *list = room->bytes + 4096;
    struct writer w = writer_of(list, 4096);
    size_t count = 1 + chance_below(seed, 4);
    for (size_t i = 0; i < count; i++) {
        struct span filter = generate_topic(seed, room);
        uint8_t qos = (uint8_t)chance_below(seed, 3);
        write_u16(&w, (uint16_t)filter.len);
        write_span(&w, filter);
        if (p->type == MQTT_SUBSCRIBE)
            write_u8(&w, qos);
        if (i == 0) {
            p->topic = filter;
            p->qos = p->type == MQTT_SUBSCRIBE ? qos : 0;
        }
    }
    p->payload = span_of(list, 4096 - w.left);
}

static inline void generate_codes(uint64_t *seed, struct packet_room *room, struct mqtt_packet *p)
{
    static const uint8_t codes[] = { 0, 1, 2, MQTT_REFUSED };
    size_t n = 1 + chance_below(seed, 8);
    uint8_t *at = room->bytes + room->used;
    for (size_t i = 0; i < n; i++)
        at[i] = codes[chance_below(seed, 4)];
    room->used += n;
    p->payload = span_of(at, n);
    p->code = at[0];
}

static inline void generate_publish(uint64_t *seed, struct packet_room *room, struct mqtt_packet *p)
{
    p->qos = (uint8_t)chance_below(seed, 3);
    p->dup = p->qos > 0 && (chance(seed) & 1);
    p->retain = chance(seed) & 1;
    p->packet_id = p->qos > 0 ? p->packet_id : 0;
    p->topic = generate_topic(seed, room);
    p->payload = generate_octets(seed, room, chance_below(seed, 4) ? 50 : 2000);
}

static inline struct mqtt_packet generate_packet(uint64_t *seed, struct packet_room *room)
{
    struct mqtt_packet p = { .type = (enum mqtt_type)(1 + chance_below(seed, MQTT_TYPES - 1)) };
    room->used = 0;
    if (p.type == MQTT_PUBLISH || (p.type >= MQTT_PUBACK && p.type <= MQTT_UNSUBACK))
        p.packet_id = (uint16_t)(1 + chance_below(seed, 65535));
    if (p.type == MQTT_CONNECT)
        generate_connect(seed, room, &p.connect);
    if (p.type == MQTT_CONNACK) {
        p.code = (uint8_t)chance_below(seed, 6);
        p.session_present = p.code == 0 && (chance(seed) & 1);
    }
    if (p.type == MQTT_PUBLISH)
        generate_publish(seed, room, &p);
    if (p.type == MQTT_SUBSCRIBE || p.type == MQTT_UNSUBSCRIBE)
        generate_filters(seed, room, &p);
    if (p.type == MQTT_SUBACK)
        generate_codes(seed, room, &p);
    return p;
}

static inline bool same_connect(const struct mqtt_connect *a, const struct mqtt_connect *b)
{
    bool same_will = a->has_will == b->has_will && a->will.qos == b->will.qos &&
                     a->will.retain == b->will.retain && span_equal(a->will.topic, b->will.topic) &&
                     span_equal(a->will.message, b->will.message);
    bool same_login = a->has_username == b->has_username && a->has_password == b->has_password &&
                      span_equal(a->username, b->username) && span_equal(a->password, b->password);
    return same_will && same_login && a->clean == b->clean && a->keep_alive == b->keep_alive &&
           span_equal(a->client_id, b->client_id);
}

static inline bool same_packet(const struct mqtt_packet *a, const struct mqtt_packet *b)
{
    return a->type == b->type && a->qos == b->qos && a->dup == b->dup && a->retain == b->retain &&
           a->code == b->code && a->session_present == b->session_present &&
           a->packet_id == b->packet_id && span_equal(a->topic, b->topic) &&
           span_equal(a->payload, b->payload) && same_connect(&a->connect, &b->connect);
}
