/* neighbours.c -- the table of nodes, found by either address.
 *
 * Two hash tables run through the same entries. What a node is called is its 64-bit address and never changes; its
 * 16-bit address belongs to at most one node, so that a frame can never reach the node that had the address before. */
#include "radio/neighbours.h"

#include "radio/radio.h"

#include <stdlib.h>

#define uthash_fatal(message) abort() /* only when memory ends while a table grows */
#include <uthash.h>

struct entry {
    struct neighbour node; /* first: the caller's view */
    UT_hash_handle by_eui64, by_nwk;
};

struct neighbours {
    struct entry *by_eui64, *by_nwk;
    size_t limit;
};

struct neighbours *neighbours_new(size_t limit)
{
    struct neighbours *n = calloc(1, sizeof *n);
    if (n)
        n->limit = limit;
    return n;
}

static void remove_entry(struct neighbours *n, struct entry *e)
{
    neighbours_lose_address(n, &e->node);
    HASH_DELETE(by_eui64, n->by_eui64, e);
    free(e);
}

void neighbours_free(struct neighbours *n)
{
    while (n && n->by_eui64)
        remove_entry(n, n->by_eui64);
    free(n);
}

size_t neighbours_count(const struct neighbours *n)
{
    return HASH_CNT(by_eui64, n->by_eui64);
}

struct neighbour *neighbours_find(const struct neighbours *n, uint64_t eui64)
{
    struct entry *e;
    HASH_FIND(by_eui64, n->by_eui64, &eui64, sizeof eui64, e);
    return e ? &e->node : NULL;
}

struct neighbour *neighbours_at(const struct neighbours *n, uint16_t nwk)
{
    struct entry *e;
    HASH_FIND(by_nwk, n->by_nwk, &nwk, sizeof nwk, e);
    return e ? &e->node : NULL;
}

void neighbours_lose_address(struct neighbours *n, struct neighbour *one)
{
    struct entry *e = (struct entry *)one;
    if (one->nwk == NWK_UNKNOWN)
        return;
    HASH_DELETE(by_nwk, n->by_nwk, e);
    one->nwk = NWK_UNKNOWN;
}

/* Only a new node in a full table searches it, which is as rare as a node that joins. */
static bool make_room(struct neighbours *n)
{
    struct entry *silent = NULL;
    if (neighbours_count(n) < n->limit)
        return true;
    for (struct entry *e = n->by_eui64; e; e = e->by_eui64.next)
        if (e->node.waiting_count == 0 && !e->node.under_way && e->node.refused == 0 &&
            (!silent || e->node.heard_at < silent->node.heard_at))
            silent = e;
    if (silent)
        remove_entry(n, silent);
    return silent != NULL;
}

static struct neighbour *add(struct neighbours *n, uint64_t eui64, msec now)
{
    struct entry *e = make_room(n) ? calloc(1, sizeof *e) : NULL;
    if (!e)
        return NULL;
    e->node.eui64 = eui64;
    e->node.nwk = NWK_UNKNOWN;
    e->node.lqi = LQI_UNKNOWN;
    e->node.heard_at = now;
    STAILQ_INIT(&e->node.waiting);
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): who made room was taken off the table's list */
    HASH_ADD(by_eui64, n->by_eui64, node.eui64, sizeof e->node.eui64, e);
    return &e->node;
}

struct neighbour *neighbours_learn(struct neighbours *n, uint64_t eui64, uint16_t nwk, msec now)
{
    struct neighbour *one = neighbours_find(n, eui64);
    if (!one)
        one = add(n, eui64, now);
    if (!one || nwk == NWK_UNKNOWN || one->nwk == nwk)
        return one;
    struct neighbour *before = neighbours_at(n, nwk);
    if (before)
        neighbours_lose_address(n, before);
    neighbours_lose_address(n, one);
    one->nwk = nwk;
    struct entry *e = (struct entry *)one;
    HASH_ADD(by_nwk, n->by_nwk, node.nwk, sizeof e->node.nwk, e);
    return one;
}
