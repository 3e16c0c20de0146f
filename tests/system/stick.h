/* stick.h -- a simulated coordinator with simulated nodes behind it: the real radio-sim program, on a pseudo-terminal.
 *
 * The environment variable RADIO_SIM names the program (default: build/radio-sim). */
#pragma once

#include "tests/system/gateway.h"

enum { STICK_WORDS = 24 };

struct stick {
    struct process process;
    char port[SCENE_PATH]; /* what the gateway's settings name */
    char radio[LINE]; /* the settings of a radio "field" with this stick, for struct settings */
};

/* Starts it with the scene's driver and waits until its port is there. `more`: further options, in one text. */
struct stick *stick_start(struct scene *s, const char *more);

/* The settings of the radio, with further keys, beginning with a comma: ", channel: 20". */
const char *stick_radio(struct stick *k, const struct scene *s, const char *more);

/* Types a command; waits until it is confirmed. */
void stick_does(struct stick *k, const char *command);

/* What it reports of `what` now: "acknowledged", "lost", ... */
unsigned long stick_counts(struct stick *k, const char *what);

/* Waits until it reports at least `count` of `what`. */
void stick_reaches(struct stick *k, const char *what, unsigned long count);
