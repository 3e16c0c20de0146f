/* udp_scene.h -- one or two UDP radios on real loopback sockets, every port the kernel's choice, and nodes that talk to
 * them.
 *
 * The radio says which port it got in its log line, so standard error goes into a file that the scene reads: what an
 * operator sees is part of what is tested. */
#pragma once

#include "config/log.h"
#include "radio/udp.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

enum { MAX_MESSAGE = 100, PATIENCE_S = 5, HEARD_MAX = 600, LOG_MAX = 16384 };

#define GROUP_V4 "239.192.77.50"
#define GROUP_V6 "ff12::77:50"

struct heard {
    struct address from;
    uint8_t bytes[MAX_MESSAGE];
    size_t len;
    bool broadcast;
};

static struct {
    struct event_base *loop;
    struct config_radio settings[2];
    struct radio *radios[2];
    struct heard heard[HEARD_MAX];
    size_t heard_count, dropped_count;
    const char *drop_reason;
    int real_stderr, log;
    char log_read[LOG_MAX];
} scene;

/* ---- what the radio tells ---- */

static inline void heard(void *context, const struct address *from, const struct radio_frame *frame)
{
    assert_ptr_equal(context, &scene);
    struct heard *h = &scene.heard[scene.heard_count++ % HEARD_MAX];
    *h = (struct heard){ .from = *from, .len = frame->bytes.len, .broadcast = frame->broadcast };
    assert_in_range(frame->bytes.len, 0, sizeof h->bytes);
    memcpy(h->bytes, frame->bytes.at, frame->bytes.len);
}

static inline void dropped(void *context, struct radio *r, const char *reason)
{
    assert_ptr_equal(context, &scene);
    assert_non_null(r);
    scene.dropped_count++;
    scene.drop_reason = reason;
}

static inline const char *log_so_far(void)
{
    const ssize_t n = pread(scene.log, scene.log_read, sizeof scene.log_read - 1, 0);
    scene.log_read[n > 0 ? n : 0] = '\0';
    return scene.log_read;
}

static inline size_t lines_with(const char *text)
{
    size_t count = 0;
    for (const char *at = log_so_far(); (at = strstr(at, text)); at += strlen(text))
        count++;
    return count;
}

/* ---- scene ---- */

static inline int begin(void **state)
{
    (void)state;
    memset(&scene, 0, sizeof scene);
    scene.log = memfd_create("log", MFD_CLOEXEC);
    scene.real_stderr = dup(STDERR_FILENO);
    dup2(scene.log, STDERR_FILENO);
    unsetenv("JOURNAL_STREAM");
    log_setup(LEVEL_INFO, false);
    scene.loop = event_base_new();
    return scene.loop ? 0 : -1;
}

static inline int end(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++)
        if (scene.radios[i])
            udp_driver.close(scene.radios[i]);
    event_base_free(scene.loop);
    dup2(scene.real_stderr, STDERR_FILENO);
    close(scene.real_stderr);
    return close(scene.log);
}

static inline struct radio *open_radio(uint8_t index, struct config_radio settings)
{
    static const char *const names[] = { "lan", "attic" };
    static const struct radio_events events = { .context = &scene, .heard = heard, .dropped = dropped };
    settings.name = names[index];
    settings.max_message = settings.max_message ? settings.max_message : MAX_MESSAGE;
    scene.settings[index] = settings;
    scene.radios[index] = udp_driver.open(scene.loop, &scene.settings[index], index, &events);
    assert_non_null(scene.radios[index]);
    return scene.radios[index];
}

/* The port in "radio NAME: listening on HOST:PORT (udp)". */
static inline uint16_t port_of(const char *radio)
{
    char start[64];
    snprintf(start, sizeof start, "radio %s: listening on ", radio);
    const char *at = strstr(log_so_far(), start);
    assert_non_null(at);
    at = strstr(at, " (udp)\n");
    assert_non_null(at);
    while (*at != ':')
        at--;
    return (uint16_t)strtoul(at + 1, NULL, 10);
}

