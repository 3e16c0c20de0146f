/* crash_play.h -- one short exchange of everything, with a gateway that ends at one of its crash points.
 *
 * Four nodes, half of them sleepers, tell and are told at QoS 1 and 2; when `outage` is set the broker goes away in
 * between and returns. The devices are those of the kill test, and so are the applications and the judge; the air loses
 * nothing but what a dead gateway does not hear. GATEWAY must name the gateway with crash points. */
#pragma once

#include "tests/system/kill_world.h"

enum { CRASH_PLACE = 80 };

struct crash_result {
    char fault[LEDGER_FAULT]; /* empty: all is well */
    char place[CRASH_PLACE];  /* where it ended, "" when it never came to that point */
    unsigned long points;     /* passed in all, when it was not to end */
    size_t messages, lost;    /* that arrived; that were accepted and did not arrive */
};

/* Plays it in the scene's mode. `at`: the number of the point; 0: it does not end before it is stopped. */
void crash_play(struct scene *s, unsigned long at, bool outage, struct crash_result *r);
