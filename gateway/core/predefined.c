/* predefined.c -- the tables of predefined topic ids.
 *
 * Fifty thousand rows are ordinary for a meter network, so the rows stay one sorted array: a binary search finds the
 * row of a client and an id in sixteen steps, and nothing is built at start. Sessions keep what they found in their
 * own registry, so the search is not on the path of each message. */
#include "gateway/core/predefined.h"

#include <stdlib.h>

struct row {
    char *client, *topic; /* owned */
    uint16_t id;
};

struct predefined {
    size_t holders, count;
    struct row rows[];
};

static void rows_free(struct predefined *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->rows[i].client);
        free(p->rows[i].topic);
    }
    free(p);
}

struct predefined *predefined_new(const struct predefined_row *rows, size_t count)
{
    struct predefined *p = malloc(sizeof *p + count * sizeof p->rows[0]);
    if (!p)
        return NULL;
    *p = (struct predefined){ .holders = 1 };
    for (size_t i = 0; i < count; i++, p->count++) {
        p->rows[i] = (struct row){ strdup(rows[i].client), strdup(rows[i].topic), rows[i].id };
        if (p->rows[i].client && p->rows[i].topic)
            continue;
        p->count++;
        rows_free(p);
        return NULL;
    }
    return p;
}

struct predefined *predefined_hold(struct predefined *p)
{
    p->holders++;
    return p;
}

void predefined_release(struct predefined *p)
{
    if (p && --p->holders == 0)
        rows_free(p);
}

/* "*" sorts before every other client, also before those whose names sort before '*'. */
static int row_compare(const char *client, uint16_t id, const struct row *row)
{
    bool common = strcmp(client, "*") == 0, row_common = strcmp(row->client, "*") == 0;
    if (common != row_common)
        return common ? -1 : 1;
    int order = common ? 0 : strcmp(client, row->client);
    return order != 0 ? order : (id > row->id) - (id < row->id);
}

static const char *find_row(const struct predefined *p, const char *client, uint16_t id)
{
    size_t low = 0, high = p->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = row_compare(client, id, &p->rows[middle]);
        if (order == 0)
            return p->rows[middle].topic;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* A client that calls itself "*" gets the common rows, nothing else. */
const char *predefined_find(const struct predefined *p, const char *client_id, uint16_t id)
{
    const char *own = client_id[0] != '\0' ? find_row(p, client_id, id) : NULL;
    return own ? own : find_row(p, "*", id);
}