static inline void time_is_up(evutil_socket_t fd, short what, void *flag)
{
    (void)fd;
    (void)what;
    *(bool *)flag = true;
}

/* Runs the loop until it is `so`, or for `seconds`. */
static inline bool run_until(bool (*so)(void), int seconds)
{
    bool over = false;
    struct event *guard = evtimer_new(scene.loop, time_is_up, &over);
    event_add(guard, &(struct timeval){ .tv_sec = seconds });
    while (!so() && !over)
        event_base_loop(scene.loop, EVLOOP_ONCE);
    event_free(guard);
    return so();
}

static size_t expected;

static inline bool all_heard(void)
{
    return scene.heard_count + scene.dropped_count >= expected;
}

static inline void is_heard_or_dropped(size_t count)
{
    expected = count;
    assert_true(run_until(all_heard, PATIENCE_S));
    event_base_loop(scene.loop, EVLOOP_NONBLOCK); /* and no more than that */
    assert_int_equal(scene.heard_count + scene.dropped_count, count);
}

static inline bool first_is_up(void)
{
    return scene.radios[0]->up;
}

/* ---- nodes ---- */

static inline struct sockaddr_in v4_name(const char *host, uint16_t port)
{
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };
    assert_int_equal(inet_pton(AF_INET, host, &name.sin_addr), 1);
    return name;
}

static inline struct sockaddr_in6 v6_name(const char *host, uint16_t port)
{
    struct sockaddr_in6 name = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    assert_int_equal(inet_pton(AF_INET6, host, &name.sin6_addr), 1);
    return name;
}

static inline int node_at(const void *name, socklen_t len)
{
    const struct timeval patience = { .tv_sec = PATIENCE_S };
    const int fd = socket(((const struct sockaddr *)name)->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){ 1 << 22 }, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(fd, name, len) == 0)
        return fd;
    close(fd);
    return -1;
}

static inline int v4_node(void)
{
    const struct sockaddr_in name = v4_name("127.0.0.1", 0);
    const int fd = node_at(&name, sizeof name);
    assert_true(fd >= 0);
    return fd;
}

static inline uint16_t port_of_node(int node)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name = { 0 };
    socklen_t len = sizeof name;
    assert_int_equal(getsockname(node, &name.any, &len), 0);
    return ntohs(name.any.sa_family == AF_INET ? name.v4.sin_port : name.v6.sin6_port);
}

static inline void node_sends_octets(int node, uint16_t port, const void *bytes, size_t len)
{
    const struct sockaddr_in to = v4_name("127.0.0.1", port);
    assert_int_equal(sendto(node, bytes, len, 0, (const struct sockaddr *)&to, sizeof to), len);
}

static inline void node_sends(int node, uint16_t port, const char *text)
{
    node_sends_octets(node, port, text, strlen(text));
}

static inline void node_receives(int node, const char *text)
{
    char bytes[MAX_MESSAGE + 1];
    const ssize_t n = recv(node, bytes, sizeof bytes, 0);
    assert_int_equal(n, strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

static inline void node_receives_nothing(int node)
{
    char byte;
    assert_int_equal(recv(node, &byte, 1, MSG_DONTWAIT), -1);
}

static inline void nth_heard_is(size_t n, const char *text)
{
    assert_true(n < scene.heard_count);
    assert_int_equal(scene.heard[n].len, strlen(text));
    assert_memory_equal(scene.heard[n].bytes, text, strlen(text));
}

static inline void radio_sends(struct radio *r, const struct address *to, const char *text)
{
    udp_driver.send(r, to, span_text(text));
}

static inline struct address address_of(const char *host, uint16_t port)
{
    const struct sockaddr_in name = v4_name(host, port);
    struct address a = { .len = 6 };
    memcpy(a.bytes, &name.sin_addr, 4);
    memcpy(a.bytes + 4, &name.sin_port, 2);
    return a;
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, begin, end)
