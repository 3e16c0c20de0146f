/* udp_inbox.h -- a burst of datagrams taken from a socket in one system call. */
#pragma once

#include "radio/udp_name.h"

struct udp_inbox;

struct udp_datagram {
    const union udp_name *from;
    struct span frame; /* lives until the next udp_inbox_take */
    bool cut;          /* it was longer than the inbox takes; the frame is its beginning */
};

/* For datagrams of up to `max_message` octets. NULL when memory ends. */
struct udp_inbox *udp_inbox_new(uint16_t max_message);
void udp_inbox_free(struct udp_inbox *in);

/* Takes what waits, 64 datagrams at most, and never blocks. Returns how many; 0 when there were none. *lost is raised
 * to the kernel's count of datagrams it had no room for (SO_RXQ_OVFL) since the socket was made. */
size_t udp_inbox_take(struct udp_inbox *in, int fd, uint32_t *lost);

/* Datagram `i` of the last take. */
struct udp_datagram udp_inbox_at(const struct udp_inbox *in, size_t i);
