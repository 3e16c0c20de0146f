/* guard.h -- who may come in and how often: what the gateway does to outlive a flood (SN-CONN-13, SN-DSC-5, SN-M1-6,
 * SN-NET-5, SN-FWD-10; design 4.5, 4.6).
 *
 * A source is a seeded hash of a host, whatever its port; of a forwarder with all behind it; or of a radio node. */
#pragma once

#include "gateway/core/action.h"
#include "gateway/core/rates.h"
#include "gateway/core/tally.h"

/* What was heard from an address and what was said to it, in octets of whole frames. */
struct balance {
    size_t heard, said;
};

/* What the guard remembers of one client; zero at first. */
struct guest {
    struct balance balance; /* with its address, until it is connected */
    uint32_t source;        /* where it is counted, when it is */
    uint8_t radio;
    bool counted, connecting;
};

enum { GUARD_RADIOS = 256 };

/* All zero but for the limits, in which 0 is no limit. */
struct guard {
    uint32_t clients_per_source, connecting_most;
    size_t connecting;
    struct rates answers; /* to strangers */
    struct rates frames, connects, minus_one;
    struct tally clients;
    struct {
        uint32_t clients, most;
    } radios[GUARD_RADIOS];
};

/* A client without a session wants to connect. DROPS: it may; otherwise why it may not. */
MUST_CHECK enum drop guard_admit(struct guard *g, uint8_t radio, uint32_t source, msec now);

/* From now on the client is heard from there. */
void guard_bind(struct guard *g, struct guest *one, uint8_t radio, uint32_t source);

/* Is it still waiting for its CONNACK? */
void guard_follow(struct guard *g, struct guest *one, bool connecting);

/* It is forgotten. */
void guard_leave(struct guard *g, struct guest *one);

/* Never more than three times what came from there, since an address may be forged. True: `octets` more may be said,
 * and are taken as said. */
MUST_CHECK bool guard_spend(struct balance *b, size_t octets);
