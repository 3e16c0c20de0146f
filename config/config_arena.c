/* config_arena.c -- memory for the settings.
 *
 * Settings are many small texts and tables that are made together and thrown away together: when the gateway ends,
 * when a reload replaces them, or at the first mistake, from anywhere in the reader. So nothing is freed alone; it all
 * hangs on one chain of blocks, and no error path can leak. A large piece gets a block of its own. */
#include "config/config_internal.h"

#include <stdalign.h>
#include <stdlib.h>

enum { BLOCK_SIZE = 32 << 10 };

struct arena_block {
    struct arena_block *older;
    size_t size;
    alignas(max_align_t) uint8_t bytes[];
};

static void *must_have(void *p)
{
    if (!p) {
        fputs("no memory left for the settings\n", stderr);
        exit(EXIT_FAILURE);
    }
    return p;
}

static void add_block(struct arena *a, size_t size)
{
    struct arena_block *b = must_have(calloc(1, sizeof *b + size));
    b->older = a->newest;
    b->size = size;
    a->newest = b;
    a->used = 0;
}

void *config_arena_take(struct arena *a, size_t size)
{
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (!a->newest || size > a->newest->size - a->used)
        add_block(a, size > BLOCK_SIZE ? size : BLOCK_SIZE);
    void *p = a->newest->bytes + a->used;
    a->used += size;
    return p;
}

const char *config_arena_text(struct arena *a, struct span text)
{
    char *copy = config_arena_take(a, text.len + 1);
    if (text.len > 0)
        memcpy(copy, text.at, text.len);
    return copy;
}

void config_arena_clear(struct arena *a)
{
    while (a->newest) {
        struct arena_block *b = a->newest;
        a->newest = b->older;
        free(b);
    }
    a->used = 0;
}

void *config_memory_grow(void *at, size_t size)
{
    return must_have(realloc(at, size));
}
