/* hash.h -- SipHash-1-3 for the tables whose keys strangers choose: client ids, addresses, topic levels.
 *
 * With a secret seed nobody can pick keys that fall into one bucket. */
#pragma once

#include "mqtt/bytes.h"

static inline uint64_t hash_rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static inline void hash_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = hash_rotate(v[1], 13) ^ v[0];
    v[0] = hash_rotate(v[0], 32);
    v[2] += v[3];
    v[3] = hash_rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = hash_rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = hash_rotate(v[1], 17) ^ v[2];
    v[2] = hash_rotate(v[2], 32);
}

static inline unsigned hash_seeded(uint64_t seed, const uint8_t *at, size_t len)
{
    uint64_t v[4] = { seed ^ 0x736f6d6570736575U, ~seed ^ 0x646f72616e646f6dU,
                      seed ^ 0x6c7967656e657261U, ~seed ^ 0x7465646279746573U };
    for (size_t i = 0; i <= len; i += 8) {
        uint64_t word = 0;
        size_t n = len - i < 8 ? len - i : 8;
        if (n > 0)
            memcpy(&word, at + i, n);
        if (n < 8)
            word |= (uint64_t)len << 56;
        v[3] ^= word;
        hash_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    hash_round(v);
    hash_round(v);
    hash_round(v);
    uint64_t h = v[0] ^ v[1] ^ v[2] ^ v[3];
    return (unsigned)(h ^ h >> 32);
}
