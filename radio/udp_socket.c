/* udp_socket.c -- opens the sockets of a UDP radio, or says in words for an operator why it could not.
 *
 * Two sockets, since one would have to guess: the listener hears what is sent to us alone and sends everything, and a
 * second one bound to the group's address hears what is sent to all. So what came by which needs no look into packet
 * information, and neither hears the other's frames: IP_MULTICAST_ALL is off, without which a wildcard listener is
 * given a copy of every group that any program on this machine has joined.
 *
 * A wildcard listener and the group's socket want the same port. Both must say SO_REUSEADDR for that, but a listener
 * that says so also shares its port with a second gateway, silently. So it says so only while the group is bound.
 *
 * Failures are phrased here and repeated by udp.c; the advice is tables, because the same few mistakes come again. */
#include "radio/udp_socket.h"

#include "config/log.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MIB = 1024 * 1024,
    RECEIVE_BUFFER =
        8 * MIB, /* ten thousand nodes that start at once: the kernel counts 768 octets for a small one */
    SEND_BUFFER = MIB,
};

struct advice {
    int error;
    const char *cause, *remedy;
};

static const struct advice on_listen[] = {
    { EADDRINUSE, "another program has this port",
      "stop it ('ss -ulpn' shows it) or set another port" },
    { EADDRNOTAVAIL, "this machine has no such address now",
      "set an address of this machine, or 0.0.0.0 or [::] for all of them" },
    { EACCES, "not permitted", "use a port above 1023 or give the gateway CAP_NET_BIND_SERVICE" },
    { EAFNOSUPPORT, "this machine has no IPv6", "switch it on or set an IPv4 address" },
    { EINVAL, "a link-local address needs its interface", "write it as in [fe80::1%eth0]:1883" },
    { ENODEV, "not an address, or no such interface",
      "correct the address or the interface behind its '%'" },
    { 0 },
};

static const struct advice on_join[] = {
    { EADDRINUSE, "another program has this port",
      "stop it ('ss -ulpn' shows it) or set another port" },
    { ENODEV, "no such interface, or no route to the group",
      "set 'interface' to a name that 'ip link' shows" },
    { ENOBUFS, "this machine may join no more groups", "raise net.ipv4.igmp_max_memberships" },
    { EAFNOSUPPORT, "the group and 'listen' are of different families",
      "use IPv4 for both or IPv6 for both" },
    { EDESTADDRREQ, "a link-local group needs an interface", "set 'interface'" },
    { EINVAL, "not a multicast address", "use one in 224.0.0.0/4 or ff00::/8" },
    { 0 },
};

static void explain(struct udp_trouble *why, const char *doing, const char *what,
                    const struct advice *known, int error)
{
    while (known->error != 0 && known->error != error)
        known++;
    snprintf(why->text, sizeof why->text, "%s %s: %s; %s", doing, what,
             known->error ? known->cause : strerror(error),
             known->error ? known->remedy : "see the system's log for more");
}

static bool set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

static int level_of(const union udp_name *name)
{
    return name->any.sa_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
}

/* ---- both sockets ---- */

static void enlarge_buffers(int fd)
{
    if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER))
        set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
    set(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
}

/* A socket that hears no group but those it joins itself, and counts what the kernel loses. */
static int open_socket(const union udp_name *name)
{
    const bool v4 = name->any.sa_family == AF_INET;
    const int fd = socket(name->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    set(fd, level_of(name), v4 ? IP_MULTICAST_ALL : IPV6_MULTICAST_ALL, 0);
    set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
    enlarge_buffers(fd);
    if (v4 || set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1))
        return fd;
    close(fd);
    return -1;
}

/* ---- the listener ---- */

static void tell_small_buffer(const char *radio, int fd)
{
    int granted = 0;
    socklen_t len = sizeof granted;
    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &granted, &len);
    if (granted / 2 < MIB) /* the kernel tells twice what it counts for data */
        log_info("radio %s: receive buffer is only %d KiB, a burst of many nodes may be lost; raise "
                 "net.core.rmem_max to %d",
                 radio, granted / 2048, RECEIVE_BUFFER);
}

