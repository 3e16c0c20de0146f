/* bench_options.h -- what mqttsn-bench was asked to do. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>

enum bench_scenario {
    BENCH_UPLINK,
    BENCH_DOWNLINK,
    BENCH_CONNECT,
    BENCH_SLEEP,
    BENCH_IDLE,
    BENCH_SCENARIOS
};

enum { BENCH_PAYLOAD_MAX = 4096 };

struct bench_endpoint {
    struct sockaddr_storage address;
    socklen_t len; /* 0 = not given */
};

struct bench_options {
    enum bench_scenario scenario;
    struct bench_endpoint gateway, broker;
    size_t clients, payload;
    int qos; /* -1..2 */
    double rate; /* messages per second of all clients together; 0 = as fast as may be, or as acknowledged */
    double seconds;      /* how long to publish, or to stay */
    uint64_t messages;   /* in all; 0 = until `seconds` are over */
    uint64_t tick_ns;    /* between bursts */
    uint64_t retry_ns;   /* T_RETRY */
    unsigned retries;    /* N_RETRY */
    uint64_t drain_ns;   /* how long stragglers are waited for */
    uint16_t keep_alive; /* seconds; also how long clients say they sleep */
    uint16_t topic_id;   /* predefined id to publish to, 0 = register a name */
    const char *prefix;  /* client ids are PREFIX-N, topics PREFIX/N */
    const char *filter;  /* what is subscribed at the broker; NULL = what the clients publish to */
    pid_t pid;           /* 0 = measure nobody */
    bool json;
};

const char *bench_scenario_name(enum bench_scenario s);

/* Reads the command line. 0: go on; 1: --help was printed, done; 2: wrong, and stderr says what. */
int bench_options_read(struct bench_options *o, int argc, char **argv);
