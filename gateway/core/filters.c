/* filters.c -- all topic filters of a shared connection, as a tree of their levels.
 *
 * A node is one level of a filter; its wildcard children hang on it directly, all other nodes of the whole tree are in
 * one hash table under (parent, level text), so that ten thousand clients with a topic each cost ten thousand entries
 * and not ten thousand small tables. The walk for a message visits, per level, the child of that name, '+' and '#'. */
#include "gateway/core/filters.h"

#include "gateway/core/hash.h"
#include "mqtt/owned.h"
#include "mqtt/topic.h"

#include <stdlib.h>

#define uthash_fatal(message) abort() /* only when memory ends while the table grows */
#include <uthash.h>

struct filter_node {
    UT_hash_handle hh;
    struct filter_node *parent, *plus, *hash;
    struct filter *filter; /* that ends here */
    size_t children;
    size_t key_len;
    uint8_t key[]; /* the parent's address, then the level */
};

struct filters {
    uint64_t seed;
    struct filter_node *table;
    struct filter_node *root;
    TAILQ_HEAD(, filter) all;
    struct filter **found;
    size_t found_count, found_room;
    bool missed; /* the last walk found no memory for all it found */
};

struct filters *filters_new(uint64_t seed)
{
    struct filters *f = calloc(1, sizeof *f);
    struct filter_node *root = calloc(1, sizeof *root);
    if (!f || !root) {
        free(f);
        free(root);
        return NULL;
    }
    f->root = root;
    f->seed = seed;
    TAILQ_INIT(&f->all);
    return f;
}

