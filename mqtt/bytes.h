/* bytes.h -- the only way bytes are read from and written to a frame.
 *
 * A cursor checks every step and remembers the first failure, so a codec runs straight through its fields and asks
 * once, at the end, whether all of them were there. No other file does pointer arithmetic on a frame. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUST_CHECK __attribute__((warn_unused_result))

/* Borrowed bytes, never owned. An empty span may have a null `at`. */
struct span {
    const uint8_t *at;
    size_t len;
};

struct reader {
    const uint8_t *at;
    size_t left;
    bool failed;
};

struct writer {
    uint8_t *at;
    size_t left;
    bool failed;
};

static inline struct span span_of(const void *at, size_t len)
{
    return (struct span){ at, len };
}

static inline struct span span_text(const char *text)
{
    return (struct span){ (const uint8_t *)text, strlen(text) };
}

/* Without its first `n` octets; `n` is at most its length. */
static inline struct span span_from(struct span s, size_t n)
{
    return (struct span){ n > 0 ? s.at + n : s.at, s.len - n };
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline struct reader reader_of(struct span s)
{
    return (struct reader){ s.at, s.len, false };
}

/* The next `n` bytes, or NULL (and failed) when there are fewer. */
static inline const uint8_t *reader_take(struct reader *r, size_t n)
{
    if (r->failed || n > r->left) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *p = r->at;
    if (n > 0) {
        r->at += n;
        r->left -= n;
    }
    return p;
}

static inline uint8_t read_u8(struct reader *r)
{
    const uint8_t *p = reader_take(r, 1);
    return p ? p[0] : 0;
}

/* Network order; 0 once failed. */
static inline uint16_t read_u16(struct reader *r)
{
    const uint8_t *p = reader_take(r, 2);
    return (uint16_t)(p ? p[0] << 8 | p[1] : 0);
}

static inline struct span read_span(struct reader *r, size_t n)
{
    const uint8_t *p = reader_take(r, n);
    return (struct span){ p, r->failed ? 0 : n };
}

static inline struct span read_rest(struct reader *r)
{
    return read_span(r, r->left);
}

static inline struct writer writer_of(void *at, size_t room)
{
    return (struct writer){ at, room, false };
}

/* Room for the next `n` bytes, or NULL (and failed) when there is less. */
static inline uint8_t *writer_take(struct writer *w, size_t n)
{
    if (w->failed || n > w->left) {
        w->failed = true;
        return NULL;
    }
    uint8_t *p = w->at;
    if (n > 0) {
        w->at += n;
        w->left -= n;
    }
    return p;
}

static inline void write_u8(struct writer *w, uint8_t v)
{
    uint8_t *p = writer_take(w, 1);
    if (p)
        p[0] = v;
}

static inline void write_u16(struct writer *w, uint16_t v)
{
    uint8_t *p = writer_take(w, 2);
    if (p) {
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
    }
}

static inline void write_span(struct writer *w, struct span s)
{
    uint8_t *p = writer_take(w, s.len);
    if (p && s.len > 0)
        memcpy(p, s.at, s.len);
}
