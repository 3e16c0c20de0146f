/* packet.h -- finds the UDP datagram inside a captured packet: link, IP and UDP layers, nothing else. Pure. */
#pragma once

#include "mqtt/bytes.h"

/* The link types (LINKTYPE_ values of capture files) that are understood. */
enum packet_link {
    PACKET_NULL = 0,     /* BSD loopback: address family in the order of the writer's machine */
    PACKET_ETHERNET = 1, /* with any number of VLAN tags */
    PACKET_RAW_DLT = 12, /* what libpcap calls raw IP on most systems */
    PACKET_RAW = 101,    /* IPv4 or IPv6 without a link header */
    PACKET_LOOP = 108,   /* OpenBSD loopback: address family in network order */
    PACKET_SLL = 113,    /* Linux "any" device */
    PACKET_IPV4 = 228,
    PACKET_IPV6 = 229,
    PACKET_SLL2 = 276 /* its second version */
};

enum packet_error {
    PACKET_OK,
    PACKET_UNKNOWN_LINK, /* a link type not listed above */
    PACKET_NOT_IP,
    PACKET_NOT_UDP,
    PACKET_FRAGMENT, /* not the first fragment: it has no ports; or the first of several, which is not whole */
    PACKET_CUT, /* shorter than its headers say: captured with a small snap length, or hostile */
    PACKET_ERRORS
};

struct packet_end {
    struct span address; /* 4 or 16 octets */
    uint16_t port;
};

struct packet {
    struct packet_end from, to;
    struct span payload; /* without the padding that Ethernet adds */
};

const char *packet_strerror(enum packet_error e);
bool packet_knows(int link);

/* *p borrows from `captured` and is written only on PACKET_OK. */
MUST_CHECK enum packet_error packet_parse(int link, struct span captured, struct packet *p);

/* "127.0.0.1:1883", "[::1]:1883". `room` of PACKET_END_TEXT octets is always enough. Returns `text`. */
enum { PACKET_END_TEXT = 64 };
const char *packet_end_text(const struct packet_end *end, char *text, size_t room);
