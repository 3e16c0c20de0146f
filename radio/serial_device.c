/* serial_device.c -- how a serial device is opened, and closed.
 *
 * The path is resolved anew each time: the symlinks under /dev/serial/by-id are the only stable names, and
 * libserialport 0.1.1 takes nothing but /dev/NAME.
 *
 * First comes a plain open, for the reason why not when it fails, and for the lock: whoever has the lock may then touch
 * the settings, so a gateway that is started twice does not disturb the one that runs. A real port is set up by
 * libserialport, over a descriptor of its own. What it does not take (pseudo-terminals, which have neither an entry
 * in /sys nor modem lines; devices that a container got without their /sys) is set up by termios.
 *
 * TIOCEXCL keeps out programs that know no locks, such as a modem manager. Not on a pseudo-terminal: there it would
 * outlive a gateway that is killed, for as long as the other end is open. HUPCL is cleared, so that closing does not
 * drop DTR and with it reset the device; that opening raises DTR and RTS is the kernel's way and cannot be helped.
 * VMIN is 1, so that a read of 0 octets can only mean "unplugged". */
#include "radio/serial_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <libserialport.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

enum { PTY_FIRST = 136, PTY_LAST = 143 }; /* character majors of pseudo-terminals */

static struct serial_trouble trouble(enum serial_cause cause, int code)
{
    return (struct serial_trouble){ cause, code };
}

static struct serial_trouble trouble_of_errno(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENXIO:
    case ENODEV:
        return trouble(SERIAL_MISSING, 0);
    case EACCES:
    case EPERM:
        return trouble(SERIAL_FORBIDDEN, error);
    case EBUSY:
    case EWOULDBLOCK:
        return trouble(SERIAL_BUSY, 0);
    default:
        return trouble(SERIAL_FAILED, error);
    }
}

/* ---- set up by libserialport ---- */

/* 0, or an errno; ENOTTY: not a port that the library knows what to do with. */
static int errno_of(enum sp_return result)
{
    if (result == SP_OK)
        return 0;
    if (result == SP_ERR_FAIL)
        return sp_last_error_code();
    return result == SP_ERR_MEM ? ENOMEM : ENOTTY;
}

static int open_by_library(const char *real, struct serial_device *d)
{
    int error = errno_of(sp_get_port_by_name(real, &d->port));
    if (error != 0)
        return error;
    error = errno_of(sp_open(d->port, SP_MODE_READ_WRITE));
    if (error == 0)
        error = errno_of(sp_get_port_handle(d->port, &d->fd));
    if (error != 0) {
        (void)sp_close(d->port);
        sp_free_port(d->port);
        d->port = NULL;
    }
    return error;
}

static struct serial_trouble set_up_by_library(struct sp_port *port, uint32_t baud)
{
    if (sp_set_bits(port, 8) != SP_OK || sp_set_parity(port, SP_PARITY_NONE) != SP_OK ||
        sp_set_stopbits(port, 1) != SP_OK)
        return trouble(SERIAL_FAILED, sp_last_error_code());
    if (sp_set_baudrate(port, (int)baud) != SP_OK)
        return trouble(SERIAL_NO_SPEED, (int)baud);
    return trouble(SERIAL_FINE, 0);
}

/* ---- set up by termios ---- */

static struct serial_trouble set_up_by_hand(int fd, uint32_t baud)
{
    struct termios t;
    if (tcgetattr(fd, &t) < 0)
        return trouble(SERIAL_FAILED, errno);
    cfmakeraw(&t);
    t.c_cflag &= ~(tcflag_t)CSTOPB;
    t.c_cflag |= CLOCAL | CREAD;
    if (cfsetspeed(&t, baud) < 0)
        return trouble(SERIAL_NO_SPEED, (int)baud);
    return tcsetattr(fd, TCSANOW, &t) < 0 ? trouble(SERIAL_FAILED, errno) : trouble(SERIAL_FINE, 0);
}

/* ---- both ---- */

