/* network_key.c -- reads the network key, or makes one and keeps it.
 *
 * Losing the key of a network that was formed with it means to visit every node, so it is on disk before the stick gets
 * it, and a file that is there is never written over. The file holds 32 hex digits, because people copy them from and
 * to other programs. Keys are never logged. */
#include "radio/network_key.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { KEY_LEN = 16, TEXT_LEN = 2 * KEY_LEN };

static int digit(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at ? (int)((at - digits) % 16) : -1;
}

static bool parse(const char *text, uint8_t key[KEY_LEN])
{
    for (size_t i = 0; i < KEY_LEN; i++) {
        int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);
        if (low < 0)
            return false;
        key[i] = (uint8_t)(high << 4 | low);
    }
    return strspn(text + TEXT_LEN, " \r\n") == strlen(text + TEXT_LEN);
}

enum network_key network_key_read(const char *path, uint8_t key[16], char *why, size_t room)
{
    char text[4 * TEXT_LEN] = "";
    if (path[0] == '\0')
        return NETWORK_KEY_ABSENT;
    FILE *file = fopen(path, "re");
    if (!file && errno == ENOENT)
        return NETWORK_KEY_ABSENT;
    if (!file) {
        snprintf(why, room, "cannot read network_key_file %s: %s", path, strerror(errno));
        return NETWORK_KEY_BROKEN;
    }
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    if (strlen(text) == len && len < sizeof text - 1 && parse(text, key))
        return NETWORK_KEY_FOUND;
    snprintf(why, room, "network_key_file %s must hold 32 hex digits and nothing else", path);
    return NETWORK_KEY_BROKEN;
}

static bool write_all(int fd, const uint8_t key[KEY_LEN])
{
    char text[TEXT_LEN + 2];
    for (size_t i = 0; i < KEY_LEN; i++)
        snprintf(text + 2 * i, 3, "%02x", key[i]);
    text[TEXT_LEN] = '\n';
    return write(fd, text, TEXT_LEN + 1) == TEXT_LEN + 1 && fsync(fd) == 0;
}

/* The name of the file is on disk only when its folder is; not every file system can be told so (EINVAL). */
static bool sync_folder(const char *path)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    int fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);
    if (fd >= 0)
        close(fd);
    return synced;
}

static bool keep(const char *path, const uint8_t key[KEY_LEN], char *why, size_t room)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool kept = fd >= 0 && write_all(fd, key) && sync_folder(path);
    if (!kept)
        snprintf(why, room, "cannot keep the new network key in %s: %s", path, strerror(errno));
    if (fd >= 0 && close(fd) == 0 && !kept)
        (void)unlink(path);
    return kept;
}

bool network_key_make(const char *path, uint8_t key[16], char *why, size_t room)
{
    if (getrandom(key, KEY_LEN, 0) != KEY_LEN) {
        snprintf(why, room, "no random numbers for a network key: %s", strerror(errno));
        return false;
    }
    return path[0] == '\0' || keep(path, key, why, room);
}

bool network_key_is_well_known(const uint8_t key[16])
{
    static const uint8_t printed[KEY_LEN] = { 0x01, 0x03, 0x05, 0x07, 0x09, 0x0B, 0x0D, 0x0F,
                                              0x00, 0x02, 0x04, 0x06, 0x08, 0x0A, 0x0C, 0x0D };
    return memcmp(key, printed, KEY_LEN) == 0;
}
