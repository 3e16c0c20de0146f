/* serial_scene.h -- a serial line and what stands at its other end: pseudo-terminals, behind a symlink that can be
 * pointed elsewhere, or a listener on loopback.
 *
 * Nobody waits: the clock is the program's own (clock_gettime below is the one that libevent finds), and the test turns
 * it. Standard error goes into a file that the scene reads: what an operator sees is part of what is tested. */
#pragma once

#include "config/log.h"
#include "radio/serial.h"
#include "tests/radio/ports_scene.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

enum { PATIENCE_S = 5, HEARD_MAX = 1 << 17, LOG_MAX = 16384, PATH_ROOM = 240 };

/* What the line's events write goes where its context points. */
struct ear {
    struct serial *line;
    size_t opened, lost, heard;
    uint8_t bytes[HEARD_MAX];
    void (*on_opened)(struct serial *s); /* what the layer above does then, NULL = nothing */
    void (*on_heard)(struct serial *s);
};

static struct {
    struct event_base *loop;
    struct ear ear, second;
    char folder[PATH_ROOM], link[PATH_ROOM * 2];
    int real_stderr, log;
    char log_read[LOG_MAX];
    long long ahead_ms;              /* of the real clock */
    const char *instead_of, *opened; /* open() of the one opens the other */
} scene;

/* ---- the files of this machine ---- */

/* The one that the libraries find, too. Glibc's names for the parameters are reserved ones. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    const int mode = flags & O_CREAT ? va_arg(rest, int) : 0;
    va_end(rest);
    if (scene.instead_of && strcmp(path, scene.instead_of) == 0)
        path = scene.opened;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* ---- the clock ---- */

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int clock_gettime(clockid_t id, struct timespec *t)
{
    const long result = syscall(SYS_clock_gettime, id, t);
    t->tv_sec += scene.ahead_ms / 1000;
    t->tv_nsec += scene.ahead_ms % 1000 * 1000000;
    t->tv_sec += t->tv_nsec / 1000000000;
    t->tv_nsec %= 1000000000;
    return (int)result;
}

static inline void turn_once(void)
{
    for (int i = 0; i < 3; i++)
        event_base_loop(scene.loop, EVLOOP_NONBLOCK);
}

/* In small steps, so that each timer comes in its time. */
static inline void time_passes(long long ms)
{
    for (; ms > 0; ms -= 50) {
        scene.ahead_ms += ms < 50 ? ms : 50;
        turn_once();
    }
}

static inline void time_is_up(evutil_socket_t fd, short what, void *flag)
{
    (void)fd;
    (void)what;
    *(bool *)flag = true;
}

/* Runs the loop until *count is `wanted`. */
static inline void until(const size_t *count, size_t wanted)
{
    bool over = false;
    struct event *guard = evtimer_new(scene.loop, time_is_up, &over);
    event_add(guard, &(struct timeval){ .tv_sec = PATIENCE_S });
    while (*count < wanted && !over)
        event_base_loop(scene.loop, EVLOOP_ONCE);
    event_free(guard);
    assert_int_equal(*count, wanted);
}

/* ---- what is logged ---- */

static inline const char *log_so_far(void)
{
    const ssize_t n = pread(scene.log, scene.log_read, sizeof scene.log_read - 1, 0);
    scene.log_read[n > 0 ? n : 0] = '\0';
    return scene.log_read;
}

static inline size_t lines_with(const char *text)
{
    size_t count = 0;
    for (const char *at = log_so_far(); (at = strstr(at, text)); at += strlen(text))
        count++;
    return count;
}

static inline void is_said_once(const char *text)
{
    if (lines_with(text) != 1)
        print_message("\"%s\" is not there once in:\n%s", text, log_so_far());
    assert_int_equal(lines_with(text), 1);
}

static inline void lines_are(size_t count)
{
    if (lines_with("\n") != count)
        print_message("not %zu lines:\n%s", count, log_so_far());
    assert_int_equal(lines_with("\n"), count);
}

/* ---- the line ---- */

static inline void opened(void *context)
{
    struct ear *ear = context;
    ear->opened++;
    if (ear->on_opened)
        ear->on_opened(ear->line);
}

static inline void lost(void *context)
{
    struct ear *ear = context;
    ear->lost++;
}

