/* ash_frame.h -- frames of ASH, the Asynchronous Serial Host protocol between a host and an EmberZNet NCP: control
 * octet, data, CRC, flag; octets with a meaning of their own are escaped.
 *
 * The codec only: which frame is expected, and what to do about a damaged one, is ash.c's. */
#pragma once

#include "mqtt/bytes.h"

enum ash_octet {
    ASH_XON = 0x11,
    ASH_XOFF = 0x13,
    ASH_SUBSTITUTE = 0x18, /* something was lost here: nothing up to the next flag counts */
    ASH_CANCEL = 0x1A,     /* nothing since the last flag counts */
    ASH_ESCAPE = 0x7D,
    ASH_FLAG = 0x7E
};

enum { ASH_VERSION = 2, ASH_DATA_MIN = 3, ASH_DATA_MAX = 220 };
/* Octets of the longest frame: unescaped, without its flag; and on the wire, all escaped, with cancel and flag. */
enum { ASH_FRAME_MAX = 1 + ASH_DATA_MAX + 2, ASH_WIRE_MAX = 2 * ASH_FRAME_MAX + 2 };

enum ash_kind { ASH_DATA, ASH_ACK, ASH_NAK, ASH_RST, ASH_RSTACK, ASH_ERROR, ASH_KINDS };

/* Why an NCP was reset, or is dead until it is. */
enum ash_code {
    ASH_RESET_EXTERNAL = 0x01,
    ASH_RESET_POWER = 0x02,
    ASH_RESET_WATCHDOG = 0x03,
    ASH_RESET_ASSERT = 0x06,
    ASH_RESET_BOOTLOADER = 0x09,
    ASH_RESET_SOFTWARE = 0x0B,
    ASH_ERROR_TIMEOUTS = 0x51
};

struct ash_frame {
    enum ash_kind kind;
    uint8_t number;        /* DATA: 0..7 */
    bool retransmitted;    /* DATA */
    uint8_t ack;           /* DATA, ACK, NAK: the number that the sender expects next */
    bool not_ready;        /* ACK, NAK: send no callbacks for now */
    uint8_t version, code; /* RSTACK, ERROR */
    struct span data;      /* DATA: what it carries, not randomised */
};

/* What was received of a frame so far; all zero at the start. */
struct ash_reader {
    uint8_t held[ASH_FRAME_MAX]; /* unescaped */
    size_t len;
    bool escaped, spoilt;
    uint32_t good, damaged; /* frames so far */
};

/* Reads on in `bytes`, up to the end of the next frame. ASH_READ_FRAME: *f is one, its data live until the next call.
 * ASH_READ_DAMAGED: one came that makes no sense. ASH_READ_MORE: no octets are left. */
enum ash_read { ASH_READ_MORE, ASH_READ_FRAME, ASH_READ_DAMAGED };
MUST_CHECK enum ash_read ash_frame_read(struct ash_reader *r, struct reader *bytes,
                                        struct ash_frame *f);

/* The frame as it goes over the line, RST with a cancel octet in front. `data` of DATA has 3..220 octets. */
void ash_frame_write(const struct ash_frame *f, struct writer *w);

const char *ash_frame_name(enum ash_kind kind);
const char *ash_frame_code(uint8_t code); /* "watchdog"; an unknown one is "unknown cause" */
