/* owned.h -- spans that own their bytes: what outlives the frame it came in is copied by the one that keeps it. */
#pragma once

#include "mqtt/bytes.h"

/* *copy gets a copy of `from`, for span_free; its `at` is never NULL, and a NUL octet that does not count follows the
 * last one, so that text can be used as a string. False: no memory, *copy unchanged. */
MUST_CHECK bool span_copy(struct span from, struct span *copy);

/* Frees what span_copy made and leaves the span empty. An empty span is allowed. */
void span_free(struct span *s);
