/* adopt.h -- the settings in the words of the core: limits, permissions, predefined topic ids. */
#pragma once

#include "config/config.h"
#include "gateway/core/session.h"

struct adopted;

/* Borrows from `c`, which must outlive it. NULL: no memory. */
MUST_CHECK struct adopted *adopted_new(const struct config *c);
void adopted_free(struct adopted *a);

const struct limits *adopted_limits(const struct adopted *a);
struct predefined *adopted_predefined(const struct adopted *a);

/* The row for a client id, and the settings row it was made from. Never NULL. */
const struct access *adopted_access(const struct adopted *a, const char *client_id,
                                    const struct config_client **row);
