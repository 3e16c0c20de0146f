/* sim_xbee_inside.h -- what both files of the simulated XBee share: sim_xbee.c its registers and network,
 * sim_xbee_air.c the frames to and from nodes. Nobody else includes it. */
#pragma once

#include "radio/xbee_frame.h"
#include "tools/sim.h"

enum { BUFFERS = 8, NWK_UNKNOWN = 0xFFFE };

/* Values of AI. */
enum { ASSOCIATED = 0x00, NO_PAN_FOUND = 0x21, INITIALISING = 0xFF };

/* What can be written. */
enum reg { CE, ID, SC, ZS, EE, EO, NJ, AO, SP, SN, KY, NK, WRITABLE };

struct written {
    bool queued;
    uint64_t value;
};

struct buffer {
    uint32_t token; /* 0: free */
    uint8_t id;
    uint16_t nwk;
    bool known;
    msec until; /* the air says what became of it before that, or nobody will */
};

struct stick {
    struct sim_stick s;
    enum xbee_mode mode;
    struct xbee_reader reader;
    uint64_t now_value[WRITABLE], saved[WRITABLE];
    struct written queue[WRITABLE];
    uint8_t key[16];
    uint8_t association;
    msec boot_at, form_at; /* MSEC_NEVER: not */
    uint32_t frames;       /* counts the frames sent, for tokens */
    struct buffer buffers[BUFFERS];
};

static inline struct stick *stick_of(struct sim_stick *s)
{
    return (struct stick *)s;
}

/* ---- sim_xbee.c ---- */
void sim_xbee_say(struct stick *s, const struct xbee_frame *f);

/* ---- sim_xbee_air.c ---- */
/* A transmit request of the host. */
void sim_xbee_transmit(struct stick *s, const struct xbee_frame *f, msec now);
void sim_xbee_receive(struct sim_stick *stick, const struct sim_frame *from, msec now);
void sim_xbee_outcome(struct sim_stick *stick, uint32_t token, enum sim_outcome how, msec now);