static inline void heard(void *context, struct span bytes)
{
    struct ear *ear = context;
    assert_in_range(bytes.len, 1, HEARD_MAX - ear->heard);
    memcpy(ear->bytes + ear->heard, bytes.at, bytes.len);
    ear->heard += bytes.len;
    if (ear->on_heard)
        ear->on_heard(ear->line);
}

static inline struct serial *line_at(struct ear *ear, struct serial_line settings)
{
    const struct serial_events events = { ear, opened, heard, lost };
    settings.name = "field";
    ear->line = serial_new(scene.loop, &settings, &events);
    assert_non_null(ear->line);
    assert_false(serial_is_open(ear->line)); /* not before the loop runs */
    return ear->line;
}

static inline struct serial *line_to(const char *port)
{
    return line_at(&scene.ear, (struct serial_line){ .port = port });
}

static inline void line_opens(void)
{
    until(&scene.ear.opened, scene.ear.opened + 1);
    assert_true(serial_is_open(scene.ear.line));
}

static inline void line_is_lost(void)
{
    until(&scene.ear.lost, scene.ear.lost + 1);
    assert_false(serial_is_open(scene.ear.line));
}

static inline void line_writes(const char *text)
{
    serial_write(scene.ear.line, span_text(text));
}

static inline void line_hears(const char *text)
{
    until(&scene.ear.heard, scene.ear.heard + strlen(text));
    assert_memory_equal(scene.ear.bytes + scene.ear.heard - strlen(text), text, strlen(text));
}

/* ---- the other end ---- */

/* The master of a new pseudo-terminal. */
static inline int stick(void)
{
    const int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    return master;
}

/* scene.link leads to the stick now. */
static inline const char *link_to(int master)
{
    unlink(scene.link);
    assert_int_equal(symlink(ptsname(master), scene.link), 0);
    return scene.link;
}

static inline void peer_writes(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* Runs the loop, too: what the line writes leaves from there. */
static inline void peer_reads(int fd, const char *text)
{
    char got[256];
    size_t len = 0;
    for (int i = 0; i < PATIENCE_S * 100 && len < strlen(text); i++) {
        event_base_loop(scene.loop, EVLOOP_NONBLOCK);
        if (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 10) > 0) {
            const ssize_t n = read(fd, got + len, strlen(text) - len);
            assert_true(n > 0);
            len += (size_t)n;
        }
    }
    assert_int_equal(len, strlen(text));
    assert_memory_equal(got, text, len);
}

/* ---- descriptors ---- */

/* Calls `check` with each descriptor of ours that leads to the stick; returns how many there are. */
static inline size_t each_descriptor(const char *path, void (*check)(int fd))
{
    char target[PATH_ROOM];
    size_t found = 0;
    DIR *fds = opendir("/proc/self/fd");
    for (const struct dirent *e = readdir(fds); e; e = readdir(fds)) {
        const ssize_t n = readlinkat(dirfd(fds), e->d_name, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        if (strncmp(target, path, strlen(path)) != 0)
            continue;
        found++;
        if (check)
            check((int)strtol(e->d_name, NULL, 10));
    }
    closedir(fds);
    return found;
}

/* ---- the scene ---- */

static inline int begin(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    memset(&scene, 0, sizeof scene);
    snprintf(scene.folder, sizeof scene.folder, "%s/serial-XXXXXX", base ? base : P_tmpdir);
    assert_non_null(mkdtemp(scene.folder));
    snprintf(scene.link, sizeof scene.link, "%s/usb-Stick_0001-if00", scene.folder);
    scene.log = memfd_create("log", MFD_CLOEXEC);
    scene.real_stderr = dup(STDERR_FILENO);
    dup2(scene.log, STDERR_FILENO);
    unsetenv("JOURNAL_STREAM");
    log_setup(LEVEL_INFO, false);
    scene.loop = event_base_new();
    return scene.loop ? 0 : -1;
}

static inline int end(void **state)
{
    (void)state;
    (void)!seteuid(getuid());
    serial_free(scene.ear.line);
    serial_free(scene.second.line);
    event_base_loop(scene.loop, EVLOOP_NONBLOCK); /* a name that was being looked up ends here */
    event_base_free(scene.loop);
    remove_all(scene.folder);
    dup2(scene.real_stderr, STDERR_FILENO);
    close(scene.real_stderr);
    return close(scene.log);
}
