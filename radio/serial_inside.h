/* serial_inside.h -- what the files of the serial transport share: serial.c the life of a line, serial_io.c its bytes,
 * serial_device.c how a device is opened, serial_tcp.c how a networked coordinator is, serial_watch.c the wait for a
 * device to appear, serial_trouble.c what is said when it does not work. Nobody else includes it. */
#pragma once

#include "radio/clock.h"
#include "radio/serial.h"

#include <limits.h>

struct sp_port;
struct evbuffer;
struct event;

/* Why a line is not open. */
enum serial_cause {
    SERIAL_FINE,
    SERIAL_MISSING,   /* no such device: not plugged in */
    SERIAL_FORBIDDEN, /* not for this user */
    SERIAL_BUSY,      /* another program has it */
    SERIAL_NO_TTY,    /* it is no serial port */
    SERIAL_NO_SPEED,  /* not at this speed */
    SERIAL_FAILED,    /* anything else that a device can have */
    SERIAL_NO_FIT,    /* port: auto, and no port fits */
    SERIAL_AMBIGUOUS, /* port: auto, and several do */
    SERIAL_NO_URL,    /* not tcp://host:port */
    SERIAL_NO_HOST,   /* the name leads nowhere; code is of evdns */
    SERIAL_NO_ANSWER, /* no connection */
    SERIAL_LOST,      /* it was open; code 0: the peer closed it */
    SERIAL_STUCK,     /* it took nothing for too long */
    SERIAL_NO_SENSE   /* the layer above closed it; code is a hash of its words */
};

struct serial_trouble {
    enum serial_cause cause;
    int code; /* errno, or as said above */
};

enum serial_state {
    SERIAL_CLOSED,   /* waits for the back-off, or for a device to appear */
    SERIAL_DIALLING, /* name, TCP */
    SERIAL_OPEN,
    SERIAL_FAILING /* to be closed from the loop */
};

/* An open device or connection. */
struct serial_device {
    int fd;               /* -1 while closed */
    int lock;             /* the descriptor that holds the lock: fd itself, or another; -1: none */
    struct sp_port *port; /* libserialport's, which owns fd then; NULL: fd is ours */
};

struct serial {
    struct event_base *loop;
    struct serial_line line;
    struct serial_events events;
    enum serial_state state;
    struct serial_device device;
    char path[PATH_MAX]; /* of the device: line.port, or what `auto` chose */
    char real[PATH_MAX]; /* where it led at the last attempt */
    struct event *readable, *writable;
    struct evbuffer *out;
    struct event *timer; /* closed: the end of the back-off; open: it stays */
    struct event *soon;  /* a new device gets another try */
    struct serial_watch *watch;
    struct serial_dial *dial;
    size_t step;       /* of the back-off */
    msec tried;        /* when, last */
    unsigned patience; /* tries that a device that has just appeared still has, before we complain */
    struct serial_trouble told,
        failing; /* the trouble that was logged last; the one that closes the line */
    bool open_told;
};

/* ---- serial_io.c ---- */
/* Waits for bytes on the device; false: no memory. */
MUST_CHECK bool serial_io_start(struct serial *s);
void serial_io_stop(struct serial *s);
void serial_io_push(struct serial *s); /* what is left, as far as it goes */

/* ---- serial.c, for serial_io.c: the line broke. ---- */
void serial_lose(struct serial *s, struct serial_trouble why);

/* ---- serial_device.c ---- */
/* Opens `path`, notes in `real` where it leads. */
MUST_CHECK struct serial_trouble serial_device_open(const struct serial_line *line, const char *path,
                                                    char real[PATH_MAX], struct serial_device *d);
/* `drain`: the kernel may still write what it has; else it is thrown away, and closing never waits. */
void serial_device_close(struct serial_device *d, bool drain);

/* ---- serial_tcp.c ---- */
/* Connects to tcp://host:port. `done` is called once, from the loop, with the socket or with -1 and the trouble; `d` is
 * then still to be freed. NULL: no memory. */
typedef void serial_dialled(void *context, int fd, struct serial_trouble why);
MUST_CHECK struct serial_dial *serial_dial_new(struct event_base *loop, const char *url,
                                               serial_dialled *done, void *context);
void serial_dial_free(struct serial_dial *d); /* gives up; NULL is allowed */

/* ---- serial_watch.c ---- */
/* Calls `hit` from the loop when something changed that may make one of the paths appear or open. After a hit the
 * watch may be stale: make a new one, then look. NULL: not to be had, the back-off must do. */
struct serial_watch *serial_watch_new(struct event_base *loop, void (*hit)(void *context),
                                      void *context);
void serial_watch_add(struct serial_watch *w,
                      const char *path); /* "/dev/tty*": all that begin so. NULL w: nothing */
void serial_watch_free(struct serial_watch *w);

/* ---- serial_trouble.c ---- */
/* One line for the operator: what is wrong, why, what to do. */
void serial_trouble_text(const struct serial *s, struct serial_trouble t, char *line, size_t room);
