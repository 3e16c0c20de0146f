/* dump.h -- --state-dump: what the state file holds, for the operator. */
#pragma once

#include "config/config.h"

/* Prints it, for people or as JSON; returns the exit status. Changes nothing on the disk, and does not disturb a
 * gateway that runs. */
int dump_state(const struct config *c, bool json);
