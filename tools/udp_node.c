/* udp_node.c -- an MQTT-SN client on a UDP socket.
 *
 * mqttsn/client.h decides, this file moves: one socket connected to the gateway, one clock, one poll. A turn of the
 * client gives at most one frame, so sending is one call. Behind a forwarder the frame gets a header with the node's
 * id, and only frames with that id are heard. Ctrl-C arrives as a descriptor too, so that the programs can say
 * good-bye in order.
 *
 * A UDP socket learns from ICMP that nobody listens. While connecting that ends the attempt, for waiting would not
 * help; later it may be a gateway that restarts, and the retries decide. */
#include "tools/udp_node.h"

#include "mqttsn/encapsulation.h"
#include "mqttsn/message_text.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { FRAME_MAX = 65535, TOPICS_MAX = 1024, ID_MAX = 64 };

struct udp_node {
    const struct node_settings *settings;
    struct mqttsn_client *client;
    struct sn_turn turn;
    struct sn_will will;
    int udp, signals, input;
    size_t wrap_len; /* 0: no forwarder */
    char client_id[ID_MAX];
    uint8_t wrap[ENCAPSULATION_NODE_MAX + 3]; /* the forwarder's header, always the same */
    uint8_t node_id[ENCAPSULATION_NODE_MAX];
    size_t node_id_len;
    uint8_t frame[FRAME_MAX], heard[FRAME_MAX + 1];
};

msec node_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (msec)t.tv_sec * 1000 + (msec)t.tv_nsec / 1000000;
}

const struct node_settings *node_settings(const struct udp_node *n)
{
    return n->settings;
}

struct mqttsn_client *node_client(struct udp_node *n)
{
    return n->client;
}

struct sn_turn *node_turn(struct udp_node *n)
{
    return &n->turn;
}

void node_watch(struct udp_node *n, int input)
{
    n->input = input;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

/* Hex digits, two for each octet. */
static bool read_node_id(struct udp_node *n, const char *hex)
{
    size_t len = strlen(hex) / 2;
    if (len == 0 || len > ENCAPSULATION_NODE_MAX || strlen(hex) % 2 != 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        const char pair[] = { hex[2 * i], hex[2 * i + 1], '\0' };
        char *end = NULL;
        n->node_id[i] = (uint8_t)strtoul(pair, &end, 16);
        if (end != pair + 2)
            return false;
    }
    n->node_id_len = len;
    struct writer w = writer_of(n->wrap, sizeof n->wrap);
    if (encapsulation_wrap(0, span_of(n->node_id, len), &w) != MQTTSN_OK)
        return false;
    n->wrap_len = sizeof n->wrap - w.left;
    return true;
}

static bool check_settings(struct udp_node *n)
{
    const struct node_settings *s = n->settings;
    if (s->forwarder && !read_node_id(n, s->forwarder)) {
        tool_complain(s->program, "--forwarder %s: must be 1 to %d octets in hex, such as 1a2b",
                      s->forwarder, ENCAPSULATION_NODE_MAX);
        return false;
    }
    if (s->client_id && *s->client_id == '\0') {
        tool_complain(s->program, "--id: must not be empty");
        return false;
    }
    if (!s->will_topic && (s->will_message || s->will_retain || s->will_qos > 0)) {
        tool_complain(s->program, "a will needs --will-topic");
        return false;
    }
    return true;
}

static bool make_client(struct udp_node *n)
{
    const struct node_settings *s = n->settings;
    snprintf(n->client_id, sizeof n->client_id, "%s-%ld", s->program, (long)getpid());
    if (s->will_topic) {
        n->will.topic = span_text(s->will_topic);
        n->will.message = span_text(s->will_message ? s->will_message : "");
        n->will.qos = s->will_qos;
        n->will.retain = s->will_retain;
    }
    const struct sn_settings client = {
        .client_id = span_text(s->client_id ? s->client_id : n->client_id),
        .will = s->will_topic ? &n->will : NULL,
        .clean = !s->keep,
        .keep_alive_s = (uint16_t)s->keep_alive_s,
        .retry_ms = (msec)s->retry_s * 1000,
        .retries = s->retries,
        .max_message = FRAME_MAX - n->wrap_len,
        .max_topics = TOPICS_MAX,
    };
    n->client = mqttsn_client_new(&client);
    n->turn = (struct sn_turn){ .frame = n->frame, .frame_room = sizeof n->frame };
    return n->client != NULL;
}

static bool open_socket(struct udp_node *n)
{
    const struct node_settings *s = n->settings;
    const struct addrinfo wanted = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM };
    struct addrinfo *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%" PRIu32, s->port);
    int error = getaddrinfo(s->host, port, &wanted, &found);
    if (error != 0) {
        tool_complain(s->program, "cannot find the host %s: %s", s->host, gai_strerror(error));
        return false;
    }
    for (const struct addrinfo *a = found; a && n->udp < 0; a = a->ai_next) {
        n->udp = socket(a->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (n->udp >= 0 && connect(n->udp, a->ai_addr, a->ai_addrlen) != 0) {
            close(n->udp);
            n->udp = -1;
        }
    }
    freeaddrinfo(found);
    if (n->udp < 0)
        tool_complain(s->program, "cannot reach %s port %s: %s", s->host, port, strerror(errno));
    return n->udp >= 0;
}

static bool catch_signals(struct udp_node *n)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    n->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return n->signals >= 0;
}

