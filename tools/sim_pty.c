/* sim_pty.c -- a pseudo-terminal that looks like a serial port.
 *
 * The host's side is kept open by us too. Without that, each time the host closed its port the master would report a
 * hang-up for ever. But then nobody tells when the host goes, and two things must be done at that moment: a UART does
 * not keep what nobody reads, and a host that was killed leaves its exclusive lock on a terminal that lives on. So the
 * device is watched with inotify, which sees every open and close without asking.
 *
 * The name that lasts is a symlink, as under /dev/serial/by-id: it goes away with the stick and comes back with it,
 * over a new pseudo-terminal. It is put there by rename, so that it never points nowhere. */
#include "tools/sim_pty.h"

#include "tools/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define PROGRAM "radio-sim"

static bool make_raw(int fd)
{
    struct termios t;
    if (tcgetattr(fd, &t) != 0)
        return false;
    cfmakeraw(&t);
    t.c_cflag |= CLOCAL | CREAD;
    return tcsetattr(fd, TCSANOW, &t) == 0;
}

static bool open_pair(struct sim_pty *p)
{
    p->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (p->master < 0 || grantpt(p->master) != 0 || unlockpt(p->master) != 0 ||
        ptsname_r(p->master, p->device, sizeof p->device) != 0)
        return false;
    p->slave = open(p->device, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return p->slave >= 0 && make_raw(p->slave);
}

/* Without inotify the port works too; only what the host leaves behind stays. */
static void watch_host(struct sim_pty *p)
{
    p->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (p->watch >= 0 && inotify_add_watch(p->watch, p->device, IN_OPEN | IN_CLOSE) < 0) {
        close(p->watch);
        p->watch = -1;
    }
}

static bool make_link(const struct sim_pty *p)
{
    char beside[SIM_PATH_MAX + 32];
    struct stat s;
    if (lstat(p->link, &s) == 0 && !S_ISLNK(s.st_mode)) {
        errno = EEXIST;
        return false;
    }
    snprintf(beside, sizeof beside, "%s.%ld", p->link, (long)getpid());
    (void)unlink(beside);
    if (symlink(p->device, beside) != 0)
        return false;
    if (rename(beside, p->link) == 0)
        return true;
    int why = errno;
    (void)unlink(beside);
    errno = why;
    return false;
}

bool sim_pty_open(struct sim_pty *p, const char *link)
{
    *p = (struct sim_pty){ -1, -1, -1, .link = link };
    if (!open_pair(p)) {
        tool_complain(PROGRAM, "cannot open a pseudo-terminal: %s", strerror(errno));
        p->link = NULL;
        sim_pty_close(p);
        return false;
    }
    if (link && !make_link(p)) {
        tool_complain(PROGRAM, "--port %s: cannot put a symlink there: %s", link, strerror(errno));
        p->link = NULL;
        sim_pty_close(p);
        return false;
    }
    watch_host(p);
    return true;
}

static bool link_is_ours(const struct sim_pty *p)
{
    char target[SIM_PATH_MAX];
    ssize_t n = p->link ? readlink(p->link, target, sizeof target - 1) : -1;
    if (n < 0)
        return false;
    target[n] = '\0';
    return strcmp(target, p->device) == 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* The symlink goes first: whoever sees the hang-up must not find the old name. */
void sim_pty_close(struct sim_pty *p)
{
    if (p->master >= 0 && link_is_ours(p))
        (void)unlink(p->link);
    close_fd(&p->watch);
    close_fd(&p->slave);
    close_fd(&p->master);
}

enum sim_host sim_pty_watch(struct sim_pty *p)
{
    _Alignas(struct inotify_event) char news[4096];
    enum sim_host last = SIM_HOST_SAME;
    ssize_t n = read(p->watch, news, sizeof news);
    /* A watched file that is no folder has no name in its events: all have the same size. */
    for (ssize_t i = 0; i + (ssize_t)sizeof(struct inotify_event) <= n;
         i += (ssize_t)sizeof(struct inotify_event)) {
        struct inotify_event e;
        memcpy(&e, news + i, sizeof e);
        if (e.mask & (IN_OPEN | IN_CLOSE))
            last = e.mask & IN_OPEN ? SIM_HOST_CAME : SIM_HOST_WENT;
    }
    if (last == SIM_HOST_WENT) {
        (void)ioctl(p->slave, TIOCNXCL);
        (void)tcflush(p->slave, TCIFLUSH);
    }
    return last;
}

bool sim_pty_unread(const struct sim_pty *p)
{
    int unread = 0;
    return p->slave >= 0 && ioctl(p->slave, FIONREAD, &unread) == 0 && unread > 0;
}
