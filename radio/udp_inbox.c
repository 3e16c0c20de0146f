/* udp_inbox.c -- a burst of datagrams taken from a socket in one system call.
 *
 * The gateway spends nearly all its time in the kernel, so the number of calls is what matters: one recvmmsg takes up
 * to 64 datagrams. It takes no more in a turn even if more wait, so that one busy radio cannot starve the others; the
 * loop is level-triggered and comes back. All buffers are made once.
 *
 * A datagram longer than a frame may be is marked as cut (the kernel says so) and never parsed: SN-FRM-11. */
#include "radio/udp_inbox.h"

#include <stdlib.h>
#include <sys/socket.h>

enum { BURST = 64 };

union control {
    size_t alignment; /* that of a struct cmsghdr */
    uint8_t room[CMSG_SPACE(sizeof(uint32_t))];
};

struct udp_inbox {
    size_t used; /* messages of the last take, whose lengths the kernel has changed */
    struct mmsghdr messages[BURST];
    struct iovec parts[BURST];
    union udp_name from[BURST];
    union control controls[BURST];
    uint8_t frames[];
};

static void make_ready(struct udp_inbox *in, size_t i)
{
    in->messages[i].msg_hdr = (struct msghdr){
        .msg_name = &in->from[i],
        .msg_namelen = sizeof in->from[i],
        .msg_iov = &in->parts[i],
        .msg_iovlen = 1,
        .msg_control = &in->controls[i],
        .msg_controllen = sizeof in->controls[i],
    };
}

struct udp_inbox *udp_inbox_new(uint16_t max_message)
{
    struct udp_inbox *in = calloc(1, sizeof *in + (size_t)BURST * max_message);
    if (!in)
        return NULL;
    for (size_t i = 0; i < BURST; i++) {
        in->parts[i] = (struct iovec){ in->frames + i * max_message, max_message };
        make_ready(in, i);
    }
    return in;
}

void udp_inbox_free(struct udp_inbox *in)
{
    free(in);
}

static uint32_t kernel_drops(struct msghdr *m, uint32_t before)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL)
        return before;
    uint32_t count;
    memcpy(&count, CMSG_DATA(c), sizeof count);
    return count;
}

size_t udp_inbox_take(struct udp_inbox *in, int fd, uint32_t *lost)
{
    for (size_t i = 0; i < in->used; i++)
        make_ready(in, i);
    in->used = 0;
    const int n = recvmmsg(fd, in->messages, BURST, MSG_DONTWAIT, NULL);
    if (n <= 0)
        return 0;
    in->used = (size_t)n;
    *lost = kernel_drops(&in->messages[n - 1].msg_hdr, *lost);
    return in->used;
}

struct udp_datagram udp_inbox_at(const struct udp_inbox *in, size_t i)
{
    const struct mmsghdr *m = &in->messages[i];
    return (struct udp_datagram){
        .from = &in->from[i],
        .frame = span_of(in->parts[i].iov_base, m->msg_len),
        .cut = (m->msg_hdr.msg_flags & MSG_TRUNC) != 0,
    };
}
