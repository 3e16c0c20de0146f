/* sim_tcp.h -- a TCP port that looks like a networked coordinator: one host at a time, the newest wins. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sim_tcp {
    int listener, host;
    char address[64]; /* tcp://127.0.0.1:40123 */
    uint16_t port;    /* once it was bound, the same again after the stick was unplugged */
};

/* `where` is HOST:PORT with a numeric host; port 0: any. False: it has been said why, and nothing is open. */
bool sim_tcp_open(struct sim_tcp *t, const char *where);
void sim_tcp_close(struct sim_tcp *t);

/* Takes the host that knocks, in place of one that is there; false: nobody did. */
bool sim_tcp_accept(struct sim_tcp *t);
void sim_tcp_hang_up(struct sim_tcp *t); /* the host only */
