/* disk.h -- the store of the session fuzzer's world: what is kept, what waits for a commit, a kill and what follows.
 *
 * The rows are those of tests/gateway/core/stored.h. What may not leave before a commit is held as gateway_hold.c holds
 * it, and the next run begins as gateway_restore.c begins it. A commit is made at once, or in two halves with all kinds
 * of things between them, or not at all while the disk is ill. */
#pragma once

#include "tests/fuzz/sessions/world.h"
#include "tests/gateway/core/stored.h"

enum { HELD_MAX = 256 };

/* What may not leave before `ticket` is safe: a frame, or an acknowledgement to the broker. */
struct held {
    uint64_t ticket;
    struct client *client; /* NULL: the session is over */
    bool ack;
    int to;                        /* address, ... */
    size_t era;                    /* ... as of then */
    struct mqttsn_message message; /* its tail is in `tail` */
    struct mqtt_packet packet;
    uint8_t tail[NODE_FRAME_MAX];
};

struct disk {
    struct keeping keeping;
    bool lazy;      /* commits only when the program says so */
    bool was_ill;   /* something may have been told since then that is not on disk ... */
    bool made_good; /* ... and is in the batch under way */
    bool starting;  /* not everything of the next run is in its place */
    bool underway;  /* the first half of a commit is done: `batch` */
    uint64_t ticket, safe, last_row;
    uint64_t put[WORLD_CLIENTS]; /* the ticket of the client's last row */
    struct stored open, batch,
        on_disk; /* with what was decided last; what is being written; as a kill leaves it */
    struct held held[HELD_MAX];
    size_t held_count;
};

/* ---- disk.c ------------------------------------------------------------------------------------------------------ */

void disk_new(struct world *w, uint8_t kind);

/* What the decision changed is put. The ticket that its answers wait for; 0: none, and always so without a store. */
uint64_t disk_keep(struct world *w, struct client *c);
/* True: it is held, or will not be said. */
bool disk_holds_frame(struct world *w, struct client *c, const struct mqttsn_message *m,
                      uint64_t ticket);
bool disk_holds_packet(struct world *w, struct client *c, const struct mqtt_packet *p,
                       uint64_t ticket);
/* A new connection: no PUBLISH of the one before leaves any more. */
void disk_forget_publishes(struct world *w, struct client *c);
/* The session is over, before it is freed. */
void disk_forget(struct world *w, struct client *c);
/* Packet ids on this line need not be remembered any more: those that are done long ago, or all. */
void disk_forget_arrivals(struct world *w, const struct line *l);
void disk_drop_arrivals(struct world *w, const struct line *l);

/* At the end of a turn. True: something could leave. */
bool disk_turn(struct world *w);
void disk_commit(struct world *w);
/* What a program does with it. */
void disk_step(struct world *w, uint8_t how, uint8_t dice);
void disk_calm(struct world *w);

/* ---- restart.c --------------------------------------------------------------------------------------------------- */

/* kill -9, and the next run. */
void world_restart(struct world *w, uint8_t dice);

/* ---- judge_rows.c, judge_disk.c ---------------------------------------------------------------------------------- */

void judge_rows(struct world *w, struct client *c); /* after a decision of the client's session */
void judge_keeping(struct world *w);                /* after a turn */
void judge_commit(struct world *w);

/* A kill, a row that is given to the session of the next run, and all of them were: how many there are, and how many of
 * them the limits of this run have no room for. */
void judge_kill(struct world *w);
void judge_restored(struct world *w, struct client *c, const struct stored_message *row);
void judge_start(struct world *w, size_t rows, size_t drops);

/* It may be published again: it begins anew on another connection. */
void judge_excuse(struct world *w, uint32_t content);
/* Packet ids of the line are void: a clean CONNECT, that the broker may never hear of. */
void judge_void(struct world *w, const struct line *l);
/* The broker forgets the session of the line, and with it what it received of a QoS 2 message. */
void judge_forgotten(struct world *w, struct line *l);
