/* buffer.c -- bytes that grow at the end and leave at the front.
 *
 * A connection gathers all packets of a turn here, so that they leave in one write. The memory is kept between turns up
 * to what the owner names, because the busy path must not allocate, and given back beyond that, because ten thousand
 * idle connections must not remember one burst each. */
#include "mqtt/buffer.h"

#include <stdlib.h>

enum { BUFFER_FIRST = 256 };

static bool buffer_enlarge(struct buffer *b, size_t need)
{
    size_t room = b->room > 0 ? b->room : BUFFER_FIRST;
    while (room < need)
        room *= 2;
    uint8_t *at = realloc(b->at, room);
    if (!at)
        return false;
    b->at = at;
    b->room = room;
    return true;
}

uint8_t *buffer_reserve(struct buffer *b, size_t n)
{
    if (b->start > 0 && b->start + b->len + n > b->room) {
        memmove(b->at, b->at + b->start, b->len);
        b->start = 0;
    }
    if (b->start + b->len + n > b->room && !buffer_enlarge(b, b->len + n))
        return NULL;
    return b->at + b->start + b->len;
}

void buffer_grow(struct buffer *b, size_t n)
{
    b->len += n;
}

void buffer_consume(struct buffer *b, size_t n, size_t keep)
{
    b->start += n;
    b->len -= n;
    if (b->len > 0)
        return;
    b->start = 0;
    if (b->room > keep)
        buffer_clear(b);
}

void buffer_clear(struct buffer *b)
{
    free(b->at);
    *b = (struct buffer){ 0 };
}
