/* bench_fleet.c -- the simulated clients: who waits for what, and what they say to what they hear.
 *
 * A gateway tells clients apart by their address, so each has a UDP socket of its own, connected to the gateway;
 * that makes a send one system call per message, and only a client that has several to send at once can put them
 * into one sendmmsg. A client asks one thing at a time (section 6.13 wants no more), so what it must repeat after
 * T_RETRY follows from what it is doing (bench_request.c) and nothing needs to be kept. All wait equally long, so
 * the queue of those that wait is in order of deadline by itself and the earliest is its head. */
#include "tools/bench_fleet.h"

#include "tools/bench_request.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BURST = 32, FRAME_MAX = BENCH_PAYLOAD_MAX + 64, EVENTS = 256 };

static bool is_waiting(const struct bench_node *n)
{
    return n->doing != BENCH_READY && n->doing != BENCH_FAILED;
}

/* ---- sending ---------------------------------------------------------------------------------------------------- */

static void send_message(struct bench_fleet *f, const struct bench_node *n,
                         const struct mqttsn_message *m)
{
    uint8_t frame[FRAME_MAX];
    struct writer w = writer_of(frame, sizeof frame);
    if (mqttsn_encode(m, &w) != MQTTSN_OK || send(n->fd, frame, sizeof frame - w.left, 0) < 0)
        f->send_errors++;
}

static void send_request(struct bench_fleet *f, struct bench_node *n, uint64_t now)
{
    char room[BENCH_NAME_ROOM];
    const struct mqttsn_message m = bench_request_of(f, n, room);
    send_message(f, n, &m);
    n->deadline_ns = now + f->options->retry_ns;
    TAILQ_INSERT_TAIL(&f->unanswered, n, next);
}

void bench_fleet_ask(struct bench_fleet *f, struct bench_node *n, enum bench_doing doing)
{
    const uint64_t now = bench_now_ns();
    n->doing = doing;
    n->tries = 0;
    if (doing != BENCH_RELEASING)
        n->message_id = (uint16_t)(n->message_id % UINT16_MAX + 1);
    if (doing == BENCH_PUBLISHING) {
        n->stamped_ns = now;
        n->sequence++;
        f->sent++;
    }
    f->waiting++;
    send_request(f, n, now);
}

void bench_fleet_ask_all(struct bench_fleet *f, enum bench_doing doing)
{
    for (size_t i = 0; i < f->options->clients; i++)
        if (f->nodes[i].doing == BENCH_READY)
            bench_fleet_ask(f, &f->nodes[i], doing);
}

size_t bench_fleet_ready(const struct bench_fleet *f)
{
    size_t count = 0;
    for (size_t i = 0; i < f->options->clients; i++)
        count += f->nodes[i].doing == BENCH_READY;
    return count;
}

/* The next client whose turn it is and who is ready; NULL when none is. */
static struct bench_node *next_ready(struct bench_fleet *f)
{
    for (size_t tried = 0; tried < f->options->clients; tried++) {
        struct bench_node *n = &f->nodes[f->cursor];
        f->cursor = f->cursor + 1 < f->options->clients ? f->cursor + 1 : 0;
        if (n->doing == BENCH_READY)
            return n;
    }
    return NULL;
}

