/* serial_trouble.c -- one line for the operator: what is wrong with the line, why, and what to do about it.
 *
 * Made only when there is something new to say, so it may take its time with the facts: which ports there are, who
 * holds this one (/proc, as far as we may look), which group may use it. */
#include "radio/ports.h"
#include "radio/serial_inside.h"

#include <dirent.h>
#include <errno.h>
#include <event2/util.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_ROOM = 64 };

static const char *target_of(const struct serial *s)
{
    return serial_is_network(s) ? s->line.port : s->path;
}

/* ---- missing ---- */

static void tell_missing(const struct serial *s, char *line, size_t room)
{
    struct ports ports;
    char there[512];
    ports_list(s->line.roots, &ports);
    ports_present(&ports, there, sizeof there);
    snprintf(line, room, "%s is not there: is it plugged in? %s%s", s->path,
             there[0] ? "There is " : "No USB serial port is", there);
}

static void tell_choice(const struct serial *s, bool several, char *line, size_t room)
{
    struct ports ports;
    char there[512];
    ports_list(s->line.roots, &ports);
    if (several) {
        ports_fitting(&ports, s->line.driver, there, sizeof there);
        snprintf(line, room, "port: auto: several ports fit: %s; name one of them", there);
        return;
    }
    ports_present(&ports, there, sizeof there);
    snprintf(line, room, "port: auto: no port fits this driver: is the stick plugged in? %s%s",
             there[0] ? "If it is this, name it: " : "No USB serial port is there", there);
}

/* ---- forbidden ---- */

static const char *own_name(char name[NAME_ROOM])
{
    const struct passwd *us = getpwuid(geteuid());
    if (us)
        snprintf(name, NAME_ROOM, "%s", us->pw_name);
    else
        snprintf(name, NAME_ROOM, "%u", (unsigned)geteuid());
    return name;
}

static void tell_forbidden(const struct serial *s, int error, char *line, size_t room)
{
    struct stat about;
    char user[NAME_ROOM];
    own_name(user);
    if (s->real[0] == '\0' || stat(s->real, &about) < 0) {
        snprintf(line, room, "%s: a folder on the way is closed to user %s: open it with chmod o+x",
                 s->path, user);
        return;
    }
    const struct group *group = getgrgid(about.st_gid);
    const bool helps =
        (about.st_mode & (S_IRGRP | S_IWGRP)) == (S_IRGRP | S_IWGRP) && about.st_gid != 0;
    if (error == EPERM)
        snprintf(line, room,
                 "%s: the container or service may not use it: add it to --device or DeviceAllow=",
                 s->path);
    else if (group && helps)
        snprintf(
            line, room,
            "%s may not be opened by user %s: it belongs to group %s; run "
            "\"sudo usermod -aG %s %s\" and start the gateway anew (a user who is logged in: log in again)",
            s->path, user, group->gr_name, group->gr_name, user);
    else
        snprintf(line, room,
                 "%s may not be opened by user %s: its mode is %03o and its owner %u:%u; give it to group "
                 "dialout by a udev rule",
                 s->path, user, about.st_mode & 0777U, about.st_uid, about.st_gid);
}

/* ---- busy ---- */

/* Does the process of that number have `real` open? */
static bool holds(const char *pid, const char *real)
{
    char path[NAME_MAX + 32], target[PATH_MAX];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    DIR *folder = opendir(path);
    if (!folder)
        return false;
    for (const struct dirent *e = readdir(folder); e && !found; e = readdir(folder)) {
        const ssize_t n = readlinkat(dirfd(folder), e->d_name, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        found = strcmp(target, real) == 0;
    }
    closedir(folder);
    return found;
}

/* The number of the process that has `real` open; 0: it is not to be seen. */
static long holder_of(const char *real)
{
    long holder = 0;
    DIR *folder = opendir("/proc");
    if (!folder)
        return 0;
    for (const struct dirent *e = readdir(folder); e && holder == 0; e = readdir(folder)) {
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && holds(e->d_name, real))
            holder = strtol(e->d_name, NULL, 10);
    }
    closedir(folder);
    return holder;
}

