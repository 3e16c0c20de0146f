/* sim_ezsp_inside.h -- what the two files of the simulated EmberZNet NCP share. Nobody else includes it. */
#pragma once

#include "radio/ash.h"
#include "radio/ezsp_message.h"
#include "tools/sim.h"

enum {
    NCP_VERSION = 13,        /* of the protocol, unless --stick-option names another */
    NCP_STACK = 0x7430,      /* EmberZNet 7.4.3.0 */
    NCP_PAYLOAD = 82,        /* octets of a frame in a secured network */
    NCP_MESSAGES = 10,       /* unicasts that it has room for */
    NCP_QUEUE = 64,          /* frames for the host */
    NCP_NETWORK_MS = 50,     /* to start or leave a network */
    NCP_FORGOTTEN_MS = 8000, /* a bit longer than any frame is kept for a sleeping child */
    NCP_FORGETFUL = 8 /* the version whose address table is small: nodes must be asked themselves */
};

struct ncp_message {
    uint32_t token; /* the air's; 0 = free */
    uint16_t to, tag;
    struct ezsp_aps aps;
    msec until; /* the host is told nothing more after that */
};

struct ncp_frame {
    uint8_t len;
    uint8_t bytes[ASH_DATA_MAX];
};

struct ncp {
    struct sim_stick s; /* first */
    struct ash link;
    uint8_t version;  /* that it speaks */
    uint8_t header;   /* in which it reads and writes now */
    bool settled;     /* the host knows the version */
    uint8_t sequence; /* of the last command */

    /* all of this is lost in a reset */
    bool initialised, up, has_security, lets_join;
    struct ezsp_endpoint endpoint; /* 0 = none registered */
    uint8_t key[EZSP_KEY];
    struct sim_network forming; /* the nodes see it when it is up */
    enum ezsp_status news;      /* of the network ... */
    msec news_at;               /* ... told then; MSEC_NEVER: none */
    uint8_t aps_sequence;
    struct ncp_message messages[NCP_MESSAGES];
    struct ncp_frame queue[NCP_QUEUE]; /* a ring, before the link's window */
    size_t head, count;

    uint32_t last_token;
};

/* ---- sim_ezsp.c ---- */

/* Queues a frame for the host. False: the queue is full, or nobody is there. */
bool ncp_tell(struct ncp *n, uint8_t control, uint16_t id, struct span params, msec now);
void ncp_hear_from_node(struct ncp *n, const struct ezsp_incoming *in, msec now);
void ncp_tell_sent(struct ncp *n, const struct ezsp_sent *s, msec now);

/* ---- sim_ezsp_commands.c ---- */
void ncp_command(struct ncp *n, const struct ezsp_frame *f, msec now);