struct udp_node *node_open(const struct node_settings *s, enum exit_code *exit_code)
{
    struct udp_node *n = calloc(1, sizeof *n);
    *exit_code = EXIT_LOCAL;
    if (!n)
        return NULL;
    n->settings = s;
    n->udp = n->signals = n->input = -1;
    if (!check_settings(n)) {
        *exit_code = EXIT_USAGE;
        goto fail;
    }
    if (!make_client(n) || !catch_signals(n)) {
        tool_complain(s->program, "cannot start: %s", strerror(errno));
        goto fail;
    }
    if (!open_socket(n))
        goto fail;
    return n;
fail:
    node_close(n);
    return NULL;
}

void node_close(struct udp_node *n)
{
    if (!n)
        return;
    mqttsn_client_free(n->client);
    if (n->udp >= 0)
        close(n->udp);
    if (n->signals >= 0)
        close(n->signals);
    free(n);
}

/* ---- moving frames ----------------------------------------------------------------------------------------------- */

static void show(const struct udp_node *n, const char *arrow, struct span frame)
{
    if (!n->settings->debug)
        return;
    char line[512], clock[16];
    struct timespec t;
    struct tm local;
    struct mqttsn_message m;
    clock_gettime(CLOCK_REALTIME, &t);
    strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&t.tv_sec, &local));
    enum mqttsn_error e = mqttsn_decode(frame, &m);
    if (e == MQTTSN_OK)
        mqttsn_text(&m, line, sizeof line);
    else
        snprintf(line, sizeof line, "malformed: %s", mqttsn_strerror(e));
    fflush(stdout);
    fprintf(stderr, "%s.%03ld %s %s\n", clock, t.tv_nsec / 1000000, arrow, line);
}

/* A frame that the socket does not take is lost as on the air: the retries repair it, or end it. */
enum sn_error node_post(struct udp_node *n, enum sn_error e)
{
    if (e != SN_OK || n->turn.frame_len == 0)
        return e;
    struct iovec parts[] = {
        { n->wrap, n->wrap_len },
        { n->frame, n->turn.frame_len },
    };
    const struct msghdr whole = { .msg_iov = parts, .msg_iovlen = 2 };
    show(n, "->", span_of(n->frame, n->turn.frame_len));
    ssize_t sent = sendmsg(n->udp, &whole, 0);
    if (sent < 0 && errno == ECONNREFUSED) /* about an earlier frame; this one was not sent */
        sent = sendmsg(n->udp, &whole, 0);
    if (sent < 0 && n->settings->debug)
        tool_complain(n->settings->program, "cannot send: %s", strerror(errno));
    return e;
}

/* What is inside; false when it is for another node. */
static bool peel(const struct udp_node *n, struct span *frame)
{
    struct encapsulation e;
    if (n->wrap_len == 0)
        return true;
    if (!encapsulation_is(*frame) || encapsulation_peel(*frame, &e) != MQTTSN_OK ||
        !span_equal(e.node, span_of(n->node_id, n->node_id_len)))
        return false;
    *frame = e.message;
    return true;
}

/* False: the socket says that nobody listens, and nobody ever answered. */
static bool hear(struct udp_node *n)
{
    ssize_t len = recv(n->udp, n->heard, sizeof n->heard, 0);
    n->turn.event = SN_NOTHING;
    if (len < 0) {
        enum sn_state state = mqttsn_client_state(n->client);
        return errno != ECONNREFUSED || state != SN_CONNECTING;
    }
    struct span frame = span_of(n->heard, (size_t)len);
    if (!peel(n, &frame))
        return true;
    show(n, "<-", frame);
    mqttsn_client_receive(n->client, frame, node_now(), &n->turn);
    return node_post(n, SN_OK) == SN_OK;
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

static bool worth_telling(enum sn_event event)
{
    return event != SN_NOTHING && event != SN_UNEXPECTED && event != SN_MALFORMED &&
           event != SN_GATEWAY_FOUND && event != SN_ADVERTISED;
}

static int poll_timeout(const struct udp_node *n, msec until)
{
    msec now = node_now(), next = mqttsn_client_deadline(n->client);
    if (until < next)
        next = until;
    if (next == MSEC_NEVER)
        return -1;
    return next <= now ? 0 : (int)(next - now < 3600000 ? next - now : 3600000);
}

static enum node_outcome nobody_listens(const struct udp_node *n)
{
    tool_complain(n->settings->program,
                  "nobody listens on UDP port %" PRIu32 " of %s: is the gateway running there?",
                  n->settings->port, n->settings->host);
    return NODE_FAILED;
}

enum node_outcome node_wait(struct udp_node *n, msec until)
{
    for (;;) {
        mqttsn_client_tick(n->client, node_now(), &n->turn);
        (void)node_post(n, SN_OK);
        if (worth_telling(n->turn.event))
            return NODE_EVENT;
        if (node_now() >= until)
            return NODE_TIMEOUT;
        struct pollfd fds[] = {
            { n->signals, POLLIN, 0 },
            { n->udp, POLLIN, 0 },
            { n->input, POLLIN, 0 }, /* poll passes over -1 */
        };
        struct signalfd_siginfo signal;
        if (poll(fds, 3, poll_timeout(n, until)) < 0)
            continue;
        if (read(n->signals, &signal, sizeof signal) > 0)
            return NODE_STOPPED;
        if (fds[1].revents && !hear(n))
            return nobody_listens(n);
        if (fds[1].revents && worth_telling(n->turn.event))
            return NODE_EVENT;
        if (fds[2].revents)
            return NODE_INPUT;
    }
}