/* Flow control, too: libserialport 0.1.1 puts RTS/CTS into the wrong word, and reports success. */
static struct serial_trouble finish(int fd, enum config_flow flow)
{
    struct termios t;
    if (tcgetattr(fd, &t) < 0)
        return trouble(SERIAL_FAILED, errno);
    t.c_cflag &= ~(tcflag_t)(HUPCL | CRTSCTS);
    t.c_cflag |= flow == FLOW_RTSCTS ? CRTSCTS : 0;
    t.c_iflag &= ~(tcflag_t)(IXON | IXOFF | IXANY);
    t.c_iflag |= flow == FLOW_XONXOFF ? IXON | IXOFF : 0;
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    if (tcsetattr(fd, TCSANOW, &t) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
        tcflush(fd, TCIOFLUSH) < 0)
        return trouble(SERIAL_FAILED, errno);
    return trouble(SERIAL_FINE, 0);
}

static bool is_pseudo_terminal(const char *real)
{
    struct stat about;
    if (stat(real, &about) < 0)
        return false;
    return major(about.st_rdev) >= PTY_FIRST && major(about.st_rdev) <= PTY_LAST;
}

static struct serial_trouble set_up(const struct serial_line *line, const char *real,
                                    struct serial_device *d)
{
    const bool pseudo = is_pseudo_terminal(real);
    const int error = pseudo ? ENOTTY : open_by_library(real, d);
    if (error != 0 && error != ENOTTY)
        return trouble_of_errno(error);
    if (error == ENOTTY)
        d->fd = d->lock;
    struct serial_trouble t =
        d->port ? set_up_by_library(d->port, line->baud) : set_up_by_hand(d->fd, line->baud);
    if (t.cause == SERIAL_FINE)
        t = finish(d->fd, line->flow);
    if (t.cause == SERIAL_FINE && !pseudo && ioctl(d->fd, TIOCEXCL, NULL) < 0)
        t = trouble(SERIAL_FAILED, errno);
    return t;
}

/* A descriptor that has the lock. */
static struct serial_trouble take(const char *real, int *fd)
{
    struct stat about;
    if (stat(real, &about) < 0)
        return trouble_of_errno(errno);
    if (!S_ISCHR(about.st_mode)) /* before it is opened: a pipe or a disk is none of our business */
        return trouble(SERIAL_NO_TTY, 0);
    *fd = open(real, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0)
        return trouble_of_errno(errno);
    if (!isatty(*fd)) /* EIO: the kernel has a place for such a port, but the machine has none */
        return errno == EIO ? trouble(SERIAL_FAILED, EIO) : trouble(SERIAL_NO_TTY, 0);
    return flock(*fd, LOCK_EX | LOCK_NB) < 0 ? trouble_of_errno(errno) : trouble(SERIAL_FINE, 0);
}

struct serial_trouble serial_device_open(const struct serial_line *line, const char *path,
                                         char real[PATH_MAX], struct serial_device *d)
{
    real[0] = '\0';
    if (!realpath(path, real))
        return trouble_of_errno(errno);
    struct serial_trouble t = take(real, &d->lock);
    if (t.cause == SERIAL_FINE)
        t = set_up(line, real, d);
    if (t.cause != SERIAL_FINE)
        serial_device_close(d, false);
    return t;
}

void serial_device_close(struct serial_device *d, bool drain)
{
    const bool network = d->lock < 0;
    /* Or closing may take the kernel 30 s, when the peer takes nothing. */
    if (d->fd >= 0 && !network && !drain)
        (void)tcflush(d->fd, TCOFLUSH);
    /* Whoever has it open beside us must not keep others out. */
    if (d->fd >= 0 && !network)
        (void)ioctl(d->fd, TIOCNXCL, NULL);
    if (d->port) {
        sp_close(d->port);
        sp_free_port(d->port);
    } else if (d->fd >= 0 && d->fd != d->lock) {
        close(d->fd);
    }
    if (d->lock >= 0)
        close(d->lock);
    *d = (struct serial_device){ .fd = -1, .lock = -1 };
}
