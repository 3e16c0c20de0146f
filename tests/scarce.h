/* scarce.h -- memory that ends at will, for a test program that is linked with the library that takes its memory here.
 *
 * Exactly one allocation fails, the one after the next `n`; the test itself and its stage are not concerned. A test
 * plays the same again and again, without the first allocation, without the second, until it needed no more. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What malloc, calloc, realloc and strdup are called in that library (see libscarce.a in the Makefile). */
void *scarce_malloc(size_t size);
void *scarce_calloc(size_t count, size_t size);
void *scarce_realloc(void *old, size_t size);
char *scarce_strdup(const char *text);

static size_t scarce_left =
    SIZE_MAX; /* allocations before the one that fails; SIZE_MAX: all succeed */
static bool scarce_missed;

static inline void memory_ends_after(size_t n)
{
    scarce_left = n;
    scarce_missed = false;
}

/* All succeed again. Did one fail? */
static inline bool memory_is_back(void)
{
    scarce_left = SIZE_MAX;
    return scarce_missed;
}

static inline bool scarce_there(void)
{
    if (scarce_left == SIZE_MAX)
        return true;
    if (scarce_left > 0) {
        scarce_left--;
        return true;
    }
    scarce_left = SIZE_MAX;
    scarce_missed = true;
    return false;
}

void *scarce_malloc(size_t size)
{
    return scarce_there() ? malloc(size) : NULL;
}

void *scarce_calloc(size_t count, size_t size)
{
    return scarce_there() ? calloc(count, size) : NULL;
}

void *scarce_realloc(void *old, size_t size)
{
    return scarce_there() ? realloc(old, size) : NULL;
}

char *scarce_strdup(const char *text)
{
    return scarce_there() ? strdup(text) : NULL;
}

/* `play` says whether an allocation failed. At least one must, or the test tests nothing. */
static inline size_t play_without_each_allocation(bool (*play)(size_t n))
{
    size_t n = 0;
    while (play(n))
        n++;
    return n;
}
