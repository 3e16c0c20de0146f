/* network_key.h -- the key of a ZigBee network, in a file of its own that only its owner can read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum network_key {
    NETWORK_KEY_FOUND,
    NETWORK_KEY_ABSENT, /* there is no such file, or no file was named */
    NETWORK_KEY_BROKEN, /* it cannot be read, or does not hold 32 hex digits */
};

/* Reads `path` ("" = no file). On BROKEN, `why` says what is wrong and what would help. */
enum network_key network_key_read(const char *path, uint8_t key[16], char *why, size_t room);

/* A random key; kept in `path` (unless "") and on disk when this returns. An existing file is never overwritten. False:
 * `why`. */
bool network_key_make(const char *path, uint8_t key[16], char *why, size_t room);

/* Is it the key that many guides print, which protects nothing? */
bool network_key_is_well_known(const uint8_t key[16]);