static int bind_listener(const union udp_name *wanted, union udp_name *own)
{
    socklen_t len = sizeof *own;
    const int fd = open_socket(wanted);
    if (fd < 0)
        return -1;
    if (bind(fd, &wanted->any, udp_name_len(wanted)) == 0 && getsockname(fd, &own->any, &len) == 0)
        return fd;
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int udp_socket_listen(const struct config_radio *settings, union udp_name *own,
                      struct udp_trouble *why)
{
    char what[UDP_NAME_TEXT];
    union udp_name wanted;
    if (!udp_name_parse(&settings->listen, &wanted)) {
        explain(why, "cannot listen on", settings->listen.host, on_listen, ENODEV);
        return -1;
    }
    const int fd = bind_listener(&wanted, own);
    if (fd < 0)
        explain(why, "cannot listen on", udp_name_text(&wanted, what, sizeof what), on_listen, errno);
    else
        tell_small_buffer(settings->name, fd);
    return fd;
}

/* ---- the group ---- */

static bool is_loopback(const union udp_name *name)
{
    return name->any.sa_family == AF_INET ? ntohl(name->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
                                          : IN6_IS_ADDR_LOOPBACK(&name->v6.sin6_addr);
}

static bool carries(const struct ifaddrs *i, const union udp_name *name)
{
    if (is_loopback(name)) /* all of 127/8 is ours, though only one address of it is listed */
        return i->ifa_flags & IFF_LOOPBACK;
    union udp_name listed = { .v6 = { 0 } };
    if (!i->ifa_addr || i->ifa_addr->sa_family != name->any.sa_family)
        return false;
    memcpy(&listed, i->ifa_addr, udp_name_len(name));
    return udp_name_same_host(&listed, name);
}

/* The interface that has this address; 0 for the wildcard. */
static unsigned interface_of(const union udp_name *own)
{
    struct ifaddrs *all = NULL;
    unsigned index = 0;
    if (udp_name_is_wildcard(own) || getifaddrs(&all) != 0)
        return 0;
    for (const struct ifaddrs *i = all; i && index == 0; i = i->ifa_next)
        if (carries(i, own))
            index = if_nametoindex(i->ifa_name);
    freeifaddrs(all);
    return index;
}

/* Fills in the group, or says with an errno what is wrong with it. */
static int find_group(const struct config_radio *settings, const union udp_name *own,
                      struct udp_group *group)
{
    if (!udp_name_parse(&settings->multicast, &group->name))
        return EINVAL;
    if (group->name.any.sa_family != own->any.sa_family)
        return EAFNOSUPPORT;
    const bool named = settings->interface && settings->interface[0];
    const bool v6 = group->name.any.sa_family == AF_INET6;
    group->interface = named ? if_nametoindex(settings->interface) : interface_of(own);
    if (group->interface == 0 && (named || !udp_name_is_wildcard(own)))
        return ENODEV;
    if (v6 && IN6_IS_ADDR_MC_LINKLOCAL(&group->name.v6.sin6_addr)) {
        if (group->interface == 0 && (group->interface = group->name.v6.sin6_scope_id) == 0)
            return EDESTADDRREQ;
        group->name.v6.sin6_scope_id = group->interface;
    }
    if (udp_name_port(&group->name) == 0) /* the settings left it to `listen`, and that to the kernel */
        udp_name_set_port(&group->name, udp_name_port(own));
    return 0;
}

static bool bind_beside(int listener, int fd, const union udp_name *name)
{
    set(listener, SOL_SOCKET, SO_REUSEADDR, 1);
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    const bool bound = bind(fd, &name->any, udp_name_len(name)) == 0;
    const int error = errno;
    set(listener, SOL_SOCKET, SO_REUSEADDR, 0);
    errno = error;
    return bound;
}

static bool join(int fd, const struct udp_group *group)
{
    struct group_req request = { .gr_interface = group->interface };
    memcpy(&request.gr_group, &group->name, udp_name_len(&group->name));
    return setsockopt(fd, level_of(&group->name), MCAST_JOIN_GROUP, &request, sizeof request) == 0;
}

/* Loop back on: other programs on this machine are in the group too. */
static bool send_through(int listener, const struct udp_group *group)
{
    if (group->name.any.sa_family == AF_INET6)
        return set(listener, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)group->interface) &&
               set(listener, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1);
    const struct ip_mreqn by = { .imr_ifindex = (int)group->interface };
    return setsockopt(listener, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof by) == 0 &&
           set(listener, IPPROTO_IP, IP_MULTICAST_LOOP, 1);
}

int udp_socket_join(const struct config_radio *settings, int listener, const union udp_name *own,
                    struct udp_group *group, struct udp_trouble *why)
{
    char what[UDP_NAME_TEXT + IF_NAMESIZE];
    int fd = -1, error = find_group(settings, own, group);
    if (error == 0) {
        fd = open_socket(&group->name);
        if (fd >= 0 && bind_beside(listener, fd, &group->name) && join(fd, group) &&
            send_through(listener, group))
            return fd;
        error = errno;
    }
    if (fd >= 0)
        close(fd);
    const bool named = settings->interface && settings->interface[0];
    snprintf(what, sizeof what, "%s%s%s", settings->multicast.host, named ? " on " : "",
             named ? settings->interface : "");
    explain(why, "cannot join", what, on_join, error);
    return -1;
}

void udp_socket_set_hops(int listener, const union udp_name *own, int hops)
{
    if (own->any.sa_family == AF_INET)
        set(listener, IPPROTO_IP, IP_MULTICAST_TTL, hops);
    else
        set(listener, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops);
}
