/* dumper.h -- runs --state-dump with the settings of the scene, "gateway.yaml". */
#pragma once

#include "tests/system/gateway.h"

/* `how`: a further argument or NULL. The caller frees *out and *log, what it printed and what it complained about.
 * Returns its exit status. */
int dump(struct scene *s, const char *how, char **out, char **log);

/* Is `part` in the text? Shows both when not. */
bool dump_has(const char *text, const char *part);
