/* znp_message.h -- what the data of an MT frame says, field by field. */
#pragma once

#include "radio/znp_frame.h"

/* Every field of every command that we use; a command leaves at zero what it does not have. Spans borrow from the frame
 * when decoded and from the caller when encoded. */
struct znp_message {
    uint16_t command;
    bool brief;       /* the form without those fields that only newer firmware has */
    uint8_t status;   /* 0 = success; of RPC_ERROR its code */
    uint16_t request; /* ZNP_ERROR: the command that was not understood */

    /* SYS */
    uint16_t capabilities;
    uint8_t transport, product, major, minor, maintenance, hardware;
    uint32_t revision; /* a date, like 20240710 */
    uint8_t reason;
    uint16_t item; /* of non-volatile memory */
    uint8_t offset;
    uint16_t item_len;

    /* one node or device */
    uint64_t eui64;
    uint16_t nwk, source, parent;
    uint64_t parent_eui64;
    uint8_t device_type, state, capability;
    uint8_t asked, remove, rejoin;
    struct span list; /* of 16-bit numbers, the low octet first */

    /* the network */
    uint16_t pan_id;
    uint64_t extended_pan_id;
    uint8_t channel;
    uint32_t channels; /* a mask */
    uint8_t primary, mode,
        remaining; /* `mode` is also the kind of a reset, and of an address request */
    uint16_t delay;
    uint8_t seconds, significance;

    /* AF */
    uint8_t endpoint, source_endpoint;
    uint16_t profile, device, cluster, group;
    uint8_t version, latency;
    struct span outputs; /* clusters, like `list` */
    uint8_t address_mode;
    uint64_t destination, sender;
    uint16_t other_pan;
    uint8_t transaction, options, radius;
    uint8_t broadcast, lqi, security, sequence;
    uint32_t timestamp;
    uint16_t index;
    uint16_t whole_len; /* of a long message, of which `data` may hold nothing */
    uint8_t wanted;
    struct span data;
    struct span rest; /* what newer firmware puts behind the fields that we know */
};

enum znp_error { ZNP_OK, ZNP_UNKNOWN, ZNP_TRUNCATED };

/* ZNP_UNKNOWN: a command that we do not use. ZNP_TRUNCATED: too short, or a length in it runs past its end. */
MUST_CHECK enum znp_error znp_decode(const struct znp_frame *f, struct znp_message *m);

/* The whole frame of a command in the table. w->failed when it does not fit. */
void znp_encode(const struct znp_message *m, struct writer *w);

/* "AF_INCOMING_MSG"; "?" for what is not in the table. */
const char *znp_command_name(uint16_t command);
