/* kill_play.h -- one play of the kill test: twelve nodes, an air that loses, the real gateway with its state file, a
 * real Mosquitto, the world beside it, and a director who kills. The judge is that of the lossy network
 * (lossy_ledger.h). */
#pragma once

#include "tests/system/kill_director.h"

struct kill_result {
    char fault[LEDGER_FAULT]; /* empty: all is well */
    struct kill_toll killed;
    size_t up[KILL_QOS], down[KILL_QOS]; /* messages that arrived, at QoS 1 and 2 */
    size_t repeated;                     /* at QoS 1 */
    size_t refused, dismissed, naps, frames;
    size_t by_broker; /* at QoS 2 twice, by Mosquitto's own fault (kill_excuse.h) */
    size_t lost;      /* accepted and not arrived */
    msec lasted, slowest_start;
};

/* Plays it in the scene's mode, up to the first fault, of which it prints what led to it. */
void kill_play(struct scene *s, uint64_t seed, struct kill_toll toll, struct kill_result *r);
