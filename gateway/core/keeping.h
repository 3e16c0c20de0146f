/* keeping.h -- what the sessions may promise to keep, and how much they do keep (design rules 1 and 5).
 *
 * The shell's store decides whether anything may be promised at all; the sessions count what they took over. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct keeping {
    bool on;              /* there is a store and it is well: what is put there outlives us */
    size_t uplink_bytes;  /* of all messages that wait for the broker ... */
    size_t uplink_memory; /* ... and of those among them that are in memory only, of QoS 0 */
};

/* What becomes of a QoS 0 message while the broker is away. */
enum uplink_qos0 {
    UPLINK_QOS0_NONE,
    UPLINK_QOS0_MEMORY, /* it waits in memory, in its place among the others */
    UPLINK_QOS0_LATEST  /* likewise, but only the last one of each client and topic */
};
