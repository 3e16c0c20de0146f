/* tally.c -- counts per source in a fixed table.
 *
 * One host must not take all the room there is for sessions, and who counts hosts must not need room for each of them.
 * So a source is a hash, and its count the count of its place; sources that meet there are counted together, which can
 * only make the limit stricter for them. Whoever adds remembers the hash, to remove the same one later. */
#include "gateway/core/tally.h"

#include <assert.h>

uint32_t tally_count(const struct tally *t, uint32_t source)
{
    return t->counts[source % TALLY_PLACES];
}

void tally_add(struct tally *t, uint32_t source)
{
    t->counts[source % TALLY_PLACES]++;
}

void tally_remove(struct tally *t, uint32_t source)
{
    assert(t->counts[source % TALLY_PLACES] > 0);
    t->counts[source % TALLY_PLACES]--;
}
