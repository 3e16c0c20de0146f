/* udp_name.c -- an IP address with its port as sockaddr, as bytes of a `struct address`, and as text.
 *
 * The bytes are the key of the session table, so they hold what tells one peer from another and nothing else: a
 * sockaddr has padding and flow labels in it. The length alone tells the family. A link-local IPv6 address means
 * nothing without its interface, so the index goes with it; for other addresses the kernel leaves it zero. */
#include "radio/udp_name.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { V4_HOST = 4, V6_HOST = 16, PORT = 2, SCOPE = 4 };

bool udp_name_parse(const struct config_endpoint *endpoint, union udp_name *name)
{
    const struct addrinfo literal = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM };
    struct addrinfo *found = NULL;
    if (getaddrinfo(endpoint->host, NULL, &literal, &found) != 0)
        return false;
    *name = (union udp_name){ .v6 = { 0 } };
    memcpy(name, found->ai_addr, found->ai_addrlen);
    udp_name_set_port(name, endpoint->port);
    freeaddrinfo(found);
    return true;
}

socklen_t udp_name_len(const union udp_name *name)
{
    return name->any.sa_family == AF_INET ? sizeof name->v4 : sizeof name->v6;
}

uint16_t udp_name_port(const union udp_name *name)
{
    return ntohs(name->any.sa_family == AF_INET ? name->v4.sin_port : name->v6.sin6_port);
}

void udp_name_set_port(union udp_name *name, uint16_t port)
{
    if (name->any.sa_family == AF_INET)
        name->v4.sin_port = htons(port);
    else
        name->v6.sin6_port = htons(port);
}

bool udp_name_same_host(const union udp_name *a, const union udp_name *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr) &&
           a->v6.sin6_scope_id == b->v6.sin6_scope_id;
}

bool udp_name_is_wildcard(const union udp_name *name)
{
    if (name->any.sa_family == AF_INET)
        return name->v4.sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&name->v6.sin6_addr);
}

bool udp_name_is_local(const union udp_name *name)
{
    union udp_name any_port = *name;
    udp_name_set_port(&any_port, 0);
    const int probe = socket(name->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return false;
    const bool local = bind(probe, &any_port.any, udp_name_len(&any_port)) == 0;
    close(probe);
    return local;
}

const char *udp_name_text(const union udp_name *name, char *line, size_t room)
{
    char host[INET6_ADDRSTRLEN], scope[IF_NAMESIZE] = "";
    if (name->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &name->v4.sin_addr, host, sizeof host);
        snprintf(line, room, "%s:%u", host, udp_name_port(name));
        return line;
    }
    const unsigned index = name->v6.sin6_scope_id;
    inet_ntop(AF_INET6, &name->v6.sin6_addr, host, sizeof host);
    if (index != 0 && !if_indextoname(index, scope))
        snprintf(scope, sizeof scope, "%u", index); /* the interface has gone since */
    snprintf(line, room, "[%s%s%s]:%u", host, index ? "%" : "", scope, udp_name_port(name));
    return line;
}

struct address udp_name_to_address(const union udp_name *name, uint8_t radio)
{
    const bool v4 = name->any.sa_family == AF_INET;
    struct address a = { .radio = radio };
    struct writer w = writer_of(a.bytes, sizeof a.bytes);
    write_span(&w, v4 ? span_of(&name->v4.sin_addr, V4_HOST) : span_of(&name->v6.sin6_addr, V6_HOST));
    write_u16(&w, udp_name_port(name));
    if (!v4)
        write_span(&w, span_of(&name->v6.sin6_scope_id, SCOPE));
    a.len = (uint8_t)(sizeof a.bytes - w.left);
    return a;
}

union udp_name udp_name_of_address(const struct address *a)
{
    union udp_name name = { .v6 = { 0 } };
    struct reader r = reader_of(span_of(a->bytes, a->len));
    if (a->len == V4_HOST + PORT) {
        name.v4.sin_family = AF_INET;
        memcpy(&name.v4.sin_addr, read_span(&r, V4_HOST).at, V4_HOST);
        name.v4.sin_port = htons(read_u16(&r));
    } else if (a->len == V6_HOST + PORT + SCOPE) {
        name.v6.sin6_family = AF_INET6;
        memcpy(&name.v6.sin6_addr, read_span(&r, V6_HOST).at, V6_HOST);
        name.v6.sin6_port = htons(read_u16(&r));
        memcpy(&name.v6.sin6_scope_id, read_span(&r, SCOPE).at, SCOPE);
    }
    return name;
}

size_t udp_name_host_len(const struct address *a)
{
    return a->len == V4_HOST + PORT ? V4_HOST : V6_HOST;
}
