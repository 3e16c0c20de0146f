/* notify.c -- tells the service manager how the process is doing.
 *
 * The protocol is one datagram to the socket that $NOTIFY_SOCKET names, so it needs no library. A name that begins with
 * '@' is abstract: its first octet is NUL. Nobody waits for an answer, and a manager that is gone changes nothing. */
#include "gateway/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_service(const char *state)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    size_t len = name ? strlen(name) : 0;
    if (len == 0 || len >= sizeof a.sun_path)
        return;
    memcpy(a.sun_path, name, len);
    if (name[0] == '@')
        a.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&a, size);
    close(fd);
}
