/* little.h -- fields in little-endian order, as ZNP, EZSP, deCONZ and ZDO send them; and 64-bit ones in network order
 * for XBee. The cursors are those of mqtt/bytes.h. */
#pragma once

#include "mqtt/bytes.h"

/* `octets` of at most 8, the lowest first; 0 once failed. */
static inline uint64_t read_little(struct reader *r, size_t octets)
{
    const uint8_t *p = reader_take(r, octets);
    uint64_t v = 0;
    for (size_t i = octets; p && i > 0; i--)
        v = v << 8 | p[i - 1];
    return v;
}

static inline uint16_t read_le16(struct reader *r)
{
    return (uint16_t)read_little(r, 2);
}

static inline uint32_t read_le32(struct reader *r)
{
    return (uint32_t)read_little(r, 4);
}

static inline uint64_t read_le64(struct reader *r)
{
    return read_little(r, 8);
}

static inline void write_little(struct writer *w, uint64_t v, size_t octets)
{
    uint8_t *p = writer_take(w, octets);
    for (size_t i = 0; p && i < octets; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static inline void write_le16(struct writer *w, uint16_t v)
{
    write_little(w, v, 2);
}

static inline void write_le32(struct writer *w, uint32_t v)
{
    write_little(w, v, 4);
}

static inline void write_le64(struct writer *w, uint64_t v)
{
    write_little(w, v, 8);
}

/* Network order. */
static inline uint64_t read_u64(struct reader *r)
{
    const uint8_t *p = reader_take(r, 8);
    uint64_t v = 0;
    for (size_t i = 0; p && i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

static inline void write_u64(struct writer *w, uint64_t v)
{
    uint8_t *p = writer_take(w, 8);
    for (size_t i = 0; p && i < 8; i++)
        p[i] = (uint8_t)(v >> 8 * (7 - i));
}
