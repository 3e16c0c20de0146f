/* packet_layout.h -- the packet table as decoder and encoder share it; nobody else includes this. */
#pragma once

#include "mqtt/packet.h"

enum {
    PROTOCOL_LEVEL = 4,
    LENGTH_OCTETS_MAX = 4,
    QOS_MAX = 2,
    STRING_MAX = 65535,
    CONNACK_CODE_MAX = 5,
    REST_MAX = MQTT_PACKET_MAX - 5
};

/* The low nibble of PUBLISH, section 3.3.1. */
enum { DUP = 0x08, QOS_SHIFT = 1, RETAIN = 0x01 };

/* CONNECT, section 3.1.2. */
enum {
    HAS_USERNAME = 0x80,
    HAS_PASSWORD = 0x40,
    WILL_RETAIN = 0x20,
    WILL_QOS_SHIFT = 3,
    HAS_WILL = 0x04,
    CLEAN = 0x02,
    RESERVED = 0x01
};

enum mqtt_field {
    END,
    PROTOCOL, /* name and level */
    CONNECT_FLAGS,
    KEEP_ALIVE,
    CLIENT_ID,
    WILL,
    LOGIN,
    ACK_FLAGS,
    ACK_CODE,
    TOPIC,
    PACKET_ID,
    PACKET_ID_IF_QOS,
    PAYLOAD,
    FILTERS_WITH_QOS,
    FILTERS,
    CODES
};

struct mqtt_layout {
    const char *name;
    uint8_t flags; /* what the low nibble must be; PUBLISH alone gives it a meaning */
    enum mqtt_field fields[7];
};

/* NULL for a reserved type. */
const struct mqtt_layout *mqtt_layout_of(unsigned type);
