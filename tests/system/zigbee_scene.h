/* zigbee_scene.h -- what the scenes with a ZigBee coordinator have in common. They are the same for all families:
 * whoever is behind the port, the gateway must behave alike. */
#pragma once

#include "tests/system/peer.h"
#include "tests/system/stick.h"

#include <stdio.h>
#include <string.h>

/* T_RETRY of the gateway, short, so that what is lost comes again soon; the nodes have theirs from `sim`. */
#define QUICK "retry: {interval: \"1s\", count: 5}"

static inline struct stick *field(struct scene *s, const char *sim, const char *keys)
{
    char options[LINE];
    snprintf(options, sizeof options, "--formed %s", sim);
    struct stick *k = stick_start(s, options);
    gateway_start_with_broker(
        s, (struct settings){ .radios = stick_radio(k, s, keys), .limits = QUICK });
    gateway_logs(s->gateway, "radio field: up: ");
    return k;
}

/* All nodes have said all they had to say, and nothing is missing. */
static inline void all_is_said(struct stick *k, unsigned long messages)
{
    stick_reaches(k, "acknowledged", messages);
    assert_int_equal(stick_counts(k, "stuck"), 0);
}

#define WITH_EACH(test)                                                                            \
    SCENE_WITH(test, "xbee"), SCENE_WITH(test, "znp"), SCENE_WITH(test, "ezsp"),                   \
        SCENE_WITH(test, "deconz")
