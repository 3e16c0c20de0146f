/* bench_process.c -- what a process has cost so far.
 *
 * CPU comes from the process' own CPU clock (clock_getcpuclockid): nanoseconds of the scheduler, over all threads,
 * ended ones too. /proc/PID/stat counts in ticks of 10 ms, which is 100,000 messages of a good gateway, and
 * /proc/PID/schedstat knows the first thread only. Memory is Rss of smaps_rollup, summed over the page tables at
 * that moment; the figure in statm lags behind by up to a few hundred pages since kernels keep it in per-CPU
 * counters. */
#include "tools/bench_process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool read_rss(pid_t pid, uint64_t *rss)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    bool found = false;
    while (!found && fgets(line, sizeof line, f))
        found = strncmp(line, "Rss:", 4) == 0;
    fclose(f);
    *rss = found ? strtoull(line + 4, NULL, 10) * 1024 : 0; /* the kernel counts in kB */
    return found;
}

bool bench_process_usage(pid_t pid, struct bench_usage *u)
{
    clockid_t clock;
    struct timespec t;
    const int error = clock_getcpuclockid(pid, &clock);
    if (error != 0) {
        errno = error;
        return false;
    }
    if (clock_gettime(clock, &t) < 0 || !read_rss(pid, &u->rss))
        return false;
    u->cpu_ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    return true;
}
