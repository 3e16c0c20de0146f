/* sim_faults.h -- what goes wrong around a stick, and how often. */
#pragma once

#include "mqtt/bytes.h"

enum sim_fault {
    FAULT_CHECKSUM,  /* a frame to the host has a flipped bit */
    FAULT_NO_STATUS, /* what became of a frame of the host's is not told */
    FAULT_SPLIT,     /* a frame to the host is written octet by octet */
    FAULT_JOIN,      /* a frame to the host waits for the ones behind it */
    FAULT_RESET,     /* the stick resets itself */
    FAULT_QUIET,     /* a frame to the host is not written at all */
    FAULTS
};

struct sim_faults {
    struct {
        bool once;
        uint32_t every, seen; /* every: 0 = never */
    } of[FAULTS];
    uint32_t random;
};

/* "NAME": the next time, but `quiet` from now on; "NAME:EVERY": every so many times, 0 = never again. False: that is
 * not the name of a fault, or no number. */
bool sim_faults_ask(struct sim_faults *f, const char *text);

bool sim_faults_strike(struct sim_faults *f, enum sim_fault fault); /* does it happen this time? */
void sim_faults_damage(struct sim_faults *f, uint8_t *frame,
                       size_t len); /* flips one bit, not at the ends */
