/* buffer.h -- bytes that grow at the end and leave at the front: what waits to be written to a connection. */
#pragma once

#include "mqtt/bytes.h"

struct buffer {
    uint8_t *at; /* owned; the bytes are at[start] .. at[start + len - 1] */
    size_t start, len, room;
};

/* Room for `n` more octets behind the last one, to be claimed with buffer_grow. NULL when memory ends. */
MUST_CHECK uint8_t *buffer_reserve(struct buffer *b, size_t n);

/* Claims `n` of the octets just reserved. */
void buffer_grow(struct buffer *b, size_t n);

/* Takes `n` octets off the front. A buffer that becomes empty gives back what it grew beyond `keep` octets. */
void buffer_consume(struct buffer *b, size_t n, size_t keep);

static inline struct span buffer_span(const struct buffer *b)
{
    return b->len > 0 ? span_of(b->at + b->start, b->len) : (struct span){ NULL, 0 };
}

/* Frees the bytes; the buffer may be used again. */
void buffer_clear(struct buffer *b);
