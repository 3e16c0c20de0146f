/* slow_disk.c -- a disk that is exactly as slow as a bench wants: put before a program by LD_PRELOAD.
 *
 *     FSYNC_MS=5 LD_PRELOAD=slow_disk.so mqttsn-gateway ...
 *
 * How long a disk takes to confirm is the one thing that a bench cannot take from the machine it happens to run on: the
 * same call costs nothing on a virtual disk with a cache, 5 ms on a good SD card and 50 ms on a bad one. Here the calls
 * that ask for a confirmation sleep FSYNC_MS and do nothing else. So the program is the one that everybody runs, the
 * disk of the machine is not part of the figure, and 0 is a disk that confirms at once. Nothing is safe from a power
 * cut meanwhile; a bench pulls no plug. */
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int confirm(void)
{
    const char *text = getenv("FSYNC_MS");
    const long ms = text ? strtol(text, NULL, 10) : 0;
    struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    while (ms > 0 && nanosleep(&left, &left) < 0)
        continue;
    return 0;
}

int fsync(int fd)
{
    (void)fd;
    return confirm();
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): those of libc are reserved */
int fdatasync(int fd)
{
    (void)fd;
    return confirm();
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): those of libc are reserved */
int sync_file_range(int fd, off_t from, off_t len, unsigned flags)
{
    (void)fd, (void)from, (void)len, (void)flags;
    return confirm();
}
