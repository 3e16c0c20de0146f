/* serial_io.c -- the bytes of an open line, and its modem lines.
 *
 * Device or socket, it is one descriptor in the loop. A read gets what is there, once per event, and hands it up. What
 * is written waits for the end of the turn, so that the frames of one turn leave in one system call; what the
 * descriptor does not take then waits until it is writable.
 *
 * A device that was unplugged is readable for ever and gives nothing. So a read of 0 octets, or any error but "not
 * now", is the end of the line: anything else would spin. */
#include "radio/serial_inside.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

enum {
    READ_MAX = 4096,
    OUT_MAX = 65536, /* octets that wait; more, and the line is stuck */
    PIECES = 16
};

/* ---- in ---- */

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct serial *s = context;
    uint8_t bytes[READ_MAX];
    (void)what;
    const ssize_t n = read((int)fd, bytes, sizeof bytes);
    if (n > 0)
        s->events.heard(s->events.context, span_of(bytes, (size_t)n));
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        serial_lose(s, (struct serial_trouble){ SERIAL_LOST, n == 0 ? 0 : errno });
}

/* ---- out ---- */

/* One system call; a socket that was closed must not raise SIGPIPE. */
static ssize_t write_some(struct serial *s)
{
    struct evbuffer_iovec pieces[PIECES];
    const int count = evbuffer_peek(s->out, -1, NULL, pieces, PIECES);
    const struct msghdr message = { .msg_iov = pieces,
                                    .msg_iovlen = (size_t)(count < PIECES ? count : PIECES) };
    if (serial_is_network(s))
        return sendmsg(s->device.fd, &message, MSG_NOSIGNAL);
    return writev(s->device.fd, pieces, (int)message.msg_iovlen);
}

/* 0, or the errno that ended the line. */
static int push(struct serial *s)
{
    while (evbuffer_get_length(s->out) > 0) {
        const ssize_t n = write_some(s);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : errno;
        evbuffer_drain(s->out, (size_t)n);
        if (n == 0)
            return 0;
    }
    return 0;
}

void serial_io_push(struct serial *s)
{
    (void)push(s);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    struct serial *s = context;
    (void)fd;
    (void)what;
    const int error = push(s);
    if (error != 0)
        serial_lose(s, (struct serial_trouble){ SERIAL_LOST, error });
    else if (evbuffer_get_length(s->out) > 0)
        event_add(s->writable, NULL);
}

static void fail_later(struct serial *s, struct serial_trouble why)
{
    s->state = SERIAL_FAILING;
    s->failing = why;
    serial_io_stop(s);
    event_active(s->timer, EV_TIMEOUT, 0);
}

void serial_write(struct serial *s, struct span bytes)
{
    if (s->state != SERIAL_OPEN || bytes.len == 0)
        return;
    const size_t waiting = evbuffer_get_length(s->out);
    if (bytes.len > OUT_MAX - waiting) {
        fail_later(s, (struct serial_trouble){ SERIAL_STUCK });
        return;
    }
    if (evbuffer_add(s->out, bytes.at, bytes.len) < 0)
        fail_later(s, (struct serial_trouble){ SERIAL_LOST, ENOMEM });
    else if (waiting == 0)
        event_active(s->writable, EV_WRITE, 0);
}

size_t serial_waiting(const struct serial *s)
{
    return evbuffer_get_length(s->out);
}

/* ---- start and stop ---- */

bool serial_io_start(struct serial *s)
{
    s->readable = event_new(s->loop, s->device.fd, EV_READ | EV_PERSIST, on_readable, s);
    s->writable = event_new(s->loop, s->device.fd, EV_WRITE, on_writable, s);
    if (s->readable && s->writable && event_add(s->readable, NULL) == 0)
        return true;
    serial_io_stop(s);
    return false;
}

void serial_io_stop(struct serial *s)
{
    if (s->readable)
        event_free(s->readable);
    if (s->writable)
        event_free(s->writable);
    s->readable = s->writable = NULL;
}

/* ---- what only devices have ---- */

/* Both in one call: on some sticks the way from one pair to the next resets the chip. */
void serial_set_lines(struct serial *s, bool dtr, bool rts)
{
    int lines = 0;
    if (!serial_is_open(s) || serial_is_network(s) || ioctl(s->device.fd, TIOCMGET, &lines) < 0)
        return;
    lines &= ~(TIOCM_DTR | TIOCM_RTS);
    lines |= (dtr ? TIOCM_DTR : 0) | (rts ? TIOCM_RTS : 0);
    (void)ioctl(s->device.fd, TIOCMSET, &lines);
}

void serial_flush_all(struct serial *s)
{
    uint8_t bytes[READ_MAX];
    evbuffer_drain(s->out, evbuffer_get_length(s->out));
    if (!serial_is_open(s))
        return;
    if (!serial_is_network(s))
        (void)tcflush(s->device.fd, TCIOFLUSH);
    for (int i = 0; serial_is_network(s) && i < OUT_MAX / READ_MAX; i++) {
        if (read(s->device.fd, bytes, sizeof bytes) <= 0)
            break; /* if that was the end, the next event says so */
    }
}
