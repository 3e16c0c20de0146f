/* plug.h -- what a power cut leaves of a file: all that was synced, and of the later writes anything.
 *
 * A real disk may put writes down in any order, or only the beginning of one. So what is left is drawn by lot: each
 * later write whole, in part, or not at all. Truncations count as writes; files that were removed stay removed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void plug_watch(void);  /* from now on; files that are there count as synced */
void plug_forget(void); /* no more */

/* What happens to a file, once it is watched; no more than a look when nothing is. */
void plug_opened(const char *path);
void plug_written(const char *path, const void *at, size_t len, size_t offset);
void plug_truncated(const char *path, size_t len);
void plug_synced(const char *path);
void plug_removed(const char *path);

/* The power fails: the files are rewritten. No store may have them open. */
void plug_pull(uint64_t seed);
