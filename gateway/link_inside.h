/* link_inside.h -- what the files of a link share: link.c its life and its failures, link_dial.c how it gets through
 * to the broker, link_io.c the bytes. Nobody else includes it. */
#pragma once

#include "config/log.h"
#include "gateway/link.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/queue.h>

enum link_state {
    LINK_IDLE,     /* not wanted */
    LINK_WAITING,  /* for the back-off */
    LINK_QUEUED,   /* for its place among many that dial again */
    LINK_DIALLING, /* name, TCP, TLS, CONNACK */
    LINK_UP,
    LINK_PARTING, /* DISCONNECT is out; dialled anew when the broker has closed */
    LINK_CLOSING  /* DISCONNECT follows when all is answered */
};

struct link {
    struct links *links;
    struct upstream *upstream;
    const char *name;
    void *owner;
    struct bufferevent *bev;
    struct event timer;
    enum link_state state;
    bool dirty, braked; /* braked: it is not read just now */
    uint32_t complaint; /* a hash of what was last said to be wrong; 0 = all is well */
    msec armed, since, backoff;
    TAILQ_ENTRY(link) in_dirty;
};

struct links {
    struct event_base *loop;
    struct evdns_base *dns;
    struct tls *tls;
    const struct config_broker *settings;
    const struct link_events *events;
    msec answer_timeout;
    msec linger;
    int open; /* links that are not idle */
    struct log_limit complaints;
    uint32_t told;                 /* the last complaint of any of them, since none came up */
    msec dial_interval, next_dial; /* when the next of them may be dialled again ... */
    msec next_hurried;             /* ... and the next of those with something to say */
    TAILQ_HEAD(, link) dirty;
    unsigned dirty_count;
};

/* ---- link.c ---- */
void link_enter(struct link *l, enum link_state next, msec now);
void link_arm(struct link *l, msec now);

/* The transport is gone or of no use: says so once, tells the owner, and dials again later. `code`: of CONNACK, or
 * 0. */
void link_failed(struct link *l, const char *what, const char *remedy, uint8_t code);
void link_drop_transport(struct link *l);

/* ---- link_io.c ---- */
void link_read(struct bufferevent *bev, void *arg); /* bufferevent's callbacks */
void link_written(struct bufferevent *bev, void *arg);
void link_write_out(struct link *l);
void link_brake(struct link *l, msec now); /* reads, or does not, as the upstream wants it */

/* Without DISCONNECT the broker would publish the will. */
void link_say_goodbye(struct link *l, msec now);