void filters_free(struct filters *f)
{
    if (!f)
        return;
    free(f->root);
    free(f->found);
    free(f);
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static bool is_wildcard(struct span level, char which)
{
    return level.len == 1 && level.at[0] == (uint8_t)which;
}

static size_t write_key(const struct filter_node *parent, struct span level, uint8_t *key)
{
    memcpy(key, &parent, sizeof parent);
    if (level.len > 0)
        memcpy(key + sizeof parent, level.at, level.len);
    return sizeof parent + level.len;
}

/* False: no memory to look for it. */
static bool find_child(const struct filters *f, const struct filter_node *parent, struct span level,
                       struct filter_node **child)
{
    uint8_t key[256], *long_key = NULL, *at = key;
    *child = NULL;
    if (parent->children == 0)
        return true;
    if (sizeof parent + level.len > sizeof key)
        at = long_key = malloc(sizeof parent + level.len);
    if (!at)
        return false;
    size_t len = write_key(parent, level, at);
    HASH_FIND_BYHASHVALUE(hh, f->table, at, len, hash_seeded(f->seed, at, len), *child);
    free(long_key);
    return true;
}

static struct filter_node *child_of(const struct filters *f, const struct filter_node *parent,
                                    struct span level)
{
    struct filter_node *child;
    if (is_wildcard(level, '+'))
        return parent->plus;
    if (is_wildcard(level, '#'))
        return parent->hash;
    return find_child(f, parent, level, &child) ? child : NULL;
}

static struct filter_node *add_child(struct filters *f, struct filter_node *parent, struct span level)
{
    struct filter_node *child = calloc(1, sizeof *child + sizeof parent + level.len);
    if (!child)
        return NULL;
    child->parent = parent;
    child->key_len = write_key(parent, level, child->key);
    if (is_wildcard(level, '+')) {
        parent->plus = child;
    } else if (is_wildcard(level, '#')) {
        parent->hash = child;
    } else {
        unsigned hash = hash_seeded(f->seed, child->key, child->key_len);
        HASH_ADD_KEYPTR_BYHASHVALUE(hh, f->table, child->key, child->key_len, hash, child);
    }
    parent->children++;
    return child;
}

/* Cuts off what carries no filter any more, from the leaf up. */
static void prune(struct filters *f, struct filter_node *node)
{
    while (node != f->root && !node->filter && node->children == 0) {
        struct filter_node *parent = node->parent;
        if (parent->plus == node)
            parent->plus = NULL;
        else if (parent->hash == node)
            parent->hash = NULL;
        else /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is in there */
            HASH_DELETE(hh, f->table, node);
        parent->children--;
        free(node);
        node = parent;
    }
}

/* ---- filters ----------------------------------------------------------------------------------------------------- */

struct filter *filters_find(const struct filters *f, struct span name)
{
    const struct filter_node *node = f->root;
    for (struct span rest = name, level; node && topic_next_level(&rest, &level);)
        node = child_of(f, node, level);
    return node ? node->filter : NULL;
}

static struct filter_node *make_path(struct filters *f, struct span name)
{
    struct filter_node *node = f->root;
    size_t depth = 0;
    for (struct span rest = name, level; topic_next_level(&rest, &level); depth++) {
        struct filter_node *child = child_of(f, node, level);
        if (!child && depth < FILTER_LEVELS_MAX)
            child = add_child(f, node, level);
        if (!child || depth >= FILTER_LEVELS_MAX) {
            prune(f, node);
            return NULL;
        }
        node = child;
    }
    return node;
}

static struct filter *filter_new(struct span name)
{
    struct filter *one = calloc(1, sizeof *one);
    if (!one || !span_copy(name, &one->name)) {
        free(one);
        return NULL;
    }
    LIST_INIT(&one->holders);
    return one;
}

struct filter *filters_get(struct filters *f, struct span name)
{
    struct filter_node *node = make_path(f, name);
    if (!node || node->filter)
        return node ? node->filter : NULL;
    node->filter = filter_new(name);
    if (!node->filter) {
        prune(f, node);
        return NULL;
    }
    node->filter->node = node;
    TAILQ_INSERT_TAIL(&f->all, node->filter, all);
    return node->filter;
}

void filters_remove(struct filters *f, struct filter *one)
{
    TAILQ_REMOVE(&f->all, one, all);
    one->node->filter = NULL;
    prune(f, one->node);
    span_free(&one->name);
    free(one);
}

struct filter *filters_next(const struct filters *f, const struct filter *before)
{
    return before ? TAILQ_NEXT(before, all) : TAILQ_FIRST(&f->all);
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

static void found(struct filters *f, const struct filter_node *node)
{
    enum { FOUND_FIRST = 8 };
    if (!node || !node->filter)
        return;
    if (f->found_count == f->found_room) {
        size_t room = f->found_room > 0 ? f->found_room * 2 : FOUND_FIRST;
        struct filter **larger = realloc(f->found, room * sizeof(struct filter *));
        if (!larger) {
            f->missed = true;
            return;
        }
        f->found = larger;
        f->found_room = room;
    }
    f->found[f->found_count++] = node->filter;
}

/* `rest` is what is left of the name below `node`. "a/#" matches "a" too, so '#' is looked at before the end is. */
/* NOLINTNEXTLINE(misc-no-recursion): no filter is deeper than FILTER_LEVELS_MAX. */
static void walk(struct filters *f, const struct filter_node *node, struct span rest, bool wildcards)
{
    struct span level;
    if (wildcards)
        found(f, node->hash);
    if (!topic_next_level(&rest, &level)) {
        found(f, node);
        return;
    }
    struct filter_node *child;
    if (!find_child(f, node, level, &child))
        f->missed = true;
    if (child)
        walk(f, child, rest, true);
    if (wildcards && node->plus)
        walk(f, node->plus, rest, true);
}

struct filter *const *filters_match(struct filters *f, struct span name, size_t *count)
{
    f->found_count = 0;
    f->missed = false;
    walk(f, f->root, name, name.len == 0 || name.at[0] != '$'); /* MQTT-4.7.2-1 */
    *count = f->found_count;
    return f->found;
}

bool filters_missed(const struct filters *f)
{
    return f->missed;
}
