/* deconz_frame.h -- the serial protocol of dresden elektronik's sticks (ConBee I/II/III, RaspBee): frames, and what is
 * in those that are used.
 *
 * Pure. Three layers: SLIP; a frame of command, sequence, status, its own length and a check sum; and the payload of
 * each command. All fields are little-endian. Both sides are here, the host's and the stick's. */
#pragma once

#include "radio/slip.h"

enum deconz_command {
    DECONZ_CONFIRM = 0x04, /* what became of a request: to be asked for */
    DECONZ_STATE = 0x07,
    DECONZ_CHANGE_STATE = 0x08,
    DECONZ_READ = 0x0A,
    DECONZ_WRITE = 0x0B,
    DECONZ_VERSION = 0x0D,
    DECONZ_STATE_CHANGED = 0x0E, /* unasked */
    DECONZ_REQUEST = 0x12,       /* send a frame */
    DECONZ_INDICATION = 0x17,    /* a frame that came: to be asked for */
    DECONZ_MAC_POLL = 0x1C       /* unasked: a sleeping child asked for its frames */
};

enum deconz_status {
    DECONZ_OK,
    DECONZ_FAILURE,
    DECONZ_BUSY,
    DECONZ_TIMEOUT,
    DECONZ_UNSUPPORTED,
    DECONZ_ERROR,
    DECONZ_NO_NETWORK,
    DECONZ_INVALID_VALUE
};

enum deconz_parameter {
    DECONZ_MAC_ADDRESS = 0x01,
    DECONZ_PAN_ID = 0x05,
    DECONZ_NWK_ADDRESS = 0x07,
    DECONZ_EXTENDED_PAN_ID = 0x08, /* in use */
    DECONZ_COORDINATOR = 0x09,     /* 1: it is to be one */
    DECONZ_CHANNEL_MASK = 0x0A,
    DECONZ_WANTED_EXTENDED_PAN_ID = 0x0B,
    DECONZ_TRUST_CENTRE = 0x0E,
    DECONZ_SECURITY_MODE = 0x10,
    DECONZ_ENDPOINT = 0x13, /* slot, then a simple descriptor */
    DECONZ_PREDEFINED_PAN_ID = 0x15,
    DECONZ_NETWORK_KEY = 0x18, /* index, then the key */
    DECONZ_LINK_KEY = 0x19,    /* EUI64, then the key */
    DECONZ_CHANNEL = 0x1C,
    DECONZ_PERMIT_JOIN = 0x21,
    DECONZ_PROTOCOL_VERSION = 0x22,
    DECONZ_WATCHDOG = 0x26
};

/* The state octet: bits 0-1 are the network, the others say what waits. */
enum deconz_network { DECONZ_OFFLINE, DECONZ_JOINING, DECONZ_CONNECTED, DECONZ_LEAVING };
enum {
    DECONZ_NETWORK_MASK = 0x03,
    DECONZ_CONFIRM_WAITS = 0x04,
    DECONZ_INDICATION_WAITS = 0x08,
    DECONZ_CONFIGURATION_CHANGED = 0x10,
    DECONZ_SLOTS_FREE = 0x20
};

enum deconz_mode { DECONZ_GROUP = 1, DECONZ_NWK = 2, DECONZ_EUI64 = 3, DECONZ_NWK_AND_EUI64 = 4 };

enum {
    DECONZ_FRAME_MAX = 512,       /* octets without SLIP */
    DECONZ_BOTH_ADDRESSES = 0x04, /* flag of an indication query: the sender's 16- and 64-bit address */
    DECONZ_APS_ACK = 0x04,        /* options of a request */
    DECONZ_FRAGMENT = 0x08,
    DECONZ_KEY_LEN = 16,
    DECONZ_DESCRIPTOR_MAX = 32
};

/* One frame. `body` is everything behind the length, so in most commands a payload length stands at its front. */
struct deconz_frame {
    uint8_t command, sequence, status;
    struct span body;
};

struct deconz_reader {
    struct slip_reader slip;
    uint8_t held[DECONZ_FRAME_MAX];
    uint32_t refused; /* frames with a wrong check sum or length */
};

void deconz_reader_init(struct deconz_reader *r);
/* Takes octets off the front of *bytes until a frame ends. False: they are used up. f->body lives until the next call.
 * What comes between frames, damaged frames and noise, is counted and passed over. */
MUST_CHECK bool deconz_next(struct deconz_reader *r, struct span *bytes, struct deconz_frame *f);
uint32_t deconz_damaged(const struct deconz_reader *r);

/* The whole frame, with SLIP and check sum. */
void deconz_write(const struct deconz_frame *f, struct writer *w);

/* ---- bodies: read ones are false when the body is not that of the command, and *out is untouched ---------------- */

/* The payload behind its length. */
bool deconz_payload(struct span body, struct span *out);
void deconz_write_payload(struct span payload, struct writer *w);

/* 0x0D answer: the octets 0, platform, minor, major as one number. */
bool deconz_read_version(struct span body, uint32_t *version);

/* The state octet, wherever an answer of this command has it. */
bool deconz_read_state(const struct deconz_frame *f, uint8_t *state);

/* 0x0A, 0x0B: a parameter and what follows its number. */
struct deconz_value {
    uint8_t parameter;
    struct span value; /* in a question: an index, or nothing */
};
bool deconz_read_value(struct span body, struct deconz_value *out);
void deconz_write_value(const struct deconz_value *v, struct writer *w);

/* One address. */
struct deconz_address {
    uint8_t mode;   /* enum deconz_mode */
    uint16_t nwk;   /* or the group; unless mode is DECONZ_EUI64 */
    uint64_t eui64; /* DECONZ_EUI64 and DECONZ_NWK_AND_EUI64 */
};

struct deconz_request {
    uint8_t id, flags;
    struct deconz_address to;
    uint8_t endpoint; /* 0 with a group */
    uint16_t profile, cluster;
    uint8_t source_endpoint;
    struct span data;
    uint8_t options, radius;
};
bool deconz_read_request(struct span body, struct deconz_request *out);
void deconz_write_request(const struct deconz_request *q, struct writer *w);

/* The answer to a request: it is queued. */
bool deconz_read_queued(struct span body, uint8_t *state, uint8_t *id);

struct deconz_confirm {
    uint8_t state, id;
    struct deconz_address to;
    uint8_t endpoint, source_endpoint;
    uint8_t status; /* 0: delivered; else an APS, NWK or MAC status */
    struct span spare;
};
bool deconz_read_confirm(struct span body, struct deconz_confirm *out);
void deconz_write_confirm(const struct deconz_confirm *c, struct writer *w);

struct deconz_indication {
    uint8_t state;
    struct deconz_address to, from;
    uint8_t endpoint, source_endpoint;
    uint16_t profile, cluster;
    struct span data;
    uint8_t lqi;
    struct span spare; /* behind the LQI; where in it the RSSI is, is not sure: unverified on hardware */
};
bool deconz_read_indication(struct span body, struct deconz_indication *out);
void deconz_write_indication(const struct deconz_indication *i, struct writer *w);

/* 0x1C: who polled. Only its beginning is known; unverified on hardware. */
bool deconz_read_poll(struct span body, struct deconz_address *from);

/* The simple descriptor of an endpoint with one cluster each way, as parameter 0x13 has it behind the slot. */
void deconz_write_descriptor(uint8_t endpoint, uint16_t profile, uint16_t cluster, struct writer *w);

/* "ConBee II". */
const char *deconz_platform(uint32_t version);
