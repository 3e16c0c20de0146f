/* publisher.h -- what the broker stub publishes downlink: stamped messages, in turn to each filter asked for. */
#pragma once

#include "tools/bench_stamp.h"

enum { PUBLISHER_PAYLOAD_MAX = 32 << 10 };

struct publisher_filter;

struct publisher {
    double rate;   /* messages per second, 0 = none */
    size_t after;  /* begin when so many filters are known */
    uint64_t each; /* end after so many for each filter, 0 = never */
    size_t payload;
    unsigned qos;
    uint64_t published;
    uint64_t begin_ns;
    struct publisher_filter *filters; /* owned */
    size_t count, room, next;
};

/* Remembers that `fd` subscribed to `filter`; one with wildcards is passed over. False when memory ends. */
bool publisher_remember(struct publisher *p, int fd, struct span filter);
void publisher_forget(struct publisher *p, int fd);

/* How many messages should have left by `now_ns` and have not. */
uint64_t publisher_due(struct publisher *p, uint64_t now_ns);

/* Writes the next PUBLISH and returns the descriptor it is for. Only when one is due. */
int publisher_write_next(struct publisher *p, struct writer *w, uint64_t now_ns);

/* Whom the next one will be for. */
int publisher_next_fd(const struct publisher *p);
