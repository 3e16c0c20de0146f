/* sim_outbox.h -- octets on their way to the host: paced as on a UART, and torn or glued on demand. */
#pragma once

#include "mqtt/bytes.h"
#include "tools/sim_pace.h"

struct evbuffer;

enum sim_way {
    SIM_WHOLE,
    SIM_SPLIT, /* octet by octet, each in a write of its own */
    SIM_JOIN   /* kept for a moment, then with the frames behind it in one write */
};

/* Octets from .. to of all that ever went through here. */
struct sim_stretch {
    uint64_t from, to;
};

struct sim_outbox {
    struct evbuffer *bytes, *held;
    struct sim_pace pace;
    uint64_t written;
    struct sim_stretch split, joined;
    size_t held_frames;
    uint64_t held_until, not_before;
    uint64_t late; /* by so much the last octet reached the host too late, for its timer came late */
    size_t low;    /* it is also due when so few octets wait: somebody wants to add more then */
    bool blocked;  /* the host reads too slowly: wait until its port is writable */
};

enum { SIM_OUTBOX_MAX = 65536 };

/* False when memory ends. Times are nanoseconds. */
MUST_CHECK bool sim_outbox_init(struct sim_outbox *o, uint32_t baud);
void sim_outbox_clear(struct sim_outbox *o);
void sim_outbox_discard(struct sim_outbox *o); /* what waits is lost */

/* One frame. When the host has not read for so long that SIM_OUTBOX_MAX octets wait, it is lost, as in a UART. */
void sim_outbox_add(struct sim_outbox *o, struct span frame, enum sim_way way, uint64_t now);

/* Writes to `fd` what has passed the line by now. False: the port is gone. */
MUST_CHECK bool sim_outbox_flush(struct sim_outbox *o, int fd, uint64_t now);

uint64_t sim_outbox_due(const struct sim_outbox *o); /* when to flush again; UINT64_MAX: not by the clock */
size_t sim_outbox_waiting(const struct sim_outbox *o);
