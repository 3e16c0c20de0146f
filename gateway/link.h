/* link.h -- one connection to the broker: TCP or TLS, dialled again when it breaks.
 *
 * A link moves the bytes of one `struct upstream`. Nothing it does blocks: names are resolved in the loop, and all
 * packets of a turn leave in one write at links_flush. */
#pragma once

#include "config/config.h"
#include "gateway/core/upstream.h"

struct event_base;
struct link;
struct links;

struct link_events {
    void *context;
    /* The transport is up: what to say in CONNECT. User name and password of the broker section are set already. */
    void (*dialled)(void *context, struct link *l, struct mqtt_connect *c);
    /* A packet was entered into the upstream: hand its hits over. Borrowed bytes live until this returns. */
    void (*heard)(void *context, struct link *l);
    /* The broker accepted us. */
    void (*up)(void *context, struct link *l);
    /* It could not be reached, refused us (code > 0, as in CONNACK), or is gone. The link tries again by itself unless
     * it is told to close. `was_up`: it had been accepted before. */
    void (*down)(void *context, struct link *l, bool was_up, uint8_t code);
    /* It was told to close, and everything is out: free it if it is not wanted any more. */
    void (*closed)(void *context, struct link *l);
};

/* What all links share: name resolver, TLS context, settings (borrowed). NULL: the reason is logged. */
MUST_CHECK struct links *links_new(struct event_base *loop, const struct config_broker *settings,
                                   msec answer_timeout, unsigned dials_per_second,
                                   const struct link_events *events);
void links_free(struct links *ls); /* every link must be freed */

/* Sends what the turn left to send. Once at the end of each turn. */
void links_flush(struct links *ls, msec now);

/* How many links_flush will write to, each with a system call of its own. */
unsigned links_to_flush(const struct links *ls);

/* The process ends: links to be closed wait only a second for answers. */
void links_hurry(struct links *ls);
bool links_all_closed(const struct links *ls);

/* A link for `u`, which stays the caller's and must outlive it. `name` is for the log, borrowed; `owner` is the
 * caller's, NULL for the one that many share. NULL: no memory. */
MUST_CHECK struct link *link_new(struct links *ls, struct upstream *u, const char *name, void *owner);
void link_free(struct link *l); /* closes without a word; NULL is allowed */

/* Says DISCONNECT at once and drops the transport. What is open at MQTT level stays. */
void link_hang_up(struct link *l, msec now);

/* Dials anew, also a link that was closed. */
void link_dial(struct link *l, msec now);

/* At once, but not within the decision that asks for it: what fails at once would answer in the middle of it. */
void link_dial_soon(struct link *l, msec now);

/* Sessions may have begun or ended to want that it is not read (upstream.brakes). */
void link_heed_brakes(struct link *l);

/* Says DISCONNECT, and dials anew when the broker has read all and closes. */
void link_dial_when_read(struct link *l, msec now);

/* Dials when its turn comes among many that dial again. */
void link_queue(struct link *l, msec now);

/* It has something to say: those that wait for their turn and have nothing to say come after it. */
void link_hurry(struct link *l, msec now);

/* Says DISCONNECT as soon as nothing of ours is unanswered, at the latest after ten seconds, and closes. */
void link_close(struct link *l, msec now);

/* Somebody wrote into the upstream: flush it at the end of this turn, look at its deadline. */
void link_touch(struct link *l);

struct upstream *link_upstream(const struct link *l);
void *link_owner(const struct link *l);
bool link_is_up(const struct link *l);
bool link_is_open(const struct link *l); /* also while it waits to dial, or to close */
