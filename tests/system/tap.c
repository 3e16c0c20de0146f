/* tap.c -- a process of its own that hands bytes on between the gateway and a real broker.
 *
 * The test waits for nodes and peers most of the time, so somebody else must move the bytes meanwhile: a child process
 * with one poll loop. It appends what the gateway says to a file for each connection, which becomes a TCP stream of the
 * capture afterwards. Writes are small and to loopback, so it may block in them. */
#include "tests/system/tap.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TAP_LINKS = 30, TAP_PIECE = 1024 };

struct tap {
    struct scene *scene;
    int listener;
    int hold; /* a pipe that we keep open: its end tells the child to come to an end too */
    pid_t child;
    char url[64];
};

enum { LISTENER, HOLD, FIRST_LINK };

/* Descriptors of the child's poll loop; for each connection the gateway's end and, behind it, the broker's. */
struct loop {
    struct pollfd ends[FIRST_LINK + 2 * TAP_LINKS];
    size_t links, open;
    uint16_t broker_port;
    const char *folder;
};

static void record_path(const char *folder, size_t link, char path[static SCENE_PATH])
{
    snprintf(path, SCENE_PATH, "%s/tap.%zu", folder, link);
}

static void accept_link(struct loop *l)
{
    int on = 1;
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(l->broker_port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int from = accept(l->ends[LISTENER].fd, NULL, NULL);
    int broker = socket(AF_INET, SOCK_STREAM, 0);
    if (l->links == TAP_LINKS || from < 0 || connect(broker, (struct sockaddr *)&to, sizeof to) != 0) {
        close(from);
        close(broker);
        return;
    }
    setsockopt(from, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(broker, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    l->ends[FIRST_LINK + 2 * l->links] = (struct pollfd){ from, POLLIN, 0 };
    l->ends[FIRST_LINK + 1 + 2 * l->links] = (struct pollfd){ broker, POLLIN, 0 };
    l->links++;
    l->open++;
}

static void record(const struct loop *l, size_t link, const uint8_t *bytes, size_t len)
{
    char path[SCENE_PATH];
    record_path(l->folder, link, path);
    FILE *f = fopen(path, "a");
    if (!f || fwrite(bytes, 1, len, f) != len || fclose(f) != 0)
        _exit(1);
}

/* Hands on what one end of a connection says; an end that closes closes the other. */
static void hand_on(struct loop *l, size_t end)
{
    uint8_t piece[TAP_PIECE];
    size_t link = (end - FIRST_LINK) / 2, other = end ^ 1;
    ssize_t n = read(l->ends[end].fd, piece, sizeof piece);
    if (n > 0 && end < other)
        record(l, link, piece, (size_t)n);
    if (n > 0 && send(l->ends[other].fd, piece, (size_t)n, MSG_NOSIGNAL) == n)
        return;
    close(l->ends[end].fd);
    close(l->ends[other].fd);
    l->ends[end].fd = l->ends[other].fd = -1;
    l->open--;
}

/* Ends when the test wants it to and every connection has been read to its end. */
static _Noreturn void run_loop(struct loop l)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (l.ends[HOLD].fd >= 0 || l.open > 0) {
        size_t count = FIRST_LINK + 2 * l.links;
        if (poll(l.ends, count, -1) < 0)
            _exit(1);
        if (l.ends[LISTENER].revents)
            accept_link(&l);
        if (l.ends[HOLD].revents)
            l.ends[LISTENER].fd = l.ends[HOLD].fd = -1;
        for (size_t i = FIRST_LINK; i < count; i++)
            if (l.ends[i].fd >= 0 && l.ends[i].revents)
                hand_on(&l, i);
    }
    _exit(0);
}

static bool close_tap(void *thing, bool failed)
{
    struct tap *t = thing;
    if (t->child <= 0)
        return true;
    close(t->listener);
    close(t->hold);
    if (failed)
        kill(t->child, SIGKILL);
    waitpid(t->child, NULL, 0);
    t->child = 0;
    return true;
}

/* Forks the process that moves the bytes; it lives until `t->hold` is closed. */
static void start_child(struct tap *t)
{
    int hold[2];
    assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
    t->child = fork();
    assert_true(t->child >= 0);
    if (t->child == 0) {
        close(hold[1]);
        run_loop((struct loop){ .ends = { { t->listener, POLLIN, 0 }, { hold[0], POLLIN, 0 } },
                                .broker_port = t->scene->broker->port,
                                .folder = t->scene->folder });
    }
    close(hold[0]);
    t->hold = hold[1];
}

struct tap *tap_open(struct scene *s)
{
    uint16_t port;
    struct tap *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->scene = s;
    t->listener = scene_listens(&port);
    snprintf(t->url, sizeof t->url, "mqtt://127.0.0.1:%u", port);
    scene_keeps(s, t, close_tap);
    start_child(t);
    return t;
}

const char *tap_url(const struct tap *t)
{
    return t->url;
}

static bool add_stream(struct scene *s, uint16_t link)
{
    char path[SCENE_PATH];
    uint8_t piece[TAP_PIECE];
    uint32_t before = 0;
    record_path(s->folder, link, path);
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0; before += (uint32_t)n)
        capture_stream(s, link, before, span_of(piece, n));
    fclose(f);
    return true;
}

size_t tap_close(struct tap *t)
{
    uint16_t link = 0;
    close_tap(t, false);
    while (add_stream(t->scene, link))
        link++;
    return link;
}
