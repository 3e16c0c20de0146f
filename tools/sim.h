/* sim.h -- radio-sim from the inside: a simulated coordinator on a pseudo-terminal, with simulated nodes behind it.
 *
 *   gateway <--pty--> sim_pty.c <--frames--> a stick: sim_xbee.c, sim_znp.c, sim_ezsp.c, sim_deconz.c
 *                                              |
 *                                  sim_air.c: latency, loss, sleepers, outcomes
 *                                              |
 *                                  sim_nodes.c: MQTT-SN clients
 *
 * A stick speaks its family's serial protocol and owns a network; it decides nothing about the air. It does no I/O and
 * looks at no clock: bytes, frames and `now` come in, and what it does goes out through `struct sim_world`. The faults
 * that a person can ask for (a bad checksum, bytes one by one, no status, unplugging) are done around it, so that no
 * stick knows of them; only `reset` is its own. */
#pragma once

#include "mqtt/bytes.h"

typedef uint64_t msec; /* milliseconds on a monotonic clock */
#define MSEC_NEVER UINT64_MAX

enum { SIM_PAYLOAD_MAX = 300, SIM_NODES_MAX = 2000 };

/* What a stick keeps when it is unplugged. */
struct sim_network {
    bool formed;
    uint8_t channel; /* 11..26 */
    uint16_t pan_id;
    uint64_t extended_pan_id;
    uint8_t key[16];
};

/* One frame in the air, either way. */
struct sim_frame {
    uint64_t eui64; /* the node; 0: to all */
    uint16_t nwk;   /* its 16-bit address; a stick may look it up by either */
    uint8_t endpoint, source_endpoint;
    uint16_t profile, cluster;
    bool broadcast, sleeper;
    uint8_t lqi;
    int8_t rssi;
    struct span data;
};

/* How the air took a frame of the host's. */
enum sim_outcome { SIM_DELIVERED, SIM_NO_ACK, SIM_NO_ROUTE, SIM_EXPIRED };

struct sim_world {
    void *context;
    /* To the host. One call is one frame of the serial protocol, whole. */
    void (*write)(void *context, struct span frame);
    /* Into the air; copied. Not for broadcasts: `outcome` is called later with this token. */
    void (*transmit)(void *context, const struct sim_frame *f, uint32_t token);
    /* A node's other address; false: there is no such node. */
    bool (*find)(void *context, uint64_t *eui64, uint16_t *nwk);
    void (*permit_join)(void *context, uint8_t seconds); /* the network is open for so long */
    void (*log)(void *context, const char *text); /* to standard error, when asked to be verbose */
};

struct sim_stick;

struct sim_family {
    const char *name;
    size_t size; /* of the stick, whose first member is a struct sim_stick */
    uint32_t baud;
    void (*plug)(struct sim_stick *s, msec now); /* power on; the rest of the struct is zero */
    void (*hear)(struct sim_stick *s, struct span bytes,
                 msec now); /* any split of what the host wrote */
    void (*tick)(struct sim_stick *s, msec now);
    msec (*deadline)(const struct sim_stick *s);
    void (*receive)(struct sim_stick *s, const struct sim_frame *f, msec now); /* from a node */
    void (*outcome)(struct sim_stick *s, uint32_t token, enum sim_outcome how, msec now);
    void (*joined)(struct sim_stick *s, uint64_t eui64, uint16_t nwk, msec now); /* also a rejoin */
    /* Could it take another frame from a node? While it cannot, the nodes find the air busy, as they do when the
     * real one does not acknowledge at the lowest layer. NULL: always, as far as the line lets it. */
    bool (*has_room)(const struct sim_stick *s);
    void (*reset)(struct sim_stick *s, msec now); /* by itself, as after a watchdog */
};

struct sim_stick {
    const struct sim_family *family;
    const struct sim_world *world;
    struct sim_network *network; /* survives unplugging */
    uint64_t eui64;              /* its own address */
    unsigned option; /* --stick-option N: a variant of the firmware, per family; 0 = the usual */
};

extern const struct sim_family sim_xbee, sim_znp, sim_ezsp, sim_deconz;
