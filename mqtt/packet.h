/* packet.h -- MQTT 3.1.1 control packets, both ways (spec: MQTT 3.1.1, sections 2 and 3).
 *
 * One struct serves all fourteen packets; the table in packet.c says which fields each has. Spans borrow. */
#pragma once

#include "mqtt/bytes.h"

enum mqtt_type {
    MQTT_CONNECT = 1,
    MQTT_CONNACK,
    MQTT_PUBLISH,
    MQTT_PUBACK,
    MQTT_PUBREC,
    MQTT_PUBREL,
    MQTT_PUBCOMP,
    MQTT_SUBSCRIBE,
    MQTT_SUBACK,
    MQTT_UNSUBSCRIBE,
    MQTT_UNSUBACK,
    MQTT_PINGREQ,
    MQTT_PINGRESP,
    MQTT_DISCONNECT,
    MQTT_TYPES
};

enum { MQTT_PACKET_MAX = 268435455 + 5, MQTT_REFUSED = 0x80 }; /* MQTT_REFUSED: a SUBACK code */
/* Never on the wire: the broker closes the connection over this request, again and again. A code with the bit of
 * MQTT_REFUSED. */
enum { MQTT_CLOSED_OVER = 0xFF };

struct mqtt_will {
    struct span topic, message;
    uint8_t qos;
    bool retain;
};

struct mqtt_connect {
    struct span client_id, username, password;
    struct mqtt_will will; /* counts when has_will */
    uint16_t keep_alive;   /* seconds, 0 = off */
    bool clean, has_will, has_username, has_password;
};

struct mqtt_packet {
    enum mqtt_type type;
    uint8_t qos; /* PUBLISH: of the message; SUBSCRIBE: asked for the first filter */
    bool dup, retain;
    bool session_present; /* CONNACK */
    uint8_t code;         /* CONNACK: return code; SUBACK: code of the first filter */
    uint16_t packet_id;
    struct span topic; /* PUBLISH: topic name; SUBSCRIBE, UNSUBSCRIBE: the first filter */
    /* PUBLISH: the payload. SUBACK: all codes. SUBSCRIBE, UNSUBSCRIBE decoded: the whole filter list as on the wire,
     * for mqtt_next_filter; to encode one filter leave it empty, to encode a list put it here. */
    struct span payload;
    struct mqtt_connect connect; /* CONNECT */
    /* Not on the wire: which arrival a PUBLISH from the broker, or an acknowledgement to it, is about (client.h). */
    uint32_t receipt;
};

enum mqtt_error {
    MQTT_OK,
    MQTT_INCOMPLETE, /* more bytes are needed */
    MQTT_BAD_LENGTH, /* remaining length of five octets, or not what the packet holds */
    MQTT_BAD_TYPE,   /* 0 or 15 */
    MQTT_BAD_FLAGS,  /* reserved fixed-header bits, QoS 3, DUP with QoS 0 */
    MQTT_BAD_FIELD,  /* packet id 0, ill-formed UTF-8, invalid topic, code out of range, ... */
    MQTT_NO_ROOM,    /* encode: the writer is too small or a field too long */
    MQTT_ERRORS
};

const char *mqtt_strerror(enum mqtt_error e);
const char *mqtt_type_name(enum mqtt_type type); /* "PUBLISH"; "?" when unknown */

/* How long is the packet that begins `bytes`? MQTT_OK: *total octets with its fixed header (maybe more than there are
 * in `bytes`). MQTT_INCOMPLETE: the fixed header is not all there yet. Else what is wrong with it. */
MUST_CHECK enum mqtt_error mqtt_frame_len(struct span bytes, size_t *total);

/* Decodes exactly one whole packet. Everything the standard calls a protocol violation is an error; the caller closes
 * (MQTT-4.8.0-1). *p borrows from `frame` and is written only on MQTT_OK. */
MUST_CHECK enum mqtt_error mqtt_decode(struct span frame, struct mqtt_packet *p);

/* Octets that mqtt_encode will write for `p`. */
size_t mqtt_encoded_len(const struct mqtt_packet *p);

/* Writes one packet. A field over 65535 octets, or a packet over 268435455: MQTT_NO_ROOM, as for a full writer. */
MUST_CHECK enum mqtt_error mqtt_encode(const struct mqtt_packet *p, struct writer *w);

/* Walks the filter list of a decoded SUBSCRIBE (with_qos) or UNSUBSCRIBE; start with *list = packet.payload. */
bool mqtt_next_filter(struct span *list, bool with_qos, struct span *filter, uint8_t *qos);
