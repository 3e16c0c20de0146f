/* kill_inside.h -- what kill_node.c (what the device wants) and kill_hear.c (what it is told) share. */
#pragma once

#include "tests/system/kill_node.h"

void kill_node_sends(struct kill_node *n, const struct mqttsn_message *m);

/* Where an answered request leads: to rest and the next thing, to sleep, to the second half of QoS 2. */
void kill_node_rests(struct kill_node *n, msec now);
void kill_node_naps(struct kill_node *n, msec now);
void kill_node_releases(struct kill_node *n, msec now);
