/* lossy_play.h -- one play on the stage of a bad network: fifty nodes, the gateway's core, the broker, the world. */
#pragma once

#include "tests/gateway/core/lossy_gateway.h"

struct lossy_result {
    char fault[LEDGER_FAULT];  /* empty: all is well */
    size_t up, down, repeated; /* messages received by the world, by nodes; at QoS 1 once more */
    size_t frames, frames_lost, frames_doubled, frames_overtaken;
    size_t sessions_lost, refused, broken, connects, naps;
    msec lasted; /* in the time of the play */
};

/* Everything in it is decided by `seed`, which is not 0. */
void lossy_play(bool aggregate, uint64_t seed, struct lossy_result *r);
