/* sim_commands.h -- what a person or a test may ask of radio-sim while it runs, a line for each wish. */
#pragma once

#include "tools/sim_scene.h"

enum { SIM_COMMAND_MAX = 1024 };

/* Does what `line` says and writes one line of answer, without its end: "ok ...", "error ...", or the summary. An empty
 * line has an empty answer. False: it was an error. */
bool sim_command(struct sim_scene *s, const char *line, char *answer, size_t room);
