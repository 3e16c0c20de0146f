/* peers.c -- who is who: two hash tables over one kind of entry.
 *
 * The hash is seeded, because clients choose the keys of both tables. An address counts with all its octets: radio,
 * the radio's own address, and the node behind a forwarder. */
#include "gateway/peers.h"

#include "gateway/core/hash.h"

#include <stdlib.h>

#define uthash_fatal(message) abort() /* only when memory ends while a table grows */
#include <uthash.h>

struct peer {
    struct session session; /* first: peer_of */
    struct address address; /* len 0 = none */
    UT_hash_handle by_id, by_address;
    struct event timer;
    msec armed;
    struct link *link;
    struct guest guest;
    struct kept kept;
};

struct peers {
    uint64_t seed;
    struct peer *ids, *addresses;
    struct peer *turn; /* whose turn is next; NULL: the first one's */
};

struct peers *peers_new(uint64_t seed)
{
    struct peers *p = calloc(1, sizeof *p);
    if (p)
        p->seed = seed;
    return p;
}

void peers_free(struct peers *p)
{
    free(p);
}

size_t peers_count(const struct peers *p)
{
    return HASH_CNT(by_id, p->ids);
}

struct peer *peers_by_client_id(const struct peers *p, struct span id)
{
    struct peer *one = NULL;
    HASH_FIND_BYHASHVALUE(by_id, p->ids, id.at, id.len, hash_seeded(p->seed, id.at, id.len), one);
    return one;
}

/* Only the octets in use: an address is short and looked up for every message. */
static size_t key_len(const struct address *a)
{
    return offsetof(struct address, bytes) + a->len + a->node_len;
}

uint32_t peers_hash(const struct peers *p, const struct address *a)
{
    return hash_seeded(p->seed, (const uint8_t *)a, key_len(a));
}

struct peer *peers_by_address(const struct peers *p, const struct address *a)
{
    struct peer *one = NULL;
    HASH_FIND_BYHASHVALUE(by_address, p->addresses, a, key_len(a), peers_hash(p, a), one);
    return one;
}

struct peer *peers_next(const struct peers *p, const struct peer *before)
{
    return before ? before->by_id.next : p->ids;
}

struct peer *peers_turn(struct peers *p)
{
    struct peer *one = p->turn ? p->turn : p->ids;
    p->turn = one ? one->by_id.next : NULL;
    return one;
}

struct peer *peers_add(struct peers *p, struct span client_id, const struct common *common, msec now)
{
    struct peer *one = calloc(1, sizeof *one);
    if (!one || !session_init(&one->session, client_id, common, now)) {
        free(one);
        return NULL;
    }
    one->armed = MSEC_NEVER;
    one->kept.peer = one;
    struct span id = one->session.client_id;
    HASH_ADD_KEYPTR_BYHASHVALUE(by_id, p->ids, id.at, id.len, hash_seeded(p->seed, id.at, id.len),
                                one);
    return one;
}

void peers_unbind(struct peers *p, struct peer *one)
{
    if (one->address.len == 0)
        return;
    HASH_DELETE(by_address, p->addresses, one);
    one->address = (struct address){ 0 };
}

void peers_bind(struct peers *p, struct peer *one, const struct address *a)
{
    peers_unbind(p, one);
    one->address = *a;
    HASH_ADD_KEYPTR_BYHASHVALUE(by_address, p->addresses, &one->address, key_len(a),
                                peers_hash(p, a), one);
}

void peers_remove(struct peers *p, struct peer *one)
{
    peers_unbind(p, one);
    if (p->turn == one)
        p->turn = one->by_id.next;
    HASH_DELETE(by_id, p->ids, one);
    session_clear(&one->session);
    free(one);
}

struct session *peer_session(struct peer *one)
{
    return &one->session;
}

struct peer *peer_of(struct session *s)
{
    return (struct peer *)(void *)s;
}

const struct address *peer_address(const struct peer *one)
{
    return one->address.len > 0 ? &one->address : NULL;
}

struct link **peer_link(struct peer *one)
{
    return &one->link;
}

struct event *peer_timer(struct peer *one)
{
    return &one->timer;
}

msec *peer_armed(struct peer *one)
{
    return &one->armed;
}

struct kept *peer_kept(struct peer *one)
{
    return &one->kept;
}

struct guest *peer_guest(struct peer *one)
{
    return &one->guest;
}