static const char *name_of(long pid, char name[NAME_ROOM])
{
    char path[NAME_ROOM];
    snprintf(path, sizeof path, "/proc/%ld/comm", pid);
    FILE *f = fopen(path, "re");
    if (!f || !fgets(name, NAME_ROOM, f))
        snprintf(name, NAME_ROOM, "unknown");
    if (f)
        fclose(f);
    name[strcspn(name, "\n")] = '\0';
    return name;
}

static void tell_busy(const struct serial *s, char *line, size_t room)
{
    char name[NAME_ROOM];
    const long pid = holder_of(s->real);
    if (pid == getpid())
        snprintf(line, room,
                 "%s is in use by another radio of this gateway: give each radio a port of its own",
                 s->path);
    else if (pid > 0)
        snprintf(line, room, "%s is in use by %s (pid %ld): stop it, or keep it off this port",
                 s->path, name_of(pid, name), pid);
    else
        snprintf(line, room, "%s is in use by another program: \"sudo fuser -v %s\" shows which one",
                 s->path, s->real);
}

/* ---- the rest ---- */

static const char *name_remedy(const char *url)
{
    return strstr(url, ".local:") ? "names in .local are not looked up here: use its IP address"
                                  : "check the name, and the name servers; or use its IP address";
}

static void tell_no_answer(const struct serial *s, int code, char *line, size_t room)
{
    snprintf(line, room, "%s: %s; %s", s->line.port,
             code == ETIMEDOUT ? "no answer" : evutil_socket_error_to_string(code),
             code == ECONNREFUSED ? "is it on, is the port right, and is nobody else connected to it?"
                                  : "is it on, and is the address right?");
}

static void tell_lost(const struct serial *s, int code, char *line, size_t room)
{
    if (!serial_is_network(s))
        snprintf(line, room, "%s is gone: unplugged? It is opened again as soon as it is back",
                 s->path);
    else if (code == 0)
        snprintf(line, room,
                 "%s closed the connection: did it restart, or did another program connect to it? "
                 "Most serve one at a time. Connecting again",
                 s->line.port);
    else
        snprintf(line, room, "%s is lost: %s; connecting again", s->line.port,
                 evutil_socket_error_to_string(code));
}

static void tell_other(const struct serial *s, struct serial_trouble t, char *line, size_t room)
{
    const char *target = target_of(s);
    if (t.cause == SERIAL_NO_TTY)
        snprintf(line, room, "%s is not a serial port; --list-ports shows them", target);
    else if (t.cause == SERIAL_NO_SPEED)
        snprintf(line, room, "%s does not do %d baud: set the one of the stick, most have 115200",
                 target, t.code);
    else if (t.cause == SERIAL_NO_URL)
        snprintf(line, room,
                 "%s is not of the form tcp://host:port, such as tcp://192.168.1.9:6638", target);
    else if (t.cause == SERIAL_NO_HOST)
        snprintf(line, room, "%s: %s; %s", target, evutil_gai_strerror(t.code), name_remedy(target));
    else if (t.cause == SERIAL_STUCK)
        snprintf(line, room,
                 "%s took nothing for too long: does the setting flow_control fit it? Opening it again",
                 target);
    else if (t.code == EIO)
        snprintf(line, room, "%s has no hardware behind it; --list-ports shows the ports that have",
                 target);
    else
        snprintf(line, room, "%s cannot be opened: %s", target, strerror(t.code));
}

void serial_trouble_text(const struct serial *s, struct serial_trouble t, char *line, size_t room)
{
    switch (t.cause) {
    case SERIAL_MISSING:
        tell_missing(s, line, room);
        break;
    case SERIAL_NO_FIT:
    case SERIAL_AMBIGUOUS:
        tell_choice(s, t.cause == SERIAL_AMBIGUOUS, line, room);
        break;
    case SERIAL_FORBIDDEN:
        tell_forbidden(s, t.code, line, room);
        break;
    case SERIAL_BUSY:
        tell_busy(s, line, room);
        break;
    case SERIAL_NO_ANSWER:
        tell_no_answer(s, t.code, line, room);
        break;
    case SERIAL_LOST:
        tell_lost(s, t.code, line, room);
        break;
    default:
        tell_other(s, t, line, room);
        break;
    }
}
