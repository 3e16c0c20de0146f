/* xbee_frame.h -- the frames of an XBee in API mode: bytes in any split to frames, and frames to bytes. Pure.
 *
 * One reader serves both dialects: plain (AP = 1), where a start octet may also be data, and escaped (AP = 2), where
 * it never is. Fields are in network order. */
#pragma once

#include "mqtt/bytes.h"

/* The length field may say so much: 20 octets of 0x11 and 255 of payload, with room to spare. */
enum { XBEE_LENGTH_MAX = 300 };
enum { XBEE_PLAIN_MAX = XBEE_LENGTH_MAX + 4 }; /* octets of a whole frame ... */
enum { XBEE_WIRE_MAX = 2 * XBEE_PLAIN_MAX };   /* ... and on the wire, if all are escaped */

/* The values of AP. */
enum xbee_mode { XBEE_PLAIN = 1, XBEE_ESCAPED = 2 };

enum xbee_type {
    XBEE_AT = 0x08,
    XBEE_AT_QUEUE = 0x09, /* kept until AC, or until a command of type 0x08 changes something */
    XBEE_TRANSMIT = 0x10,
    XBEE_TRANSMIT_EXPLICIT = 0x11,
    XBEE_REMOTE_AT = 0x17,
    XBEE_SOURCE_ROUTE = 0x21,
    XBEE_AT_RESPONSE = 0x88,
    XBEE_MODEM_STATUS = 0x8A,
    XBEE_TRANSMIT_STATUS = 0x8B,
    XBEE_RECEIVE = 0x90,
    XBEE_RECEIVE_EXPLICIT = 0x91,
    XBEE_IO_SAMPLE = 0x92,
    XBEE_NODE_IDENTIFICATION = 0x95,
    XBEE_REMOTE_AT_RESPONSE = 0x97,
    XBEE_EXTENDED_STATUS = 0x98,
    XBEE_ROUTE_RECORD = 0xA1,
    XBEE_MANY_TO_ONE = 0xA3,
};

/* Receive options. */
enum {
    XBEE_HEARD_BROADCAST = 0x02,
    XBEE_HEARD_FROM_END_DEVICE = 0x40,
};

/* Transmit options. */
enum {
    XBEE_SEND_EXTENDED_TIMEOUT = 0x40, /* the destination sleeps between polls */
};

#define XBEE_BROADCAST 0xFFFFu        /* as 64-bit address */
#define XBEE_EUI64_UNKNOWN UINT64_MAX /* the 16-bit address counts */
#define XBEE_COMMAND(a, b)                                                                         \
    ((uint16_t)((a) << 8 | (b))) /* an AT command's two letters: XBEE_COMMAND('V', 'R') */

/* One frame of any type. What its type does not have is 0. */
struct xbee_frame {
    uint8_t type;   /* enum xbee_type, or what it said */
    uint8_t id;     /* 1..255; 0 asks for no answer */
    uint64_t eui64; /* the node: destination or source */
    uint16_t nwk;
    uint8_t source_endpoint, endpoint;
    uint16_t cluster, profile;
    uint8_t radius, options;
    uint16_t command; /* XBEE_COMMAND */
    uint8_t status;   /* of an AT command, of the modem, or of a delivery */
    uint8_t retries, discovery;
    struct span data; /* payload, AT value, hops of a route (2 octets each), or all that an unknown type has */
};

struct xbee_reader {
    enum xbee_mode mode;
    uint16_t len;     /* octets of `held` */
    uint16_t taken;   /* of these, what the frame given out last occupies */
    bool escape;      /* escaped: the octet before said that the next one is to be changed back */
    bool silent;      /* plain: what is held is all there will be of it */
    uint32_t damaged; /* frames that were begun and came to nothing */
    uint8_t held[XBEE_PLAIN_MAX];
};

void xbee_reader_init(struct xbee_reader *r, enum xbee_mode mode);

/* Takes octets from `in` until a frame is whole. False: `in` is used up. Spans of the frame live until the next call.
 * A frame with a bad checksum, an impossible length, or too short for its type is damaged: nothing comes of it but a
 * count, and whole frames behind or inside of it are found. A frame of an unknown type is given out with its data. */
bool xbee_reader_next(struct xbee_reader *r, struct reader *in, struct xbee_frame *f);

/* Is a frame begun and not whole? */
bool xbee_reader_is_inside(const struct xbee_reader *r);

/* The line was silent for so long that the frame begun will never be whole. Call xbee_reader_next behind it, with
 * empty input too: frames may stand behind a false start. */
void xbee_reader_silence(struct xbee_reader *r);

/* Writes the frame as it goes over the wire. Fails the writer when there is no room, and when the type is not known. */
void xbee_frame_write(struct writer *w, enum xbee_mode mode, const struct xbee_frame *f);

/* "Transmit Status"; NULL: not a type that we know. */
const char *xbee_type_name(uint8_t type);

/* A value of an AT command: big-endian, leading zeros optional; 0 when it has more than 8 octets. */
uint64_t xbee_value(struct span octets);
