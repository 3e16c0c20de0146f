/* udp_name.h -- an IP address with its port, in the three forms it has here: the system's sockaddr, the compact bytes
 * of a `struct address`, and text. */
#pragma once

#include "radio/radio.h"

#include <net/if.h>
#include <netinet/in.h>

/* Large enough for both families; `any.sa_family` says which. */
union udp_name {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

enum { UDP_NAME_TEXT = INET6_ADDRSTRLEN + IF_NAMESIZE + sizeof "[%]:65535" };

/* A literal IPv4 or IPv6 address, the latter with "%interface" where it is link-local. False: it is none, or this
 * machine has no such interface. Never asks a name server. */
MUST_CHECK bool udp_name_parse(const struct config_endpoint *endpoint, union udp_name *name);

socklen_t udp_name_len(const union udp_name *name);
uint16_t udp_name_port(const union udp_name *name);
void udp_name_set_port(union udp_name *name, uint16_t port);

/* The same host, whatever the port? */
bool udp_name_same_host(const union udp_name *a, const union udp_name *b);
bool udp_name_is_wildcard(const union udp_name *name);

/* Does this host own the address now? Asks the system. */
bool udp_name_is_local(const union udp_name *name);

/* "127.0.0.1:1883", "[fe80::1%eth0]:1883". `line` has UDP_NAME_TEXT octets or more. Returns `line`. */
const char *udp_name_text(const union udp_name *name, char *line, size_t room);

/* To and from the driver's bytes: 4 octets and port, or 16, port and interface index. */
struct address udp_name_to_address(const union udp_name *name, uint8_t radio);
union udp_name udp_name_of_address(const struct address *a);

/* Of these bytes, those at the start that name the host, without port and interface. */
size_t udp_name_host_len(const struct address *a);
