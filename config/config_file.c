/* config_file.c -- files that the settings are in or name.
 *
 * Everything here happens before the gateway starts or on a reload, in the loop's own thread, so a file must not be
 * able to block it: it is opened without waiting and a pipe is refused. What is read is bounded. A relative name
 * means "beside the settings file", wherever the program was started from. */
#include "config/config_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_READ = 16 << 10 };

const char *config_file_resolve(struct settings *s, const char *name)
{
    size_t room = strlen(s->folder) + strlen(name) + 1;
    if (name[0] == '/' || name[0] == '\0')
        return name;
    char *path = config_arena_take(&s->memory, room);
    snprintf(path, room, "%s%s", s->folder, name);
    return path;
}

bool config_file_allowed(const struct settings *s, const char *name)
{
    if (!s->confined)
        return true;
    for (const char *dots = strstr(name, ".."); dots; dots = strstr(dots + 1, ".."))
        if ((dots == name || dots[-1] == '/') && (dots[2] == '/' || dots[2] == '\0'))
            return false;
    return name[0] != '/';
}

static int open_file(const char *path, const char **why)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &about) != 0)
        *why = strerror(errno);
    else if (S_ISREG(about.st_mode) || S_ISCHR(about.st_mode))
        return fd;
    else
        *why = S_ISDIR(about.st_mode) ? strerror(EISDIR) : "not a regular file";
    if (fd >= 0)
        close(fd);
    return -1;
}

bool config_file_readable(const char *path, const char **why)
{
    int fd = open_file(path, why);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* Room for more in a buffer that only grows: the old one stays behind in the arena, in all less than the new one. */
static uint8_t *larger(struct arena *memory, const uint8_t *bytes, size_t len, size_t room)
{
    uint8_t *more = config_arena_take(memory, room + 1);
    if (len > 0)
        memcpy(more, bytes, len);
    return more;
}

static size_t first_room(int fd)
{
    struct stat about;
    bool known = fstat(fd, &about) == 0 && about.st_size > 0 && about.st_size <= CONFIG_FILE_MAX;
    return known ? (size_t)about.st_size + 1 : FIRST_READ;
}

static bool read_all(struct arena *memory, int fd, uint8_t **content, size_t *len, const char **why)
{
    size_t room = first_room(fd);
    uint8_t *bytes = larger(memory, NULL, 0, room);
    ssize_t n;
    *len = 0;
    while ((n = read(fd, bytes + *len, room - *len)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        *len += n > 0 ? (size_t)n : 0;
        *why = n < 0 ? strerror(errno) : "larger than 16 MiB";
        if (n < 0 || *len > CONFIG_FILE_MAX)
            return false;
        if (*len == room)
            bytes = larger(memory, bytes, *len, room *= 2);
    }
    bytes[*len] = '\0';
    *content = bytes;
    return true;
}

bool config_file_read(struct arena *memory, const char *path, uint8_t **content, size_t *len,
                      const char **why)
{
    int fd = open_file(path, why);
    if (fd < 0)
        return false;
    bool whole = read_all(memory, fd, content, len, why);
    close(fd);
    return whole;
}
