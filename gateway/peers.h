/* peers.h -- who is who: every session the gateway has, found by client id and by the address it is heard at.
 *
 * A client is its client id; an address is only where it was last heard (design rule 3). Both look-ups cost the same
 * however many there are. */
#pragma once

#include "gateway/core/guard.h"
#include "gateway/core/session.h"
#include "radio/radio.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/queue.h>

struct link;
struct peer;
struct peers;

/* Where a peer stands among those with messages for the broker. */
enum drain { DRAIN_NOT, DRAIN_READY, DRAIN_LATER, DRAIN_FULL };

/* What the store and what waits for it have to do with a peer; the gateway's to keep up to date. */
struct kept {
    struct peer *peer;
    uint32_t hash;        /* of its row on disk; 0 = none */
    uint64_t ticket;      /* of the batch with its last change */
    uint32_t held;        /* answers that wait for the store ... */
    uint64_t held_ticket; /* ... the last of them for this batch */
    TAILQ_ENTRY(kept) in_drain;
    uint64_t drain_ticket; /* DRAIN_LATER: for this batch */
    enum drain drain;
    bool restoring;
    bool moved; /* restoring: in the earlier run it was on a connection of the other kind */
};

MUST_CHECK struct peers *peers_new(uint64_t seed);
void peers_free(struct peers *p); /* every peer must be gone */
size_t peers_count(const struct peers *p);

/* NULL when there is none. */
struct peer *peers_by_client_id(const struct peers *p, struct span client_id);
struct peer *peers_by_address(const struct peers *p, const struct address *a);
struct peer *peers_next(const struct peers *p, const struct peer *before); /* NULL begins, NULL ends */

/* One after the other, round and round, whoever comes and goes; NULL when there is none. */
struct peer *peers_turn(struct peers *p);

/* A hash of the address, for tables of strangers. */
uint32_t peers_hash(const struct peers *p, const struct address *a);

/* A new peer with a disconnected session and no address. NULL: no memory. */
MUST_CHECK struct peer *peers_add(struct peers *p, struct span client_id,
                                  const struct common *common, msec now);
void peers_remove(struct peers *p, struct peer *one); /* frees it */

/* From now on it is heard there; nobody else may be bound to that address. */
void peers_bind(struct peers *p, struct peer *one, const struct address *a);
void peers_unbind(struct peers *p, struct peer *one);

struct session *peer_session(struct peer *one);
struct peer *peer_of(struct session *s);
const struct address *peer_address(const struct peer *one); /* NULL when it is heard nowhere */
struct link **peer_link(struct peer *one); /* its own broker connection; *link NULL = none */
struct event *peer_timer(struct peer *one);
msec *peer_armed(struct peer *one); /* when its timer will fire; MSEC_NEVER = not armed */
struct kept *peer_kept(struct peer *one);
struct guest *peer_guest(struct peer *one); /* the gateway's to keep up to date */
