/* flood.c -- one socket that speaks from a million addresses.
 *
 * All of 127.0.0.0/8 is this machine, so a datagram may leave from any address of it: IP_PKTINFO names the one for each
 * datagram, and tells which one an answer went to. Nothing else makes a stranger to the gateway, and no privilege is
 * needed. The port is always the same one. */
#include "tests/system/flood.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_ADDRESS = 0x7F100000, TIMES = 3, LISTEN_ROOM = 1 << 22 };

/* Room for the address that goes with a datagram. */
struct extra {
    _Alignas(struct cmsghdr) uint8_t room[CMSG_SPACE(sizeof(struct in_pktinfo))];
};

static bool close_flood(void *thing, bool failed)
{
    struct flood *f = thing;
    (void)failed;
    close(f->fd);
    free(f->out);
    free(f->back);
    return true;
}

struct flood *flood_open(struct gateway *g)
{
    const int on = 1, room = LISTEN_ROOM;
    const struct sockaddr_in any = { .sin_family = AF_INET };
    struct flood *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->port = g->port;
    f->out = calloc(FLOOD_ADDRESSES, sizeof *f->out);
    f->back = calloc(FLOOD_ADDRESSES, sizeof *f->back);
    f->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    scene_keeps(g->scene, f, close_flood);
    assert_true(f->fd >= 0 && f->out && f->back);
    assert_int_equal(setsockopt(f->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on), 0);
    assert_int_equal(setsockopt(f->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room), 0);
    assert_int_equal(bind(f->fd, (const struct sockaddr *)&any, sizeof any), 0);
    return f;
}

/* From address number `number`, whatever way it takes. */
static void put_source(struct msghdr *m, struct extra *extra, uint32_t number)
{
    struct in_pktinfo from = { .ipi_spec_dst.s_addr =
                                   htonl(FIRST_ADDRESS + number % FLOOD_ADDRESSES) };
    m->msg_control = extra->room;
    m->msg_controllen = sizeof extra->room;
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof from);
    memcpy(CMSG_DATA(c), &from, sizeof from);
}

static uint32_t number_of(struct msghdr *m)
{
    struct in_pktinfo to = { 0 };
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    if (c)
        memcpy(&to, CMSG_DATA(c), sizeof to);
    return ntohl(to.ipi_addr.s_addr) - FIRST_ADDRESS;
}

/* One datagram that came back; false when there is none. */
static bool hear(struct flood *f)
{
    uint8_t frame[2048];
    struct extra extra;
    struct iovec bytes = { frame, sizeof frame };
    struct msghdr m = { .msg_iov = &bytes,
                        .msg_iovlen = 1,
                        .msg_control = extra.room,
                        .msg_controllen = sizeof extra.room };
    const ssize_t len = recvmsg(f->fd, &m, 0);
    if (len < 0)
        return false;
    const uint32_t number = number_of(&m);
    assert_in_range(number, 0, FLOOD_ADDRESSES - 1);
    f->back[number] = (uint16_t)(f->back[number] + len);
    f->heard_frames++;
    f->heard_octets += (uint64_t)len;
    return true;
}

void flood_sends(struct flood *f, flood_maker *make)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(f->port) };
    struct mmsghdr list[FLOOD_BURST] = { 0 };
    struct iovec bytes[FLOOD_BURST];
    struct extra extra[FLOOD_BURST];
    uint8_t frames[FLOOD_BURST][FLOOD_FRAME] = { 0 };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (size_t i = 0; i < FLOOD_BURST; i++, f->next++) {
        bytes[i] = (struct iovec){ frames[i], make(f->next, frames[i]) };
        list[i].msg_hdr = (struct msghdr){
            .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &bytes[i], .msg_iovlen = 1
        };
        put_source(&list[i].msg_hdr, &extra[i], f->next);
        uint16_t *out = &f->out[f->next % FLOOD_ADDRESSES];
        *out = (uint16_t)(*out + bytes[i].iov_len);
        f->octets += bytes[i].iov_len;
    }
    assert_int_equal(sendmmsg(f->fd, list, FLOOD_BURST, 0), FLOOD_BURST);
    f->frames += FLOOD_BURST;
    while (hear(f))
        continue;
}

void flood_settles(struct flood *f)
{
    struct pollfd ready = { f->fd, POLLIN, 0 };
    while (poll(&ready, 1, deadline_left(deadline_in(QUIET_MS))) > 0)
        while (hear(f))
            continue;
}

size_t flood_unfair(const struct flood *f)
{
    size_t count = 0;
    for (size_t i = 0; i < FLOOD_ADDRESSES; i++)
        count += f->back[i] > TIMES * f->out[i];
    return count;
}
