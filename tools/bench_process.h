/* bench_process.h -- CPU time and memory of a process, this one or another. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bench_usage {
    uint64_t cpu_ns; /* user and system, all threads, since the process began */
    uint64_t rss;    /* octets resident */
};

/* False when there is no such process; errno says why. */
bool bench_process_usage(pid_t pid, struct bench_usage *u);
