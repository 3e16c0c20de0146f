/* packet.c -- finds the UDP datagram inside a captured packet.
 *
 * A capture file is as hostile as the air: every length in it may lie. So the layers are read with the cursor of
 * mqtt/bytes.h: a layer reads its header straight through, the next one gets what is left, cut to what the header
 * claims, and whether anything was missing is asked at the end of each. Chains (VLAN tags, IPv6 extension headers)
 * end by themselves, since every link of one takes octets. Fragments are not put together: MQTT-SN over UDP stays
 * below the MTU, and half a message must not be shown as a malformed one. */
#include "tools/packet.h"

#include <arpa/inet.h>
#include <stdio.h>

enum {
    TYPE_IPV4 = 0x0800,
    TYPE_IPV6 = 0x86DD,
    TYPE_VLAN = 0x8100,
    TYPE_VLAN_SERVICE = 0x88A8,
    NEXT_UDP = 17,
    NEXT_HOP_BY_HOP = 0,
    NEXT_ROUTING = 43,
    NEXT_FRAGMENT = 44,
    NEXT_DESTINATION = 60
};

static const char *const errors[PACKET_ERRORS] = {
    [PACKET_OK] = "no error",         [PACKET_UNKNOWN_LINK] = "unknown link type",
    [PACKET_NOT_IP] = "not IP",       [PACKET_NOT_UDP] = "not UDP",
    [PACKET_FRAGMENT] = "a fragment", [PACKET_CUT] = "cut short",
};

const char *packet_strerror(enum packet_error e)
{
    return (unsigned)e < PACKET_ERRORS ? errors[e] : "?";
}

bool packet_knows(int link)
{
    struct packet p;
    return packet_parse(link, (struct span){ 0 }, &p) != PACKET_UNKNOWN_LINK;
}

/* Goes on with at most `len` octets; there may be padding behind, but nothing may be missing. */
static struct reader shortened(struct reader r, size_t len)
{
    struct span inner = read_span(&r, len);
    return (struct reader){ inner.at, inner.len, r.failed };
}

static enum packet_error parse_udp(struct reader r, struct packet *p)
{
    struct packet found = *p;
    found.from.port = read_u16(&r);
    found.to.port = read_u16(&r);
    size_t len = read_u16(&r);
    read_u16(&r); /* checksum: often left to the network card, so a wrong one says nothing */
    if (r.failed || len < 8)
        return PACKET_CUT;
    found.payload = read_span(&r, len - 8);
    if (r.failed)
        return PACKET_CUT;
    *p = found;
    return PACKET_OK;
}

static enum packet_error parse_ipv4(struct reader r, struct packet *p)
{
    uint8_t version_length = read_u8(&r);
    read_u8(&r); /* service */
    size_t total = read_u16(&r), header = (size_t)(version_length & 0x0F) * 4;
    read_u16(&r); /* identification */
    uint16_t fragment = read_u16(&r);
    read_u8(&r); /* time to live */
    uint8_t protocol = read_u8(&r);
    read_u16(&r); /* checksum */
    p->from.address = read_span(&r, 4);
    p->to.address = read_span(&r, 4);
    if (r.failed || header < 20 || total < header)
        return r.failed ? PACKET_CUT : PACKET_NOT_IP;
    if (version_length >> 4 != 4)
        return PACKET_NOT_IP;
    if (protocol != NEXT_UDP)
        return PACKET_NOT_UDP;
    if (fragment & 0x3FFF) /* more to come, or not the first */
        return PACKET_FRAGMENT;
    r = shortened(r, total - 20);
    reader_take(&r, header - 20); /* options */
    return parse_udp(r, p);
}

static bool is_extension(uint8_t next)
{
    return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_DESTINATION ||
           next == NEXT_FRAGMENT;
}

/* Passes over the extension headers. */
static enum packet_error parse_ipv6_rest(struct reader r, uint8_t next, struct packet *p)
{
    while (is_extension(next) && !r.failed) {
        if (next == NEXT_FRAGMENT)
            return PACKET_FRAGMENT;
        next = read_u8(&r);
        size_t units = read_u8(&r); /* of 8 octets, beyond the first 8 */
        reader_take(&r, 6 + units * 8);
    }
    if (!r.failed && next != NEXT_UDP)
        return PACKET_NOT_UDP;
    return parse_udp(r, p);
}

static enum packet_error parse_ipv6(struct reader r, struct packet *p)
{
    reader_take(&r, 4); /* version, which parse_ip has seen, class and flow */
    size_t len = read_u16(&r);
    uint8_t next = read_u8(&r);
    read_u8(&r); /* hop limit */
    p->from.address = read_span(&r, 16);
    p->to.address = read_span(&r, 16);
    return parse_ipv6_rest(shortened(r, len), next, p);
}

static enum packet_error parse_ip(struct reader r, struct packet *p)
{
    struct reader ahead = r;
    uint8_t version = read_u8(&ahead) >> 4;
    if (ahead.failed)
        return PACKET_CUT;
    return version == 6 ? parse_ipv6(r, p) : parse_ipv4(r, p);
}

/* `type` as in Ethernet; VLAN tags are passed over. */
static enum packet_error parse_typed(struct reader r, uint16_t type, struct packet *p)
{
    while (type == TYPE_VLAN || type == TYPE_VLAN_SERVICE) {
        read_u16(&r); /* priority and number */
        type = read_u16(&r);
    }
    if (r.failed)
        return PACKET_CUT;
    return type == TYPE_IPV4 || type == TYPE_IPV6 ? parse_ip(r, p) : PACKET_NOT_IP;
}

/* The family's number differs between systems, and its octet order between machines; the IP version is enough. */
static enum packet_error parse_loopback(struct reader r, struct packet *p)
{
    reader_take(&r, 4);
    return r.failed ? PACKET_CUT : parse_ip(r, p);
}

/* Takes `before` octets, the type and `after` octets. */
static enum packet_error parse_header(struct reader r, size_t before, size_t after, struct packet *p)
{
    reader_take(&r, before);
    uint16_t type = read_u16(&r);
    reader_take(&r, after);
    return parse_typed(r, type, p);
}

static enum packet_error parse_link(int link, struct reader r, struct packet *p)
{
    switch (link) {
    case PACKET_NULL:
    case PACKET_LOOP:
        return parse_loopback(r, p);
    case PACKET_ETHERNET:
        return parse_header(r, 12, 0, p);
    case PACKET_SLL:
        return parse_header(r, 14, 0, p);
    case PACKET_SLL2:
        return parse_header(r, 0, 18, p);
    case PACKET_RAW_DLT:
    case PACKET_RAW:
    case PACKET_IPV4:
    case PACKET_IPV6:
        return parse_ip(r, p);
    default:
        return PACKET_UNKNOWN_LINK;
    }
}

enum packet_error packet_parse(int link, struct span captured, struct packet *p)
{
    struct packet found = { 0 };
    enum packet_error e = parse_link(link, reader_of(captured), &found);
    if (e == PACKET_OK)
        *p = found;
    return e;
}

const char *packet_end_text(const struct packet_end *end, char *text, size_t room)
{
    char address[INET6_ADDRSTRLEN] = "?";
    bool v6 = end->address.len == 16;
    if (end->address.at)
        inet_ntop(v6 ? AF_INET6 : AF_INET, end->address.at, address, sizeof address);
    snprintf(text, room, "%s%s%s:%u", v6 ? "[" : "", address, v6 ? "]" : "", end->port);
    return text;
}
