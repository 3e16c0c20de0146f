/* crash.c -- counts the crash points of a gateway under test, and ends it at one of them.
 *
 * The end is SIGKILL, so that nothing of the process tidies up: no destructor, no buffer, no closing of the file. Two
 * threads pass points, the loop and the store's writer, and how they mix differs from run to run: a number is a moment
 * near the same one of another run, not a line of code. That is why the dying process says where it was. */
#include "tests/crash/gateway/crash.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_ulong passed;

static void write_count(void)
{
    const char *path = getenv("CRASH_COUNT");
    FILE *f = path ? fopen(path, "w") : NULL;
    if (!f)
        return;
    fprintf(f, "%lu\n", atomic_load(&passed));
    fclose(f);
}

static unsigned long chosen(void)
{
    const char *text = getenv("CRASH_AT");
    return text ? strtoul(text, NULL, 10) : 0;
}

void crash_point_passed(const char *file, int line)
{
    const unsigned long number = atomic_fetch_add(&passed, 1) + 1;
    if (number == 1)
        atexit(write_count);
    if (number != chosen())
        return;
    dprintf(STDERR_FILENO, "crash point %lu: %s:%d\n", number, file, line);
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}