static void send_burst(struct bench_fleet *f, struct bench_node *n, unsigned count)
{
    static uint8_t frames[BURST][FRAME_MAX];
    static struct iovec vectors[BURST];
    static struct mmsghdr headers[BURST];
    const uint64_t now = bench_now_ns();
    for (unsigned i = 0; i < count; i++) {
        const struct mqttsn_message m = bench_request_publish(f, n, n->sequence + i, now);
        struct writer w = writer_of(frames[i], FRAME_MAX);
        if (mqttsn_encode(&m, &w) != MQTTSN_OK)
            abort();
        vectors[i] = (struct iovec){ frames[i], FRAME_MAX - w.left };
        headers[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
    }
    const int done = count > 1 ? sendmmsg(n->fd, headers, count, 0)
                     : send(n->fd, frames[0], vectors[0].iov_len, 0) < 0 ? -1
                                                                         : 1;
    n->sequence += done > 0 ? (uint32_t)done : 0;
    f->sent += done > 0 ? (uint64_t)done : 0;
    f->send_errors += done < 0;
}

void bench_fleet_burst(struct bench_fleet *f, uint64_t count)
{
    const uint64_t share = (count + f->options->clients - 1) / f->options->clients;
    const unsigned each = share < BURST ? (unsigned)share : BURST;
    while (count > 0) {
        struct bench_node *n = next_ready(f);
        const unsigned now = count < each ? (unsigned)count : each;
        if (!n)
            return;
        send_burst(f, n, now);
        count -= now;
    }
}

void bench_fleet_publish(struct bench_fleet *f, uint64_t count)
{
    struct bench_node *n;
    while (count-- > 0 && (n = next_ready(f)))
        bench_fleet_ask(f, n, BENCH_PUBLISHING);
}

/* ---- hearing ---------------------------------------------------------------------------------------------------- */

static void stop_waiting(struct bench_fleet *f, struct bench_node *n, enum bench_doing doing)
{
    TAILQ_REMOVE(&f->unanswered, n, next);
    f->waiting--;
    n->doing = doing;
}

static void publish_next(struct bench_fleet *f, struct bench_node *n)
{
    const uint64_t most = f->options->messages;
    if (f->closed_loop && (most == 0 || f->sent < most) && bench_now_ns() < f->stop_ns)
        bench_fleet_ask(f, n, BENCH_PUBLISHING);
}

/* The answer to what the client asked. A PUBLISH that is refused leaves the client as it was. */
static void hear_answer(struct bench_fleet *f, struct bench_node *n, const struct mqttsn_message *m)
{
    const enum bench_doing was = n->doing;
    const bool published = was == BENCH_PUBLISHING || was == BENCH_RELEASING;
    const bool refused = m->return_code != MQTTSN_ACCEPTED;
    stop_waiting(f, n, refused && !published ? BENCH_FAILED : BENCH_READY);
    f->refused += refused;
    if (!refused && (was == BENCH_REGISTERING))
        n->topic_id = m->topic_id;
    if (published) {
        f->acknowledged += !refused;
        publish_next(f, n);
    }
}

static void hear_pubrec(struct bench_fleet *f, struct bench_node *n)
{
    if (n->doing != BENCH_PUBLISHING)
        return;
    stop_waiting(f, n, BENCH_READY);
    bench_fleet_ask(f, n, BENCH_RELEASING);
}

static void reply(struct bench_fleet *f, const struct bench_node *n, enum mqttsn_type type,
                  const struct mqttsn_message *to)
{
    const struct mqttsn_message m = { .type = type,
                                      .topic_id = to->topic_id,
                                      .message_id = to->message_id };
    send_message(f, n, &m);
}

/* What the gateway sends of its own. */
static void hear_request(struct bench_fleet *f, struct bench_node *n, const struct mqttsn_message *m)
{
    switch (m->type) {
    case MQTTSN_PUBLISH:
        bench_tally_add(&f->down, m->tail, bench_now_ns());
        if (m->qos == 1 || m->qos == 2)
            reply(f, n, m->qos == 1 ? MQTTSN_PUBACK : MQTTSN_PUBREC, m);
        break;
    case MQTTSN_REGISTER:
        reply(f, n, MQTTSN_REGACK, m);
        break;
    case MQTTSN_PUBREL:
        reply(f, n, MQTTSN_PUBCOMP, m);
        break;
    case MQTTSN_PINGREQ:
        reply(f, n, MQTTSN_PINGRESP, m);
        break;
    case MQTTSN_DISCONNECT:
        f->disconnected++;
        if (is_waiting(n))
            stop_waiting(f, n, BENCH_FAILED);
        n->doing = BENCH_FAILED;
        break;
    default:
        break;
    }
}

static void hear_node(struct bench_fleet *f, struct bench_node *n)
{
    static uint8_t frame[UINT16_MAX + 1];
    struct mqttsn_message m;
    const ssize_t len = recv(n->fd, frame, sizeof frame, MSG_DONTWAIT);
    if (len < 0)
        return;
    if (mqttsn_decode(span_of(frame, (size_t)len), &m) != MQTTSN_OK) {
        f->malformed++;
        return;
    }
    const bool same_id = !mqttsn_has_message_id(m.type) || m.message_id == n->message_id;
    if (m.type == MQTTSN_PUBREC)
        hear_pubrec(f, n);
    else if (is_waiting(n) && m.type == bench_request_answer(n->doing) && same_id)
        hear_answer(f, n, &m);
    else
        hear_request(f, n, &m);
}

/* ---- time ------------------------------------------------------------------------------------------------------- */

static void retry_late(struct bench_fleet *f, uint64_t now)
{
    struct bench_node *n;
    while ((n = TAILQ_FIRST(&f->unanswered)) && n->deadline_ns <= now) {
        if (n->tries++ == f->options->retries) {
            f->unanswered_count++;
            stop_waiting(f, n, BENCH_FAILED);
            continue;
        }
        TAILQ_REMOVE(&f->unanswered, n, next);
        f->retransmissions++;
        send_request(f, n, now);
    }
}

void bench_fleet_turn(struct bench_fleet *f, uint64_t until_ns)
{
    struct epoll_event events[EVENTS];
    const struct bench_node *first = TAILQ_FIRST(&f->unanswered);
    const uint64_t now = bench_now_ns();
    const uint64_t wake = first && first->deadline_ns < until_ns ? first->deadline_ns : until_ns;
    const uint64_t left = wake > now ? wake - now : 0;
    const struct timespec timeout = { (time_t)(left / 1000000000), (long)(left % 1000000000) };
    const int count = epoll_pwait2(f->epoll, events, EVENTS, &timeout, NULL);
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr)
            hear_node(f, events[i].data.ptr);
        else if (!bench_broker_hear(f->broker)) {
            fprintf(stderr, "mqttsn-bench: broker: the connection is gone\n");
            exit(1);
        }
    }
    if (first)
        retry_late(f, bench_now_ns());
}

