/* znp_frame.h -- frames of TI's Monitor and Test interface (MT) as Z-Stack coprocessors speak it over a serial line.
 *
 * A frame is FE, length, two command octets, data and a check octet. A command's first octet holds its kind (SREQ is
 * answered by an SRSP, AREQ is not) and subsystem; here both octets are one number, `enum znp_command`. */
#pragma once

#include "mqtt/bytes.h"

enum {
    ZNP_DATA_MAX = 250,
    ZNP_FRAME_MAX = ZNP_DATA_MAX + 5,
    ZNP_HELD = 2 * ZNP_FRAME_MAX /* octets a reader holds */
};

enum znp_command {
    ZNP_PING = 0x2101,
    ZNP_PONG = 0x6101,
    ZNP_VERSION = 0x2102,
    ZNP_VERSION_IS = 0x6102,
    ZNP_NV_INIT = 0x2107,
    ZNP_NV_INIT_DONE = 0x6107,
    ZNP_NV_READ = 0x2108,
    ZNP_NV_VALUE = 0x6108,
    ZNP_NV_WRITE = 0x2109,
    ZNP_NV_WRITTEN = 0x6109,
    ZNP_RESET = 0x4100,
    ZNP_WAS_RESET = 0x4180,
    ZNP_REGISTER = 0x2400,
    ZNP_REGISTERED = 0x6400,
    ZNP_SEND = 0x2401,
    ZNP_SEND_TAKEN = 0x6401,
    ZNP_SEND_EXT = 0x2402,
    ZNP_SEND_EXT_TAKEN = 0x6402,
    ZNP_UNREGISTER = 0x2404,
    ZNP_UNREGISTERED = 0x6404,
    ZNP_RETRIEVE = 0x2412,
    ZNP_RETRIEVED = 0x6412,
    ZNP_CONFIRM = 0x4480,
    ZNP_INCOMING = 0x4481,
    ZNP_INCOMING_EXT = 0x4482,
    ZNP_FIND_NWK = 0x2500,
    ZNP_FIND_NWK_TAKEN = 0x6500,
    ZNP_FIND_EUI64 = 0x2501,
    ZNP_FIND_EUI64_TAKEN = 0x6501,
    ZNP_PERMIT_JOIN = 0x2536,
    ZNP_PERMIT_JOIN_TAKEN = 0x6536,
    ZNP_START = 0x2540,
    ZNP_START_TAKEN = 0x6540,
    ZNP_FIND_ROUTE = 0x2545,
    ZNP_FIND_ROUTE_TAKEN = 0x6545,
    ZNP_NETWORK_INFO = 0x2550,
    ZNP_NETWORK_IS = 0x6550,
    ZNP_NWK_FOUND = 0x4580,
    ZNP_EUI64_FOUND = 0x4581,
    ZNP_STATE = 0x45C0,
    ZNP_ANNOUNCED = 0x45C1,
    ZNP_LEFT = 0x45C9,
    ZNP_JOINED = 0x45CA,
    ZNP_CONFIGURE = 0x2605,
    ZNP_CONFIGURED = 0x6605,
    ZNP_DEVICE_INFO = 0x2700,
    ZNP_DEVICE_IS = 0x6700,
    ZNP_COMMISSION = 0x2F05,
    ZNP_COMMISSION_TAKEN = 0x6F05,
    ZNP_SET_CHANNELS = 0x2F08,
    ZNP_CHANNELS_SET = 0x6F08,
    ZNP_COMMISSIONED = 0x4F80,
    ZNP_ERROR = 0x6000 /* answers a command that the firmware does not know or understand */
};

/* The command that answers this SREQ. */
static inline uint16_t znp_answer(uint16_t sreq)
{
    return (uint16_t)(sreq | 0x4000);
}

struct znp_frame {
    uint16_t command;
    struct span data;
};

/* Finds frames in a stream; all zero at the start. */
struct znp_reader {
    uint8_t held[ZNP_HELD];
    size_t from, to; /* what is held, within `held` */
    bool idle;
    uint32_t damaged; /* starts of frames that were none, or arrived broken */
};

/* Takes what has room of `bytes` and returns the rest, which has room once znp_reader_next returned false. */
struct span znp_reader_feed(struct znp_reader *r, struct span bytes);

/* The next whole frame; false: not yet. f->data lives until the next feed. */
bool znp_reader_next(struct znp_reader *r, struct znp_frame *f);

/* The line is silent: what is held will not become the frame that it seemed to be. Frames behind its start come out of
 * znp_reader_next, the rest is thrown away. */
void znp_reader_idle(struct znp_reader *r);

static inline bool znp_reader_holds(const struct znp_reader *r)
{
    return r->from < r->to;
}

/* w->failed when there is no room or too much data. */
void znp_write_frame(const struct znp_frame *f, struct writer *w);
