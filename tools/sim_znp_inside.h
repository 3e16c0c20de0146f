/* sim_znp_inside.h -- what the files of the simulated Z-Stack stick share: sim_znp.c its commands and its network,
 * sim_znp_memory.c its non-volatile memory, sim_znp_air.c the frames. Nobody else includes it. */
#pragma once

#include "radio/znp_message.h"
#include "tools/sim.h"

enum {
    UNDER_WAY = 16,
    ENDPOINTS = 4,
    ITEMS = 16,
    ITEM_MAX = 24,
    RUNS = 9, /* the device state of a coordinator that is up */
    FAILURE = 1,
    INVALID = 2
};

enum { STACK_3_X_0, STACK_1_2, STACK_3_0_X, PAN_IN_USE }; /* options */

struct item {
    uint16_t id;
    uint8_t len;
    uint8_t bytes[ITEM_MAX];
};

struct listening {
    uint8_t endpoint; /* 0 = free */
    uint16_t profile, cluster;
};

struct under_way {
    bool used;
    uint8_t transaction, endpoint;
    msec until;
};

struct stick {
    struct sim_stick s;
    struct znp_reader reader;
    uint8_t state;          /* of the device */
    uint8_t reason;         /* of the reset that is under way */
    msec boots_at, runs_at; /* MSEC_NEVER: not under way */
    uint32_t channels;      /* to form on */
    struct item items[ITEMS];
    struct listening endpoints[ENDPOINTS];
    struct under_way under_way[UNDER_WAY];
    uint32_t run; /* counted by resets: outcomes of frames of an earlier run are nobody's */
    uint8_t sequence;
};

static inline struct stick *stick_of(struct sim_stick *s)
{
    return (struct stick *)s;
}

/* ---- sim_znp.c --------------------------------------------------------------------------------------------------- */
void z_stack_say(struct stick *s, const struct znp_message *m);
void z_stack_answer(struct stick *s, const struct znp_message *to, uint8_t status);

/* ---- sim_znp_memory.c -------------------------------------------------------------------------------------------- */
typedef void z_stack_command(struct stick *s, const struct znp_message *m, msec now);
z_stack_command z_stack_read, z_stack_write, z_stack_init;

/* As it leaves the factory, but for the network that it kept. */
void z_stack_load(struct stick *s);
uint64_t z_stack_number(const struct stick *s, uint16_t id);
void z_stack_network_key(const struct stick *s, uint8_t key[16]);
bool z_stack_is_to_forget(const struct stick *s);

/* ---- sim_znp_air.c ----------------------------------------------------------------------------------------------- */
z_stack_command z_stack_send, z_stack_send_ext, z_stack_find_eui64, z_stack_find_nwk;
void z_stack_receive(struct sim_stick *stick, const struct sim_frame *f, msec now);
void z_stack_outcome(struct sim_stick *stick, uint32_t token, enum sim_outcome how, msec now);
void z_stack_joined(struct sim_stick *stick, uint64_t eui64, uint16_t nwk, msec now);