void bench_fleet_settle(struct bench_fleet *f)
{
    while (f->waiting > 0)
        bench_fleet_turn(f, UINT64_MAX);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static void raise_descriptor_limit(size_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return;
    if (limit.rlim_max < wanted)
        limit.rlim_max = wanted;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static bool watch(struct bench_fleet *f, int fd, struct bench_node *n)
{
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = n };
    return epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

static bool open_node(struct bench_fleet *f, struct bench_node *n)
{
    const struct bench_endpoint *to = &f->options->gateway;
    n->fd = socket(to->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return n->fd >= 0 && connect(n->fd, (const struct sockaddr *)&to->address, to->len) == 0 &&
           watch(f, n->fd, n);
}

bool bench_fleet_open(struct bench_fleet *f, const struct bench_options *o,
                      struct bench_broker *broker)
{
    *f = (struct bench_fleet){ .options = o, .broker = broker };
    TAILQ_INIT(&f->unanswered);
    bench_tally_init(&f->down);
    raise_descriptor_limit(o->clients + 64);
    f->epoll = epoll_create1(EPOLL_CLOEXEC);
    f->nodes = calloc(o->clients, sizeof *f->nodes);
    if (f->epoll < 0 || !f->nodes || (broker && !watch(f, bench_broker_fd(broker), NULL)))
        return false;
    for (size_t i = 0; i < o->clients; i++)
        f->nodes[i] = (struct bench_node){ .fd = -1, .index = (uint32_t)i };
    for (size_t i = 0; i < o->clients; i++)
        if (!open_node(f, &f->nodes[i]))
            return false;
    return true;
}

void bench_fleet_close(struct bench_fleet *f)
{
    for (size_t i = 0; f->nodes && i < f->options->clients; i++)
        if (f->nodes[i].fd >= 0)
            close(f->nodes[i].fd);
    free(f->nodes);
    bench_tally_clear(&f->down);
    if (f->epoll >= 0)
        close(f->epoll);
}
