/* udp_outbox.c -- frames of one turn, sent together.
 *
 * The other half of udp_inbox.c: frames are copied into one arena as they are decided on, and a single sendmmsg takes
 * them all at the end of the turn. Nothing is allocated for a frame.
 *
 * UDP promises nothing, so a frame that cannot leave is dropped and counted, never kept: MQTT-SN repeats what matters.
 * When the kernel has no room the rest of the batch goes, since trying on would only burn time; an error that belongs
 * to one receiver (no route, a firewall, too long) costs only that one frame. */
#include "radio/udp_outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { BATCH = 128, ARENA = 256 * 1024 };

struct udp_outbox {
    void (*dropped)(void *context, const char *reason);
    void *context;
    size_t count;
    struct writer room;
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    union udp_name to[BATCH];
    uint8_t arena[ARENA];
};

struct udp_outbox *udp_outbox_new(void (*dropped)(void *context, const char *reason), void *context)
{
    struct udp_outbox *out = calloc(1, sizeof *out);
    if (!out)
        return NULL;
    out->dropped = dropped;
    out->context = context;
    out->room = writer_of(out->arena, ARENA);
    for (size_t i = 0; i < BATCH; i++)
        out->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &out->to[i],
            .msg_iov = &out->parts[i],
            .msg_iovlen = 1,
        };
    return out;
}

void udp_outbox_free(struct udp_outbox *out)
{
    free(out);
}

void udp_outbox_add(struct udp_outbox *out, int fd, const union udp_name *to, struct span frame)
{
    if (out->count == BATCH || out->room.left < frame.len)
        udp_outbox_flush(out, fd);
    struct iovec *part = &out->parts[out->count];
    *part = (struct iovec){ out->room.at, frame.len };
    write_span(&out->room, frame);
    if (out->room.failed) { /* longer than the whole arena, so longer than any datagram */
        out->room.failed = false;
        out->dropped(out->context, udp_outbox_reason(EMSGSIZE));
        return;
    }
    out->to[out->count] = *to;
    out->messages[out->count].msg_hdr.msg_namelen = udp_name_len(to);
    out->count++;
}

const char *udp_outbox_reason(int error)
{
    switch (error) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
        return "send buffer full";
    case EMSGSIZE:
        return "too large for the network";
    case EPERM:
    case EACCES:
        return "refused by the firewall";
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
        return "no route";
    default:
        return "send failed";
    }
}

static bool no_room(int error)
{
    return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

/* Reports the first unsent frame, or all of them when there is no room for any. Returns how many those are. */
static size_t give_up(struct udp_outbox *out, size_t unsent, int error)
{
    const size_t lost = no_room(error) ? unsent : 1;
    for (size_t i = 0; i < lost; i++)
        out->dropped(out->context, udp_outbox_reason(error));
    return lost;
}

void udp_outbox_flush(struct udp_outbox *out, int fd)
{
    for (size_t done = 0; done < out->count;) {
        const size_t unsent = out->count - done;
        const int n = sendmmsg(fd, &out->messages[done], (unsigned)unsent, MSG_DONTWAIT);
        if (n > 0)
            done += (size_t)n;
        else if (errno != EINTR)
            done += give_up(out, unsent, errno);
    }
    out->count = 0;
    out->room = writer_of(out->arena, ARENA);
}
