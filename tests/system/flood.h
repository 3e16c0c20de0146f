/* flood.h -- a million strangers: datagrams to the gateway, each from another address of 127.0.0.0/8, and a book of how
 * many octets left from each address and how many came back to it. */
#pragma once

#include "tests/system/gateway.h"

enum { FLOOD_ADDRESSES = 1 << 20, FLOOD_FRAME = 64, FLOOD_BURST = 64 };

struct flood {
    int fd;
    uint16_t port;                       /* the gateway's */
    uint32_t next;                       /* number of the next frame, and so of its address */
    uint64_t frames, octets;             /* sent */
    uint64_t heard_frames, heard_octets; /* what came back */
    uint16_t *out, *back;                /* octets of each address */
};

/* The frame with this number into `frame`; its length. */
typedef size_t flood_maker(uint32_t number, uint8_t frame[static FLOOD_FRAME]);

struct flood *flood_open(struct gateway *g);

/* FLOOD_BURST frames, one from each of the next addresses; then what came back is taken in. */
void flood_sends(struct flood *f, flood_maker *make);

/* Takes in what comes back until nothing does any more. */
void flood_settles(struct flood *f);

/* Addresses to which more than three times their own octets came. */
size_t flood_unfair(const struct flood *f);
