/* message.h -- the messages of MQTT-SN 1.2, section 5: decoded fields, and back to bytes.
 *
 * One table in message.c is section 5.4; decoder, encoder, text form, sniffer and fuzzer all walk it. */
#pragma once

#include "mqtt/bytes.h"

enum mqttsn_type {
    MQTTSN_ADVERTISE = 0x00,
    MQTTSN_SEARCHGW = 0x01,
    MQTTSN_GWINFO = 0x02,
    MQTTSN_CONNECT = 0x04,
    MQTTSN_CONNACK = 0x05,
    MQTTSN_WILLTOPICREQ = 0x06,
    MQTTSN_WILLTOPIC = 0x07,
    MQTTSN_WILLMSGREQ = 0x08,
    MQTTSN_WILLMSG = 0x09,
    MQTTSN_REGISTER = 0x0A,
    MQTTSN_REGACK = 0x0B,
    MQTTSN_PUBLISH = 0x0C,
    MQTTSN_PUBACK = 0x0D,
    MQTTSN_PUBCOMP = 0x0E,
    MQTTSN_PUBREC = 0x0F,
    MQTTSN_PUBREL = 0x10,
    MQTTSN_SUBSCRIBE = 0x12,
    MQTTSN_SUBACK = 0x13,
    MQTTSN_UNSUBSCRIBE = 0x14,
    MQTTSN_UNSUBACK = 0x15,
    MQTTSN_PINGREQ = 0x16,
    MQTTSN_PINGRESP = 0x17,
    MQTTSN_DISCONNECT = 0x18,
    MQTTSN_WILLTOPICUPD = 0x1A,
    MQTTSN_WILLTOPICRESP = 0x1B,
    MQTTSN_WILLMSGUPD = 0x1C,
    MQTTSN_WILLMSGRESP = 0x1D,
    MQTTSN_TYPES
};

enum { MQTTSN_FRWDENCAP = 0xFE }; /* not a message: see encapsulation.h */

enum { MQTTSN_QOS_MINUS_ONE = 3 }; /* the wire value 0b11 */

/* Section 5.3.4. */
enum mqttsn_topic_id_type {
    MQTTSN_NORMAL = 0, /* in SUBSCRIBE and UNSUBSCRIBE: a topic name */
    MQTTSN_PREDEFINED = 1,
    MQTTSN_SHORT = 2, /* topic_id holds the two characters, the first one high */
    MQTTSN_RESERVED = 3
};

/* Section 5.3.10. */
enum mqttsn_return_code {
    MQTTSN_ACCEPTED = 0,
    MQTTSN_CONGESTION = 1,
    MQTTSN_INVALID_TOPIC_ID = 2,
    MQTTSN_NOT_SUPPORTED = 3
};

/* A decoded message. Fields that its type does not have are 0; unused flag bits are kept as received in `flags`
 * but encoded as 0 (SN-FRM-6). */
struct mqttsn_message {
    enum mqttsn_type type;
    bool brief; /* WILLTOPIC, WILLTOPICUPD without flags and topic; DISCONNECT without duration */
    bool dup, retain, will, clean;
    uint8_t qos; /* 0..2, or MQTTSN_QOS_MINUS_ONE */
    uint8_t topic_id_type;
    uint8_t flags; /* the octet as received; the encoder ignores it */
    uint8_t gateway_id, protocol_id, return_code;
    uint8_t radius; /* of SEARCHGW; of GWINFO for the layer below, where there is one to be told */
    uint16_t duration; /* seconds */
    uint16_t topic_id; /* also the id or short name at the end of SUBSCRIBE and UNSUBSCRIBE of type 1, 2 and 3 */
    uint16_t message_id;
    struct span tail; /* the one variable field: client id, topic name, will topic or message, data, gateway address */
};

enum mqttsn_error {
    MQTTSN_OK,
    MQTTSN_EMPTY,         /* no octets at all, or a length that does not cover its own header */
    MQTTSN_BAD_LENGTH,    /* Length is not the size of the frame (SN-FRM-1) */
    MQTTSN_RESERVED_TYPE, /* SN-FRM-4 */
    MQTTSN_TRUNCATED,     /* a fixed field is missing (SN-FRM-5) */
    MQTTSN_TRAILING,      /* octets left over in a message of fixed size (SN-FRM-5) */
    MQTTSN_BAD_NODE, /* encapsulation: no node id, or a length that makes no sense (SN-FWD-4) */
    MQTTSN_NO_ROOM,  /* encode: the writer is too small, or the message is over 65535 octets */
    MQTTSN_ERRORS
};

const char *mqttsn_strerror(enum mqttsn_error e);
const char *mqttsn_type_name(enum mqttsn_type type); /* "PUBLISH"; "?" when reserved */
const char *mqttsn_return_code_name(uint8_t code);   /* "rejected: congestion" */
bool mqttsn_sent_by_client(enum mqttsn_type type); /* may it come from a client? (section 2.2 of the sheet) */
bool mqttsn_has_message_id(enum mqttsn_type type);

/* Decodes one frame that holds exactly one message, in either length form. m->tail borrows from `frame`; *m is written
 * only on MQTTSN_OK. */
MUST_CHECK enum mqttsn_error mqttsn_decode(struct span frame, struct mqttsn_message *m);

/* Octets that mqttsn_encode will write. */
size_t mqttsn_encoded_len(const struct mqttsn_message *m);

/* Writes `m` in the short form up to 255 octets, in the long form above (SN-FRM-3). */
MUST_CHECK enum mqttsn_error mqttsn_encode(const struct mqttsn_message *m, struct writer *w);
