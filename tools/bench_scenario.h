/* bench_scenario.h -- the five loads, from the first connect to the last straggler. */
#pragma once

#include "tools/bench_report.h"

/* Runs what `o` asks for and fills `r`. False, and a line on stderr, when it could not be run at all. */
bool bench_scenario_run(const struct bench_options *o, struct bench_report *r);
