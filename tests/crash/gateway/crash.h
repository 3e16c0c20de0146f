/* crash.h -- gateway/crash.h for a gateway that can end at each of its crash points.
 *
 * They are numbered from 1 as they are passed, by whatever thread. With CRASH_AT=n in the environment the process ends
 * at the n-th as if the power had failed, and its last line of log names the place. Otherwise it writes how many it has
 * passed to the file CRASH_COUNT, when it stops in order. */
#pragma once

#define crash_point() crash_point_passed(__FILE__, __LINE__)

void crash_point_passed(const char *file, int line);
