/* udp_socket.h -- opens the sockets of a UDP radio, or says in words for an operator why it could not. */
#pragma once

#include "radio/udp_name.h"

/* What went wrong: the thing, the cause and the remedy, without the radio's name. */
struct udp_trouble {
    char text[320];
};

/* The socket that hears and sends, non-blocking and bound. *own is the address it really has, so that port 0 becomes a
 * port. -1: *why says it. */
MUST_CHECK int udp_socket_listen(const struct config_radio *settings, union udp_name *own,
                                 struct udp_trouble *why);

struct udp_group {
    union udp_name name;
    unsigned interface; /* index, 0 = the kernel chose */
};

/* The socket that hears the group of the settings; `listener`, whose address is *own, is made to send to that group
 * through the same interface. -1: *why says it. */
MUST_CHECK int udp_socket_join(const struct config_radio *settings, int listener,
                               const union udp_name *own, struct udp_group *group,
                               struct udp_trouble *why);

/* From now on frames to groups travel `hops` networks far. */
void udp_socket_set_hops(int listener, const union udp_name *own, int hops);
