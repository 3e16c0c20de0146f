/* serial_watch.c -- the wait for a device to appear, without looking every second.
 *
 * A path such as /dev/serial/by-id/usb-X leads over a symlink to /dev/ttyUSB0, and after an unplug any part of it may
 * be missing: udev removes even the folders. So for the path, and for each symlink on its way, the deepest folder that
 * exists is watched for the next name on the way. When that name appears (or is made accessible, or the folder itself
 * goes), whoever waits makes a new watch, which then reaches further, and looks again.
 *
 * Where inotify is not to be had, or does not tell (some containers), the back-off finds the device later. */
#include "mqtt/bytes.h"
#include "radio/serial_inside.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { PLACES = 16, HOPS = 8, TRIES = 8 };

struct place {
    int watch;
    char name[NAME_MAX + 1]; /* what must happen to; "x*": to all that begin so */
};

struct serial_watch {
    int fd;
    struct event *readable;
    struct place places[PLACES];
    size_t count;
    void (*hit)(void *context);
    void *context;
};

/* ---- what to watch ---- */

/* The folder before the slash at `slash`; a path without a slash lies in ".". */
static void folder_of(const char *path, const char *slash, char folder[PATH_MAX])
{
    if (!slash)
        snprintf(folder, PATH_MAX, ".");
    else
        snprintf(folder, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

static const char *slash_before(const char *path, const char *slash)
{
    while (slash > path) {
        slash--;
        if (*slash == '/')
            return slash;
    }
    return NULL;
}

/* Watches the deepest folder on the way to `path`. False: a part of the path has appeared since; look again. */
static bool watch_deepest(struct serial_watch *w, const char *path)
{
    enum { WHAT = IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF };
    struct place *p = &w->places[w->count];
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/'), *last = slash;
    folder_of(path, slash, folder);
    p->watch = inotify_add_watch(w->fd, folder, WHAT | IN_ONLYDIR);
    while (p->watch < 0 && slash && slash > path) {
        slash = slash_before(path, slash);
        folder_of(path, slash, folder);
        p->watch = inotify_add_watch(w->fd, folder, WHAT | IN_ONLYDIR);
    }
    if (p->watch < 0)
        return true;
    const char *name = slash ? slash + 1 : path;
    snprintf(p->name, sizeof p->name, "%.*s", (int)strcspn(name, "/"), name);
    snprintf(folder, sizeof folder, "%.*s", (int)(name - path + (ptrdiff_t)strlen(p->name)), path);
    if (slash != last && access(folder, F_OK) == 0)
        return false;
    w->count++;
    return true;
}

/* Where the symlink `path` leads; false: it is none. */
static bool follow(const char *path, char to[PATH_MAX])
{
    char target[PATH_MAX], folder[PATH_MAX];
    const ssize_t n = readlink(path, target, sizeof target - 1);
    if (n <= 0)
        return false;
    target[n] = '\0';
    folder_of(path, strrchr(path, '/'), folder);
    const int len = target[0] == '/' ? snprintf(to, PATH_MAX, "%s", target)
                                     : snprintf(to, PATH_MAX, "%s/%s", folder, target);
    return len < PATH_MAX;
}

void serial_watch_add(struct serial_watch *w, const char *path)
{
    char here[PATH_MAX], there[PATH_MAX];
    if (!w || snprintf(here, sizeof here, "%s", path) >= (int)sizeof here)
        return;
    for (int hop = 0; hop < HOPS; hop++) {
        for (int i = 0; i < TRIES && w->count < PLACES && !watch_deepest(w, here); i++)
            continue;
        if (!follow(here, there))
            return;
        memcpy(here, there, sizeof here);
    }
}

/* ---- what happened ---- */

static bool fits(const struct place *p, const struct inotify_event *e)
{
    const size_t len = strlen(p->name);
    if (e->wd != p->watch)
        return false;
    if (e->len == 0) /* the folder itself */
        return (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) != 0;
    if (len > 0 && p->name[len - 1] == '*')
        return strncmp(e->name, p->name, len - 1) == 0;
    return strcmp(e->name, p->name) == 0;
}

static bool is_hit(const struct serial_watch *w, const struct inotify_event *e)
{
    for (size_t i = 0; i < w->count; i++) {
        if (fits(&w->places[i], e))
            return true;
    }
    return (e->mask & IN_Q_OVERFLOW) != 0;
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct serial_watch *w = context;
    _Alignas(struct inotify_event) char bytes[4096];
    bool hit = false;
    (void)what;
    const ssize_t n = read((int)fd, bytes, sizeof bytes);
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *e = (const struct inotify_event *)(const void *)(bytes + at);
        hit = hit || is_hit(w, e);
        at += (ssize_t)sizeof *e + e->len;
    }
    if (hit)
        w->hit(w->context);
}

/* ---- life ---- */

struct serial_watch *serial_watch_new(struct event_base *loop, void (*hit)(void *context),
                                      void *context)
{
    struct serial_watch *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->hit = hit;
    w->context = context;
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    w->readable = w->fd >= 0 ? event_new(loop, w->fd, EV_READ | EV_PERSIST, on_readable, w) : NULL;
    if (w->readable && event_add(w->readable, NULL) == 0)
        return w;
    serial_watch_free(w);
    return NULL;
}

void serial_watch_free(struct serial_watch *w)
{
    if (!w)
        return;
    if (w->readable)
        event_free(w->readable);
    if (w->fd >= 0)
        close(w->fd);
    free(w);
}
