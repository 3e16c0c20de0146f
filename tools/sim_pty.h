/* sim_pty.h -- a pseudo-terminal that looks like a serial port, with a symlink as its lasting name. */
#pragma once

#include <stdbool.h>

enum { SIM_PATH_MAX = 256 };

struct sim_pty {
    int master, slave, watch;  /* watch: readable when the host opened or closed the port */
    char device[SIM_PATH_MAX]; /* /dev/pts/N */
    const char *link;          /* NULL: none */
};

enum sim_host { SIM_HOST_SAME, SIM_HOST_CAME, SIM_HOST_WENT };

/* Opens a new one, raw, and points `link` at it; a symlink that is there is replaced, anything else is not. False: it
 * has been said why, and nothing is open. `link` must outlive it. */
bool sim_pty_open(struct sim_pty *p, const char *link);

/* Removes the symlink if it is still ours, and hangs up whoever has the port open. A closed one may be closed again. */
void sim_pty_close(struct sim_pty *p);

/* Reads `watch`. After SIM_HOST_WENT the port is as new: what the host did not read is gone, and so is its lock. */
enum sim_host sim_pty_watch(struct sim_pty *p);

bool sim_pty_unread(const struct sim_pty *p); /* are there octets that the host has not read yet? */
