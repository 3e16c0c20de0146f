/* owned.c -- spans that own their bytes.
 *
 * A span points to constant bytes, because nearly every one is borrowed. The few that are owned, names and ids that
 * outlive their frame, are made and freed here, so that this is the only place where that constancy is set aside. */
#include "mqtt/owned.h"

#include <stdlib.h>

bool span_copy(struct span from, struct span *copy)
{
    uint8_t *at = malloc(from.len + 1);
    if (!at)
        return false;
    if (from.len > 0)
        memcpy(at, from.at, from.len);
    at[from.len] = '\0';
    *copy = span_of(at, from.len);
    return true;
}

void span_free(struct span *s)
{
    free((void *)(uintptr_t)s->at);
    *s = (struct span){ 0 };
}
